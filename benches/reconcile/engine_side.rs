//! The engine's side, always in a process of its own, so that its memory is its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use chrono::{DateTime, Utc};
use kasacare::engine::reconcile::{self, Depth, Order};
use kasacare::engine::settlement::SettlementFile;
use kasacare::engine::settlement::preview::Given;
use kasacare::import::settlement::{BankColumns, Reading, Source};
use kasacare::reports::trial_balance;
use kasacare::store::db::{ConnectOptions, Db};
use serde::{Deserialize, Serialize};

use crate::args::Job;
use crate::book::{self, Found};

/// What a run of the engine took, and what it found.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// Wall time of the job.
    pub seconds: f64,
    /// Peak memory of the process, in KiB.
    pub peak_kib: u64,
    /// Pairs that agree.
    pub agreed: u64,
    /// Days on which the first equation has something left.
    pub unexplained: usize,
    /// Breaks by kind, or balances.
    pub found: Found,
}

/// Runs the engine to its end; with a file, which it looks at.
pub fn run(url: &str, job: Job, file: Option<&Path>) -> Run {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--child", url, "--job", job.word()]);
    if let Some(file) = file {
        command.arg("--file").arg(file);
    }
    let output = command.output().expect("the engine");
    assert!(output.status.success(), "the engine failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what the engine took")
}

/// The child's part: does the job and prints what it took.
pub async fn be_the_child(url: &str, job: Job, file: Option<PathBuf>) {
    let db = Db::connect(url, ConnectOptions::default()).await.expect("the database");
    let mut run = match job {
        Job::Reconcile => reconcile(&db, file).await,
        Job::TrialBalance => balance(&db).await,
    };
    run.peak_kib = peak_memory();
    println!("{}", serde_json::to_string(&run).expect("what it took"));
}

async fn reconcile(db: &Db, file: Option<PathBuf>) -> Run {
    let mut run = Run::default();
    let order = Order { provider: "stripe".to_owned(), through: book::through(), depth: Depth::Dry, actor: "bench".to_owned(), at: now() };
    let began = Instant::now();
    let report = match file {
        Some(path) => reconcile::run_with(db, &order, given(&path)).await,
        None => reconcile::run(db, &order).await,
    };
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    run.seconds = began.elapsed().as_secs_f64();
    run.agreed = report.agreed;
    run.unexplained = report.unexplained().count();
    for line in &report.breaks {
        *run.found.entry(line.kind.tag().to_owned()).or_default() += 1;
    }
    run
}

fn given(path: &Path) -> Given {
    let reading = Reading { source: Source::StripePayouts, month: None, bank: BankColumns::default(), keep_unknown: false };
    let file = SettlementFile { name: path.display().to_string(), reading, provider: None };
    Given { file, input: Box::new(File::open(path).expect("the file")) }
}

async fn balance(db: &Db) -> Run {
    let began = Instant::now();
    let balance = trial_balance::load(db, None).await.expect("a trial balance");
    let mut run = Run { seconds: began.elapsed().as_secs_f64(), ..Run::default() };
    for currency in &balance.currencies {
        let line = |line: &trial_balance::Line| (format!("{} {}", line.account, currency.currency), line.posted.minor());
        run.found.extend(currency.lines.iter().map(line));
    }
    run
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_614_400, 0).expect("5 January 2026, 12:00")
}

/// The most memory that this process has had so far, in KiB; 0 where the system does not say (it is Linux that does).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    peak.unwrap_or_default()
}
