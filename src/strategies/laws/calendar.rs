//! Laws of CA-1: the periods of a term.

use chrono::{Datelike, NaiveDate};
use proptest::test_runner::TestRunner;

use crate::domain::calendar::{Cycle, Period};
use crate::strategies::{cycles, dates};

use super::{Verdict, ensure, equal, hold};

/// Runs every law of this module.
pub fn all(runner: &mut TestRunner, nth: impl Fn(NaiveDate, Cycle, u32) -> Period) -> Verdict {
    periods_tile(runner, &nth)?;
    no_month_is_skipped(runner, &nth)?;
    days_are_clamped_to_the_anchor(runner, &nth)?;
    lengths_are_those_of_months_and_years(runner, &nth)
}

/// CA-1: the first period starts on the anchor, each ends where the next one starts, and none is empty.
pub fn periods_tile(runner: &mut TestRunner, nth: impl Fn(NaiveDate, Cycle, u32) -> Period) -> Verdict {
    let law = "CA-1: periods tile, without gap or overlap";
    hold(runner, law, (dates(), cycles(), 0..400_u32), |(anchor, cycle, number)| {
        equal("first day", &nth(anchor, cycle, 0).start, &anchor)?;
        let (period, next) = (nth(anchor, cycle, number), nth(anchor, cycle, number + 1));
        equal("start of the next period", &next.start, &period.end)?;
        ensure(period.start < period.end, || format!("{period:?} is empty"))
    })
}

/// CA-1: period k starts exactly k cycles after the anchor's month.
pub fn no_month_is_skipped(runner: &mut TestRunner, nth: impl Fn(NaiveDate, Cycle, u32) -> Period) -> Verdict {
    hold(runner, "CA-1: no month is skipped", (dates(), cycles(), 0..400_u32), |(anchor, cycle, number)| {
        let months = |date: NaiveDate| i64::from(date.year()) * 12 + i64::from(date.month0());
        let expected = months(anchor) + i64::from(number) * i64::from(cycle.months());
        equal("month of the start", &months(nth(anchor, cycle, number).start), &expected)
    })
}

/// CA-1: every period starts on the anchor's day, or on the last day of a month that has no such day: no drift.
pub fn days_are_clamped_to_the_anchor(runner: &mut TestRunner, nth: impl Fn(NaiveDate, Cycle, u32) -> Period) -> Verdict {
    let law = "CA-1: the day is the anchor's, clamped to the month's last day";
    hold(runner, law, (dates(), cycles(), 0..400_u32), |(anchor, cycle, number)| {
        let start = nth(anchor, cycle, number).start;
        let is_last_of_month = start.succ_opt().is_none_or(|next| next.day() == 1);
        let kept = start.day() == anchor.day();
        ensure(kept || start.day() < anchor.day() && is_last_of_month, || format!("{start} for anchor {anchor}"))
    })
}

/// CA-1: a month has 28 to 31 days, a year 365 or 366.
pub fn lengths_are_those_of_months_and_years(runner: &mut TestRunner, nth: impl Fn(NaiveDate, Cycle, u32) -> Period) -> Verdict {
    let law = "CA-1: a month has 28 to 31 days, a year 365 or 366";
    hold(runner, law, (dates(), cycles(), 0..400_u32), |(anchor, cycle, number)| {
        let Period { start, end } = nth(anchor, cycle, number);
        let days = end.signed_duration_since(start).num_days();
        let known = match cycle {
            Cycle::Monthly => 28..=31,
            Cycle::Annual => 365..=366,
        };
        ensure(known.contains(&days), || format!("{days} days from {start} to {end}"))
    })
}
