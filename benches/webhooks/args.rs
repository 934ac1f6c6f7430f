//! What the benchmark is told on its command line.

use clap::{Parser, ValueEnum};

/// Measures webhooks received, what verifying costs, and charges at a provider's cap (performance goals P11, P12 and P18).
#[derive(Debug, Clone, Parser)]
#[command(name = "webhooks")]
pub struct Args {
    /// Connections that send at one time, for each number a table.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 64])]
    pub connections: Vec<usize>,
    /// How often program and yardstick are measured in turn.
    #[arg(long, default_value_t = 5)]
    pub pairs: usize,
    /// How long each is sent webhooks, in seconds.
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
    /// Requests a second that the provider allows.
    #[arg(long, default_value_t = 100)]
    pub cap: u32,
    /// How long charges are counted, in seconds.
    #[arg(long, default_value_t = 45)]
    pub charging: u64,
    /// A PostgreSQL server where databases may be made and dropped, as `postgres://USER@HOST`; without it a private one is started.
    #[arg(long)]
    pub postgres: Option<String>,
    /// Leave out a database.
    #[arg(long, value_enum)]
    pub without: Vec<Without>,
    /// Leave out a part.
    #[arg(long, value_enum)]
    pub leave_out: Vec<Part>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    pub bench: bool,
    /// Be the yardstick, in a process of its own, on this database.
    #[arg(long, hide = true)]
    pub yardstick: Option<String>,
}

/// A database that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Without {
    /// Measure SQLite only.
    Postgres,
    /// Measure PostgreSQL only.
    Sqlite,
}

/// A part that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Webhooks received (P11).
    Webhooks,
    /// What verifying costs (P12).
    Cpu,
    /// Charges at the provider's cap (P18).
    Charges,
}
