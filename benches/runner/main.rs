//! `cargo bench --bench runner`: the job runner against SQL that writes the same rows, in turn, over fresh copies of a book of
//! due subscriptions. Prints a table of goals with what was reached; see `docs/speed.md`.

#![expect(clippy::disallowed_methods, reason = "measures wall time, and the harness finds programs by the environment")]
#![expect(clippy::disallowed_types, reason = "makes databases and writes rows without the engine, which the seam cannot")]
#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts become ratios for people to read"
)]

mod args;
mod book;
mod databases;
mod engine_side;
mod killed;
mod measure;
#[path = "../../tests/it/world/postgres.rs"]
#[expect(dead_code, reason = "the harness of the tests; the benchmark has no use for its shared server")]
mod postgres;
mod prepared;
mod refund;
mod set_based;
mod sides;

use clap::Parser;

use crate::args::{Args, Without};
use crate::databases::{Folder, Server};
use crate::measure::{Better, Goal, Series};

/// As in the program that is measured. The yardstick on SQLite has it, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args = Args::parse();
    if let Some(url) = &args.child {
        return engine_side::be_the_child(url, args.job, args.workers).await;
    }
    measure::print("Domain", &[refund::goal(args.pairs)]);
    if !args.without.contains(&Without::Postgres) {
        postgres_tables(&args).await;
    }
    if !args.without.contains(&Without::Sqlite) {
        sqlite_tables(&args).await;
    }
}

async fn postgres_tables(args: &Args) {
    let server = Server::new(args.postgres.clone());
    let mut sizes = Vec::new();
    for due in &args.sizes {
        let (goals, cost) = sides::postgres(&server, *due, args.pairs).await;
        measure::print(&format!("PostgreSQL, {due} renewals"), &goals);
        sizes.push(cost);
    }
    compare_sizes("PostgreSQL", &sizes, 1.25, 1.10);
    measure::print("PostgreSQL, killed", &[killed::goal(&server).await]);
}

async fn sqlite_tables(args: &Args) {
    let folder = Folder::new();
    let mut sizes = Vec::new();
    for due in &args.sizes {
        let (goals, cost) = sides::sqlite(&folder, *due, args.pairs).await;
        measure::print(&format!("SQLite, {due} renewals"), &goals);
        sizes.push(cost);
    }
    compare_sizes("SQLite", &sizes, 1.4, 1.10);
}

/// P7 and P8: the largest size against the smallest.
fn compare_sizes(database: &str, sizes: &[sides::Cost], must: f64, stretch: f64) {
    let (Some(small), Some(large)) = (sizes.first(), sizes.last()) else { return };
    if small.due == large.due {
        return;
    }
    let one = |figure: f64| {
        let mut series = Series::default();
        series.push(figure);
        series
    };
    let sizes = format!("{} / {}", large.due, small.due);
    let time = large.seconds_each / small.seconds_each;
    let memory = large.peak_kib / small.peak_kib;
    let mib = format!("{:.1} MiB", large.peak_kib / 1024.0);
    let goals = [
        Goal::new("P7 cost a renewal, largest / smallest", Better::Less, must, stretch, one(time), sizes.clone()),
        Goal::new("P8 peak memory, largest / smallest", Better::Less, 1.15, 1.05, one(memory), sizes),
        Goal::new("P8 peak memory in MiB", Better::Less, 64.0, 32.0, one(large.peak_kib / 1024.0), mib),
    ];
    measure::print(&format!("{database}, sizes"), &goals);
}
