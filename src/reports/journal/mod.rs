//! `kasacare journal`: the books as text that other programs read.
//!
//! hledger and beancount get our own trial balance as balance assertions at the end of each month and at the end. It is summed by
//! the database from the postings, independently of the lines that are written, so that the outside program proves our report and
//! not only that each entry balances. It is that of what was posted: what has accrued inside a month (RR-1) is in no entry, and so in
//! no assertion. The same range and the same knowledge cut-off give the same bytes, on both databases: the
//! order is that of dates, accounts and records, and nothing else goes in that can change later.

mod beancount;
mod csv;
mod entry;
mod facts;
mod hledger;
mod json;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use chrono::{DateTime, NaiveDate, Utc};

pub(super) use self::facts::STATEMENTS as FACT_STATEMENTS;

use self::entry::{Assembler, Entry};
use super::{ReportError, sums};
use crate::domain::calendar::{DATE_MAX, month_end};
use crate::domain::ids::AccountId;
use crate::store::db::{Db, Tx, Value};
use crate::values;

crate::statements! {
    /// The legs of a range with what is known about them, in the order in which they are written. The body comes with the first
    /// leg of its record.
    LEGS = same(
        "select p.account_id, p.seq, p.leg_no, p.event_no, p.ledger_account, p.effective_on, p.amount_minor, p.currency, \
         p.subscription_id, p.invoice_id, j.posted_at, j.kind, j.actor, j.reason, case when p.leg_no = 1 then j.body end as body, \
         i.tier, i.cycle, i.promotion_code, i.jurisdiction, i.number \
         from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         left join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.effective_on >= $1 and p.effective_on <= $2 and j.posted_at <= $3 and p.account_id >= $4 and p.account_id <= $5 \
         order by p.effective_on, p.account_id, p.seq, p.leg_no"
    );
    /// What moved on each account on each day of a range.
    MOVES = same(
        "select p.effective_on, p.currency, p.ledger_account, cast(sum(p.amount_minor / 4294967296) as bigint) as high, \
         cast(sum(p.amount_minor % 4294967296) as bigint) as low \
         from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.effective_on >= $1 and p.effective_on <= $2 and j.posted_at <= $3 and p.account_id >= $4 and p.account_id <= $5 \
         group by p.effective_on, p.currency, p.ledger_account order by p.effective_on, p.currency, p.ledger_account"
    );
    /// What stood on each account before a range.
    BEFORE = same(
        "select p.currency, p.ledger_account, cast(sum(p.amount_minor / 4294967296) as bigint) as high, \
         cast(sum(p.amount_minor % 4294967296) as bigint) as low \
         from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.effective_on < $1 and j.posted_at <= $2 and p.account_id >= $3 and p.account_id <= $4 \
         group by p.currency, p.ledger_account order by p.currency, p.ledger_account"
    );
}

/// After every account's id: those have letters, digits, `_`, `.` and `-`.
const AFTER_ALL_IDS: &str = "~";

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
    fn entry(&mut self, entry: &Entry) -> Result<(), ReportError>;
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

/// The same of what a transaction sees.
///
/// # Errors
/// As [`write()`].
pub async fn write_in(tx: &mut Tx, format: JournalFormat, range: &Range, out: &mut dyn Write) -> Result<Written, ReportError> {
    let mut printer = printer(format, out);
    let written = print(tx, range, printer.as_mut()).await?;
    if format == JournalFormat::Json {
        facts::print(tx, range, printer.as_mut()).await?;
    }
    printer.end()?;
    Ok(written)
}

/// Both of the formats that are text for accounting programs, from one reading.
///
/// # Errors
/// As [`write()`].
pub async fn write_texts_in(tx: &mut Tx, range: &Range, [hledger, beancount]: [&mut dyn Write; 2]) -> Result<Written, ReportError> {
    let mut both = Both([printer(JournalFormat::Hledger, hledger), printer(JournalFormat::Beancount, beancount)]);
    let written = print(tx, range, &mut both).await?;
    both.end()?;
    Ok(written)
}

fn printer(format: JournalFormat, out: &mut dyn Write) -> Box<dyn Printer + '_> {
    match format {
        JournalFormat::Hledger => Box::new(hledger::Hledger::new(out)),
        JournalFormat::Beancount => Box::new(beancount::Beancount::new(out)),
        JournalFormat::Csv => Box::new(csv::Csv::new(out)),
        JournalFormat::Json => Box::new(json::Json::new(out)),
    }
}

/// Two formats at once.
struct Both<'a>([Box<dyn Printer + 'a>; 2]);

impl Printer for Both<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.0.iter_mut().try_for_each(|printer| printer.head(head))
    }

    fn entry(&mut self, entry: &Entry) -> Result<(), ReportError> {
        self.0.iter_mut().try_for_each(|printer| printer.entry(entry))
    }

    fn closing(&mut self, closing: &Closing) -> Result<(), ReportError> {
        self.0.iter_mut().try_for_each(|printer| printer.closing(closing))
    }

    fn end(&mut self) -> Result<(), ReportError> {
        self.0.iter_mut().try_for_each(|printer| printer.end())
    }
}

async fn print(tx: &mut Tx, range: &Range, printer: &mut dyn Printer) -> Result<Written, ReportError> {
    let (head, closings) = balances(tx, range).await?;
    printer.head(&head)?;
    let (mut written, mut assembler) = (Written::default(), Assembler::default());
    let mut closings = closings.iter().peekable();
    let mut put = |entry: &Entry, printer: &mut dyn Printer| -> Result<(), ReportError> {
        while let Some(closing) = closings.next_if(|closing| closing.on < entry.effective_on) {
            printer.closing(closing)?;
        }
        written.entries += 1;
        written.legs += u64::try_from(entry.legs.len()).unwrap_or_default();
        printer.entry(entry)
    };
    tx.for_each_batch(&LEGS, &range.values(), |rows| {
        rows.iter().try_for_each(|row| match assembler.take(row)? {
            Some(entry) => put(&entry, printer),
            None => Ok::<(), ReportError>(()),
        })
    })
    .await?;
    if let Some(entry) = assembler.last() {
        put(&entry, printer)?;
    }
    closings.try_for_each(|closing| printer.closing(closing))?;
    Ok(written)
}

impl Range {
    fn values(&self) -> [Value; 5] {
        let [after, until] = self.accounts();
        let first = self.from.unwrap_or(NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(NaiveDate::MIN));
        values![first, self.to.unwrap_or(DATE_MAX), self.known_until(), after, until]
    }

    fn accounts(&self) -> [&str; 2] {
        self.account.as_ref().map_or(["", AFTER_ALL_IDS], |account| [account.as_str(); 2])
    }

    fn known_until(&self) -> i64 {
        self.known_at.map_or(i64::MAX, |at| at.timestamp_micros())
    }
}

/// What the journal begins with, and our trial balance at the end of each month and at the end.
async fn balances(tx: &mut Tx, range: &Range) -> Result<(Head, Vec<Closing>), ReportError> {
    let mut balances = Balances::new();
    if let Some(from) = range.from {
        let [after, until] = range.accounts();
        for row in tx.fetch_all(&BEFORE, &values![from, range.known_until(), after, until]).await? {
            balances.insert((row.text_at(0)?, row.int_at(1)?), sums::exact(&row, 2)?);
        }
    }
    let opening = range.from.map(|from| (from, balances.clone()));
    let mut closings: Vec<Closing> = Vec::new();
    let mut present: Option<NaiveDate> = None;
    let mut first = range.from;
    for row in tx.fetch_all(&MOVES, &range.values()).await? {
        let on = row.date_at(0)?;
        first = first.or(Some(on));
        if let Some(before) = present.filter(|before| month_end(*before) < on) {
            closings.push(Closing { on: month_end(before), balances: balances.clone() });
        }
        present = Some(on);
        *balances.entry((row.text_at(1)?, row.int_at(2)?)).or_default() += sums::exact(&row, 3)?;
    }
    let currencies = balances.keys().map(|(currency, _)| currency.clone()).collect();
    // A range that ends with its month, or by a given day, is asserted on that day; else on the day of the last entry.
    if let Some(on) = range.to.or(present) {
        closings.push(Closing { on, balances });
    }
    Ok((Head { first: first.unwrap_or(DATE_MAX), currencies, opening }, closings))
}
