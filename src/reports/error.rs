//! Why a report could not be made.

use std::io;
use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use crate::domain::money::{Currency, MoneyError};
use crate::store::StoreError;
use crate::store::db::DbError;

/// An error of a report. Nothing was changed; reports change nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database, or a row that cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sum that cannot be made.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A sum of the books that does not fit 64 bits.
    #[error("what stands on {what} in {currency} is more than 64 bits of minor units hold; `kasacare journal --format csv` has each leg")]
    SumTooLarge {
        /// The ledger account, or whatever was summed.
        what: String,
        /// The currency.
        currency: Currency,
    },
    /// The output broke off.
    #[error("cannot write the output")]
    Write(#[from] io::Error),
    /// Something else is where a folder is to be written.
    #[error("{} is there already, with other things in it than a pack; name another folder, or empty it", path.display())]
    Taken {
        /// The place.
        path: PathBuf,
    },
    /// There is no such thing.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// `account`, `journal record`, …
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// Several accounts have something of that name.
    #[error("several accounts have `{id}`; name one with --account")]
    Ambiguous {
        /// What was asked for.
        id: String,
    },
    /// A journal record is not JSON of the expected shape.
    #[error("journal record {account}/{seq} cannot be read (line {line}, column {column})")]
    UnreadableRecord {
        /// The account.
        account: String,
        /// Number of the record.
        seq: i64,
        /// Where reading stopped.
        line: usize,
        /// Where reading stopped.
        column: usize,
    },
    /// A report told something that its own section has no place for: a mistake of the program.
    #[error("section {section} of the report is wrong: {problem}")]
    Shape {
        /// The section.
        section: &'static str,
        /// What is wrong.
        problem: &'static str,
    },
    /// A range of more months than a table can have rows.
    #[error("from {from} to {to} are more than {max} months; ask for fewer with --from and --to")]
    TooLong {
        /// First date.
        from: NaiveDate,
        /// Last date.
        to: NaiveDate,
        /// How many there may be.
        max: usize,
    },
    /// A day of which nothing can be known yet.
    #[error("{day} lies ahead: nothing is known after {last}; what is to come is in renewals-ahead")]
    NotYet {
        /// The day.
        day: NaiveDate,
        /// The last day that can be asked about.
        last: NaiveDate,
    },
    /// A cut-off up to which not everything has been recorded yet: asked again later, the figures would be others.
    #[error("the cut-off {at} lies ahead: what is recorded by then is not known yet; leave --known-at out, or name an instant up to {now}", at = written(at), now = written(now))]
    CutOffAhead {
        /// The cut-off.
        at: DateTime<Utc>,
        /// What it is now.
        now: DateTime<Utc>,
    },
    /// The pack of another month is where one is to be written.
    #[error("{} has the pack of another month; name another folder, or delete it", path.display())]
    OtherMonth {
        /// The place.
        path: PathBuf,
    },
    /// A part of the work ended before it was done.
    #[error("the report was stopped before it was complete")]
    Stopped,
}

fn written(at: &DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

impl From<DbError> for ReportError {
    fn from(error: DbError) -> Self {
        Self::Store(StoreError::Db(error))
    }
}
