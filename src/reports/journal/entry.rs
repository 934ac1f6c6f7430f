//! One entry of the books with everything that is known about it.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;

use crate::reports::chart;

/// One leg: an amount on an account of the chart, and the document line that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::reports) struct EntryLeg<'a> {
    /// From 1 within the record.
    pub leg_no: i64,
    /// Number in the chart of accounts.
    pub ledger_account: i64,
    /// Debits positive.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<&'a str>,
    /// The invoice's printed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<&'a str>,
    /// `plus/annual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<&'a str>,
}

/// One entry: the legs that book one event of one journal record. They sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(in crate::reports) struct Entry<'a> {
    /// Business date.
    pub effective_on: NaiveDate,
    /// The customer's account.
    pub account: &'a str,
    /// `account/record#event`, unique.
    pub event_id: &'a str,
    /// What happened, in words.
    pub title: &'a str,
    /// When it was recorded.
    pub posted_at: DateTime<Utc>,
    /// The decision: `renew`, `cancel`, …
    pub kind: &'a str,
    /// Who decided.
    pub actor: &'a str,
    /// Why, where a reason was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'a str>,
    /// The event's own reason: of a note, of a reversal, of a decline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<&'a str>,
    /// The provider's id of the money object, or the document that proves a cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<&'a str>,
    /// The invoice that a correction puts right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction_of: Option<&'a str>,
    pub legs: Vec<EntryLeg<'a>>,
}

impl EntryLeg<'_> {
    /// Adds the amount in major units to a text.
    pub(super) fn put_major(&self, text: &mut String) {
        chart::put_major(text, self.amount_minor, self.currency);
    }

    /// The dimensions of a leg with their names, as far as it has them.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("subscription", self.subscription),
            ("invoice", self.invoice),
            ("number", self.invoice_number),
            ("plan", self.plan),
            ("promotion", self.promotion),
            ("jurisdiction", self.jurisdiction),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

impl Entry<'_> {
    /// The dimensions of an entry with their names, as far as it has them.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("customer", Some(self.account)),
            ("event", Some(self.event_id)),
            ("kind", Some(self.kind)),
            ("actor", Some(self.actor)),
            ("reason", self.reason),
            ("reason-code", self.reason_code),
            ("reference", self.reference),
            ("correction-of", self.correction_of),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// Instants as text. One run records many entries at one instant, so that the last one is kept.
#[derive(Debug, Default)]
pub(in crate::reports) struct Instants {
    last: Option<DateTime<Utc>>,
    text: String,
}

impl Instants {
    /// An instant in this form.
    pub(in crate::reports) fn text(&mut self, at: DateTime<Utc>, form: SecondsFormat) -> &str {
        if self.last != Some(at) {
            self.text = at.to_rfc3339_opts(form, true);
            self.last = Some(at);
        }
        &self.text
    }
}
