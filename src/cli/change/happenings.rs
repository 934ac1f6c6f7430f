//! Each event as a line or a few for people; nothing for what [`super::lives`] tells already.

use super::super::as_of;
use crate::domain::account::{CorrectionState, InvoiceDocument, Note, NoteReason, Purpose};
use crate::domain::change::Change;
use crate::domain::event::{ChargeRequest, Event, Given};
use crate::domain::money::Money;

/// What an event says to people.
pub(super) fn lines(change: &Change, event: &Event) -> Vec<String> {
    match event {
        Event::InvoiceIssued { invoice, .. } => invoice_lines(change, invoice),
        Event::CreditApplied { invoice, cash, goodwill } => {
            vec![format!("account credit pays {} of {invoice}", sum(*cash, *goodwill))]
        }
        Event::CreditGranted { amount } => vec![format!("goodwill credit {amount}")],
        Event::CreditPaidByHand { amount, document, .. } => vec![format!("account credit of {amount} was paid out by hand: {document}")],
        Event::CreditPaidOut { amount } => vec![format!("account credit of {amount} is paid out")],
        Event::ChargeRequested { charge } => vec![charge_line(change, charge)],
        Event::ChargeAbandoned { charge } => vec![format!("charge {charge} is given up; it moved nothing")],
        Event::AmountCarried { invoice, amount } => vec![format!("{amount} of {invoice} is carried to the next bill")],
        Event::NoteIssued { note, given } => note_lines(note, given),
        Event::RefundRequested { id, charge, amount, .. } => {
            let paid_on = change.after.payments.values().find(|payment| payment.charge == *charge).map(|payment| payment.captured_on);
            let payment = paid_on.map_or(String::new(), |on| format!(" of {on}"));
            vec![format!("refund {id}: {amount} to the payment{payment} (charge {charge})")]
        }
        Event::RevenueRecognised { invoice, through, amount, .. } => {
            vec![format!("revenue of {invoice} through {through}: {amount}")]
        }
        Event::WrittenOff { invoice, net, tax } => vec![format!("{} of {invoice} is written off", sum(*net, *tax))],
        Event::CollectionCostAdded { id, amount, document, .. } => {
            vec![format!("collection cost {id}: {amount}, document {document}")]
        }
        Event::CollectionCostWrittenOff { id, amount } => vec![format!("{amount} of collection cost {id} is written off")],
        Event::UnappliedApplied { charge, applied, costs, .. } => {
            applied.iter().chain(costs).map(|(id, amount)| format!("unapplied cash of {charge} pays {amount} of {id}")).collect()
        }
        Event::CaptureCorrected { charge, unapplied, unpaid, .. } => {
            let pays_nothing = (!unapplied.is_zero()).then(|| format!("unapplied cash of {charge} changes by {unapplied}"));
            let owed = unpaid.iter().map(|(invoice, amount)| format!("{amount} of {invoice} was not paid by {charge} and is owed again"));
            pays_nothing.into_iter().chain(owed).collect()
        }
        Event::UnappliedReturned { charge, amount, .. } => vec![format!("unapplied cash of {charge} is given back: {amount}")],
        Event::ExcessRefundWrittenOff { refund, amount } => vec![format!("{amount} that {refund} moved too much is given up")],
        Event::ExcessRefundApplied { refund, amount, given_up, .. } => {
            vec![format!("{} of it has been paid out before, by {refund}", sum(*amount, *given_up))]
        }
        Event::RefundAbandoned { refund } => vec![format!("refund {refund} is given up; it moved nothing")],
        Event::RefundReopened { refund, taken_over, from_credit, .. } => {
            let parts = [(taken_over, "was still to be paid out"), (from_credit, "had become account credit")];
            let parts = parts.iter().filter(|(amount, _)| amount.is_positive());
            let parts: Vec<String> = parts.map(|(amount, of)| format!("{amount} of it {of}")).collect();
            vec![format!("refund {refund} has been paid out after all{}{}", if parts.is_empty() { "" } else { ": " }, parts.join(", "))]
        }
        Event::CorrectionOpened { id, invoice, charged, correct, last_attempt_on, .. } => {
            vec![format!("correction {id} of {invoice}: charged {charged}, correct {correct}, attempts until {last_attempt_on}")]
        }
        Event::CorrectionClosed { id, state } => vec![format!("correction {id}: {}", correction_outcome(*state))],
        other => plain(other).into_iter().collect(),
    }
}

/// Events without money.
fn plain(event: &Event) -> Option<String> {
    Some(match event {
        Event::CancelRequested { subscription, on } => {
            format!("the cancellation of {subscription} counts from {on}; it is carried out as soon as it can be")
        }
        Event::CameraAdded { camera } => format!("camera {camera} belongs to the account"),
        Event::CameraRemoved { camera } => format!("camera {camera} leaves the account"),
        Event::RecordingsInaccessible { cameras, history_days, since } => {
            let cameras: Vec<&str> = cameras.iter().map(AsRef::as_ref).collect();
            let days = if *history_days == 1 { "day" } else { "days" };
            format!("from {since} on, recordings older than {history_days} {days} are not accessible on {}", cameras.join(", "))
        }
        Event::PromotionRedeemed { subscription, code } => format!("promotion {code} is in use on {subscription}"),
        Event::PromotionEnded { code, because, .. } => format!("promotion {code} ends: {because}"),
        Event::PromotionReleased { code } => format!("promotion {code} can be used again"),
        Event::MethodReplaced { number, expires_on } => {
            let until = expires_on.map_or_else(|| "does not expire".to_owned(), |on| format!("valid until {on}"));
            format!("payment method no. {number} is on file ({until})")
        }
        Event::AccountParked { parked } => format!("the account is parked ({}): {}", parked.code, parked.reason),
        Event::AccountReleased => "the account is released".to_owned(),
        Event::PriceNoticeEnded { version, because, .. } => format!("price notice of {version} no longer counts: {because}"),
        Event::TaskOpened { task } => {
            let amount = task.amount.map_or(String::new(), |amount| format!(", {amount}"));
            format!("operator task {} ({}{amount})", task.id, task.kind)
        }
        Event::TaskClosed { id, .. } => format!("task {id} is closed"),
        _ => return None,
    })
}

fn invoice_lines(change: &Change, document: &InvoiceDocument) -> Vec<String> {
    let number = change.after.invoices.get(&document.id).map(|invoice| invoice.number.as_str()).unwrap_or_default();
    let number = if number.is_empty() { String::new() } else { format!(", number {number}") };
    let mut lines = vec![format!(
        "invoice {}{number}: {} at {}, {} to {}",
        document.id,
        document.plan,
        document.version,
        document.period.start,
        document.period.last_day()
    )];
    lines.push(format!("    list price  {}", document.list));
    if let Some(code) = &document.promotion {
        lines.push(format!("    promotion  -{} ({code})", document.discount));
        lines.push(format!("    net         {}", document.net));
    }
    lines.push(format!("    tax         {} ({} x {}, {})", document.tax, document.rate, document.net, document.jurisdiction));
    lines.push(format!("    total       {}", sum(document.net, document.tax)));
    lines
}

fn charge_line(change: &Change, charge: &ChargeRequest) -> String {
    let what = match charge.purpose {
        Purpose::Period => "charge",
        Purpose::Correction => "correction charge",
    };
    let when = if charge.due_at > change.recorded_at { format!(", not before {}", as_of::shown(charge.due_at)) } else { String::new() };
    format!("{what} {}: {} to the payment method on file{when}", charge.id, charge.amount)
}

fn note_lines(note: &Note, given: &Given) -> Vec<String> {
    let (kind, sum) = if note.reason.is_debit() { ("debit note", "more") } else { ("credit note", "less") };
    let mut lines = vec![format!("{kind} {} on {}: {}", note.id, note.invoice, reason_in_words(note.reason))];
    lines.push(format!("    {} {sum} (net {}, tax {})", self::sum(note.net, note.tax), note.net, note.tax));
    let to = [
        (given.owed_off, "off what is owed"),
        (given.payout, "paid out"),
        (given.credit_cash, "to account credit"),
        (given.credit_goodwill, "back to goodwill credit"),
        (given.held, "held until the dispute ends"),
    ];
    lines.extend(to.iter().filter(|(amount, _)| !amount.is_zero()).map(|(amount, to)| format!("    {amount} {to}")));
    lines
}

/// The sum of two parts of one document, which fits where the document does.
fn sum(left: Money, right: Money) -> String {
    left.plus(right).map_or_else(|_| format!("{left} + {right}"), |sum| sum.to_string())
}

const fn reason_in_words(reason: NoteReason) -> &'static str {
    match reason {
        NoteReason::Cancellation => "cancelled",
        NoteReason::PlanChange => "plan changed",
        NoteReason::FirstChargeDeclined => "first charge declined",
        NoteReason::CancelledWhilePending => "cancelled before its first charge settled",
        NoteReason::Overcharge => "charged too much",
        NoteReason::Undercharge => "charged too little",
        NoteReason::Waived => "the rest is given up",
        NoteReason::OrderCancelled => "order cancelled",
        NoteReason::CancelledUnpaid => "cancelled for non-payment",
        NoteReason::DisputeLost => "dispute lost",
    }
}

const fn correction_outcome(state: CorrectionState) -> &'static str {
    match state {
        CorrectionState::Open => "being put right",
        CorrectionState::Done => "put right",
        CorrectionState::Waived => "the difference is given up",
        CorrectionState::Owed => "the difference stays owed, as account credit",
    }
}
