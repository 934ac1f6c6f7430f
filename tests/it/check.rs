//! `kasacare check`: clean after whatever customers do, and each planted fault is found by the check that is there for it.

use kasacare::demo::{DemoOptions, live};
use kasacare::reports::check::{self, CheckReport, Options};
use kasacare::store::db::Db;

use crate::world::on_both;
use crate::world::town::Town;

/// Runs `check` on a whole database.
pub async fn checked(db: &Db) -> CheckReport {
    check::run(db, Options::default(), |_, _| {}).await.expect("a report")
}

/// Runs `check`, which must find nothing.
pub async fn assert_clean(db: &Db) {
    let report = checked(db).await;
    assert!(report.is_clean(), "{}", report.summary());
}

#[tokio::test]
async fn every_statement_of_the_reports_fits_the_schema() {
    on_both(async |db| {
        let mut tx = db.begin().await.unwrap();
        for (name, sql) in kasacare::reports::STATEMENTS.iter().copied().flatten() {
            tx.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    })
    .await;
}

#[tokio::test]
async fn an_empty_database_is_clean() {
    on_both(async |db| assert_clean(&db).await).await;
}

#[tokio::test]
async fn a_lived_through_half_year_is_clean() {
    on_both(async |db| {
        let town = Town::on(&db).await;
        live(town.engine, town.runner, DemoOptions { accounts: 80, months: 6, seed: 3 }, |_| {}).await.unwrap();
        let report = checked(&db).await;
        assert!(report.is_clean(), "{}", report.summary());
        assert!(report.accounts == 80 && report.postings > 500, "{}", report.table());
    })
    .await;
}
