//! Imports: all of a call's files or nothing, every bad row by name.

use std::fmt::Write as _;
use std::fs::File;
use std::process::Stdio;

use super::shop::{Shop, call, fixture, state_after};
use crate::world::on_both;

const ACCOUNTS: &str = "account_id,email,name,time_zone,currency,jurisdiction,cameras\n";
const SUBSCRIPTIONS: &str = "account_id,subscription_id,plan,camera,channel,anchor,period_number,price_version,renews,terms_version\n";

/// A shop with the example files as of their date.
fn with_examples(shop: &Shop) {
    shop.reference();
    for kind in ["accounts", "subscriptions"] {
        shop.does(&format!("import {kind} {} --as-of 2026-01-15", fixture(&format!("{kind}.csv")).display()));
    }
}

#[tokio::test]
async fn the_examples_are_taken_over_and_live_on() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        shop.reference();
        let accounts = shop.says(&format!("import accounts {} --format json --as-of 2026-01-15", fixture("accounts.csv").display())).json();
        assert_eq!(accounts["imported"], serde_json::json!({ "accounts": 20, "cameras": 50, "payment methods": 17 }));
        let path = fixture("subscriptions.csv");
        let taken = shop.does(&format!("import subscriptions {} --as-of 2026-01-15 --by olga --reason migration", path.display()));
        assert!(taken.contains("       21  subscriptions\n"), "{taken}");
        let record = "select actor, reason from journal where kind = 'take_over' group by actor, reason";
        assert_eq!(shop.rows(record).await, [("olga".to_owned(), "migration".to_owned())]);
        assert_eq!(shop.count("select count(*) from invoices").await, 0, "the present periods were paid elsewhere");
        shop.runs("2026-02-15");
        let renewed = shop.rows("select subscription_id, price_version from invoices where subscription_id = 'sub-0001'").await;
        assert_eq!(renewed, [("sub-0001".to_owned(), "v1".to_owned())], "and the next one is billed here");
        assert_eq!(shop.count("select count(*) from accounts where parked_at is not null").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_period_that_was_paid_elsewhere_is_given_back_by_an_operator() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        with_examples(&shop);
        // 2025-06-01 to 2026-06-01: 131 of 365 days unused of 99.99 USD and 8.25 % tax on it.
        let cancelled = shop.quotes_then_does("cancel acc-0001 sub-0002 --as-of 2026-01-20").await;
        assert_eq!(state_after(&cancelled, "sub-0002"), "closed");
        assert_eq!(cancelled["money"]["paid_back"], "0.00 USD", "this house has no money of that period");
        let tasks = shop.says("tasks --format json").json();
        assert_eq!((&tasks["tasks"][0]["kind"], &tasks["tasks"][0]["amount"]), (&"paid_elsewhere".into(), &"38.85 USD".into()));
        let changed = shop.quotes_then_does("change-plan acc-0003 sub-0004 plus/annual --camera cam-0003-1 --as-of 2026-01-20").await;
        assert_eq!(changed["events"].to_string().matches("\"kind\":\"paid_elsewhere\"").count(), 1, "{changed:#}");
        let wrong = "price cancel-order acc-0007 sub-0008 --by olga --reason typo --as-of 2026-01-20";
        assert_eq!(shop.quotes_then_does(wrong).await["money"]["paid_back"], "0.00 EUR");
        let breach = "terminate acc-0009 sub-0011 --breach --by olga --reason fraud --as-of 2026-01-20";
        shop.quotes_then_does(breach).await;
        shop.quotes_then_does("transfer-camera acc-0008 cam-0008-1 --as-of 2026-01-20").await;
        shop.runs("2026-01-20");
        assert_eq!(shop.count("select count(*) from accounts where parked_at is not null").await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_and_a_second_time_write_nothing() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        with_examples(&shop);
        let before = shop.digest().await;
        for (kind, file) in [("catalog", "catalog.json"), ("terms", "terms.json"), ("tax-rates", "tax_rates.csv")] {
            shop.does(&format!("import {kind} {}", fixture(file).display()));
        }
        for kind in ["accounts", "subscriptions"] {
            shop.says(&format!("import {kind} {}", fixture(&format!("{kind}.csv")).display())).fails(2, "exists already");
        }
        let more = shop.file("more.csv", &format!("{ACCOUNTS}new,n@example.com,N,Asia/Tokyo,JPY,JP,new-c1\n"));
        let said = shop.does(&format!("import accounts {more} --dry-run"));
        assert!(said.contains("nothing was written") && said.contains("1  accounts"), "{said}");
        assert_eq!(shop.digest().await, before);
    })
    .await;
}

/// Imports files that have something wrong: the exit code is 2, standard error has these lines, and nothing was written.
async fn refused(shop: &Shop, kind: &str, files: &[&str], expected: &str) {
    let before = shop.digest().await;
    let said = shop.says(&format!("import {kind} {} --as-of 2026-01-15", files.join(" "))).code(2);
    let folder = files[0].rsplit_once('/').unwrap().0;
    let found = said.err.replace(&format!("{folder}/"), "");
    assert_eq!(found, format!("error: nothing was imported\n{expected}\n"));
    assert_eq!(shop.digest().await, before, "something was written");
}

#[tokio::test]
async fn every_bad_account_is_named() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let row = |id: &str, zone: &str, jurisdiction: &str, cameras: &str| {
            format!("{id},{id}@example.com,N,{zone},USD,{jurisdiction},{cameras}\n")
        };
        let one = [
            row("new-1", "Asia/Tokyo", "JP", "new-c1"),
            row("us", "Asia/Tokyo", "JP", "new-c2"),
            row("new-2", "Mars/Olympus", "JP", "new-c3"),
            row("new-3", "Asia/Tokyo", "XX", "de-c1;new-c4"),
            row("new-1", "Asia/Tokyo", "JP", ""),
        ];
        let one = shop.file("one.csv", &format!("{ACCOUNTS}{}", one.concat()));
        let two = shop.file("two.csv", &format!("{ACCOUNTS}{}", row("new-1", "Asia/Tokyo", "JP", "new-c1")));
        let expected = "one.csv:4: time_zone: must be an IANA time zone, like Europe/Berlin
one.csv:6: account_id: `new-1` is there twice, first on line 2
one.csv:3: account_id: account `us` exists already
one.csv:5: cameras: camera `de-c1` belongs to account `de`
one.csv:5: jurisdiction: no tax rate of jurisdiction `XX` is known
two.csv:2: account_id: account `new-1` exists already
two.csv:2: cameras: camera `new-c1` belongs to account `new-1`";
        refused(&shop, "accounts", &[&one, &two], expected).await;
    })
    .await;
}

#[tokio::test]
async fn every_bad_subscription_is_named() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let rows = "\
us,sub-1,plus/annual,us-c1,direct,2025-06-01,0,v1,yes,2025-01
nobody,sub-2,plus/annual,c,direct,2025-06-01,0,v1,yes,2025-01
us,sub-3,gold/annual,us-c2,direct,2025-06-01,0,v1,yes,2025-01
us,sub-4,plus/annual,de-c1,direct,2025-06-01,0,v1,yes,2025-01
us,sub-5,plus/annual,,direct,2025-06-01,0,v1,yes,2025-01
us,sub-6,plus/annual,us-c3,direct,2025-06-01,0,v9,yes,2025-01
jp,sub-7,plus/annual,jp-c2,direct,2025-06-01,0,v1,yes,1999
kw,sub-8,plus/annual,kw-c2,direct,2026-02-01,0,v1,yes,2025-01
de,sub-x,premium/annual,,direct,2025-06-01,0,v1,yes,2025-01
de,sub-9,plus/annual,de-c2,recurly,2025-06-01,0,v1,yes,2025-01
late,us-s1,plus/annual,late-c2,direct,2025-06-01,0,v1,yes,2025-01
late,sub-10,plus/annual,late-c3,direct,2025-06-01,0,v1,maybe,2025-01
bare,sub-11,plus/annual,bare-c1,direct,2024-06-01,0,v1,yes,2025-01
";
        let one = shop.file("one.csv", &format!("{SUBSCRIPTIONS}{rows}"));
        let two = shop.file("two.csv", &format!("{SUBSCRIPTIONS}jp,sub-1,plus/annual,jp-c1,direct,2025-06-01,0,v1,no,2025-01\n"));
        let expected = "one.csv:13: renews: must be yes or no
one.csv:3: account_id: no account `nobody` is known
one.csv:4: plan: the catalog has no plan `gold/annual`
one.csv:5: camera: camera de-c1 does not belong to the account
one.csv:6: camera: `plus` covers one camera: name it
one.csv:7: price_version: price version `v9` has no price for plus/annual in USD; import a catalog that has one
one.csv:8: terms_version: terms version `1999` is not known; import it
one.csv:9: period_start: the present period of `sub-8` begins on 2026-02-01, which is yet to come
one.csv:11: account_id: the account already has sub-x, which covers all its cameras
one.csv:12: subscription_id: ids that end in -s and a number are for the subscriptions of account `us`
one.csv:14: price_version: price version v1 is in force from 2025-01-01 on, and the period begins on 2024-06-01 (PR-1)
one.csv:2: subscription_id: subscription `sub-1` exists already
two.csv:2: subscription_id: subscription `sub-1` exists already";
        refused(&shop, "subscriptions", &[&one, &two], expected).await;
    })
    .await;
}

/// MO-2: 8.25 % was charged from 1 February; a rate from 15 January on would make that wrong.
#[tokio::test]
async fn a_tax_rate_is_not_dated_back_over_what_was_billed() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-02-01");
        shop.runs("2026-02-01");
        let late = shop.file("late.csv", "jurisdiction,valid_from,rate\nDE,2026-01-15,0.20\nUS-CA,2026-01-15,0.09\n");
        let expected = "late.csv:3: valid_from: periods from 2026-02-01 on were billed at another rate: date it after the last of them, and put \
                        those that were wrong right with `kasacare correct` (CO)";
        refused(&shop, "tax-rates", &[&late], expected).await;
        let next = shop.file("next.csv", "jurisdiction,valid_from,rate\nDE,2026-01-15,0.20\nUS-CA,2026-02-02,0.09\n");
        shop.does(&format!("import tax-rates {next}"));
        shop.runs("2026-03-01");
        // 9.99 x 0.09 = 0.8991.
        assert!(shop.does("explain in_us-s1_1_1").contains("10.89 USD"));
        shop.does("check --as-of 2026-03-01");
    })
    .await;
}

#[tokio::test]
async fn what_is_stored_never_changes() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let rates = "jurisdiction,valid_from,rate\nDE,2027-01-01,0.20\nDE,2021-01-01,0.16\n";
        let rates = shop.file("rates.csv", rates);
        refused(&shop, "tax-rates", &[&rates], "rates.csv:3: rate: is stored as 0.19, and what is stored never changes").await;
        let terms = shop.file("terms.json", "{\"version\": \"2025-01\", \"notice_days\": 10}");
        let expected = "terms.json: terms version `2025-01` is stored already with another notice_days; what is stored never changes, use a new name";
        refused(&shop, "terms", &[&terms], expected).await;
        let header = "version,effective_from,tier,cycle,currency,amount\n";
        let prices = "v2,2026-09-01,plus,monthly,USD,10.99\nv1,2025-01-01,plus,monthly,USD,8.99\nv3,2025-01-01,plus,annual,USD,8.99\nv4,2027-01-01,gold,annual,USD,8.99\n";
        let prices = shop.file("prices.csv", &format!("{header}{prices}"));
        let before = shop.digest().await;
        let said = shop.says(&format!("import catalog {prices}")).code(2);
        for part in [
            "prices.csv:3: amount: price version `v1` is stored already with another price of plus/monthly in USD",
            "prices.csv:4: effective_from: version v1 prices plus/annual in USD from 2025-01-01 on already",
            "prices.csv:5: tier: no tier `gold` is known",
        ] {
            assert!(said.err.contains(part), "no `{part}` in\n{}", said.err);
        }
        assert_eq!(shop.digest().await, before);
        let good = shop.file("good.csv", &format!("{header}v2,2026-09-01,plus,monthly,USD,10.99\n"));
        shop.does(&format!("import catalog {good}"));
        let catalog = std::fs::read_to_string(fixture("catalog.json")).unwrap().replace("\"KASA\"", "\"OTHER\"");
        let catalog = shop.file("catalog.json", &catalog);
        refused(&shop, "catalog", &[&catalog], "catalog.json: catalog `KASA` is stored already with another seller; what is stored never changes, use a new name").await;
        let catalog = std::fs::read_to_string(fixture("catalog.json")).unwrap().replace("\"cameras_max\": 10", "\"cameras_max\": 1000");
        let catalog = shop.file("catalog.json", &catalog);
        refused(&shop, "catalog", &[&catalog], "catalog.json: tier `premium` is stored already with another cameras_max; what is stored never changes, use a new name").await;
        let catalog = std::fs::read_to_string(fixture("catalog.json")).unwrap().replacen("9.99 USD", "8.99 USD", 1);
        let catalog = shop.file("catalog.json", &catalog);
        let expected = "catalog.json: versions[0].prices[0].amount: price version `v1` is stored already with another price of plus/monthly in USD; what is stored never changes, use a new name";
        refused(&shop, "catalog", &[&catalog], expected).await;
        // The row itself, and not the first of its version.
        let second = shop.file("second.csv", &format!("{header}v1,2025-01-01,plus,annual,USD,99.99\nv1,2025-01-01,plus,monthly,USD,8.99\n"));
        refused(&shop, "catalog", &[&second], "second.csv:3: amount: price version `v1` is stored already with another price of plus/monthly in USD; what is stored never changes, use a new name").await;
        let francs = shop.file("francs.csv", &format!("{header}v1,2025-01-01,plus,annual,CHF,8.99\n"));
        refused(&shop, "catalog", &[&francs], "francs.csv:2: amount: price version `v1` is stored already with another set of prices (without plus/annual in CHF); what is stored never changes, use a new name").await;
    })
    .await;
}

#[tokio::test]
async fn files_come_in_every_form() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let json = r#"{"account_id":"j-1","email":"j@example.com","name":"J","time_zone":"Asia/Tokyo","currency":"JPY","jurisdiction":"JP","cameras":["j-c1"]}"#;
        let lines = shop.file("a.jsonl", json);
        let array = shop.file("b.json", &format!("[{}]", json.replace("j-", "k-")));
        shop.does(&format!("import accounts {lines} {array}"));
        let csv = shop.file("accounts", &format!("{ACCOUNTS}c-1,c@example.com,C,Asia/Tokyo,JPY,JP,\n"));
        shop.says(&format!("import accounts {csv}")).fails(2, "does not say whether it is csv or json");
        let input = || Stdio::from(File::open(&csv).unwrap());
        call(shop.db.url(), &["import", "accounts", "-", "--input-format", "csv"], input()).ok();
        call(shop.db.url(), &["import", "accounts", "-", "--input-format", "csv"], input()).fails(2, "standard input:2: account_id");
        call(shop.db.url(), &["import", "accounts", "-", "-", "--input-format", "csv"], input()).fails(2, "read only once");
        shop.says("import accounts /no/such/file.csv").fails(2, "cannot open /no/such/file.csv");
        shop.says("import accounts /").fails(2, "does not say");
        let empty = shop.file("empty.csv", ACCOUNTS);
        assert!(shop.does(&format!("import accounts {empty}")).contains("the files have no rows"), "no rows are no error");
        assert_eq!(shop.count("select count(*) from accounts where account_id in ('j-1', 'k-1', 'c-1')").await, 3);
    })
    .await;
}

/// More rows than a chunk, of which accounts with several subscriptions are torn apart by chunks; a bad row at the very end undoes all.
#[tokio::test]
async fn many_chunks_are_one_import() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        shop.reference();
        let (mut accounts, mut first, mut second) = (ACCOUNTS.to_owned(), SUBSCRIPTIONS.to_owned(), String::new());
        for number in 0..4_500 {
            let _ = writeln!(accounts, "m{number},m{number}@example.com,M,Asia/Tokyo,JPY,JP,m{number}a;m{number}b");
            let _ = writeln!(first, "m{number},old-{number}-a,plus/monthly,m{number}a,direct,2025-12-31,0,v1,yes,2025-01");
            let _ = writeln!(second, "m{number},old-{number}-b,plus/annual,m{number}b,direct,2025-02-28,0,v1,no,2025-01");
        }
        let accounts_file = shop.file("accounts.csv", &accounts);
        shop.does(&format!("import accounts {accounts_file}"));
        let bad = shop.file("bad.csv", &format!("{first}{second}m0,old-x,plus/monthly,m0a,direct,2025-12-31,0,v1,yes,2025-01\n"));
        let before = shop.digest().await;
        shop.says(&format!("import subscriptions {bad} --as-of 2026-01-15")).fails(2, "bad.csv:9002: camera");
        assert_eq!(shop.digest().await, before);
        let good = shop.file("good.csv", &format!("{first}{second}"));
        let said = shop.does(&format!("import subscriptions {good} --as-of 2026-01-15"));
        assert!(said.contains("9000  subscriptions") && said.contains("4500  of them ending"), "{said}");
        assert_eq!(shop.count("select count(*) from journal where kind = 'take_over'").await, 9_000);
        let chain = "select count(*) from accounts a where not exists (select 1 from journal j \
                     where j.account_id = a.account_id and j.seq = a.journal_seq and j.hash = a.journal_hash)";
        assert_eq!(shop.count(chain).await, 0);
    })
    .await;
}
