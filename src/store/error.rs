//! What can go wrong between the rows and the domain.

use chrono::{DateTime, Utc};

use super::db::{DbError, Retryable};
use crate::domain::money::Currency;

/// An error of the store. Carries names and ids, never amounts, addresses or other data of customers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error(transparent)]
    Db(#[from] DbError),
    /// A stored row that the program did not write, or that somebody damaged (PV-8: its account is to be parked).
    #[error("{table} row {id}: column {column} {problem}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The row's key, its parts joined by `/`; the account's id comes first.
        id: String,
        /// The column.
        column: &'static str,
        /// What is wrong with it, without the value.
        problem: &'static str,
    },
    /// Somebody else changed the account since it was loaded. Nothing has happened: load and plan again.
    #[error("account {} was changed by somebody else; load it again", shown(account.as_ref()))]
    Conflict {
        /// The account, where a single one was saved.
        account: Option<String>,
    },
    /// The journal has a record for this cause: what was asked for was done before, and is not done again (F13, F21).
    #[error("{} was done before on account {}", shown(cause.as_ref()), shown(account.as_ref()))]
    AlreadyDone {
        /// The account, where a single change was saved.
        account: Option<String>,
        /// The cause, where a single change was saved.
        cause: Option<String>,
    },
    /// MO-3: the code was redeemed as often as allowed.
    #[error("promotion `{code}` was used as often as allowed (MO-3)")]
    PromotionUsedUp {
        /// The code.
        code: String,
    },
    /// The promotion is not in the database.
    #[error("promotion `{code}` is not known; import it")]
    NoPromotion {
        /// The code.
        code: String,
    },
    /// MO-1: an amount in another currency than the account's, which a row could not tell.
    #[error("account {account} is billed in {expected}; a row of {table} is in {found} (MO-1)")]
    Currency {
        /// The account.
        account: String,
        /// The table.
        table: &'static str,
        /// The account's currency.
        expected: Currency,
        /// The amount's.
        found: Currency,
    },
    /// A number of the domain does not fit the column, or a row would vanish: a mistake of the program.
    #[error("a row of {table} for account {account} cannot be stored: {problem}")]
    Unstorable {
        /// The account.
        account: String,
        /// The table.
        table: &'static str,
        /// Why not.
        problem: &'static str,
    },
    /// A sum of what a provider has told that does not fit 64 bits. Nothing was stored.
    #[error("{what} at {provider} is in {currency} more than 64 bits of minor units hold; nothing was changed")]
    SumTooLarge {
        /// What was summed, with its day or id.
        what: String,
        /// The provider.
        provider: String,
        /// The currency.
        currency: Currency,
    },
    /// The money of another provider is in the books, which do not tell whose charges are whose. Nothing was stored.
    #[error(
        "this database holds the money of {held}; did you mean --provider {held}? The books do not tell whose charges are whose, \
         so that what is of {provider} needs a database of its own"
    )]
    AnotherProvider {
        /// Whose movements came.
        provider: String,
        /// Whose are here.
        held: String,
    },
    /// An instant that lies before the day of what is recorded already. Nothing was stored.
    #[error("{what} at {last}, and {now} lies before that day: what was reported of it would change; take --as-of {} or later", last.date_naive())]
    Backdated {
        /// What was recorded.
        what: String,
        /// The instant.
        now: DateTime<Utc>,
        /// That of what is recorded.
        last: DateTime<Utc>,
    },
    /// A record for the journal cannot be written as JSON.
    #[error("the record of account {account} cannot be written as JSON (line {line}, column {column})")]
    Json {
        /// The account.
        account: String,
        /// Where.
        line: usize,
        /// Where.
        column: usize,
    },
    /// Documents cannot be numbered and nothing can be billed: there is no catalog yet.
    #[error("there is no catalog: run `kasacare import catalog` first")]
    NoCatalog,
    /// A version is stored already, with other content. Versions never change: give the new content a new name.
    #[error("{what} `{name}` is stored already with another {field}; what is stored never changes, use a new name")]
    VersionDiffers {
        /// `price version`, `terms version`, …
        what: &'static str,
        /// Its name.
        name: String,
        /// The first field that differs.
        field: String,
    },
}

fn shown(id: Option<&String>) -> &str {
    id.map_or("(one of several)", String::as_str)
}

impl Retryable for StoreError {
    fn is_retryable(&self) -> bool {
        match self {
            Self::Db(error) => error.is_retryable(),
            Self::Conflict { .. } => true,
            _ => false,
        }
    }
}
