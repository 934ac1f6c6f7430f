//! LC: the life of one subscription. `decide` says what a command does in a state, `evolve` applies it.
//!
//! Every pair of state and command is written out, one function a state; `kasacare states` prints the table from here.
//! An empty list of events means "already so" and is not an error (LC-10 is about commands that are not legal).
//! Money is not decided here: [`super::change`] adds invoices, notes and charges to what this module allows.

mod command;
mod decide;
pub mod table;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

pub use command::{Command, Illegal, Life};
pub use decide::{decide, evolve};

use super::calendar::Period;
use super::catalog::Plan;
use super::ids::CameraId;

/// Names the variants of an enum, all of them: the compiler misses none, so that whoever goes through `NAMES` doesn't either.
macro_rules! named {
    ($kind:ident { $($variant:ident => $name:literal,)+ }) => {
        impl $kind {
            /// The names of all variants, in the order of the rules.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Its name in the rules.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)+
                }
            }
        }
    };
}
use named;

/// Who charges the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// We do.
    Direct,
    /// Apple does; we follow.
    AppStore,
    /// Google does; we follow.
    GooglePlay,
    /// Recurly does; we follow.
    Recurly,
}

impl Channel {
    /// The stored tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::AppStore => "app_store",
            Self::GooglePlay => "google_play",
            Self::Recurly => "recurly",
        }
    }

    /// Parses a stored tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        [Self::Direct, Self::AppStore, Self::GooglePlay, Self::Recurly].into_iter().find(|channel| channel.tag() == tag)
    }
}

/// What happens when the paid period ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// It renews.
    Renews,
    /// It runs out.
    Ends,
    /// It becomes another plan, at the version that was in force when that was commanded (PR-6).
    ChangesTo {
        /// The new plan.
        plan: Plan,
        /// Its price version.
        version: String,
        /// The camera, where the new plan covers one.
        camera: Option<CameraId>,
    },
}

named! {
    Intent {
        Renews => "renews",
        Ends => "ends",
        ChangesTo => "changes_to",
    }
}

/// One anchor and one plan, and the period that is paid for or owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// From 1 within the subscription.
    pub number: u32,
    /// CA-1.
    pub anchor: NaiveDate,
    /// The plan.
    pub plan: Plan,
    /// Number of the present period, counted from the anchor, from 0.
    pub period_no: u32,
    /// The present period.
    pub period: Period,
    /// The price version that it is billed at.
    pub version: String,
    /// What happens at its end.
    pub intent: Intent,
}

/// A free trial: `[start, ends)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The plan that is tried and becomes paid.
    pub plan: Plan,
    /// Its price version, as the customer was shown it.
    pub version: String,
    /// First day.
    pub start: NaiveDate,
    /// First day after: the first paid one.
    pub ends: NaiveDate,
}

/// Why a subscription is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The customer cancelled.
    Cancelled,
    /// The trial was cancelled before it ended.
    TrialCancelled,
    /// The first charge was declined (LC-3).
    FirstChargeDeclined,
    /// The camera went to a new owner (LC-6).
    CameraTransferred,
    /// A subscription that covers the whole account took over (rules, Words).
    Absorbed,
    /// The operator ended it (LC-7).
    Terminated,
    /// The operator ended it for a breach (LC-7).
    TerminatedForBreach,
    /// The operator ended it for non-payment (PD-3).
    Unpaid,
    /// The published price was wrong (CO-5).
    OrderCancelled,
    /// A dispute was lost (PD-6).
    DisputeLost,
}

/// Where a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No subscription yet: the Free Package (LC-1).
    Free,
    /// The first charge has not settled (LC-3).
    Pending {
        /// The term that begins when it does.
        term: Term,
    },
    /// In the free trial (LC-2).
    Trialing {
        /// The trial.
        trial: Trial,
    },
    /// Paid, or nothing to pay.
    Active {
        /// The present term.
        term: Term,
    },
    /// Something is unpaid; service goes on (PD-1).
    PastDue {
        /// The present term.
        term: Term,
        /// Since when.
        since: NaiveDate,
    },
    /// No service, by the operator (LC-7).
    Suspended {
        /// The present term: it runs on.
        term: Term,
        /// Since when.
        since: NaiveDate,
        /// Since when something is unpaid, if anything is.
        unpaid_since: Option<NaiveDate>,
    },
    /// Ended, for good.
    Closed {
        /// Why.
        cause: Cause,
        /// The first day without the subscription.
        on: NaiveDate,
    },
}

named! {
    State {
        Free => "free",
        Pending => "pending",
        Trialing => "trialing",
        Active => "active",
        PastDue => "past_due",
        Suspended => "suspended",
        Closed => "closed",
    }
}

impl State {
    /// The paid term, if there is one.
    #[must_use]
    pub const fn term(&self) -> Option<&Term> {
        match self {
            Self::Pending { term } | Self::Active { term } | Self::PastDue { term, .. } | Self::Suspended { term, .. } => Some(term),
            Self::Free | Self::Trialing { .. } | Self::Closed { .. } => None,
        }
    }

    fn term_mut(&mut self) -> Option<&mut Term> {
        match self {
            Self::Pending { term } | Self::Active { term } | Self::PastDue { term, .. } | Self::Suspended { term, .. } => Some(term),
            Self::Free | Self::Trialing { .. } | Self::Closed { .. } => None,
        }
    }

    /// Whether it covers a camera or is about to.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self, Self::Free | Self::Closed { .. })
    }

    /// The plan in use or about to be.
    #[must_use]
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Trialing { trial } => Some(&trial.plan),
            other => match other.term() {
                Some(term) => Some(&term.plan),
                None => None,
            },
        }
    }
}

impl super::account::Subscription {
    /// CP, "goes on": direct, active or past due, and its intent is to renew or to change.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let renewing = match &self.state {
            State::Active { term } | State::PastDue { term, .. } => term.intent != Intent::Ends,
            State::Free | State::Pending { .. } | State::Trialing { .. } | State::Suspended { .. } | State::Closed { .. } => false,
        };
        renewing && self.channel == Channel::Direct && self.cancel_requested_on.is_none()
    }
}
