//! A change as programs read it. The shape is stable: members are added, never renamed or removed.
//!
//! ```json
//! { "quote": true, "changed": true, "account": "acc-1", "kind": "cancel", "cause": "cancel:7",
//!   "effective_on": "2026-06-02", "recorded_at": "2026-06-02T12:00:00.000000Z", "actor": "customer", "reason": null,
//!   "money": { "to_pay": "0.00 USD", "paid_back": "71.76 USD", "credit_before": "…", "credit_after": "…",
//!              "owed_before": "…", "owed_after": "…" },
//!   "subscriptions": [ { "id": "sub-1", "before": { "active": {…} }, "after": { "closed": {…} } } ],
//!   "events": [ { "note_issued.v1": {…} }, … ],
//!   "postings": [ { "event": 0, "account": 2100, "name": "…", "amount": "66.29 USD", "invoice": "in_…" }, … ],
//!   "why": [ "RF-2: …", … ],
//!   "notices": [ { "id": "…", "kind": "cancellation_confirmed", "subscription": "sub-1", "not_before": null } ] }
//! ```
//!
//! `changed` is false where everything is so already. Amounts are texts in major units with their currency; a posting's
//! amount is positive for a debit and negative for a credit. Events are stored under the same tags. Of a notice only its kind is
//! shown: its facts may name a payment method (PP-3).

use chrono::SecondsFormat;
use serde_json::{Value, json};

use super::Stored;
use super::sums::Sums;
use crate::domain::change::Change;

/// The change as one JSON object.
#[must_use]
pub fn shown(change: &Change, stored: Stored) -> Value {
    json!({
        "quote": stored == Stored::Quoted,
        "changed": !change.is_empty(),
        "account": change.after.profile.id,
        "kind": change.kind,
        "cause": change.cause,
        "effective_on": change.effective_on,
        "recorded_at": change.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true),
        "actor": change.actor,
        "reason": change.reason,
        "money": money(change),
        "subscriptions": subscriptions(change),
        "events": change.events,
        "postings": postings(change),
        "why": change.why,
        "notices": notices(change),
    })
}

fn money(change: &Change) -> Value {
    Sums::of(change).map_or(Value::Null, |sums| {
        json!({
            "to_pay": sums.to_pay,
            "paid_back": sums.paid_back,
            "credit_before": sums.credit.before,
            "credit_after": sums.credit.after,
            "owed_before": sums.owed.before,
            "owed_after": sums.owed.after,
        })
    })
}

fn subscriptions(change: &Change) -> Vec<Value> {
    let changed = change.after.subscriptions.iter().filter(|(id, after)| change.before.subscriptions.get(*id) != Some(after));
    changed
        .map(|(id, after)| {
            let before = change.before.subscriptions.get(id).map(|before| &before.state);
            json!({ "id": id, "before": before, "after": after.state })
        })
        .collect()
}

fn postings(change: &Change) -> Vec<Value> {
    let legs = change.entries.iter().flat_map(|(event, legs)| legs.iter().map(move |leg| (event, leg)));
    legs.map(|(event, leg)| {
        json!({
            "event": event,
            "account": leg.account.number,
            "name": leg.account.name,
            "amount": leg.amount,
            "invoice": leg.invoice,
        })
    })
    .collect()
}

fn notices(change: &Change) -> Vec<Value> {
    let shown = change.notices.iter().map(|notice| {
        json!({
            "id": notice.id,
            "kind": notice.kind.tag(),
            "subscription": notice.subscription,
            "not_before": notice.not_before.map(|at| at.to_rfc3339_opts(SecondsFormat::Micros, true)),
        })
    });
    shown.collect()
}
