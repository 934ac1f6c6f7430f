//! The provider's side as it is stored: movements, payouts, bank lines and totals, once under the name that their author gave them, and
//! the books of what happens between providers, banks and us.
//!
//! Whoever learns of such rows, from a file or from a provider's interface, gives them to [`Intake`]: it stores what is new, says what
//! contradicts what is stored, and gathers what is to be posted. [`Preview`] does the same and stores nothing.

mod books;
mod gathered;
mod intake;
mod outcome;
mod preview;
mod tables;
mod wholes;

pub use books::{Book, Entry, Posted, book_id, is_book};
pub use gathered::Gathered;
pub use intake::Intake;
pub use outcome::{Contradiction, Import, Stored, Why};
pub use preview::{Fresh, Preview};

use chrono::{DateTime, NaiveDate, Utc};

use super::db::{Row, Sql, Table, Tx};
use super::error::StoreError;
use super::rows::instant;
use super::sums;
use crate::domain::settlement::is_booked;

/// The movements `m` that are known to have been in a payout `p`.
macro_rules! in_it {
    () => {
        "from payout_lines l join provider_movements m on m.provider = l.provider and m.movement_id = l.movement_id \
         where l.provider = p.provider and l.payout_id = p.payout_id and m.category not in ('payout', 'payout_failure')"
    };
}

crate::statements! {
    /// The next provider by name of whom movements are stored: one look into the index, however many there are.
    NEXT_PROVIDER = same("select min(provider) as provider from provider_movements where provider > $1");
    /// When something of a provider, or of a bank, was imported last.
    LAST_IMPORTED = same("select max(imported_at) as last_at from settlement_imports where provider = $1 or provider = 'bank'");
    /// When a provider was reconciled last; for a bank, any of them.
    LAST_RECONCILED = same("select max(started_at) as last_at from reconciliation_runs where provider = $1 or $1 = 'bank'");
    /// Files that were taken, the newest first.
    IMPORTS = same(
        "select import_id, imported_at, rows_read, rows_new, provider, source, name, digest, actor from settlement_imports \
         order by imported_at desc, import_id desc limit $1"
    );
    /// Totals that stores have told, by import, the newest first.
    TOTALS = same(
        "select t.provider, t.import_id, count(*) as totals, min(t.first_on) as first_on, max(t.last_on) as last_on from store_totals t \
         group by t.provider, t.import_id order by t.import_id desc, t.provider limit $1"
    );
    /// When the first charge was asked for.
    FIRST_CHARGE = same("select min(requested_at) as first_at from charges");
    /// The next payouts that the provider itself has named the amount of, with what their known lines make, in halves.
    NEXT_STATED = same(concat!(
        "select p.payout_id, p.amount_minor, coalesce((select cast(sum(m.net_minor / 4294967296) as bigint) ", in_it!(), "), 0) as high, \
         coalesce((select cast(sum(m.net_minor % 4294967296) as bigint) ", in_it!(), "), 0) as low from provider_payouts p \
         where p.provider = $1 and p.sent_on >= $2 and p.payout_id > $3 and p.amount_from = 'stated' order by p.payout_id limit 100"
    ));
}

/// Every table that batches write.
pub const TABLES: &[&Table] =
    &[&tables::IMPORTS, &tables::MOVEMENTS, &tables::PAYOUTS, &tables::PAYOUT_LINES, &tables::BANK_LINES, &tables::TOTALS];

/// Every statement, for the test that prepares them all.
pub const ALL_STATEMENTS: &[&[(&str, Sql)]] = &[STATEMENTS, books::STATEMENTS, intake::STATEMENTS, preview::STATEMENTS, wholes::STATEMENTS];

/// A file that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedImport {
    /// Its id.
    pub id: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Rows in it.
    pub rows_read: i64,
    /// Rows of it that were new.
    pub rows_new: i64,
    /// Whose file it is.
    pub provider: String,
    /// What kind of file.
    pub source: String,
    /// What it was called.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: String,
    /// Who took it.
    pub actor: String,
}

/// The files that were taken last.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn imports(tx: &mut Tx, limit: u32) -> Result<Vec<ListedImport>, StoreError> {
    let read = |row: &Row| {
        let at = instant(row.int("imported_at")?).ok_or_else(|| row.corrupt("imported_at", "is out of range"))?;
        Ok(ListedImport {
            id: row.text("import_id")?,
            at,
            rows_read: row.int("rows_read")?,
            rows_new: row.int("rows_new")?,
            provider: row.text("provider")?,
            source: row.text("source")?,
            name: row.text("name")?,
            digest: row.text("digest")?,
            actor: row.text("actor")?,
        })
    };
    tx.fetch_all(&IMPORTS, &crate::values![limit]).await?.iter().map(read).collect()
}

/// Totals of a store that one import brought. They name no transaction, so that nothing is compared with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTotals {
    /// Whose.
    pub provider: String,
    /// The import.
    pub import: String,
    /// How many.
    pub totals: i64,
    /// The first day of theirs.
    pub first_on: NaiveDate,
    /// The last one.
    pub last_on: NaiveDate,
}

/// The totals of the files that brought some last.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn totals(tx: &mut Tx, limit: u32) -> Result<Vec<ListedTotals>, StoreError> {
    let read = |row: &Row| {
        let (provider, import) = (row.text("provider")?, row.text("import_id")?);
        Ok(ListedTotals { provider, import, totals: row.int("totals")?, first_on: row.date("first_on")?, last_on: row.date("last_on")? })
    };
    tx.fetch_all(&TOTALS, &crate::values![limit]).await?.iter().map(read).collect()
}

/// `at`, and not earlier than what was recorded last.
///
/// # Errors
/// [`StoreError::Backdated`] where that is of a later day; clocks of machines may differ by less.
pub fn not_before(at: DateTime<Utc>, last: Option<DateTime<Utc>>, what: impl FnOnce() -> String) -> Result<DateTime<Utc>, StoreError> {
    match last {
        Some(last) if at.date_naive() < last.date_naive() => Err(StoreError::Backdated { what: what(), now: at, last }),
        Some(last) => Ok(at.max(last)),
        None => Ok(at),
    }
}

/// When something of a provider, or of a bank, was imported last.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn last_imported(tx: &mut Tx, provider: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    last(&tx.fetch_one(&LAST_IMPORTED, &crate::values![provider]).await?)
}

/// When a provider was reconciled last; for a bank, any of them.
async fn last_reconciled(tx: &mut Tx, provider: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    last(&tx.fetch_one(&LAST_RECONCILED, &crate::values![provider]).await?)
}

fn last(row: &Row) -> Result<Option<DateTime<Utc>>, StoreError> {
    let read = |micros| instant(micros).ok_or_else(|| row.corrupt("last_at", "is out of range").into());
    row.opt_int("last_at")?.map(read).transpose()
}

/// Another provider whose money is in the books. Neither our charges nor 1200 say whose they are, so that only one can be held against them;
/// stores and the like are booked nowhere.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn booked_beside(tx: &mut Tx, provider: &str) -> Result<Option<String>, StoreError> {
    let mut after = is_booked(provider).then(String::new);
    while let Some(last) = after {
        after = tx.fetch_one(&NEXT_PROVIDER, &crate::values![&last]).await?.opt_text_at(0)?;
        if let Some(found) = after.as_ref().filter(|found| *found != provider && is_booked(found)) {
            return Ok(Some(found.clone()));
        }
    }
    Ok(None)
}

/// When the first charge was asked for: nothing of ours can have moved before.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn first_charge(tx: &mut Tx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row = tx.fetch_one(&FIRST_CHARGE, &[]).await?;
    let Some(micros) = row.opt_int("first_at")? else { return Ok(None) };
    Ok(Some(instant(micros).ok_or_else(|| row.corrupt("requested_at", "is out of range"))?))
}

/// The next payout after this one that was sent on a day or later and of which it is not known all that was in it.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn next_without_lines(tx: &mut Tx, provider: &str, since: NaiveDate, after: &str) -> Result<Option<String>, StoreError> {
    let mut after = after.to_owned();
    loop {
        let rows = tx.fetch_all(&NEXT_STATED, &crate::values![provider, since, &after]).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        for row in &rows {
            if sums::exact(row, 2)? != i128::from(row.int_at(1)?) {
                return Ok(Some(row.text_at(0)?));
            }
        }
        after = last.text_at(0)?;
    }
}
