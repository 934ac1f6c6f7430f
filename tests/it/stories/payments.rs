//! Charges that go wrong, credit, disputes, and other currencies (PD, PV, LC-4).

use kasacare::domain::account::AttemptState;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::money::{Currency, Money};
use kasacare::domain::subscription::State;

use crate::world::on_both;
use crate::world::town::{Home, OREGON, Town, minor, noon};

fn card(token: &str) -> NewMethod {
    NewMethod { token: token.to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None }
}

#[tokio::test]
async fn a_charge_that_timed_out_after_the_money_moved_is_captured_once() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_timeout").await;
        town.subscribe("2026-01-10", &id, "plus/monthly").await;
        town.run("2026-01-11").await;
        let account = town.account(&id).await;
        assert_eq!(account.charges.len(), 1, "no second attempt: {:?}", account.charges);
        assert_eq!(minor(account.payments.values().map(|payment| payment.amount)), [999]);
        let mut tx = db.begin_read().await.unwrap();
        let twice = kasacare::provider::simulated::audit::repeated_captures(&mut tx).await.unwrap();
        tx.rollback().await.unwrap();
        assert_eq!(twice.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_charge_whose_request_got_lost_is_sent_again_under_its_key() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_lost").await;
        town.subscribe("2026-01-10", &id, "plus/monthly").await;
        // Soon again: after a day the provider would have forgotten the key, and that it lost the request.
        town.run_at(noon("2026-01-11")).await;
        let account = town.account(&id).await;
        assert_eq!(account.charges.len(), 1);
        assert!(account.charges.values().all(|charge| charge.state == AttemptState::Succeeded), "unknown is not a decline (F02)");
        assert_eq!(account.subscriptions.into_values().next().unwrap().state.name(), "active");
    })
    .await;
}

/// A runner that stays must not be kept from looking by its own lease, which runs in real time.
#[tokio::test]
async fn the_same_runner_looks_up_what_it_left_open() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_refund_lost_2").await;
        let subscription = town.subscribe("2026-01-31", &id, "plus/annual").await;
        town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&subscription)).await;
        town.run_at(noon("2026-06-02")).await;
        let state = |account: &kasacare::domain::account::Account| account.refunds.values().map(|refund| refund.state).collect::<Vec<_>>();
        assert_eq!(state(&town.account(&id).await), [AttemptState::Unknown], "the request is lost");
        for hour in [1, 2] {
            town.run_at(noon("2026-06-02") + chrono::TimeDelta::hours(hour)).await;
        }
        assert_eq!(state(&town.account(&id).await), [AttemptState::Succeeded], "and was sent again under its key");
    })
    .await;
}

#[tokio::test]
async fn a_hard_decline_waits_for_a_new_card_which_is_tried_at_once() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&card("tok_stolen"))).await;
        town.run_daily("2026-02-10", "2026-02-14").await;
        let account = town.account(&id).await;
        assert!(matches!(account.subscriptions[&subscription].state, State::PastDue { .. }), "service goes on (PD-1)");
        assert_eq!(account.charges.len(), 2, "a hard decline is not retried: {:?}", account.charges.keys());
        // The next period is billed on top, and its charge is blocked, too.
        town.run("2026-03-10").await;
        assert_eq!(town.account(&id).await.charges.len(), 2);
        town.act(noon("2026-03-12"), &id, |draft| draft.replace_method(&card("tok_ok"))).await;
        town.run("2026-03-12").await;
        let account = town.account(&id).await;
        assert_eq!(minor(town.invoices(&id).await.iter().map(|invoice| invoice.captured)), [999, 999, 999]);
        assert_eq!(account.subscriptions[&subscription].state.name(), "active");
    })
    .await;
}

#[tokio::test]
async fn soft_declines_are_retried_on_their_days() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&card("tok_insufficient"))).await;
        town.run_daily("2026-02-10", "2026-03-05").await;
        let account = town.account(&id).await;
        let mut days: Vec<String> = account.charges.values().filter_map(|charge| charge.settled_on).map(|on| on.to_string()).collect();
        days.sort();
        // The first failure on 10 February, then days 1, 3, 5, 7, 14 and 21 after it.
        let expected = ["2026-01-10", "2026-02-10", "2026-02-11", "2026-02-13", "2026-02-15", "2026-02-17", "2026-02-24", "2026-03-03"];
        assert_eq!(days, expected);
        assert_eq!(account.subscriptions[&subscription].state.name(), "past_due");
        assert!(account.tasks.values().any(|task| task.kind == "dunning_exhausted"));
    })
    .await;
}

#[tokio::test]
async fn credit_pays_before_cash() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &id, "plus/monthly").await;
        let five = Money::new(500, Currency::parse("USD").unwrap());
        town.act(noon("2026-01-20"), &id, |draft| draft.grant_credit(five)).await;
        town.run("2026-02-10").await;
        let renewal = town.invoices(&id).await.pop().unwrap();
        assert_eq!(minor([renewal.document.net, renewal.credit_goodwill, renewal.captured, renewal.open]), [999, 500, 499, 0]);
    })
    .await;
}

#[tokio::test]
async fn a_disputed_payments_refund_is_held_until_the_dispute_ends() {
    on_both(|db| async move {
        for (won, refunds, held) in [(true, vec![6_629], 0), (false, vec![], 0)] {
            let town = Town::on(&db).await;
            let name = if won { "won" } else { "lost" };
            let id = town.move_in(name, OREGON, "tok_ok").await;
            let subscription = town.subscribe("2026-01-31", &id, "plus/annual").await;
            let charge = town.account(&id).await.charges.keys().next().unwrap().clone();
            let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
            let dispute = format!("dp_{name}");
            town.act(noon("2026-05-01"), &id, |draft| draft.open_dispute(&dispute, &charge, usd(9_999), usd(1_500))).await;
            town.act(noon("2026-06-02"), &id, |draft| draft.cancel(&subscription)).await;
            town.run("2026-06-02").await;
            let account = town.account(&id).await;
            assert_eq!(account.refunds.len(), 0, "frozen");
            assert_eq!(minor(account.invoices.values().map(|invoice| invoice.held)), [6_629]);
            town.act(noon("2026-06-10"), &id, |draft| if won { draft.win_dispute(&dispute) } else { draft.lose_dispute(&dispute) }).await;
            town.run("2026-06-10").await;
            let account = town.account(&id).await;
            assert_eq!(minor(account.refunds.values().map(|refund| refund.amount)), refunds, "{name}");
            assert_eq!(minor(account.invoices.values().map(|invoice| invoice.held)), [held]);
        }
    })
    .await;
}

#[tokio::test]
async fn yen_and_dinar_have_their_own_minor_units() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let tokyo = town.move_in("tokyo", Home { currency: "JPY", zone: "Asia/Tokyo", jurisdiction: "JP" }, "tok_ok").await;
        let kuwait = town.move_in("kuwait", Home { currency: "KWD", zone: "Asia/Kuwait", jurisdiction: "KW" }, "tok_ok").await;
        // 14,800 yen + 10 % = 16,280. Cancelled on day 100: 265/365 x 14,800 = 10,745.2 -> 10,745 back; kept 4,055,
        // tax kept 405.5 -> 406, tax back 1,480 - 406 = 1,074; together 11,819.
        // 29.900 dinar, no tax: 265/365 x 29,900 = 21,708.2 -> 21.708 back.
        for (id, charged, back) in [(&tokyo, 16_280, 11_819), (&kuwait, 29_900, 21_708)] {
            let subscription = town.subscribe("2026-01-01", id, "plus/annual").await;
            assert_eq!(minor(town.account(id).await.payments.values().map(|payment| payment.amount)), [charged]);
            town.act(noon("2026-04-10"), id, |draft| draft.cancel(&subscription)).await;
            town.run("2026-04-10").await;
            assert_eq!(minor(town.account(id).await.refunds.values().map(|refund| refund.amount)), [back]);
        }
    })
    .await;
}
