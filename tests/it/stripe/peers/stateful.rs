//! stripe-stateful-mock (npm, MIT, run as a process): the referee for idempotency keys, declines with their codes, failures that a key
//! keeps, and limits on refunds, as Stripe has them for charges.
//!
//! What it lacks: payment intents and payment methods (it speaks API version 2020-08-27 and knows charges of sources alone), events,
//! webhooks, the balance, payouts and the list of a customer's payments. The shim makes a charge of each payment intent, under the same key
//! and with the payment method as its source, and shows charges as payment intents; it notes the customer in the metadata.

use std::process::Command;
use std::sync::Arc;

use chrono::TimeDelta;
use futures::FutureExt;
use kasacare::domain::account::AttemptState;
use kasacare::domain::ids::AccountId;
use kasacare::provider::{ChargeCall, Decline, Doubt, LookUp, NotDone, Outcome, Provider, RefundCall};
use serde_json::{Value, json};

use super::super::usd;
use super::{Params, Peer, Request, adapter_before, get, list, tell, tools};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon, order};

const JOINED: &str = "2026-01-31";
/// Where the shim notes whose charge it is.
const CUSTOMER: &str = "shim_customer";

fn start() -> Peer {
    Peer::start("stripe-stateful-mock", |port| {
        let mut command = Command::new("node");
        command.arg(tools().join("node/node_modules/stripe-stateful-mock/autostart.js"));
        command.env("PORT", port.to_string()).env("LOG_LEVEL", "silent");
        command
    })
}

/// A charge as the payment intent that it stands for.
fn as_intent(charge: &Value) -> Value {
    let status = if charge["status"] == "succeeded" { "succeeded" } else { "requires_payment_method" };
    json!({
        "id": charge["id"], "object": "payment_intent", "amount": charge["amount"], "amount_received": charge["amount"],
        "currency": charge["currency"], "created": charge["created"], "status": status, "metadata": charge["metadata"],
        "last_payment_error": if status == "succeeded" { Value::Null } else { json!({ "code": charge["failure_code"] }) },
    })
}

async fn answer(peer: std::net::SocketAddr, Request { method, path, params, key }: Request) -> (u16, Value) {
    match (method.as_str(), path.as_str()) {
        ("POST", "/v1/payment_intents") => {
            let kept = |name: &str| name == "amount" || name == "currency" || name.starts_with("metadata[");
            let mut charge: Params = params.iter().filter(|(name, _)| kept(name)).map(|(n, v)| (n.clone(), v.clone())).collect();
            charge.insert("source".to_owned(), params["payment_method"].clone());
            charge.insert(format!("metadata[{CUSTOMER}]"), params["customer"].clone());
            let (status, value) = tell(peer, &Request { method, path: "/v1/charges".to_owned(), params: charge, key }).await;
            (status, if status == 200 { as_intent(&value) } else { value })
        }
        ("GET", "/v1/payment_intents") => {
            let all = get(peer, "/v1/charges").await;
            let of = |charge: &&Value| charge["metadata"][CUSTOMER].as_str() == params.get("customer").map(String::as_str);
            list(all["data"].as_array().unwrap().iter().filter(of).map(as_intent))
        }
        ("GET", "/v1/events" | "/v1/balance_transactions") => list([]),
        _ => tell(peer, &Request { method, path, params, key }).await,
    }
}

async fn adapter(peer: &Peer) -> Provider {
    let address = peer.address;
    adapter_before(Arc::new(move |request| answer(address, request).boxed())).await
}

/// The charges that have moved money.
async fn charges(peer: &Peer) -> Vec<Value> {
    let all = get(peer.address, "/v1/charges").await;
    all["data"].as_array().unwrap().iter().filter(|charge| charge["status"] == "succeeded").cloned().collect()
}

fn call(number: u8, token: &str, amount: i64) -> ChargeCall {
    ChargeCall {
        key: format!("kasacare:charge:ch_{number}"),
        account_id: "a".parse().unwrap(),
        invoice_id: "in_a".to_owned(),
        charge_id: format!("ch_{number}"),
        amount: usd(amount),
        method_token: format!("cus_1:{token}"),
        expires_on: None,
    }
}

async fn charged(provider: &Provider, call: ChargeCall) -> Outcome {
    provider.charge(noon(JOINED), &[call]).await.remove(0)
}

/// The same key: one charge, and the same answer; another amount under it is our mistake, and nothing is charged.
#[tokio::test]
async fn a_key_moves_money_once_and_keeps_its_first_answer() {
    let peer = start();
    let provider = adapter(&peer).await;
    let first = charged(&provider, call(1, "tok_visa", 9_999)).await;
    assert!(matches!(&first, Outcome::Succeeded { amount, .. } if *amount == usd(9_999)), "{first:?}");
    assert_eq!(charged(&provider, call(1, "tok_visa", 9_999)).await, first);
    assert_eq!(charged(&provider, call(1, "tok_visa", 5_000)).await, Outcome::Unknown(Doubt::KeyReused));
    assert_eq!(charges(&peer).await.len(), 1);
    let question = LookUp { id: "ch_1".to_owned(), method_token: Some("cus_1:tok_visa".to_owned()), ..LookUp::default() };
    let unknown = LookUp { id: "ch_2".to_owned(), ..question.clone() };
    let found = provider.look_up_charges(noon(JOINED), &[question, unknown]).await;
    assert_eq!(found, [first, Outcome::DidNotHappen(NotDone::NotFound)]);
}

#[tokio::test]
async fn declines_are_what_their_codes_say() {
    let peer = start();
    let provider = adapter(&peer).await;
    let tokens = [
        ("tok_chargeDeclined", "generic_decline"),
        ("tok_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("tok_chargeDeclinedFraudulent", "fraudulent"),
        ("tok_chargeDeclinedExpiredCard", "expired_card"),
        ("tok_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("tok_chargeDeclinedProcessingError", "processing_error"),
    ];
    for (number, (token, code)) in (0_u8..).zip(tokens) {
        let outcome = charged(&provider, call(number, token, 9_999)).await;
        assert_eq!(outcome, Outcome::Declined(Decline::of(code)), "{token}");
        // The key keeps a decline: only a new attempt is another one (F06).
        assert_eq!(charged(&provider, call(number, token, 9_999)).await, outcome, "{token}");
    }
    assert_eq!(charges(&peer).await, Vec::<Value>::new());
}

/// I4: Stripe itself gives no more back than it took.
#[tokio::test]
async fn no_more_is_refunded_than_was_charged() {
    let peer = start();
    let provider = adapter(&peer).await;
    let Outcome::Succeeded { reference, .. } = charged(&provider, call(1, "tok_visa", 9_999)).await else { panic!("not charged") };
    let refund = async |number: u8, amount: i64| {
        let call = RefundCall {
            key: format!("kasacare:refund:re_{number}"),
            account_id: "a".parse().unwrap(),
            refund_id: format!("re_{number}"),
            charge_id: "ch_1".to_owned(),
            charge_reference: reference.clone(),
            amount: usd(amount),
        };
        provider.refund(noon(JOINED), &[call]).await.remove(0)
    };
    let first = refund(1, 6_000).await;
    assert!(matches!(&first, Outcome::Succeeded { amount, .. } if *amount == usd(6_000)), "{first:?}");
    assert_eq!(refund(1, 6_000).await, first, "the same key");
    let too_much = refund(2, 4_000).await;
    assert_eq!(too_much, Outcome::DidNotHappen(NotDone::Refused { code: "invalid_request_error".to_owned() }));
    assert!(matches!(refund(3, 3_999).await, Outcome::Succeeded { .. }));
    assert_eq!(refund(4, 1).await, Outcome::Declined(Decline::of("charge_already_refunded")));
    let charge = charges(&peer).await.remove(0);
    assert_eq!((charge["amount_refunded"].as_i64(), &charge["refunded"]), (Some(9_999), &json!(true)));
    let question = |id: &str| LookUp { id: id.to_owned(), charge_reference: Some(reference.clone()), ..LookUp::default() };
    let found = provider.look_up_refunds(noon(JOINED), &[question("re_1"), question("re_2")]).await;
    assert_eq!(found, [first, Outcome::DidNotHappen(NotDone::NotFound)]);
}

/// Failures before a charge goes through, as a chain of its tokens has them: 429s are tried again under the key; a 500 stays with it, so
/// only a new attempt can get through, and not before the old one can have no effect any more.
#[tokio::test]
async fn whatever_fails_first_is_charged_once_in_the_end() {
    on_both(async |db| {
        let peer = start();
        let mut town = Town::on(&db).await;
        town.engine.provider = adapter(&peer).await;
        let chains = ["tok_429|tok_429|tok_visa|a", "tok_500|tok_visa|b", "tok_500|tok_429|tok_500|tok_visa|c"];
        for (number, chain) in chains.into_iter().enumerate() {
            let id: AccountId = town.move_in(&format!("s{number}"), OREGON, &format!("cus_{number}:{chain}")).await;
            let order = order(&id, "plus/annual");
            town.act(noon(JOINED), &id, |draft| draft.subscribe(&order)).await;
        }
        for minutes in 0..60 {
            town.run_at(noon(JOINED) + TimeDelta::minutes(20 * minutes)).await;
        }
        for (number, chain) in chains.iter().enumerate() {
            let account = town.account(&format!("s{number}").parse().unwrap()).await;
            let succeeded: Vec<_> = account.charges.values().filter(|charge| charge.state == AttemptState::Succeeded).collect();
            assert_eq!((succeeded.len(), account.profile.parked), (1, None), "{chain}: {:?}", account.charges);
        }
        assert_eq!(charges(&peer).await.len(), chains.len());
    })
    .await;
}
