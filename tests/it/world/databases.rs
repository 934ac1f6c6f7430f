//! A database for each test, with the schema in place, on SQLite and on PostgreSQL.

#![expect(clippy::disallowed_types, reason = "makes and drops databases, which the seam cannot")]

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::FutureExt;
use kasacare::store::db::{ConnectOptions, Db, Kind, MIGRATIONS};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use super::postgres;

/// The database of one test. It is a [`Db`]; clones share its connections.
#[derive(Debug, Clone)]
pub struct TestDb {
    db: Db,
    url: String,
}

impl TestDb {
    /// Its address, for programs and connections besides its own.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same database through connections of its own, as another process would have it.
    pub async fn connect_again(&self) -> Db {
        Db::connect(&self.url, ConnectOptions::default()).await.expect("a second connection")
    }
}

impl Deref for TestDb {
    type Target = Db;

    fn deref(&self) -> &Db {
        &self.db
    }
}

/// Runs a test on SQLite and then on PostgreSQL, each with an empty database, and tells on which it failed.
pub async fn on_both<T: Future<Output = ()>>(test: impl Fn(TestDb) -> T) {
    let sqlite = AssertUnwindSafe(on_sqlite(&test)).catch_unwind().await;
    let postgres = AssertUnwindSafe(on_postgres(&test)).catch_unwind().await;
    let outcomes = [(Kind::Sqlite, sqlite), (Kind::Postgres, postgres)].into_iter();
    let failed: Vec<_> = outcomes.filter(|(_, outcome)| outcome.is_err()).map(|(kind, _)| kind.to_string()).collect();
    assert!(failed.is_empty(), "failed on {}", failed.join(" and on "));
}

/// Runs a test on SQLite alone, for what only SQLite has.
pub async fn on_sqlite<T: Future<Output = ()>>(test: impl FnOnce(TestDb) -> T) {
    let folder = TempDir::with_prefix_in("kasacare-", postgres::scratch()).expect("a folder for the test");
    let url = format!("sqlite://{}", folder.path().join("test.db").display());
    let options = ConnectOptions { create: true, ..ConnectOptions::default() };
    let db = Db::connect(&url, options).await.expect("a new SQLite database");
    db.migrate().await.expect("the schema for SQLite");
    test(TestDb { db: db.clone(), url }).await;
    db.close().await;
}

/// Runs a test on PostgreSQL alone, for what only PostgreSQL has.
pub async fn on_postgres<T: Future<Output = ()>>(test: impl FnOnce(TestDb) -> T) {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = postgres::shared();
    let template = template(server).await;
    let name = format!("test_{}_{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    administer(server, &format!("drop database if exists {name} with (force)")).await;
    administer(server, &format!("create database {name} template {template}")).await;
    let url = server.url(&name);
    let db = Db::connect(&url, ConnectOptions::default()).await.expect("a new PostgreSQL database");
    test(TestDb { db: db.clone(), url }).await;
    db.close().await;
    administer(server, &format!("drop database if exists {name} with (force)")).await;
}

/// The database that all others of this schema are copied from, which is faster than running every migration for each.
async fn template(server: &postgres::Server) -> String {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS {
        (migration.version, migration.postgres).hash(&mut hasher);
    }
    let name = format!("template_{:016x}", hasher.finish());
    if exists(server, &name).await {
        return name;
    }
    let _only_one = postgres::start_lock();
    if exists(server, &name).await {
        return name;
    }
    let being_made = format!("{name}_new");
    administer(server, &format!("drop database if exists {being_made} with (force)")).await;
    administer(server, &format!("create database {being_made} template template0")).await;
    let db = Db::connect(&server.url(&being_made), ConnectOptions::default()).await.expect("the template");
    db.migrate().await.expect("the schema for PostgreSQL");
    db.close().await;
    // Only a template that is complete gets the name that others look for.
    administer(server, &format!("alter database {being_made} rename to {name}")).await;
    name
}

async fn exists(server: &postgres::Server, database: &str) -> bool {
    let mut connection = PgConnection::connect(&server.url("postgres")).await.expect("the test server");
    let question = "select exists (select from pg_database where datname = $1)";
    sqlx::query_scalar(question).bind(database).fetch_one(&mut connection).await.expect("the list of databases")
}

async fn administer(server: &postgres::Server, statement: &str) {
    let mut connection = PgConnection::connect(&server.url("postgres")).await.expect("the test server");
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}
