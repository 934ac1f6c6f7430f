//! The facts that mail about prices, payments and beginnings has to state by the rules.

use super::samples::{day, invoice, sample};
use super::{check, rendered};
use crate::domain::notice::{CorrectionOutcome, NONE_ON_FILE, NoticeData, NoticeKind, PaidFor, PaidPart};

#[test]
fn re_1_the_reminder_names_plan_date_price_payment_method_and_how_to_cancel() {
    check(
        NoticeKind::RenewalReminder,
        &sample(NoticeKind::RenewalReminder),
        "Your Kasa Care Plus (annual) subscription renews on 31 January 2027",
        &[
            "Your Kasa Care Plus (annual) subscription renews automatically on 31 January 2027.",
            "  Plan: Kasa Care Plus (annual)",
            "  Date: 31 January 2027",
            "  Fee: $99.99",
            "  Promotion SPRING: -$10.00",
            "  Tax (8.25%): $7.42",
            "  Total: $97.41",
            "  Paid from account credit: -$20.00",
            "  To be charged: $77.41",
            "  Payment method: Visa ending 4242",
            "If you do not want this, cancel before 31 January 2027. To cancel, open Kasa Care in the Kasa app, \
             choose Manage Subscription, then Cancel Subscription.",
            "Your Kasa Care team",
        ],
    );
    assert!(rendered(NoticeKind::RenewalReminder, &sample(NoticeKind::RenewalReminder)).text.starts_with("Hello Ada Lovelace,\n\n"));
}

#[test]
fn re_2_a_trial_into_an_annual_plan_is_reminded_as_what_it_is() {
    let data = NoticeData { trial_ends_on: day("2026-03-02"), renews_on: day("2026-03-02"), ..invoice() };
    check(
        NoticeKind::RenewalReminder,
        &data,
        "Your free trial of Kasa Care Plus (annual) ends on 2 March 2026",
        &[
            "Your free trial of Kasa Care Plus (annual) ends on 2 March 2026. Your paid subscription then starts \
             automatically, and its first period is charged on 2 March 2026.",
            "  To be charged: $77.41",
        ],
    );
}

#[test]
fn pr_2_the_price_notice_names_both_prices_the_renewal_and_what_silence_means() {
    check(
        NoticeKind::PriceNotice,
        &sample(NoticeKind::PriceNotice),
        "The price of Kasa Care Plus (annual) changes on 31 January 2027",
        &[
            "  Present price: $99.99",
            "  New price: $1,234.56",
            "  New price applies from your renewal on: 31 January 2027",
            "If you do not cancel before 31 January 2027, you accept the new price, and your subscription renews \
             at it. If you do not want to pay the new price, cancel before 31 January 2027. To cancel, open Kasa \
             Care in the Kasa app, choose Manage Subscription, then Cancel Subscription.",
        ],
    );
}

#[test]
fn re_4_a_payment_receipt() {
    check(
        NoticeKind::ReceiptPayment,
        &sample(NoticeKind::ReceiptPayment),
        "Receipt for invoice KC-2026-000017",
        &[
            "Thank you. We received your payment of $77.41 for Kasa Care Plus (annual) on 31 January 2026, 00:30 \
             CET (UTC+01:00).",
            "  Invoice: KC-2026-000017",
            "  Plan: Kasa Care Plus (annual)",
            "  Period: 31 January 2026 to 30 January 2027",
            "  Fee: $99.99",
            "  Total: $97.41",
            "  Paid from account credit: -$20.00",
            "  Charged: $77.41",
            "  Payment method: Visa ending 4242",
        ],
    );
}

#[test]
fn pd_4_a_receipt_lists_all_that_the_payment_paid() {
    let parts = [
        (PaidFor::Invoice("KC-2026-000017".to_owned()), 7_741),
        (PaidFor::CollectionCost("court\n7: <b>".to_owned()), 2_500),
        (PaidFor::Nothing, 100),
    ];
    let paid_parts = parts.map(|(what, minor)| PaidPart { what, minor }).to_vec();
    let data = NoticeData { charged_minor: Some(10_341), paid_parts, ..invoice() };
    let mail = rendered(NoticeKind::ReceiptPayment, &data);
    let lines = "  Paid for invoice KC-2026-000017: $77.41\n  Paid for collection cost (court 7: <b>): $25.00\n  \
                 Not owed, and given back: $1.00\n  Charged: $103.41\n";
    assert!(mail.text.contains(lines), "{}", mail.text);
    assert!(mail.html.contains("court 7") && !mail.html.contains("<b>"), "{}", mail.html);
}

#[test]
fn lc_4_a_receipt_that_account_credit_paid_names_no_payment_method() {
    let data = NoticeData { credit_applied_minor: Some(9_741), charged_minor: Some(0), payment_method: None, ..invoice() };
    check(
        NoticeKind::ReceiptPayment,
        &data,
        "Receipt for invoice KC-2026-000017",
        &[
            "Your account credit paid invoice KC-2026-000017 for Kasa Care Plus (annual) on 31 January 2026, \
             00:30 CET (UTC+01:00). Your payment method was not charged.",
            "  Paid from account credit: -$97.41",
            "  Charged: $0.00",
        ],
    );
    let free = NoticeData { total_minor: Some(0), credit_applied_minor: None, ..data };
    assert!(rendered(NoticeKind::ReceiptPayment, &free).text.contains("There was nothing to pay for invoice KC-2026-000017"));
}

#[test]
fn re_4_a_refund_receipt() {
    check(
        NoticeKind::ReceiptRefund,
        &sample(NoticeKind::ReceiptRefund),
        "Receipt for your refund of $71.76",
        &[
            "We refunded $71.76 to your payment method (Visa ending 4242) on 2 June 2026, 12:00 CEST \
             (UTC+02:00). It can take your bank or card issuer some days to show it.",
            "  Refunded: $71.76",
            "  Refunded to: Visa ending 4242",
            "  Invoice: KC-2026-000017",
            "  Credit note: KC-2026-000031",
            "  Plan: Kasa Care Plus (annual)",
            "  Reason: cancellation",
        ],
    );
}

#[test]
fn co_2_a_correction_says_what_was_wrong_and_what_was_done() {
    let refunded = sample(NoticeKind::ReceiptCorrection);
    check(
        NoticeKind::ReceiptCorrection,
        &refunded,
        "Correction of invoice KC-2026-000017",
        &[
            "On 31 January 2026 you were charged $19.99 for invoice KC-2026-000017. The correct amount is $9.99. \
             We refunded the difference of $10.00 to your payment method (Visa ending 4242) on 10 February 2026, \
             11:00 CET (UTC+01:00). We apologise for the mistake.",
            "  Amount charged: $19.99",
            "  Correct amount: $9.99",
            "  Difference refunded: $10.00",
        ],
    );
    let charged = NoticeData { correction: Some(CorrectionOutcome::Charged), ..refunded.clone() };
    assert!(
        rendered(NoticeKind::ReceiptCorrection, &charged)
            .text
            .contains("We charged the difference of $10.00 to your payment method (Visa ending 4242) on")
    );
    let credited = NoticeData { correction: Some(CorrectionOutcome::Credited), payment_method: None, ..refunded };
    assert!(
        rendered(NoticeKind::ReceiptCorrection, &credited).text.contains("We added the difference of $10.00 to your account credit on")
    );
}

#[test]
fn pd_2_a_failed_payment_says_what_is_owed_and_what_happens_next() {
    let soft = sample(NoticeKind::PaymentFailed);
    check(
        NoticeKind::PaymentFailed,
        &soft,
        "We could not collect your payment of $108.24",
        &[
            "  Invoice: KC-2026-000017",
            "  Payment method: Visa ending 4242",
            "  To be paid: $108.24",
            "Your subscription goes on, and the amount stays owed. We will try the same payment method again on \
             1 February 2026.",
            "To pay at once, update your payment method at https://kasacare.example/payment-method. We charge a \
             new payment method as soon as you have added it.",
        ],
    );
    let last = NoticeData { retry_on: None, ended_on: day("2026-02-20"), ..soft };
    let text = rendered(NoticeKind::PaymentFailed, &last).text;
    assert!(
        text.contains(
            "Your subscription ended on 20 February 2026. What is unpaid for the time before stays \
         owed. We will not try this payment method again by ourselves."
        ),
        "{text}"
    );
}

#[test]
fn pd_2_a_hard_decline_asks_for_another_payment_method() {
    check(
        NoticeKind::PaymentMethodNeeded,
        &sample(NoticeKind::PaymentMethodNeeded),
        "Please add a new payment method for Kasa Care Plus (annual)",
        &[
            "Your payment for Kasa Care Plus (annual) was declined, and Visa ending 4242 cannot be charged again.",
            "  To be paid: $108.24",
            "Please add another payment method at https://kasacare.example/payment-method. We charge it as soon \
             as you have added it, and nothing before.",
        ],
    );
}

/// Nothing was declined where nothing could be charged.
#[test]
fn pd_1_whoever_has_no_payment_method_is_told_so() {
    let without = |kind| NoticeData { payment_method: Some(NONE_ON_FILE.to_owned()), ..sample(kind) };
    let (needed, not_started) = (without(NoticeKind::PaymentMethodNeeded), without(NoticeKind::SubscriptionNotStarted));
    check(
        NoticeKind::PaymentMethodNeeded,
        &needed,
        "Please add a new payment method for Kasa Care Plus (annual)",
        &[
            "Your payment for Kasa Care Plus (annual) could not be collected, because there is no payment method on your account.",
            "  To be paid: $108.24",
        ],
    );
    check(
        NoticeKind::SubscriptionNotStarted,
        &not_started,
        "Your Kasa Care Plus (annual) subscription could not be started",
        &["There is no payment method on your account for the first payment for Kasa Care Plus (annual), so the subscription did not \
           start. Nothing was charged and nothing is owed. Your cameras stay on the Free Package."],
    );
    for (kind, data) in [(NoticeKind::PaymentMethodNeeded, needed), (NoticeKind::SubscriptionNotStarted, not_started)] {
        let text = rendered(kind, &data).text;
        assert!(!text.contains("eclined") && !text.contains("none on file"), "{text}");
    }
}

#[test]
fn lc_3_a_subscription_that_started_and_one_that_did_not() {
    check(
        NoticeKind::SubscriptionStarted,
        &sample(NoticeKind::SubscriptionStarted),
        "Your Kasa Care Plus (annual) subscription has started",
        &["  Camera: CAM-1", "  First period: 31 January 2026 to 30 January 2027", "  Renews on: 31 January 2027", "  Total: $97.41"],
    );
    check(
        NoticeKind::SubscriptionNotStarted,
        &sample(NoticeKind::SubscriptionNotStarted),
        "Your Kasa Care Plus (annual) subscription could not be started",
        &[
            "Your first payment for Kasa Care Plus (annual) was declined, so the subscription did not start. \
             Nothing was charged and nothing is owed. Your cameras stay on the Free Package.",
            "  Cancelled by credit note: KC-2026-000018",
        ],
    );
}

#[test]
fn lc_2_a_trial_says_when_it_ends_and_what_it_then_costs() {
    check(
        NoticeKind::TrialStarted,
        &sample(NoticeKind::TrialStarted),
        "Your free trial of Kasa Care Plus (annual) has started",
        &[
            "Your free trial of Kasa Care Plus (annual) has started. It ends on 2 March 2026, and until then it \
             costs nothing.",
            "  First charge on: 2 March 2026",
            "  Total: $97.41",
        ],
    );
}
