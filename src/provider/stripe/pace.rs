//! A token bucket: so many requests a second, and after a pause a few at once. What a longer pause has not used is lost: Stripe counts by the
//! second, and turns away who comes with a minute's worth.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::clock::wall_micros;

const SECOND: i64 = 1_000_000;
/// How much of a pause may be made up for: with more, the second after a pause would have more requests than Stripe allows in one.
const SAVED: i64 = SECOND / 10;
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
        Self { interval: SECOND / i64::from(per_second.max(1)), next: Mutex::new(0) }
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
        let turn = (*next).max(now.saturating_sub(SAVED));
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
    fn a_pause_saves_a_tenth_of_a_second_and_no_more() {
        let pace = Pace::new(100);
        let hour = 3_600 * SECOND;
        // Ten at once, and 100 in the second after that: an hour without requests gives no more.
        assert_eq!(within_a_second(&pace, 400, hour), 110);
        // What is waiting keeps its turns: 400 were taken, so the next comes 3.9 s after the first.
        assert_eq!(pace.wait_at(hour), Duration::from_millis(3_900));
        assert_eq!(pace.wait_at(hour + 4 * SECOND), Duration::ZERO);
    }

    #[test]
    fn turns_come_evenly() {
        let pace = Pace::new(25);
        let waits: Vec<u64> = (0..5).map(|_| u64::try_from(pace.wait_at(SECOND).as_millis()).unwrap()).collect();
        // Two and a half are saved.
        assert_eq!(waits, [0, 0, 0, 20, 60]);
    }

    #[test]
    fn a_clock_that_was_put_back_stops_nothing() {
        let pace = Pace::new(10);
        let hour = 3_600 * SECOND;
        pace.wait_at(2 * hour);
        assert_eq!(pace.wait_at(hour), Duration::ZERO);
    }
}
