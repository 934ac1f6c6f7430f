//! Turns that come evenly, so many a second. Nothing is saved up: Stripe counts by the second, wherever one begins, and turns away who comes with
//! more in any of them.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::wall_micros;

const SECOND: i64 = 1_000_000;
/// In which time a second's worth of turns comes: longer by a hundredth, because what is on its way for a little longer comes nearer to what is
/// sent after it.
const SPREAD: i64 = SECOND + SECOND / 100;
/// Longest wait for a turn. Only a clock that was put back could make it longer.
const AHEAD_MAX: i64 = 120 * SECOND;

/// Whose turn it is when.
#[derive(Debug)]
pub(super) struct Pace {
    /// Between two turns, in microseconds.
    interval: i64,
    /// When the next turn is.
    next: Mutex<i64>,
}

impl Pace {
    /// So many turns a second.
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: SPREAD / i64::from(per_second.max(1)), next: Mutex::new(0) }
    }

    /// Waits for its turn.
    pub(super) async fn turn(&self) {
        let wait = self.wait_at(wall_micros());
        if wait > Duration::ZERO {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes the next turn, and tells how long it is until then.
    fn wait_at(&self, now: i64) -> Duration {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = (*next).max(now);
        let turn = if turn.saturating_sub(now) > AHEAD_MAX { now } else { turn };
        *next = turn.saturating_add(self.interval);
        Duration::from_micros(u64::try_from(turn.saturating_sub(now)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many turns come within a second from `now` on.
    fn within_a_second(pace: &Pace, turns: u32, now: i64) -> usize {
        (0..turns).filter(|_| pace.wait_at(now) < Duration::from_secs(1)).count()
    }

    #[test]
    fn no_second_has_more_than_its_turns() {
        let pace = Pace::new(100);
        let hour = 3_600 * SECOND;
        // One every 10.1 ms: the hundredth after 999.9 ms. An hour without requests gives no more.
        assert_eq!(within_a_second(&pace, 400, hour), 100);
        // What is waiting keeps its turns: 400 were taken, so the next comes 4.04 s after the first.
        assert_eq!(pace.wait_at(hour), Duration::from_millis(4_040));
        assert_eq!(pace.wait_at(hour + 5 * SECOND), Duration::ZERO);
    }

    #[test]
    fn turns_come_evenly() {
        let pace = Pace::new(25);
        let waits: Vec<u64> = (0..5).map(|_| u64::try_from(pace.wait_at(SECOND).as_micros()).unwrap()).collect();
        assert_eq!(waits, [0, 40_400, 80_800, 121_200, 161_600]);
        // Of a pause nothing is made up for.
        let waits: Vec<u64> = (0..2).map(|_| u64::try_from(pace.wait_at(9 * SECOND).as_micros()).unwrap()).collect();
        assert_eq!(waits, [0, 40_400]);
    }

    #[test]
    fn a_clock_that_was_put_back_stops_nothing() {
        let pace = Pace::new(10);
        let hour = 3_600 * SECOND;
        pace.wait_at(2 * hour);
        assert_eq!(pace.wait_at(hour), Duration::ZERO);
    }
}
