//! The rows of accounts, against the real databases: what is saved is loaded again, a chunk takes a fixed number of statements,
//! and the database itself refuses what must never happen.

mod aggregate;
mod claims;
mod journal;
mod opening;
mod outbox;
mod plans;
mod promotions;
mod reference;
mod refusals;
mod sample;
mod saving;
mod schema;

use kasacare::store::db::{Db, DbError, Row, Sql, Value};

/// Runs one statement in a transaction of its own.
async fn run(db: &Db, sql: &'static str) -> Result<u64, DbError> {
    let mut tx = db.begin().await?;
    let written = tx.execute(&Sql::same(sql), &[]).await?;
    tx.commit().await?;
    Ok(written)
}

/// Runs a query in a transaction of its own.
async fn rows(db: &Db, sql: &'static str, values: &[Value]) -> Vec<Row> {
    let mut tx = db.begin_read().await.expect("a transaction");
    tx.fetch_all(&Sql::same(sql), values).await.expect("rows")
}

/// The one number that a query gives.
async fn number(db: &Db, sql: &'static str) -> i64 {
    rows(db, sql, &[]).await.first().expect("a row").int_at(0).expect("a number")
}
