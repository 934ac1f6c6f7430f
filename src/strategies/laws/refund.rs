//! Laws of RF-1 and RF-2: what of a line is unused.

use chrono::{Datelike, NaiveDate};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::domain::calendar::{Cycle, Period};
use crate::domain::money::{Money, Rate};
use crate::domain::refund::{CancellationDay, Disposition, Line, Settlement, Unused};
use crate::strategies::{amounts, cancellation_days, cancellations, dates, dates_in, invoices, settlements_of};

use super::{Verdict, between, ensure, equal, hold, is_half_up, wide};

/// Runs every law of this module that needs nothing but the function under test.
pub fn all(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    days_are_counted(runner, &unused)?;
    leap_years_have_366_days(runner, &unused)?;
    unused_net_is_part_of_net(runner, &unused)?;
    unused_net_is_rounded_half_up(runner, &unused)?;
    tax_back_is_part_of_tax(runner, &unused)?;
    tax_kept_is_what_the_authority_computes(runner, &unused)?;
    nothing_is_made_or_lost(runner, &unused)?;
    later_never_gives_more(runner, &unused)?;
    the_last_day_gives_nothing(runner, &unused)?;
    the_first_day_can_give_everything(runner, &unused)?;
    doubling_doubles(runner, &unused)?;
    same_input_same_output(runner, &unused)
}

/// RF-1: used and unused days are those that a calendar counts.
pub fn days_are_counted(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF-1: used and unused days are counted on a calendar", cancellations(), |(line, on, day)| {
        let part = unused(&line, on, day);
        let count = |from: NaiveDate, until: NaiveDate| u32::try_from(from.iter_days().take_while(|at| *at < until).count());
        let before = count(line.period.start, on).expect("days fit");
        let used = if day == CancellationDay::Used { before + 1 } else { before };
        let total = count(line.period.start, line.period.end).expect("days fit");
        equal("days", &(part.days_total, part.days_used, part.days_unused), &(total, used, total - used))
    })
}

/// RF: an annual period over a 29 February has 366 days, every other one 365.
pub fn leap_years_have_366_days(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    let inputs = (dates(), 0..8_u32, amounts());
    hold(runner, "RF: a leap year has 366 days", inputs, |(anchor, number, net)| {
        let period = Period::nth(anchor, Cycle::Annual, number).expect("within the calendar");
        let leap_day = period.start.iter_days().take_while(|at| *at < period.end).any(|at| (at.month(), at.day()) == (2, 29));
        let line = Line { net, tax: Money::zero(net.currency()), rate: Rate::ZERO, period };
        let part = unused(&line, period.start, CancellationDay::Used);
        equal("days of a year", &part.days_total, &if leap_day { 366 } else { 365 })
    })
}

/// RF: `0 ≤ unused_net ≤ T`.
pub fn unused_net_is_part_of_net(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF: 0 ≤ unused_net ≤ T", cancellations(), |(line, on, day)| {
        between("unused_net", 0, unused(&line, on, day).unused_net, wide(line.net))
    })
}

/// RF-2: `unused_net` is `T × unused / n`, rounded half up: a tie goes to the customer.
pub fn unused_net_is_rounded_half_up(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF-2: unused_net is T × unused / n, rounded half up", cancellations(), |(line, on, day)| {
        let part = unused(&line, on, day);
        let (numerator, days) = (wide(line.net) * i128::from(part.days_unused), i128::from(part.days_total));
        ensure(is_half_up(part.unused_net, numerator, days), || format!("{} is not {numerator} / {days}", part.unused_net))
    })
}

/// RF: `0 ≤ tax_back ≤ X`.
pub fn tax_back_is_part_of_tax(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF: 0 ≤ tax_back ≤ X", cancellations(), |(line, on, day)| {
        between("tax_back", 0, unused(&line, on, day).tax_back, wide(line.tax))
    })
}

/// RF-2: `tax_kept = round_half_up(r × earned_net)`.
pub fn tax_kept_is_what_the_authority_computes(
    runner: &mut TestRunner,
    unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused,
) -> Verdict {
    hold(runner, "RF-2: tax_kept is r × earned_net, rounded half up", cancellations(), |(line, on, day)| {
        let part = unused(&line, on, day);
        equal("tax_kept", &part.tax_kept, &super::tax_by_hand(part.earned_net, line.rate))
    })
}

/// RF: `earned_net + unused_net = T`, `tax_kept + tax_back = X`, `unused_net + tax_back` is the unused value.
pub fn nothing_is_made_or_lost(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF: earned_net + unused_net = T, tax_kept + tax_back = X", cancellations(), |(line, on, day)| {
        let part = unused(&line, on, day);
        equal("net", &(wide(part.earned_net) + wide(part.unused_net)), &wide(line.net))?;
        equal("tax", &(wide(part.tax_kept) + wide(part.tax_back)), &wide(line.tax))?;
        equal("value", &wide(part.value), &(wide(part.unused_net) + wide(part.tax_back)))
    })
}

/// RF: unused value never grows as the day moves later, and `unused_net` falls by at most `ceil(T / n)` a day.
pub fn later_never_gives_more(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    let law = "RF: a day later never gives more, and at most ceil(T / n) net less";
    hold(runner, law, cancellations(), |(line, on, day)| {
        let Some(next_day) = on.succ_opt().filter(|next| *next < line.period.end) else { return Ok(()) };
        let (today, tomorrow) = (unused(&line, on, day), unused(&line, next_day, day));
        ensure(tomorrow.value.minor() <= today.value.minor(), || format!("{} after {}", tomorrow.value, today.value))?;
        let days = i128::from(line.period.days());
        let most = (wide(line.net) + days - 1) / days;
        let fall = wide(today.unused_net) - wide(tomorrow.unused_net);
        ensure(fall <= most, || format!("unused_net falls by {fall}, {most} is the most"))
    })
}

/// RF: cancelled on the last day, with that day used, nothing comes back.
pub fn the_last_day_gives_nothing(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF: cancelled on the last day, nothing comes back", cancellations(), |(line, _, _)| {
        let last_day = line.period.end.pred_opt().expect("a period has a day");
        equal("value", &unused(&line, last_day, CancellationDay::Used).value.minor(), &0)
    })
}

/// RF-2, CP-1: with the day given back, the first day returns exactly `T` and `X`.
pub fn the_first_day_can_give_everything(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF-2: a full refund returns exactly T and X", cancellations(), |(line, _, _)| {
        let part = unused(&line, line.period.start, CancellationDay::Refunded);
        equal("net and tax", &(part.unused_net, part.tax_back), &(line.net, line.tax))
    })
}

/// RF: doubling `T` changes `unused_net` by at most one minor unit from double.
pub fn doubling_doubles(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    hold(runner, "RF: doubling T doubles unused_net, within one minor unit", cancellations(), |(line, on, day)| {
        let net = Money::new(line.net.minor() * 2, line.net.currency());
        let twice = Line { net, tax: super::tax_by_hand(net, line.rate), ..line };
        let double = 2 * wide(unused(&line, on, day).unused_net);
        between("unused_net of the doubled line", double - 1, unused(&twice, on, day).unused_net, double + 1)
    })
}

/// RF: the same inputs give the same output, however often and in whatever order they are asked.
pub fn same_input_same_output(runner: &mut TestRunner, unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused) -> Verdict {
    let two = (cancellations(), cancellations());
    hold(runner, "RF: the same inputs give the same output", two, |((line, on, day), (other, other_on, other_day))| {
        let first = unused(&line, on, day);
        let _ = unused(&other, other_on, other_day);
        equal("second answer", &unused(&line, on, day), &first)
    })
}

/// RF: the refund of an invoice is the sum over its lines. `refund` disposes of all lines together; each line alone is
/// measured by `unused`.
pub fn lines_add_up(
    runner: &mut TestRunner,
    unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused,
    refund: impl Fn(&[Line], &Settlement, NaiveDate, CancellationDay) -> Disposition,
) -> Verdict {
    let inputs = (invoices(), cancellation_days()).prop_flat_map(|(lines, day)| {
        let gross: i64 = lines.iter().map(|line| line.net.minor() + line.tax.minor()).sum();
        let (period, currency) = lines.first().map(|line| (line.period, line.net.currency())).expect("one line at least");
        (Just(lines), settlements_of(Money::new(gross, currency)), dates_in(period), Just(day))
    });
    hold(runner, "RF: the sum over lines is the refund", inputs, |(lines, settlement, on, day)| {
        let by_line: i128 = lines.iter().map(|line| wide(unused(line, on, day).value)).sum();
        let whole = refund(&lines, &settlement, on, day);
        let parts = [whole.owed_off, whole.payout, whole.credit, whole.held, whole.already_returned];
        equal("refund", &parts.into_iter().map(wide).sum(), &by_line)
    })
}

/// RF, RR-1: what revenue recognition has booked through the day of cancellation equals `earned_net`; where that day is
/// given back, what it has booked through the day before.
pub fn revenue_agrees(
    runner: &mut TestRunner,
    unused: impl Fn(&Line, NaiveDate, CancellationDay) -> Unused,
    earned_through: impl Fn(Money, Period, NaiveDate) -> Money,
) -> Verdict {
    hold(runner, "RF, RR-1: what is booked through the day of cancellation is earned_net", cancellations(), |(line, on, day)| {
        let through = match day {
            CancellationDay::Used => on,
            CancellationDay::Refunded => on.pred_opt().expect("not the first date of all"),
        };
        let booked = earned_through(line.net, line.period, through);
        equal("booked", &booked, &unused(&line, on, day).earned_net)
    })
}

/// RF, CP-2: a quote equals what is then done. `quote` and `act` answer the same question, one by showing, one by doing.
pub fn quote_equals_act<Answer: PartialEq + std::fmt::Debug>(
    runner: &mut TestRunner,
    quote: impl Fn(&Line, &Settlement, NaiveDate, CancellationDay) -> Answer,
    act: impl Fn(&Line, &Settlement, NaiveDate, CancellationDay) -> Answer,
) -> Verdict {
    let inputs = cancellations().prop_flat_map(|(line, on, day)| {
        let gross = Money::new(line.net.minor() + line.tax.minor(), line.net.currency());
        (Just(line), settlements_of(gross), Just(on), Just(day))
    });
    hold(runner, "CP-2: a quote equals what is then done", inputs, |(line, settlement, on, day)| {
        equal("done", &act(&line, &settlement, on, day), &quote(&line, &settlement, on, day))
    })
}
