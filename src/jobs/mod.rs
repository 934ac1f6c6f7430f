//! The job runner: does everything that is due, and nothing twice.
//!
//! Due is data, so a job is a claim, a pure plan for each claimed account, and a commit; it may be killed anywhere and run
//! again. Jobs that talk to somebody outside (provider, mail) commit the intent first, call with no transaction open
//! (I13), and commit the result.

pub mod announcements;
pub mod calendar;
pub mod charges;
mod failed;
pub mod inbox;
pub mod mail;
mod meter;
pub mod missed_events;
pub mod progress;
pub mod provider_events;
pub mod refunds;
pub mod runner;
mod settlement;
mod standing;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::provider::calls::{BATCH_SECONDS_MAX, CALL_SECONDS_MAX};

pub use meter::Meter;
pub use progress::Progress;
pub use runner::{RunOptions, Runner};

/// Accounts in one transaction of a batch job (P4, P8).
pub const RENEWAL_CHUNK: u32 = 2_000;
/// Mails that are leased to a worker at once.
pub const MAIL_CHUNK: u32 = 500;
/// How long a worker may keep leased work, in real time: longer than all that it asks the provider under one lease, which is to look
/// up, to send, to look up what got no answer, and to send that again (F10). Leases of the dead are freed before.
pub const LEASE_SECONDS: i64 = 1_200;
const _: () = assert!(4 * BATCH_SECONDS_MAX < LEASE_SECONDS && CALL_SECONDS_MAX < BATCH_SECONDS_MAX, "a call may outlive its lease (F10)");
/// Passes over all jobs in one run: each pass may make work for the next (a renewal a charge, a charge a receipt).
pub const PASSES_MAX: u32 = 12;

/// Asked of a runner from outside: stop after the present chunk.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn request(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Waits so long, or until somebody asks.
    pub async fn within(&self, wait: Duration) {
        const LOOK: Duration = Duration::from_millis(100);
        let mut left = wait;
        while !left.is_zero() && !self.requested() {
            let step = left.min(LOOK);
            tokio::time::sleep(step).await;
            left = left.saturating_sub(step);
        }
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
