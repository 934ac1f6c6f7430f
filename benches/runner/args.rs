//! What the benchmark is told on its command line.

use clap::{Parser, ValueEnum};

/// Measures the engine against SQL that writes the same rows (performance goals P1 to P5, P7, P8, P10, P15 and P19).
#[derive(Debug, Clone, Parser)]
#[command(name = "runner")]
pub struct Args {
    /// How many subscriptions are due, for each size a table.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 200_000])]
    pub sizes: Vec<u32>,
    /// How often engine and yardstick are measured in turn.
    #[arg(long, default_value_t = 5)]
    pub pairs: usize,
    /// A PostgreSQL server where databases may be made and dropped, as `postgres://USER@HOST`; without it a private one is started.
    #[arg(long)]
    pub postgres: Option<String>,
    /// Leave out a database.
    #[arg(long, value_enum)]
    pub without: Vec<Without>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    pub bench: bool,
    /// Be the engine, in a process of its own, on this database.
    #[arg(long, hide = true)]
    pub child: Option<String>,
    /// The child's workers.
    #[arg(long, hide = true, default_value_t = 1)]
    pub workers: usize,
    /// What the child does.
    #[arg(long, hide = true, value_enum, default_value_t = Job::Renew)]
    pub job: Job,
}

/// A database that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Without {
    /// Measure SQLite only.
    Postgres,
    /// Measure PostgreSQL only.
    Sqlite,
}

/// A job of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Job {
    /// Renews what is due.
    Renew,
    /// The same, and prints a line for each that it has planned.
    RenewTelling,
    /// Settles the charges that are under way, as if all had been captured.
    Settle,
}
