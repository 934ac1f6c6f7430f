//! P19: the engine is killed in mid-run and started again.

use std::time::Duration;

use sqlx::{Connection, PgConnection};

use crate::args::Job;
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

/// Kills the engine when about a third is committed, runs it again, and counts what was done twice: each renewal that was planned
/// but not committed is redone, which is at most a chunk a worker, and none is in the books twice.
pub async fn goal(server: &Server) -> Goal {
    server.template("book", DUE).await;
    let url = server.copy("book", "killed").await;
    let mut child = engine_side::start(&url, WORKERS);
    while count(&url, "select count(*) from invoices").await < u64::from(DUE) / 3 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    child.kill().expect("the engine");
    child.wait().expect("the engine");
    // A commit that had been sent when the engine died may still take effect.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let committed = count(&url, "select count(*) from invoices").await;
    assert!(committed < u64::from(DUE), "the engine was killed in mid-run");
    let again = engine_side::run(&url, Job::Renew, WORKERS);
    assert_eq!(again.done + committed, u64::from(DUE), "what was committed was not done again, the rest was");
    let doubled = count(&url, "select count(*) - count(distinct account_id) from invoices").await;
    assert_eq!(count(&url, "select count(*) from invoices").await, u64::from(DUE), "every period has its invoice");
    assert_eq!(count(&url, "select max(next) - 1 from number_series where series = 'KASA-2026'").await, u64::from(DUE), "no gaps");
    server.drop("killed").await;
    server.drop("book").await;
    let mut series = Series::default();
    series.push(doubled as f64);
    let note = format!("killed after {committed} of {DUE}; {} were left; at most {WORKERS} chunks of 2000 were planned twice", again.done);
    Goal::new("P19 renewals doubled by a kill", Better::Less, 0.0, 0.0, series, note)
}
