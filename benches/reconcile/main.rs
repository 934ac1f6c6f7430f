//! `cargo bench --bench reconcile`: the reconciliation against DuckDB and against SQL, and the trial balance against bare SQL, in turn,
//! over the same payments. Prints a table of goals with what was reached; see `docs/speed.md`.

#![expect(clippy::disallowed_methods, reason = "measures wall time, and finds programs by the environment")]
#![expect(clippy::disallowed_types, reason = "makes databases and writes rows without the engine, which the seam cannot")]
#![expect(clippy::cast_precision_loss, reason = "counts become ratios for people to read")]

mod args;
mod book;
#[path = "../runner/databases.rs"]
mod databases;
mod duckdb_side;
mod engine_side;
#[path = "../runner/measure.rs"]
mod measure;
#[path = "../../tests/it/world/postgres.rs"]
#[expect(dead_code, reason = "the harness of the tests; the benchmark has no use for its shared server")]
mod postgres;
mod sides;
mod sql_side;

use clap::Parser;

use crate::args::{Args, Without};
use crate::databases::{Folder, Server};
use crate::duckdb_side::DuckDb;
use crate::measure::{Better, Goal, Series};
use crate::sides::Place;

/// As in the program that is measured.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args = Args::parse();
    if let Some(url) = &args.child {
        return engine_side::be_the_child(url, args.job, args.file).await;
    }
    let duckdb = DuckDb::find().unwrap_or_else(|missing| {
        eprintln!("{missing}");
        std::process::exit(1)
    });
    if !args.without.contains(&Without::Postgres) {
        tables(&args, &duckdb, &Place::Server(Server::new(args.postgres.clone()))).await;
    }
    if !args.without.contains(&Without::Sqlite) {
        tables(&args, &duckdb, &Place::Folder(Folder::new())).await;
    }
}

async fn tables(args: &Args, duckdb: &DuckDb, place: &Place) {
    let mut peaks = Vec::new();
    for number in &args.sizes {
        let sides = sides::measure(place, duckdb, *number, args.pairs).await;
        peaks.push((*number, sides.peak_mib()));
        let beside_sql = sides.beside_sql();
        measure::print(&format!("{}, {number} payments on both sides", place.name()), &sides.goals());
        println!("\n{beside_sql}");
    }
    // P14, its second half: ten times as many may take ten times the memory at the most, and should take hardly more.
    for pair in peaks.windows(2) {
        let [(small, below), (large, peak)] = pair else { continue };
        if *large == small * 10 {
            let mut ratio = Series::default();
            ratio.push(peak / below);
            let note = format!("{large} / {small}");
            let goal = Goal::new("P14 peak memory, ten times as many", Better::Less, 10.0, 1.5, ratio, note);
            measure::print(&format!("{}, sizes", place.name()), &[goal]);
        }
    }
}
