//! Which record queued which mail. Mails carry no number of a record, and all records of one run share an instant; but a mail's id is
//! its kind and its cause, and the event that it tells of names the cause.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};

use crate::domain::event::Event;
use crate::domain::ids::SubscriptionId;
use crate::domain::notice::NoticeKind;
use crate::domain::subscription::{Intent, Life};
use crate::reports::stored::{Body, Journal, Mail};

/// The record of each mail, by the mail's id.
pub(super) fn by_record<'a>(mails: &'a [Mail], journal: &Journal) -> HashMap<&'a str, i64> {
    let mut at: BTreeMap<DateTime<Utc>, Vec<(i64, Vec<Event>)>> = BTreeMap::new();
    for record in &journal.records {
        // A record that cannot be read has queued nothing that anybody could know of.
        if let Ok(body) = serde_json::from_str::<Body>(&record.body) {
            at.entry(record.posted_at).or_default().push((record.seq, body.events));
        }
    }
    let of = |mail: &'a Mail| {
        let rated = at.get(&mail.queued_at)?.iter().map(|(seq, events)| (nearness(mail, events), *seq));
        // The nearest; of several as near, the first.
        let best = rated.filter(|(near, _)| *near > Near::No).max_by_key(|(near, seq)| (*near, std::cmp::Reverse(*seq)))?;
        Some((mail.id.as_str(), best.1))
    };
    mails.iter().filter_map(of).collect()
}

/// How near a record's events are to a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Near {
    No,
    /// They are about the same subscription.
    SameSubscription,
    /// One of them is what the mail tells of.
    Cause,
}

fn nearness(mail: &Mail, events: &[Event]) -> Near {
    let told = mail.id.strip_prefix(mail.kind.as_str()).and_then(|cause| cause.strip_prefix('_'));
    let (Ok(kind), Some(cause)) = (NoticeKind::parse(&mail.kind), told) else { return Near::No };
    if events.iter().any(|event| tells_of(kind, cause, event)) {
        return Near::Cause;
    }
    let same =
        |event: &Event| matches!(event, Event::Life { subscription, .. } if mail.subscription.as_deref() == Some(subscription.as_str()));
    if events.iter().any(same) { Near::SameSubscription } else { Near::No }
}

/// Whether a mail of this kind and cause is queued with this event.
fn tells_of(kind: NoticeKind, cause: &str, event: &Event) -> bool {
    match event {
        Event::ChargeCaptured { charge, .. } => kind == NoticeKind::ReceiptPayment && cause == charge,
        Event::InvoiceIssued { invoice, .. } => {
            matches!(kind, NoticeKind::ReceiptPayment | NoticeKind::PaymentMethodNeeded) && cause == invoice.id
        }
        Event::RefundSettled { refund, .. } => matches!(kind, NoticeKind::ReceiptRefund | NoticeKind::ReceiptCorrection) && cause == refund,
        Event::RefundFailed { refund, .. } => kind == NoticeKind::CreditGranted && cause == refund,
        Event::CreditGranted { .. } => kind == NoticeKind::CreditGranted,
        Event::CorrectionClosed { id, .. } => kind == NoticeKind::ReceiptCorrection && cause.strip_suffix("_owed").unwrap_or(cause) == id,
        Event::ChargeDeclined { charge, .. } => {
            matches!(kind, NoticeKind::PaymentFailed | NoticeKind::PaymentMethodNeeded) && cause == charge
        }
        Event::ReminderQueued { subscription, renewal_on, .. } => {
            kind == NoticeKind::RenewalReminder && cause == format!("{subscription}_{renewal_on}")
        }
        Event::PriceNoticeQueued { subscription, version } => {
            let first = format!("{subscription}_{}", version.replace('/', "-"));
            kind == NoticeKind::PriceNotice && cause.split('~').next() == Some(first.as_str())
        }
        Event::CameraRemoved { camera } => kind == NoticeKind::TransferConfirmed && is_of(cause, camera.as_str()),
        Event::CancelRequestSettled { subscription } => kind == NoticeKind::CancellationWithdrawn && is_of(cause, subscription.as_str()),
        Event::Life { subscription, life } => is_step(kind, cause, subscription, life),
        _ => false,
    }
}

fn is_of(cause: &str, id: &str) -> bool {
    cause.strip_prefix(id).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// Whether a step of a subscription's life is what a mail of this kind tells of.
fn is_step(kind: NoticeKind, cause: &str, subscription: &SubscriptionId, life: &Life) -> bool {
    let kinds: &[NoticeKind] = match life {
        Life::Activated => &[NoticeKind::SubscriptionStarted],
        Life::Trialing { .. } => &[NoticeKind::TrialStarted, NoticeKind::PlanChanged],
        Life::Closed { .. } => &[
            NoticeKind::SubscriptionNotStarted,
            NoticeKind::CancellationConfirmed,
            NoticeKind::TerminationNotice,
            NoticeKind::TransferConfirmed,
            NoticeKind::OrderCancelled,
        ],
        Life::Intends { intent: Intent::Ends } => {
            &[NoticeKind::CancellationConfirmed, NoticeKind::TerminationNotice, NoticeKind::TransferConfirmed]
        }
        Life::Intends { intent: Intent::ChangesTo { .. } } => &[NoticeKind::PlanChangeScheduled],
        Life::Intends { intent: Intent::Renews } => &[NoticeKind::CancellationWithdrawn],
        Life::TermOpened { .. } => &[NoticeKind::PlanChanged, NoticeKind::Reinstated],
        Life::Suspended { .. } => &[NoticeKind::SuspensionNotice],
        Life::Reinstated => &[NoticeKind::Reinstated],
        Life::Subscribed { .. } | Life::Renewed { .. } | Life::BecamePastDue { .. } | Life::PaidUp => &[],
    };
    kinds.contains(&kind) && is_of(cause, subscription.as_str())
}
