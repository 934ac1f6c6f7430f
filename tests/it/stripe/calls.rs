//! Charges and refunds through Stripe's API, against the fake (PV-1, PV-2, F01–F06): the calls as they should be, and each of them with
//! everything that can go wrong.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use kasacare::domain::account::AttemptState;
use kasacare::domain::ids::AccountId;
use kasacare::domain::subscription::State;
use kasacare::provider::Provider;
use kasacare::provider::calls::Enrolment;
use kasacare::provider::stripe::Stripe;
use kasacare::provider::stripe::api::{Api, Route};
use kasacare::provider::stripe::key::SecretKey;
use kasacare::store::db::Db;

use super::fake::{Fake, Fault};
use super::usd;
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

const JOINED: &str = "2026-01-31";

/// A town whose money is at the fake.
pub async fn town_at(db: &Db) -> (Town, Fake) {
    let fake = Fake::start(noon(JOINED).timestamp()).await;
    let mut town = Town::on(db).await;
    town.engine.provider = provider(&fake);
    (town, fake)
}

pub fn provider(fake: &Fake) -> Provider {
    let key = SecretKey::parse("sk_test_4eC39HqLyjWDarjtT1zdp7dc").unwrap();
    let route = Route { url: fake.url(), per_second: 1_000, request_time: Duration::from_millis(700) };
    Provider::new(Arc::new(Stripe::new(Api::new(&key, &route).unwrap())))
}

/// Lets time pass until nothing is open any more: look-ups come in growing steps.
pub async fn settled(town: &Town, fake: &Fake, id: &AccountId) {
    for hours in 0..60 {
        let at = noon(JOINED) + TimeDelta::minutes(20 * hours);
        fake.state().now = at.timestamp();
        town.run_at(at).await;
        let account = town.account(id).await;
        let open = account.charges.values().any(|charge| charge.state.in_flight())
            || account.refunds.values().any(|refund| refund.state.in_flight());
        assert_eq!(account.profile.parked, None);
        if !open {
            return;
        }
    }
    panic!("it is not settled after 20 hours");
}

#[tokio::test]
async fn a_charge_goes_out_with_its_key_and_our_ids_and_comes_back_captured() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let id = town.move_in("a", OREGON, "pm_ok").await;
        town.subscribe(JOINED, &id, "plus/annual").await;
        let account = town.account(&id).await;
        assert!(matches!(account.subscriptions.values().next().unwrap().state, State::Active { .. }));
        let charge = account.charges.values().next().unwrap();
        assert_eq!((charge.state, charge.reference.as_deref()), (AttemptState::Succeeded, Some("pi_00001")));
        let state = fake.state();
        assert_eq!(state.money, [("/v1/payment_intents".to_owned(), format!("kasacare:charge:{}", charge.id))]);
        let intent = &state.intents[0];
        assert_eq!((&intent["amount"], &intent["currency"], &intent["customer"]), (&9_999.into(), &"usd".into(), &"cus_1".into()));
        let ids = serde_json::json!({ "kasacare_account": "a", "kasacare_invoice": charge.invoice, "kasacare_charge": charge.id });
        assert_eq!(intent["metadata"], ids);
        assert_eq!(state.customers[0]["metadata"], serde_json::json!({ "kasacare_account": "a" }), "nothing else of ours is told");
    })
    .await;
}

/// Codes, and whether they are tried again by themselves.
const CODES: [(&str, bool); 4] =
    [("insufficient_funds", true), ("stolen_card", false), ("authentication_required", false), ("invented_tomorrow", true)];

#[tokio::test]
async fn declines_are_what_the_table_says() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        for (number, (code, _)) in CODES.into_iter().enumerate() {
            let id = town.move_in(&format!("a{number}"), OREGON, "pm_ok").await;
            town.subscribe(JOINED, &id, "plus/monthly").await;
            let method = kasacare::domain::change::operator::NewMethod {
                token: format!("pm_decline_{code}-{number}"),
                label: "Visa ending 0002".to_owned(),
                expires_on: None,
            };
            town.act(noon("2026-02-01"), &id, |draft| draft.replace_method(&method)).await;
        }
        fake.state().now = noon("2026-02-28").timestamp();
        town.run("2026-02-28").await;
        for (number, (code, soft)) in CODES.into_iter().enumerate() {
            let account = town.account(&format!("a{number}").parse().unwrap()).await;
            let failed = account.charges.values().find(|charge| charge.state == AttemptState::Failed).unwrap();
            assert_eq!(failed.code.as_deref(), Some(code));
            assert_eq!(account.charges.values().any(|charge| charge.state.in_flight()), soft, "{code}: tried again on schedule");
            assert_eq!(account.profile.method.as_ref().unwrap().blocked, !soft, "{code}");
        }
    })
    .await;
}

/// Whatever goes wrong once or twice in a row, the customer is charged exactly once, and we know it.
#[tokio::test]
async fn no_fault_charges_twice_or_loses_a_charge() {
    use Fault::{Busy, ErrorAfter, ErrorBefore, ErrorThenLate, GarbageAfter, HangsAfter, LostAfter, LostBefore, PageAfter, TooMany};
    let stories: &[&[Fault]] = &[
        &[LostBefore],
        &[LostAfter],
        &[HangsAfter],
        &[ErrorBefore],
        &[ErrorAfter],
        // Only for a while it looks as if nothing had happened.
        &[ErrorThenLate],
        &[LostBefore, ErrorThenLate],
        &[ErrorBefore, ErrorThenLate],
        // Twice a run until it comes through, forty minutes after it was sent first.
        &[LostBefore, LostBefore, LostBefore, LostBefore, ErrorThenLate],
        &[GarbageAfter],
        &[PageAfter],
        &[Busy, Busy],
        &[TooMany, TooMany, TooMany, TooMany, TooMany],
        &[LostBefore, LostBefore, LostBefore],
        &[LostBefore, LostAfter],
        &[ErrorBefore, ErrorBefore],
        &[ErrorBefore, LostAfter],
        &[TooMany, ErrorAfter],
        &[Busy, GarbageAfter],
    ];
    on_both(async |db| {
        for (number, faults) in stories.iter().enumerate() {
            let (town, fake) = town_in(&db, number).await;
            let id: AccountId = format!("f{number}").parse().unwrap();
            fake.fail(faults);
            settled(&town, &fake, &id).await;
            let account = town.account(&id).await;
            let captured: Vec<_> = account.charges.values().filter(|charge| charge.state == AttemptState::Succeeded).collect();
            assert_eq!((captured.len(), fake.captured()), (1, 1), "{faults:?}");
            assert_eq!(captured[0].reference.as_deref(), fake.state().intents[0]["id"].as_str(), "{faults:?}");
            assert!(matches!(account.subscriptions.values().next().unwrap().state, State::Active { .. }), "{faults:?}");
            let keys: Vec<String> = fake.state().money.iter().map(|(_, key)| key.clone()).collect();
            let own = |key: &String| account.charges.values().any(|charge| *key == format!("kasacare:charge:{}", charge.id));
            assert!(keys.iter().all(own), "{faults:?}: {keys:?}");
        }
    })
    .await;
}

/// A town in which one more customer has just ordered, and whose fake knows only of this one.
pub async fn town_in(db: &Db, number: usize) -> (Town, Fake) {
    let (town, fake) = if number == 0 {
        town_at(db).await
    } else {
        let fake = Fake::start_named(&format!("{number}_"), noon(JOINED).timestamp()).await;
        let engine =
            kasacare::engine::Engine::open_with(db.clone(), kasacare::clock::Clock::Fixed(noon(JOINED)), provider(&fake)).await.unwrap();
        (Town::reopened(engine).await, fake)
    };
    let id = town.move_in(&format!("f{number}"), OREGON, "cus_9:pm_ok").await;
    let order = crate::world::town::order(&id, "plus/annual");
    town.act(noon(JOINED), &id, |draft| draft.subscribe(&order)).await;
    (town, fake)
}

/// 99.99, cancelled on the second day: 99.44 go back, once, whatever goes wrong.
#[tokio::test]
async fn no_fault_refunds_twice_or_loses_a_refund() {
    use Fault::{ErrorAfter, ErrorBefore, ErrorThenLate, GarbageAfter, HangsAfter, LostAfter, LostBefore, TooMany};
    let stories: &[&[Fault]] = &[
        &[LostBefore],
        &[LostAfter],
        &[HangsAfter],
        &[ErrorBefore],
        &[ErrorAfter],
        &[ErrorThenLate],
        // Twice a run until it comes through, forty minutes after it was sent first.
        &[LostBefore, LostBefore, LostBefore, LostBefore, LostBefore, LostBefore, LostBefore, LostBefore, ErrorThenLate],
        &[GarbageAfter],
        &[TooMany],
    ];
    on_both(async |db| {
        for (number, faults) in stories.iter().enumerate() {
            let (town, fake) = town_in(&db, number).await;
            let id: AccountId = format!("f{number}").parse().unwrap();
            settled(&town, &fake, &id).await;
            let subscription = town.account(&id).await.subscriptions.keys().next().unwrap().clone();
            fake.fail(faults);
            town.act(noon("2026-02-01"), &id, |draft| draft.cancel(&subscription)).await;
            for minutes in 0..30 {
                let at = noon("2026-02-01") + TimeDelta::minutes(10 * minutes);
                fake.state().now = at.timestamp();
                town.run_at(at).await;
            }
            let account = town.account(&id).await;
            let paid: Vec<_> = account.refunds.values().filter(|refund| refund.state == AttemptState::Succeeded).collect();
            assert_eq!((paid.len(), fake.refunded()), (1, 9_944), "{faults:?}");
            assert_eq!(paid[0].amount, usd(9_944), "{faults:?}");
            assert_eq!(account.profile.parked, None, "{faults:?}");
        }
    })
    .await;
}

/// F62: a refund that Stripe takes on and gives back at once is known by its id, whether the answer says so or a look-up: what is told late
/// of it, that it was made, is older and no second payout.
#[tokio::test]
async fn a_refund_that_comes_back_at_once_is_not_taken_for_another() {
    on_both(async |db| {
        for (number, fault) in [None, Some(Fault::LostAfter)].into_iter().enumerate() {
            let (town, fake) = town_in(&db, number).await;
            let id = town.move_in(&format!("g{number}"), OREGON, "cus_9:pm_refund_fails").await;
            let subscription = town.subscribe(JOINED, &id, "plus/annual").await;
            fake.fail(fault.as_slice());
            town.act(noon("2026-02-01"), &id, |draft| draft.cancel(&subscription)).await;
            fake.state().now = noon("2026-02-01").timestamp();
            town.run_at(noon("2026-02-01")).await;
            let account = town.account(&id).await;
            let refund = account.refunds.values().next().unwrap();
            assert_eq!((refund.state, refund.reference.as_deref()), (AttemptState::Failed, fake.state().refunds[0]["id"].as_str()));
            let kinds =
                |events: &[serde_json::Value]| events.iter().filter_map(|one| one["type"].as_str().map(str::to_owned)).collect::<Vec<_>>();
            assert!(kinds(&fake.state().events).ends_with(&["refund.created".to_owned(), "refund.failed".to_owned()]));
            town.run_at(noon("2026-02-01") + TimeDelta::hours(1)).await;
            let after = town.account(&id).await;
            assert_eq!(after.profile.journal_seq, account.profile.journal_seq, "{fault:?}: the events tell nothing new");
            let open: Vec<_> = after.tasks.values().filter(|task| task.closed_on.is_none()).map(|task| task.kind.as_str()).collect();
            assert_eq!((open, after.profile.credit_cash), (vec!["refund_failed"], usd(9_944)), "{fault:?}");
        }
    })
    .await;
}

/// F49: 1.00 less moved than was asked for.
#[tokio::test]
async fn another_amount_parks_the_account() {
    on_both(async |db| {
        let (town, _fake) = town_at(&db).await;
        let id = town.move_in("a", OREGON, "pm_other_amount").await;
        town.subscribe(JOINED, &id, "plus/annual").await;
        let account = town.account(&id).await;
        assert_eq!(account.charges.values().next().unwrap().amount, usd(9_899));
        assert_eq!(account.profile.parked.unwrap().code, "amount_mismatch");
    })
    .await;
}

/// F72: a request that is refused as such is nobody's decline. The account waits, with the provider's own word for it, and after its release
/// the same is asked for again.
#[tokio::test]
async fn a_request_that_is_refused_as_such_waits_for_a_person() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let id = town.move_in("a", OREGON, "cus_1:pm_ok").await;
        fake.fail(&[Fault::Invalid]);
        let subscription = town.subscribe(JOINED, &id, "plus/annual").await;
        let parked = town.account(&id).await.profile.parked.unwrap();
        assert_eq!((parked.code.as_str(), fake.captured()), ("refused_request", 0));
        assert!(parked.reason.contains("parameter_invalid_integer") && parked.reason.contains("nothing moved"), "{}", parked.reason);
        town.act(noon(JOINED), &id, |draft| draft.release(false)).await;
        town.run(JOINED).await;
        assert_eq!(fake.captured(), 1);
        fake.fail(&[Fault::Invalid]);
        town.act(noon(JOINED), &id, |draft| draft.cancel(&subscription)).await;
        town.run(JOINED).await;
        let account = town.account(&id).await;
        assert_eq!((account.profile.parked.unwrap().code.as_str(), fake.refunded()), ("refused_request", 0));
        assert!(account.profile.credit_cash.is_zero());
        town.act(noon(JOINED), &id, |draft| draft.release(false)).await;
        town.run(JOINED).await;
        assert_eq!(fake.refunded(), 9_972);
    })
    .await;
}

/// PV-2: nobody knows of the first call; that the second one is refused says nothing of it, so no other key is used.
#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_the_call_in_doubt() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let id = town.move_in("a", OREGON, "cus_1:pm_ok").await;
        fake.fail(&[Fault::LostBefore, Fault::Invalid]);
        town.subscribe(JOINED, &id, "plus/annual").await;
        let account = town.account(&id).await;
        assert!(account.profile.parked.is_none(), "{:?}", account.profile.parked);
        let states: Vec<_> = account.charges.values().map(|charge| charge.state).collect();
        assert_eq!((states, fake.captured()), (vec![AttemptState::Unknown], 0));
    })
    .await;
}

/// PD-2: the card is gone at Stripe: its owner is asked for another.
#[tokio::test]
async fn a_payment_method_that_is_gone_is_its_owners_business() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let id = town.move_in("a", OREGON, "cus_1:pm_ok").await;
        fake.fail(&[Fault::NoSuchMethod]);
        town.subscribe(JOINED, &id, "plus/annual").await;
        let account = town.account(&id).await;
        let charge = account.charges.values().next().unwrap();
        assert_eq!((charge.state, charge.code.as_deref()), (AttemptState::Failed, Some("resource_missing")));
        assert!(account.profile.parked.is_none() && account.profile.method.unwrap().blocked);
        assert_eq!(town.mails().iter().filter(|mail| mail.starts_with("subscription_not_started")).count(), 1);
    })
    .await;
}

/// F72: a key that was revoked is nobody's decline: nothing is tried any more, and nobody goes into dunning.
#[tokio::test]
async fn a_revoked_key_counts_against_nobody() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let ids: Vec<AccountId> = (0..40).map(|number| format!("a{number:02}").parse().unwrap()).collect();
        let people: Vec<_> = ids.iter().map(|id| (id.to_string(), OREGON, "cus_1:pm_ok".to_owned())).collect();
        town.move_all_in(&people).await;
        fake.fail(&[Fault::Unauthorized; 100]);
        for id in &ids {
            let order = crate::world::town::order(id, "plus/annual");
            town.act(noon(JOINED), id, |draft| draft.subscribe(&order)).await;
        }
        town.run_at(noon(JOINED)).await;
        for id in &ids {
            let account = town.account(id).await;
            assert!(account.charges.values().all(|charge| charge.state.in_flight()), "{id}");
            assert_eq!(account.profile.parked, None);
        }
        fake.state().faults.clear();
        for id in &ids {
            settled(&town, &fake, id).await;
        }
        assert_eq!(fake.captured(), 40);
    })
    .await;
}

/// F72, F03: for three days nothing is let in. What was never sent has no key that could grow too old, nobody is parked, and what was in
/// doubt before is looked up when it can be.
#[tokio::test]
async fn a_key_that_was_revoked_for_days_parks_nobody() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let ids: Vec<AccountId> = ["in_doubt", "waits"].map(|id| id.parse().unwrap()).to_vec();
        for id in &ids {
            town.move_in(id.as_str(), OREGON, "cus_1:pm_ok").await;
        }
        let joins = async |id: &AccountId| {
            let order = crate::world::town::order(id, "plus/annual");
            town.act(noon(JOINED), id, |draft| draft.subscribe(&order)).await;
        };
        joins(&ids[0]).await;
        // It is charged and answered with a failure, and no look-up is answered: the outcome is unknown.
        fake.fail(&[Fault::ErrorAfter]);
        fake.state().lists_hidden = true;
        town.run_at(noon(JOINED)).await;
        fake.state().lists_hidden = false;
        fake.state().revoked = true;
        joins(&ids[1]).await;
        for hour in 1..72 {
            town.run_at(noon(JOINED) + TimeDelta::hours(hour)).await;
        }
        for id in &ids {
            let account = town.account(id).await;
            assert!(account.charges.values().all(|charge| charge.state.in_flight()), "{id}");
            assert_eq!((account.charges.len(), account.profile.parked), (1, None), "{id}");
        }
        let never_sent = "select count(*) from charges where account_id = 'waits' and first_sent_at is null and lease_no = 0";
        assert_eq!(super::number(&db, never_sent).await, 1);
        fake.state().revoked = false;
        fake.state().now = (noon(JOINED) + TimeDelta::hours(72)).timestamp();
        for minutes in 0..40 {
            town.run_at(noon(JOINED) + TimeDelta::hours(72) + TimeDelta::minutes(30 * minutes)).await;
        }
        for id in &ids {
            let account = town.account(id).await;
            let states: Vec<_> = account.charges.values().map(|charge| charge.state).collect();
            assert_eq!((states, account.profile.parked), (vec![AttemptState::Succeeded], None), "{id}");
        }
        assert_eq!(fake.captured(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_method_is_attached_once_and_to_one_customer() {
    let fake = Fake::start(noon(JOINED).timestamp()).await;
    let provider = provider(&fake);
    let enrolment = |token: &str, on_file: Option<&str>| Enrolment {
        account_id: "a".parse().unwrap(),
        token: token.to_owned(),
        on_file: on_file.map(str::to_owned),
    };
    assert_eq!(provider.enrol(&enrolment("pm_1", None)).await.unwrap(), "cus_1:pm_1");
    assert_eq!(provider.enrol(&enrolment("pm_1", None)).await.unwrap(), "cus_1:pm_1");
    assert_eq!(provider.enrol(&enrolment("pm_2", Some("cus_1:pm_1"))).await.unwrap(), "cus_1:pm_2");
    assert_eq!(provider.enrol(&enrolment("cus_7:pm_3", None)).await.unwrap(), "cus_7:pm_3");
    assert_eq!(fake.state().customers.len(), 1);
}

/// F41: no webhook ever comes; the list of events is read, in short pages, and again only from near its end.
#[tokio::test]
async fn lost_webhooks_are_found_in_the_list() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let people: Vec<_> = (0..20).map(|number| (format!("a{number:02}"), OREGON, "cus_1:pm_ok".to_owned())).collect();
        town.move_all_in(&people).await;
        let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| id.parse().unwrap()).collect();
        town.subscribe_all(JOINED, &ids, "plus/annual").await;
        assert_eq!(fake.captured(), 20);
        let later = noon(JOINED) + TimeDelta::days(1);
        let found = town.run_at(later).await;
        assert_eq!((found.of("events without a webhook found"), found.of("webhooks applied")), (20, 20));
        let again = town.run_at(later + TimeDelta::minutes(10)).await;
        assert_eq!(again.of("events without a webhook found"), 0);
        let requests = fake.state().requests;
        town.run_at(later + TimeDelta::minutes(11)).await;
        assert_eq!(fake.state().requests, requests, "it is not read all the time");
    })
    .await;
}
