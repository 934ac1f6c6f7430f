//! How often the jobs of this process ran, how it ended, and how long it took.

use futures::FutureExt;
use futures::future::BoxFuture;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::clock::{wall_micros, wall_seconds_since};
use crate::engine::EngineError;
use crate::engine::summary::Summary;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Job {
    job: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    job: &'static str,
    outcome: &'static str,
}

/// Counts the jobs. Clones share it.
#[derive(Debug, Clone)]
pub struct Meter {
    runs: Family<Ended, Counter>,
    seconds: Family<Job, Histogram, fn() -> Histogram>,
}

impl Default for Meter {
    fn default() -> Self {
        Self { runs: Family::default(), seconds: Family::new_with_constructor(histogram) }
    }
}

fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 4.0, 10))
}

impl Meter {
    /// Has the counts shown in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("job_runs", "Runs of jobs by outcome: something was done, nothing was due, it failed", self.runs.clone());
        registry.register("job_seconds", "How long jobs took", self.seconds.clone());
    }

    /// Runs a job, and counts it.
    pub(super) fn measured<'a>(
        &'a self,
        job: &'static str,
        work: impl Future<Output = Result<Summary, EngineError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<Summary, EngineError>> {
        async move {
            let began = wall_micros();
            let done = work.await;
            let outcome = match &done {
                Ok(summary) if summary.is_empty() => "idle",
                Ok(_) => "done",
                Err(_) => "failed",
            };
            self.runs.get_or_create(&Ended { job, outcome }).inc();
            self.seconds.get_or_create(&Job { job }).observe(wall_seconds_since(began));
            done
        }
        .boxed()
    }
}
