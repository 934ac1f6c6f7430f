//! The process is killed at random points of a run of 2,000 renewals, again and again until it is done (I1, I15, P19).
//! Afterwards each period has one invoice, each invoice one capture, and nothing is left in the air.

#![expect(clippy::disallowed_methods, reason = "a kill comes after a time on the wall")]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kasacare::domain::ids::AccountId;
use kasacare::reports::check;
use kasacare::store::db::{Db, Sql};

use crate::world::town::{OREGON, Town};
use crate::world::{TestDb, on_both, on_postgres};

const ACCOUNTS: usize = 2_000;
/// The renewal's day; everybody joined a month before.
const JOINED: &str = "2026-01-05";
const RENEWS: &str = "2026-02-05";
/// Kills at most; then the run is left in peace.
const KILLS_MAX: u32 = 8;

async fn town_of(db: &Db) -> Vec<AccountId> {
    let town = Town::on(db).await;
    let people: Vec<_> = (0..ACCOUNTS).map(|number| (format!("k{number:05}"), OREGON, format!("tok_mix_{number}"))).collect();
    town.move_all_in(&people).await;
    let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| AccountId::parse(id).unwrap()).collect();
    town.subscribe_all(JOINED, &ids, "plus/monthly").await;
    ids
}

fn runner(url: &str, workers: u32, mails: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(["run", "--once", "--as-of", RENEWS, "--chunk", "100", "--workers", &workers.to_string()]);
    command.arg("--mail-dir").arg(mails).args(["--db", url]).env("KASACARE_LOG", "error");
    command.stdout(Stdio::null()).stderr(Stdio::inherit());
    command
}

/// Kills runs after times that follow from the seed, until one comes to its end. Gives how many were killed.
fn kill_until_done(url: &str, seed: u64) -> u32 {
    let mails = tempfile::tempdir().unwrap();
    let mut state = seed;
    for killed in 0..KILLS_MAX {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let after = Duration::from_millis(150 + (state >> 33) % 1_500);
        println!("seed {seed}: run {killed} is killed after {after:?}");
        let mut run = runner(url, 1, mails.path()).spawn().unwrap();
        let until = Instant::now() + after;
        while Instant::now() < until {
            if let Some(status) = run.try_wait().unwrap() {
                assert!(status.success(), "seed {seed}: the run failed by itself: {status}");
                return killed;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let status = runner(url, 1, mails.path()).status().unwrap();
    assert!(status.success(), "seed {seed}: the last run failed: {status}");
    KILLS_MAX
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    let row = tx.fetch_one(&Sql::same(sql), &[]).await.unwrap();
    let number = row.int_at(0).unwrap();
    tx.rollback().await.unwrap();
    number
}

/// Each started subscription has its second period billed once; each invoice has one capture at the provider or none.
async fn assert_once(db: &Db) {
    let alive = number(db, "select count(*) from subscriptions where state in ('active', 'past_due')").await;
    assert!(alive > 1_800, "most first charges succeed: {alive}");
    let renewed = number(db, "select count(*) from invoices where period_no = 1").await;
    assert_eq!(renewed, alive, "each period has one invoice");
    assert_eq!(number(db, "select count(*) from invoices where period_no > 1").await, 0, "and no more");
    let twice = "select count(*) from (select invoice_id from payments group by account_id, invoice_id having count(*) > 1) twice";
    assert_eq!(number(db, twice).await, 0, "no invoice was paid twice");
    let parked = number(db, "select count(*) from accounts where parked_at is not null").await;
    assert_eq!(parked, 0, "nobody is parked");
    let in_the_air = "select count(*) from charges where state in ('requested', 'unknown') and due_at < 1770336000000000";
    let left = number(db, in_the_air).await;
    if left > 0 {
        let rows = Sql::same(
            "select charge_id, state, due_at, lease_owner, lease_until, lease_no, lookups from charges where state in ('requested', 'unknown') and due_at < 1770336000000000",
        );
        let mut tx = db.begin_read().await.unwrap();
        for row in tx.fetch_all(&rows, &[]).await.unwrap() {
            println!(
                "{:?} {:?} {:?} owner {:?} until {:?} no {:?} lookups {:?}",
                row.text("charge_id"),
                row.text("state"),
                row.int("due_at"),
                row.opt_text("lease_owner"),
                row.opt_int("lease_until"),
                row.int("lease_no"),
                row.int("lookups")
            );
        }
    }
    assert_eq!(left, 0, "every charge of the day has settled");
    let report = check::run(db, check::Options::default(), |_, _| {}).await.unwrap();
    assert!(report.is_clean(), "{}", report.summary());
}

async fn killed_again_and_again(db: TestDb, seed: u64) {
    town_of(&db).await;
    let url = db.url().to_owned();
    let killed = tokio::task::spawn_blocking(move || kill_until_done(&url, seed)).await.unwrap();
    println!("seed {seed}: done after {killed} kills");
    assert!(killed > 0, "the first run must not get through, or this test tests nothing");
    assert_once(&db).await;
}

#[tokio::test]
async fn killed_runs_bill_each_period_once() {
    on_both(|db| killed_again_and_again(db, 20_261_122)).await;
}

#[tokio::test]
async fn two_processes_with_two_workers_each_bill_each_period_once() {
    on_postgres(|db| async move {
        town_of(&db).await;
        let url = db.url().to_owned();
        let raced = tokio::task::spawn_blocking(move || {
            let mails = tempfile::tempdir().unwrap();
            let mut first = runner(&url, 2, mails.path()).spawn().unwrap();
            let mut second = runner(&url, 2, mails.path()).spawn().unwrap();
            let mut third = runner(&url, 2, mails.path()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(700));
            third.kill().unwrap();
            third.wait().unwrap();
            let done = [first.wait().unwrap().success(), second.wait().unwrap().success()];
            // What the killed one had leased is taken over by whoever starts next.
            let after = runner(&url, 1, mails.path()).status().unwrap().success();
            (done, after)
        });
        assert_eq!(raced.await.unwrap(), ([true, true], true));
        assert_once(&db).await;
    })
    .await;
}
