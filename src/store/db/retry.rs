//! Work that is cut off from its caller, and work that is run again when it clashed with other work.

use std::future::Future;
use std::time::Duration;

use tracing::Instrument;

use super::connect::Db;
use super::error::DbError;

/// How often a transaction is run again at most.
pub const RETRIES_MAX: u32 = 5;

/// How long the first run again waits; each later one waits twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// Errors that know whether the whole transaction may simply be run again; see [`Db::retrying`].
pub trait Retryable {
    /// Whether nothing has happened, and the same work may well succeed when it is run again.
    fn is_retryable(&self) -> bool;
}

impl Retryable for DbError {
    fn is_retryable(&self) -> bool {
        Self::is_retryable(self)
    }
}

impl Db {
    /// Runs work in a task of its own and waits for it. If the caller is dropped meanwhile, the work still goes on to its end.
    ///
    /// This is for every place whose future may be dropped: request handlers, whatever is under a timeout or in a `select!`. A
    /// database future that is dropped half way has been seen to leave a transaction open in the pool, and what others then
    /// wrote through that connection was acknowledged and lost (F22).
    ///
    /// # Errors
    /// What the work returns; [`DbError::Stopped`] if the program ends before the work does.
    ///
    /// # Panics
    /// If the work panics.
    pub async fn spawned<T, E, W>(&self, work: impl FnOnce(Db) -> W) -> Result<T, E>
    where
        W: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<DbError> + Send + 'static,
    {
        match tokio::spawn(work(self.clone()).in_current_span()).await {
            Ok(outcome) => outcome,
            Err(ended) => match ended.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(DbError::Stopped.into()),
            },
        }
    }

    /// Runs work again from its beginning for as long as it fails with an error that is [`Retryable`], at most [`RETRIES_MAX`]
    /// times. The work opens and commits its transaction itself, and calls nobody outside of the database (F23, I13).
    ///
    /// # Errors
    /// What the last run returned.
    pub async fn retrying<T, E, W>(&self, mut work: impl FnMut() -> W) -> Result<T, E>
    where
        W: Future<Output = Result<T, E>>,
        E: Retryable,
    {
        let mut pause = FIRST_PAUSE;
        for _ in 0..RETRIES_MAX {
            match work().await {
                Err(error) if error.is_retryable() => {
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                outcome => return outcome,
            }
        }
        work().await
    }
}
