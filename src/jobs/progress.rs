//! A progress bar on a terminal, one structured log line a chunk otherwise.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far a run is.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar if standard error is a terminal, log lines otherwise.
    #[must_use]
    pub fn detect() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::quiet();
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg:24} {pos:>9} done  {elapsed}") {
            bar.set_style(style);
        }
        Self { bar: Some(bar) }
    }

    /// Log lines only.
    #[must_use]
    pub const fn quiet() -> Self {
        Self { bar: None }
    }

    /// A chunk of a job is done.
    pub fn chunk(&self, job: &'static str, accounts: usize) {
        match &self.bar {
            Some(bar) => {
                if bar.message() != job {
                    bar.set_message(job);
                }
                bar.inc(u64::try_from(accounts).unwrap_or(u64::MAX));
            }
            None => tracing::info!(job, accounts, "chunk done"),
        }
    }

    /// The run is over.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
