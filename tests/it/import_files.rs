//! Import files from disk: the examples fit together, and a bad file is refused as a whole, each bad row by name.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use kasacare::domain::catalog::{Catalog, Covers};
use kasacare::domain::ids::AccountId;
use kasacare::domain::tax::{DatedRate, TaxRates};
use kasacare::domain::terms::Terms;
use kasacare::import::{
    AccountRow, CatalogFile, Format, ImportError, ImportRow, Kind, PROBLEMS_MAX, Rows, SubscriptionRow, catalog, read_all, rows, terms,
};

/// The date of which the example accounts and subscriptions are.
const AS_OF: &str = "2026-01-15";

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn read_file<T: ImportRow>(path: &Path) -> Result<Vec<T>, ImportError> {
    let name = path.file_name().unwrap().to_str().unwrap();
    let rows = read_all::<T>(name, Format::of_path(path).unwrap(), File::open(path).unwrap())?;
    Ok(rows.into_iter().map(|placed| placed.row).collect())
}

fn example<T: ImportRow>(name: &str) -> Vec<T> {
    read_file(&fixture(name)).unwrap_or_else(|error| panic!("{error}"))
}

fn example_catalog() -> Catalog {
    match catalog("catalog.json", Format::Json, File::open(fixture("catalog.json")).unwrap()) {
        Ok(CatalogFile::Whole(catalog)) => catalog,
        other => panic!("not a whole catalog: {other:?}"),
    }
}

fn example_terms() -> Terms {
    terms("terms.json", File::open(fixture("terms.json")).unwrap()).unwrap_or_else(|error| panic!("{error}"))
}

/// Writes a file into a fresh folder and reads it back.
#[track_caller]
fn refusal<T: ImportRow>(name: &str, content: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    let Err(error) = read_file::<T>(&path) else { panic!("{name} was not refused") };
    error.to_string()
}

#[test]
fn the_example_terms_are_the_rules_own() {
    assert_eq!(example_terms(), Terms::standard("2025-01"));
}

#[test]
fn every_example_plan_has_a_price_in_every_example_currency() {
    let catalog = example_catalog();
    let on = AS_OF.parse().unwrap();
    for account in example::<AccountRow>("accounts.csv") {
        for tier in &catalog.tiers {
            for cycle in ["monthly", "annual"] {
                let plan = format!("{}/{cycle}", tier.name).parse().unwrap();
                assert!(catalog.in_force(&plan, account.currency, on).is_some(), "{plan} in {}", account.currency);
            }
        }
    }
}

#[test]
fn the_example_subscriptions_fit_the_accounts_catalog_terms_and_taxes() {
    let (catalog, terms, as_of) = (example_catalog(), example_terms(), AS_OF.parse().unwrap());
    let taxes = TaxRates::new(example::<DatedRate>("tax_rates.csv")).unwrap();
    let accounts: HashMap<AccountId, AccountRow> =
        example::<AccountRow>("accounts.csv").into_iter().map(|account| (account.account_id.clone(), account)).collect();
    assert_eq!(accounts.len(), 20);
    let subscriptions = example::<SubscriptionRow>("subscriptions.csv");
    assert_eq!(subscriptions.len(), 21);
    for row in subscriptions {
        let id = &row.subscription_id;
        let account = accounts.get(&row.account_id).unwrap_or_else(|| panic!("{id} has no account"));
        let version = catalog.version(&row.price_version).unwrap_or_else(|| panic!("{id} has no price version"));
        assert!(version.price(&row.plan, account.currency).is_some(), "{id} has no price");
        assert!(version.effective_from <= row.anchor, "{id} began before its price");
        assert_eq!(row.terms_version, terms.version, "{id}");
        assert!(row.period.contains(as_of), "{id} is not in its period");
        taxes.rate_on(&account.jurisdiction, row.period.end).unwrap();
        let covers = catalog.tier(&row.plan.tier).unwrap().covers;
        assert_eq!(row.camera.is_some(), covers == Covers::OneCamera, "{id}");
        assert!(row.camera.iter().all(|camera| account.cameras.contains(camera)), "{id} covers a camera of another");
    }
}

#[test]
fn a_file_says_the_same_in_each_of_its_forms() {
    let rates = example::<DatedRate>("tax_rates.csv");
    let lines: Vec<String> = rates.iter().map(|rate| serde_json::to_string(rate).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("rates.jsonl", lines.join("\n")), ("rates.json", format!("[\n{}\n]", lines.join(",\n")))] {
        std::fs::write(folder.path().join(name), content).unwrap();
        assert_eq!(read_file::<DatedRate>(&folder.path().join(name)).unwrap(), rates);
    }
}

#[test]
fn one_bad_row_refuses_the_file_and_is_named() {
    let good = std::fs::read_to_string(fixture("accounts.csv")).unwrap();
    let bad = good.replace("Europe/Paris", "Paris").replace("acc-0012", "acc-0011").replace("cam-0017-1", "4000 0566 5566 5556");
    let expected = "accounts.csv:10: time_zone: must be an IANA time zone, like Europe/Berlin
accounts.csv:13: account_id: `acc-0011` is there twice, first on line 12
accounts.csv:18: cameras: looks like a card number, which is never accepted (PP-3)";
    assert_eq!(refusal::<AccountRow>("accounts.csv", &bad), expected);
}

#[test]
fn after_a_hundred_problems_the_rest_is_counted() {
    let bad = format!("jurisdiction,valid_from,rate\n{}", "DE,2021-01-01,19%\n".repeat(PROBLEMS_MAX + 50));
    let refusal = refusal::<DatedRate>("rates.csv", &bad);
    assert_eq!(refusal.lines().count(), PROBLEMS_MAX + 1);
    assert!(refusal.ends_with("\nand 50 more"), "{refusal}");
}

#[test]
fn another_kind_of_file_is_refused_by_its_header() {
    let accounts = std::fs::read_to_string(fixture("accounts.csv")).unwrap();
    let refusal = refusal::<DatedRate>("accounts.csv", &accounts);
    assert!(refusal.starts_with("accounts.csv:1: account_id: no such column; there are jurisdiction, valid_from, rate\n"), "{refusal}");
    assert!(refusal.ends_with("accounts.csv:1: rate: this column is missing"), "{refusal}");
}

#[test]
fn a_folder_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = read_all::<AccountRow>("folder", Format::Csv, File::open(folder.path()).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "folder: the file cannot be read: is a directory");
}

#[test]
fn rows_can_be_read_on_any_thread() {
    let mut read: Rows<'_, DatedRate> = rows(Format::Csv, File::open(fixture("tax_rates.csv")).unwrap());
    let first = std::thread::spawn(move || read.next().unwrap().unwrap()).join().unwrap();
    assert_eq!((first.line.number, first.row.jurisdiction.as_str()), (2, "US-CA"));
}

#[test]
fn kinds_are_named_as_on_the_command_line() {
    for kind in Kind::ALL {
        assert_eq!(kind.name().parse(), Ok(kind));
    }
    assert!("customers".parse::<Kind>().is_err());
}
