//! One complete notice of each kind, for the tests.

use chrono::{DateTime, NaiveDate, Utc};

use crate::domain::money::{Currency, Rate};

use crate::domain::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use crate::mail::render::Recipient;

pub(in crate::mail) fn day(text: &str) -> Option<NaiveDate> {
    text.parse().ok()
}

pub(in crate::mail) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

pub(in crate::mail) fn recipient() -> Recipient {
    Recipient { name: Some("Ada Lovelace".into()), email: "ada@example.com".to_owned(), time_zone: chrono_tz::Europe::Berlin }
}

/// USD 99.99 less USD 10.00 with 8.25 % tax, USD 20.00 of it from account credit, for the year from 2026-01-31.
pub(in crate::mail) fn invoice() -> NoticeData {
    NoticeData {
        currency: Currency::parse("USD").ok(),
        plan: Some("Kasa Care Plus (annual)".into()),
        period_start: day("2026-01-31"),
        period_end: day("2027-01-31"),
        net_minor: Some(9_999),
        promotion_minor: Some(1_000),
        promotion_code: Some("SPRING".into()),
        tax_minor: Some(742),
        tax_rate: Rate::parse("0.0825").ok(),
        total_minor: Some(9_741),
        credit_applied_minor: Some(2_000),
        charged_minor: Some(7_741),
        payment_method: Some("Visa ending 4242".into()),
        invoice_number: Some("KC-2026-000017".into()),
        happened_at: Some(at("2026-01-30T23:30:00Z")),
        ..NoticeData::default()
    }
}

/// The plan and currency, for kinds that need little else.
fn plain() -> NoticeData {
    NoticeData {
        currency: Currency::parse("USD").ok(),
        plan: Some("Kasa Care Plus (annual)".into()),
        payment_method: Some("Visa ending 4242".into()),
        ..NoticeData::default()
    }
}

/// Facts with which `kind` can be rendered. No arm for "the rest": a new kind needs a sample.
#[expect(clippy::too_many_lines, reason = "a table: one arm a kind")]
pub(in crate::mail) fn sample(kind: NoticeKind) -> NoticeData {
    match kind {
        NoticeKind::RenewalReminder => NoticeData { renews_on: day("2027-01-31"), ..invoice() },
        NoticeKind::PriceNotice => {
            NoticeData { effective_on: day("2027-01-31"), price_old_minor: Some(9_999), price_new_minor: Some(123_456), ..plain() }
        }
        NoticeKind::ReceiptPayment => invoice(),
        NoticeKind::ReceiptRefund => NoticeData {
            refund_minor: Some(7_176),
            invoice_number: Some("KC-2026-000017".into()),
            credit_note_number: Some("KC-2026-000031".into()),
            happened_at: Some(at("2026-06-02T10:00:00Z")),
            reason: Some("cancellation".into()),
            ..plain()
        },
        NoticeKind::ReceiptCorrection => NoticeData {
            transaction_on: day("2026-01-31"),
            incorrect_minor: Some(1_999),
            correct_minor: Some(999),
            difference_minor: Some(1_000),
            correction: Some(CorrectionOutcome::Refunded),
            invoice_number: Some("KC-2026-000017".into()),
            happened_at: Some(at("2026-02-10T10:00:00Z")),
            ..plain()
        },
        NoticeKind::PaymentFailed => {
            NoticeData { owed_minor: Some(10_824), invoice_number: Some("KC-2026-000017".into()), retry_on: day("2026-02-01"), ..plain() }
        }
        NoticeKind::PaymentMethodNeeded => {
            NoticeData { owed_minor: Some(10_824), invoice_number: Some("KC-2026-000017".into()), ..plain() }
        }
        NoticeKind::SubscriptionStarted => NoticeData { renews_on: day("2027-01-31"), camera: Some("CAM-1".into()), ..invoice() },
        NoticeKind::SubscriptionNotStarted => {
            NoticeData { invoice_number: Some("KC-2026-000017".into()), credit_note_number: Some("KC-2026-000018".into()), ..plain() }
        }
        NoticeKind::TrialStarted => NoticeData { trial_ends_on: day("2026-03-02"), ..invoice() },
        NoticeKind::CancellationConfirmed => NoticeData {
            ended_on: day("2026-06-02"),
            refund_minor: Some(7_176),
            recordings_inaccessible_from: day("2026-06-02"),
            ..plain()
        },
        NoticeKind::CancellationWithdrawn => NoticeData { renews_on: day("2027-01-31"), ..plain() },
        NoticeKind::PlanChanged => NoticeData {
            plan_old: Some("Kasa Care Plus (monthly)".into()),
            effective_on: day("2026-01-31"),
            renews_on: day("2027-01-31"),
            charged_minor: None,
            to_charge_minor: Some(7_741),
            ..invoice()
        },
        NoticeKind::PlanChangeScheduled => NoticeData {
            plan_old: Some("Kasa Care Premium (monthly)".into()),
            effective_on: day("2026-02-28"),
            price_new_minor: Some(399),
            ..plain()
        },
        NoticeKind::SuspensionNotice => NoticeData { effective_on: day("2026-05-01"), reason: Some("suspected misuse".into()), ..plain() },
        NoticeKind::Reinstated => NoticeData { effective_on: day("2026-05-09"), renews_on: day("2027-01-31"), ..invoice() },
        NoticeKind::TerminationNotice => NoticeData { effective_on: day("2026-05-31"), reason: Some("the service ends".into()), ..plain() },
        NoticeKind::OrderCancelled => NoticeData {
            ended_on: day("2026-02-03"),
            total_minor: Some(1_082),
            refund_minor: Some(1_082),
            invoice_number: Some("KC-2026-000017".into()),
            ..plain()
        },
        NoticeKind::TransferConfirmed => {
            NoticeData { camera: Some("CAM-1".into()), effective_on: day("2026-04-05"), renews_on: day("2026-04-30"), ..plain() }
        }
        NoticeKind::CreditGranted => NoticeData {
            credit_minor: Some(500),
            credit_balance_minor: Some(1_500),
            reason: Some("your payment provider did not accept a refund".into()),
            ..plain()
        },
    }
}
