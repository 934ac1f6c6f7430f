//! What a claimed row says, cell by cell.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::domain::calendar::start_of_day;
use crate::domain::ids::AccountId;
use crate::domain::money::{Currency, Money};
use crate::store::db::{DbError, Row};

pub(super) fn account_of(row: &Row) -> Result<AccountId, DbError> {
    AccountId::parse(row.str_at(0)?).map_err(|_| row.corrupt("account_id", "is not an id"))
}

pub(super) fn money(row: &Row) -> Result<Money, DbError> {
    let currency = Currency::parse(&row.text("currency")?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
    Ok(Money::new(row.int("amount_minor")?, currency))
}

/// When a leased call may have been sent first; nothing where it never was.
pub(super) fn sent_at(row: &Row) -> Result<Option<DateTime<Utc>>, DbError> {
    if row.int("lease_no")? == 0 && row.text("state")? != "unknown" {
        return Ok(None);
    }
    let micros = match row.opt_int("first_sent_at")? {
        Some(first) => first,
        None => row.int("requested_at")?,
    };
    DateTime::from_timestamp_micros(micros).map(Some).ok_or_else(|| row.corrupt("first_sent_at", "is not an instant"))
}

/// When a leased call was last answered with a failure of the provider.
pub(super) fn failed_at(row: &Row) -> Result<Option<DateTime<Utc>>, DbError> {
    let at = |micros| DateTime::from_timestamp_micros(micros).ok_or_else(|| row.corrupt("failed_at", "is not an instant"));
    row.opt_int("failed_at")?.map(at).transpose()
}

/// Since when a charge may have been sent by a database that this one is the backup of (F15).
pub(super) fn wanted_since(row: &Row) -> Result<DateTime<Utc>, DbError> {
    let (due_at, period_start) = (due_at(row)?, row.opt_date("period_start")?);
    let begins = period_start.map(|start| Ok::<_, DbError>(start_of_day(start, zone(row)?))).transpose()?;
    Ok(begins.map_or(due_at, |begins| begins.min(due_at)))
}

pub(super) fn zone(row: &Row) -> Result<Tz, DbError> {
    row.text("time_zone")?.parse().map_err(|_| row.corrupt("time_zone", "is not a time zone"))
}

pub(super) fn due_at(row: &Row) -> Result<DateTime<Utc>, DbError> {
    DateTime::from_timestamp_micros(row.int("due_at")?).ok_or_else(|| row.corrupt("due_at", "is not an instant"))
}
