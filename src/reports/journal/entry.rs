//! One entry of the books with everything that is known about it.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::Serialize;

use crate::domain::account::{Note, NoteReason};
use crate::domain::event::{Event, Reversal};
use crate::domain::settlement::booking::Booking;
use crate::reports::ReportError;
use crate::reports::chart;
use crate::reports::stored::Body;
use crate::store::db::{DbError, Row};
use crate::store::settlement;

/// One leg: an amount on an account of the chart, and the document line that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct EntryLeg {
    /// From 1 within the record.
    pub leg_no: i64,
    /// Number in the chart of accounts.
    pub ledger_account: i64,
    /// Debits positive.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscription: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
    /// The invoice's printed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice_number: Option<String>,
    /// `plus/annual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub promotion: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<String>,
}

/// One entry: the legs that book one event of one journal record. They sum to zero.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Entry {
    /// Business date.
    pub effective_on: NaiveDate,
    /// The customer's account.
    pub account: String,
    /// `account/record#event`, unique.
    pub event_id: String,
    /// What happened, in words.
    pub title: &'static str,
    /// When it was recorded.
    pub posted_at: DateTime<Utc>,
    /// The decision: `renew`, `cancel`, …
    pub kind: String,
    /// Who decided.
    pub actor: String,
    /// Why, where a reason was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event's own reason: of a note, of a reversal, of a decline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<String>,
    /// The provider's id of the money object, or the document that proves a cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The invoice that a correction puts right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction_of: Option<String>,
    pub legs: Vec<EntryLeg>,
}

/// Puts rows together to entries, in the order of the rows.
#[derive(Default)]
pub(super) struct Assembler {
    open: Option<Entry>,
    events: Vec<About>,
    record: (String, i64),
}

impl Assembler {
    /// Takes a row; gives the entry before it, if the row begins another.
    pub(super) fn take(&mut self, row: &Row) -> Result<Option<Entry>, ReportError> {
        let (account, seq, event_no) = (row.str_at(0)?, row.int_at(1)?, row.int_at(3)?);
        if let Some(body) = row.opt_text_at(14)? {
            self.events = read(&body, account, seq)?;
            self.record = (account.to_owned(), seq);
        }
        let id = format!("{account}/{seq}#{event_no}");
        let leg = leg(row)?;
        if let Some(open) = self.open.as_mut().filter(|open| open.event_id == id) {
            open.legs.push(leg);
            return Ok(None);
        }
        // A record whose first leg is gone tells nothing about its events; its legs are shown all the same.
        let is_known = (self.record.0.as_str(), self.record.1) == (account, seq);
        let event = usize::try_from(event_no).ok().and_then(|at| self.events.get(at)).filter(|_| is_known);
        let about = event.cloned().unwrap_or(About::UNKNOWN);
        let next = Entry {
            effective_on: row.date_at(5)?,
            account: account.to_owned(),
            event_id: id,
            title: about.title,
            posted_at: posted_at(row)?,
            kind: row.text_at(11)?,
            actor: row.text_at(12)?,
            reason: row.opt_text_at(13)?,
            reason_code: about.reason_code,
            reference: about.reference,
            correction_of: about.correction_of,
            legs: vec![leg],
        };
        Ok(self.open.replace(next))
    }

    /// The last entry.
    pub(super) fn last(self) -> Option<Entry> {
        self.open
    }
}

/// What the events of a record say about their entries.
fn read(body: &str, account: &str, seq: i64) -> Result<Vec<About>, ReportError> {
    let read = if settlement::is_book(account) {
        serde_json::from_str::<settlement::Entry>(body).map(|entry| entry.events.iter().map(of_booking).collect())
    } else {
        serde_json::from_str::<Body>(body).map(|body| body.events.iter().map(about).collect())
    };
    read.map_err(|error| ReportError::UnreadableRecord { account: account.to_owned(), seq, line: error.line(), column: error.column() })
}

fn posted_at(row: &Row) -> Result<DateTime<Utc>, DbError> {
    DateTime::from_timestamp_micros(row.int_at(10)?).ok_or_else(|| row.corrupt("posted_at", "is out of range"))
}

fn leg(row: &Row) -> Result<EntryLeg, DbError> {
    let plan = row.opt_text_at(15)?.zip(row.opt_text_at(16)?).map(|(tier, cycle)| format!("{tier}/{cycle}"));
    Ok(EntryLeg {
        leg_no: row.int_at(2)?,
        ledger_account: row.int_at(4)?,
        amount_minor: row.int_at(6)?,
        currency: row.text_at(7)?,
        subscription: row.opt_text_at(8)?,
        invoice: row.opt_text_at(9)?,
        invoice_number: row.opt_text_at(19)?,
        plan,
        promotion: row.opt_text_at(17)?,
        jurisdiction: row.opt_text_at(18)?,
    })
}

impl EntryLeg {
    /// The amount in major units.
    pub(super) fn major(&self) -> String {
        chart::major(self.amount_minor.into(), &self.currency)
    }

    /// The dimensions of a leg with their names, as far as it has them.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("subscription", &self.subscription),
            ("invoice", &self.invoice),
            ("number", &self.invoice_number),
            ("plan", &self.plan),
            ("promotion", &self.promotion),
            ("jurisdiction", &self.jurisdiction),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }
}

impl Entry {
    /// The instant of recording as text.
    pub(super) fn posted(&self) -> String {
        self.posted_at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }

    /// The dimensions of an entry with their names, as far as it has them.
    pub(super) fn dimensions(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let known = [("customer", &self.account), ("event", &self.event_id), ("kind", &self.kind), ("actor", &self.actor)];
        let more = [
            ("reason", &self.reason),
            ("reason-code", &self.reason_code),
            ("reference", &self.reference),
            ("correction-of", &self.correction_of),
        ];
        let known = known.into_iter().map(|(name, value)| (name, value.as_str()));
        known.chain(more.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))))
    }
}

/// What an event says about its entry.
#[derive(Clone)]
struct About {
    title: &'static str,
    reason_code: Option<String>,
    reference: Option<String>,
    correction_of: Option<String>,
}

impl About {
    /// Of legs whose record cannot be found.
    const UNKNOWN: Self = Self::titled("Unknown event");
    /// Of legs that stand at an event which books nothing: somebody has put them there.
    const UNBOOKED: Self = Self::titled("Not booked by its event");

    const fn titled(title: &'static str) -> Self {
        Self { title, reason_code: None, reference: None, correction_of: None }
    }

    fn reference(self, reference: &str) -> Self {
        Self { reference: Some(reference.to_owned()), ..self }
    }

    fn code(self, code: &str) -> Self {
        Self { reason_code: Some(code.to_owned()), ..self }
    }

    fn correcting(self, invoice: &str) -> Self {
        Self { correction_of: Some(invoice.to_owned()), ..self }
    }
}

/// What a provider's book says (RC).
fn of_booking(booking: &Booking) -> About {
    About::titled(booking.title()).reference(booking.reference())
}

/// Every event that is booked has its title here; those that book nothing make no entry.
fn about(event: &Event) -> About {
    match event {
        Event::InvoiceIssued { .. } => About::titled("Invoice issued"),
        Event::CreditApplied { .. } => About::titled("Account credit applied"),
        Event::CreditGranted { .. } => About::titled("Goodwill credit granted"),
        Event::CreditPaidByHand { document, .. } => About::titled("Account credit paid out by hand").reference(document),
        Event::CreditPaidOut { .. } => About::titled("Account credit to be paid out"),
        Event::ChargeCaptured { reference, .. } => About::titled("Payment captured").reference(reference),
        Event::UnappliedReturned { charge, .. } => About::titled("Unapplied payment to be given back").reference(charge),
        Event::UnappliedApplied { charge, .. } => About::titled("Unapplied payment applied").reference(charge),
        Event::ExcessRefundWrittenOff { refund, .. } => About::titled("Excess refund written off").reference(refund),
        Event::ExcessRefundApplied { refund, .. } => About::titled("Excess refund used for another").reference(refund),
        Event::NoteIssued { note, .. } => noted(note),
        Event::RefundSettled { reference, short, .. } => {
            let about = About::titled("Refund paid out").reference(reference);
            if short.is_some() { about.code("amount_mismatch") } else { about }
        }
        Event::RefundReopened { refund, .. } => About::titled("Refund paid after all, out of account credit").reference(refund),
        Event::RefundFailed { refund, code, .. } => About::titled("Refund failed, kept as credit").code(code).reference(refund),
        Event::RevenueRecognised { invoice, reversal, forfeited, .. } => recognised(invoice, *reversal, *forfeited),
        Event::DisputeOpened { id, .. } => About::titled("Dispute opened").reference(id),
        Event::DisputeWon { id, .. } => About::titled("Dispute won").reference(id),
        Event::DisputeLost { id, .. } => About::titled("Dispute lost").reference(id),
        Event::DisputeReversed { id, .. } => About::titled("Dispute won after it was lost").reference(id),
        Event::WrittenOff { .. } => About::titled("Written off"),
        Event::CollectionCostAdded { document, .. } => About::titled("Collection cost recharged").reference(document),
        Event::CollectionCostWrittenOff { id, .. } => About::titled("Collection cost written off").reference(id),
        Event::SubscriptionOpened { .. }
        | Event::Life { .. }
        | Event::CameraCovered { .. }
        | Event::CancelRequested { .. }
        | Event::CancelRequestSettled { .. }
        | Event::CameraAdded { .. }
        | Event::CameraRemoved { .. }
        | Event::RecordingsInaccessible { .. }
        | Event::PromotionRedeemed { .. }
        | Event::PromotionEnded { .. }
        | Event::PromotionReleased { .. }
        | Event::MethodReplaced { .. }
        | Event::MethodBlocked { .. }
        | Event::AccountParked { .. }
        | Event::AccountReleased
        | Event::ChargeRequested { .. }
        | Event::ChargeUnknown { .. }
        | Event::ChargeDeclined { .. }
        | Event::ChargeAbandoned { .. }
        | Event::AmountCarried { .. }
        | Event::ServiceEnded { .. }
        | Event::RefundRequested { .. }
        | Event::RefundUnknown { .. }
        | Event::RefundAbandoned { .. }
        | Event::CorrectionOpened { .. }
        | Event::CorrectionScheduled { .. }
        | Event::CorrectionClosed { .. }
        | Event::ReminderQueued { .. }
        | Event::ReminderSent { .. }
        | Event::ReminderMissed { .. }
        | Event::PriceNoticeQueued { .. }
        | Event::PriceNoticeSent { .. }
        | Event::PriceNoticeEnded { .. }
        | Event::TaskOpened { .. }
        | Event::TaskClosed { .. } => About::UNBOOKED,
    }
}

fn noted(note: &Note) -> About {
    let title = if note.reason.is_debit() { "Debit note issued" } else { "Credit note issued" };
    let about = About::titled(title).code(note_code(note.reason)).reference(&note.id);
    match note.reason {
        NoteReason::Overcharge | NoteReason::Undercharge | NoteReason::Waived | NoteReason::OrderCancelled => {
            about.correcting(&note.invoice)
        }
        NoteReason::Cancellation
        | NoteReason::PlanChange
        | NoteReason::FirstChargeDeclined
        | NoteReason::CancelledWhilePending
        | NoteReason::CancelledUnpaid
        | NoteReason::DisputeLost => about,
    }
}

fn recognised(invoice: &str, reversal: Option<Reversal>, forfeited: bool) -> About {
    match reversal {
        None if forfeited => About::titled("Revenue recognised").code("forfeited"),
        None => About::titled("Revenue recognised"),
        Some(Reversal::Correction) => About::titled("Revenue reversed").code("correction").correcting(invoice),
        Some(Reversal::Dispute) => About::titled("Revenue reversed").code("dispute"),
    }
}

const fn note_code(reason: NoteReason) -> &'static str {
    match reason {
        NoteReason::Cancellation => "cancellation",
        NoteReason::PlanChange => "plan_change",
        NoteReason::FirstChargeDeclined => "first_charge_declined",
        NoteReason::CancelledWhilePending => "cancelled_while_pending",
        NoteReason::Overcharge => "overcharge",
        NoteReason::Undercharge => "undercharge",
        NoteReason::Waived => "waived",
        NoteReason::OrderCancelled => "order_cancelled",
        NoteReason::CancelledUnpaid => "cancelled_unpaid",
        NoteReason::DisputeLost => "dispute_lost",
    }
}
