//! MRR of past months: what was told of them stays, and does not depend on which months are asked about.

use kasacare::domain::change::settle::Settlement;
use kasacare::store::db::Sql;

use super::{Report, range, told};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

fn months(report: &Report) -> Vec<String> {
    report.part("movements").shows(&["month", "opening", "new", "churn", "reactivation", "closing", "customers"])
}

/// RF-6: within the cooling-off everything goes back as if nothing had been. January had it all the same when it ended.
#[tokio::test]
async fn what_is_withdrawn_later_leaves_the_month_in_which_it_was_new() {
    on_both(async |db| {
        let mut town = Town::on(&db).await;
        let mut tx = db.begin().await.unwrap();
        let cools = Sql::same("update terms set body = replace(body, '\"cooling_off_days\":0', '\"cooling_off_days\":14')");
        assert!(tx.execute(&cools, &[]).await.unwrap() > 0);
        tx.commit().await.unwrap();
        town.reload().await;
        assert_eq!(town.engine.reference.terms.last().unwrap().cooling_off_days, 14);
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-25", &id, "plus/monthly").await;
        town.run("2026-01-31").await;
        let january = ["2026-01 0.00 9.99 0.00 0.00 9.99 1"];
        assert_eq!(months(&told(&db, "mrr", &range("2026-01-01", "2026-01-31")).await), january);
        town.act(noon("2026-02-05"), &id, |draft| draft.cancel(&subscription)).await;
        town.run_daily("2026-02-05", "2026-02-07").await;
        assert!(town.invoices(&id).await[0].ended_on.unwrap() < "2026-01-25".parse().unwrap(), "as if it had never been");
        assert_eq!(months(&told(&db, "mrr", &range("2026-01-01", "2026-01-31")).await), january, "it is as it was");
        let both = ["2026-01 0.00 9.99 0.00 0.00 9.99 1", "2026-02 9.99 0.00 -9.99 0.00 0.00 0"];
        assert_eq!(months(&told(&db, "mrr", &range("2026-01-01", "2026-02-28")).await), both);
        // Whoever comes back is not new again.
        town.subscribe("2026-03-02", &id, "plus/monthly").await;
        let march = ["2026-03 0.00 0.00 0.00 9.99 9.99 1"];
        assert_eq!(months(&told(&db, "mrr", &range("2026-03-01", "2026-03-31")).await), march);
    })
    .await;
}

/// LC-3: a first charge that takes six weeks. Until then there is no customer, whichever months are asked about.
#[tokio::test]
async fn a_month_says_the_same_in_every_range() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_pending_90").await;
        town.subscribe("2026-01-20", &id, "plus/annual").await;
        let captured = Settlement::Succeeded { reference: "pi_late".to_owned() };
        town.act(noon("2026-03-05"), &id, |draft| draft.settle_charge("ch_a-s1_1_0_1", &captured)).await;
        // 99.99 / 12 = 8.3325.
        let by_month = ["2026-01 0.00 0.00 0.00 0.00 0.00 0", "2026-02 0.00 0.00 0.00 0.00 0.00 0", "2026-03 0.00 8.33 0.00 0.00 8.33 1"];
        assert_eq!(months(&told(&db, "mrr", &range("2026-01-01", "2026-03-31")).await), by_month);
        for (from, to, month) in [("2026-02-01", "2026-02-28", 1), ("2026-03-01", "2026-03-31", 2), ("2026-03-03", "2026-03-31", 2)] {
            assert_eq!(months(&told(&db, "mrr", &range(from, to)).await), [by_month[month]], "{from} to {to}");
        }
        // Nor has it earned anything by 1 March (day 41 of it, more than a month after it was issued).
        let before = told(&db, "trial-balance", &super::as_of("2026-03-01")).await;
        assert_eq!(before.part("accounts").shows(&["account", "accrued"]), ["1100 0.00", "2100 0.00"]);
    })
    .await;
}
