//! The reports of finance (ledger.md, section 6): one file each, one list of all.
//!
//! Every figure is what was posted with a business date up to the end of a range and recorded by the knowledge cut-off; inside a
//! month what has accrued is added (RR-1). Rows of tables hold only the present: what they have become since is never looked at.
//! So the same range with the same cut-off gives the same figures, whatever has happened since. Each report ties out: its
//! figures are found a second time by another way, and both are told.

mod ageing;
mod books;
mod corrections;
mod credits;
mod documents;
mod filter;
mod journal_entries;
mod mrr;
mod reconciliation;
mod records;
mod refunds;
mod renewals;
mod roll_forward;
mod sales_tax;
mod trial_balance;
mod waterfall;

use std::rc::Rc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use futures::future::LocalBoxFuture;

use self::filter::Filter;
pub(super) use self::reconciliation::RUNS_TOLD;
use super::cards::boxed;
use super::memo::{Tallies, newest_record};
use super::sheet::{Asked, Head, Sink, Teller, Told};
use super::{Memo, ReportError, known_until};
use crate::domain::calendar::{first_of_month, month_end};
use crate::domain::money::Currency;
use crate::store::db::{Sql, Tx};

/// Every statement of these reports, for the test that prepares them all on both databases.
pub const STATEMENTS: &[&[(&str, Sql)]] = &[
    corrections::STATEMENTS,
    corrections::ORDER_STATEMENTS,
    credits::STATEMENTS,
    documents::STATEMENTS,
    mrr::STATEMENTS,
    reconciliation::STATEMENTS,
    reconciliation::CLEARING_STATEMENTS,
    reconciliation::UNMATCHED_STATEMENTS,
    refunds::STATEMENTS,
    renewals::STATEMENTS,
    renewals::ORDINARY_STATEMENTS,
    roll_forward::STATEMENTS,
];

/// The name of the report that has [`RUNS_TOLD`].
pub(super) const RECONCILIATION: &str = "reconciliation";

/// Months that a report has at most.
pub const MONTHS_MAX: usize = 600;

/// What dates a report takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// `--from` and `--to`: what happened on business dates of a range.
    Range,
    /// `--as-of`: what stood at the end of a business date.
    AsOf,
}

/// One report.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it shows, and on which date basis, in one sentence.
    pub about: &'static str,
    /// What dates it takes.
    pub takes: Takes,
    rows: Rows,
}

/// Tells the sections of a report.
type Rows = for<'a, 'b> fn(&'a mut Tx, &'a Span, &'a mut Teller<'b>) -> LocalBoxFuture<'a, Result<(), ReportError>>;

macro_rules! reports {
    ($($module:ident, $name:literal, $takes:ident, $title:literal, $about:literal;)+) => {
        /// Every report, in the order in which they are listed.
        pub const ALL: &[Entry] = &[$(Entry {
            name: $name,
            title: $title,
            about: $about,
            takes: Takes::$takes,
            rows: |tx, span, teller| Box::pin($module::tell(tx, span, teller)),
        }),+];
    };
}

reports! {
    trial_balance, "trial-balance", AsOf, "Trial balance",
        "What stands on every ledger account at the end of a business date: posted, accrued by then (RR-1), and the two as debit or credit";
    journal_entries, "journal-entries", Range, "Journal entries",
        "Every leg of every entry with a business date in the range";
    reconciliation, "reconciliation", AsOf, "Reconciliation",
        "The last stored run of each provider through a business date: the two equations, payouts, and breaks that wait, by age (RC)";
    refunds, "refunds", Range, "Refunds",
        "Refunds that were asked for on business dates of the range, with their arithmetic (RF), and where they stand at its end";
    corrections, "corrections", Range, "Corrections of wrong payments",
        "Wrong payments found on business dates of the range, inside and after their 30 days (CO), and where they stand at its end";
    ageing, "receivables-ageing", AsOf, "Ageing of receivables",
        "Open invoices at the end of a business date, by days past their due date: the first day of the period, or the day of issue if later";
    roll_forward, "prepayment-roll-forward", Range, "Roll-forward of prepayments and deferred revenue",
        "What was billed, noted, cancelled and recognised on 2100 and 2110, by month of the business date";
    waterfall, "waterfall", Range, "Revenue waterfall",
        "Revenue by the month in which it was booked as an invoice and the month in which it was recognised";
    sales_tax, "sales-tax", Range, "Sales tax",
        "Tax charged and credited on business dates of the range, by jurisdiction and rate (MO-2)";
    mrr, "mrr", Range, "Movements of monthly recurring revenue",
        "Net invoiced price of the periods that run at the end of each month, annual by 12, without tax, and why it changed";
    renewals, "renewals-ahead", AsOf, "Renewals ahead and cash forecast",
        "What the 13 weeks after a business date should bring: renewals at the price that they will be charged, and planned retries";
    credits, "customer-credits", AsOf, "Customer credits",
        "Account credit at the end of a business date: where it came from and went to, and whose it is";
}

/// The report of a name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// Tells the report of what was asked for, and gives what it ties out to.
    ///
    /// # Errors
    /// What the database or the sink says, a record that cannot be read, a sum that does not fit 64 bits.
    pub async fn tell(&self, tx: &mut Tx, asked: &Asked, sink: &mut dyn Sink) -> Result<Told, ReportError> {
        self.tell_knowing(tx, asked, &Rc::default(), sink).await
    }

    /// The same, with what other reports of the same transaction have found already.
    ///
    /// # Errors
    /// As [`Entry::tell`].
    pub async fn tell_knowing(&self, tx: &mut Tx, asked: &Asked, memo: &Rc<Memo>, sink: &mut dyn Sink) -> Result<Told, ReportError> {
        let span = Span::of(tx, self.takes, asked, memo).await?;
        if let Some(span) = span.as_ref().filter(|_| self.takes == Takes::Range) {
            memo.will_ask(std::iter::once(span.day_before()).chain(span.months().into_iter().flatten().map(|(_, last)| last)));
        }
        if let Some(span) = &span {
            memo.foresee(tx, span.known_until(), None, self.tallies(&span.filter)).await?;
        }
        let asked = span.as_ref().map_or_else(|| asked.clone(), |span| span.asked(self.takes));
        let head = Head { name: self.name, title: self.title, about: self.about, asked };
        let mut teller = Teller::begin(sink, &head)?;
        match span {
            Some(span) => (self.rows)(tx, &span, &mut teller).await?,
            None => teller.note("Nothing was posted."),
        }
        teller.end()
    }
}

impl Entry {
    /// What the report sums from cards.
    fn tallies(&self, filter: &Filter) -> Tallies {
        match self.name {
            "receivables-ageing" => vec![boxed(ageing::Open::of(filter))],
            "prepayment-roll-forward" => vec![boxed(roll_forward::Rolling::of(filter)), boxed(documents::Invoiced::of(filter))],
            "waterfall" => vec![boxed(waterfall::Falling::of(filter)), boxed(documents::Invoiced::of(filter))],
            "sales-tax" => vec![boxed(sales_tax::Taxing::of(filter)), boxed(documents::Invoiced::of(filter))],
            "mrr" => mrr::Measuring::foreseen(filter).map(boxed).into_iter().collect(),
            "customer-credits" => vec![boxed(credits::Crediting::of(filter))],
            _ => Vec::new(),
        }
    }

    /// The same, for reports whose dates are all given.
    pub(super) fn foreseen(&self, asked: &Asked) -> Tallies {
        let to = if self.takes == Takes::AsOf { asked.as_of } else { asked.to };
        to.map_or_else(Vec::new, |to| self.tallies(&Filter::of(self.takes, asked, to)))
    }

    /// Whether it needs nothing of what is summed of cards, and nothing of what has accrued.
    pub(super) fn is_apart(&self) -> bool {
        matches!(self.name, "reconciliation" | "refunds" | "corrections" | "renewals-ahead")
    }
}

/// How far the first time zone is ahead of UTC.
pub const FIRST_ZONE_AHEAD: TimeDelta = TimeDelta::hours(14);

/// Today, where it comes first. With a cut-off the instant of the cut-off is now.
#[must_use]
pub(super) fn today(known_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> NaiveDate {
    known_at.map_or(now, |at| at.min(now)).checked_add_signed(FIRST_ZONE_AHEAD).unwrap_or(now).date_naive()
}

/// The last day that can be asked about: today, where it comes first, and no less than the last business date of the books. With a cut-off
/// the instant of the cut-off is now.
///
/// # Errors
/// What the database says.
pub async fn last_known(tx: &mut Tx, known_at: Option<DateTime<Utc>>, now: DateTime<Utc>, memo: &Memo) -> Result<NaiveDate, ReportError> {
    let edges = memo.edges(tx, known_until(known_at)).await?;
    let today = today(known_at, now);
    Ok(edges.map_or(today, |(_, last)| last.max(today)))
}

/// Refuses a cut-off by which more may be recorded yet. (A clock that is behind the books does not hide them.)
///
/// # Errors
/// [`ReportError::CutOffAhead`], what the database says.
pub(super) async fn refuse_cut_off_ahead(tx: &mut Tx, known_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), ReportError> {
    let Some(at) = known_at.filter(|at| *at > now) else { return Ok(()) };
    let newest = newest_record(tx).await?;
    if newest.is_some_and(|newest| at.timestamp_micros() <= newest) { Ok(()) } else { Err(ReportError::CutOffAhead { at, now }) }
}

/// Refuses days of which nothing can be known yet, and cut-offs: what they will bring would be told as if it had come.
///
/// # Errors
/// [`ReportError::NotYet`], [`ReportError::CutOffAhead`], what the database says.
pub async fn refuse_ahead(tx: &mut Tx, asked: &Asked, now: DateTime<Utc>) -> Result<(), ReportError> {
    refuse_cut_off_ahead(tx, asked.known_at, now).await?;
    let last = last_known(tx, asked.known_at, now, &Memo::default()).await?;
    match [asked.from, asked.to, asked.as_of].into_iter().flatten().find(|day| *day > last) {
        Some(day) => Err(ReportError::NotYet { day, last }),
        None => Ok(()),
    }
}

/// What was asked for, with everything filled in.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// First business date.
    from: NaiveDate,
    /// Last business date, or that of the state.
    to: NaiveDate,
    /// First and last business date of the books.
    edges: (NaiveDate, NaiveDate),
    /// Whether no last date was asked for.
    is_open: bool,
    known_at: Option<DateTime<Utc>>,
    currency: Option<Currency>,
    /// What is summed from cards.
    filter: Filter,
    memo: Rc<Memo>,
}

impl Span {
    /// Fills in the first and the last date of the books; nothing where nothing was posted.
    async fn of(tx: &mut Tx, takes: Takes, asked: &Asked, memo: &Rc<Memo>) -> Result<Option<Self>, ReportError> {
        let known_until = known_until(asked.known_at);
        let Some(edges) = memo.edges(tx, known_until).await? else { return Ok(None) };
        let (from, to) = match takes {
            Takes::AsOf => (edges.0, asked.as_of.unwrap_or(edges.1)),
            Takes::Range => {
                let to = asked.to.unwrap_or(asked.from.map_or(edges.1, |from| from.max(edges.1)));
                (asked.from.map_or(edges.0, |from| from.max(edges.0)).min(to), to)
            }
        };
        let is_open = if takes == Takes::AsOf { asked.as_of } else { asked.to }.is_none();
        let Asked { known_at, currency, .. } = *asked;
        let filter = Filter::of(takes, asked, to);
        Ok(Some(Self { from, to, edges, is_open, known_at, currency, filter, memo: Rc::clone(memo) }))
    }

    fn asked(&self, takes: Takes) -> Asked {
        let (from, to, as_of) = match takes {
            Takes::AsOf => (None, None, Some(self.to)),
            Takes::Range => (Some(self.from), Some(self.to), None),
        };
        Asked { from, to, as_of, known_at: self.known_at, currency: self.currency }
    }

    /// The knowledge cut-off in microseconds; the largest of all numbers where there is none.
    fn known_until(&self) -> i64 {
        self.filter.known_until()
    }

    /// The currency as statements take it: empty for all.
    fn code(&self) -> &str {
        self.currency.as_ref().map_or("", Currency::code)
    }

    fn shows(&self, currency: Currency) -> bool {
        self.currency.is_none_or(|only| only == currency)
    }

    /// The day before the range.
    fn day_before(&self) -> NaiveDate {
        self.from.pred_opt().unwrap_or(self.from)
    }

    /// The months of the range as their first and last dates, cut to the range.
    fn months(&self) -> Result<Vec<(NaiveDate, NaiveDate)>, ReportError> {
        months(self.from, self.to)
    }
}

/// The months of a range as their first and last dates, cut to the range.
fn months(from: NaiveDate, to: NaiveDate) -> Result<Vec<(NaiveDate, NaiveDate)>, ReportError> {
    let mut months = Vec::new();
    let mut first = from;
    while first <= to {
        if months.len() == MONTHS_MAX {
            return Err(ReportError::TooLong { from, to, max: MONTHS_MAX });
        }
        let last = month_end(first);
        months.push((first, last.min(to)));
        let Some(next) = last.succ_opt() else { break };
        first = next;
    }
    Ok(months)
}

/// A month as it is written: `2026-03`.
fn month_name(date: NaiveDate) -> String {
    first_of_month(date).format("%Y-%m").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pack tells them before anything is summed: one that sums would read all cards by itself.
    #[test]
    fn what_is_told_apart_sums_no_cards() {
        let day = NaiveDate::from_ymd_opt(2026, 10, 31);
        let asked = Asked { from: day, to: day, as_of: day, ..Asked::default() };
        let apart: Vec<&Entry> = ALL.iter().filter(|report| report.is_apart()).collect();
        assert_eq!(apart.len(), 4);
        assert!(apart.iter().all(|report| report.foreseen(&asked).is_empty()));
    }
}
