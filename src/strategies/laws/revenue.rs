//! Laws of RR-1: revenue of a period by the day.

use chrono::NaiveDate;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::domain::calendar::Period;
use crate::domain::money::Money;
use crate::strategies::{amounts, dates, dates_in, periods};

use super::{Verdict, between, ensure, equal, hold, is_half_up, wide};

/// Runs every law of this module.
pub fn all(runner: &mut TestRunner, earned_through: impl Fn(Money, Period, NaiveDate) -> Money) -> Verdict {
    everything_is_earned_in_the_end(runner, &earned_through)?;
    nothing_is_earned_before(runner, &earned_through)?;
    every_day_earns_its_share(runner, &earned_through)?;
    what_is_left_is_rounded_half_up(runner, &earned_through)
}

/// RR-1: summed over all days it is exactly `T`, and stays so.
pub fn everything_is_earned_in_the_end(runner: &mut TestRunner, earned_through: impl Fn(Money, Period, NaiveDate) -> Money) -> Verdict {
    let inputs = (amounts(), periods(), dates());
    hold(runner, "RR-1: over all days exactly the net amount is earned", inputs, |(net, period, other)| {
        let last_day = period.end.pred_opt().expect("a period has a day");
        equal("earned through the last day", &earned_through(net, period, last_day), &net)?;
        equal("earned later", &earned_through(net, period, other.max(period.end)), &net)
    })
}

/// RR-1: nothing is earned before the first day.
pub fn nothing_is_earned_before(runner: &mut TestRunner, earned_through: impl Fn(Money, Period, NaiveDate) -> Money) -> Verdict {
    let inputs = (amounts(), periods(), dates());
    hold(runner, "RR-1: nothing is earned before the first day", inputs, |(net, period, other)| {
        let day_before = period.start.pred_opt().expect("not the first date of all");
        let earned = earned_through(net, period, other.min(day_before));
        equal("earned", &earned, &Money::zero(net.currency()))
    })
}

/// RR-1: a day earns zero or more, and at most `ceil(T / n)`.
pub fn every_day_earns_its_share(runner: &mut TestRunner, earned_through: impl Fn(Money, Period, NaiveDate) -> Money) -> Verdict {
    let inputs = (amounts(), periods()).prop_flat_map(|(net, period)| (Just(net), Just(period), dates_in(period)));
    hold(runner, "RR-1: a day earns from zero to ceil(T / n)", inputs, |(net, period, on)| {
        let day_before = on.pred_opt().expect("not the first date of all");
        let through = earned_through(net, period, on);
        let of_the_day = wide(through) - wide(earned_through(net, period, day_before));
        let days = i128::from(period.days());
        let most = (wide(net) + days - 1) / days;
        ensure((0..=most).contains(&of_the_day), || format!("{of_the_day} earned on {on}, {most} is the most"))?;
        between("earned", 0, through, wide(net))
    })
}

/// RR-1: what is not yet earned is `T × (n − d) / n`, rounded half up.
pub fn what_is_left_is_rounded_half_up(runner: &mut TestRunner, earned_through: impl Fn(Money, Period, NaiveDate) -> Money) -> Verdict {
    let inputs = (amounts(), periods()).prop_flat_map(|(net, period)| (Just(net), Just(period), dates_in(period)));
    hold(runner, "RR-1: what is left is T × (n − d) / n, rounded half up", inputs, |(net, period, on)| {
        let left_days = i128::from((period.end - on).num_days()) - 1;
        let earned = earned_through(net, period, on);
        let left = Money::new(net.minor() - earned.minor(), net.currency());
        let days = i128::from((period.end - period.start).num_days());
        ensure(is_half_up(left, wide(net) * left_days, days), || format!("{left} left of {net} for {left_days} of {days} days"))
    })
}
