//! RE-4, PV-7, CO-5: what customers are told of money that moved, is to move, or is given back.

use super::world::{Answer, World, camera, day, money, order, plan};
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Change, Refusal};
use crate::domain::event::Event;
use crate::domain::notice::{NoticeKind, PaidFor};
use crate::domain::promotion::PromotionError;
use crate::domain::refund::Destination;

#[track_caller]
fn told(world: &World, kind: NoticeKind) -> &str {
    world.mails.iter().rfind(|mail| mail.kind == kind).map(|mail| mail.text.as_str()).expect("a mail")
}

#[track_caller]
fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
}

#[test]
fn pd_4_a_receipt_lists_the_collection_cost_that_was_paid_with_the_fee() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    world.advance_to("2026-05-01");
    says(
        told(&world, NoticeKind::ReceiptPayment),
        &["Total: $10.81", "Paid for invoice KASA-000002: $10.81", "Paid for collection cost (agency 7/2026): $25.00", "Charged: $35.81"],
    );
}

#[test]
fn re_4_an_ordinary_receipt_has_no_parts() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    let text = told(&world, NoticeKind::ReceiptPayment);
    says(text, &["Total: $10.81", "Charged: $10.81"]);
    assert!(!text.contains("Paid for"), "{text}");
}

#[test]
fn f69_a_receipt_of_money_that_was_not_owed_says_that_it_goes_back() {
    let mut world = World::on("2026-04-01");
    world.charges.extend([Answer::Soft]);
    world.subscribe("plus/monthly");
    let late = Settlement::Succeeded { reference: "late".to_owned() };
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &late));
    world.run();
    says(told(&world, NoticeKind::ReceiptPayment), &["Not owed, and given back: $10.81", "Charged: $10.81"]);
}

#[test]
fn pv_5_the_receipt_of_a_mismatched_charge_tells_what_moved() {
    let mut world = World::on("2026-04-01");
    let less = Settlement::Mismatch { reference: "odd".to_owned(), moved: money("10.00 USD") };
    let ordered = order("plus/monthly", 1, None);
    world.plan(|draft| draft.subscribe(&ordered));
    let change: Change = world.planned(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &less));
    let receipt = change.notices.iter().find(|notice| notice.kind == NoticeKind::ReceiptPayment).expect("a receipt");
    assert_eq!((receipt.data.charged_minor, receipt.data.owed_minor), (Some(1_000), Some(81)));
}

#[test]
fn re_4_a_first_period_paid_by_credit_alone_has_its_receipt() {
    let mut world = World::on("2026-04-01");
    world.plan(|draft| draft.grant_credit(money("20.00 USD")));
    world.subscribe("plus/monthly");
    says(told(&world, NoticeKind::ReceiptPayment), &["Your account credit paid invoice KASA-000001", "Charged: $0.00"]);
    assert_eq!(world.mailed_on(NoticeKind::ReceiptPayment).len(), 1);
}

#[test]
fn pv_7_a_change_at_once_promises_its_charge_and_credit_that_it_used_is_not_added() {
    let mut world = World::on("2026-04-01");
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.charges.extend([Answer::Soft]);
    world.change(&id, "plus/annual");
    // 21 of 30 days are unused: 6.99 of 9.99, and 0.57 of the tax: 7.56. Of 108.24, 100.68 are to be charged; it is declined.
    let text = told(&world, NoticeKind::PlanChanged);
    says(
        text,
        &[
            "Paid from account credit: -$7.56",
            "To be charged: $100.68",
            "$100.68 will be charged to your payment method. We will send you a receipt as soon as it has been paid.",
        ],
    );
    assert!(!text.contains("is added to your account credit") && !text.contains("  Charged:"), "{text}");
    assert_eq!(world.mailed_on(NoticeKind::ReceiptPayment), ["2026-04-01"], "nothing was paid for the change yet");
}

#[test]
fn cp_1_a_change_at_once_tells_only_the_credit_that_its_invoice_left() {
    let mut world = World::on("2026-01-31");
    let id = world.order("premium/annual", 1, None);
    world.advance_to("2026-06-02");
    let (other, camera) = (plan("plus/annual"), camera(1));
    world.plan(|draft| draft.emit(Event::CameraAdded { camera: camera.clone() }));
    world.plan(|draft| draft.change_plan(&id, &other, Some(&camera)));
    world.run();
    // 199.99 and 16.50; 243 of 365 days unused: 133.14 back, 66.85 kept; tax kept 5.515, 5.52, back 10.98. Of 144.12 the new year
    // takes 108.24.
    let text = told(&world, NoticeKind::PlanChanged);
    says(text, &["To be charged: $0.00", "$35.88 is added to your account credit"]);
    assert_eq!(world.credit().0, "35.88");
    says(told(&world, NoticeKind::ReceiptPayment), &["Your account credit paid invoice KASA-000002"]);
}

#[test]
fn mo_3_a_quote_refuses_a_code_that_others_have_used_up() {
    let mut world = World::on("2026-04-01");
    let code = world.reference.catalog.promotions.iter_mut().find(|promotion| promotion.code == "HALF3").expect("a code");
    code.max_uses = Some(1);
    let ordered = order("plus/monthly", 1, Some("HALF3"));
    world.promotion_uses.insert("HALF3".to_owned(), 1);
    let refused = world.refused(|draft| draft.subscribe(&ordered));
    assert_eq!(refused, Refusal::Promotion(PromotionError::UsedUp { code: "HALF3".to_owned(), max_uses: 1 }));
}

fn annual_on_day_20() -> (World, crate::domain::ids::SubscriptionId) {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-02-19");
    (world, id)
}

#[test]
fn co_5_a_cancelled_order_whose_payment_is_disputed_promises_no_refund() {
    let (mut world, id) = annual_on_day_20();
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("108.24 USD"), money("15.00 USD")));
    world.plan(|draft| draft.cancel_order(&id, Destination::Refund));
    world.run();
    let text = told(&world, NoticeKind::OrderCancelled);
    says(text, &["Total of the invoice: $108.24", "$108.24 is held back because the payment is disputed."]);
    assert!(!text.contains("refund of") && !text.contains("given back in full"), "{text}");
    assert!(world.refunds_made().is_empty());
}

#[test]
fn co_5_a_cancelled_order_becomes_credit_only_where_the_customer_chose_it() {
    let (mut world, id) = annual_on_day_20();
    world.plan(|draft| draft.cancel_order(&id, Destination::Credit));
    world.run();
    assert_eq!((world.credit().0.as_str(), world.refunds_made()), ("108.24", Vec::new()));
    let text = told(&world, NoticeKind::OrderCancelled);
    says(text, &["$108.24 is added to your account credit"]);
    assert!(!text.contains("refund of"), "{text}");
    // It pays what is ordered next.
    let next = world.order("plus/annual", 1, None);
    assert_eq!(world.standing(&next), "active plus/annual 2026-02-19..2027-02-19");
    assert_eq!(world.account.charges.len(), 1);
    assert_eq!(world.today(), day("2026-02-19"));
}

#[test]
fn co_5_an_unpaid_order_that_is_cancelled_is_owed_no_longer() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.charges.extend([Answer::Hard]);
    world.advance_to("2027-02-02");
    world.plan(|draft| draft.cancel_order(&id, Destination::Refund));
    world.run();
    says(told(&world, NoticeKind::OrderCancelled), &["$108.24 that you had not paid is no longer owed."]);
}

#[test]
fn the_parts_of_a_payment_are_stored_by_name() {
    let stored = serde_json::to_string(&[PaidFor::Invoice("K-1".to_owned()), PaidFor::CollectionCost("c".to_owned()), PaidFor::Nothing]);
    assert_eq!(stored.expect("it is stored"), r#"[{"invoice":"K-1"},{"collection_cost":"c"},"nothing"]"#);
}
