//! The templates, compiled in. They stand in `templates/`, one a kind, named by its tag.

use crate::domain::notice::NoticeKind;

/// The frames around a body: each form has its own.
pub(super) const LAYOUTS: [(&str, &str); 2] =
    [("layout.txt", include_str!("templates/layout.txt")), ("layout.html", include_str!("templates/layout.html"))];

/// What the templates of several kinds share, under the name by which they include it (less the form's suffix).
pub(super) const PARTS: [(&str, &str); 3] = [
    ("amounts", include_str!("templates/parts/amounts.txt")),
    ("given_back", include_str!("templates/parts/given_back.txt")),
    ("recordings", include_str!("templates/parts/recordings.txt")),
];

/// The template of a kind.
pub(super) const fn of_kind(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::RenewalReminder => include_str!("templates/renewal_reminder.txt"),
        NoticeKind::PriceNotice => include_str!("templates/price_notice.txt"),
        NoticeKind::ReceiptPayment => include_str!("templates/receipt_payment.txt"),
        NoticeKind::ReceiptRefund => include_str!("templates/receipt_refund.txt"),
        NoticeKind::ReceiptCorrection => include_str!("templates/receipt_correction.txt"),
        NoticeKind::PaymentFailed => include_str!("templates/payment_failed.txt"),
        NoticeKind::PaymentMethodNeeded => include_str!("templates/payment_method_needed.txt"),
        NoticeKind::SubscriptionStarted => include_str!("templates/subscription_started.txt"),
        NoticeKind::SubscriptionNotStarted => include_str!("templates/subscription_not_started.txt"),
        NoticeKind::TrialStarted => include_str!("templates/trial_started.txt"),
        NoticeKind::CancellationConfirmed => include_str!("templates/cancellation_confirmed.txt"),
        NoticeKind::CancellationWithdrawn => include_str!("templates/cancellation_withdrawn.txt"),
        NoticeKind::PlanChanged => include_str!("templates/plan_changed.txt"),
        NoticeKind::PlanChangeScheduled => include_str!("templates/plan_change_scheduled.txt"),
        NoticeKind::SuspensionNotice => include_str!("templates/suspension_notice.txt"),
        NoticeKind::Reinstated => include_str!("templates/reinstated.txt"),
        NoticeKind::TerminationNotice => include_str!("templates/termination_notice.txt"),
        NoticeKind::OrderCancelled => include_str!("templates/order_cancelled.txt"),
        NoticeKind::TransferConfirmed => include_str!("templates/transfer_confirmed.txt"),
        NoticeKind::CreditGranted => include_str!("templates/credit_granted.txt"),
    }
}

/// The template of a kind, or the part, that is called `stem`.
pub(super) fn called(stem: &str) -> Option<&'static str> {
    let part = PARTS.into_iter().find(|(name, _)| *name == stem).map(|(_, source)| source);
    part.or_else(|| NoticeKind::parse(stem).ok().map(of_kind))
}
