//! What an import is, what it has stored, and why it has not taken a row.

use chrono::{DateTime, Days, NaiveDate, Utc};

use crate::domain::money::Money;

/// A row that contradicts what is stored under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contradiction {
    /// Position in the chunk.
    pub at: usize,
    /// What kind of row: `movement`, `payout`, …
    pub what: &'static str,
    /// Its name.
    pub id: String,
    /// What is wrong with it.
    pub why: Why,
}

/// Why a row is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// An earlier import has said something else.
    Differs,
    /// This import has, before.
    Twice,
    /// A payout that was made of its lines has come to the bank as so much.
    OnBank(Option<Money>),
    /// Its day lies too far ahead of the import: nobody can tell of it yet.
    Ahead {
        /// The day.
        on: NaiveDate,
        /// How many days ahead it may be.
        days: u64,
        /// Whether it is the day on which a payout arrives.
        is_arrival: bool,
    },
}

/// How far ahead of an import something may have moved: clocks and zones differ.
const MOVED_AHEAD_DAYS: u64 = 2;
/// How far ahead of an import a payout may arrive, or a store's month may end.
const ARRIVES_AHEAD_DAYS: u64 = 60;

impl Contradiction {
    pub(super) fn new(at: usize, what: &'static str, id: &str, is_of_this: bool) -> Self {
        Self { at, what, id: id.to_owned(), why: if is_of_this { Why::Twice } else { Why::Differs } }
    }
}

/// How many rows were new, by kind, and how many were there before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// New movements.
    pub movements: u64,
    /// New payouts.
    pub payouts: u64,
    /// New lines of bank accounts.
    pub bank_lines: u64,
    /// New totals.
    pub totals: u64,
    /// Movements whose payout was not known before.
    pub payout_lines: u64,
    /// Rows that were stored before.
    pub known: u64,
}

impl Stored {
    /// All that is new.
    #[must_use]
    pub const fn new_rows(&self) -> u64 {
        self.movements + self.payouts + self.bank_lines + self.totals
    }
}

/// What an import is: who takes what from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Whose side it is: `stripe`, …; `bank` for statements.
    pub provider: String,
    /// What kind of file, or how else it was learnt.
    pub source: String,
    /// What the file is called.
    pub name: String,
    /// Who takes it.
    pub actor: String,
    /// Now.
    pub at: DateTime<Utc>,
}

impl Import {
    /// Whether a day lies too far ahead for anybody to tell of it.
    pub(super) fn ahead(&self, on: NaiveDate, is_arrival: bool) -> Option<Why> {
        let days = if is_arrival { ARRIVES_AHEAD_DAYS } else { MOVED_AHEAD_DAYS };
        let last = self.at.date_naive().checked_add_days(Days::new(days))?;
        (on > last).then_some(Why::Ahead { on, days, is_arrival })
    }
}
