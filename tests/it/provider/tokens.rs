//! What each kind of token does to charges.

use super::*;
use crate::world::on_both;

/// The outcome of a first charge, of the same call again, and of a look-up.
async fn thrice(bench: &Bench, token: &str) -> [Outcome; 3] {
    let call = call(&format!("ch_{token}"), token);
    let first = bench.charge(start(), &call).await;
    let again = bench.charge(start(), &call).await;
    [first, again, bench.look_up(start(), &call.charge_id).await]
}

#[tokio::test]
async fn declines_have_codes_and_classes() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for (token, code) in [
            ("tok_stolen", "stolen_card"),
            ("tok_stolen-42", "stolen_card"),
            ("tok_expired", "expired_card"),
            ("tok_insufficient", "insufficient_funds"),
            ("tok_insufficient_3_x", "insufficient_funds"),
            ("tok_decline_do_not_honor", "do_not_honor"),
            ("tok_decline_authentication_required-7", "authentication_required"),
        ] {
            assert_eq!(thrice(&bench, token).await, std::array::from_fn(|_| declined(code)), "{token}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_in_the_table_is_captured() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for token in ["tok_ok", "tok_ok-1", "tok_1", "pm_0001", "tok_", "tok_decline_nonsense", "tok_updated"] {
            let [first, again, found] = thrice(&bench, token).await;
            assert!(matches!(first, Outcome::Succeeded { .. }), "{token}");
            assert_eq!((again, found), (first.clone(), first), "{token}");
        }
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_reply_that_is_lost_leaves_a_capture_behind() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let call = call("ch_1", "tok_timeout");
        assert_eq!(bench.charge(start(), &call).await, unknown(Doubt::NoReply));
        let found = bench.look_up(days_later(2), "ch_1").await;
        let Outcome::Succeeded { amount, at, .. } = &found else { panic!("{found:?}") };
        assert_eq!((*amount, *at), (usd(10_000), start()));
        assert_eq!(bench.charge(start(), &call).await, found);
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_request_that_is_lost_leaves_nothing_behind() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for (token, losses) in [("tok_lost", 1), ("tok_lost_3-anna", 3), ("tok_lost_0", 0)] {
            let call = call(&format!("ch_{token}"), token);
            for _ in 0..losses {
                assert_eq!(bench.charge(start(), &call).await, unknown(Doubt::NoReply));
                assert_eq!(bench.look_up(start(), &call.charge_id).await, not_found());
            }
            let arrived = bench.charge(start(), &call).await;
            assert!(matches!(arrived, Outcome::Succeeded { .. }), "{token}: {arrived:?}");
            assert_eq!(bench.charge(start(), &call).await, arrived);
        }
        // That a request was lost is not forgotten with the key, nor with the answer that came at last.
        let slow = call("ch_slow", "tok_lost_3");
        for days in [0, 2, 4] {
            // When it is asked for events, the provider forgets keys.
            bench.events(days_later(days)).await;
            assert_eq!(bench.charge(days_later(days), &slow).await, unknown(Doubt::NoReply), "after {days} days");
        }
        assert!(matches!(bench.charge(days_later(6), &slow).await, Outcome::Succeeded { .. }), "the fourth request arrives");
        assert!(matches!(bench.look_up(days_later(60), "ch_slow").await, Outcome::Succeeded { .. }), "and what it made stays");
        // What was lost had no body that the provider could have kept.
        let mut changed = call("ch_2", "tok_lost_2");
        assert_eq!(bench.charge(start(), &changed).await, unknown(Doubt::NoReply));
        changed.amount = usd(5_000);
        assert_eq!(bench.charge(start(), &changed).await, unknown(Doubt::NoReply));
        assert!(matches!(bench.charge(start(), &changed).await, Outcome::Succeeded { amount, .. } if amount == usd(5_000)));
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_server_error_is_kept_and_only_a_look_up_tells_more() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let error = unknown(Doubt::ServerError);
        assert_eq!(thrice(&bench, "tok_500").await, [error.clone(), error.clone(), not_found()]);
        let [first, again, found] = thrice(&bench, "tok_500_moved").await;
        assert_eq!((first, again), (error.clone(), error));
        assert!(matches!(found, Outcome::Succeeded { .. }));
    })
    .await;
}

#[tokio::test]
async fn what_is_pending_settles_by_itself() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let (good, bad) = (call("ch_good", "tok_pending_2"), call("ch_bad", "tok_pending_declined"));
        assert_eq!(bench.provider.charge(start(), &[good.clone(), bad]).await, [Outcome::Pending, Outcome::Pending]);
        assert_eq!(bench.look_up(days_later(1), "ch_good").await, Outcome::Pending);
        let found = bench.look_up(days_later(5), "ch_good").await;
        let Outcome::Succeeded { reference, amount, at } = found else { panic!("{found:?}") };
        assert_eq!((amount, at), (usd(10_000), days_later(2)));
        assert_eq!(bench.look_up(days_later(5), "ch_bad").await, declined("insufficient_funds"));
        // The key keeps what was said first.
        assert_eq!(bench.charge(start(), &good).await, Outcome::Pending);
        let decline = Decline::of("insufficient_funds");
        let events = bench.events(days_later(5)).await;
        assert_eq!(events.iter().map(|event| event.at).collect::<Vec<_>>(), [days_later(2), days_later(3)]);
        assert_eq!(events[0].fact, Fact::ChargeSucceeded { charge_id: good.charge_id, reference, amount });
        assert!(
            matches!(&events[1].fact, Fact::ChargeDeclined { charge_id, decline: why, .. } if charge_id == "ch_bad" && *why == decline)
        );
    })
    .await;
}

#[tokio::test]
async fn a_method_is_good_through_its_last_day() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let mut number = 0;
        for (token, last_day, is_captured) in [
            ("tok_ok", Some("2026-01-31"), true),
            ("tok_ok", Some("2026-01-30"), false),
            ("pm_1", Some("2026-01-30"), false),
            ("tok_timeout", Some("2026-01-30"), false),
            ("tok_updated", Some("2026-01-30"), true),
            ("tok_ok", None, true),
        ] {
            number += 1;
            let mut call = call(&format!("ch_{number}"), token);
            call.expires_on = last_day.map(|day| day.parse().unwrap());
            let outcome = bench.charge(start(), &call).await;
            assert_eq!(outcome == declined("expired_card"), !is_captured, "{token} {last_day:?}: {outcome:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn soft_declines_are_counted_on_the_method() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        // Two methods, and several attempts on one of them in one batch.
        let calls: Vec<_> = (1..=4).map(|n| call(&format!("ch_a{n}"), "tok_insufficient_3-a")).collect();
        let outcomes = bench.provider.charge(start(), &calls).await;
        assert_eq!(outcomes[..3], vec![declined("insufficient_funds"); 3]);
        assert!(matches!(outcomes[3], Outcome::Succeeded { .. }));
        let other = call("ch_b1", "tok_insufficient_3-b");
        assert_eq!(bench.charge(start(), &other).await, declined("insufficient_funds"));
        assert!(matches!(bench.charge(days_later(9), &call("ch_a5", "tok_insufficient_3-a")).await, Outcome::Succeeded { .. }));
    })
    .await;
}

#[test]
fn every_kind_of_token_is_explained() {
    let tokens = kasacare::provider::simulated::TOKENS;
    assert!(tokens.iter().all(|kind| kind.token.starts_with("tok_") && kind.meaning.ends_with('.')));
    let mut names: Vec<_> = tokens.iter().map(|kind| kind.token).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tokens.len());
}
