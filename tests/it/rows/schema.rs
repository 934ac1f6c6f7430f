//! The schema is what the program thinks it is, and the same on both databases.

use kasacare::store::account;

use crate::world::on_both;

#[tokio::test]
async fn every_statement_and_every_table_description_fits_the_schema() {
    on_both(async |db| {
        let mut tx = db.begin().await.unwrap();
        for (name, sql) in account::STATEMENTS.iter().copied().flatten() {
            tx.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for table in account::TABLES {
            tx.prepare_table(table).await.unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
    })
    .await;
}
