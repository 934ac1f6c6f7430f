//! Sums that no number of rows and no amount makes too large for the database.
//!
//! Both databases refuse a sum of more than 64 bits, and one such row would take every report with it. So a statement sums the two
//! halves of each amount: `sum(amount_minor / 4294967296)` and `sum(amount_minor % 4294967296)`. Both databases divide towards zero,
//! so that the halves have one sign and make the amount again.

use super::db::{DbError, Row};

/// Two columns, `high` and `low`: the sum of an amount in halves; see [`exact`]. Where a statement has several sums, each has a prefix.
macro_rules! halves {
    ($amount:expr) => {
        halves!("", $amount)
    };
    ($prefix:literal, $amount:expr) => {
        concat!(
            "cast(sum(",
            $amount,
            " / 4294967296) as bigint) as ",
            $prefix,
            "high, cast(sum(",
            $amount,
            " % 4294967296) as bigint) as ",
            $prefix,
            "low"
        )
    };
}

/// The sum whose upper half is at a position and whose lower half is at the next one.
///
/// # Errors
/// [`DbError::Corrupt`] where there are no two numbers.
pub fn exact(row: &Row, at: usize) -> Result<i128, DbError> {
    Ok(i128::from(row.int_at(at)?) * (1 << 32) + i128::from(row.int_at(at + 1)?))
}
