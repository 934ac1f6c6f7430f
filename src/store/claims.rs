//! Claims: what is due, locked for whoever asks first, and the leases on work that is done outside of a transaction.
//!
//! Batch jobs claim accounts by a cursor over `(due, account)`: the accounts' rows are locked until the transaction ends,
//! rows that somebody else has locked are skipped, and nothing is marked, so that a claim costs no second update (P5).
//! Calls to a provider or a mail server happen with no transaction open; their rows are leased, by name and in real time.

mod cells;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use self::cells::{account_of, due_at, failed_at, money, sent_at, wanted_since, zone};
use super::StoreError;
use super::account::InvoiceKey;
use super::db::{Column, Columns, DbError, Row, Sql, Table, Tx, Value};
pub use super::deliveries::{
    CHARGES_GIVEN_BACK, CHARGES_NOT_SENT, DELIVERIES, GivenBack, NoticeResult, REFUNDS_GIVEN_BACK, REFUNDS_NOT_SENT, give_back,
    leased_elsewhere, record_notices, take_back,
};
use super::instances::{INSTANCE_LOCKS, Instance};
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::domain::money::Money;

/// What can be due for an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Trial ends, renewals, deferred changes, ends.
    Subscriptions,
    /// Renewal reminders.
    Reminders,
    /// Corrections.
    Corrections,
    /// Revenue of months that have ended; the claim names the invoices.
    Recognition,
}

/// Where a claim left off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    due_at: i64,
    account: String,
}

/// Accounts that are locked for us.
#[derive(Debug, Clone, Default)]
pub struct Claimed {
    /// Each once, in the order in which they fell due.
    pub accounts: Vec<AccountId>,
    /// Invoices that are due, for [`Due::Recognition`].
    pub invoices: Vec<InvoiceKey>,
    /// Where to go on; `None` where nothing was due.
    pub last: Option<Cursor>,
}

crate::statements! {
    /// Subscriptions whose date has come.
    DUE_SUBSCRIPTIONS = same(
        "select s.account_id, s.due_at, '' as invoice_id from subscriptions s join accounts a on a.account_id = s.account_id \
         where s.due_at is not null and s.due_at <= $1 and (s.due_at, s.account_id) > ($2, $3) and a.parked_at is null \
         order by s.due_at, s.account_id limit $4 {postgres: for update of a skip locked}"
    );
    /// Subscriptions whose renewal is to be reminded of.
    DUE_REMINDERS = same(
        "select s.account_id, s.remind_at as due_at, '' as invoice_id from subscriptions s join accounts a on a.account_id = s.account_id \
         where s.remind_at is not null and s.remind_at <= $1 and (s.remind_at, s.account_id) > ($2, $3) and a.parked_at is null \
         order by s.remind_at, s.account_id limit $4 {postgres: for update of a skip locked}"
    );
    /// Corrections that are to be looked at.
    DUE_CORRECTIONS = same(
        "select c.account_id, c.due_at, '' as invoice_id from corrections c join accounts a on a.account_id = c.account_id \
         where c.due_at is not null and c.due_at <= $1 and (c.due_at, c.account_id) > ($2, $3) and a.parked_at is null \
         order by c.due_at, c.account_id limit $4 {postgres: for update of a skip locked}"
    );
    /// Invoices with revenue to be recognised.
    DUE_RECOGNITION = same(
        "select i.account_id, i.recognise_at as due_at, i.invoice_id from invoices i join accounts a on a.account_id = i.account_id \
         where i.recognise_at is not null and i.recognise_at <= $1 and (i.recognise_at, i.account_id) > ($2, $3) and a.parked_at is null \
         order by i.recognise_at, i.account_id limit $4 {postgres: for update of a skip locked}"
    );
    /// Charges to be sent or looked up, with what the provider must be told.
    DUE_CHARGES = same(
        "select c.account_id, c.charge_id, c.invoice_id, c.amount_minor, c.state, c.lease_no, c.first_sent_at, c.failed_at, c.requested_at, \
         c.due_at, i.period_start, a.time_zone, a.currency, a.method_token, a.method_expires_on, \
         case when a.method_blocked = 0 and a.method_no = c.method_no then 1 else 0 end as chargeable \
         from charges c join accounts a on a.account_id = c.account_id \
         left join invoices i on i.account_id = c.account_id and i.invoice_id = c.invoice_id \
         where c.due_at is not null and c.due_at <= $1 and (c.lease_until is null or c.lease_until < $2) and a.parked_at is null \
         order by c.due_at, c.account_id, c.charge_id limit $3 {postgres: for update of a skip locked}"
    );
    /// Refunds to be sent or looked up.
    DUE_REFUNDS = same(
        "select r.account_id, r.refund_id, r.charge_id, r.amount_minor, r.state, r.lease_no, r.first_sent_at, r.failed_at, r.requested_at, r.due_at, \
         a.currency, c.reference \
         from refunds r join accounts a on a.account_id = r.account_id \
         join charges c on c.account_id = r.account_id and c.charge_id = r.charge_id \
         where r.due_at is not null and r.due_at <= $1 and (r.lease_until is null or r.lease_until < $2) and a.parked_at is null \
         order by r.due_at, r.account_id, r.refund_id limit $3 {postgres: for update of a skip locked}"
    );
    /// Mails to be sent, with where they go.
    DUE_NOTICES = same(
        "select n.account_id, n.notice_id, n.lease_no, n.kind, n.subscription_id, n.attempts, n.data, a.email, a.name, a.time_zone \
         from notices n join accounts a on a.account_id = n.account_id \
         where n.state = 'queued' and n.due_at <= $1 and (n.lease_until is null or n.lease_until < $2) \
         order by n.due_at, n.account_id, n.notice_id limit $3 {postgres: for update of n skip locked}"
    );
    /// Frees charges of runners that are gone.
    FREE_CHARGES = fork(
        "update charges set lease_until = null, lease_owner = null where due_at is not null and lease_owner is not null and lease_owner <> $1",
        "update charges set lease_until = null, lease_owner = null where due_at is not null and lease_owner is not null and lease_owner <> $1 \
         and lease_owner not in (select objid::text from pg_locks where locktype = 'advisory' and classid = cast($2 as bigint)::oid \
         and database = (select oid from pg_database where datname = current_database()))"
    );
    /// Frees refunds of runners that are gone.
    FREE_REFUNDS = fork(
        "update refunds set lease_until = null, lease_owner = null where due_at is not null and lease_owner is not null and lease_owner <> $1",
        "update refunds set lease_until = null, lease_owner = null where due_at is not null and lease_owner is not null and lease_owner <> $1 \
         and lease_owner not in (select objid::text from pg_locks where locktype = 'advisory' and classid = cast($2 as bigint)::oid \
         and database = (select oid from pg_database where datname = current_database()))"
    );
    /// Frees mails of runners that are gone.
    FREE_NOTICES = fork(
        "update notices set lease_until = null, lease_owner = null where state = 'queued' and lease_owner is not null and lease_owner <> $1",
        "update notices set lease_until = null, lease_owner = null where state = 'queued' and lease_owner is not null and lease_owner <> $1 \
         and lease_owner not in (select objid::text from pg_locks where locktype = 'advisory' and classid = cast($2 as bigint)::oid \
         and database = (select oid from pg_database where datname = current_database()))"
    );
    /// The announcement that is being worked off.
    OPEN_ANNOUNCEMENT = same(
        "select version, cursor_account from announcements where state = 'open' order by announced_at, version limit 1 {postgres: for update}"
    );
    /// The next accounts with subscriptions that live.
    ANNOUNCEMENT_ACCOUNTS = same(
        "select distinct account_id from subscriptions where account_id > $1 and state in ('pending', 'trialing', 'active', 'past_due', 'suspended') \
         order by account_id limit $2"
    );
    /// How far an announcement has come.
    ADVANCE_ANNOUNCEMENT = same("update announcements set cursor_account = $2, state = $3 where version = $1");
}

/// The columns of a leased row that its lease writes.
macro_rules! leases {
    ($table:ident = $name:literal, $key:literal $(, $more:literal)?) => {
        const $table: Table = Table {
            name: $name,
            columns: &[
                Column::text("account_id"),
                Column::text($key),
                Column::int("lease_until"),
                Column::text("lease_owner"),
                Column::int("lease_no"),
                $(Column::int($more),)?
            ],
            key: &["account_id", $key],
        };
    };
}

leases!(CHARGE_LEASES = "charges", "charge_id", "first_sent_at");
leases!(REFUND_LEASES = "refunds", "refund_id", "first_sent_at");
leases!(NOTICE_LEASES = "notices", "notice_id");

/// Every table of this module, for the tests that compare them with the schema.
pub const TABLES: &[&Table] = &[
    &CHARGE_LEASES,
    &REFUND_LEASES,
    &NOTICE_LEASES,
    &DELIVERIES,
    &CHARGES_GIVEN_BACK,
    &REFUNDS_GIVEN_BACK,
    &CHARGES_NOT_SENT,
    &REFUNDS_NOT_SENT,
    &super::kept_facts::KEPT_FACTS,
];

/// Claims accounts for which something is due, after a cursor, at most `limit` rows. Their rows are locked.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn due(tx: &mut Tx, what: Due, now: DateTime<Utc>, after: Option<&Cursor>, limit: u32) -> Result<Claimed, StoreError> {
    let sql = match what {
        Due::Subscriptions => &DUE_SUBSCRIPTIONS,
        Due::Reminders => &DUE_REMINDERS,
        Due::Corrections => &DUE_CORRECTIONS,
        Due::Recognition => &DUE_RECOGNITION,
    };
    let (due_at, account) = after.map_or((i64::MIN, ""), |cursor| (cursor.due_at, cursor.account.as_str()));
    let values = [Value::Int(now.timestamp_micros()), Value::Int(due_at), Value::Text(account.to_owned()), Value::Int(i64::from(limit))];
    let rows = tx.fetch_all(sql, &values).await?;
    let mut claimed = Claimed::default();
    let mut seen = std::collections::HashSet::with_capacity(rows.len());
    for row in &rows {
        let account = row.str_at(0)?;
        if what == Due::Recognition {
            claimed.invoices.push((account_of(row)?, row.text_at(2)?));
        }
        if seen.insert(account.to_owned()) {
            claimed.accounts.push(account_of(row)?);
        }
    }
    if let Some(row) = rows.last() {
        claimed.last = Some(Cursor { due_at: row.int_at(1)?, account: row.text_at(0)? });
    }
    Ok(claimed)
}

/// Who may work on leased rows, and until when, in microseconds of real time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The instance's name.
    pub owner: String,
    /// Now.
    pub now: i64,
    /// The lease's end.
    pub until: i64,
}

/// A charge that is ours to send or to look up.
#[derive(Debug, Clone)]
pub struct LeasedCharge {
    /// The account.
    pub account: AccountId,
    /// The charge.
    pub charge: String,
    /// Its invoice.
    pub invoice: String,
    /// How much.
    pub amount: Money,
    /// When somebody had it before us, or since when its outcome is unknown: to be looked up before it is sent again (F01, PV-2),
    /// and not to be sent with a key that is too old (F03).
    pub sent_at: Option<DateTime<Utc>>,
    /// When it was last answered with a failure of the provider: not to be sent again under its key (PV-2).
    pub failed_at: Option<DateTime<Utc>>,
    /// Since when it may have been sent by a database that this one is the backup of: the beginning of its invoice's period (F15).
    pub wanted_since: DateTime<Utc>,
    /// Whether the payment method that it was recorded for is the one on file and is not blocked (PD-2, F68).
    pub chargeable: bool,
    /// The provider's token of the method on file now (LC-4).
    pub method_token: String,
    /// The method's last day.
    pub method_expires_on: Option<NaiveDate>,
}

/// Leases charges that are due.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn lease_charges(tx: &mut Tx, now: DateTime<Utc>, lease: &Lease, limit: u32) -> Result<Vec<LeasedCharge>, StoreError> {
    let rows = due_rows(tx, &DUE_CHARGES, now, lease, limit).await?;
    let leased = rows
        .iter()
        .map(|row| {
            Ok(LeasedCharge {
                account: account_of(row)?,
                charge: row.text("charge_id")?,
                invoice: row.text("invoice_id")?,
                amount: money(row)?,
                sent_at: sent_at(row)?,
                failed_at: failed_at(row)?,
                wanted_since: wanted_since(row)?,
                chargeable: row.int("chargeable")? == 1,
                method_token: row.opt_text("method_token")?.unwrap_or_default(),
                method_expires_on: row.opt_date("method_expires_on")?,
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    take(tx, &CHARGE_LEASES, lease, &rows, Some(now)).await?;
    Ok(leased)
}

/// A refund that is ours to send or to look up.
#[derive(Debug, Clone)]
pub struct LeasedRefund {
    /// The account.
    pub account: AccountId,
    /// The refund.
    pub refund: String,
    /// The charge that it goes back to.
    pub charge: String,
    /// The provider's id of that charge.
    pub charge_reference: String,
    /// How much.
    pub amount: Money,
    /// As for charges.
    pub sent_at: Option<DateTime<Utc>>,
    /// As for charges.
    pub failed_at: Option<DateTime<Utc>>,
    /// Since when it is to be sent or looked up.
    pub due_at: DateTime<Utc>,
}

/// Leases refunds that are due.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn lease_refunds(tx: &mut Tx, now: DateTime<Utc>, lease: &Lease, limit: u32) -> Result<Vec<LeasedRefund>, StoreError> {
    let rows = due_rows(tx, &DUE_REFUNDS, now, lease, limit).await?;
    let leased = rows
        .iter()
        .map(|row| {
            Ok(LeasedRefund {
                account: account_of(row)?,
                refund: row.text("refund_id")?,
                charge: row.text("charge_id")?,
                charge_reference: row.opt_text("reference")?.unwrap_or_default(),
                amount: money(row)?,
                sent_at: sent_at(row)?,
                failed_at: failed_at(row)?,
                due_at: due_at(row)?,
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    take(tx, &REFUND_LEASES, lease, &rows, Some(now)).await?;
    Ok(leased)
}

/// A mail that is ours to deliver. `Debug` shows no address (PP-3).
#[derive(Clone)]
pub struct LeasedNotice {
    /// The account.
    pub account: AccountId,
    /// The notice.
    pub notice: String,
    /// Its kind's tag.
    pub kind: String,
    /// The subscription that it is about.
    pub subscription: Option<SubscriptionId>,
    /// Deliveries that failed so far.
    pub attempts: i64,
    /// Its facts, as JSON.
    pub data: String,
    /// Where it goes; nothing after an erasure.
    pub email: Option<String>,
    /// Whom it addresses.
    pub name: Option<String>,
    /// The account's time zone.
    pub zone: Tz,
}

impl std::fmt::Debug for LeasedNotice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LeasedNotice").field("account", &self.account).field("notice", &self.notice).finish_non_exhaustive()
    }
}

/// Leases mails that are due.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn lease_notices(tx: &mut Tx, now: DateTime<Utc>, lease: &Lease, limit: u32) -> Result<Vec<LeasedNotice>, StoreError> {
    let rows = due_rows(tx, &DUE_NOTICES, now, lease, limit).await?;
    let leased = rows
        .iter()
        .map(|row| {
            let subscription = row.opt_text("subscription_id")?;
            let parsed = subscription.map(|id| SubscriptionId::parse(&id)).transpose();
            Ok(LeasedNotice {
                account: account_of(row)?,
                notice: row.text("notice_id")?,
                kind: row.text("kind")?,
                subscription: parsed.map_err(|_| row.corrupt("subscription_id", "is not an id"))?,
                attempts: row.int("attempts")?,
                data: row.text("data")?,
                email: row.opt_text("email")?,
                name: row.opt_text("name")?,
                zone: zone(row)?,
            })
        })
        .collect::<Result<Vec<_>, DbError>>()?;
    take(tx, &NOTICE_LEASES, lease, &rows, None).await?;
    Ok(leased)
}

async fn due_rows(tx: &mut Tx, sql: &Sql, now: DateTime<Utc>, lease: &Lease, limit: u32) -> Result<Vec<Row>, DbError> {
    tx.fetch_all(sql, &[Value::Int(now.timestamp_micros()), Value::Int(lease.now), Value::Int(i64::from(limit))]).await
}

/// Writes the lease into rows that were found due, and counts it: their first two columns are the key. `sending` is the instant of
/// calls whose keys grow old.
async fn take(tx: &mut Tx, table: &'static Table, lease: &Lease, rows: &[Row], sending: Option<DateTime<Utc>>) -> Result<(), DbError> {
    let mut leases = Columns::of(table);
    for row in rows {
        let lease_no = row.int("lease_no")?.saturating_add(1);
        let mut cells = leases.row();
        cells.text(row.str_at(0)?).text(row.str_at(1)?).int(lease.until).text(&lease.owner).int(lease_no);
        if let Some(now) = sending {
            let first = sent_at(row)?.unwrap_or(now);
            cells.int(first.timestamp_micros());
        }
    }
    tx.update_rows(&leases).await?;
    Ok(())
}

/// Frees the leases of runners that are gone: on PostgreSQL of those whose advisory lock nobody holds, on SQLite of all
/// others, for one runner works there at a time. Gives how many.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn free_leases_of_the_dead(tx: &mut Tx, me: &Instance) -> Result<u64, StoreError> {
    let mut freed = 0_u64;
    for sql in [&FREE_CHARGES, &FREE_REFUNDS, &FREE_NOTICES] {
        let mut values = vec![Value::Text(me.name().to_owned())];
        if tx.kind() == super::db::Kind::Postgres {
            values.push(Value::Int(INSTANCE_LOCKS));
        }
        freed = freed.saturating_add(tx.execute(sql, &values).await?);
    }
    Ok(freed)
}

/// Some accounts that an announcement concerns.
#[derive(Debug, Clone)]
pub struct AnnouncementPage {
    /// The announced price version.
    pub version: String,
    /// The accounts, locked.
    pub accounts: Vec<AccountId>,
}

/// The next page of the oldest open announcement, or `None` where none is open. How far it came is written in the same
/// transaction as the notices.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn announcement_page(tx: &mut Tx, limit: u32) -> Result<Option<AnnouncementPage>, StoreError> {
    let Some(open) = tx.fetch_optional(&OPEN_ANNOUNCEMENT, &[]).await? else { return Ok(None) };
    let (version, after) = (open.text("version")?, open.text("cursor_account")?);
    let rows = tx.fetch_all(&ANNOUNCEMENT_ACCOUNTS, &[Value::Text(after.clone()), Value::Int(i64::from(limit))]).await?;
    let accounts = rows.iter().map(account_of).collect::<Result<Vec<_>, DbError>>()?;
    super::account::lock(tx, &accounts).await?;
    let done = accounts.len() < usize::try_from(limit).unwrap_or(usize::MAX);
    let last = accounts.last().map_or(after, ToString::to_string);
    let state = if done { "done" } else { "open" };
    tx.execute(&ADVANCE_ANNOUNCEMENT, &[Value::Text(version.clone()), Value::Text(last), Value::Text(state.to_owned())]).await?;
    Ok(Some(AnnouncementPage { version, accounts }))
}
