//! `kasacare reconcile --with FILE`: a provider's file that is looked at and not taken.

use serde_json::Value;

use super::shop::Shop;
use crate::world::on_both;

const REPORT: &str = "\
automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,\
reporting_category,source_id,payment_intent_id,charge_id,customer_email,payment_intent_metadata[kasacare_charge]
po_1,2026-02-04 00:00:00,txn_1,2026-02-01 10:00:00,2026-02-03 00:00:00,usd,108.24,3.44,104.80,charge,ch_1,pi_1,ch_1,jo@example.com,ch_us-s1_1_0_1
po_1,2026-02-04 00:00:00,txn_2,2026-02-01 23:59:59,2026-02-03 00:00:00,usd,-71.76,0.00,-71.76,refund,re_1,pi_1,ch_1,jo@example.com,
,,txn_5,2026-02-02 00:00:00,2026-02-02 00:00:00,usd,-2.00,0.00,-2.00,fee,,,,,
";

const PAYPAL: &str = "\
transaction_id,paypal_reference_id,paypal_reference_id_type,transaction_event_code,transaction_initiation_date,transaction_updated_date,\
transaction_amount,transaction_currency,fee_amount,transaction_status,invoice_id,custom_field
5TY05013RG002845M,,,T0002,2026-02-01T10:00:00+0000,2026-02-01T10:00:00+0000,108.24,USD,-3.44,S,,ch_us-s1_1_0_1
";

/// By hand: of 108.24 the provider takes 3.44 and gives 71.76 back, and takes 2.00 more; 33.04 leave as `po_1`, and so -2.00 stand there.
/// Our books would have the fees and the payout, -38.48, and nothing else: a payment and a refund are missing, which are 36.48 together.
#[tokio::test]
async fn the_file_is_held_against_our_books_as_if_it_were_taken() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("report.csv", REPORT);
        let before = shop.digest().await;
        let said = shop.says(&format!("--format json reconcile --through 2026-02-28 --with {file}"));
        assert_eq!(said.code, 1, "{}", said.err);
        let run = &serde_json::from_str::<Value>(&said.out).unwrap()["runs"][0];
        let day = run["equations"].as_array().unwrap().last().unwrap();
        let shown = ["on", "closing", "provider_balance", "residual", "breaks", "unexplained"].map(|key| day[key].as_str().unwrap());
        assert_eq!(shown, ["2026-02-04", "-38.48 USD", "-2.00 USD", "-36.48 USD", "-36.48 USD", "0.00 USD"]);
        let inputs: Vec<_> = run["inputs"].as_array().unwrap().iter().map(|input| (input["what"].clone(), input["rows"].clone())).collect();
        let expected = [("our movements", 0), ("provider movements", 0), ("provider file", 3), ("payouts", 1), ("bank lines", 0)];
        assert_eq!(inputs, expected.map(|(what, rows)| (Value::from(what), Value::from(rows))));
        assert_eq!((&run["payouts"][0]["amount"], &run["payouts"][0]["lines"]), (&Value::from("33.04 USD"), &Value::from(2)));
        assert_eq!(shop.digest().await, before);
        assert!(shop.rows("select movement_id, provider from provider_movements").await.is_empty());
        // From standard input it must be said what it is.
        shop.says("reconcile --through 2026-02-28 --with -").fails(2, "--source");
    })
    .await;
}

#[tokio::test]
async fn bad_rows_are_named_and_nothing_is_reconciled() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let before = shop.digest().await;
        let bad = REPORT.replace("-2.00,fee", "-2.00,climate_order_purchase").replace("104.80", "104.81");
        let file = shop.file("bad.csv", &bad);
        let said = shop.says(&format!("reconcile --through 2026-02-28 --with {file}"));
        assert!(said.out.is_empty(), "{}", said.out);
        assert!(said.err.contains("bad.csv:2: net") && said.err.contains("bad.csv:4: reporting_category"), "{}", said.err);
        said.fails(2, "the reconciliation could not run");
        // What contradicts what is stored is named too.
        let whole = shop.file("report.csv", REPORT);
        shop.does(&format!("settlement import {whole} --as-of 2026-02-05"));
        let other = shop.file("other.csv", &REPORT.replace("108.24,3.44,104.80", "108.25,3.45,104.80"));
        shop.says(&format!("reconcile --through 2026-02-28 --with {other}"))
            .fails(2, "other.csv:2: id: movement `txn_1` is stored already");
        let taken = shop.digest().await;
        assert_ne!(taken, before);
        // As an import refuses them: days that lie ahead, and somebody else's money.
        let ahead = shop.file("ahead.csv", &REPORT.replace("txn_5,2026-02-02", "txn_5,2099-02-02"));
        shop.says(&format!("reconcile --through 2026-02-28 --with {ahead}"))
            .fails(2, "ahead.csv:4: created_utc: 2099-02-02 lies more than 2 days ahead");
        let paypal = shop.file("paypal.csv", PAYPAL);
        shop.says(&format!("reconcile --through 2026-02-28 --with {paypal}"))
            .fails(2, "paypal.csv: this database holds the money of stripe");
        // Neither with what stores or posts, nor with a file of a bank.
        let file = format!("reconcile --through 2026-02-28 --with {whole}");
        shop.says(&format!("{file} --apply --by Ada")).fails(2, "cannot be used with");
        shop.says(&format!("{file} --source bank-csv")).fails(2, "tells no movements of a provider");
        assert_eq!(shop.digest().await, taken);
    })
    .await;
}
