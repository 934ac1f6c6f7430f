//! Sums of postings that no number of rows and no amount makes too large for the database.
//!
//! Both databases refuse a sum of more than 64 bits, and one such row would take every report with it. So a statement sums the two
//! halves of each amount: `sum(amount_minor / 4294967296)` and `sum(amount_minor % 4294967296)`. Both databases divide towards zero,
//! so that the halves have one sign and make the amount again.

use super::error::ReportError;
use crate::domain::money::{Currency, Money};
use crate::store::db::{DbError, Row};

/// The sum whose upper half is at a position and whose lower half is at the next one.
pub(super) fn exact(row: &Row, at: usize) -> Result<i128, DbError> {
    Ok(i128::from(row.int_at(at)?) * (1 << 32) + i128::from(row.int_at(at + 1)?))
}

/// A sum as an amount; `what` says whose it is where it does not fit.
pub(super) fn fitting(exact: i128, what: impl FnOnce() -> String, currency: Currency) -> Result<Money, ReportError> {
    let minor = i64::try_from(exact).map_err(|_| ReportError::SumTooLarge { what: what(), currency })?;
    Ok(Money::new(minor, currency))
}
