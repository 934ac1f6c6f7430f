//! Sums that no number of rows and no amount makes too large for the database.
//!
//! A sum of more than 64 bits must not take every report with it, so a statement gives each sum in two halves. What they are made of is the
//! databases' own: the marks `{high:…}` and `{low:…}` of [`Sql`](super::db::Sql). Both divide towards zero, so that the halves have one
//! sign and make the sum again.

use super::db::{DbError, Row};

/// Two columns, `high` and `low`: the sum of an amount in halves; see [`exact`]. Where a statement has several sums, each has a prefix.
macro_rules! halves {
    ($amount:expr) => {
        halves!("", $amount)
    };
    ($prefix:literal, $amount:expr) => {
        concat!("{high:", $amount, "} as ", $prefix, "high, {low:", $amount, "} as ", $prefix, "low")
    };
}

/// The sum whose upper half is at a position and whose lower half is at the next one.
///
/// # Errors
/// [`DbError::Corrupt`] where there are no two numbers.
pub fn exact(row: &Row, at: usize) -> Result<i128, DbError> {
    Ok(i128::from(row.int_at(at)?) * (1 << 32) + i128::from(row.int_at(at + 1)?))
}
