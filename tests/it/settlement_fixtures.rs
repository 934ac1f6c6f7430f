//! The settlement files of `fixtures/settlement`: one made-up half-year in the shape of each provider's file, the bank's statements, and the
//! sealed list of what was planted. They are what the simulator writes, byte for byte, and a reconciliation of them finds that list.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::NaiveDate;
use kasacare::demo::settlement::{Planted, SettlementFiles, Written, write};
use kasacare::demo::{DemoOptions, live};
use kasacare::engine::reconcile::Depth;
use kasacare::import::settlement::Source;
use kasacare::store::db::Db;

use crate::reconcile::{found, reconcile, take_all};
use crate::world::databases::on_sqlite;
use crate::world::town::Town;

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
async fn the_committed_files_are_what_the_simulator_writes_and_hold_what_was_planted() {
    on_sqlite(async |db| {
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
        // Now from the files alone, as they are committed.
        let unzipped = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for packed in there.iter().filter(|file| file.starts_with("payout_reconciliation") || file.starts_with("statement")) {
            let path = unzipped.path().join(packed.trim_end_matches(".gz"));
            fs::write(&path, unpacked(&committed().join(packed))).unwrap();
            files.push(path);
        }
        assert!(files.len() > 2, "the report and a statement a currency");
        take_all(&db, &Written { files, lines: 0, payouts: 0, planted: Vec::new() }).await;
        let sealed: BTreeSet<Planted> = serde_json::from_slice(&unpacked(&committed().join("planted.json"))).unwrap();
        let report = reconcile(&db, through, Depth::Dry).await;
        assert_eq!(found(&report), sealed);
        assert_eq!(report.unexplained().count(), 0, "{:?}", report.unexplained().next());
    })
    .await;
}
