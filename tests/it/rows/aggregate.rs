//! What is saved is what is loaded again.

use super::sample::{change, loaded, opened, prepare, rich, save};
use crate::world::on_both;

#[tokio::test]
async fn an_account_with_one_of_everything_comes_back_as_it_was() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1", "a-2"]).await;
        let mut changes = [change(&before[0], rich(&before[0]), "everything")];
        save(&db, &mut changes).await.unwrap();
        let [change] = changes;
        assert_eq!(change.after.invoices["in_s-active_2_0"].number, "KASA-2026-000001");
        assert_eq!(change.after.invoices["in_s-active_2_1"].number, "KASA-2026-000002");
        assert_eq!(change.after.profile.journal_seq, 2);
        assert_eq!(loaded(&db, "a-1").await, change.after);
        assert_eq!(loaded(&db, "a-2").await, before[1], "another account has changed");
    })
    .await;
}
