//! Every state and every command that a person can give (LC-10): what the rules refuse is refused and changes nothing, what they
//! allow is allowed. Which is which is written down here by hand, and the state machine must agree.

use kasacare::clock::Clock;
use kasacare::domain::change::operator::NewMethod;
use kasacare::domain::change::{Draft, Planned, Refusal};
use kasacare::domain::ids::{AccountId, CameraId, SubscriptionId};
use kasacare::domain::subscription::{Command, Intent, State, decide};
use kasacare::domain::terms::Effective;
use kasacare::engine::Who;

use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon, order};

type Plan = fn(&mut Draft<'_>, &SubscriptionId) -> Planned;

/// Late on 10 February where they live: after the run of that day, and before the first retry.
const AT: &str = "2026-02-11T01:00:00Z";

const COMMANDS: [(&str, Plan); 13] = [
    ("cancel", |draft, id| draft.cancel(id)),
    ("change-plan", |draft, id| draft.change_plan(id, &"plus/annual".parse().unwrap(), None)),
    ("resume", |draft, id| draft.resume(id)),
    ("promotion", |draft, id| draft.redeem_later(id, "HALF3")),
    ("transfer-camera", |draft, _| draft.transfer_camera(&first_camera(draft))),
    ("subscribe", |draft, _| draft.subscribe(&order(&draft.account.profile.id.clone(), "plus/monthly")).map(drop)),
    ("trial", |draft, _| draft.start_trial(&"plus/monthly".parse().unwrap(), Some(&first_camera(draft))).map(drop)),
    ("suspend", |draft, id| draft.suspend(id)),
    ("reinstate", |draft, id| draft.reinstate(id)),
    ("terminate", |draft, id| draft.terminate(id, false)),
    ("terminate for a breach", |draft, id| draft.terminate(id, true)),
    ("cancel-unpaid", |draft, id| draft.cancel_unpaid(id)),
    ("cancel-order", |draft, id| draft.cancel_order(id, kasacare::domain::refund::Destination::Refund)),
];

/// The states, each an account of that name, and what is refused in it.
const REFUSED: [(&str, &[&str]); 9] = [
    // No subscription: only what makes one, or is not about one.
    (
        "free",
        &[
            "cancel",
            "change-plan",
            "resume",
            "promotion",
            "suspend",
            "reinstate",
            "terminate",
            "terminate for a breach",
            "cancel-unpaid",
            "cancel-order",
        ],
    ),
    (
        "pending",
        &[
            "change-plan",
            "resume",
            "promotion",
            "transfer-camera",
            "subscribe",
            "trial",
            "suspend",
            "reinstate",
            "terminate",
            "terminate for a breach",
            "cancel-unpaid",
            "cancel-order",
        ],
    ),
    ("trialing", &["resume", "subscribe", "trial", "suspend", "reinstate", "cancel-unpaid", "cancel-order"]),
    ("active", &["subscribe", "trial", "reinstate", "cancel-unpaid"]),
    ("past_due", &["subscribe", "trial", "reinstate"]),
    ("suspended", &["change-plan", "subscribe", "trial", "cancel-unpaid"]),
    ("suspended-unpaid", &["change-plan", "subscribe", "trial"]),
    (
        "closed",
        &[
            "change-plan",
            "resume",
            "promotion",
            "suspend",
            "reinstate",
            "terminate",
            "terminate for a breach",
            "cancel-unpaid",
            "cancel-order",
        ],
    ),
    // PV-8: a cancellation is accepted at its instant, and service may be stopped.
    (
        "parked",
        &[
            "change-plan",
            "resume",
            "promotion",
            "transfer-camera",
            "subscribe",
            "trial",
            "reinstate",
            "terminate",
            "terminate for a breach",
            "cancel-unpaid",
            "cancel-order",
        ],
    ),
];

fn first_camera(draft: &Draft<'_>) -> CameraId {
    CameraId::parse(&format!("{}-cam1", draft.account.profile.id)).unwrap()
}

fn of(name: &str) -> (AccountId, SubscriptionId) {
    (AccountId::parse(name).unwrap(), SubscriptionId::parse(&format!("{name}-s1")).unwrap())
}

/// One account in each state, as of [`AT`].
async fn one_in_each_state(town: &Town) {
    let at = AT.parse().unwrap();
    for (name, _) in REFUSED {
        town.move_in(name, OREGON, "tok_ok").await;
    }
    for name in ["active", "past_due", "suspended", "suspended-unpaid", "closed", "parked"] {
        town.subscribe("2026-01-10", &of(name).0, "plus/monthly").await;
    }
    let empty = NewMethod { token: "tok_insufficient".to_owned(), label: "Visa ending 9995".to_owned(), expires_on: None };
    for name in ["past_due", "suspended-unpaid"] {
        town.act(noon("2026-01-11"), &of(name).0, |draft| draft.replace_method(&empty)).await;
    }
    town.run("2026-02-10").await;
    let (pending, trialing) = (of("pending").0, of("trialing").0);
    town.act(at, &pending, |draft| draft.subscribe(&order(&pending, "plus/monthly"))).await;
    town.act(at, &trialing, |draft| draft.start_trial(&"plus/monthly".parse().unwrap(), Some(&first_camera(draft)))).await;
    for name in ["suspended", "suspended-unpaid"] {
        let (account, id) = of(name);
        town.act(at, &account, |draft| draft.suspend(&id)).await;
    }
    let (account, id) = of("closed");
    town.act(at, &account, |draft| draft.terminate(&id, true)).await;
    town.act(at, &of("parked").0, |draft| draft.park("inconsistent", "a story")).await;
}

/// What the state machine says of a command, where it is one for the state machine.
fn machine_allows(state: &State, command: &str) -> Option<bool> {
    let on = noon("2026-02-10").date_naive();
    let commands = match command {
        "cancel" => vec![Command::Cancel { effective: Effective::EndOfPeriod, on }],
        "change-plan" => match state {
            State::Trialing { trial } => vec![Command::ChangeTrial { trial: trial.clone() }],
            other => other.term().map(|term| Command::ChangeAtOnce { term: term.clone() }).into_iter().collect(),
        },
        "resume" => vec![Command::Resume],
        "suspend" => vec![Command::Suspend { on }],
        "reinstate" => vec![Command::Reinstate { on, term: None }],
        "terminate" => vec![Command::Terminate { effective: Effective::AtOnce, on, breach: false }],
        "terminate for a breach" => vec![Command::Terminate { effective: Effective::AtOnce, on, breach: true }],
        "cancel-unpaid" => vec![Command::CancelUnpaid { on }],
        "cancel-order" => vec![Command::CancelOrder { on }],
        _ => return None,
    };
    let commands = if commands.is_empty() { vec![Command::ChangeAtPeriodEnd { intent: Intent::Renews }] } else { commands };
    Some(commands.iter().all(|command| decide(state, command).is_ok()))
}

async fn refused(town: &Town, name: &str, command: &str, plan: Plan) {
    let (account, id) = of(name);
    let before = town.account(&account).await;
    let refusal = town.try_act(AT.parse().unwrap(), &account, |draft| plan(draft, &id)).await.map(drop).expect_err(command);
    assert_eq!(town.account(&account).await, before, "{command} changed something, {name}");
    if let Refusal::Illegal(illegal) = refusal {
        assert_eq!(illegal.state, before.subscriptions[&id].state.name(), "{command} when {name} names another state: {illegal}");
    }
}

#[tokio::test]
async fn every_state_and_every_command() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        one_in_each_state(&town).await;
        let engine = town.engine.at(Clock::Fixed(AT.parse().unwrap()));
        let who = Who { actor: "olga".to_owned(), reason: Some("a story".to_owned()), request_id: None };
        for (name, illegal) in REFUSED {
            let (account, id) = of(name);
            let state = town.account(&account).await.subscriptions.get(&id).map_or(State::Free, |found| found.state.clone());
            assert!(name == "parked" || name.starts_with(state.name()), "{name} is {}", state.name());
            for (command, plan) in COMMANDS {
                if illegal.contains(&command) {
                    refused(&town, name, command, plan).await;
                } else if let Err(refusal) = engine.quote(&account, "story", &who, |draft| plan(draft, &id)).await {
                    panic!("{command} is refused, {name}: {refusal}");
                }
                let expected = !illegal.contains(&command);
                let comparable = !["free", "parked"].contains(&name);
                assert!(machine_allows(&state, command).is_none_or(|allows| !comparable || allows == expected), "{command}, {name}");
            }
        }
    })
    .await;
}
