//! What the calendar brings, as batch work: renewals and ends, reminders, corrections, revenue recognition.

use crate::domain::account::Account;
use crate::domain::change::{Draft, Planned};
use crate::domain::schedule::due_on;
use crate::domain::subscription::{Intent, State};
use crate::engine::batch::Work;
use crate::store::account::Scope;

/// Trial ends, renewals, deferred changes and ends (LC-4, CA-2, CA-3).
#[derive(Debug, Clone, Copy)]
pub struct Renewals;

impl Work for Renewals {
    fn kind(&self) -> &'static str {
        "renew"
    }

    fn scope(&self) -> Scope {
        Scope::RENEWAL
    }

    /// An ordinary renewal needs no history; an end, a deferred change and the end of a trial do, and so do an amount that was
    /// carried (another charge may collect it already) and credit (somebody may have a task to pay it out).
    fn needs_everything(&self, account: &Account) -> bool {
        let profile = &account.profile;
        let more_than_the_fee = profile.carried.is_positive() || profile.credit_cash.is_positive();
        more_than_the_fee
            || account.subscriptions.values().any(|subscription| {
                due_on(subscription).is_some()
                    && match &subscription.state {
                        State::Trialing { .. } => true,
                        state => state.term().is_some_and(|term| term.intent != Intent::Renews),
                    }
            })
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        draft.run_due()
    }
}

/// Renewal reminders (RE-1).
#[derive(Debug, Clone, Copy)]
pub struct Reminders;

impl Work for Reminders {
    fn kind(&self) -> &'static str {
        "remind"
    }

    fn scope(&self) -> Scope {
        Scope::RENEWAL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        draft.remind()
    }
}

/// Corrections inside their window, and what happens after it (CO-2, CO-3).
#[derive(Debug, Clone, Copy)]
pub struct Corrections;

impl Work for Corrections {
    fn kind(&self) -> &'static str {
        "correct"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        draft.run_corrections()
    }
}

/// Revenue of months that have ended (RR-1).
#[derive(Debug, Clone, Copy)]
pub struct Recognition;

impl Work for Recognition {
    fn kind(&self) -> &'static str {
        "recognise"
    }

    fn scope(&self) -> Scope {
        Scope::RECOGNITION
    }

    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        draft.recognise()
    }
}
