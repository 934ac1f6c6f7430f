//! Each row of the policy matrix (CP). Oregon has no tax, so the net amounts are the totals: plus 9.99 / 99.99,
//! premium 19.99 / 199.99.

use kasacare::domain::account::AttemptState;
use kasacare::domain::subscription::{Intent, State};

use crate::world::on_both;
use crate::world::town::{CALIFORNIA, OREGON, Town, minor, noon};

/// Refunds of an account in minor units, once they are settled.
async fn refunded(town: &Town, id: &kasacare::domain::ids::AccountId) -> Vec<i64> {
    let account = town.account(id).await;
    assert!(account.refunds.values().all(|refund| refund.state == AttemptState::Succeeded), "{:?}", account.refunds);
    minor(account.refunds.values().map(|refund| refund.amount))
}

#[tokio::test]
async fn cancel_monthly_runs_out_with_nothing_back() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        town.act(noon("2026-01-20"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-02-09").await;
        let state = town.account(&id).await.subscriptions[&subscription].state.clone();
        assert!(matches!(&state, State::Active { term } if term.intent == Intent::Ends), "{state:?}");
        town.run("2026-02-10").await;
        let account = town.account(&id).await;
        assert_eq!(account.subscriptions[&subscription].state.name(), "closed");
        assert_eq!((account.invoices.len(), account.refunds.len()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn cancel_annual_refunds_the_unused_days() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", CALIFORNIA, "tok_ok").await;
        let subscription = town.subscribe("2026-01-31", &id, "plus/annual").await;
        // Used 123 of 365 days: 66.29 of 99.99 back, and of the 8.25 tax all but 33.70 x 0.0825 = 2.78.
        town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-06-02").await;
        assert_eq!(refunded(&town, &id).await, [7_176]);
        let account = town.account(&id).await;
        assert_eq!(account.subscriptions[&subscription].state.name(), "closed");
        assert_eq!(
            minor(account.invoices.values().flat_map(|invoice| [invoice.net, invoice.tax, invoice.recognised])),
            [3_370, 278, 3_370]
        );
        assert!(town.mails().iter().any(|mail| mail.starts_with("receipt_refund_")), "{:?}", town.mails());
    })
    .await;
}

#[tokio::test]
async fn cancel_annual_credits_the_next_bill_while_another_goes_on() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let annual = town.subscribe("2026-01-31", &id, "plus/annual").await;
        let other = kasacare::domain::change::start::Order {
            camera: Some(kasacare::domain::ids::CameraId::parse("a-cam2").unwrap()),
            ..crate::world::town::order(&id, "plus/monthly")
        };
        town.act(noon("2026-05-20"), &id, |draft| draft.subscribe(&other)).await;
        town.run("2026-05-20").await;
        town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&annual)).await;
        town.run("2026-06-02").await;
        assert_eq!(refunded(&town, &id).await, [0_i64; 0]);
        assert_eq!(town.account(&id).await.profile.credit_cash.minor(), 6_629);
        // The next bill of the other one is paid from it: 66.29 - 9.99.
        town.run("2026-06-20").await;
        assert_eq!(town.account(&id).await.profile.credit_cash.minor(), 5_630);
    })
    .await;
}

#[tokio::test]
async fn tier_down_monthly_waits_for_the_periods_end() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "premium/monthly").await;
        let camera = kasacare::domain::ids::CameraId::parse("a-cam2").unwrap();
        town.act(noon("2026-01-20"), &id, |draft| draft.change_plan(&subscription, &"plus/monthly".parse().unwrap(), Some(&camera))).await;
        town.run("2026-02-10").await;
        let invoices = town.invoices(&id).await;
        assert_eq!(minor(invoices.iter().map(|invoice| invoice.captured)), [1_999, 999]);
        assert_eq!(town.account(&id).await.subscriptions[&subscription].camera, Some(camera));
        assert_eq!(refunded(&town, &id).await, [0_i64; 0]);
    })
    .await;
}

/// Changes `from` to `to` and gives the captured cash of each invoice, the credit left, and the refunds.
async fn change(town: &Town, from: &str, on: &str, to: &str, at: &str) -> (Vec<i64>, i64, Vec<i64>) {
    let id = town.move_in("a", OREGON, "tok_ok").await;
    let subscription = town.subscribe(on, &id, from).await;
    let camera = (from.starts_with("premium") && to.starts_with("plus")).then(|| kasacare::domain::ids::CameraId::parse("a-cam1").unwrap());
    town.act(noon(at), &id, |draft| draft.change_plan(&subscription, &to.parse().unwrap(), camera.as_ref())).await;
    town.run(at).await;
    let captured = minor(town.invoices(&id).await.iter().map(|invoice| invoice.captured));
    let credit = town.account(&id).await.profile.credit_cash.minor();
    (captured, credit, refunded(town, &id).await)
}

#[tokio::test]
async fn changes_at_once_credit_the_unused_days_against_the_new_charge() {
    // (from, begun, to, changed, captured per invoice, credit left, refunds)
    #[expect(clippy::type_complexity, reason = "a table")]
    let table: [(&str, &str, &str, &str, &[i64], i64, &[i64]); 5] = [
        // 265 of 365 days unused: 199.99 x 265/365 = 145.198 -> 145.20; it pays the new 99.99, 45.21 stay for the next bill.
        ("premium/annual", "2026-01-01", "plus/annual", "2026-04-11", &[19_999, 0], 4_521, &[]),
        // 21 of 31 days unused: 9.99 x 21/31 = 6.767 -> 6.77; 19.99 - 6.77 = 13.22.
        ("plus/monthly", "2026-01-10", "premium/monthly", "2026-01-20", &[999, 1_322], 0, &[]),
        // 99.99 x 265/365 = 72.595 -> 72.60; 199.99 - 72.60 = 127.39.
        ("plus/annual", "2026-01-01", "premium/annual", "2026-04-11", &[9_999, 12_739], 0, &[]),
        // 99.99 - 6.77 = 93.22.
        ("plus/monthly", "2026-01-10", "plus/annual", "2026-01-20", &[999, 9_322], 0, &[]),
        // 72.60 pays the new 9.99; the rest, 62.61, came from cash and is refunded.
        ("plus/annual", "2026-01-01", "plus/monthly", "2026-04-11", &[9_999, 0], 0, &[6_261]),
    ];
    for (from, begun, to, changed, captured, credit, refunds) in table {
        on_both(|db| async move {
            let town = Town::on(&db).await;
            let seen = change(&town, from, begun, to, changed).await;
            assert_eq!(seen, (captured.to_vec(), credit, refunds.to_vec()), "{from} to {to}");
        })
        .await;
    }
}
