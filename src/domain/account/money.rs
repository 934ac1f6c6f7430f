//! What moves: charges, payments, refunds, disputes and recharged costs.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::money::{Money, MoneyError};

/// What a charge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The period's fee.
    Period,
    /// The difference of an undercharge (CO-2).
    Correction,
}

/// Where a call that moves money stands (PV-1, PV-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Intent recorded; may or may not have been sent.
    Requested,
    /// Sent, outcome unknown: it is looked up before anything else happens.
    Unknown,
    /// The money moved.
    Succeeded,
    /// A definite no.
    Failed,
    /// Never sent, and never will be.
    Abandoned,
}

impl AttemptState {
    /// Whether the outcome is still open.
    #[must_use]
    pub const fn in_flight(self) -> bool {
        matches!(self, Self::Requested | Self::Unknown)
    }
}

/// One attempt to collect money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// `ch_{subscription}_{term}_{period}_{attempt}`; also what the idempotency key is made of.
    pub id: String,
    /// The invoice that it is for.
    pub invoice: String,
    /// From 1 within the invoice.
    pub attempt: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// How much is asked for; once the money has moved, how much came (PV-5). Its request keeps what was asked for.
    pub amount: Money,
    /// The payment method's number.
    pub method: u32,
    /// Where it stands.
    pub state: AttemptState,
    /// When it is to be sent, or looked up next.
    pub due_at: Option<DateTime<Utc>>,
    /// When the intent was recorded: the age of the key is counted from here (F03).
    pub requested_at: DateTime<Utc>,
    /// The provider's id of the money object.
    pub reference: Option<String>,
    /// Decline code.
    pub code: Option<String>,
    /// Date on which it settled.
    pub settled_on: Option<NaiveDate>,
    /// Look-ups that found nothing final.
    pub lookups: u32,
}

/// Captured cash of one charge on one invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The charge.
    pub charge: String,
    /// The invoice.
    pub invoice: String,
    /// How much of the charge paid this invoice.
    pub amount: Money,
    /// Refunds asked for, reserved from the moment of asking (F56), or lost in a dispute.
    pub refunded: Money,
    /// Under dispute.
    pub disputed: Money,
    /// Date of capture: the transaction date of CO-2.
    pub captured_on: NaiveDate,
}

/// One payout back to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// `re_{charge's tail}_{n}`.
    pub id: String,
    /// The charge that it goes back to.
    pub charge: String,
    /// The invoice whose money it is.
    pub invoice: String,
    /// How much is to go; once it has, how much went (PV-5). Its request keeps what was asked for.
    pub amount: Money,
    /// F49: of `amount`, what nobody had asked for. While it is out, as much of it as the payment gave and no later refund has used; once
    /// it has come back, all that was not the customer's.
    pub excess: Money,
    /// Why: `cancellation`, `correction`, `order_cancelled`, `credit_payout`, `plan_change`, `dispute_won`; `not_asked_for`
    /// where somebody made it at the provider (F55).
    pub reason: String,
    /// Where it stands.
    pub state: AttemptState,
    /// When it is to be sent, or looked up next.
    pub due_at: Option<DateTime<Utc>>,
    /// When the intent was recorded.
    pub requested_at: DateTime<Utc>,
    /// The provider's id.
    pub reference: Option<String>,
    /// Why it failed.
    pub code: Option<String>,
    /// Date on which it settled.
    pub settled_on: Option<NaiveDate>,
    /// Look-ups that found nothing final.
    pub lookups: u32,
}

impl Refund {
    /// Whether it was paid out, or may be yet.
    #[must_use]
    pub const fn may_have_moved(&self) -> bool {
        self.state.in_flight() || matches!(self.state, AttemptState::Succeeded)
    }

    /// What of it was the customer's.
    ///
    /// # Errors
    /// [`MoneyError`] where the stored amounts have two currencies.
    pub fn owed(&self) -> Result<Money, MoneyError> {
        self.amount.minus(self.excess)
    }
}

/// Where a dispute stands (PD-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// Funds withdrawn, nothing decided.
    Open,
    /// The money came back.
    Won,
    /// The money is gone.
    Lost,
}

/// A chargeback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispute {
    /// The provider's id.
    pub id: String,
    /// The disputed charge.
    pub charge: String,
    /// How much.
    pub amount: Money,
    /// What the provider took for it.
    pub fee: Money,
    /// Where it stands.
    pub state: DisputeState,
    /// Opened on.
    pub opened_on: NaiveDate,
}

impl Dispute {
    /// The kind of the task that a dispute leaves which was lost and then won after all (F61).
    pub const WON_LATE: &'static str = "dispute_won_late";
}

/// PD-4: a collection cost that was recharged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionCost {
    /// `cc_{account}_{n}`.
    pub id: String,
    /// How much.
    pub amount: Money,
    /// Still owed.
    pub open: Money,
    /// Given up.
    pub written_off: Money,
    /// The agency's or court's document.
    pub document: String,
    /// Added on.
    pub added_on: NaiveDate,
}
