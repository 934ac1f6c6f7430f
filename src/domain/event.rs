//! What happened to an account: the facts that move its state ([`super::evolve`]) and its books ([`super::ledger`]).
//!
//! Events are stored as JSON under the hand-written tags below, in the append-only journal, one record a decision.
//! They carry ids, dates and amounts and never personal data: names, emails and payment tokens live in rows alone, so
//! that an erasure (PP-2) leaves the audit chain whole.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::account::{Charge, CorrectionState, InvoiceDocument, Note, NoticeOutcome, Parked, Purpose, Task};
use super::ids::{CameraId, SubscriptionId};
use super::money::{Money, MoneyError};
use super::subscription::{Channel, Life};

/// Where the value of a credit note went (RF-3), or a dispute took it from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Off the receivable (1100).
    pub owed_off: Money,
    /// To be paid out (2310).
    pub payout: Money,
    /// To the credit that came from cash (2300).
    pub credit_cash: Money,
    /// The part of `credit_cash` that came out of captured cash and not out of credit applied earlier.
    pub from_captured: Money,
    /// Back to goodwill credit (2300).
    pub credit_goodwill: Money,
    /// Frozen until a dispute ends (2330).
    pub held: Money,
    /// Frozen value that a lost dispute uses up (2330, debit).
    pub held_used: Money,
    /// Taken by a lost dispute (1210).
    pub lost: Money,
}

impl Given {
    /// Nothing to nowhere.
    #[must_use]
    pub const fn nothing(zero: Money) -> Self {
        Self {
            owed_off: zero,
            payout: zero,
            credit_cash: zero,
            from_captured: zero,
            credit_goodwill: zero,
            held: zero,
            held_used: zero,
            lost: zero,
        }
    }

    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError`]: two currencies, or too large.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        Ok(Self {
            owed_off: self.owed_off.plus(other.owed_off)?,
            payout: self.payout.plus(other.payout)?,
            credit_cash: self.credit_cash.plus(other.credit_cash)?,
            from_captured: self.from_captured.plus(other.from_captured)?,
            credit_goodwill: self.credit_goodwill.plus(other.credit_goodwill)?,
            held: self.held.plus(other.held)?,
            held_used: self.held_used.plus(other.held_used)?,
            lost: self.lost.plus(other.lost)?,
        })
    }
}

/// F49: what a refund moved more than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excess {
    /// It stands among the unmatched movements (1290).
    pub open: Money,
    /// It was written off (5200).
    pub given_up: Money,
}

impl Excess {
    /// Both together.
    ///
    /// # Errors
    /// [`MoneyError`]: too large.
    pub fn sum(self) -> Result<Money, MoneyError> {
        self.open.plus(self.given_up)
    }
}

/// Why recognised revenue is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// A correction or goodwill (4200).
    Correction,
    /// A lost dispute (4300).
    Dispute,
}

/// An intent to collect (PV-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChargeRequest {
    /// The charge's id.
    pub id: String,
    /// The invoice.
    pub invoice: String,
    /// Attempt number within the invoice.
    pub attempt: u32,
    /// What it is for.
    pub purpose: Purpose,
    /// How much, carried amounts included.
    pub amount: Money,
    /// The payment method's number.
    pub method: u32,
    /// When it is to be sent.
    pub due_at: DateTime<Utc>,
    /// Look-ups of the attempts that were given up for this one: they count on (I9).
    #[serde(default, skip_serializing_if = "is_none")]
    pub lookups: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands the field over by reference")]
const fn is_none(lookups: &u32) -> bool {
    *lookups == 0
}

/// One fact.
#[expect(missing_docs, reason = "each variant says what happened; its fields are called what they are")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A subscription exists, in `free`.
    #[serde(rename = "subscription_opened.v1")]
    SubscriptionOpened { id: SubscriptionId, channel: Channel, camera: Option<CameraId>, terms: String },
    /// A step of a subscription's life (LC).
    #[serde(rename = "life.v1")]
    Life { subscription: SubscriptionId, life: Life },
    /// The subscription covers another camera from now on, or none by name.
    #[serde(rename = "camera_covered.v1")]
    CameraCovered { subscription: SubscriptionId, camera: Option<CameraId> },
    /// CA-4, LC-3, PV-8: a cancellation was accepted and waits.
    #[serde(rename = "cancel_requested.v1")]
    CancelRequested { subscription: SubscriptionId, on: NaiveDate },
    /// It waits no more: it was carried out, or taken back (LC-9).
    #[serde(rename = "cancel_request_settled.v1")]
    CancelRequestSettled { subscription: SubscriptionId },
    /// A camera belongs to the account.
    #[serde(rename = "camera_added.v1")]
    CameraAdded { camera: CameraId },
    /// A camera left the account.
    #[serde(rename = "camera_removed.v1")]
    CameraRemoved { camera: CameraId },
    /// LC-8: for the storage service.
    #[serde(rename = "recordings_inaccessible.v1")]
    RecordingsInaccessible { cameras: Vec<CameraId>, history_days: u32, since: NaiveDate },
    /// MO-3: a code is in use.
    #[serde(rename = "promotion_redeemed.v1")]
    PromotionRedeemed { subscription: SubscriptionId, code: String },
    /// MO-3: the code no longer applies.
    #[serde(rename = "promotion_ended.v1")]
    PromotionEnded { subscription: SubscriptionId, code: String, because: String },
    /// LC-3: the use is given back.
    #[serde(rename = "promotion_released.v1")]
    PromotionReleased { code: String },
    /// A new payment method; its token and label are in the account's row.
    #[serde(rename = "method_replaced.v1")]
    MethodReplaced { number: u32, expires_on: Option<NaiveDate> },
    /// PD-2: a hard decline.
    #[serde(rename = "method_blocked.v1")]
    MethodBlocked { number: u32 },
    /// PV-8.
    #[serde(rename = "parked.v1")]
    AccountParked { parked: Parked },
    /// PV-8.
    #[serde(rename = "released.v1")]
    AccountReleased,
    /// An invoice was issued.
    #[serde(rename = "invoice_issued.v1")]
    InvoiceIssued { invoice: InvoiceDocument, pending: bool },
    /// Account credit paid an invoice (LC-4).
    #[serde(rename = "credit_applied.v1")]
    CreditApplied { invoice: String, cash: Money, goodwill: Money },
    /// Goodwill credit.
    #[serde(rename = "credit_granted.v1")]
    CreditGranted { amount: Money },
    /// CP-1, CP-3: account credit that came from cash is paid out.
    #[serde(rename = "credit_paid_out.v1")]
    CreditPaidOut { amount: Money },
    /// RF-4: account credit that a person has paid out from the bank, past the provider.
    #[serde(rename = "credit_paid_by_hand.v1")]
    CreditPaidByHand { amount: Money, document: String, on: NaiveDate },
    /// PV-1: a charge is to be made.
    #[serde(rename = "charge_requested.v1")]
    ChargeRequested { charge: ChargeRequest },
    /// PV-2: its outcome is unknown; it is looked up at `due_at`.
    #[serde(rename = "charge_unknown.v1")]
    ChargeUnknown { charge: String, due_at: DateTime<Utc> },
    /// The money moved. `costs` are recharged collection costs, `unapplied` has no invoice (2320).
    #[serde(rename = "charge_captured.v1")]
    ChargeCaptured {
        charge: String,
        reference: String,
        on: NaiveDate,
        applied: Vec<(String, Money)>,
        costs: Vec<(String, Money)>,
        unapplied: Money,
    },
    /// PV-5: a person has seen at the provider that it captured another amount: `unapplied` more, which pays nothing yet (2320), or, where
    /// that is negative, so much of what paid nothing less; and `unpaid` less of what the invoices were paid with.
    #[serde(rename = "capture_corrected.v1")]
    CaptureCorrected { charge: String, unapplied: Money, unpaid: Vec<(String, Money)>, on: NaiveDate },
    /// F69: money for which nothing was owed is given back; it becomes a payment of the invoice that can take a refund.
    #[serde(rename = "unapplied_returned.v1")]
    UnappliedReturned { charge: String, invoice: String, amount: Money, on: NaiveDate },
    /// PD-4: money that had paid nothing pays what is owed.
    #[serde(rename = "unapplied_applied.v1")]
    UnappliedApplied { charge: String, applied: Vec<(String, Money)>, costs: Vec<(String, Money)>, on: NaiveDate },
    /// PV-5: what a refund moved more than was asked for is given up.
    #[serde(rename = "excess_refund_written_off.v1")]
    ExcessRefundWrittenOff { refund: String, amount: Money },
    /// F49: what a refund moved more than was asked for pays a part of what is to be given back now. `amount` stood on 1290, `given_up` had
    /// been written off.
    #[serde(rename = "excess_refund_applied.v1")]
    ExcessRefundApplied { refund: String, invoice: String, amount: Money, given_up: Money },
    /// A definite no (PD-2).
    #[serde(rename = "charge_declined.v1")]
    ChargeDeclined { charge: String, code: String, hard: bool, on: NaiveDate },
    /// It was never sent and never will be.
    #[serde(rename = "charge_abandoned.v1")]
    ChargeAbandoned { charge: String },
    /// MO-5: too small to collect alone.
    #[serde(rename = "amount_carried.v1")]
    AmountCarried { invoice: String, amount: Money },
    /// A credit or debit note, and where a credit note's value went.
    #[serde(rename = "note_issued.v1")]
    NoteIssued { note: Note, given: Given },
    /// The service that the invoice is for ended on this day, its last.
    #[serde(rename = "service_ended.v1")]
    ServiceEnded { invoice: String, on: NaiveDate },
    /// RF-4: a payout is to be made.
    #[serde(rename = "refund_requested.v1")]
    RefundRequested {
        id: String,
        charge: String,
        invoice: String,
        amount: Money,
        reason: String,
        due_at: DateTime<Utc>,
        #[serde(default, skip_serializing_if = "is_none")]
        lookups: u32,
    },
    /// PV-2: nothing moved, and its key cannot be used again: it makes way for a new attempt.
    #[serde(rename = "refund_abandoned.v1")]
    RefundAbandoned { refund: String },
    /// PV-5: one that was given up is at the provider after all. `taken_over` is owed for it in place of a refund that was asked for after
    /// it, `from_credit` is account credit that it had become; what neither covers is not owed any more.
    #[serde(rename = "refund_reopened.v1")]
    RefundReopened { refund: String, taken_over: Money, from_credit: Money, due_at: DateTime<Utc> },
    /// PV-2.
    #[serde(rename = "refund_unknown.v1")]
    RefundUnknown { refund: String, due_at: DateTime<Utc> },
    /// The provider paid it out. `short` is what it moved less than asked for, negative where it moved more (F49).
    #[serde(rename = "refund_settled.v1")]
    RefundSettled {
        refund: String,
        reference: String,
        on: NaiveDate,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        short: Option<Money>,
    },
    /// RF-4: the provider refused, or (`after_success`) it came back later (F62): account credit.
    #[serde(rename = "refund_failed.v1")]
    RefundFailed {
        refund: String,
        code: String,
        on: NaiveDate,
        after_success: bool,
        /// The provider's id of what failed, where there was something.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// F49: of what came back, what nobody had asked for: it was waiting on 1290, or had been written off.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        excess: Option<Excess>,
    },
    /// RR-1: revenue through a date, cumulative less what was booked before; negative takes it back.
    #[serde(rename = "revenue_recognised.v1")]
    RevenueRecognised { invoice: String, through: NaiveDate, amount: Money, reversal: Option<Reversal>, forfeited: bool },
    /// CO: a wrong payment was found.
    #[serde(rename = "correction_opened.v1")]
    CorrectionOpened { id: String, invoice: String, charged: Money, correct: Money, transaction_on: NaiveDate, last_attempt_on: NaiveDate },
    /// CO-2: what is still to be collected, and when it is looked at next.
    #[serde(rename = "correction_scheduled.v1")]
    CorrectionScheduled { id: String, open_net: Money, open_tax: Money, due_at: DateTime<Utc> },
    /// CO-3.
    #[serde(rename = "correction_closed.v1")]
    CorrectionClosed { id: String, state: CorrectionState },
    /// PD-6: funds withdrawn. `applied` is frozen on payments and their invoices; `credited` on payments whose cash was turned
    /// into account credit before; `beyond` is more than the payments have left (F60).
    #[serde(rename = "dispute_opened.v1")]
    DisputeOpened {
        id: String,
        charge: String,
        applied: Vec<(String, Money)>,
        credited: Vec<(String, Money)>,
        beyond: Money,
        fee: Money,
        on: NaiveDate,
    },
    /// PD-6: funds reinstated; `released` was frozen for the customer and is paid out now.
    #[serde(rename = "dispute_won.v1")]
    DisputeWon { id: String, applied: Vec<(String, Money)>, credited: Vec<(String, Money)>, beyond: Money, released: Vec<(String, Money)> },
    /// PD-6: the money is gone; the notes beside this event say what of. What no note covers had been given back before: as account
    /// credit from the invoices of `credited`, or in cash. `from_credit` of it is still account credit and is taken, `loss` is ours.
    #[serde(rename = "dispute_lost.v1")]
    DisputeLost {
        id: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        credited: Vec<(String, Money)>,
        from_credit: Money,
        loss: Money,
    },
    /// F61: a lost dispute was won after all: the money is back, and a person decides what it pays.
    #[serde(rename = "dispute_reversed.v1")]
    DisputeReversed { id: String, amount: Money },
    /// PD-4: lost.
    #[serde(rename = "written_off.v1")]
    WrittenOff { invoice: String, net: Money, tax: Money },
    /// PD-4: recharged.
    #[serde(rename = "collection_cost_added.v1")]
    CollectionCostAdded { id: String, amount: Money, document: String, on: NaiveDate },
    /// PD-4: a recharged cost will not be collected.
    #[serde(rename = "collection_cost_written_off.v1")]
    CollectionCostWrittenOff { id: String, amount: Money },
    /// RE-1: the reminder for the renewal on this day was written.
    #[serde(rename = "reminder_queued.v1")]
    ReminderQueued { subscription: SubscriptionId, renewal_on: NaiveDate, on: NaiveDate },
    /// RE-2: it was sent on this date; only now the customer has been reminded.
    #[serde(rename = "reminder_sent.v1")]
    ReminderSent { subscription: SubscriptionId, renewal_on: NaiveDate, on: NaiveDate },
    /// RE-2: the renewal came first.
    #[serde(rename = "reminder_missed.v1")]
    ReminderMissed { subscription: SubscriptionId, renewal_on: NaiveDate },
    /// PR-2: the notice was written.
    #[serde(rename = "price_notice_queued.v1")]
    PriceNoticeQueued { subscription: SubscriptionId, version: String },
    /// PR-2: the notice was sent on this date.
    #[serde(rename = "price_notice_sent.v1")]
    PriceNoticeSent { subscription: SubscriptionId, version: String, on: NaiveDate },
    /// PR-3, PR-4, PR-6: what became of it, and why.
    #[serde(rename = "price_notice_ended.v1")]
    PriceNoticeEnded { subscription: SubscriptionId, version: String, outcome: NoticeOutcome, because: String },
    /// A person must do something.
    #[serde(rename = "task_opened.v1")]
    TaskOpened { task: Task },
    /// It is done.
    #[serde(rename = "task_closed.v1")]
    TaskClosed { id: String, on: NaiveDate },
}

impl Event {
    /// PV-5: the charge whose captured amount was put right, and by how much, in minor units: negative where less had come in.
    #[must_use]
    pub fn captured_more(&self) -> Option<(&str, i128)> {
        let Self::CaptureCorrected { charge, unapplied, unpaid, .. } = self else { return None };
        let less: i128 = unpaid.iter().map(|(_, amount)| i128::from(amount.minor())).sum();
        // Far from the ends of 128 bits.
        Some((charge, i128::from(unapplied.minor()).saturating_sub(less)))
    }
}

impl ChargeRequest {
    /// The charge row that the intent makes.
    #[must_use]
    pub fn row(&self, requested_at: DateTime<Utc>) -> Charge {
        Charge {
            id: self.id.clone(),
            invoice: self.invoice.clone(),
            attempt: self.attempt,
            purpose: self.purpose,
            amount: self.amount,
            method: self.method,
            state: super::account::AttemptState::Requested,
            due_at: Some(self.due_at),
            requested_at,
            reference: None,
            code: None,
            settled_on: None,
            lookups: self.lookups,
        }
    }
}
