//! Many rows in one statement: where the speed of the program comes from.
//!
//! PostgreSQL gets one statement for a batch of any size, with one array a column (`unnest`). SQLite gets one statement for up to
//! 2000 rows, with one parameter a cell (`values`). A column in which all rows of a large batch agree is sent as one value: that is
//! every second one of most batches. An empty batch sends nothing.

use std::fmt::Write as _;
use std::sync::Arc;

use sqlx::Arguments;
use sqlx::postgres::{PgArguments, PgBindIterExt, PgConnection};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::connect::Shared;
use super::error::DbError;
use super::table::{CellColumn, Columns, Table};
use super::tx::{Inner, Tx};
use super::value::{Type, iso_date, unfit};

/// How many rows a statement has on SQLite: the most of these for which there are enough parameters. Each divides the chunk of
/// a batch job, so that few texts are prepared again and again.
const SQLITE_ROWS: [usize; 4] = [2_000, 1_000, 500, 100];

/// How many parameters a statement can have on SQLite.
const SQLITE_PARAMETERS_MAX: usize = 32_766;

/// Texts for up to this many rows are kept prepared on SQLite, as is the text of a full batch. Other sizes rarely come twice.
const SQLITE_ROWS_KEPT: usize = 8;

/// From this many rows on, columns in which all agree are sent as one value. In small batches that saves nothing, and since they
/// agree by chance, each would have a text of its own.
const SHARED_ROWS_MIN: usize = 100;

/// What is done with the rows of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action<'a> {
    Insert,
    InsertIgnoringConflicts,
    Upsert,
    Update { matching: &'a [&'a str] },
    Delete,
}

impl Tx {
    /// Inserts all rows and gives their number.
    ///
    /// # Errors
    /// [`DbError::UniqueViolation`] and the other constraints, [`DbError::RowShape`]; see [`DbError`].
    pub async fn insert_rows(&mut self, rows: &Columns) -> Result<u64, DbError> {
        self.write_rows(Action::Insert, rows).await
    }

    /// Inserts the rows that clash with no unique constraint, and gives their number. The others are left as they are.
    ///
    /// # Errors
    /// Constraints other than unique ones, [`DbError::RowShape`]; see [`DbError`].
    pub async fn insert_rows_ignoring_conflicts(&mut self, rows: &Columns) -> Result<u64, DbError> {
        self.write_rows(Action::InsertIgnoringConflicts, rows).await
    }

    /// Inserts the rows whose key is new, overwrites the columns of the batch in the others, and gives the number of both.
    ///
    /// A key may come only once in a batch.
    ///
    /// # Errors
    /// Constraints, unique ones other than the key included, [`DbError::RowShape`]; see [`DbError`].
    pub async fn upsert_rows(&mut self, rows: &Columns) -> Result<u64, DbError> {
        self.write_rows(Action::Upsert, rows).await
    }

    /// Sets the columns of the batch in the rows with the same key, and gives the number of rows that were there.
    ///
    /// A key may come only once in a batch.
    ///
    /// # Errors
    /// Constraints, [`DbError::RowShape`]; see [`DbError`].
    pub async fn update_rows(&mut self, rows: &Columns) -> Result<u64, DbError> {
        self.write_rows(Action::Update { matching: rows.table().key }, rows).await
    }

    /// The same, but finds the rows by these columns of the batch: the key, and others that must still have the value given.
    ///
    /// # Errors
    /// Constraints, [`DbError::RowShape`]; see [`DbError`].
    pub async fn update_rows_matching(&mut self, matching: &[&str], rows: &Columns) -> Result<u64, DbError> {
        self.write_rows(Action::Update { matching }, rows).await
    }

    /// Deletes the rows that agree with the batch in all its columns, and gives their number.
    ///
    /// # Errors
    /// Constraints, [`DbError::RowShape`]; see [`DbError`].
    pub async fn delete_rows(&mut self, rows: &Columns) -> Result<u64, DbError> {
        self.write_rows(Action::Delete, rows).await
    }

    /// Has the database plan each kind of batch for a table, without a row: the test of all table descriptions. It needs a
    /// transaction that may write.
    ///
    /// # Errors
    /// What the database says about it; see [`DbError`].
    pub async fn prepare_table(&mut self, table: &'static Table) -> Result<(), DbError> {
        let (all, key) = (Columns::of(table), Columns::only(table, table.key));
        key.complete()?;
        let update = Action::Update { matching: table.key };
        for (action, rows) in [(Action::Upsert, &all), (update, &all), (Action::Delete, &key)] {
            if !is_possible(action, rows) {
                continue;
            }
            match &self.inner {
                Inner::Sqlite(_) => {
                    let text = AssertSqlSafe(sqlite_text(action, &Batch::of(rows), 1)).into_sql_str();
                    self.prepare_text(table.name, text).await?;
                }
                // PostgreSQL looks for the key of an upsert only when it runs.
                Inner::Postgres(_) => {
                    let outcome = self.send_rows(action, rows).await;
                    self.noted(outcome)?;
                }
            }
        }
        Ok(())
    }

    async fn write_rows(&mut self, action: Action<'_>, rows: &Columns) -> Result<u64, DbError> {
        if rows.is_empty() {
            return Ok(0);
        }
        let outcome = match rows.complete() {
            Ok(()) if is_possible(action, rows) => self.send_rows(action, rows).await,
            Ok(()) => Err(DbError::RowShape { table: rows.table().name, problem: "it has no column to set".to_owned() }),
            Err(error) => Err(error),
        };
        self.noted(outcome)
    }

    async fn send_rows(&mut self, action: Action<'_>, rows: &Columns) -> Result<u64, DbError> {
        let shared = Arc::clone(&self.shared);
        match &mut self.inner {
            Inner::Postgres(tx) => send_to_postgres(tx, &shared, action, &Batch::of(rows)).await,
            Inner::Sqlite(tx) => send_to_sqlite(tx, &shared, action, &Batch::of(rows)).await,
        }
    }
}

pub(super) async fn send_to_postgres(
    connection: &mut PgConnection,
    shared: &Shared,
    action: Action<'_>,
    batch: &Batch<'_>,
) -> Result<u64, DbError> {
    let text = AssertSqlSafe(postgres_text(action, batch));
    shared.count_statement();
    let done = sqlx::query_with(text, postgres_arrays(batch)?).execute(connection).await;
    Ok(done.map_err(|error| DbError::from_driver(batch.table.name, &error))?.rows_affected())
}

pub(super) async fn send_to_sqlite(
    connection: &mut SqliteConnection,
    shared: &Shared,
    action: Action<'_>,
    batch: &Batch<'_>,
) -> Result<u64, DbError> {
    let per_statement = sqlite_rows_max(batch);
    let mut written = 0;
    for from in (0..batch.rows).step_by(per_statement) {
        let count = per_statement.min(batch.rows - from);
        let text = AssertSqlSafe(sqlite_text(action, batch, count));
        let kept = count == per_statement || count <= SQLITE_ROWS_KEPT;
        shared.count_statement();
        let query = sqlx::query_with(text, sqlite_cells(batch, from, count)?).persistent(kept);
        let done = query.execute(&mut *connection).await;
        written += done.map_err(|error| DbError::from_driver(batch.table.name, &error))?.rows_affected();
    }
    Ok(written)
}

/// Whether there is anything to set. An upsert of keys alone inserts what is missing; an update of keys alone means nothing.
fn is_possible(action: Action<'_>, rows: &Columns) -> bool {
    match action {
        Action::Update { matching } => rows.columns().iter().any(|(column, _)| !matching.contains(&column.name)),
        _ => true,
    }
}

/// A batch as it is sent.
pub(super) struct Batch<'a> {
    table: &'static Table,
    rows: usize,
    columns: Vec<Sent<'a>>,
}

/// A column of it.
struct Sent<'a> {
    name: &'static str,
    kind: Type,
    cells: &'a CellColumn,
    /// Whether one value is sent for all rows.
    shared: bool,
}

impl<'a> Batch<'a> {
    pub(super) fn of(rows: &'a Columns) -> Self {
        let many = rows.len() >= SHARED_ROWS_MIN;
        let sent = rows.columns().iter().map(|(column, cells)| Sent {
            name: column.name,
            kind: column.kind,
            cells,
            shared: many && cells.is_shared(),
        });
        let mut batch = Self { table: rows.table(), rows: rows.len(), columns: sent.collect() };
        // Something has to say how many rows there are.
        if batch.columns.iter().all(|column| column.shared)
            && let Some(first) = batch.columns.first_mut()
        {
            first.shared = false;
        }
        batch
    }

    /// Whether it is one statement on both databases.
    pub(super) fn is_one_statement(&self) -> bool {
        self.rows <= sqlite_rows_max(self)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        self.columns.iter().map(|column| column.name)
    }

    /// The columns of which each row has a cell of its own.
    fn own(&self) -> impl Iterator<Item = &Sent<'a>> {
        self.columns.iter().filter(|column| !column.shared)
    }

    fn shared(&self) -> impl Iterator<Item = &Sent<'a>> {
        self.columns.iter().filter(|column| column.shared)
    }
}

/// How many rows of a batch go into one statement on SQLite.
fn sqlite_rows_max(batch: &Batch<'_>) -> usize {
    let possible = (SQLITE_PARAMETERS_MAX - batch.shared().count()) / batch.own().count().max(1);
    SQLITE_ROWS.into_iter().find(|rows| *rows <= possible).unwrap_or(possible).max(1)
}

fn joined<T: std::fmt::Display>(parts: impl IntoIterator<Item = T>, separator: &str) -> String {
    let mut text = String::new();
    for part in parts {
        if !text.is_empty() {
            text.push_str(separator);
        }
        let _ = write!(text, "{part}");
    }
    text
}

fn postgres_text(action: Action<'_>, batch: &Batch<'_>) -> String {
    let table = batch.table.name;
    let columns = joined(batch.names(), ", ");
    // In the list of a select, because there the arrays are walked in step; `from unnest(…)` would first write each of them into a
    // store of its own, which takes two and a half times as long.
    let values = batch.columns.iter().enumerate().map(|(at, column)| {
        let kind = match column.kind {
            Type::Text => "text",
            Type::Int => "bigint",
            Type::Date => "date",
        };
        if column.shared { format!("${}::{kind}", at + 1) } else { format!("unnest(${}::{kind}[])", at + 1) }
    });
    let source = format!("select {}", joined(values, ", "));
    let of_row = |name: &str| format!("v.{name}");
    match action {
        Action::Insert | Action::InsertIgnoringConflicts | Action::Upsert => {
            format!("insert into {table} ({columns}) {source}{}", on_conflict(action, batch))
        }
        Action::Update { matching } => {
            let (set, found) = (assignments(matching, batch, of_row), matches(matching, of_row));
            format!("update {table} as t set {set} from ({source}) as v ({columns}) where {found}")
        }
        Action::Delete => {
            let found = matches(&batch.names().collect::<Vec<_>>(), of_row);
            format!("delete from {table} as t using ({source}) as v ({columns}) where {found}")
        }
    }
}

fn sqlite_text(action: Action<'_>, batch: &Batch<'_>, count: usize) -> String {
    let table = batch.table.name;
    let columns = joined(batch.names(), ", ");
    let own = joined(batch.own().map(|column| column.name), ", ");
    let row = format!("({})", joined(batch.own().map(|_| "?"), ","));
    let mut values = format!("{row},").repeat(count);
    values.pop();
    // The cells have the first parameters, row by row; the values that all rows share have those after them.
    let cells = count * batch.own().count();
    let of_row = |name: &str| match batch.shared().position(|column| column.name == name) {
        Some(at) => format!("?{}", cells + at + 1),
        None => format!("v.{name}"),
    };
    match action {
        Action::Insert | Action::InsertIgnoringConflicts | Action::Upsert if batch.shared().next().is_none() => {
            format!("insert into {table} ({columns}) values {values}{}", on_conflict(action, batch))
        }
        Action::Insert | Action::InsertIgnoringConflicts | Action::Upsert => {
            let select = joined(batch.names().map(of_row), ", ");
            // Without a `where`, SQLite would take the `on` of the conflict for that of a join.
            let on_conflict = on_conflict(action, batch);
            format!("with v ({own}) as (values {values}) insert into {table} ({columns}) select {select} from v where true{on_conflict}")
        }
        Action::Update { matching } => {
            let (set, found) = (assignments(matching, batch, of_row), matches(matching, of_row));
            format!("with v ({own}) as (values {values}) update {table} as t set {set} from v where {found}")
        }
        Action::Delete => {
            // Not `in v` itself: the cells of a batch have no affinity, and without one an index on integers is not used.
            let (found, all) = (matches(&batch.names().collect::<Vec<_>>(), of_row), joined(batch.names().map(|n| format!("t.{n}")), ", "));
            format!(
                "with v ({own}) as (values {values}) delete from {table} \
                 where ({columns}) in (select {all} from v join {table} as t on {found})"
            )
        }
    }
}

/// What an insert does about rows that are there.
fn on_conflict(action: Action<'_>, batch: &Batch<'_>) -> String {
    let key = batch.table.key;
    match action {
        Action::InsertIgnoringConflicts => " on conflict do nothing".to_owned(),
        Action::Upsert if batch.names().all(|name| key.contains(&name)) => {
            format!(" on conflict ({}) do nothing", key.join(", "))
        }
        Action::Upsert => {
            let set = batch.names().filter(|name| !key.contains(name)).map(|name| format!("{name} = excluded.{name}"));
            format!(" on conflict ({}) do update set {}", key.join(", "), joined(set, ", "))
        }
        Action::Insert | Action::Update { .. } | Action::Delete => String::new(),
    }
}

fn assignments(matching: &[&str], batch: &Batch<'_>, of_row: impl Fn(&str) -> String) -> String {
    let set = batch.names().filter(|name| !matching.contains(name));
    joined(set.map(|name| format!("{name} = {}", of_row(name))), ", ")
}

fn matches(columns: &[&str], of_row: impl Fn(&str) -> String) -> String {
    joined(columns.iter().map(|name| format!("t.{name} = {}", of_row(name))), " and ")
}

/// One array for each column, or one value.
fn postgres_arrays(batch: &Batch<'_>) -> Result<PgArguments, DbError> {
    let mut arguments = PgArguments::default();
    for column in &batch.columns {
        match (column.cells, column.shared) {
            (CellColumn::Text(cells), false) => arguments.add(cells.iter().bind_iter()),
            (CellColumn::Int(cells), false) => arguments.add(cells.as_slice()),
            (CellColumn::Date(cells), false) => arguments.add(cells.as_slice()),
            (CellColumn::Text(cells), true) => arguments.add(cells.get(0)),
            (CellColumn::Int(cells), true) => arguments.add(cells.first().copied().flatten()),
            (CellColumn::Date(cells), true) => arguments.add(cells.first().copied().flatten()),
        }
        .map_err(|fault| unfit(&fault.to_string()))?;
    }
    Ok(arguments)
}

/// One parameter for each cell of `count` rows, row by row, and then one for each value that they share.
fn sqlite_cells(batch: &Batch<'_>, from: usize, count: usize) -> Result<SqliteArguments, DbError> {
    let own: Vec<&CellColumn> = batch.own().map(|column| column.cells).collect();
    let mut arguments = SqliteArguments::default();
    arguments.reserve(count * own.len() + batch.shared().count(), 0);
    for row in from..from + count {
        for cells in &own {
            add_cell(&mut arguments, cells, row)?;
        }
    }
    for column in batch.shared() {
        add_cell(&mut arguments, column.cells, from)?;
    }
    Ok(arguments)
}

fn add_cell(arguments: &mut SqliteArguments, cells: &CellColumn, row: usize) -> Result<(), DbError> {
    match cells {
        CellColumn::Text(cells) => arguments.add(cells.get(row).map(Arc::<str>::from)),
        CellColumn::Int(cells) => arguments.add(cells.get(row).copied().flatten()),
        CellColumn::Date(cells) => arguments.add(cells.get(row).copied().flatten().map(iso_date).transpose()?),
    }
    .map_err(|fault| unfit(&fault.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::db::{Column, ConnectOptions, Db, Sql};

    /// Batches look rows up by their key; the alternative is to read the whole table for each statement.
    #[tokio::test]
    async fn no_batch_scans_the_table_on_sqlite() {
        const TABLE: Table = Table {
            name: "account_event",
            columns: &[Column::text("account_id"), Column::int("event_no"), Column::int("amount")],
            key: &["account_id", "event_no"],
        };
        const CREATE: Sql = Sql::same(
            "create table account_event (
                account_id text not null, event_no integer not null, amount integer, primary key (account_id, event_no)
             ) strict",
        );
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("plans.db").display());
        let options = ConnectOptions { create: true, ..ConnectOptions::default() };
        let db = Db::connect(&url, options).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.execute(&CREATE, &[]).await.unwrap();
        let (all, key) = (Columns::of(&TABLE), Columns::only(&TABLE, TABLE.key));
        for (action, rows) in [(Action::Update { matching: TABLE.key }, &all), (Action::Delete, &key)] {
            let text = format!("explain query plan {}", sqlite_text(action, &Batch::of(rows), 2_000));
            let Inner::Sqlite(connection) = &mut tx.inner else { panic!("SQLite") };
            let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(AssertSqlSafe(text)).fetch_all(&mut **connection).await.unwrap();
            let steps: Vec<&str> = plan.iter().map(|(.., step)| step.as_str()).collect();
            assert!(steps.iter().any(|step| step.contains("(account_id=? AND event_no=?)")), "{steps:#?}");
            assert!(!steps.iter().any(|step| *step == "SCAN t" || *step == "SCAN account_event"), "{steps:#?}");
        }
    }
}
