//! Strategies for property tests (feature `proptest`): money, rates, dates, periods, lines, settlements, price
//! histories, corrections, promotions. Everything that they make is valid input; amounts leave room for a doubled net
//! amount with tax in 64 bits. The [`laws`] are built on them.

#![expect(clippy::missing_panics_doc, reason = "what could panic here are strategies whose values are valid by design")]

pub mod laws;

use std::collections::BTreeSet;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::money::{Currency, Money, Rate};
use crate::domain::price::{DatedVersion, SentNotice};
use crate::domain::promotion::{Discount, Duration, Promotion};
use crate::domain::refund::{CancellationDay, Destination, Line, Settlement};

/// Largest amount that is made, in minor units.
pub const AMOUNT_MINOR_MAX: i64 = i64::MAX / 64;

/// Currencies without, with two and with three decimals.
pub fn currencies() -> impl Strategy<Value = Currency> {
    prop::sample::select(vec!["USD", "EUR", "GBP", "JPY", "KWD"]).prop_map(|code| Currency::parse(code).expect("listed currency"))
}

/// Minor units from 0 to `max`: mostly everyday amounts, often tiny ones, some huge ones.
pub fn minor_units(max: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => 0..=max.min(20),
        5 => 0..=max.min(20_000),
        2 => 0..=max.min(100_000_000),
        1 => 0..=max,
    ]
}

/// Amounts of zero or more of one currency.
pub fn amounts_in(currency: Currency) -> impl Strategy<Value = Money> {
    minor_units(AMOUNT_MINOR_MAX).prop_map(move |minor| Money::new(minor, currency))
}

/// Amounts of zero or more.
pub fn amounts() -> impl Strategy<Value = Money> {
    currencies().prop_flat_map(amounts_in)
}

/// Tax rates: real ones, and any with nine decimals up to 30 %.
pub fn rates() -> impl Strategy<Value = Rate> {
    let real = prop::sample::select(vec!["0", "0.0825", "0.0725", "0.05975", "0.07", "0.1", "0.19", "0.20", "0.255"])
        .prop_map(|text| Rate::parse(text).expect("listed rate"));
    let any = (0..=300_000_000_u64).prop_map(|billionths| Rate::from_billionths(billionths).expect("below ten"));
    prop_oneof![3 => real, 1 => any]
}

/// Dates from 1970 to 2199; month ends and 29 February come up far more often than by chance.
pub fn dates() -> impl Strategy<Value = NaiveDate> {
    let first = NaiveDate::from_ymd_opt(1970, 1, 1).expect("a date");
    let any = (0..84_000_u64).prop_map(move |days| first + Days::new(days));
    let late_in_month = (1970..2200, 1..=12_u32, 28..=31_u32)
        .prop_map(|(year, month, day)| (28..=day).rev().find_map(|day| NaiveDate::from_ymd_opt(year, month, day)))
        .prop_map(|date| date.expect("every month has a 28th"));
    let leap_day = (493..550_i32).prop_filter_map("a leap year", |quarter| NaiveDate::from_ymd_opt(quarter.checked_mul(4)?, 2, 29));
    prop_oneof![4 => any, 3 => late_in_month, 1 => leap_day]
}

/// Billing cycles.
pub fn cycles() -> impl Strategy<Value = Cycle> {
    prop_oneof![Just(Cycle::Monthly), Just(Cycle::Annual)]
}

/// Periods: those of terms (CA-1), and arbitrary ones of one day to three years.
pub fn periods() -> impl Strategy<Value = Period> {
    let of_terms =
        (dates(), cycles(), 0..40_u32).prop_map(|(anchor, cycle, number)| Period::nth(anchor, cycle, number).expect("within the calendar"));
    let arbitrary =
        (dates(), 1..=1_100_u64).prop_map(|(start, days)| Period::new(start, start + Days::new(days)).expect("ends after it starts"));
    prop_oneof![3 => of_terms, 1 => arbitrary]
}

/// Dates of one period.
pub fn dates_in(period: Period) -> impl Strategy<Value = NaiveDate> {
    let days = u64::from(period.days());
    prop_oneof![1 => Just(0), 1 => Just(days - 1), 6 => 0..days].prop_map(move |day| period.start + Days::new(day))
}

/// Whether the day of cancellation counts.
pub fn cancellation_days() -> impl Strategy<Value = CancellationDay> {
    prop_oneof![Just(CancellationDay::Used), Just(CancellationDay::Refunded)]
}

/// Lines whose tax is what their rate gives (MO-2).
pub fn lines() -> impl Strategy<Value = Line> {
    (amounts(), rates(), periods()).prop_map(|(net, rate, period)| line(net, rate, period))
}

/// Invoices: one to four lines of one currency and one period.
pub fn invoices() -> impl Strategy<Value = Vec<Line>> {
    (currencies(), periods()).prop_flat_map(|(currency, period)| {
        let one = (amounts_in(currency), rates()).prop_map(move |(net, rate)| line(net, rate, period));
        prop::collection::vec(one, 1..=4)
    })
}

fn line(net: Money, rate: Rate, period: Period) -> Line {
    Line { net, tax: laws::tax_by_hand(net, rate), rate, period }
}

/// A line, a day of its period and how that day counts.
pub fn cancellations() -> impl Strategy<Value = (Line, NaiveDate, CancellationDay)> {
    (lines(), cancellation_days()).prop_flat_map(|(line, day)| (Just(line), dates_in(line.period), Just(day)))
}

/// Ways in which an invoice of `gross` can stand: cash, credit and debt in any mixture, some cash returned or disputed.
pub fn settlements_of(gross: Money) -> impl Strategy<Value = Settlement> {
    let total = gross.minor();
    let parts_of = |total: i64| {
        prop_oneof![2 => Just((total, 0)), 1 => Just((0, 0)), 3 => (0..=total, 0..=total)]
            .prop_map(move |(first, second)| (first, second.min(total - first)))
    };
    parts_of(total)
        .prop_flat_map(move |(captured, paid_from_credit)| (Just(captured), Just(paid_from_credit), parts_of(captured)))
        .prop_map(move |(captured, paid_from_credit, (refunded, disputed))| {
            let money = |minor| Money::new(minor, gross.currency());
            Settlement {
                captured: money(captured),
                refunded: money(refunded),
                disputed: money(disputed),
                unpaid: money(total - captured - paid_from_credit),
                paid_from_credit: money(paid_from_credit),
            }
        })
}

/// A gross amount, a settlement of it, and a value up to it that is to be given back.
pub fn settled_values() -> impl Strategy<Value = (Money, Settlement)> {
    amounts().prop_flat_map(|gross| {
        let value = prop_oneof![
            1 => Just(gross),
            3 => (0..=gross.minor()).prop_map(move |minor| Money::new(minor, gross.currency())),
        ];
        (value, settlements_of(gross))
    })
}

/// Destinations of unused value.
pub fn destinations() -> impl Strategy<Value = Destination> {
    prop_oneof![Just(Destination::Refund), Just(Destination::Credit)]
}

/// One subscription's prices: an anchor, versions of which the first is in force then, and notices of some of them.
#[derive(Debug, Clone)]
pub struct PriceHistory {
    /// First day of the term.
    pub anchor: NaiveDate,
    /// How often it bills.
    pub cycle: Cycle,
    /// Versions, each with its own date, in no particular order.
    pub versions: Vec<DatedVersion<u32>>,
    /// At most one notice a version.
    pub notices: Vec<SentNotice<u32>>,
    /// `Terms.notice_days`.
    pub notice_days: u32,
}

/// Price histories in which notices come too late, too early, out of order or not at all.
pub fn price_histories() -> impl Strategy<Value = PriceHistory> {
    let later = prop::collection::btree_set(1..900_i64, 0..5);
    let notice = prop::option::weighted(0.7, -60..80_i64);
    (dates(), cycles(), 0..400_u64, later, prop::collection::vec(notice, 5), prop_oneof![3 => Just(30), 1 => 0..60_u32])
        .prop_map(|(anchor, cycle, age, later, sent, notice_days)| price_history(anchor, cycle, age, &later, &sent, notice_days))
        .prop_flat_map(|history| (Just(history.clone()), Just(history.versions).prop_shuffle()))
        .prop_map(|(history, versions)| PriceHistory { versions, ..history })
}

fn price_history(anchor: NaiveDate, cycle: Cycle, age: u64, later: &BTreeSet<i64>, sent: &[Option<i64>], notice_days: u32) -> PriceHistory {
    let after = |date: NaiveDate, days: i64| date + chrono::TimeDelta::days(days);
    let mut versions = vec![DatedVersion { version: 0, effective_from: anchor - Days::new(age) }];
    let mut notices = Vec::new();
    for ((version, days), sent) in (1..).zip(later).zip(sent) {
        let effective_from = after(anchor, *days);
        versions.push(DatedVersion { version, effective_from });
        notices.extend(sent.map(|days| SentNotice { version, sent_on: after(effective_from, days) }));
    }
    PriceHistory { anchor, cycle, versions, notices, notice_days }
}

/// A payment that may have been wrong, looked at on some day.
#[derive(Debug, Clone, Copy)]
pub struct ChargedPayment {
    /// Day of the transaction.
    pub transaction_on: NaiveDate,
    /// What was charged.
    pub charged: Money,
    /// What should have been.
    pub correct: Money,
    /// Day of the assessment.
    pub as_of: NaiveDate,
    /// `Terms.correction_window_days`.
    pub window_days: u32,
}

/// Payments charged too little, too much and right, looked at around the end of their window.
pub fn charged_payments() -> impl Strategy<Value = ChargedPayment> {
    let window = prop_oneof![3 => Just(30), 1 => 0..400_u32];
    (amounts(), dates(), window).prop_flat_map(|(charged, transaction_on, window_days)| {
        let currency = charged.currency();
        let correct = prop_oneof![
            1 => Just(charged),
            2 => (-3..=3_i64).prop_map(move |by| Money::new((charged.minor() + by).max(0), currency)),
            3 => amounts_in(currency),
        ];
        let window = u64::from(window_days);
        let age = prop_oneof![1 => 0..=2_u64, 3 => window.saturating_sub(2)..=window + 2, 2 => 0..1_000_u64];
        (correct, age).prop_map(move |(correct, age)| ChargedPayment {
            transaction_on,
            charged,
            correct,
            as_of: transaction_on + Days::new(age),
            window_days,
        })
    })
}

/// Promotions with an amount in every currency that [`currencies`] makes.
pub fn promotions() -> impl Strategy<Value = Promotion> {
    let percent =
        (0..=1_200_000_000_u64).prop_map(|billionths| Discount::PercentOff(Rate::from_billionths(billionths).expect("below ten")));
    let amount = minor_units(AMOUNT_MINOR_MAX).prop_map(|minor| {
        let codes = ["USD", "EUR", "GBP", "JPY", "KWD"];
        let in_each = codes.map(|code| Money::new(minor, Currency::parse(code).expect("listed currency")));
        Discount::AmountOff(in_each.to_vec())
    });
    let duration = prop_oneof![Just(Duration::Once), (0..14_u32).prop_map(Duration::Periods), Just(Duration::Forever)];
    let plans = prop::option::of(prop::collection::btree_set(plans(), 0..3));
    (prop_oneof![percent, amount], duration, plans, prop::option::of(dates()), prop::option::of(0..5_u32)).prop_map(
        |(off, duration, plans, expires_on, max_uses)| Promotion { code: "CODE".to_owned(), off, duration, plans, expires_on, max_uses },
    )
}

/// Plans.
pub fn plans() -> impl Strategy<Value = Plan> {
    (prop::sample::select(vec!["plus", "premium"]), cycles()).prop_map(|(tier, cycle)| Plan::new(tier, cycle))
}
