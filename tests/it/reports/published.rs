//! Figures that others have published, worked by hand.

use kasacare::domain::catalog::{Price, PriceVersion};
use kasacare::domain::refund::Destination;
use kasacare::store::db::Db;
use kasacare::store::reference;

use super::{Report, as_of, range, told, usd};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, day, noon, order};

/// A town without tax where a month costs 31.00 and a year 365.00: a dollar a day.
async fn dollar_a_day(db: &Db) -> Town {
    let mut town = Town::on(db).await;
    let price = |plan: &str, minor| Price { plan: plan.parse().unwrap(), amount: usd(minor) };
    let prices = vec![price("plus/monthly", 3_100), price("plus/annual", 36_500)];
    let version = PriceVersion { version: "dollar".to_owned(), effective_from: day("2025-06-01"), prices };
    let mut tx = db.begin().await.unwrap();
    reference::announce(&mut tx, &version, noon("2025-06-01"), "test", "a dollar a day").await.unwrap();
    tx.commit().await.unwrap();
    town.reload().await;
    town
}

fn recognised(report: &Report) -> Vec<String> {
    report.part("recognised").shows(&["recognised", "revenue", "corrections", "total"])
}

/// What stands on an account: `account posted accrued`.
fn on(report: &Report, account: &str) -> String {
    let lines = report.part("accounts").shows(&["account", "posted", "accrued"]);
    lines.into_iter().find(|line| line.starts_with(account)).unwrap_or_default()
}

#[tokio::test]
async fn a_month_from_the_15th_is_17_and_14() {
    on_both(async |db| {
        let town = dollar_a_day(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-15", &id, "plus/monthly").await;
        town.act(noon("2026-01-16"), &id, |draft| draft.cancel(&subscription)).await;
        // 15 to 31 January are 17 days, 1 to 14 February are 14.
        let report = told(&db, "waterfall", &range("2026-01-01", "2026-02-28")).await;
        assert_eq!(recognised(&report), ["2026-01 17.00 0.00 17.00", "2026-02 14.00 0.00 14.00"], "it accrues");
        town.run_daily("2026-01-31", "2026-03-02").await;
        let report = told(&db, "waterfall", &range("2026-01-01", "2026-02-28")).await;
        assert_eq!(recognised(&report), ["2026-01 17.00 0.00 17.00", "2026-02 14.00 0.00 14.00"], "it is posted");
        let squares = report.part("waterfall").shows(&["booked", "recognised", "total"]);
        assert_eq!(squares, ["2026-01 2026-01 17.00", "2026-01 2026-02 14.00"]);
        let report = told(&db, "prepayment-roll-forward", &range("2026-01-01", "2026-02-28")).await;
        let rolled = report.part("deferred_revenue").shows(&["month", "opening", "billed", "recognised", "closing"]);
        assert_eq!(rolled, ["2026-01 0.00 31.00 -17.00 14.00", "2026-02 14.00 0.00 -14.00 0.00"]);
        // On 20 January 6 days have passed.
        let report = told(&db, "trial-balance", &as_of("2026-01-20")).await;
        assert_eq!(on(&report, "4000"), "4000 0.00 -6.00");
    })
    .await;
}

#[tokio::test]
async fn a_year_is_31_28_31_and_a_full_refund_reverses_59() {
    on_both(async |db| {
        let town = dollar_a_day(&db).await;
        let keeps = town.move_in("keeps", OREGON, "tok_ok").await;
        town.subscribe("2026-01-01", &keeps, "plus/annual").await;
        town.run_daily("2026-01-31", "2026-04-01").await;
        let report = told(&db, "waterfall", &range("2026-01-01", "2026-03-31")).await;
        assert_eq!(recognised(&report), ["2026-01 31.00 0.00 31.00", "2026-02 28.00 0.00 28.00", "2026-03 31.00 0.00 31.00"]);
    })
    .await;
    on_both(async |db| {
        let town = dollar_a_day(&db).await;
        let id = town.move_in("back", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-01", &id, "plus/annual").await;
        town.run_daily("2026-01-31", "2026-02-28").await;
        town.act(noon("2026-02-28"), &id, |draft| draft.cancel_order(&subscription, Destination::Refund)).await;
        town.run_daily("2026-02-28", "2026-03-02").await;
        // 31 + 28 = 59 days were earned and are taken back; 365 - 59 = 306 were never revenue.
        let report = told(&db, "prepayment-roll-forward", &range("2026-01-01", "2026-02-28")).await;
        let rolled = report.part("prepayments").shows(&["month", "opening", "billed", "cancelled", "recognised", "reversed", "closing"]);
        assert_eq!(rolled, ["2026-01 0.00 365.00 0.00 -31.00 0.00 334.00", "2026-02 334.00 0.00 -365.00 -28.00 59.00 0.00"]);
        let report = told(&db, "trial-balance", &as_of("2026-02-28")).await;
        assert_eq!([on(&report, "4000"), on(&report, "4200")], ["4000 -59.00 0.00", "4200 59.00 0.00"]);
        let report = told(&db, "refunds", &range("2026-02-01", "2026-02-28")).await;
        let shown = report.part("refunds").shows(&["requested_on", "basis", "net_back", "tax_back", "refund_amount", "stands"]);
        assert_eq!(shown, ["2026-02-28 order_cancelled 365.00 0.00 365.00 paid out"]);
    })
    .await;
}

#[tokio::test]
async fn credit_pays_11_of_31_and_revenue_is_17_and_14_all_the_same() {
    on_both(async |db| {
        let town = dollar_a_day(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.act(noon("2026-01-14"), &id, |draft| draft.grant_credit(usd(1_100))).await;
        let order = order(&id, "plus/monthly");
        let (_, subscription) = town.act(noon("2026-01-15"), &id, |draft| draft.subscribe(&order)).await;
        town.run("2026-01-15").await;
        town.act(noon("2026-01-16"), &id, |draft| draft.cancel(&subscription)).await;
        let report = told(&db, "journal-entries", &range("2026-01-15", "2026-01-15")).await;
        let legs = report.part("legs").shows(&["account", "debit", "credit"]);
        let receivable: Vec<&String> = legs.iter().filter(|leg| leg.starts_with("1100")).collect();
        assert_eq!(receivable, ["1100 31.00 -", "1100 - 11.00", "1100 - 20.00"]);
        assert!(legs.contains(&"2300 11.00 -".to_owned()), "{legs:?}");
        town.run_daily("2026-01-31", "2026-03-02").await;
        let report = told(&db, "waterfall", &range("2026-01-15", "2026-02-28")).await;
        assert_eq!(recognised(&report), ["2026-01 17.00 0.00 17.00", "2026-02 14.00 0.00 14.00"]);
        let report = told(&db, "customer-credits", &as_of("2026-01-31")).await;
        assert_eq!(report.part("causes").shows(&["cause", "amount"]), ["goodwill granted 11.00", "applied to invoices -11.00"]);
        assert_eq!(report.part("accounts").rows.len(), 0);
    })
    .await;
}
