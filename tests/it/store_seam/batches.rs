//! Batches of rows: every size, every action, and how many statements they take.

use chrono::{Days, NaiveDate};
use kasacare::store::db::{Columns, Db, DbError, Kind, Sql, Table, Tx};
use kasacare::values;

use super::{ALL, COUNT, SAMPLE, create_sample, number, rows};
use crate::world::on_both;

/// None, one, around the size of a statement on SQLite, and many statements.
const SIZES: [usize; 6] = [0, 1, 1_999, 2_000, 2_001, 5_000];

/// The cells of the row with this number: some are NULL, some are not.
fn cells(row: usize, round: i64) -> (String, i64, Option<i64>, Option<NaiveDate>, Option<String>) {
    let number = i64::try_from(row).unwrap();
    let day = NaiveDate::from_ymd_opt(2026, 1, 31).and_then(|day| day.checked_add_days(Days::new(row as u64)));
    (
        format!("id_{row:05}"),
        number % 7,
        (!row.is_multiple_of(3)).then_some(number * 100 + round),
        day.filter(|_| !row.is_multiple_of(5)),
        row.is_multiple_of(2).then(|| format!("nóte {row} of {round}")),
    )
}

fn batch(rows: std::ops::Range<usize>, round: i64) -> Columns {
    let mut batch = Columns::of(&SAMPLE);
    batch.reserve(rows.len());
    for row in rows {
        let (id, line, amount, due_on, note) = cells(row, round);
        batch.row().text(&id).int(line).opt_int(amount).opt_date(due_on).opt_text(note.as_deref());
    }
    batch
}

async fn assert_stored(db: &Db, rounds: &[i64]) {
    let stored = rows(db, &ALL).await;
    assert_eq!(stored.len(), rounds.len());
    for ((number, row), round) in stored.iter().enumerate().zip(rounds) {
        let read = (
            row.text_at(0).unwrap(),
            row.int_at(1).unwrap(),
            row.opt_int_at(2).unwrap(),
            row.opt_date_at(3).unwrap(),
            row.opt_text_at(4).unwrap(),
        );
        assert_eq!(read, cells(number, *round));
    }
}

/// How many statements a batch takes: one on PostgreSQL, one for each 2000 rows on SQLite, none for no rows.
fn statements(kind: Kind, rows: usize) -> u64 {
    match kind {
        Kind::Sqlite => rows.div_ceil(2_000) as u64,
        Kind::Postgres => u64::from(rows > 0),
    }
}

/// Writes a batch in a transaction of its own, and checks the count of rows and of statements.
macro_rules! assert_writes {
    ($db:expr, $action:ident, $batch:expr, $written:expr) => {
        let (db, batch): (&Db, Columns) = ($db, $batch);
        let before = db.statements_sent();
        let mut tx: Tx = db.begin().await.unwrap();
        assert_eq!(tx.$action(&batch).await.unwrap(), $written as u64, "{} of {}", stringify!($action), batch.len());
        tx.commit().await.unwrap();
        let sent = db.statements_sent() - before;
        assert_eq!(sent, 2 + statements(db.kind(), batch.len()), "{} of {}", stringify!($action), batch.len());
    };
}

#[tokio::test]
async fn batches_of_every_size_are_inserted_updated_and_deleted() {
    on_both(|db| async move {
        create_sample(&db).await;
        for size in SIZES {
            assert_writes!(&db, insert_rows, batch(0..size, 1), size);
            assert_stored(&db, &vec![1; size]).await;
            assert_writes!(&db, update_rows, batch(0..size, 2), size);
            assert_stored(&db, &vec![2; size]).await;
            let mut keys = Columns::only(&SAMPLE, SAMPLE.key);
            for row in 0..size {
                let (id, line, ..) = cells(row, 2);
                keys.row().text(&id).int(line);
            }
            assert_writes!(&db, delete_rows, keys, size);
            assert_eq!(number(&db, &COUNT).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn batches_of_every_size_are_upserted() {
    on_both(|db| async move {
        create_sample(&db).await;
        let mut stored = 0;
        for size in SIZES {
            // Half of the rows are there already.
            let there = size / 2;
            assert_writes!(&db, insert_rows_ignoring_conflicts, batch(0..there, 1), there.saturating_sub(stored));
            assert_writes!(&db, upsert_rows, batch(0..size, 3), size);
            stored = size.max(stored);
            assert_stored(&db, &vec![3; stored]).await;
            assert_writes!(&db, upsert_rows, batch(0..size, 1), size);
            assert_stored(&db, &vec![1; stored]).await;
        }
    })
    .await;
}

/// Rows that differ in their ids alone: with one value in the second column of the key and in all others.
fn alike(rows: std::ops::Range<usize>, line: i64, amount: Option<i64>, note: Option<&str>) -> Columns {
    let day = NaiveDate::from_ymd_opt(2026, 2, 28).unwrap();
    let mut batch = Columns::of(&SAMPLE);
    for row in rows {
        batch.row().text(&format!("id_{row:05}")).int(line).opt_int(amount).date(day).opt_text(note);
    }
    batch
}

#[tokio::test]
async fn what_all_rows_share_arrives_in_each_of_them() {
    const SAME: Sql = Sql::same(
        "select count(*) as n from sample where line_no = 7 and due_on = '2026-02-28' and coalesce(amount, -1) = $1 and coalesce(note, '') = $2",
    );
    async fn same(db: &Db, amount: i64, note: &str) -> i64 {
        let mut tx = db.begin_read().await.unwrap();
        tx.fetch_one(&SAME, &values![amount, note]).await.unwrap().int_at(0).unwrap()
    }
    on_both(|db| async move {
        create_sample(&db).await;
        for (size, count) in [(99, 99), (100, 100), (101, 101), (2_000, 2_000), (4_500, 4_500)] {
            assert_writes!(&db, insert_rows, alike(0..size, 7, None, Some("ß")), size);
            assert_eq!(same(&db, -1, "ß").await, count);
            assert_writes!(&db, insert_rows_ignoring_conflicts, alike(0..size, 7, Some(1), None), 0);
            assert_writes!(&db, update_rows, alike(0..size, 7, Some(250), None), size);
            assert_eq!(same(&db, 250, "").await, count);
            assert_writes!(&db, update_rows, alike(0..size, 8, Some(1), None), 0);
            assert_writes!(&db, upsert_rows, alike(0..size, 7, Some(3), Some("x")), size);
            assert_eq!((same(&db, 3, "x").await, number(&db, &COUNT).await), (count, count));
            let mut keys = Columns::only(&SAMPLE, SAMPLE.key);
            (0..size).for_each(|row| {
                keys.row().text(&format!("id_{row:05}")).int(7);
            });
            assert_writes!(&db, delete_rows, keys, size);
            assert_eq!(number(&db, &COUNT).await, 0);
        }
    })
    .await;
}

#[tokio::test]
async fn conflicts_are_ignored_only_when_asked() {
    on_both(|db| async move {
        create_sample(&db).await;
        assert_writes!(&db, insert_rows, batch(0..600, 1), 600);
        assert_writes!(&db, insert_rows_ignoring_conflicts, batch(500..1_100, 2), 500);
        let rounds = [vec![1; 600], vec![2; 500]].concat();
        assert_stored(&db, &rounds).await;

        let mut tx = db.begin().await.unwrap();
        let error = tx.insert_rows(&batch(1_099..1_700, 3)).await.unwrap_err();
        assert!(matches!(&error, DbError::UniqueViolation { table, .. } if table == "sample"), "{error:?}");
        drop(tx);
        assert_stored(&db, &rounds).await;
    })
    .await;
}

#[tokio::test]
async fn some_columns_are_updated_where_others_still_match() {
    on_both(|db| async move {
        create_sample(&db).await;
        assert_writes!(&db, insert_rows, batch(0..3, 1), 3);
        let mut changes = Columns::only(&SAMPLE, &["note", "id", "line_no", "amount"]);
        changes.row().text("new").text("id_00001").int(1).int(101);
        changes.row().text("new").text("id_00002").int(2).int(999);
        changes.row().text("new").text("id_00009").int(2).int(901);
        let mut tx = db.begin().await.unwrap();
        assert_eq!(tx.update_rows_matching(&["id", "line_no", "amount"], &changes).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let notes: Vec<_> = rows(&db, &ALL).await.iter().map(|row| row.opt_text_at(4).unwrap()).collect();
        assert_eq!(notes, [Some("nóte 0 of 1".into()), Some("new".into()), Some("nóte 2 of 1".into())]);
    })
    .await;
}

#[tokio::test]
async fn rows_that_do_not_fit_are_not_sent() {
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin().await.unwrap();
        let mut short = Columns::of(&SAMPLE);
        short.row().text("a").int(1);
        let problem = "its last row has too few cells".to_owned();
        assert_eq!(tx.insert_rows(&short).await, Err(DbError::RowShape { table: "sample", problem }));
        let mut keys = Columns::only(&SAMPLE, SAMPLE.key);
        keys.row().text("a").int(1);
        let problem = "it has no column to set".to_owned();
        assert_eq!(tx.update_rows(&keys).await, Err(DbError::RowShape { table: "sample", problem }));
        assert_eq!(tx.commit().await, Err(DbError::TransactionFailed));
    })
    .await;
}

#[tokio::test]
async fn table_descriptions_are_checked_against_the_schema() {
    const NO_SUCH_COLUMN: Table = Table {
        name: "sample",
        columns: &[kasacare::store::db::Column::text("id"), kasacare::store::db::Column::text("other")],
        key: &["id"],
    };
    const NO_SUCH_KEY: Table = Table { key: &["note"], ..SAMPLE };
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin().await.unwrap();
        tx.prepare_table(&SAMPLE).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(number(&db, &COUNT).await, 0);
        let mut tx = db.begin().await.unwrap();
        assert!(tx.prepare_table(&NO_SUCH_COLUMN).await.is_err());
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        assert!(tx.prepare_table(&NO_SUCH_KEY).await.is_err());
    })
    .await;
}
