//! What a provider's list of movements on our balance is made of, as it comes: the rows in the provider's own words, which the reader of its
//! settlement files understands as well. So a movement is the same, whether a file or the list has brought it.

use std::fmt;

use chrono::{DateTime, Utc};

/// From an instant on until before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub from: DateTime<Utc>,
    /// The first one after it.
    pub until: DateTime<Utc>,
}

/// One row of the list. `Debug` shows nothing of its text (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct MovementRow {
    /// The provider's id of the movement; a digest of the row where that has none.
    pub id: String,
    /// Whether it has one.
    pub has_id: bool,
    /// The row, byte for byte, on one line.
    pub text: String,
}

impl fmt::Debug for MovementRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MovementRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A page of the list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MovementPage {
    /// The rows, oldest first.
    pub rows: Vec<MovementRow>,
    /// When the newest of them was made, by the provider's clock.
    pub newest: Option<DateTime<Utc>>,
    /// What to ask for the next page with; nothing where this is the last.
    pub next: Option<String>,
}
