//! Results that are too large to hold: in batches, with bounded memory.

use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;
use tracing::Instrument;

use super::bursts::Bursts;
use super::connect::Db;
use super::error::DbError;
use super::row::Row;
use super::sql::Sql;
use super::tx::{Inner, Tx};
use super::value::{Value, postgres_arguments, sqlite_arguments};

/// How many rows a batch has at most. At most three batches of a stream are in memory: being filled, waiting, and in use.
pub const STREAM_BATCH_ROWS: usize = 1_000;

/// The rows of a large result; see [`Db::stream`].
///
/// The query runs in a task of its own, so the reader may be dropped at any time.
#[derive(Debug)]
pub struct RowStream {
    /// `None` marks the end: a query that stops in any other way must not look like one that found no more rows.
    batches: mpsc::Receiver<Result<Option<Vec<Row>>, DbError>>,
    ended: bool,
}

impl RowStream {
    /// The next rows, at least one and at most [`STREAM_BATCH_ROWS`], or nothing at the end.
    ///
    /// # Errors
    /// What the database says; see [`DbError`]. It is the last thing that the stream gives.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<Row>>, DbError> {
        if self.ended {
            return Ok(None);
        }
        let batch = self.batches.recv().await.unwrap_or(Err(DbError::Stopped));
        self.ended = !matches!(batch, Ok(Some(_)));
        batch
    }
}

impl Db {
    /// Runs a query in a read transaction of its own and gives its rows in batches.
    ///
    /// # Errors
    /// As [`Db::begin_read`]; errors of the query come from [`RowStream::next_batch`].
    pub async fn stream(&self, sql: &Sql, values: &[Value]) -> Result<RowStream, DbError> {
        let (mut tx, sql, values) = (self.begin_read().await?, *sql, values.to_vec());
        // One batch waits while the next one is being filled.
        let (sender, receiver) = mpsc::channel(1);
        let pump = async move {
            let mut batches = tx.batches(&sql, &values);
            while let Some(batch) = batches.next().await {
                let failed = batch.is_err();
                // When nobody reads any more, dropping the transaction ends the query.
                if sender.send(batch.map(Some)).await.is_err() || failed {
                    return;
                }
            }
            let _ = sender.send(Ok(None)).await;
        };
        tokio::spawn(pump.in_current_span());
        Ok(RowStream { batches: receiver, ended: false })
    }
}

impl Tx {
    /// Runs a query and hands over its rows in batches of at most [`STREAM_BATCH_ROWS`], one batch in memory at a time.
    ///
    /// # Errors
    /// What the database says, or what `each` returns, after which it is not called again. Either spoils the transaction.
    pub async fn for_each_batch<E: From<DbError>>(
        &mut self,
        sql: &Sql,
        values: &[Value],
        mut each: impl FnMut(Vec<Row>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut outcome = Ok(());
        let mut batches = self.batches(sql, values);
        while outcome.is_ok() {
            let Some(batch) = batches.next().await else { break };
            outcome = batch.map_err(E::from).and_then(&mut each);
        }
        drop(batches);
        self.noted(outcome)
    }

    fn batches(&mut self, sql: &Sql, values: &[Value]) -> BoxStream<'_, Result<Vec<Row>, DbError>> {
        let rows = match self.rows(sql, values) {
            Ok(rows) => rows,
            Err(error) => futures::stream::once(async { Err(error) }).boxed(),
        };
        rows.try_chunks(STREAM_BATCH_ROWS).map_err(|stopped| stopped.1).boxed()
    }

    /// The rows one by one as they come from the database, which is held back by a reader that is slower.
    pub(super) fn rows(&mut self, sql: &Sql, values: &[Value]) -> Result<BoxStream<'_, Result<Row, DbError>>, DbError> {
        let (text, name) = (sql.sql_str(self.kind()), sql.name());
        self.shared.count_statement();
        let failed = move |error| DbError::from_driver(name, &error);
        // Whoever writes has others wait for it, and waits for no clock.
        let only_reads = self.writing.is_none();
        Ok(match &mut self.inner {
            Inner::Sqlite(tx) => {
                let rows = sqlx::query_with(text, sqlite_arguments(values)?).fetch(&mut **tx);
                let rows = if only_reads { Bursts::of(rows).boxed() } else { rows };
                rows.map_ok(move |row| Row::sqlite(name, row)).map_err(failed).boxed()
            }
            Inner::Postgres(tx) => {
                let rows = sqlx::query_with(text, postgres_arguments(values)?).fetch(&mut **tx);
                rows.map_ok(move |row| Row::postgres(name, row)).map_err(failed).boxed()
            }
        })
    }
}
