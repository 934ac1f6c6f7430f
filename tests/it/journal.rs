//! `kasacare journal`: outside programs prove the books, and the same range is the same bytes on both databases.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use kasacare::demo::{DemoOptions, live};
use kasacare::domain::ids::AccountId;
use kasacare::reports::journal::{self, JournalFormat, Range, Written};
use kasacare::reports::trial_balance;
use kasacare::store::db::Db;

use crate::world::on_both;
use crate::world::town::{Town, day, noon};

/// Where scripts/test-tools.sh puts Python programs.
pub fn venv() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("KASACARE_TEST_TOOLS").map_or_else(|| root.join("target/test-tools"), PathBuf::from).join("venv/bin")
}

/// Runs a program on a journal; gives what it complains about.
fn complaints(mut program: Command, journal: &Path) -> Option<String> {
    let output = program.arg(journal).output().unwrap_or_else(|error| {
        panic!("{program:?}: {error}\nThe tests need hledger and beancount; install them with: scripts/test-tools.sh ledger")
    });
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (!output.status.success()).then_some(said)
}

/// What hledger says against a journal in its strictest mood.
pub fn hledger(journal: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.journal");
    std::fs::write(&file, journal).unwrap();
    let mut program = Command::new("hledger");
    program.args(["check", "-s", "ordereddates", "accounts", "commodities", "-f"]);
    complaints(program, &file)
}

/// What bean-check says against a journal.
pub fn bean_check(journal: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.beancount");
    std::fs::write(&file, journal).unwrap();
    complaints(Command::new(venv().join("bean-check")), &file)
}

async fn written(db: &Db, format: JournalFormat, range: &Range) -> (String, Written) {
    let mut out = Vec::new();
    let written = journal::write(db, format, range, &mut out).await.unwrap();
    (String::from_utf8(out).unwrap(), written)
}

async fn text(db: &Db, format: JournalFormat, range: &Range) -> String {
    written(db, format, range).await.0
}

const ALL: [JournalFormat; 4] = [JournalFormat::Hledger, JournalFormat::Beancount, JournalFormat::Csv, JournalFormat::Json];

async fn half_a_year(db: &Db) -> Town {
    let town = Town::on(db).await;
    live(town.engine.clone(), town.runner.clone(), DemoOptions { accounts: 60, months: 6, seed: 5 }, |_| {}).await.unwrap();
    town
}

#[tokio::test]
async fn outside_programs_prove_the_books_and_both_databases_write_the_same_bytes() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    on_both(|db| {
        let seen = Arc::clone(&seen);
        async move {
            half_a_year(&db).await;
            let ranges = [
                Range::default(),
                Range { from: Some(day("2026-03-10")), to: Some(day("2026-05-20")), ..Range::default() },
                Range { known_at: Some(noon("2026-04-02")), ..Range::default() },
                Range { account: Some(AccountId::parse("a000007").unwrap()), ..Range::default() },
                Range { from: Some(day("2030-01-01")), ..Range::default() },
            ];
            let mut texts = Vec::new();
            for range in &ranges {
                assert_eq!(hledger(&text(&db, JournalFormat::Hledger, range).await), None, "{range:?}");
                assert_eq!(bean_check(&text(&db, JournalFormat::Beancount, range).await), None, "{range:?}");
                for format in ALL {
                    texts.push(text(&db, format, range).await);
                }
            }
            seen.lock().unwrap().push(texts);
        }
    })
    .await;
    let seen = seen.lock().unwrap();
    assert!(seen[0] == seen[1], "the bytes differ between the databases");
}

/// Each of these faults is in the text alone, so that the assertions, which come from the database, are right.
#[tokio::test]
async fn outside_programs_catch_faults_in_the_lines() {
    on_both(async |db| {
        half_a_year(&db).await;
        for format in [JournalFormat::Hledger, JournalFormat::Beancount] {
            let good = text(&db, format, &Range::default()).await;
            let check: fn(&str) -> Option<String> = if format == JournalFormat::Hledger { hledger } else { bean_check };
            assert_eq!(check(&good), None);
            for (fault, broken) in broken(&good) {
                assert!(check(&broken).is_some(), "{format:?} does not catch: {fault}");
            }
        }
    })
    .await;
}

/// The journal with one fault each: which, and the text.
fn broken(good: &str) -> Vec<(&'static str, String)> {
    let blocks: Vec<&str> = good.split("\n\n").collect();
    let is_entry = |block: &&str| block.contains("Invoice issued") && block.contains(" USD") && block.contains("A2200");
    let at = blocks.iter().position(is_entry).expect("an invoice in USD with tax");
    let with = |block: Option<String>| {
        let mut blocks: Vec<String> = blocks.iter().map(|&block| block.to_owned()).collect();
        match block {
            Some(block) => blocks[at] = block,
            None => drop(blocks.remove(at)),
        }
        blocks.join("\n\n")
    };
    let entry = blocks[at];
    let amount = entry.split_whitespace().zip(entry.split_whitespace().skip(1)).find(|(_, next)| *next == "USD").unwrap().0;
    let more = format!("{:.2}", amount.parse::<f64>().unwrap() + 0.01);
    let one_leg = entry.replacen(&format!("{amount} USD"), &format!("{more} USD"), 1);
    let tax = entry.lines().filter(|line| line.contains("A2200")).flat_map(str::split_whitespace).find(|word| word.starts_with('-'));
    let less = tax.map(|tax| (tax, format!("{:.2}", tax.parse::<f64>().unwrap() - 0.01)));
    let both_legs = less.map_or(one_leg.clone(), |(tax, less)| one_leg.replacen(&format!("{tax} USD"), &format!("{less} USD"), 1));
    let date = &entry.trim_start()[..10];
    let next_month = day(date).checked_add_months(chrono::Months::new(1)).unwrap().to_string();
    vec![
        ("a cent on one leg", with(Some(one_leg))),
        ("a cent on both legs", with(Some(both_legs))),
        ("an entry dropped", with(None)),
        ("an entry twice", with(Some(format!("{entry}\n\n{entry}")))),
        ("an undeclared account", with(Some(entry.replace("Assets:A1100-Accounts-receivable", "Assets:A1101-Another")))),
        ("a valid but wrong account", with(Some(entry.replace("Assets:A1100-Accounts-receivable", "Assets:A1200-Provider-clearing")))),
        ("moved over a month's end", with(Some(entry.replacen(date, &next_month, 1)))),
        ("another currency", with(Some(entry.replace(" USD", " EUR")))),
    ]
}

#[tokio::test]
async fn the_trial_balance_is_what_the_journal_says() {
    on_both(async |db| {
        half_a_year(&db).await;
        let balance = trial_balance::load(&db, None).await.unwrap();
        assert!(balance.is_balanced());
        let (json, told) = written(&db, JournalFormat::Json, &Range::default()).await;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let entries = json["entries"].as_array().unwrap();
        assert_eq!(u64::try_from(entries.len()).unwrap(), told.entries);
        let mut sums = std::collections::BTreeMap::<(String, i64), i64>::new();
        for leg in entries.iter().flat_map(|entry| entry["legs"].as_array().unwrap()) {
            let key = (leg["currency"].as_str().unwrap().to_owned(), leg["ledger_account"].as_i64().unwrap());
            *sums.entry(key).or_default() += leg["amount_minor"].as_i64().unwrap();
        }
        let lines = balance.currencies.iter().flat_map(|currency| &currency.lines);
        let stated = lines.map(|line| {
            let key = (line.debit.currency().to_string(), i64::from(line.account));
            (key, line.debit.minus(line.credit).unwrap().minor())
        });
        assert_eq!(stated.collect::<Vec<_>>(), sums.into_iter().collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn a_date_inside_a_month_adds_what_was_earned_since() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", crate::world::town::OREGON, "tok_ok").await;
        town.subscribe("2026-01-31", &id, "plus/annual").await;
        town.run_daily("2026-03-01", "2026-03-02").await;
        // 99.99 over 365 days. By the end of February 29 of them have passed, by the middle of March 44.
        // 99.99 - round(99.99 x 321/365 = 87.9364) = 12.05, of which 7.94 were posted on 1 March.
        let balance = trial_balance::load(&db, Some(day("2026-03-15"))).await.unwrap();
        let parts = |account| {
            let line = balance.currencies[0].lines.iter().find(|line| line.account == account).unwrap();
            [line.posted, line.accrued, line.balance].map(kasacare::domain::money::Money::minor)
        };
        assert_eq!((parts(2100), parts(4000)), ([-9_205, 411, -8_794], [-794, -411, -1_205]));
        assert!(balance.is_balanced());
        let credits: Vec<_> = balance.currencies[0].lines.iter().map(|line| (line.account, line.credit.minor())).collect();
        assert!(credits.contains(&(2100, 8_794)) && credits.contains(&(4000, 1_205)), "{credits:?}");
        // The same figures in every form.
        let table = balance.table();
        let row: Vec<&str> = table.lines().find(|line| line.contains("Subscription revenue")).unwrap().split_whitespace().collect();
        assert_eq!(row, ["4000", "Subscription", "revenue", "-7.94", "-4.11", "12.05"], "{table}");
        assert!(balance.csv().unwrap().contains("USD,4000,Subscription revenue,income,-7.94,-4.11,-12.05,0.00,12.05\n"));
        let json = serde_json::to_value(&balance).unwrap();
        let line = json["currencies"][0]["lines"].as_array().unwrap().iter().find(|line| line["account"] == 4000).unwrap();
        assert_eq!((&line["posted"], &line["accrued"], &line["balance"]), (&"-7.94 USD".into(), &"-4.11 USD".into(), &"-12.05 USD".into()));
        // By 27 February 28 days have earned 7.67 (99.99 - 92.32), and January's 0.27 are posted. February is posted on its last day.
        // Without a date nothing accrues, and the table has no column for it.
        assert_eq!(accrued(&db, "2026-02-27").await, [(2100, 740), (4000, -740)]);
        assert_eq!(accrued(&db, "2026-02-28").await, []);
        let all = trial_balance::load(&db, None).await.unwrap();
        assert!(!all.table().contains("accrued") && all.currencies[0].lines.iter().all(|line| line.accrued.is_zero()));
    })
    .await;
}

/// RR-1: somebody who acts on the first of a month, before the job has booked the month that ended, moves no revenue into the new one.
#[tokio::test]
async fn a_month_that_has_ended_is_booked_before_a_document_of_the_next() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let mut lines = Vec::new();
        for (name, plan) in [("annual", "plus/annual"), ("monthly", "plus/monthly")] {
            let id = town.move_in(name, crate::world::town::OREGON, "tok_ok").await;
            lines.push((id.clone(), town.subscribe("2026-01-31", &id, plan).await));
        }
        let premium = "premium/monthly".parse().unwrap();
        town.act(noon("2026-02-01"), &lines[1].0, |draft| draft.change_plan(&lines[1].1, &premium, None)).await;
        // In Los Angeles it is the afternoon of the 28th, so that February is not over.
        town.run("2026-02-28").await;
        town.act(noon("2026-03-01"), &lines[0].0, |draft| draft.cancel(&lines[0].1)).await;
        let (text, _) = written(&db, JournalFormat::Json, &Range::default()).await;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let legs = json["entries"].as_array().unwrap().iter().flat_map(|entry| {
            let legs = entry["legs"].as_array().unwrap().iter().filter(|leg| leg["ledger_account"] == 4000);
            legs.map(|leg| {
                (entry["account"].as_str().unwrap(), entry["effective_on"].as_str().unwrap(), leg["amount_minor"].as_i64().unwrap())
            })
        });
        // 99.99 over 365 days: 0.27 by 31 January, 7.94 by the end of February, 8.22 by 1 March. 9.99 over 28 days: 0.36 on the only one.
        let booked =
            [("annual", "2026-01-31", -27), ("monthly", "2026-01-31", -36), ("annual", "2026-02-28", -767), ("annual", "2026-03-01", -28)];
        assert_eq!(legs.collect::<Vec<_>>(), booked);
        crate::check::assert_clean(&db).await;
    })
    .await;
}

/// What had accrued by the end of a day, by account; debits positive.
async fn accrued(db: &Db, on: &str) -> Vec<(u16, i64)> {
    let balance = trial_balance::load(db, Some(day(on))).await.unwrap();
    let lines = balance.currencies.iter().flat_map(|currency| &currency.lines).filter(|line| !line.accrued.is_zero());
    lines.map(|line| (line.account, line.accrued.minor())).collect()
}

/// LC-3: nothing is earned while the first charge has not settled, however much of it credit has paid.
#[tokio::test]
async fn a_pending_first_period_accrues_nothing() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let five = kasacare::domain::money::Money::new(500, kasacare::domain::money::Currency::parse("USD").unwrap());
        for (name, credited) in [("cash", false), ("credit", true)] {
            let id = town.move_in(name, crate::world::town::OREGON, "tok_ok").await;
            if credited {
                town.act(noon("2026-01-02"), &id, |draft| draft.grant_credit(five)).await;
            }
            let order = crate::world::town::order(&id, "plus/annual");
            town.act(noon("2026-01-03"), &id, |draft| draft.subscribe(&order)).await;
        }
        assert_eq!(accrued(&db, "2026-01-03").await, [], "both are pending");
        town.run("2026-01-05").await;
        // They became active on 5 January: 3/365 of 99.99 each, 0.82 (99.99 - 99.17). As of the day before they were pending still.
        assert_eq!(accrued(&db, "2026-01-05").await, [(2100, 164), (4000, -164)]);
        assert_eq!(accrued(&db, "2026-01-04").await, []);
    })
    .await;
}

/// MO-5: what is too small to collect is carried, and its period has begun all the same.
#[tokio::test]
async fn a_carried_first_period_accrues() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", crate::world::town::OREGON, "tok_ok").await;
        let dollar = kasacare::domain::money::Money::new(9_959, kasacare::domain::money::Currency::parse("USD").unwrap());
        town.act(noon("2026-01-02"), &id, |draft| draft.grant_credit(dollar)).await;
        let order = crate::world::town::order(&id, "plus/annual");
        town.act(noon("2026-01-03"), &id, |draft| draft.subscribe(&order)).await;
        let account = town.account(&id).await;
        assert!(account.invoices.values().all(|invoice| invoice.carried && invoice.open.minor() == 40), "{:?}", account.invoices);
        // 10 of 365 days: 99.99 - round(99.99 x 355/365 = 97.2505) = 2.74.
        assert_eq!(accrued(&db, "2026-01-12").await, [(2100, 274), (4000, -274)]);
    })
    .await;
}

/// A dispute of more than was paid, lost and won after all, and a capture for which nothing is owed any more.
#[tokio::test]
async fn every_entry_has_a_title_of_its_own() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let usd = |minor| kasacare::domain::money::Money::new(minor, kasacare::domain::money::Currency::parse("USD").unwrap());
        let id = town.move_in("a", crate::world::town::OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/annual").await;
        town.act(noon("2026-01-11"), &id, |draft| draft.open_dispute("dp_1", "ch_a-s1_1_0_1", usd(12_000), usd(1_500))).await;
        town.act(noon("2026-01-12"), &id, |draft| draft.lose_dispute("dp_1")).await;
        town.act(noon("2026-01-13"), &id, |draft| draft.win_dispute("dp_1")).await;
        let id = town.move_in("b", crate::world::town::OREGON, "tok_insufficient").await;
        town.subscribe("2026-01-10", &id, "plus/monthly").await;
        let late = kasacare::domain::change::settle::Settlement::Succeeded { reference: "late".to_owned() };
        town.act(noon("2026-01-12"), &id, |draft| draft.settle_charge("ch_b-s1_1_0_1", &late)).await;
        let (text, _) = written(&db, JournalFormat::Json, &Range::default()).await;
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entries = json["entries"].as_array().unwrap().iter();
        let named: Vec<_> = entries.map(|entry| (entry["title"].as_str(), entry["reference"].as_str())).collect();
        for (title, reference) in [
            ("Dispute lost", "dp_1"),
            ("Dispute won after it was lost", "dp_1"),
            ("Payment captured", "late"),
            ("Unapplied payment to be given back", "ch_b-s1_1_0_1"),
        ] {
            assert!(named.contains(&(Some(title), Some(reference))), "{title}: {named:?}");
        }
        assert!(!text.contains("Unknown event") && !text.contains("Not booked"), "{named:?}");
    })
    .await;
}

#[tokio::test]
async fn what_people_write_stays_what_it_is() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        let id = town.move_in("a", crate::world::town::OREGON, "tok_ok").await;
        let reason = "=SUM(A1), date: [2026-99-99] \"quoted\" \\ 50%\nnext: line";
        let who = kasacare::engine::Who { actor: "@olga, type:x".to_owned(), reason: Some(reason.to_owned()), request_id: None };
        let credit = kasacare::domain::money::Money::new(500, kasacare::domain::money::Currency::parse("USD").unwrap());
        let engine = town.engine.at(kasacare::clock::Clock::Fixed(noon("2026-02-03")));
        engine.execute(&id, "credit", &who, |draft| draft.grant_credit(credit)).await.unwrap();
        let text = async |format| text(&db, format, &Range::default()).await;
        assert_eq!(hledger(&text(JournalFormat::Hledger).await), None);
        assert_eq!(bean_check(&text(JournalFormat::Beancount).await), None);
        let csv = text(JournalFormat::Csv).await;
        let mut rows = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
        let first = rows.records().next().unwrap().unwrap();
        assert_eq!((&first[18], &first[19]), ("'@olga, type:x", format!("'{reason}").as_str()));
        assert!(csv.starts_with("effective_on,") && csv.ends_with("\r\n"));
    })
    .await;
}
