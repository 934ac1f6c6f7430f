//! Answers that come late, wrong or not at all, and what is done with them through the store (PD, PV, CO).

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use kasacare::domain::account::{AttemptState, CorrectionState, NoteReason};
use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::ids::{AccountId, CameraId};
use kasacare::domain::money::{Currency, Money};
use kasacare::provider::simulated::Simulated;
use kasacare::provider::simulated::audit::{self, ChargeObject};
use kasacare::store::db::{Db, DbError, Sql};

use crate::world::on_both;
use crate::world::town::{OREGON, Town, minor, noon, order};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

fn card(token: &str) -> NewMethod {
    NewMethod { token: token.to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None }
}

async fn captures(db: &Db) -> usize {
    let (mut tx, mut all) = (db.begin_read().await.unwrap(), Vec::<ChargeObject>::new());
    let read = audit::charges(&mut tx, |batch| {
        all.extend(batch);
        Ok::<_, DbError>(())
    });
    read.await.unwrap();
    all.len()
}

async fn execute(db: &Db, text: &'static str) {
    let mut tx = db.begin().await.unwrap();
    tx.execute(&Sql::same(text), &[]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn number(db: &Db, question: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    let number = tx.fetch_one(&Sql::same(question), &[]).await.unwrap().int_at(0).unwrap();
    tx.rollback().await.unwrap();
    number
}

#[tokio::test]
async fn an_undercharge_that_a_closed_subscription_paid_is_not_waived() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&card("tok_insufficient_2"))).await;
        town.run_at(noon("2026-02-10")).await;
        let invoice = town.invoices(&id).await.remove(1).document.id;
        town.act(noon("2026-02-10"), &id, |draft| draft.correct(&invoice, Correct::Net(usd(1_999)))).await;
        town.act(noon("2026-02-10"), &id, |draft| draft.cancel_unpaid(&subscription)).await;
        // Declined on the 10th and the 11th; the 13th takes fee and difference.
        town.run_daily("2026-02-11", "2026-03-20").await;
        let account = town.account(&id).await;
        assert_eq!(account.invoices[&invoice].captured.minor(), 1_999);
        assert_eq!(account.corrections.values().map(|one| one.state).collect::<Vec<_>>(), [CorrectionState::Done]);
        assert_eq!(account.notes.values().map(|note| note.reason).collect::<Vec<_>>(), [NoteReason::Undercharge]);
        assert_eq!(number(&db, "select cast(coalesce(sum(amount_minor), 0) as bigint) from postings where ledger_account = 2310").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_closed_subscription_that_pays_is_not_listed_any_more() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&card("tok_insufficient"))).await;
        town.run_daily("2026-02-10", "2026-03-04").await;
        town.act(noon("2026-03-05"), &id, |draft| draft.cancel_unpaid(&subscription)).await;
        let open = |account: &kasacare::domain::account::Account| account.tasks.values().filter(|task| task.closed_on.is_none()).count();
        assert_eq!(open(&town.account(&id).await), 1);
        town.act(noon("2026-03-06"), &id, |draft| draft.replace_method(&card("tok_ok"))).await;
        town.run("2026-03-06").await;
        assert_eq!(open(&town.account(&id).await), 0);
    })
    .await;
}

#[tokio::test]
async fn a_hard_decline_blocks_what_was_planned_for_other_subscriptions() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let first = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        let mut second = order(&id, "plus/monthly");
        second.camera = Some(CameraId::parse("a-cam2").unwrap());
        town.act(noon("2026-01-12"), &id, |draft| draft.subscribe(&second)).await;
        town.run("2026-01-12").await;
        let expires = NewMethod { expires_on: Some("2026-02-11".parse().unwrap()), ..card("tok_insufficient_2") };
        town.act(noon("2026-01-13"), &id, |draft| draft.replace_method(&expires)).await;
        // Soft on the 10th and 11th, the next try on the 13th; the subscription is over by then. Its debt is not.
        town.run_daily("2026-02-10", "2026-02-11").await;
        town.act(noon("2026-02-11"), &id, |draft| draft.cancel_unpaid(&first)).await;
        // The other one renews with a method that has expired.
        town.run_daily("2026-02-12", "2026-02-16").await;
        let account = town.account(&id).await;
        assert!(account.profile.method.as_ref().unwrap().blocked);
        let sent = account.charges.values().filter(|charge| charge.settled_on.is_some_and(|on| on > "2026-02-12".parse().unwrap()));
        assert_eq!(sent.count(), 0, "{:?}", account.charges);
        assert!(account.charges.values().all(|charge| !charge.state.in_flight()));
    })
    .await;
}

#[tokio::test]
async fn a_charge_that_was_not_sent_yet_is_made_with_the_new_method() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_stolen").await;
        let order = order(&id, "plus/monthly");
        town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&order)).await;
        town.act(noon("2026-01-10"), &id, |draft| draft.replace_method(&card("tok_ok"))).await;
        town.run("2026-01-10").await;
        let account = town.account(&id).await;
        let charges: Vec<_> = account.charges.values().map(|charge| (charge.state, charge.method)).collect();
        assert_eq!(charges, [(AttemptState::Abandoned, 1), (AttemptState::Succeeded, 2)]);
        assert_eq!(captures(&db).await, 1, "nothing was asked of the old one");
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_too_old_is_only_asked_for_and_then_left_to_a_person() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        // Sent at noon, and sent again while nothing is found; every request is lost.
        for (name, hours, parked) in [("young", 22, None), ("old", 23, Some("key_expired"))] {
            let id = town.move_in(name, OREGON, &format!("tok_lost_3-{name}")).await;
            let order = order(&id, "plus/monthly");
            town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&order)).await;
            town.run_at(noon("2026-01-10")).await;
            town.run_at(noon("2026-01-10") + TimeDelta::hours(hours)).await;
            let account = town.account(&id).await;
            assert_eq!(account.profile.parked.as_ref().map(|parked| parked.code.as_str()), parked, "{name}");
        }
        // The young one arrived with its fourth request; the old one's key was not sent a third time.
        assert_eq!(captures(&db).await, 1);
        let old = "old".parse().unwrap();
        town.run("2026-01-12").await;
        assert_eq!(captures(&db).await, 1);
        town.act(noon("2026-01-13"), &old, |draft| draft.replace_method(&card("tok_ok"))).await;
        town.act(noon("2026-01-13"), &old, |draft| draft.release(false)).await;
        town.run("2026-01-13").await;
        assert_eq!(minor(town.account(&old).await.payments.values().map(|payment| payment.amount)), [999]);
    })
    .await;
}

#[tokio::test]
async fn a_payout_whose_key_is_too_old_is_left_to_a_person() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_refund_lost_2").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/annual").await;
        town.act(noon("2026-01-10"), &id, |draft| draft.cancel(&subscription)).await;
        town.run_at(noon("2026-01-10")).await;
        town.run("2026-01-12").await;
        let account = town.account(&id).await;
        assert_eq!(account.profile.parked.as_ref().map(|parked| parked.code.as_str()), Some("key_expired"));
        town.act(noon("2026-01-13"), &id, |draft| draft.release(false)).await;
        town.run_daily("2026-01-13", "2026-01-14").await;
        let states: Vec<_> = town.account(&id).await.refunds.values().map(|refund| refund.state).collect();
        assert_eq!(states, [AttemptState::Abandoned, AttemptState::Unknown], "the new key's requests are lost, too");
    })
    .await;
}

#[tokio::test]
async fn a_run_that_only_gives_attempts_up_says_so() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_500").await;
        let order = order(&id, "plus/monthly");
        town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&order)).await;
        let summary = town.run("2026-01-10").await;
        assert_eq!(summary.of("charges given up"), 1);
        // Fourteen more, each after a longer wait, and then a person.
        town.run_daily("2026-01-11", "2026-02-10").await;
        let account = town.account(&id).await;
        assert_eq!(account.profile.parked.as_ref().map(|parked| parked.code.as_str()), Some("no_outcome"));
        assert_eq!(account.charges.len(), 15);
    })
    .await;
}

#[tokio::test]
async fn a_fact_that_an_account_cannot_take_is_kept_until_it_can() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let simulated = Simulated::new(town.engine.db.clone());
        let mut charges = Vec::new();
        for name in ["a", "b"] {
            let id = town.move_in(name, OREGON, &format!("tok_refund_fails_later_3-{name}")).await;
            let subscription = town.subscribe("2026-01-10", &id, "plus/annual").await;
            town.act(noon("2026-05-12"), &id, |draft| draft.cancel(&subscription)).await;
            charges.push(town.account(&id).await.charges.keys().next().unwrap().clone());
        }
        town.run("2026-05-12").await;
        // A dispute of a charge that does not count as captured here, and then, of both accounts, a refund that comes back.
        simulated.open_dispute(noon("2026-05-14"), &charges[0], Some(usd(1_000))).await.unwrap();
        execute(&db, "update charges set state = 'failed' where account_id = 'a'").await;
        town.run("2026-05-20").await;
        let (a, b) = ("a".parse().unwrap(), "b".parse().unwrap());
        let failed = async |id| town.account(id).await.refunds.values().filter(|refund| refund.state == AttemptState::Failed).count();
        assert!(town.account(&a).await.profile.parked.is_some());
        assert_eq!((failed(&a).await, failed(&b).await), (0, 1));
        assert_eq!(number(&db, "select count(*) from kept_facts").await, 2);
        // What comes meanwhile waits its turn.
        simulated.end_dispute(noon("2026-05-21"), &charges[0], true).await.unwrap();
        town.run("2026-05-21").await;
        assert_eq!(number(&db, "select count(*) from kept_facts").await, 3);
        execute(&db, "update charges set state = 'succeeded' where account_id = 'a'").await;
        town.act(noon("2026-05-22"), &a, |draft| draft.release(false)).await;
        town.run("2026-05-22").await;
        let account = town.account(&a).await;
        assert_eq!((failed(&a).await, account.disputes.len()), (1, 1));
        assert!(account.disputes.values().all(|dispute| dispute.state == kasacare::domain::account::DisputeState::Won));
        assert_eq!(number(&db, "select count(*) from kept_facts").await, 0);
    })
    .await;
}

/// Statements that a run of renewals and their charges sends for so many accounts, of which one may have had another subscription.
async fn statements(db: &Db, accounts: usize, with_history: bool) -> u64 {
    let town = Town::on(db).await;
    let people: Vec<_> = (0..accounts).map(|number| (format!("{accounts}-{number}"), OREGON, "tok_ok".to_owned())).collect();
    town.move_all_in(&people).await;
    let ids: Vec<AccountId> = people.iter().map(|(id, ..)| id.parse().unwrap()).collect();
    if with_history {
        let earlier = town.subscribe("2025-06-01", &ids[0], "plus/monthly").await;
        town.act(noon("2025-06-02"), &ids[0], |draft| draft.cancel(&earlier)).await;
        town.run("2025-07-01").await;
    }
    town.subscribe_all("2026-01-10", &ids, "plus/monthly").await;
    let before = db.statements_sent();
    let summary = town.run("2026-02-10").await;
    assert_eq!(summary.of("charges captured"), u64::try_from(accounts).unwrap());
    db.statements_sent() - before
}

#[tokio::test]
async fn ordinary_captures_read_no_history_and_others_add_a_fixed_number_of_statements() {
    let sent = Arc::new(Mutex::new(Vec::new()));
    for (accounts, with_history) in [(10, false), (30, false), (10, true), (30, true)] {
        let sent = Arc::clone(&sent);
        on_both(move |db| {
            let sent = Arc::clone(&sent);
            async move {
                let count = statements(&db, accounts, with_history).await;
                sent.lock().unwrap().push((db.kind(), with_history, count));
            }
        })
        .await;
    }
    let sent = sent.lock().unwrap();
    for (kind, with_history, count) in &*sent {
        let least = sent.iter().filter(|other| other.0 == *kind && other.1 == *with_history).map(|other| other.2).min().unwrap();
        assert_eq!(*count, least, "{kind}: it does not depend on the number of accounts: {sent:?}");
        let ordinary = sent.iter().find(|other| other.0 == *kind && !other.1).unwrap().2;
        assert!(!with_history || *count > ordinary, "{kind}: a subscription that has ended may owe something older: {sent:?}");
    }
}
