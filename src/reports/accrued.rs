//! Revenue that the days have earned and that is not posted yet. Recognition is posted when a month ends and when a document
//! touches a line (RR-1); a report as of a date inside a month adds the exact rest.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, SeekFrom};

use chrono::NaiveDate;
use csv::{ReaderBuilder, Writer, WriterBuilder};
use serde::{Deserialize, Serialize};
use tempfile::SpooledTempFile;

use super::cards::{Card, Invoice, Leg, Tally};
use super::parts::Parts;
use super::stored::Body;
use super::{ReportError, SEPARATOR};
use crate::domain::calendar::{Period, first_of_month};
use crate::domain::event::Event;
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS, PROVIDER_CLEARING, REVENUE, REVENUE_CORRECTIONS, REVENUE_DISPUTES};
use crate::domain::money::{Currency, Money};
use crate::domain::revenue::earned_through;
use crate::domain::subscription::Life;
use crate::store::db::{DbError, Row, Tx, Value};
use crate::values;

/// Lines that are looked up in journals at once.
const LINES_AT_ONCE: usize = 500;

/// Bytes of lines to be looked up that stay in memory; what is more lies in a file that nobody else sees.
const IN_MEMORY_BYTES_MAX: usize = 1 << 20;

crate::statements! {
    /// Lines of some accounts with what moved their prepayments and their revenue by the end of day `$1`, as far as it was recorded by
    /// `$3`: those of which something is left then, or anything moved after day `$2`. With each comes whether its charge was captured on the
    /// day of issue, where that is asked about. A line that is pending still is none: it was so on every day before, too (LC-3).
    LINES = same(concat!(
        "select l.account_id, i.subscription_id", then!(), "l.currency", then!(), "i.cycle", then!(), "cast(i.period_start as text)",
        then!(), "cast(i.period_end as text)", then!(), "cast(i.issued_on as text)", then!(),
        "case when i.term_no = 1 and i.period_no = 0 and not exists (select 1 from postings p where p.account_id = l.account_id \
         and p.invoice_id = l.invoice_id and p.ledger_account = 1200 and p.amount_minor > 0 and p.effective_on = i.issued_on and ",
        known!("$3"), ") then '1' else '' end as known, l.moves from (select p.account_id, p.invoice_id, p.currency, \
         string_agg(cast(p.effective_on as text) || ' ' || cast(p.ledger_account as text) || ' ' || cast(p.amount_minor as text), ' ') \
         as moves from postings p where p.account_id >= $4 and p.account_id < $5 and p.effective_on <= $1 \
         and p.ledger_account in (2100, 2110, 4000, 4200, 4300) and ", known!("$3"),
        " group by p.account_id, p.invoice_id, p.currency having max(p.effective_on) > $2 \
         or sum(case when p.ledger_account in (2100, 2110) then p.amount_minor else 0 end) <> 0) l \
         join invoices i on i.account_id = l.account_id and i.invoice_id = l.invoice_id \
         where i.account_id >= $4 and i.account_id < $5 and i.period_start <= $1 and i.pending = 0"
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
    Ok(through_each(tx, &BTreeSet::from([on]), known_until).await?.remove(&on).unwrap_or_default())
}

/// The same at the ends of several days, from one reading.
///
/// # Errors
/// As [`through`].
pub(super) async fn through_each(
    tx: &mut Tx,
    days: &BTreeSet<NaiveDate>,
    known_until: i64,
) -> Result<BTreeMap<NaiveDate, Accrued>, ReportError> {
    let Some((first, last)) = days.first().zip(days.last()) else { return Ok(BTreeMap::new()) };
    let mut ends: Vec<End> = days.iter().map(|on| End::new(*on)).collect();
    let mut parts = Parts::new();
    while let Some([from, end]) = parts.next(tx).await? {
        tx.for_each_batch(&LINES, &values![*last, *first, known_until, from, end], |rows| {
            rows.iter().try_for_each(|row| {
                let line = Stored::read(row)?;
                ends.iter_mut().try_for_each(|end| end.add(&line))
            })
        })
        .await?;
    }
    finish(ends, tx, known_until).await
}

async fn finish(ends: Vec<End>, tx: &mut Tx, known_until: i64) -> Result<BTreeMap<NaiveDate, Accrued>, ReportError> {
    let mut accrued = BTreeMap::new();
    for end in ends {
        accrued.insert(end.on, end.finish(tx, known_until).await?);
    }
    Ok(accrued)
}

/// The same from cards.
pub(super) struct Accruing(Vec<End>);

impl Accruing {
    pub(super) fn new(days: &BTreeSet<NaiveDate>) -> Self {
        Self(days.iter().map(|on| End::new(*on)).collect())
    }

    pub(super) async fn finish(self, tx: &mut Tx, known_until: i64) -> Result<BTreeMap<NaiveDate, Accrued>, ReportError> {
        finish(self.0, tx, known_until).await
    }
}

impl Tally for Accruing {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        for (invoice, legs) in card.invoiced().filter(|(invoice, _)| !invoice.is_pending) {
            let mut codes: Vec<&str> = Vec::new();
            for leg in legs.iter().filter(|leg| leg.is_on(MOVED)) {
                if codes.contains(&leg.code) {
                    continue;
                }
                codes.push(leg.code);
                let line = Stored::of(card.account, invoice, legs, leg.code)?;
                self.0.iter_mut().try_for_each(|end| end.add(&line))?;
            }
        }
        Ok(())
    }
}

/// The ledger accounts that recognition moves.
const MOVED: &[u16] = &[PREPAYMENTS.number, DEFERRED_REVENUE.number, REVENUE.number, REVENUE_CORRECTIONS.number, REVENUE_DISPUTES.number];

/// What has accrued by the end of a day, in the making.
struct End {
    on: NaiveDate,
    sums: Accrued,
    /// Lines that journals must be asked about.
    in_question: Writer<SpooledTempFile>,
}

impl End {
    fn new(on: NaiveDate) -> Self {
        let in_question = WriterBuilder::new().has_headers(false).from_writer(SpooledTempFile::new(IN_MEMORY_BYTES_MAX));
        Self { on, sums: Accrued::new(), in_question }
    }

    fn add(&mut self, stored: &Stored<'_>) -> Result<(), ReportError> {
        match stored.line(self.on)? {
            Some(line) if line.may_be_pending => self.in_question.serialize(&line).map_err(failed),
            Some(line) => add(&mut self.sums, &line),
            None => Ok(()),
        }
    }

    async fn finish(self, tx: &mut Tx, known_until: i64) -> Result<Accrued, ReportError> {
        let Self { on, mut sums, in_question } = self;
        let mut file = in_question.into_inner().map_err(csv::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(file);
        let mut lines = reader.deserialize::<Line>().peekable();
        while lines.peek().is_some() {
            let lines = lines.by_ref().take(LINES_AT_ONCE).collect::<Result<Vec<_>, _>>().map_err(failed)?;
            let pending = pending_on(tx, lines.iter().map(|line| line.owner.as_str()), on, known_until).await?;
            for line in lines.iter().filter(|line| !pending.contains(&(line.owner.clone(), line.subscription.clone()))) {
                add(&mut sums, line)?;
            }
        }
        sums.retain(|_, amount| amount.is_positive());
        Ok(sums)
    }
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

/// A line of an invoice as it was read.
struct Stored<'a> {
    owner: &'a str,
    subscription: &'a str,
    currency: Currency,
    account: u16,
    period: Period,
    issued_on: NaiveDate,
    may_be_pending: bool,
    /// When, on which ledger account and by how much in minor units.
    moves: Vec<(NaiveDate, u16, i64)>,
}

impl<'a> Stored<'a> {
    fn read(row: &'a Row) -> Result<Self, ReportError> {
        let parts: Vec<&str> = row.str_at(1)?.split(SEPARATOR).collect();
        let Ok([subscription, currency, cycle, start, end, issued_on, may_be_pending]) = <[&str; 7]>::try_from(parts) else {
            return Err(row.corrupt("known", "is not what was asked for").into());
        };
        let date = |text: &str| text.parse::<NaiveDate>().map_err(|_| row.corrupt("known", "has something else than a day"));
        let period = Period::new(date(start)?, date(end)?).map_err(|_| row.corrupt("period_end", "does not follow the start"))?;
        let mut moves = Vec::new();
        let mut texts = row.str_at(2)?.split(' ');
        while let (Some(on), Some(account), Some(amount)) = (texts.next(), texts.next(), texts.next()) {
            let (Ok(account), Ok(amount)) = (account.parse(), amount.parse()) else {
                return Err(row.corrupt("moves", "has something else than a number").into());
            };
            moves.push((date(on)?, account, amount));
        }
        Ok(Self {
            owner: row.str_at(0)?,
            subscription,
            currency: Currency::parse(currency).map_err(|_| row.corrupt("currency", "is not a currency"))?,
            account: if cycle == "annual" { PREPAYMENTS.number } else { DEFERRED_REVENUE.number },
            period,
            issued_on: date(issued_on)?,
            may_be_pending: !may_be_pending.is_empty(),
            moves,
        })
    }

    /// The line of an invoice in a currency.
    fn of(owner: &'a str, invoice: &Invoice<'a>, legs: &[Leg<'_>], code: &str) -> Result<Self, ReportError> {
        let is_first = (invoice.term_no, invoice.period_no) == (1, 0);
        let captured = |leg: &Leg<'_>| leg.is_on(&[PROVIDER_CLEARING.number]) && leg.minor > 0 && leg.on == invoice.issued_on;
        let moved = legs.iter().filter(|leg| leg.code == code && leg.is_on(MOVED));
        Ok(Self {
            owner,
            subscription: invoice.subscription,
            currency: Currency::parse(code).map_err(|_| corrupt("currency", "is not a currency"))?,
            account: if invoice.is_annual { PREPAYMENTS.number } else { DEFERRED_REVENUE.number },
            period: Period::new(invoice.start, invoice.end).map_err(|_| corrupt("period_end", "does not follow the start"))?,
            issued_on: invoice.issued_on,
            may_be_pending: is_first && !legs.iter().any(captured),
            moves: moved.map(|leg| (leg.on, u16::try_from(leg.ledger).unwrap_or_default(), leg.minor)).collect(),
        })
    }

    /// What it had earned and not recognised at the end of a day; nothing where nothing was left to be recognised.
    fn line(&self, on: NaiveDate) -> Result<Option<Line>, ReportError> {
        let (mut left_over, mut recognised) = (0_i128, 0_i128);
        for (_, account, amount) in self.moves.iter().filter(|(moved_on, ..)| *moved_on <= on) {
            let is_prepaid = [PREPAYMENTS.number, DEFERRED_REVENUE.number].contains(account);
            *(if is_prepaid { &mut left_over } else { &mut recognised }) -= i128::from(*amount);
        }
        if left_over == 0 || self.period.start > on {
            return Ok(None);
        }
        let money = |exact: i128| {
            let minor = i64::try_from(exact).map_err(|_| corrupt("moves", "is more than 64 bits hold"));
            minor.map(|minor| Money::new(minor, self.currency))
        };
        let (left_over, recognised) = (money(left_over)?, money(recognised)?);
        let earned = earned_through(recognised.plus(left_over)?, self.period, on)?;
        Ok(Some(Line {
            owner: self.owner.to_owned(),
            subscription: self.subscription.to_owned(),
            account: self.account,
            booked: first_of_month(self.issued_on),
            amount: earned.minus(recognised)?.or_zero(),
            may_be_pending: self.may_be_pending,
        }))
    }
}

fn corrupt(column: &str, problem: &'static str) -> DbError {
    DbError::Corrupt { statement: LINES.name(), column: column.to_owned(), problem }
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
