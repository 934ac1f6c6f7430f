//! Files in which rows are there twice, are missing, or are of another month: what is counted once, what is read to the end, and what
//! refuses the file.

use serde_json::Value;

use super::shop::Shop;
use crate::world::on_both;

const HEAD: &str = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,\
reporting_category,source_id\n";
const FIRST: &str = "po_1,2026-02-04,txn_1,2026-02-01 10:00:00,usd,100.00,3.00,97.00,charge,ch_1\n";
const SECOND: &str = "po_1,2026-02-04,txn_2,2026-02-01 11:00:00,usd,9.30,0.30,9.00,charge,ch_2\n";

async fn balance(shop: &Shop, account: i64) -> i64 {
    let sums = "select cast(ledger_account as text), cast(cast(sum(amount_minor) as bigint) as text) from postings group by ledger_account";
    let rows = shop.rows(sums).await;
    rows.iter().find(|(number, _)| *number == account.to_string()).map_or(0, |(_, minor)| minor.parse().unwrap())
}

/// 97.00 and 9.00 are 106.00, however often the file says so.
#[tokio::test]
async fn a_movement_that_is_twice_in_a_payout_file_is_counted_once() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("dup.csv", &[HEAD, FIRST, SECOND, FIRST].concat());
        let taken = shop.says(&format!("--format json settlement import {file} --as-of 2026-02-05")).json();
        // Two movements, and the payout's own.
        let counts = ["rows", "movements", "known", "payouts"].map(|what| taken["files"][0][what].as_u64().unwrap());
        assert_eq!(counts, [3, 3, 1, 1]);
        assert_eq!([balance(&shop, 1020).await, balance(&shop, 1200).await], [10_600, -10_600 - 330]);
        assert_eq!(shop.count("select amount_minor from provider_payouts").await, 10_600);
        // The same without the second copy is the same payout.
        let once = shop.file("once.csv", &[HEAD, FIRST, SECOND].concat());
        let known = shop.says(&format!("--format json settlement import {once}")).json();
        assert_eq!(["movements", "known"].map(|what| known["files"][0][what].as_u64().unwrap()), [0, 4]);
        shop.does("check");
    })
    .await;
}

#[tokio::test]
async fn a_movement_that_is_twice_in_a_payout_file_and_differs_refuses_it() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let before = shop.digest().await;
        for (name, second) in
            [("amount.csv", FIRST.replace("97.00", "96.99").replace(",3.00", ",3.01")), ("payout.csv", FIRST.replace("po_1", "po_2"))]
        {
            let file = shop.file(name, &[HEAD, FIRST, SECOND, &second].concat());
            let problem = format!("{name}:4: balance_transaction_id: `txn_1` is there twice, and says something else on line 2");
            shop.says(&format!("settlement import {file}")).fails(2, &problem);
        }
        assert_eq!(shop.digest().await, before);
    })
    .await;
}
