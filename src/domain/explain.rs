//! The rules' arithmetic in words: rule ids, inputs and results, as `quote --explain` prints them and as decisions keep
//! them. Amounts carry their currency; dates are the account's.

use chrono::NaiveDate;

use super::calendar::{Cycle, Period};
use super::correction::{Assessment, CorrectionAction};
use super::money::Money;
use super::price::PassedOver;
use super::refund::{CancellationDay, Disposition, Line, Unused};

/// CA-1: how the periods of a term are counted.
#[must_use]
pub fn periods(anchor: NaiveDate, cycle: Cycle) -> String {
    let step = match cycle {
        Cycle::Monthly => "one month",
        Cycle::Annual => "twelve months",
    };
    format!(
        "CA-1: each period is {step} long; both its ends are counted from the anchor {anchor} and clamped to the last \
         day of their month, so that a short month never makes later periods drift."
    )
}

/// RF-1: how the days of a cancelled period part.
#[must_use]
pub fn days(line: &Line, cancel_on: NaiveDate, day: CancellationDay, part: &Unused) -> String {
    let counts = match day {
        CancellationDay::Used => "counts as used",
        CancellationDay::Refunded => "is given back",
    };
    let Period { start, end } = line.period;
    let Unused { days_total, days_used, days_unused, .. } = part;
    format!(
        "RF-1: cancelled on {cancel_on} in the period from {start} to {end} (end exclusive, {days_total} days); the \
         day of cancellation {counts}: {days_used} days used, {days_unused} unused."
    )
}

/// RF-2: how net amount and tax of a cancelled line part.
#[must_use]
pub fn unused(line: &Line, part: &Unused) -> [String; 2] {
    let Unused { days_total, days_unused, unused_net, earned_net, tax_kept, tax_back, value, .. } = part;
    let Line { net, tax, rate, .. } = line;
    [
        format!("RF-2: net {net} × {days_unused} / {days_total} = {unused_net}, rounded half up; {earned_net} is earned."),
        format!(
            "RF-2: tax at rate {rate} on the earned {earned_net} is {tax_kept}; of the tax of {tax}, {tax_back} comes \
             back. Unused value: {value}."
        ),
    ]
}

/// RF-5: why a monthly cancellation gives nothing back.
#[must_use]
pub fn monthly_keeps_all() -> String {
    "RF-5: a monthly plan runs to the end of its period; nothing is given back.".to_owned()
}

/// RF-3: where an unused value goes.
#[must_use]
pub fn disposition(value: Money, disposition: &Disposition) -> String {
    let Disposition { owed_off, payout, credit, held, already_returned } = disposition;
    let parts: Vec<String> = [
        (owed_off, "taken off what is owed"),
        (payout, "paid out to the original payments"),
        (credit, "put on account credit"),
        (held, "held until the dispute ends"),
        (already_returned, "given back before"),
    ]
    .iter()
    .filter(|(amount, _)| !amount.is_zero())
    .map(|(amount, what)| format!("{amount} {what}"))
    .collect();
    if parts.is_empty() {
        return format!("RF-3: of {value}, nothing is left to give back.");
    }
    format!("RF-3: of {value}: {}.", parts.join(", "))
}

/// RR-1: what is earned through a date.
#[must_use]
pub fn revenue(net: Money, period: Period, through: NaiveDate, earned: Money) -> String {
    let days = period.days();
    let past = period.days_through(through);
    let left = days.saturating_sub(past);
    format!(
        "RR-1: through {through}, {past} of {days} days are past: {net} − {net} × {left} / {days} (rounded half up) = \
         {earned}."
    )
}

/// CO-1 to CO-3: what is done about a wrong payment.
#[must_use]
pub fn assessment(charged: Money, correct: Money, as_of: NaiveDate, assessment: &Assessment) -> String {
    let Assessment { action, amount, last_attempt_on } = assessment;
    let (rule, window, what) = match action {
        CorrectionAction::None => return format!("CO-1: {charged} was charged and is correct."),
        CorrectionAction::Charge => ("CO-2", "open", format!("charge {amount}")),
        CorrectionAction::Refund => ("CO-2", "open", format!("refund {amount}")),
        CorrectionAction::Waive => ("CO-3", "over", format!("{amount} is waived")),
        CorrectionAction::Owe => ("CO-3", "over", format!("{amount} stays owed to the customer")),
    };
    format!(
        "{rule}: {charged} was charged, {correct} is correct; on {as_of} the window is {window} (last attempt on \
         {last_attempt_on}): {what}."
    )
}

/// PR-1: the version that a new subscription buys at.
#[must_use]
pub fn price_at_start(on: NaiveDate, version: &str) -> String {
    format!("PR-1: bought on {on} at {version}, the latest version in force.")
}

/// PR-2: a renewal moves to a newer version.
#[must_use]
pub fn price_moves(start: NaiveDate, version: &str, notice_days: u32) -> String {
    format!("PR-2: the period from {start} is charged at {version}, in force and noticed at least {notice_days} days before.")
}

/// PR-2, PR-4: a renewal does not pay a newer version.
#[must_use]
pub fn price_passed_over(start: NaiveDate, version: &str, reason: &PassedOver<&str>, notice_days: u32) -> String {
    let why = match reason {
        PassedOver::NotYetEffective { effective_from } => format!("PR-2: it is in force only from {effective_from}"),
        PassedOver::NoNotice => "PR-2: no notice of it was sent".to_owned(),
        PassedOver::NoticeTooYoung { sent_on, age_days } if *age_days < 0 => {
            format!("PR-2: its notice was sent only on {sent_on}")
        }
        PassedOver::NoticeTooYoung { sent_on, age_days } => {
            format!("PR-2: its notice of {sent_on} is {age_days} days old, {notice_days} are needed")
        }
        PassedOver::NewerDue { newer } => format!("PR-4: {newer} is newer and due as well"),
    };
    format!("{why}; {version} is not charged for the period from {start}.")
}
