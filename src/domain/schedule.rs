//! When things fall due. Due is data: every date here is derived from the state and stored beside it as an instant, so
//! that a claim is one indexed comparison and no clock decides what exists (F30).

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::account::{Account, Invoice, Subscription};
use super::calendar::{Cycle, month_end, start_of_day};
use super::subscription::{Channel, Intent, State};

/// The first date on which the calendar asks something of the subscription: its period's end or its trial's (CA-2). Nothing
/// where a cancellation waits for a charge or for the account's release: no later period is billed then (CA-4).
#[must_use]
pub fn due_on(subscription: &Subscription) -> Option<NaiveDate> {
    if subscription.channel != Channel::Direct || subscription.cancel_requested_on.is_some() {
        return None;
    }
    match &subscription.state {
        State::Trialing { trial } => Some(trial.ends),
        State::Active { term } | State::PastDue { term, .. } => Some(term.period.end),
        State::Suspended { term, .. } if term.intent == Intent::Ends => Some(term.period.end),
        State::Free | State::Pending { .. } | State::Suspended { .. } | State::Closed { .. } => None,
    }
}

/// The date on which it is looked at: [`due_on`], or the day after the account was last billed for a missed period (CA-3: at most
/// one a day). An end bills nothing and waits for nothing.
#[must_use]
pub fn due_date(subscription: &Subscription, caught_up_on: Option<NaiveDate>) -> Option<NaiveDate> {
    let on = due_on(subscription)?;
    let ends = subscription.state.term().is_some_and(|term| term.intent == Intent::Ends);
    let next = caught_up_on.filter(|last| !ends && on <= *last).and_then(|last| last.succ_opt());
    Some(next.unwrap_or(on))
}

/// The renewal that a reminder is owed for and none was written yet (RE-1, RE-3).
#[must_use]
pub fn renewal_to_remind_of(subscription: &Subscription) -> Option<NaiveDate> {
    annual_renewal(subscription).filter(|on| subscription.reminded_for.is_none_or(|last| last < *on))
}

/// The next renewal of which a customer is reminded: of an annual term that goes on, or of a trial into one (RE-1, RE-3).
#[must_use]
pub fn annual_renewal(subscription: &Subscription) -> Option<NaiveDate> {
    let (cycle, on) = match &subscription.state {
        State::Trialing { trial } => (trial.plan.cycle, trial.ends),
        State::Active { term } | State::PastDue { term, .. } => match &term.intent {
            Intent::Renews => (term.plan.cycle, term.period.end),
            Intent::ChangesTo { plan, .. } => (plan.cycle, term.period.end),
            Intent::Ends => return None,
        },
        State::Free | State::Pending { .. } | State::Suspended { .. } | State::Closed { .. } => return None,
    };
    let owed = cycle == Cycle::Annual && subscription.channel == Channel::Direct && subscription.cancel_requested_on.is_none();
    Some(on).filter(|_| owed)
}

/// The next day through which an invoice's revenue is to be recognised: its month's end, or its last day of service.
#[must_use]
pub fn recognise_through(invoice: &Invoice, recognised_through: Option<NaiveDate>) -> NaiveDate {
    let last = invoice.ended_on.unwrap_or_else(|| invoice.document.period.last_day());
    let from = recognised_through.and_then(|date| date.succ_opt()).unwrap_or(invoice.document.period.start);
    month_end(from).max(month_end(invoice.document.period.start)).min(month_end(last))
}

fn recognise_at(invoice: &Invoice, zone: Tz) -> Option<DateTime<Utc>> {
    if invoice.pending || invoice.recognised == invoice.net {
        return None;
    }
    let due = recognise_through(invoice, invoice.recognised_through);
    due.succ_opt().map(|next| start_of_day(next, zone))
}

impl Account {
    /// Recomputes every due instant from the state.
    pub fn reschedule(&mut self, reminder_days: impl Fn(&str) -> u32) {
        let zone = self.profile.zone;
        for subscription in self.subscriptions.values_mut() {
            subscription.due_at = due_date(subscription, self.profile.caught_up_on).map(|on| start_of_day(on, zone));
            let days = reminder_days(&subscription.terms_version);
            subscription.remind_at = renewal_to_remind_of(subscription)
                .and_then(|on| super::calendar::minus_days(on, days).ok())
                .map(|on| start_of_day(on, zone));
        }
        for invoice in self.invoices.values_mut() {
            invoice.recognise_at = recognise_at(invoice, zone);
        }
    }
}
