//! PV-5, CO-1: captured amounts that are put right. An annual plan from 31 January 2026 for 108.24; cancelled on day 123, 71.76 go back.

use super::world::{World, money};
use crate::domain::change::Refusal;
use crate::domain::change::correct::Correct;
use crate::domain::subscription::State;

const SUBSCRIPTION: &str = "a1-s1";
const INVOICE: &str = "in_a1-s1_1_0";
const CHARGE: &str = "ch_a1-s1_1_0_1";
const TASK: &str = "tk_unapplied_payment_ch_a1-s1_1_0_1";

fn annual() -> World {
    let mut world = World::on("2026-01-31");
    world.subscribe("plus/annual");
    world
}

fn captured(world: &mut World, moved: &str) {
    world.plan(|draft| draft.charge_has_captured(CHARGE, money(moved)));
}

fn refused(world: &World, moved: &str) -> Refusal {
    world.refused(|draft| draft.charge_has_captured(CHARGE, money(moved)))
}

fn is_past_due(world: &World) -> bool {
    world.account.subscriptions.values().any(|one| one.id.as_str() == SUBSCRIPTION && matches!(one.state, State::PastDue { .. }))
}

/// 113.24 came in: 5.00 are the customer's, go back, and take nothing from what a cancellation gives back later.
#[test]
fn more_is_the_customers_and_goes_back() {
    let mut world = annual();
    captured(&mut world, "113.24 USD");
    assert_eq!(world.books.last("capture_corrected.v1"), "1200 5.00 | 2320 5.00");
    assert_eq!((world.tasks(), world.account.tasks[TASK].amount), (vec!["unapplied_payment"], Some(money("5.00 USD"))));
    world.plan(|draft| draft.pay_out_unapplied(CHARGE, None));
    world.run();
    assert_eq!(world.refunds_made(), ["5.00 ch_a1-s1_1_0_1 Succeeded"]);
    assert!(world.tasks().is_empty() && !is_past_due(&world));
    world.advance_to("2026-06-02");
    world.cancel(&SUBSCRIPTION.parse().expect("an id"));
    assert_eq!(world.refunds_made(), ["5.00 ch_a1-s1_1_0_1 Succeeded", "71.76 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!((world.books.balance(1200), world.books.balance(2300), world.books.balance(2320)), (3_648, 0, 0));
}

/// Told in two steps, and too far: 5.00 and 2.00 more, then 3.00 less.
#[test]
fn what_waits_follows_what_is_told() {
    let mut world = annual();
    captured(&mut world, "113.24 USD");
    captured(&mut world, "115.24 USD");
    assert_eq!(world.account.tasks[TASK].amount, Some(money("7.00 USD")));
    captured(&mut world, "112.24 USD");
    assert_eq!(world.books.last("capture_corrected.v1"), "2320 3.00 | 1200 3.00");
    assert_eq!(world.account.tasks[TASK].amount, Some(money("4.00 USD")));
    captured(&mut world, "108.24 USD");
    assert_eq!((world.books.balance(1200), world.books.balance(2320), world.books.balance(1100)), (10_824, 0, 0));
    assert!(!world.account.tasks[TASK].is_open() && !is_past_due(&world));
    assert_eq!(refused(&world, "108.24 USD"), Refusal::CapturedAlready { charge: CHARGE.to_owned(), amount: money("108.24 USD") });
}

/// 100.00 came in: 8.24 are owed again, are tried on day 3 and collected.
#[test]
fn less_is_owed_again_and_collected() {
    let mut world = annual();
    captured(&mut world, "100.00 USD");
    assert_eq!(world.books.last("capture_corrected.v1"), "1100 8.24 | 1200 8.24");
    let invoice = &world.account.invoices[INVOICE];
    assert_eq!((invoice.open, invoice.captured), (money("8.24 USD"), money("100.00 USD")));
    assert!(is_past_due(&world));
    world.advance_to("2026-02-10");
    assert_eq!((world.books.balance(1200), world.books.balance(1100)), (10_824, 0));
    assert!(!is_past_due(&world));
    assert_eq!(world.account.charges["ch_a1-s1_1_0_2"].amount, money("8.24 USD"));
}

/// MO-5: 0.20 are too small to be collected alone, and leave nothing past due.
#[test]
fn less_by_little_is_carried() {
    let mut world = annual();
    captured(&mut world, "108.04 USD");
    let invoice = &world.account.invoices[INVOICE];
    assert_eq!((invoice.open, invoice.carried, world.account.profile.carried), (money("0.20 USD"), true, money("0.20 USD")));
    assert!(!is_past_due(&world));
}

/// What is owed again waits for the release, and is tried then.
#[test]
fn less_on_a_parked_account_waits_for_the_release() {
    let mut world = annual();
    world.plan(|draft| draft.park("test", "somebody looks"));
    captured(&mut world, "100.00 USD");
    world.plan(|draft| draft.release(false));
    world.advance_to("2026-02-10");
    assert_eq!((world.books.balance(1200), world.books.balance(1100)), (10_824, 0));
    assert!(!is_past_due(&world));
}

/// CO-4: of a difference of 10.82 USD that was collected 5.00 did not come in, and the term is in order all the same.
#[test]
fn less_of_a_difference_makes_nothing_past_due() {
    let mut world = annual();
    world.plan(|draft| draft.correct(INVOICE, Correct::Net(money("109.99 USD"))));
    world.run();
    let difference = world.account.charges["ch_a1-s1_1_0_2"].clone();
    assert_eq!(difference.amount, money("10.82 USD"));
    world.plan(|draft| draft.charge_has_captured(&difference.id, money("5.82 USD")));
    assert_eq!((world.account.invoices[INVOICE].open, is_past_due(&world)), (money("5.00 USD"), false));
    assert!(world.account.charges.values().all(|charge| !charge.state.in_flight()));
    assert_eq!(world.tasks(), ["captured_less"]);
}

/// 71.76 of 108.24 went back, so 36.48 can turn out not to have come in, and not a cent more.
#[test]
fn what_was_given_back_was_captured() {
    let mut world = annual();
    world.advance_to("2026-06-02");
    world.cancel(&SUBSCRIPTION.parse().expect("an id"));
    assert_eq!(refused(&world, "71.75 USD"), Refusal::CapturedIsSpent { charge: CHARGE.to_owned(), amount: money("0.01 USD") });
    captured(&mut world, "71.76 USD");
    assert_eq!((world.books.balance(1200), world.books.balance(1100)), (0, 3_648));
}

#[test]
fn only_a_capture_has_an_amount_to_put_right() {
    let mut world = annual();
    assert!(matches!(refused(&world, "0.00 USD"), Refusal::BadAmount { .. }));
    assert!(matches!(refused(&world, "-5.00 USD"), Refusal::BadAmount { .. }));
    let unknown = world.refused(|draft| draft.charge_has_captured("ch_none", money("5.00 USD")));
    assert!(matches!(unknown, Refusal::NoObject { .. }), "{unknown:?}");
    // Planned for day 3, and not sent.
    captured(&mut world, "100.00 USD");
    let planned = world.refused(|draft| draft.charge_has_captured("ch_a1-s1_1_0_2", money("5.00 USD")));
    assert_eq!(planned, Refusal::NotCaptured { charge: "ch_a1-s1_1_0_2".to_owned() });
}
