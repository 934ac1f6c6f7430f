//! A book of due subscriptions: `n` accounts, each with one monthly subscription whose second period begins on 1 February 2026.
//!
//! Written with SQL and not with the engine, because a million accounts must take seconds. The tests of exact figures
//! (`tests/it/performance.rs`) and the runner's benchmark share it.

#![expect(clippy::disallowed_types, reason = "writes rows without the engine, which the seam cannot")]

use std::sync::Arc;

use chrono::{DateTime, Utc};
use kasacare::clock::Clock;
use kasacare::domain::account::Account;
use kasacare::domain::change::{Draft, Planned, Reference};
use kasacare::domain::tax::TaxRates;
use kasacare::engine::Engine;
use kasacare::engine::batch::Work;
use kasacare::engine::summary::Summary;
use kasacare::import;
use kasacare::jobs::calendar::Renewals;
use kasacare::jobs::{Progress, RunOptions, Runner, Stop};
use kasacare::mail::{Letterhead, Mailer, Mailroom, MemoryMailer, Renderer, Sender};
use kasacare::store::account::Scope;
use kasacare::store::claims::Due;
use kasacare::store::db::{Db, Kind};
use kasacare::store::instances::Instance;
use kasacare::store::reference;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// When the renewals run: noon on the day on which they are due.
pub fn renewal_day() -> DateTime<Utc> {
    DateTime::from_timestamp(1_769_947_200, 0).expect("1 February 2026, 12:00")
}

/// Stores the example catalog, terms and tax rates.
pub async fn load_reference(db: &Db) {
    let read = |name: &str| std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a fixture");
    let catalog = import::catalog("catalog.json", import::Format::Json, read("catalog.json").as_slice()).expect("a catalog");
    let import::CatalogFile::Whole(catalog) = catalog else { panic!("a whole catalog") };
    let terms = import::terms("terms.json", read("terms.json").as_slice()).expect("terms");
    let rates = import::read_all("tax_rates.csv", import::Format::Csv, read("tax_rates.csv").as_slice()).expect("tax rates");
    let tax = TaxRates::new(rates.into_iter().map(|placed| placed.row)).expect("tax rates");
    let mut tx = db.begin().await.expect("a transaction");
    reference::store(&mut tx, &Reference { catalog, terms: vec![terms], tax, minimums: Vec::new() }).await.expect("reference data");
    tx.commit().await.expect("reference data");
}

/// The accounts: in New York, in dollars, with a payment method.
const ACCOUNTS: &str = "
    insert into accounts (account_id, credit_cash_minor, credit_goodwill_minor, carried_minor, journal_seq, method_no, method_blocked,
        currency, time_zone, jurisdiction, journal_hash, method_token, method_label, email, name)
    select 'acc-' || substr(cast(10000000 + n as text), 2), 0, 0, 0, 0, 1, 0, 'USD', 'America/New_York', 'US-NY', '',
        'tok_ok_' || n, 'Visa ending 4242', 'customer' || n || '@example.com', 'Customer ' || n
    from numbers";

/// Their subscriptions: `plus/monthly` since 1 January, due at midnight of 1 February in New York.
const SUBSCRIPTIONS: &str = "
    insert into subscriptions (account_id, subscription_id, due_at, term_no, period_no, anchor_on, period_start, period_end,
        state, channel, terms_version, camera_id, tier, cycle, price_version, intent)
    select 'acc-' || substr(cast(10000000 + n as text), 2), 'sub-' || substr(cast(10000000 + n as text), 2), 1769922000000000, 1, 0,
        '2026-01-01', '2026-01-01', '2026-02-01', 'active', 'direct', '2025-01', 'cam-' || n, 'plus', 'monthly', 'v1', 'renews'
    from numbers";

/// Fills an empty database, to which the schema has been applied, with `due` subscriptions.
pub async fn fill(db: &Db, url: &str, due: u32) {
    load_reference(db).await;
    match db.kind() {
        Kind::Postgres => {
            let numbers = format!("with numbers as (select generate_series(1, {due}) as n)");
            let dated = SUBSCRIPTIONS.replace("'2026-01-01'", "date '2026-01-01'").replace("'2026-02-01'", "date '2026-02-01'");
            let mut connection = PgConnection::connect(url).await.expect("the database");
            for statement in [format!("{numbers}{ACCOUNTS}"), format!("{numbers}{dated}")] {
                connection.execute(AssertSqlSafe(statement)).await.expect("the book");
            }
            connection.execute("vacuum analyze").await.expect("statistics");
            connection.execute("checkpoint").await.expect("a checkpoint");
            connection.close().await.expect("the database");
        }
        Kind::Sqlite => {
            let numbers = format!("with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {due})");
            let mut connection = SqliteConnection::connect(url).await.expect("the database");
            for statement in [format!("{numbers}{ACCOUNTS}"), format!("{numbers}{SUBSCRIPTIONS}")] {
                connection.execute(AssertSqlSafe(statement)).await.expect("the book");
            }
            connection.execute("analyze").await.expect("statistics");
            connection.execute("pragma wal_checkpoint(truncate)").await.expect("a checkpoint");
            connection.close().await.expect("the database");
        }
    }
}

/// A runner at the time of the renewals, whose mails stay in memory.
pub async fn runner(db: &Db, workers: usize, chunk: u32) -> Runner {
    let engine = Engine::open(db.clone(), Clock::Fixed(renewal_day())).await.expect("the engine");
    let sender = Sender::parse("Kasa Care <billing@kasacare.example>").expect("a sender");
    let mailroom = Arc::new(Mailroom::new(Renderer::new(Letterhead::default()).expect("templates"), sender));
    let mailer = Arc::new(Mailer::Memory(MemoryMailer::default()));
    let instance = Arc::new(Instance::register(db, |_| {}).await.expect("an instance"));
    let options = RunOptions { workers, chunk };
    Runner::new(engine, mailroom, mailer, Progress::quiet(), instance, options).await.expect("a runner")
}

/// Renews everything that is due.
pub async fn renew(runner: &Runner) -> Summary {
    runner.drain(Due::Subscriptions, "renewals", &Renewals, &Stop::default()).await.expect("renewals")
}

/// The renewals as they are, saying so on standard output after each that was planned: whoever kills this process in mid-run
/// knows how many were planned, and can count how many were committed.
#[derive(Debug, Clone, Copy)]
struct ToldRenewals;

impl Work for ToldRenewals {
    fn kind(&self) -> &'static str {
        Renewals.kind()
    }

    fn scope(&self) -> Scope {
        Renewals.scope()
    }

    fn needs_everything(&self, account: &Account) -> bool {
        Renewals.needs_everything(account)
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        Renewals.plan(draft)?;
        println!("{PLANNED}");
        Ok(())
    }
}

/// The line for each renewal that was planned.
pub const PLANNED: &str = "planned a renewal";

/// Renews everything that is due, and prints [`PLANNED`] for each renewal that is planned.
pub async fn renew_telling(runner: &Runner) -> Summary {
    runner.drain(Due::Subscriptions, "renewals", &ToldRenewals, &Stop::default()).await.expect("renewals")
}

/// The most memory that this process has had so far, in KiB; nothing where the system does not say (it is Linux that does).
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok())
}
