//! What the database itself refuses, whoever asks (I12, MO-4, F08, I4).

use kasacare::domain::account::AttemptState;
use kasacare::store::db::{DbError, Kind};
use kasacare::store::error::StoreError;

use super::run;
use super::sample::{change, charge, invoice, loaded, opened, prepare, rich, save, usd};
use crate::world::{TestDb, on_both, on_postgres, on_sqlite};

async fn filled(db: &TestDb) {
    prepare(db).await;
    let before = opened(db, &["a-1"]).await;
    let mut rich = change(&before[0], rich(&before[0]), "everything");
    let leg = |account, minor| kasacare::domain::ledger::Leg { account, amount: usd(minor), invoice: None };
    rich.entries = vec![(0, vec![leg(kasacare::domain::ledger::BANK, 1), leg(kasacare::domain::ledger::REVENUE, -1)])];
    save(db, &mut [rich]).await.unwrap();
}

#[tokio::test]
async fn journal_postings_and_notes_are_append_only() {
    on_both(async |db| {
        filled(&db).await;
        for statement in [
            "update journal set actor = 'somebody else'",
            "delete from journal",
            "update postings set amount_minor = amount_minor + 1",
            "delete from postings where leg_no = 2",
            "update notes set net_minor = 1",
            "delete from notes",
            "delete from invoices",
        ] {
            let refused = run(&db, statement).await.expect_err(statement);
            assert!(matches!(refused, DbError::AppendOnly { .. }), "{statement}: {refused}");
        }
    })
    .await;
}

/// SQLite's `or replace` would delete without a word to the triggers on delete. What was there stays.
#[tokio::test]
async fn what_is_append_only_is_not_replaced_either() {
    on_sqlite(async |db| {
        filled(&db).await;
        for statement in [
            "insert or replace into journal select * from journal",
            "insert or replace into postings select * from postings",
            "insert or replace into notes select * from notes",
            "insert or replace into invoices select * from invoices",
        ] {
            let refused = run(&db, statement).await.expect_err(statement);
            assert!(matches!(refused, DbError::UniqueViolation { .. }), "{statement}: {refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_printed_on_an_invoice_never_changes() {
    on_both(async |db| {
        filled(&db).await;
        for statement in [
            "update invoices set account_id = 'a-2'",
            "update invoices set invoice_id = 'in_s-active_2_9', period_no = 9",
            "update invoices set list_minor = list_minor + 1, discount_minor = discount_minor + 1",
            "update invoices set discount_minor = 0",
            "update invoices set invoiced_net_minor = 0",
            "update invoices set rate_billionths = 0",
            "update invoices set invoiced_tax_minor = 0",
            "update invoices set term_no = 1",
            "update invoices set period_no = 1",
            "update invoices set period_start = '2026-02-01'",
            "update invoices set period_end = '2027-02-01'",
            "update invoices set issued_on = '2026-02-01'",
            "update invoices set number = 'KASA-2026-1' || number",
            "update invoices set subscription_id = 's'",
            "update invoices set tier = 'premium'",
            "update invoices set cycle = 'monthly'",
            "update invoices set price_version = 'v2'",
            "update invoices set promotion_code = null",
            "update invoices set jurisdiction = 'US-NV'",
        ] {
            let refused = run(&db, statement).await.expect_err(statement);
            assert!(matches!(refused, DbError::AppendOnly { .. }), "{statement}: {refused}");
        }
        assert_eq!(run(&db, "update invoices set net_minor = 5, recognise_at = null, carried = 0").await, Ok(2));
    })
    .await;
}

#[tokio::test]
async fn nothing_protected_is_truncated() {
    on_postgres(async |db| {
        for statement in ["truncate journal", "truncate postings", "truncate notes", "truncate invoices"] {
            let refused = run(&db, statement).await.expect_err(statement);
            assert!(matches!(refused, DbError::AppendOnly { .. }), "{statement}: {refused}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_period_has_one_invoice_and_an_attempt_one_charge() {
    on_both(async |db| {
        filled(&db).await;
        let before = loaded(&db, "a-1").await;
        let violation = |refused: &StoreError| matches!(refused, StoreError::Db(DbError::Check { .. }));
        // Under another id, the same period.
        let mut second = before.clone();
        let mut twin = invoice("s-active", 0);
        twin.document.id = "in_s-active_2_0b".to_owned();
        second.invoices.insert(twin.document.id.clone(), twin);
        let refused = save(&db, &mut [change(&before, second, "twin")]).await.unwrap_err();
        assert!(violation(&refused), "{refused}");
        // Under another id, the same attempt.
        let mut second = before.clone();
        let mut twin = charge("in_s-active_2_0", 1, AttemptState::Failed);
        twin.id = "ch_s-active_2_0_1b".to_owned();
        second.charges.insert(twin.id.clone(), twin);
        let refused = save(&db, &mut [change(&before, second, "twin")]).await.unwrap_err();
        assert!(violation(&refused), "{refused}");
        // Another attempt, the same object of the provider (I2).
        let mut second = before.clone();
        let mut twin = charge("in_s-active_2_0", 3, AttemptState::Succeeded);
        twin.reference = Some("pi_1".to_owned());
        second.charges.insert(twin.id.clone(), twin);
        let refused = save(&db, &mut [change(&before, second, "twin")]).await.unwrap_err();
        assert!(matches!(&refused, StoreError::Db(DbError::UniqueViolation { table, .. }) if table == "charges"), "{refused}");
        // More refunded than captured (I4).
        let mut second = before.clone();
        second.payments.values_mut().next().unwrap().refunded = usd(8_660);
        let refused = save(&db, &mut [change(&before, second, "too much")]).await.unwrap_err();
        assert!(violation(&refused), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn a_camera_has_one_owner() {
    on_both(async |db| {
        filled(&db).await;
        let other = opened(&db, &["a-2"]).await;
        let mut second = other[0].clone();
        second.cameras.push(super::sample::camera_id("cam-1"));
        let refused = save(&db, &mut [change(&other[0], second.clone(), "steal")]).await.unwrap_err();
        assert!(matches!(refused, StoreError::Db(DbError::UniqueViolation { .. })), "{refused}");
        // It can change hands in one step.
        let owner = loaded(&db, "a-1").await;
        let mut without = owner.clone();
        without.cameras.remove(0);
        let mut changes = [change(&other[0], second, "receive"), change(&owner, without, "give")];
        save(&db, &mut changes).await.unwrap();
        assert_eq!(loaded(&db, "a-2").await, changes[0].after);
        assert!(matches!(db.kind(), Kind::Sqlite | Kind::Postgres));
    })
    .await;
}
