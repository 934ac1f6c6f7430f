//! What a provider tells by itself: facts about money objects, in the order in which it noticed them.
//!
//! The same fact may also come as the answer to a call or to a look-up, and an event may come twice or late: whoever settles it
//! goes by the object and what happened to it, never by the event (PV-6).

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::declines::Decline;
use crate::domain::ids::AccountId;
use crate::domain::money::Money;

/// One event of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderEvent {
    /// The provider's id of the event; the inbox keeps one of each (PV-3).
    pub id: String,
    /// When it happened, by the provider's clock.
    pub at: DateTime<Utc>,
    /// Whose money it is, if the object carries our ids; objects that others made at the same provider don't (F39).
    pub account_id: Option<AccountId>,
    /// What happened.
    pub fact: Fact,
}

/// What happened to a money object. `reference` is the provider's id of it, `charge_id` and `refund_id` are ours. As JSON it is kept
/// until the account can take it (PV-4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A charge was captured.
    ChargeSucceeded {
        /// Our id of the charge.
        charge_id: String,
        /// The provider's id.
        reference: String,
        /// Captured.
        amount: Money,
    },
    /// A charge was declined.
    ChargeDeclined {
        /// Our id of the charge.
        charge_id: String,
        /// The provider's id.
        reference: String,
        /// Why.
        decline: Decline,
    },
    /// A refund was paid out.
    RefundSucceeded {
        /// Our id of the refund.
        refund_id: String,
        /// The provider's id.
        reference: String,
        /// Paid out.
        amount: Money,
    },
    /// A refund failed, at once or after it had succeeded (F62): the money is back with us.
    RefundFailed {
        /// Our id of the refund; empty where the provider does not know it, because somebody made the refund there.
        refund_id: String,
        /// The provider's id.
        reference: String,
        /// What was to be paid out.
        amount: Money,
        /// Why.
        code: String,
    },
    /// A dispute took the money out (PD-6).
    DisputeOpened {
        /// The provider's id of the dispute.
        dispute_id: String,
        /// Our id of the disputed charge.
        charge_id: String,
        /// The provider's id of it.
        charge_reference: String,
        /// Disputed.
        amount: Money,
        /// What the provider takes for it, whoever wins.
        fee: Money,
    },
    /// A dispute brought the money back, even after it had been lost (F61).
    DisputeWon {
        /// The provider's id of the dispute.
        dispute_id: String,
        /// Our id of the disputed charge.
        charge_id: String,
        /// The provider's id of it.
        charge_reference: String,
        /// Given back.
        amount: Money,
    },
    /// The money is gone.
    DisputeLost {
        /// The provider's id of the dispute.
        dispute_id: String,
        /// Our id of the disputed charge.
        charge_id: String,
        /// The provider's id of it.
        charge_reference: String,
        /// Lost.
        amount: Money,
    },
    /// A refund that nobody here asked for, of a charge of ours: somebody made it at the provider (F55).
    RefundNotAskedFor {
        /// The provider's id of the refund.
        reference: String,
        /// Our id of the charge.
        charge_id: String,
        /// The provider's id of it.
        charge_reference: String,
        /// Paid out.
        amount: Money,
    },
    /// The card network fears that a payment was not made by the card's holder: a dispute may follow.
    FraudWarning {
        /// Our id of the charge.
        charge_id: String,
        /// The provider's id of it.
        charge_reference: String,
    },
    /// The payment method is valid for longer than we knew, as the card network says (PD-2).
    MethodExtended {
        /// The provider's token of the method, in each form in which it may be on file.
        tokens: Vec<String>,
        /// What the customer recognises now.
        label: String,
        /// Its new last day.
        expires_on: NaiveDate,
    },
}

impl Fact {
    /// The same fact about this charge of ours: for providers whose events name a charge in their words alone.
    #[must_use]
    pub fn about_charge(mut self, id: &str) -> Self {
        match &mut self {
            Self::ChargeSucceeded { charge_id, .. }
            | Self::ChargeDeclined { charge_id, .. }
            | Self::DisputeOpened { charge_id, .. }
            | Self::DisputeWon { charge_id, .. }
            | Self::DisputeLost { charge_id, .. }
            | Self::RefundNotAskedFor { charge_id, .. }
            | Self::FraudWarning { charge_id, .. } => id.clone_into(charge_id),
            Self::RefundSucceeded { .. } | Self::RefundFailed { .. } | Self::MethodExtended { .. } => {}
        }
        self
    }

    /// The ids that it names, ours and the provider's.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (ids, tokens) = match self {
            Self::ChargeSucceeded { charge_id, reference, .. } | Self::ChargeDeclined { charge_id, reference, .. } => {
                ([charge_id.as_str(), reference, ""], [].as_slice())
            }
            Self::RefundSucceeded { refund_id, reference, .. } | Self::RefundFailed { refund_id, reference, .. } => {
                ([refund_id.as_str(), reference, ""], [].as_slice())
            }
            Self::DisputeOpened { dispute_id, charge_id, charge_reference, .. }
            | Self::DisputeWon { dispute_id, charge_id, charge_reference, .. }
            | Self::DisputeLost { dispute_id, charge_id, charge_reference, .. } => {
                ([dispute_id.as_str(), charge_id, charge_reference], [].as_slice())
            }
            Self::RefundNotAskedFor { reference, charge_id, charge_reference, .. } => {
                ([reference.as_str(), charge_id, charge_reference], [].as_slice())
            }
            Self::FraudWarning { charge_id, charge_reference } => ([charge_id.as_str(), charge_reference, ""], [].as_slice()),
            Self::MethodExtended { tokens, .. } => ([""; 3], tokens.as_slice()),
        };
        ids.into_iter().chain(tokens.iter().map(String::as_str))
    }

    /// Its place in the life of a payment: facts that came together are applied in this order, whatever order they came in (F37).
    #[must_use]
    pub const fn rank(&self) -> u8 {
        match self {
            Self::MethodExtended { .. } => 0,
            Self::ChargeDeclined { .. } => 1,
            Self::ChargeSucceeded { .. } => 2,
            Self::FraudWarning { .. } => 3,
            Self::RefundSucceeded { .. } | Self::RefundNotAskedFor { .. } => 4,
            Self::RefundFailed { .. } => 5,
            Self::DisputeOpened { .. } => 6,
            Self::DisputeLost { .. } => 7,
            Self::DisputeWon { .. } => 8,
        }
    }
}

/// An event as the provider's list has it. `Debug` shows nothing of its body (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct MissedEvent {
    /// The provider's id of it.
    pub id: String,
    /// The provider's word for what it tells.
    pub kind: String,
    /// When it happened, by the provider's clock, if that can be read.
    pub occurred_at: Option<DateTime<Utc>>,
    /// The event, byte for byte.
    pub body: String,
}

impl fmt::Debug for MissedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MissedEvent").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A page of a provider's list of events, in whatever order it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MissedPage {
    /// The events.
    pub events: Vec<MissedEvent>,
    /// What to ask for the next page with; nothing where this is the last.
    pub next: Option<String>,
}

/// Some events in order, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events, oldest first.
    pub events: Vec<ProviderEvent>,
    /// What to ask with next; `None` while there has never been an event. It is kept with the effects of these events.
    pub cursor: Option<String>,
}
