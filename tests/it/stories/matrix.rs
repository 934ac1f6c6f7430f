//! Each row of the policy matrix (rules, section 4), with 8.25 % tax and amounts worked by hand; and its two cells that are no change.
//!
//! Totals: plus 9.99 + 0.82 = 10.81 and 99.99 + 8.25 = 108.24, premium 19.99 + 1.65 = 21.64 and 199.99 + 16.50 = 216.49.

use kasacare::domain::account::{Account, AttemptState};
use kasacare::domain::change::Refusal;
use kasacare::domain::change::start::Order;
use kasacare::domain::ids::{AccountId, CameraId, SubscriptionId};
use kasacare::reports::check;
use kasacare::store::db::Db;

use crate::world::on_both;
use crate::world::town::{CALIFORNIA, Town, minor, noon, order};

/// A cell: what is done, and what of it is seen.
struct Cell {
    name: &'static str,
    from: &'static str,
    /// The new plan; none to cancel.
    to: Option<&'static str>,
    begun: &'static str,
    on: &'static str,
    /// The day that it takes effect.
    effective: &'static str,
    /// Cash captured, by invoice.
    captured: &'static [i64],
    /// Left for the next bill.
    credit: i64,
    refunds: &'static [i64],
}

const CELLS: [Cell; 8] = [
    Cell {
        name: "cancel, monthly: runs out, nothing back",
        from: "plus/monthly",
        to: None,
        begun: "2026-01-10",
        on: "2026-01-20",
        effective: "2026-02-10",
        captured: &[1_081],
        credit: 0,
        refunds: &[],
    },
    // The day counts as used: 60 of 365. 99.99 x 305/365 = 83.553 -> 83.55 back, 16.44 kept; tax kept 1.3563 -> 1.36, back 6.89.
    Cell {
        name: "cancel, annual: at once, refunded",
        from: "plus/annual",
        to: None,
        begun: "2026-01-01",
        on: "2026-03-01",
        effective: "2026-03-01",
        captured: &[10_824],
        credit: 0,
        refunds: &[9_044],
    },
    Cell {
        name: "tier down, monthly: with the next period",
        from: "premium/monthly",
        to: Some("plus/monthly"),
        begun: "2026-01-10",
        on: "2026-01-20",
        effective: "2026-02-10",
        captured: &[2_164, 1_081],
        credit: 0,
        refunds: &[],
    },
    // Today is the new plan's: 59 of 365 used. 199.99 x 306/365 = 167.662 -> 167.66, 32.33 kept; tax kept 2.667 -> 2.67, back
    // 13.83. Of 181.49 the new 108.24 are paid.
    Cell {
        name: "tier down, annual: at once, the rest to the next bill",
        from: "premium/annual",
        to: Some("plus/annual"),
        begun: "2026-01-01",
        on: "2026-03-01",
        effective: "2026-03-01",
        captured: &[21_649, 0],
        credit: 7_325,
        refunds: &[],
    },
    // 9.99 x 21/31 = 6.767 -> 6.77, 3.22 kept; tax kept 0.26565 -> 0.27, back 0.55. 21.64 - 7.32.
    Cell {
        name: "tier up, monthly: at once, credited against the new charge",
        from: "plus/monthly",
        to: Some("premium/monthly"),
        begun: "2026-01-10",
        on: "2026-01-20",
        effective: "2026-01-20",
        captured: &[1_081, 1_432],
        credit: 0,
        refunds: &[],
    },
    // 99.99 x 306/365 = 83.827 -> 83.83, 16.16 kept; tax kept 1.3332 -> 1.33, back 6.92. 216.49 - 90.75.
    Cell {
        name: "tier up, annual: at once, credited against the new charge",
        from: "plus/annual",
        to: Some("premium/annual"),
        begun: "2026-01-01",
        on: "2026-03-01",
        effective: "2026-03-01",
        captured: &[10_824, 12_574],
        credit: 0,
        refunds: &[],
    },
    // 108.24 - 7.32.
    Cell {
        name: "cycle to annual: at once, credited against the new charge",
        from: "plus/monthly",
        to: Some("plus/annual"),
        begun: "2026-01-10",
        on: "2026-01-20",
        effective: "2026-01-20",
        captured: &[1_081, 10_092],
        credit: 0,
        refunds: &[],
    },
    // 90.75 pay the new 10.81; 79.94 came from cash and go back.
    Cell {
        name: "cycle to monthly: at once, the rest refunded",
        from: "plus/annual",
        to: Some("plus/monthly"),
        begun: "2026-01-01",
        on: "2026-03-01",
        effective: "2026-03-01",
        captured: &[10_824, 0],
        credit: 0,
        refunds: &[7_994],
    },
];

/// Asks for it, and sees that before its day nothing has changed.
async fn ask(town: &Town, cell: &Cell, id: &AccountId, subscription: &SubscriptionId) {
    let camera = CameraId::parse(&format!("{id}-cam1")).unwrap();
    let camera = cell.to.filter(|to| cell.from.starts_with("premium") && to.starts_with("plus")).map(|_| camera);
    town.act(noon(cell.on), id, |draft| match cell.to {
        Some(to) => draft.change_plan(subscription, &to.parse().unwrap(), camera.as_ref()),
        None => draft.cancel(subscription),
    })
    .await;
    if cell.effective > cell.on {
        town.run(cell.on).await;
        let account = town.account(id).await;
        let state = &account.subscriptions[subscription].state;
        assert_eq!((state.name(), state.plan().unwrap().to_string().as_str()), ("active", cell.from), "{}", cell.name);
        assert_eq!(account.invoices.len(), 1, "{}", cell.name);
    }
}

fn seen(account: &Account) -> (Vec<i64>, i64, Vec<i64>) {
    let mut invoices: Vec<_> = account.invoices.values().collect();
    invoices.sort_by_key(|invoice| invoice.document.term);
    assert!(account.refunds.values().all(|refund| refund.state == AttemptState::Succeeded), "{:?}", account.refunds);
    let refunds = minor(account.refunds.values().map(|refund| refund.amount));
    (minor(invoices.iter().map(|invoice| invoice.captured)), account.profile.credit_cash.minor(), refunds)
}

async fn assert_clean(db: &Db) {
    let report = check::run(db, check::Options::default(), |_, _| {}).await.unwrap();
    assert!(report.is_clean(), "{}", report.summary());
}

#[tokio::test]
async fn each_row_of_the_policy_matrix() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        for (number, cell) in CELLS.iter().enumerate() {
            let id = town.move_in(&format!("m{number}"), CALIFORNIA, "tok_ok").await;
            let subscription = town.subscribe(cell.begun, &id, cell.from).await;
            ask(&town, cell, &id, &subscription).await;
            town.run(cell.effective).await;
            let account = town.account(&id).await;
            assert_eq!(seen(&account), (cell.captured.to_vec(), cell.credit, cell.refunds.to_vec()), "{}", cell.name);
            let plan = account.subscriptions[&subscription].state.plan().map(ToString::to_string);
            assert_eq!(plan.as_deref(), cell.to, "{}", cell.name);
        }
        assert_clean(&db).await;
    })
    .await;
}

/// SA-b: the annual row's other half, with tax: 90.44 as above, kept for the other's next bill.
#[tokio::test]
async fn an_annual_plan_is_credited_while_another_goes_on() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", CALIFORNIA, "tok_ok").await;
        let annual = town.subscribe("2026-01-01", &id, "plus/annual").await;
        let other = Order { camera: Some(CameraId::parse("a-cam2").unwrap()), ..order(&id, "plus/monthly") };
        town.act(noon("2026-02-20"), &id, |draft| draft.subscribe(&other)).await;
        town.run("2026-02-20").await;
        town.act(noon("2026-03-01"), &id, |draft| draft.cancel(&annual)).await;
        town.run("2026-03-01").await;
        assert_eq!(seen(&town.account(&id).await), (vec![10_824, 1_081], 9_044, vec![]));
        town.run("2026-03-20").await;
        let account = town.account(&id).await;
        assert_eq!((account.invoices.len(), account.profile.credit_cash.minor()), (3, 9_044 - 1_081), "it pays the next bill");
        assert_clean(&db).await;
    })
    .await;
}

/// The two cells without a row: monthly to monthly and annual to annual of one tier.
#[tokio::test]
async fn a_change_to_the_cycle_in_use_is_none() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        for (name, plan) in [("monthly", "plus/monthly"), ("annual", "plus/annual")] {
            let id = town.move_in(name, CALIFORNIA, "tok_ok").await;
            let subscription = town.subscribe("2026-01-10", &id, plan).await;
            let before = town.account(&id).await;
            let refused =
                town.try_act(noon("2026-01-20"), &id, |draft| draft.change_plan(&subscription, &plan.parse().unwrap(), None)).await;
            assert_eq!(refused.map(drop), Err(Refusal::SamePlan { plan: plan.to_owned() }));
            assert_eq!(town.account(&id).await, before);
        }
    })
    .await;
}
