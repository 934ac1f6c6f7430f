//! The laws of RF, CA, PR, CO, RR and MO, each a function that takes the function under test, so that they can be run
//! against ours or against anybody's.
//!
//! What a law expects is worked out here by hand, in plain 128-bit integers and by counting days, never by the code
//! under test. A function under test that panics breaks the law that called it.
//!
//! ```
//! use chrono::NaiveDate;
//! use kasacare::domain::calendar::Period;
//! use kasacare::domain::money::Money;
//! use kasacare::strategies::laws;
//!
//! // Another team's revenue recognition: it spreads the amount evenly and drops the remainder.
//! let theirs = |net: Money, period: Period, through: NaiveDate| {
//!     let days = i64::from(period.days());
//!     let past = i64::from(period.days_through(through));
//!     Money::new(net.minor() / days * past, net.currency())
//! };
//! let broken = laws::revenue::all(&mut laws::runner(256), theirs).unwrap_err();
//! assert_eq!(broken.law, "RR-1: over all days exactly the net amount is earned");
//!
//! // Ours.
//! let ours = |net, period, through| kasacare::domain::revenue::earned_through(net, period, through).unwrap();
//! laws::revenue::all(&mut laws::runner(256), ours).unwrap();
//! ```

pub mod calendar;
pub mod correction;
pub mod money;
pub mod price;
pub mod refund;
pub mod revenue;
pub mod settlement;

use std::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestCaseResult, TestRng, TestRunner};

use crate::domain::money::{Money, Rate};

/// A law that does not hold, with the smallest input that was found to show it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{law}\n{counterexample}")]
pub struct Broken {
    /// Rule id and the law in words.
    pub law: &'static str,
    /// The input, and what was wrong.
    pub counterexample: String,
}

/// What a law answers.
pub type Verdict = Result<(), Broken>;

/// A runner of so many cases a law, with a fresh seed each time; it leaves no files behind.
#[must_use]
pub fn runner(cases: u32) -> TestRunner {
    TestRunner::new(config(cases))
}

/// A runner whose cases are the same each time.
#[must_use]
pub fn deterministic_runner(cases: u32) -> TestRunner {
    TestRunner::new_with_rng(config(cases), TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn config(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

/// Runs one law.
fn hold<S: Strategy>(runner: &mut TestRunner, law: &'static str, inputs: S, check: impl Fn(S::Value) -> TestCaseResult) -> Verdict
where
    S::Value: Debug,
{
    runner.run(&inputs, check).map_err(|error| Broken { law, counterexample: error.to_string() })
}

/// Fails the case unless `held`.
fn ensure(held: bool, otherwise: impl FnOnce() -> String) -> TestCaseResult {
    if held { Ok(()) } else { Err(TestCaseError::fail(otherwise())) }
}

/// Fails the case unless both are equal.
fn equal<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> TestCaseResult {
    ensure(found == expected, || format!("{what}: found {found:?}, expected {expected:?}"))
}

/// Fails the case unless `low ≤ found ≤ high`.
fn between(what: &str, low: i128, found: Money, high: i128) -> TestCaseResult {
    ensure((low..=high).contains(&wide(found)), || format!("{what}: {found} is not within {low} to {high} minor units"))
}

fn wide(amount: Money) -> i128 {
    i128::from(amount.minor())
}

/// Whether `rounded` is `numerator / denominator`, rounded half up, for numbers of zero or more: the one integer whose
/// doubled distance is at most one half above and less than one half below.
fn is_half_up(rounded: Money, numerator: i128, denominator: i128) -> bool {
    let doubled = 2 * wide(rounded) * denominator;
    doubled - denominator <= 2 * numerator && 2 * numerator < doubled + denominator
}

/// `rate × net` rounded half up, by hand, for a net amount of zero or more.
pub(super) fn tax_by_hand(net: Money, rate: Rate) -> Money {
    let one = 1_000_000_000_i128;
    let minor = (wide(net) * i128::from(rate.billionths()) * 2 + one) / (2 * one);
    Money::new(i64::try_from(minor).expect("within 64 bits"), net.currency())
}
