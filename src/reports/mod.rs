//! Reports: read-only queries that become plain structs, which become tables, JSON, CSV and journals.
//!
//! A report reads in one read transaction, so that all of it is the state of one moment; it takes no locks and never holds up
//! the jobs. Large results are streamed.

pub mod account;
mod accrued;
mod chart;
pub mod check;
mod error;
pub mod explain;
pub mod journal;
pub mod sheet;
mod stored;
mod sums;
pub mod trial_balance;

pub use error::ReportError;

use crate::store::db::Sql;

/// Every statement of the reports, for the test that prepares them all on both databases.
pub const STATEMENTS: &[&[(&str, Sql)]] = &[
    stored::STATEMENTS,
    check::STATEMENTS,
    check::GLOBAL_STATEMENTS,
    check::PROVIDER_STATEMENTS,
    check::SETTLEMENT_STATEMENTS,
    account::STATEMENTS,
    accrued::STATEMENTS,
    explain::STATEMENTS,
    explain::FIND_STATEMENTS,
    journal::STATEMENTS,
    journal::FACT_STATEMENTS,
    trial_balance::STATEMENTS,
];
