//! Refunds: their limits and their stories (RF-4, I4, F55, F56, F59, F62).

use super::*;
use crate::world::on_both;

fn succeeded(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded { .. })
}

#[tokio::test]
async fn refunds_take_what_was_captured_and_never_more() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_ok").await;
        let take = |id: &str, minor| refund_call(id, "ch_1", &charge, minor);
        assert_eq!(bench.refund(start(), &take("re_1", 10_001)).await, declined("amount_too_large"));
        let first = bench.refund(start(), &take("re_2", 4_000)).await;
        assert!(matches!(&first, Outcome::Succeeded { amount, at, .. } if *amount == usd(4_000) && *at == start()));
        assert_eq!(bench.refund(start(), &take("re_2", 4_000)).await, first);
        assert_eq!(bench.look_up_refund(days_later(900), "re_2").await, first);
        assert_eq!(bench.refund(start(), &take("re_3", 6_001)).await, declined("amount_too_large"));
        assert!(succeeded(&bench.refund(start(), &take("re_4", 6_000)).await));
        assert_eq!(bench.refund(start(), &take("re_5", 1)).await, declined("charge_already_refunded"));
        assert_eq!(bench.look_up_refund(start(), "re_5").await, declined("charge_already_refunded"));
        assert_eq!(bench.look_up_refund(start(), "re_6").await, not_found());
        assert_eq!(bench.charges().await[0].refunded, usd(10_000));
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn the_limits_hold_within_a_batch() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_ok").await;
        let calls: Vec<_> = (0..5).map(|n| refund_call(&format!("re_{n}"), "ch_1", &charge, 3_000)).collect();
        let outcomes = bench.provider.refund(start(), &calls).await;
        assert_eq!(outcomes.iter().filter(|outcome| succeeded(outcome)).count(), 3);
        assert_eq!(outcomes[3..], [declined("amount_too_large"), declined("amount_too_large")]);
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_moved_no_money_cannot_be_refunded() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        bench.charge(start(), &call("ch_1", "tok_stolen")).await;
        bench.charge(start(), &call("ch_2", "tok_pending")).await;
        let charges = bench.charges().await;
        for charge in &charges {
            let call = refund_call(&format!("re_{}", charge.charge_id), &charge.charge_id, &charge.reference, 100);
            assert_eq!(bench.refund(start(), &call).await, declined("charge_not_captured"));
        }
        assert_eq!(charges.len(), 2);
        assert_eq!(bench.refund(start(), &refund_call("re_3", "ch_3", "sim_ch_3_0", 100)).await, refused("resource_missing"));

        let captured = bench.capture("ch_4", "tok_ok").await;
        let mut foreign = refund_call("re_4", "ch_4", &captured, 100);
        foreign.amount = Money::new(100, Currency::parse("EUR").unwrap());
        assert_eq!(bench.refund(start(), &foreign).await, refused("currency_mismatch"));
        let other_charge = refund_call("re_5", "ch_1", &captured, 100);
        assert_eq!(bench.refund(start(), &other_charge).await, refused("resource_missing"));
    })
    .await;
}

#[tokio::test]
async fn refunds_that_fail_at_once_leave_the_money_where_it_is() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_refund_fails").await;
        let call = refund_call("re_1", "ch_1", &charge, 4_000);
        let no = declined("expired_or_canceled_card");
        assert_eq!(bench.refund(start(), &call).await, no);
        assert_eq!(bench.refund(start(), &call).await, no);
        assert_eq!(bench.look_up_refund(days_later(40), "re_1").await, no);
        assert_eq!(bench.charges().await[0].refunded, usd(0));
    })
    .await;
}

#[tokio::test]
async fn refunds_that_fail_later_come_back() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_refund_fails_later_5").await;
        assert!(succeeded(&bench.refund(start(), &refund_call("re_1", "ch_1", &charge, 10_000)).await));
        assert!(succeeded(&bench.look_up_refund(days_later(4), "re_1").await));
        assert_eq!(bench.events(days_later(4)).await, []);
        let events = bench.events(days_later(9)).await;
        let reference = bench.refunds().await.remove(0).reference;
        let fact = Fact::RefundFailed {
            refund_id: "re_1".to_owned(),
            reference,
            amount: usd(10_000),
            code: "expired_or_canceled_card".to_owned(),
        };
        assert_eq!((events.len(), &events[0].fact, events[0].at), (1, &fact, days_later(5)));
        assert_eq!(bench.look_up_refund(days_later(9), "re_1").await, declined("expired_or_canceled_card"));
        assert_eq!(bench.charges().await[0].refunded, usd(0));
    })
    .await;
}

#[tokio::test]
async fn a_refund_that_came_back_frees_its_amount_before_the_next_refund() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_refund_fails_later").await;
        assert!(succeeded(&bench.refund(start(), &refund_call("re_1", "ch_1", &charge, 10_000)).await));
        let second = refund_call("re_2", "ch_1", &charge, 10_000);
        assert_eq!(bench.refund(days_later(2), &second).await, declined("charge_already_refunded"));
        // Nobody has asked for events meanwhile.
        let third = refund_call("re_3", "ch_1", &charge, 10_000);
        assert!(succeeded(&bench.refund(days_later(3), &third).await));
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn pending_refunds_reserve_their_amount() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let good = bench.capture("ch_1", "tok_refund_pending_2").await;
        let bad = bench.capture("ch_2", "tok_refund_pending_fails").await;
        let calls = [refund_call("re_1", "ch_1", &good, 9_000), refund_call("re_2", "ch_2", &bad, 9_000)];
        assert_eq!(bench.provider.refund(start(), &calls).await, [Outcome::Pending, Outcome::Pending]);
        let more = refund_call("re_3", "ch_1", &good, 1_001);
        assert_eq!(bench.refund(start(), &more).await, declined("amount_too_large"));
        assert!(matches!(bench.look_up_refund(days_later(2), "re_1").await, Outcome::Succeeded { at, .. } if at == days_later(2)));
        assert_eq!(bench.look_up_refund(days_later(2), "re_2").await, declined("expired_or_canceled_card"));
        let refunded: Vec<_> = bench.charges().await.iter().map(|charge| charge.refunded).collect();
        assert_eq!(refunded, [usd(9_000), usd(0)]);
        let facts = bench.facts(days_later(2)).await;
        assert!(matches!(&facts[..], [Fact::RefundFailed { .. }, Fact::RefundSucceeded { .. }]), "{facts:?}");
    })
    .await;
}

#[tokio::test]
async fn replies_and_requests_of_refunds_get_lost_too() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let timeout = bench.capture("ch_1", "tok_refund_timeout").await;
        let call = refund_call("re_1", "ch_1", &timeout, 4_000);
        assert_eq!(bench.refund(start(), &call).await, unknown(Doubt::NoReply));
        let found = bench.look_up_refund(start(), "re_1").await;
        assert!(succeeded(&found));
        assert_eq!(bench.refund(start(), &call).await, found);

        let lost = bench.capture("ch_2", "tok_refund_lost_2").await;
        let call = refund_call("re_2", "ch_2", &lost, 4_000);
        for _ in 0..2 {
            assert_eq!(bench.refund(start(), &call).await, unknown(Doubt::NoReply));
            assert_eq!(bench.look_up_refund(start(), "re_2").await, not_found());
        }
        assert!(succeeded(&bench.refund(start(), &call).await));

        let failing = bench.capture("ch_3", "tok_refund_500").await;
        let call = refund_call("re_3", "ch_3", &failing, 4_000);
        assert_eq!(bench.refund(start(), &call).await, unknown(Doubt::ServerError));
        assert_eq!(bench.refund(start(), &call).await, unknown(Doubt::ServerError));
        assert_eq!(bench.look_up_refund(start(), "re_3").await, not_found());
        let refunded: Vec<_> = bench.charges().await.iter().map(|charge| charge.refunded).collect();
        assert_eq!(refunded, [usd(4_000), usd(4_000), usd(0)]);
    })
    .await;
}
