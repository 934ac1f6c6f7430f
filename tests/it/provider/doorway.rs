//! What the doorway asserts, and what it costs.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use kasacare::provider::simulated::{STATEMENTS, TABLES};
use kasacare::store::db::Kind;

use super::*;
use crate::world::on_both;

/// What a future panics with.
async fn panic_of<T>(future: impl Future<Output = T>) -> String {
    let Err(panic) = AssertUnwindSafe(future).catch_unwind().await else { panic!("it did not panic") };
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

#[tokio::test]
async fn nobody_is_called_inside_of_a_write_transaction() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let (charge, ask) = (call("ch_1", "tok_ok"), question("ch_1"));
        let tx = db.begin().await.unwrap();
        assert!(panic_of(bench.charge(start(), &charge)).await.starts_with("I13"));
        let refund = refund_call("re_1", "ch_1", "sim_1", 1);
        assert!(panic_of(bench.refund(start(), &refund)).await.starts_with("I13"));
        assert!(panic_of(bench.provider.look_up_charges(start(), std::slice::from_ref(&ask))).await.starts_with("I13"));
        assert!(panic_of(bench.provider.look_up_refunds(start(), std::slice::from_ref(&ask))).await.starts_with("I13"));
        assert!(panic_of(bench.provider.events(start(), None, 1)).await.starts_with("I13"));
        tx.rollback().await.unwrap();
        assert_eq!(bench.look_up(start(), "ch_1").await, not_found());

        // Reading is no reason to refuse, and a transaction that is over is none either, whichever way it ended.
        let reading = db.begin_read().await.unwrap();
        drop(db.begin().await.unwrap());
        db.begin().await.unwrap().commit().await.unwrap();
        assert!(matches!(bench.charge(start(), &charge).await, Outcome::Succeeded { .. }));
        reading.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_transaction_of_another_task_is_no_reason_to_refuse() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let tx = db.begin().await.unwrap();
        let charging = tokio::spawn({
            let bench = bench.clone();
            async move { bench.charge(start(), &call("ch_1", "tok_ok")).await }
        });
        // On SQLite the provider's own transaction waits for this one.
        tokio::task::yield_now().await;
        tx.rollback().await.unwrap();
        assert!(matches!(charging.await.unwrap(), Outcome::Succeeded { .. }));
    })
    .await;
}

#[tokio::test]
async fn calls_without_a_key_or_an_amount_are_mistakes_of_the_program() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for key in ["", "  "] {
            let call = ChargeCall { key: key.to_owned(), ..call("ch_1", "tok_ok") };
            assert!(panic_of(bench.charge(start(), &call)).await.starts_with("PV-1"));
            let refund = RefundCall { key: key.to_owned(), ..refund_call("re_1", "ch_1", "sim_1", 1) };
            assert!(panic_of(bench.refund(start(), &refund)).await.starts_with("PV-1"));
        }
        for minor in [0, -1] {
            let call = ChargeCall { amount: usd(minor), ..call("ch_1", "tok_ok") };
            assert!(panic_of(bench.charge(start(), &call)).await.contains("not above zero"));
            assert!(panic_of(bench.refund(start(), &refund_call("re_1", "ch_1", "sim_1", minor))).await.contains("not above zero"));
        }
        assert_eq!(bench.charges().await, []);
    })
    .await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_leaves_everything_unknown() {
    on_both(|db| async move {
        let other = db.connect_again().await;
        let bench = Bench::on(&other);
        other.close().await;
        let calls = [call("ch_1", "tok_ok"), call("ch_2", "tok_ok")];
        let doubt = unknown(Doubt::Unreachable);
        assert_eq!(bench.provider.charge(start(), &calls).await, [doubt.clone(), doubt.clone()]);
        assert_eq!(bench.look_up(start(), "ch_1").await, doubt);
        assert!(bench.provider.events(start(), None, 1).await.is_err());
        assert_eq!(bench.provider.charge(start(), &[]).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_batch_takes_few_statements_however_large() {
    on_both(|db| async move {
        let bench = Bench::telling_all(&db).await;
        let calls: Vec<_> = (0..2_000).map(|n| call(&format!("ch_{n:04}"), "tok_mix")).collect();
        let before = db.statements_sent();
        let outcomes = bench.provider.charge(start(), &calls).await;
        // On SQLite a statement writes 500 rows at most, so that four times as many write the three tables.
        let statements = db.statements_sent() - before;
        assert!(statements <= if db.kind() == Kind::Sqlite { 23 } else { 10 }, "{statements} for charges");
        assert!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Succeeded { .. })).count() > 1_800);

        let before = db.statements_sent();
        let questions: Vec<_> = calls.iter().map(|call| question(&call.charge_id)).collect();
        bench.provider.look_up_charges(start(), &questions).await;
        let statements = db.statements_sent() - before;
        assert!(statements <= 6, "{statements} for look-ups");
    })
    .await;
}

#[tokio::test]
async fn every_statement_and_table_is_known_to_the_database() {
    on_both(|db| async move {
        let mut tx = db.begin().await.unwrap();
        for (name, sql) in STATEMENTS {
            tx.prepare(sql).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        for table in TABLES {
            tx.prepare_table(table).await.unwrap_or_else(|error| panic!("{}: {error}", table.name));
        }
    })
    .await;
}

#[test]
fn tokens_do_not_get_into_logs() {
    let shown = format!("{:?}", call("ch_1", "tok_secret"));
    assert!(shown.contains("ch_1") && !shown.contains("tok_"), "{shown}");
}
