//! What a month is closed with: who is named, what is compared when it is sealed, and what is said where a seal is broken.

use std::collections::BTreeSet;

use kasacare::domain::change::settle::Settlement;
use kasacare::domain::ids::AccountId;
use kasacare::engine::closing::{self, ClosingError, Order};
use kasacare::reports::closing::{Allowed, Checklist, Item, checklist};
use kasacare::store::db::{Db, Sql};

use super::usd;
use crate::check::unguarded;
use crate::cli::shop::kasacare;
use crate::world::on_both;
use crate::world::town::{OREGON, Town, day, noon, order};

async fn gone_through(db: &Db, allowed: &Allowed) -> Checklist {
    let mut tx = db.begin_read().await.unwrap();
    let gone_through = checklist(&mut tx, day("2026-01-01"), allowed).await.unwrap();
    tx.rollback().await.unwrap();
    gone_through
}

fn item(checklist: &Checklist, name: &str) -> Item {
    checklist.items.iter().find(|item| item.name == name).unwrap().clone()
}

/// RR-1, PV-8: nothing is recognised on a parked account, so January is short of what it earned; who closes it says so.
#[tokio::test]
async fn a_parked_account_is_named_before_its_month_is_closed() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        for name in ["fine", "parked"] {
            let id = town.move_in(name, OREGON, "tok_ok").await;
            let order = order(&id, "plus/annual");
            town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&order)).await;
        }
        let parked = AccountId::parse("parked").unwrap();
        let came = Settlement::Mismatch { reference: "p_1".to_owned(), moved: usd(9_000) };
        town.act(noon("2026-01-10"), &parked, |draft| draft.settle_charge("ch_parked-s1_1_0_1", &came)).await;
        town.run_daily("2026-01-10", "2026-02-02").await;
        let unnamed = item(&gone_through(&db, &Allowed::default()).await, "recognition");
        assert!(
            !unnamed.holds && unnamed.found.contains("parked accounts: parked") && !unnamed.found.contains("fine"),
            "{}",
            unnamed.found
        );
        let other = Allowed { parked: BTreeSet::from(["fine".to_owned()]), ..Allowed::default() };
        assert!(!item(&gone_through(&db, &other).await, "recognition").holds, "another one was named");
        let named = Allowed { parked: BTreeSet::from(["parked".to_owned()]), ..Allowed::default() };
        let named = item(&gone_through(&db, &named).await, "recognition");
        assert!(named.holds && named.found.contains("parked"), "it is sealed with its name: {}", named.found);
    })
    .await;
}

/// Cash came in, and no provider was ever asked: that is no reconciliation.
#[tokio::test]
async fn cash_that_no_provider_has_told_of_is_not_reconciled() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.act(noon("2026-01-05"), &id, |draft| draft.grant_credit(usd(500))).await;
        let nothing = item(&gone_through(&db, &Allowed::default()).await, "reconciled");
        assert!(nothing.holds, "nothing was paid: {}", nothing.found);
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        let untold = item(&gone_through(&db, &Allowed::default()).await, "reconciled");
        assert!(!untold.holds && untold.found.contains("1200 has postings"), "{}", untold.found);
        let allowed = item(&gone_through(&db, &Allowed { unreconciled: true, ..Allowed::default() }).await, "reconciled");
        assert!(allowed.holds && allowed.found.contains("--unreconciled"), "{}", allowed.found);
    })
    .await;
}

/// What comes between the checklist and the seal: of the open month it does not matter, of the month itself it does.
#[tokio::test]
async fn what_is_posted_while_the_checklist_is_gone_through_is_seen() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        town.run_daily("2026-01-31", "2026-02-02").await;
        let order = |gone_through: &Checklist| Order {
            month: day("2026-01-01"),
            at: noon("2026-02-03"),
            actor: "Olga".to_owned(),
            reason: None,
            seal: gone_through.seal.clone(),
            mark: gone_through.mark,
            checklist: gone_through.stored(),
        };
        let late = town.move_in("late", OREGON, "tok_ok").await;
        let before = gone_through(&db, &Allowed::default()).await;
        town.act(noon("2026-01-30"), &late, |draft| draft.grant_credit(usd(100))).await;
        let refused = closing::close(&db, &order(&before)).await;
        assert!(matches!(refused, Err(ClosingError::Moved { .. })), "{refused:?}");
        let again = gone_through(&db, &Allowed::default()).await;
        assert_ne!(again.seal, before.seal);
        town.act(noon("2026-02-03"), &late, |draft| draft.grant_credit(usd(100))).await;
        let closed = closing::close(&db, &order(&again)).await.unwrap();
        assert_eq!(closed.seal, again.seal, "the day in February is of no month that is closed");
        kasacare(db.url(), "check").ok();
    })
    .await;
}

/// A seal that is broken says what differs: accounts, entries, the last of them.
#[tokio::test]
async fn what_differs_from_a_seal_is_named() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        town.run_daily("2026-01-31", "2026-02-02").await;
        kasacare(db.url(), "close --month 2026-01 --by Olga --reason month-end --unreconciled --as-of 2026-02-02").ok();
        let found = async |faults: &[&'static str]| {
            let mut tx = unguarded(&db).await;
            for fault in faults {
                assert!(tx.execute(&Sql::same(fault), &[]).await.unwrap() > 0, "{fault}");
            }
            let options = kasacare::reports::check::Options::default();
            let report = kasacare::reports::check::run_in(&mut tx, options, |_, _| {}).await.unwrap();
            tx.rollback().await.unwrap();
            let outcome = report.outcome(kasacare::reports::check::Check::ClosedMonths).unwrap().clone();
            outcome.examples.iter().map(|finding| finding.problem.clone()).collect::<Vec<_>>()
        };
        assert_eq!(found(&["update postings set amount_minor = amount_minor where ledger_account = 4000"]).await, Vec::<String>::new());
        // 22 of 365 days: 6.03.
        let more = found(&["update postings set amount_minor = amount_minor - 1 where ledger_account = 4000"]).await;
        assert_eq!(more, ["has another trial balance than was sealed: USD 4000 had -603 in 1 legs and has -604 in 1 legs"]);
        // The same balances, in another number of entries; and a record that was recorded last.
        let apart = found(&[
            "update postings set event_no = event_no + 7 where ledger_account = 4000",
            "update journal set posted_at = posted_at + 10000000000000 where seq = 2",
        ])
        .await;
        let acts = kasacare(db.url(), "close list --format json").json();
        let last = acts[0]["last_entry"].as_str().unwrap();
        assert_eq!(apart, ["has 4 entries, 3 were sealed".to_owned(), format!("has a/2 as the last entry, {last} was sealed")]);
    })
    .await;
}

/// 3.71 were moved too much (1290) in January, and given up in February: then January can be closed.
#[tokio::test]
async fn what_was_unmatched_at_the_months_end_may_be_cleared_later() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-01", &id, "plus/annual").await;
        town.act(noon("2026-01-20"), &id, |draft| draft.cancel(&subscription)).await;
        let (refund, asked) = {
            let account = town.account(&id).await;
            let refund = account.refunds.values().next().unwrap().clone();
            (refund.id, refund.amount)
        };
        let went = Settlement::Mismatch { reference: "r_1".to_owned(), moved: asked.plus(usd(371)).unwrap() };
        town.act(noon("2026-01-20"), &id, |draft| draft.settle_refund(&refund, &went)).await;
        let open = item(&gone_through(&db, &Allowed::default()).await, "clearing");
        assert!(!open.holds && open.found.contains("1290 has 3.71 USD"), "{}", open.found);
        town.act(noon("2026-02-05"), &id, |draft| draft.write_off(&refund)).await;
        let cleared = item(&gone_through(&db, &Allowed::default()).await, "clearing");
        assert!(cleared.holds && cleared.found.contains("1290 has 3.71 USD"), "and it is told all the same: {}", cleared.found);
    })
    .await;
}
