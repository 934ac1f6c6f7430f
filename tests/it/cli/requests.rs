//! F13: the id that a caller gives a request.

use super::shop::Shop;
use crate::world::on_both;

const OLGA: &str = "--by olga --reason costs";

#[tokio::test]
async fn a_request_is_remembered_also_where_nothing_was_to_be_done() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        shop.runs("2026-01-31");
        let resume = "resume us us-s1 --as-of 2026-02-02 --request-id R1";
        assert!(shop.does(resume).contains("Nothing is to be done"), "nothing is pending");
        shop.does("cancel us us-s1 --as-of 2026-02-03 --request-id R2");
        let cancelled = shop.digest().await;
        assert!(shop.does(resume).starts_with("Already done: request R1"), "late, and not again");
        assert!(shop.does(&format!("{resume} --quote")).starts_with("Already done: request R1"));
        assert_eq!(shop.digest().await, cancelled, "the cancellation stands");
        assert!(shop.does("resume us us-s1 --as-of 2026-02-04 --request-id R3").starts_with("Done"), "a new request does it");
    })
    .await;
}

#[tokio::test]
async fn another_request_under_the_same_id_is_a_conflict() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let credit = |amount: &str| format!("credit us {amount} --request-id R1 --as-of 2026-01-05");
        shop.does(&format!("{} {OLGA}", credit("5.00")));
        shop.refuses(&format!("{} {OLGA}", credit("6.00")), 6, "request `R1` was a `grant_credit` with other parameters on account us")
            .await;
        shop.refuses(&format!("{} --quote", credit("6.00")), 6, "with other parameters").await;
        shop.refuses("cancel us x --request-id R1", 6, "request `R1` was a `grant_credit` on account us before").await;
        // Somebody else may well repeat it, at another time: it is the same request.
        let again = shop.does("credit us 5.00 --request-id R1 --by jane --reason retry --as-of 2026-01-09");
        assert!(again.starts_with("Already done"), "{again}");
        shop.does("credit de 6.00 --request-id R1 --by olga --reason costs");
    })
    .await;
}

#[tokio::test]
async fn an_announcement_has_a_request_too() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let announce = |price: &str| {
            format!(
                "price announce --version v2 --effective-from 2026-04-01 --price plus/monthly={price}:USD {OLGA} --as-of 2026-02-15 \
                 --request-id R1"
            )
        };
        assert!(shop.does(&announce("10.99")).starts_with("Done"), "announced");
        let announced = shop.digest().await;
        assert!(shop.does(&announce("10.99")).starts_with("Already done"), "the same");
        assert!(shop.does(&format!("price announce --version v2 --request-id R1 {OLGA}")).starts_with("Already done"), "by its name");
        shop.refuses(&announce("11.99"), 6, "request `R1` was a `announce_price` with other parameters on the prices").await;
        let other = format!("price announce --version v1 {OLGA} --request-id R1");
        shop.refuses(&other, 6, "with other parameters").await;
        assert_eq!(shop.digest().await, announced);
    })
    .await;
}
