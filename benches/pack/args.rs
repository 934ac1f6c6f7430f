//! What the benchmark is told on its command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures the pack of a month: how long each of its reports takes, and how much memory all of it.
#[derive(Debug, Clone, Parser)]
#[command(name = "pack")]
pub struct Args {
    /// How many subscriptions live at the month's end, at least; for each size a table.
    #[arg(long, value_delimiter = ',', default_values_t = [100_000, 1_000_000])]
    pub subscriptions: Vec<u32>,
    /// The databases.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Kind::Sqlite, Kind::Postgres])]
    pub db: Vec<Kind>,
    /// How often each is measured.
    #[arg(long, default_value_t = 1)]
    pub runs: usize,
    /// A PostgreSQL server where databases may be made and dropped, as `postgres://USER@HOST`; without it a private one is started.
    #[arg(long)]
    pub postgres: Option<String>,
    /// Only fill this empty database, with the first of the sizes.
    #[arg(long, value_name = "URL")]
    pub fill: Option<String>,
    /// Only write the pack of a database that was filled, and print what it took as JSON.
    #[arg(long, value_name = "URL")]
    pub child: Option<String>,
    /// Where that pack is written; a folder that goes away where this is left out.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// A database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}
