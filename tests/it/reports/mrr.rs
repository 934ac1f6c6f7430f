//! MRR by hand: who comes, goes up, goes down, goes and comes back.

use kasacare::domain::ids::CameraId;

use super::{range, told};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

#[tokio::test]
async fn each_customer_moves_as_reckoned_by_hand() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let [up, down, back] = ["up", "down", "back"].map(|name| (name, OREGON, "tok_ok"));
        let up = town.move_in(up.0, up.1, up.2).await;
        let down = town.move_in(down.0, down.1, down.2).await;
        let back = town.move_in(back.0, back.1, back.2).await;
        // January: 9.99, 19.99, and 99.99 / 12 = 8.3325, which is 8.33.
        let raised = town.subscribe("2026-01-10", &up, "plus/monthly").await;
        let lowered = town.subscribe("2026-01-12", &down, "premium/monthly").await;
        let annual = town.subscribe("2026-01-20", &back, "plus/annual").await;
        town.run_daily("2026-01-31", "2026-02-04").await;
        // February: 9.99 goes up to 19.99 at once; 19.99 goes down to 9.99 on the 12th, when its month is over.
        let camera = CameraId::parse("down-cam1").unwrap();
        town.act(noon("2026-02-05"), &down, |draft| draft.change_plan(&lowered, &"plus/monthly".parse().unwrap(), Some(&camera))).await;
        town.run_daily("2026-02-05", "2026-02-10").await;
        town.act(noon("2026-02-11"), &up, |draft| draft.change_plan(&raised, &"premium/monthly".parse().unwrap(), None)).await;
        town.run_daily("2026-02-11", "2026-03-02").await;
        // March: the annual one is cancelled.
        town.act(noon("2026-03-03"), &back, |draft| draft.cancel(&annual)).await;
        town.run_daily("2026-03-03", "2026-04-05").await;
        // April: it comes back by the month.
        town.subscribe("2026-04-06", &back, "plus/monthly").await;
        town.run_daily("2026-04-06", "2026-05-01").await;
        let report = told(&db, "mrr", &range("2026-01-01", "2026-04-30")).await;
        let columns = ["month", "opening", "new", "expansion", "contraction", "churn", "reactivation", "closing", "customers"];
        let expected = [
            "2026-01 0.00 38.31 0.00 0.00 0.00 0.00 38.31 3",
            "2026-02 38.31 0.00 10.00 -10.00 0.00 0.00 38.31 3",
            "2026-03 38.31 0.00 0.00 0.00 -8.33 0.00 29.98 2",
            "2026-04 29.98 0.00 0.00 0.00 0.00 9.99 39.97 3",
        ];
        assert_eq!(report.part("movements").shows(&columns), expected);
        // Whose it was, a row a customer and month: in March only `back` moves, by all of its 8.33.
        let customers = report.part("customers").shows(&["month", "account", "movement", "before", "after", "change"]);
        let expected_customers = [
            "2026-01 back new 0.00 8.33 8.33",
            "2026-01 down new 0.00 19.99 19.99",
            "2026-01 up new 0.00 9.99 9.99",
            "2026-02 down contraction 19.99 9.99 -10.00",
            "2026-02 up expansion 9.99 19.99 10.00",
            "2026-03 back churn 8.33 0.00 -8.33",
            "2026-04 back reactivation 0.00 9.99 9.99",
        ];
        assert_eq!(customers, expected_customers);
        // Of one month alone it says the same.
        let april = told(&db, "mrr", &range("2026-04-01", "2026-04-30")).await;
        assert_eq!(april.part("movements").shows(&columns), expected[3..]);
    })
    .await;
}

/// LC-3: nobody is a customer whose first charge has not settled.
#[tokio::test]
async fn a_pending_first_charge_is_no_revenue_yet() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_pending_4").await;
        town.subscribe("2026-01-30", &id, "plus/monthly").await;
        town.run_daily("2026-01-31", "2026-02-10").await;
        let report = told(&db, "mrr", &range("2026-01-01", "2026-02-10")).await;
        let shown = report.part("movements").shows(&["month", "new", "closing"]);
        assert_eq!(shown, ["2026-01 0.00 0.00", "2026-02 9.99 9.99"]);
        // Whoever is declined never was one.
        let id = town.move_in("b", OREGON, "tok_stolen").await;
        town.subscribe("2026-02-11", &id, "plus/monthly").await;
        let report = told(&db, "mrr", &range("2026-02-01", "2026-02-27")).await;
        assert_eq!(report.part("movements").shows(&["month", "new", "churn", "customers"]), ["2026-02 9.99 0.00 1"]);
    })
    .await;
}
