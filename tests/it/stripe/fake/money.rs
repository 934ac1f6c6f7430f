//! Charges and refunds.

use serde_json::{Value, json};

use super::{Answer, Fake, Params, State, error, metadata, number};

/// 2.9 % and 0.30, rounded half up.
pub fn fee(amount: i64) -> i64 {
    (amount * 29 + 500) / 1_000 + 30
}

impl Fake {
    /// A refund comes back, however long ago it was paid out (F62).
    pub fn fail_refund(&self, id: &str) -> Value {
        self.state().come_back(id)
    }
}

impl State {
    /// What a method does is in its name: `pm_decline_CODE…` is declined, `pm_other_amount…` moves 1.00 less; refunds to
    /// `pm_refund_fails…` are taken on and come back at once.
    pub(super) fn charge(&mut self, params: &Params) -> Answer {
        for (name, value) in [("off_session", "true"), ("confirm", "true"), ("error_on_requires_action", "true")] {
            assert_eq!(params.get(name).map(String::as_str), Some(value), "{name}");
        }
        let (method, customer) = (&params["payment_method"], &params["customer"]);
        let known = &self.methods.get(method).map_or(Value::Null, |known| known["customer"].clone());
        if *known != Value::Null && *known != customer.as_str() {
            return error(400, "invalid_request_error", None);
        }
        let amount = number(params, "amount").unwrap();
        let received = if method.starts_with("pm_other_amount") { amount - 100 } else { amount };
        let mut intent = json!({
            "id": format!("pi_{}{:05}", self.name, self.intents.len() + 1), "object": "payment_intent", "amount": amount, "amount_received": received,
            "currency": params["currency"], "customer": customer, "status": "succeeded", "created": self.now,
            "last_payment_error": null, "payment_method": method, "metadata": metadata(params),
        });
        if let Some(code) = method.strip_prefix("pm_decline_") {
            let code = code.split('-').next().unwrap_or_default();
            let cause = json!({ "type": "card_error", "code": "card_declined", "decline_code": code });
            intent["status"] = json!("requires_payment_method");
            intent["amount_received"] = json!(0);
            intent["last_payment_error"].clone_from(&cause);
            self.intents.push(intent.clone());
            self.happened("payment_intent.payment_failed", &intent);
            return (402, json!({ "error": cause }));
        }
        let moved = json!({
            "id": format!("ch_{}{:05}", self.name, self.charges.len() + 1), "object": "charge", "payment_intent": intent["id"],
            "amount": received, "currency": intent["currency"], "created": self.now, "metadata": intent["metadata"],
            "billing_details": { "email": "somebody@example.com", "name": "Somebody" },
        });
        self.moved("charge", received, fee(received), &moved);
        self.charges.push(moved);
        self.intents.push(intent.clone());
        self.happened("payment_intent.succeeded", &intent);
        (200, intent)
    }

    pub(super) fn refund(&mut self, params: &Params) -> Answer {
        let (of, amount) = (&params["payment_intent"], number(params, "amount").unwrap());
        let Some(intent) = self.intents.iter().find(|intent| intent["id"] == of.as_str()) else {
            return error(404, "invalid_request_error", Some("resource_missing"));
        };
        let given: i64 =
            self.refunds.iter().filter(|refund| refund["payment_intent"] == of.as_str()).filter_map(|one| one["amount"].as_i64()).sum();
        if given + amount > intent["amount_received"].as_i64().unwrap() {
            return error(400, "invalid_request_error", Some("charge_already_refunded"));
        }
        let comes_back = intent["payment_method"].as_str().is_some_and(|method| method.starts_with("pm_refund_fails"));
        let refund = json!({
            "id": format!("re_{}{:05}", self.name, self.refunds.len() + 1), "object": "refund", "amount": amount, "currency": intent["currency"],
            "payment_intent": of, "charge": self.charge_of(of)["id"], "status": "succeeded", "created": self.now, "metadata": metadata(params),
        });
        self.moved("refund", -amount, 0, &refund);
        self.refunds.push(refund.clone());
        self.happened("refund.created", &refund);
        if comes_back {
            let id = refund["id"].as_str().unwrap().to_owned();
            return (200, self.come_back(&id));
        }
        (200, refund)
    }

    /// Stripe's charge of a payment intent.
    pub(super) fn charge_of(&self, intent: &str) -> Value {
        self.charges.iter().find(|charge| charge["payment_intent"] == intent).cloned().unwrap_or(Value::Null)
    }

    fn come_back(&mut self, id: &str) -> Value {
        let refund = self.refunds.iter_mut().find(|refund| refund["id"] == id).expect("a refund");
        refund["status"] = json!("failed");
        refund["failure_reason"] = json!("lost_or_stolen_card");
        let refund = refund.clone();
        self.moved("refund_failure", refund["amount"].as_i64().unwrap(), 0, &refund);
        self.happened("refund.failed", &refund);
        refund
    }
}
