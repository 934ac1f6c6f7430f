//! Idempotency keys, case by case (PV-1, F01, F03, F04, F06).

use chrono::Duration;

use super::*;
use crate::world::on_both;

#[tokio::test]
async fn a_key_sent_again_gets_the_first_answer_and_moves_nothing() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for (id, token) in [("ch_1", "tok_ok"), ("ch_2", "tok_stolen"), ("ch_3", "tok_insufficient_1"), ("ch_4", "tok_pending")] {
            let first = bench.charge(start(), &call(id, token)).await;
            for hours in [0, 1, 23] {
                assert_eq!(bench.charge(start() + Duration::hours(hours), &call(id, token)).await, first, "{id}");
            }
        }
        assert_eq!(bench.charges().await.len(), 4);
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_decline_stays_with_its_key_and_a_new_key_is_a_new_try() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let first = call("ch_1_1", "tok_insufficient_1-anna");
        assert_eq!(bench.charge(start(), &first).await, declined("insufficient_funds"));
        assert_eq!(bench.charge(start(), &first).await, declined("insufficient_funds"));
        let second = call("ch_1_2", "tok_insufficient_1-anna");
        assert!(matches!(bench.charge(days_later(1), &second).await, Outcome::Succeeded { .. }));
    })
    .await;
}

#[tokio::test]
async fn a_key_with_another_body_is_an_alarm_and_changes_nothing() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let first = call("ch_1", "tok_ok");
        let captured = bench.charge(start(), &first).await;
        let altered: [fn(&mut ChargeCall); 5] = [
            |call| call.amount = usd(10_001),
            |call| call.amount = Money::new(10_000, Currency::parse("EUR").unwrap()),
            |call| call.method_token = "tok_stolen".to_owned(),
            |call| call.charge_id = "ch_2".to_owned(),
            |call| call.invoice_id = "in_2".to_owned(),
        ];
        for alter in altered {
            let mut second = first.clone();
            alter(&mut second);
            assert_eq!(bench.charge(start(), &second).await, unknown(Doubt::KeyReused));
        }
        // Also a key of a charge that comes with a refund.
        let Outcome::Succeeded { reference, .. } = &captured else { panic!("{captured:?}") };
        let mut refund = refund_call("re_1", "ch_1", reference, 100);
        refund.key.clone_from(&first.key);
        assert_eq!(bench.refund(start(), &refund).await, unknown(Doubt::KeyReused));
        assert!(Doubt::KeyReused.is_alarm());

        // When the method expires is no part of the body: we may have learned it since.
        let updated = ChargeCall { expires_on: None, ..first };
        assert_eq!(bench.charge(start(), &updated).await, captured);
        assert_eq!((bench.charges().await.len(), bench.refunds().await.len()), (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_key_is_forgotten_after_24_hours_and_then_charges_again() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let call = call("ch_1", "tok_ok");
        let first = bench.charge(start(), &call).await;
        let last_moment = start() + Duration::hours(24) - Duration::microseconds(1);
        assert_eq!(bench.charge(last_moment, &call).await, first);

        let second = bench.charge(days_later(1), &call).await;
        assert_ne!(second, first);
        assert_eq!(bench.charge(days_later(1), &call).await, second);
        // The double charge that F03 is about, and that a check must find.
        let mut tx = db.begin_read().await.unwrap();
        let repeated = audit::repeated_captures(&mut tx).await.unwrap();
        let found: Vec<_> = repeated.iter().map(|it| (it.charge_id.as_str(), it.invoice_id.as_str(), it.captures)).collect();
        assert_eq!(found, [("ch_1", "in_ch_1", 2)]);
        // Whoever had looked it up first would have known.
        assert_eq!(bench.look_up(days_later(1), "ch_1").await, first);
    })
    .await;
}

#[tokio::test]
async fn forgotten_keys_are_removed_by_those_who_ask_for_events() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let call = call("ch_1", "tok_500");
        assert_eq!(bench.charge(start(), &call).await, unknown(Doubt::ServerError));
        assert_eq!(bench.events(days_later(1) - Duration::microseconds(1)).await, []);
        assert_eq!(bench.charge(start(), &call).await, unknown(Doubt::ServerError));
        bench.events(days_later(1)).await;
        // Seen from the first day the key would still count, had it not been removed.
        let other_body = ChargeCall { amount: usd(9_000), ..call };
        assert_eq!(bench.charge(start(), &other_body).await, unknown(Doubt::ServerError));
    })
    .await;
}

#[tokio::test]
async fn look_ups_find_by_our_id_for_ever() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let captured = bench.charge(start(), &call("ch_1", "tok_ok")).await;
        let no = bench.charge(start(), &call("ch_2", "tok_stolen")).await;
        let years_later = days_later(3_000);
        bench.events(years_later).await;
        assert_eq!(bench.look_up(years_later, "ch_1").await, captured);
        assert_eq!(bench.look_up(years_later, "ch_2").await, no);
        assert_eq!(bench.look_up(years_later, "ch_3").await, not_found());
        let all = bench.provider.look_up_charges(start(), &[question("ch_3"), question("ch_2"), question("ch_1")]).await;
        assert_eq!(all, [not_found(), no, captured]);
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_as_such_keeps_no_key() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let mut small = call("ch_1", "tok_ok");
        small.amount = usd(49);
        assert_eq!(bench.charge(start(), &small).await, refused("amount_too_small"));
        assert_eq!(bench.look_up(start(), "ch_1").await, not_found());
        small.amount = usd(50);
        assert!(matches!(bench.charge(start(), &small).await, Outcome::Succeeded { .. }));

        let yen = Currency::parse("JPY").unwrap();
        let mut call = call("ch_2", "tok_ok");
        for (minor, is_refused) in [(49, true), (50, false)] {
            call.amount = Money::new(minor, yen);
            assert_eq!(bench.charge(start(), &call).await == refused("amount_too_small"), is_refused);
        }
    })
    .await;
}

#[tokio::test]
async fn one_key_twice_in_a_batch_is_executed_once() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let calls = [call("ch_1", "tok_ok"), call("ch_2", "tok_stolen"), call("ch_1", "tok_ok"), {
            let mut other = call("ch_1", "tok_ok");
            other.amount = usd(1);
            other
        }];
        let outcomes = bench.provider.charge(start(), &calls).await;
        assert_eq!(outcomes.first(), outcomes.get(2));
        assert_eq!(outcomes.get(1), Some(&declined("stolen_card")));
        assert_eq!(outcomes.get(3), Some(&unknown(Doubt::KeyReused)));
        bench.assert_sound().await;
    })
    .await;
}
