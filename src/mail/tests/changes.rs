//! The facts that mail about changes has to state: cancellations, plan changes, and what the operator does.

use super::samples::{day, sample};
use super::{check, rendered};
use crate::domain::notice::{NoticeData, NoticeKind};

const PLUS: &str = "Kasa Care Plus (annual)";

#[test]
fn cp_a_cancellation_at_once_promises_the_refund_and_does_not_claim_it() {
    check(
        NoticeKind::CancellationConfirmed,
        &sample(NoticeKind::CancellationConfirmed),
        "Your Kasa Care Plus (annual) subscription is cancelled",
        &[
            "As you asked, your Kasa Care Plus (annual) subscription was cancelled and ended on 2 June 2026. It \
             will not renew. The cameras that it covered are on the Free Package again.",
            "A refund of $71.76 to your payment method (Visa ending 4242) is due to you. We will send you a \
             receipt as soon as it has been made.",
            "From 2 June 2026 on, the recordings that this plan kept are no longer accessible and may be deleted.",
        ],
    );
}

#[test]
fn cp_a_cancellation_at_the_end_of_the_period_names_its_last_day() {
    let data = NoticeData {
        plan: Some(PLUS.to_owned()),
        runs_until: day("2026-03-01"),
        recordings_inaccessible_from: day("2026-03-01"),
        history_days: Some(7),
        ..NoticeData::default()
    };
    check(
        NoticeKind::CancellationConfirmed,
        &data,
        "Your Kasa Care Plus (annual) subscription is cancelled",
        &[
            "As you asked, your Kasa Care Plus (annual) subscription was cancelled. It will not renew, and you \
             can use it through 28 February 2026. After that the cameras that it covers are on the Free Package \
             again. Until then you can withdraw the cancellation at https://kasacare.example/subscription.",
            "From 1 March 2026 on, recordings older than 7 days are no longer accessible and may be deleted. \
             Please save before then what you want to keep.",
        ],
    );
}

#[test]
fn rf_7_a_store_subscription_is_refunded_by_its_store() {
    let data = NoticeData { refund_minor: None, refund_store: Some("App Store".to_owned()), ..sample(NoticeKind::CancellationConfirmed) };
    check(
        NoticeKind::CancellationConfirmed,
        &data,
        "Your Kasa Care Plus (annual) subscription is cancelled",
        &["This subscription is billed by App Store, and only App Store can refund it. Please ask for any \
             refund there."],
    );
}

#[test]
fn rf_3_credit_and_what_stays_owed_are_both_said() {
    let data =
        NoticeData { refund_minor: None, credit_minor: Some(2_500), owed_minor: Some(3_370), ..sample(NoticeKind::CancellationConfirmed) };
    check(
        NoticeKind::CancellationConfirmed,
        &data,
        "Your Kasa Care Plus (annual) subscription is cancelled",
        &[
            "$25.00 is added to your account credit, which pays your next invoices before your payment method is \
             charged.",
            "$33.70 is still to be paid.",
        ],
    );
}

#[test]
fn cp_1_a_plan_change_at_once_and_a_scheduled_one() {
    check(
        NoticeKind::PlanChanged,
        &sample(NoticeKind::PlanChanged),
        "Your plan is now Kasa Care Plus (annual)",
        &[
            "On 31 January 2026 your plan changed from Kasa Care Plus (monthly) to Kasa Care Plus (annual).",
            "  Period: 31 January 2026 to 30 January 2027",
            "  Renews on: 31 January 2027",
            "  Paid from account credit: -$20.00",
            "  To be charged: $77.41",
            "$77.41 will be charged to your payment method. We will send you a receipt as soon as it has been paid.",
        ],
    );
    let trial = NoticeData {
        plan: Some(PLUS.to_owned()),
        plan_old: Some("Kasa Care Plus (monthly)".to_owned()),
        effective_on: day("2026-02-03"),
        trial_ends_on: day("2026-03-02"),
        ..NoticeData::default()
    };
    check(
        NoticeKind::PlanChanged,
        &trial,
        "Your plan is now Kasa Care Plus (annual)",
        &["Your free trial goes on and still ends on 2 March 2026. Nothing was charged for the change."],
    );
    check(
        NoticeKind::PlanChangeScheduled,
        &sample(NoticeKind::PlanChangeScheduled),
        "Your plan changes to Kasa Care Plus (annual) on 28 February 2026",
        &[
            "As you asked, your plan changes from Kasa Care Premium (monthly) to Kasa Care Plus (annual) on 28 \
             February 2026. Until then nothing changes.",
            "  Price of the new plan: $3.99",
        ],
    );
}

#[test]
fn lc_9_a_withdrawn_cancellation() {
    check(
        NoticeKind::CancellationWithdrawn,
        &sample(NoticeKind::CancellationWithdrawn),
        "Your Kasa Care Plus (annual) subscription continues",
        &["  Renews on: 31 January 2027"],
    );
}

#[test]
fn lc_7_suspension_reinstatement_and_termination() {
    check(
        NoticeKind::SuspensionNotice,
        &sample(NoticeKind::SuspensionNotice),
        "Your Kasa Care Plus (annual) subscription is suspended from 1 May 2026",
        &[
            "  Reason: suspected misuse",
            "While it is suspended there is no service, nothing is charged and nothing renews. The period that \
             you have paid for runs on, and no refund is made for the time of the suspension.",
        ],
    );
    let reinstated = sample(NoticeKind::Reinstated);
    check(
        NoticeKind::Reinstated,
        &reinstated,
        "Your Kasa Care Plus (annual) subscription is active again",
        &["  Active again from: 9 May 2026", "  Period: 31 January 2026 to 30 January 2027", "  Renews on: 31 January 2027"],
    );
    let ending = NoticeData { renews_on: None, runs_until: day("2027-01-31"), ..reinstated };
    let text = rendered(NoticeKind::Reinstated, &ending).text;
    assert!(text.contains("Your subscription does not renew. You can use it through 30 January 2027."), "{text}");
    let termination = sample(NoticeKind::TerminationNotice);
    check(
        NoticeKind::TerminationNotice,
        &termination,
        "Your Kasa Care Plus (annual) subscription ends on 31 May 2026",
        &["  Ends on: 31 May 2026", "  Reason: the service ends", "Nothing is refunded."],
    );
    let refunded = rendered(NoticeKind::TerminationNotice, &NoticeData { refund_minor: Some(1), ..termination }).text;
    assert!(refunded.contains("A refund of $0.01") && !refunded.contains("Nothing is refunded"), "{refunded}");
}

#[test]
fn co_5_a_cancelled_order_gives_everything_back() {
    let data = sample(NoticeKind::OrderCancelled);
    check(
        NoticeKind::OrderCancelled,
        &data,
        "Your order of Kasa Care Plus (annual) was cancelled",
        &[
            "  Total of the invoice: $10.82",
            "A refund of $10.82 to your payment method (Visa ending 4242) is due to you. We will send you a \
             receipt as soon as it has been made.",
        ],
    );
    let nothing = NoticeData { refund_minor: None, ..data };
    let text = rendered(NoticeKind::OrderCancelled, &nothing).text;
    assert!(text.contains("There is nothing left to give back.") && !text.contains("refund"), "{text}");
    let held = rendered(NoticeKind::OrderCancelled, &NoticeData { held_minor: Some(1_082), ..nothing.clone() }).text;
    assert!(held.contains("$10.82 is held back because the payment is disputed.") && !held.contains("nothing left"), "{held}");
    let elsewhere = rendered(NoticeKind::OrderCancelled, &NoticeData { invoice_number: None, total_minor: None, ..nothing }).text;
    assert!(elsewhere.contains("You paid for this period before it was billed here."), "{elsewhere}");
}

#[test]
fn lc_6_a_transferred_camera() {
    let premium = sample(NoticeKind::TransferConfirmed);
    check(
        NoticeKind::TransferConfirmed,
        &premium,
        "Camera CAM-1 has left your account",
        &[
            "Camera CAM-1 was transferred to a new owner on 5 April 2026. It is no longer covered by your Kasa \
             Care Plus (annual) subscription.",
            "The subscription goes on for your other cameras, and renews on 30 April 2026.",
        ],
    );
    let plus = NoticeData { ended_on: day("2026-04-05"), renews_on: None, ..premium };
    let text = rendered(NoticeKind::TransferConfirmed, &plus).text;
    assert!(text.contains("It ended on 5 April 2026 and will not renew. Nothing is refunded."), "{text}");
}

#[test]
fn rf_4_granted_credit() {
    check(
        NoticeKind::CreditGranted,
        &sample(NoticeKind::CreditGranted),
        "$5.00 was added to your account credit",
        &["  Added: $5.00", "  Reason: your payment provider did not accept a refund", "  Account credit now: $15.00"],
    );
}
