//! Revenue that the days have earned and that is not posted yet. Recognition is posted when a month ends and when a document
//! touches a line (RR-1); a report as of a date inside a month adds the exact rest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, SeekFrom};

use chrono::NaiveDate;
use csv::{ReaderBuilder, WriterBuilder};
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::ReportError;
use super::stored::Body;
use crate::domain::calendar::{Period, first_of_month};
use crate::domain::event::Event;
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS};
use crate::domain::money::{Currency, Money};
use crate::domain::revenue::earned_through;
use crate::domain::subscription::Life;
use crate::store::db::{Row, Tx, Value};
use crate::values;

/// Lines that are looked up in journals at once.
const LINES: usize = 500;

/// Bytes of lines to be looked up that stay in memory; what is more lies in a file that nobody else sees.
const IN_MEMORY_BYTES_MAX: usize = 1 << 20;

crate::statements! {
    /// Lines of which something is left to be recognised at the end of day `$1`, as far as it was recorded by `$2`: what is left, what was
    /// recognised, and whether its charge was captured on the day of issue. A line that is pending still is none: it was so on every day
    /// before, too (LC-3).
    UNEARNED = same(concat!(
        "select p.account_id, p.invoice_id, i.subscription_id, p.currency, i.cycle, i.period_start, i.period_end, i.term_no, i.period_no, \
         cast(-sum(case when p.ledger_account in (2100, 2110) then p.amount_minor else 0 end) as bigint) as left_over, \
         cast(-sum(case when p.ledger_account in (4000, 4200, 4300) then p.amount_minor else 0 end) as bigint) as recognised, \
         max(case when p.ledger_account = 1200 and p.amount_minor > 0 and p.effective_on = i.issued_on then 1 else 0 end) as at_once, \
         i.issued_on from postings p join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.effective_on <= $1 and i.period_start <= $1 and i.pending = 0 and ",
        known!("$2"),
        " group by p.account_id, p.invoice_id, i.subscription_id, p.currency, i.cycle, i.period_start, i.period_end, i.term_no, \
         i.period_no, i.issued_on having sum(case when p.ledger_account in (2100, 2110) then p.amount_minor else 0 end) <> 0"
    ));
    /// What these accounts had recorded by a day and an instant about invoices that were issued and first periods that began.
    STARTS = same(
        "select account_id, seq, body from journal where account_id {in:$1} and effective_on <= $2 and posted_at <= $3 \
         and (body like '%\"invoice_issued.v1\"%' or body like '%\"activated\"%') order by account_id, seq"
    );
}

/// What of it belongs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Part {
    /// The currency.
    pub(super) currency: Currency,
    /// The prepayment account, 2100 or 2110.
    pub(super) prepaid: u16,
    /// The first day of the month in which the invoice was issued.
    pub(super) booked: NaiveDate,
}

/// Sums by currency, prepayment account and month of issue; none is zero or less.
pub(super) type Accrued = BTreeMap<Part, Money>;

/// What was earned through the end of a day and is not posted with that date or an earlier one, as far as it was recorded by an
/// instant, in microseconds.
///
/// # Errors
/// What the database says, or a sum that does not fit 64 bits.
pub(super) async fn through(tx: &mut Tx, on: NaiveDate, known_until: i64) -> Result<Accrued, ReportError> {
    let mut sums = Accrued::new();
    let mut in_question = WriterBuilder::new().has_headers(false).from_writer(SpooledTempFile::new(IN_MEMORY_BYTES_MAX));
    tx.for_each_batch(&UNEARNED, &values![on, known_until], |rows| {
        rows.iter().try_for_each(|row| {
            let line = Line::read(row, on)?;
            if line.may_be_pending { in_question.serialize(&line).map_err(failed) } else { add(&mut sums, &line) }
        })
    })
    .await?;
    let mut file = in_question.into_inner().map_err(csv::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(0))?;
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(file);
    let mut lines = reader.deserialize::<Line>().peekable();
    while lines.peek().is_some() {
        let lines = lines.by_ref().take(LINES).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let pending = pending_on(tx, lines.iter().map(|line| line.owner.as_str()), on, known_until).await?;
        for line in lines.iter().filter(|line| !pending.contains(&(line.owner.clone(), line.subscription.clone()))) {
            add(&mut sums, line)?;
        }
    }
    sums.retain(|_, amount| amount.is_positive());
    Ok(sums)
}

fn failed(error: csv::Error) -> ReportError {
    ReportError::Write(error.into())
}

fn add(sums: &mut Accrued, line: &Line) -> Result<(), ReportError> {
    let part = Part { currency: line.amount.currency(), prepaid: line.account, booked: line.booked };
    let sum = sums.entry(part).or_insert(Money::zero(part.currency));
    *sum = sum.plus(line.amount)?;
    Ok(())
}

/// One line of an invoice, as far as it is not recognised.
#[derive(Serialize, Deserialize)]
struct Line {
    owner: String,
    subscription: String,
    /// The prepayment account.
    account: u16,
    /// The first day of the month in which it was issued.
    booked: NaiveDate,
    /// What it has earned and not recognised.
    amount: Money,
    /// Whether its first charge may not have settled by then (LC-3): it was not captured on the day of issue. Only a subscription's
    /// first period can be pending.
    may_be_pending: bool,
}

impl Line {
    fn read(row: &Row, on: NaiveDate) -> Result<Self, ReportError> {
        let currency = Currency::parse(row.str_at(3)?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
        let account = if row.str_at(4)? == "annual" { PREPAYMENTS } else { DEFERRED_REVENUE };
        let period = Period::new(row.date_at(5)?, row.date_at(6)?).map_err(|_| row.corrupt("period_end", "does not follow the start"))?;
        let is_first = (row.int_at(7)?, row.int_at(8)?) == (1, 0);
        let (left_over, recognised) = (Money::new(row.int_at(9)?, currency), Money::new(row.int_at(10)?, currency));
        let earned = earned_through(recognised.plus(left_over)?, period, on)?;
        Ok(Self {
            owner: row.text_at(0)?,
            subscription: row.text_at(2)?,
            account: account.number,
            booked: first_of_month(row.date_at(12)?),
            amount: earned.minus(recognised)?.or_zero(),
            may_be_pending: is_first && row.int_at(11)? == 0,
        })
    }
}

/// The accounts and subscriptions whose first charge had not settled by a day: their invoice was issued as pending, and nothing
/// that was recorded by then made them active.
pub(super) async fn pending_on(
    tx: &mut Tx,
    owners: impl Iterator<Item = &str>,
    on: NaiveDate,
    known_until: i64,
) -> Result<BTreeSet<(String, String)>, ReportError> {
    let owners: BTreeSet<&str> = owners.collect();
    let mut pending = BTreeSet::new();
    tx.for_each_batch(&STARTS, &[Value::texts(owners), Value::from(on), Value::from(known_until)], |rows| {
        for row in &rows {
            let (owner, seq) = (row.str_at(0)?, row.int_at(1)?);
            let body: Body = serde_json::from_str(row.str_at(2)?).map_err(|error| ReportError::UnreadableRecord {
                account: owner.to_owned(),
                seq,
                line: error.line(),
                column: error.column(),
            })?;
            for event in body.events {
                match event {
                    Event::InvoiceIssued { invoice, pending: true } => {
                        pending.insert((owner.to_owned(), invoice.subscription.into()));
                    }
                    Event::Life { subscription, life: Life::Activated } => {
                        pending.remove(&(owner.to_owned(), subscription.into()));
                    }
                    _ => {}
                }
            }
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    Ok(pending)
}
