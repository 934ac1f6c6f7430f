//! Corrections by hand: what is open and for how long, and orders that were cancelled for a wrong price.

use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::refund::Destination;

use super::{range, told, usd};
use crate::world::on_both;
use crate::world::town::{CALIFORNIA, OREGON, Town, noon};

/// CO-2: found on 20 January of a payment of the 10th, whose window goes through 9 February: on the 25th 15 days of it are left.
#[tokio::test]
async fn what_is_open_says_how_many_days_are_left() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        let stolen = NewMethod { token: "tok_stolen".to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None };
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&stolen)).await;
        let invoice = town.invoices(&id).await.remove(0).document.id;
        town.act(noon("2026-01-20"), &id, |draft| draft.correct(&invoice, Correct::Net(usd(10_999)))).await;
        town.run_daily("2026-01-20", "2026-01-25").await;
        let columns = ["found_on", "window", "charged", "correct", "state", "days_left"];
        let shown = |to: &'static str| {
            let db = &db;
            async move { told(db, "corrections", &range("2026-01-01", to)).await.part("corrections").shows(&columns) }
        };
        assert_eq!(shown("2026-01-25").await, ["2026-01-20 inside 99.99 109.99 open 15"]);
        // After the window it is waived, and nothing is left.
        town.run_daily("2026-01-26", "2026-02-11").await;
        assert_eq!(shown("2026-02-11").await, ["2026-01-20 inside 99.99 109.99 waived -"]);
    })
    .await;
}

/// CO-5: 99.99 and 8.25 of tax go back in full; of one that was paid with 20.00 of credit, that much stays credit.
#[tokio::test]
async fn orders_that_were_cancelled_for_a_wrong_price_are_listed() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let paid = town.move_in("paid", CALIFORNIA, "tok_ok").await;
        let credited = town.move_in("with-credit", CALIFORNIA, "tok_ok").await;
        town.act(noon("2026-01-09"), &credited, |draft| draft.grant_credit(usd(2_000))).await;
        for id in [&paid, &credited] {
            let subscription = town.subscribe("2026-01-10", id, "plus/annual").await;
            town.act(noon("2026-01-20"), id, |draft| draft.cancel_order(&subscription, Destination::Refund)).await;
        }
        town.run("2026-01-20").await;
        let report = told(&db, "corrections", &range("2026-01-01", "2026-01-31")).await;
        let columns = ["cancelled_on", "account", "invoice", "net", "tax", "refund", "to_credit", "owed_off", "held"];
        let expected = [
            "2026-01-20 paid in_paid-s1_1_0 99.99 8.25 108.24 0.00 0.00 0.00",
            "2026-01-20 with-credit in_with-credit-s1_1_0 99.99 8.25 88.24 20.00 0.00 0.00",
        ];
        assert_eq!(report.part("orders_cancelled").shows(&columns), expected);
        assert_eq!(told(&db, "corrections", &range("2026-01-21", "2026-01-31")).await.part("orders_cancelled").rows.len(), 0);
    })
    .await;
}
