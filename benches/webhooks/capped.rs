//! P18: the program charges what is due at a provider that allows so many requests a second, while another process takes webhooks and, on
//! PostgreSQL, a third renews. On SQLite one runner works at a time.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kasacare::store::db::{ConnectOptions, Db};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

use crate::book;
use crate::load;
use crate::measure::{Better, Goal, Series};
use crate::provider::Provider;
use crate::received::Place;
use crate::servers::{self, Serving};

/// Webhooks a second besides.
const WEBHOOKS: u64 = 50;
/// Renewals in a step, every four seconds.
const RENEWED: u32 = 2_000;
const STEP: Duration = Duration::from_secs(4);
/// Before charges are counted: the run renews first.
const WARM: Duration = Duration::from_secs(3);

async fn execute(url: &str, statement: String) {
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.expect("the database");
        connection.execute(AssertSqlSafe(statement)).await.expect("a statement");
        connection.close().await.expect("the database");
    } else {
        let mut connection = SqliteConnection::connect(url).await.expect("the database");
        connection.execute(AssertSqlSafe(statement)).await.expect("a statement");
        connection.close().await.expect("the database");
    }
}

/// Renews in steps until it is told to stop; gives how many.
async fn renew(url: String, first: u32, last: u32, stop: Arc<AtomicBool>) -> u64 {
    let db = Db::connect(&url, ConnectOptions::default()).await.expect("the database");
    let runner = book::runner(&db, 1, RENEWED).await;
    let (mut from, mut renewed) = (first, 0);
    while from < last && !stop.load(Ordering::Relaxed) {
        let to = from + RENEWED;
        let due = book::renewal_day().timestamp_micros();
        let step =
            format!("update subscriptions set due_at = {due} where subscription_id > '{}' and subscription_id <= '{}'", id(from), id(to));
        execute(&url, step).await;
        renewed += book::renew(&runner).await.of("renewals");
        from = to;
        tokio::time::sleep(STEP).await;
    }
    renewed
}

fn id(number: u32) -> String {
    format!("sub-{number:07}")
}

/// Charges for so long.
pub async fn goals(place: &Place, cap: u32, seconds: u64) -> Vec<Goal> {
    let provider = Provider::start(cap).await;
    // More than can be charged meanwhile, and what is renewed besides.
    let charged = cap * (seconds as u32 + 15);
    let renewed_besides = if matches!(place, Place::Server(_)) { RENEWED * (seconds as u32 / STEP.as_secs() as u32 + 1) } else { 0 };
    let url = place.fresh("charges", charged + renewed_besides).await;
    let attached = "update accounts set method_token = 'cus_' || account_id || ':pm_' || account_id";
    execute(&url, attached.to_owned()).await;
    let later = book::renewal_day().timestamp_micros() + 30 * 86_400_000_000;
    execute(&url, format!("update subscriptions set due_at = {later} where subscription_id > '{}'", id(charged))).await;

    let serving = Serving::program(&url);
    let stop = Arc::new(AtomicBool::new(false));
    let requests = load::prepared(0, WEBHOOKS * (seconds + 20));
    let webhooks = tokio::spawn(load::trickle(serving.address, requests, WEBHOOKS, Arc::clone(&stop)));
    let mails = tempfile::tempdir().expect("a folder");
    let mut run = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    run.args(["run", "--once", "--as-of", "2026-02-01", "--db", &url, "--mail-dir"]).arg(mails.path());
    run.env("KASACARE_STRIPE_SECRET_KEY", "sk_live_0123456789abcdef01234567")
        .env("KASACARE_STRIPE_URL", format!("http://{}/", provider.address));
    run.env("KASACARE_STRIPE_RATE", cap.to_string()).env("KASACARE_LOG", "off").stdin(Stdio::null()).stdout(Stdio::null());
    let mut run = run.spawn().expect("the program");
    let asked = Instant::now();
    while provider.charges().is_empty() {
        assert!(asked.elapsed() < Duration::from_mins(1), "nothing is charged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let renewing = (renewed_besides > 0).then(|| tokio::spawn(renew(url.clone(), charged, charged + renewed_besides, Arc::clone(&stop))));
    tokio::time::sleep(WARM).await;
    let (from, cpu) = (Instant::now(), servers::cpu_seconds(run.id()));
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let (until, cpu) = (Instant::now(), servers::cpu_seconds(run.id()) - cpu);
    let peak = servers::peak_mib(run.id());
    let kept = provider.charges().iter().filter(|at| (from..until).contains(at)).count() as f64;
    let took = until.duration_since(from).as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let received = webhooks.await.expect("the webhooks");
    let renewed = match renewing {
        Some(renewing) => renewing.await.expect("the renewals"),
        None => 0,
    };
    run.kill().expect("the program");
    run.wait().expect("the program");
    drop(serving);
    place.drop("charges", &url).await;

    let one = |figure: f64| {
        let mut series = Series::default();
        series.push(figure);
        series
    };
    let note = format!(
        "{:.1}/s for {took:.0} s, {} turned away, at most {} under way, beside {renewed} renewals and {received} webhooks",
        kept / took,
        provider.turned_away(),
        provider.most_in_flight()
    );
    let busy = format!("{:.2} ms a charge; peak {peak:.0} MiB", cpu * 1_000.0 / kept.max(1.0));
    vec![
        Goal::new("P18 charges a second / the provider's cap", Better::More, 0.95, 0.99, one(kept / took / f64::from(cap)), note),
        Goal::new("P18 processor time of the engine / of one core", Better::Less, 0.05, 0.05, one(cpu / took), busy),
    ]
}
