//! What people and operators do on a day of the demo. Every act goes through the same plans as the commands do; what the
//! rules refuse is counted and changes nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::chance::Chance;
use super::people::{Person, method};
use crate::domain::account::{Account, CorrectionState, Subscription};
use crate::domain::calendar::Cycle;
use crate::domain::catalog::Plan;
use crate::domain::change::correct::Correct;
use crate::domain::change::operator::NewMethod;
use crate::domain::change::start::Order;
use crate::domain::change::{Change, Draft, Planned};
use crate::domain::ids::{AccountId, CameraId, SubscriptionId};
use crate::domain::money::Money;
use crate::domain::subscription::{Intent, State};
use crate::engine::batch::Work;
use crate::store::account::Scope;

/// One act of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Subscribes, or starts a trial.
    Join,
    /// Buys for a second camera.
    AnotherCamera,
    /// Goes to premium.
    Upgrade,
    /// Goes to plus.
    Downgrade,
    /// Goes from monthly to annual or back.
    OtherCycle,
    /// Cancels.
    Cancel,
    /// Withdraws a cancellation.
    Resume,
    /// Gives a camera away.
    Transfer,
    /// Puts a new card on file.
    NewCard,
    /// An operator finds that the last payment was wrong.
    Mischarged,
    /// An operator grants goodwill.
    Goodwill,
    /// An operator suspends.
    Suspend,
    /// An operator reinstates.
    Reinstate,
    /// An operator terminates for a breach.
    Breach,
}

/// What a person may do on any day, and how often in 100,000 days.
const HABITS: &[(Act, u64)] = &[
    (Act::AnotherCamera, 60),
    (Act::Upgrade, 110),
    (Act::Downgrade, 50),
    (Act::OtherCycle, 60),
    (Act::Cancel, 150),
    (Act::Resume, 900),
    (Act::Transfer, 12),
    (Act::Mischarged, 25),
    (Act::Goodwill, 15),
    (Act::Suspend, 6),
    (Act::Reinstate, 2_500),
    (Act::Breach, 2),
];
/// How often somebody without a usable card puts a new one on file, in 100,000 days.
const NEW_CARD: u64 = 18_000;

/// The acts of a person on a day; `stuck` where the card was refused.
#[must_use]
pub fn acts(chance: Chance, person: &Person, day: u64, stuck: bool, suspended: bool) -> Vec<Act> {
    if day == person.joins_on {
        return vec![Act::Join];
    }
    if day < person.joins_on {
        return Vec::new();
    }
    let mut acts: Vec<Act> = HABITS
        .iter()
        .filter(|(act, _)| *act != Act::Reinstate || suspended)
        .filter(|(act, often)| chance.hits(*often, &format!("{act:?}"), person.number, day))
        .map(|(act, _)| *act)
        .collect();
    if stuck && chance.hits(NEW_CARD, "new card", person.number, day) {
        acts.push(Act::NewCard);
    }
    acts
}

/// All acts of one day, as batch work.
pub struct Day<'a> {
    /// The oracle.
    pub chance: Chance,
    /// The day's number.
    pub day: u64,
    /// Who does what.
    pub acts: BTreeMap<AccountId, (&'a Person, Vec<Act>)>,
    /// Gets every stored change.
    pub told: &'a Mutex<Vec<Change>>,
    /// Counts what the rules refused.
    pub refused: &'a Mutex<u64>,
}

impl Work for Day<'_> {
    fn kind(&self) -> &'static str {
        "customer"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let Some((person, acts)) = self.acts.get(&draft.account.profile.id) else { return Ok(()) };
        for act in acts {
            if draft.attempt(|draft| self.act(draft, person, *act)).is_err()
                && let Ok(mut refused) = self.refused.lock()
            {
                *refused += 1;
            }
        }
        Ok(())
    }

    fn stored(&self, changes: &[Change]) {
        if let Ok(mut told) = self.told.lock() {
            told.extend(changes.iter().cloned());
        }
    }
}

impl Day<'_> {
    fn pick(&self, purpose: &str, person: &Person, below: u64) -> u64 {
        self.chance.pick(purpose, person.number, self.day, below)
    }

    fn act(&self, draft: &mut Draft<'_>, person: &Person, act: Act) -> Planned {
        match act {
            Act::Join => return self.join(draft, person),
            Act::AnotherCamera => return Self::another_camera(draft, person),
            Act::NewCard => return self.new_card(draft, person),
            Act::Goodwill => return draft.grant_credit(tenth(draft)),
            Act::Mischarged => return self.mischarged(draft, person),
            Act::Transfer => {
                let camera = person.cameras.last().filter(|camera| draft.account.cameras.contains(camera)).cloned();
                return camera.map_or(Ok(()), |camera| draft.transfer_camera(&camera));
            }
            _ => {}
        }
        let Some(subscription) = live(&draft.account) else { return Ok(()) };
        let id = subscription.id.clone();
        match act {
            Act::Cancel => draft.cancel(&id),
            Act::Resume if has_pending_end(&subscription) => draft.resume(&id),
            Act::Suspend => draft.suspend(&id),
            Act::Reinstate if matches!(subscription.state, State::Suspended { .. }) => draft.reinstate(&id),
            Act::Breach => draft.terminate(&id, true),
            Act::Upgrade => change_tier(draft, &subscription, "premium"),
            Act::Downgrade => change_tier(draft, &subscription, "plus"),
            Act::OtherCycle => other_cycle(draft, &subscription),
            _ => Ok(()),
        }
    }

    fn join(&self, draft: &mut Draft<'_>, person: &Person) -> Planned {
        let cycle = if self.pick("cycle", person, 100) < 60 { Cycle::Monthly } else { Cycle::Annual };
        let premium = self.pick("tier", person, 100) < 30;
        let plan = Plan::new(if premium { "premium" } else { "plus" }, cycle);
        let camera = person.cameras.first().filter(|_| !premium).cloned();
        if self.pick("trial", person, 100) < 25 {
            return draft.start_trial(&plan, camera.as_ref()).map(drop);
        }
        let promotion = match self.pick("promotion", person, 100) {
            0..=9 => Some("WELCOME20".to_owned()),
            10..=14 if cycle == Cycle::Monthly => Some("HALF3".to_owned()),
            15..=17 if cycle == Cycle::Annual => Some("LOYAL".to_owned()),
            _ => None,
        };
        draft.subscribe(&Order { plan, camera, promotion }).map(drop)
    }

    fn another_camera(draft: &mut Draft<'_>, person: &Person) -> Planned {
        let covered: Vec<&CameraId> =
            draft.account.subscriptions.values().filter(|other| other.state.is_live()).filter_map(|other| other.camera.as_ref()).collect();
        let free = person.cameras.iter().find(|camera| !covered.contains(camera) && draft.account.cameras.contains(camera)).cloned();
        let Some(camera) = free else { return Ok(()) };
        draft.subscribe(&Order { plan: Plan::new("plus", Cycle::Monthly), camera: Some(camera), promotion: None }).map(drop)
    }

    fn new_card(&self, draft: &mut Draft<'_>, person: &Person) -> Planned {
        let number = draft.account.profile.method.as_ref().map_or(1, |old| old.number.saturating_add(1));
        let card = method(self.chance, person.number, number, draft.today);
        draft.replace_method(&NewMethod { token: card.token, label: card.label, expires_on: card.expires_on })
    }

    /// The last captured invoice was charged too much or too little; most are found in time, some too late.
    fn mischarged(&self, draft: &mut Draft<'_>, person: &Person) -> Planned {
        let busy = draft.account.corrections.values().any(|correction| correction.state == CorrectionState::Open);
        let last = draft.account.payments.values().max_by_key(|payment| payment.captured_on).map(|payment| payment.invoice.clone());
        let Some(row) = last.and_then(|id| draft.account.invoices.get(&id)).filter(|_| !busy) else { return Ok(()) };
        let (id, net) = (row.document.id.clone(), row.document.net);
        let tenth = net.share(1, 10)?;
        let correct = if self.pick("too much", person, 2) == 0 { net.minus(tenth)? } else { net.plus(tenth)? };
        draft.correct(&id, Correct::Net(correct))
    }
}

fn tenth(draft: &Draft<'_>) -> Money {
    Money::new(draft.account.profile.currency.scale().saturating_mul(5), draft.account.profile.currency)
}

fn live(account: &Account) -> Option<Subscription> {
    account.subscriptions.values().find(|subscription| subscription.state.is_live()).cloned()
}

fn has_pending_end(subscription: &Subscription) -> bool {
    subscription.state.term().is_some_and(|term| term.intent != Intent::Renews)
}

fn change_tier(draft: &mut Draft<'_>, subscription: &Subscription, tier: &str) -> Planned {
    let Some(plan) = subscription.state.plan().filter(|plan| plan.tier != tier) else { return Ok(()) };
    let to = Plan::new(tier, plan.cycle);
    change(draft, &subscription.id, &to)
}

fn other_cycle(draft: &mut Draft<'_>, subscription: &Subscription) -> Planned {
    let Some(plan) = subscription.state.plan() else { return Ok(()) };
    let cycle = if plan.cycle == Cycle::Monthly { Cycle::Annual } else { Cycle::Monthly };
    change(draft, &subscription.id, &Plan::new(&plan.tier, cycle))
}

fn change(draft: &mut Draft<'_>, id: &SubscriptionId, to: &Plan) -> Planned {
    let camera = if to.tier == "plus" { draft.account.cameras.first().cloned() } else { None };
    let named = draft.subscription(id)?.camera.is_none();
    draft.change_plan(id, to, camera.as_ref().filter(|_| named))
}
