//! First charges that are declined (LC-3), and cancellations on a monthly period's first day (CA-4).

use kasacare::domain::account::{AttemptState, NoteReason};
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::change::start::Order;
use kasacare::domain::subscription::{Cause, Intent, State};
use kasacare::reports::check;

use crate::world::on_both;
use crate::world::town::{CALIFORNIA, OREGON, Town, day, minor, noon, order};

/// The invoice is undone by a note over all of it, the code may be used again, nothing is owed or tried again, and the camera
/// stands where it stood.
#[tokio::test]
async fn a_declined_first_charge_leaves_nothing_behind() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        for (name, token) in [("soft", "tok_insufficient"), ("hard", "tok_stolen")] {
            let id = town.move_in(name, CALIFORNIA, token).await;
            let half = Order { promotion: Some("HALF3".to_owned()), ..order(&id, "plus/monthly") };
            let (_, declined) = town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&half)).await;
            town.run_daily("2026-01-10", "2026-01-12").await;
            let account = town.account(&id).await;
            let closed = State::Closed { cause: Cause::FirstChargeDeclined, on: day("2026-01-10") };
            assert_eq!(account.subscriptions[&declined].state, closed, "{name}");
            let invoice = account.invoices.values().next().unwrap();
            assert_eq!(minor([invoice.net, invoice.tax, invoice.open, invoice.recognised]), [0; 4], "{name}");
            // Half of 9.99 is 4.99 after a discount of 5.00; 8.25 % of it 0.41.
            let notes: Vec<_> = account.notes.values().map(|note| (note.reason, note.net.minor(), note.tax.minor())).collect();
            assert_eq!(notes, [(NoteReason::FirstChargeDeclined, 499, 41)], "{name}");
            let attempts: Vec<_> = account.charges.values().map(|charge| charge.state).collect();
            assert_eq!(attempts, [AttemptState::Failed], "{name}: it is not tried again");
            let told = |kind: &str| town.mails().contains(&format!("{kind}_{declined}"));
            assert!(told("subscription_not_started") && !told("subscription_started"), "{name}: {:?}", town.mails());

            let card = NewMethod { token: "tok_ok".to_owned(), label: "Visa ending 1111".to_owned(), expires_on: None };
            town.act(noon("2026-01-13"), &id, |draft| draft.replace_method(&card)).await;
            let (_, again) = town.act(noon("2026-01-13"), &id, |draft| draft.subscribe(&half)).await;
            town.run("2026-01-13").await;
            let account = town.account(&id).await;
            assert_eq!(account.subscriptions[&again].state.name(), "active", "{name}");
            assert_eq!(minor(account.payments.values().map(|payment| payment.amount)), [540], "{name}: once, with the code");
        }
        let report = check::run(&db, check::Options::default(), |_, _| {}).await.unwrap();
        assert!(report.is_clean(), "{}", report.summary());
    })
    .await;
}

/// Before the renewal ran the term ended with its last billed period; after it the new period is paid and runs out (RF-5).
#[tokio::test]
async fn a_monthly_plan_cancelled_on_the_first_day_before_and_after_the_renewal_ran() {
    on_both(|db| async move {
        for (name, renewed) in [("before", false), ("after", true)] {
            let town = Town::on(&db).await;
            let id = town.move_in(name, OREGON, "tok_ok").await;
            let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
            town.run("2026-02-09").await;
            if renewed {
                town.run_at(noon("2026-02-10")).await;
            }
            town.act(noon("2026-02-10") + chrono::TimeDelta::hours(1), &id, |draft| draft.cancel(&subscription)).await;
            town.run("2026-02-11").await;
            let account = town.account(&id).await;
            assert_eq!((account.invoices.len(), account.refunds.len()), (if renewed { 2 } else { 1 }, 0), "{name}");
            match &account.subscriptions[&subscription].state {
                State::Closed { cause, on } => assert_eq!((renewed, *cause, *on), (false, Cause::Cancelled, day("2026-02-10"))),
                state => assert!(renewed && state.term().is_some_and(|term| term.intent == Intent::Ends), "{name}: {state:?}"),
            }
            town.run("2026-03-10").await;
            assert_eq!(town.account(&id).await.subscriptions[&subscription].state.name(), "closed", "{name}");
        }
    })
    .await;
}
