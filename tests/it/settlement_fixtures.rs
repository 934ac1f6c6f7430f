//! The settlement files of `fixtures/settlement`: one made-up half-year in the shape of each provider's file, the bank's statements, and the
//! sealed list of what was planted. They are what the simulator writes, byte for byte, and a reconciliation of each shape finds of that list what such files can tell.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::NaiveDate;
use kasacare::demo::settlement::{Planted, SettlementFiles, Written, write};
use kasacare::demo::{DemoOptions, live};
use kasacare::domain::reconcile::BreakKind;
use kasacare::domain::settlement::is_booked;
use kasacare::engine::reconcile::{Depth, Order, ReconcileError, run};
use kasacare::engine::settlement::{SettlementFile, Taking, take};
use kasacare::import::settlement::{BankColumns, Reading, Source};
use kasacare::store::db::{Db, Kind, Sql};

use crate::reconcile::{PROVIDER, found, reconcile};
use crate::world::on_both;
use crate::world::town::{Town, noon};

const SHAPES: [Source; 6] =
    [Source::StripePayouts, Source::StripeBalance, Source::PayPal, Source::GooglePlay, Source::Apple, Source::Recurly];

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/settlement")
}

/// The half-year that the files are of, as `scripts/settlement-fixtures.sh` lives it.
async fn half_a_year(db: &Db) -> NaiveDate {
    let town = Town::on(db).await;
    live(town.engine, town.runner, DemoOptions { accounts: 700, months: 6, seed: 2_026 }, |_| {}).await.unwrap();
    "2026-06-30".parse().unwrap()
}

async fn written(db: &Db, shape: Source, through: NaiveDate, out: &Path) -> Written {
    write(db, &SettlementFiles { through, seed: 2_026, plant: 4, shape, out: out.to_owned() }).await.unwrap()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The bytes of a committed file; only the sealed list is there as it is.
fn unpacked(path: &Path) -> Vec<u8> {
    if path.extension().is_none_or(|ending| ending != "gz") {
        return fs::read(path).unwrap();
    }
    let output = Command::new("gzip").arg("-dc").arg(path).stderr(Stdio::inherit()).output().expect("gzip");
    assert!(output.status.success(), "{}", path.display());
    output.stdout
}

fn packed_name(plain: &str) -> String {
    if plain == "planted.json" { plain.to_owned() } else { format!("{plain}.gz") }
}

#[tokio::test]
async fn the_committed_files_are_what_the_simulator_writes_and_each_shape_tells_what_was_planted() {
    on_both(async |db| {
        let through = half_a_year(&db).await;
        let (mut seen, folder) = (BTreeSet::new(), tempfile::tempdir().unwrap());
        for shape in SHAPES {
            for path in written(&db, shape, through, folder.path()).await.files {
                let packed = packed_name(&name(&path));
                assert!(
                    fs::read(&path).unwrap() == unpacked(&committed().join(&packed)),
                    "{packed} differs: see scripts/settlement-fixtures.sh"
                );
                seen.insert(packed);
            }
        }
        let there: BTreeSet<String> = fs::read_dir(committed()).unwrap().map(|entry| name(&entry.unwrap().path())).collect();
        assert_eq!(there, seen, "no file but those");
        let lines = |file: &str| String::from_utf8(unpacked(&committed().join(file))).unwrap().lines().count();
        assert!(lines("payout_reconciliation.csv.gz") > 2_500, "{}", lines("payout_reconciliation.csv.gz"));
        let sealed: BTreeSet<Planted> = serde_json::from_slice(&unpacked(&committed().join("planted.json"))).unwrap();
        for shape in [Source::StripePayouts, Source::StripeBalance, Source::PayPal] {
            take_committed(&db, shape, &there).await;
            let report = reconcile(&db, through, Depth::Dry).await;
            assert_eq!(found(&report), told_by(shape, &sealed), "{shape}");
            assert_eq!(report.unexplained().count(), 0, "{shape}: {:?}", report.unexplained().next());
            forget(&db).await;
        }
        // What stores and the like charge for themselves is in nobody's books: they agree with everything.
        for shape in [Source::GooglePlay, Source::Apple, Source::Recurly] {
            take_committed(&db, shape, &there).await;
            let (provider, actor) = (shape.provider().to_owned(), "test".to_owned());
            let reconciled = run(&db, &Order { provider, through, depth: Depth::Dry, actor, at: noon("2030-01-01") }).await;
            match shape {
                Source::Apple => assert!(matches!(reconciled, Err(ReconcileError::TotalsAlone { .. })), "{reconciled:?}"),
                _ => assert_eq!(found(&reconciled.unwrap()), BTreeSet::new(), "{shape}"),
            }
            forget(&db).await;
        }
    })
    .await;
}

/// What a shape's files are called.
fn is_of(shape: Source, packed: &str) -> bool {
    let start = match shape {
        Source::StripePayouts => "payout_reconciliation",
        Source::StripeBalance => "balance_transactions",
        Source::PayPal => "transactions_paypal",
        Source::GooglePlay => "earnings",
        Source::Apple => "finance_detail",
        Source::Recurly => "transactions_recurly",
        Source::BankCamt | Source::BankCsv => "statement",
    };
    packed.starts_with(start)
}

/// Takes in what is committed of a shape, and the bank's statements with what is booked.
async fn take_committed(db: &Db, shape: Source, packed: &BTreeSet<String>) {
    let is_booked = is_booked(shape.provider());
    let provider = is_booked.then(|| PROVIDER.to_owned());
    let statements = packed.iter().filter(|file| is_booked && is_of(Source::BankCamt, file)).map(|file| (Source::BankCamt, None, file));
    let files = packed.iter().filter(|file| is_of(shape, file)).map(|file| (shape, provider.clone(), file));
    for (source, provider, packed) in files.chain(statements) {
        let digits: String = packed.chars().filter(char::is_ascii_digit).collect();
        let month = NaiveDate::parse_from_str(&format!("{digits}01"), "%Y%m%d").ok();
        let reading = Reading { source, month, bank: BankColumns::default(), keep_unknown: false };
        let file = SettlementFile { name: packed.clone(), reading, provider };
        let how = Taking { at: noon("2030-01-01"), actor: "test".to_owned(), dry_run: false };
        let taken = take(db, &file, Cursor::new(unpacked(&committed().join(packed))), &how).await;
        let taken = taken.unwrap_or_else(|error| panic!("{packed}: {error}"));
        assert!(taken.stored.new_rows() > 0, "{taken:?}");
    }
}

/// What the files of a shape can tell of what was planted.
fn told_by(shape: Source, sealed: &BTreeSet<Planted>) -> BTreeSet<Planted> {
    if shape == Source::StripePayouts {
        return sealed.clone();
    }
    // Only the report of payouts says what was in one.
    let mut told: BTreeSet<Planted> = sealed.iter().filter(|planted| planted.kind != BreakKind::PayoutUnproven).cloned().collect();
    if shape == Source::PayPal {
        // Its movements have the ids of what they are about, and no word says that a refund came back: a person must say what that is.
        told = told.into_iter().map(|Planted { kind, about }| Planted { kind, about: of_object(&about) }).collect();
        let report = unpacked(&committed().join("payout_reconciliation.csv.gz"));
        let rows: Vec<csv::StringRecord> = csv::Reader::from_reader(report.as_slice()).into_records().map(Result::unwrap).collect();
        let back: Vec<_> = rows.iter().filter(|row| &row[9] == "refund_failure").collect();
        assert!(!back.is_empty());
        for row in back {
            told.insert(Planted { kind: BreakKind::MissingHere, about: format!("{}_back", &row[10]) });
            told.insert(Planted { kind: BreakKind::MissingAtProvider, about: row[14].to_owned() });
        }
    }
    told
}

/// `sim_txn_ch_sim_ch_1` is about `sim_ch_1`.
fn of_object(movement: &str) -> String {
    match movement.strip_prefix("sim_txn_").and_then(|rest| rest.split_once('_')) {
        Some(("alien", rest)) => format!("sim_alien_{rest}"),
        Some((_, rest)) => rest.to_owned(),
        None => movement.to_owned(),
    }
}

/// Gives fresh books: all that was imported is gone, with what was posted for it.
async fn forget(db: &Db) {
    const TABLES: [&str; 9] = [
        "store_totals",
        "payout_lines",
        "provider_payouts",
        "provider_movements",
        "bank_lines",
        "settlement_imports",
        "postings",
        "journal",
        "settlement_books",
    ];
    let leaked = |text: String| Sql::same(Box::leak(text.into_boxed_str()));
    let mut tx = db.begin().await.unwrap();
    for table in TABLES {
        if db.kind() == Kind::Postgres {
            tx.execute(&leaked(format!("alter table {table} disable trigger user")), &[]).await.unwrap();
        } else {
            let named = leaked(format!("select name from sqlite_master where type = 'trigger' and tbl_name = '{table}'"));
            for row in tx.fetch_all(&named, &[]).await.unwrap() {
                tx.execute(&leaked(format!("drop trigger {}", row.text_at(0).unwrap())), &[]).await.unwrap();
            }
        }
        let of_customers = if matches!(table, "postings" | "journal") { "where account_id like '(%'" } else { "" };
        tx.execute(&leaked(format!("delete from {table} {of_customers}")), &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}
