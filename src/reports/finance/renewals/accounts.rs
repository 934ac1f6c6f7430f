//! Accounts as they stood at the end of a date, by what was known.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::super::{FIRST_ZONE_AHEAD, Span};
use super::forecast::Due;
use crate::domain::account::Account;
use crate::domain::calendar::start_of_day;
use crate::domain::ids::AccountId;
use crate::domain::money::Currency;
use crate::reports::{ReportError, check, stored};
use crate::store::account::{self as accounts, Scope};
use crate::store::db::{Tx, Value};

crate::statements! {
    /// Those of some accounts to which something is due.
    WITH_DUE = same(
        "select a.account_id from accounts a where a.account_id {in:$1} and (exists (select 1 from subscriptions s \
         where s.account_id = a.account_id and s.due_at is not null) or exists (select 1 from charges c \
         where c.account_id = a.account_id and c.due_at is not null)) order by a.account_id"
    );
    /// When the subscriptions of these accounts are due.
    DUE = same("select account_id, subscription_id, due_at from subscriptions where account_id {in:$1} and due_at is not null");
}

/// Whether all rows of accounts tell what is asked for: nothing was posted later.
pub(super) fn is_present(span: &Span) -> bool {
    span.known_at.is_none() && span.to >= span.edges.1
}

/// Those of some accounts to which something is due, whole, by their rows; and when their subscriptions are due by what is stored.
pub(super) async fn present(tx: &mut Tx, named: &[String]) -> Result<(Vec<Account>, Due), ReportError> {
    let rows = tx.fetch_all(&WITH_DUE, &[Value::texts(named.iter().cloned())]).await?;
    let ids: Vec<AccountId> = rows.iter().filter_map(|row| row.str_at(0).ok().and_then(|id| AccountId::parse(id).ok())).collect();
    let mut due = Due::new();
    for row in tx.fetch_all(&DUE, &[Value::texts(ids.iter().map(AccountId::as_str))]).await? {
        let at = DateTime::from_timestamp_micros(row.int_at(2)?).ok_or_else(|| row.corrupt("due_at", "is out of range"))?;
        due.insert((row.text_at(0)?, row.text_at(1)?), at);
    }
    let scope = Scope::SUBSCRIPTIONS | Scope::CHARGES_OPEN;
    Ok((accounts::load(tx, &ids, scope).await?, due))
}

/// These accounts as they stood, and the currencies of those that cannot be rebuilt.
pub(super) async fn rebuilt(tx: &mut Tx, span: &Span, named: &[String]) -> Result<(Vec<Account>, Vec<Currency>), ReportError> {
    let ids: Vec<AccountId> = named.iter().filter_map(|name| AccountId::parse(name).ok()).collect();
    let mut profiles: HashMap<String, Account> = HashMap::new();
    for account in accounts::load(tx, &ids, Scope::PROFILE).await? {
        profiles.insert(account.profile.id.to_string(), account);
    }
    let mut journals = stored::journals(tx, &ids).await?;
    let (mut rebuilt, mut unreadable) = (Vec::with_capacity(ids.len()), Vec::new());
    for id in &ids {
        let (Some(account), Some(journal)) = (profiles.remove(id.as_str()), journals.remove(id.as_str())) else { continue };
        match rebuild(&account, &journal, span)? {
            Some(account) => rebuilt.push(account),
            None => unreadable.push(account.profile.currency),
        }
    }
    Ok((rebuilt, unreadable))
}

/// An account from its journal, up to a date and an instant.
fn rebuild(present: &Account, journal: &stored::Journal, span: &Span) -> Result<Option<Account>, ReportError> {
    let id = present.profile.id.as_str();
    let bodies = journal.records.iter().map(|record| record.read_body(id).map(Some)).collect::<Result<Vec<_>, _>>()?;
    let mut account = Account::new(check::first_profile(&present.profile, &bodies));
    for (record, body) in journal.records.iter().zip(bodies.into_iter().flatten()) {
        let is_known = record.effective_on <= span.to && record.posted_at.timestamp_micros() <= span.known_until();
        for event in body.events.iter().filter(|_| is_known) {
            if account.apply(event, record.posted_at).is_err() {
                return Ok(None);
            }
        }
    }
    Ok(Some(account))
}

/// The last instant at which it is nowhere later than a day.
pub(super) fn end_anywhere(day: NaiveDate) -> DateTime<Utc> {
    let next = day.succ_opt().unwrap_or(day).and_time(NaiveTime::MIN).and_utc();
    next.checked_sub_signed(FIRST_ZONE_AHEAD + TimeDelta::microseconds(1)).unwrap_or(next)
}

/// The last instant of a day in a zone.
pub(super) fn end_of(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let next = day.succ_opt().unwrap_or(day);
    start_of_day(next, zone) - TimeDelta::microseconds(1)
}
