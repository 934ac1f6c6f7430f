//! Reports: read-only queries that become plain structs, which become tables, JSON, CSV and journals.
//!
//! A report reads in one read transaction (a pack in several that see the same), so that all of it is the state of one moment; it takes
//! no locks and never holds up the jobs. Large results are streamed.

/// A condition: the posting `p` was recorded by the instant of a parameter, in microseconds. With the largest of all numbers
/// nothing is looked up.
macro_rules! known {
    ($parameter:literal) => {
        concat!(
            "(",
            $parameter,
            " = 9223372036854775807 or exists (select 1 from journal known where known.account_id = p.account_id \
             and known.seq = p.seq and known.posted_at <= ",
            $parameter,
            "))"
        )
    };
}

/// What separates the parts of a text that a statement puts together; see [`SEPARATOR`].
macro_rules! then {
    () => {
        " || '\u{1f}' || "
    };
}

pub mod account;
mod accrued;
mod cards;
mod chart;
pub mod check;
pub mod closing;
mod error;
pub mod explain;
pub mod finance;
pub mod journal;
mod memo;
mod moves;
pub mod pack;
mod parts;
pub mod sheet;
mod shelf;
mod stored;
mod sums;
pub mod trial_balance;

pub use chart::neutral;
pub use error::ReportError;
pub use memo::Memo;

use chrono::{DateTime, Utc};

use crate::store::db::Sql;

/// A knowledge cut-off in microseconds; the largest of all numbers where there is none, with which nothing is looked up.
fn known_until(known_at: Option<DateTime<Utc>>) -> i64 {
    known_at.map_or(i64::MAX, |at| at.timestamp_micros())
}

/// What separates the parts of a text that a statement puts together: what a row costs counts more than what is in it. No id has it, and
/// where another text does, there are more parts than were asked for.
const SEPARATOR: char = '\u{1f}';

/// Every statement of the reports, for the test that prepares them all on both databases.
pub const STATEMENTS: &[&[(&str, Sql)]] = &[
    stored::STATEMENTS,
    check::STATEMENTS,
    check::GLOBAL_STATEMENTS,
    check::PROVIDER_STATEMENTS,
    check::SETTLEMENT_STATEMENTS,
    closing::STATEMENTS,
    account::STATEMENTS,
    accrued::STATEMENTS,
    cards::STATEMENTS,
    explain::STATEMENTS,
    explain::FIND_STATEMENTS,
    journal::LEG_STATEMENTS,
    memo::STATEMENTS,
    moves::STATEMENTS,
    pack::STATEMENTS,
    parts::STATEMENTS,
    journal::FACT_STATEMENTS,
    trial_balance::STATEMENTS,
];
