//! `cargo bench --bench pack`: a month's pack over the books of 100,000 and 1,000,000 subscriptions, on both databases. Prints how long each
//! report took and how much memory all of it; see `docs/speed.md`.

#![expect(clippy::disallowed_methods, reason = "measures wall time, and the harness finds programs by the environment")]
#![expect(clippy::disallowed_types, reason = "makes databases and copies rows without the engine, which the seam cannot")]
#![expect(clippy::cast_precision_loss, reason = "counts become ratios for people to read")]

mod args;
mod book;
mod child;
#[path = "../runner/databases.rs"]
#[expect(dead_code, reason = "nothing is written, so no copies are needed")]
mod databases;
#[path = "../runner/measure.rs"]
#[expect(dead_code, reason = "there is no yardstick that could be noisy")]
mod measure;
#[path = "../../tests/it/world/postgres.rs"]
#[expect(dead_code, reason = "the harness of the tests; the benchmark has no use for its shared server")]
mod postgres;

use clap::Parser;
use kasacare::store::db::{ConnectOptions, Db};

use crate::args::{Args, Kind};
use crate::child::Run;
use crate::databases::{Folder, Server};
use crate::measure::{Better, Goal, Series};

/// As in the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Seconds that the pack of a million subscriptions may take.
const SECONDS_MAX: f64 = 60.0;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args = Args::parse();
    if let Some(url) = &args.child {
        return child::be_the_child(url, args.out).await;
    }
    if let Some(url) = &args.fill {
        let db = Db::connect(url, ConnectOptions { create: true, ..ConnectOptions::default() }).await.expect("the database");
        db.migrate().await.expect("the schema");
        return book::fill(&db, url, args.subscriptions.first().copied().unwrap_or_default()).await;
    }
    if args.db.contains(&Kind::Postgres) {
        let server = Server::new(args.postgres.clone());
        for number in &args.subscriptions {
            server.template("pack", *number).await;
            measure_on("PostgreSQL", &server.url("pack"), *number, args.runs).await;
            server.drop("pack").await;
        }
    }
    if args.db.contains(&Kind::Sqlite) {
        let folder = Folder::new();
        for number in &args.subscriptions {
            let path = folder.template("pack.db", *number).await;
            measure_on("SQLite", &Folder::url(&path), *number, args.runs).await;
        }
    }
}

async fn measure_on(name: &str, url: &str, number: u32, runs: usize) {
    let db = Db::connect(url, ConnectOptions::default()).await.expect("the database");
    let living = book::living(&db, url).await;
    db.close().await;
    let folder = tempfile::TempDir::with_prefix_in("kasacare-pack-", postgres::scratch()).expect("a folder");
    let (mut seconds, mut memory, mut last) = (Series::default(), Series::default(), Run::default());
    for _ in 0..runs.max(1) {
        last = child::run(url, &folder.path().join("pack"));
        assert_eq!(last.broken, 0, "{} of {} ties do not hold", last.broken, last.ties);
        seconds.push(last.seconds);
        memory.push(last.peak_kib as f64 / 1024.0);
    }
    let mib = format!("{} MiB of files", last.bytes / (1024 * 1024));
    // Smaller books may take as much of the minute as they are of a million.
    let must = SECONDS_MAX * (f64::from(number) / 1e6).max(0.1);
    let goals = [
        Goal::new("seconds", Better::Less, must, must / 2.0, seconds, mib),
        Goal::new("peak memory, MiB", Better::Less, 256.0, 128.0, memory, format!("{living} subscriptions live")),
    ];
    measure::print(&format!("{name}, {number} subscriptions"), &goals);
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["step", "seconds"]);
    table.add_rows(last.steps.iter().map(|(step, seconds)| [step.clone(), format!("{seconds:.2}")]));
    println!("\n{table}");
}
