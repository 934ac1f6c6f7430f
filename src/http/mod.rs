//! What others reach over HTTP: webhooks of providers, health, and metrics.
//!
//! ```text
//! POST /webhooks/{provider}   verified over the raw bytes, stored raw and once, then answered (PV-3); read later, by the jobs
//! GET  /healthz               the process is alive
//! GET  /readyz                the database answers, and its schema is the program's
//! GET  /metrics               for Prometheus
//! ```
//! Nothing here decides anything about money. What is slow or too large is cut off by [`Limits`]; where the database stalls, the answer
//! is an honest 503, and the provider sends the event again (I15).

mod health;
mod intake;
mod metrics;
mod server;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

pub use intake::{Intake, IntakeError, Writer};
pub use metrics::Metrics;
pub use server::serve;

use crate::clock::Clock;
use crate::provider::WebhookSource;
use crate::store::db::Db;

/// What a caller may ask for, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest body, in bytes. Together with the connections this bounds the memory.
    pub body_bytes: usize,
    /// Largest head of a request, in bytes.
    pub head_bytes: usize,
    /// Most header lines.
    pub headers: usize,
    /// Connections at one time; more wait to be accepted.
    pub connections: usize,
    /// How long a head may take, the pause before it included.
    pub head_time: Duration,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long somebody waits for the database before the answer is 503.
    pub store_time: Duration,
    /// How long requests may take to end when the server stops.
    pub drain_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            head_bytes: 16 << 10,
            headers: 64,
            connections: 256,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            store_time: Duration::from_secs(5),
            drain_time: Duration::from_secs(10),
        }
    }
}

/// What the handlers share.
#[derive(Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// Our clock, by which signatures are judged.
    pub clock: Clock,
    /// The limits.
    pub limits: Limits,
    /// The counters.
    pub metrics: Metrics,
}

/// Health and metrics alone: for processes that receive nothing.
pub fn watched(app: &Arc<App>) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(app), metrics::count))
        .with_state(Arc::clone(app))
}

/// All of it: an endpoint for each source of webhooks, besides health and metrics.
pub fn receiving(app: &Arc<App>, sources: &[Arc<dyn WebhookSource>], intake: &Intake) -> Router {
    let mut router = Router::new();
    for source in sources {
        let hearing = app.metrics.hearing(source.name(), app.clock.now());
        let door = webhook::Door { app: Arc::clone(app), source: Arc::clone(source), intake: intake.clone(), hearing };
        router = router.route(&format!("/webhooks/{}", source.name()), post(webhook::receive).with_state(Arc::new(door)));
    }
    // The body is limited where it is read.
    let router = router.layer(DefaultBodyLimit::disable());
    router.layer(axum::middleware::from_fn_with_state(Arc::clone(app), metrics::count)).merge(watched(app))
}
