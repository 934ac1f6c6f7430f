//! PV-5, CO-2: the provider captured another amount than the books have. The break says what to do, and doing it closes the break.

use kasacare::store::db::Sql;
use kasacare::values;

use super::shop::{Shop, february};
use crate::world::on_both;

const OLGA: &str = "--by olga --reason txn_1";
const CHARGE: &str = "ch_us-s1_1_0_1";

/// 10.81 a month from 1 February; the provider says that `minor` came in.
async fn captured(shop: &Shop, minor: i64) {
    shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-02-01");
    shop.runs("2026-02-01");
    let mut tx = shop.db.begin().await.unwrap();
    tx.execute(&Sql::same("update sim_charge set amount_minor = $1"), &values![minor]).await.unwrap();
    tx.commit().await.unwrap();
    let (_, reference) = shop.rows("select charge_id, reference from charges").await.remove(0);
    import(shop, "2026-02-03", &[("txn_1", "charge", minor, 1, &reference)]);
}

fn import(shop: &Shop, on: &str, movements: &[(&str, &str, i64, i64, &str)]) {
    let file = shop.file(movements[0].0, &february(movements));
    shop.does(&format!("settlement import {file} --source stripe-balance --provider simulated --as-of {on}"));
}

fn reconcile(through: &str, on: &str) -> String {
    format!("reconcile --through 2026-02-{through} --provider simulated --as-of 2026-02-{on}")
}

#[tokio::test]
async fn an_overcharge_that_reconciliation_finds_is_booked_and_given_back() {
    on_both(async |db| {
        let shop = Shop::open(db);
        captured(&shop, 1_581).await;
        let found = shop.says(&format!("{} --apply", reconcile("02", "03"))).code(1).out;
        assert!(found.contains("amount"), "{found}");
        let (id, proposal) = shop.rows("select break_id, proposal from breaks where kind = 'amount'").await[0].clone();
        let book = format!("kasacare captured us {CHARGE} 15.81 --by NAME --reason TEXT");
        let pay_out = format!("kasacare unapplied pay-out us {CHARGE} --by NAME --reason TEXT");
        assert!(proposal.contains(&book) && proposal.ends_with(&pay_out) && proposal.contains("by 2026-03-03 (CO-2)"), "{proposal}");
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1290").await, -500);

        shop.refuses(&format!("captured us {CHARGE} 15.81 --as-of 2026-02-04"), 2, "needs --reason").await;
        shop.refuses(&format!("captured us {CHARGE} 10.81 {OLGA} --as-of 2026-02-04"), 3, "10.81 USD already").await;
        shop.refuses(&format!("captured us {CHARGE} -1.00 {OLGA} --as-of 2026-02-04"), 2, "AMOUNT").await;
        shop.refuses(&format!("captured us {CHARGE} 0.00 {OLGA} --as-of 2026-02-04"), 3, "the captured amount").await;
        shop.refuses(&format!("captured us {CHARGE} 1.234 {OLGA} --as-of 2026-02-04"), 2, "AMOUNT").await;
        shop.refuses(&format!("captured us ch_none 15.81 {OLGA} --as-of 2026-02-04"), 4, "has no charge `ch_none`").await;
        let done = shop.quotes_then_does(&format!("captured us {CHARGE} 15.81 {OLGA} --as-of 2026-02-04")).await;
        assert!(done["why"].to_string().contains("captured 15.81 USD"), "{done:#}");
        assert!(shop.does("unapplied list").contains("5.00 USD"));
        let story = shop.does(&format!("explain {CHARGE}"));
        assert!(story.contains("capture corrected") && story.contains("PV-5: the provider captured 15.81 USD"), "{story}");

        // Through the days before it was booked it is a break still, and nothing is left unexplained; then it is none.
        let before = shop.says(&reconcile("03", "05")).code(1).out;
        assert!(before.contains(&id), "{before}");
        shop.does(&format!("unapplied pay-out us {CHARGE} {OLGA} --as-of 2026-02-04"));
        shop.runs("2026-02-04");
        let (_, reference) = shop.rows("select refund_id, reference from refunds").await.remove(0);
        import(&shop, "2026-02-06", &[("txn_2", "refund", -500, 4, &reference)]);
        let after = shop.does(&format!("{} --apply --format json", reconcile("05", "06")));
        let report: serde_json::Value = serde_json::from_str(&after).unwrap();
        let report = &report["runs"][0];
        let days = report["equations"].as_array().unwrap();
        assert!(days.len() >= 2 && days.iter().all(|day| day["unexplained"] == "0.00 USD"), "{report:#}");
        assert_eq!(report["breaks"].as_array().map(Vec::len), Some(0), "{report:#}");
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1290").await, 0);
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1200").await, 1_081);
        shop.does("check --as-of 2026-02-06");
        shop.does("report reconciliation --as-of 2026-02-05");
    })
    .await;
}

#[tokio::test]
async fn an_undercharge_that_reconciliation_finds_is_owed_again() {
    on_both(async |db| {
        let shop = Shop::open(db);
        captured(&shop, 581).await;
        shop.says(&format!("{} --apply", reconcile("02", "03"))).code(1);
        let (_, proposal) = shop.rows("select break_id, proposal from breaks where kind = 'amount'").await[0].clone();
        assert!(proposal.ends_with(&format!("kasacare captured us {CHARGE} 5.81 --by NAME --reason TEXT")), "{proposal}");
        let done = shop.quotes_then_does(&format!("captured us {CHARGE} 5.81 {OLGA} --as-of 2026-02-04")).await;
        assert_eq!((&done["money"]["owed_before"], &done["money"]["owed_after"]), (&"0.00 USD".into(), &"5.00 USD".into()));
        shop.runs("2026-02-04");
        shop.runs("2026-02-08");
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1100").await, 0);
        let (_, reference) = shop.rows("select charge_id, reference from charges where amount_minor = 500").await.remove(0);
        import(&shop, "2026-02-10", &[("txn_2", "charge", 500, 7, &reference)]);
        let after = shop.says(&format!("{} --apply", reconcile("09", "10"))).out;
        assert_eq!(shop.rows("select break_id, kind from breaks where state = 'open'").await, [], "{after}");
        shop.does("check --as-of 2026-02-10");
    })
    .await;
}

/// What was put right in March belongs to March: the cash of both months ties to the charges.
#[tokio::test]
async fn the_cash_of_each_month_has_what_was_booked_in_it() {
    on_both(async |db| {
        let shop = Shop::open(db);
        captured(&shop, 1_581).await;
        shop.runs("2026-03-02");
        shop.does(&format!("captured us {CHARGE} 15.81 {OLGA} --as-of 2026-03-05"));
        shop.does(&format!("captured us {CHARGE} 12.81 {OLGA} --as-of 2026-03-06"));
        shop.runs("2026-04-01");
        for (month, days) in [("2026-02", vec!["2026-02-01,10.81,"]), ("2026-03", vec!["2026-03-05,5.00,", "2026-03-06,-3.00,"])] {
            let out = shop.path(month);
            shop.does(&format!("report pack --month {month} --out {}", out.display()));
            let text = std::fs::read_to_string(out.join("csv/cash.cash.csv")).unwrap();
            assert!(days.iter().all(|day| text.contains(&format!("cash,USD,{day}"))), "{month}: {text}");
        }
    })
    .await;
}
