//! What happens between providers, banks and us, as facts that the books can be rebuilt from. They stand in the journal of the
//! provider's book, under hand-written tags, and [`super::super::ledger::settlement`] gives their entries.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::domain::money::Money;

/// Whose fees they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeOf {
    /// Of payments (5000).
    Payments,
    /// Of disputes (5100).
    Disputes,
}

/// Where money waits that no movement of ours explains, or that no movement of theirs does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsOn {
    /// On the balance at the provider (1200).
    Provider,
    /// On the way to the bank (1020).
    Transit,
    /// At the bank (1010).
    Bank,
}

/// What somebody has decided that a difference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceIs {
    /// A fee of the provider (5000).
    Fee,
    /// Given up (5900).
    Loss,
}

/// One fact of a provider's book.
#[expect(missing_docs, reason = "each variant says what happened; its fields are called what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Booking {
    /// All fees of one day, one currency and one import; the movements carry the import's id.
    #[serde(rename = "fees_charged.v1")]
    FeesCharged { of: FeeOf, amount: Money, movements: u64, import: String, on: NaiveDate },
    /// A payout left the provider.
    #[serde(rename = "payout_sent.v1")]
    PayoutSent { payout: String, amount: Money, movement: String, on: NaiveDate },
    /// It came back.
    #[serde(rename = "payout_failed.v1")]
    PayoutFailed { payout: String, amount: Money, movement: String, on: NaiveDate },
    /// The bank has it.
    #[serde(rename = "payout_received.v1")]
    PayoutReceived { payout: String, amount: Money, bank_account: String, bank_line: String, on: NaiveDate },
    /// The bank had it, and has given it back.
    #[serde(rename = "payout_returned.v1")]
    PayoutReturned { payout: String, amount: Money, bank_account: String, bank_line: String, on: NaiveDate },
    /// A movement of the provider that nothing of ours explains: it waits on 1290 under its break. Negative gives that back.
    #[serde(rename = "set_aside.v1")]
    SetAside {
        #[serde(rename = "break")]
        difference: String,
        waits_on: WaitsOn,
        amount: Money,
        on: NaiveDate,
    },
    /// What waits on 1290 under a break is what somebody says that it is. Negative takes that back.
    #[serde(rename = "difference_booked.v1")]
    DifferenceBooked {
        #[serde(rename = "break")]
        difference: String,
        is: DifferenceIs,
        amount: Money,
        on: NaiveDate,
    },
}

impl Booking {
    /// The business date.
    #[must_use]
    pub const fn on(&self) -> NaiveDate {
        match self {
            Self::FeesCharged { on, .. }
            | Self::PayoutSent { on, .. }
            | Self::PayoutFailed { on, .. }
            | Self::PayoutReceived { on, .. }
            | Self::PayoutReturned { on, .. }
            | Self::SetAside { on, .. }
            | Self::DifferenceBooked { on, .. } => *on,
        }
    }

    /// How much.
    #[must_use]
    pub const fn amount(&self) -> Money {
        match self {
            Self::FeesCharged { amount, .. }
            | Self::PayoutSent { amount, .. }
            | Self::PayoutFailed { amount, .. }
            | Self::PayoutReceived { amount, .. }
            | Self::PayoutReturned { amount, .. }
            | Self::SetAside { amount, .. }
            | Self::DifferenceBooked { amount, .. } => *amount,
        }
    }

    /// What happened, in words.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::FeesCharged { of: FeeOf::Payments, .. } => "Provider fees",
            Self::FeesCharged { of: FeeOf::Disputes, .. } => "Dispute fees",
            Self::PayoutSent { .. } => "Payout sent",
            Self::PayoutFailed { .. } => "Payout came back",
            Self::PayoutReceived { .. } => "Payout received by the bank",
            Self::PayoutReturned { .. } => "Payout returned by the bank",
            Self::SetAside { .. } => "Unmatched movement set aside",
            Self::DifferenceBooked { .. } => "Reconciliation difference booked",
        }
    }

    /// The provider's or the reconciler's id of what it is about.
    #[must_use]
    pub fn reference(&self) -> &str {
        match self {
            Self::FeesCharged { import, .. } => import,
            Self::PayoutSent { payout, .. }
            | Self::PayoutFailed { payout, .. }
            | Self::PayoutReceived { payout, .. }
            | Self::PayoutReturned { payout, .. } => payout,
            Self::SetAside { difference, .. } | Self::DifferenceBooked { difference, .. } => difference,
        }
    }
}
