//! Amounts in Stripe's units (F51): minor units, as ours are, but for a few currencies whose number of decimals at Stripe is not that of
//! ISO 4217. What a provider's interface says and what it saves as a file are in the same units.

use crate::domain::money::{Currency, Money};

/// Decimals at Stripe, where they differ from ISO 4217.
const DECIMALS: &[(&str, u8)] = &[("ISK", 2), ("UGX", 2), ("MGA", 0)];

/// With how many decimals Stripe counts a currency.
#[must_use]
pub fn decimals(currency: Currency) -> u8 {
    let listed = DECIMALS.iter().find(|(code, _)| *code == currency.code());
    listed.map_or(currency.exponent(), |(_, decimals)| *decimals)
}

/// An amount that Stripe tells; `None` where ours cannot be exact.
///
/// ```
/// use kasacare::domain::money::{Currency, Money};
/// use kasacare::import::settlement::units::from_units;
/// let krona = Currency::parse("ISK").unwrap();
/// assert_eq!(from_units(129_900, krona), Some(Money::new(1_299, krona)));
/// assert_eq!(from_units(129_950, krona), None);
/// ```
#[must_use]
pub fn from_units(units: i64, currency: Currency) -> Option<Money> {
    let minor = rescaled(units, decimals(currency), currency.exponent())?;
    Some(Money::new(minor, currency))
}

/// The same amount with another number of decimals; `None` where it would not be exact.
#[must_use]
pub fn rescaled(amount: i64, from: u8, to: u8) -> Option<i64> {
    let factor = 10_i64.checked_pow(u32::from(from.abs_diff(to)))?;
    if from <= to { amount.checked_mul(factor) } else { Some(amount / factor).filter(|_| amount % factor == 0) }
}
