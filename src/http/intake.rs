//! Storing what came in: one writer, so that events which arrive together share one commit. Each is answered after its own, and not
//! before (I15).
//!
//! What waits is bounded by the connections, each of which has one request at a time. Nobody waits for ever: who has waited too
//! long is told that the event was not stored. It may be, later; then it is there once, and sending it again changes nothing.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Metrics;
use crate::clock::{wall_micros, wall_seconds_since};
use crate::store::StoreError;
use crate::store::db::{Autocommit, Db, Retryable};
use crate::store::inbox::{self, Arrival};

/// Most events in one commit.
pub const COMMIT_MAX: usize = 256;

/// Why an event was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntakeError {
    /// The database did not take it in time.
    #[error("the database did not take the event in time")]
    TooSlow,
    /// The database refused it.
    #[error("the database did not take the event")]
    Refused,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// An event, and who waits for it.
#[derive(Debug)]
struct Waiting {
    arrival: Arrival,
    stored: oneshot::Sender<bool>,
}

/// Where events are handed in. Clones hand in to the same writer.
#[derive(Debug, Clone)]
pub struct Intake {
    queue: mpsc::Sender<Waiting>,
    patience: Duration,
}

/// The writer at work.
#[derive(Debug)]
pub struct Writer(JoinHandle<()>);

impl Writer {
    /// Waits until everything that was handed in is written; all [`Intake`]s must be gone.
    pub async fn finished(self) {
        // A writer that panicked has said so.
        drop(self.0.await);
    }
}

impl Intake {
    /// Starts the writer. `room` is how many events may wait, `patience` how long each does.
    #[must_use]
    pub fn start(db: Db, metrics: Metrics, room: usize, patience: Duration) -> (Self, Writer) {
        let (queue, waiting) = mpsc::channel(room.max(1));
        let writer = tokio::spawn(write(db, metrics, waiting));
        (Self { queue, patience }, Writer(writer))
    }

    /// Has an event stored, and waits until it is durable.
    ///
    /// # Errors
    /// [`IntakeError`]: it may or may not be stored, and has to be sent again.
    pub async fn store(&self, arrival: Arrival) -> Result<(), IntakeError> {
        let (stored, answer) = oneshot::channel();
        // The sender waits for room as well as for the commit.
        let handed_in = async {
            self.queue.send(Waiting { arrival, stored }).await.map_err(|_| IntakeError::Stopping)?;
            answer.await.map_err(|_| IntakeError::Stopping)
        };
        match tokio::time::timeout(self.patience, handed_in).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(IntakeError::Refused),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(IntakeError::TooSlow),
        }
    }
}

/// Writes what waits, commit after commit, until nobody can hand in any more.
async fn write(db: Db, metrics: Metrics, mut queue: mpsc::Receiver<Waiting>) {
    let writer = Autocommit::on(db);
    let mut batch = Vec::with_capacity(COMMIT_MAX);
    while queue.recv_many(&mut batch, COMMIT_MAX).await > 0 {
        // Who gave up has told the provider so: it comes again.
        batch.retain(|waiting: &Waiting| !waiting.stored.is_closed());
        let (arrivals, answers): (Vec<Arrival>, Vec<oneshot::Sender<bool>>) =
            batch.drain(..).map(|waiting| (waiting.arrival, waiting.stored)).unzip();
        if arrivals.is_empty() {
            continue;
        }
        let began = wall_micros();
        let done = store_all(&writer, arrivals).await;
        metrics.committed(&done, wall_seconds_since(began));
        for (answer, stored) in answers.into_iter().zip(done.stored) {
            // Whoever gave up meanwhile is not told.
            let _ = answer.send(stored);
        }
    }
}

/// What came of a batch.
#[derive(Debug, Default)]
pub(super) struct Committed {
    /// Whether each is stored.
    pub(super) stored: Vec<bool>,
    /// How many were not there before.
    pub(super) new: u64,
}

/// Stores a batch in one transaction; if that is refused, each event by itself, so that one cannot keep the others out (F48).
async fn store_all(writer: &Autocommit, arrivals: Vec<Arrival>) -> Committed {
    match inbox::receive_at_once(writer, &arrivals).await {
        Ok(new) => Committed { stored: vec![true; arrivals.len()], new },
        Err(error) if is_environment(&error) || arrivals.len() == 1 => {
            tracing::error!(error = %error, events = arrivals.len(), "webhooks could not be stored; their senders are told");
            Committed { stored: vec![false; arrivals.len()], new: 0 }
        }
        Err(error) => {
            tracing::warn!(error = %error, events = arrivals.len(), "a batch of webhooks was refused; each is stored by itself");
            let mut done = Committed::default();
            for arrival in &arrivals {
                let stored = inbox::receive_at_once(writer, std::slice::from_ref(arrival)).await;
                if let Err(error) = &stored {
                    tracing::error!(error = %error, event = arrival.event, "a webhook could not be stored; its sender is told");
                }
                done.new = done.new.saturating_add(*stored.as_ref().unwrap_or(&0));
                done.stored.push(stored.is_ok());
            }
            done
        }
    }
}

/// Whether the fault is not that of one event.
fn is_environment(error: &StoreError) -> bool {
    matches!(error, StoreError::Db(error) if error.is_environment()) || error.is_retryable()
}
