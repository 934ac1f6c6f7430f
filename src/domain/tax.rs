//! MO-2: dated tax rates per jurisdiction. A rate is looked up once, for the period's nominal first day, and stored on
//! the line; notes and refunds use the stored one.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::money::{Money, MoneyError, Rate};

/// One row of the tax table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatedRate {
    /// The seller's name for the place whose law applies, such as `US-NV`.
    pub jurisdiction: String,
    /// First date of the rate.
    pub valid_from: NaiveDate,
    /// The rate, added to the fee.
    pub rate: Rate,
}

/// Why there is no rate. Billing fails closed on these (PV-8): no default rate exists.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TaxError {
    /// The table has no such jurisdiction.
    #[error("no tax rates are known for jurisdiction `{jurisdiction}`")]
    UnknownJurisdiction {
        /// The jurisdiction.
        jurisdiction: String,
    },
    /// The table begins after the date.
    #[error("no tax rate of `{jurisdiction}` is in force on {on}; the first is valid from {first}")]
    NotYetInForce {
        /// The jurisdiction.
        jurisdiction: String,
        /// The date asked for.
        on: NaiveDate,
        /// First date with a rate.
        first: NaiveDate,
    },
    /// Two rates of one jurisdiction begin on one date.
    #[error("two tax rates of `{jurisdiction}` are valid from {valid_from}")]
    Ambiguous {
        /// The jurisdiction.
        jurisdiction: String,
        /// The date.
        valid_from: NaiveDate,
    },
}

/// The tax table: for each jurisdiction, rates by their first date.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<DatedRate>", into = "Vec<DatedRate>")]
pub struct TaxRates {
    by_jurisdiction: BTreeMap<String, BTreeMap<NaiveDate, Rate>>,
}

impl TaxRates {
    /// A table of these rows, in any order; refuses two rates of one jurisdiction for one date.
    pub fn new(rows: impl IntoIterator<Item = DatedRate>) -> Result<Self, TaxError> {
        let mut table = Self::default();
        for DatedRate { jurisdiction, valid_from, rate } in rows {
            let dated = table.by_jurisdiction.entry(jurisdiction.clone()).or_default();
            if dated.insert(valid_from, rate).is_some() {
                return Err(TaxError::Ambiguous { jurisdiction, valid_from });
            }
        }
        Ok(table)
    }

    /// The rate of a jurisdiction on a date: the latest one that began on or before it.
    ///
    /// ```
    /// use kasacare::domain::money::Rate;
    /// use kasacare::domain::tax::{DatedRate, TaxRates};
    /// let rate = |from: &str, rate: &str| DatedRate {
    ///     jurisdiction: "DE".to_owned(),
    ///     valid_from: from.parse().unwrap(),
    ///     rate: Rate::parse(rate).unwrap(),
    /// };
    /// let table = TaxRates::new([rate("2020-07-01", "0.16"), rate("2021-01-01", "0.19")]).unwrap();
    /// assert_eq!(table.rate_on("DE", "2020-12-31".parse().unwrap()).unwrap(), Rate::parse("0.16").unwrap());
    /// assert!(table.rate_on("DE", "2020-06-30".parse().unwrap()).is_err());
    /// assert!(table.rate_on("FR", "2021-01-01".parse().unwrap()).is_err());
    /// ```
    pub fn rate_on(&self, jurisdiction: &str, on: NaiveDate) -> Result<Rate, TaxError> {
        let unknown = || TaxError::UnknownJurisdiction { jurisdiction: jurisdiction.to_owned() };
        let dated = self.by_jurisdiction.get(jurisdiction).ok_or_else(unknown)?;
        if let Some((_, rate)) = dated.range(..=on).next_back() {
            return Ok(*rate);
        }
        let (first, _) = dated.first_key_value().ok_or_else(unknown)?;
        Err(TaxError::NotYetInForce { jurisdiction: jurisdiction.to_owned(), on, first: *first })
    }

    /// The rows, by jurisdiction and date.
    pub fn rows(&self) -> impl Iterator<Item = DatedRate> + '_ {
        self.by_jurisdiction.iter().flat_map(|(jurisdiction, dated)| {
            dated.iter().map(|(valid_from, rate)| DatedRate { jurisdiction: jurisdiction.clone(), valid_from: *valid_from, rate: *rate })
        })
    }
}

impl TryFrom<Vec<DatedRate>> for TaxRates {
    type Error = TaxError;
    fn try_from(rows: Vec<DatedRate>) -> Result<Self, TaxError> {
        Self::new(rows)
    }
}

impl From<TaxRates> for Vec<DatedRate> {
    fn from(table: TaxRates) -> Self {
        table.rows().collect()
    }
}

/// MO-2: tax on a net amount after promotion, rounded half up once for the line.
pub fn tax_on(net: Money, rate: Rate) -> Result<Money, MoneyError> {
    rate.of(net)
}

/// A total that is no net amount with its tax.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no net amount and its tax at {rate} make {total} (MO-2): the nearest totals are {below} and {above}; or name the net amount")]
pub struct NoSuchTotal {
    /// What was asked for.
    pub total: Money,
    /// The rate.
    pub rate: Rate,
    /// The largest total below it that there is.
    pub below: Money,
    /// The least total above it that there is.
    pub above: Money,
}

/// Why a total has no parts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The rate skips it.
    #[error(transparent)]
    NoSuchTotal(#[from] NoSuchTotal),
    /// It does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// MO-2 backwards: the net amount and the tax that make a total. The tax is that of the net amount, rounded half up once, and not
/// a share of the total: so the parts are those that an invoice of this net amount has. A net amount more by one unit makes a
/// total more by at least one, so there is one such net amount or none: with tax, some totals are skipped, and those are refused.
///
/// ```
/// use kasacare::domain::money::{Currency, Money, Rate};
/// use kasacare::domain::tax::split_total;
/// let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
/// let rate = Rate::parse("0.08875").unwrap();
/// assert_eq!(split_total(usd(23_941), rate), Ok((usd(21_989), usd(1_952))));
/// assert!(split_total(usd(6), rate).is_err(), "0.05 makes 0.05, and 0.06 makes 0.07");
/// ```
pub fn split_total(total: Money, rate: Rate) -> Result<(Money, Money), SplitError> {
    let with_tax = |net: Money| tax_on(net, rate).and_then(|tax| net.plus(tax));
    let one = Money::new(1, total.currency());
    // Rounding moves the quotient by less than a unit either way.
    let mut net = without(total, rate)?.minus(one)?;
    while with_tax(net.plus(one)?)?.minor() <= total.minor() {
        net = net.plus(one)?;
    }
    let below = with_tax(net)?;
    if below == total {
        return Ok((net, total.minus(net)?));
    }
    Err(NoSuchTotal { total, rate, below, above: with_tax(net.plus(one)?)? }.into())
}

/// `total / (1 + rate)`, without what is less than a unit.
fn without(total: Money, rate: Rate) -> Result<Money, MoneyError> {
    const ONE: i128 = 1_000_000_000;
    let minor = i128::from(total.minor()).checked_mul(ONE).zip(ONE.checked_add(i128::from(rate.billionths())));
    let minor = minor.and_then(|(total, whole)| total.checked_div(whole)).and_then(|minor| i64::try_from(minor).ok());
    minor.map(|minor| Money::new(minor, total.currency())).ok_or(MoneyError::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(jurisdiction: &str, valid_from: &str, rate: &str) -> DatedRate {
        let rate = Rate::parse(rate).unwrap();
        DatedRate { jurisdiction: jurisdiction.to_owned(), valid_from: valid_from.parse().unwrap(), rate }
    }

    #[test]
    fn mo_2_a_total_is_split_as_an_invoice_would_be_or_not_at_all() {
        let usd = |minor| Money::new(minor, crate::domain::money::Currency::parse("USD").unwrap());
        for rate in ["0", "0.000000001", "0.0825", "0.08875", "0.19", "0.5", "1", "10"] {
            let rate = Rate::parse(rate).unwrap();
            let mut made = 0;
            for net in 0..2_000 {
                let tax = tax_on(usd(net), rate).unwrap();
                let total = net + tax.minor();
                assert_eq!(split_total(usd(total), rate), Ok((usd(net), tax)), "{total} at {rate}");
                for skipped in made + 1..total {
                    let nearest = NoSuchTotal { total: usd(skipped), rate, below: usd(made), above: usd(total) };
                    assert_eq!(split_total(usd(skipped), rate), Err(nearest.into()), "{skipped} at {rate}");
                }
                made = total;
            }
        }
        assert_eq!(split_total(usd(i64::MAX), Rate::ZERO), Err(MoneyError::Overflow.into()), "an error, and no overflow");
    }

    #[test]
    fn mo_2_without_a_rate_billing_fails_closed() {
        let table = TaxRates::new([row("DE", "2020-07-01", "0.16")]).unwrap();
        let on = "2020-06-30".parse().unwrap();
        let first = "2020-07-01".parse().unwrap();
        let early = TaxError::NotYetInForce { jurisdiction: "DE".to_owned(), on, first };
        assert_eq!(table.rate_on("DE", on), Err(early));
        assert_eq!(table.rate_on("FR", on), Err(TaxError::UnknownJurisdiction { jurisdiction: "FR".to_owned() }));
    }

    #[test]
    fn mo_2_two_rates_of_one_day_are_refused() {
        let twice = TaxRates::new([row("DE", "2020-07-01", "0.16"), row("DE", "2020-07-01", "0.19")]);
        let valid_from = "2020-07-01".parse().unwrap();
        assert_eq!(twice, Err(TaxError::Ambiguous { jurisdiction: "DE".to_owned(), valid_from }));
    }

    #[test]
    fn mo_2_a_table_is_read_as_it_is_written() {
        let table = TaxRates::new([row("JP", "2019-10-01", "0.1"), row("DE", "2021-01-01", "0.19")]).unwrap();
        let text = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<TaxRates>(&text).unwrap(), table);
    }
}
