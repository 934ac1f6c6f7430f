//! PD-4, MO-5: what a captured amount pays, and what stays owed.

use super::world::{Answer, World, money};
use crate::domain::change::Refusal;
use crate::domain::change::correct::Correct;
use crate::domain::ids::SubscriptionId;

/// No tax, so that the numbers are those of the catalog: 9.99 a month.
fn oregon(date: &str) -> World {
    World::of("USD", chrono_tz::America::Los_Angeles, "US-OR", date)
}

fn open(world: &World, id: &SubscriptionId, period: u32) -> String {
    world.invoice(id, 1, period).open.major()
}

#[test]
fn the_oldest_invoice_is_paid_first_and_the_younger_one_is_tried_next() {
    let mut world = oregon("2026-01-10");
    let id = world.subscribe("plus/monthly");
    // The first failure and all six retries: 10, 11, 13, 15, 17, 24 February, 3 March.
    world.charges.extend([Answer::Soft; 7]);
    world.advance_to("2026-03-04");
    assert_eq!(world.tasks(), ["dunning_exhausted"]);
    world.advance_to("2026-03-10");
    // March was captured, and paid February.
    assert_eq!((open(&world, &id, 1), open(&world, &id, 2)), ("0.00".to_owned(), "9.99".to_owned()));
    assert_eq!(world.standing(&id), "past_due plus/monthly 2026-03-10..2026-04-10");
    assert!(world.tasks().is_empty());
    world.advance_to("2026-03-12");
    let march: Vec<String> = world.charges_made().into_iter().filter(|charge| charge.starts_with("ch_a1-s1_1_2")).collect();
    assert_eq!(march, ["ch_a1-s1_1_2_1 9.99 Succeeded", "ch_a1-s1_1_2_2 9.99 Succeeded"]);
    assert_eq!(world.standing(&id), "active plus/monthly 2026-03-10..2026-04-10");
}

#[test]
fn a_younger_invoice_of_another_subscription_takes_over_the_planned_retry() {
    let mut world = oregon("2026-01-10");
    let older = world.subscribe("plus/monthly");
    world.advance_to("2026-01-12");
    let younger = world.order("plus/monthly", 2, None);
    world.charges.extend([Answer::Soft, Answer::Soft]);
    world.advance_to("2026-02-12");
    // Declined on the 10th and the 11th, to be tried on the 13th; the charge of the 12th pays it.
    assert_eq!((open(&world, &older, 1), open(&world, &younger, 1)), ("0.00".to_owned(), "9.99".to_owned()));
    assert_eq!(world.standing(&older), "active plus/monthly 2026-02-10..2026-03-10");
    assert_eq!(world.standing(&younger), "past_due plus/monthly 2026-02-12..2026-03-12");
    world.advance_to("2026-02-13");
    assert_eq!(open(&world, &younger, 1), "0.00");
    let last = world.account.charges["ch_a1-s2_1_1_2"].settled_on.expect("it has settled");
    assert_eq!(last.to_string(), "2026-02-13");
    assert_eq!(world.standing(&younger), "active plus/monthly 2026-02-12..2026-03-12");
}

#[test]
fn a_first_charge_and_a_correction_pay_their_own() {
    let mut world = oregon("2026-01-10");
    let older = world.subscribe("plus/monthly");
    world.charges.extend([Answer::Soft, Answer::Soft]);
    world.advance_to("2026-02-11");
    let younger = world.order("plus/monthly", 2, None);
    assert_eq!(world.standing(&younger), "active plus/monthly 2026-02-11..2026-03-11");
    world.plan(|draft| draft.correct("in_a1-s2_1_0", Correct::Net(money("12.99 USD"))));
    world.run();
    assert_eq!((open(&world, &older, 1), open(&world, &younger, 0)), ("9.99".to_owned(), "0.00".to_owned()));
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s2_1_0_2 3.00 Succeeded"));
}

/// A renewal on 10 February of which credit leaves 0.30, less than the provider takes.
fn carried() -> (World, SubscriptionId) {
    let mut world = oregon("2026-01-10");
    let id = world.subscribe("plus/monthly");
    world.plan(|draft| draft.grant_credit(money("9.69 USD")));
    world.advance_to("2026-02-10");
    assert_eq!(world.account.profile.carried.major(), "0.30");
    (world, id)
}

#[test]
fn mo_5_a_carried_fee_that_a_correction_makes_large_enough_is_collected_at_once() {
    let (mut world, id) = carried();
    world.plan(|draft| draft.correct("in_a1-s1_1_1", Correct::Net(money("19.99 USD"))));
    world.run();
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s1_1_1_1 10.30 Succeeded"));
    assert_eq!((open(&world, &id, 1), world.account.profile.carried.major()), ("0.00".to_owned(), "0.00".to_owned()));
    assert_eq!(world.account.corrections.values().map(|one| format!("{:?}", one.state)).collect::<Vec<_>>(), ["Done"]);
}

#[test]
fn mo_5_a_charge_that_takes_a_carried_fee_along_collects_it() {
    let (mut world, _) = carried();
    world.charges.extend([Answer::Silence]);
    world.order("plus/monthly", 2, None);
    assert_eq!(world.account.charges["ch_a1-s2_1_0_1"].amount.major(), "10.29");
    world.plan(|draft| draft.correct("in_a1-s1_1_1", Correct::Net(money("19.99 USD"))));
    assert!(!world.account.charges.contains_key("ch_a1-s1_1_1_1"), "what is under way is not asked for twice");
    world.advance_to("2026-03-11");
    assert!(world.account.invoices.values().all(|invoice| invoice.open.is_zero()));
    assert_eq!(world.account.corrections.values().map(|one| format!("{:?}", one.state)).collect::<Vec<_>>(), ["Done"]);
    assert!(world.account.refunds.is_empty(), "nothing was collected twice: {:?}", world.charges_made());
}

#[test]
fn mo_5_what_is_carried_when_the_last_subscription_ends_is_listed() {
    let (mut world, id) = carried();
    world.cancel(&id);
    assert!(world.tasks().is_empty());
    world.advance_to("2026-03-10");
    assert_eq!(world.tasks(), ["carried_owed"]);
    world.advance_to("2026-03-11");
    world.plan(|draft| draft.write_off("in_a1-s1_1_1"));
    assert!(world.tasks().is_empty());
}

#[test]
fn pd_4_a_collection_cost_is_written_off_by_its_id() {
    let mut world = oregon("2026-01-10");
    world.subscribe("plus/monthly");
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    assert!(world.said("cc_a1_1"), "the reason names the id: {:?}", world.why);
    world.plan(|draft| draft.write_off("cc_a1_1"));
    assert_eq!(world.books.last("collection_cost_written_off.v1"), "2400 25.00 | 1150 25.00");
    assert_eq!(world.account.profile.carried.major(), "0.00");
    assert!(matches!(world.refused(|draft| draft.write_off("cc_a1_1")), Refusal::BadAmount { .. }));
    world.advance_to("2026-02-10");
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s1_1_1_1 9.99 Succeeded"));
}

#[test]
fn pd_4_one_document_is_for_one_amount() {
    let mut world = oregon("2026-01-10");
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    assert_eq!(world.account.costs.len(), 1, "already so");
    let refusal = world.refused(|draft| draft.add_collection_cost(money("35.00 USD"), "agency 7/2026"));
    assert_eq!(refusal, Refusal::DocumentUsed { document: "agency 7/2026".to_owned(), amount: money("25.00 USD") });
}
