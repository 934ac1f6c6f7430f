//! Rows that come in bursts.
//!
//! SQLite's thread hands over one row at a time, and wakes whoever waits for it: two changes of threads a row, which cost more than most
//! rows do. So who had to wait for some rows of a result is not woken for the next ones, but looks from time to time.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures::Stream;
use tokio::time::{Sleep, sleep};

/// A result has been waited for so often before it is looked at from time to time: what has few rows comes at once.
const WAITS: u32 = 16;

/// How long rows gather: the shortest time that the clock of the runtime knows, which may double it.
const GATHERING: Duration = Duration::from_millis(1);

/// A stream that is not woken for each of its items.
pub(super) struct Bursts<S> {
    rows: S,
    waits: u32,
    gathering: Option<Pin<Box<Sleep>>>,
}

impl<S> Bursts<S> {
    pub(super) const fn of(rows: S) -> Self {
        Self { rows, waits: 0, gathering: None }
    }
}

impl<S: Stream + Unpin> Stream for Bursts<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        if this.waits < WAITS {
            let row = Pin::new(&mut this.rows).poll_next(context);
            this.waits += u32::from(row.is_pending());
            return row;
        }
        loop {
            if let Some(gathering) = &mut this.gathering
                && !gathering.is_elapsed()
            {
                ready!(gathering.as_mut().poll(context));
            }
            if let Poll::Ready(row) = Pin::new(&mut this.rows).poll_next(&mut Context::from_waker(Waker::noop())) {
                return Poll::Ready(row);
            }
            match &mut this.gathering {
                Some(gathering) => gathering.set(sleep(GATHERING)),
                none => *none = Some(Box::pin(sleep(GATHERING))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::StreamExt;
    use futures::channel::mpsc;

    use super::*;

    /// A stream with the number of times that it was asked.
    struct Asked<'a, S>(S, &'a AtomicUsize);

    impl<S: Stream + Unpin> Stream for Asked<'_, S> {
        type Item = S::Item;

        fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<S::Item>> {
            let this = self.get_mut();
            this.1.fetch_add(1, Ordering::Relaxed);
            Pin::new(&mut this.0).poll_next(context)
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_rows_come_in_their_order_and_few_of_them_are_waited_for() {
        const ROWS: usize = 20_000;
        let (sender, receiver) = mpsc::unbounded();
        let sending = std::thread::spawn(move || {
            for row in 0..ROWS {
                sender.unbounded_send(row).unwrap();
                if row % 100 == 0 {
                    std::thread::sleep(Duration::from_micros(50));
                }
            }
        });
        let asked = AtomicUsize::new(0);
        let rows: Vec<usize> = Bursts::of(Asked(receiver, &asked)).collect().await;
        sending.join().unwrap();
        assert_eq!(rows, (0..ROWS).collect::<Vec<_>>());
        let waits = asked.load(Ordering::Relaxed) - ROWS - 1;
        assert!(waits < ROWS / 10, "waited {waits} times");
    }

    #[tokio::test]
    async fn a_result_that_ends_while_rows_gather_ends() {
        let (sender, receiver) = mpsc::unbounded();
        let mut rows = Bursts::of(receiver);
        rows.waits = WAITS;
        let sending = async move {
            tokio::task::yield_now().await;
            sender.unbounded_send("a row").unwrap();
            drop(sender);
        };
        let (all, ()) = tokio::join!(rows.by_ref().collect::<Vec<_>>(), sending);
        assert_eq!(all, ["a row"]);
    }
}
