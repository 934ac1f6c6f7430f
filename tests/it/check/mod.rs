//! `kasacare check`: clean after whatever customers do, and each planted fault is found by the check that is there for it.

mod columns;
pub mod faults;
pub mod lives;
mod moved;
mod promises;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use faults::{BOOKS, EVENTS, Fault, PROVIDER, ROWS, SETTLEMENT};
use kasacare::demo::{DemoOptions, live};
use kasacare::reports::check::{self, Check, CheckReport, Options};
use kasacare::store::db::{Db, Kind, Sql, Tx};
use kasacare::store::journal::{PostedLeg, Record, record_hash};
use kasacare::{statements, values};
use promises::{DOCUMENTS, MAILS, TIMES};

use crate::world::on_both;
use crate::world::town::Town;

statements! {
    /// All accounts.
    ACCOUNTS = same("select account_id from accounts order by account_id");
    /// An account's journal.
    JOURNAL = same("select seq, posted_at, effective_on, kind, cause, actor, reason, body from journal where account_id = $1 order by seq");
    /// The legs of a record.
    LEGS = same(
        "select leg_no, event_no, ledger_account, effective_on, amount_minor, currency, subscription_id, invoice_id from postings \
         where account_id = $1 and seq = $2 order by leg_no"
    );
    REHASH = same("update journal set hash = $3 where account_id = $1 and seq = $2");
    HEAD = same("update accounts set journal_hash = $2 where account_id = $1");
    REWRITE = same("update journal set body = $3 where account_id = $1 and seq = $2");
    REPOST = same(
        "update postings set amount_minor = case when amount_minor > 0 then cast($4 as bigint) else -cast($4 as bigint) end \
         where account_id = $1 and seq = $2 and event_no = $3"
    );
    RECOGNISE = same("update invoices set recognised_minor = $2 where account_id = $1");
}

/// What the database itself would refuse.
const GUARDS: [(Kind, &[&str]); 2] = [
    (
        Kind::Sqlite,
        &[
            "drop trigger journal_refuses_update",
            "drop trigger journal_refuses_delete",
            "drop trigger postings_refuses_update",
            "drop trigger postings_refuses_delete",
            "drop trigger notes_refuses_update",
            "drop trigger invoices_keep_their_document",
        ],
    ),
    (
        Kind::Postgres,
        &[
            "drop trigger journal_is_append_only on journal",
            "drop trigger postings_are_append_only on postings",
            "drop trigger notes_are_append_only on notes",
            "drop trigger invoices_keep_their_document on invoices",
        ],
    ),
];

/// Runs `check` on a whole database.
pub async fn checked(db: &Db) -> CheckReport {
    check::run(db, Options::default(), |_, _| {}).await.expect("a report")
}

/// Runs `check`, which must find nothing.
pub async fn assert_clean(db: &Db) {
    let report = checked(db).await;
    assert!(report.is_clean(), "{}", report.summary());
}

/// A transaction in which nothing guards the books.
pub async fn unguarded(db: &Db) -> Tx {
    let mut tx = db.begin().await.unwrap();
    for (_, statements) in GUARDS.iter().filter(|(kind, _)| *kind == db.kind()) {
        for statement in *statements {
            tx.execute(&Sql::same(statement), &[]).await.unwrap();
        }
    }
    tx
}

/// How much each check has found.
fn counts(report: &CheckReport) -> BTreeMap<&'static str, u64> {
    report.checks.iter().map(|outcome| (outcome.name, outcome.broken)).collect()
}

/// The checks that find more than they did before as a transaction sees the books, which it then leaves as they were. Some list what a
/// person has to look at in sound books, too.
async fn more_than(before: &BTreeMap<&'static str, u64>, mut tx: Tx) -> (BTreeSet<&'static str>, String) {
    let report = check::run_in(&mut tx, Options::default(), |_, _| {}).await.unwrap();
    tx.rollback().await.unwrap();
    let more = counts(&report).into_iter().filter(|(name, found)| *found > before.get(name).copied().unwrap_or_default());
    (more.map(|(name, _)| name).collect(), report.summary())
}

async fn planted(db: &Db, fault: &Fault, before: &BTreeMap<&'static str, u64>) -> (BTreeSet<&'static str>, String) {
    let mut tx = unguarded(db).await;
    for statement in fault.sql {
        tx.execute(&Sql::same(statement), &[]).await.unwrap_or_else(|error| panic!("{}: {statement}: {error}", fault.name));
    }
    if fault.rechained {
        rechain(&mut tx).await;
    }
    more_than(before, tx).await
}

/// Forges the chain of hashes anew, as somebody could who knows how it is made.
async fn rechain(tx: &mut Tx) {
    for row in tx.fetch_all(&ACCOUNTS, &[]).await.unwrap() {
        let account = row.text_at(0).unwrap();
        let mut previous = String::new();
        for row in tx.fetch_all(&JOURNAL, &values![&account]).await.unwrap() {
            let seq = row.int_at(0).unwrap();
            let rows = tx.fetch_all(&LEGS, &values![&account, seq]).await.unwrap();
            let legs: Vec<PostedLeg<'_>> = rows
                .iter()
                .map(|leg| PostedLeg {
                    leg_no: leg.int_at(0).unwrap(),
                    event_no: leg.int_at(1).unwrap(),
                    ledger_account: leg.int_at(2).unwrap(),
                    effective_on: leg.date_at(3).unwrap(),
                    amount_minor: leg.int_at(4).unwrap(),
                    currency: leg.str_at(5).unwrap(),
                    subscription_id: leg.opt_text_at(6).unwrap().is_some().then(|| leg.str_at(6).unwrap()),
                    invoice_id: leg.opt_text_at(7).unwrap().is_some().then(|| leg.str_at(7).unwrap()),
                })
                .collect();
            let record = Record {
                account_id: &account,
                seq,
                posted_at: DateTime::from_timestamp_micros(row.int_at(1).unwrap()).unwrap(),
                effective_on: row.date_at(2).unwrap(),
                kind: row.str_at(3).unwrap(),
                cause: row.str_at(4).unwrap(),
                actor: row.str_at(5).unwrap(),
                reason: row.opt_text_at(6).unwrap().is_some().then(|| row.str_at(6).unwrap()),
                body: row.str_at(7).unwrap(),
            };
            previous = record_hash(&previous, &record, &legs);
            tx.execute(&REHASH, &values![&account, seq, &previous]).await.unwrap();
        }
        tx.execute(&HEAD, &values![&account, &previous]).await.unwrap();
    }
}

#[tokio::test]
async fn every_statement_of_the_reports_fits_the_schema() {
    on_both(async |db| {
        let mut tx = db.begin().await.unwrap();
        for (name, sql) in kasacare::reports::STATEMENTS.iter().chain(kasacare::reports::finance::STATEMENTS).copied().flatten() {
            tx.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_database_is_clean() {
    on_both(async |db| assert_clean(&db).await).await;
}

#[tokio::test]
async fn a_lived_through_half_year_is_clean() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        live(town.engine, town.runner, DemoOptions { accounts: 80, months: 6, seed: 3 }, |_| {}).await.unwrap();
        let report = checked(&db).await;
        assert!(report.is_clean(), "{}", report.summary());
        assert!(report.accounts == 80 && report.postings > 500, "{}", report.table());
    })
    .await;
}

#[tokio::test]
async fn every_planted_fault_is_caught_by_name_and_every_check_catches_one() {
    on_both(async |db| {
        lives::half_a_year(&db).await;
        assert_clean(&db).await;
        let before = counts(&checked(&db).await);
        let mut catching = BTreeSet::new();
        let mut missed = Vec::new();
        for fault in BOOKS.iter().chain(ROWS).chain(PROVIDER).chain(EVENTS).chain(DOCUMENTS).chain(TIMES).chain(MAILS).chain(SETTLEMENT) {
            let (broken, summary) = planted(&db, fault, &before).await;
            let seen = |check: &&Check| broken.contains(check.name());
            let absent: Vec<_> = fault.caught_by.iter().filter(|check| !seen(check)).map(|check| check.name()).collect();
            let wrongly: Vec<_> = fault.not_by.iter().filter(seen).map(|check| check.name()).collect();
            if !absent.is_empty() || !wrongly.is_empty() {
                missed.push(format!("{}: not caught by {absent:?}, wrongly by {wrongly:?}\n{summary}", fault.name));
            }
            catching.extend(broken);
        }
        assert!(missed.is_empty(), "{}", missed.join("\n----\n"));
        let idle: Vec<_> = Check::ALL.iter().map(|check| check.name()).filter(|name| !catching.contains(name)).collect();
        assert_eq!(idle, Vec::<&str>::new(), "checks that no fault has shown to be able to fail");
        assert_clean(&db).await;
    })
    .await;
}

/// Two numbers taken twice, so that their count and their sum are as before, in a table that no longer refuses it.
#[tokio::test]
async fn numbers_that_were_given_twice_are_caught_though_they_add_up() {
    on_both(async |db| {
        lives::half_a_year(&db).await;
        let before = counts(&checked(&db).await);
        let mut tx = unguarded(&db).await;
        let unguarded: &[&str] = match db.kind() {
            Kind::Postgres => &["alter table invoices drop constraint invoices_number_key"],
            Kind::Sqlite => {
                &["create table copied as select * from invoices", "drop table invoices", "alter table copied rename to invoices"]
            }
        };
        let twice = [
            "update invoices set number = 'KASA-2026-000001' where number = 'KASA-2026-000002'",
            "update invoices set number = 'KASA-2026-000004' where number = 'KASA-2026-000003'",
        ];
        for statement in unguarded.iter().chain(&twice) {
            tx.execute(&Sql::same(statement), &[]).await.unwrap();
        }
        let (broken, summary) = more_than(&before, tx).await;
        assert!(broken.contains(Check::NumbersGapless.name()), "{summary}");
    })
    .await;
}

/// What is due is due as of the moment that is asked about.
#[tokio::test]
async fn what_is_overdue_depends_on_when_one_asks() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", crate::world::town::OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/monthly").await;
        assert_clean(&db).await;
        // The renewal of 10 February was due at midnight in Los Angeles, eight hours after UTC.
        for (as_of, overdue) in [("2026-02-24T08:00:00Z", 0), ("2026-02-24T08:00:01Z", 1)] {
            let as_of = Some(as_of.parse::<DateTime<chrono::Utc>>().unwrap());
            let report = check::run(&db, Options { as_of, ..Options::default() }, |_, _| {}).await.unwrap();
            let found = report.outcome(Check::SettledInTime).map(|outcome| outcome.broken);
            // Revenue of January was due on the first of February already.
            assert_eq!(found, Some(overdue + 1), "{}", report.summary());
            assert!(!report.is_clean());
        }
    })
    .await;
}

/// Revenue by a year of 360 days, with events, books, rows and hashes forged to fit: only the arithmetic done anew sees it.
#[tokio::test]
async fn a_year_of_360_days_is_caught_although_the_books_agree() {
    on_both(async |db| {
        lives::half_a_year(&db).await;
        let before = counts(&checked(&db).await);
        let mut tx = unguarded(&db).await;
        let mut recognised = 0;
        for row in tx.fetch_all(&JOURNAL, &values!["won"]).await.unwrap() {
            let seq = row.int_at(0).unwrap();
            let mut body: serde_json::Value = serde_json::from_str(row.str_at(7).unwrap()).unwrap();
            for (no, event) in (0_i64..).zip(body["events"].as_array_mut().unwrap()) {
                let Some(event) = event.get_mut("revenue_recognised.v1") else { continue };
                let through: NaiveDate = event["through"].as_str().unwrap().parse().unwrap();
                let days = (through - "2026-02-01".parse::<NaiveDate>().unwrap()).num_days() + 1;
                let amount = (9_999 * days * 2 + 360) / 720 - recognised;
                recognised += amount;
                event["amount"] = format!("{}.{:02} USD", amount / 100, amount % 100).into();
                tx.execute(&REPOST, &values!["won", seq, no, amount]).await.unwrap();
            }
            tx.execute(&REWRITE, &values!["won", seq, body.to_string()]).await.unwrap();
        }
        tx.execute(&RECOGNISE, &values!["won", recognised]).await.unwrap();
        rechain(&mut tx).await;
        let (broken, summary) = more_than(&before, tx).await;
        assert_eq!(broken.into_iter().collect::<Vec<_>>(), [Check::Revenue.name()], "{summary}");
    })
    .await;
}
