//! MO: money is an integer count of minor units and an ISO 4217 currency.
//!
//! Nothing here rounds silently: the only division is [`Money::share`] (half up, a tie away from zero) and the only
//! product with a rate is [`Rate::of`] (half up). Sums of two currencies are a typed error (MO-1).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why an amount cannot be made or combined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The code is not an active ISO 4217 currency.
    #[error("`{0}` is not an ISO 4217 currency code")]
    UnknownCurrency(String),
    /// MO-1: two currencies never mix in one sum.
    #[error("{left} and {right} cannot be combined: amounts of two currencies never mix")]
    CurrencyMismatch {
        /// Currency of the left operand.
        left: Currency,
        /// Currency of the right operand.
        right: Currency,
    },
    /// The result does not fit 64 bits of minor units.
    #[error("the amount is too large: it does not fit 64 bits of minor units")]
    Overflow,
    /// The text is not a plain decimal number.
    #[error("`{0}` is not a decimal amount")]
    NotANumber(String),
    /// The text does not have exactly the currency's number of decimals.
    #[error("`{text}` must have exactly {expected} decimals in {currency}")]
    Decimals {
        /// The text as given.
        text: String,
        /// The currency's exponent (ISO 4217).
        expected: u8,
        /// The currency.
        currency: Currency,
    },
    /// A share of zero parts.
    #[error("an amount cannot be divided into zero parts")]
    DivisionByZero,
    /// The text is not a rate between 0 and 10 with at most nine decimals.
    #[error("`{0}` is not a rate from 0 to 10 with at most nine decimals")]
    BadRate(String),
}

const TWO_DECIMALS: &str = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP \
CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP \
LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD \
SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VES WST XCD YER ZAR ZMW ZWG";
const NO_DECIMALS: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
const THREE_DECIMALS: &str = "BHD IQD JOD KWD LYD OMR TND";

/// An active ISO 4217 currency with its number of decimals.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    /// Three letters and the number of decimals, in one word: every sum compares two of these (P15).
    word: [u8; 4],
}

impl Currency {
    /// Parses an upper-case ISO 4217 code.
    ///
    /// ```
    /// use kasacare::domain::money::Currency;
    /// assert_eq!(Currency::parse("JPY").unwrap().exponent(), 0);
    /// assert!(Currency::parse("usd").is_err());
    /// ```
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let unknown = || MoneyError::UnknownCurrency(code.chars().take(16).collect());
        let [first, second, third] = code.as_bytes().try_into().map_err(|_| unknown())?;
        let listed = |list: &str| list.split(' ').any(|listed| listed == code);
        let exponent = match code {
            "USD" | "EUR" | "GBP" => 2,
            _ if listed(TWO_DECIMALS) => 2,
            _ if listed(NO_DECIMALS) => 0,
            _ if listed(THREE_DECIMALS) => 3,
            _ => return Err(unknown()),
        };
        Ok(Self { word: [first, second, third, exponent] })
    }

    /// The three-letter code.
    #[must_use]
    pub fn code(&self) -> &str {
        self.word.first_chunk::<3>().and_then(|letters| std::str::from_utf8(letters).ok()).unwrap_or("???")
    }

    /// Number of decimals of the major unit: 2 for USD, 0 for JPY, 3 for KWD.
    #[must_use]
    pub const fn exponent(self) -> u8 {
        let [_, _, _, exponent] = self.word;
        exponent
    }

    /// Minor units in one major unit.
    #[must_use]
    pub fn scale(self) -> i64 {
        10_i64.pow(u32::from(self.exponent()))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        Self::parse(text)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&code).map_err(serde::de::Error::custom)
    }
}

/// An exact amount: minor units of one currency. May be negative where the name of the field says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `minor` minor units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// Minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// True for an amount of zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// True for an amount above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// True for an amount below zero.
    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.minor < 0
    }

    fn same(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch { left: self.currency, right: other.currency })
        }
    }

    /// Sum; errors on two currencies (MO-1) and on overflow.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        self.minor.checked_add(other.minor).map(|minor| Self { minor, ..self }).ok_or(MoneyError::Overflow)
    }

    /// Difference; errors on two currencies (MO-1) and on overflow.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        self.minor.checked_sub(other.minor).map(|minor| Self { minor, ..self }).ok_or(MoneyError::Overflow)
    }

    /// The same magnitude with the other sign.
    pub fn negated(self) -> Result<Self, MoneyError> {
        self.minor.checked_neg().map(|minor| Self { minor, ..self }).ok_or(MoneyError::Overflow)
    }

    /// The smaller of two amounts of one currency.
    pub fn at_most(self, other: Self) -> Result<Self, MoneyError> {
        self.same(other)?;
        Ok(Self { minor: self.minor.min(other.minor), ..self })
    }

    /// This amount, or zero where it is negative.
    #[must_use]
    pub fn or_zero(self) -> Self {
        Self { minor: self.minor.max(0), ..self }
    }

    /// `self × part / whole`, rounded half up on the magnitude (F53), exact in 128 bits.
    ///
    /// ```
    /// use kasacare::domain::money::{Currency, Money};
    /// let usd = Currency::parse("USD").unwrap();
    /// assert_eq!(Money::new(9_999, usd).share(242, 365).unwrap(), Money::new(6_629, usd));
    /// ```
    pub fn share(self, part: u32, whole: u32) -> Result<Self, MoneyError> {
        if whole == 0 {
            return Err(MoneyError::DivisionByZero);
        }
        let minor = scaled(self.minor, u64::from(part), u64::from(whole)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Parses major units with exactly the currency's decimals: `"9.99"` USD, `"999"` JPY, `"9.990"` KWD.
    ///
    /// ```
    /// use kasacare::domain::money::{Currency, Money};
    /// let kwd = Currency::parse("KWD").unwrap();
    /// assert_eq!(Money::parse_major("1.250", kwd).unwrap().minor(), 1_250);
    /// assert!(Money::parse_major("1.25", kwd).is_err());
    /// ```
    pub fn parse_major(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_a_number = || MoneyError::NotANumber(text.chars().take(40).collect());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(whole, fraction)| (whole, Some(fraction)));
        let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !all_digits(whole) || fraction.is_some_and(|part| !all_digits(part)) {
            return Err(not_a_number());
        }
        let fraction = fraction.unwrap_or("");
        if fraction.len() != usize::from(currency.exponent()) {
            return Err(MoneyError::Decimals { text: text.chars().take(40).collect(), expected: currency.exponent(), currency });
        }
        let sign = if negative { "-" } else { "" };
        let minor = format!("{sign}{whole}{fraction}").parse::<i64>().map_err(|_| MoneyError::Overflow)?;
        Ok(Self { minor, currency })
    }

    /// Major units with exactly the currency's decimals and no currency: `9.99`, `-0.05`, `1.250`.
    #[must_use]
    pub fn major(self) -> String {
        let exponent = usize::from(self.currency.exponent());
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", self.minor.unsigned_abs(), width = exponent.saturating_add(1));
        if exponent == 0 {
            return format!("{sign}{digits}");
        }
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(exponent));
        format!("{sign}{whole}.{fraction}")
    }
}

/// The most that a person can name in one amount, in minor units: 1000000000.00 where a currency has two decimals. Far above
/// every price, and so far below 64 bits that the sums of all books fit.
pub const AMOUNT_MINOR_MAX: i64 = 100_000_000_000;

/// Sums amounts of one currency; an empty sum is zero of `currency`.
pub fn total(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money, MoneyError> {
    amounts.into_iter().try_fold(Money::zero(currency), Money::plus)
}

/// `minor × part / whole`, exact, rounded half up on the magnitude; `None` where it does not fit 64 bits. `whole > 0`.
#[inline]
fn scaled(minor: i64, part: u64, whole: u64) -> Option<i64> {
    let magnitude = minor.unsigned_abs();
    // Everyday amounts fit 64 bits all the way, where a division costs a fraction of one in 128 bits (P15).
    let rounded = match scaled_in_64_bits(magnitude, part, whole) {
        Some(rounded) => rounded,
        None => scaled_in_128_bits(magnitude, part, whole)?,
    };
    if minor < 0 { 0_i64.checked_sub_unsigned(rounded) } else { i64::try_from(rounded).ok() }
}

#[inline]
fn scaled_in_64_bits(magnitude: u64, part: u64, whole: u64) -> Option<u64> {
    let doubled = magnitude.checked_mul(part)?.checked_mul(2)?.checked_add(whole)?;
    doubled.checked_div(whole.checked_mul(2)?)
}

#[cold]
fn scaled_in_128_bits(magnitude: u64, part: u64, whole: u64) -> Option<u64> {
    let (magnitude, part, whole) = (u128::from(magnitude), u128::from(part), u128::from(whole));
    let doubled = magnitude.checked_mul(part)?.checked_mul(2)?.checked_add(whole)?;
    u64::try_from(doubled.checked_div(whole.checked_mul(2)?)?).ok()
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.major(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Money {
    type Err = MoneyError;
    /// Parses what `Display` prints: `"9.99 USD"`.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let (amount, code) = text.rsplit_once(' ').ok_or_else(|| MoneyError::NotANumber(text.chars().take(40).collect()))?;
        Self::parse_major(amount, Currency::parse(code)?)
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A rate from 0 to 10 (0 to 1000 %) in billionths: a tax rate or a promotion's percentage, parsed once (MO-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rate {
    billionths: u64,
}

impl Rate {
    /// A rate of nothing.
    pub const ZERO: Self = Self { billionths: 0 };
    const ONE: u64 = 1_000_000_000;

    /// Parses a decimal such as `"0.0825"`; at most nine decimals, from 0 to 10.
    ///
    /// ```
    /// use kasacare::domain::money::Rate;
    /// assert_eq!(Rate::parse("0.0825").unwrap().to_string(), "0.0825");
    /// assert!(Rate::parse("-0.1").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, MoneyError> {
        let bad = || MoneyError::BadRate(text.chars().take(40).collect());
        let decimal = rust_decimal::Decimal::from_str_exact(text).map_err(|_| bad())?;
        let scaled = decimal.checked_mul(rust_decimal::Decimal::from(1_000_000_000_u64)).ok_or_else(bad)?;
        let billionths = scaled.normalize().to_string().parse::<u64>().map_err(|_| bad())?;
        Self::from_billionths(billionths).ok_or_else(bad)
    }

    /// A rate of so many billionths, at most ten wholes.
    #[must_use]
    pub const fn from_billionths(billionths: u64) -> Option<Self> {
        if billionths <= 10_000_000_000 { Some(Self { billionths }) } else { None }
    }

    /// The rate in billionths.
    #[must_use]
    pub const fn billionths(self) -> u64 {
        self.billionths
    }

    /// `rate × amount`, rounded half up once (MO-2).
    pub fn of(self, amount: Money) -> Result<Money, MoneyError> {
        scaled(amount.minor, self.billionths, Self::ONE).map(|minor| Money { minor, ..amount }).ok_or(MoneyError::Overflow)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = i64::try_from(self.billionths).unwrap_or(i64::MAX);
        write!(f, "{}", rust_decimal::Decimal::new(exact, 9).normalize())
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(minor: i64, part: u32, whole: u32) -> Option<i64> {
        let usd = Currency::parse("USD").unwrap();
        Money::new(minor, usd).share(part, whole).ok().map(Money::minor)
    }

    #[test]
    fn shares_are_rounded_half_up_on_the_magnitude() {
        assert_eq!([share(5, 1, 2), share(-5, 1, 2)], [Some(3), Some(-3)]);
        assert_eq!([share(7, 1, 3), share(8, 1, 3), share(-7, 1, 3)], [Some(2), Some(3), Some(-2)]);
        assert_eq!(share(1, 1, 0), None);
    }

    #[test]
    fn shares_are_exact_beyond_64_bits_and_never_wrap() {
        for edge in [i64::MAX, i64::MIN, i64::MAX / 365, i64::MIN / 365 + 1] {
            assert_eq!(share(edge, 365, 365), Some(edge));
            assert_eq!(share(edge, 0, 365), Some(0));
            let exact = i128::from(edge) * 242;
            let expected = (2 * exact.abs() + 365) / 730 * exact.signum();
            assert_eq!(share(edge, 242, 365).map(i128::from), Some(expected));
        }
        assert_eq!([share(i64::MAX, 2, 1), share(i64::MIN, 2, 1)], [None, None]);
        let ten = Rate::from_billionths(10_000_000_000).unwrap();
        let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
        assert_eq!(ten.of(usd(i64::MAX / 10)), Ok(usd(i64::MAX / 10 * 10)));
        assert_eq!(ten.of(usd(i64::MAX / 10 + 1)), Err(MoneyError::Overflow));
    }
}
