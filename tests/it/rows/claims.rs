//! Claims and leases: who works on what.

use chrono::{DateTime, TimeDelta, Utc};
use kasacare::domain::account::{AttemptState, Parked};
use kasacare::domain::ids::AccountId;
use kasacare::domain::subscription::{Intent, State};
use kasacare::store::account;
use kasacare::store::claims::{Claimed, Due, Lease, NoticeResult, due, lease_charges, lease_notices, lease_refunds, record_notices};
use kasacare::store::db::{Db, Tx};

use super::sample::{change, charge, instant, invoice, loaded, opened, prepare, rich, save, subscription, term};
use super::{number, rows, run};
use crate::world::{TestDb, on_both, on_postgres};

const NOW: &str = "2026-02-01T00:00:00Z";

fn now() -> DateTime<Utc> {
    instant(NOW)
}

/// Adds accounts with an active subscription each, due so many minutes before now.
async fn due_before(db: &Db, accounts: &[(&str, i64)]) {
    let ids: Vec<&str> = accounts.iter().map(|(id, _)| *id).collect();
    let mut changes = Vec::new();
    for (before, (_, minutes)) in opened(db, &ids).await.iter().zip(accounts) {
        let mut after = before.clone();
        for id in ["s-1", "s-2"] {
            let mut row = subscription(id, State::Active { term: term(Intent::Renews) });
            row.due_at = Some(now() - TimeDelta::minutes(*minutes));
            after.subscriptions.insert(row.id.clone(), row);
        }
        changes.push(change(before, after, "subscribe"));
    }
    save(db, &mut changes).await.unwrap();
}

fn names(ids: &[AccountId]) -> Vec<&str> {
    ids.iter().map(AccountId::as_str).collect()
}

async fn claim(tx: &mut Tx, after: Option<&Claimed>, limit: u32) -> Claimed {
    due(tx, Due::Subscriptions, now(), after.and_then(|claimed| claimed.last.as_ref()), limit).await.unwrap()
}

#[tokio::test]
async fn accounts_are_claimed_in_the_order_in_which_they_fell_due() {
    on_both(async |db| {
        due_before(&db, &[("a-1", 0), ("a-2", 5), ("a-3", 5), ("a-4", -1), ("a-5", 9), ("a-6", 7)]).await;
        let before = loaded(&db, "a-6").await;
        let mut parked = before.clone();
        parked.profile.parked = Some(Parked { code: "x".to_owned(), reason: "y".to_owned(), since: now() });
        save(&db, &mut [change(&before, parked, "park")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let first = claim(&mut tx, None, 4).await;
        assert_eq!(names(&first.accounts), ["a-5", "a-2"], "two subscriptions an account");
        let second = claim(&mut tx, Some(&first), 100).await;
        assert_eq!(names(&second.accounts), ["a-3", "a-1"]);
        let third = claim(&mut tx, Some(&second), 100).await;
        assert!(third.accounts.is_empty() && third.last.is_none());
    })
    .await;
}

#[tokio::test]
async fn of_two_workers_each_gets_what_the_other_has_not() {
    on_postgres(async |db| {
        due_before(&db, &[("a-1", 3), ("a-2", 2), ("a-3", 1)]).await;
        let (mut one, mut two) = (db.begin().await.unwrap(), db.begin().await.unwrap());
        assert_eq!(names(&claim(&mut one, None, 4).await.accounts), ["a-1", "a-2"]);
        assert_eq!(names(&claim(&mut two, None, 4).await.accounts), ["a-3"]);
        one.rollback().await.unwrap();
        two.rollback().await.unwrap();
        let mut three = db.begin().await.unwrap();
        assert_eq!(names(&claim(&mut three, None, 100).await.accounts), ["a-1", "a-2", "a-3"]);
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_due_work_is_found() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1"]).await;
        let mut after = rich(&before[0]);
        after.profile.parked = None;
        save(&db, &mut [change(&before[0], after, "everything")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for (what, due_at) in [
            (Due::Subscriptions, "2027-01-31T05:00:00Z"),
            (Due::Reminders, "2027-01-01T05:00:00.000007Z"),
            (Due::Corrections, "2026-02-09T00:00:00Z"),
            (Due::Recognition, "2026-03-01T05:00:00Z"),
        ] {
            let due_at = instant(due_at);
            let early = due(&mut tx, what, due_at - TimeDelta::microseconds(1), None, 10).await.unwrap();
            assert!(early.accounts.is_empty(), "{what:?} too early");
            let claimed = due(&mut tx, what, due_at, None, 10).await.unwrap();
            assert_eq!(names(&claimed.accounts), ["a-1"], "{what:?}");
            let invoices: &[&str] = if what == Due::Recognition { &["a-1 in_s-active_2_0", "a-1 in_s-active_2_1"] } else { &[] };
            let mut found: Vec<String> = claimed.invoices.iter().map(|(account, invoice)| format!("{account} {invoice}")).collect();
            found.sort();
            assert_eq!(found, invoices, "{what:?}");
        }
    })
    .await;
}

/// A lease in real time, of a minute, taken so many seconds after some moment.
fn lease(owner: &str, seconds: i64) -> Lease {
    let at = seconds * 1_000_000;
    Lease { owner: owner.to_owned(), now: at, until: at + 60_000_000 }
}

/// Accounts of which each has a charge that is due, under the same ids.
async fn charged(db: &TestDb, ids: &[&str]) {
    prepare(db).await;
    let mut changes = Vec::new();
    for before in &opened(db, ids).await {
        let mut after = before.clone();
        let bill = invoice("s-1", 0);
        let row = charge(&bill.document.id, 1, AttemptState::Requested);
        after.charges.insert(row.id.clone(), row);
        after.invoices.insert(bill.document.id.clone(), bill);
        changes.push(change(before, after, "bill"));
    }
    save(db, &mut changes).await.unwrap();
}

#[tokio::test]
async fn a_charge_is_leased_to_one_until_the_lease_is_over() {
    on_both(async |db| {
        charged(&db, &["a-1", "a-2"]).await;
        let mut tx = db.begin().await.unwrap();
        let first = lease_charges(&mut tx, now(), &lease("one", 0), 1).await.unwrap();
        assert_eq!(first.len(), 1);
        let leased = &first[0];
        assert_eq!((leased.account.as_str(), leased.charge.as_str(), leased.invoice.as_str()), ("a-1", "ch_s-1_2_0_1", "in_s-1_2_0"));
        assert_eq!((leased.amount, leased.method_token.as_str(), leased.sent_at), (super::sample::usd(8_659), "pm_1", None));
        // The other account's charge has the same id, and is not leased with it.
        let second = lease_charges(&mut tx, now(), &lease("two", 1), 10).await.unwrap();
        assert_eq!(second.iter().map(|leased| leased.account.as_str()).collect::<Vec<_>>(), ["a-2"]);
        assert!(lease_charges(&mut tx, now(), &lease("three", 30), 10).await.unwrap().is_empty());
        // Whoever has it next cannot know whether it was sent.
        let third = lease_charges(&mut tx, now(), &lease("three", 62), 10).await.unwrap();
        assert_eq!(third.iter().map(|leased| leased.sent_at.is_some()).collect::<Vec<_>>(), [true, true]);
        tx.commit().await.unwrap();
        assert_eq!(number(&db, "select sum(lease_no)/1 from charges").await, 4);
    })
    .await;
}

/// Answers are recorded in the order of the calls, so that what is due at one instant must come in one order on both databases.
#[tokio::test]
async fn charges_of_one_account_that_fall_due_together_come_in_the_order_of_their_ids() {
    on_both(async |db| {
        charged(&db, &["a-1"]).await;
        // Stored against the order of the ids, one decision each.
        for (subscription, cause) in [("s-9", "first"), ("s-5", "second"), ("s-7", "third")] {
            let before = loaded(&db, "a-1").await;
            let mut after = before.clone();
            let row = charge(&invoice(subscription, 0).document.id, 1, AttemptState::Requested);
            after.charges.insert(row.id.clone(), row);
            save(&db, &mut [change(&before, after, cause)]).await.unwrap();
        }
        let mut tx = db.begin().await.unwrap();
        let leased = lease_charges(&mut tx, now(), &lease("one", 0), 10).await.unwrap();
        let ids: Vec<&str> = leased.iter().map(|leased| leased.charge.as_str()).collect();
        assert_eq!(ids, ["ch_s-1_2_0_1", "ch_s-5_2_0_1", "ch_s-7_2_0_1", "ch_s-9_2_0_1"]);
        tx.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_charge_that_was_not_claimed_is_not_leased_with_its_namesake() {
    on_both(async |db| {
        charged(&db, &["a-1", "a-2"]).await;
        // Due first is one account's, then another charge of the second account, last the second's of the same id.
        let before = loaded(&db, "a-2").await;
        let mut after = before.clone();
        let bill = invoice("s-2", 0);
        let mut row = charge(&bill.document.id, 1, AttemptState::Requested);
        row.due_at = Some(instant("2026-01-31T17:30:00Z"));
        after.charges.insert(row.id.clone(), row);
        after.invoices.insert(bill.document.id.clone(), bill);
        after.charges.get_mut("ch_s-1_2_0_1").unwrap().due_at = Some(instant("2026-01-31T18:00:00Z"));
        save(&db, &mut [change(&before, after, "bill another")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let mut claimed = async |seconds| {
            let leased = lease_charges(&mut tx, now(), &lease("one", seconds), 2).await.unwrap();
            leased.iter().map(|leased| format!("{} {}", leased.account, leased.charge)).collect::<Vec<_>>()
        };
        assert_eq!(claimed(0).await, ["a-1 ch_s-1_2_0_1", "a-2 ch_s-2_2_0_1"]);
        assert_eq!(claimed(1).await, ["a-2 ch_s-1_2_0_1"]);
    })
    .await;
}

#[tokio::test]
async fn leases_are_no_part_of_the_aggregate() {
    on_both(async |db| {
        charged(&db, &["a-1"]).await;
        let mut tx = db.begin().await.unwrap();
        let before = account::load(&mut tx, &[super::sample::account_id("a-1")], account::Scope::ALL).await.unwrap().remove(0);
        lease_charges(&mut tx, now(), &lease("one", 0), 1).await.unwrap();
        let mut after = before.clone();
        let settled = after.charges.values_mut().next().unwrap();
        (settled.state, settled.due_at) = (AttemptState::Succeeded, None);
        account::save(&mut tx, &mut [change(&before, after, "settle")]).await.unwrap();
        tx.commit().await.unwrap();
        let row = &rows(&db, "select lease_owner, lease_no from charges", &[]).await[0];
        assert_eq!((row.text_at(0).unwrap(), row.int_at(1).unwrap()), ("one".to_owned(), 1));
        let mut tx = db.begin().await.unwrap();
        assert!(lease_charges(&mut tx, now(), &lease("two", 600), 10).await.unwrap().is_empty(), "a settled charge was leased");
    })
    .await;
}

#[tokio::test]
async fn refunds_are_leased_with_the_charge_that_they_go_back_to() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1"]).await;
        let mut after = rich(&before[0]);
        after.profile.parked = None;
        save(&db, &mut [change(&before[0], after, "everything")]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let later = instant("2026-02-05T00:00:00Z");
        let leased = lease_refunds(&mut tx, later, &lease("one", 0), 10).await.unwrap();
        let [refund] = leased.as_slice() else { panic!("one refund, not {leased:?}") };
        assert_eq!((refund.refund.as_str(), refund.charge_reference.as_str()), ("re_s-active_2_0_1_1", "pi_1"));
        assert!(refund.sent_at.is_some(), "its outcome is unknown");
        assert!(lease_refunds(&mut tx, later, &lease("two", 1), 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn mails_are_leased_with_their_address_and_what_became_of_them_is_recorded() {
    on_both(async |db| {
        let before = opened(&db, &["a-1"]).await;
        let mut mailing = change(&before[0], before[0].clone(), "mail");
        for cause in ["1", "2", "3", "4"] {
            mailing.notices.push(kasacare::domain::change::QueuedNotice {
                id: format!("receipt_payment_{cause}"),
                kind: kasacare::domain::notice::NoticeKind::ReceiptPayment,
                subscription: Some(super::sample::subscription_id("s-1")),
                data: kasacare::domain::notice::NoticeData::default(),
                not_before: None,
            });
        }
        save(&db, &mut [mailing]).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let leased = lease_notices(&mut tx, now(), &lease("one", 0), 10).await.unwrap();
        assert_eq!(leased.len(), 4);
        assert_eq!((leased[0].email.as_deref(), leased[0].name.as_deref()), (Some("a-1@example.com"), Some("Name of a-1")));
        assert_eq!((leased[0].zone, leased[0].data.as_str(), leased[0].attempts), (chrono_tz::America::New_York, "{}", 0));
        assert!(!format!("{leased:?}").contains("example.com"));
        let again = now() + TimeDelta::minutes(1);
        let outcomes = [
            NoticeResult::Sent,
            NoticeResult::Withdrawn,
            NoticeResult::Failed { code: "550".to_owned() },
            NoticeResult::Again { at: again, code: "451".to_owned() },
        ];
        let results: Vec<_> = leased.into_iter().zip(outcomes).collect();
        record_notices(&mut tx, now(), &results).await.unwrap();
        assert!(lease_notices(&mut tx, now(), &lease("two", 1), 10).await.unwrap().is_empty());
        let leased = lease_notices(&mut tx, again, &lease("two", 2), 10).await.unwrap();
        assert_eq!(leased.iter().map(|mail| (mail.notice.as_str(), mail.attempts)).collect::<Vec<_>>(), [("receipt_payment_4", 1)]);
        tx.commit().await.unwrap();
        let states = rows(&db, "select state || coalesce(' ' || last_error_code, '') from notices order by notice_id", &[]).await;
        let states: Vec<_> = states.iter().map(|row| row.text_at(0).unwrap()).collect();
        assert_eq!(states, ["sent", "withdrawn", "failed 550", "queued 451"]);
        run(&db, "update accounts set email = null, name = null").await.unwrap();
    })
    .await;
}
