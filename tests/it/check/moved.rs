//! Money that moves otherwise than asked for (F49, F60, F61): the books stay clean, because they hold what moved.

use kasacare::domain::account::AttemptState;
use kasacare::domain::change::Refusal;
use kasacare::domain::change::settle::Settlement;
use kasacare::domain::ids::{AccountId, SubscriptionId};
use kasacare::domain::money::{Currency, Money};
use kasacare::store::db::Db;
use kasacare::{statements, values};

use super::assert_clean;
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon, order};

statements! {
    /// The provider's side of a capture that the simulated one would never make.
    THEIR_CHARGE = same(
        "insert into sim_charge (reference, charge_id, invoice_id, account_id, story, currency, amount_minor, refunded_minor, \
         disputed_minor, state, settled_at) values ($1, $2, $3, $4, 'ok', 'USD', $5, 0, 0, 'captured', 0)"
    );
    /// What the provider made of a refund.
    THEIR_REFUND = same(
        "insert into sim_refund (reference, refund_id, charge_reference, amount_minor, state, settled_at) \
         values ($1, $2, (select reference from charges where charge_id = $3), $4, 'succeeded', 0)"
    );
    /// What the provider counts as given back of a charge.
    THEIR_SUM = same("update sim_charge set refunded_minor = $2 where charge_id = $1");
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

async fn unapplied(town: &Town, id: &AccountId) -> Money {
    town.account(id).await.unapplied().unwrap()
}

/// Pays 99.99 on 31 January for a year.
async fn annual(town: &Town, name: &str) -> (AccountId, SubscriptionId) {
    let id = town.move_in(name, OREGON, "tok_ok").await;
    let subscription = town.subscribe("2026-01-31", &id, "plus/annual").await;
    (id, subscription)
}

/// Cancelled on day 26 beside another subscription: 339 of 365 days, 92.87, become credit, and 7.12 stay on the invoice.
#[tokio::test]
async fn a_dispute_of_cash_that_became_credit_is_no_break() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        for (name, won) in [("won", true), ("lost", false)] {
            let (id, subscription) = annual(&town, name).await;
            let other = kasacare::domain::change::start::Order {
                camera: Some(format!("{name}-cam2").parse().unwrap()),
                ..order(&id, "plus/monthly")
            };
            town.act(noon("2026-02-01"), &id, |draft| draft.subscribe(&other)).await;
            town.run("2026-02-01").await;
            town.act(noon("2026-02-25"), &id, |draft| draft.cancel(&subscription)).await;
            assert_eq!(town.account(&id).await.profile.credit_cash, usd(9_287));
            let charge = format!("ch_{subscription}_1_0_1");
            let dispute = format!("dp_{name}");
            town.act(noon("2026-02-26"), &id, |draft| draft.open_dispute(&dispute, &charge, usd(9_999), usd(1_500))).await;
            assert_eq!(town.account(&id).await.invoices[&format!("in_{subscription}_1_0")].disputed, usd(712));
            assert_eq!(broken_here(&db).await, Vec::<&str>::new(), "{name}, open");
            town.act(noon("2026-02-27"), &id, |draft| if won { draft.win_dispute(&dispute) } else { draft.lose_dispute(&dispute) }).await;
            assert_eq!(broken_here(&db).await, Vec::<&str>::new(), "{name}, decided");
            assert_eq!(town.account(&id).await.profile.credit_cash, usd(if won { 9_287 } else { 0 }), "{name}");
        }
    })
    .await;
}

/// What is broken of our own books: the provider knows nothing of disputes that a story made up.
async fn broken_here(db: &Db) -> Vec<&'static str> {
    let report = super::checked(db).await;
    report.broken().map(|outcome| outcome.name).filter(|name| *name != "provider_disputes").collect()
}

/// 92.87 were refunded, and then all 99.99 are disputed: 92.87 are beyond what is left (F60), a loss, and come back with the rest.
#[tokio::test]
async fn a_dispute_of_more_than_is_left_is_no_break() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let (id, subscription) = annual(&town, "a").await;
        town.act(noon("2026-02-25"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-02-25").await;
        town.act(noon("2026-02-26"), &id, |draft| draft.open_dispute("dp_a", "ch_a-s1_1_0_1", usd(9_999), usd(1_500))).await;
        assert_eq!(broken_here(&db).await, Vec::<&str>::new(), "open");
        town.act(noon("2026-02-27"), &id, |draft| draft.lose_dispute("dp_a")).await;
        assert_eq!(broken_here(&db).await, Vec::<&str>::new(), "lost");
        assert_eq!(unapplied(&town, &id).await, usd(0));
        town.act(noon("2026-02-28"), &id, |draft| draft.win_dispute("dp_a")).await;
        assert_eq!(broken_here(&db).await, Vec::<&str>::new(), "won after all");
        assert_eq!(unapplied(&town, &id).await, usd(9_999));
        let page = kasacare::reports::account::load(&db, &id, false).await.unwrap();
        assert_eq!(page.balances.unapplied, usd(9_999));
        assert!(page.table().contains("unapplied cash"), "{}", page.table());
    })
    .await;
}

#[tokio::test]
async fn a_capture_of_another_amount_is_booked_as_it_came() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        for (name, moved, open, left) in [("less", 9_000, 999, 0), ("more", 12_000, 0, 2_001)] {
            let id = town.move_in(name, OREGON, "tok_ok").await;
            let order = order(&id, "plus/annual");
            town.act(noon("2026-01-31"), &id, |draft| draft.subscribe(&order)).await;
            let (invoice, charge) = (format!("in_{name}-s1_1_0"), format!("ch_{name}-s1_1_0_1"));
            let came = Settlement::Mismatch { reference: format!("p_{name}"), moved: usd(moved) };
            town.act(noon("2026-01-31"), &id, |draft| draft.settle_charge(&charge, &came)).await;
            let mut tx = db.begin().await.unwrap();
            tx.execute(&THEIR_CHARGE, &values![format!("p_{name}"), &charge, &invoice, name, moved]).await.unwrap();
            tx.commit().await.unwrap();
            let account = town.account(&id).await;
            assert_eq!((account.charges[&charge].amount, account.invoices[&invoice].open), (usd(moved), usd(open)), "{name}");
            assert_eq!((unapplied(&town, &id).await, account.profile.parked.is_some()), (usd(left), true), "{name}");
            assert_clean(&db).await;
        }
    })
    .await;
}

/// F49: of 120.00 for 99.99 the rest, 20.01, pays a collection cost of 5.00 and goes back, once the account is released.
#[tokio::test]
async fn what_was_captured_too_much_is_applied_and_paid_out() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let order = order(&id, "plus/annual");
        town.act(noon("2026-01-31"), &id, |draft| draft.subscribe(&order)).await;
        let came = Settlement::Mismatch { reference: "p_a".to_owned(), moved: usd(12_000) };
        town.act(noon("2026-01-31"), &id, |draft| draft.settle_charge("ch_a-s1_1_0_1", &came)).await;
        let mut tx = db.begin().await.unwrap();
        tx.execute(&THEIR_CHARGE, &values!["p_a", "ch_a-s1_1_0_1", "in_a-s1_1_0", "a", 12_000]).await.unwrap();
        tx.commit().await.unwrap();
        let later = noon("2026-02-01");
        town.act(later, &id, |draft| draft.add_collection_cost(usd(500), "agency 7/2026")).await;
        town.act(later, &id, |draft| draft.apply_unapplied("ch_a-s1_1_0_1", None, None)).await;
        assert_eq!(unapplied(&town, &id).await, usd(1_501));
        assert_clean(&db).await;
        let parked = town.try_act(later, &id, |draft| draft.pay_out_unapplied("ch_a-s1_1_0_1", None)).await;
        assert!(matches!(parked, Err(Refusal::Parked { .. })), "no money moves on a parked account (PV-8)");
        town.act(later, &id, |draft| draft.release(false)).await;
        town.act(later, &id, |draft| draft.pay_out_unapplied("ch_a-s1_1_0_1", None)).await;
        assert_clean(&db).await;
        town.run("2026-02-01").await;
        let account = town.account(&id).await;
        assert_eq!((account.unapplied(), account.refunds["re_a-s1_1_0_1_1"].state), (Ok(usd(0)), AttemptState::Succeeded));
        assert!(!account.tasks["tk_unapplied_payment_ch_a-s1_1_0_1"].is_open());
        assert_clean(&db).await;
    })
    .await;
}

/// 66.29 are to go back. Of 60.00 the rest, 6.29, is credit; of 70.00 nobody asked for 3.71 (1290).
#[tokio::test]
async fn a_refund_of_another_amount_is_booked_as_it_went() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        for (name, moved, credit, unmatched) in [("less", 6_000, 629, 0), ("more", 7_000, 0, 371)] {
            let (id, subscription) = annual(&town, name).await;
            town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&subscription)).await;
            let (refund, charge) = (format!("re_{name}-s1_1_0_1_1"), format!("ch_{name}-s1_1_0_1"));
            let went = Settlement::Mismatch { reference: format!("r_{name}"), moved: usd(moved) };
            town.act(noon("2026-06-02"), &id, |draft| draft.settle_refund(&refund, &went)).await;
            let mut tx = db.begin().await.unwrap();
            tx.execute(&THEIR_REFUND, &values![format!("r_{name}"), &refund, &charge, moved]).await.unwrap();
            tx.execute(&THEIR_SUM, &values![&charge, moved]).await.unwrap();
            tx.commit().await.unwrap();
            let account = town.account(&id).await;
            assert_eq!((account.refunds[&refund].amount, account.profile.credit_cash), (usd(moved), usd(credit)), "{name}");
            assert_eq!(account.payments.values().map(|payment| payment.refunded).collect::<Vec<_>>(), [usd(moved)], "{name}");
            let balance = kasacare::reports::trial_balance::load(&db, None).await.unwrap();
            let of_1290 = balance.currencies[0].lines.iter().find(|line| line.account == 1290).map_or(0, |line| line.debit.minor());
            assert_eq!(of_1290, unmatched, "{name}");
            assert_clean(&db).await;
            if unmatched > 0 {
                Box::pin(is_given_up(&db, &town, &id, &refund)).await;
            }
        }
    })
    .await;
}

/// The 3.71 are written off, once, and the task that stood for them is closed by that alone.
async fn is_given_up(db: &Db, town: &Town, id: &AccountId, refund: &str) {
    let task = format!("tk_amount_mismatch_{refund}");
    let closed = town.try_act(noon("2026-06-03"), id, |draft| draft.finish_task(&task)).await;
    assert!(matches!(closed, Err(Refusal::MoneyStands { amount, .. }) if amount == usd(371)), "money stands behind it");
    town.act(noon("2026-06-03"), id, |draft| draft.write_off(refund)).await;
    let balance = kasacare::reports::trial_balance::load(db, None).await.unwrap();
    let of = |number| balance.currencies[0].lines.iter().find(|line| line.account == number).map_or(0, |line| line.debit.minor());
    assert_eq!((of(1290), of(5200)), (0, 371));
    assert!(!town.account(id).await.tasks[&task].is_open(), "and the task is closed with it");
    let twice = town.try_act(noon("2026-06-03"), id, |draft| draft.write_off(refund)).await;
    assert!(matches!(twice, Err(Refusal::NoExcess { .. })), "there is nothing more");
    assert_clean(db).await;
}
