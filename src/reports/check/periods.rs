//! CA-1, I6: periods tile within a term, terms follow one another, and each period that begins is billed.

use std::collections::BTreeMap;

use super::findings::{Check, Inspection};
use crate::domain::account::{Account, Subscription};
use crate::domain::calendar::Period;
use crate::domain::event::Event;
use crate::domain::ids::SubscriptionId;
use crate::domain::subscription::{Channel, Life, State, Term};
use crate::reports::stored::Record;

/// What records are called in which subscriptions are taken over from elsewhere: their present period was paid there.
const TAKE_OVER: &str = "take_over";

/// The states of the subscriptions that these events are about, before they are applied.
pub(super) fn states_of(account: &Account, events: &[Event]) -> BTreeMap<SubscriptionId, State> {
    let mut states = BTreeMap::new();
    for event in events {
        if let Event::Life { subscription, .. } = event {
            let state = account.subscriptions.get(subscription).map_or(State::Free, |subscription| subscription.state.clone());
            states.entry(subscription.clone()).or_insert(state);
        }
    }
    states
}

/// Looks at the periods that begin in one record.
pub(super) fn inspect_record(
    before: &BTreeMap<SubscriptionId, State>,
    account: &Account,
    record: &Record,
    events: &[Event],
    inspection: &mut Inspection<'_>,
) {
    for (id, state) in before {
        let mut previous = state.term().cloned();
        for life in events.iter().filter_map(|event| life_of(event, id)) {
            let next = match (life, &previous) {
                (Life::Subscribed { term } | Life::TermOpened { term }, _) => term.clone(),
                (Life::Renewed { period_no, period, version }, Some(term)) => {
                    Term { period_no: *period_no, period: *period, version: version.clone(), ..term.clone() }
                }
                _ => continue,
            };
            let fault = fault_of(state, previous.as_ref(), &next, id, account, events);
            inspection.expect(Check::PeriodsTile, fault.is_none(), id.as_str(), || {
                format!("term {} period {}: {}", next.number, next.period_no, fault.unwrap_or_default())
            });
            billed(id, &next, account, record, inspection);
            previous = Some(next);
        }
    }
}

fn life_of<'a>(event: &'a Event, id: &SubscriptionId) -> Option<&'a Life> {
    match event {
        Event::Life { subscription, life } if subscription == id => Some(life),
        _ => None,
    }
}

/// What is wrong with the dates of a period that begins.
fn fault_of(
    state: &State,
    previous: Option<&Term>,
    next: &Term,
    id: &SubscriptionId,
    account: &Account,
    events: &[Event],
) -> Option<String> {
    if Period::nth(next.anchor, next.plan.cycle, next.period_no) != Ok(next.period) {
        return Some(format!("{} to {} is not counted from the anchor {}", next.period.start, next.period.end, next.anchor));
    }
    let Some(previous) = previous else {
        let trial_ends = if let State::Trialing { trial } = state { Some(trial.ends) } else { None };
        let late = trial_ends.filter(|ends| *ends != next.period.start);
        return late
            .map(|ends| format!("starts on {}, its trial ends on {ends}", next.period.start))
            .or_else(|| (next.number != 1).then(|| "the first term is not number 1".to_owned()));
    };
    if next.number == previous.number {
        let follows = next.period_no == previous.period_no + 1 && next.period.start == previous.period.end;
        return (!follows).then(|| format!("does not follow period {}", previous.period_no));
    }
    if next.number != previous.number + 1 {
        return Some(format!("follows term {}", previous.number));
    }
    joint_fault(previous, next, id, account, events)
}

/// What is wrong where one term follows another: they must not overlap, and a gap needs its cause.
fn joint_fault(previous: &Term, next: &Term, id: &SubscriptionId, account: &Account, events: &[Event]) -> Option<String> {
    let start = next.period.start;
    if start > previous.period.end {
        let cause = |event: &Event| matches!(event, Event::AccountReleased) || matches!(life_of(event, id), Some(Life::Reinstated));
        return (!events.iter().any(cause)).then(|| format!("leaves a gap from {} on, without a cause", previous.period.end));
    }
    if start == previous.period.end {
        return None;
    }
    let cut = account.invoices.values().find(|invoice| {
        let document = &invoice.document;
        (&document.subscription, document.term, document.period_no) == (id, previous.number, previous.period_no)
    });
    // Without an invoice of ours it was billed elsewhere, and there is nothing to cut.
    let last_day = cut?.ended_on;
    (last_day.is_none_or(|last| last >= start)).then(|| format!("starts on {start}, while the term before runs to {}", previous.period.end))
}

/// F08, LC-4: a period that begins has its invoice, in the same record.
fn billed(id: &SubscriptionId, term: &Term, account: &Account, record: &Record, inspection: &mut Inspection<'_>) {
    let is_direct = |subscription: &Subscription| subscription.channel == Channel::Direct;
    if !account.subscriptions.get(id).is_some_and(is_direct) || record.kind == TAKE_OVER {
        return;
    }
    let invoice = format!("in_{id}_{}_{}", term.number, term.period_no);
    let has_one = account.invoices.contains_key(&invoice);
    inspection.expect(Check::InvoiceOfPeriod, has_one, &invoice, || "is missing: its period began unbilled".to_owned());
}
