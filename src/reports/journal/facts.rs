//! The facts that the entries book, as they are recorded: what somebody outside needs to work the books out anew.
//!
//! Facts that book nothing are among them, such as a price notice that was sent: they decide what others book.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Printer, Range};
use crate::reports::ReportError;
use crate::store::db::{Row, Tx};

crate::statements! {
    /// The records of a range, with the time zone that tells their dates. Books of providers have none.
    FACTS = same(
        "select j.account_id, j.seq, j.effective_on, j.posted_at, j.kind, j.body, a.time_zone \
         from journal j left join accounts a on a.account_id = j.account_id \
         where j.effective_on >= $1 and j.effective_on <= $2 and j.posted_at <= $3 and j.account_id >= $4 and j.account_id < $5 \
         order by j.effective_on, j.account_id, j.seq"
    );
}

/// One record of the journal: a decision, and the events that it consists of.
#[derive(Debug, Serialize)]
pub(super) struct Fact<'a> {
    /// The customer's account, or a provider's book.
    account: &'a str,
    /// Number within the account; `account/record#event` is the id of an entry.
    record: i64,
    /// Business date.
    effective_on: NaiveDate,
    /// When it was recorded.
    posted_at: DateTime<Utc>,
    /// Whose dates they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<&'a str>,
    /// The decision: `renew`, `cancel`, …
    kind: &'a str,
    /// Byte for byte as they are stored.
    events: &'a RawValue,
}

/// The part of a record's body that is told here.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    events: &'a RawValue,
}

/// Hands the facts of a range to a printer, streaming.
pub(super) async fn print(tx: &mut Tx, range: &Range, printer: &mut dyn Printer) -> Result<(), ReportError> {
    tx.for_each_batch(&FACTS, &range.values(), |rows| rows.iter().try_for_each(|row| one(row, printer))).await
}

fn one(row: &Row, printer: &mut dyn Printer) -> Result<(), ReportError> {
    let (account, seq, time_zone) = (row.str_at(0)?, row.int_at(1)?, row.opt_str_at(6)?);
    let unreadable = |error: serde_json::Error| ReportError::UnreadableRecord {
        account: account.to_owned(),
        seq,
        line: error.line(),
        column: error.column(),
    };
    let told: Told<'_> = serde_json::from_str(row.str_at(5)?).map_err(unreadable)?;
    printer.fact(&Fact {
        account,
        record: seq,
        effective_on: row.date_at(2)?,
        posted_at: DateTime::from_timestamp_micros(row.int_at(3)?).ok_or_else(|| row.corrupt("posted_at", "is out of range"))?,
        time_zone,
        kind: row.str_at(4)?,
        events: told.events,
    })
}
