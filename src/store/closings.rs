//! Months that were closed and opened again (RC-3), and the seal of a month: what stands in the books by its end.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use super::db::{Column, Columns, Row, Table, Tx};
use super::error::StoreError;
use super::rows::micros;
use crate::domain::calendar::month_end;
use crate::values;

/// The acts.
pub const CLOSINGS: Table = Table {
    name: "closings",
    columns: &[
        Column::int("closing_no"),
        Column::int("acted_at"),
        Column::int("entries"),
        Column::date("month"),
        Column::date("closed_through"),
        Column::text("act"),
        Column::text("last_entry"),
        Column::text("digest"),
        Column::text("actor"),
        Column::text("reason"),
        Column::text("checklist"),
    ],
    key: &["closing_no"],
};

crate::statements! {
    /// The last day that is closed, by the last act.
    CLOSED_THROUGH = same("select closed_through from closings order by closing_no desc limit 1");
    /// All acts in their order.
    ACTS = same(
        "select closing_no, acted_at, entries, month, closed_through, act, last_entry, digest, actor, reason, checklist from closings \
         order by closing_no"
    );
    /// Nobody else posts until this transaction is over; SQLite has one writer.
    LOCK_BOOKS = fork("select 1", "lock table postings in share row exclusive mode");
    /// What moved by a day, by month, currency and ledger account, in halves of the amounts.
    MOVED = same(
        "select substr(cast(effective_on as text), 1, 7) as month, currency, ledger_account, \
         cast(sum(amount_minor / 4294967296) as bigint) as high, cast(sum(amount_minor % 4294967296) as bigint) as low, \
         count(*) as legs from postings where effective_on <= $1 group by substr(cast(effective_on as text), 1, 7), currency, ledger_account"
    );
    /// How many entries there were in each month by a day.
    ENTRIES = same(
        "select e.month, count(*) as n from (select distinct substr(cast(effective_on as text), 1, 7) as month, account_id, seq, event_no \
         from postings where effective_on <= $1) e group by e.month"
    );
    /// The record of the last of those with a business date by a day: the one that was recorded last.
    LAST_ENTRY = same(
        "select j.account_id, j.seq from journal j where exists (select 1 from postings p where p.account_id = j.account_id \
         and p.seq = j.seq and p.effective_on <= $1) order by j.posted_at desc, j.account_id desc, j.seq desc limit 1"
    );
    /// How many records there are: each account, and each provider's book, numbers its own.
    RECORDS = same(
        "select cast((select coalesce(sum(journal_seq), 0) from accounts) + (select coalesce(sum(journal_seq), 0) from settlement_books) \
         as bigint) as n"
    );
    /// How many legs there are by a day.
    LEGS = same("select count(*) as n from postings where effective_on <= $1");
    /// The first day after one, and before another, into which anything was posted.
    FIRST_BETWEEN = same("select min(effective_on) as first from postings where effective_on > $1 and effective_on < $2");
}

/// What is done to a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It was closed.
    Closed,
    /// It was opened again.
    Reopened,
}

impl Act {
    /// The stored word.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }
}

/// What stands in the books by the end of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// Entries with a business date by then.
    pub entries: i64,
    /// The record, as `account/number`, of the one that was recorded last.
    pub last_entry: Option<String>,
    /// SHA-256, in hexadecimal digits, of the trial balance of what was posted.
    pub digest: String,
}

/// One act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// From 1.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// The month's first day.
    pub month: NaiveDate,
    /// The last day that is closed after it.
    pub closed_through: Option<NaiveDate>,
    /// What was done.
    pub act: Act,
    /// What stood in the books by the month's end.
    pub seal: Seal,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: Option<String>,
    /// What was looked at before, as JSON.
    pub checklist: String,
}

/// The last day that is closed; nothing where no month is.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn closed_through(tx: &mut Tx) -> Result<Option<NaiveDate>, StoreError> {
    let row = tx.fetch_optional(&CLOSED_THROUGH, &[]).await?;
    Ok(row.map(|row| row.opt_date_at(0)).transpose()?.flatten())
}

/// Every act, in their order.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn acts(tx: &mut Tx) -> Result<Vec<Closing>, StoreError> {
    let read = |row: &Row| {
        let at = DateTime::from_timestamp_micros(row.int_at(1)?).ok_or_else(|| row.corrupt("acted_at", "is out of range"))?;
        let act = match row.str_at(5)? {
            "closed" => Act::Closed,
            "reopened" => Act::Reopened,
            _ => return Err(row.corrupt("act", "is none that is known").into()),
        };
        let seal = Seal { entries: row.int_at(2)?, last_entry: row.opt_text_at(6)?, digest: row.text_at(7)? };
        Ok(Closing {
            number: row.int_at(0)?,
            at,
            month: row.date_at(3)?,
            closed_through: row.opt_date_at(4)?,
            act,
            seal,
            actor: row.text_at(8)?,
            reason: row.opt_text_at(9)?,
            checklist: row.text_at(10)?,
        })
    };
    tx.fetch_all(&ACTS, &[]).await?.iter().map(read).collect()
}

/// The closings that are in force after some acts, the last month last: an act that opens one again takes the last away.
#[must_use]
pub fn in_force(acts: &[Closing]) -> Vec<&Closing> {
    let mut closed = Vec::new();
    for act in acts {
        match act.act {
            Act::Closed => closed.push(act),
            Act::Reopened => drop(closed.pop()),
        }
    }
    closed
}

/// Adds an act.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn add(tx: &mut Tx, closing: &Closing) -> Result<(), StoreError> {
    let mut rows = Columns::of(&CLOSINGS);
    let mut cells = rows.row();
    cells.int(closing.number).int(micros(closing.at)).int(closing.seal.entries).date(closing.month).opt_date(closing.closed_through);
    cells.text(closing.act.tag()).opt_text(closing.seal.last_entry.as_deref()).text(&closing.seal.digest).text(&closing.actor);
    cells.opt_text(closing.reason.as_deref()).text(&closing.checklist);
    tx.insert_rows(&rows).await?;
    Ok(())
}

/// Nobody else posts until the transaction is over.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn lock_books(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute(&LOCK_BOOKS, &[]).await?;
    Ok(())
}

/// The first business date after one day, and before another, into which anything was posted.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn first_between(tx: &mut Tx, after: NaiveDate, before: NaiveDate) -> Result<Option<NaiveDate>, StoreError> {
    Ok(tx.fetch_one(&FIRST_BETWEEN, &values![after, before]).await?.opt_date_at(0)?)
}

/// How much there is in the books: what only grows, so that two that are the same are of the same books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Records of all journals.
    pub records: i64,
    /// Legs with a business date by the end of a month.
    pub legs: i64,
}

/// The mark of the books for the month that ends on a day.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn mark(tx: &mut Tx, through: NaiveDate) -> Result<Mark, StoreError> {
    let legs = tx.fetch_one(&LEGS, &values![through]).await?.int_at(0)?;
    Ok(Mark { records: records(tx).await?, legs })
}

/// Whether nothing was posted by the end of a day since the books had a mark. Where no record was written at all, no posting is read.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn still_has(tx: &mut Tx, through: NaiveDate, mark: Mark) -> Result<bool, StoreError> {
    Ok(records(tx).await? == mark.records || tx.fetch_one(&LEGS, &values![through]).await?.int_at(0)? == mark.legs)
}

async fn records(tx: &mut Tx) -> Result<i64, StoreError> {
    Ok(tx.fetch_one(&RECORDS, &[]).await?.int_at(0)?)
}

/// The seal of the month that ends on a day, as the transaction sees the books, and the trial balance whose digest is in it.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn seal(tx: &mut Tx, through: NaiveDate) -> Result<(Seal, Vec<String>), StoreError> {
    Ok(seals(tx, &[through]).await?.pop().unwrap_or((Seal { entries: 0, last_entry: None, digest: digest(&[]) }, Vec::new())))
}

/// The seals of the months that end on some days, which stand in their order, each with its trial balance: lines of currency, ledger
/// account, balance in minor units and number of legs, in this order.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn seals(tx: &mut Tx, month_ends: &[NaiveDate]) -> Result<Vec<(Seal, Vec<String>)>, StoreError> {
    let Some(last) = month_ends.iter().max() else { return Ok(Vec::new()) };
    let month = |row: &Row| -> Result<NaiveDate, StoreError> {
        let first: NaiveDate = format!("{}-01", row.str_at(0)?).parse().map_err(|_| row.corrupt("month", "is not a month"))?;
        Ok(month_end(first))
    };
    let mut moved: BTreeMap<NaiveDate, Vec<(String, i64, i128, i64)>> = BTreeMap::new();
    for row in tx.fetch_all(&MOVED, &values![*last]).await? {
        let exact = i128::from(row.int_at(3)?) * (1 << 32) + i128::from(row.int_at(4)?);
        moved.entry(month(&row)?).or_default().push((row.text_at(1)?, row.int_at(2)?, exact, row.int_at(5)?));
    }
    let mut counted: BTreeMap<NaiveDate, i64> = BTreeMap::new();
    for row in tx.fetch_all(&ENTRIES, &values![*last]).await? {
        counted.insert(month(&row)?, row.int_at(1)?);
    }
    let mut moved = moved.into_iter().peekable();
    let mut balances: BTreeMap<(String, i64), (i128, i64)> = BTreeMap::new();
    let mut seals = Vec::with_capacity(month_ends.len());
    for end in month_ends {
        while let Some((_, month)) = moved.next_if(|(month, _)| month <= end) {
            for (currency, account, amount, legs) in month {
                let (balance, count) = balances.entry((currency, account)).or_default();
                *balance += amount;
                *count += legs;
            }
        }
        let line =
            |((currency, account), (balance, legs)): (&(String, i64), &(i128, i64))| format!("{currency} {account} {balance} {legs}");
        let lines: Vec<String> = balances.iter().map(line).collect();
        let row = tx.fetch_optional(&LAST_ENTRY, &values![*end]).await?;
        let last_entry = row.map(|row| Ok::<_, StoreError>(format!("{}/{}", row.str_at(0)?, row.int_at(1)?))).transpose()?;
        let entries = counted.range(..=*end).map(|(_, entries)| entries).sum();
        seals.push((Seal { entries, last_entry, digest: digest(&lines) }, lines));
    }
    Ok(seals)
}

/// SHA-256 of a trial balance, each of its lines with its end.
fn digest(lines: &[String]) -> String {
    let mut hasher = Sha256::new();
    lines.iter().for_each(|line| hasher.update(format!("{line}\n")));
    format!("{:x}", hasher.finalize())
}
