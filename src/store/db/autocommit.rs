//! Batches that are transactions by themselves: one statement, with neither `begin` nor `commit` around it, on a connection that no pool looks
//! after between two of them. Where nothing else belongs to the transaction, that is one way to the database and back instead of five.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sqlx::ConnectOptions as _;
use sqlx::postgres::PgConnection;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{Action, Batch, send_to_postgres, send_to_sqlite};
use super::connect::{Db, Pools};
use super::error::DbError;
use super::table::Columns;

/// How many pages the write-ahead log of SQLite collects here before they are copied into the file. Few, because rows that are only added
/// fill each page once: a longer log would save nothing, and whoever commits while it is copied waits.
const SQLITE_LOG_PAGES: &str = "1000";

/// Connections on which each batch is committed when it is written.
#[derive(Debug)]
pub struct Autocommit {
    db: Db,
    /// Those that nobody uses: as many as were used at one time.
    idle: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Autocommit {
    /// On this database. Connections are opened when they are needed.
    #[must_use]
    pub const fn on(db: Db) -> Self {
        Self { db, idle: Mutex::new(Vec::new()) }
    }

    /// Inserts the rows that clash with no unique constraint, makes them durable, and gives their number. The others are left as they are, so
    /// that doing it again does nothing.
    ///
    /// # Errors
    /// [`DbError::CommitUnknown`] if the connection broke; constraints other than unique ones; [`DbError::RowShape`], also where the rows are
    /// too many for one statement; see [`DbError`].
    pub async fn insert_rows_ignoring_conflicts(&self, rows: &Columns) -> Result<u64, DbError> {
        rows.complete()?;
        let batch = Batch::of(rows);
        if !batch.is_one_statement() {
            return Err(DbError::RowShape { table: rows.table().name, problem: "one statement cannot have so many rows".to_owned() });
        }
        self.db.retrying(|| self.insert(&batch)).await
    }

    async fn insert(&self, batch: &Batch<'_>) -> Result<u64, DbError> {
        // Not in the condition itself, which would hold the lock while the statement runs.
        let kept = self.idle().pop();
        if let Some(connection) = kept {
            match self.insert_on(connection, batch).await {
                // It was closed while nobody used it: the server was restarted.
                Err(DbError::CommitUnknown) => {}
                done => return done,
            }
        }
        self.insert_on(self.connect().await?, batch).await
    }

    /// A connection on which a statement failed, or was cancelled half way, is used no more.
    async fn insert_on(&self, mut connection: Connection, batch: &Batch<'_>) -> Result<u64, DbError> {
        let (action, shared) = (Action::InsertIgnoringConflicts, &self.db.shared);
        let done = match &mut connection {
            Connection::Sqlite(connection) => send_to_sqlite(connection, shared, action, batch).await,
            Connection::Postgres(connection) => send_to_postgres(connection, shared, action, batch).await,
        };
        if done.is_ok() {
            self.idle().push(connection);
        }
        done.map_err(DbError::while_committing)
    }

    /// As the pools connect.
    async fn connect(&self) -> Result<Connection, DbError> {
        let opened = match &self.db.shared.pools {
            Pools::Sqlite { writer: None, .. } => return Err(DbError::ReadOnly { problem: "it was opened to be read".to_owned() }),
            Pools::Sqlite { writer: Some(writer), .. } => {
                let options = writer.connect_options().as_ref().clone().pragma("wal_autocheckpoint", SQLITE_LOG_PAGES);
                options.connect().await.map(Connection::Sqlite)
            }
            Pools::Postgres(pool) => pool.connect_options().connect().await.map(Connection::Postgres),
        };
        opened.map_err(|error| DbError::from_driver("connecting", &error))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
