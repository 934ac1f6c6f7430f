//! A database that was restored from a backup has forgotten what was charged since (F15): the provider has not.

use std::future::Future;

use kasacare::store::db::Kind;

use super::command::{KEY, ended, evening, program, runs};
use super::fake::Fake;
use super::number;
use crate::cli::shop::Shop;
use crate::world::town::noon;
use crate::world::{TestDb, on_both, on_postgres, on_sqlite};

const JOINED: &str = "2026-01-31";

/// Another database of the same kind.
async fn beside<T: Future<Output = ()>>(db: &TestDb, test: impl FnOnce(TestDb) -> T) {
    match db.kind() {
        Kind::Sqlite => on_sqlite(test).await,
        Kind::Postgres => on_postgres(test).await,
    }
}

async fn lives(db: &TestDb, shop: &Shop, fake: &Fake, through: &str) {
    fake.state().now = noon(through).timestamp() + 12 * 3_600 - 1;
    let line = format!("run --once --as-of {through} --mail-dir {}", shop.path("mail").display());
    ended(&runs(program(db, fake, KEY, &line)).await, 0, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_charged_after_the_backup_is_not_charged_again() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        shop.does(&format!("subscribe us plus/monthly --camera us-c1 --as-of {JOINED}"));
        lives(&db, &shop, &fake, JOINED).await;
        beside(&db, async |backup| {
            // The backup is as old as the first charge's key: the provider gives the same answer again.
            let restored = Shop::open(backup.clone());
            restored.does(&format!("subscribe us plus/monthly --camera us-c1 --as-of {JOINED}"));
            lives(&backup, &restored, &fake, JOINED).await;
            assert_eq!(fake.captured(), 1, "its key tells");
            // Life goes on without it, and longer than keys are kept.
            lives(&db, &shop, &fake, "2026-02-28").await;
            assert_eq!(fake.captured(), 2);
            fake.state().keys.clear();
            lives(&backup, &restored, &fake, "2026-03-02").await;
            assert_eq!(fake.captured(), 2, "the provider is asked before it is charged again");
            let settled = "select count(*) from charges where state = 'succeeded' and reference is not null";
            assert_eq!((number(&backup, settled).await, number(&db, settled).await), (2, 2));
            restored.does("check");
        })
        .await;
        shop.does("check");
    })
    .await;
}
