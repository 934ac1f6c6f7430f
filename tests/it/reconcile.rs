//! A lived-through year against the files that its provider and its bank send, with and without differences planted in them.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;

use chrono::{DateTime, NaiveDate, Utc};
use kasacare::demo::settlement::{Planted, SettlementFiles, Written, write};
use kasacare::demo::{DemoOptions, live};
use kasacare::domain::money::Money;
use kasacare::domain::reconcile::{BreakKind, BreakState};
use kasacare::engine::reconcile::acts::{self, By};
use kasacare::engine::reconcile::report::RunReport;
use kasacare::engine::reconcile::{Depth, Order, ReconcileError, run};
use kasacare::engine::settlement::{SettlementFile, Taking, take};
use kasacare::import::settlement::{BankColumns, Reading, Source};
use kasacare::reports::check;
use kasacare::store::db::{Db, Sql};

use crate::world::on_both;
use crate::world::town::{Town, noon};

pub const PROVIDER: &str = "simulated";

pub async fn year(db: &Db) -> NaiveDate {
    let town = Town::on(db).await;
    live(town.engine, town.runner, DemoOptions { accounts: 120, months: 5, seed: 3 }, |_| {}).await.unwrap();
    let mut tx = db.begin_read().await.unwrap();
    let last = Sql::same("select max(effective_on) from postings");
    tx.fetch_one(&last, &[]).await.unwrap().date_at(0).unwrap()
}

async fn count(db: &Db, sql: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    tx.fetch_one(&Sql::same(sql), &[]).await.unwrap().int_at(0).unwrap()
}

pub async fn write_files(db: &Db, out: &Path, through: NaiveDate, plant: u64) -> Written {
    write_as(db, Source::StripePayouts, out, through, plant).await
}

pub async fn write_as(db: &Db, shape: Source, out: &Path, through: NaiveDate, plant: u64) -> Written {
    write(db, &SettlementFiles { through, seed: 5, plant, shape, out: out.to_owned() }).await.unwrap()
}

pub async fn take_all(db: &Db, written: &Written) {
    take_as(db, Source::StripePayouts, written, false).await;
}

/// Takes the files in, or only reads them; gives how many rows they have.
async fn take_as(db: &Db, shape: Source, written: &Written, dry_run: bool) -> u64 {
    let how = Taking { at: at(), actor: "test".to_owned(), dry_run };
    let mut rows = 0;
    for path in written.files.iter().filter(|path| !path.ends_with("planted.json")) {
        let (source, provider) = match path.extension().and_then(|ending| ending.to_str()) {
            Some("xml") => (Source::BankCamt, None),
            _ => (shape, Some(PROVIDER.to_owned())),
        };
        // As in `earnings_202603.csv`.
        let digits: String = path.file_stem().unwrap().to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        let month = NaiveDate::parse_from_str(&format!("{digits}01"), "%Y%m%d").ok();
        let reading = Reading { source, month, bank: BankColumns::default(), keep_unknown: false };
        let file = SettlementFile { name: path.display().to_string(), reading, provider };
        let taken = take(db, &file, File::open(path).unwrap(), &how).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(!taken.was_taken && taken.stored.new_rows() > 0, "{taken:?}");
        rows += taken.rows;
    }
    rows
}

pub fn at() -> DateTime<Utc> {
    noon("2030-01-01")
}

pub async fn reconcile(db: &Db, through: NaiveDate, depth: Depth) -> RunReport {
    let order = Order { provider: PROVIDER.to_owned(), through, depth, actor: "test".to_owned(), at: at() };
    run(db, &order).await.unwrap_or_else(|error| panic!("{error}"))
}

fn by(actor: &str) -> By {
    By { actor: actor.to_owned(), reason: "a story".to_owned(), approved_by: None, at: at() }
}

/// Everything that was found but timing, by what it is about.
pub fn found(report: &RunReport) -> BTreeSet<Planted> {
    let breaks = report.breaks.iter().filter(|line| line.kind != BreakKind::Timing);
    breaks.map(|line| Planted { kind: line.kind, about: line.theirs.clone().or(line.ours.clone()).unwrap_or_default() }).collect()
}

#[tokio::test]
async fn a_year_agrees_with_its_provider_and_its_bank() {
    on_both(async |db| {
        let through = year(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let written = write_files(&db, folder.path(), through, 0).await;
        assert!(written.lines > 300 && written.payouts > 100, "{written:?}");
        take_all(&db, &written).await;
        let dry = reconcile(&db, through, Depth::Dry).await;
        assert_eq!(found(&dry), BTreeSet::new());
        assert_eq!(dry.unexplained().collect::<Vec<_>>(), Vec::<&kasacare::engine::reconcile::report::Equation>::new());
        assert!(dry.is_clean() && dry.agreed > 200, "{}", dry.agreed);
        assert!(dry.equations.len() > 100 && dry.payouts.iter().all(|payout| payout.residual.is_some_and(Money::is_zero)));
        assert_eq!(count(&db, "select count(*) from reconciliation_runs").await, 0);
        let applied = reconcile(&db, through, Depth::Apply).await;
        // What the bank has is posted: 1020 is what is on its way.
        let on_its_way: i64 = applied.payouts.iter().filter(|payout| payout.bank_line.is_none()).map(|payout| payout.amount.minor()).sum();
        let (bank, transit) = (
            "select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1010",
            "select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1020",
        );
        assert_eq!(count(&db, transit).await, on_its_way);
        assert!(count(&db, bank).await > 0);
        let records = count(&db, "select count(*) from journal").await;
        let again = reconcile(&db, through, Depth::Apply).await;
        assert_eq!((again == applied, count(&db, "select count(*) from journal").await), (true, records));
        assert_eq!(count(&db, "select count(*) from reconciliation_runs").await, 1);
        assert_eq!(acts::stored_run(&db, &applied.run).await.unwrap(), applied);
        let checked = check::run(&db, check::Options::default(), |_, _| {}).await.unwrap();
        assert!(checked.is_clean(), "{}", checked.summary());
    })
    .await;
}

#[tokio::test]
async fn what_was_planted_is_found_and_nothing_else() {
    on_both(async |db| {
        let through = year(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let written = write_files(&db, folder.path(), through, 3).await;
        let kinds: BTreeSet<BreakKind> = written.planted.iter().map(|planted| planted.kind).collect();
        assert!(kinds.len() >= 9, "{kinds:?}");
        take_all(&db, &written).await;
        let planted: BTreeSet<Planted> = written.planted.iter().cloned().collect();
        let dry = reconcile(&db, through, Depth::Dry).await;
        // Ours alone are sealed by our id.
        assert_eq!(found(&dry), planted);
        assert_eq!(dry.unexplained().count(), 0, "{:?}", dry.unexplained().next());
        assert!(!dry.is_clean());
        let applied = reconcile(&db, through, Depth::Apply).await;
        assert_eq!((found(&applied), applied.unexplained().count()), (planted, 0));
        // What nothing of ours explains waits on 1290 under its break.
        let aside: i64 = applied.breaks.iter().map(|line| line.set_aside.minor()).sum();
        let waits = "select cast(coalesce(sum(amount_minor), 0) as bigint) from postings where ledger_account = 1290";
        let tolerated: i64 = applied.breaks.iter().filter(|line| !line.state.waits()).map(|line| line.set_aside.minor()).sum();
        assert_eq!(tolerated, -1, "a dispute fee that is a cent too high is given up by itself");
        assert_eq!(count(&db, waits).await, -(aside - tolerated));
        let (records, breaks) = (count(&db, "select count(*) from journal").await, count(&db, "select count(*) from breaks").await);
        assert_eq!(reconcile(&db, through, Depth::Apply).await, applied);
        assert_eq!([count(&db, "select count(*) from journal").await, count(&db, "select count(*) from breaks").await], [records, breaks]);
        deal_with(&db, &applied).await;
        let after = reconcile(&db, through, Depth::Apply).await;
        let merged = applied.candidates.first().unwrap();
        assert!(after.breaks.iter().all(|line| line.id != merged.id && !merged.payouts.iter().any(|id| line.theirs.as_ref() == Some(id))));
        assert_eq!(after.unexplained().count(), 0, "{:?}", after.unexplained().next());
        let checked = check::run(&db, check::Options::default(), |_, _| {}).await.unwrap();
        assert!(checked.is_clean(), "{}", checked.summary());
    })
    .await;
}

/// One of each act, with its limits.
async fn deal_with(db: &Db, report: &RunReport) {
    let of = |kind: BreakKind| report.breaks.iter().find(|line| line.kind == kind).unwrap();
    let explained = acts::explain(db, &of(BreakKind::OrphanRefund).id, &by("Ada")).await.unwrap();
    assert_eq!((explained.state, explained.owner.as_deref()), (BreakState::Explained, Some("Ada")));
    let alien = of(BreakKind::MissingHere);
    let refused = acts::resolve(db, &alien.id, false, &by("Ada")).await.unwrap_err();
    assert!(matches!(&refused, ReconcileError::Refused(problem) if problem.contains("wait on 1290")), "{refused}");
    let amount = of(BreakKind::Amount);
    let written_off = acts::write_off(db, &amount.id, &by("Ada")).await.unwrap();
    assert_eq!(written_off.state, BreakState::WrittenOff);
    let losses = "select cast(coalesce(sum(amount_minor), 0) as bigint) from postings where ledger_account = 5900";
    assert_eq!(count(db, losses).await, amount.amount.minor() + 1, "with the cent within the tolerance");
    let again = acts::write_off(db, &amount.id, &by("Ada")).await.unwrap_err();
    assert!(again.to_string().contains("is written off already"), "{again}");
    let merged = report.candidates.first().expect("two payouts on one line");
    let short = acts::match_payouts(db, &merged.id, &merged.payouts[..1], &by("Ada")).await.unwrap_err();
    assert!(short.to_string().contains("the line is"), "{short}");
    let before = count(db, "select count(*) from payout_receipts").await;
    acts::match_payouts(db, &merged.id, &merged.payouts, &by("Ada")).await.unwrap();
    assert_eq!(count(db, "select count(*) from payout_receipts").await, before + 2);
    let resolved = acts::resolve(db, &of(BreakKind::PayoutUnproven).id, false, &by("Ada")).await.unwrap();
    let (shown, done) = acts::show(db, &resolved.id).await.unwrap();
    assert_eq!((shown.state, done.len(), done.last().map(|act| act.actor.as_str())), (BreakState::Resolved, 2, Some("Ada")));
    assert!(matches!(acts::show(db, "br_0").await, Err(ReconcileError::NotFound { .. })));
}

/// One year in the shape of each provider's files.
#[tokio::test]
async fn the_year_comes_in_the_shape_of_every_provider() {
    on_both(async |db| {
        let through = year(&db).await;
        for shape in [Source::PayPal, Source::GooglePlay, Source::Apple, Source::Recurly] {
            let folder = tempfile::tempdir().unwrap();
            let written = write_as(&db, shape, folder.path(), through, 2).await;
            let rows = take_as(&db, shape, &written, true).await;
            assert!(rows > 100, "{shape:?}: {rows}");
        }
        assert_eq!(count(&db, "select count(*) from provider_movements").await, 0, "they were only read");
        // Stripe's pages tell the same as its report.
        let folder = tempfile::tempdir().unwrap();
        let written = write_as(&db, Source::StripeBalance, folder.path(), through, 2).await;
        take_as(&db, Source::StripeBalance, &written, false).await;
        let report = reconcile(&db, through, Depth::Dry).await;
        // Only the report says which movements were in which payout.
        let told = |planted: &&Planted| planted.kind != BreakKind::PayoutUnproven;
        assert_eq!(found(&report), written.planted.iter().filter(told).cloned().collect());
        assert_eq!(report.unexplained().count(), 0, "{:?}", report.unexplained().next());
    })
    .await;
}

#[tokio::test]
async fn nothing_can_be_reconciled_that_was_not_told() {
    on_both(async |db| {
        let order =
            Order { provider: "stripe".to_owned(), through: at().date_naive(), depth: Depth::Apply, actor: "t".to_owned(), at: at() };
        assert!(matches!(run(&db, &order).await, Err(ReconcileError::NothingTold { .. })));
    })
    .await;
}
