//! What events do to accounts (PV-3, PV-4, PV-5, PV-6).

use chrono::{DateTime, TimeDelta, Utc};
use kasacare::domain::account::{AttemptState, DisputeState};
use kasacare::domain::ids::AccountId;
use kasacare::domain::subscription::State;
use kasacare::store::binding::{self, Binding};
use kasacare::store::db::Db;

use super::settlement::assert_checked;
use super::{Silent, deliver, entry, intent_of, silent_town, town_with, usd, words};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, day, noon};

const JOINED: &str = "2026-01-31";

/// Somebody whose first charge of 99.99 is on its way: account, charge.
async fn joined(town: &Town) -> (AccountId, String) {
    let id = town.move_in("a", OREGON, "pm_1").await;
    town.subscribe(JOINED, &id, "plus/annual").await;
    let account = town.account(&id).await;
    let charge = account.charges.values().next().unwrap();
    assert_eq!((charge.state, charge.amount), (AttemptState::Unknown, usd(9_999)));
    let id_of_charge = charge.id.clone();
    (id, id_of_charge)
}

async fn open_tasks(town: &Town, id: &AccountId) -> Vec<String> {
    town.account(id).await.tasks.values().filter(|task| task.closed_on.is_none()).map(|task| task.kind.clone()).collect()
}

/// The database's money is at Stripe, and nothing of it is simulated.
async fn bind(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    let ours = Binding { provider: "stripe".to_owned(), account: "acct_1Kasa".to_owned(), live: false };
    assert_eq!(binding::bind(&mut tx, &ours).await.unwrap(), Some(ours));
    tx.commit().await.unwrap();
}

fn later(hours: i64) -> DateTime<Utc> {
    noon(JOINED) + TimeDelta::hours(hours)
}

async fn outcome(db: &Db, event: &str) -> String {
    let entry = entry(db, event).await;
    entry.outcome.unwrap_or(entry.state)
}

#[tokio::test]
async fn a_charge_is_settled_once_by_whatever_tells_of_it_first() {
    on_both(async |db| {
        let town = silent_town(&db).await;
        let (id, charge) = joined(&town).await;
        let of = |event: &str, kind: &str| match kind {
            "charge.succeeded" => words::event(event, kind, &words::charge("a", &charge, 9_999)),
            _ => words::event(event, kind, &words::intent("a", &charge, 9_999, "succeeded")),
        };
        deliver(&db, later(0), &[of("evt_1", "charge.succeeded"), of("evt_2", "payment_intent.succeeded")]).await;
        let done = town.run(JOINED).await;
        assert_eq!((done.of("charges captured"), done.of("webhooks applied")), (1, 2));
        let account = town.account(&id).await;
        assert_eq!(account.charges[&charge].state, AttemptState::Succeeded);
        assert_eq!(account.charges[&charge].reference, Some(intent_of(&charge)));
        assert!(matches!(account.subscriptions.values().next().unwrap().state, State::Active { .. }));
        // The same again, under the same id and under another.
        deliver(&db, later(1), &[of("evt_1", "charge.succeeded"), of("evt_3", "payment_intent.succeeded")]).await;
        let again = town.run(JOINED).await;
        assert_eq!((again.of("charges captured"), again.of("webhooks applied")), (0, 1));
        assert_eq!(town.account(&id).await.profile.journal_seq, account.profile.journal_seq, "nothing was decided");
        assert_eq!(town.mails().iter().filter(|mail| mail.starts_with("receipt_payment")).count(), 1);
    })
    .await;
}

/// PD-2: a soft decline, as its `decline_code` says; and money that comes for it after all (F69).
#[tokio::test]
async fn a_decline_is_one_and_its_class_is_that_of_the_table() {
    on_both(async |db| {
        let town = town_with(&db, Silent { answers_charges: true }).await;
        let (id, first) = {
            let id = town.move_in("a", OREGON, "pm_1").await;
            town.subscribe(JOINED, &id, "plus/monthly").await;
            let first = town.account(&id).await.charges.keys().next().unwrap().clone();
            (id, first)
        };
        let mut town = town;
        town.engine.provider = kasacare::provider::Provider::new(std::sync::Arc::new(Silent::default()));
        town.run("2026-02-28").await;
        let account = town.account(&id).await;
        let renewal = account.charges.values().find(|charge| charge.id != first).unwrap().id.clone();
        let at = noon("2026-02-28");
        deliver(
            &db,
            at,
            &[words::event("evt_1", "payment_intent.payment_failed", &words::declined("a", &renewal, 999, "insufficient_funds"))],
        )
        .await;
        town.run("2026-02-28").await;
        let account = town.account(&id).await;
        let charge = &account.charges[&renewal];
        assert_eq!((charge.state, charge.code.as_deref()), (AttemptState::Failed, Some("insufficient_funds")));
        assert!(matches!(account.subscriptions.values().next().unwrap().state, State::PastDue { .. }));
        let retries = account.charges.values().filter(|charge| charge.state.in_flight()).count();
        assert_eq!(retries, 1, "a soft decline is tried again");
        assert_eq!(outcome(&db, "evt_1").await, "applied");
        // An older event of the same attempt changes nothing.
        deliver(&db, at, &[words::event("evt_2", "payment_intent.processing", &words::intent("a", &renewal, 999, "processing"))]).await;
        town.run("2026-02-28").await;
        assert_eq!(outcome(&db, "evt_2").await, "nothing_new");
        assert_eq!(town.account(&id).await.profile.journal_seq, account.profile.journal_seq);
    })
    .await;
}

/// F49, PV-5: 50.00 came where 99.99 were asked for. What came is booked, a person is told, and nothing else moves.
#[tokio::test]
async fn another_amount_is_booked_as_it_came_and_parks_the_account() {
    on_both(async |db| {
        let town = silent_town(&db).await;
        let (id, charge) = joined(&town).await;
        deliver(&db, later(0), &[words::event("evt_1", "payment_intent.succeeded", &words::intent("a", &charge, 5_000, "succeeded"))])
            .await;
        town.run(JOINED).await;
        let account = town.account(&id).await;
        assert_eq!(account.charges[&charge].amount, usd(5_000));
        assert_eq!(account.invoices.values().next().unwrap().open, usd(4_999));
        assert_eq!(account.profile.parked.unwrap().code, "amount_mismatch");
        assert_eq!(open_tasks(&town, &id).await, ["amount_mismatch"]);
    })
    .await;
}

/// I1: two payment intents that both say they are this attempt.
#[tokio::test]
async fn an_attempt_that_moved_money_twice_parks_the_account() {
    on_both(async |db| {
        let town = silent_town(&db).await;
        let (id, charge) = joined(&town).await;
        let mut second = words::intent("a", &charge, 9_999, "succeeded");
        second["id"] = "pi_second".into();
        deliver(
            &db,
            later(0),
            &[
                words::event("evt_1", "payment_intent.succeeded", &words::intent("a", &charge, 9_999, "succeeded")),
                words::event("evt_2", "payment_intent.succeeded", &second),
            ],
        )
        .await;
        town.run(JOINED).await;
        let account = town.account(&id).await;
        assert_eq!(account.profile.parked.as_ref().unwrap().code, "captured_twice");
        assert_eq!(open_tasks(&town, &id).await, ["captured_twice"]);
        assert_eq!(account.charges[&charge].reference, Some(intent_of(&charge)), "booked once");
    })
    .await;
}

/// I4: two objects at Stripe that both say they are this refund. The first is booked; whether the second was paid out or failed, nothing
/// else moves until a person has looked, and it does not undo the first.
#[tokio::test]
async fn a_refund_with_two_objects_parks_the_account() {
    on_both(async |db| {
        let town = town_with(&db, Silent { answers_charges: true }).await;
        for (name, status) in [("a", "succeeded"), ("b", "failed")] {
            let id = town.move_in(name, OREGON, "pm_1").await;
            let subscription = town.subscribe(JOINED, &id, "plus/annual").await;
            town.act(noon(JOINED), &id, |draft| draft.cancel(&subscription)).await;
            town.run(JOINED).await;
            // Nobody knows what became of it, which the metrics tell by its age.
            let mut tx = db.begin_read().await.unwrap();
            assert!(kasacare::store::inbox::gauges(&mut tx).await.unwrap().unsettled_at.is_some());
            tx.rollback().await.unwrap();
            let refund = town.account(&id).await.refunds.values().next().unwrap().clone();
            let object = |status: &str| words::refund(name, &refund.charge, &refund.id, refund.amount.minor(), status);
            let mut second = object(status);
            second["id"] = format!("pr_second_{name}").into();
            let event = |number: u8, kind: &str, object: &serde_json::Value| words::event(&format!("evt_{name}_{number}"), kind, object);
            deliver(&db, later(0), &[event(1, "refund.updated", &object("succeeded")), event(2, "refund.updated", &second)]).await;
            town.run(JOINED).await;
            let account = town.account(&id).await;
            assert_eq!(account.profile.parked.as_ref().unwrap().code, "refunded_twice", "{status}");
            assert_eq!(open_tasks(&town, &id).await, ["refunded_twice"], "{status}");
            let booked = &account.refunds[&refund.id];
            let first = format!("pr_{}", refund.id);
            assert_eq!((booked.state, booked.reference.as_deref()), (AttemptState::Succeeded, Some(first.as_str())), "{status}");
            assert!(account.profile.credit_cash.is_zero(), "{status}: the first payout stands");
        }
    })
    .await;
}

/// F37, F38: a dispute before its charge waits; what is about nothing of ours waits a day, and then for a person.
#[tokio::test]
async fn what_comes_too_early_waits_and_what_is_never_explained_is_quarantined() {
    on_both(async |db| {
        let town = silent_town(&db).await;
        let (id, charge) = joined(&town).await;
        deliver(
            &db,
            later(0),
            &[
                words::event("evt_1", "charge.dispute.funds_withdrawn", &words::dispute(&charge, 9_999, "needs_response", &[-9_999])),
                words::event(
                    "evt_2",
                    "charge.dispute.funds_withdrawn",
                    &words::dispute("ch_of_nobody", 9_999, "needs_response", &[-9_999]),
                ),
                words::event("evt_3", "refund.updated", &words::refund("a", &charge, "re_of_nobody", 100, "succeeded")),
                words::event("evt_4", "payment_intent.succeeded", &words::intent("nobody", &charge, 100, "succeeded")),
            ],
        )
        .await;
        let first = town.run_at(later(0)).await;
        assert_eq!(first.of("webhooks to be tried again"), 4);
        assert!(town.account(&id).await.profile.parked.is_none());
        assert_eq!(town.run_at(later(0)).await.of("webhooks to be tried again"), 0, "not at once");
        deliver(&db, later(1), &[words::event("evt_5", "charge.succeeded", &words::charge("a", &charge, 9_999))]).await;
        town.run_at(later(1)).await;
        town.run_at(later(2)).await;
        let account = town.account(&id).await;
        assert_eq!(account.disputes.values().map(|dispute| dispute.state).collect::<Vec<_>>(), [DisputeState::Open]);
        assert_eq!(account.disputes.values().next().unwrap().fee, usd(1_500));
        town.run_at(later(23)).await;
        assert_eq!(outcome(&db, "evt_2").await, "new");
        town.run_at(later(27)).await;
        for (event, words) in [("evt_2", "nothing of ours"), ("evt_3", "no such refund"), ("evt_4", "nothing of ours")] {
            let entry = entry(&db, event).await;
            assert_eq!(entry.state, "quarantined", "{event}");
            assert!(entry.reason.as_ref().unwrap().contains(words), "{event}: {:?}", entry.reason);
        }
    })
    .await;
}

/// F48: one that cannot be read does not keep the others from being processed.
#[tokio::test]
async fn what_cannot_be_read_is_quarantined_and_the_rest_goes_on() {
    on_both(async |db| {
        let town = silent_town(&db).await;
        let (id, charge) = joined(&town).await;
        bind(&db).await;
        let good = words::event("evt_2", "payment_intent.succeeded", &words::intent("a", &charge, 9_999, "succeeded"));
        let odd = words::event("evt_3", "payment_intent.succeeded", &serde_json::json!({ "id": "pi_1", "amount": "much" }));
        let unknown = words::event("evt_4", "entitlements.active_entitlement_summary.updated", &serde_json::json!({ "id": "x" }));
        let foreign = words::event(
            "evt_5",
            "payment_intent.succeeded",
            &serde_json::json!({ "id": "pi_2", "amount": 5, "currency": "usd", "metadata": {} }),
        );
        // F48: no database stores a zero in a text, and one event must not stop the others.
        let zero = words::event("evt_6", "customer.updated", &serde_json::json!({ "id": "cus_\u{0}" }));
        let mut connected: serde_json::Value = serde_json::from_str(&good.1).unwrap();
        (connected["id"], connected["account"]) = (serde_json::json!("evt_7"), serde_json::json!("acct_other"));
        let connected = ("evt_7".to_owned(), connected.to_string());
        deliver(&db, later(0), &[("evt_1".to_owned(), "no JSON".to_owned()), zero, good, odd, unknown, foreign, connected]).await;
        town.run(JOINED).await;
        assert_eq!(town.account(&id).await.charges[&charge].state, AttemptState::Succeeded);
        for (event, expected) in [
            ("evt_1", "quarantined"),
            ("evt_2", "applied"),
            ("evt_3", "quarantined"),
            ("evt_4", "unknown_type"),
            ("evt_5", "foreign"),
            ("evt_6", "quarantined"),
            ("evt_7", "other_account"),
        ] {
            assert_eq!(outcome(&db, event).await, expected, "{event}");
        }
    })
    .await;
}

/// PD-2: a card that the network renewed is as good as a new one: what is owed is tried at once.
#[tokio::test]
async fn a_fresh_card_is_tried_at_once() {
    on_both(async |db| {
        let mut town = town_with(&db, Silent { answers_charges: true }).await;
        let id = town.move_in("a", OREGON, "pm_1").await;
        town.subscribe(JOINED, &id, "plus/monthly").await;
        set_expiry(&db).await;
        town.engine.provider = kasacare::provider::Provider::new(std::sync::Arc::new(Silent::default()));
        town.run("2026-02-28").await;
        let renewal = last_charge(&town, &id).await;
        let at = noon("2026-02-28");
        let no = words::event("evt_1", "payment_intent.payment_failed", &words::declined("a", &renewal, 999, "expired_card"));
        deliver(&db, at, &[no]).await;
        town.run("2026-02-28").await;
        let account = town.account(&id).await;
        assert!(account.profile.method.as_ref().unwrap().blocked, "it waits for the customer");
        assert!(!account.charges.values().any(|charge| charge.state.in_flight()));

        let renewed = |id: &str, year| words::event(id, "payment_method.automatically_updated", &words::card("pm_1", 2, year));
        deliver(&db, at, &[renewed("evt_2", 2030), renewed("evt_3", 2029)]).await;
        town.run("2026-02-28").await;
        let account = town.account(&id).await;
        let method = account.profile.method.as_ref().unwrap();
        assert_eq!((method.blocked, method.expires_on, method.label.as_str()), (false, Some(day("2030-02-28")), "Visa ending 4242"));
        assert_eq!(account.charges.values().filter(|charge| charge.state.in_flight()).count(), 1, "tried at once");
        // Another number, valid as long as the one before; told twice.
        let mut reissued = words::card("pm_1", 2, 2030);
        reissued["card"]["last4"] = serde_json::json!("9999");
        let told = ["evt_5", "evt_6"].map(|event| words::event(event, "payment_method.automatically_updated", &reissued));
        deliver(&db, at, &told).await;
        town.run("2026-02-28").await;
        let reissued = town.account(&id).await;
        assert_eq!(reissued.profile.method.as_ref().unwrap().label, "Visa ending 9999");
        assert_eq!(reissued.profile.journal_seq, account.profile.journal_seq + 1, "once");
        deliver(&db, at, &[words::event("evt_4", "payment_method.updated", &words::card("pm_of_nobody", 2, 2031))]).await;
        town.run("2026-02-28").await;
        assert_eq!(outcome(&db, "evt_4").await, "foreign");
    })
    .await;
}

/// The card is valid through February.
async fn set_expiry(db: &Db) {
    let text = match db.kind() {
        kasacare::store::db::Kind::Sqlite => "update accounts set method_expires_on = '2026-02-28'",
        kasacare::store::db::Kind::Postgres => "update accounts set method_expires_on = date '2026-02-28'",
    };
    let mut tx = db.begin().await.unwrap();
    tx.execute(&kasacare::store::db::Sql::same(text), &[]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn last_charge(town: &Town, id: &AccountId) -> String {
    let account = town.account(id).await;
    account.charges.values().find(|charge| charge.state.in_flight()).unwrap().id.clone()
}

/// F55: somebody gave 5.00 back in the dashboard. It has left 1200 and waits on 1290, and a person is told, as of a warning of fraud.
/// Cancelled on the first day, 99.72 are to go back, and the payment has 94.99: the other 4.73 are out already.
#[tokio::test]
async fn a_refund_made_at_the_provider_is_booked_and_counts() {
    on_both(async |db| {
        let town = silent_town(&db).await;
        let (id, charge) = joined(&town).await;
        bind(&db).await;
        let mut stranger = words::refund("a", &charge, "re_x", 500, "succeeded");
        stranger["metadata"] = serde_json::json!({});
        let warning = serde_json::json!({ "id": "issfr_1", "charge": "py_1", "payment_intent": intent_of(&charge) });
        deliver(
            &db,
            later(0),
            &[
                words::event("evt_1", "charge.succeeded", &words::charge("a", &charge, 9_999)),
                words::event("evt_2", "refund.created", &stranger),
                words::event("evt_3", "refund.updated", &stranger),
                words::event("evt_4", "radar.early_fraud_warning.created", &warning),
            ],
        )
        .await;
        town.run_at(later(0)).await;
        town.run_at(later(1)).await;
        let mut tasks = open_tasks(&town, &id).await;
        tasks.sort();
        assert_eq!(tasks, ["amount_mismatch", "fraud_warning"]);
        for event in ["evt_1", "evt_2", "evt_3", "evt_4"] {
            assert_eq!(outcome(&db, event).await, "applied", "{event}");
        }
        let excess = async |town: &Town| {
            town.account(&id).await.excess_refunds().unwrap().into_iter().map(|excess| excess.amount).collect::<Vec<_>>()
        };
        assert_eq!(excess(&town).await, [usd(500)]);
        assert_checked(&db).await;
        let subscription = town.account(&id).await.subscriptions.keys().next().unwrap().clone();
        town.act(later(2), &id, |draft| draft.cancel(&subscription)).await;
        let account = town.account(&id).await;
        let asked: Vec<_> = account.refunds.values().map(|refund| (refund.amount, refund.reason.as_str())).collect();
        assert_eq!((asked, excess(&town).await), (vec![(usd(500), "not_asked_for"), (usd(9_499), "cancellation")], vec![usd(27)]));
        assert_checked(&db).await;
        // The dashboard's refund comes back: 4.73 of it had become the customer's.
        stranger["status"] = serde_json::json!("failed");
        deliver(&db, later(3), &[words::event("evt_5", "refund.failed", &stranger)]).await;
        town.run_at(later(3)).await;
        let account = town.account(&id).await;
        assert_eq!((account.profile.credit_cash, excess(&town).await), (usd(473), vec![]));
        assert_checked(&db).await;
    })
    .await;
}

/// F62: paid out, and it comes back days later: 99.99 are owed to the customer again, as account credit, and a person is told.
#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded_puts_the_money_back() {
    on_both(async |db| {
        let town = town_with(&db, Silent { answers_charges: true }).await;
        let id = town.move_in("a", OREGON, "pm_1").await;
        let subscription = town.subscribe(JOINED, &id, "plus/annual").await;
        town.act(noon(JOINED), &id, |draft| draft.cancel(&subscription)).await;
        town.run(JOINED).await;
        let account = town.account(&id).await;
        let refund = account.refunds.values().next().unwrap().clone();
        let told = |event: &str, kind: &str, status: &str| {
            words::event(event, kind, &words::refund("a", &refund.charge, &refund.id, refund.amount.minor(), status))
        };
        // The failure is told first; the success that came before it is late, and changes nothing any more.
        deliver(&db, later(0), &[told("evt_1", "refund.failed", "failed")]).await;
        town.run(JOINED).await;
        let failed = town.account(&id).await;
        assert_eq!(failed.refunds[&refund.id].state, AttemptState::Failed);
        assert_eq!(failed.profile.credit_cash, refund.amount);
        assert_eq!(open_tasks(&town, &id).await, ["refund_failed"]);
        deliver(&db, later(1), &[told("evt_2", "refund.updated", "succeeded"), told("evt_3", "refund.failed", "failed")]).await;
        town.run(JOINED).await;
        assert_eq!(town.account(&id).await.profile.journal_seq, failed.profile.journal_seq);
        assert_eq!(outcome(&db, "evt_2").await, "applied");
    })
    .await;
}
