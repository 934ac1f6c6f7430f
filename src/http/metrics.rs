//! What Prometheus is told: requests, webhooks that were not believed, commits, and what waits in the database. Labels are words of the
//! program; nothing that a caller sends becomes one.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use super::App;
use super::intake::Committed;
use crate::clock::{wall_micros, wall_seconds_since};
use crate::jobs::Meter;
use crate::provider::Forged;
use crate::store::StoreError;
use crate::store::inbox::{self, Gauges};

/// How long the database may take to be counted.
const COUNT_TIME: Duration = Duration::from_secs(5);
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    path: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotBelieved {
    provider: &'static str,
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    provider: &'static str,
}

/// What tells that a provider is not heard (F41, F44).
#[derive(Debug, Clone)]
pub(super) struct Hearing {
    last: Gauge,
    refused_for_time: Gauge,
}

/// The counters. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<Asked, Counter>,
    request_seconds: Histogram,
    not_believed: Family<NotBelieved, Counter>,
    last: Family<Of, Gauge>,
    refused_for_time: Family<Of, Gauge>,
    stored: Counter,
    repeated: Counter,
    not_stored: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    waiting: Waiting,
}

/// What is counted in the database when somebody asks.
#[derive(Debug, Clone, Default)]
struct Waiting {
    inbox: Gauge,
    inbox_oldest: Gauge,
    quarantined: Gauge,
    parked: Gauge,
    unsettled: Gauge,
    countable: Gauge,
}

impl Metrics {
    /// All at zero. The jobs of this process are counted besides.
    #[must_use]
    pub fn new(meter: &Meter) -> Self {
        let seconds = || Histogram::new(exponential_buckets(0.000_5, 2.0, 16));
        let mut registry = Registry::with_prefix("kasacare");
        let metrics = (Family::default(), seconds(), Family::default(), Counter::default(), Counter::default(), Counter::default());
        let (requests, request_seconds, not_believed, stored, repeated, not_stored) = metrics;
        let (commits, commit_seconds, waiting) = (Counter::default(), seconds(), Waiting::default());
        let (last, refused_for_time) = (Family::default(), Family::default());
        registry.register("http_requests", "Requests by path and status", Family::clone(&requests));
        registry.register("http_request_seconds", "How long requests took", Histogram::clone(&request_seconds));
        registry.register("webhooks_refused", "Webhooks that were not believed, by reason", Family::clone(&not_believed));
        registry.register("webhook_last_timestamp_seconds", "When a webhook was believed last, or this began", Family::clone(&last));
        let in_a_row = "Webhooks in a row that were refused for their time: is the clock right?";
        registry.register("webhooks_refused_for_time", in_a_row, Family::clone(&refused_for_time));
        registry.register("webhooks_stored", "Webhooks that were stored for the first time", Counter::clone(&stored));
        registry.register("webhooks_repeated", "Webhooks that were there already", Counter::clone(&repeated));
        registry.register("webhooks_not_stored", "Webhooks that the database did not take", Counter::clone(&not_stored));
        registry.register("webhook_commits", "Commits of webhooks; those that come together share one", Counter::clone(&commits));
        registry.register("webhook_commit_seconds", "How long these commits took", Histogram::clone(&commit_seconds));
        waiting.register(&mut registry);
        meter.register(&mut registry);
        let registry = Arc::new(registry);
        Self {
            registry,
            requests,
            request_seconds,
            not_believed,
            last,
            refused_for_time,
            stored,
            repeated,
            not_stored,
            commits,
            commit_seconds,
            waiting,
        }
    }

    /// What hears one provider, from now on.
    pub(super) fn hearing(&self, provider: &'static str, now: DateTime<Utc>) -> Hearing {
        let hearing = Hearing {
            last: self.last.get_or_create_owned(&Of { provider }),
            refused_for_time: self.refused_for_time.get_or_create_owned(&Of { provider }),
        };
        hearing.believed(now);
        hearing
    }

    pub(super) fn refused(&self, provider: &'static str, forged: Forged) {
        self.not_believed.get_or_create(&NotBelieved { provider, reason: forged.as_str() }).inc();
    }

    pub(super) fn committed(&self, done: &Committed, took: f64) {
        let stored = done.stored.iter().filter(|stored| **stored).count();
        let all = u64::try_from(stored).unwrap_or(u64::MAX);
        self.commits.inc();
        self.commit_seconds.observe(took);
        self.stored.inc_by(done.new);
        self.repeated.inc_by(all.saturating_sub(done.new));
        self.not_stored.inc_by(u64::try_from(done.stored.len().saturating_sub(stored)).unwrap_or(u64::MAX));
    }
}

impl Hearing {
    pub(super) fn believed(&self, now: DateTime<Utc>) {
        self.last.set(now.timestamp());
        self.refused_for_time.set(0);
    }

    /// How many in a row have been refused for their time, this one included.
    pub(super) fn refused_for_time(&self) -> i64 {
        self.refused_for_time.inc().saturating_add(1)
    }
}

impl Waiting {
    fn register(&self, registry: &mut Registry) {
        let gauges = [
            ("inbox_waiting", "Events that wait to be processed", &self.inbox),
            ("inbox_oldest_seconds", "Age of the oldest event that waits to be processed", &self.inbox_oldest),
            ("inbox_quarantined", "Events that wait for a person", &self.quarantined),
            ("accounts_parked", "Accounts that billing stopped on", &self.parked),
            ("settlement_lag_seconds", "Age of the oldest charge or refund of which it is not known what became", &self.unsettled),
            ("database_counted", "Whether the database could be asked for the above", &self.countable),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
    }

    fn set(&self, now: DateTime<Utc>, gauges: Option<Gauges>) {
        self.countable.set(i64::from(gauges.is_some()));
        let Some(Gauges { waiting, oldest_at, quarantined, parked, unsettled_at }) = gauges else { return };
        let age = |since: Option<DateTime<Utc>>| since.map_or(0, |since| now.signed_duration_since(since).num_seconds().max(0));
        self.inbox.set(waiting);
        self.inbox_oldest.set(age(oldest_at));
        self.quarantined.set(quarantined);
        self.parked.set(parked);
        self.unsettled.set(age(unsettled_at));
    }
}

/// Counts a request.
pub(super) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let path = match request.extensions().get::<MatchedPath>().map(MatchedPath::as_str) {
        Some("/healthz") => "/healthz",
        Some("/readyz") => "/readyz",
        Some("/metrics") => "/metrics",
        Some(path) if path.starts_with("/webhooks/") => "/webhooks",
        Some(_) | None => "other",
    };
    let began = wall_micros();
    let response = next.run(request).await;
    app.metrics.requests.get_or_create(&Asked { path, status: response.status().as_u16() }).inc();
    app.metrics.request_seconds.observe(wall_seconds_since(began));
    response
}

/// Everything that is counted, in the text form of `OpenMetrics`.
pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    let counted = app.db.spawned(|db| async move {
        let mut tx = db.begin_read().await?;
        let gauges = inbox::gauges(&mut tx).await?;
        tx.rollback().await?;
        Ok::<_, StoreError>(gauges)
    });
    let gauges = tokio::time::timeout(COUNT_TIME, counted).await;
    app.metrics.waiting.set(app.clock.now(), gauges.ok().and_then(Result::ok));
    let mut text = String::new();
    match prometheus_client::encoding::text::encode(&mut text, &app.metrics.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
