//! The books of many subscriptions: a town of the demo that has lived through three months, and then its accounts again and again under
//! other ids, copied by SQL with all their rows, because a million accounts must take minutes.
//!
//! So each month has what months have: new subscriptions, renewals, trials, changes of plan, refunds, corrections, cards that fail. What
//! is copied keeps its amounts, so that the books tie out as those of the town do; only the chains of hashes are those of others.

use std::collections::BTreeMap;
use std::sync::Arc;

use kasacare::clock::Clock;
use kasacare::demo::{DemoOptions, live};
use kasacare::domain::change::Reference;
use kasacare::domain::tax::TaxRates;
use kasacare::engine::Engine;
use kasacare::import;
use kasacare::jobs::{Progress, RunOptions, Runner};
use kasacare::mail::{Letterhead, Mailer, Mailroom, MemoryMailer, Renderer, Sender};
use kasacare::store::db::{ConnectOptions, Db, Kind};
use kasacare::store::instances::Instance;
use kasacare::store::reference;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};

/// The town.
const TOWN: DemoOptions = DemoOptions { accounts: 1_000, months: 3, seed: 7 };
/// The month that is packed: the town's last.
pub const MONTH: &str = "2026-03";

/// What an account has, as far as a pack reads it, with the column whose texts no two rows may share.
const TABLES: [(&str, &str); 12] = [
    ("accounts", ""),
    ("subscriptions", ""),
    ("price_notices", ""),
    ("invoices", "number"),
    ("charges", "reference"),
    ("payments", ""),
    ("refunds", "reference"),
    ("notes", "number"),
    ("corrections", ""),
    ("disputes", ""),
    ("journal", ""),
    ("postings", ""),
];

/// Fills an empty database, to which the schema has been applied, so that at least so many subscriptions live.
pub async fn fill(db: &Db, url: &str, subscriptions: u32) {
    live_in_town(url).await;
    let columns = columns(db.kind(), url).await;
    let living = count(db.kind(), url, "select count(*) from subscriptions where state in ('active', 'past_due')").await;
    let living = u32::try_from(living).expect("a number of subscriptions");
    let copies = subscriptions.div_ceil(living);
    let numbers = match db.kind() {
        Kind::Postgres => format!("with copies as (select generate_series(2, {copies}) as n)"),
        Kind::Sqlite => format!("with recursive copies (n) as (select 2 union all select n + 1 from copies where n < {copies})"),
    };
    let statements = TABLES.iter().map(|(table, unique)| {
        let names = columns[table].join(", ");
        let another = |column: &String| match column.as_str() {
            name if name == "account_id" || name == *unique => format!("'k' || substr(cast(100000 + n as text), 2) || '-' || t.{name}"),
            name => format!("t.{name}"),
        };
        let values = columns[table].iter().map(another).collect::<Vec<_>>().join(", ");
        // Copy after copy, so that keys come in their order.
        format!("{numbers} insert into {table} ({names}) select {values} from copies cross join {table} t where t.account_id not like '(%'")
    });
    let statements: Vec<String> = if copies < 2 { Vec::new() } else { statements.collect() };
    execute(db.kind(), url, &statements).await;
}

/// How many subscriptions live.
pub async fn living(db: &Db, url: &str) -> i64 {
    count(db.kind(), url, "select count(*) from subscriptions where state in ('active', 'past_due')").await
}

async fn live_in_town(url: &str) {
    // It can be lived through again at any time.
    let db = Db::connect(url, ConnectOptions { unsafe_fast: true, ..ConnectOptions::default() }).await.expect("the database");
    let read = |name: &str| std::fs::read(format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))).expect("a fixture");
    let catalog = import::catalog("catalog.json", import::Format::Json, read("catalog.json").as_slice()).expect("a catalog");
    let import::CatalogFile::Whole(catalog) = catalog else { panic!("a whole catalog") };
    let terms = import::terms("terms.json", read("terms.json").as_slice()).expect("terms");
    let rates = import::read_all("tax_rates.csv", import::Format::Csv, read("tax_rates.csv").as_slice()).expect("tax rates");
    let tax = TaxRates::new(rates.into_iter().map(|placed| placed.row)).expect("tax rates");
    let mut tx = db.begin().await.expect("a transaction");
    reference::store(&mut tx, &Reference { catalog, terms: vec![terms], tax, minimums: Vec::new() }).await.expect("reference data");
    tx.commit().await.expect("reference data");
    let engine = Engine::open(db.clone(), Clock::Fixed(chrono::DateTime::UNIX_EPOCH)).await.expect("the engine");
    let sender = Sender::parse("Kasa Care <billing@kasacare.example>").expect("a sender");
    let mailroom = Arc::new(Mailroom::new(Renderer::new(Letterhead::default()).expect("templates"), sender));
    let mailer = Arc::new(Mailer::Memory(MemoryMailer::default()));
    let instance = Arc::new(Instance::register(&db, |_| {}).await.expect("an instance"));
    let runner = Runner::new(engine.clone(), mailroom, mailer, Progress::quiet(), instance, RunOptions::default()).await.expect("a runner");
    live(engine, runner, TOWN, |_| {}).await.expect("the town's life");
    db.close().await;
}

/// The columns of each table in their order.
async fn columns(kind: Kind, url: &str) -> BTreeMap<&'static str, Vec<String>> {
    let mut columns = BTreeMap::new();
    for (table, _) in TABLES {
        let names = match kind {
            Kind::Postgres => format!(
                "select cast(column_name as text) from information_schema.columns where table_schema = 'public' and table_name = '{table}' \
                 order by ordinal_position"
            ),
            Kind::Sqlite => format!("select name from pragma_table_info('{table}') order by cid"),
        };
        columns.insert(table, texts(kind, url, names).await);
    }
    columns
}

async fn texts(kind: Kind, url: &str, question: String) -> Vec<String> {
    let question = AssertSqlSafe(question);
    match kind {
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.expect("the database");
            sqlx::query_scalar(question).fetch_all(&mut connection).await.expect("texts")
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.expect("the database");
            sqlx::query_scalar(question).fetch_all(&mut connection).await.expect("texts")
        }
    }
}

async fn count(kind: Kind, url: &str, question: &'static str) -> i64 {
    match kind {
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.expect("the database");
            sqlx::query_scalar(question).fetch_one(&mut connection).await.expect("a number")
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.expect("the database");
            sqlx::query_scalar(question).fetch_one(&mut connection).await.expect("a number")
        }
    }
}

/// Runs statements, and leaves nothing to be tidied up later.
async fn execute(kind: Kind, url: &str, statements: &[String]) {
    match kind {
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.expect("the database");
            let after = ["vacuum analyze", "checkpoint"].map(str::to_owned);
            for statement in statements.iter().chain(&after) {
                connection.execute(AssertSqlSafe(statement.as_str())).await.expect("the book");
            }
            connection.close().await.expect("the database");
        }
        Kind::Sqlite => {
            let mut connection = SqliteConnection::connect(url).await.expect("the database");
            let before = ["pragma synchronous = off", "pragma cache_size = -262144", "pragma temp_store = memory"].map(str::to_owned);
            let after = ["analyze", "pragma wal_checkpoint(truncate)"].map(str::to_owned);
            for statement in before.iter().chain(statements).chain(&after) {
                connection.execute(AssertSqlSafe(statement.as_str())).await.expect("the book");
            }
            connection.close().await.expect("the database");
        }
    }
}
