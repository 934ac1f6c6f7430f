//! What is saved is what is loaded again.

use kasacare::domain::account::{Account, AttemptState, CorrectionState, DisputeState, NoticeOutcome};
use kasacare::domain::subscription::{Cause, State};
use kasacare::store::account::{self, Scope};
use kasacare::store::db::{Db, Sql};
use kasacare::store::error::StoreError;

use super::run;
use super::sample::{account_id, camera_id, change, day, loaded, opened, prepare, rich, save, subscription_id, usd};
use crate::world::on_both;

async fn rich_account(db: &Db) -> Account {
    prepare(db).await;
    let before = opened(db, &["a-1"]).await;
    let mut changes = [change(&before[0], rich(&before[0]), "everything")];
    save(db, &mut changes).await.unwrap();
    let [change] = changes;
    change.after
}

#[tokio::test]
async fn an_account_with_one_of_everything_comes_back_as_it_was() {
    on_both(async |db| {
        let saved = rich_account(&db).await;
        let other = opened(&db, &["a-2"]).await;
        assert_eq!(saved.invoices["in_s-active_2_0"].number, "KASA-2026-000001");
        assert_eq!(saved.invoices["in_s-active_2_1"].number, "KASA-2026-000002");
        assert_eq!(saved.profile.journal_seq, 2);
        assert_eq!(loaded(&db, "a-1").await, saved);
        assert_eq!(loaded(&db, "a-2").await, other[0], "another account has changed");
    })
    .await;
}

/// Sets everything that events can move to something else.
fn moved(account: &Account) -> Account {
    let mut after = account.clone();
    let profile = &mut after.profile;
    (profile.parked, profile.trial_used_on, profile.caught_up_on) = (None, None, Some(day("2026-02-28")));
    (profile.credit_cash, profile.credit_goodwill, profile.carried) = (usd(1), usd(2), usd(3));
    profile.method = None;
    after.cameras = vec![camera_id("cam-2"), camera_id("cam-3")];
    for (id, state) in [("s-free", "s-pending"), ("s-active", "s-past-due"), ("s-past-due", "s-trialing"), ("s-trialing", "s-active")] {
        let state = account.subscriptions[&subscription_id(state)].state.clone();
        after.subscriptions.get_mut(id).unwrap().state = state;
    }
    let closed = State::Closed { cause: Cause::Cancelled, on: day("2026-06-06") };
    after.subscriptions.get_mut("s-suspended").unwrap().state = closed;
    let active = after.subscriptions.get_mut("s-active").unwrap();
    (active.promotion, active.camera, active.due_at, active.remind_at) = (None, None, None, None);
    (active.reminded_for, active.reminded_on, active.cancel_requested_on) = (None, None, Some(day("2026-06-07")));
    active.price_notices[1].sent_on = Some(day("2026-03-31"));
    active.price_notices[1].outcome = NoticeOutcome::Applied;
    let another = active.price_notices[0].clone();
    active.price_notices.push(another);
    move_money(&mut after);
    after
}

fn move_money(after: &mut Account) {
    let invoice = after.invoices.get_mut("in_s-active_2_0").unwrap();
    for (amount, minor) in [
        (&mut invoice.net, 101),
        (&mut invoice.tax, 102),
        (&mut invoice.recognised, 103),
        (&mut invoice.open, 104),
        (&mut invoice.captured, 105),
        (&mut invoice.returned, 106),
        (&mut invoice.disputed, 107),
        (&mut invoice.held, 108),
        (&mut invoice.credit_cash, 109),
        (&mut invoice.credit_goodwill, 110),
        (&mut invoice.written_off, 111),
    ] {
        *amount = usd(minor);
    }
    (invoice.attempts, invoice.retries, invoice.carried, invoice.pending) = (112, 113, false, true);
    (invoice.first_failed_on, invoice.ended_on, invoice.recognised_through) = (None, None, None);
    invoice.recognise_at = None;
    let charge = after.charges.get_mut("ch_s-active_2_1_2").unwrap();
    (charge.state, charge.due_at, charge.lookups) = (AttemptState::Succeeded, None, 9);
    (charge.reference, charge.settled_on) = (Some("pi_9".to_owned()), Some(day("2026-06-08")));
    charge.code = Some("late".to_owned());
    let payment = after.payments.values_mut().next().unwrap();
    (payment.refunded, payment.disputed) = (usd(8_659), usd(0));
    let refund = after.refunds.values_mut().next().unwrap();
    (refund.state, refund.due_at, refund.lookups) = (AttemptState::Failed, None, 9);
    (refund.reference, refund.settled_on, refund.code, refund.excess) = (None, None, None, usd(4));
    let correction = after.corrections.values_mut().next().unwrap();
    (correction.state, correction.due_at) = (CorrectionState::Waived, None);
    (correction.open_net, correction.open_tax) = (usd(0), usd(1));
    after.disputes.values_mut().next().unwrap().state = DisputeState::Lost;
    let redemption = after.redemptions.values_mut().next().unwrap();
    (redemption.released, redemption.subscription) = (true, subscription_id("s-free"));
    after.costs.values_mut().next().unwrap().open = usd(0);
    after.tasks.get_mut("tk_1").unwrap().closed_on = Some(day("2026-06-09"));
}

#[tokio::test]
async fn everything_that_can_change_is_written_when_it_does() {
    on_both(async |db| {
        let before = rich_account(&db).await;
        let mut changes = [change(&before, moved(&before), "move")];
        save(&db, &mut changes).await.unwrap();
        assert_eq!(loaded(&db, "a-1").await, changes[0].after);
    })
    .await;
}

#[tokio::test]
async fn accounts_come_in_the_order_asked_for_and_strangers_are_absent() {
    on_both(async |db| {
        opened(&db, &["a-1", "a-2", "a-3"]).await;
        let asked = ["a-3", "nobody", "a-1"].map(account_id);
        let mut tx = db.begin().await.unwrap();
        account::lock(&mut tx, &asked).await.unwrap();
        let found = account::load(&mut tx, &asked, Scope::ALL).await.unwrap();
        let found: Vec<&str> = found.iter().map(|account| account.profile.id.as_str()).collect();
        assert_eq!(found, ["a-3", "a-1"]);
        assert_eq!(account::load(&mut tx, &[], Scope::ALL).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_scope_loads_what_it_says_and_a_save_leaves_the_rest_alone() {
    on_both(async |db| {
        let mut whole = rich_account(&db).await;
        // Nothing is left to be done about the first invoice.
        let mut after = whole.clone();
        let invoice = after.invoices.get_mut("in_s-active_2_0").unwrap();
        (invoice.open, invoice.disputed, invoice.recognise_at) = (usd(0), usd(0), None);
        let mut changes = [change(&whole, after, "settled")];
        save(&db, &mut changes).await.unwrap();
        [whole] = changes.map(|change| change.after);
        let ids = [account_id("a-1")];
        let mut tx = db.begin().await.unwrap();
        let profile = account::load(&mut tx, &ids, Scope::PROFILE).await.unwrap().pop().unwrap();
        assert_eq!(profile, Account::new(whole.profile.clone()));
        let open = account::load(&mut tx, &ids, Scope::INVOICES_OPEN | Scope::CHARGES_OPEN).await.unwrap().pop().unwrap();
        assert_eq!(open.invoices.keys().collect::<Vec<_>>(), ["in_s-active_2_1"]);
        assert_eq!(open.charges.keys().collect::<Vec<_>>(), ["ch_s-active_2_1_2"]);
        assert!(open.subscriptions.is_empty() && open.payments.is_empty() && open.tasks.is_empty());
        let named = [(ids[0].clone(), "in_s-active_2_0".to_owned()), (account_id("nobody"), "in_s-active_2_0".to_owned())];
        let settling = account::load_with_invoices(&mut tx, &ids, Scope::SETTLEMENT, &named).await.unwrap().pop().unwrap();
        assert_eq!(settling.subscriptions, whole.subscriptions);
        assert_eq!(settling.invoices.keys().collect::<Vec<_>>(), ["in_s-active_2_0"]);
        assert_eq!(settling.charges.keys().collect::<Vec<_>>(), ["ch_s-active_2_0_1", "ch_s-active_2_0_2"]);
        let only_named = account::load_with_invoices(&mut tx, &ids, Scope::RECOGNITION, &named).await.unwrap().pop().unwrap();
        assert_eq!(only_named.invoices.keys().collect::<Vec<_>>(), ["in_s-active_2_0"]);
        assert!(only_named.charges.is_empty());
        // What was not loaded looks empty, and stays as it is.
        let mut after = only_named.clone();
        after.invoices.get_mut("in_s-active_2_0").unwrap().recognised = usd(77);
        let mut changes = [change(&only_named, after, "recognise")];
        account::save(&mut tx, &mut changes).await.unwrap();
        tx.commit().await.unwrap();
        whole.profile = changes[0].after.profile.clone();
        whole.invoices.get_mut("in_s-active_2_0").unwrap().recognised = usd(77);
        assert_eq!(loaded(&db, "a-1").await, whole);
    })
    .await;
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    on_both(async |db| {
        rich_account(&db).await;
        let cases = [
            ("update accounts set time_zone = 'Mars/Base'", ("accounts", "a-1", "time_zone")),
            ("update subscriptions set closed_cause = 'bored' where state = 'closed'", ("subscriptions", "a-1/s-closed", "closed_cause")),
            ("update subscriptions set price_version = null where state = 'pending'", ("subscriptions", "a-1/s-pending", "closed_cause")),
            ("update price_notices set position = 7 where version = 'v9'", ("price_notices", "a-1/s-past-due/7", "position")),
            ("update invoices set recognise_at = 9223372036854775807", ("invoices", "a-1/in_s-active_2_0", "recognise_at")),
        ];
        for (damage, (table, id, column)) in cases {
            let mut tx = db.begin().await.unwrap();
            tx.execute(&Sql::same(damage), &[]).await.unwrap();
            let outcome = account::load(&mut tx, &[account_id("a-1")], Scope::ALL).await;
            tx.rollback().await.unwrap();
            match outcome {
                Err(StoreError::Corrupt { table: found, id: key, column: at, .. }) => {
                    assert_eq!((found, key.as_str(), at), (table, id, column));
                }
                other => panic!("{damage}: {other:?}"),
            }
        }
        run(&db, "delete from subscriptions where subscription_id = 's-past-due'").await.unwrap();
        let mut tx = db.begin_read().await.unwrap();
        let orphan = account::load(&mut tx, &[account_id("a-1")], Scope::RENEWAL).await.unwrap_err();
        assert_eq!(orphan.to_string(), "price_notices row a-1/s-past-due/0: column subscription_id names no subscription of the account");
    })
    .await;
}
