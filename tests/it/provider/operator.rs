//! What an operator makes happen at the simulated provider.

use kasacare::domain::money::MoneyError;
use kasacare::provider::simulated::{DisputeState, Mix, SimulatedError};

use super::*;
use crate::world::on_both;

#[tokio::test]
async fn an_operator_opens_and_decides_disputes() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_ok").await;
        bench.refund(start(), &refund_call("re_1", "ch_1", &charge, 1_000)).await;
        let simulated = &bench.simulated;
        let opened = simulated.open_dispute(days_later(1), "ch_1", Some(usd(4_000))).await.unwrap();
        assert_eq!((opened.amount, opened.state), (usd(4_000), DisputeState::Open));
        let again = simulated.open_dispute(days_later(1), "ch_1", None).await;
        assert_eq!(again, Err(SimulatedError::DisputeIsOpen { charge_id: "ch_1".to_owned() }));
        let lost = simulated.end_dispute(days_later(2), "ch_1", false).await.unwrap();
        assert_eq!((&lost.dispute_id, lost.state), (&opened.dispute_id, DisputeState::Lost));
        // What is left can be disputed again, and that is another dispute.
        let rest = simulated.open_dispute(days_later(3), "ch_1", None).await.unwrap();
        assert_eq!(rest.amount, usd(5_000));
        assert_ne!(rest.dispute_id, opened.dispute_id);
        simulated.end_dispute(days_later(4), "ch_1", true).await.unwrap();
        let decided = simulated.end_dispute(days_later(4), "ch_1", true).await;
        assert_eq!(decided, Err(SimulatedError::DisputeIsDecided { dispute_id: rest.dispute_id }));
        let facts = bench.facts(days_later(9)).await;
        let kinds = matches!(&facts[..], [
            Fact::DisputeOpened { amount, .. }, Fact::DisputeLost { .. }, Fact::DisputeOpened { .. }, Fact::DisputeWon { .. },
        ] if *amount == usd(4_000));
        assert!(kinds, "{facts:?}");
        assert_eq!(bench.charges().await[0].disputed, usd(4_000));
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn a_dispute_that_was_lost_can_still_be_won() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        bench.capture("ch_1", "tok_ok").await;
        bench.simulated.open_dispute(start(), "ch_1", None).await.unwrap();
        for won in [false, true] {
            bench.simulated.end_dispute(start(), "ch_1", won).await.unwrap();
        }
        assert!(bench.simulated.end_dispute(start(), "ch_1", false).await.is_err());
        assert_eq!(bench.charges().await[0].disputed, usd(0));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_disputed_is_refused() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        bench.capture("ch_1", "tok_ok").await;
        bench.charge(start(), &call("ch_2", "tok_stolen")).await;
        let open = |id: &'static str, amount| bench.simulated.open_dispute(start(), id, amount);
        let id = || "ch_1".to_owned();
        for amount in [0, -1, 10_001] {
            let (amount, remainder) = (usd(amount), usd(10_000));
            let refused = SimulatedError::BeyondRemainder { charge_id: id(), amount, remainder };
            assert_eq!(open("ch_1", Some(amount)).await, Err(refused));
        }
        let euros = Money::new(100, Currency::parse("EUR").unwrap());
        assert!(matches!(open("ch_1", Some(euros)).await, Err(SimulatedError::Money(MoneyError::CurrencyMismatch { .. }))));
        assert_eq!(open("ch_2", None).await, Err(SimulatedError::NotCaptured { charge_id: "ch_2".to_owned() }));
        assert_eq!(open("ch_3", None).await, Err(SimulatedError::NoSuchCharge { charge_id: "ch_3".to_owned() }));
        let none = bench.simulated.end_dispute(start(), "ch_1", true).await;
        assert_eq!(none, Err(SimulatedError::NoDispute { charge_id: id() }));
        assert_eq!(bench.events(days_later(9)).await, []);
    })
    .await;
}

#[tokio::test]
async fn an_operator_has_refunds_come_back() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_ok").await;
        bench.refund(start(), &refund_call("re_1", "ch_1", &charge, 4_000)).await;
        let done = bench.simulated.fail_refund(days_later(8), "re_1").await.unwrap();
        assert_eq!((done.amount, done.refund_id.as_str()), (usd(4_000), "re_1"));
        let twice = bench.simulated.fail_refund(days_later(8), "re_1").await;
        assert_eq!(twice, Err(SimulatedError::RefundHasFailed { refund_id: "re_1".to_owned() }));
        let none = bench.simulated.fail_refund(days_later(8), "re_2").await;
        assert_eq!(none, Err(SimulatedError::NoSuchRefund { refund_id: "re_2".to_owned() }));
        let events = bench.events(days_later(8)).await;
        assert_eq!((events.len(), events[0].at), (1, days_later(8)));
        assert!(matches!(&events[0].fact, Fact::RefundFailed { reference, .. } if *reference == done.reference));
        assert_eq!(bench.charges().await[0].refunded, usd(0));
    })
    .await;
}

#[tokio::test]
async fn settings_are_kept_and_checked() {
    on_both(|db| async move {
        let simulated = Simulated::new((*db).clone());
        assert_eq!(simulated.settings().await.unwrap(), Settings::default());
        let mix =
            Mix { soft_declines: 500, hard_declines: 500, lost_replies: 0, lost_requests: 0, server_errors: 0, ..Settings::default().mix };
        let settings = Settings { seed: -7, every_event: true, mix };
        simulated.configure(&settings).await.unwrap();
        assert_eq!(simulated.settings().await.unwrap(), settings);
        let too_many = Mix { hard_declines: 501, ..settings.mix.clone() };
        let refused = simulated.configure(&Settings { mix: too_many, ..settings.clone() }).await;
        assert_eq!(refused, Err(SimulatedError::Rates { of: "charges", sum: 1_001 }));
        assert_eq!(simulated.settings().await.unwrap(), settings);
    })
    .await;
}
