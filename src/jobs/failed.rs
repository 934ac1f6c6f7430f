//! When something outside has refused us last: it is left alone for a while, and not asked all the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How long it is left alone, by the engine's clock.
const REST_SECONDS: u64 = 60;

/// When that was. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Failed(Arc<AtomicI64>);

impl Default for Failed {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(i64::MIN)))
    }
}

impl Failed {
    /// It was now, in seconds.
    pub(super) fn at(&self, now: i64) {
        self.0.store(now, Ordering::Relaxed);
    }

    /// Whether it is to be left alone. Whoever asks may have looked at the clock before it failed.
    pub(super) fn is_recent(&self, now: i64) -> bool {
        now.abs_diff(self.0.load(Ordering::Relaxed)) < REST_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_left_alone_for_a_minute() {
        let failed = Failed::default();
        assert!(!failed.is_recent(0));
        failed.at(1_000);
        assert!(failed.is_recent(1_000) && failed.clone().is_recent(1_059));
        assert!(failed.is_recent(999), "a batch that was begun a second before");
        assert!(!failed.is_recent(1_060) && !failed.is_recent(940), "nor where the clock was put back");
    }
}
