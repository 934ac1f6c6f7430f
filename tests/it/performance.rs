//! The exact goals of performance: statements (P4), peak memory (P8), log (P5) and work redone after a kill (P19). They do not
//! depend on how busy the machine is. What takes wall time is measured by `cargo bench --bench runner`.

#![expect(clippy::disallowed_types, reason = "makes databases on a server of its own, which the seam cannot")]

#[path = "../../benches/runner/book.rs"]
mod book;
#[path = "../../benches/runner/set_based.rs"]
#[expect(dead_code, reason = "settlement is measured by the benchmark alone")]
mod set_based;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use kasacare::jobs::RENEWAL_CHUNK;
use kasacare::reports::journal::{self, JournalFormat, Range};
use kasacare::store::db::{ConnectOptions, Db, Sql};

use crate::world::{PrivateServer, TestDb, on_both};

/// Where a child process finds its database; it says what it is to print.
const RENEW: &str = "KASACARE_TEST_RENEWING_CHILD";
/// The same, for a child that tells of each renewal and has small chunks.
const RENEW_TELLING: &str = "KASACARE_TEST_TELLING_CHILD";

const SMALL_CHUNK: u32 = 500;
const MEMORY: &str = "peak memory in KiB:";

#[tokio::test]
async fn a_renewal_takes_a_hundredth_of_a_statement() {
    on_both(async |db| {
        book::fill(&db, db.url(), RENEWAL_CHUNK).await;
        let runner = book::runner(&db, 1, RENEWAL_CHUNK).await;
        let before = db.statements_sent();
        let summary = book::renew(&runner).await;
        let sent = db.statements_sent() - before;
        assert_eq!(summary.of("renewals"), u64::from(RENEWAL_CHUNK));
        // Once a run there are two looks that find nothing more due, each with its transaction.
        let of_the_chunk = sent - 2 * 3;
        assert!(of_the_chunk * 100 <= u64::from(RENEWAL_CHUNK), "{of_the_chunk} statements for {RENEWAL_CHUNK} renewals");
    })
    .await;
}

/// Does the work of a child process, if this is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    if let Ok(url) = std::env::var(RENEW) {
        let db = Db::connect(&url, ConnectOptions::default()).await.unwrap();
        let summary = book::renew(&book::runner(&db, 1, RENEWAL_CHUNK).await).await;
        assert!(summary.of("renewals") > 0, "nothing was due");
        println!("\n{MEMORY} {}", book::peak_memory().unwrap_or_default());
    }
    if let Ok(url) = std::env::var(RENEW_TELLING) {
        let db = Db::connect(&url, ConnectOptions::default()).await.unwrap();
        book::renew_telling(&book::runner(&db, 1, SMALL_CHUNK).await).await;
    }
}

fn command(variable: &str, url: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "performance::child", "--nocapture"]).env(variable, url).stdout(Stdio::piped());
    command
}

/// Peak memory, in KiB, of a process that renews this many.
async fn peak_memory(db: &TestDb, due: u32) -> u64 {
    book::fill(db, db.url(), due).await;
    let mut command = command(RENEW, db.url());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(MEMORY)).expect("the child tells its memory");
    line.trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[cfg(target_os = "linux")]
async fn memory_does_not_grow_with_the_number_of_renewals() {
    use std::sync::{Arc, Mutex};
    let seen = Arc::new(Mutex::new(Vec::new()));
    for due in [2 * RENEWAL_CHUNK, 8 * RENEWAL_CHUNK] {
        let seen = Arc::clone(&seen);
        on_both(move |db| {
            let seen = Arc::clone(&seen);
            async move {
                let peak = peak_memory(&db, due).await;
                seen.lock().unwrap().push((db.kind(), due, peak));
            }
        })
        .await;
    }
    let seen = seen.lock().unwrap();
    for (kind, due, peak) in &*seen {
        let (_, _, least) = seen.iter().find(|(other, _, _)| other == kind).unwrap();
        assert!(peak * 100 <= least * 115, "{kind}: {due} renewals took {peak} KiB, a quarter of them {least}");
    }
}

/// Entries are read a part of the accounts at a time and come out by date: none is lost where a part ends.
#[tokio::test]
async fn a_journal_of_many_accounts_has_every_leg_in_its_order() {
    const LEGS: Sql = Sql::same("select count(*) as legs from postings");
    on_both(async |db| {
        book::fill(&db, db.url(), 2_500).await;
        book::renew(&book::runner(&db, 1, RENEWAL_CHUNK).await).await;
        let mut out = Vec::new();
        let written = journal::write(&db, JournalFormat::Csv, &Range::default(), &mut out).await.unwrap();
        let stored = db.begin_read().await.unwrap().fetch_one(&LEGS, &[]).await.unwrap().int("legs").unwrap();
        let mut reader = csv::Reader::from_reader(out.as_slice());
        let places: Vec<(String, String)> =
            reader.records().map(Result::unwrap).map(|row| (row[0].to_owned(), row[2].to_owned())).collect();
        assert!(places.is_sorted(), "out of order");
        assert_eq!((written.legs, places.len()), (u64::try_from(stored).unwrap(), usize::try_from(stored).unwrap()));
        assert!(written.entries >= 2_500, "{written:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewal_writes_as_much_log_as_plain_sql_does() {
    const DUE: u32 = 4_000;
    let server = PrivateServer::start();
    server.reconfigure("max_wal_size = 4GB\ncheckpoint_timeout = 1h\nautovacuum = off");
    let sample = {
        let (_, url) = private_database(&server, "sample", 1).await;
        set_based::Sample::read(&url).await
    };
    let (engine_log, engine_url) = private_database(&server, "engine", DUE).await;
    let url = new_database(&server, "yardstick", DUE).await;
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    let now = book::renewal_day().timestamp_micros();
    let statement = set_based::renewal(&mut connection, &sample, now).await;
    let before = set_based::log_bytes(&url).await;
    let (done, _) = set_based::run(&url, &statement).await;
    let yardstick_log = set_based::log_bytes(&url).await - before;
    assert_eq!(done, u64::from(DUE));
    assert_eq!(set_based::sums(&engine_url).await, set_based::sums(&url).await, "both sides wrote the same");
    let ratio = engine_log / yardstick_log;
    assert!(ratio <= 1.10, "the engine logged {engine_log} bytes, plain SQL {yardstick_log}: {ratio:.3}");
}

async fn new_database(server: &PrivateServer, name: &str, due: u32) -> String {
    use sqlx::{AssertSqlSafe, Connection, Executor};
    let mut postgres = sqlx::PgConnection::connect(&server.url("postgres")).await.unwrap();
    postgres.execute(AssertSqlSafe(format!("create database {name}"))).await.unwrap();
    let url = server.url(name);
    let db = Db::connect(&url, ConnectOptions::default()).await.unwrap();
    db.migrate().await.unwrap();
    book::fill(&db, &url, due).await;
    db.close().await;
    url
}

/// A database in which the engine has renewed everything, with the bytes that this has logged.
async fn private_database(server: &PrivateServer, name: &str, due: u32) -> (f64, String) {
    let url = new_database(server, name, due).await;
    let db = Db::connect(&url, ConnectOptions::default()).await.unwrap();
    let runner = book::runner(&db, 1, RENEWAL_CHUNK).await;
    let before = set_based::log_bytes(&url).await;
    assert_eq!(book::renew(&runner).await.of("renewals"), u64::from(due));
    (set_based::log_bytes(&url).await - before, url)
}

/// Starts a run and kills it when it has planned this many renewals; gives how many it had planned when it died.
fn kill_after(url: &str, renewals: usize) -> usize {
    let mut child = command(RENEW_TELLING, url).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut planned = lines.by_ref().filter(|line| line.ends_with(book::PLANNED)).take(renewals).count();
    child.kill().unwrap();
    child.wait().unwrap();
    planned += lines.filter(|line| line.ends_with(book::PLANNED)).count();
    planned
}

async fn count(db: &Db, question: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    let count = tx.fetch_one(&Sql::same(question), &[]).await.unwrap().int_at(0).unwrap();
    tx.rollback().await.unwrap();
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_costs_one_chunk_at_most() {
    const DUE: u32 = 6 * SMALL_CHUNK;
    on_both(async |db| {
        let due = i64::from(DUE);
        book::fill(&db, db.url(), DUE).await;
        let url = db.url().to_owned();
        let planned = tokio::task::spawn_blocking(move || kill_after(&url, 3 * SMALL_CHUNK as usize + 77)).await.unwrap();
        let runner = book::runner(&db, 1, SMALL_CHUNK).await;
        let again = i64::try_from(book::renew(&runner).await.of("renewals")).unwrap();
        let committed = due - again;
        assert!(committed >= 2 * i64::from(SMALL_CHUNK) && again > 0, "killed in mid-run, {committed} were committed");
        let redone = i64::try_from(planned).unwrap() - committed;
        assert!(redone <= i64::from(SMALL_CHUNK), "{redone} renewals were done again: {planned} planned, {committed} committed");
        assert_eq!(count(&db, "select count(*) from invoices").await, due, "none was doubled");
        assert_eq!(count(&db, "select count(distinct account_id) from invoices").await, due, "none was left out");
    })
    .await;
}
