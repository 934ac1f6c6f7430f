//! Four judges of the books, of which three are not ours: hledger, beancount, `kasacare check`, and a recomputation of every leg from
//! the exported facts by the rules alone, in another language. Every fault of ledger.md, section 7, is planted in an export, and
//! docs/proof.md says who catches it.

mod books;
mod faults;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use books::Books;
use faults::{FAULTS, Fault};
use kasacare::demo::{DemoOptions, live};
use kasacare::reports::check::Check;
use kasacare::reports::journal::{self, JournalFormat, Range};
use kasacare::store::db::Db;

use crate::check::{assert_clean, faults::BOOKS, lives::half_a_year};
use crate::journal::{bean_check, hledger, venv};
use crate::world::on_both;
use crate::world::town::{CALIFORNIA, Town, noon};

/// Where the endings of files come from.
const FORMATS: [(JournalFormat, &str); 4] = [
    (JournalFormat::Hledger, "journal"),
    (JournalFormat::Beancount, "beancount"),
    (JournalFormat::Csv, "csv"),
    (JournalFormat::Json, "json"),
];
/// The formats that are text for accounting programs.
const TEXTS: [(JournalFormat, &str); 2] = [FORMATS[0], FORMATS[1]];
/// More than a year, so that annual lines end; half of it before prices go up by a tenth.
const YEAR: DemoOptions = DemoOptions { accounts: 60, months: 13, seed: 3 };
/// Where the price version of the demo counts from.
const PRICES_RISE_ON: &str = "2026-09-01";

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The published price list: that of the fixtures, and another version after it.
fn catalog(later: impl Fn(&serde_json::Value) -> serde_json::Value) -> serde_json::Value {
    let mut catalog: serde_json::Value = serde_json::from_slice(&std::fs::read(project("fixtures/catalog.json")).unwrap()).unwrap();
    let later = later(&catalog["versions"][0]);
    catalog["versions"].as_array_mut().unwrap().push(later);
    catalog
}

/// From September on everything costs a tenth more.
fn a_tenth_more(present: &serde_json::Value) -> serde_json::Value {
    let mut risen = present.clone();
    risen["version"] = "v2".into();
    risen["effective_from"] = PRICES_RISE_ON.into();
    for price in risen["prices"].as_array_mut().unwrap() {
        let (amount, currency) = price["amount"].as_str().unwrap().split_once(' ').unwrap();
        let minor: u64 = amount.replace('.', "").parse().unwrap();
        let mut digits = ((minor * 22 + 10) / 20).to_string();
        if let Some((_, decimals)) = amount.split_once('.') {
            digits.insert(digits.len() - decimals.len(), '.');
        }
        price["amount"] = format!("{digits} {currency}").into();
    }
    risen
}

async fn exported(db: &Db, format: JournalFormat) -> String {
    let mut out = Vec::new();
    journal::write(db, format, &Range::default(), &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

/// A folder with the facts of an export, the price list, and journals to be judged.
struct Desk {
    folder: tempfile::TempDir,
}

impl Desk {
    fn with(facts: &str, catalog: &serde_json::Value) -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap() };
        desk.put("facts.json", facts);
        desk.put("catalog.json", &catalog.to_string());
        desk
    }

    fn put(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Recomputes these journals.
    fn recompute(&self, journals: &[String]) -> Output {
        let mut program = Command::new(venv().join("python"));
        program.current_dir(&self.folder).arg(project("tests/it/recompute/recompute.py"));
        program.args(["--facts", "facts.json", "--catalog", "catalog.json", "--tax-rates"]).arg(project("fixtures/tax_rates.csv"));
        program.args(journals).output().unwrap_or_else(|error| {
            panic!("{program:?}: {error}\nThe tests need Python with duckdb; install it with: scripts/test-tools.sh recompute")
        })
    }

    /// What it says of each journal: the laws that are contradicted, none where it is proven.
    fn verdicts(&self, journals: &[String]) -> BTreeMap<String, BTreeSet<String>> {
        let output = self.recompute(journals);
        let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{said}{complaint}");
        let mut verdicts = BTreeMap::<String, BTreeSet<String>>::new();
        let mut name = String::new();
        for line in said.lines() {
            if let Some((journal, verdict)) = line.split_once(": ").filter(|_| !line.starts_with(' ')) {
                journal.clone_into(&mut name);
                let proven = verdict == "proven";
                assert!(proven || verdict.ends_with(" contradictions"), "{line}");
                assert!(verdicts.insert(name.clone(), BTreeSet::new()).is_none(), "{name} twice");
            } else if let Some(law) = line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) {
                let (law, _) = law.rsplit_once(": ").unwrap_or((law, ""));
                verdicts.get_mut(&name).unwrap().insert(law.to_owned());
            }
        }
        assert_eq!(verdicts.len(), journals.len(), "{said}{complaint}");
        assert_eq!(output.status.success(), verdicts.values().all(BTreeSet::is_empty), "{said}");
        verdicts
    }
}

/// The exports of a lived-through year, the same bytes from both databases, whose own checks are clean.
async fn exports() -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    on_both(|db| {
        let seen = Arc::clone(&seen);
        async move {
            let town = Town::on(&db).await;
            live(town.engine, town.runner, YEAR, |_| {}).await.unwrap();
            assert_clean(&db).await;
            let mut texts = Vec::new();
            for (format, _) in FORMATS {
                texts.push(exported(&db, format).await);
            }
            seen.lock().unwrap().push(texts);
        }
    })
    .await;
    let mut seen = Arc::into_inner(seen).unwrap().into_inner().unwrap();
    assert!(seen[0] == seen[1], "the bytes differ between the databases");
    seen.remove(0)
}

/// The checks that catch the same fault in the database, as tests/it/check shows.
fn caught_by_check(fault: &Fault) -> String {
    match fault.in_database {
        None => "–".to_owned(),
        Some("a year of 360 days") => format!("`{}`", Check::Revenue.name()),
        Some(name) => {
            let planted = BOOKS.iter().find(|planted| planted.name == name).unwrap_or_else(|| panic!("nobody plants `{name}`"));
            planted.caught_by.iter().map(|check| format!("`{}`", check.name())).collect::<Vec<_>>().join(", ")
        }
    }
}

#[tokio::test]
async fn the_books_are_proven_and_every_fault_of_a_books_checker_is_caught() {
    let texts = exports().await;
    let desk = Desk::with(&texts[3], &catalog(a_tenth_more));
    assert_eq!((hledger(&texts[0]), bean_check(&texts[1])), (None, None));
    let mut names = Vec::new();
    for ((_, ending), text) in FORMATS.iter().zip(&texts) {
        names.push(format!("good.{ending}"));
        desk.put(&names[names.len() - 1], text);
    }
    let mut caught = Vec::new();
    for (number, fault) in FAULTS.iter().enumerate() {
        let mut by = Vec::new();
        for ((format, ending), text) in TEXTS.into_iter().zip(&texts) {
            let mut books = Books::new(format, text);
            assert!(books.text() == *text, "taken apart and put together");
            books.agree();
            assert!(books.text() == *text, "our trial balance is that of the legs");
            (fault.plant)(&mut books);
            let judge = if format == JournalFormat::Hledger { hledger } else { bean_check };
            by.push(judge(&books.text()).is_some());
            names.push(format!("{number}.{ending}"));
            desk.put(&names[names.len() - 1], &books.text());
        }
        caught.push(by);
    }
    let verdicts = desk.verdicts(&names);
    let mut table = String::from(
        "| fault | hledger | beancount | recomputation | `kasacare check`, planted in the database |\n|---|---|---|---|---|\n",
    );
    for (number, (fault, by)) in FAULTS.iter().zip(caught).enumerate() {
        let laws = TEXTS.map(|(_, ending)| &verdicts[&format!("{number}.{ending}")]);
        let recomputed = laws.iter().all(|laws| !laws.is_empty());
        assert!(recomputed || !fault.needs_recomputation, "{}: {laws:?}", fault.name);
        assert!(by[0] || by[1] || recomputed, "nobody catches: {}", fault.name);
        assert!(!fault.needs_recomputation || by == [false, false], "{}: text checkers see it, so it shows nothing", fault.name);
        let [hledger, beancount, recomputed] = [by[0], by[1], recomputed].map(|caught| if caught { "caught" } else { "–" });
        table += &format!("| {} | {hledger} | {beancount} | {recomputed} | {} |\n", fault.name, caught_by_check(fault));
    }
    let good: Vec<_> = verdicts.iter().filter(|(name, _)| name.starts_with("good.")).collect();
    assert!(good.len() == FORMATS.len() && good.iter().all(|(_, laws)| laws.is_empty()), "{good:?}");
    desk.put("facts.json", &forgotten(&texts[3]));
    assert_eq!(desk.verdicts(&names), verdicts, "what the engine worked out is part of the proof");
    let page = std::fs::read_to_string(project("docs/proof.md")).unwrap();
    assert!(page.contains(&table), "docs/proof.md must have this table:\n{table}");
}

/// The facts without any amount that the engine worked out.
fn forgotten(facts: &str) -> String {
    let mut document: serde_json::Value = serde_json::from_str(facts).unwrap();
    let mut forgotten = 0;
    for event in document["facts"].as_array_mut().unwrap().iter_mut().flat_map(|fact| fact["events"].as_array_mut().unwrap()) {
        for (tag, fields) in [
            ("note_issued.v1", ["/note/net", "/note/tax", "/given/payout", "/given/credit_cash", "/given/owed_off"].as_slice()),
            ("revenue_recognised.v1", &["/amount"]),
            ("refund_requested.v1", &["/amount"]),
        ] {
            let Some(body) = event.get_mut(tag) else { continue };
            for field in fields {
                *body.pointer_mut(field).unwrap_or_else(|| panic!("{tag} has no {field}")) = "?".into();
                forgotten += 1;
            }
        }
    }
    assert!(forgotten > 500, "{forgotten}");
    document.to_string()
}

/// RF-4, PV-5: a refund that fails becomes credit, of which a person sends a part from the bank; then the provider has paid it after all.
async fn paid_by_hand(db: &Db) {
    let clock = kasacare::clock::Clock::Fixed(noon("2026-07-01"));
    let town = Town::reopened(kasacare::engine::Engine::open(db.clone(), clock).await.unwrap()).await;
    let hal = town.move_in("hal", CALIFORNIA, "tok_refund_fails").await;
    let subscription = town.subscribe("2026-07-01", &hal, "plus/annual").await;
    town.act(noon("2026-07-10"), &hal, |draft| draft.cancel(&subscription)).await;
    town.run("2026-07-10").await;
    let refund = town.account(&hal).await.refunds.keys().next().unwrap().clone();
    let ten = "10.00 USD".parse().unwrap();
    town.act(noon("2026-07-11"), &hal, |draft| draft.credit_was_paid(ten, "transfer 1")).await;
    town.act(noon("2026-07-12"), &hal, |draft| draft.refund_was_paid(&refund, "re_late", None, None)).await;
}

/// Trials, disputes won and lost, refunds on their way, debts, costs of collection, books of providers: all that tests/it/check lives through.
#[tokio::test]
async fn what_leaves_traces_of_its_own_is_recomputed_too() {
    on_both(async |db| {
        half_a_year(&db).await;
        paid_by_hand(&db).await;
        let price = |_: &serde_json::Value| {
            let prices = serde_json::json!([{ "plan": "plus/monthly", "amount": "12.99 USD" }]);
            serde_json::json!({ "version": "v2", "effective_from": "2026-03-01", "prices": prices })
        };
        let desk = Desk::with(&exported(&db, JournalFormat::Json).await, &catalog(price));
        desk.put("books.journal", &exported(&db, JournalFormat::Hledger).await);
        let output = desk.recompute(&["books.journal".to_owned()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    })
    .await;
}

/// An export without facts, a part of a journal and a text that is no journal prove nothing, and are not passed over.
#[test]
fn what_cannot_be_read_is_no_proof() {
    let whole = r#"{"entries":[],"facts":[]}"#;
    let part = "2026-01-01 * Balances brought forward\n    Assets:A1100-Accounts-receivable  1.00 USD\n";
    for (facts, name, journal, complaint) in [
        (r#"{"entries":[]}"#, "a.journal", "", "there are no facts in it"),
        (whole, "a.journal", part, "an entry that books no event"),
        (whole, "a.txt", "", "a journal ends in"),
        (whole, "absent.journal", "", "No such file"),
    ] {
        let desk = Desk::with(facts, &catalog(a_tenth_more));
        desk.put(name.trim_start_matches("absent"), journal);
        let output = desk.recompute(&[name.to_owned()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(complaint), "{:?}: {said}", output.status);
    }
}
