//! Events as they come in.

use std::fmt;

use chrono::{DateTime, Utc};

use super::INBOX;
use crate::store::StoreError;
use crate::store::db::{Autocommit, Columns, Tx};

/// How an event came to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The provider sent it.
    Webhook,
    /// It was found in the provider's list.
    Poll,
}

impl Source {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Poll => "poll",
        }
    }
}

/// An event to be stored. `Debug` shows nothing of its body (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Who sent it.
    pub provider: &'static str,
    /// The provider's id of it; what has none is known by the digest of its body.
    pub event: String,
    /// The provider's word for what it tells.
    pub kind: String,
    /// How it came.
    pub source: Source,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// What came, byte for byte.
    pub body: Vec<u8>,
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arrival")
            .field("event", &self.event)
            .field("kind", &self.kind)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Stores events, each once: one that is there already stays as it is. Gives how many were new.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn receive(tx: &mut Tx, arrivals: &[Arrival]) -> Result<u64, StoreError> {
    Ok(tx.insert_rows_ignoring_conflicts(&rows(arrivals)).await?)
}

/// The same, as a transaction of its own.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn receive_at_once(writer: &Autocommit, arrivals: &[Arrival]) -> Result<u64, StoreError> {
    Ok(writer.insert_rows_ignoring_conflicts(&rows(arrivals)).await?)
}

fn rows(arrivals: &[Arrival]) -> Columns {
    let mut rows = Columns::of(&INBOX);
    for arrival in arrivals {
        let at = arrival.received_at.timestamp_micros();
        // PostgreSQL takes no zero in a text.
        let text = std::str::from_utf8(&arrival.body).ok().filter(|text| !text.contains('\0'));
        let row = &mut rows.row();
        row.text(arrival.provider).text(&arrival.event).text(&arrival.kind).text(arrival.source.as_str()).int(at).int(at);
        match text {
            Some(text) => row.text("utf8").text(text),
            None => row.text("hex").text(&hex(&arrival.body)),
        };
    }
    rows
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len().saturating_mul(2)), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
