//! Closing months: the checklist, the seal, what the database then refuses, and opening the last one again.

use kasacare::domain::settlement::booking::{Booking, FeeOf};
use kasacare::store::closings::{self, Act};
use kasacare::store::db::{DbError, Sql};
use kasacare::store::settlement::{Book, Posted};
use serde_json::Value;

use crate::cli::shop::kasacare;
use crate::world::town::{CALIFORNIA, OREGON, Town, day, noon};
use crate::world::{TestDb, on_both};

/// No provider is asked here.
const BY: &str = "--by Olga --reason month-end --unreconciled";

/// A town with a subscription since January, whose jobs have run through 10 March.
async fn lived(db: &TestDb) -> Town {
    let town = Town::on(db).await;
    let id = town.move_in("a", CALIFORNIA, "tok_ok").await;
    town.subscribe("2026-01-10", &id, "plus/annual").await;
    town.run_daily("2026-01-31", "2026-03-10").await;
    town
}

/// One entry of the books as SQL, dated as `$1`.
const POST: Sql = Sql::same(
    "insert into postings (account_id, seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency, subscription_id, invoice_id) \
     select account_id, seq, leg_no + 50, event_no, ledger_account, $1, amount_minor, currency, subscription_id, invoice_id \
     from postings where account_id = 'a' and seq = (select min(seq) from postings where account_id = 'a')",
);

async fn posts(db: &TestDb, on: &str) -> Result<u64, DbError> {
    let mut tx = db.begin().await.unwrap();
    let posted = tx.execute(&POST, &kasacare::values![day(on)]).await;
    tx.rollback().await.unwrap();
    posted
}

#[tokio::test]
async fn a_closed_month_takes_nothing_until_it_is_opened_again() {
    on_both(async |db| {
        lived(&db).await;
        let says = |line: &str| kasacare(db.url(), line);
        let as_of = "--as-of 2026-03-10";
        assert!(posts(&db, "2026-01-31").await.is_ok(), "it is open");
        // The checklist changes nothing.
        let quoted = says(&format!("close --month 2026-01 --quote --unreconciled {as_of} --format json")).json();
        assert_eq!(quoted["can_be_closed"], true, "{quoted}");
        let names: Vec<&str> = quoted["checklist"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["invariants", "recognition", "tie_outs", "reconciled", "breaks", "clearing"]);
        assert!(says("close list").ok().contains("No month was closed"));
        // February waits for January.
        says(&format!("close --month 2026-02 {BY} {as_of}")).fails(3, "2026-01 has entries and is open");
        let closed = says(&format!("close --month 2026-01 {BY} {as_of} --format json")).json();
        assert_eq!((&closed["act"], &closed["by"], &closed["closed_through"]), (&"closed".into(), &"Olga".into(), &"2026-01-31".into()));
        assert_eq!(closed["digest"], quoted["seal"]["digest"]);
        says(&format!("close --month 2026-01 {BY} {as_of}")).fails(3, "2026-01 is closed already");
        says(&format!("close --month 2026-02 {BY} {as_of}")).ok();
        // Nothing is posted into it, whoever asks.
        for on in ["2026-01-31", "2026-02-28", "2025-12-31"] {
            match posts(&db, on).await {
                Err(DbError::ClosedMonth { .. }) => {}
                other => panic!("{on}: {other:?}"),
            }
        }
        assert!(posts(&db, "2026-03-01").await.is_ok());
        says("check").ok();
        // Only the last one can be opened again.
        says(&format!("close --reopen --month 2026-01 {BY} {as_of}")).fails(3, "that is 2026-02, not 2026-01");
        says(&format!("close --reopen --by Olga {as_of}")).fails(2, "--reason");
        let reopened = says(&format!("close --reopen --month 2026-02 {BY} {as_of} --format json")).json();
        assert_eq!((&reopened["act"], &reopened["closed_through"]), (&"reopened".into(), &"2026-01-31".into()));
        assert!(posts(&db, "2026-02-28").await.is_ok() && posts(&db, "2026-01-31").await.is_err());
        says("check").ok();
        let acts = says("close list --format json").json();
        let acts: Vec<String> = acts.as_array().unwrap().iter().map(|act| format!("{} {}", text(act, "month"), text(act, "act"))).collect();
        assert_eq!(acts, ["2026-01 closed", "2026-02 closed", "2026-02 reopened"]);
        says(&format!("close --reopen {BY} {as_of}")).ok();
        says(&format!("close --reopen {BY} {as_of}")).fails(3, "no month is closed");
        says("check").ok();
    })
    .await;
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap()
}

#[tokio::test]
async fn a_month_is_closed_when_it_is_over_and_its_checklist_holds() {
    on_both(async |db| {
        let town = lived(&db).await;
        let says = |line: &str| kasacare(db.url(), line);
        // In the last time zone it is still 31 March at noon of 1 April in UTC.
        says(&format!("close --month 2026-03 {BY} --as-of 2026-03-31")).fails(3, "2026-03 is not over");
        says("close --month 2026-03 --quote --as-of 2026-04-01T11:59:00Z").fails(3, "2026-03 is not over");
        for (line, words) in [
            ("close --month 2026-3 --by O", "write a month"),
            ("close --month 2026-03", "--by"),
            ("close --by O", "--month"),
            ("close --reopen --by O", "--reason"),
        ] {
            says(line).fails(2, words);
        }
        // What was earned is not posted: the jobs have not run since 10 March.
        let months = ["2026-01", "2026-02"];
        for month in months {
            says(&format!("close --month {month} {BY} --as-of 2026-04-02")).ok();
        }
        let quoted = says("close --month 2026-03 --quote --unreconciled --as-of 2026-04-02").code(1);
        assert!(quoted.out.contains("OPEN  recognition") && quoted.out.contains("stays open"), "{}", quoted.out);
        let refused = says(&format!("close --month 2026-03 {BY} --as-of 2026-04-02")).code(3);
        assert!(refused.out.contains("recognition"), "{}", refused.out);
        town.run_daily("2026-03-11", "2026-04-02").await;
        says(&format!("close --month 2026-03 {BY} --as-of 2026-04-02")).ok();
    })
    .await;
}

/// A change on the first of a month, before the jobs have run, books what the old month earned into the old one first.
#[tokio::test]
async fn a_document_of_the_next_month_leaves_a_month_that_can_be_closed() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/annual").await;
        town.act(noon("2026-02-01"), &id, |draft| draft.cancel(&subscription)).await;
        town.run_daily("2026-02-01", "2026-02-03").await;
        let says = |line: &str| kasacare(db.url(), line);
        says(&format!("close --month 2026-01 {BY} --as-of 2026-02-03")).ok();
        // 22 days: 99.99 - 99.99 x 343/365 = 6.03.
        let told = super::told(&db, "trial-balance", &super::as_of("2026-01-31")).await;
        let lines = told.part("accounts").shows(&["account", "posted", "accrued"]);
        assert!(lines.contains(&"4000 -6.03 0.00".to_owned()), "{lines:?}");
    })
    .await;
}

/// RC-3: what comes late is posted in the open month, and names the day that it is about.
#[tokio::test]
async fn recognition_of_a_closed_month_is_booked_in_the_open_one() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let [on_time, late] = [("on-time", "2026-01-10"), ("late", "2026-01-20")];
        for (name, on) in [on_time, late] {
            let id = town.move_in(name, OREGON, "tok_ok").await;
            town.subscribe(on, &id, "plus/annual").await;
        }
        // January ends without a run, and somebody closes it all the same, past the checklist.
        let mut tx = db.begin().await.unwrap();
        let (seal, _) = closings::seal(&mut tx, day("2026-01-31")).await.unwrap();
        let closing = closings::Closing {
            number: 1,
            at: noon("2026-02-02"),
            month: day("2026-01-01"),
            closed_through: Some(day("2026-01-31")),
            act: Act::Closed,
            seal,
            actor: "Olga".to_owned(),
            reason: None,
            checklist: "[]".to_owned(),
        };
        closings::add(&mut tx, &closing).await.unwrap();
        tx.commit().await.unwrap();
        let summary = town.run("2026-02-03").await;
        assert_eq!(summary.parked, [], "nobody is at fault");
        let mut tx = db.begin_read().await.unwrap();
        let sql = Sql::same(
            "select p.account_id, p.effective_on, -p.amount_minor as earned, j.body from postings p join journal j \
             on j.account_id = p.account_id and j.seq = p.seq where p.ledger_account = 4000 order by p.account_id",
        );
        let rows = tx.fetch_all(&sql, &[]).await.unwrap();
        // 22 and 12 days of January: 99.99 - 99.99 x 343/365 = 6.03, and 99.99 - 99.99 x 353/365 = 3.29.
        let seen: Vec<_> = rows.iter().map(|row| (row.text_at(0).unwrap(), row.date_at(1).unwrap(), row.int_at(2).unwrap())).collect();
        assert_eq!(seen, [("late".to_owned(), day("2026-02-01"), 329), ("on-time".to_owned(), day("2026-02-01"), 603)]);
        for row in &rows {
            assert!(row.str_at(3).unwrap().contains("\"through\":\"2026-01-31\""), "it names the day");
        }
        tx.rollback().await.unwrap();
        let report = kasacare::reports::check::run(&db, kasacare::reports::check::Options::default(), |_, _| {}).await.unwrap();
        assert!(report.is_clean(), "{}", report.summary());
    })
    .await;
}

/// A command that is dated into a closed month is refused as a whole, with the month's name, and parks nobody.
#[tokio::test]
async fn a_decision_dated_into_a_closed_month_is_refused_by_its_name() {
    on_both(async |db| {
        lived(&db).await;
        let says = |line: &str| kasacare(db.url(), line);
        for month in ["2026-01", "2026-02"] {
            says(&format!("close --month {month} {BY} --as-of 2026-03-10")).ok();
        }
        // Somebody who moved in and was never decided on could be dated back.
        let town =
            Town::reopened(kasacare::engine::Engine::open((*db).clone(), kasacare::clock::Clock::Fixed(noon("2026-03-10"))).await.unwrap())
                .await;
        let id = town.move_in("b", OREGON, "tok_ok").await;
        says(&format!("credit {id} 5.00 --by Olga --reason goodwill --as-of 2026-02-20")).fails(3, "2026-02 is closed");
        assert!(town.account(&id).await.profile.parked.is_none());
        says(&format!("credit {id} 5.00 --by Olga --reason goodwill --as-of 2026-03-10")).ok();
        says("check").ok();
    })
    .await;
}

/// RC-3: what a provider tells late is posted in the open month, and says of which day it is. A month that is open again takes its own.
#[tokio::test]
async fn what_a_provider_tells_late_is_booked_in_the_open_month() {
    on_both(async |db| {
        lived(&db).await;
        kasacare(db.url(), &format!("close --month 2026-01 {BY} --as-of 2026-03-10")).ok();
        let fees = async |cause: &str, on: &str| {
            let posted = Posted { kind: "settlement_import", cause, at: noon("2026-03-10"), actor: "test", reason: None };
            let (on, of, import) = (day(on), FeeOf::Payments, "im_1".to_owned());
            let fees = Booking::FeesCharged { of, amount: super::usd(59), movements: 1, import, on };
            let mut tx = db.begin().await.unwrap();
            let mut book = Book::lock(&mut tx, "simulated").await.unwrap();
            book.record(on, &posted, vec![fees], Vec::new()).unwrap();
            book.save(&mut tx).await.unwrap();
            tx.commit().await.unwrap();
        };
        fees("import:1", "2026-01-31").await;
        fees("import:2", "2026-02-01").await;
        kasacare(db.url(), &format!("close --reopen {BY} --as-of 2026-03-10")).ok();
        fees("import:3", "2026-01-31").await;
        let sql = Sql::same(
            "select j.cause, j.effective_on, p.effective_on, j.body from journal j join postings p on p.account_id = j.account_id and p.seq = j.seq \
             where j.account_id = '(simulated)' and p.ledger_account = 5000 order by j.seq",
        );
        let mut tx = db.begin_read().await.unwrap();
        let rows = tx.fetch_all(&sql, &[]).await.unwrap();
        let days: Vec<_> = rows.iter().map(|row| (row.date_at(1).unwrap(), row.date_at(2).unwrap())).collect();
        let [january, february] = [day("2026-01-31"), day("2026-02-01")];
        assert_eq!(days, [(january, february), (february, february), (january, january)]);
        assert!(rows[0].str_at(3).unwrap().contains("RC-3: the month of 2026-01-31 is closed, so that it is booked on 2026-02-01"));
        tx.rollback().await.unwrap();
        // No movement tells of these fees; where they are booked is right.
        let said = kasacare(db.url(), "check").code(1).out;
        assert!(said.contains("settlement_posted") && !said.contains("settlement_books"), "{said}");
    })
    .await;
}
