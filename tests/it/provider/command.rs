//! `kasacare simulate`, as people and programs call it.

use std::process::Command;

use super::*;
use crate::world::{TestDb, on_both};

/// Exit code, standard output, standard error.
fn simulate(db: &TestDb, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(["--db", db.url(), "simulate"]).args(arguments).env_remove("KASACARE_DB");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disputes_are_opened_and_decided() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        bench.capture("ch_1", "tok_ok").await;
        let dispute = |how: &'static str, more: &[&'static str]| {
            let arguments = [&["dispute", how, "--charge", "ch_1", "--as-of", "2026-02-10"], more].concat();
            simulate(&db, &arguments)
        };
        let (exit, out, error) = dispute("open", &["--amount", "40.00 USD"]);
        assert_eq!((exit, error.as_str()), (0, ""));
        assert!(out.starts_with("Dispute sim_dp_ch_1_") && out.ends_with(" of 40.00 USD on charge ch_1 is open.\n"), "{out}");
        assert_eq!(dispute("open", &[]), (3, String::new(), "error: charge ch_1 has an open dispute\n".to_owned()));
        let (exit, out, _) = dispute("lost", &["--format", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((exit, &shown["dispute"]["state"], &shown["dispute"]["amount"]), (0, &"lost".into(), &"40.00 USD".into()));
        assert_eq!(dispute("won", &[]).0, 0);
        assert_eq!(dispute("won", &[]).0, 3);
        assert_eq!(dispute("open", &["--amount", "100.01 USD"]).0, 3);
        assert_eq!(dispute("open", &["--amount", "1.00 EUR"]).0, 2);
        assert_eq!(dispute("open", &["--amount", "one dollar"]).0, 2);
        let events = bench.events(days_later(99)).await;
        let ends: DateTime<Utc> = "2026-02-10T23:59:59.999999Z".parse().unwrap();
        assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [ends; 3]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_come_back() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_ok").await;
        bench.refund(start(), &refund_call("re_1", "ch_1", &charge, 4_000)).await;
        let fail = |id: &'static str| simulate(&db, &["refund-failure", "--refund", id, "--as-of", "2026-02-10"]);
        assert_eq!(fail("re_1"), (0, "Refund re_1 of 40.00 USD has come back.\n".to_owned(), String::new()));
        assert_eq!(fail("re_1").0, 3);
        assert_eq!(fail("re_2"), (4, String::new(), "error: the provider has no refund re_2\n".to_owned()));
        assert!(matches!(&bench.facts(start()).await[..], [Fact::RefundFailed { refund_id, .. }] if refund_id == "re_1"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_shown_and_set() {
    on_both(|db| async move {
        let (exit, out, _) = simulate(&db, &["settings"]);
        assert!(exit == 0 && out.contains("soft_declines") && out.contains("40 per mille"), "{out}");
        let set = ["settings", "--seed", "-7", "--every-event", "true", "--rate", "soft_declines=100", "--rate", "disputes_won=0"];
        assert_eq!(simulate(&db, &set).0, 0);
        let mut expected = Settings { seed: -7, every_event: true, ..Settings::default() };
        (expected.mix.soft_declines, expected.mix.disputes_won) = (100, 0);
        assert_eq!(Simulated::new((*db).clone()).settings().await.unwrap(), expected);
        for bad in ["nonsense=1", "soft_declines", "soft_declines=1001", "soft_declines=-1", "soft_declines=many"] {
            assert_eq!(simulate(&db, &["settings", "--rate", bad]).0, 2, "{bad}");
        }
        let (exit, _, error) = simulate(&db, &["settings", "--rate", "soft_declines=996"]);
        assert_eq!((exit, error.as_str()), (2, "error: the rates of charges add up to 1011 per mille\n"));
        let (_, out, _) = simulate(&db, &["settings", "--format", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&shown["seed"], &shown["rates_per_mille"]["soft_declines"]), (&(-7).into(), &100.into()));
    })
    .await;
}

#[test]
fn tokens_are_listed_without_a_database() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    let output = command.args(["--db", "sqlite:///nowhere/at/all.db", "simulate", "tokens"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for kind in kasacare::provider::simulated::TOKENS {
        assert!(text.contains(kind.token) && text.contains(kind.meaning), "{}", kind.token);
    }
}

#[test]
fn the_readme_lists_every_kind_of_token() {
    let readme = include_str!("../../../README.md");
    for kind in kasacare::provider::simulated::TOKENS {
        let row = format!("| `{}` | {} |", kind.token, kind.meaning);
        assert!(readme.contains(&row), "the table of tokens needs this row:\n{row}");
    }
}
