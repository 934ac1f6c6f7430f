//! localstripe (`PyPI`, GPL-3.0, run as a process): customers, payment methods, payment intents, refunds, balance transactions and signed
//! webhooks, written by others for their own tests.
//!
//! What it lacks, and the shim supplies:
//! - idempotency: it takes no notice of keys, and would charge twice; the shim keeps the first answer of each key;
//! - parameters: it refuses `automatic_payment_methods`, `error_on_requires_action`, `expand`, and, of lists, `created` and `customer`;
//! - what a movement is about: it names the charge or refund, and the shim puts the object there.
//!
//! What it lacks and nobody supplies, so that nothing is shown of it here: `decline_code`s, limits on refunds, fees (they are 0), disputes,
//! payouts in dollars, events about refunds, webhooks that are sent again.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use kasacare::clock::Clock;
use kasacare::domain::account::AttemptState;
use kasacare::domain::subscription::State;
use serde_json::{Value, json};

use super::super::http::{SECRET, Site, limits};
use super::super::{entry, number, usd};
use super::{Params, Peer, Request, adapter_before, get, list, tell, tools};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

const JOINED: &str = "2026-01-31";

/// On loopback alone, and with nothing left of an earlier one.
const PROGRAM: &str = "
import sys
from aiohttp import web
from localstripe.server import app
web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]), print=None)
";

fn start() -> Peer {
    Peer::start("localstripe", |port| {
        let mut command = Command::new(tools().join("venv/bin/python"));
        command.args(["-c", PROGRAM, &port.to_string()]);
        command
    })
}

fn without(params: &Params, names: &[&str]) -> Params {
    params.iter().filter(|(name, _)| !names.iter().any(|start| name.starts_with(start))).map(|(n, v)| (n.clone(), v.clone())).collect()
}

/// The first answers by path and key.
type Answers = Arc<Mutex<HashMap<(String, String), (u16, Value)>>>;

async fn answer(peer: std::net::SocketAddr, answers: Answers, request: Request) -> (u16, Value) {
    let known = request.key.clone().map(|key| (request.path.clone(), key));
    if let Some(first) = known.as_ref().and_then(|known| answers.lock().unwrap().get(known).cloned()) {
        return first;
    }
    let params = without(&request.params, &["automatic_payment_methods", "error_on_requires_action", "expand", "created", "customer"]);
    let answered = match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/v1/payment_intents") => {
            let (_, all) = tell(peer, &Request { params, ..request_of(&request) }).await;
            let of = request.params.get("customer").map(String::as_str);
            list(all["data"].as_array().unwrap().iter().filter(|one| of.is_none() || one["customer"].as_str() == of).cloned())
        }
        ("GET", "/v1/balance_transactions") => {
            let (_, all) = tell(peer, &Request { params, ..request_of(&request) }).await;
            let mut lines = all["data"].as_array().unwrap().clone();
            for line in &mut lines {
                let id = line["source"].as_str().unwrap().to_owned();
                let kind = if id.starts_with("re_") { "refunds" } else { "charges" };
                line["source"] = get(peer, &format!("/v1/{kind}/{id}")).await;
            }
            list(lines)
        }
        ("POST", "/v1/payment_intents") => {
            let kept = without(&request.params, &["automatic_payment_methods", "error_on_requires_action"]);
            tell(peer, &Request { params: kept, ..request_of(&request) }).await
        }
        ("GET", _) => tell(peer, &Request { params, ..request_of(&request) }).await,
        _ => tell(peer, &request).await,
    };
    if let Some(known) = known.filter(|_| answered.0 != 400 && answered.0 != 404) {
        answers.lock().unwrap().insert(known, answered.clone());
    }
    answered
}

fn request_of(request: &Request) -> Request {
    Request { method: request.method.clone(), path: request.path.clone(), params: Params::new(), key: request.key.clone() }
}

/// A card as a customer would enter it in Stripe's own form.
async fn card(peer: &Peer, digits: &str) -> String {
    let fields = [("type", "card"), ("card[number]", digits), ("card[exp_month]", "12"), ("card[exp_year]", "2031"), ("card[cvc]", "123")];
    let params = fields.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let request = Request { method: "POST".to_owned(), path: "/v1/payment_methods".to_owned(), params, key: None };
    tell(peer.address, &request).await.1["id"].as_str().unwrap().to_owned()
}

/// Has its events sent to our endpoint.
async fn subscribe_to_webhooks(peer: &Peer, site: &Site) {
    let fields = [("url", format!("http://{}/webhooks/stripe", site.address)), ("secret", SECRET.to_owned())];
    let params = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let request = Request { method: "POST".to_owned(), path: "/_config/webhooks/kasacare".to_owned(), params, key: None };
    assert_eq!(tell(peer.address, &request).await.0, 200);
}

#[tokio::test]
async fn create_attach_charge_refund_and_the_webhooks_about_it() {
    on_both(async |db| {
        let peer = start();
        let (address, answers) = (peer.address, Answers::default());
        let mut town = Town::on(&db).await;
        town.engine.provider = adapter_before(Arc::new(move |request| answer(address, Arc::clone(&answers), request).boxed())).await;
        // It signs with the time on the wall.
        let site = Site::open(&db, Clock::System.now(), limits()).await;
        subscribe_to_webhooks(&peer, &site).await;

        let good = card(&peer, "4242424242424242").await;
        let id = town.move_in("a", OREGON, &good).await;
        let subscription = town.subscribe(JOINED, &id, "plus/annual").await;
        let account = town.account(&id).await;
        let charge = account.charges.values().next().unwrap();
        assert_eq!((charge.state, charge.amount), (AttemptState::Succeeded, usd(9_999)));
        assert!(matches!(account.subscriptions.values().next().unwrap().state, State::Active { .. }));
        let intents = get(address, "/v1/payment_intents").await;
        let intent = &intents["data"][0];
        assert_eq!((intents["data"].as_array().unwrap().len(), intent["id"].as_str()), (1, charge.reference.as_deref()));
        assert_eq!(
            intent["metadata"],
            json!({ "kasacare_account": "a", "kasacare_invoice": charge.invoice, "kasacare_charge": charge.id })
        );
        assert_eq!(get(address, &format!("/v1/payment_methods/{good}")).await["customer"], intent["customer"]);

        // It sends its events after a second, once, and signs them.
        let told = "select count(*) from inbox where kind = 'payment_intent.succeeded' and source = 'webhook'";
        for _ in 0..200 {
            if number(&db, told).await > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(number(&db, told).await, 1);
        let events = get(address, "/v1/events").await;
        let event = events["data"].as_array().unwrap().iter().find(|event| event["type"] == "payment_intent.succeeded").unwrap();
        town.run_at(Clock::System.now()).await;
        let entry = entry(&db, event["id"].as_str().unwrap()).await;
        assert_eq!((entry.outcome.as_deref(), number(&db, "select count(*) from payments").await), (Some("applied"), 1));

        town.act(noon("2026-12-01"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-12-01").await;
        let account = town.account(&id).await;
        let refund = account.refunds.values().next().unwrap();
        let theirs = get(address, "/v1/refunds").await;
        assert_eq!((refund.state, theirs["data"][0]["id"].as_str()), (AttemptState::Succeeded, refund.reference.as_deref()));
        assert_eq!((theirs["data"][0]["amount"].as_i64(), theirs["data"].as_array().unwrap().len()), (Some(refund.amount.minor()), 1));

        // What has moved there is fetched as well, and named as our books name it.
        town.run("2026-12-02").await;
        let ours =
            "select count(*) from provider_movements m join charges c on c.reference = m.parent_reference where m.category = 'charge'";
        assert_eq!((number(&db, "select count(*) from provider_movements").await, number(&db, ours).await), (2, 1));
        site.close().await;
    })
    .await;
}

/// It tells a `code` and no `decline_code`; and a card that cannot be put on file is refused.
#[tokio::test]
async fn a_declined_card_is_a_decline() {
    on_both(async |db| {
        let peer = start();
        let (address, answers) = (peer.address, Answers::default());
        let mut town = Town::on(&db).await;
        town.engine.provider = adapter_before(Arc::new(move |request| answer(address, Arc::clone(&answers), request).boxed())).await;
        let id = town.move_in("b", OREGON, &card(&peer, "4000000000000341").await).await;
        town.subscribe(JOINED, &id, "plus/annual").await;
        let account = town.account(&id).await;
        let first = account.charges.values().next().unwrap();
        assert_eq!((first.state, first.code.as_deref()), (AttemptState::Failed, Some("card_declined")));
        assert_eq!(get(address, "/v1/payment_intents").await["data"][0]["status"], "requires_payment_method");
    })
    .await;
}
