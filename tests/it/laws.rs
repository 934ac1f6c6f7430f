//! The exported laws hold for our functions, and each of them refuses a function that breaks it.

use chrono::{Days, Months, NaiveDate};
use kasacare::domain::calendar::{Cycle, Period};
use kasacare::domain::correction::{Assessment, CorrectionAction, assess};
use kasacare::domain::money::{Currency, Money, Rate, total};
use kasacare::domain::price::{Choice, DatedVersion, SentNotice, version_at_renewal};
use kasacare::domain::promotion::{Discount, Duration, Promotion};
use kasacare::domain::refund::{CancellationDay, Destination, Disposition, Line, Settlement, Unused, dispose, unused};
use kasacare::domain::revenue::earned_through;
use kasacare::domain::tax::{DatedRate, TaxRates, tax_on};
use kasacare::strategies::laws::{self, Verdict, deterministic_runner};
use proptest::test_runner::TestRunner;

/// Cases a law: enough for every mutant below to be found with the fixed seed.
const CASES: u32 = 1_000;

fn runner() -> TestRunner {
    deterministic_runner(CASES)
}

#[track_caller]
fn holds(verdict: Verdict) {
    if let Err(broken) = verdict {
        panic!("{broken}");
    }
}

/// The law found the mutant, and it was this law that did.
#[track_caller]
fn refuses(law: &str, verdict: Verdict) {
    let broken = verdict.expect_err(law);
    assert!(broken.law.contains(law), "`{}` was broken, `{law}` should have been", broken.law);
}

fn ours(line: &Line, on: NaiveDate, day: CancellationDay) -> Unused {
    unused(line, on, day).unwrap()
}

fn our_earned(net: Money, period: Period, through: NaiveDate) -> Money {
    earned_through(net, period, through).unwrap()
}

fn our_disposition(value: Money, settlement: &Settlement, to: Destination) -> Disposition {
    dispose(value, settlement, to).unwrap()
}

fn our_refund(lines: &[Line], settlement: &Settlement, on: NaiveDate, day: CancellationDay) -> Disposition {
    let values = lines.iter().map(|line| ours(line, on, day).value);
    our_disposition(total(settlement.captured.currency(), values).unwrap(), settlement, Destination::Refund)
}

fn our_assessment(on: NaiveDate, charged: Money, correct: Money, as_of: NaiveDate, days: u32) -> Assessment {
    assess(on, charged, correct, as_of, days).unwrap()
}

fn our_rate(rows: &[DatedRate], place: &str, on: NaiveDate) -> Option<Rate> {
    TaxRates::new(rows.iter().cloned()).unwrap().rate_on(place, on).ok()
}

/// `amount` with other minor units.
fn minor(amount: Money, change: impl Fn(i64) -> i64) -> Money {
    Money::new(change(amount.minor()), amount.currency())
}

#[test]
fn ours_keep_the_laws_of_refunds() {
    holds(laws::refund::all(&mut runner(), ours));
    holds(laws::refund::lines_add_up(&mut runner(), ours, our_refund));
    holds(laws::refund::revenue_agrees(&mut runner(), ours, our_earned));
    holds(laws::settlement::all(&mut runner(), our_disposition));
}

#[test]
fn ours_keep_the_laws_of_calendar_prices_corrections_and_revenue() {
    holds(laws::calendar::all(&mut runner(), |anchor, cycle, k| Period::nth(anchor, cycle, k).unwrap()));
    holds(laws::price::all(&mut runner(), version_at_renewal));
    holds(laws::correction::all(&mut runner(), our_assessment));
    holds(laws::revenue::all(&mut runner(), our_earned));
}

#[test]
fn ours_keep_the_laws_of_money() {
    holds(laws::money::tax_is_rounded_half_up(&mut runner(), |net, rate| tax_on(net, rate).unwrap()));
    holds(laws::money::the_rate_is_the_one_in_force(&mut runner(), our_rate));
    holds(laws::money::a_price_never_goes_below_zero(&mut runner(), |code, price| code.discount(price).unwrap()));
    holds(laws::money::a_discount_is_what_was_promised(&mut runner(), |code, price| code.discount(price).unwrap()));
    holds(laws::money::a_promotion_counts_billed_periods(&mut runner(), Promotion::covers_next));
    holds(laws::money::currencies_never_mix(&mut runner(), |left, right| left.plus(right).ok()));
    let read = |text: &str, currency: Currency| Money::parse_major(text, currency).ok();
    holds(laws::money::amounts_survive_printing(&mut runner(), Money::major, read));
}

/// A refund computed by `change` from ours.
fn mutant(change: impl Fn(&Line, Unused) -> Unused) -> impl Fn(&Line, NaiveDate, CancellationDay) -> Unused {
    move |line, on, day| change(line, ours(line, on, day))
}

/// A line's parts for an unused net amount that somebody else computed.
fn parts(line: &Line, part: Unused, unused_minor: i64) -> Unused {
    let unused_net = minor(line.net, |_| unused_minor);
    let earned_net = line.net.minus(unused_net).unwrap();
    let tax_kept = line.rate.of(earned_net).unwrap();
    let tax_back = line.tax.minus(tax_kept).unwrap();
    Unused { unused_net, earned_net, tax_kept, tax_back, value: unused_net.plus(tax_back).unwrap(), ..part }
}

#[test]
fn wrong_day_counts_are_refused() {
    let off_by_one = |line: &Line, on: NaiveDate, _| ours(line, on, CancellationDay::Refunded);
    refuses("counted on a calendar", laws::refund::days_are_counted(&mut runner(), off_by_one));
    refuses("last day", laws::refund::the_last_day_gives_nothing(&mut runner(), off_by_one));
    let never_given_back = |line: &Line, on: NaiveDate, _| ours(line, on, CancellationDay::Used);
    refuses("exactly T and X", laws::refund::the_first_day_can_give_everything(&mut runner(), never_given_back));
    let always_365 = mutant(|_, part| Unused { days_total: part.days_total.min(365), ..part });
    refuses("366 days", laws::refund::leap_years_have_366_days(&mut runner(), always_365));
}

#[test]
fn wrong_net_amounts_are_refused() {
    let negative = mutant(|line, part| parts(line, part, part.unused_net.minor() - 1));
    refuses("0 ≤ unused_net ≤ T", laws::refund::unused_net_is_part_of_net(&mut runner(), negative));
    let days = |part: &Unused| (i128::from(part.days_unused), i128::from(part.days_total));
    let rounded_down = mutant(move |line, part| {
        let (unused_days, total) = days(&part);
        let exact = i128::from(line.net.minor()) * unused_days;
        parts(line, part, i64::try_from(exact / total).unwrap())
    });
    refuses("rounded half up", laws::refund::unused_net_is_rounded_half_up(&mut runner(), rounded_down));
    let half_down = mutant(move |line, part| {
        let (unused_days, total) = days(&part);
        let exact = 2 * i128::from(line.net.minor()) * unused_days;
        parts(line, part, i64::try_from((exact + total - 1) / (2 * total)).unwrap())
    });
    refuses("rounded half up", laws::refund::unused_net_is_rounded_half_up(&mut runner(), half_down));
    let daily_price_first = mutant(|line, part| {
        let a_day = line.net.minor() / i64::from(part.days_total);
        parts(line, part, a_day * i64::from(part.days_unused))
    });
    refuses("doubling", laws::refund::doubling_doubles(&mut runner(), daily_price_first));
    let free_week = mutant(|line, part| if part.days_used < 7 { part } else { parts(line, part, 0) });
    refuses("a day later", laws::refund::later_never_gives_more(&mut runner(), free_week));
    let rising = mutant(|line, part| parts(line, part, line.net.minor() - part.unused_net.minor()));
    refuses("a day later", laws::refund::later_never_gives_more(&mut runner(), rising));
}

#[test]
fn wrong_tax_is_refused() {
    let extra = mutant(|_, part| Unused { tax_back: minor(part.tax_back, |tax| tax + 1), ..part });
    refuses("tax_back ≤ X", laws::refund::tax_back_is_part_of_tax(&mut runner(), extra));
    let extra = mutant(|_, part| Unused { tax_back: minor(part.tax_back, |tax| tax + 1), ..part });
    refuses("= T", laws::refund::nothing_is_made_or_lost(&mut runner(), extra));
    // The tax of the unused part rounded by itself, instead of the remainder.
    let by_itself = mutant(|line, part| {
        let tax_back = line.rate.of(part.unused_net).unwrap();
        let tax_kept = line.tax.minus(tax_back).unwrap();
        Unused { tax_back, tax_kept, value: part.unused_net.plus(tax_back).unwrap(), ..part }
    });
    refuses("tax_kept", laws::refund::tax_kept_is_what_the_authority_computes(&mut runner(), by_itself));
    refuses(
        "rounded half up",
        laws::money::tax_is_rounded_half_up(&mut runner(), |net, rate| {
            minor(net, |net| i64::try_from(i128::from(net) * i128::from(rate.billionths()) / 1_000_000_000).unwrap())
        }),
    );
}

#[test]
fn refunds_that_disagree_with_the_rest_are_refused() {
    let calls = std::cell::Cell::new(0_i64);
    let moody = |line: &Line, on: NaiveDate, day| {
        calls.set(calls.get() + 1);
        let part = ours(line, on, day);
        parts(line, part, (part.unused_net.minor() + calls.get() % 3).min(line.net.minor()))
    };
    refuses("same output", laws::refund::same_input_same_output(&mut runner(), moody));
    let on_the_whole_net = |lines: &[Line], settlement: &Settlement, on: NaiveDate, day| {
        let first = *lines.first().unwrap();
        let net = total(first.net.currency(), lines.iter().map(|line| line.net)).unwrap();
        let tax = total(first.net.currency(), lines.iter().map(|line| line.tax)).unwrap();
        our_disposition(ours(&Line { net, tax, ..first }, on, day).value, settlement, Destination::Refund)
    };
    refuses("sum over lines", laws::refund::lines_add_up(&mut runner(), ours, on_the_whole_net));
    let a_day_late = |net: Money, period: Period, through: NaiveDate| our_earned(net, period, through - Days::new(1));
    refuses("earned_net", laws::refund::revenue_agrees(&mut runner(), ours, a_day_late));
    let quote = |line: &Line, _: &Settlement, on: NaiveDate, day| ours(line, on, day).value;
    let act = |line: &Line, _: &Settlement, on: NaiveDate, _| ours(line, on, CancellationDay::Used).value;
    holds(laws::refund::quote_equals_act(&mut runner(), quote, quote));
    refuses("CP-2", laws::refund::quote_equals_act(&mut runner(), quote, act));
}

/// A disposition changed by `change`.
fn moved(change: impl Fn(&Settlement, Disposition) -> Disposition) -> impl Fn(Money, &Settlement, Destination) -> Disposition {
    move |value, settlement, to| change(settlement, our_disposition(value, settlement, to))
}

#[test]
fn money_that_goes_astray_is_refused() {
    let lost = moved(|_, parts| Disposition { already_returned: minor(parts.already_returned, |_| 0), ..parts });
    refuses("five parts", laws::settlement::every_unit_goes_somewhere(&mut runner(), lost));
    let held_is_paid = || {
        moved(|_, parts| {
            let payout = parts.payout.plus(parts.held).unwrap();
            Disposition { payout, held: minor(parts.held, |_| 0), ..parts }
        })
    };
    refuses("payout ≤", laws::settlement::payout_is_at_most_the_cash_left(&mut runner(), held_is_paid()));
    refuses(
        "payout + credit",
        laws::settlement::credit_is_at_most_what_is_not_returned(&mut runner(), |value, settlement, to| {
            let parts = our_disposition(value, settlement, to);
            Disposition { credit: parts.credit.plus(parts.held).unwrap(), held: minor(parts.held, |_| 0), ..parts }
        }),
    );
    let all_held = moved(|_, parts| {
        let held = parts.held.plus(parts.already_returned).unwrap();
        Disposition { held, already_returned: minor(held, |_| 0), ..parts }
    });
    refuses("held ≤ disputed", laws::settlement::disputed_cash_is_held(&mut runner(), all_held));
    let debt_forgotten = moved(|_, parts| {
        let already_returned = parts.already_returned.plus(parts.owed_off).unwrap();
        Disposition { owed_off: minor(parts.owed_off, |_| 0), already_returned, ..parts }
    });
    refuses("owed_off", laws::settlement::debt_comes_first(&mut runner(), debt_forgotten));
    let credit_first = |value: Money, settlement: &Settlement, to| {
        let parts = our_disposition(value, settlement, to);
        let shift = parts.payout.at_most(settlement.paid_from_credit.minus(parts.credit).unwrap().or_zero()).unwrap();
        Disposition { payout: parts.payout.minus(shift).unwrap(), credit: parts.credit.plus(shift).unwrap(), ..parts }
    };
    refuses("filled before", laws::settlement::nothing_is_kept_back(&mut runner(), credit_first));
    let always_cash = |value: Money, settlement: &Settlement, _| our_disposition(value, settlement, Destination::Refund);
    refuses("nothing is paid out", laws::settlement::credit_pays_nothing_out(&mut runner(), always_cash));
}

#[test]
fn periods_that_drift_or_gap_are_refused() {
    let months = |k: u32, cycle: Cycle| Months::new(k * cycle.months());
    let drifting = |anchor: NaiveDate, cycle: Cycle, k: u32| {
        let start = (0..k).fold(anchor, |start, _| start + months(1, cycle));
        Period::new(start, start + months(1, cycle)).unwrap()
    };
    refuses("clamped", laws::calendar::days_are_clamped_to_the_anchor(&mut runner(), drifting));
    let thirty_days = |anchor: NaiveDate, cycle: Cycle, k: u32| {
        let days = if cycle == Cycle::Monthly { 30 } else { 365 };
        let start = anchor + Days::new(days * u64::from(k));
        Period::new(start, start + Days::new(days)).unwrap()
    };
    refuses("no month", laws::calendar::no_month_is_skipped(&mut runner(), thirty_days));
    let from_its_start = |anchor: NaiveDate, cycle: Cycle, k: u32| {
        let start = anchor + months(k, cycle);
        Period::new(start, start + months(1, cycle)).unwrap()
    };
    refuses("tile", laws::calendar::periods_tile(&mut runner(), from_its_start));
    let one_day_more = |anchor: NaiveDate, cycle: Cycle, k: u32| {
        let period = Period::nth(anchor, cycle, k).unwrap();
        Period::new(period.start, period.end + Days::new(1)).unwrap()
    };
    refuses("28 to 31", laws::calendar::lengths_are_those_of_months_and_years(&mut runner(), one_day_more));
}

#[test]
fn prices_without_notice_or_backwards_are_refused() {
    type Versions<'a> = &'a [DatedVersion<u32>];
    type Notices<'a> = &'a [SentNotice<u32>];
    let a_day_early = |current, start, versions: Versions<'_>, notices: Notices<'_>, days: u32| {
        version_at_renewal(current, start, versions, notices, days.saturating_sub(1))
    };
    refuses("notice old enough", laws::price::never_new_without_an_old_enough_notice(&mut runner(), a_day_early));
    let by_date_alone = |_, start: NaiveDate, versions: Versions<'_>, _: Notices<'_>, _| {
        let in_force = versions.iter().filter(|listed| listed.effective_from <= start);
        let version = *in_force.max_by_key(|listed| listed.effective_from).unwrap();
        Choice { version, superseded: vec![], pending: vec![] }
    };
    refuses("notice old enough", laws::price::never_new_without_an_old_enough_notice(&mut runner(), by_date_alone));
    let oldest = |_, _, versions: Versions<'_>, _: Notices<'_>, _| {
        let version = *versions.iter().min_by_key(|listed| listed.effective_from).unwrap();
        Choice { version, superseded: vec![], pending: vec![] }
    };
    refuses("older version", laws::price::never_back_to_an_older_version(&mut runner(), oldest));
    let never_moves = |current, _, _: Versions<'_>, _: Notices<'_>, _| Choice { version: current, superseded: vec![], pending: vec![] };
    refuses("latest version", laws::price::the_latest_due_version_counts(&mut runner(), never_moves));
    refuses("accounted for", laws::price::every_newer_version_is_accounted_for(&mut runner(), never_moves));
    let swapped = |current, start, versions: Versions<'_>, notices: Notices<'_>, days| {
        let mut choice = version_at_renewal(current, start, versions, notices, days);
        std::mem::swap(&mut choice.superseded, &mut choice.pending);
        choice
    };
    refuses("accounted for", laws::price::every_newer_version_is_accounted_for(&mut runner(), swapped));
    let no_reasons = |current, start, versions: Versions<'_>, notices: Notices<'_>, days| {
        let mut choice = version_at_renewal(current, start, versions, notices, days);
        for passed in choice.superseded.iter_mut().chain(&mut choice.pending) {
            passed.reason = kasacare::domain::price::PassedOver::NoNotice;
        }
        choice
    };
    refuses("reasons", laws::price::reasons_are_true(&mut runner(), no_reasons));
    refuses(
        "only get newer",
        laws::price::a_term_only_moves_forward(&mut runner(), |_, start, versions, notices, days| {
            // Forgets what was paid before: a version whose notice lapses from view brings the old price back.
            let current = *versions.iter().min_by_key(|listed| listed.effective_from).unwrap();
            let recent: Vec<_> = notices.iter().copied().filter(|notice| (start - notice.sent_on).num_days() < 200).collect();
            version_at_renewal(current, start, versions, &recent, days)
        }),
    );
}

#[test]
fn wrong_corrections_are_refused() {
    let change = |change: fn(Assessment) -> Assessment| {
        move |on: NaiveDate, charged: Money, correct: Money, as_of: NaiveDate, days: u32| {
            change(our_assessment(on, charged, correct, as_of, days))
        }
    };
    let one_more = change(|found| Assessment { amount: Money::new(found.amount.minor() + 1, found.amount.currency()), ..found });
    refuses("exactly the difference", laws::correction::the_difference_is_corrected(&mut runner(), one_more));
    let longer = |on, charged, correct, as_of, days: u32| our_assessment(on, charged, correct, as_of, days + 1);
    refuses("outside the window", laws::correction::no_attempt_outside_the_window(&mut runner(), longer));
    let shorter = |on, charged, correct, as_of: NaiveDate, days: u32| {
        let found = our_assessment(on, charged, correct, as_of + Days::new(1), days);
        Assessment { last_attempt_on: our_assessment(on, charged, correct, as_of, days).last_attempt_on, ..found }
    };
    refuses("last day", laws::correction::the_window_is_used_to_its_last_day(&mut runner(), shorter));
    let forgotten = change(|found| match found.action {
        CorrectionAction::Owe => Assessment { action: CorrectionAction::Waive, ..found },
        _ => found,
    });
    refuses("overcharge", laws::correction::an_overcharge_never_disappears(&mut runner(), forgotten));
    let generous = change(|found| match found.action {
        CorrectionAction::Charge => Assessment { action: CorrectionAction::Waive, ..found },
        _ => found,
    });
    refuses("waived only", laws::correction::an_undercharge_is_waived_only_after_the_window(&mut runner(), generous));
}

#[test]
fn wrong_revenue_is_refused() {
    let a_day_late = |net: Money, period: Period, through: NaiveDate| our_earned(net, period, through - Days::new(1));
    refuses("over all days", laws::revenue::everything_is_earned_in_the_end(&mut runner(), a_day_late));
    let a_day_early = |net: Money, period: Period, through: NaiveDate| our_earned(net, period, through + Days::new(1));
    refuses("before the first day", laws::revenue::nothing_is_earned_before(&mut runner(), a_day_early));
    let all_on_the_last_day = |net: Money, period: Period, through: NaiveDate| {
        if through < period.last_day() { Money::zero(net.currency()) } else { net }
    };
    refuses("ceil", laws::revenue::every_day_earns_its_share(&mut runner(), all_on_the_last_day));
    let earned_rounded_up =
        |net: Money, period: Period, through: NaiveDate| net.share(period.days_through(through), period.days()).unwrap();
    refuses("what is left", laws::revenue::what_is_left_is_rounded_half_up(&mut runner(), earned_rounded_up));
}

#[test]
fn wrong_money_is_refused() {
    let todays_rate = |rows: &[DatedRate], place: &str, _: NaiveDate| our_rate(rows, place, NaiveDate::MAX);
    refuses("in force", laws::money::the_rate_is_the_one_in_force(&mut runner(), todays_rate));
    let or_nothing = |rows: &[DatedRate], place: &str, on| our_rate(rows, place, on).or(Some(Rate::ZERO));
    refuses("in force", laws::money::the_rate_is_the_one_in_force(&mut runner(), or_nothing));
    let unlimited = |code: &Promotion, price: Money| match &code.off {
        Discount::PercentOff(rate) => rate.of(price).unwrap(),
        Discount::AmountOff(amounts) => *amounts.iter().find(|amount| amount.currency() == price.currency()).unwrap(),
    };
    refuses("discount ≤ price", laws::money::a_price_never_goes_below_zero(&mut runner(), unlimited));
    let cut_off = |code: &Promotion, price: Money| {
        let half_up = code.discount(price).unwrap();
        if half_up == price { half_up } else { minor(half_up, |off| (off - 1).max(0)) }
    };
    refuses("promised", laws::money::a_discount_is_what_was_promised(&mut runner(), cut_off));
    let one_too_many = |code: &Promotion, billed: u32| match code.duration {
        Duration::Once => billed == 0,
        Duration::Periods(count) => billed <= count,
        Duration::Forever => true,
    };
    refuses("billed periods", laws::money::a_promotion_counts_billed_periods(&mut runner(), one_too_many));
    let blind = |left: Money, right: Money| Some(minor(left, |left| left + right.minor()));
    refuses("never mix", laws::money::currencies_never_mix(&mut runner(), blind));
    let always_cents = |amount: Money| {
        let usd = Currency::parse("USD").unwrap();
        Money::new(amount.minor(), usd).major()
    };
    let read = |text: &str, currency: Currency| Money::parse_major(text, currency).ok();
    refuses("printing", laws::money::amounts_survive_printing(&mut runner(), always_cents, read));
}
