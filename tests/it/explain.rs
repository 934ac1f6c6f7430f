//! `kasacare explain`: rules, arithmetic, postings and mails of what happened, from every side by which one can ask.

use std::process::{Command, Output};

use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::ids::AccountId;
use kasacare::domain::money::{Currency, Money};
use kasacare::reports::ReportError;
use kasacare::reports::explain::{ExplainedLeg, Explanation, Kind, explain};
use kasacare::store::db::Db;

use crate::world::town::{CALIFORNIA, OREGON, Town, noon};
use crate::world::{on_both, on_sqlite};

/// The rules' worked example: Ann pays 108.24 for a year and cancels on day 123; 71.76 goes back.
async fn ann(town: &Town) -> AccountId {
    let id = town.move_in("ann", CALIFORNIA, "tok_ok").await;
    let subscription = town.subscribe("2026-01-31", &id, "plus/annual").await;
    town.run("2026-02-01").await;
    town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&subscription)).await;
    town.run("2026-06-02").await;
    id
}

async fn of(db: &Db, id: &str) -> Explanation {
    explain(db, id, None).await.unwrap_or_else(|error| panic!("{id}: {error}"))
}

fn kinds(explanation: &Explanation) -> Vec<&str> {
    explanation.records.iter().map(|record| record.kind.as_str()).collect()
}

#[tokio::test]
async fn an_invoice_tells_its_whole_history_in_order() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        let told = of(&db, "in_ann-s1_1_0").await;
        assert_eq!((told.kind, told.account.as_str()), (Kind::Invoice, "ann"));
        let months = ["recognise"; 5];
        assert_eq!(kinds(&told), [&["story", "settle_charge"], months.as_slice(), &["story", "settle_refund"]].concat());
        let cancelled = &told.records[7];
        assert_eq!(cancelled.rules, ["RF-1", "RF-2", "RF-3", "RF-4"]);
        assert!(cancelled.why.iter().any(|why| why.contains("242 of 365 days unused")), "{:?}", cancelled.why);
        assert!(cancelled.mails.iter().any(|mail| mail.id.starts_with("cancellation_confirmed_ann-s1")), "{:?}", cancelled.mails);
        let note = cancelled.events.iter().find(|event| event.tag == "note_issued.v1").unwrap();
        let legs: Vec<_> = note.postings.iter().map(|leg| (leg.ledger_account, leg.debit.as_deref(), leg.credit.as_deref())).collect();
        assert_eq!(legs, [(2100, Some("66.29"), None), (2200, Some("5.47"), None), (2310, None, Some("71.76"))]);
        let fact = |name| told.facts.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!((fact("captured"), fact("given_back"), fact("open")), (Some("108.24 USD"), Some("71.76 USD"), Some("0.00 USD")));
        let text = told.text();
        for line in [
            "invoice in_ann-s1_1_0 of account ann",
            "2026-06-02  story, by olga: a story",
            "             2100  Customer prepayments, refundable                   66.29 USD",
            "  mail     receipt_refund_re_ann-s1_1_0_1_1, sent 2026-06-02T23:59:59Z",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let number = fact("number").unwrap();
        assert_eq!(of(&db, number).await, told, "by its printed number");
    })
    .await;
}

#[tokio::test]
async fn everything_that_has_an_id_is_explained_by_it() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
        let eve = town.move_in("eve", OREGON, "tok_ok").await;
        town.subscribe("2026-03-01", &eve, "plus/monthly").await;
        town.act(noon("2026-03-10"), &eve, |draft| draft.correct("in_eve-s1_1_0", Correct::Net(usd(799)))).await;
        town.act(noon("2026-03-20"), &eve, |draft| draft.open_dispute("dp_7", "ch_eve-s1_1_0_1", usd(799), usd(1_500))).await;
        town.run("2026-03-20").await;
        let reference = town.account(&eve).await.charges["ch_eve-s1_1_0_1"].reference.clone().unwrap();
        for (id, kind, about, says) in [
            ("ann/4", Kind::Record, "ann/4", "RR-1"),
            ("ann/4#0", Kind::Record, "ann/4", "revenue recognised"),
            ("ch_eve-s1_1_0_1", Kind::Charge, "ch_eve-s1_1_0_1", "charge captured"),
            (&reference, Kind::Charge, "ch_eve-s1_1_0_1", "dispute opened"),
            ("re_eve-s1_1_0_1_1", Kind::Refund, "re_eve-s1_1_0_1_1", "refund settled"),
            ("cn_eve-s1_1_0_1", Kind::Note, "cn_eve-s1_1_0_1", "why        overcharge"),
            ("co_eve-s1_1_0_1", Kind::Correction, "co_eve-s1_1_0_1", "CO-2: charged 9.99 USD, correct 7.99 USD"),
            ("dp_7", Kind::Dispute, "dp_7", "1210  Disputes pending"),
            ("eve-s1", Kind::Subscription, "eve-s1", "subscription eve-s1: activated"),
        ] {
            let told = of(&db, id).await;
            assert_eq!((told.kind, told.id.as_str()), (kind, about), "{id}");
            assert!(told.text().contains(says), "{id} does not say `{says}`:\n{}", told.text());
            assert!(!told.records.is_empty());
        }
        let one = of(&db, "ann/4").await;
        assert_eq!((one.records.len(), one.records[0].id.as_str(), kinds(&one)[0]), (1, "ann/4", "recognise"));
        // Another customer's history is no part of it.
        assert!(!of(&db, "in_eve-s1_1_0").await.text().contains("ann-s1"));
    })
    .await;
}

/// The legs of all events of a tag, record by record.
fn legs(told: &Explanation, tag: &str) -> Vec<Vec<(i64, String)>> {
    let events = told.records.iter().flat_map(|record| &record.events).filter(|event| event.tag == tag);
    let amount = |leg: &ExplainedLeg| leg.debit.clone().unwrap_or_else(|| format!("-{}", leg.credit.clone().unwrap_or_default()));
    events.map(|event| event.postings.iter().map(|leg| (leg.ledger_account, amount(leg))).collect()).collect()
}

fn entry<const N: usize>(legs: [(i64, &str); N]) -> Vec<(i64, String)> {
    legs.map(|(account, amount)| (account, amount.to_owned())).to_vec()
}

/// 9.99 should have been 7.99, found on day 10 of 31: 2.00 go back, and of 3.22 recognised 0.64 are taken back.
#[tokio::test]
async fn a_correction_shows_its_note_its_catch_up_and_its_refund() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let eve = town.move_in("eve", OREGON, "tok_ok").await;
        town.subscribe("2026-03-01", &eve, "plus/monthly").await;
        let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
        town.act(noon("2026-03-10"), &eve, |draft| draft.correct("in_eve-s1_1_0", Correct::Net(usd(799)))).await;
        town.run("2026-03-10").await;
        let told = of(&db, "co_eve-s1_1_0_1").await;
        assert_eq!(kinds(&told), ["story", "settle_refund"]);
        assert_eq!(legs(&told, "note_issued.v1"), [entry([(2110, "2.00"), (2310, "-2.00")])]);
        let caught_up = [entry([(2110, "3.22"), (4000, "-3.22")]), entry([(2110, "-0.64"), (4200, "0.64")])];
        assert_eq!(legs(&told, "revenue_recognised.v1"), caught_up);
        assert_eq!(legs(&told, "refund_settled.v1"), [entry([(2310, "2.00"), (1200, "-2.00")])]);
        // Its note shows the number that is printed on it, by which it is found, too.
        let note = of(&db, "cn_eve-s1_1_0_1").await;
        let number = &note.facts.0[0];
        assert_eq!((number.0, number.1.as_str()), ("number", "KASA-2026-N-000001"));
        assert_eq!(of(&db, &number.1).await, note);
    })
    .await;
}

/// 9.99 should have been 12.99, and the card is declined until the window is over.
#[tokio::test]
async fn a_correction_shows_its_attempts_and_its_waiver() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let und = town.move_in("und", OREGON, "tok_ok").await;
        town.subscribe("2026-03-01", &und, "plus/monthly").await;
        let empty = NewMethod { token: "tok_insufficient".to_owned(), label: "Visa ending 9995".to_owned(), expires_on: None };
        town.act(noon("2026-03-05"), &und, |draft| draft.replace_method(&empty)).await;
        let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
        town.act(noon("2026-03-10"), &und, |draft| draft.correct("in_und-s1_1_0", Correct::Net(usd(1_299)))).await;
        town.run_daily("2026-03-10", "2026-04-02").await;
        let told = of(&db, "co_und-s1_1_0_1").await;
        let declined: Vec<_> = legs(&told, "charge_declined.v1");
        let requested = legs(&told, "charge_requested.v1");
        assert!(declined.len() > 1 && declined.len() == requested.len(), "{}", told.text());
        let notes = [entry([(1100, "3.00"), (2110, "-3.00")]), entry([(2110, "3.00"), (1100, "-3.00")])];
        assert_eq!(legs(&told, "note_issued.v1"), notes, "{}", told.text());
        assert!(told.records.last().is_some_and(|last| last.events.iter().any(|event| event.tag == "correction_closed.v1")));
    })
    .await;
}

/// Lost on day 40: 10.96 had been earned, and is taken back (ledger: dispute lost, service ended day 40).
#[tokio::test]
async fn a_lost_dispute_shows_its_note_and_the_revenue_that_it_takes_back() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let ann = town.move_in("ann", CALIFORNIA, "tok_ok").await;
        town.subscribe("2026-01-31", &ann, "plus/annual").await;
        town.run("2026-03-01").await;
        let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
        town.act(noon("2026-03-11"), &ann, |draft| draft.open_dispute("dp_1", "ch_ann-s1_1_0_1", usd(10_824), usd(1_500))).await;
        town.act(noon("2026-03-11"), &ann, |draft| draft.lose_dispute("dp_1")).await;
        let told = of(&db, "dp_1").await;
        assert_eq!(legs(&told, "note_issued.v1"), [entry([(2100, "99.99"), (2200, "8.25"), (1210, "-108.24")])]);
        let revenue = legs(&told, "revenue_recognised.v1");
        assert_eq!(revenue.last(), Some(&entry([(2100, "-10.96"), (4300, "10.96")])), "{}", told.text());
    })
    .await;
}

/// A renewal, its charge and its receipt come from records of one instant.
#[tokio::test]
async fn a_mail_is_shown_with_the_record_that_queued_it() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let bob = town.move_in("bob", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &bob, "plus/monthly").await;
        town.run("2026-02-10").await;
        let told = of(&db, "ch_bob-s1_1_1_1").await;
        let mails: Vec<_> = told.records.iter().map(|record| (record.kind.as_str(), record.mails.len())).collect();
        assert_eq!(mails, [("renew", 0), ("settle_charge", 1)], "{}", told.text());
        assert!(told.records.iter().all(|record| record.recorded_at == told.records[0].recorded_at));
        assert_eq!(told.records[1].mails[0].id, "receipt_payment_ch_bob-s1_1_1_1");
        // Over the whole life each mail is told once.
        let life = of(&db, "bob-s1").await;
        let all: Vec<&str> = life.records.iter().flat_map(|record| &record.mails).map(|mail| mail.id.as_str()).collect();
        let once: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len(), "{all:?}");
        assert!(once.contains("subscription_started_bob-s1"), "{all:?}");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_is_said_to_be_missing() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        for id in ["in_ann-s1_1_7", "ann/99", "nobody/1", "ann/x", "/", "", "in_", "'; drop table invoices", "\u{0}1", &"x".repeat(10_000)]
        {
            let told = explain(&db, id, None).await.map(|told| told.id);
            assert!(matches!(told, Err(ReportError::NotFound { .. } | ReportError::Store(_))), "{id}: {told:?}");
        }
        let other = AccountId::parse("eve").unwrap();
        assert!(matches!(explain(&db, "in_ann-s1_1_0", Some(&other)).await, Err(ReportError::NotFound { .. })));
    })
    .await;
}

fn kasacare(url: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kasacare")).args(arguments).args(["--db", url]).output().unwrap()
}

#[tokio::test]
async fn the_program_explains_checks_and_exports() {
    on_sqlite(async |db| {
        let town = Town::on(&db).await;
        ann(&town).await;
        let printed = |arguments: &[&str]| {
            let output = kasacare(db.url(), arguments);
            (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
        };
        let (code, text, _) = printed(&["explain", "re_ann-s1_1_0_1_1"]);
        assert!(code == Some(0) && text.starts_with("refund re_ann-s1_1_0_1_1 of account ann\n"), "{text}");
        let (code, text, _) = printed(&["--format", "json", "explain", "ann/2"]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &json["records"][0]["id"]), (Some(0), &"ann/2".into()));
        let (code, _, error) = printed(&["explain", "in_nobody_1_0"]);
        assert!(code == Some(4) && error.contains("in_nobody_1_0"), "{error}");
        let (code, text, _) = printed(&["check"]);
        assert!(code == Some(0) && text.ends_with("checks are clean.\n"), "{text}");
        let (code, text, _) = printed(&["journal"]);
        assert!(code == Some(0) && crate::journal::hledger(&text).is_none(), "{text}");
        let (code, text, _) = printed(&["journal", "--format", "beancount"]);
        assert!(code == Some(0) && crate::journal::bean_check(&text).is_none(), "{text}");
        let (code, _, error) = printed(&["--format", "beancount", "check"]);
        assert!(code == Some(2) && error.contains("it knows table, json"), "{error}");
        let (code, _, error) = printed(&["journal", "--from", "2026-02-01", "--to", "2026-01-01"]);
        assert!(code == Some(2) && error.contains("--to"), "{error}");
        let mut tx = db.begin().await.unwrap();
        tx.execute(&LESS, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let (code, text, _) = printed(&["check"]);
        assert!(code == Some(1) && text.contains("BROKEN receivable"), "{text}");
        let (code, text, _) = printed(&["--format", "json", "check", "--examples", "1"]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let broken: Vec<_> = json["checks"].as_array().unwrap().iter().filter(|check| check["broken"] != 0).collect();
        assert!(code == Some(1) && broken.iter().all(|check| check["examples"].as_array().unwrap().len() == 1), "{text}");
    })
    .await;
}

kasacare::statements! {
    LESS = same("update invoices set open_minor = open_minor + 5");
}
