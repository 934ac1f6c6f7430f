//! How the databases look for what is due: by its index, never through the whole table.

use kasacare::store::account::{self, Scope};
use kasacare::store::claims;
use kasacare::store::db::{Db, Kind, Sql, Value};

use super::run;
use super::sample::{OPENING, account_id, change, charge, instant, new_account, prepare, rich};
use crate::world::on_both;

const ACCOUNTS: usize = 1_500;

/// Many accounts of which few have something due, with the statistics that a database has of them.
async fn filled(db: &Db) {
    prepare(db).await;
    let ids: Vec<_> = (0..ACCOUNTS).map(|number| account_id(&format!("a-{number:04}"))).collect();
    let mut tx = db.begin().await.unwrap();
    let accounts: Vec<_> = ids.iter().map(|id| new_account(id.as_str())).collect();
    account::insert_accounts(&mut tx, &accounts, OPENING).await.unwrap();
    let mut changes = Vec::new();
    for before in account::load(&mut tx, &ids, Scope::PROFILE).await.unwrap() {
        let mut after = rich(&before);
        let id = before.profile.id.as_str();
        (after.cameras, after.profile.parked) = (vec![], None);
        after.redemptions.clear();
        after.charges.values_mut().for_each(|charge| charge.reference = None);
        after.refunds.values_mut().for_each(|refund| refund.reference = None);
        for number in 2..12 {
            let invoice = super::sample::invoice("s-active", number);
            let attempt = charge(&invoice.document.id, 1, kasacare::domain::account::AttemptState::Abandoned);
            after.charges.insert(attempt.id.clone(), attempt);
            after.invoices.insert(invoice.document.id.clone(), invoice);
        }
        let mail = kasacare::domain::change::QueuedNotice {
            id: "receipt_payment_x".to_owned(),
            kind: kasacare::domain::notice::NoticeKind::ReceiptPayment,
            subscription: None,
            data: kasacare::domain::notice::NoticeData::default(),
            not_before: None,
        };
        let mut change = change(&before, after, id);
        change.notices.push(mail);
        changes.push(change);
    }
    account::save(&mut tx, &mut changes).await.unwrap();
    tx.commit().await.unwrap();
    run(db, "update invoices set recognise_at = null where period_no > 1").await.unwrap();
    run(db, "analyze").await.unwrap();
}

/// The plan as one text.
async fn plan(db: &Db, sql: &Sql, values: &[Value]) -> String {
    let explain = if db.kind() == Kind::Sqlite { "explain query plan " } else { "explain " };
    let text: &'static str = Box::leak(format!("{explain}{}", sql.text(db.kind())).into_boxed_str());
    let mut tx = db.begin().await.unwrap();
    let rows = tx.fetch_all(&Sql::same(text), values).await.unwrap();
    let column = if db.kind() == Kind::Sqlite { 3 } else { 0 };
    rows.iter().map(|row| row.text_at(column).unwrap()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn what_is_due_is_found_by_its_index() {
    on_both(async |db| {
        filled(&db).await;
        let now = Value::Int(instant("2026-01-31T12:00:00Z").timestamp_micros());
        let due = || vec![now.clone(), Value::Int(0), Value::Text(String::new()), Value::Int(100)];
        let lease = || vec![now.clone(), now.clone(), Value::Int(100)];
        let cases = [
            ("subscriptions_due", "DUE_SUBSCRIPTIONS", due()),
            ("subscriptions_remind", "DUE_REMINDERS", due()),
            ("corrections_due", "DUE_CORRECTIONS", due()),
            ("invoices_recognise", "DUE_RECOGNITION", due()),
            ("charges_due", "DUE_CHARGES", lease()),
            ("refunds_due", "DUE_REFUNDS", lease()),
            ("notices_due", "DUE_NOTICES", lease()),
        ];
        for (index, name, values) in cases {
            let sql = &claims::STATEMENTS.iter().find(|(statement, _)| *statement == name).unwrap().1;
            let plan = plan(&db, sql, &values).await;
            assert!(plan.contains(index), "{name} does not use {index}:\n{plan}");
            assert!(!plan.contains("Seq Scan") && !plan.contains("SCAN "), "{name} reads a whole table:\n{plan}");
        }
    })
    .await;
}

#[tokio::test]
async fn rows_of_accounts_are_found_by_their_key() {
    on_both(async |db| {
        filled(&db).await;
        let ids = Value::texts((0..20).map(|number| format!("a-{:04}", number * 7)));
        for (name, sql) in account::STATEMENTS.iter().copied().flatten().filter(|(name, _)| name.starts_with("LOAD") || *name == "LOCK") {
            let named = Value::texts((0..20).map(|number| format!("a-{:04}/in_s-active_2_0", number * 7)));
            let values = if name.ends_with("_NAMED") { named } else { ids.clone() };
            let plan = plan(&db, sql, &[values]).await;
            let whole = plan.contains("Seq Scan") || plan.lines().any(|line| line.contains("SCAN ") && !line.contains("json_each"));
            // PostgreSQL reads tables of a page or two whole, and rightly.
            let tiny = ["LOAD_CAMERAS", "LOAD_REDEMPTIONS"].contains(name);
            assert!(!whole || tiny, "{name} reads a whole table:\n{plan}");
        }
    })
    .await;
}
