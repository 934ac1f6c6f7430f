//! The same key, the same charge and the same method from several sides at once (F02, F05, F08, F56).

use futures::future::join_all;

use super::*;
use crate::world::{TestDb, on_both};

/// Several programs with connections of their own.
async fn programs(db: &TestDb, count: usize) -> Vec<Bench> {
    let mut programs = Vec::new();
    for _ in 0..count {
        programs.push(Bench::on(&db.connect_again().await));
    }
    programs
}

async fn all_at_once<T: Send + 'static>(work: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = work.into_iter().map(tokio::spawn).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_key_from_two_sides_at_once_is_captured_once() {
    on_both(|db| async move {
        let programs = programs(&db, 2).await;
        for round in 0..20 {
            let call = call(&format!("ch_{round}"), "tok_insufficient_0-anna");
            let work = programs.iter().cloned().map(|program| {
                let call = call.clone();
                async move { program.charge(start(), &call).await }
            });
            let outcomes = all_at_once(work.collect::<Vec<_>>()).await;
            let captured: Vec<_> = outcomes.iter().filter(|it| matches!(it, Outcome::Succeeded { .. })).collect();
            assert!(!captured.is_empty() && captured.iter().all(|it| *it == captured[0]), "{outcomes:?}");
            assert!(outcomes.iter().all(|it| it == captured[0] || *it == unknown(Doubt::KeyInUse)), "{outcomes:?}");
        }
        assert_eq!(programs[0].charges().await.len(), 20);
        programs[0].assert_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn batches_that_overlap_in_any_order_are_executed_once() {
    on_both(|db| async move {
        let programs = programs(&db, 3).await;
        let calls: Vec<_> = (0..200).map(|n| call(&format!("ch_{n:03}"), "tok_ok")).collect();
        let work = programs.iter().cloned().enumerate().map(|(turn, program)| {
            let mut mine = calls.clone();
            mine.rotate_left(turn * 70);
            if turn == 1 {
                mine.reverse();
            }
            async move { program.provider.charge(start(), &mine).await }
        });
        for outcomes in all_at_once(work.collect::<Vec<_>>()).await {
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Succeeded { .. })));
        }
        assert_eq!(programs[0].charges().await.len(), 200);
        programs[0].assert_sound().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refunds_from_many_sides_stay_within_the_capture() {
    on_both(|db| async move {
        let programs = programs(&db, 4).await;
        let charge = programs[0].capture("ch_1", "tok_ok").await;
        let work = (0..12).zip(programs.iter().cloned().cycle()).map(|(n, program)| {
            let call = refund_call(&format!("re_{n}"), "ch_1", &charge, 3_000);
            async move { program.refund(start(), &call).await }
        });
        let outcomes = all_at_once(work.collect::<Vec<_>>()).await;
        let succeeded = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Succeeded { .. })).count();
        assert_eq!(succeeded, 3, "{outcomes:?}");
        assert!(outcomes.iter().all(|it| matches!(it, Outcome::Succeeded { .. }) || *it == declined("amount_too_large")));
        assert_eq!(programs[0].charges().await[0].refunded, usd(9_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_events_meanwhile_misses_none() {
    on_both(|db| async move {
        Bench::telling_all(&db).await;
        let programs = programs(&db, 4).await;
        let work = programs.iter().cloned().enumerate().map(|(number, program)| async move {
            for batch in 0..10 {
                let calls: Vec<_> = (0..20).map(|n| call(&format!("ch_{number}_{batch}_{n}"), "tok_disputed_won_1")).collect();
                program.provider.charge(start(), &calls).await;
                // Two of the programs also make disputes happen that are due.
                if number < 2 {
                    program.provider.events(days_later(2), Some("9999999"), 1).await.unwrap();
                }
            }
        });
        let writers: Vec<_> = work.map(tokio::spawn).collect();
        let (reader, mut cursor, mut seen) = (Bench::on(&db), None, Vec::new());
        loop {
            let is_over = writers.iter().all(tokio::task::JoinHandle::is_finished);
            let page = reader.provider.events(start(), cursor.as_deref(), 50).await.unwrap();
            cursor = page.cursor;
            if is_over && page.events.is_empty() {
                break;
            }
            seen.extend(page.events.into_iter().map(|event| event.id));
        }
        join_all(writers).await.into_iter().for_each(|writer| writer.unwrap());
        let all = reader.provider.events(start(), None, 10_000).await.unwrap().events;
        assert_eq!(seen, all.into_iter().map(|event| event.id).collect::<Vec<_>>());
        let charged = seen.iter().filter(|id| id.starts_with("evt_charge_succeeded")).count();
        assert_eq!(charged, 800);
        reader.assert_sound().await;
    })
    .await;
}
