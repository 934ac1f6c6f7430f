//! Accounts that come into being, and where their mails go.

use kasacare::store::account::{self, Contact};
use kasacare::store::db::DbError;
use kasacare::store::error::StoreError;

use super::sample::{OPENING, account_id, camera_id, loaded, new_account, opened, usd};
use super::{number, rows};
use crate::world::on_both;

#[tokio::test]
async fn an_account_begins_with_its_cameras_and_a_first_record() {
    on_both(async |db| {
        let mut new = new_account("a-1");
        new.cameras = vec![camera_id("cam-2"), camera_id("cam-1")];
        let mut tx = db.begin().await.unwrap();
        account::insert_accounts(&mut tx, &[new, new_account("a-2")], OPENING).await.unwrap();
        tx.commit().await.unwrap();
        let account = loaded(&db, "a-1").await;
        assert_eq!(account.cameras, [camera_id("cam-1"), camera_id("cam-2")]);
        assert_eq!((account.profile.journal_seq, account.profile.journal_hash.len()), (1, 64));
        let journal = rows(&db, "select kind, cause, actor, reason, body, effective_on from journal where account_id = 'a-1'", &[]).await;
        let text = |column| journal[0].text(column).unwrap();
        assert_eq!(["kind", "cause", "actor", "reason"].map(text), ["account_opened", "account_opened", "import", "a test"]);
        assert_eq!(text("body"), r#"{"events":[{"camera_added.v1":{"camera":"cam-2"}},{"camera_added.v1":{"camera":"cam-1"}}],"why":[]}"#);
        // New York had the day before when 1970 began in UTC.
        assert_eq!(journal[0].date("effective_on").unwrap(), super::sample::day("1969-12-31"));
    })
    .await;
}

#[tokio::test]
async fn an_account_is_added_once_and_owes_nothing() {
    on_both(async |db| {
        opened(&db, &["a-1"]).await;
        let mut tx = db.begin().await.unwrap();
        let refused = account::insert_accounts(&mut tx, &[new_account("a-2"), new_account("a-1")], OPENING).await;
        let violation = matches!(&refused, Err(StoreError::Db(DbError::UniqueViolation { table, .. })) if table == "accounts");
        assert!(violation, "{refused:?}");
        tx.rollback().await.unwrap();
        let mut with_credit = new_account("a-3");
        with_credit.profile.credit_goodwill = usd(1);
        let mut with_journal = new_account("a-3");
        with_journal.profile.journal_seq = 1;
        for new in [with_credit, with_journal] {
            let mut tx = db.begin().await.unwrap();
            let refused = account::insert_accounts(&mut tx, &[new], OPENING).await;
            assert!(matches!(refused, Err(StoreError::Unstorable { table: "accounts", .. })), "{refused:?}");
        }
        assert_eq!(number(&db, "select count(*) from accounts").await, 1);
    })
    .await;
}

#[tokio::test]
async fn contacts_are_read_replaced_and_emptied_and_never_shown() {
    on_both(async |db| {
        opened(&db, &["a-1", "a-2"]).await;
        let ids = ["a-2", "a-1", "nobody"].map(account_id);
        let mut tx = db.begin().await.unwrap();
        let contacts = account::contacts(&mut tx, &ids).await.unwrap();
        let contact = |id: &str, email: Option<&str>, name: Option<&str>| Contact {
            account: account_id(id),
            email: email.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        let expected =
            [contact("a-1", Some("a-1@example.com"), Some("Name of a-1")), contact("a-2", Some("a-2@example.com"), Some("Name of a-2"))];
        assert_eq!(contacts, expected);
        let emptied = contact("a-1", None, None);
        account::set_contact(&mut tx, &emptied).await.unwrap();
        assert_eq!(account::contacts(&mut tx, &ids[1..2]).await.unwrap(), [emptied]);
        let stranger = account::set_contact(&mut tx, &contact("nobody", None, None)).await.unwrap_err();
        assert_eq!(stranger, StoreError::Conflict { account: Some("nobody".to_owned()) });
        let shown = format!("{expected:?} {:?}", new_account("a-1"));
        assert!(!shown.contains("example.com") && !shown.contains("Name of"), "{shown}");
    })
    .await;
}
