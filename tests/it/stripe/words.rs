//! Events in Stripe's words, about objects of ours. Only what is read is in them; whole ones are in `fixtures/stripe/events`.

use serde_json::{Value, json};

use super::intent_of;

/// One event: its id and its body.
pub type Event = (String, String);

/// An event of this type about this object.
pub fn event(id: &str, kind: &str, object: &Value) -> Event {
    let body = json!({
        "id": id, "object": "event", "api_version": "2026-09-30.endive", "created": 1_769_850_000, "livemode": false,
        "pending_webhooks": 1, "request": { "id": null, "idempotency_key": null }, "type": kind, "data": { "object": object },
    });
    (id.to_owned(), body.to_string())
}

fn metadata(account: &str, charge: &str) -> Value {
    json!({ "kasacare_account": account, "kasacare_charge": charge })
}

/// The payment intent of a charge of ours.
pub fn intent(account: &str, charge: &str, amount: i64, status: &str) -> Value {
    let received = if status == "succeeded" { amount } else { 0 };
    json!({
        "id": intent_of(charge), "object": "payment_intent", "amount": amount, "amount_received": received, "currency": "usd",
        "status": status, "metadata": metadata(account, charge), "last_payment_error": null,
    })
}

/// The same, declined with this code.
pub fn declined(account: &str, charge: &str, amount: i64, decline_code: &str) -> Value {
    let mut intent = intent(account, charge, amount, "requires_payment_method");
    intent["last_payment_error"] = json!({ "type": "card_error", "code": "card_declined", "decline_code": decline_code });
    intent
}

/// Stripe's charge of that payment intent.
pub fn charge(account: &str, charge: &str, amount: i64) -> Value {
    json!({
        "id": format!("py_{charge}"), "object": "charge", "amount": amount, "amount_captured": amount, "captured": true, "currency": "usd",
        "payment_intent": intent_of(charge), "status": "succeeded", "metadata": metadata(account, charge),
    })
}

/// A refund of ours.
pub fn refund(account: &str, charge: &str, refund: &str, amount: i64, status: &str) -> Value {
    json!({
        "id": format!("pr_{refund}"), "object": "refund", "amount": amount, "currency": "usd", "status": status,
        "charge": format!("py_{charge}"), "payment_intent": intent_of(charge),
        "failure_reason": if status == "failed" { json!("lost_or_stolen_card") } else { Value::Null },
        "metadata": { "kasacare_account": account, "kasacare_charge": charge, "kasacare_refund": refund },
    })
}

/// A dispute of a charge of ours, for which so much has moved: out, and perhaps back in.
pub fn dispute(charge: &str, amount: i64, status: &str, moved: &[i64]) -> Value {
    let movement = |amount: &i64| json!({ "amount": amount, "fee": if *amount < 0 { 1_500 } else { 0 }, "currency": "usd" });
    json!({
        "id": format!("du_{charge}"), "object": "dispute", "amount": amount, "currency": "usd", "status": status,
        "charge": format!("py_{charge}"), "payment_intent": intent_of(charge), "metadata": {},
        "balance_transactions": moved.iter().map(movement).collect::<Vec<_>>(),
    })
}

/// A card.
pub fn card(token: &str, month: u32, year: i32) -> Value {
    json!({
        "id": token, "object": "payment_method", "type": "card", "customer": "cus_1",
        "card": { "brand": "visa", "last4": "4242", "exp_month": month, "exp_year": year },
    })
}
