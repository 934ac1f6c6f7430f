//! PV-5: refunds that were given up and have been paid out after all. An annual plan of 108.24, cancelled on day 123: 71.76 go back.

use super::world::{Answer, World, money};
use crate::domain::change::Refusal;
use crate::domain::change::refunds::Replacement;
use crate::domain::change::settle::Settlement;

const FIRST: &str = "re_a1-s1_1_0_1_1";
const SECOND: &str = "re_a1-s1_1_0_1_2";

/// The refund is asked for, and nothing has been sent.
fn cancelled() -> World {
    let mut world = World::on("2026-01-31");
    let subscription = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.cancel(&subscription));
    world
}

fn told_paid(world: &mut World, refund: &str, reference: &str) {
    world.plan(|draft| draft.settle_refund(refund, &Settlement::Succeeded { reference: reference.to_owned() }));
}

fn booked(world: &mut World, replacement: Option<Replacement>) {
    world.plan(|draft| draft.refund_was_paid(FIRST, "re_late", None, replacement));
}

/// Given up, asked for anew, and told of.
fn given_up_and_paid() -> World {
    let mut world = cancelled();
    world.plan(|draft| draft.settle_refund(FIRST, &Settlement::NeverHappened));
    told_paid(&mut world, FIRST, "re_late");
    world
}

#[test]
fn one_that_is_paid_after_it_was_given_up_lets_nothing_else_move() {
    let world = given_up_and_paid();
    let parked = world.account.profile.parked.as_ref().map(|parked| (parked.code.as_str(), parked.reason.contains("as re_late")));
    assert_eq!((parked, world.tasks()), (Some(("refund_paid_after_all", true)), vec!["refund_paid_after_all"]));
    let released = world.refused(|draft| draft.release(false));
    assert!(matches!(&released, Refusal::PaidAfterAll { refund, .. } if refund == FIRST), "{released:?}");
    let unseen = world.refused(|draft| draft.refund_was_paid(FIRST, "re_late", None, None));
    assert!(matches!(&unseen, Refusal::ReplacementOpen { replacement, .. } if replacement == SECOND), "{unseen:?}");
}

#[test]
fn the_one_in_its_place_is_withdrawn_where_it_was_not_made() {
    let mut world = given_up_and_paid();
    booked(&mut world, Some(Replacement::NotMade));
    assert_eq!(world.books.last("refund_settled.v1"), "2310 71.76 | 1200 71.76");
    assert_eq!(world.tasks(), Vec::<&str>::new());
    world.plan(|draft| draft.release(false));
    world.run();
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded", "71.76 ch_a1-s1_1_0_1 Abandoned"]);
    // 108.24 came in and 71.76 went out.
    assert_eq!((world.books.balance(1200), world.books.balance(2310), world.books.balance(2300)), (3_648, 0, 0));
    // It is known now: told once more, it changes nothing.
    told_paid(&mut world, FIRST, "re_late");
    assert!(world.account.profile.parked.is_none());
}

#[test]
fn the_one_in_its_place_goes_on_where_it_was_made_as_well() {
    let mut world = given_up_and_paid();
    booked(&mut world, Some(Replacement::Made));
    assert_eq!(world.books.last("refund_settled.v1"), "1290 71.76 | 1200 71.76");
    world.plan(|draft| draft.release(false));
    world.advance_to("2026-06-03");
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded", "71.76 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!((world.books.balance(1200), world.books.balance(2310), world.books.balance(1290)), (-3_528, 0, 7_176));
    assert_eq!(world.tasks(), vec!["amount_mismatch"]);
    world.plan(|draft| draft.write_off(FIRST));
    assert_eq!((world.books.balance(1290), world.tasks()), (0, vec![]));
}

#[test]
fn the_account_credit_that_it_had_become_is_taken_back() {
    let mut world = cancelled();
    world.refunds.extend([Answer::Hard]);
    world.run();
    assert_eq!((world.account.profile.credit_cash, world.tasks()), (money("71.76 USD"), vec!["refund_failed"]));
    told_paid(&mut world, FIRST, "re_late");
    booked(&mut world, None);
    assert_eq!(world.books.last("refund_reopened.v1"), "2300 71.76 | 2310 71.76");
    assert_eq!(world.books.last("refund_settled.v1"), "2310 71.76 | 1200 71.76");
    assert_eq!((world.account.profile.credit_cash, world.tasks()), (money("0.00 USD"), vec![]));
    world.plan(|draft| draft.release(false));
}

/// 10.81 of the credit have paid a month since: so much the customer got twice.
#[test]
fn what_of_the_credit_is_spent_is_not_owed_any_more() {
    let mut world = cancelled();
    world.refunds.extend([Answer::Hard]);
    world.run();
    world.order("plus/monthly", 2, None);
    assert_eq!(world.account.profile.credit_cash, money("60.95 USD"));
    told_paid(&mut world, FIRST, "re_late");
    booked(&mut world, None);
    assert_eq!(world.books.last("refund_reopened.v1"), "2300 60.95 | 2310 60.95");
    assert_eq!(world.books.last("refund_settled.v1"), "2310 60.95; 1290 10.81 | 1200 71.76");
    assert_eq!(world.tasks(), vec!["amount_mismatch"]);
    assert_eq!(world.account.excess_refunds().unwrap()[0].amount, money("10.81 USD"));
}

/// The second one was asked for in its place and refused: its credit, and what it had reserved of the payment, are the first one's.
#[test]
fn the_credit_of_the_one_in_its_place_is_taken_back() {
    let mut world = cancelled();
    world.plan(|draft| draft.settle_refund(FIRST, &Settlement::NeverHappened));
    world.refunds.extend([Answer::Hard]);
    world.advance_to("2026-06-03");
    assert_eq!((world.account.profile.credit_cash, world.tasks()), (money("71.76 USD"), vec!["refund_failed"]));
    told_paid(&mut world, FIRST, "re_late");
    booked(&mut world, None);
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded", "71.76 ch_a1-s1_1_0_1 Abandoned"]);
    let reserved: Vec<_> = world.account.payments.values().map(|payment| payment.refunded).collect();
    assert_eq!((reserved, world.account.profile.credit_cash), (vec![money("71.76 USD")], money("0.00 USD")));
    assert_eq!(world.tasks(), Vec::<&str>::new());
}

/// 50.00 of 71.76 were paid: the rest is the customer's.
#[test]
fn less_may_have_been_paid_than_was_asked_for() {
    let mut world = cancelled();
    world.plan(|draft| draft.settle_refund(FIRST, &Settlement::NeverHappened));
    let told = Settlement::Mismatch { reference: "re_late".to_owned(), moved: money("50.00 USD") };
    world.plan(|draft| draft.settle_refund(FIRST, &told));
    assert_eq!(world.account.tasks["tk_refund_paid_after_all_re_a1-s1_1_0_1_1"].amount, Some(money("50.00 USD")));
    world.plan(|draft| draft.refund_was_paid(FIRST, "re_late", Some(money("50.00 USD")), Some(Replacement::NotMade)));
    assert_eq!(world.books.last("refund_settled.v1"), "2310 71.76 | 1200 50.00; 2300 21.76");
    assert_eq!((world.account.profile.credit_cash, world.tasks()), (money("21.76 USD"), vec!["amount_mismatch"]));
}

/// Two refunds of 71.76 failed. That 80.00 were paid of one of them takes no credit of the other.
#[test]
fn more_than_was_asked_for_takes_no_other_credit() {
    let mut world = World::on("2026-01-31");
    let (one, two) = (world.subscribe("plus/annual"), world.order("plus/annual", 2, None));
    world.advance_to("2026-06-02");
    world.refunds.extend([Answer::Hard, Answer::Hard]);
    world.cancel(&one);
    world.cancel(&two);
    world.run();
    assert_eq!(world.account.profile.credit_cash, money("143.52 USD"));
    world.plan(|draft| draft.refund_was_paid(FIRST, "re_late", Some(money("80.00 USD")), None));
    assert_eq!(world.books.last("refund_reopened.v1"), "2300 71.76 | 2310 71.76");
    assert_eq!(world.books.last("refund_settled.v1"), "2310 71.76; 1290 8.24 | 1200 80.00");
    assert_eq!(world.account.profile.credit_cash, money("71.76 USD"));
}

/// It may be sent at this moment.
#[test]
fn the_one_in_its_place_is_not_withdrawn_while_it_may_be_under_way() {
    let mut world = cancelled();
    world.plan(|draft| draft.settle_refund(FIRST, &Settlement::NeverHappened));
    let refused = world.refused(|draft| draft.refund_was_paid(FIRST, "re_late", None, Some(Replacement::NotMade)));
    assert!(matches!(&refused, Refusal::ReplacementUnderWay { replacement, .. } if replacement == SECOND), "{refused:?}");
}

#[test]
fn only_what_was_given_up_can_have_been_paid_after_all_and_only_once() {
    let mut world = given_up_and_paid();
    let open = world.refused(|draft| draft.refund_was_paid(SECOND, "re_late", None, None));
    assert!(matches!(open, Refusal::NotGivenUp { .. }), "{open:?}");
    booked(&mut world, Some(Replacement::NotMade));
    let again = world.refused(|draft| draft.refund_was_paid(FIRST, "re_late", None, None));
    assert!(matches!(again, Refusal::NotGivenUp { .. }), "{again:?}");
    let of_another = world.refused(|draft| draft.refund_was_paid(SECOND, "re_late", None, None));
    assert!(matches!(of_another, Refusal::ReferenceKnown { .. }), "{of_another:?}");
}

/// RF-4: the card is closed; a person sends the money from the bank, in two parts.
#[test]
fn credit_that_is_paid_out_by_hand_is_not_spent_as_well() {
    let mut world = cancelled();
    world.refunds.extend([Answer::Hard]);
    world.run();
    let too_much = world.refused(|draft| draft.credit_was_paid(money("71.77 USD"), "transfer 1"));
    assert!(matches!(too_much, Refusal::BadAmount { max, .. } if max == money("71.76 USD")), "{too_much:?}");
    world.plan(|draft| draft.credit_was_paid(money("70.00 USD"), "transfer 1"));
    assert_eq!(world.books.last("credit_paid_by_hand.v1"), "2300 70.00 | 1010 70.00");
    assert_eq!((world.account.profile.credit_cash, world.tasks()), (money("1.76 USD"), vec!["refund_failed"]));
    world.plan(|draft| draft.grant_credit(money("5.00 USD")));
    let goodwill = world.refused(|draft| draft.credit_was_paid(money("6.76 USD"), "transfer 2"));
    assert!(matches!(goodwill, Refusal::BadAmount { max, .. } if max == money("1.76 USD")), "{goodwill:?}");
    world.plan(|draft| draft.credit_was_paid(money("1.76 USD"), "transfer 2"));
    assert_eq!((world.account.profile.credit_cash, world.tasks()), (money("0.00 USD"), vec![]));
}
