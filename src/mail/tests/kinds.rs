//! The facts that each kind has to state by the rules.

use super::samples::{day, invoice, sample};
use super::{check, render, rendered};
use crate::mail::error::MailError;
use crate::domain::notice::{CorrectionOutcome, NoticeData, NoticeKind};

const PLUS: &str = "Kasa Care Plus (annual)";

#[test]
fn re_1_the_reminder_names_plan_date_price_payment_method_and_how_to_cancel() {
    check(NoticeKind::RenewalReminder, &sample(NoticeKind::RenewalReminder), "Your Kasa Care Plus (annual) subscription renews on 31 January 2027", &[
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
        "If you do not want this, cancel before 31 January 2027. To cancel, open Kasa Care in the Kasa app, choose Manage Subscription, then Cancel Subscription.",
        "Your Kasa Care team",
    ]);
    assert!(rendered(NoticeKind::RenewalReminder, &sample(NoticeKind::RenewalReminder)).text.starts_with("Hello Ada Lovelace,\n\n"));
}

#[test]
fn re_2_a_trial_into_an_annual_plan_is_reminded_as_what_it_is() {
    let data = NoticeData { trial_ends_on: day("2026-03-02"), renews_on: day("2026-03-02"), ..invoice() };
    check(NoticeKind::RenewalReminder, &data, "Your free trial of Kasa Care Plus (annual) ends on 2 March 2026", &[
        "Your free trial of Kasa Care Plus (annual) ends on 2 March 2026. Your paid subscription then starts automatically, and its first period is charged on 2 March 2026.",
        "  To be charged: $77.41",
    ]);
}

#[test]
fn pr_2_the_price_notice_names_both_prices_the_renewal_and_what_silence_means() {
    check(NoticeKind::PriceNotice, &sample(NoticeKind::PriceNotice), "The price of Kasa Care Plus (annual) changes on 31 January 2027", &[
        "  Present price: $99.99",
        "  New price: $1,234.56",
        "  New price applies from your renewal on: 31 January 2027",
        "If you do not cancel before 31 January 2027, you accept the new price, and your subscription renews at it. If you do not want to pay the new price, cancel before 31 January 2027. To cancel, open Kasa Care in the Kasa app, choose Manage Subscription, then Cancel Subscription.",
    ]);
}

#[test]
fn re_4_a_payment_receipt() {
    check(NoticeKind::ReceiptPayment, &sample(NoticeKind::ReceiptPayment), "Receipt for invoice KC-2026-000017", &[
        "Thank you. We received your payment of $77.41 for Kasa Care Plus (annual) on 31 January 2026, 00:30 CET (UTC+01:00).",
        "  Invoice: KC-2026-000017",
        "  Plan: Kasa Care Plus (annual)",
        "  Period: 31 January 2026 to 30 January 2027",
        "  Fee: $99.99",
        "  Total: $97.41",
        "  Paid from account credit: -$20.00",
        "  Charged: $77.41",
        "  Payment method: Visa ending 4242",
    ]);
}

#[test]
fn lc_4_a_receipt_that_account_credit_paid_names_no_payment_method() {
    let data = NoticeData { credit_applied_minor: Some(9_741), charged_minor: Some(0), payment_method: None, ..invoice() };
    check(NoticeKind::ReceiptPayment, &data, "Receipt for invoice KC-2026-000017", &[
        "Your account credit paid invoice KC-2026-000017 for Kasa Care Plus (annual) on 31 January 2026, 00:30 CET (UTC+01:00). Your payment method was not charged.",
        "  Paid from account credit: -$97.41",
        "  Charged: $0.00",
    ]);
    let free = NoticeData { total_minor: Some(0), credit_applied_minor: None, ..data };
    assert!(rendered(NoticeKind::ReceiptPayment, &free).text.contains("There was nothing to pay for invoice KC-2026-000017"));
}

#[test]
fn re_4_a_refund_receipt() {
    check(NoticeKind::ReceiptRefund, &sample(NoticeKind::ReceiptRefund), "Receipt for your refund of $71.76", &[
        "We refunded $71.76 to your payment method (Visa ending 4242) on 2 June 2026, 12:00 CEST (UTC+02:00). It can take your bank or card issuer some days to show it.",
        "  Refunded: $71.76",
        "  Refunded to: Visa ending 4242",
        "  Invoice: KC-2026-000017",
        "  Credit note: KC-2026-000031",
        "  Plan: Kasa Care Plus (annual)",
        "  Reason: cancellation",
    ]);
}

#[test]
fn co_2_a_correction_says_what_was_wrong_and_what_was_done() {
    let refunded = sample(NoticeKind::ReceiptCorrection);
    check(NoticeKind::ReceiptCorrection, &refunded, "Correction of invoice KC-2026-000017", &[
        "On 31 January 2026 you were charged $19.99 for invoice KC-2026-000017. The correct amount is $9.99. We refunded the difference of $10.00 to your payment method (Visa ending 4242) on 10 February 2026, 11:00 CET (UTC+01:00). We apologise for the mistake.",
        "  Amount charged: $19.99",
        "  Correct amount: $9.99",
        "  Difference refunded: $10.00",
    ]);
    let charged = NoticeData { correction: Some(CorrectionOutcome::Charged), ..refunded.clone() };
    assert!(rendered(NoticeKind::ReceiptCorrection, &charged).text.contains("We charged the difference of $10.00 to your payment method (Visa ending 4242) on"));
    let credited = NoticeData { correction: Some(CorrectionOutcome::Credited), payment_method: None, ..refunded };
    assert!(rendered(NoticeKind::ReceiptCorrection, &credited).text.contains("We added the difference of $10.00 to your account credit on"));
}

#[test]
fn pd_2_a_failed_payment_says_what_is_owed_and_what_happens_next() {
    let soft = sample(NoticeKind::PaymentFailed);
    check(NoticeKind::PaymentFailed, &soft, "We could not collect your payment of $108.24", &[
        "  Invoice: KC-2026-000017",
        "  Payment method: Visa ending 4242",
        "  To be paid: $108.24",
        "Your subscription goes on, and the amount stays owed. We will try the same payment method again on 1 February 2026.",
        "To pay at once, update your payment method at https://kasacare.example/payment-method. We charge a new payment method as soon as you have added it.",
    ]);
    let last = NoticeData { retry_on: None, ended_on: day("2026-02-20"), ..soft };
    let text = rendered(NoticeKind::PaymentFailed, &last).text;
    assert!(text.contains("Your subscription ended on 20 February 2026. What is unpaid for the time before stays owed. We will not try this payment method again by ourselves."), "{text}");
}

#[test]
fn pd_2_a_hard_decline_asks_for_another_payment_method() {
    check(NoticeKind::PaymentMethodNeeded, &sample(NoticeKind::PaymentMethodNeeded), "Please add a new payment method for Kasa Care Plus (annual)", &[
        "Your payment for Kasa Care Plus (annual) was declined, and Visa ending 4242 cannot be charged again.",
        "  To be paid: $108.24",
        "Please add another payment method at https://kasacare.example/payment-method. We charge it as soon as you have added it, and nothing before.",
    ]);
}

#[test]
fn lc_3_a_subscription_that_started_and_one_that_did_not() {
    check(NoticeKind::SubscriptionStarted, &sample(NoticeKind::SubscriptionStarted), "Your Kasa Care Plus (annual) subscription has started", &[
        "  Camera: CAM-1",
        "  First period: 31 January 2026 to 30 January 2027",
        "  Renews on: 31 January 2027",
        "  Total: $97.41",
    ]);
    check(NoticeKind::SubscriptionNotStarted, &sample(NoticeKind::SubscriptionNotStarted), "Your Kasa Care Plus (annual) subscription could not be started", &[
        "Your first payment for Kasa Care Plus (annual) was declined, so the subscription did not start. Nothing was charged and nothing is owed. Your cameras stay on the Free Package.",
        "  Cancelled by credit note: KC-2026-000018",
    ]);
}

#[test]
fn lc_2_a_trial_says_when_it_ends_and_what_it_then_costs() {
    check(NoticeKind::TrialStarted, &sample(NoticeKind::TrialStarted), "Your free trial of Kasa Care Plus (annual) has started", &[
        "Your free trial of Kasa Care Plus (annual) has started. It ends on 2 March 2026, and until then it costs nothing.",
        "  First charge on: 2 March 2026",
        "  Total: $97.41",
    ]);
}

#[test]
fn cp_a_cancellation_at_once_promises_the_refund_and_does_not_claim_it() {
    check(NoticeKind::CancellationConfirmed, &sample(NoticeKind::CancellationConfirmed), "Your Kasa Care Plus (annual) subscription is cancelled", &[
        "As you asked, your Kasa Care Plus (annual) subscription was cancelled and ended on 2 June 2026. It will not renew. The cameras that it covered are on the Free Package again.",
        "A refund of $71.76 to your payment method (Visa ending 4242) is due to you. We will send you a receipt as soon as it has been made.",
        "From 2 June 2026 on, the recordings that this plan kept are no longer accessible and may be deleted.",
    ]);
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
    check(NoticeKind::CancellationConfirmed, &data, "Your Kasa Care Plus (annual) subscription is cancelled", &[
        "As you asked, your Kasa Care Plus (annual) subscription was cancelled. It will not renew, and you can use it through 28 February 2026. After that the cameras that it covers are on the Free Package again. Until then you can withdraw the cancellation at https://kasacare.example/subscription.",
        "From 1 March 2026 on, recordings older than 7 days are no longer accessible and may be deleted. Please save before then what you want to keep.",
    ]);
}

#[test]
fn rf_7_a_store_subscription_is_refunded_by_its_store() {
    let data = NoticeData { refund_minor: None, refund_store: Some("App Store".to_owned()), ..sample(NoticeKind::CancellationConfirmed) };
    check(NoticeKind::CancellationConfirmed, &data, "Your Kasa Care Plus (annual) subscription is cancelled", &[
        "This subscription is billed by App Store, and only App Store can refund it. Please ask for any refund there.",
    ]);
}

#[test]
fn rf_3_credit_and_what_stays_owed_are_both_said() {
    let data = NoticeData { refund_minor: None, credit_minor: Some(2_500), owed_minor: Some(3_370), ..sample(NoticeKind::CancellationConfirmed) };
    check(NoticeKind::CancellationConfirmed, &data, "Your Kasa Care Plus (annual) subscription is cancelled", &[
        "$25.00 is added to your account credit, which pays your next invoices before your payment method is charged.",
        "$33.70 is still to be paid.",
    ]);
}

#[test]
fn cp_1_a_plan_change_at_once_and_a_scheduled_one() {
    check(NoticeKind::PlanChanged, &sample(NoticeKind::PlanChanged), "Your plan is now Kasa Care Plus (annual)", &[
        "On 31 January 2026 your plan changed from Kasa Care Plus (monthly) to Kasa Care Plus (annual).",
        "  Period: 31 January 2026 to 30 January 2027",
        "  Renews on: 31 January 2027",
        "  Paid from account credit: -$20.00",
        "  Charged: $77.41",
    ]);
    let trial = NoticeData {
        plan: Some(PLUS.to_owned()),
        plan_old: Some("Kasa Care Plus (monthly)".to_owned()),
        effective_on: day("2026-02-03"),
        trial_ends_on: day("2026-03-02"),
        ..NoticeData::default()
    };
    check(NoticeKind::PlanChanged, &trial, "Your plan is now Kasa Care Plus (annual)", &[
        "Your free trial goes on and still ends on 2 March 2026. Nothing was charged for the change.",
    ]);
    check(NoticeKind::PlanChangeScheduled, &sample(NoticeKind::PlanChangeScheduled), "Your plan changes to Kasa Care Plus (annual) on 28 February 2026", &[
        "As you asked, your plan changes from Kasa Care Premium (monthly) to Kasa Care Plus (annual) on 28 February 2026. Until then nothing changes.",
        "  Price of the new plan: $3.99",
    ]);
}

#[test]
fn lc_9_a_withdrawn_cancellation() {
    check(NoticeKind::CancellationWithdrawn, &sample(NoticeKind::CancellationWithdrawn), "Your Kasa Care Plus (annual) subscription continues", &["  Renews on: 31 January 2027"]);
}

#[test]
fn lc_7_suspension_reinstatement_and_termination() {
    check(NoticeKind::SuspensionNotice, &sample(NoticeKind::SuspensionNotice), "Your Kasa Care Plus (annual) subscription is suspended from 1 May 2026", &[
        "  Reason: suspected misuse",
        "While it is suspended there is no service, nothing is charged and nothing renews. The period that you have paid for runs on, and no refund is made for the time of the suspension.",
    ]);
    let reinstated = sample(NoticeKind::Reinstated);
    check(NoticeKind::Reinstated, &reinstated, "Your Kasa Care Plus (annual) subscription is active again", &[
        "  Active again from: 9 May 2026",
        "  Period: 31 January 2026 to 30 January 2027",
        "  Renews on: 31 January 2027",
    ]);
    let ending = NoticeData { renews_on: None, runs_until: day("2027-01-31"), ..reinstated };
    let text = rendered(NoticeKind::Reinstated, &ending).text;
    assert!(text.contains("Your subscription does not renew. You can use it through 30 January 2027."), "{text}");
    let termination = sample(NoticeKind::TerminationNotice);
    check(NoticeKind::TerminationNotice, &termination, "Your Kasa Care Plus (annual) subscription ends on 31 May 2026", &[
        "  Ends on: 31 May 2026",
        "  Reason: the service ends",
        "Nothing is refunded.",
    ]);
    let refunded = rendered(NoticeKind::TerminationNotice, &NoticeData { refund_minor: Some(1), ..termination }).text;
    assert!(refunded.contains("A refund of $0.01") && !refunded.contains("Nothing is refunded"), "{refunded}");
}

#[test]
fn co_5_a_cancelled_order_gives_everything_back() {
    let data = sample(NoticeKind::OrderCancelled);
    check(NoticeKind::OrderCancelled, &data, "Your order of Kasa Care Plus (annual) was cancelled", &[
        "  Charged, and given back in full: $10.82",
        "A refund of $10.82 to your payment method (Visa ending 4242) is due to you. We will send you a receipt as soon as it has been made.",
    ]);
    let silent = render(NoticeKind::OrderCancelled, &NoticeData { refund_minor: None, ..data });
    assert_eq!(silent, Err(MailError::MissingFact { kind: NoticeKind::OrderCancelled, fact: "refund".to_owned() }));
}

#[test]
fn lc_6_a_transferred_camera() {
    let premium = sample(NoticeKind::TransferConfirmed);
    check(NoticeKind::TransferConfirmed, &premium, "Camera CAM-1 has left your account", &[
        "Camera CAM-1 was transferred to a new owner on 5 April 2026. It is no longer covered by your Kasa Care Plus (annual) subscription.",
        "The subscription goes on for your other cameras, and renews on 30 April 2026.",
    ]);
    let plus = NoticeData { ended_on: day("2026-04-05"), renews_on: None, ..premium };
    let text = rendered(NoticeKind::TransferConfirmed, &plus).text;
    assert!(text.contains("It ended on 5 April 2026 and will not renew. Nothing is refunded."), "{text}");
}

#[test]
fn rf_4_granted_credit() {
    check(NoticeKind::CreditGranted, &sample(NoticeKind::CreditGranted), "$5.00 was added to your account credit", &[
        "  Added: $5.00",
        "  Reason: your payment provider did not accept a refund",
        "  Account credit now: $15.00",
    ]);
}
