//! F49: a refund that moved more than was asked for. An annual plan of 108.24 (net 99.99, 8.25 % tax) is 10.00 too dear: 90.75 and 7.49 of tax
//! stay. Of the 10.00 the provider moves 60.00, so 50.00 too much. Cancelled on day 123, 242 of 365 days come back: 60.17 and 4.97 of tax.

use super::world::{World, money};
use crate::domain::change::correct::Correct;
use crate::domain::change::settle::Settlement;
use crate::domain::ids::SubscriptionId;

const INVOICE: &str = "in_a1-s1_1_0";
const REFUND: &str = "re_a1-s1_1_0_1_1";

fn moved_too_much() -> (World, SubscriptionId) {
    let mut world = World::on("2026-01-31");
    let subscription = world.subscribe("plus/annual");
    world.advance_to("2026-02-05");
    world.plan(|draft| draft.correct(INVOICE, Correct::Total(money("98.24 USD"))));
    let more = Settlement::Mismatch { reference: "more".to_owned(), moved: money("60.00 USD") };
    world.plan(|draft| draft.settle_refund(REFUND, &more));
    assert_eq!(world.books.last("refund_settled.v1"), "2310 10.00; 1290 50.00 | 1200 60.00");
    (world, subscription)
}

fn comes_back(world: &mut World) {
    let back = Settlement::CameBack { code: "lost_or_stolen_card".to_owned(), reference: "more".to_owned() };
    world.plan(|draft| draft.settle_refund(REFUND, &back));
}

fn cancelled(world: &mut World, subscription: &SubscriptionId) {
    world.plan(|draft| draft.release(false));
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.cancel(subscription));
    world.run();
}

fn stands(world: &World) -> [i64; 4] {
    [1290, 2310, 2300, 5200].map(|account| world.books.balance(account))
}

fn excess(world: &World) -> Vec<String> {
    world.account.excess_refunds().unwrap().iter().map(|excess| excess.amount.to_string()).collect()
}

/// 48.24 of the 65.14 is all that the payment has left; the other 16.90 are out already.
#[test]
fn it_pays_what_its_payment_cannot_give_again() {
    let (mut world, subscription) = moved_too_much();
    cancelled(&mut world, &subscription);
    assert_eq!(world.books.last("excess_refund_applied.v1"), "2310 16.90 | 1290 16.90");
    assert_eq!(world.books.last("note_issued.v1"), "2100 60.17; 2200 4.97 | 2310 65.14");
    assert_eq!(world.refunds_made(), ["60.00 ch_a1-s1_1_0_1 Succeeded", "48.24 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!((stands(&world), excess(&world)), ([3_310, 0, 0, 0], vec!["33.10 USD".to_owned()]));
    // It came in once and went out once.
    assert_eq!(world.books.balance(1200), 0);
    world.plan(|draft| draft.write_off(REFUND));
    assert_eq!((stands(&world), world.tasks()), ([0, 0, 0, 3_310], vec![]));
}

#[test]
fn what_was_given_up_of_it_is_no_loss_any_more() {
    let (mut world, subscription) = moved_too_much();
    world.plan(|draft| draft.write_off(REFUND));
    assert_eq!(stands(&world), [0, 0, 0, 5_000]);
    cancelled(&mut world, &subscription);
    assert_eq!(world.books.last("excess_refund_applied.v1"), "2310 16.90 | 5200 16.90");
    assert_eq!((stands(&world), world.tasks()), ([0, 0, 0, 3_310], vec![]));
    comes_back(&mut world);
    // 10.00 were the customer's, and so are the 16.90 that it had paid since.
    assert_eq!(world.books.last("refund_failed.v1"), "1200 60.00 | 2300 26.90; 5200 33.10");
    assert_eq!(stands(&world), [0, 0, -2_690, 0]);
}

#[test]
fn what_comes_back_is_credit_only_as_far_as_it_was_owed() {
    let (mut world, subscription) = moved_too_much();
    comes_back(&mut world);
    assert_eq!(world.books.last("refund_failed.v1"), "1200 60.00 | 2300 10.00; 1290 50.00");
    assert_eq!((stands(&world), world.credit().0, world.tasks()), ([0, 0, -1_000, 0], "10.00".to_owned(), vec!["refund_failed"]));
    let invoice = &world.account.invoices[INVOICE];
    assert_eq!((invoice.captured, invoice.returned), (money("108.24 USD"), money("10.00 USD")));
    // The payment can give all of the 65.14; the credit of 10.00 follows it, as its card may take it by now.
    cancelled(&mut world, &subscription);
    assert!(world.refunds_made().contains(&"65.14 ch_a1-s1_1_0_1 Succeeded".to_owned()), "{:?}", world.refunds_made());
}

#[test]
fn what_comes_back_after_it_was_given_up_is_no_loss() {
    let (mut world, _) = moved_too_much();
    world.plan(|draft| draft.write_off(REFUND));
    comes_back(&mut world);
    assert_eq!(world.books.last("refund_failed.v1"), "1200 60.00 | 2300 10.00; 5200 50.00");
    assert_eq!((stands(&world), world.tasks()), ([0, 0, -1_000, 0], vec!["refund_failed"]));
}

#[test]
fn what_comes_back_after_a_part_has_paid_a_later_refund() {
    let (mut world, subscription) = moved_too_much();
    cancelled(&mut world, &subscription);
    comes_back(&mut world);
    assert_eq!(world.books.last("refund_failed.v1"), "1200 60.00 | 2300 26.90; 1290 33.10");
    assert_eq!((stands(&world), excess(&world)), ([0, 0, -2_690, 0], vec![]));
    // 48.24 went, and 26.90 of the payment's money is credit.
    let payment = world.account.payments.values().next().unwrap();
    assert_eq!((payment.refunded, world.account.invoices[INVOICE].returned), (money("75.14 USD"), money("75.14 USD")));
}
