//! What the stories take place in: plans, prices, promotions, a profile.

use super::*;

pub(in crate::domain::change::tests) fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

pub(in crate::domain::change::tests) fn plan(text: &str) -> Plan {
    text.parse().expect("a plan")
}

pub(in crate::domain::change::tests) fn camera(number: u32) -> CameraId {
    CameraId::parse(&format!("cam-{number}")).expect("a camera")
}

pub(in crate::domain::change::tests) fn money(text: &str) -> Money {
    text.parse().expect("an amount")
}

fn prices(currency: &str, amounts: [&str; 4]) -> Vec<Price> {
    let plans = ["plus/monthly", "plus/annual", "premium/monthly", "premium/annual"];
    let priced = plans.into_iter().zip(amounts);
    priced.map(|(name, amount)| Price { plan: plan(name), amount: money(&format!("{amount} {currency}")) }).collect()
}

fn version(name: &str, from: &str, prices: Vec<Price>) -> PriceVersion {
    PriceVersion { version: name.to_owned(), effective_from: day(from), prices }
}

fn tier(name: &str, rank: u32, covers: Covers, cameras_max: u32, history_days: u32, trial_days: u32) -> Tier {
    let title = format!("Kasa Care {}{}", &name[..1].to_uppercase(), &name[1..]);
    Tier { name: name.to_owned(), title, rank, covers, cameras_max, history_days, trial_days }
}

/// A code for the tests: what it takes off, for how long, for which plans.
pub(in crate::domain::change::tests) fn promotion(code: &str, off: Discount, duration: Duration, plans: Option<&[&str]>) -> Promotion {
    let plans = plans.map(|plans| plans.iter().map(|name| plan(name)).collect());
    Promotion { code: code.to_owned(), off, duration, plans, expires_on: None, max_uses: None }
}

pub(super) fn reference() -> Reference {
    let mut first = prices("USD", ["9.99", "99.99", "19.99", "199.99"]);
    first.extend(prices("JPY", ["1480", "14800", "2980", "29800"]));
    first.extend(prices("KWD", ["2.990", "29.900", "5.990", "59.900"]));
    let rate = |jurisdiction: &str, from: &str, rate: &str| DatedRate {
        jurisdiction: jurisdiction.to_owned(),
        valid_from: day(from),
        rate: Rate::parse(rate).expect("a rate"),
    };
    Reference {
        catalog: Catalog {
            seller: "KASA".to_owned(),
            free_history_days: 1,
            tiers: vec![tier("plus", 1, Covers::OneCamera, 1, 30, 14), tier("premium", 2, Covers::Account, 10, 60, 30)],
            versions: vec![version("v1", "2020-01-01", first)],
            promotions: vec![
                promotion(
                    "TWENTY",
                    Discount::AmountOff(vec![money("20.00 USD")]),
                    Duration::Once,
                    Some(&["plus/annual", "premium/annual"]),
                ),
                promotion("HALF3", Discount::PercentOff(Rate::parse("0.5").expect("a rate")), Duration::Periods(3), None),
                promotion("FREE1", Discount::PercentOff(Rate::parse("1").expect("a rate")), Duration::Once, None),
                promotion("ALWAYS", Discount::PercentOff(Rate::parse("0.1").expect("a rate")), Duration::Forever, None),
            ],
        },
        terms: vec![Terms::standard("2025-01")],
        tax: TaxRates::new([
            rate("US-CA", "2019-01-01", "0.0825"),
            rate("US-OR", "2019-01-01", "0"),
            rate("JP", "2019-10-01", "0.1"),
            rate("KW", "2019-01-01", "0"),
        ])
        .expect("a tax table"),
        minimums: vec![money("0.50 USD"), money("50 JPY"), money("0.150 KWD")],
    }
}

pub(super) fn profile(currency: &str, zone: Tz, jurisdiction: &str) -> Profile {
    let zero = Money::zero(Currency::parse(currency).expect("a currency"));
    Profile {
        id: AccountId::parse("a1").expect("an id"),
        currency: zero.currency(),
        zone,
        jurisdiction: jurisdiction.to_owned(),
        trial_used_on: None,
        method: None,
        credit_cash: zero,
        credit_goodwill: zero,
        carried: zero,
        caught_up_on: None,
        parked: None,
        journal_seq: 0,
        journal_hash: String::new(),
    }
}
