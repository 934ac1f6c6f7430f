//! `kasacare serve`: what others reach over HTTP (PV-3).

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

use super::{CliError, Context, Exit, aside, database, secret, signals};
use crate::clock::Clock;
use crate::http::{self, App, Intake, Limits, Metrics};
use crate::jobs::{Meter, Stop};
use crate::provider::WebhookSource;
use crate::provider::stripe::signature::WebhookSecrets;

/// Where the secrets of Stripe's webhook endpoint are.
pub const STRIPE_WEBHOOK_SECRET: &str = "KASACARE_STRIPE_WEBHOOK_SECRET";

const EXAMPLES: &str = "\
Examples:
  KASACARE_STRIPE_WEBHOOK_SECRET_FILE=/run/secrets/whsec kasacare serve
  kasacare serve --listen 0.0.0.0:8080 --db postgres://…
  KASACARE_STRIPE_WEBHOOK_SECRET=whsec_new…,whsec_old… kasacare serve     while a secret is being replaced

  POST /webhooks/stripe   Stripe's endpoint; verified, stored once, then answered; `kasacare run` applies what is stored
  GET  /healthz           the process is alive
  GET  /readyz            the database answers and its schema is up to date
  GET  /metrics           for Prometheus

Put a proxy that ends TLS in front of it, and let nobody but Prometheus reach /metrics. SIGTERM or Ctrl-C stops it cleanly.";

/// Receive webhooks of payment providers, and tell health and metrics
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS:PORT", env = "KASACARE_LISTEN", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Connections at one time; more wait
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=4096))]
    max_connections: u16,
    /// Largest webhook, in KiB
    #[arg(long, value_name = "KIB", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(16..=16_384))]
    max_body: u32,
}

/// Serves until it is stopped.
///
/// # Errors
/// No usable secret, an address that cannot be listened on, a database that cannot be used.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    super::log::init();
    let sources: Vec<Arc<dyn WebhookSource>> = vec![Arc::new(webhook_secrets()?)];
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let body_bytes = usize::try_from(args.max_body).unwrap_or(usize::MAX).saturating_mul(1_024);
    let limits = Limits { connections: usize::from(args.max_connections), body_bytes, ..Limits::default() };
    let metrics = Metrics::new(&Meter::default());
    let app = Arc::new(App { db: db.clone(), clock: Clock::System, limits, metrics: metrics.clone() });
    let (intake, writer) = Intake::start(db.clone(), metrics, limits.connections, limits.store_time);
    let router = http::receiving(&app, &sources, &intake);
    let listener = bound(args.listen).await?;
    let stop = Stop::default();
    signals::listen(&stop)?;
    http::serve(listener, router, limits, &stop).await;
    // What was answered is stored already; this is for those who stopped waiting.
    drop(intake);
    writer.finished().await;
    db.close().await;
    aside::say("stopped");
    Ok(Exit::Done)
}

/// The secrets of Stripe's endpoint: without a good one it does not start.
fn webhook_secrets() -> Result<WebhookSecrets, CliError> {
    let text = secret::read(STRIPE_WEBHOOK_SECRET)?.unwrap_or_default();
    WebhookSecrets::parse(&text).map_err(|bad| CliError::BadInput(format!("{STRIPE_WEBHOOK_SECRET} (or …_FILE): {bad}")))
}

/// Listens, and says where.
///
/// # Errors
/// An address that is taken, or not ours.
pub(super) async fn bound(address: SocketAddr) -> Result<TcpListener, CliError> {
    let failed = |error: std::io::Error| CliError::Environment(format!("cannot listen on {address}: {error}"));
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    aside::say(format_args!("listening on http://{}", listener.local_addr().map_err(failed)?));
    Ok(listener)
}
