//! Wrong payments inside their window and after it (CO).

use kasacare::domain::account::CorrectionState;
use kasacare::domain::change::correct::Correct;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::money::{Currency, Money};
use kasacare::reports::check;

use crate::world::on_both;
use crate::world::town::{OREGON, Town, minor, noon};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

#[tokio::test]
async fn an_undercharge_is_put_right_on_day_30_and_given_up_on_day_31() {
    on_both(|db| async move {
        for (name, reported, charged, state) in
            [("in-time", "2026-03-31", 1_299, CorrectionState::Done), ("too-late", "2026-04-01", 999, CorrectionState::Waived)]
        {
            let town = Town::on(&db).await;
            let id = town.move_in(name, OREGON, "tok_ok").await;
            town.subscribe("2026-03-01", &id, "plus/monthly").await;
            let invoice = town.invoices(&id).await.remove(0).document.id;
            town.act(noon(reported), &id, |draft| draft.correct(&invoice, Correct::Net(usd(1_299)))).await;
            town.run("2026-04-02").await;
            let account = town.account(&id).await;
            assert_eq!(account.invoices[&invoice].captured.minor(), charged, "{name}");
            assert_eq!(account.corrections.values().map(|correction| correction.state).collect::<Vec<_>>(), [state], "{name}");
            assert!(account.subscriptions.values().all(|subscription| subscription.state.name() == "active"), "never past due (CO-4)");
        }
    })
    .await;
}

#[tokio::test]
async fn an_overcharge_is_refunded_inside_the_window() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-03-01", &id, "plus/monthly").await;
        let invoice = town.invoices(&id).await.remove(0).document.id;
        town.act(noon("2026-03-20"), &id, |draft| draft.correct(&invoice, Correct::Net(usd(799)))).await;
        town.run("2026-03-20").await;
        let account = town.account(&id).await;
        assert_eq!(minor(account.refunds.values().map(|refund| refund.amount)), [200]);
        assert!(town.mails().iter().any(|mail| mail.starts_with("receipt_correction_")), "{:?}", town.mails());
    })
    .await;
}

#[tokio::test]
async fn an_overcharge_after_the_window_becomes_credit_and_a_task() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        town.subscribe("2026-03-01", &id, "plus/monthly").await;
        let invoice = town.invoices(&id).await.remove(0).document.id;
        town.act(noon("2026-04-05"), &id, |draft| draft.correct(&invoice, Correct::Net(usd(799)))).await;
        let account = town.account(&id).await;
        assert_eq!((account.profile.credit_cash.minor(), account.refunds.len()), (200, 0));
        assert!(account.tasks.values().any(|task| task.kind == "overcharge_owed" && task.amount == Some(usd(200))));
        assert_eq!(account.corrections.values().map(|correction| correction.state).collect::<Vec<_>>(), [CorrectionState::Owed]);
    })
    .await;
}

/// The fee is unpaid and was too low, the subscription ends, and a new card pays both: the correction is done, and not written off
/// on the day after its window.
#[tokio::test]
async fn an_undercharge_of_an_unpaid_fee_is_paid_after_the_end() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        let card = |token: &str| NewMethod { token: token.to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None };
        town.act(noon("2026-01-11"), &id, |draft| draft.replace_method(&card("tok_insufficient"))).await;
        town.run("2026-02-10").await;
        let invoice = town.invoices(&id).await.remove(1).document.id;
        town.run("2026-02-11").await;
        town.act(noon("2026-02-12"), &id, |draft| draft.correct(&invoice, Correct::Net(usd(1_299)))).await;
        town.act(noon("2026-02-12"), &id, |draft| draft.cancel(&subscription)).await;
        town.run_daily("2026-02-12", "2026-03-10").await;
        assert_eq!(town.account(&id).await.subscriptions[&subscription].state.name(), "closed");
        town.act(noon("2026-03-11"), &id, |draft| draft.replace_method(&card("tok_ok"))).await;
        town.run_daily("2026-03-11", "2026-03-15").await;
        let account = town.account(&id).await;
        let paid = &account.invoices[&invoice];
        assert_eq!(minor([paid.net, paid.captured, paid.open]), [1_299, 1_299, 0]);
        assert_eq!(account.corrections.values().map(|correction| correction.state).collect::<Vec<_>>(), [CorrectionState::Done]);
        assert!(account.tasks.values().all(|task| task.closed_on.is_some()), "{:?}", account.tasks);
        let report = check::run(&db, check::Options::default(), |_, _| {}).await.unwrap();
        assert!(report.is_clean(), "{}", report.summary());
    })
    .await;
}
