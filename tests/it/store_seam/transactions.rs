//! What a transaction promises, and what work around it does.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kasacare::store::db::{Db, DbError, Kind, RETRIES_MAX, STREAM_BATCH_ROWS, Sql, Tx};
use kasacare::{statements, values};

use super::{ADD_ONE, AMOUNT, AMOUNT_LOCKED, COUNT, SET_AMOUNT, create_sample, insert, number, run};
use crate::world::{on_both, on_postgres};

statements! {
    /// The numbers from 1 to `$1`.
    NUMBERS = same(
        "with recursive numbers (n) as (
            select cast(1 as bigint) union all select n + 1 from numbers where n < $1
        ) select n from numbers order by n",
    );
    CREATE_CHILD = same("create table child (id text not null primary key, parent text not null references parent (id))");
    CREATE_PARENT = same("create table parent (id text not null primary key)");
    ORPHAN = same("insert into child (id, parent) values ('c', 'nobody')");
}

#[tokio::test]
async fn what_is_not_committed_is_undone() {
    on_both(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 1).await.unwrap();
        let mut dropped = db.begin().await.unwrap();
        dropped.execute(&ADD_ONE, &values!["a"]).await.unwrap();
        drop(dropped);
        let mut undone = db.begin().await.unwrap();
        undone.execute(&ADD_ONE, &values!["a"]).await.unwrap();
        undone.rollback().await.unwrap();
        assert_eq!(amount(&db, "a").await, 1);
        let mut committed = db.begin().await.unwrap();
        assert_eq!(committed.execute(&ADD_ONE, &values!["a"]).await.unwrap(), 1);
        committed.commit().await.unwrap();
        assert_eq!(amount(&db.connect_again().await, "a").await, 2);
    })
    .await;
}

/// PostgreSQL answers the commit of a failed transaction with a silent rollback, SQLite commits the half that worked.
#[tokio::test]
async fn a_transaction_with_a_failed_statement_cannot_be_committed() {
    on_both(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 1).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        tx.execute(&ADD_ONE, &values!["a"]).await.unwrap();
        assert!(tx.execute(&Sql::same("select nothing from nowhere"), &[]).await.is_err());
        assert_eq!(tx.commit().await, Err(DbError::TransactionFailed));
        assert_eq!(amount(&db, "a").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_reader_sees_one_moment_and_cannot_write() {
    on_both(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 1).await.unwrap();
        let mut reader = db.begin_read().await.unwrap();
        assert_eq!(amount_in(&mut reader, "a").await, 1);
        run_add_one(&db).await;
        assert_eq!(amount_in(&mut reader, "a").await, 1);
        let refused = reader.execute(&ADD_ONE, &values!["a"]).await;
        assert!(matches!(refused, Err(DbError::ReadOnly { .. })), "{refused:?}");
        drop(reader);
        assert_eq!(amount(&db, "a").await, 2);
    })
    .await;
}

/// Trap (F24): on SQLite a transaction that reads first and writes later fails at once (code 517) if another process has
/// committed in between. Ours take the write lock first, so they queue; on PostgreSQL they lock the row.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_and_then_writing_never_clashes() {
    on_both(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 0).await.unwrap();
        let others = [(*db).clone(), db.connect_again().await, db.connect_again().await];
        let work = others.into_iter().map(|other| {
            tokio::spawn(async move {
                for _ in 0..30 {
                    let mut tx = other.begin().await.unwrap();
                    let row = tx.fetch_one(&AMOUNT_LOCKED, &values!["a"]).await.unwrap();
                    let next = row.int("amount").unwrap() + 1;
                    tx.execute(&SET_AMOUNT, &values!["a", next]).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        });
        for task in work.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(amount(&db, "a").await, 90);
    })
    .await;
}

#[tokio::test]
async fn violations_are_told_apart() {
    const LESS_THAN_ZERO: Sql = Sql::same("update sample set line_no = -1");
    const NO_LINE: Sql = Sql::same("update sample set line_no = null");
    on_both(|db| async move {
        create_sample(&db).await;
        run(&db, &CREATE_PARENT).await.unwrap();
        run(&db, &CREATE_CHILD).await.unwrap();
        insert(&db, "secret-id", 1).await.unwrap();
        let twice = insert(&db, "secret-id", 1).await.unwrap_err();
        assert!(matches!(&twice, DbError::UniqueViolation { table, .. } if table == "sample"), "{twice:?}");
        let check = run(&db, &LESS_THAN_ZERO).await.unwrap_err();
        assert!(matches!(&check, DbError::Check { .. }), "{check:?}");
        let null = run(&db, &NO_LINE).await.unwrap_err();
        assert!(matches!(&null, DbError::Check { constraint, .. } if constraint.contains("line_no")), "{null:?}");
        let orphan = run(&db, &ORPHAN).await.unwrap_err();
        assert!(matches!(&orphan, DbError::ForeignKey { .. }), "{orphan:?}");
        for error in [twice, check, null, orphan] {
            assert!(!error.is_retryable());
            assert!(!format!("{error} {error:?}").contains("secret-id"), "{error:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn protected_rows_say_that_they_are() {
    const FUNCTION: Sql = Sql::fork(
        "select 1",
        "create function refuse() returns trigger language plpgsql as $$ begin
            raise exception 'sample is append-only';
         end $$",
    );
    const TRIGGER: Sql = Sql::fork(
        "create trigger protect before update on sample begin select raise(abort, 'sample is append-only'); end",
        "create trigger protect before update on sample for each row execute function refuse()",
    );
    on_both(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 1).await.unwrap();
        run(&db, &FUNCTION).await.unwrap();
        run(&db, &TRIGGER).await.unwrap();
        let message = "sample is append-only".to_owned();
        let mut tx = db.begin().await.unwrap();
        assert_eq!(tx.execute(&ADD_ONE, &values!["a"]).await, Err(DbError::AppendOnly { message }));
    })
    .await;
}

#[tokio::test]
async fn one_row_means_one_row() {
    on_both(|db| async move {
        create_sample(&db).await;
        let mut tx = db.begin_read().await.unwrap();
        let two = values![2_i64];
        assert_eq!(tx.fetch_all(&NUMBERS, &two).await.unwrap().len(), 2);
        assert!(tx.fetch_optional(&AMOUNT, &values!["a"]).await.unwrap().is_none());
        assert_eq!(tx.fetch_one(&NUMBERS, &values![1_i64]).await.unwrap().int("n"), Ok(1));
        let none = tx.fetch_one(&AMOUNT, &values!["a"]).await.unwrap_err();
        assert_eq!(none, DbError::NoRow { statement: AMOUNT.name() });
        let many = tx.fetch_optional(&NUMBERS, &two).await.unwrap_err();
        assert_eq!(many, DbError::ManyRows { statement: NUMBERS.name() });
    })
    .await;
}

#[tokio::test]
async fn large_results_come_in_batches() {
    on_both(|db| async move {
        let rows = STREAM_BATCH_ROWS * 3 + 7;
        let values = values![i64::try_from(rows).unwrap()];
        let mut stream = db.stream(&NUMBERS, &values).await.unwrap();
        let (mut seen, mut sizes) = (0, Vec::new());
        while let Some(batch) = stream.next_batch().await.unwrap() {
            sizes.push(batch.len());
            for row in batch {
                seen += 1;
                assert_eq!(row.int_at(0), Ok(seen));
            }
        }
        assert_eq!(sizes, [STREAM_BATCH_ROWS, STREAM_BATCH_ROWS, STREAM_BATCH_ROWS, 7]);
        assert!(stream.next_batch().await.unwrap().is_none());

        let mut handed = Vec::new();
        let mut tx = db.begin_read().await.unwrap();
        let each = |batch: Vec<_>| -> Result<(), DbError> {
            handed.push(batch.len());
            if handed.len() == 2 { Err(DbError::Busy) } else { Ok(()) }
        };
        assert_eq!(tx.for_each_batch(&NUMBERS, &values, each).await, Err(DbError::Busy));
        assert_eq!(handed, [STREAM_BATCH_ROWS; 2]);
    })
    .await;
}

/// A stream that is not read to its end gives its connection back: there are more of them here than connections.
#[tokio::test]
async fn streams_may_be_dropped() {
    on_both(|db| async move {
        for _ in 0..30 {
            let mut stream = db.stream(&NUMBERS, &values![20_000_i64]).await.unwrap();
            assert_eq!(stream.next_batch().await.unwrap().unwrap().len(), STREAM_BATCH_ROWS);
        }
        let failed = db.stream(&Sql::same("select nothing from nowhere"), &[]).await.unwrap().next_batch().await;
        assert!(failed.is_err());
    })
    .await;
}

#[tokio::test]
async fn spawned_work_outlives_its_caller() {
    on_both(|db| async move {
        create_sample(&db).await;
        let work = db.spawned(|db| async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            insert(&db, "a", 1).await
        });
        assert!(tokio::time::timeout(Duration::from_millis(5), work).await.is_err(), "the caller gives up");
        while number(&db, &COUNT).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let failed: Result<(), _> = db.spawned(|db| async move { insert(&db, "a", 1).await }).await;
        assert!(matches!(failed, Err(DbError::UniqueViolation { .. })));
    })
    .await;
}

#[tokio::test]
async fn clashes_are_run_again_and_other_errors_are_not() {
    on_both(|db| async move {
        for (fails, error, runs) in [
            (2, DbError::Serialization, 3),
            (99, DbError::Deadlock, RETRIES_MAX + 1),
            (99, DbError::CommitUnknown, 1),
            (99, DbError::ConnectionLost, 1),
        ] {
            let ran = AtomicU32::new(0);
            let outcome = db
                .retrying(|| async {
                    let failed = ran.fetch_add(1, Ordering::Relaxed) < fails;
                    if failed { Err(error.clone()) } else { Ok(()) }
                })
                .await;
            assert_eq!(ran.into_inner(), runs, "{error:?}");
            assert_eq!(outcome.is_ok(), fails < runs, "{error:?}");
        }
    })
    .await;
}

/// F23: two transactions that lock two rows in opposite order; the one that is chosen to fail runs again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_survived() {
    on_postgres(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 0).await.unwrap();
        insert(&db, "b", 0).await.unwrap();
        let runs = AtomicU32::new(0);
        let (both_hold_one, first_runs) = (&tokio::sync::Barrier::new(2), &runs);
        let work = |first: &'static str, second: &'static str| {
            let db = (*db).clone();
            async move {
                db.retrying(|| async {
                    let mut tx = db.begin().await?;
                    tx.execute(&ADD_ONE, &values![first]).await?;
                    if first_runs.fetch_add(1, Ordering::SeqCst) < 2 {
                        both_hold_one.wait().await;
                    }
                    tx.execute(&ADD_ONE, &values![second]).await?;
                    tx.commit().await
                })
                .await
            }
        };
        let (one, other) = tokio::join!(work("a", "b"), work("b", "a"));
        assert_eq!((one, other), (Ok(()), Ok(())));
        assert_eq!((amount(&db, "a").await, amount(&db, "b").await), (2, 2));
        assert_eq!(runs.into_inner(), 3, "one of them ran twice");
    })
    .await;
}

#[tokio::test]
async fn every_statement_is_counted() {
    on_both(|db| async move {
        create_sample(&db).await;
        let before = db.statements_sent();
        let mut tx = db.begin().await.unwrap();
        tx.execute(&ADD_ONE, &values!["a"]).await.unwrap();
        tx.fetch_all(&AMOUNT, &values!["a"]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(db.statements_sent() - before, 4, "begin, two statements, commit");
        assert_eq!(db.kind() == Kind::Sqlite, db.url().starts_with("sqlite:"));
    })
    .await;
}

async fn amount(db: &Db, id: &str) -> i64 {
    amount_in(&mut db.begin_read().await.unwrap(), id).await
}

async fn amount_in(tx: &mut Tx, id: &str) -> i64 {
    tx.fetch_one(&AMOUNT, &values![id]).await.unwrap().int("amount").unwrap()
}

/// A pack is read by several transactions at a time, and must be the state of one moment all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_readers_see_one_moment_whoever_writes() {
    on_both(|db| async move {
        create_sample(&db).await;
        insert(&db, "a", 0).await.unwrap();
        // Somebody who writes without a pause leaves SQLite no moment for several: there are fewer readers then, of one moment and never none.
        let writing = tokio::spawn(add_ones(db.connect_again().await, Duration::ZERO, 300));
        while !writing.is_finished() {
            let amounts = seen_at_once(&db).await;
            assert!(!amounts.is_empty() && amounts.iter().all(|amount| *amount == amounts[0]), "{amounts:?}");
        }
        writing.await.unwrap();
        let writing = tokio::spawn(add_ones(db.connect_again().await, Duration::from_millis(5), u32::MAX));
        let mut moments = std::collections::BTreeSet::new();
        while moments.len() < 5 {
            let amounts = seen_at_once(&db).await;
            assert!(amounts.iter().all(|amount| *amount == amounts[0]), "{amounts:?}");
            if amounts.len() == 3 {
                moments.insert(amounts[0]);
            }
        }
        writing.abort();
        drop(writing.await);
        // Where there is one connection, there is one reader.
        let options = kasacare::store::db::ConnectOptions { max_connections: 1, ..Default::default() };
        let narrow = Db::connect(db.url(), options).await.unwrap();
        assert_eq!(narrow.begin_reads(3).await.unwrap().len(), 1);
        narrow.close().await;
    })
    .await;
}

/// What three readers that were opened together see, one after the other.
async fn seen_at_once(db: &Db) -> Vec<i64> {
    let mut amounts = Vec::new();
    for reader in &mut db.begin_reads(3).await.unwrap() {
        amounts.push(amount_in(reader, "a").await);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    amounts
}

async fn add_ones(db: Db, pause: Duration, times: u32) {
    for _ in 0..times {
        run_add_one(&db).await;
        tokio::time::sleep(pause).await;
    }
}

async fn run_add_one(db: &Db) {
    let mut tx = db.begin().await.unwrap();
    tx.execute(&ADD_ONE, &values!["a"]).await.unwrap();
    tx.commit().await.unwrap();
}

/// A disk that cannot be read, or memory that ran out, is no row's fault: whoever looks for the row that is would park everybody.
#[tokio::test]
async fn a_failing_server_is_told_from_a_row_that_is_refused() {
    const OUT_OF_MEMORY: Sql = Sql::same("do $$ begin raise exception using errcode = '53200', message = 'out of memory'; end $$");
    const BAD_DISK: Sql = Sql::same("do $$ begin raise exception using errcode = '58030', message = 'could not read a block'; end $$");
    on_postgres(|db| async move {
        for (sql, code, message) in [(&OUT_OF_MEMORY, "53200", "out of memory"), (&BAD_DISK, "58030", "could not read a block")] {
            let failed = run(&db, sql).await.unwrap_err();
            assert_eq!(failed, DbError::Failing { code: code.to_owned(), message: message.to_owned() });
            assert!(failed.is_environment() && !failed.is_retryable());
        }
    })
    .await;
}
