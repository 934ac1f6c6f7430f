//! What the engine can answer instead of doing what it was asked.

use chrono::{DateTime, Utc};

use crate::domain::change::Refusal;
use crate::store::StoreError;
use crate::store::db::{DbError, Retryable};

/// An error of the engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    /// The rules say no; nothing has changed.
    #[error("{refusal}")]
    Refused {
        /// The account.
        account: String,
        /// What the rules say.
        refusal: Refusal,
    },
    /// There is no such account.
    #[error("there is no account `{0}`")]
    NoAccount(String),
    /// The caller's id of a request was used for another command before (F13).
    #[error("request `{request}` was a {before} on {on} before; a new request needs a new id")]
    RequestReused {
        /// `account us`, or `the prices`.
        on: String,
        /// The id.
        request: String,
        /// What was done under it, and what else tells the two apart.
        before: String,
    },
    /// The command's time lies before what the account has recorded.
    #[error(
        "account {account} was last decided on at {last}, and {now} lies before that day: what was reported of it would change; \
         take --as-of {} or later", last.date_naive()
    )]
    Backdated {
        /// The account.
        account: String,
        /// The command's time.
        now: DateTime<Utc>,
        /// The last decision's.
        last: DateTime<Utc>,
    },
    /// The jobs' time lies before what was decided.
    #[error(
        "something was decided at {last} already (account {account}), and {now} lies before that day: the jobs would date decisions \
         before it; take --as-of {} or later", last.date_naive()
    )]
    RunBackdated {
        /// The account that was decided on last.
        account: String,
        /// The run's time.
        now: DateTime<Utc>,
        /// The last decision's.
        last: DateTime<Utc>,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EngineError {
    /// Whether it is the database's surroundings that failed, and work that is tried later may well succeed (F19).
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(
            self,
            Self::Store(StoreError::Db(
                DbError::ConnectionLost
                    | DbError::CommitUnknown
                    | DbError::NoConnection
                    | DbError::Unreachable { .. }
                    | DbError::DiskFull
                    | DbError::Busy
            ))
        )
    }
}

impl From<DbError> for EngineError {
    fn from(error: DbError) -> Self {
        Self::Store(StoreError::Db(error))
    }
}

impl Retryable for EngineError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Refused { .. } | Self::NoAccount(_) | Self::RequestReused { .. } | Self::Backdated { .. } | Self::RunBackdated { .. } => {
                false
            }
        }
    }
}
