//! Taking settlement files in: each file in one transaction, whole or not at all.
//!
//! A thread reads the file, which may be large, and hands over chunks; here they are stored and what they bring is posted. At most three
//! chunks are in memory. What is wrong with a row, in itself or against what is stored, is gathered until the end, so that a person gets
//! the whole list. [`fetched`] takes what a provider's own interface tells, in the same way; [`preview`] looks at a file and stores nothing.

pub mod fetched;
pub mod preview;

use std::fmt;
use std::io::{self, Read};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::EngineError;
use super::intake::CHUNK_ROWS;
use crate::domain::settlement::{BankLine, Movement, Payout, StoreTotal, Told};
use crate::import::settlement::{ReadFile, Reading, Source, read};
use crate::import::{ImportError, Line, Placed, Problem, Problems, RowProblem};
use crate::store::StoreError;
use crate::store::db::{Db, DbError, Tx};
use crate::store::settlement::{Contradiction, Import, Intake, Stored, Why};

/// A settlement file.
#[derive(Debug, Clone)]
pub struct SettlementFile {
    /// What messages call it.
    pub name: String,
    /// How it is read.
    pub reading: Reading,
    /// Whose side it is; by its source where absent.
    pub provider: Option<String>,
}

/// Under what circumstances.
#[derive(Debug, Clone)]
pub struct Taking {
    /// Now.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Check everything and write nothing.
    pub dry_run: bool,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The import's id; that of the earlier one where the file was taken before.
    pub import: String,
    /// Whose side it is.
    pub provider: String,
    /// What kind of file.
    pub source: Source,
    /// Whether the same bytes were taken before, so that nothing was done.
    pub was_taken: bool,
    /// Rows in the file.
    pub rows: u64,
    /// Rows that moved no money.
    pub skipped: u64,
    /// What was stored.
    pub stored: Stored,
    /// SHA-256 of the file.
    pub digest: String,
}

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakingError {
    /// Bad rows.
    #[error(transparent)]
    File(#[from] ImportError),
    /// The store.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The reading thread died.
    #[error("the reading of the file was stopped")]
    Stopped,
    /// What the rows were for.
    #[error("the folder for temporary files failed")]
    Disk(#[from] io::Error),
}

impl From<DbError> for TakingError {
    fn from(error: DbError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for TakingError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// Takes a file in.
///
/// # Errors
/// [`TakingError::File`] with every bad row; after any error nothing was written.
pub async fn take(db: &Db, file: &SettlementFile, input: impl Read + Send + 'static, how: &Taking) -> Result<Taken, TakingError> {
    db.check_schema().await?;
    let provider = file.provider.clone().unwrap_or_else(|| file.reading.source.provider().to_owned());
    let import = Import {
        provider: provider.clone(),
        source: file.reading.source.name().to_owned(),
        name: file.name.clone(),
        actor: how.actor.clone(),
        at: how.at,
    };
    let (sender, mut chunks) = mpsc::channel(1);
    let (name, reading) = (file.name.clone(), file.reading.clone());
    let reader = tokio::task::spawn_blocking(move || read_in_chunks(&name, &reading, input, &sender));
    let mut tx = db.begin().await?;
    let mut intake = Intake::begin(&mut tx, import).await?;
    let id = intake.id().to_owned();
    let mut problems = Problems::new(&file.name);
    while let Some(chunk) = chunks.recv().await {
        match store(&mut tx, &mut intake, chunk, (file.reading.source, &mut problems)).await {
            // It is about the file, and not about those beside it; the rest of it need not be read.
            Err(refused @ StoreError::AnotherProvider { .. }) => {
                problems.note(RowProblem::of_file(Problem::Rule(refused.to_string())));
                break;
            }
            stored => stored?,
        }
    }
    drop(chunks);
    for (line, contradiction) in intake.settle(&mut tx).await? {
        note(&mut problems, file.reading.source, &[line.into()], &[contradiction]);
    }
    let ReadFile { rows, skipped, problems: of_file, digest } = reader.await.map_err(|_| TakingError::Stopped)?;
    let taken = |import, was_taken, stored| Taken {
        import,
        provider: provider.clone(),
        source: file.reading.source,
        was_taken,
        rows,
        skipped,
        stored,
        digest: digest.clone(),
    };
    if let Err(refused) = of_file.absorb(problems).finish() {
        tx.rollback().await?;
        return Err(refused.into());
    }
    match intake.finish(&mut tx, &digest).await? {
        Err(earlier) => {
            tx.rollback().await?;
            Ok(taken(earlier, true, Stored::default()))
        }
        Ok(stored) => {
            if how.dry_run {
                tx.rollback().await?;
            } else {
                tx.commit().await?;
            }
            Ok(taken(id, false, stored))
        }
    }
}

fn read_in_chunks(name: &str, reading: &Reading, input: impl Read, chunks: &mpsc::Sender<Vec<Placed<Told>>>) -> ReadFile {
    let mut chunk = Vec::with_capacity(CHUNK_ROWS);
    let read = read(name, reading, input, &mut |told| {
        chunk.push(told);
        // Nobody takes any more: the database has failed.
        chunk.len() < CHUNK_ROWS || chunks.blocking_send(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_ROWS))).is_ok()
    });
    if !chunk.is_empty() {
        let _ = chunks.blocking_send(chunk);
    }
    read
}

/// The rows of a chunk by kind, with their places.
#[derive(Default)]
struct Kinds {
    movements: Vec<(u64, Movement)>,
    payouts: Vec<Payout>,
    bank_lines: Vec<BankLine>,
    totals: Vec<StoreTotal>,
    /// Of the movements, those that the same file has told before, by their places.
    again: Vec<usize>,
    /// Of each kind, in its order.
    places: [Vec<Line>; 4],
}

fn sorted(chunk: Vec<Placed<Told>>) -> Kinds {
    let mut sorted = Kinds::default();
    for Placed { line, row } in chunk {
        let [movements, payouts, bank_lines, totals] = &mut sorted.places;
        match row {
            Told::Movement(movement) => {
                movements.push(line);
                sorted.movements.push((line.number, movement));
            }
            Told::Again(movement) => {
                movements.push(line);
                sorted.again.push(sorted.movements.len());
                sorted.movements.push((line.number, movement));
            }
            Told::Payout(payout) => {
                payouts.push(line);
                sorted.payouts.push(payout);
            }
            Told::BankLine(bank_line) => {
                bank_lines.push(line);
                sorted.bank_lines.push(bank_line);
            }
            Told::Total(total) => {
                totals.push(line);
                sorted.totals.push(total);
            }
        }
    }
    sorted
}

/// What a contradiction is to a person.
struct Refused<'a>(&'a Contradiction);

impl fmt::Display for Refused<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contradiction { what, id, why, .. } = self.0;
        match why {
            Why::Differs | Why::OnBank(None) => write!(f, "{what} `{id}` is stored already, with another amount, category, date or payout"),
            Why::Twice => write!(f, "{what} `{id}` occurs twice in this file, with another amount, category, date or payout"),
            Why::Ahead { on, days, .. } => write!(f, "{on} lies more than {days} days ahead of the import"),
            Why::OnBank(Some(known)) => write!(f, "{what} `{id}` is stored already, and {known} of it came to the bank: ask its provider"),
        }
    }
}

async fn store(
    tx: &mut Tx,
    intake: &mut Intake,
    chunk: Vec<Placed<Told>>,
    (source, problems): (Source, &mut Problems),
) -> Result<(), StoreError> {
    let sorted = sorted(chunk);
    let found = [
        intake.movements(tx, &sorted.movements).await?,
        intake.payouts(tx, &sorted.payouts).await?,
        intake.bank_lines(tx, &sorted.bank_lines).await?,
        intake.totals(tx, &sorted.totals).await?,
    ];
    for (places, found) in sorted.places.iter().zip(&found) {
        note(problems, source, places, found);
    }
    Ok(())
}

/// Notes what contradicts, by the lines of a chunk.
fn note(problems: &mut Problems, source: Source, lines: &[Line], found: &[Contradiction]) {
    for contradiction in found {
        let problem = Problem::Rule(Refused(contradiction).to_string());
        let field = match contradiction.why {
            Why::Ahead { is_arrival, .. } => source.dates()[usize::from(is_arrival)],
            _ => "id",
        };
        problems.note(RowProblem { line: lines.get(contradiction.at).copied(), field: Some(field.to_owned()), problem });
    }
}
