//! The seam to the databases, against the real ones: what goes in comes out, batches of all sizes, and the traps of the drivers,
//! each with the probe that once showed it.

mod autocommit;
mod batches;
mod faults;
mod opening;
mod transactions;
mod values;

use kasacare::statements;
use kasacare::store::db::{Column, Columns, Db, DbError, Row, Sql, Table};

/// A table with a column of each type.
pub const SAMPLE: Table = Table {
    name: "sample",
    columns: &[Column::text("id"), Column::int("line_no"), Column::int("amount"), Column::date("due_on"), Column::text("note")],
    key: &["id", "line_no"],
};

statements! {
    pub CREATE_SAMPLE = same(
        "create table sample (
            id      text {postgres: collate \"C\"} not null,
            line_no {sqlite: integer}{postgres: bigint} not null check (line_no >= 0),
            amount  {sqlite: integer}{postgres: bigint},
            due_on  {sqlite: text}{postgres: date},
            note    text,
            primary key (id, line_no)
        ) {sqlite: strict}",
    );
    pub INSERT = same("insert into sample (id, line_no, amount, due_on, note) values ($1, $2, $3, $4, $5)");
    pub ALL = same("select id, line_no, amount, due_on, note from sample order by id, line_no");
    pub COUNT = same("select count(*) as n from sample");
    pub ADD_ONE = same("update sample set amount = amount + 1 where id = $1");
    pub AMOUNT = same("select amount from sample where id = $1");
    pub AMOUNT_LOCKED = same("select amount from sample where id = $1 {postgres: for update}");
    pub SET_AMOUNT = same("update sample set amount = $2 where id = $1");
}

/// Makes the table.
pub async fn create_sample(db: &Db) {
    run(db, &CREATE_SAMPLE).await.expect("the sample table");
}

/// Runs one statement in a transaction of its own.
pub async fn run(db: &Db, sql: &Sql) -> Result<u64, DbError> {
    let mut tx = db.begin().await?;
    let written = tx.execute(sql, &[]).await?;
    tx.commit().await?;
    Ok(written)
}

/// Runs a query in a transaction of its own.
pub async fn rows(db: &Db, sql: &Sql) -> Vec<Row> {
    let mut tx = db.begin_read().await.expect("a transaction");
    tx.fetch_all(sql, &[]).await.expect("rows")
}

/// The one number that a query gives.
pub async fn number(db: &Db, sql: &Sql) -> i64 {
    rows(db, sql).await.first().expect("a row").int_at(0).expect("a number")
}

/// Adds a row of the sample table.
pub async fn insert(db: &Db, id: &str, amount: i64) -> Result<(), DbError> {
    let mut batch = Columns::of(&SAMPLE);
    batch.row().text(id).int(0).int(amount).opt_date(None).opt_text(None);
    let mut tx = db.begin().await?;
    tx.insert_rows(&batch).await?;
    tx.commit().await
}
