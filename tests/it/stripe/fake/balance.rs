//! Our balance: what each movement leaves of it, what is paid out of it, and how all of that is told.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Answer, Fake, Params, State, error, page};

impl Fake {
    /// Pays out everything that is on the balance, a payout a currency; gives their ids.
    pub fn pay_out(&self) -> Vec<String> {
        let mut state = self.state();
        let mut sums: BTreeMap<String, (i64, Vec<String>)> = BTreeMap::new();
        for line in &state.transactions {
            let id = line["id"].as_str().unwrap();
            if !state.lines.contains_key(id) && !line["reporting_category"].as_str().unwrap().starts_with("payout") {
                let sum = sums.entry(line["currency"].as_str().unwrap().to_owned()).or_default();
                sum.0 += line["net"].as_i64().unwrap();
                sum.1.push(id.to_owned());
            }
        }
        sums.into_iter().map(|(currency, (sum, lines))| state.send(&currency, sum, &lines)).collect()
    }

    /// A payout does not arrive and is back on the balance.
    pub fn fail_payout(&self, id: &str) {
        let mut state = self.state();
        let payout = state.payouts.iter_mut().find(|payout| payout["id"] == id).expect("a payout");
        payout["status"] = json!("failed");
        let payout = payout.clone();
        state.moved("payout_reversal", payout["amount"].as_i64().unwrap(), 0, &payout);
        state.happened("payout.failed", &payout);
    }

    /// What an operator saves of the list of movements: all its pages, one after the other.
    pub fn balance_file(&self) -> String {
        let (mut file, mut after) = (String::new(), None::<String>);
        loop {
            let expand = ("expand[0]".to_owned(), "data.source".to_owned());
            let params: Params = after.take().map(|id| ("starting_after".to_owned(), id)).into_iter().chain([expand]).collect();
            let (_, page) = self.state().list_transactions(&params);
            file.push_str(&page.to_string());
            if page["has_more"] != true {
                return file;
            }
            after = page["data"].as_array().unwrap().last().map(|line| line["id"].as_str().unwrap().to_owned());
        }
    }

    /// Something that is nobody's payment moves so much.
    pub fn move_otherwise(&self, category: &str, amount: i64) -> String {
        self.state().moved(category, amount, 0, &json!({ "id": null, "currency": "usd" }))
    }
}

impl State {
    /// The balance changes because of an object; gives the id of the movement.
    pub(super) fn moved(&mut self, category: &str, amount: i64, fee: i64, object: &Value) -> String {
        let id = format!("txn_{}{:05}", self.name, self.transactions.len() + 1);
        self.transactions.push(json!({
            "id": id, "object": "balance_transaction", "amount": amount, "fee": fee, "net": amount - fee, "currency": object["currency"],
            "type": category, "reporting_category": category, "created": self.now, "available_on": self.now + 2 * 24 * 3_600,
            "status": "available", "source": object["id"], "description": "told to somebody@example.com",
        }));
        id
    }

    fn send(&mut self, currency: &str, amount: i64, lines: &[String]) -> String {
        let id = format!("po_{}{:05}", self.name, self.payouts.len() + 1);
        let payout = json!({
            "id": id, "object": "payout", "amount": amount, "currency": currency, "arrival_date": self.now + 2 * 24 * 3_600,
            "automatic": true, "reconciliation_status": "completed", "status": "paid", "created": self.now,
            "trace_id": { "status": "supported", "value": format!("TRACE{id}") },
        });
        self.payouts.push(payout.clone());
        let own = self.moved("payout", -amount, 0, &payout);
        self.lines.extend(lines.iter().chain([&own]).map(|line| (line.clone(), id.clone())));
        self.happened("payout.paid", &payout);
        self.happened("payout.reconciliation_completed", &payout);
        id
    }

    pub(super) fn list_transactions(&mut self, params: &Params) -> Answer {
        if let Some(left) = self.pages_left {
            if left == 0 {
                return error(500, "api_error", None);
            }
            self.pages_left = Some(left - 1);
        }
        let of = params.get("payout");
        let is_it = |line: &Value| of.is_none_or(|payout| line["id"].as_str().and_then(|id| self.lines.get(id)) == Some(payout));
        let (status, mut list) = page(&self.transactions, params, is_it);
        if params.iter().any(|(name, value)| name.starts_with("expand[") && value == "data.source") {
            for line in list["data"].as_array_mut().expect("a list").iter_mut().filter(|line| line.is_object()) {
                line["source"] = self.object(&line["source"]);
            }
        }
        (status, list)
    }

    /// The object of this id, whatever it is.
    fn object(&self, id: &Value) -> Value {
        let all = [&self.charges, &self.refunds, &self.disputes, &self.payouts];
        all.into_iter().flatten().find(|object| object["id"] == *id && !id.is_null()).cloned().unwrap_or_else(|| id.clone())
    }
}
