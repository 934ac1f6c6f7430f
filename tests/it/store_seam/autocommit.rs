//! Batches that are transactions by themselves.

use kasacare::store::db::{Autocommit, Columns, DbError, Sql};

use super::{COUNT, SAMPLE, create_sample, number, run};
use crate::world::{on_both, on_postgres};

/// Rows with the ids from `first` on.
fn sample(first: i64, rows: i64) -> Columns {
    let mut batch = Columns::of(&SAMPLE);
    for id in first..first + rows {
        batch.row().text(&format!("id-{id}")).int(0).int(id).opt_date(None).opt_text(None);
    }
    batch
}

#[tokio::test]
async fn a_batch_is_one_statement_and_committed_with_it() {
    on_both(|db| async move {
        create_sample(&db).await;
        let other = db.connect_again().await;
        let writer = Autocommit::on(db.connect_again().await);
        for (first, rows, new, all) in [(0, 1, 1, 1), (0, 3, 2, 3), (0, 3, 0, 3), (3, 250, 250, 253)] {
            assert_eq!(writer.insert_rows_ignoring_conflicts(&sample(first, rows)).await, Ok(new));
            assert_eq!(number(&other, &COUNT).await, all, "it is there for others");
        }
        let before = db.statements_sent();
        let writer = Autocommit::on((*db).clone());
        assert_eq!(writer.insert_rows_ignoring_conflicts(&sample(300, 9)).await, Ok(9));
        assert_eq!(db.statements_sent() - before, 1);
        other.close().await;
    })
    .await;
}

/// A batch of which one row is refused leaves none, and what comes after it is written.
#[tokio::test]
async fn a_refused_batch_leaves_nothing() {
    on_both(|db| async move {
        create_sample(&db).await;
        let writer = Autocommit::on((*db).clone());
        let mut bad = sample(0, 2);
        bad.row().text("id-9").int(-1).int(1).opt_date(None).opt_text(None);
        assert!(matches!(writer.insert_rows_ignoring_conflicts(&bad).await, Err(DbError::Check { .. })));
        assert!(matches!(writer.insert_rows_ignoring_conflicts(&sample(0, 9_000)).await, Err(DbError::RowShape { .. })));
        assert_eq!(number(&db, &COUNT).await, 0);
        assert_eq!(writer.insert_rows_ignoring_conflicts(&sample(0, 2)).await, Ok(2));
    })
    .await;
}

/// The server has closed the connection while nobody used it.
#[tokio::test]
async fn a_connection_that_was_closed_is_replaced() {
    on_postgres(|db| async move {
        const CLOSE_OTHERS: Sql = Sql::same(
            "update sample set amount = 0 where (select count(pg_terminate_backend(pid)) from pg_stat_activity \
             where datname = current_database() and pid <> pg_backend_pid()) > 0",
        );
        create_sample(&db).await;
        let writer = Autocommit::on((*db).clone());
        for first in 0..3 {
            assert_eq!(writer.insert_rows_ignoring_conflicts(&sample(first, 1)).await, Ok(1));
            let closer = db.connect_again().await;
            assert_eq!(run(&closer, &CLOSE_OTHERS).await, Ok(u64::try_from(first + 1).unwrap()));
            closer.close().await;
        }
        assert_eq!(number(&db.connect_again().await, &COUNT).await, 3);
    })
    .await;
}
