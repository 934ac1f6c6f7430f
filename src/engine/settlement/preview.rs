//! A settlement file that is looked at and not taken: read and checked by what takes it, against what is stored, while nothing is written.

use std::io::{self, Read};

use chrono::{DateTime, Utc};
use tokio::sync::mpsc;

use super::{Kinds, SettlementFile, TakingError, note, read_in_chunks, sorted};
use crate::domain::settlement::Movement;
use crate::import::settlement::ReadFile;
use crate::import::{Problem, Problems, RowProblem};
use crate::store::StoreError;
use crate::store::db::Tx;
use crate::store::settlement::{Fresh, Import, Preview};

/// Chunks that a reader may be ahead.
const CHUNKS_AHEAD: usize = 2;

/// A file that somebody looks at.
pub struct Given {
    /// What it is.
    pub file: SettlementFile,
    /// Its bytes.
    pub input: Box<dyn Read + Send>,
}

/// What was seen.
#[derive(Debug)]
pub struct Seen {
    /// Rows in the file.
    pub rows: u64,
    /// SHA-256 of the file.
    pub digest: String,
    /// What it would add to what is stored, besides its movements.
    pub fresh: Fresh,
}

/// Looks at a provider's file. `each` gets every movement that is not stored.
///
/// # Errors
/// [`TakingError::File`] with every bad row.
pub async fn look(
    tx: &mut Tx,
    (provider, at): (&str, DateTime<Utc>),
    given: Given,
    mut each: impl FnMut(&Movement) -> io::Result<()>,
) -> Result<Seen, TakingError> {
    let Given { file, input } = given;
    let SettlementFile { name, reading, .. } = file;
    let mut problems = Problems::new(&name);
    let source = reading.source;
    let import = Import { provider: provider.to_owned(), source: source.name().to_owned(), name: name.clone(), actor: String::new(), at };
    let mut preview = Preview::begin(tx, import, source.tells_each_once()).await?;
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    let reader = tokio::task::spawn_blocking(move || read_in_chunks(&name, &reading, input, &sender));
    while let Some(chunk) = chunks.recv().await {
        let Kinds { movements, payouts, again, places: [of_movements, of_payouts, ..], .. } = sorted(chunk);
        let (found, new) = match preview.movements(tx, &movements, &again).await {
            // It is about the file, as where one is taken.
            Err(refused @ StoreError::AnotherProvider { .. }) => {
                problems.note(RowProblem::of_file(Problem::Rule(refused.to_string())));
                break;
            }
            looked => looked?,
        };
        note(&mut problems, source, &of_movements, &found);
        for at in new {
            movements.get(at).map_or(Ok(()), |(_, movement)| each(movement))?;
        }
        note(&mut problems, source, &of_payouts, &preview.payouts(tx, payouts).await?);
    }
    drop(chunks);
    let ReadFile { rows, problems: of_file, digest, .. } = reader.await.map_err(|_| TakingError::Stopped)?;
    let (contradictions, made, fresh) = preview.finish(tx).await?;
    for (line, contradiction) in contradictions {
        note(&mut problems, source, &[line.into()], &[contradiction]);
    }
    of_file.absorb(problems).finish()?;
    made.iter().try_for_each(each)?;
    Ok(Seen { rows, digest, fresh })
}
