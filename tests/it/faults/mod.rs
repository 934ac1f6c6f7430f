//! Faults of the surroundings, met by the real program: what it says, with which exit code it ends, and that everything is there
//! once the fault is over (I15, F18, F19, F21).

mod disk;
mod read_only;
mod schema;
mod server;
mod small_disk;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use kasacare::domain::ids::AccountId;
use kasacare::reports::check;
use kasacare::store::db::{ConnectOptions, Db, Sql};

use crate::world::town::{OREGON, Town};
use crate::world::{PrivateServer, on_sqlite};

/// Everybody joined a month before the renewal's day.
const JOINED: &str = "2026-01-05";
const RENEWS: &str = "2026-02-05";
/// How many renewals are due.
const ACCOUNTS: usize = 300;

/// A database on which so many renewals are due.
async fn with_renewals_due(db: &Db) {
    let town = Town::on(db).await;
    let people: Vec<_> = (0..ACCOUNTS).map(|number| (format!("f{number:04}"), OREGON, "tok_ok".to_owned())).collect();
    town.move_all_in(&people).await;
    let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| AccountId::parse(id).unwrap()).collect();
    town.subscribe_all(JOINED, &ids, "plus/monthly").await;
}

/// A copy of a SQLite database on which renewals are due, closed, so that its log is in the file.
async fn file_with_renewals_due(file: &Path) {
    on_sqlite(async |db| {
        with_renewals_due(&db).await;
        let source = db.url().trim_start_matches("sqlite://").to_owned();
        db.close().await;
        std::fs::copy(source, file).expect("a copy of the database");
    })
    .await;
}

/// A PostgreSQL server of its own with a database on which renewals are due, and its address.
async fn server_with_renewals_due() -> (PrivateServer, String) {
    let server = PrivateServer::start();
    let url = server.url("postgres");
    let db = open(&url).await;
    db.migrate().await.unwrap();
    with_renewals_due(&db).await;
    db.close().await;
    (server, url)
}

/// The program, on a database.
fn kasacare(url: &str, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(words).env("KASACARE_DB", url).env("KASACARE_LOG", "error").env_remove("RUST_BACKTRACE");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that does what is due on the renewal's day.
fn run(url: &str, mails: &Path) -> Command {
    let mut command = kasacare(url, &["run", "--once", "--as-of", RENEWS, "--chunk", "100"]);
    command.arg("--mail-dir").arg(mails);
    command
}

/// How a program ended, and what it said on standard error.
fn ended(program: Child) -> (i32, String) {
    let output = program.wait_with_output().expect("the program's end");
    (output.status.code().expect("it ends by itself"), String::from_utf8(output.stderr).expect("UTF-8"))
}

/// What a program that must succeed prints.
fn printed(url: &str, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let output = kasacare(url, &words).output().expect("the program starts");
    assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn end_of(command: &mut Command) -> (i32, String) {
    ended(command.spawn().expect("the program starts"))
}

async fn open(url: &str) -> Db {
    Db::connect(url, ConnectOptions::default()).await.expect("the database")
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    let number = tx.fetch_one(&Sql::same(sql), &[]).await.unwrap().int_at(0).unwrap();
    tx.rollback().await.unwrap();
    number
}

/// The books are clean, and nobody was parked for what was not theirs.
async fn assert_sound(db: &Db) {
    let report = check::run(db, check::Options::default(), |_, _| {}).await.unwrap();
    assert!(report.is_clean(), "{}", report.summary());
    assert_eq!(number(db, "select count(*) from accounts where parked_at is not null").await, 0, "parked");
}

/// Each account's second period was billed once and paid once, and each has its receipt.
async fn assert_all_done(db: &Db) {
    assert_sound(db).await;
    let accounts = i64::try_from(ACCOUNTS).unwrap();
    for (what, sql) in [
        ("renewals", "select count(*) from invoices where period_no = 1"),
        ("paid renewals", "select count(*) from invoices where period_no = 1 and open_minor = 0"),
        ("payments", "select count(*) from payments where invoice_id like '%_1_1'"),
        ("captures", "select count(*) from sim_charge where state = 'captured' and invoice_id like '%_1_1'"),
        ("receipts", "select count(*) from notices where kind = 'receipt_payment' and state = 'sent' and notice_id like '%_1_1_1'"),
    ] {
        assert_eq!(number(db, sql).await, accounts, "{what}");
    }
}
