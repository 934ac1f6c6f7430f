//! What comes late: for a closed month, after a run, or after somebody has decided about a break. Amounts were worked out by hand.

use chrono::NaiveDate;
use kasacare::store::db::{Kind, Sql};

use super::shop::{Shop, balance_transaction};
use crate::world::on_both;

/// A file of balance transactions: id, category, minor units, day, the payout or refund.
fn told(shop: &Shop, name: &str, on: &str, movements: &[(&str, &str, i64, &str, &str)]) {
    let movement = |(id, category, minor, day, source): &(&str, &str, i64, &str, &str)| {
        let created = day.parse::<NaiveDate>().unwrap().and_hms_opt(10, 0, 0).unwrap().and_utc().timestamp();
        balance_transaction(id, category, *minor, created, source)
    };
    let file = shop.file(name, &format!("[{}]", movements.iter().map(movement).collect::<Vec<_>>().join(",")));
    shop.does(&format!("settlement import {file} --as-of {on}"));
}

/// A line of the bank: day, amount, text.
fn bank(shop: &Shop, name: &str, on: &str, line: &str) {
    let file = shop.file(name, &format!("booked_on,amount,text\n{line}\n"));
    shop.does(&format!("settlement import {file} --source bank-csv --account US1 --currency USD --as-of {on}"));
}

fn reconcile(shop: &Shop, through: &str, how: &str, on: &str) -> String {
    shop.says(&format!("reconcile --through {through} --provider stripe {how} --as-of {on}")).out
}

/// What stands on an account by the end of a day, in minor units.
async fn balance(shop: &Shop, account: i64, by: &str) -> i64 {
    let days = "select cast(ledger_account as text) || ' ' || cast(effective_on as text), cast(cast(sum(amount_minor) as bigint) as text) \
                from postings group by ledger_account, effective_on";
    let rows = shop.rows(days).await;
    let counts = |key: &str| key.split_once(' ').is_some_and(|(number, on)| number == account.to_string() && on <= by);
    rows.iter().filter(|(key, _)| counts(key)).map(|(_, minor)| minor.parse::<i64>().unwrap()).sum()
}

const BY: &str = "--by Olga --reason month-end";

/// 44.50 paid out and received in January, and three months closed; then 500.00 of 20 February are told.
fn closed_and_late(shop: &Shop, is_reconciled: bool) {
    told(shop, "january.json", "2026-01-31", &[("txn_1", "payout", -4_450, "2026-01-10", "po_1")]);
    bank(shop, "january.csv", "2026-01-31", "2026-01-12,44.50,STRIPE po_1");
    if is_reconciled {
        reconcile(shop, "2026-03-31", "--apply", "2026-04-01");
    }
    let unreconciled = if is_reconciled { "" } else { "--unreconciled" };
    for month in ["2026-01", "2026-02", "2026-03"] {
        shop.does(&format!("close --month {month} {BY} {unreconciled} --as-of 2026-04-02"));
    }
    told(shop, "late.json", "2026-04-05", &[("txn_2", "payout", -50_000, "2026-02-20", "po_2")]);
    bank(shop, "late.csv", "2026-04-05", "2026-02-23,500.00,STRIPE po_2");
}

#[tokio::test]
async fn what_is_late_for_a_closed_month_is_a_line_of_its_report() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        closed_and_late(&shop, false);
        assert_eq!([balance(&shop, 1200, "2026-03-31").await, balance(&shop, 1200, "2026-04-01").await], [-4_450, -54_450]);
        reconcile(&shop, "2026-08-31", "--propose", "2026-09-01");
        // The run has the payout on its own day, the books have it on the first day that was open.
        let csv = shop.does("report reconciliation --as-of 2026-02-28 --currency USD --format csv");
        for line in
            ["1200 at the end,-544.50", "\"of it posted later, as the month was closed\",-500.00", "1200 by the trial balance,-44.50"]
        {
            assert!(csv.contains(line), "{line}\n{csv}");
        }
        let april = shop.does("report reconciliation --as-of 2026-04-30 --currency USD --format csv");
        assert!(april.contains("\"of it posted later, as the month was closed\",0.00"), "{april}");
        // A month that is opened again can be closed again.
        shop.does(&format!("close --reopen {BY} --as-of 2026-09-02"));
        shop.does(&format!("close --month 2026-03 {BY} --as-of 2026-09-02"));
        let out = shop.path("pack");
        shop.does(&format!("report pack --month 2026-02 --out {}", out.display()));
    })
    .await;
}

#[tokio::test]
async fn a_month_is_not_reconciled_by_a_run_that_came_before_its_rows() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        closed_and_late(&shop, true);
        shop.does(&format!("close --reopen {BY} --as-of 2026-04-06"));
        let quote = "close --month 2026-03 --quote --as-of 2026-04-06";
        let open = shop.says(quote).code(1).out;
        // The movement, its payout, and the line of the bank.
        assert!(open.contains("stripe before 3 rows of days through 2026-03-31 were imported; reconcile"), "{open}");
        reconcile(&shop, "2026-03-31", "--apply", "2026-04-07");
        shop.does("close --month 2026-03 --quote --as-of 2026-04-08");
        // What is of later days says nothing about March.
        told(&shop, "april.json", "2026-04-09", &[("txn_3", "payout", -100, "2026-04-08", "po_3")]);
        shop.does("close --month 2026-03 --quote --as-of 2026-04-09");
    })
    .await;
}

/// A payout is given up in June, and its line of March is told afterwards.
#[tokio::test]
async fn a_booking_is_not_taken_back_before_it_was_made() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told(&shop, "sent.json", "2026-02-05", &[("txn_1", "payout", -2_287, "2026-02-04", "po_1")]);
        bank(&shop, "rent.csv", "2026-03-02", "2026-03-01,-1.00,Rent");
        reconcile(&shop, "2026-03-01", "--propose", "2026-03-02");
        let rows = shop.rows("select kind, break_id from breaks").await;
        let id = &rows[0].1;
        assert_eq!((rows.len(), rows[0].0.as_str()), (1, "payout_not_on_bank"));
        shop.does(&format!("breaks write-off {id} --by Ada --reason lost --as-of 2026-06-15"));
        assert_eq!([balance(&shop, 1020, "2026-06-14").await, balance(&shop, 5900, "2026-06-15").await], [2_287, 2_287]);
        bank(&shop, "late.csv", "2026-06-20", "2026-03-03,22.87,STRIPE po_1");
        let applied = reconcile(&shop, "2026-03-31", "--apply", "2026-06-20");
        assert!(applied.contains("was taken back"), "{applied}");
        for by in ["2026-03-31", "2026-06-14", "2026-06-15"] {
            let found = [balance(&shop, 1020, by).await, balance(&shop, 1290, by).await, balance(&shop, 5900, by).await];
            assert_eq!(found, [0; 3], "{by}");
        }
        assert_eq!(balance(&shop, 1010, "2026-03-03").await, 2_287);
        shop.does("check");
    })
    .await;
}

/// A refund of theirs that nobody knows: set aside through March, given up in June.
#[tokio::test]
async fn what_waits_on_1290_is_told_as_it_stood_on_the_day() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told(&shop, "refund.json", "2026-02-11", &[("txn_1", "refund", -2_000, "2026-02-10", "re_1")]);
        reconcile(&shop, "2026-03-31", "--apply", "2026-04-01");
        let rows = shop.rows("select kind, break_id from breaks").await;
        let id = &rows[0].1;
        let shows = |as_of: &str| {
            let csv = shop.does(&format!("report reconciliation --as-of {as_of} --currency USD --format csv"));
            csv.lines().find(|line| line.contains(id.as_str())).map(|line| line.split(',').skip(4).take(5).collect::<Vec<_>>().join(","))
        };
        // Set aside on 31 March: 1200 has 20.00 less, 1290 has them in debit.
        assert_eq!([balance(&shop, 1200, "2026-03-31").await, balance(&shop, 1290, "2026-03-31").await], [-2_000, 2_000]);
        assert_eq!(shows("2026-02-28").as_deref(), Some("open,2026-02-10,18,20.00,0.00"));
        assert_eq!(shows("2026-03-31").as_deref(), Some("open,2026-02-10,49,20.00,20.00"));
        shop.does(&format!("breaks write-off {id} --by Ada --reason lost --as-of 2026-06-15"));
        assert_eq!(shows("2026-02-28"), None, "it waits no more, and nothing stood on 1290");
        assert_eq!(shows("2026-03-31").as_deref(), Some("written_off,2026-02-10,49,20.00,20.00"));
        assert_eq!(shows("2026-06-30"), None);
        // A run that no longer has the break puts the money back in June; until then it stood there under a break of no run.
        told(&shop, "payout.json", "2026-06-19", &[("txn_2", "payout", -100, "2026-04-30", "po_1")]);
        let mut tx = shop.db.begin().await.unwrap();
        let guard = match shop.db.kind() {
            Kind::Sqlite => Sql::same("drop trigger provider_movements_refuses_update"),
            Kind::Postgres => Sql::same("drop trigger provider_movements_are_append_only on provider_movements"),
        };
        tx.execute(&guard, &[]).await.unwrap();
        let gone = Sql::same("update provider_movements set occurred_on = '2026-12-31' where movement_id = 'txn_1'");
        assert_eq!(tx.execute(&gone, &[]).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let applied = reconcile(&shop, "2026-04-30", "--apply", "2026-06-20");
        assert!(applied.contains("was taken back"), "{applied}");
        assert_eq!([balance(&shop, 1290, "2026-06-14").await, balance(&shop, 1290, "2026-06-15").await], [2_000, 0]);
        assert_eq!([balance(&shop, 1200, "2026-06-14").await, balance(&shop, 1200, "2026-06-15").await], [-2_100, -100]);
        assert_eq!(balance(&shop, 5900, "2026-06-15").await, 0);
        assert_eq!(shows("2026-04-30").as_deref(), Some("resolved,2026-02-10,79,20.00,20.00"));
    })
    .await;
}

#[tokio::test]
async fn whoever_gets_a_break_is_named() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        told(&shop, "refund.json", "2026-02-11", &[("txn_1", "refund", -2_000, "2026-02-10", "re_1")]);
        reconcile(&shop, "2026-03-31", "--propose", "2026-04-01");
        let id = &shop.rows("select break_id, kind from breaks").await[0].0;
        let said = shop.does(&format!("breaks assign {id} --to Ben --by Ada --reason knows"));
        assert_eq!(said, format!("Break {id} is open and assigned to Ben.\n"));
    })
    .await;
}
