//! Faults of the real databases: cancelled work, a full disk, a killed server.

use std::time::Duration;

use kasacare::statements;
use kasacare::store::db::{ConnectOptions, Db, DbError};

use super::{ADD_ONE, COUNT, create_sample, insert, number, run};
use crate::world::{PrivateServer, on_both, on_postgres, on_sqlite};

statements! {
    /// Transactions of our pool that are open although nobody works in them.
    IDLE_IN_TRANSACTION = same(
        "select count(*) as n from pg_stat_activity
         where datname = current_database() and state like 'idle in transaction%' and pid <> pg_backend_pid()",
    );
    LIMIT_PAGES = same("pragma max_page_count = 40");
    FILL = same(
        "insert into sample (id, line_no, note) with recursive numbers (n) as (
            select 1 union all select n + 1 from numbers where n < 1000
        ) select 'full', n, hex(zeroblob(500)) from numbers",
    );
    FILL_BY_ONE_ROW = same("insert into sample (id, line_no, note) values ('full', 0, hex(zeroblob(500000)))");
    SLEEP = same("select pg_sleep(30)");
    SLEEPING = same("select count(*) as n from pg_stat_activity where query like '%pg_sleep(30)' and state = 'active'");
    COMMITTED = same("select amount from sample where id = 'committed'");
}

/// Lets work get on for some steps, then drops it, as a time-out or a client that hangs up would.
///
/// The pause lets the server answer before the next step, so that a step is one round trip, and dropping after it means that an
/// answer is never read: the moment that matters, which would otherwise be a matter of luck.
async fn cut_off<T>(work: impl Future<Output = T>, steps: u32) {
    let mut work = Box::pin(work);
    for _ in 0..steps {
        if futures::poll!(work.as_mut()).is_ready() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Trap (F22): a `begin` whose future is dropped half way leaves a transaction open in the pool, and what others write through
/// that connection may be acknowledged and lost. The pool ends whatever is open when a connection comes back.
#[tokio::test]
async fn cancelled_transactions_do_not_stay_open() {
    on_postgres(|db| async move {
        create_sample(&db).await;
        let other = db.connect_again().await;
        for round in 0..60 {
            cut_off(db.begin(), round % 6).await;
            assert_closed(&other, round).await;
        }
        for row in 0..50 {
            insert(&db, &format!("row {row}"), 1).await.unwrap();
            assert_eq!(number(&other, &COUNT).await, row + 1, "what is acknowledged is there for everybody");
        }
    })
    .await;
}

/// A connection comes back to the pool in a task of its own, which takes a moment; a leaked transaction stays for good, because
/// nobody uses the pool meanwhile.
async fn assert_closed(other: &Db, round: u32) {
    for _ in 0..250 {
        if number(other, &IDLE_IN_TRANSACTION).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a transaction stayed open in round {round}");
}

/// The same with work of all kinds cut off at any point, on both databases.
#[tokio::test]
async fn cancelled_work_leaves_the_database_usable() {
    on_both(|db| async move {
        create_sample(&db).await;
        for round in 0..40 {
            cut_off(insert(&db, "cancelled", 1), round % 10).await;
        }
        let other = db.connect_again().await;
        insert(&db, "afterwards", 1).await.unwrap();
        // A commit that was cut off may have happened or not, but the key can be there once at most.
        let rows = number(&other, &COUNT).await;
        assert!(rows == 1 || rows == 2, "{rows}");
        assert_eq!(number(&db, &COUNT).await, rows);
    })
    .await;
}

/// Trap (F19): after one "disk full" that makes SQLite undo the transaction by itself, the driver refuses every later one on
/// that connection, space or not. The pool throws such a connection away.
#[tokio::test]
async fn a_full_disk_is_survived_without_a_restart() {
    on_sqlite(|db| async move {
        create_sample(&db).await;
        for round in 0..10 {
            for fill in [&FILL, &FILL_BY_ONE_ROW] {
                let mut tx = db.begin().await.unwrap();
                tx.execute(&LIMIT_PAGES, &[]).await.unwrap();
                assert_eq!(tx.execute(fill, &[]).await, Err(DbError::DiskFull));
                if round % 2 == 0 {
                    drop(tx);
                } else {
                    assert_eq!(tx.rollback().await, Ok(()), "undone already is undone");
                }
                assert_eq!(number(&db, &COUNT).await, round, "the whole step or nothing");
            }
            insert(&db, &format!("row {round}"), 1).await.unwrap();
        }
    })
    .await;
}

/// I15: what was acknowledged is there after the server was killed, the error says what happened, and the pool recovers.
#[tokio::test]
async fn a_killed_server_keeps_what_was_committed() {
    let server = PrivateServer::start();
    let db = Db::connect(&server.url("postgres"), ConnectOptions::default()).await.unwrap();
    create_sample(&db).await;
    insert(&db, "committed", 1).await.unwrap();
    let mut open = db.begin().await.unwrap();
    open.execute(&super::SET_AMOUNT, &kasacare::values!["committed", 2]).await.unwrap();
    server.kill();
    assert_eq!(open.commit().await, Err(DbError::CommitUnknown));
    server.start_again();
    assert_eq!(number(&db, &COMMITTED).await, 1);
    insert(&db, "afterwards", 1).await.unwrap();
    assert_eq!(number(&db, &COUNT).await, 2);
    db.close().await;
}

#[tokio::test]
async fn a_server_that_dies_during_a_statement_is_a_lost_connection() {
    let server = PrivateServer::start();
    let options = ConnectOptions { wait_max: Duration::from_secs(1), ..ConnectOptions::default() };
    let db = Db::connect(&server.url("postgres"), options).await.unwrap();
    let working = db.clone();
    let work = tokio::spawn(async move { run(&working, &SLEEP).await });
    while number(&db, &SLEEPING).await == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    server.kill();
    assert_eq!(work.await.unwrap(), Err(DbError::ConnectionLost));
    assert_eq!(run(&db, &ADD_ONE).await, Err(DbError::NoConnection));
}
