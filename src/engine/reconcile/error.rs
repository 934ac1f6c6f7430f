//! Why a reconciliation could not run.

use std::io;

use chrono::NaiveDate;

use crate::domain::money::{Currency, MoneyError};
use crate::engine::EngineError;
use crate::engine::settlement::TakingError;
use crate::import::ImportError;
use crate::store::StoreError;
use crate::store::db::DbError;

/// Why a reconciliation could not run.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The store.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The folder for temporary files.
    #[error("the folder for temporary files failed")]
    Disk(#[from] io::Error),
    /// A sum.
    #[error("{what} at {provider} is in {currency} more than 64 bits of minor units hold; nothing was changed")]
    TooLarge {
        /// What was summed, with its day or id.
        what: String,
        /// The provider.
        provider: String,
        /// The currency.
        currency: Currency,
    },
    /// Bad rows of the file that was given.
    #[error(transparent)]
    File(#[from] ImportError),
    /// Amounts that cannot be combined.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Nothing was ever imported of the provider.
    #[error("nothing of provider `{provider}` was imported{}; `kasacare settlement import` takes its files", beside(here))]
    NothingTold {
        /// The provider.
        provider: String,
        /// Of whom something is here.
        here: Vec<String>,
    },
    /// A store has told sums, and no transaction.
    #[error(
        "{totals} totals of {provider} are stored, of {first_on} to {last_on}: they name no transaction, \
         so that nothing of ours can be held against them (settlement list)"
    )]
    TotalsAlone {
        /// The store.
        provider: String,
        /// How many.
        totals: i64,
        /// The first day of theirs.
        first_on: NaiveDate,
        /// The last one.
        last_on: NaiveDate,
    },
    /// There is no such run, break or line.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What was looked for.
        what: &'static str,
        /// Under which id.
        id: String,
    },
    /// A rule says no.
    #[error("{0}")]
    Refused(String),
    /// A stored run that cannot be read.
    #[error("run `{0}` cannot be read")]
    Unreadable(String),
}

fn beside(here: &[String]) -> String {
    if here.is_empty() { String::new() } else { format!(", but of {}", here.join(", ")) }
}

impl From<DbError> for ReconcileError {
    fn from(error: DbError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<TakingError> for ReconcileError {
    fn from(error: TakingError) -> Self {
        match error {
            TakingError::File(error) => Self::File(error),
            TakingError::Engine(error) => Self::Engine(error),
            TakingError::Disk(error) => Self::Disk(error),
            TakingError::Stopped => Self::Disk(io::Error::other(error.to_string())),
        }
    }
}

impl From<StoreError> for ReconcileError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}
