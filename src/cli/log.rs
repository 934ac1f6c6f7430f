//! Log lines on standard error. They carry ids, never personal data or payloads.

use tracing_subscriber::EnvFilter;

/// Starts logging by `KASACARE_LOG` (default: warnings of everything, chunks of the jobs), once.
pub fn init() {
    let mut filter = EnvFilter::try_from_env("KASACARE_LOG").unwrap_or_else(|_| EnvFilter::new("warn,kasacare=info"));
    // Stripe's client logs the paths of its requests, in which payment methods are named (PP-3): of it, trouble alone.
    if let Ok(quiet) = "stripe=warn".parse() {
        filter = filter.add_directive(quiet);
    }
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    // A line that cannot be written is lost. The subscriber would tell so by `eprintln!`, which panics where that cannot be
    // written either.
    drop(logs.log_internal_errors(false).try_init());
}
