//! The engine's side, always in a process of its own, so that its memory is its own.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use kasacare::domain::change::settle::Settlement;
use kasacare::domain::change::{Draft, Planned};
use kasacare::domain::ids::AccountId;
use kasacare::engine::batch::{Accounts, Work};
use kasacare::jobs::RENEWAL_CHUNK;
use kasacare::provider::capabilities::SIMULATED;
use kasacare::store::account::{self as accounts, Scope};
use kasacare::store::db::{ConnectOptions, Db};

use crate::args::Job;
use crate::book;

/// What a run of the engine took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Run {
    /// Renewals, or charges settled.
    pub done: u64,
    /// Wall time.
    pub seconds: f64,
    /// Statements that were sent.
    pub statements: u64,
    /// Peak memory of the process, in KiB.
    pub peak_kib: u64,
}

fn command(url: &str, job: Job, workers: usize) -> Command {
    let name = match job {
        Job::Renew => "renew",
        Job::RenewTelling => "renew-telling",
        Job::Settle => "settle",
    };
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--child", url, "--job", name, "--workers", &workers.to_string()]).stdout(Stdio::piped());
    command
}

/// Starts the engine, which prints a line for each renewal that it has planned, and does not wait for it.
pub fn start(url: &str, workers: usize) -> Child {
    command(url, Job::RenewTelling, workers).spawn().expect("the engine")
}

/// Runs the engine to its end.
pub fn run(url: &str, job: Job, workers: usize) -> Run {
    let output = command(url, job, workers).output().expect("the engine");
    assert!(output.status.success(), "the engine failed: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("what the engine took");
    let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
    let [done, seconds, statements, peak_kib] = numbers.as_slice() else { panic!("the engine said {text:?}") };
    Run { done: *done as u64, seconds: *seconds, statements: *statements as u64, peak_kib: *peak_kib as u64 }
}

/// The child's part: does the job and prints what it took.
pub async fn be_the_child(url: &str, job: Job, workers: usize) {
    let db = Db::connect(url, ConnectOptions::default()).await.expect("the database");
    let (done, seconds, statements) = match job {
        Job::Renew => {
            let runner = book::runner(&db, workers, RENEWAL_CHUNK).await;
            let (before, began) = (db.statements_sent(), Instant::now());
            let summary = book::renew(&runner).await;
            (summary.of("renewals"), began.elapsed().as_secs_f64(), db.statements_sent() - before)
        }
        Job::RenewTelling => {
            let runner = book::runner(&db, workers, RENEWAL_CHUNK).await;
            (book::renew_telling(&runner).await.of("renewals"), 0.0, 0)
        }
        Job::Settle => {
            let under_way = charges(&db, url).await;
            let (before, began) = (db.statements_sent(), Instant::now());
            let done = settle(&db, &under_way).await;
            (done, began.elapsed().as_secs_f64(), db.statements_sent() - before)
        }
    };
    println!("{done} {seconds} {statements} {}", book::peak_memory().unwrap_or_default());
}

/// A charge whose outcome the provider has told.
struct Told {
    account: AccountId,
    charge: String,
    invoice: String,
}

async fn charges(db: &Db, url: &str) -> Vec<Told> {
    use sqlx::{Connection, Row};
    assert_eq!(db.kind(), kasacare::store::db::Kind::Postgres, "results are measured on PostgreSQL");
    let mut connection = sqlx::PgConnection::connect(url).await.expect("the database");
    let rows = sqlx::query("select account_id, charge_id, invoice_id from charges where due_at is not null order by account_id");
    let rows = rows.fetch_all(&mut connection).await.expect("the charges");
    let told = |row: &sqlx::postgres::PgRow| Told {
        account: AccountId::parse(row.get(0)).expect("an id"),
        charge: row.get(1),
        invoice: row.get(2),
    };
    rows.iter().map(told).collect()
}

/// What `jobs::charges` does with the answers of a chunk of calls.
struct Captured {
    by_account: BTreeMap<AccountId, String>,
}

impl Work for Captured {
    fn kind(&self) -> &'static str {
        "settle_charge"
    }

    fn scope(&self) -> Scope {
        Scope::SETTLEMENT
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let Some(charge) = self.by_account.get(&draft.account.profile.id) else { return Ok(()) };
        draft.settle_charge(charge, &Settlement::Succeeded { reference: format!("sim_{charge}") })
    }
}

async fn settle(db: &Db, told: &[Told]) -> u64 {
    let clock = kasacare::clock::Clock::Fixed(book::renewal_day());
    let engine = kasacare::engine::Engine::open(db.clone(), clock).await.expect("the engine");
    let mut done = 0;
    for chunk in told.chunks(SIMULATED.calls_in_batch as usize) {
        let by_account: BTreeMap<AccountId, String> = chunk.iter().map(|one| (one.account.clone(), one.charge.clone())).collect();
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        let invoices = chunk.iter().map(|one| (one.account.clone(), one.invoice.clone())).collect();
        let mut tx = db.begin().await.expect("a transaction");
        accounts::lock(&mut tx, &ids).await.expect("the accounts");
        let work = Captured { by_account };
        let summary = engine.run_batch(tx, Accounts { ids, invoices }, &work).await.expect("settled charges");
        done += summary.of("charges captured");
    }
    done
}
