//! Calls of which it is not known what became, and what may be concluded from what (PV-2, F02, F72).

use chrono::TimeDelta;
use kasacare::domain::account::AttemptState;
use kasacare::domain::ids::AccountId;
use serde_json::Value;

use super::calls::{settled, town_at, town_in};
use super::fake::Fault;
use super::number;
use crate::world::on_both;
use crate::world::town::{OREGON, noon, order};

const JOINED: &str = "2026-01-31";

/// The method was never seen with a customer, or is detached since, and Stripe's search knows nothing yet: the list of all payments of that
/// time decides, whether the first call has arrived or not.
#[tokio::test]
async fn a_charge_of_a_method_without_a_customer_is_found_or_known_not_to_be() {
    on_both(async |db| {
        for (number, fault) in [Fault::LostAfter, Fault::LostBefore].into_iter().enumerate() {
            let (town, fake) = town_in(&db, number).await;
            fake.state().search_lags = true;
            settled(&town, &fake, &format!("f{number}").parse().unwrap()).await;
            let id: AccountId = format!("bare{number}").parse().unwrap();
            town.move_in(id.as_str(), OREGON, &format!("pm_bare_{number}")).await;
            fake.fail(&[fault]);
            fake.state().lists_hidden = true;
            let order = order(&id, "plus/annual");
            town.act(noon(JOINED), &id, |draft| draft.subscribe(&order)).await;
            fake.state().now = noon(JOINED).timestamp();
            town.run_at(noon(JOINED)).await;
            assert!(town.account(&id).await.charges.values().all(|charge| charge.state == AttemptState::Unknown), "{fault:?}");
            {
                let mut state = fake.state();
                state.lists_hidden = false;
                state.methods.values_mut().for_each(|method| method["customer"] = Value::Null);
            }
            settled(&town, &fake, &id).await;
            let account = town.account(&id).await;
            let states: Vec<_> = account.charges.values().map(|charge| charge.state).collect();
            assert_eq!((states, fake.captured()), (vec![AttemptState::Succeeded], 2), "{fault:?}");
        }
    })
    .await;
}

/// A restricted key that may charge and not refund: who is to be charged does not wait for who is to be refunded.
#[tokio::test]
async fn a_key_that_may_not_refund_charges_all_the_same() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        let (leaves, comes) = (town.move_in("leaves", OREGON, "cus_1:pm_ok").await, town.move_in("comes", OREGON, "cus_2:pm_ok_2").await);
        let subscription = town.subscribe(JOINED, &leaves, "plus/annual").await;
        fake.state().forbidden = vec![("POST", "refunds")];
        let at = noon("2026-02-01");
        fake.state().now = at.timestamp();
        town.act(at, &leaves, |draft| draft.cancel(&subscription)).await;
        town.run_at(at).await;
        assert_eq!(fake.refunded(), 0);
        let order = order(&comes, "plus/annual");
        town.act(at, &comes, |draft| draft.subscribe(&order)).await;
        town.run_at(at + TimeDelta::seconds(10)).await;
        assert_eq!(fake.captured(), 2, "ten seconds after a refund was not let in");
        // Nobody is parked for it, and the refund is made once the key may.
        fake.state().forbidden.clear();
        town.run_at(at + TimeDelta::minutes(2)).await;
        assert_eq!(fake.refunded(), 9_944);
        let refund = town.account(&leaves).await;
        assert_eq!((refund.profile.parked, refund.refunds.values().next().unwrap().state), (None, AttemptState::Succeeded));
    })
    .await;
}

/// Somebody was being served under its key when it was sent, and then the key of the account was revoked: whatever that other request did,
/// this one must not pass for one that was never sent, whose lease is taken back as if there had been none.
#[tokio::test]
async fn a_call_whose_key_was_in_use_is_in_doubt_whatever_comes_then() {
    on_both(async |db| {
        for (number, faults) in [[Fault::Busy, Fault::Unauthorized], [Fault::Busy, Fault::Busy]].into_iter().enumerate() {
            let (town, fake) = town_in(&db, number).await;
            fake.fail(&faults);
            if number == 1 {
                fake.fail(&[Fault::TooMany, Fault::TooMany]);
            }
            fake.state().lists_hidden = true;
            town.run_at(noon(JOINED)).await;
            let in_doubt = [
                "select count(*) from charges where account_id = 'f0' and first_sent_at is not null and lease_no > 0 \
                 and state = 'unknown'",
                "select count(*) from charges where account_id = 'f1' and first_sent_at is not null \
                 and lease_no > 0 and state = 'unknown'",
            ];
            assert_eq!(super::number(&db, in_doubt[number]).await, 1, "{faults:?}");
            fake.state().lists_hidden = false;
            settled(&town, &fake, &format!("f{number}").parse().unwrap()).await;
            assert_eq!(fake.captured(), 1, "{faults:?}");
        }
        assert_eq!(number(&db, "select count(*) from charges where state = 'succeeded'").await, 2);
    })
    .await;
}
