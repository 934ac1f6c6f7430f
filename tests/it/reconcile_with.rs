//! A run that looks at a provider's file finds what a run after its import finds, and writes nothing.

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use kasacare::demo::chance::Chance;
use kasacare::domain::money::Money;
use kasacare::engine::reconcile::report::RunReport;
use kasacare::engine::reconcile::{Depth, Order, ReconcileError, run_with};
use kasacare::engine::settlement::preview::Given;
use kasacare::engine::settlement::{SettlementFile, Taking, take};
use kasacare::import::settlement::{BankColumns, Reading, Source};
use kasacare::store::db::{Db, Sql};

use crate::reconcile::{PROVIDER, at, found, reconcile, write_as, year};
use crate::world::on_both;

fn order(through: NaiveDate, depth: Depth) -> Order {
    Order { provider: PROVIDER.to_owned(), through, depth, actor: "test".to_owned(), at: at() }
}

fn settlement_file(source: Source, path: &Path) -> SettlementFile {
    // As in `earnings_202603.csv`.
    let digits: String = path.file_stem().unwrap().to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    let month = NaiveDate::parse_from_str(&format!("{digits}01"), "%Y%m%d").ok();
    let reading = Reading { source, month, bank: BankColumns::default(), keep_unknown: false };
    let provider = (source != Source::BankCamt).then(|| PROVIDER.to_owned());
    SettlementFile { name: path.display().to_string(), reading, provider }
}

async fn look(db: &Db, source: Source, path: &Path, through: NaiveDate) -> RunReport {
    let given = Given { file: settlement_file(source, path), input: Box::new(File::open(path).unwrap()) };
    run_with(db, &order(through, Depth::Dry), given).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn import(db: &Db, source: Source, path: &Path) {
    let how = Taking { at: at(), actor: "test".to_owned(), dry_run: false };
    take(db, &settlement_file(source, path), File::open(path).unwrap(), &how).await.unwrap_or_else(|error| panic!("{error}"));
}

/// How many rows there are of everything that an import or a run writes.
async fn written(db: &Db) -> Vec<i64> {
    const TABLES: [&str; 11] = [
        "select count(*) from provider_movements",
        "select count(*) from provider_payouts",
        "select count(*) from payout_lines",
        "select count(*) from settlement_imports",
        "select count(*) from settlement_books",
        "select count(*) from reconciliation_runs",
        "select count(*) from breaks",
        "select count(*) from break_acts",
        "select count(*) from journal",
        "select count(*) from postings",
        "select cast(coalesce(sum(next), 0) as bigint) from number_series",
    ];
    let mut tx = db.begin_read().await.unwrap();
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(tx.fetch_one(&Sql::same(table), &[]).await.unwrap().int_at(0).unwrap());
    }
    counts
}

/// All but the inputs, and the id that is made of them too.
fn same(left: &RunReport, right: &RunReport) {
    let plain = |report: &RunReport| RunReport { run: String::new(), inputs: Vec::new(), ..report.clone() };
    let (left, right) = (plain(left), plain(right));
    for (left, right) in left.breaks.iter().zip(&right.breaks) {
        assert_eq!(left, right);
    }
    for (left, right) in left.equations.iter().zip(&right.equations) {
        assert_eq!(left, right);
    }
    for (left, right) in left.payouts.iter().zip(&right.payouts) {
        assert_eq!(left, right);
    }
    assert_eq!(left, right);
}

fn provider_files(files: &[PathBuf]) -> Vec<&PathBuf> {
    files.iter().filter(|path| !path.ends_with("planted.json") && path.extension().is_none_or(|ending| ending != "xml")).collect()
}

#[tokio::test]
async fn a_file_that_is_looked_at_gives_the_run_of_its_import_and_is_not_stored() {
    for shape in [Source::StripePayouts, Source::PayPal] {
        on_both(async |db| {
            let through = year(&db).await;
            let folder = tempfile::tempdir().unwrap();
            let files = write_as(&db, shape, folder.path(), through, 2).await;
            for statement in files.files.iter().filter(|path| path.extension().is_some_and(|ending| ending == "xml")) {
                import(&db, Source::BankCamt, statement).await;
            }
            let before = written(&db).await;
            let file = provider_files(&files.files)[0];
            let looked = look(&db, shape, file, through).await;
            assert_eq!(look(&db, shape, file, through).await, looked, "again");
            assert_eq!(written(&db).await, before, "nothing was written");
            import(&db, shape, file).await;
            let stored = reconcile(&db, through, Depth::Dry).await;
            same(&looked, &stored);
            assert!(looked.agreed > 50 && !looked.equations.is_empty(), "{shape}: {}", looked.agreed);
            if shape == Source::StripePayouts {
                assert_eq!(found(&looked), files.planted.iter().cloned().collect());
                assert!(looked.unexplained().next().is_none() && looked.payouts.iter().any(|payout| payout.lines > 0));
                assert!(looked.payouts.iter().filter_map(|payout| payout.residual).any(Money::is_zero));
            }
            // What is stored already counts once.
            same(&look(&db, shape, file, through).await, &stored);
        })
        .await;
    }
}

/// The report in two halves, and in another order: payouts of which a part is known grow by the rest. Nothing is planted, because an import
/// refuses what its provider says of a payout whose lines are known to be another amount.
#[tokio::test]
async fn what_is_stored_of_a_file_counts_once() {
    on_both(async |db| {
        let through = year(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let files = write_as(&db, Source::StripePayouts, folder.path(), through, 0).await;
        let text = read_to_string(provider_files(&files.files)[0]).unwrap();
        let (head, rows) = text.split_once('\n').unwrap();
        let rows: Vec<&str> = rows.lines().collect();
        let file = |name: &str, rows: &[&str]| {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("{head}\n{}\n", rows.join("\n"))).unwrap();
            path
        };
        let mut shuffled = rows.clone();
        let chance = Chance::new(7);
        for at in (1..shuffled.len()).rev() {
            let other = chance.pick("rows", u64::try_from(at).unwrap(), 0, u64::try_from(at).unwrap() + 1);
            shuffled.swap(at, usize::try_from(other).unwrap());
        }
        // Lines that are there twice in one file, too.
        shuffled.extend_from_slice(&rows[..20]);
        let (half, whole) = (file("half.csv", &rows[..rows.len() / 2]), file("whole.csv", &rows));
        let shuffled = file("shuffled.csv", &shuffled);
        let alone = look(&db, Source::StripePayouts, &whole, through).await;
        same(&look(&db, Source::StripePayouts, &shuffled, through).await, &alone);
        import(&db, Source::StripePayouts, &half).await;
        let looked = look(&db, Source::StripePayouts, &whole, through).await;
        assert_eq!(found(&looked), found(&alone));
        let before = written(&db).await;
        same(&look(&db, Source::StripePayouts, &shuffled, through).await, &looked);
        assert_eq!(written(&db).await, before, "nothing was written");
        import(&db, Source::StripePayouts, &whole).await;
        same(&looked, &reconcile(&db, through, Depth::Dry).await);
    })
    .await;
}

#[tokio::test]
async fn only_a_dry_run_looks_at_a_file_and_only_at_a_providers() {
    on_both(async |db| {
        let through = at().date_naive();
        let given = |source| Given { file: settlement_file(source, Path::new("f")), input: Box::new(&b""[..]) };
        let refused = run_with(&db, &order(through, Depth::Propose), given(Source::StripePayouts)).await.unwrap_err();
        assert!(matches!(&refused, ReconcileError::Refused(why) if why.contains("were imported")), "{refused}");
        for source in [Source::BankCamt, Source::BankCsv, Source::Apple] {
            let refused = run_with(&db, &order(through, Depth::Dry), given(source)).await.unwrap_err();
            assert!(matches!(&refused, ReconcileError::Refused(why) if why.contains("no movements of a provider")), "{refused}");
        }
    })
    .await;
}
