//! What moved at the provider (RC-1): its list is read from where the last run has stopped, a few pages in a pass, after everything that
//! bills. What is wrong with it holds up nobody.

use super::Stop;
use super::runner::Runner;
use crate::engine::EngineError;
use crate::engine::settlement::fetched::{Fetch, FetchError, Fetched, Step};
use crate::engine::summary::Summary;

/// Pages in one pass over all jobs: between two of them customers are billed.
const PAGES_IN_A_PASS: u32 = 50;
impl Runner {
    /// Reads pages of the provider's list of movements, if that is due.
    ///
    /// # Errors
    /// Where the database has gone away.
    pub(super) async fn settlement(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        let now = self.engine.clock.now().timestamp();
        if self.settlement_failed.is_recent(now) {
            return Ok(summary);
        }
        let how = Fetch { actor: "system".to_owned(), ..Fetch::default() };
        for _ in 0..PAGES_IN_A_PASS {
            if stop.requested() {
                break;
            }
            match self.engine.fetch_settlement(&how).await {
                Ok(Step::NoList | Step::Rests) => break,
                Ok(Step::Page(fetched)) => count(&mut summary, &fetched),
                Err(FetchError::Provider(error)) => {
                    tracing::warn!(error = %error, "the provider's list of movements could not be read; it is asked again later");
                    self.settlement_failed.at(now);
                    break;
                }
                Err(FetchError::Engine(error)) if error.may_pass() => return Err(error),
                Err(FetchError::Engine(error)) => {
                    tracing::error!(error = %error, "a page of the provider's movements cannot be stored; billing goes on without it");
                    self.settlement_failed.at(now);
                    break;
                }
            }
        }
        Ok(summary)
    }
}

fn count(summary: &mut Summary, fetched: &Fetched) {
    let Fetched { stored, unknown, refused, more, .. } = fetched;
    let counts = [
        ("movements at the provider fetched", stored.movements),
        ("payouts fetched", stored.payouts),
        ("movements whose payout is known now", stored.payout_lines),
        ("movements of unknown categories", *unknown),
        ("movements put into the inbox", *refused),
        // So that the run does not end before the list does.
        ("pages of movements read", u64::from(*more)),
    ];
    for (what, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
        summary.add(what, count);
    }
}
