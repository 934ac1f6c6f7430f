//! P19: the engine is killed in mid-run and started again.

use std::io::{BufRead, BufReader};

use sqlx::{Connection, PgConnection};

use crate::args::Job;
use crate::book::PLANNED;
use crate::databases::Server;
use crate::engine_side;
use crate::measure::{Better, Goal, Series};

const DUE: u32 = 20_000;
const WORKERS: usize = 2;

async fn count(url: &str, question: &'static str) -> u64 {
    let mut connection = PgConnection::connect(url).await.expect("the database");
    let count: i64 = sqlx::query_scalar(question).fetch_one(&mut connection).await.expect("a count");
    count.unsigned_abs()
}

/// Kills the engine after about half of the renewals, gives how many it had planned.
fn kill_in_the_middle(url: &str) -> u64 {
    let mut engine = engine_side::start(url, WORKERS);
    let mut lines = BufReader::new(engine.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let mut planned = lines.by_ref().filter(|line| line == PLANNED).take(DUE as usize / 2 + 777).count();
    engine.kill().expect("the engine");
    engine.wait().expect("the engine");
    planned += lines.filter(|line| line == PLANNED).count();
    planned as u64
}

/// Kills the engine, runs it again, and counts what was done again: what had been planned and not committed. None may be in the
/// books twice.
pub async fn goal(server: &Server) -> Goal {
    server.template("book", DUE).await;
    let url = server.copy("book", "killed").await;
    let planned = kill_in_the_middle(&url);
    let committed = count(&url, "select count(*) from invoices").await;
    let again = engine_side::run(&url, Job::Renew, WORKERS);
    assert!(again.done > 0, "the engine was killed in mid-run");
    let committed = committed.max(u64::from(DUE) - again.done);
    assert_eq!(again.done + committed, u64::from(DUE), "what was committed was not done again, the rest was");
    assert_eq!(count(&url, "select count(distinct account_id) from invoices").await, u64::from(DUE), "every period has an invoice");
    assert_eq!(count(&url, "select count(*) from invoices").await, u64::from(DUE), "and no second one");
    server.drop("killed").await;
    server.drop("book").await;
    let mut redone = Series::default();
    redone.push(planned.saturating_sub(committed) as f64);
    let most = f64::from(kasacare::jobs::RENEWAL_CHUNK) * WORKERS as f64;
    let note = format!("{WORKERS} workers killed after {planned} of {DUE} were planned and {committed} committed; none doubled");
    Goal::new("P19 renewals redone after a kill", Better::Less, most, most, redone, note)
}
