//! Sums of the books as amounts; how they are summed is told in [`crate::store::sums`].

use super::error::ReportError;
use crate::domain::money::{Currency, Money};
pub(super) use crate::store::sums::exact;

/// A sum as an amount; `what` says whose it is where it does not fit.
pub(super) fn fitting(exact: i128, what: impl FnOnce() -> String, currency: Currency) -> Result<Money, ReportError> {
    let minor = i64::try_from(exact).map_err(|_| ReportError::SumTooLarge { what: what(), currency })?;
    Ok(Money::new(minor, currency))
}
