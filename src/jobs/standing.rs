//! A runner that stays: it works as time passes, and outlives its database (F19).

use std::sync::Arc;
use std::time::Duration;

use super::{Runner, Stop};
use crate::engine::EngineError;
use crate::engine::summary::Summary;

/// How long a standing runner rests when nothing was due.
pub const REST: Duration = Duration::from_secs(1);
/// How long it waits when the database has gone away; each later wait is twice as long as the one before.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// Longest wait for the database.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// What keeps the runner from working, and how long it waits next.
#[derive(Default)]
struct Trouble {
    told: Option<String>,
    waited: Option<Duration>,
}

impl Trouble {
    /// Tells what is wrong, once for as long as it is the same, and waits.
    async fn wait(&mut self, error: &EngineError, stop: &Stop) {
        let what = error.to_string();
        let wait = self.waited.map_or(FIRST_WAIT, |before| before.saturating_mul(2).min(WAIT_MAX));
        if self.told.as_ref() != Some(&what) {
            tracing::warn!(problem = what, "the work rests, and is tried again until the database is back");
            self.told = Some(what);
        }
        stop.within(wait).await;
        self.waited = Some(wait);
    }

    fn is_over(&mut self) {
        if self.told.take().is_some() {
            tracing::info!("the database is back");
        }
        self.waited = None;
    }
}

impl Runner {
    /// Stays and works as time passes, until it is asked to stop; `tell` gets what each round did. While the database cannot be
    /// reached, or its disk is full, it waits.
    ///
    /// # Errors
    /// As [`Runner::run_once`], where it does not go away by itself.
    pub async fn stay(&self, stop: &Stop, tell: impl Fn(&Summary)) -> Result<Summary, EngineError> {
        let mut runner = self.clone();
        let (mut summary, mut trouble) = (Summary::default(), Trouble::default());
        while !stop.requested() {
            match runner.round(stop).await {
                Ok(round) => {
                    trouble.is_over();
                    if !round.is_empty() {
                        tell(&round);
                    }
                    summary.absorb(round);
                }
                Err(error) if error.may_pass() => trouble.wait(&error, stop).await,
                Err(error) => return Err(error),
            }
        }
        Ok(summary)
    }

    /// One round, and a rest where nothing was due.
    async fn round(&mut self, stop: &Stop) -> Result<Summary, EngineError> {
        if self.instance.is_lost() {
            // Others may have taken its work over; it goes on as a new one.
            if let Some(instance) = self.instance.register_again(&self.engine.db).await? {
                tracing::info!(instance = instance.name(), "the runner works on under a new name");
                self.instance = Arc::new(instance);
            }
        }
        self.engine.refresh().await?;
        let round = self.run_once(stop).await?;
        if round.is_empty() {
            stop.within(REST).await;
            self.take_over().await?;
        }
        Ok(round)
    }
}
