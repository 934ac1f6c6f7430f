//! Records of the journal, for reports on what only events tell.

use chrono::NaiveDate;

use super::Span;
use crate::domain::event::Event;
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::reports::stored::Body;
use crate::store::db::{Sql, Tx, Value};
use crate::values;

/// Accounts whose records are read at once.
pub(super) const ACCOUNTS: u32 = 500;

/// One record: when it counts, and what happened.
pub(super) struct Record {
    pub(super) account: String,
    pub(super) on: NaiveDate,
    pub(super) events: Vec<Event>,
}

/// The accounts of a currency that a statement finds, after the one that is named: the next [`ACCOUNTS`] of them.
pub(super) async fn next_accounts(tx: &mut Tx, sql: &Sql, currency: Currency, after: &str) -> Result<Vec<String>, ReportError> {
    let rows = tx.fetch_all(sql, &values![currency.code(), after, ACCOUNTS]).await?;
    Ok(rows.iter().map(|row| row.text_at(0)).collect::<Result<_, _>>()?)
}

/// The records that a statement finds of these accounts, by the end of a range and its cut-off, in their order.
pub(super) async fn of_accounts(tx: &mut Tx, sql: &Sql, accounts: &[String], span: &Span) -> Result<Vec<Record>, ReportError> {
    let asked = [Value::texts(accounts.iter().cloned()), Value::from(span.to), Value::from(span.known_until())];
    let mut records = Vec::new();
    for row in tx.fetch_all(sql, &asked).await? {
        let (account, seq) = (row.text_at(0)?, row.int_at(1)?);
        let body: Body = serde_json::from_str(row.str_at(3)?).map_err(|error| unreadable(&account, seq, &error))?;
        records.push(Record { account, on: row.date_at(2)?, events: body.events });
    }
    Ok(records)
}

/// One event of a record's body.
pub(super) fn event_at(body: &str, event_no: i64) -> Result<Option<Event>, serde_json::Error> {
    let body: Body = serde_json::from_str(body)?;
    Ok(usize::try_from(event_no).ok().and_then(|at| body.events.into_iter().nth(at)))
}

/// The error for a body that cannot be read; it repeats none of its content.
pub(super) fn unreadable(account: &str, seq: i64, error: &serde_json::Error) -> ReportError {
    ReportError::UnreadableRecord { account: account.to_owned(), seq, line: error.line(), column: error.column() }
}
