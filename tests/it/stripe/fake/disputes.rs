//! Disputes: opened, money withdrawn, won, lost, and given back after all.

use serde_json::{Value, json};

use super::{Fake, State};

/// What is taken for a dispute, whoever wins.
const FEE: i64 = 1_500;

impl Fake {
    /// A card's holder disputes a payment; nothing has moved yet. Gives the id of the dispute.
    pub fn dispute(&self, intent: &str) -> String {
        let mut state = self.state();
        let charge = state.charge_of(intent);
        let id = format!("du_{}{:05}", state.name, state.disputes.len() + 1);
        let dispute = json!({
            "id": id, "object": "dispute", "amount": charge["amount"], "currency": charge["currency"], "status": "needs_response",
            "charge": charge["id"], "payment_intent": intent, "metadata": {}, "created": state.now, "balance_transactions": [],
        });
        state.happened("charge.dispute.created", &dispute);
        state.disputes.push(dispute);
        id
    }

    /// The disputed money and a fee are taken.
    pub fn withdraw(&self, id: &str) {
        self.state().dispute_moves(id, "dispute", -1, FEE, "charge.dispute.funds_withdrawn");
    }

    /// It is lost: nothing moves any more.
    pub fn lose(&self, id: &str) {
        self.state().dispute_is(id, "lost", "charge.dispute.closed");
    }

    /// It is won, however late, and the money comes back.
    pub fn win(&self, id: &str) {
        let mut state = self.state();
        state.dispute_is(id, "won", "charge.dispute.closed");
        state.dispute_moves(id, "dispute_reversal", 1, 0, "charge.dispute.funds_reinstated");
    }
}

impl State {
    fn dispute_is(&mut self, id: &str, status: &str, event: &str) {
        let dispute = self.disputes.iter_mut().find(|dispute| dispute["id"] == id).expect("a dispute");
        dispute["status"] = json!(status);
        let dispute = dispute.clone();
        self.happened(event, &dispute);
    }

    fn dispute_moves(&mut self, id: &str, category: &str, sign: i64, fee: i64, event: &str) {
        let place = self.disputes.iter().position(|dispute| dispute["id"] == id).expect("a dispute");
        let mut dispute = self.disputes[place].clone();
        let amount = sign * dispute["amount"].as_i64().unwrap();
        self.moved(category, amount, fee, &dispute);
        let movement: Value = self.transactions.last().unwrap().clone();
        dispute["balance_transactions"].as_array_mut().expect("its movements").push(movement);
        self.disputes[place].clone_from(&dispute);
        self.happened(event, &dispute);
    }
}
