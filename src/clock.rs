//! The only place that reads the wall clock. Everything else is told the time.

use chrono::{DateTime, Timelike, Utc};

/// Where "now" comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A fixed instant: `--as-of`, tests, the demo's days.
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The present instant, in whole microseconds as the databases keep it.
    #[must_use]
    pub fn now(self) -> DateTime<Utc> {
        match self {
            Self::System => whole_micros(machine_time()),
            Self::Fixed(at) => whole_micros(at),
        }
    }
}

/// The machine's own time, in microseconds since 1970: for leases on work in progress, which are no business facts and
/// must run out in real time also where `--as-of` holds the business clock still.
#[must_use]
pub fn wall_micros() -> i64 {
    machine_time().timestamp_micros()
}

/// How long it has been since [`wall_micros`] said `began`, in seconds: for histograms.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a duration for a histogram, no money")]
pub fn wall_seconds_since(began: i64) -> f64 {
    wall_micros().saturating_sub(began).max(0) as f64 / 1_000_000.0
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
fn machine_time() -> DateTime<Utc> {
    Utc::now()
}

fn whole_micros(at: DateTime<Utc>) -> DateTime<Utc> {
    let nanos = at.nanosecond();
    at.with_nanosecond(nanos.saturating_sub(nanos % 1_000)).unwrap_or(at)
}
