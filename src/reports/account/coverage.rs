//! Subscriptions as the report shows them, and what the calendar does to each next.

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Serialize;

use crate::domain::account::Subscription;
use crate::domain::calendar::local_date;
use crate::domain::catalog::Plan;
use crate::domain::ids::{CameraId, SubscriptionId};
use crate::domain::promotion::Redemption;
use crate::domain::subscription::{Cause, Channel, Intent, State, Term};

/// A subscription. What a state does not have is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownSubscription {
    /// Its id.
    pub subscription: SubscriptionId,
    /// Who charges.
    pub channel: Channel,
    /// The covered camera; `null` where it covers the whole account.
    pub camera: Option<CameraId>,
    /// The state's name in the rules.
    pub state: &'static str,
    /// Past due, suspended or closed since.
    pub since: Option<NaiveDate>,
    /// Something is unpaid since.
    pub unpaid_since: Option<NaiveDate>,
    /// Why it is closed.
    pub closed_because: Option<Cause>,
    /// The plan in use, tried, or about to be used.
    pub plan: Option<Plan>,
    /// Term number, from 1; a trial has none.
    pub term: Option<u32>,
    /// Number of the present period in the term, from 0.
    pub period_no: Option<u32>,
    /// First day of the present period, or of the trial.
    pub period_start: Option<NaiveDate>,
    /// First day after the present period, or after the trial.
    pub period_end: Option<NaiveDate>,
    /// What happens at the end of the period.
    pub intent: Option<ShownIntent>,
    /// The plan that it changes to, where it does.
    pub changes_to: Option<Plan>,
    /// The price version that it is billed at.
    pub price_version: Option<String>,
    /// The promotion in use.
    pub promotion: Option<Redemption>,
    /// The terms that it was sold under.
    pub terms_version: String,
    /// A cancellation that waits for a charge in flight or for the account's release.
    pub cancel_requested_on: Option<NaiveDate>,
    /// What the calendar does next, the earliest first. Where the account is parked, nothing happens before its release.
    pub next: Vec<Next>,
}

/// What happens at the end of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShownIntent {
    /// The next period begins.
    Renews,
    /// It runs out.
    Ends,
    /// Another plan begins.
    Changes,
}

/// Something that the calendar does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Next {
    /// The account's date.
    pub on: NaiveDate,
    /// What happens then.
    pub event: Event,
}

/// What the calendar does to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// RE-1: the renewal reminder is written.
    Reminder,
    /// LC-2: the trial ends and the first paid period begins.
    TrialEnd,
    /// LC-4.
    Renewal,
    /// CP: a change of plan takes effect.
    PlanChange,
    /// The paid period runs out.
    End,
}

pub(super) fn shown(subscription: &Subscription, zone: Tz) -> ShownSubscription {
    let state = &subscription.state;
    let term = state.term();
    let (since, unpaid_since, closed_because) = match state {
        State::PastDue { since, .. } => (Some(*since), Some(*since), None),
        State::Suspended { since, unpaid_since, .. } => (Some(*since), *unpaid_since, None),
        State::Closed { cause, on } => (Some(*on), None, Some(*cause)),
        State::Free | State::Pending { .. } | State::Trialing { .. } | State::Active { .. } => (None, None, None),
    };
    let (days, version) = match state {
        State::Trialing { trial } => (Some((trial.start, trial.ends)), Some(&trial.version)),
        _ => (term.map(|term| (term.period.start, term.period.end)), term.map(|term| &term.version)),
    };
    ShownSubscription {
        subscription: subscription.id.clone(),
        channel: subscription.channel,
        camera: subscription.camera.clone(),
        state: state.name(),
        since,
        unpaid_since,
        closed_because,
        plan: state.plan().cloned(),
        term: term.map(|term| term.number),
        period_no: term.map(|term| term.period_no),
        period_start: days.map(|(start, _)| start),
        period_end: days.map(|(_, end)| end),
        intent: term.map(intent),
        changes_to: term.and_then(changes_to).cloned(),
        price_version: version.cloned(),
        promotion: subscription.promotion.clone(),
        terms_version: subscription.terms_version.clone(),
        cancel_requested_on: subscription.cancel_requested_on,
        next: next(subscription, zone),
    }
}

const fn intent(term: &Term) -> ShownIntent {
    match term.intent {
        Intent::Renews => ShownIntent::Renews,
        Intent::Ends => ShownIntent::Ends,
        Intent::ChangesTo { .. } => ShownIntent::Changes,
    }
}

const fn changes_to(term: &Term) -> Option<&Plan> {
    match &term.intent {
        Intent::ChangesTo { plan, .. } => Some(plan),
        Intent::Renews | Intent::Ends => None,
    }
}

/// From the stored instants, because the jobs go by them and by nothing else.
fn next(subscription: &Subscription, zone: Tz) -> Vec<Next> {
    let on = |at: DateTime<Utc>| local_date(at, zone);
    let at_the_end = match &subscription.state {
        State::Trialing { .. } => Event::TrialEnd,
        state => match state.term().map(intent) {
            Some(ShownIntent::Changes) => Event::PlanChange,
            Some(ShownIntent::Ends) => Event::End,
            Some(ShownIntent::Renews) | None => Event::Renewal,
        },
    };
    let reminder = subscription.remind_at.map(|at| Next { on: on(at), event: Event::Reminder });
    let end = subscription.due_at.map(|at| Next { on: on(at), event: at_the_end });
    let mut next: Vec<Next> = reminder.into_iter().chain(end).collect();
    next.sort_by_key(|next| (next.on, next.event));
    next
}
