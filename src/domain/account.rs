//! The account aggregate: everything of one customer that a decision may need, and nothing of anybody else's.
//!
//! The account is the unit of consistency: its row is locked, the aggregate is loaded under the lock, a pure function
//! plans a change on it ([`super::change`]), and the difference is written back. Events move it ([`super::evolve`]);
//! nothing else does. Every amount is in the account's currency, every date a calendar date of its time zone.

mod documents;
mod money;
mod unapplied;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use documents::{Correction, CorrectionState, Invoice, InvoiceDocument, Note, NoteReason};
pub use money::{AttemptState, Charge, CollectionCost, Dispute, DisputeState, Payment, Purpose, Refund};
pub use unapplied::{Unapplied, UnappliedCause};

use super::calendar::local_date;
use super::ids::{AccountId, CameraId, SubscriptionId};
use super::keyed::Keyed;
use super::money::{Currency, Money};
use super::promotion::Redemption;
use super::subscription::{Channel, State};

/// One customer with all that billing knows, as of the moment the row was locked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's own row.
    pub profile: Profile,
    /// Cameras that belong to the account.
    pub cameras: Vec<CameraId>,
    /// All subscriptions, live and closed.
    pub subscriptions: Keyed<SubscriptionId, Subscription>,
    /// Invoices by id. A batch job loads only those that it needs.
    pub invoices: Keyed<String, Invoice>,
    /// Charge attempts by id.
    pub charges: Keyed<String, Charge>,
    /// Captured cash by `(charge, invoice)`.
    pub payments: Keyed<(String, String), Payment>,
    /// Payouts by id.
    pub refunds: Keyed<String, Refund>,
    /// Credit and debit notes by id.
    pub notes: Keyed<String, Note>,
    /// Corrections (CO) by id.
    pub corrections: Keyed<String, Correction>,
    /// Disputes (PD-6) by id.
    pub disputes: Keyed<String, Dispute>,
    /// Promotion codes that the account has used, by code.
    pub redemptions: Keyed<String, RedemptionState>,
    /// Recharged collection costs (PD-4) by id.
    pub costs: Keyed<String, CollectionCost>,
    /// Open and closed operator tasks by id.
    pub tasks: Keyed<String, Task>,
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
    /// RE-2: first day of the renewal for which a reminder was written last.
    pub reminded_for: Option<NaiveDate>,
    /// The date on which that reminder was sent; `None` while it waits in the outbox, for then nobody has been reminded yet.
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

/// Whether a promotion use still counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedemptionState {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// LC-3: given back when the first charge was declined.
    pub released: bool,
}

/// Something that a person must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `tk_{cause}`.
    pub id: String,
    /// What it is about: `refund_failed`, `overcharge_owed`, `credit_payout`, `reminder_missed`, `mail_failed`,
    /// `dunning_exhausted`, …
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

impl Subscription {
    /// RE-2: whether the reminder for the renewal on `start` was sent. One that merely waits reminds nobody.
    #[must_use]
    pub fn was_reminded_of(&self, start: NaiveDate) -> bool {
        self.reminded_for == Some(start) && self.reminded_on.is_some()
    }
}

impl Account {
    /// An account with nothing on it.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self {
            profile,
            cameras: Vec::new(),
            subscriptions: Keyed::new(),
            invoices: Keyed::new(),
            charges: Keyed::new(),
            payments: Keyed::new(),
            refunds: Keyed::new(),
            notes: Keyed::new(),
            corrections: Keyed::new(),
            disputes: Keyed::new(),
            redemptions: Keyed::new(),
            costs: Keyed::new(),
            tasks: Keyed::new(),
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

    /// CP-3: whether any paid subscription is left. A trial is none: whether it will be paid is not known.
    #[must_use]
    pub fn has_paid_subscription(&self) -> bool {
        self.subscriptions.values().any(|subscription| subscription.channel == Channel::Direct && subscription.state.term().is_some())
    }
}
