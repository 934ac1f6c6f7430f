//! The life of subscriptions as the rules tell it (LC, CP), written down a second time and by hand: names of states and which may
//! follow on which. It knows nothing of money, so where the outcome hangs on a payment it allows both.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use kasacare::domain::account::Account;
use kasacare::domain::ids::{AccountId, SubscriptionId};
use kasacare::domain::subscription::Intent;

use super::acts::Ask;

/// What the rules say about a command before it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    Refused,
    /// It hangs on what the model does not know.
    Either,
}

/// What has happened so far, as far as the rules count it.
#[derive(Debug, Default)]
pub struct Model {
    states: BTreeMap<SubscriptionId, &'static str>,
    trials: BTreeSet<AccountId>,
}

/// A command and the account that it is given to.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub ask: &'a Ask,
    pub account: &'a Account,
    /// The subscription that it is about.
    pub about: Option<&'a SubscriptionId>,
    /// Today, where the account lives.
    pub today: NaiveDate,
}

impl Asked<'_> {
    fn state(&self) -> &'static str {
        self.about.map_or("free", |id| self.account.subscriptions[id].state.name())
    }

    /// Whether the term's period is over, and its renewal has not run.
    fn is_over(&self) -> bool {
        let term = self.about.and_then(|id| self.account.subscriptions[id].state.term());
        term.is_some_and(|term| term.period.end <= self.today && term.intent != Intent::Renews)
    }

    fn is_covered(&self, camera: u8) -> bool {
        let camera = format!("{}-cam{camera}", self.account.profile.id);
        let covers = |other: &kasacare::domain::account::Subscription| other.camera.as_ref().is_none_or(|own| own.as_str() == camera);
        self.account.subscriptions.values().any(|other| other.state.is_live() && covers(other))
    }

    fn has_a_live_one(&self) -> bool {
        self.account.subscriptions.values().any(|other| other.state.is_live())
    }

    fn can_pay(&self) -> bool {
        self.account.profile.method.as_ref().is_some_and(|method| !method.blocked)
    }
}

impl Model {
    /// LC-10: whether a command is legal.
    pub fn verdict(&self, asked: &Asked<'_>) -> Verdict {
        use Verdict::{Accepted, Either, Refused};
        let parked = asked.account.profile.parked.is_some();
        match (asked.ask, asked.state()) {
            (Ask::Card(_) | Ask::Credit(_) | Ask::CollectionCost(_), _) => Accepted,
            // A cancellation is never refused, not even on a parked account (PV-8); what has ended is ended already.
            (Ask::Cancel(_), "free") => Either,
            (Ask::Cancel(_), _) => Accepted,
            (Ask::Suspend(_), "active" | "past_due" | "suspended") => Accepted,
            (Ask::Suspend(_), _) => Refused,
            (Ask::Release(_), _) => {
                if parked {
                    Accepted
                } else {
                    Refused
                }
            }
            (_, _) if parked => {
                if matches!(asked.ask, Ask::WriteOff(_)) {
                    Either
                } else {
                    Refused
                }
            }
            (Ask::Subscribe(plan, camera, code), _) => verdict_on_order(asked, plan, *camera, code.is_some()),
            (Ask::Trial(..), _) if self.trials.contains(&asked.account.profile.id) => Refused,
            (Ask::Trial(plan, camera), _) => verdict_on_order(asked, plan, *camera, true),
            (Ask::ChangePlan(..), "pending" | "suspended" | "closed" | "free") => Refused,
            (Ask::Resume(_), "active" | "past_due" | "suspended") => {
                if asked.is_over() {
                    Refused
                } else {
                    Accepted
                }
            }
            (Ask::Resume(_), _) => Refused,
            (Ask::Promotion(..), "pending" | "closed" | "free") => Refused,
            (Ask::Reinstate(_), "suspended") => {
                if asked.is_over() {
                    Either
                } else {
                    Accepted
                }
            }
            (Ask::Reinstate(_), _) => Refused,
            // A charge under way must settle first (CA-4).
            (Ask::Terminate(..), "trialing") => Accepted,
            (Ask::Terminate(..), "active" | "past_due" | "suspended") => Either,
            (Ask::Terminate(..), _) => Refused,
            (Ask::CancelUnpaid(_), "past_due" | "suspended") => Either,
            (Ask::CancelUnpaid(_), _) => Refused,
            (Ask::CancelOrder(_), "active" | "past_due" | "suspended") => Either,
            (Ask::CancelOrder(_), _) => Refused,
            (Ask::ChangePlan(..) | Ask::TransferCamera(_) | Ask::Promotion(..) | Ask::Correct(..) | Ask::WriteOff(_), _) => Either,
            (Ask::OpenDispute(..) | Ask::EndDispute(..) | Ask::FailRefund(_), _) => Either,
        }
    }

    /// Sees an account after an accepted command.
    pub fn saw_command(&mut self, asked: &Asked<'_>, after: &Account) {
        if let Ask::Trial(..) = asked.ask {
            let first = self.trials.insert(after.profile.id.clone());
            assert!(first, "a second trial (LC-2)");
        }
        // Going to a plan for the whole account ends the others; a camera takes its own subscription along (LC-6).
        let ends_others = match asked.ask {
            Ask::ChangePlan(_, plan, _) => plan.starts_with("premium"),
            Ask::TransferCamera(_) => true,
            _ => false,
        };
        let released = matches!(asked.ask, Ask::Release(_));
        self.saw(after, |id, from| match (Some(id) == asked.about, from) {
            (true, _) => after_command(asked.ask, from),
            (false, "free") => born(asked.ask),
            // Cancellations that waited are carried out, and what was missed begins anew.
            (false, _) if released => after_jobs(from),
            (false, _) if ends_others => vec![from, "closed"],
            (false, _) => vec![from],
        });
    }

    /// Sees an account after the jobs have run.
    pub fn saw_jobs(&mut self, after: &Account) {
        self.saw(after, |_, from| after_jobs(from));
    }

    fn saw(&mut self, after: &Account, allowed: impl Fn(&SubscriptionId, &'static str) -> Vec<&'static str>) {
        for (id, subscription) in &after.subscriptions {
            let (from, to) = (self.states.get(id).copied().unwrap_or("free"), subscription.state.name());
            let allowed = allowed(id, from);
            assert!(allowed.contains(&to), "{id} went from {from} to {to}, and may only become {allowed:?} (I8)");
            self.states.insert(id.clone(), to);
        }
    }
}

/// One live subscription per camera and one for the whole account (rules, Words).
fn verdict_on_order(asked: &Asked<'_>, plan: &str, camera: u8, more: bool) -> Verdict {
    let whole = plan.starts_with("premium");
    let covered = if whole { asked.has_a_live_one() } else { asked.is_covered(camera) };
    match (covered, asked.can_pay() && !more) {
        (true, _) => Verdict::Refused,
        (false, true) => Verdict::Accepted,
        (false, false) => Verdict::Either,
    }
}

/// What a new subscription may be.
fn born(ask: &Ask) -> Vec<&'static str> {
    match ask {
        // Active at once where there is nothing to collect (LC-3).
        Ask::Subscribe(..) => vec!["pending", "active"],
        Ask::Trial(..) => vec!["trialing"],
        _ => vec![],
    }
}

/// What a subscription may be after an accepted command about it.
fn after_command(ask: &Ask, from: &'static str) -> Vec<&'static str> {
    match (ask, from) {
        // Recorded, and carried out when the first charge has settled (LC-3).
        (Ask::Cancel(_), "pending") => vec!["pending"],
        (Ask::Cancel(_) | Ask::Terminate(_, false), "active" | "past_due" | "suspended") => vec![from, "closed"],
        (Ask::Cancel(_), _) => vec!["closed"],
        (Ask::Terminate(..) | Ask::CancelUnpaid(_) | Ask::CancelOrder(_), _) => vec!["closed"],
        (Ask::ChangePlan(..), "trialing") => vec!["trialing"],
        // The new charge may have no card, and the old debt may have been credited away.
        (Ask::ChangePlan(..), _) => vec!["active", "past_due"],
        (Ask::Suspend(_), _) => vec!["suspended"],
        (Ask::Reinstate(_), _) => vec!["active", "past_due"],
        // What is owed may become less.
        (Ask::Correct(..) | Ask::WriteOff(_), "past_due") => vec!["past_due", "active"],
        (_, _) => vec![from],
    }
}

/// What a subscription may become when days pass: payments settle, periods and trials end, disputes are lost.
fn after_jobs(from: &'static str) -> Vec<&'static str> {
    match from {
        "trialing" => vec!["trialing", "pending", "active", "past_due", "closed"],
        "pending" => vec!["pending", "active", "past_due", "closed"],
        "active" | "past_due" => vec!["active", "past_due", "closed"],
        "suspended" => vec!["suspended", "closed"],
        _ => vec![from],
    }
}
