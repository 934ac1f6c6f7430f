//! Commands that are not legal are refused, and nothing has changed (LC-10).

use kasacare::domain::change::{Draft, Planned};
use kasacare::domain::ids::SubscriptionId;
use kasacare::domain::refund::Destination;

use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon, order};

type Plan = fn(&mut Draft<'_>, &SubscriptionId) -> Planned;

const COMMANDS: &[(&str, Plan)] = &[
    ("change-plan to the same plan", |draft, id| draft.change_plan(id, &"plus/monthly".parse().unwrap(), None)),
    ("change-plan to an unknown tier", |draft, id| draft.change_plan(id, &"gold/monthly".parse().unwrap(), None)),
    ("reinstate", |draft, id| draft.reinstate(id)),
    ("cancel-unpaid", |draft, id| draft.cancel_unpaid(id)),
    ("release", |draft, _| draft.release(false)),
    ("write-off", |draft, id| draft.write_off(&format!("in_{id}_1_0"))),
    ("subscribe for a covered camera", |draft, _| {
        let order = order(&draft.account.profile.id.clone(), "plus/monthly");
        draft.subscribe(&order).map(drop)
    }),
    ("subscribe premium beside plus", |draft, _| {
        let order = order(&draft.account.profile.id.clone(), "premium/monthly");
        draft.subscribe(&order).map(drop)
    }),
    ("transfer an unknown camera", |draft, _| draft.transfer_camera(&kasacare::domain::ids::CameraId::parse("nobodys").unwrap())),
    ("an unknown promotion", |draft, id| draft.redeem_later(id, "NOPE")),
];

const ON_CLOSED: &[(&str, Plan)] = &[
    ("resume", |draft, id| draft.resume(id)),
    ("change-plan", |draft, id| draft.change_plan(id, &"premium/monthly".parse().unwrap(), None)),
    ("suspend", |draft, id| draft.suspend(id)),
    ("reinstate", |draft, id| draft.reinstate(id)),
    ("cancel-unpaid", |draft, id| draft.cancel_unpaid(id)),
    ("cancel-order", |draft, id| draft.cancel_order(id, Destination::Refund)),
    ("promotion", |draft, id| draft.redeem_later(id, "HALF3")),
];

async fn all_refused(town: &Town, at: &str, name: &str, subscription: &SubscriptionId, commands: &[(&str, Plan)]) {
    let id = kasacare::domain::ids::AccountId::parse(name).unwrap();
    let before = town.account(&id).await;
    for (what, plan) in commands {
        let refused = town.try_act(noon(at), &id, |draft| plan(draft, subscription)).await;
        assert!(refused.is_err(), "{what} must be refused");
        assert_eq!(town.account(&id).await, before, "{what} changed something");
    }
}

#[tokio::test]
async fn illegal_commands_change_nothing() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let subscription = town.subscribe("2026-01-10", &id, "plus/monthly").await;
        all_refused(&town, "2026-01-20", "a", &subscription, COMMANDS).await;
        town.act(noon("2026-01-20"), &id, |draft| draft.terminate(&subscription, true)).await;
        all_refused(&town, "2026-01-21", "a", &subscription, ON_CLOSED).await;
    })
    .await;
}

#[tokio::test]
async fn while_the_first_charge_is_open_only_cancelling_is_accepted() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let ordered = order(&id, "plus/monthly");
        let (_, subscription) = town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&ordered)).await;
        all_refused(&town, "2026-01-10", "a", &subscription, ON_CLOSED).await;
        town.act(noon("2026-01-10"), &id, |draft| draft.cancel(&subscription)).await;
        town.run("2026-01-10").await;
        // It was captured after all: the whole charge goes back, for no service was given (LC-3).
        let account = town.account(&id).await;
        assert_eq!(account.refunds.values().map(|refund| refund.amount.minor()).collect::<Vec<_>>(), [999]);
        assert_eq!(account.subscriptions[&subscription].state.name(), "closed");
    })
    .await;
}
