//! What is billed: invoices, the notes that correct them (MO-4), and corrections of wrong payments (CO).

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::ids::SubscriptionId;
use crate::domain::money::{Money, MoneyError, Rate};
use crate::domain::refund::{Line, Settlement};

/// An invoice for one period of one subscription: one line. What was printed never changes (MO-4); notes and money do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// What was issued.
    pub document: InvoiceDocument,
    /// Gapless number per seller and year (MO-4); empty until it has been stored.
    pub number: String,
    /// Net after notes: `T` of RF.
    pub net: Money,
    /// Tax after notes: `X` of RF.
    pub tax: Money,
    /// Revenue recognised so far (RR-1).
    pub recognised: Money,
    /// The last day through which revenue was recognised.
    pub recognised_through: Option<NaiveDate>,
    /// Receivable: what is still owed (1100).
    pub open: Money,
    /// Cash captured.
    pub captured: Money,
    /// Part of the captured cash that was given back, as a refund or as credit, or lost in a dispute.
    pub returned: Money,
    /// Part of the captured cash that is under dispute.
    pub disputed: Money,
    /// Unused value frozen until a dispute ends (2330).
    pub held: Money,
    /// Paid from credit that came from cash, less what went back to it.
    pub credit_cash: Money,
    /// Paid from goodwill credit, less what went back to it.
    pub credit_goodwill: Money,
    /// Written off as lost (PD-4).
    pub written_off: Money,
    /// Charge attempts made so far.
    pub attempts: u32,
    /// PD-2: date of the first failed attempt of the present series.
    pub first_failed_on: Option<NaiveDate>,
    /// PD-2: retries made since the first failure.
    pub retries: u32,
    /// MO-5: the open amount waits for the next bill.
    pub carried: bool,
    /// LC-3: the first charge has not settled, so nothing is recognised.
    pub pending: bool,
    /// The last day of service, where it ended before the period did.
    pub ended_on: Option<NaiveDate>,
    /// When revenue is to be recognised next, as stored.
    pub recognise_at: Option<DateTime<Utc>>,
}

/// What is printed on an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceDocument {
    /// `in_{subscription}_{term}_{period}`: derived from what it bills, so that a period has one.
    pub id: String,
    /// The subscription.
    pub subscription: SubscriptionId,
    /// Term number, from 1.
    pub term: u32,
    /// Period number within the term, from 0.
    pub period_no: u32,
    /// The plan billed.
    pub plan: Plan,
    /// The period billed.
    pub period: Period,
    /// Price version charged.
    pub version: String,
    /// List price, net.
    pub list: Money,
    /// Promotion code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
    /// Taken off by the promotion.
    pub discount: Money,
    /// Net: list less discount.
    pub net: Money,
    /// Tax rate of the jurisdiction on the period's nominal first day (MO-2).
    pub rate: Rate,
    /// Tax on the net.
    pub tax: Money,
    /// Tax jurisdiction.
    pub jurisdiction: String,
    /// Date of issue.
    pub issued_on: NaiveDate,
}

impl Invoice {
    /// The line as the refund rules see it: after notes.
    #[must_use]
    pub fn line(&self) -> Line {
        Line { net: self.net, tax: self.tax, rate: self.document.rate, period: self.document.period }
    }

    /// How it stands settled, as RF-3 sees it.
    pub fn settlement(&self) -> Result<Settlement, MoneyError> {
        Ok(Settlement {
            captured: self.captured,
            refunded: self.returned,
            disputed: self.disputed,
            unpaid: self.open,
            paid_from_credit: self.credit_cash.plus(self.credit_goodwill)?,
        })
    }

    /// Whether the period is a refundable prepayment (2100, annual) and not a monthly one (2110).
    #[must_use]
    pub fn refundable(&self) -> bool {
        self.document.plan.cycle == Cycle::Annual
    }
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
