//! What is refused before it can do harm: the money of a second provider, instants before what is recorded, and days that lie ahead.

use super::settlement_rows::{FIRST, HEAD, SECOND, balance};
use super::shop::{Shop, february};
use crate::world::on_both;

/// The first file was said to be of the simulated provider, and the next one is not.
#[tokio::test]
async fn movements_of_a_second_provider_are_refused_where_they_come_in() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let (one, two) = (shop.file("1.csv", &[HEAD, FIRST].concat()), shop.file("2.csv", &[HEAD, SECOND].concat()));
        shop.does(&format!("settlement import {one} --provider simulated --as-of 2026-02-05"));
        let before = shop.digest().await;
        for how in ["", "--dry-run"] {
            shop.says(&format!("settlement import {two} --as-of 2026-02-05 {how}"))
                .fails(2, "2.csv: this database holds the money of simulated; did you mean --provider simulated?");
        }
        assert_eq!(shop.digest().await, before);
        // 97.00, and then 9.00 more.
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [9_700, -9_700 - 300]);
        // What is posted nowhere may be of anybody; a file beside one that is refused is taken.
        let recurly = "id,type,status,amount,currency,gateway_reference,date\nr1,purchase,success,9.99,USD,ch_77,2026-02-03 08:00:00\n";
        let recurly = shop.file("recurly.csv", recurly);
        let said = shop.says(&format!("settlement import {two} {recurly} --as-of 2026-02-05")).code(2);
        assert!(said.out.contains("recurly.csv: taken as"), "{}", said.out);
        shop.does(&format!("settlement import {two} --provider simulated --as-of 2026-02-05"));
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [10_600, -10_600 - 330]);
        shop.does("check --as-of 2026-02-06");
    })
    .await;
}

/// Money moved at the simulated provider, and nothing was imported yet.
#[tokio::test]
async fn a_real_provider_is_refused_where_money_is_simulated() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-02-01");
        shop.runs("2026-02-01");
        let file = shop.file("sent.json", &february(&[("txn_1", "payout", -10_480, 4, "po_1")]));
        shop.says(&format!("settlement import {file} --as-of 2026-02-05"))
            .fails(2, "this database holds the money of simulated; did you mean --provider simulated?");
        shop.does(&format!("settlement import {file} --provider simulated --as-of 2026-02-05"));
        assert_eq!(balance(&shop, 1020).await, 10_480);
    })
    .await;
}
