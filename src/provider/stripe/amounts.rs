//! Amounts in Stripe's units (F51). They are minor units, as ours are, but for a few currencies whose number of decimals at Stripe is
//! not that of ISO 4217, and for those with three decimals, the last of which must be zero.

use crate::domain::money::{Currency, Money, MoneyError};

/// Decimals at Stripe, where they differ from ISO 4217.
const DECIMALS: &[(&str, u8)] = &[("ISK", 2), ("UGX", 2), ("MGA", 0)];

fn decimals(currency: Currency) -> u8 {
    let listed = DECIMALS.iter().find(|(code, _)| *code == currency.code());
    listed.map_or(currency.exponent(), |(_, decimals)| *decimals)
}

/// A currency as Stripe writes it: `usd`.
///
/// # Errors
/// [`MoneyError`] where it is none.
pub fn currency(code: &str) -> Result<Currency, MoneyError> {
    Currency::parse(&code.to_ascii_uppercase())
}

/// An amount that Stripe tells; `None` where ours cannot be exact.
///
/// ```
/// use kasacare::domain::money::{Currency, Money};
/// use kasacare::provider::stripe::amounts::{from_units, to_units};
/// let krona = Currency::parse("ISK").unwrap();
/// assert_eq!(from_units(129_900, krona), Some(Money::new(1_299, krona)));
/// assert_eq!(from_units(129_950, krona), None);
/// assert_eq!(to_units(Money::new(1_299, krona)), Some(129_900));
/// let dinar = Currency::parse("KWD").unwrap();
/// assert_eq!((to_units(Money::new(3_120, dinar)), to_units(Money::new(3_125, dinar))), (Some(3_120), None));
/// ```
#[must_use]
pub fn from_units(units: i64, currency: Currency) -> Option<Money> {
    let minor = rescaled(units, decimals(currency), currency.exponent())?;
    Some(Money::new(minor, currency))
}

/// An amount as Stripe wants to be told; `None` where it cannot be said exactly.
#[must_use]
pub fn to_units(amount: Money) -> Option<i64> {
    let currency = amount.currency();
    let units = rescaled(amount.minor(), currency.exponent(), decimals(currency))?;
    (decimals(currency) < 3 || units % 10 == 0).then_some(units)
}

fn rescaled(amount: i64, from: u8, to: u8) -> Option<i64> {
    let factor = 10_i64.checked_pow(u32::from(from.abs_diff(to)))?;
    if from <= to { amount.checked_mul(factor) } else { Some(amount / factor).filter(|_| amount % factor == 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_and_what_is_meant_agree() {
        for (code, minor, units) in [
            ("USD", 10_824, 10_824),
            ("JPY", 1_080, 1_080),
            ("ISK", 1_299, 129_900),
            ("UGX", 5, 500),
            ("MGA", 500, 5),
            ("KWD", 3_120, 3_120),
            ("EUR", i64::MAX, i64::MAX),
        ] {
            let amount = Money::new(minor, Currency::parse(code).unwrap());
            assert_eq!(to_units(amount), Some(units), "{code}");
            assert_eq!(from_units(units, amount.currency()), Some(amount), "{code}");
        }
        assert_eq!(to_units(Money::new(501, Currency::parse("MGA").unwrap())), None);
        assert_eq!(to_units(Money::new(i64::MAX, Currency::parse("ISK").unwrap())), None);
        assert_eq!(currency("usd"), Currency::parse("USD"));
        assert!(currency("").is_err());
    }
}
