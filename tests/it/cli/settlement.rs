//! `kasacare settlement import`: each format in its real shape, with amounts that were worked out by hand.

use std::fmt::Write as _;

use kasacare::store::db::Sql;
use serde_json::Value;

use super::shop::Shop;
use crate::world::on_both;

const PAYOUTS: &str = "\
automatic_payout_id,automatic_payout_effective_at,balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,\
reporting_category,source_id,payment_intent_id,charge_id,customer_email,payment_intent_metadata[kasacare_charge]
po_1,2026-02-04 00:00:00,txn_1,2026-02-01 10:00:00,2026-02-03 00:00:00,usd,108.24,3.44,104.80,charge,ch_1,pi_1,ch_1,jo@example.com,ch_us-s1_1_0_1
po_1,2026-02-04 00:00:00,txn_2,2026-02-01 23:59:59,2026-02-03 00:00:00,usd,-71.76,0.00,-71.76,refund,re_1,pi_1,ch_1,jo@example.com,
po_2,2026-02-04 00:00:00,txn_3,2026-02-01 10:00:00,2026-02-03 00:00:00,jpy,1480,73,1407,charge,ch_3,pi_3,ch_3,,
po_3,2026-02-04 00:00:00,txn_4,2026-02-01 10:00:00,2026-02-03 00:00:00,kwd,2.990,0.180,2.810,charge,ch_4,pi_4,ch_4,,
,,txn_5,2026-02-02 00:00:00,2026-02-02 00:00:00,usd,-2.00,0.00,-2.00,fee,,,,,
";

/// What stands on the ledger accounts: number, currency, debits less credits in minor units.
async fn balances(shop: &Shop) -> Vec<(i64, String, i64)> {
    const SUMS: Sql = Sql::same(
        "select ledger_account, currency, cast(sum(amount_minor) as bigint) from postings \
         group by ledger_account, currency having sum(amount_minor) <> 0 order by ledger_account, currency",
    );
    let mut tx = shop.db.begin_read().await.unwrap();
    let rows = tx.fetch_all(&SUMS, &[]).await.unwrap();
    rows.iter().map(|row| (row.int_at(0).unwrap(), row.text_at(1).unwrap(), row.int_at(2).unwrap())).collect()
}

fn row(account: i64, currency: &str, minor: i64) -> (i64, String, i64) {
    (account, currency.to_owned(), minor)
}

#[tokio::test]
async fn a_payout_report_is_in_major_units_and_posts_fees_and_payouts() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("payout_reconciliation.csv", PAYOUTS);
        let taken = shop.says(&format!("--format json settlement import {file} --as-of 2026-02-05")).json();
        let taken = &taken["files"][0];
        // Five lines, and a movement for each of three payouts that have none of their own.
        assert_eq!([&taken["movements"], &taken["payouts"], &taken["rows"]].map(Value::as_u64), [Some(8), Some(3), Some(5)]);
        // 108.24 - 3.44 - 71.76 = 33.04 left in po_1; the fee of 2.00 was in no payout.
        let expected = [
            row(1020, "JPY", 1_407),
            row(1020, "KWD", 2_810),
            row(1020, "USD", 3_304),
            row(1200, "JPY", -1_480),
            row(1200, "KWD", -2_990),
            row(1200, "USD", -3_304 - 344 - 200),
            row(5000, "JPY", 73),
            row(5000, "KWD", 180),
            row(5000, "USD", 344 + 200),
        ];
        assert_eq!(balances(&shop).await, expected);
        shop.does("check");
        // The same bytes, and the same rows in another file.
        let again = shop.does(&format!("settlement import {file}"));
        assert!(again.contains("taken before as si_000001; nothing has been changed"), "{again}");
        let other = shop.file("again.csv", &PAYOUTS.replace("2026-02-04 00:00:00", "2026-02-04"));
        let known = shop.says(&format!("--format json settlement import {other}")).json();
        assert_eq!([&known["files"][0]["movements"], &known["files"][0]["known"]].map(Value::as_u64), [Some(0), Some(11)]);
        assert_eq!(balances(&shop).await, expected);
        let journal = shop.does("journal --format csv");
        assert!(journal.contains("Payout sent") && journal.contains("(stripe)/") && journal.contains("po_3"), "{journal}");
        assert!(!journal.contains("jo@example.com"));
        let list = shop.does("settlement list");
        assert!(list.contains("si_000001") && list.contains("stripe-payouts"), "{list}");
    })
    .await;
}

#[tokio::test]
async fn bad_rows_refuse_the_file_and_are_named() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let before = shop.digest().await;
        let unknown = shop.file("u.csv", &PAYOUTS.replace("-2.00,fee", "-2.00,climate_order_purchase"));
        shop.says(&format!("settlement import {unknown}"))
            .fails(2, "u.csv:6: reporting_category: no category `climate_order_purchase` is known");
        let net = shop.file("n.csv", &PAYOUTS.replace("104.80", "104.81").replace("1480,", "1480.5,"));
        let said = shop.says(&format!("settlement import {net}")).code(2);
        assert!(said.err.contains("n.csv:2: net: contradicts gross and fee: net must be gross less fee"), "{}", said.err);
        assert!(said.err.contains("n.csv:4: gross: `1480.5` must be an amount in major units"), "{}", said.err);
        let columns = shop.file("c.csv", &PAYOUTS.replace("gross,fee,net", "gross,charges,net"));
        shop.says(&format!("settlement import {columns} --source stripe-payouts")).fails(2, "c.csv:1: fee: this column is missing");
        let short = shop.file("s.csv", &format!("{PAYOUTS}po_1,2026\n"));
        shop.says(&format!("settlement import {short}")).fails(2, "s.csv:7: the row has 2 fields, the header has 15");
        let what = shop.file("w.csv", "name,address\nJo,here\n");
        shop.says(&format!("settlement import {what}")).fails(2, "cannot be seen from its columns");
        let empty = shop.file("e.csv", "");
        shop.says(&format!("settlement import {empty} --source paypal")).fails(2, "the file is empty");
        assert_eq!(shop.digest().await, before);
        assert_eq!(shop.count("select count(*) from provider_movements").await, 0);
        // Stored with another amount before.
        let good = shop.file("g.csv", PAYOUTS);
        shop.does(&format!("settlement import {good}"));
        let other = shop.file("o.csv", &PAYOUTS.replace("108.24,3.44,104.80", "108.24,3.45,104.79"));
        shop.says(&format!("settlement import {other}")).fails(2, "o.csv:2: id: movement `txn_1` is stored already");
    })
    .await;
}

#[tokio::test]
async fn balance_pages_are_in_minor_units() {
    let page = r#"{"object":"list","has_more":true,"data":[
{"id":"txn_1","object":"balance_transaction","amount":10824,"fee":344,"net":10480,"currency":"usd","reporting_category":"charge",
 "created":1769940000,"available_on":1770076800,"type":"charge","source":{"id":"ch_1","object":"charge","payment_intent":"pi_1",
 "metadata":{"kasacare_charge":"ch_us-s1_1_0_1"}},"fee_details":[]},
{"id":"txn_2","object":"balance_transaction","amount":-10480,"fee":0,"net":-10480,"currency":"usd","reporting_category":"payout",
 "created":1770163200,"available_on":1770249600,"type":"payout","source":"po_1"}]}"#;
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("pages.json", &format!("{page}\n{}", page.replace("txn_", "txn_b").replace("po_1", "po_2")));
        let taken = shop.says(&format!("--format json settlement import {file}")).json();
        assert_eq!([&taken["files"][0]["movements"], &taken["files"][0]["payouts"]].map(Value::as_u64), [Some(4), Some(2)]);
        assert_eq!(balances(&shop).await, [row(1020, "USD", 20_960), row(1200, "USD", -21_648), row(5000, "USD", 688)]);
        let ids = shop
            .rows("select our_reference || '/' || parent_reference, reference from provider_movements where movement_id = 'txn_1'")
            .await;
        assert_eq!(ids, [("ch_us-s1_1_0_1/pi_1".to_owned(), "ch_1".to_owned())]);
        let bad =
            shop.file("bad.json", &page.replace("\"reporting_category\":\"payout\"", "\"reporting_category\":\"issuing_transaction\""));
        shop.says(&format!("settlement import {bad}"))
            .fails(2, "element 2: reporting_category: no category `issuing_transaction` is known");
        let broken = shop.file("broken.json", page.trim_end_matches('}'));
        shop.says(&format!("settlement import {broken}")).fails(2, "not valid JSON");
    })
    .await;
}

#[tokio::test]
async fn paypal_tells_by_codes_and_states() {
    let file = "\
transaction_id,paypal_reference_id,paypal_reference_id_type,transaction_event_code,transaction_initiation_date,transaction_updated_date,\
transaction_amount,transaction_currency,fee_amount,transaction_status,invoice_id,custom_field
1AB,,,T0002,2026-02-01T10:00:00+0000,2026-02-01T10:00:00+0000,108.24,USD,-4.27,S,in_1,ch_us-s1_1_0_1
2AB,1AB,TXN,T1107,2026-02-02T10:00:00+0000,2026-02-02T10:00:00+0000,-71.76,USD,,S,,re_1
3AB,,,T0002,2026-02-03T10:00:00+0000,2026-02-03T10:00:00+0000,9.99,USD,-0.59,D,,
4AB,,,T0400,2026-02-04T10:00:00+0000,2026-02-04T10:00:00+0000,-30.00,USD,,S,,
";
    let settlement = "\
RH,2026/02/05 00:00:00 -0800,A,X,9
FH,1
SH,2026/02/04 00:00:00 -0800,2026/02/04 23:59:59 -0800,X,
CH,Transaction ID,Invoice ID,PayPal Reference ID,PayPal Reference ID Type,Transaction Event Code,Transaction Initiation Date,\
Transaction Completion Date,Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,Fee Amount,\
Fee Currency,Custom Field
SB,5AB,in_2,,,T0002,2026/02/04 10:00:00 -0800,2026/02/04 10:00:00 -0800,CR,1081,USD,DR,61,USD,ch_2
SF,USD,1081,0
SC,1
RF,USD,1081,0
RC,1
FF,1
";
    on_both(async |db| {
        let shop = Shop::empty(db);
        let (search, settled) = (shop.file("search.csv", file), shop.file("stl.csv", settlement));
        let taken = shop.says(&format!("--format json settlement import {search} {settled}")).json();
        let counts = |at: usize| [&taken["files"][at]["movements"], &taken["files"][at]["moved_nothing"]].map(Value::as_u64);
        assert_eq!((counts(0), counts(1)), ([Some(3), Some(1)], [Some(1), Some(0)]));
        // Fees 4.27 and 0.61, payout 30.00.
        assert_eq!(balances(&shop).await, [row(1020, "USD", 3_000), row(1200, "USD", -3_488), row(5000, "USD", 488)]);
        // A withdrawal that came back, and other reversals that are no refunds.
        let back = shop.file("back.csv", &file.replace("1AB,,,T0002", "5CD,4AB,TXN,T1101").replace("2AB,1AB,TXN,T1107", "6CD,,,T1105"));
        shop.does(&format!("settlement import {back}"));
        let came = shop.rows("select category, reference from provider_movements where movement_id in ('5CD', '6CD') order by 1").await;
        let expected = [("payout_failure", "4AB"), ("reserve", "6CD")];
        assert_eq!(came, expected.map(|(category, reference)| (category.to_owned(), reference.to_owned())));
        let bad = shop.file("bad.csv", &file.replace("T0400", "T0200"));
        shop.says(&format!("settlement import {bad}")).fails(2, "bad.csv:5: transaction_event_code: no category `T0200` is known");
    })
    .await;
}

#[tokio::test]
async fn stores_are_kept_and_posted_nowhere() {
    let google = "\
Description,Transaction Date,Transaction Time,Tax Type,Transaction Type,Refund Type,Product Title,Product id,Sku Id,Buyer Country,\
Buyer Currency,Amount (Buyer Currency),Currency Conversion Rate,Merchant Currency,Amount (Merchant Currency)
GPA.3312-1111-2222-33333..4,\"Oct 3, 2026\",1:23:45 AM PDT,,Charge,,Plus,kasa,plus,US,USD,9.99,1.0,USD,9.99
GPA.3312-1111-2222-33333..4,\"Oct 3, 2026\",1:23:45 AM PDT,,Google fee,,Plus,kasa,plus,US,USD,-1.50,1.0,USD,-1.50
GPA.3312-1111-2222-33334..1,\"Oct 31, 2026\",11:30:00 PM PDT,,Charge refund,Full,Plus,kasa,plus,US,USD,-9.99,1.0,USD,-9.99
";
    let apple = "Transaction Date\tSettlement Date\tApple Identifier\tSKU\tTitle\tQuantity\tPartner Share\tExtended Partner Share\t\
Partner Share Currency\tCustomer Price\tCustomer Currency\tSale or Return\tCountry of Sale\n\
10/03/2026\t10/05/2026\t1\tplus_monthly\tPlus\t3\t6.99\t20.97\tUSD\t9.99\tUSD\tS\tUS\n\
10/04/2026\t10/05/2026\t1\tplus_monthly\tPlus\t-1\t-6.99\t-6.99\tUSD\t9.99\tUSD\tR\tUS\n\
Total_Rows\t2\n\n\
Country Of Sale\tPartner Share Currency\tQuantity\tExtended Partner Share\nUS\tUSD\t2\t13.98\n";
    let recurly = "\
id,type,status,invoice_number,account_code,amount,tax_amount,currency,gateway_reference,date
r1,purchase,success,1001,acc-1,9.99,0.82,USD,ch_77,2026-10-03 08:00:00
r2,authorization,success,1002,acc-2,9.99,0.82,USD,ch_78,2026-10-03 08:00:00
r3,refund,success,1003,acc-1,9.99,0.82,USD,re_77,2026-10-04 08:00:00
r4,purchase,declined,1004,acc-3,9.99,0.82,USD,ch_79,2026-10-04 08:00:00
";
    on_both(async |db| {
        let shop = Shop::empty(db);
        let files = [("earnings_202610.csv", google), ("finance.txt", apple), ("transactions.csv", recurly)].map(|(name, text)| shop.file(name, text));
        let taken = shop.says(&format!("--format json settlement import {}", files.join(" "))).json();
        let counts = |at: usize| ["movements", "payouts", "totals", "moved_nothing"].map(|what| taken["files"][at][what].as_u64().unwrap());
        assert_eq!([counts(0), counts(1), counts(2)], [[3, 1, 0, 0], [0, 0, 2, 0], [2, 0, 0, 2]]);
        assert_eq!(balances(&shop).await, []);
        // 23:30 in California is the next day in UTC.
        let late = shop.rows("select cast(occurred_on as text), movement_id from provider_movements where gross_minor = -999 and provider = 'google_play'").await;
        assert_eq!(late, [("2026-11-01".to_owned(), "GPA.3312-1111-2222-33334..1/charge_refund/2026-10-31".to_owned())]);
        let payout = shop.rows("select payout_id, cast(arrives_on as text) from provider_payouts where amount_minor = -150").await;
        assert_eq!(payout, [("earnings-2026-10-USD".to_owned(), "2026-11-15".to_owned())]);
        let cut = shop.file("cut.txt", apple.split("Total_Rows").next().unwrap());
        shop.says(&format!("settlement import {cut} --source apple")).fails(2, "the file ends before its line Total_Rows");
        // What follows the rows counts and sums them: 3 x 6.99 less 6.99 is 13.98.
        let added = apple.replace("US\tUSD\t2\t13.98", "US\tUSD\t2\t13.99");
        let added = shop.file("added.txt", &added);
        shop.says(&format!("settlement import {added}"))
            .fails(2, "added.txt:7: Extended Partner Share: the rows make 2 with 13.98 USD: some of them are missing, or there twice");
        let other = shop.file("other.txt", &apple.replace("US\tUSD\t2\t13.98", "CA\tUSD\t0\t0.00"));
        shop.says(&format!("settlement import {other}")).fails(2, "the rows make 2 with 13.98 USD of US, which is not listed");
        let (rows, _) = apple.split_once("\n\nCountry").unwrap();
        let units = shop.file("units.txt", &format!("{rows}\nTotal_Amount\t13.97\nTotal_Units\t3\n"));
        let said = shop.says(&format!("settlement import {units}")).code(2).err;
        assert!(said.contains("units.txt:5: Total_Amount: the rows make 13.98 USD") && said.contains("Total_Units: the rows make 2"), "{said}");
        let summed = shop.file("summed.txt", &format!("{rows}\nTotal_Amount\t13.98\nTotal_Units\t2\n"));
        shop.does(&format!("settlement import {summed}"));
        let nameless = shop.file("earnings.csv", google);
        shop.says(&format!("settlement import {nameless}")).fails(2, "--month 2026-10");
        let kind = shop.file("kind_202610.csv", &google.replace("Google fee", "Loyalty points"));
        shop.says(&format!("settlement import {kind}")).fails(2, "kind_202610.csv:3: Transaction Type: no category `Loyalty points` is known");
    })
    .await;
}

const STATEMENT: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><GrpHdr><MsgId>m</MsgId></GrpHdr><Stmt><Id>s</Id>
<Acct><Id><IBAN>DE02120300000000202051</IBAN></Id><Ccy>EUR</Ccy></Acct>
<Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">100.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-02-03</Dt></Dt></Bal>
<Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">154.80</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-02-04</Dt></Dt></Bal>
<Ntry><Amt Ccy="EUR">104.80</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-02-04</Dt></BookgDt>
<AcctSvcrRef>b1</AcctSvcrRef><NtryDtls><TxDtls><Refs><EndToEndId>po_1</EndToEndId></Refs><RmtInf><Ustrd>STRIPE &amp; CO</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">50.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>BOOK</Sts><BookgDt><DtTm>2026-02-04T09:00:00Z</DtTm></BookgDt>
<NtryDtls><TxDtls><RmtInf><Ustrd>Rent of J. Doe</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>
<Ntry><Amt Ccy="EUR">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts><BookgDt><Dt>2026-02-05</Dt></BookgDt></Ntry>
</Stmt></BkToCstmrStmt></Document>
"#;

#[tokio::test]
async fn statements_of_a_bank_are_complete_or_refused() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let file = shop.file("statement.xml", STATEMENT);
        let taken = shop.says(&format!("--format json settlement import {file}")).json();
        assert_eq!([&taken["files"][0]["bank_lines"], &taken["files"][0]["moved_nothing"]].map(Value::as_u64), [Some(2), Some(1)]);
        let lines = shop.rows("select coalesce(provider, '-'), coalesce(reference, '-') from bank_lines order by amount_minor desc").await;
        assert_eq!(lines, [("stripe".to_owned(), "po_1 STRIPE & CO".to_owned()), ("-".to_owned(), "-".to_owned())]);
        let cut = shop.file("cut.xml", &STATEMENT.replace("154.80", "155.80"));
        shop.says(&format!("settlement import {cut}")).fails(2, "do not make the closing balance 155.80 EUR: entries are missing");
        let odd = shop.file("odd.xml", &STATEMENT.replace("<Sts>BOOK</Sts>", "<Sts>LOST</Sts>"));
        shop.says(&format!("settlement import {odd}")).fails(2, "odd.xml:8: Sts: no status `LOST` is known");
        let side = shop.file("side.xml", &STATEMENT.replacen("<CdtDbtInd>DBIT", "<CdtDbtInd>Debit", 1));
        shop.says(&format!("settlement import {side}")).fails(2, "side.xml:8: CdtDbtInd: `Debit` must be CRDT or DBIT");
        // A number within a statement is no name: another day's entry 1 is another entry.
        let numbered = STATEMENT.replace("<AcctSvcrRef>b1</AcctSvcrRef>", "<NtryRef>1</NtryRef>");
        let first = shop.file("first.xml", &numbered);
        let second = shop.file("second.xml", &numbered.replace("po_1", "po_2").replace("2026-02-04", "2026-02-05"));
        shop.does(&format!("settlement import {first} {second}"));
        assert_eq!(shop.count("select count(*) from bank_lines").await, 2 + 1 + 2, "the rent of the first is known");
        // Another account's lines in the same file make no difference to the names of this one's.
        let two = STATEMENT.replace("<AcctSvcrRef>b1</AcctSvcrRef>", "").replace("DE02120300000000202051", "DE2");
        let (head, rest) = two.split_once("<Stmt>").unwrap();
        let (statement, tail) = rest.split_once("</Stmt>").unwrap();
        let both = format!("{head}<Stmt>{statement}</Stmt><Stmt>{}</Stmt>{tail}", statement.replace("DE2", "DE3"));
        let (both, alone) = (shop.file("both.xml", &both), shop.file("alone.xml", &two.replace("DE2", "DE3")));
        shop.does(&format!("settlement import {both} {alone}"));
        assert_eq!(shop.count("select count(*) from bank_lines where bank_account in ('DE2', 'DE3')").await, 4);
        let broken = shop.file("broken.xml", &STATEMENT.replace("</Stmt>", ""));
        shop.says(&format!("settlement import {broken}")).fails(2, "not valid XML");
        let csv = shop.file("u.csv", "Buchungstag;Betrag;Verwendungszweck\n04.02.2026;1.104,80;STRIPE po_9\n04.02.2026;-3,00;Porto\n");
        let bank = "--source bank-csv --account DE9 --currency EUR --delimiter ; --decimal-comma --date-format %d.%m.%Y \
                    --column booked_on=Buchungstag --column amount=Betrag --column text=Verwendungszweck";
        shop.does(&format!("settlement import {csv} {bank}"));
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from bank_lines where bank_account = 'DE9'").await, 110_180);
        shop.says(&format!("settlement import {csv} --source bank-csv")).fails(2, "the columns are parted by `;`");
        shop.says(&format!("settlement import {csv} --source bank-csv --delimiter ;")).fails(2, "booked_on: this column is missing");
    })
    .await;
}

/// More rows than a chunk, in one file; a bad row at the very end undoes all.
#[tokio::test]
async fn many_chunks_are_one_import() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let mut text = PAYOUTS.lines().next().unwrap().to_owned() + "\n";
        for number in 0..5_000 {
            let day = 1 + number % 28;
            let _ = writeln!(
                text,
                "po_{day},2026-03-0{},m{number},2026-02-{day:02} 10:00:00,,usd,10.81,0.61,10.20,charge,ch_{number},pi_{number},,,",
                1 + day % 9
            );
        }
        let bad = shop.file("bad.csv", &format!("{text}po_1,,m0,2026-02-01,,usd,10.81,0.60,10.21,charge,c,,,,\n"));
        let before = shop.digest().await;
        shop.says(&format!("settlement import {bad}"))
            .fails(2, "bad.csv:5002: balance_transaction_id: `m0` is there twice, and says something else on line 2");
        assert_eq!(shop.digest().await, before);
        let good = shop.file("good.csv", &text);
        shop.does(&format!("settlement import {good}"));
        assert_eq!(shop.count("select count(*) from provider_movements").await, 5_028);
        // A record a day of charges, with one of all fees, and a record a day of payouts.
        assert_eq!(
            balances(&shop).await,
            [row(1020, "USD", 5_000 * 1_020), row(1200, "USD", -5_000 * 1_081), row(5000, "USD", 5_000 * 61)]
        );
        assert_eq!(shop.count("select count(*) from journal").await, 28 + 9);
        shop.does("check");
    })
    .await;
}

#[tokio::test]
async fn a_run_says_by_its_code_what_it_found_and_is_shown_again_byte_for_byte() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        shop.says("reconcile --through 2026-02-10").fails(2, "could not run: nothing of provider");
        let file = shop.file("payouts.csv", PAYOUTS);
        shop.does(&format!("settlement import {file} --as-of 2026-02-05"));
        // Nothing of it is in our books.
        let run = "reconcile --through 2026-02-10 --provider stripe --as-of 2026-02-11";
        let dry = shop.says(run).code(1).out;
        assert_eq!(shop.count("select count(*) from breaks").await, 0);
        for deep in ["--propose", "--apply --by Ada"] {
            let early = format!("reconcile --through 2026-02-12 --provider stripe --as-of 2026-02-11 {deep}");
            shop.says(&early).fails(2, "2026-02-12 is not over");
        }
        assert_eq!(shop.count("select count(*) from reconciliation_runs").await, 0);
        let applied = shop.says(&format!("{run} --apply --by Ada")).code(1).out;
        assert_ne!(applied, dry, "1290 has what nothing explains");
        for words in
            ["missing_here                  3, 3 open", "orphan_refund                 1, 1 open", "timing                        3"]
        {
            assert!(applied.contains(words), "{words}\n{applied}");
        }
        assert_eq!(shop.says(&format!("{run} --apply --by Ada")).code(1).out, applied);
        let id = applied.split("run rc_").nth(1).and_then(|rest| rest.get(..16)).unwrap();
        assert_eq!(shop.says(&format!("reconcile show rc_{id}")).code(1).out, applied);
        let csv = shop.says(&format!("--format csv reconcile show rc_{id}")).code(1).out;
        assert_eq!((csv.lines().count(), csv.contains("orphan_refund")), (1 + 7, true), "{csv}");
        assert_eq!(shop.says(&format!("--format csv {run}")).code(1).out, csv);
        shop.says("reconcile show rc_0").fails(4, "there is no run `rc_0`");
        // 108.24 is more than one person may give up alone.
        let rows = shop.rows("select break_id, kind from breaks where currency = 'USD' and kind = 'missing_here'").await;
        let id = &rows[0].0;
        shop.says(&format!("breaks write-off {id}")).fails(2, "--by");
        shop.says(&format!("breaks write-off {id} --by Ada --reason lost")).fails(3, "a second person must agree");
        shop.says(&format!("breaks write-off {id} --by Ada --approved-by ada --reason lost")).fails(3, "nobody approves their own");
        shop.does(&format!("breaks write-off {id} --by Ada --approved-by Ben --reason lost --as-of 2026-02-12"));
        let shown = shop.does(&format!("breaks show {id}"));
        assert!(shown.contains("written off by Ada, agreed by Ben: lost"), "{shown}");
        assert!(shown.contains("went over 1290    108.24 USD") && !shown.contains("waits on"), "{shown}");
        assert_eq!(shop.count("select cast(sum(amount_minor) as bigint) from postings where ledger_account = 5900").await, -10_824);
        shop.does("check");
    })
    .await;
}

/// R1: the payout report tells of a payout by its id, the balance pages by the id of the movement as well.
#[tokio::test]
async fn one_payout_that_two_files_name_differently_is_posted_once() {
    const PAGE: &str = r#"{"object":"list","data":[{"id":"txn_9","object":"balance_transaction","amount":-3304,"fee":0,"net":-3304,
 "currency":"usd","reporting_category":"payout","created":1770163200,"available_on":1770163200,"type":"payout","source":"po_1"}]}"#;
    on_both(async |db| {
        let shop = Shop::empty(db);
        let (report, page) = (shop.file("payouts.csv", PAYOUTS), shop.file("page.json", PAGE));
        shop.does(&format!("settlement import {report}"));
        let before = balances(&shop).await;
        let taken = shop.says(&format!("--format json settlement import {page}")).json();
        assert_eq!([&taken["files"][0]["movements"], &taken["files"][0]["known"]].map(Value::as_u64), [Some(0), Some(2)]);
        assert_eq!(balances(&shop).await, before);
        let other = shop.file("other.json", &PAGE.replace("3304", "3305"));
        // What the provider says that it is takes the place of the sum; its lines make 33.04, which is a break.
        shop.does(&format!("settlement import {other}"));
        let moved: Vec<_> =
            balances(&shop).await.into_iter().filter(|(account, currency, _)| *account == 1020 && currency == "USD").collect();
        assert_eq!(moved, [row(1020, "USD", 3_305)]);
        let said = shop.says("reconcile --through 2026-02-10 --provider stripe").code(1).out;
        assert!(said.contains("payout_unproven"), "{said}");
        shop.does("check");
    })
    .await;
}
