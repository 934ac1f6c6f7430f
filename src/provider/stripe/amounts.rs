//! Amounts in Stripe's units (F51), as its files have them, too. Of currencies with three decimals, the last must be zero in what we ask for.

use crate::domain::money::{Currency, Money, MoneyError};
use crate::import::settlement::units::{decimals, rescaled};

pub use crate::import::settlement::units::from_units;

/// A currency as Stripe writes it: `usd`.
///
/// # Errors
/// [`MoneyError`] where it is none.
pub fn currency(code: &str) -> Result<Currency, MoneyError> {
    Currency::parse(&code.to_ascii_uppercase())
}

/// An amount as Stripe wants to be told; `None` where it cannot be said exactly.
///
/// ```
/// use kasacare::domain::money::{Currency, Money};
/// use kasacare::provider::stripe::amounts::to_units;
/// let krona = Currency::parse("ISK").unwrap();
/// assert_eq!(to_units(Money::new(1_299, krona)), Some(129_900));
/// let dinar = Currency::parse("KWD").unwrap();
/// assert_eq!((to_units(Money::new(3_120, dinar)), to_units(Money::new(3_125, dinar))), (Some(3_120), None));
/// ```
#[must_use]
pub fn to_units(amount: Money) -> Option<i64> {
    let currency = amount.currency();
    let units = rescaled(amount.minor(), currency.exponent(), decimals(currency))?;
    (decimals(currency) < 3 || units % 10 == 0).then_some(units)
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
