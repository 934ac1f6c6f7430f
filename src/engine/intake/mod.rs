//! Importing files: all of an invocation's files in one transaction, or nothing.
//!
//! [`crate::import`] reads the rows and says what is wrong with a file by itself; here they are compared with what is stored, and
//! written in chunks of [`CHUNK_ROWS`], a fixed number of statements each, so that memory does not grow with the file. After a
//! bad row the rest of the files is still read and checked, so that a person gets the whole list.

mod accounts;
mod reference;
mod subscriptions;

use std::io::{self, Read};
use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::EngineError;
use crate::import::{Format, ImportError, Kind, Line, Placed, Problem, Problems, RowError, RowProblem};
use crate::store::StoreError;
use crate::store::db::{Db, DbError, Tx};

pub use reference::check_price_version;

/// Rows that are checked and written at once.
pub const CHUNK_ROWS: usize = 2_000;

/// A file to be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What messages call it.
    pub name: String,
    /// Where it is; standard input where absent, which is read once.
    pub path: Option<PathBuf>,
    /// How it is written.
    pub format: Format,
}

/// Opens a file; the place to count what is read.
pub type Open<'a> = dyn Fn(&Source) -> io::Result<Box<dyn Read + Send>> + Sync + 'a;

/// Under what circumstances something is imported: goes into the journals.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// Now.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Check everything and write nothing.
    pub dry_run: bool,
}

/// How many of what were imported, what contains the others first.
pub type Counts = Vec<(&'static str, u64)>;

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Files with bad rows.
    #[error("{} files were refused", .0.len())]
    Files(Vec<ImportError>),
    /// A file cannot be opened.
    #[error("{file} cannot be opened")]
    Open {
        /// Its name.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// The store.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<DbError> for IntakeError {
    fn from(error: DbError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for IntakeError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Imports files of one kind, all or nothing.
///
/// # Errors
/// [`IntakeError::Files`] with every bad row; then, and after any other error, nothing was written.
pub async fn import(db: &Db, kind: Kind, sources: &[Source], how: &Circumstances, open: &Open<'_>) -> Result<Counts, IntakeError> {
    db.check_schema().await?;
    let mut intake = Intake { tx: db.begin().await?, how, open, counts: Counts::new(), refused: Vec::new() };
    let imported = match kind {
        Kind::Catalog => intake.catalogs(sources).await,
        Kind::Terms => intake.terms(sources).await,
        Kind::TaxRates => intake.tax_rates(sources).await,
        Kind::Accounts => intake.accounts(sources).await,
        Kind::Subscriptions => intake.subscriptions(sources).await,
    };
    let Intake { tx, counts, refused, .. } = intake;
    if imported.is_err() || !refused.is_empty() || how.dry_run {
        let undone = tx.rollback().await;
        // What broke the import is what a person needs to know.
        imported?;
        undone?;
    } else {
        tx.commit().await?;
    }
    if refused.is_empty() { Ok(counts) } else { Err(IntakeError::Files(refused)) }
}

/// An import that is under way.
struct Intake<'a> {
    tx: Tx,
    how: &'a Circumstances,
    open: &'a Open<'a>,
    counts: Counts,
    refused: Vec<ImportError>,
}

impl Intake<'_> {
    fn read(&self, source: &Source) -> Result<Box<dyn Read + Send>, IntakeError> {
        (self.open)(source).map_err(|error| IntakeError::Open { file: source.name.clone(), source: error })
    }

    fn count(&mut self, what: &'static str, number: usize) {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        match self.counts.iter_mut().find(|(known, _)| *known == what) {
            Some((_, count)) => *count = count.saturating_add(number),
            None => self.counts.push((what, number)),
        }
    }

    fn close(&mut self, problems: Problems) {
        self.refused.extend(problems.finish().err());
    }
}

/// The next rows of a file, at most a chunk; bad ones go to the problems.
fn next_chunk<T>(rows: &mut impl Iterator<Item = Result<Placed<T>, RowError>>, problems: &mut Problems) -> Vec<Placed<T>> {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    for row in rows {
        match row {
            Ok(row) => chunk.push(row),
            Err(error) => problems.note_row(error),
        }
        if chunk.len() == CHUNK_ROWS {
            break;
        }
    }
    chunk
}

/// A version or a rate that is stored with other content is a problem of the file; everything else is an error. `place` says where the one
/// with a name has what differs.
fn stored_differently(
    result: Result<(), StoreError>,
    problems: &mut Problems,
    place: impl FnOnce(&str, &str) -> (Option<Line>, Option<String>),
) -> Result<(), StoreError> {
    match result {
        Err(StoreError::VersionDiffers { what, name, field }) => {
            let (line, at) = place(&name, &field);
            let error = StoreError::VersionDiffers { what, name, field };
            problems.note(RowProblem { line, field: at, problem: Problem::Rule(error.to_string()) });
            Ok(())
        }
        other => other,
    }
}
