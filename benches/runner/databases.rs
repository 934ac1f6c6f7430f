//! Databases for the two sides: a template that is filled once, and a fresh copy for each run.

use std::path::{Path, PathBuf};

use kasacare::store::db::{ConnectOptions, Db};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::book;
use crate::postgres::PrivateServer;

/// Room for a whole run between two checkpoints: full pages in the log after a checkpoint would be most of what is measured.
const SETTINGS: &str = "max_wal_size = 16GB\nshared_buffers = 512MB\ncheckpoint_timeout = 1h\nautovacuum = off";

/// A PostgreSQL server.
pub enum Server {
    /// Ours, for as long as the benchmark runs.
    Private(PrivateServer),
    /// Somebody's.
    Given(String),
}

impl Server {
    /// The server of that address, or a new one.
    pub fn new(address: Option<String>) -> Self {
        address.map_or_else(
            || {
                let server = PrivateServer::start();
                server.reconfigure(SETTINGS);
                server.kill();
                server.start_again();
                Self::Private(server)
            },
            Self::Given,
        )
    }

    /// The address of a database.
    pub fn url(&self, database: &str) -> String {
        match self {
            Self::Private(server) => server.url(database),
            Self::Given(address) => format!("{}/{database}", address.trim_end_matches('/')),
        }
    }

    async fn administer(&self, statement: String) {
        let mut connection = PgConnection::connect(&self.url("postgres")).await.expect("the server");
        connection.execute(AssertSqlSafe(statement)).await.expect("a database made or dropped");
    }

    /// Makes a database with `due` renewals.
    pub async fn template(&self, name: &str, due: u32) {
        self.drop(name).await;
        self.administer(format!("create database {name} template template0")).await;
        let url = self.url(name);
        let db = Db::connect(&url, ConnectOptions::default()).await.expect("the template");
        db.migrate().await.expect("the schema");
        book::fill(&db, &url, due).await;
        db.close().await;
    }

    /// A fresh copy of a database, and its address. Nothing is left to be written by the next checkpoint.
    pub async fn copy(&self, template: &str, name: &str) -> String {
        self.drop(name).await;
        self.administer(format!("create database {name} template {template} strategy file_copy")).await;
        self.administer("checkpoint".to_owned()).await;
        self.url(name)
    }

    /// Drops a database if it is there.
    pub async fn drop(&self, name: &str) {
        self.administer(format!("drop database if exists {name} with (force)")).await;
    }
}

/// A folder with SQLite files.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// A new one, which goes away with this value.
    pub fn new() -> Self {
        Self(tempfile::TempDir::with_prefix_in("kasacare-bench-", crate::postgres::scratch()).expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The address of a file.
    pub fn url(path: &Path) -> String {
        format!("sqlite://{}", path.display())
    }

    /// Makes a file with `due` renewals.
    pub async fn template(&self, name: &str, due: u32) -> PathBuf {
        let path = self.empty(name);
        let url = Self::url(&path);
        let db = Db::connect(&url, ConnectOptions { create: true, ..ConnectOptions::default() }).await.expect("a file");
        db.migrate().await.expect("the schema");
        book::fill(&db, &url, due).await;
        db.close().await;
        path
    }

    /// A fresh copy of a file.
    pub fn copy(&self, template: &Path, name: &str) -> PathBuf {
        let path = self.empty(name);
        std::fs::copy(template, &path).expect("a copy");
        path
    }

    /// The path of a file of which nothing is left.
    fn empty(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        for suffix in ["", "-wal", "-shm", ".runner"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", path.display()));
        }
        path
    }
}
