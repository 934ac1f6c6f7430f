//! What a customer is told (RE, PR, CO, PD, LC-7, LC-8), as it is stored in the notices table.
//!
//! A notice is a kind and its facts. It holds no name and no address: those are looked up when the
//! mail is sent, so that erasing them (PP-2) leaves nothing behind here.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::money::{Currency, Rate};

/// What the customer is told. The tags are stored, so they are written by hand and never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoticeKind {
    /// RE-1: an annual term renews, or a trial turns into an annual term.
    RenewalReminder,
    /// PR-2, SA-d: the price changes, from a named renewal on.
    PriceNotice,
    /// RE-4: an invoice was paid, in cash or from account credit.
    ReceiptPayment,
    /// RE-4: money went back to the customer.
    ReceiptRefund,
    /// RE-4, CO: an incorrect transaction was put right.
    ReceiptCorrection,
    /// PD-1, PD-2: a charge was declined and will be tried again.
    PaymentFailed,
    /// PD-2: a charge was declined for good; only another payment method helps.
    PaymentMethodNeeded,
    /// LC-3: the first charge settled and the subscription is active.
    SubscriptionStarted,
    /// LC-3: the first charge was declined; nothing is owed and nothing started.
    SubscriptionNotStarted,
    /// LC-2: the free trial began.
    TrialStarted,
    /// CP, LC-2, RF: a cancellation was accepted.
    CancellationConfirmed,
    /// LC-9: a pending end or plan change was withdrawn.
    CancellationWithdrawn,
    /// CP-1: a plan change took effect at once.
    PlanChanged,
    /// CP: a plan change will take effect at the end of the period.
    PlanChangeScheduled,
    /// LC-7: the operator suspends the subscription.
    SuspensionNotice,
    /// LC-7: the suspension is over.
    Reinstated,
    /// LC-7, PD-3, PD-6: the operator ends the subscription.
    TerminationNotice,
    /// CO-5: the order is cancelled because its published price was wrong.
    OrderCancelled,
    /// LC-6: a camera went to a new owner and lost its coverage here.
    TransferConfirmed,
    /// CO-3, RF-4: account credit was granted.
    CreditGranted,
}

/// A stored tag that no [`NoticeKind`] has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no notice kind has the tag {tag:?}")]
pub struct UnknownNoticeKind {
    /// The tag as it was read.
    pub tag: String,
}

impl NoticeKind {
    /// Every kind, in the order of the declaration.
    pub const ALL: [Self; 20] = [
        Self::RenewalReminder,
        Self::PriceNotice,
        Self::ReceiptPayment,
        Self::ReceiptRefund,
        Self::ReceiptCorrection,
        Self::PaymentFailed,
        Self::PaymentMethodNeeded,
        Self::SubscriptionStarted,
        Self::SubscriptionNotStarted,
        Self::TrialStarted,
        Self::CancellationConfirmed,
        Self::CancellationWithdrawn,
        Self::PlanChanged,
        Self::PlanChangeScheduled,
        Self::SuspensionNotice,
        Self::Reinstated,
        Self::TerminationNotice,
        Self::OrderCancelled,
        Self::TransferConfirmed,
        Self::CreditGranted,
    ];

    /// The tag under which this kind is stored.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::RenewalReminder => "renewal_reminder",
            Self::PriceNotice => "price_notice",
            Self::ReceiptPayment => "receipt_payment",
            Self::ReceiptRefund => "receipt_refund",
            Self::ReceiptCorrection => "receipt_correction",
            Self::PaymentFailed => "payment_failed",
            Self::PaymentMethodNeeded => "payment_method_needed",
            Self::SubscriptionStarted => "subscription_started",
            Self::SubscriptionNotStarted => "subscription_not_started",
            Self::TrialStarted => "trial_started",
            Self::CancellationConfirmed => "cancellation_confirmed",
            Self::CancellationWithdrawn => "cancellation_withdrawn",
            Self::PlanChanged => "plan_changed",
            Self::PlanChangeScheduled => "plan_change_scheduled",
            Self::SuspensionNotice => "suspension_notice",
            Self::Reinstated => "reinstated",
            Self::TerminationNotice => "termination_notice",
            Self::OrderCancelled => "order_cancelled",
            Self::TransferConfirmed => "transfer_confirmed",
            Self::CreditGranted => "credit_granted",
        }
    }

    /// The kind with this stored tag.
    ///
    /// # Errors
    /// [`UnknownNoticeKind`] if no kind has it.
    pub fn parse(tag: &str) -> Result<Self, UnknownNoticeKind> {
        Self::ALL.into_iter().find(|kind| kind.tag() == tag).ok_or_else(|| UnknownNoticeKind { tag: tag.to_owned() })
    }
}

/// What a correction (CO-2, CO-3) did about the difference. Stored by these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CorrectionOutcome {
    /// Too little had been charged; the difference was charged.
    #[serde(rename = "charged")]
    Charged,
    /// Too much had been charged; the difference went back to the payment.
    #[serde(rename = "refunded")]
    Refunded,
    /// Too much had been charged; the difference is account credit.
    #[serde(rename = "credited")]
    Credited,
    /// Too much had been invoiced and not yet paid; the difference was taken off what is owed.
    #[serde(rename = "owed_less")]
    OwedLess,
}

/// What a part of a payment paid. Stored by these names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaidFor {
    /// An invoice, by its number (MO-4).
    Invoice(String),
    /// A collection cost, by its document (PD-4).
    CollectionCost(String),
    /// Nothing that is owed; it goes back.
    Nothing,
}

/// A part of a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaidPart {
    /// What it paid.
    pub what: PaidFor,
    /// How much of the payment that is.
    pub minor: i64,
}

/// How a notice names the payment method of an account that has none.
pub const NONE_ON_FILE: &str = "none on file";

/// The facts of one notice, stored as JSON. Every field is optional; which ones a kind needs is
/// said by its template, and a template that misses one is an error, never a blank in a mail.
///
/// All amounts are minor units of [`currency`](Self::currency) and positive in the sense their name
/// says. Dates are dates of the account's billing time zone; ends are exclusive, as in a period
/// `[start, end)`, and are shown as the last day. Texts are single lines. The field names are the
/// stored names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NoticeData {
    /// The currency of every amount here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,

    /// The plan as a customer knows it, cycle included: `Kasa Care Plus (annual)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// The plan before a change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan_old: Option<String>,
    /// The camera that is meant, by its id (a name that the customer gave it is personal data).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,

    /// First day of the period that the notice is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_start: Option<NaiveDate>,
    /// Exclusive end of that period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_end: Option<NaiveDate>,
    /// The day of the next renewal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renews_on: Option<NaiveDate>,
    /// The day the trial ends, on which the first paid period starts (LC-2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trial_ends_on: Option<NaiveDate>,
    /// The day from which what the notice announces holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_on: Option<NaiveDate>,
    /// The day on which coverage ended at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_on: Option<NaiveDate>,
    /// Exclusive end of coverage that runs out with its period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs_until: Option<NaiveDate>,
    /// The day of the next attempt to collect (PD-2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_on: Option<NaiveDate>,
    /// The day of the transaction that a correction or a refund is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_on: Option<NaiveDate>,
    /// LC-8: the day from which recordings are no longer accessible.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings_inaccessible_from: Option<NaiveDate>,
    /// The days of history that stay accessible after that; 0 for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_days: Option<u32>,
    /// The instant at which money moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened_at: Option<DateTime<Utc>>,

    /// The fee before promotion and tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_minor: Option<i64>,
    /// What a promotion takes off the fee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion_minor: Option<i64>,
    /// The promotion's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion_code: Option<String>,
    /// Tax on the fee less the promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_minor: Option<i64>,
    /// The rate of that tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax_rate: Option<Rate>,
    /// Fee less promotion plus tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_minor: Option<i64>,
    /// What account credit pays of the total (LC-4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_applied_minor: Option<i64>,
    /// What the payment method pays or paid: the total less the credit applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub charged_minor: Option<i64>,
    /// What is yet to be charged to the payment method; the receipt follows when it was (PV-7).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_charge_minor: Option<i64>,
    /// What a payment paid, part by part, where that is more than its own invoice (PD-4, MO-5).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paid_parts: Vec<PaidPart>,
    /// What goes, or went, back to the payment method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_minor: Option<i64>,
    /// What becomes, or became, account credit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_minor: Option<i64>,
    /// What goes back when the dispute about its payment ends well (RF-3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_minor: Option<i64>,
    /// What had not been paid and is owed no longer (RF-3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owed_off_minor: Option<i64>,
    /// Account credit after all this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_balance_minor: Option<i64>,
    /// Everything that is owed now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owed_minor: Option<i64>,
    /// The fee before tax at the old price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_old_minor: Option<i64>,
    /// The fee before tax at the new price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub price_new_minor: Option<i64>,
    /// CO-1: the total that was charged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub incorrect_minor: Option<i64>,
    /// CO-1: the total that would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correct_minor: Option<i64>,
    /// What a correction moved: the difference of the two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_minor: Option<i64>,
    /// Which way it moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<CorrectionOutcome>,

    /// The payment method as it may be shown: `Visa ending 4242`; `none on file` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_method: Option<String>,
    /// The number of the invoice that the notice is about (MO-4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
    /// The number of the credit note that the notice is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_note_number: Option<String>,
    /// RF-7: the store that charges and refunds a mirror subscription: `App Store`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_store: Option<String>,
    /// Why, in words meant for the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Stored notice facts that can't be read or written. Names no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("notice facts are not valid JSON of the expected shape (line {line}, column {column})")]
pub struct NoticeDataError {
    /// Line of the text at which reading stopped, from 1.
    pub line: usize,
    /// Column of that line, from 1.
    pub column: usize,
}

impl From<serde_json::Error> for NoticeDataError {
    fn from(error: serde_json::Error) -> Self {
        Self { line: error.line(), column: error.column() }
    }
}

impl NoticeData {
    /// The facts as the JSON text that is stored. The same facts always give the same text.
    ///
    /// # Errors
    /// None in practice: the struct holds nothing that JSON can't.
    pub fn to_json(&self) -> Result<String, NoticeDataError> {
        Ok(serde_json::to_string(self)?)
    }

    /// The facts from their stored text.
    ///
    /// # Errors
    /// [`NoticeDataError`] if the text is not JSON of this shape. Fields that a newer version wrote
    /// are ignored.
    pub fn from_json(text: &str) -> Result<Self, NoticeDataError> {
        Ok(serde_json::from_str(text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_tag() {
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::parse(kind.tag()), Ok(kind));
        }
        let mut tags: Vec<_> = NoticeKind::ALL.iter().map(|kind| kind.tag()).collect();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), NoticeKind::ALL.len(), "two kinds share a tag");
    }

    #[test]
    fn an_unknown_tag_is_named() {
        let refused = NoticeKind::parse("Receipt_Payment");
        assert_eq!(refused, Err(UnknownNoticeKind { tag: "Receipt_Payment".to_owned() }));
    }

    #[test]
    fn absent_facts_take_no_room_and_present_ones_come_back() {
        let data = NoticeData {
            currency: Currency::parse("USD").ok(),
            tax_rate: Rate::parse("0.0825").ok(),
            renews_on: NaiveDate::from_ymd_opt(2027, 1, 31),
            happened_at: DateTime::from_timestamp(1_769_860_800, 0),
            total_minor: Some(-5),
            history_days: Some(0),
            correction: Some(CorrectionOutcome::Refunded),
            ..NoticeData::default()
        };
        let stored = data.to_json().expect("writes");
        assert_eq!(
            stored,
            r#"{"currency":"USD","renews_on":"2027-01-31","history_days":0,"happened_at":"2026-01-31T12:00:00Z","tax_rate":"0.0825","total_minor":-5,"correction":"refunded"}"#
        );
        assert_eq!(NoticeData::from_json(&stored), Ok(data));
        assert_eq!(NoticeData::default().to_json().as_deref(), Ok("{}"));
    }

    #[test]
    fn a_broken_text_is_refused_without_repeating_it() {
        let error = NoticeData::from_json(r#"{"plan": "Ada Lovelace", "total_minor": "12"}"#);
        let shown = error.expect_err("a string is no amount").to_string();
        assert!(!shown.contains("Ada") && !shown.contains("12\""), "{shown}");
    }

    #[test]
    fn facts_of_a_newer_version_are_ignored() {
        let read = NoticeData::from_json(r#"{"plan":"Plus","added_later":{"a":[1]}}"#);
        assert_eq!(read.expect("reads").plan.as_deref(), Some("Plus"));
    }
}
