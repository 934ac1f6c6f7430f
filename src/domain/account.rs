//! The account aggregate: everything of one customer that a decision may need, and nothing of anybody else's.
//!
//! The account is the unit of consistency: its row is locked, the aggregate is loaded under the lock, a pure function
//! plans a change on it ([`super::change`]), and the difference is written back. Events move it ([`super::evolve`]);
//! nothing else does. Every amount is in the account's currency, every date a calendar date of its time zone.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::calendar::{Period, local_date};
use super::catalog::Plan;
use super::ids::{AccountId, CameraId, SubscriptionId};
use super::money::{Currency, Money, Rate};
use super::promotion::Redemption;
use super::refund::{Line, Settlement};
use super::subscription::{Channel, State};

/// One customer with all that billing knows, as of the moment the row was locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's own row.
    pub profile: Profile,
    /// Cameras that belong to the account.
    pub cameras: Vec<CameraId>,
    /// All subscriptions, live and closed.
    pub subscriptions: BTreeMap<SubscriptionId, Subscription>,
    /// Invoices by id. A batch job loads only those that it needs.
    pub invoices: BTreeMap<String, Invoice>,
    /// Charge attempts by id.
    pub charges: BTreeMap<String, Charge>,
    /// Captured cash by `(charge, invoice)`.
    pub payments: BTreeMap<(String, String), Payment>,
    /// Payouts by id.
    pub refunds: BTreeMap<String, Refund>,
    /// Credit and debit notes by id.
    pub notes: BTreeMap<String, Note>,
    /// Corrections (CO) by id.
    pub corrections: BTreeMap<String, Correction>,
    /// Disputes (PD-6) by id.
    pub disputes: BTreeMap<String, Dispute>,
    /// Promotion codes that the account has used, by code.
    pub redemptions: BTreeMap<String, RedemptionState>,
    /// Recharged collection costs (PD-4) by id.
    pub costs: BTreeMap<String, CollectionCost>,
    /// Open and closed operator tasks by id.
    pub tasks: BTreeMap<String, Task>,
}

/// The account's own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its id (a TP-Link ID).
    pub id: AccountId,
    /// The one currency it is billed in.
    pub currency: Currency,
    /// Its billing time zone.
    pub zone: Tz,
    /// Where its tax is due.
    pub jurisdiction: String,
    /// LC-2: the date on which the one trial was used.
    pub trial_used_on: Option<NaiveDate>,
    /// The payment method on file.
    pub method: Option<Method>,
    /// Credit that came from cash: paid out when the last subscription ends (CP-3).
    pub credit_cash: Money,
    /// Goodwill credit: stays.
    pub credit_goodwill: Money,
    /// MO-5, PD-4: open amounts that the next charge collects too: invoices too small to collect alone, and collection costs.
    pub carried: Money,
    /// CA-3: the last date on which a missed period was billed.
    pub caught_up_on: Option<NaiveDate>,
    /// PV-8: why nothing is billed on this account.
    pub parked: Option<Parked>,
    /// Number of the last journal record; 0 before the first.
    pub journal_seq: i64,
    /// Hash of the last journal record, hex; empty before the first.
    pub journal_hash: String,
}

/// PV-8: billing has stopped for this account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Stable code of the cause.
    pub code: String,
    /// What an operator needs to know; no personal data.
    pub reason: String,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// A payment method, by its provider's token. Card numbers are never held (PP-3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// 1 for the first, one more for each replacement.
    pub number: u32,
    /// The provider's token.
    pub token: String,
    /// What the customer recognises: `Visa ending 4242`.
    pub label: String,
    /// Last month of validity, as its last day; `None` for methods that do not expire.
    pub expires_on: Option<NaiveDate>,
    /// PD-2: a hard decline blocks every charge with this method.
    pub blocked: bool,
}

/// One subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Who charges.
    pub channel: Channel,
    /// The covered camera, for tiers that cover one.
    pub camera: Option<CameraId>,
    /// Where it stands.
    pub state: State,
    /// The promotion in use.
    pub promotion: Option<Redemption>,
    /// The terms that it was sold under.
    pub terms_version: String,
    /// A cancellation that waits: for a charge in flight to settle (CA-4, LC-3) or for the account's release (PV-8).
    pub cancel_requested_on: Option<NaiveDate>,
    /// RE-2: first day of the renewal that was reminded of last.
    pub reminded_for: Option<NaiveDate>,
    /// The date on which that reminder went out.
    pub reminded_on: Option<NaiveDate>,
    /// Price notices of the present plan, oldest first (PR-2).
    pub price_notices: Vec<PriceNotice>,
    /// When it must be looked at next, as stored.
    pub due_at: Option<DateTime<Utc>>,
    /// When the renewal reminder is due, as stored.
    pub remind_at: Option<DateTime<Utc>>,
}

/// A price notice to one customer about one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceNotice {
    /// The announced version.
    pub version: String,
    /// The date on which it was sent; `None` while it waits in the outbox.
    pub sent_on: Option<NaiveDate>,
    /// What became of it.
    pub outcome: NoticeOutcome,
}

/// What became of a price notice (PR-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeOutcome {
    /// It may still take effect.
    Pending,
    /// The subscription moved to its version.
    Applied,
    /// A later version took effect first.
    Superseded,
    /// The plan was left before it took effect (PR-6).
    Lapsed,
}

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
    pub fn settlement(&self) -> Result<Settlement, super::money::MoneyError> {
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
        self.document.plan.cycle == super::calendar::Cycle::Annual
    }
}

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

impl Account {
    /// An account with nothing on it.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            cameras: Vec::new(),
            subscriptions: BTreeMap::new(),
            invoices: BTreeMap::new(),
            charges: BTreeMap::new(),
            payments: BTreeMap::new(),
            refunds: BTreeMap::new(),
            notes: BTreeMap::new(),
            corrections: BTreeMap::new(),
            disputes: BTreeMap::new(),
            redemptions: BTreeMap::new(),
            costs: BTreeMap::new(),
            tasks: BTreeMap::new(),
        }
    }

    /// The account's calendar date at an instant.
    #[must_use]
    pub fn today(&self, now: DateTime<Utc>) -> NaiveDate {
        local_date(now, self.profile.zone)
    }

    /// Nothing, in the account's currency.
    #[must_use]
    pub fn zero(&self) -> Money {
        Money::zero(self.profile.currency)
    }

    /// CP: whether a subscription other than `except` goes on: direct, active or past due, and neither ending nor cancelled.
    #[must_use]
    pub fn another_goes_on(&self, except: &SubscriptionId) -> bool {
        self.subscriptions.values().any(|other| other.id != *except && other.goes_on())
    }

    /// CP-3: whether any paid subscription is left.
    #[must_use]
    pub fn has_paid_subscription(&self) -> bool {
        self.subscriptions.values().any(|subscription| subscription.channel == Channel::Direct && subscription.state.is_live())
    }
}
