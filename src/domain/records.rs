//! What hangs on an account's invoices: attempts to collect and to pay out, notes, corrections, disputes, tasks. Plain rows; the
//! account that they belong to is in [`super::account`].

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::ids::SubscriptionId;
use super::money::Money;

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
    /// How much.
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
    /// How much.
    pub amount: Money,
    /// Why: `cancellation`, `correction`, `order_cancelled`, `credit_payout`, `plan_change`, `dispute_won`.
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

/// A credit or debit note on an invoice (MO-4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// `cn_…` or `dn_…`: the invoice's tail and a number.
    pub id: String,
    /// The invoice.
    pub invoice: String,
    /// Why.
    pub reason: NoteReason,
    /// Net, positive for both kinds.
    pub net: Money,
    /// Tax, positive for both kinds.
    pub tax: Money,
    /// Date of issue.
    pub issued_on: NaiveDate,
}

/// Why a note was issued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteReason {
    /// RF: an annual plan was cancelled.
    Cancellation,
    /// CP-1: a change at once.
    PlanChange,
    /// LC-3: the first charge was declined.
    FirstChargeDeclined,
    /// LC-3: cancelled while pending, and it captured after all.
    CancelledWhilePending,
    /// CO-2: charged too much.
    Overcharge,
    /// CO-2: charged too little (the one debit note).
    Undercharge,
    /// CO-3, MO-5: an undercharge was given up.
    Waived,
    /// CO-5: the published price was wrong.
    OrderCancelled,
    /// PD-3: cancelled for non-payment.
    CancelledUnpaid,
    /// PD-6: a dispute was lost.
    DisputeLost,
}

impl NoteReason {
    /// Whether the note raises what is owed.
    #[must_use]
    pub const fn is_debit(self) -> bool {
        matches!(self, Self::Undercharge)
    }
}

/// Where a correction stands (CO).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionState {
    /// Attempts are being made.
    Open,
    /// Put right.
    Done,
    /// Undercharge given up (CO-3, MO-5).
    Waived,
    /// Overcharge that became credit and a finance task (CO-3).
    Owed,
}

/// One wrong payment and what is done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Correction {
    /// `co_{invoice's tail}_{n}`.
    pub id: String,
    /// The invoice whose payment was wrong.
    pub invoice: String,
    /// What was charged, tax included.
    pub charged: Money,
    /// What would have been right, tax included.
    pub correct: Money,
    /// Transaction date.
    pub transaction_on: NaiveDate,
    /// Last date on which an attempt may begin.
    pub last_attempt_on: NaiveDate,
    /// Where it stands.
    pub state: CorrectionState,
    /// Net part of the difference that is still to be collected.
    pub open_net: Money,
    /// Tax part of the difference that is still to be collected.
    pub open_tax: Money,
    /// When it is to be looked at next.
    pub due_at: Option<DateTime<Utc>>,
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

/// Whether a promotion use still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedemptionState {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// LC-3: given back when the first charge was declined.
    pub released: bool,
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
    /// The agency's or court's document.
    pub document: String,
    /// Added on.
    pub added_on: NaiveDate,
}

/// Something that a person must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `tk_{cause}`.
    pub id: String,
    /// What it is about: `refund_failed`, `overcharge_owed`, `credit_payout`, `reminder_missed`, `dunning_exhausted`, …
    pub kind: String,
    /// The object.
    pub subject: String,
    /// An amount, where one is at stake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Opened on.
    pub opened_on: NaiveDate,
    /// Closed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_on: Option<NaiveDate>,
}
