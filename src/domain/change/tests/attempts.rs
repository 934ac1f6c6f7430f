//! PV-2, PD-2, F03, F68, I9: attempts without an answer, and payment methods that change under way.

use chrono::NaiveDate;

use super::world::{Answer, World, money};
use crate::domain::account::{AttemptState, CorrectionState};
use crate::domain::change::Refusal;
use crate::domain::change::correct::Correct;
use crate::domain::change::settle::{LOOKUPS_MAX, Settlement};

fn oregon(date: &str) -> World {
    World::of("USD", chrono_tz::America::Los_Angeles, "US-OR", date)
}

fn asked_on(world: &World, charge: &str) -> NaiveDate {
    world.account.today(world.account.charges[charge].requested_at)
}

#[test]
fn lc_3_a_first_charge_that_never_happened_ends_a_subscription_that_was_cancelled_meanwhile() {
    let mut world = oregon("2026-01-10");
    world.charges.extend([Answer::Silence, Answer::Nothing]);
    let id = world.subscribe("plus/monthly");
    world.cancel(&id);
    assert_eq!(world.standing(&id), "pending plus/monthly 2026-01-10..2026-02-10");
    world.advance_to("2026-01-11");
    assert_eq!(world.standing(&id), "closed 2026-01-10 Cancelled");
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 9.99 Abandoned"]);
    assert_eq!(world.trial_balance(), "");
}

#[test]
fn ca_4_a_cancellation_that_waited_is_carried_out_before_a_new_attempt() {
    let mut world = oregon("2025-01-10");
    let id = world.subscribe("plus/annual");
    world.charges.extend([Answer::Silence, Answer::Nothing]);
    world.sleep_until("2026-01-10");
    world.run();
    world.cancel(&id);
    world.advance_to("2026-01-12");
    assert_eq!(world.standing(&id), "closed 2026-01-11 Cancelled");
    // 99.99 x 364/365 = 99.716 -> 99.72 off what is owed; the one day that was used, 0.27, is carried and listed (MO-5).
    assert_eq!(world.invoice(&id, 1, 1).open.major(), "0.27");
    assert!(world.account.refunds.is_empty() && world.tasks().contains(&"carried_owed"), "{:?}", world.tasks());
}

#[test]
fn i9_attempts_that_never_happen_wait_longer_and_longer_and_end_with_a_person() {
    let mut world = oregon("2026-01-10");
    world.subscribe("plus/monthly");
    world.charges.extend([Answer::Nothing; 40]);
    world.advance_to("2026-02-28");
    let attempts = world.account.charges.keys().filter(|id| id.starts_with("ch_a1-s1_1_1_")).count();
    assert_eq!(attempts, 15, "one and fourteen more");
    let last = "ch_a1-s1_1_1_15".to_owned();
    assert_eq!(world.parked_by, Some(Refusal::NoOutcome { id: last, lookups: LOOKUPS_MAX }));
    // 1 + 2 + … + 8192 minutes.
    assert_eq!(asked_on(&world, "ch_a1-s1_1_1_15").to_string(), "2026-02-15");
    let parked = world.account.profile.parked.as_ref().map(|parked| world.account.today(parked.since).to_string());
    assert_eq!(parked.as_deref(), Some("2026-02-21"), "within 14 days of falling due");
}

#[test]
fn co_2_no_attempt_of_a_correction_begins_after_its_window() {
    let mut world = oregon("2026-01-10");
    world.subscribe("plus/monthly");
    // The window ends on 9 February.
    world.advance_to("2026-02-09");
    // The tenth look-up comes 17 hours later, after the renewal of the 10th.
    world.charges.extend([Answer::Silence; 10]);
    world.charges.extend([Answer::Captured, Answer::Nothing]);
    world.plan(|draft| draft.correct("in_a1-s1_1_0", Correct::Net(money("19.99 USD"))));
    world.advance_to("2026-03-09");
    let ours: Vec<String> = world.charges_made().into_iter().filter(|charge| charge.starts_with("ch_a1-s1_1_0")).collect();
    assert_eq!(ours, ["ch_a1-s1_1_0_1 9.99 Succeeded", "ch_a1-s1_1_0_2 10.00 Abandoned"]);
    assert_eq!(world.account.corrections["co_a1-s1_1_0_1"].state, CorrectionState::Waived);
}

#[test]
fn pd_2_what_cannot_be_tried_with_any_method_falls_behind() {
    let mut world = oregon("2026-01-10");
    let first = world.subscribe("plus/monthly");
    world.order("plus/monthly", 2, None);
    world.charges.extend([Answer::Silence, Answer::Hard, Answer::Nothing]);
    world.advance_to("2026-02-11");
    assert_eq!(world.standing(&first), "past_due plus/monthly 2026-02-10..2026-03-10");
    assert_eq!(world.account.charges["ch_a1-s1_1_1_1"].state, AttemptState::Abandoned);
    world.new_card();
    world.run();
    assert!(world.account.invoices.values().all(|invoice| invoice.open.is_zero()));
}

#[test]
fn f68_a_charge_is_made_with_the_method_that_it_names() {
    let mut world = oregon("2026-01-10");
    let order = super::world::order("plus/monthly", 1, None);
    let id = world.plan(|draft| draft.subscribe(&order));
    world.new_card();
    world.run();
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 9.99 Abandoned", "ch_a1-s1_1_0_2 9.99 Succeeded"]);
    assert_eq!(world.account.charges["ch_a1-s1_1_0_2"].method, 2);
    assert_eq!(world.standing(&id), "active plus/monthly 2026-01-10..2026-02-10");
}

#[test]
fn f68_a_decline_of_a_method_that_was_replaced_under_way_tries_the_one_on_file() {
    // The first charge, and a renewal.
    for (answers, id) in [(&[][..], "ch_a1-s1_1_0_2"), (&[Answer::Captured][..], "ch_a1-s1_1_1_2")] {
        let mut world = oregon("2026-01-10");
        world.charges.extend(answers.iter().chain(&[Answer::Silence, Answer::Hard]));
        let subscription = world.subscribe("plus/monthly");
        world.sleep_until(if answers.is_empty() { "2026-01-10" } else { "2026-02-10" });
        world.run();
        world.new_card();
        world.advance_to("2026-02-11");
        let charge = &world.account.charges[id];
        assert_eq!((charge.state, charge.method), (AttemptState::Succeeded, 2), "{:?}", world.charges_made());
        assert_eq!(world.standing(&subscription), "active plus/monthly 2026-02-10..2026-03-10");
    }
}

#[test]
fn f03_a_key_that_is_too_old_is_left_to_a_person_and_replaced_on_release() {
    let mut world = oregon("2026-01-10");
    world.charges.extend([Answer::Silence]);
    let id = world.subscribe("plus/monthly");
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &Settlement::KeyExpired));
    let parked = world.account.profile.parked.as_ref().expect("it is parked");
    assert_eq!((parked.code.as_str(), world.tasks()), ("key_expired", vec!["key_expired"]));
    assert!(parked.reason.contains("ch_a1-s1_1_0_1"), "{}", parked.reason);
    world.plan(|draft| draft.release(false));
    world.run();
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 9.99 Abandoned", "ch_a1-s1_1_0_2 9.99 Succeeded"]);
    assert_eq!((world.standing(&id).as_str(), world.tasks().len()), ("active plus/monthly 2026-01-10..2026-02-10", 0));
}

#[test]
fn f03_the_same_of_a_payout() {
    let mut world = oregon("2026-01-10");
    let id = world.subscribe("plus/annual");
    world.refunds.extend([Answer::Silence]);
    world.cancel(&id);
    let refund = world.account.refunds.keys().next().expect("a refund").clone();
    world.plan(|draft| draft.settle_refund(&refund, &Settlement::KeyExpired));
    world.plan(|draft| draft.release(false));
    world.run();
    // 99.99 x 364/365 = 99.716 -> 99.72, once.
    assert_eq!(world.refunds_made(), ["99.72 ch_a1-s1_1_0_1 Abandoned", "99.72 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.books.balance(2310), 0);
}

#[test]
fn f72_what_is_refused_as_such_is_asked_for_again_after_the_release() {
    let mut world = oregon("2026-01-10");
    world.charges.extend([Answer::Silence]);
    let id = world.subscribe("plus/annual");
    let refused = Settlement::Refused { code: "parameter_invalid".to_owned() };
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &refused));
    assert_eq!(world.account.profile.parked.as_ref().map(|parked| parked.code.as_str()), Some("refused_request"));
    world.plan(|draft| draft.release(false));
    world.run();
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 99.99 Abandoned", "ch_a1-s1_1_0_2 99.99 Succeeded"]);
    world.refunds.extend([Answer::Silence]);
    world.cancel(&id);
    world.plan(|draft| draft.settle_refund("re_a1-s1_1_0_2_1", &refused));
    assert!(world.account.profile.parked.is_some() && world.books.balance(2300) == 0, "no credit: nobody has declined anything");
    world.plan(|draft| draft.release(false));
    world.run();
    assert_eq!(world.refunds_made(), ["99.72 ch_a1-s1_1_0_2 Abandoned", "99.72 ch_a1-s1_1_0_2 Succeeded"]);
}

#[test]
fn pv_2_a_payout_whose_key_keeps_a_failure_is_asked_for_anew() {
    let mut world = oregon("2026-01-10");
    let id = world.subscribe("plus/annual");
    world.refunds.extend([Answer::Nothing]);
    world.cancel(&id);
    world.advance_to("2026-01-11");
    assert_eq!(world.refunds_made(), ["99.72 ch_a1-s1_1_0_1 Abandoned", "99.72 ch_a1-s1_1_0_1 Succeeded"]);
}
