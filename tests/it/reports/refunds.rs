//! Refunds by hand that did not go as they were asked for.

use kasacare::domain::change::settle::Settlement;

use super::{range, told, usd};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

/// Both are cancelled after 123 of 365 days: 99.99 x 242/365 = 66.2947..., so 66.29 go back. Of one the provider has never heard, and it is
/// asked for again; of the other it moved a dollar less.
#[tokio::test]
async fn a_refund_that_is_given_up_counts_once_and_a_short_one_as_it_moved() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let answers =
            [("again", Settlement::NeverHappened), ("short", Settlement::Mismatch { reference: "r_short".to_owned(), moved: usd(6_529) })];
        let mut subscribed = Vec::new();
        for (name, answer) in answers {
            let id = town.move_in(name, OREGON, "tok_ok").await;
            subscribed.push((town.subscribe("2026-01-31", &id, "plus/annual").await, id, answer));
        }
        town.run("2026-06-02").await;
        for (subscription, id, answer) in subscribed {
            town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&subscription)).await;
            town.act(noon("2026-06-02"), &id, |draft| draft.settle_refund(&format!("re_{id}-s1_1_0_1_1"), &answer)).await;
        }
        let report = told(&db, "refunds", &range("2026-06-01", "2026-06-30")).await;
        let shown = report.part("refunds").shows(&["account", "refund_amount", "stands"]);
        assert_eq!(shown, ["again - given up", "again 66.29 on its way", "short 65.29 paid out"]);
        // 66.29 are on their way, 65.29 are gone, and what was given up is in neither.
        let bases = report.part("bases").shows(&["basis", "stands", "refunds", "amount"]);
        assert_eq!(bases, ["cancellation on its way 1 66.29", "cancellation paid out 1 65.29", "cancellation given up 1 0.00"]);
    })
    .await;
}
