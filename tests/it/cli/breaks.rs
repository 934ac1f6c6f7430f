//! What becomes of breaks: stories of payouts and a bank, with amounts that were worked out by hand.

use kasacare::store::db::Sql;

use super::shop::{Shop, february};
use crate::world::on_both;

/// What stands on the ledger accounts: number, debits less credits in minor units of the one currency.
async fn balances(shop: &Shop) -> Vec<(i64, i64)> {
    const SUMS: Sql = Sql::same(
        "select ledger_account, cast(sum(amount_minor) as bigint) from postings \
         group by ledger_account having sum(amount_minor) <> 0 order by ledger_account",
    );
    let mut tx = shop.db.begin_read().await.unwrap();
    let rows = tx.fetch_all(&SUMS, &[]).await.unwrap();
    rows.iter().map(|row| (row.int_at(0).unwrap(), row.int_at(1).unwrap())).collect()
}

/// Takes lines of the bank on a day of 2026: day, amount, text.
fn bank(shop: &Shop, name: &str, taken: &str, lines: &[(&str, &str, &str)]) {
    let rows: Vec<String> = lines.iter().map(|(on, amount, text)| format!("{on},{amount},{text}\n")).collect();
    let file = shop.file(name, &format!("booked_on,amount,text\n{}", rows.concat()));
    shop.does(&format!("settlement import {file} --source bank-csv --account US1 --currency USD --as-of 2026-{taken}"));
}

fn run(through: &str, on: &str) -> String {
    format!("reconcile --through 2026-{through} --provider stripe --as-of 2026-{on}")
}

async fn the_break(shop: &Shop, kind: &str) -> String {
    let rows = shop.rows("select kind, break_id from breaks").await;
    rows.iter().find(|(known, _)| known == kind).unwrap_or_else(|| panic!("no {kind} in {rows:?}")).1.clone()
}

/// R2: somebody has given up a payout that the bank has after all.
#[tokio::test]
async fn a_booking_is_taken_back_when_its_cause_is_gone() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let sent = shop.file("sent.json", &february(&[("txn_1", "payout", -10_480, 4, "po_1")]));
        shop.does(&format!("settlement import {sent} --as-of 2026-02-05"));
        bank(&shop, "february.csv", "03-02", &[("2026-03-01", "-1.00", "Rent")]);
        shop.says(&format!("{} --apply", run("03-01", "03-02"))).code(1);
        assert_eq!(balances(&shop).await, [(1020, 10_480), (1200, -10_480)]);
        let id = the_break(&shop, "payout_not_on_bank").await;
        shop.does(&format!("breaks write-off {id} --by Ada --approved-by Ben --reason lost --as-of 2026-03-02"));
        assert_eq!(balances(&shop).await, [(1200, -10_480), (5900, 10_480)]);
        shop.does(&format!("{} --apply", run("03-02", "03-03")));
        // Its line comes late, and names it.
        bank(&shop, "march.csv", "03-04", &[("2026-03-03", "104.80", "STRIPE po_1")]);
        let dry = shop.says(&run("03-04", "03-05")).code(1).out;
        assert!(
            dry.contains(&format!("Break {id} is no more what was booked: -104.80 USD from 1290 to 5900; --apply takes it back")),
            "{dry}"
        );
        let proposed = shop.says(&format!("{} --propose", run("03-04", "03-05"))).code(1).out;
        assert_eq!((proposed, balances(&shop).await), (dry, vec![(1200, -10_480), (5900, 10_480)]));
        let applied = shop.does(&format!("{} --apply", run("03-04", "03-05")));
        assert!(applied.contains("was taken back"), "{applied}");
        assert_eq!(balances(&shop).await, [(1010, 10_480), (1200, -10_480)]);
        let shown = shop.does(&format!("breaks show {id}"));
        assert!(shown.contains("booking taken back") && shown.contains("closed itself"), "{shown}");
        let records = shop.count("select count(*) from journal").await;
        shop.does(&format!("{} --apply", run("03-04", "03-05")));
        assert_eq!(shop.count("select count(*) from journal").await, records);
        shop.does("check");
    })
    .await;
}

/// R2: a line without a payout was booked as a fee that came back; then the payout is told after all, and later it is gone to the bank again.
#[tokio::test]
async fn a_line_of_the_bank_that_was_booked_finds_its_payout() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let other = shop.file("other.json", &february(&[("txn_0", "payout", -100, 2, "po_0")]));
        shop.does(&format!("settlement import {other} --as-of 2026-02-03"));
        bank(&shop, "lines.csv", "02-07", &[("2026-02-03", "1.00", "STRIPE po_0"), ("2026-02-06", "20.00", "STRIPE po_1")]);
        shop.says(&format!("{} --apply", run("02-10", "02-11"))).code(1);
        assert_eq!(balances(&shop).await, [(1010, 100), (1200, -100)]);
        let id = the_break(&shop, "bank_line_without_payout").await;
        shop.does(&format!("breaks resolve {id} --book fee --by Ada --reason given --as-of 2026-02-11"));
        // It waits on the bank, not on its way there.
        assert_eq!(balances(&shop).await, [(1010, 2_100), (1200, -100), (5000, -2_000)]);
        let late = shop.file("late.json", &february(&[("txn_1", "payout", -2_000, 4, "po_1")]));
        shop.does(&format!("settlement import {late} --as-of 2026-02-11"));
        shop.does(&format!("{} --apply", run("02-11", "02-12")));
        assert_eq!(balances(&shop).await, [(1010, 2_100), (1200, -2_100)]);
        shop.does("check");
    })
    .await;
}

/// R3: the bank had a payout, and gave it back.
#[tokio::test]
async fn a_payout_that_the_bank_gives_back_leaves_nothing_behind() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let sent = shop.file("sent.json", &february(&[("txn_1", "payout", -10_480, 4, "po_1")]));
        shop.does(&format!("settlement import {sent} --as-of 2026-02-05"));
        bank(&shop, "in.csv", "02-06", &[("2026-02-05", "104.80", "STRIPE po_1")]);
        shop.does(&format!("{} --apply", run("02-06", "02-07")));
        assert_eq!(balances(&shop).await, [(1010, 10_480), (1200, -10_480)]);
        let back = shop.file("back.json", &february(&[("txn_2", "payout_reversal", 10_480, 8, "po_1")]));
        shop.does(&format!("settlement import {back} --as-of 2026-02-09"));
        let between = shop.does(&run("02-09", "02-10"));
        assert!(between.contains("came back, and is on the bank still"), "{between}");
        // The bank has had its days, and has not given it back.
        bank(&shop, "rent.csv", "02-21", &[("2026-02-20", "-1.00", "Rent")]);
        let overdue = shop.says(&run("02-20", "02-21")).code(1).out;
        assert!(overdue.contains("payout_unproven") && overdue.contains("-104.80 USD"), "{overdue}");
        bank(&shop, "out.csv", "02-21", &[("2026-02-09", "-104.80", "STRIPE po_1")]);
        let applied = shop.does(&format!("{} --apply", run("02-10", "02-21")));
        assert_eq!(balances(&shop).await, []);
        assert_eq!(shop.does(&format!("{} --apply", run("02-10", "02-21"))), applied);
        shop.does("check");
    })
    .await;
}

/// The same, but all of it is told at once; another payout of the same amount keeps its own line.
#[tokio::test]
async fn a_payout_that_came_back_takes_no_other_payouts_line() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let all = february(&[
            ("txn_1", "payout", -10_480, 4, "po_1"),
            ("txn_2", "payout", -10_480, 4, "po_2"),
            ("txn_3", "payout_reversal", 10_480, 6, "po_1"),
        ]);
        let file = shop.file("all.json", &all);
        shop.does(&format!("settlement import {file} --as-of 2026-02-07"));
        bank(&shop, "one.csv", "02-07", &[("2026-02-05", "104.80", "STRIPE")]);
        shop.does(&format!("{} --apply", run("02-10", "02-11")));
        let received = shop.rows("select payout_id, what from payout_receipts").await;
        assert_eq!(received, [("po_2".to_owned(), "received".to_owned())], "po_1 never was on the bank");
        assert_eq!(balances(&shop).await, [(1010, 10_480), (1200, -10_480)]);
        shop.does("check");
    })
    .await;
}

#[tokio::test]
async fn a_run_goes_forward_alone_and_within_limits() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let sent = shop.file("sent.json", &february(&[("txn_1", "payout", -10_480, 4, "po_1"), ("txn_2", "payout", -100, 4, "po_2")]));
        shop.does(&format!("settlement import {sent} --as-of 2026-02-05"));
        bank(&shop, "february.csv", "02-21", &[("2026-02-20", "-1.00", "Rent")]);
        shop.says(&format!("{} --propose", run("02-20", "02-21"))).code(1);
        // R4.
        shop.says(&format!("{} --apply", run("02-19", "02-21"))).fails(2, "stripe was reconciled through 2026-02-20 already");
        shop.says(&run("02-19", "02-21")).code(1);
        // R9: nothing is posted, and the limits hold all the same.
        let big = shop.rows("select break_id, their_id from breaks where amount_minor = 10480").await[0].0.clone();
        shop.says(&format!("breaks resolve {big} --by Ada --reason found")).fails(3, "a second person must agree");
        shop.says(&format!("breaks assign {big} --by Ada --reason knows")).fails(2, "--to");
        shop.does(&format!("breaks assign {big} --to Ben --by Ada --reason knows --as-of 2026-02-21"));
        let shown = shop.does(&format!("breaks show {big}"));
        assert!(shown.contains("assigned to Ben by Ada: knows") && shown.contains("open"), "{shown}");
        let small = shop.rows("select break_id, their_id from breaks where amount_minor = 100").await[0].0.clone();
        shop.does(&format!("breaks resolve {small} --by Ada --reason found --as-of 2026-02-21"));
        shop.does(&format!("breaks resolve {big} --by Ada --approved-by Ben --reason found --as-of 2026-02-21"));
        shop.does(&run("02-21", "02-22"));
        // R8.
        let paypal = shop.file(
            "paypal.csv",
            "transaction_id,transaction_event_code,transaction_initiation_date,transaction_amount,transaction_currency,fee_amount\n\
             1AB,T0002,2026-02-01T10:00:00+0000,9.99,USD,-0.59\n",
        );
        shop.says(&format!("settlement import {paypal}"))
            .fails(2, "this database holds the money of stripe; did you mean --provider stripe?");
        shop.does("check --as-of 2026-02-22");
        // As an older version has left it.
        let mut tx = shop.db.begin().await.unwrap();
        let second = Sql::same(
            "insert into provider_movements (provider, movement_id, occurred_at, gross_minor, fee_minor, net_minor, line_no, occurred_on, \
             currency, category, raw_category, import_id) select 'paypal', '1AB', occurred_at, 999, 0, 999, 1, occurred_on, currency, \
             'charge', 'T0002', import_id from provider_movements where movement_id = 'txn_2'",
        );
        tx.execute(&second, &[]).await.unwrap();
        tx.commit().await.unwrap();
        shop.says(&run("02-21", "02-22")).fails(2, "movements of stripe and of paypal are here");
        let said = shop.says("check --as-of 2026-02-22").code(1).out;
        assert!(said.contains("settlement_alone"), "{said}");
    })
    .await;
}
