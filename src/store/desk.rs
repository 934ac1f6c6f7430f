//! What the operator's desk asks of all accounts together: lists, look-ups and counts. Nothing is written here.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::StoreError;
use super::db::{DbError, Row, Tx, Value};
use crate::domain::calendar::Cycle;
use crate::domain::catalog::Plan;
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::domain::money::{Currency, Money};

crate::statements! {
    /// The accounts on which nothing is billed (PV-8), the longest parked first.
    PARKED = same(
        "select account_id, parked_at, parked_code, parked_reason from accounts \
         where parked_at is not null order by parked_at, account_id"
    );
    /// What people have to do, the oldest first.
    OPEN_TASKS = same(
        "select t.account_id, t.task_id, t.kind, t.subject, t.opened_on, t.closed_on, t.amount_minor, a.currency \
         from tasks t join accounts a on a.account_id = t.account_id \
         where t.closed_on is null order by t.opened_on, t.account_id, t.task_id"
    );
    /// Every task of an account, the oldest first.
    TASKS_OF = same(
        "select t.account_id, t.task_id, t.kind, t.subject, t.opened_on, t.closed_on, t.amount_minor, a.currency \
         from tasks t join accounts a on a.account_id = t.account_id \
         where t.account_id = $1 order by t.opened_on, t.task_id"
    );
    /// The accounts with tasks of these kinds, open or closed.
    WITH_TASKS = same("select distinct account_id from tasks where kind {in:$1} order by account_id");
    /// The subscriptions that are behind (PD-3).
    PAST_DUE = same(
        "select s.account_id, s.subscription_id, s.since_on, a.time_zone \
         from subscriptions s join accounts a on a.account_id = s.account_id \
         where s.state = 'past_due' order by s.account_id, s.subscription_id"
    );
    /// How many subscriptions that renew stand on which price version (PR-2).
    STANDING = same(
        "select s.tier, s.cycle, s.price_version, a.currency, count(*) as subscriptions \
         from subscriptions s join accounts a on a.account_id = s.account_id \
         where s.channel = 'direct' and s.state in ('pending', 'trialing', 'active', 'past_due', 'suspended') \
           and (s.intent is null or s.intent = 'renews') \
         group by s.tier, s.cycle, s.price_version, a.currency \
         order by s.tier, s.cycle, a.currency, s.price_version"
    );
    /// Whom cameras belong to.
    CAMERA_OWNERS = same("select camera_id, account_id from cameras where camera_id {in:$1}");
    /// Which accounts there are.
    KNOWN_ACCOUNTS = same("select account_id from accounts where account_id {in:$1}");
    /// Subscriptions of several accounts under one id: it goes into invoices and idempotency keys, so there may be none.
    SHARED_IDS = same(
        "select subscription_id from subscriptions group by subscription_id having count(*) > 1 order by subscription_id limit 100"
    );
    /// How often a code may be used, and is.
    PROMOTION_USES = same("select used, max_uses from promotion_uses where code = $1");
    /// When the account was last decided on, imports apart: they are dated when they come in, which may be long after the fact.
    LAST_DECIDED = same("select max(posted_at) as last_at from journal where account_id = $1 and kind not in ('account_opened', 'take_over')");
    /// The same over all accounts: of each its last record that is no import.
    LAST_DECIDED_OF_ALL = same(
        "select d.account_id, d.last_at from (select a.account_id, (select j.posted_at from journal j where j.account_id = a.account_id \
         and j.kind not in ('account_opened', 'take_over') order by j.seq desc limit 1) as last_at from accounts a) as d \
         where d.last_at is not null order by d.last_at desc, d.account_id limit 1"
    );
}

/// A parked account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedAccount {
    /// The account.
    pub account: AccountId,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Stable code of the cause.
    pub code: String,
    /// What an operator needs to know.
    pub reason: String,
}

/// Something that a person has to do, or did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTask {
    /// The account.
    pub account: AccountId,
    /// The task.
    pub task: String,
    /// What it is about.
    pub kind: String,
    /// The object.
    pub subject: String,
    /// Opened on, in dates of the account.
    pub opened_on: NaiveDate,
    /// Closed on.
    pub closed_on: Option<NaiveDate>,
    /// The amount at stake.
    pub amount: Option<Money>,
}

/// A subscription that is behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastDue {
    /// The account.
    pub account: AccountId,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Since when, in dates of the account.
    pub since: NaiveDate,
    /// The account's zone.
    pub zone: Tz,
}

/// So many subscriptions of a plan, a currency and a price version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The plan.
    pub plan: Plan,
    /// The currency.
    pub currency: Currency,
    /// The price version that they are billed at.
    pub version: String,
    /// How many.
    pub subscriptions: i64,
}

fn account(row: &Row) -> Result<AccountId, DbError> {
    parsed(row, "account_id", AccountId::parse)
}

fn parsed<T, E>(row: &Row, column: &str, parse: impl Fn(&str) -> Result<T, E>) -> Result<T, DbError> {
    parse(&row.text(column)?).map_err(|_| row.corrupt(column, "cannot be read"))
}

fn currency(row: &Row) -> Result<Currency, DbError> {
    parsed(row, "currency", Currency::parse)
}

/// The operator's list of parked accounts (PV-8).
///
/// # Errors
/// [`StoreError::Db`].
pub async fn parked(tx: &mut Tx) -> Result<Vec<ParkedAccount>, StoreError> {
    let read = |row: &Row| {
        let since = DateTime::from_timestamp_micros(row.int("parked_at")?);
        Ok::<_, DbError>(ParkedAccount {
            account: account(row)?,
            since: since.ok_or_else(|| row.corrupt("parked_at", "is out of range"))?,
            code: row.text("parked_code")?,
            reason: row.text("parked_reason")?,
        })
    };
    Ok(tx.fetch_all(&PARKED, &[]).await?.iter().map(read).collect::<Result<_, _>>()?)
}

/// Open tasks of all accounts; or every task of one.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn tasks(tx: &mut Tx, of: Option<&AccountId>) -> Result<Vec<ListedTask>, StoreError> {
    let rows = match of {
        Some(account) => tx.fetch_all(&TASKS_OF, &[account.as_str().into()]).await?,
        None => tx.fetch_all(&OPEN_TASKS, &[]).await?,
    };
    let read = |row: &Row| {
        let currency = currency(row)?;
        Ok::<_, DbError>(ListedTask {
            account: account(row)?,
            task: row.text("task_id")?,
            kind: row.text("kind")?,
            subject: row.text("subject")?,
            opened_on: row.date("opened_on")?,
            closed_on: row.opt_date("closed_on")?,
            amount: row.opt_int("amount_minor")?.map(|minor| Money::new(minor, currency)),
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// The accounts with tasks of these kinds, open or closed.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn with_tasks(tx: &mut Tx, kinds: &[&str]) -> Result<Vec<AccountId>, StoreError> {
    let rows = tx.fetch_all(&WITH_TASKS, &[Value::texts(kinds.iter().copied())]).await?;
    Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
}

/// The subscriptions that are past due, of all accounts.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn past_due(tx: &mut Tx) -> Result<Vec<PastDue>, StoreError> {
    let read = |row: &Row| {
        Ok::<_, DbError>(PastDue {
            account: account(row)?,
            subscription: parsed(row, "subscription_id", SubscriptionId::parse)?,
            since: row.date("since_on")?,
            zone: parsed(row, "time_zone", str::parse)?,
        })
    };
    Ok(tx.fetch_all(&PAST_DUE, &[]).await?.iter().map(read).collect::<Result<_, _>>()?)
}

/// How many subscriptions stand where, for what a price change makes of them.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn standings(tx: &mut Tx) -> Result<Vec<Standing>, StoreError> {
    let read = |row: &Row| {
        let cycle = parsed(row, "cycle", |text| Cycle::parse(text).ok_or(()))?;
        Ok::<_, DbError>(Standing {
            plan: Plan { tier: row.text("tier")?, cycle },
            currency: currency(row)?,
            version: row.text("price_version")?,
            subscriptions: row.int("subscriptions")?,
        })
    };
    Ok(tx.fetch_all(&STANDING, &[]).await?.iter().map(read).collect::<Result<_, _>>()?)
}

/// Whom these cameras belong to; those of nobody are absent.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn camera_owners(tx: &mut Tx, cameras: &[&str]) -> Result<HashMap<String, AccountId>, StoreError> {
    let rows = tx.fetch_all(&CAMERA_OWNERS, &[Value::texts(cameras.iter().copied())]).await?;
    let read = |row: &Row| Ok::<_, DbError>((row.text("camera_id")?, account(row)?));
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Those of these accounts that there are.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn known_accounts(tx: &mut Tx, ids: &[&str]) -> Result<HashSet<AccountId>, StoreError> {
    let rows = tx.fetch_all(&KNOWN_ACCOUNTS, &[Value::texts(ids.iter().copied())]).await?;
    Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
}

/// The first ids that subscriptions of several accounts share; there should be none.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn shared_subscription_ids(tx: &mut Tx) -> Result<HashSet<String>, StoreError> {
    let rows = tx.fetch_all(&SHARED_IDS, &[]).await?;
    Ok(rows.iter().map(|row| row.text("subscription_id")).collect::<Result<_, _>>()?)
}

/// MO-3: whether a code can be redeemed once more; also true of a code that nobody knows.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn promotion_is_left(tx: &mut Tx, code: &str) -> Result<bool, StoreError> {
    let row = tx.fetch_optional(&PROMOTION_USES, &crate::values![code]).await?;
    let Some(row) = row else { return Ok(true) };
    let (used, most) = (row.int("used")?, row.opt_int("max_uses")?);
    Ok(most.is_none_or(|most| used < most))
}

/// When an account was last decided on.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn last_decided(tx: &mut Tx, account: &AccountId) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row = tx.fetch_one(&LAST_DECIDED, &[Value::Text(account.to_string())]).await?;
    Ok(row.opt_int("last_at")?.and_then(DateTime::from_timestamp_micros))
}

/// The account that was decided on last of all, and when.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn last_decided_of_all(tx: &mut Tx) -> Result<Option<(AccountId, DateTime<Utc>)>, StoreError> {
    let Some(row) = tx.fetch_optional(&LAST_DECIDED_OF_ALL, &[]).await? else { return Ok(None) };
    let at = DateTime::from_timestamp_micros(row.int("last_at")?).ok_or_else(|| row.corrupt("last_at", "is out of range"))?;
    Ok(Some((account(&row)?, at)))
}
