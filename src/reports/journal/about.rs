//! What the events of a record say about the entries that book them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::account::{Note, NoteReason};
use crate::domain::event::{Event, Reversal};
use crate::domain::settlement::booking::Booking;
use crate::reports::ReportError;
use crate::store::settlement;

/// What the events of a record say about their entries.
pub(super) fn read(body: &str, account: &str, seq: i64) -> Result<Vec<About>, ReportError> {
    let read = if settlement::is_book(account) {
        serde_json::from_str::<settlement::Entry>(body).map(|entry| entry.events.iter().map(of_booking).collect())
    } else {
        serde_json::from_str::<Events<'_>>(body).and_then(|body| body.events.into_iter().map(of_event).collect())
    };
    read.map_err(|error| ReportError::UnreadableRecord { account: account.to_owned(), seq, line: error.line(), column: error.column() })
}

/// The events of a record, not read yet.
#[derive(Deserialize)]
struct Events<'a> {
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// What an event says. Those that an ordinary renewal has are most of a month, and of three of them nothing is asked but what they are.
fn of_event(event: &RawValue) -> Result<About, serde_json::Error> {
    match event.get().strip_prefix("{\"").and_then(|event| event.split_once('"')) {
        Some(("invoice_issued.v1", _)) => Ok(About::INVOICE_ISSUED),
        Some(("life.v1" | "charge_requested.v1", _)) => Ok(About::UNBOOKED),
        _ => serde_json::from_str::<Event>(event.get()).map(|event| about(&event)),
    }
}

/// What an event says about its entry.
#[derive(Clone)]
pub(super) struct About {
    pub(super) title: &'static str,
    pub(super) reason_code: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) correction_of: Option<String>,
}

impl About {
    /// Of legs whose record cannot be found.
    pub(super) const UNKNOWN: Self = Self::titled("Unknown event");
    /// Of legs that stand at an event which books nothing: somebody has put them there.
    const UNBOOKED: Self = Self::titled("Not booked by its event");
    const INVOICE_ISSUED: Self = Self::titled("Invoice issued");

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
        Event::InvoiceIssued { .. } => About::INVOICE_ISSUED,
        Event::CreditApplied { .. } => About::titled("Account credit applied"),
        Event::CreditGranted { .. } => About::titled("Goodwill credit granted"),
        Event::CreditPaidByHand { document, .. } => About::titled("Account credit paid out by hand").reference(document),
        Event::CreditPaidOut { .. } => About::titled("Account credit to be paid out"),
        Event::ChargeCaptured { reference, .. } => About::titled("Payment captured").reference(reference),
        Event::CaptureCorrected { charge, .. } => About::titled("Captured amount put right").reference(charge),
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
