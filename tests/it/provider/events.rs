//! Events: which there are, in which order, and how one goes on from where one was (PV-3, PV-6, F36, F41).

use kasacare::provider::ProviderError;

use super::*;
use crate::world::on_both;

#[tokio::test]
async fn events_tell_news_and_only_on_request_what_was_told_before() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for (id, token) in [("ch_1", "tok_ok"), ("ch_2", "tok_stolen"), ("ch_3", "tok_500"), ("ch_4", "tok_lost")] {
            bench.charge(start(), &call(id, token)).await;
        }
        assert_eq!(bench.events(start()).await, []);
        bench.charge(start(), &call("ch_5", "tok_timeout")).await;
        bench.charge(start(), &call("ch_6", "tok_500_moved")).await;
        let names = |facts: Vec<Fact>| {
            facts.into_iter().map(|fact| match fact {
                Fact::ChargeSucceeded { charge_id, .. } => format!("{charge_id} succeeded"),
                Fact::ChargeDeclined { charge_id, decline, .. } => format!("{charge_id} {}", decline.code),
                Fact::RefundSucceeded { refund_id, .. } => format!("{refund_id} succeeded"),
                Fact::RefundFailed { refund_id, code, .. } => format!("{refund_id} {code}"),
                other => format!("{other:?}"),
            })
        };
        let news: Vec<_> = names(bench.facts(start()).await).collect();
        assert_eq!(news, ["ch_5 succeeded", "ch_6 succeeded"]);

        let bench = Bench::telling_all(&db).await;
        let charge = bench.capture("ch_7", "tok_ok").await;
        bench.charge(start(), &call("ch_8", "tok_stolen")).await;
        bench.refund(start(), &refund_call("re_1", "ch_7", &charge, 100)).await;
        bench.refund(start(), &refund_call("re_2", "ch_7", &charge, 99_999)).await;
        // An answer that is given again is no new fact.
        bench.charge(start(), &call("ch_8", "tok_stolen")).await;
        let all: Vec<_> = names(bench.facts(start()).await).skip(2).collect();
        assert_eq!(all, ["ch_7 succeeded", "ch_8 stolen_card", "re_1 succeeded", "re_2 amount_too_large"]);
    })
    .await;
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    on_both(|db| async move {
        let bench = Bench::telling_all(&db).await;
        assert_eq!(bench.provider.events(start(), None, 10).await.unwrap().cursor, None);
        let calls: Vec<_> = (0..25).map(|n| call(&format!("ch_{n:02}"), "tok_ok")).collect();
        bench.provider.charge(start(), &calls).await;
        let (mut cursor, mut seen) = (None, Vec::new());
        loop {
            let page = bench.provider.events(start(), cursor.as_deref(), 10).await.unwrap();
            cursor = page.cursor;
            if page.events.is_empty() {
                break;
            }
            assert!(page.events.iter().all(|event| event.account_id.as_ref().is_some_and(|id| id.as_str() == "acc-1")));
            seen.extend(page.events.into_iter().map(|event| event.fact));
        }
        let ids: Vec<_> = seen
            .iter()
            .map(|fact| match fact {
                Fact::ChargeSucceeded { charge_id, amount, .. } if *amount == usd(10_000) => charge_id.as_str(),
                fact => panic!("{fact:?}"),
            })
            .collect();
        assert_eq!(ids, calls.iter().map(|call| call.charge_id.as_str()).collect::<Vec<_>>());
        // The cursor stays where it is until there is something new.
        let empty = bench.provider.events(days_later(9), cursor.as_deref(), 10).await.unwrap();
        assert_eq!((empty.events, &empty.cursor), (Vec::new(), &cursor));
        bench.charge(days_later(9), &call("ch_new", "tok_ok")).await;
        let news = bench.provider.events(days_later(9), cursor.as_deref(), 10).await.unwrap();
        assert_eq!((news.events.len(), news.events[0].at), (1, days_later(9)));
        let wrong = bench.provider.events(start(), Some("evt_1"), 10).await;
        assert_eq!(wrong, Err(ProviderError::BadCursor { chars: 5 }));
    })
    .await;
}

#[tokio::test]
async fn disputes_come_and_end_by_themselves() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        for (id, token) in [("ch_won", "tok_disputed_won_5-a"), ("ch_lost", "tok_disputed_lost"), ("ch_open", "tok_disputed_7")] {
            bench.capture(id, token).await;
            // Only the first charge of a method is disputed.
            bench.capture(&format!("{id}_2"), token).await;
        }
        let dated = |events: Vec<ProviderEvent>| {
            let short = |fact| match fact {
                Fact::DisputeOpened { charge_id, amount, fee, .. } => format!("{charge_id} opened {amount} {fee}"),
                Fact::DisputeWon { charge_id, amount, .. } => format!("{charge_id} won {amount}"),
                Fact::DisputeLost { charge_id, amount, .. } => format!("{charge_id} lost {amount}"),
                other => format!("{other:?}"),
            };
            let days = |at: DateTime<Utc>| (at - start()).num_days();
            events.into_iter().map(|event| format!("{} {}", days(event.at), short(event.fact))).collect::<Vec<_>>()
        };
        assert_eq!(dated(bench.events(days_later(4)).await), [""; 0]);
        let opened =
            ["5 ch_won opened 100.00 USD 15.00 USD", "7 ch_open opened 100.00 USD 15.00 USD", "10 ch_lost opened 100.00 USD 15.00 USD"];
        assert_eq!(dated(bench.events(days_later(24)).await), opened);
        assert_eq!(bench.charges().await.iter().map(|it| it.disputed.minor()).sum::<i64>(), 30_000);
        let ended = ["25 ch_won won 100.00 USD", "30 ch_lost lost 100.00 USD"];
        assert_eq!(dated(bench.events(days_later(400)).await)[3..], ended);
        let disputed: Vec<_> = bench.charges().await.into_iter().map(|it| (it.charge_id, it.disputed.minor())).collect();
        let expected = [("ch_lost", 10_000), ("ch_lost_2", 0), ("ch_open", 10_000), ("ch_open_2", 0), ("ch_won", 0), ("ch_won_2", 0)];
        assert_eq!(disputed, expected.map(|(id, minor)| (id.to_owned(), minor)));
    })
    .await;
}

#[tokio::test]
async fn nothing_is_refunded_during_a_dispute_and_only_the_rest_after_one_that_was_lost() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let won = bench.capture("ch_won", "tok_disputed_won_5").await;
        let lost = bench.capture("ch_lost", "tok_disputed_lost_5").await;
        // What was refunded before cannot be disputed.
        assert!(matches!(bench.refund(start(), &refund_call("re_1", "ch_lost", &lost, 2_500)).await, Outcome::Succeeded { .. }));
        let during = [refund_call("re_2", "ch_won", &won, 100), refund_call("re_3", "ch_lost", &lost, 100)];
        assert_eq!(bench.provider.refund(days_later(5), &during).await, [declined("charge_disputed"), declined("charge_disputed")]);
        let after = [refund_call("re_4", "ch_won", &won, 10_000), refund_call("re_5", "ch_lost", &lost, 100)];
        let outcomes = bench.provider.refund(days_later(25), &after).await;
        assert!(matches!(outcomes[0], Outcome::Succeeded { .. }));
        assert_eq!(outcomes[1], declined("charge_already_refunded"));
        assert!(matches!(
            &bench.facts(days_later(25)).await[..],
            [Fact::DisputeOpened { .. }, Fact::DisputeOpened { .. }, Fact::DisputeWon { .. } | Fact::DisputeLost { .. }, _,]
        ));
        bench.assert_sound().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_refunded_in_full_is_not_disputed_any_more() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let charge = bench.capture("ch_1", "tok_disputed_lost_5").await;
        bench.refund(start(), &refund_call("re_1", "ch_1", &charge, 10_000)).await;
        assert_eq!(bench.events(days_later(99)).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_long_silence_is_caught_up_in_order() {
    on_both(|db| async move {
        let bench = Bench::on(&db);
        // More than are made to happen in one transaction, and a decision for each.
        let calls: Vec<_> = (0..700).map(|n| call(&format!("ch_{n:03}"), &format!("tok_disputed_won_{}-{n}", n % 9))).collect();
        bench.provider.charge(start(), &calls).await;
        let facts = bench.facts(days_later(60)).await;
        assert_eq!(facts.len(), 1_000);
        let page = bench.provider.events(days_later(60), Some("1000"), 1_000).await.unwrap();
        assert_eq!(page.events.len(), 400);
        let all = facts.into_iter().chain(page.events.into_iter().map(|event| event.fact));
        let opened = all.filter(|fact| matches!(fact, Fact::DisputeOpened { .. })).count();
        assert_eq!(opened, 700);
        assert!(bench.charges().await.iter().all(|charge| charge.disputed.is_zero()));
    })
    .await;
}
