//! Laws of CO-1 to CO-3: putting a wrong payment right.

use chrono::{Days, NaiveDate};
use proptest::test_runner::TestRunner;

use crate::domain::correction::{Assessment, CorrectionAction};
use crate::domain::money::Money;
use crate::strategies::{ChargedPayment, charged_payments};

use super::{Verdict, ensure, equal, hold, wide};

/// Runs every law of this module.
pub fn all(runner: &mut TestRunner, assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment) -> Verdict {
    the_difference_is_corrected(runner, &assess)?;
    no_attempt_outside_the_window(runner, &assess)?;
    the_window_is_used_to_its_last_day(runner, &assess)?;
    an_overcharge_never_disappears(runner, &assess)?;
    an_undercharge_is_waived_only_after_the_window(runner, &assess)
}

fn ask(assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment, payment: &ChargedPayment) -> Assessment {
    let ChargedPayment { transaction_on, charged, correct, as_of, window_days } = *payment;
    assess(transaction_on, charged, correct, as_of, window_days)
}

fn last_day(payment: &ChargedPayment) -> NaiveDate {
    payment.transaction_on + Days::new(u64::from(payment.window_days))
}

/// CO-1: the amount is exactly the difference, and nothing is done where there is none.
pub fn the_difference_is_corrected(
    runner: &mut TestRunner,
    assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment,
) -> Verdict {
    hold(runner, "CO-1: exactly the difference is corrected", charged_payments(), |payment| {
        let assessment = ask(&assess, &payment);
        let difference = (wide(payment.charged) - wide(payment.correct)).abs();
        equal("amount", &wide(assessment.amount), &difference)?;
        equal("nothing to do", &(assessment.action == CorrectionAction::None), &(difference == 0))
    })
}

/// CO-2: no attempt is begun outside the window.
pub fn no_attempt_outside_the_window(
    runner: &mut TestRunner,
    assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment,
) -> Verdict {
    hold(runner, "CO-2: no attempt is begun outside the window", charged_payments(), |payment| {
        let assessment = ask(&assess, &payment);
        let attempt = matches!(assessment.action, CorrectionAction::Charge | CorrectionAction::Refund);
        ensure(!attempt || payment.as_of <= last_day(&payment), || format!("{assessment:?}"))
    })
}

/// CO-2: the window reaches to `transaction + window_days`, that day included, and a difference found in it is put right.
pub fn the_window_is_used_to_its_last_day(
    runner: &mut TestRunner,
    assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment,
) -> Verdict {
    hold(runner, "CO-2: the window is used to its last day", charged_payments(), |payment| {
        let assessment = ask(&assess, &payment);
        equal("last day", &assessment.last_attempt_on, &last_day(&payment))?;
        let given_up = matches!(assessment.action, CorrectionAction::Waive | CorrectionAction::Owe);
        ensure(!given_up || payment.as_of > last_day(&payment), || format!("{assessment:?}"))
    })
}

/// CO-3: what was charged too much is refunded or stays owed; it never silently disappears.
pub fn an_overcharge_never_disappears(
    runner: &mut TestRunner,
    assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment,
) -> Verdict {
    hold(runner, "CO-3: an overcharge never disappears", charged_payments(), |payment| {
        let action = ask(&assess, &payment).action;
        let returned = matches!(action, CorrectionAction::Refund | CorrectionAction::Owe);
        equal("returned or owed", &returned, &(payment.charged.minor() > payment.correct.minor()))
    })
}

/// CO-3: what was charged too little is charged inside the window and waived after it.
pub fn an_undercharge_is_waived_only_after_the_window(
    runner: &mut TestRunner,
    assess: impl Fn(NaiveDate, Money, Money, NaiveDate, u32) -> Assessment,
) -> Verdict {
    hold(runner, "CO-3: an undercharge is waived only after the window", charged_payments(), |payment| {
        let action = ask(&assess, &payment).action;
        let undercharged = payment.charged.minor() < payment.correct.minor();
        let in_window = payment.as_of <= last_day(&payment);
        equal("charged", &(action == CorrectionAction::Charge), &(undercharged && in_window))?;
        equal("waived", &(action == CorrectionAction::Waive), &(undercharged && !in_window))
    })
}
