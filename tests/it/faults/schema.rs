//! A database that a later version of the program has used: every command refuses it, and says what to do.

use super::{RENEWS, end_of, kasacare, run};
use crate::world::on_both;
use kasacare::store::db::Sql;

#[tokio::test]
async fn a_run_and_every_report_refuse_a_database_of_a_newer_schema() {
    on_both(async |db| {
        let newer = Sql::same("insert into schema_migration (version, name, checksum) values (999, 'of tomorrow', 'x')");
        let mut tx = db.begin().await.unwrap();
        tx.execute(&newer, &[]).await.unwrap();
        tx.commit().await.unwrap();
        let mails = tempfile::tempdir().unwrap();
        let mut commands = vec![run(db.url(), mails.path())];
        for line in [
            "check",
            "journal",
            "trial-balance",
            "account show a",
            "explain in_a-s1_1_0",
            "price announce --version v1",
            "simulate settings",
        ] {
            commands.push(kasacare(db.url(), &line.split(' ').collect::<Vec<_>>()));
        }
        for mut command in commands {
            let (code, said) = end_of(&mut command);
            assert_eq!(code, 5, "{command:?} on {RENEWS}: {said}");
            assert!(said.contains("the database has schema 999") && said.contains("use a newer kasacare"), "{command:?}: {said}");
        }
    })
    .await;
}
