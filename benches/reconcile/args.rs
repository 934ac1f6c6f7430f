//! What the benchmark is told on its command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the reconciliation against DuckDB and against SQL in the same database, and the trial balance against bare SQL (performance
/// goals P13, P14 and P17).
#[derive(Debug, Clone, Parser)]
#[command(name = "reconcile")]
pub struct Args {
    /// How many movements each side has, for each size a table.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    pub sizes: Vec<u32>,
    /// How often all sides are measured in turn.
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
    /// What the child does.
    #[arg(long, hide = true, value_enum, default_value_t = Job::Reconcile)]
    pub job: Job,
    /// A settlement file that the child looks at.
    #[arg(long, hide = true)]
    pub file: Option<PathBuf>,
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
    /// Reconciles, dry.
    Reconcile,
    /// Loads the trial balance.
    TrialBalance,
}

impl Job {
    /// Its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Reconcile => "reconcile",
            Self::TrialBalance => "trial-balance",
        }
    }
}
