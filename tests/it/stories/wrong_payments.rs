//! Wrong payments inside their window and after it (CO).

use kasacare::domain::account::CorrectionState;
use kasacare::domain::change::correct::Correct;
use kasacare::domain::money::{Currency, Money};

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
