//! The same calls give the same year, on every machine and on both databases.

use std::sync::{Arc, Mutex};

use super::*;
use crate::world::on_both;

/// Lives through some weeks with a bit of everything, and writes down all that was answered and told.
async fn live(db: &Db, seed: i64) -> Vec<String> {
    let bench = Bench::on(db);
    bench.simulated.configure(&Settings { seed, ..Settings::default() }).await.unwrap();
    let mut story = Vec::new();
    for week in 0..4 {
        let now = days_later(7 * week);
        let calls: Vec<_> = (0..400).map(|n| call(&format!("ch_{week}_{n:03}"), &format!("tok_mix-{n}"))).collect();
        let outcomes = bench.provider.charge(now, &calls).await;
        let captured = calls.iter().zip(&outcomes).filter_map(|(call, outcome)| match outcome {
            Outcome::Succeeded { reference, .. } => Some((call, reference)),
            _ => None,
        });
        let refunds: Vec<_> =
            captured.map(|(call, reference)| refund_call(&call.charge_id.replace("ch", "re"), &call.charge_id, reference, 2_500)).collect();
        story.extend(outcomes.iter().map(|outcome| format!("{outcome:?}")));
        story.extend(bench.provider.refund(now, &refunds).await.iter().map(|outcome| format!("{outcome:?}")));
    }
    story.extend(bench.events(days_later(90)).await.iter().map(|event| format!("{event:?}")));
    story
}

#[tokio::test]
async fn the_same_seed_gives_the_same_year_on_both_databases() {
    let years: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    on_both(|db| {
        let years = Arc::clone(&years);
        async move {
            let year = live(&db, 1).await;
            years.lock().unwrap().push(year);
        }
    })
    .await;
    let years = years.lock().unwrap();
    assert_eq!(years[0], years[1]);
    let count = |what: &str| years[0].iter().filter(|line| line.contains(what)).count();
    // The rates, within what chance allows among 1600 charges and as many refunds.
    for (what, range) in [
        ("class: Soft", 40..90),
        ("NoReply", 10..45),
        ("ServerError", 1..15),
        ("RefundFailed", 1..20),
        ("DisputeOpened", 1..12),
        ("expired_or_canceled_card", 10..45),
    ] {
        assert!(range.contains(&count(what)), "{what}: {}", count(what));
    }
}

#[tokio::test]
async fn another_seed_gives_another_year() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let outcomes = |seed: i64| {
            let (bench, simulated) = (bench.clone(), bench.simulated.clone());
            async move {
                simulated.configure(&Settings { seed, ..Settings::default() }).await.unwrap();
                let calls: Vec<_> = (0..300).map(|n| call(&format!("ch_{seed}_{n}"), "tok_mix")).collect();
                let charged = bench.provider.charge(start(), &calls).await;
                charged.iter().map(|outcome| matches!(outcome, Outcome::Succeeded { .. })).collect::<Vec<_>>()
            }
        };
        assert_ne!(outcomes(1).await, outcomes(2).await);
    })
    .await;
}
