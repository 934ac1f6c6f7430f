//! `kasacare journal`: the books as text that other programs read.
//!
//! hledger and beancount get our own trial balance as balance assertions at the end of each month and at the end. It is summed by
//! the database from the postings, independently of the lines that are written, so that the outside program proves our report and
//! not only that each entry balances. It is that of what was posted: what has accrued inside a month (RR-1) is in no entry, and so in
//! no assertion. The same range and the same knowledge cut-off give the same bytes, on both databases: the
//! order is that of dates, accounts and records, and nothing else goes in that can change later.

mod about;
mod beancount;
mod csv;
mod entry;
mod facts;
mod hledger;
mod json;
mod legs;
mod packed;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

pub(super) use self::entry::{Entry, EntryLeg, Instants};
pub(super) use self::facts::STATEMENTS as FACT_STATEMENTS;
pub(super) use self::legs::{Legs, STATEMENTS as LEG_STATEMENTS};

use super::ReportError;
use super::moves::Moves;
use super::parts::AFTER_ALL_IDS;
use crate::domain::calendar::{DATE_MAX, month_end};
use crate::domain::ids::AccountId;
use crate::store::db::{Db, Tx, Value};
use crate::values;

/// Behind an id it comes after that one and before the next.
const AFTER_AN_ID: char = '\u{1}';

/// Who is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalFormat {
    /// hledger, strict: accounts and commodities are declared.
    Hledger,
    /// beancount, version 3.
    Beancount,
    /// One row a leg, RFC 4180.
    Csv,
    /// One document with all entries, the facts that they book, and the closing balances.
    Json,
}

/// What is written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// First business date; what was before becomes opening balances.
    pub from: Option<NaiveDate>,
    /// Last business date.
    pub to: Option<NaiveDate>,
    /// One customer's books alone.
    pub account: Option<AccountId>,
    /// Only what was recorded by this instant.
    pub known_at: Option<DateTime<Utc>>,
}

/// How much was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries.
    pub entries: u64,
    /// Legs.
    pub legs: u64,
}

/// Balances in minor units, debits positive, by currency and account.
type Balances = BTreeMap<(String, i64), i128>;

/// Our trial balance at the end of a day.
struct Closing {
    on: NaiveDate,
    balances: Balances,
}

/// What stands at the beginning of a journal.
struct Head {
    /// First date that anything is dated.
    first: NaiveDate,
    currencies: BTreeSet<String>,
    /// Balances that were brought forward, where the range begins after the books do.
    opening: Option<(NaiveDate, Balances)>,
}

/// Writes one format.
trait Printer {
    fn head(&mut self, head: &Head) -> Result<(), ReportError>;
    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), ReportError>;
    /// Called after all entries up to the closing's day, and before later ones. The last one ends the journal.
    fn closing(&mut self, closing: &Closing) -> Result<(), ReportError>;
    /// Called after all entries and closings, where the format has a place for facts.
    fn fact(&mut self, _: &facts::Fact<'_>) -> Result<(), ReportError> {
        Ok(())
    }
    fn end(&mut self) -> Result<(), ReportError>;
}

/// Writes the books of a range, streaming.
///
/// # Errors
/// What the database says, a record that cannot be read, or the output.
pub async fn write(db: &Db, format: JournalFormat, range: &Range, out: &mut dyn Write) -> Result<Written, ReportError> {
    let mut tx = db.begin_read().await?;
    let written = write_in(&mut tx, format, range, out).await?;
    tx.rollback().await?;
    Ok(written)
}

async fn write_in(tx: &mut Tx, format: JournalFormat, range: &Range, out: &mut dyn Write) -> Result<Written, ReportError> {
    let [first, end] = range.accounts();
    let moves = Moves::load(tx, range.known_until(), [&first, &end]).await?;
    let books = Books::of(range, &moves, Arc::new(Legs::read(tx, range).await?));
    let mut printer = printer(format, out);
    let written = books.print(printer.as_mut())?;
    if format == JournalFormat::Json {
        facts::print(tx, range, printer.as_mut()).await?;
    }
    printer.end()?;
    Ok(written)
}

/// The books of a range, read from the database: what a journal is written from, in any format.
pub(super) struct Books {
    head: Head,
    closings: Vec<Closing>,
    days: (NaiveDate, NaiveDate),
    legs: Arc<Legs>,
}

impl Books {
    /// Puts together what was read of a range.
    pub(super) fn of(range: &Range, moves: &Moves, legs: Arc<Legs>) -> Self {
        let (head, closings) = balances(range, moves);
        Self { head, closings, days: range.days(), legs }
    }

    /// Writes a journal. (Facts are in the database still, so that a JSON document has none here.)
    ///
    /// # Errors
    /// What the output says.
    pub(super) fn write(&self, format: JournalFormat, out: &mut dyn Write) -> Result<Written, ReportError> {
        let mut printer = printer(format, out);
        let written = self.print(printer.as_mut())?;
        printer.end()?;
        Ok(written)
    }

    fn print(&self, printer: &mut dyn Printer) -> Result<Written, ReportError> {
        printer.head(&self.head)?;
        let mut closings = self.closings.iter().peekable();
        let (first, last) = self.days;
        let written = self.legs.each(first..=last, None, |entry| {
            while let Some(closing) = closings.next_if(|closing| closing.on < entry.effective_on) {
                printer.closing(closing)?;
            }
            printer.entry(entry)
        })?;
        closings.try_for_each(|closing| printer.closing(closing))?;
        Ok(written)
    }
}

fn printer(format: JournalFormat, out: &mut dyn Write) -> Box<dyn Printer + '_> {
    match format {
        JournalFormat::Hledger => Box::new(hledger::Hledger::new(out)),
        JournalFormat::Beancount => Box::new(beancount::Beancount::new(out)),
        JournalFormat::Csv => Box::new(csv::Csv::new(out)),
        JournalFormat::Json => Box::new(json::Json::new(out)),
    }
}

impl Range {
    /// The same as parameters of a statement, with the accounts from one on and before another.
    fn values(&self) -> [Value; 5] {
        let ([first, end], (from, to)) = (self.accounts(), self.days());
        values![from, to, self.known_until(), first, end]
    }

    fn days(&self) -> (NaiveDate, NaiveDate) {
        let first = NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(NaiveDate::MIN);
        (self.from.unwrap_or(first), self.to.unwrap_or(DATE_MAX))
    }

    /// The first account, and what comes after the last one.
    fn accounts(&self) -> [String; 2] {
        match &self.account {
            Some(account) => [account.to_string(), format!("{account}{AFTER_AN_ID}")],
            None => [String::new(), AFTER_ALL_IDS.to_owned()],
        }
    }

    fn known_until(&self) -> i64 {
        super::known_until(self.known_at)
    }
}

/// What the journal begins with, and our trial balance at the end of each month and at the end.
fn balances(range: &Range, moves: &Moves) -> (Head, Vec<Closing>) {
    let mut balances = Balances::new();
    let add = |balances: &mut Balances, account: (&str, i64), amount: i128| {
        *balances.entry((account.0.to_owned(), account.1)).or_default() += amount;
    };
    let (from, to) = range.days();
    if range.from.is_some() {
        moves.before(from).for_each(|of| add(&mut balances, (&of.currency, of.account), of.amount));
    }
    let opening = range.from.map(|from| (from, balances.clone()));
    let mut closings: Vec<Closing> = Vec::new();
    let mut present: Option<NaiveDate> = None;
    let mut first = range.from;
    for of in moves.within(from, to) {
        first = first.or(Some(of.on));
        if let Some(before) = present.filter(|before| month_end(*before) < of.on) {
            closings.push(Closing { on: month_end(before), balances: balances.clone() });
        }
        present = Some(of.on);
        add(&mut balances, (&of.currency, of.account), of.amount);
    }
    let currencies = balances.keys().map(|(currency, _)| currency.clone()).collect();
    // A range that ends with its month, or by a given day, is asserted on that day; else on the day of the last entry.
    if let Some(on) = range.to.or(present) {
        closings.push(Closing { on, balances });
    }
    (Head { first: first.unwrap_or(DATE_MAX), currencies, opening }, closings)
}
