//! `cargo bench --bench webhooks`: the program that receives webhooks against one that does nothing but verify and insert, in turn; what
//! verifying costs; and charges at a provider that allows a hundred requests a second. Prints a table of goals with what was reached; see
//! `docs/speed.md`.

#![expect(clippy::disallowed_methods, reason = "measures wall time, and finds programs by the environment")]
#![expect(clippy::disallowed_types, reason = "makes databases and writes rows without the engine, which the seam cannot")]
#![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "counts become ratios for people to read")]

mod args;
#[path = "../runner/book.rs"]
#[expect(dead_code, reason = "the book of the runner's benchmark; its children are not needed here")]
mod book;
mod capped;
mod cpu;
#[path = "../runner/databases.rs"]
#[expect(dead_code, reason = "nothing is copied here")]
mod databases;
mod load;
#[path = "../runner/measure.rs"]
mod measure;
#[path = "../../tests/it/world/postgres.rs"]
#[expect(dead_code, reason = "the harness of the tests; the benchmark has no use for its shared server")]
mod postgres;
mod provider;
mod received;
mod servers;
mod yardstick;

use clap::Parser;

use crate::args::{Args, Part, Without};
use crate::databases::{Folder, Server};
use crate::received::Place;

/// As in the program that is measured. The yardstick has it, too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let args = Args::parse();
    if let Some(url) = &args.yardstick {
        return yardstick::serve(url).await;
    }
    let does = |part: Part| !args.leave_out.contains(&part);
    if does(Part::Cpu) {
        measure::print("Verifying and extracting", &[cpu::goal(args.pairs)]);
    }
    if !args.without.contains(&Without::Postgres) {
        tables(&args, &Place::Server(Server::new(args.postgres.clone()))).await;
    }
    if !args.without.contains(&Without::Sqlite) {
        tables(&args, &Place::Folder(Folder::new())).await;
    }
}

async fn tables(args: &Args, place: &Place) {
    if !args.leave_out.contains(&Part::Webhooks) {
        for connections in &args.connections {
            let goals = received::measure(place, *connections, args.pairs, args.seconds).await;
            measure::print(&format!("{}, {connections} connections", place.name()), &goals);
        }
    }
    if !args.leave_out.contains(&Part::Charges) {
        measure::print(&format!("{}, charges at a provider's cap", place.name()), &capped::goals(place, args.cap, args.charging).await);
    }
}
