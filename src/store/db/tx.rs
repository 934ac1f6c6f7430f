//! Transactions: the only way to read and write.

use std::sync::Arc;

use futures::TryStreamExt;
use sqlx::{Executor, Postgres, SqlStr, Sqlite, Transaction};

use super::connect::{Db, Kind, Pools, Shared};
use super::error::DbError;
use super::row::Row;
use super::sql::Sql;
use super::value::{Value, postgres_arguments, sqlite_arguments};
use super::writing::Writing;

/// An open transaction. What is not committed is undone when it is dropped.
///
/// A statement that fails spoils the transaction on both databases: it cannot be committed any more. (PostgreSQL would turn such
/// a commit into a silent rollback, SQLite would keep the half that had worked.)
#[derive(Debug)]
pub struct Tx {
    pub(super) inner: Inner,
    pub(super) shared: Arc<Shared>,
    failed: bool,
    /// What [`Tx::write_is_open_here`] looks for; a transaction that only reads has none.
    pub(super) writing: Option<Writing>,
}

#[derive(Debug)]
pub(super) enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens a transaction that may write. On SQLite it waits for the one writer, and holds it until it ends (F24): whoever opens
    /// a second one before the first has ended waits for himself.
    ///
    /// # Errors
    /// [`DbError::NoConnection`], [`DbError::Busy`] if another process writes to the SQLite file, [`DbError::ConnectionLost`],
    /// [`DbError::ReadOnly`] where the database was opened to be read.
    pub async fn begin(&self) -> Result<Tx, DbError> {
        let inner = match &self.shared.pools {
            Pools::Sqlite { writer: None, .. } => {
                return Err(DbError::ReadOnly { problem: "it was opened to be read".to_owned() });
            }
            Pools::Sqlite { writer: Some(writer), .. } => writer.begin_with("begin immediate").await.map(Inner::Sqlite),
            Pools::Postgres(pool) => pool.begin_with("begin isolation level read committed").await.map(Inner::Postgres),
        };
        self.opened(inner, || Some(Writing::begins()))
    }

    /// Opens a transaction that only reads, and sees the state of one moment for as long as it lasts.
    ///
    /// # Errors
    /// [`DbError::NoConnection`], [`DbError::ConnectionLost`].
    pub async fn begin_read(&self) -> Result<Tx, DbError> {
        let inner = match &self.shared.pools {
            Pools::Sqlite { readers, .. } => readers.begin_with("begin deferred").await.map(Inner::Sqlite),
            Pools::Postgres(pool) => pool.begin_with("begin isolation level repeatable read read only").await.map(Inner::Postgres),
        };
        self.opened(inner, || None)
    }

    fn opened(&self, inner: Result<Inner, sqlx::Error>, writing: impl FnOnce() -> Option<Writing>) -> Result<Tx, DbError> {
        self.shared.count_statement();
        let inner = inner.map_err(|error| DbError::from_driver("begin", &error))?;
        Ok(Tx { inner, shared: Arc::clone(&self.shared), failed: false, writing: writing() })
    }
}

impl Tx {
    /// Which database this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.inner {
            Inner::Sqlite(_) => Kind::Sqlite,
            Inner::Postgres(_) => Kind::Postgres,
        }
    }

    /// Makes everything that was done durable.
    ///
    /// # Errors
    /// [`DbError::TransactionFailed`] if a statement had failed; [`DbError::CommitUnknown`] if the connection broke, so that it
    /// may have happened or not (F21); a constraint that is checked at the end; [`DbError::DiskFull`]; the retryable ones.
    pub async fn commit(self) -> Result<(), DbError> {
        if self.failed {
            self.rollback().await?;
            return Err(DbError::TransactionFailed);
        }
        self.shared.count_statement();
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().await,
            Inner::Postgres(tx) => tx.commit().await,
        }
        .map_err(|error| DbError::from_driver("commit", &error).while_committing())
    }

    /// Undoes everything, and waits until that is done. (Dropping the transaction does it as well, but later.)
    ///
    /// # Errors
    /// [`DbError::ConnectionLost`], which undoes everything too.
    pub async fn rollback(self) -> Result<(), DbError> {
        self.shared.count_statement();
        let failed = self.failed;
        let undone = match self.inner {
            Inner::Sqlite(tx) => tx.rollback().await,
            Inner::Postgres(tx) => tx.rollback().await,
        }
        .map_err(|error| DbError::from_driver("rollback", &error));
        match undone {
            // SQLite has undone it by itself, as it does when the disk is full (F19).
            Err(DbError::Other { message, .. }) if failed && message.contains("no transaction is active") => Ok(()),
            undone => undone,
        }
    }

    /// Runs a statement and tells how many rows it wrote.
    ///
    /// # Errors
    /// What the database says, sorted; see [`DbError`].
    pub async fn execute(&mut self, sql: &Sql, values: &[Value]) -> Result<u64, DbError> {
        let outcome = self.try_execute(sql, values).await;
        self.noted(outcome)
    }

    /// Runs a query and gives all its rows. For results that may be large use [`Db::stream`] or [`Tx::for_each_batch`].
    ///
    /// # Errors
    /// What the database says, sorted; see [`DbError`].
    pub async fn fetch_all(&mut self, sql: &Sql, values: &[Value]) -> Result<Vec<Row>, DbError> {
        let outcome = match self.rows(sql, values) {
            Ok(rows) => rows.try_collect().await,
            Err(error) => Err(error),
        };
        self.noted(outcome)
    }

    /// Runs a query that gives at most one row.
    ///
    /// # Errors
    /// [`DbError::ManyRows`] if there are more, otherwise what the database says; see [`DbError`].
    pub async fn fetch_optional(&mut self, sql: &Sql, values: &[Value]) -> Result<Option<Row>, DbError> {
        // Not the driver's own call: on SQLite that one stops after the first row and so cannot see a second.
        let mut rows = self.fetch_all(sql, values).await?;
        let row = rows.pop();
        if rows.is_empty() { Ok(row) } else { Err(DbError::ManyRows { statement: sql.name() }) }
    }

    /// Runs a query that gives exactly one row.
    ///
    /// # Errors
    /// [`DbError::NoRow`], [`DbError::ManyRows`], otherwise what the database says; see [`DbError`].
    pub async fn fetch_one(&mut self, sql: &Sql, values: &[Value]) -> Result<Row, DbError> {
        self.fetch_optional(sql, values).await?.ok_or(DbError::NoRow { statement: sql.name() })
    }

    /// Has the database parse and plan a statement without running it: the test of all statements.
    ///
    /// # Errors
    /// What the database says about it; see [`DbError`].
    pub async fn prepare(&mut self, sql: &Sql) -> Result<(), DbError> {
        self.prepare_text(sql.name(), sql.sql_str(self.kind())).await
    }

    pub(super) async fn prepare_text(&mut self, name: &'static str, text: SqlStr) -> Result<(), DbError> {
        let outcome = match &mut self.inner {
            Inner::Sqlite(tx) => (&mut **tx).prepare(text).await.map(drop),
            Inner::Postgres(tx) => (&mut **tx).prepare(text).await.map(drop),
        };
        self.noted(outcome.map_err(|error| DbError::from_driver(name, &error)))
    }

    /// Runs statements that are separated by semicolons and have no parameters: migrations.
    pub(super) async fn script(&mut self, name: &'static str, text: &'static str) -> Result<(), DbError> {
        self.shared.count_statement();
        let outcome = match &mut self.inner {
            Inner::Sqlite(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(drop),
            Inner::Postgres(tx) => sqlx::raw_sql(text).execute(&mut **tx).await.map(drop),
        };
        self.noted(outcome.map_err(|error| DbError::from_driver(name, &error)))
    }

    async fn try_execute(&mut self, sql: &Sql, values: &[Value]) -> Result<u64, DbError> {
        let text = sql.sql_str(self.kind());
        match &mut self.inner {
            Inner::Sqlite(tx) => {
                let arguments = sqlite_arguments(values)?;
                self.shared.count_statement();
                sqlx::query_with(text, arguments).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            Inner::Postgres(tx) => {
                let arguments = postgres_arguments(values)?;
                self.shared.count_statement();
                sqlx::query_with(text, arguments).execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        }
        .map_err(|error| DbError::from_driver(sql.name(), &error))
    }

    pub(super) fn noted<T, E>(&mut self, outcome: Result<T, E>) -> Result<T, E> {
        self.failed |= outcome.is_err();
        outcome
    }
}
