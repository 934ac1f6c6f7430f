//! Where a subscription stands, in one line.

use crate::domain::account::Subscription;
use crate::domain::subscription::{Cause, Channel, Intent, State, Term};

/// One line: state, plan, paid period, what happens at its end.
pub(super) fn line(subscription: &Subscription) -> String {
    let mut line = match &subscription.state {
        State::Free => "free".to_owned(),
        State::Pending { term } => format!("pending: {}, its first charge is under way", period(term)),
        State::Trialing { trial } => {
            format!("trialing: {}, free until {}, first paid day {}", trial.plan, last_day(trial.ends), trial.ends)
        }
        State::Active { term } => format!("active: {}, {}", period(term), intent(term)),
        State::PastDue { term, since } => format!("past due since {since}: {}, {}", period(term), intent(term)),
        State::Suspended { term, since, unpaid_since } => {
            let unpaid = unpaid_since.map_or(String::new(), |since| format!(", unpaid since {since}"));
            format!("suspended since {since}{unpaid}: {}, {}", period(term), intent(term))
        }
        State::Closed { cause, on } => format!("closed: {}, first day without it {on}", cause_in_words(*cause)),
    };
    if let Some(camera) = subscription.camera.as_ref().filter(|_| subscription.state.is_live()) {
        line.push_str(&format!(", covers {camera}"));
    }
    if subscription.channel != Channel::Direct {
        line.push_str(&format!(", billed by {}", subscription.channel.tag()));
    }
    if let Some(on) = subscription.cancel_requested_on {
        line.push_str(&format!(", cancellation of {on} waits"));
    }
    line
}

fn period(term: &Term) -> String {
    format!("{} at {}, paid period {} to {}", term.plan, term.version, term.period.start, term.period.last_day())
}

fn intent(term: &Term) -> String {
    match &term.intent {
        Intent::Renews => format!("renews on {}", term.period.end),
        Intent::Ends => format!("ends on {}", term.period.end),
        Intent::ChangesTo { plan, version, .. } => format!("becomes {plan} at {version} on {}", term.period.end),
    }
}

fn last_day(end: chrono::NaiveDate) -> chrono::NaiveDate {
    end.pred_opt().unwrap_or(end)
}

/// Why a subscription ended, in words.
#[must_use]
pub const fn cause_in_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Cancelled => "cancelled",
        Cause::TrialCancelled => "trial cancelled",
        Cause::FirstChargeDeclined => "first charge declined",
        Cause::CameraTransferred => "camera transferred",
        Cause::Absorbed => "covered by another subscription",
        Cause::Terminated => "terminated",
        Cause::TerminatedForBreach => "terminated for a breach",
        Cause::Unpaid => "cancelled for non-payment",
        Cause::OrderCancelled => "order cancelled",
        Cause::DisputeLost => "dispute lost",
    }
}
