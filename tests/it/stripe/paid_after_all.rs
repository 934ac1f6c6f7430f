//! PV-5: a refund that Stripe carries out after it was given up, and the person who puts that right.

use chrono::TimeDelta;
use kasacare::domain::account::AttemptState;
use kasacare::domain::change::refunds::Replacement;
use kasacare::domain::change::settle::Settlement;

use super::calls::town_at;
use super::fake::Fault;
use super::usd;
use crate::check::checked;
use crate::world::on_both;
use crate::world::town::{OREGON, noon};

/// 99.99, cancelled on the second day: 99.44 go back. Stripe fails, and shows nothing for half an hour; so it is asked anew, and then
/// the first one is there.
#[tokio::test]
async fn a_refund_that_is_made_after_it_was_given_up_is_paid_once() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let id = town.move_in("late", OREGON, "cus_9:pm_ok").await;
        let subscription = town.subscribe("2026-01-31", &id, "plus/annual").await;
        town.run("2026-01-31").await;
        let left = noon("2026-02-01");
        fake.state().now = left.timestamp();
        fake.fail(&[Fault::ErrorBefore]);
        town.act(left, &id, |draft| draft.cancel(&subscription)).await;
        for minutes in [0, 31] {
            town.run_at(left + TimeDelta::minutes(minutes)).await;
        }
        let states = async || town.account(&id).await.refunds.values().map(|refund| refund.state).collect::<Vec<_>>();
        assert_eq!(states().await, [AttemptState::Abandoned, AttemptState::Requested], "asked for anew, and not sent yet");
        let ids: Vec<String> = town.account(&id).await.refunds.keys().cloned().collect();
        let [first, second] = ids.try_into().unwrap();
        let reference = fake.carry_out(&format!("kasacare:refund:{first}"));
        let told = Settlement::Succeeded { reference: reference.clone() };
        town.act(left + TimeDelta::minutes(32), &id, |draft| draft.settle_refund(&first, &told)).await;
        town.run_at(left + TimeDelta::hours(5)).await;
        assert_eq!(fake.refunded(), 9_944, "{second} waits for a person");
        let person = left + TimeDelta::hours(6);
        let refused = town.try_act(person, &id, |draft| draft.release(false)).await.map(drop).unwrap_err().to_string();
        assert!(refused.contains("kasacare refund-paid"), "{refused}");
        town.act(person, &id, |draft| draft.refund_was_paid(&first, &reference, None, Some(Replacement::NotMade))).await;
        town.act(person, &id, |draft| draft.release(false)).await;
        town.run_at(person + TimeDelta::hours(1)).await;
        assert_eq!(states().await, [AttemptState::Succeeded, AttemptState::Abandoned]);
        let account = town.account(&id).await;
        assert_eq!((fake.refunded(), account.profile.credit_cash), (9_944, usd(0)));
        assert!(account.tasks.values().all(|task| !task.is_open()));
        // The tables of the simulated provider, which know nothing of Stripe's, are no part of it.
        let report = checked(&db).await;
        let broken: Vec<&str> = report.broken().map(|outcome| outcome.name).collect();
        assert_eq!(broken, ["provider_charges", "provider_refunds"], "{}", report.summary());
    })
    .await;
}
