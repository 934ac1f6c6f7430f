//! Several transactions that see the same moment, so that what they read together is as consistent as what one of them reads.

use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::connect::{Db, Pools};
use super::error::DbError;
use super::tx::{Inner, Tx};

/// How often readers are opened anew on SQLite because somebody wrote in between. That is a matter of milliseconds; where somebody writes
/// all the time, one reader does.
const TRIES: usize = 50;

impl Db {
    /// Opens several transactions that only read and that all see the state of one moment: so many, or fewer where there are not as many
    /// connections, and one at least. It is one where a SQLite file is written all the time, for there is no moment to share then.
    ///
    /// # Errors
    /// As [`Db::begin_read`].
    pub async fn begin_reads(&self, count: usize) -> Result<Vec<Tx>, DbError> {
        match &self.shared.pools {
            Pools::Sqlite { readers, .. } => {
                // One connection watches.
                let free = usize::try_from(readers.options().get_max_connections()).unwrap_or(1);
                let count = count.min(free.saturating_sub(1)).max(1);
                let tries = if count == 1 { 0 } else { TRIES };
                let failed = |error| DbError::from_driver("reading at one moment", &error);
                for _ in 0..tries {
                    let mut watching = readers.acquire().await.map_err(failed)?;
                    let before: i64 = sqlx::query_scalar("pragma data_version").fetch_one(&mut *watching).await.map_err(failed)?;
                    let mut all = Vec::with_capacity(count);
                    for _ in 0..count {
                        let mut tx = self.begin_read().await?;
                        // The first thing that is read says what moment it is.
                        tx.script("reading at one moment", "select 1 from sqlite_master limit 1").await?;
                        all.push(tx);
                    }
                    let after: i64 = sqlx::query_scalar("pragma data_version").fetch_one(&mut *watching).await.map_err(failed)?;
                    if before == after {
                        return Ok(all);
                    }
                    for tx in all {
                        tx.rollback().await?;
                    }
                }
                Ok(vec![self.begin_read().await?])
            }
            Pools::Postgres(pool) => {
                let free = usize::try_from(pool.options().get_max_connections()).unwrap_or(1);
                let mut first = self.begin_read().await?;
                let snapshot = first.exported_snapshot().await?;
                let mut all = vec![first];
                while all.len() < count.min(free) {
                    let mut tx = self.begin_read().await?;
                    tx.take_snapshot(&snapshot).await?;
                    all.push(tx);
                }
                Ok(all)
            }
        }
    }
}

impl Tx {
    /// The name under which other transactions of a server can see what this one sees.
    async fn exported_snapshot(&mut self) -> Result<String, DbError> {
        let Inner::Postgres(tx) = &mut self.inner else { return Ok(String::new()) };
        self.shared.count_statement();
        let name = sqlx::query_scalar("select pg_export_snapshot()").fetch_one(&mut **tx).await;
        self.noted(name.map_err(|error| DbError::from_driver("exporting the snapshot", &error)))
    }

    async fn take_snapshot(&mut self, name: &str) -> Result<(), DbError> {
        let Inner::Postgres(tx) = &mut self.inner else { return Ok(()) };
        // The server's own name, of digits, letters and dashes; the statement takes no parameter.
        let name: String = name.chars().filter(|character| character.is_ascii_alphanumeric() || *character == '-').collect();
        let text = AssertSqlSafe(format!("set transaction snapshot '{name}'")).into_sql_str();
        self.shared.count_statement();
        let taken = sqlx::raw_sql(text).execute(&mut **tx).await.map(drop);
        self.noted(taken.map_err(|error| DbError::from_driver("taking the snapshot", &error)))
    }
}
