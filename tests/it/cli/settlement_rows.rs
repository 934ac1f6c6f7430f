//! Files in which rows are there twice, are missing, or are of another month: what is counted once, what is read to the end, and what
//! refuses the file.

use serde_json::Value;

use super::shop::Shop;
use crate::world::on_both;

pub const HEAD: &str = "automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,currency,gross,fee,net,\
reporting_category,source_id\n";
pub const FIRST: &str = "po_1,2026-02-04,txn_1,2026-02-01 10:00:00,usd,100.00,3.00,97.00,charge,ch_1\n";
pub const SECOND: &str = "po_1,2026-02-04,txn_2,2026-02-01 11:00:00,usd,9.30,0.30,9.00,charge,ch_2\n";

pub async fn balance(shop: &Shop, account: i64) -> i64 {
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

const COLUMNS: &str = "CH,Transaction ID,Invoice ID,Transaction Event Code,Transaction Initiation Date,Transaction Debit or Credit,\
Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,Fee Amount\n";

/// Two sections: 10.81 less 0.61, and 5.00 less 0.30.
fn report() -> String {
    [
        "RH,2026/02/05 00:00:00 -0800,A,X,9\nFH,1\nSH,2026/02/04 00:00:00 -0800,2026/02/04 23:59:59 -0800,X,\n",
        COLUMNS,
        "SB,TX1,in_1,T0002,2026/02/04 10:00:00 -0800,CR,1081,USD,DR,61\nSF,USD,1081,0\nSC,1\n",
        "SH,2026/02/04 00:00:00 -0800,2026/02/04 23:59:59 -0800,Y,\n",
        COLUMNS,
        "SB,TX2,in_2,T0002,2026/02/04 11:00:00 -0800,CR,500,USD,DR,30\nSF,USD,500,0\nSF,EUR,0,0\nSC,1\n",
        "RF,USD,1581,0\nRC,2\nFF,2\n",
    ]
    .concat()
}

#[tokio::test]
async fn every_section_of_a_paypal_report_is_read() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("stl.csv", &report());
        let taken = shop.says(&format!("--format json settlement import {file}")).json();
        assert_eq!(["rows", "movements"].map(|what| taken["files"][0][what].as_u64()), [Some(2), Some(2)]);
        let ids = shop.rows("select movement_id, cast(gross_minor as text) from provider_movements order by movement_id").await;
        assert_eq!(ids, [("TX1", "1081"), ("TX2", "500")].map(|(id, minor)| (id.to_owned(), minor.to_owned())));
        assert_eq!(balance(&shop, 5000).await, 91);
        // A section may have other columns, or none of its rows.
        let turned = report().replacen("CH,Transaction ID,Invoice ID,", "CH,Invoice ID,Transaction ID,", 1).replacen(
            "SB,TX1,in_1",
            "SB,in_1,TX3",
            1,
        );
        let turned = shop.file("turned.csv", &turned.replace("TX2", "TX4"));
        shop.does(&format!("settlement import {turned}"));
        assert_eq!(shop.count("select count(*) from provider_movements where movement_id in ('TX3', 'TX4')").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_paypal_report_of_which_a_part_is_missing_is_refused() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let before = shop.digest().await;
        let whole = report();
        let cut = |at: &str| whole.split_at(whole.rfind(at).unwrap()).0.to_owned();
        let section = whole.split_at(whole.find("SH,").unwrap());
        let rest = &section.1[section.1[1..].find("SH,").unwrap() + 1..];
        let cases = [
            ("rows.csv", cut("SF,USD,500"), "the file ends before its line SC"),
            ("count.csv", cut("SC,1"), "the file ends before its line SC"),
            ("foot.csv", cut("RF,"), "the file ends before its line FF"),
            ("one.csv", whole.replace("SC,1\nRF", "SC,2\nRF"), "one.csv:13: the section has 1 rows and not as many as it says"),
            ("first.csv", format!("{}{rest}", section.0), "the report has 1 rows and not as many as it says"),
            ("joint.csv", whole.replacen("SF,USD,1081,0\nSC,1\n", "", 1), "joint.csv:6: the section before has no line SC"),
            ("kind.csv", whole.replace("SF,EUR", "SX,EUR"), "kind.csv:12: no kind of line `SX` is known"),
        ];
        for (name, text, problem) in cases {
            let file = shop.file(name, &text);
            shop.says(&format!("settlement import {file} --source paypal")).fails(2, problem);
        }
        assert_eq!(shop.digest().await, before);
        // The second file of a long report: its counts are those of both.
        let second = shop.file("second.csv", &format!("FH,2\n{rest}"));
        shop.does(&format!("settlement import {second} --source paypal"));
    })
    .await;
}

const EARNINGS: &str = "Description,Transaction Date,Transaction Type,Merchant Currency,Amount (Merchant Currency)\n";

/// A part in October, and two in November that are the same to the cent.
#[tokio::test]
async fn an_order_is_given_back_in_parts_months_apart() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let october = shop.file("earnings_202610.csv", &format!("{EARNINGS}GPA.1,2026-10-30,Charge refund,USD,-2.00\n"));
        let refund = "GPA.1,2026-11-02,Charge refund,USD,-3.00\n";
        let november = shop.file("earnings_202611.csv", &format!("{EARNINGS}{refund}{refund}GPA.1,2026-11-03,Charge refund,USD,-2.00\n"));
        let taken = shop.says(&format!("--format json settlement import {october} {november}")).json();
        assert_eq!([0, 1].map(|at| taken["files"][at]["movements"].as_u64()), [Some(1), Some(3)], "{taken}");
        assert_eq!(shop.count("select cast(sum(gross_minor) as bigint) from provider_movements").await, -1_000);
    })
    .await;
}

#[tokio::test]
async fn rows_of_another_month_than_the_file_is_said_to_be_of_refuse_it() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let before = shop.digest().await;
        let rows = format!("{EARNINGS}GPA.1,2026-10-31,Charge,USD,9.99\nGPA.2,\"Nov 1, 2026\",Charge,USD,9.99\n");
        let file = shop.file("earnings_202610.csv", &rows);
        shop.says(&format!("settlement import {file}"))
            .fails(2, "earnings_202610.csv:3: Transaction Date: 2026-11-01 is not in 2026-10, the month that the file is said to be of");
        assert_eq!(shop.digest().await, before);
    })
    .await;
}

#[tokio::test]
async fn what_a_spreadsheet_would_run_is_neutral_in_the_csv_of_a_run() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("formula.csv", &[HEAD, &FIRST.replace("txn_1", "=2+5")].concat());
        shop.does(&format!("settlement import {file}"));
        let csv = shop.says("--format csv reconcile --through 2026-02-05").code(1).out;
        assert!(csv.contains(",'=2+5,") && !csv.contains(",=2+5"), "{csv}");
    })
    .await;
}

#[tokio::test]
async fn totals_without_transactions_are_listed_as_what_they_are() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let apple = "Transaction Date\tSettlement Date\tSKU\tQuantity\tExtended Partner Share\tPartner Share Currency\tCustomer Price\t\
            Customer Currency\tSale or Return\tCountry of Sale\n\
            05/03/2026\t05/05/2026\tplus\t3\t20.97\tUSD\t9.99\tUSD\tS\tUS\n05/04/2026\t05/30/2026\tplus\t-1\t-6.99\tUSD\t9.99\tUSD\tR\tUS\nTotal_Rows\t2\n";
        let file = shop.file("finance.txt", apple);
        shop.does(&format!("settlement import {file} --source apple"));
        for line in ["reconcile --through 2026-05-31 --provider app_store", "reconcile --through 2026-05-31"] {
            shop.says(line).fails(2, "2 totals of app_store are stored, of 2026-05-03 to 2026-05-30: they name no transaction");
        }
        let list = shop.does("settlement list");
        assert!(list.contains("si_000001 has 2 totals of app_store, of 2026-05-03 to 2026-05-30: they name no transaction"), "{list}");
        let listed = shop.says("--format json settlement list").json();
        assert_eq!(listed["totals"][0]["totals"], Value::from(2));
        shop.says("reconcile --through 2026-05-31 --provider stripe").fails(2, "nothing of provider `stripe` was imported");
    })
    .await;
}
