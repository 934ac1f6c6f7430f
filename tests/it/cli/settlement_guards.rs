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

/// 97.00 paid out on 4 February, and told on 10 March.
fn told_in_march(shop: &Shop) {
    let file = shop.file("1.csv", &[HEAD, FIRST].concat());
    shop.does(&format!("settlement import {file} --as-of 2026-03-10"));
}

fn run(how: &str) -> String {
    format!("reconcile --through 2026-02-10 --provider stripe {how}")
}

/// Reports cut the books off at the instant of a run: fees that were posted after it would not be in 1200.
#[tokio::test]
async fn a_run_is_not_dated_before_what_it_reads() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told_in_march(&shop);
        let before = shop.digest().await;
        for how in ["--propose", "--apply --by Ada"] {
            let said = shop.says(&run(&format!("{how} --as-of 2026-03-09"))).code(2).err;
            let words = "a file or page of stripe or of a bank was last taken at 2026-03-10 23:59:59.999999 UTC, and 2026-03-09 23:59:59.999999 UTC \
                         lies before that day: what was reported of it would change; take --as-of 2026-03-10 or later";
            assert!(said.contains(words), "{said}");
        }
        // What only looks may look at any day.
        shop.says(&run("--as-of 2026-03-09")).code(1);
        assert_eq!(shop.digest().await, before);
        // On the same day it counts as made right after.
        shop.says(&run("--apply --by Ada --as-of 2026-03-10T08:00:00Z")).code(1);
        let runs = shop.says("reconcile list --format json").json();
        assert_eq!(runs["runs"][0]["at"], "2026-03-10T23:59:59.999999Z");
        // 97.00 paid out, a fee of 3.00, and the charge of 100.00 that nobody knows is set aside.
        let csv = shop.does("report reconciliation --as-of 2026-02-28 --currency USD --format csv");
        assert!(csv.contains("1200 at the end,0.00") && csv.contains("1200 by the trial balance,0.00"), "{csv}");
    })
    .await;
}

#[tokio::test]
async fn nothing_comes_into_a_providers_book_before_its_last_record_or_a_run() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told_in_march(&shop);
        let two = shop.file("2.csv", &[HEAD, SECOND].concat());
        let before = shop.digest().await;
        shop.says(&format!("settlement import {two} --as-of 2026-03-09"))
            .fails(2, "the book of stripe was last written at 2026-03-10 23:59:59.999999 UTC, and 2026-03-09");
        assert_eq!(shop.digest().await, before);
        // A line of the bank posts nothing, and a run that has not seen it comes before it.
        shop.says(&run("--propose --as-of 2026-03-12")).code(1);
        let bank = shop.file("bank.csv", "booked_on,amount,text\n2026-02-05,97.00,STRIPE po_1\n");
        let bank = format!("settlement import {bank} --source bank-csv --account US1 --currency USD");
        shop.says(&format!("{bank} --as-of 2026-03-11")).fails(2, "take --as-of 2026-03-12 or later");
        shop.does(&format!("{bank} --as-of 2026-03-12"));
    })
    .await;
}

#[tokio::test]
async fn nobody_acts_on_a_break_before_it_was_there() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told_in_march(&shop);
        shop.says(&run("--propose --as-of 2026-03-12")).code(1);
        let (id, kind) = shop.rows("select break_id, kind from breaks where kind = 'missing_here'").await.remove(0);
        assert_eq!(kind, "missing_here");
        let before = shop.digest().await;
        let by = "--by Ada --approved-by Ben --reason lost --as-of";
        for (act, on) in [("write-off", "2020-01-01"), ("explain", "2026-01-31"), ("resolve", "2026-03-11")] {
            let words =
                format!("is there since 2026-02-01 and was last touched on 2026-03-12, which {on} lies before: take --as-of 2026-03-12");
            shop.says(&format!("breaks {act} {id} {by} {on}")).fails(3, &words);
        }
        assert_eq!(shop.digest().await, before);
        shop.does(&format!("breaks write-off {id} {by} 2026-03-12"));
    })
    .await;
}

/// F17: nothing is booked in a year that has not come, but where money is simulated, and time with it.
#[tokio::test]
async fn nothing_is_booked_ahead_of_today() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told_in_march(&shop);
        shop.says(&run("--propose --as-of 2026-03-12")).code(1);
        let (id, _) = shop.rows("select break_id, kind from breaks").await.remove(0);
        let two = shop.file("2.csv", &[HEAD, SECOND].concat());
        let before = shop.digest().await;
        let far = "--as-of 9000-01-01";
        for line in [
            format!("breaks write-off {id} --by Ada --approved-by Ben --reason lost {far}"),
            format!("breaks explain {id} --by Ada --reason late {far}"),
            format!("reconcile --through 8999-06-30 --provider stripe --apply {far}"),
            format!("settlement import {two} {far}"),
        ] {
            shop.says(&line).fails(2, "--as-of: 9000-01-01 23:59:59 UTC lies in the future, for which nothing is booked (F17)");
        }
        assert_eq!(shop.digest().await, before);
    })
    .await;
}

#[tokio::test]
async fn where_money_is_simulated_time_is_as_well() {
    on_both(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-02-01");
        shop.runs("2026-02-01");
        let sent = |number: u32| february(&[(&format!("txn_{number}"), "payout", -1_000, 4, &format!("po_{number}"))]);
        let (one, two) = (shop.file("1.json", &sent(1)), shop.file("2.json", &sent(2)));
        shop.does(&format!("settlement import {one} --provider simulated --as-of 2026-02-05"));
        // Not before what customers' books have.
        shop.runs("2026-03-02");
        let run = "reconcile --through 2026-02-10 --provider simulated --propose --as-of";
        shop.says(&format!("{run} 2026-03-01")).fails(2, "which the run reads: take --as-of 2026-03-02 or later");
        shop.does(&format!("settlement import {two} --provider simulated --as-of 2090-01-01"));
        shop.says(&format!("{run} 2090-01-01")).code(1);
    })
    .await;
}

/// A row of the year 2126 would be posted there, and reports would go to that day.
#[tokio::test]
async fn rows_of_days_that_lie_ahead_are_refused_by_row_and_column() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let before = shop.digest().await;
        let moved = FIRST.replace("2026-02-01 10", "2126-02-01 10");
        for (name, row, problem) in [
            ("moved.csv", &moved, "moved.csv:3: created_utc: 2126-02-01 lies more than 2 days ahead of the import"),
            ("later.csv", &FIRST.replace("2026-02-01 10", "2026-02-08 10"), "later.csv:3: created_utc: 2026-02-08 lies more than 2 days"),
            (
                "arrives.csv",
                &FIRST.replace("2026-02-04", "9998-02-04").replace("po_1", "po_9"),
                "arrives.csv:3: automatic_payout_effective_at: 9998-02-04 lies more than 60 days ahead of the import",
            ),
            (
                "cut.csv",
                &FIRST.replace("2026-02-04", "2026-02-04xyz"),
                "cut.csv:3: automatic_payout_effective_at: `2026-02-04xyz` must be a date, YYYY-MM-DD",
            ),
        ] {
            let file = shop.file(name, &[HEAD, SECOND, row].concat());
            shop.says(&format!("settlement import {file} --as-of 2026-02-05")).fails(2, problem);
        }
        let bank = shop.file("bank.csv", "booked_on,amount,text\n2126-02-05,97.00,STRIPE po_1\n");
        shop.says(&format!("settlement import {bank} --source bank-csv --account US1 --currency USD --as-of 2026-02-05"))
            .fails(2, "bank.csv:2: booked_on: 2126-02-05 lies more than 2 days ahead of the import");
        assert_eq!(shop.digest().await, before);
        // Where days begin earlier it may be 7 February by then.
        let near = shop.file("near.csv", &[HEAD, &FIRST.replace("2026-02-01 10", "2026-02-07 10")].concat());
        shop.does(&format!("settlement import {near} --as-of 2026-02-05"));
        // The day is what a row says, as its amount is.
        let other = shop.file("other.csv", &[HEAD, FIRST].concat());
        shop.says(&format!("settlement import {other} --as-of 2026-02-05"))
            .fails(2, "other.csv:2: id: movement `txn_1` is stored already, with another amount, category, date or payout");
    })
    .await;
}

/// An element has the length of a record, and a list that of a file.
#[tokio::test]
async fn a_list_is_as_long_as_it_is_and_an_element_is_not() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let ids: Vec<(String, String)> = (0..4_000).map(|number| (format!("txn_{number}"), format!("ch_{number}"))).collect();
        let movements: Vec<_> = ids.iter().map(|(id, source)| (id.as_str(), "charge", 100, 1, source.as_str())).collect();
        let page = february(&movements);
        assert!(page.len() > 700_000, "{}", page.len());
        let taken = shop.says(&format!("--format json settlement import {} --as-of 2026-02-05", shop.file("long.json", &page))).json();
        assert_eq!(taken["files"][0]["movements"], 4_000);
        let wide = page.replacen("\"fee\":0", &format!("\"fee\":0,\"description\":\"{}\"", "x".repeat(700_000)), 1);
        shop.says(&format!("settlement import {} --as-of 2026-02-05", shop.file("wide.json", &wide)))
            .fails(2, "the row is longer than 65536 bytes");
    })
    .await;
}

#[tokio::test]
async fn what_contradicts_a_row_of_the_same_file_is_told_as_that() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let twice = february(&[("txn_1", "charge", 100, 1, "ch_1"), ("txn_1", "charge", 200, 1, "ch_1")]);
        shop.says(&format!("settlement import {} --as-of 2026-02-05", shop.file("twice.json", &twice)))
            .fails(2, "id: movement `txn_1` occurs twice in this file, with another amount, category, date or payout");
        shop.does(&format!(
            "settlement import {} --as-of 2026-02-05",
            shop.file("1.json", &february(&[("txn_1", "charge", 100, 1, "ch_1")]))
        ));
        shop.says(&format!(
            "settlement import {} --as-of 2026-02-05",
            shop.file("2.json", &february(&[("txn_1", "charge", 200, 1, "ch_1")]))
        ))
        .fails(2, "id: movement `txn_1` is stored already");
    })
    .await;
}
