//! PD-6 where less than a whole payment is disputed, or what was paid was a correction. Annual 99.99, tax 8.25 %.

use super::world::{Answer, World, camera, money, plan};
use crate::domain::change::Refusal;
use crate::domain::change::correct::Correct;
use crate::domain::subscription::State;

const INVOICE: &str = "in_a1-s1_1_0";

/// On day 123, 33.70 are earned with 2.78 of tax: of 71.76 that are not, 30.00 are lost and 41.76 are the customer's.
#[test]
fn what_is_neither_used_nor_disputed_is_the_customers() {
    let mut world = World::on("2026-01-31");
    world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("30.00 USD"), money("15.00 USD")));
    let first = world.books.len();
    world.plan(|draft| draft.lose_dispute("dp_1"));
    world.run();
    let notes: Vec<String> = world.books.since(first).into_iter().filter(|line| line.starts_with("note_issued")).collect();
    let expected = ["note_issued.v1: 2100 27.71; 2200 2.29 | 1210 30.00", "note_issued.v1: 2100 38.58; 2200 3.18 | 2300 41.76"];
    assert_eq!(notes, expected);
    // F59: it does not go back to the card that disputes; a person says how.
    assert_eq!((world.refunds_made().len(), world.tasks()), (0, vec!["credit_payout"]));
    assert_eq!(world.trial_balance(), "1200 63.24; 2200 -2.78; 2300 -41.76; 4000 -33.70; 5100 15.00");
}

/// Of a monthly plan nothing is given back: the rest of the period is earned.
#[test]
fn a_monthly_term_gives_nothing_back() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("3.00 USD"), money("15.00 USD")));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    world.run();
    // 10.81 less 3.00 less the fee; tax 0.82 less 0.23; 9.99 less 2.77.
    assert_eq!(world.trial_balance(), "1200 -7.19; 2200 -0.59; 4000 -7.22; 5100 15.00");
    assert!(matches!(world.subscription(&"a1-s1".parse().expect("an id")).state, State::Closed { .. }));
}

/// CO-4: 20.00 and 1.65 of tax were collected later, and are lost on day 41. R(41) of 99.99 is 11.23, of 79.99 it is 8.99.
#[test]
fn a_correction_that_is_disputed_ends_nothing() {
    let mut world = World::on("2026-01-31");
    world.order("plus/annual", 1, Some("TWENTY"));
    world.advance_to("2026-02-19");
    world.plan(|draft| draft.correct(INVOICE, Correct::Net(money("99.99 USD"))));
    world.run();
    world.advance_to("2026-03-12");
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_2", money("21.65 USD"), money("15.00 USD")));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    world.run();
    assert_eq!(world.books.last("note_issued.v1"), "2100 20.00; 2200 1.65 | 1210 21.65");
    assert_eq!(world.books.last("revenue_recognised.v1"), "4300 2.24 | 2100 2.24");
    assert!(matches!(world.subscription(&"a1-s1".parse().expect("an id")).state, State::Active { .. }));
}

/// F61: the customer cancelled after the dispute was won, and 71.76 went back. That it had been lost is told only now: to book both
/// would give him the whole payment once more.
#[test]
fn a_dispute_that_is_told_lost_after_money_went_back_is_left_to_a_person() {
    let mut world = World::on("2026-01-31");
    let subscription = world.subscribe("plus/annual");
    world.advance_to("2026-03-01");
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("108.24 USD"), money("15.00 USD")));
    world.advance_to("2026-03-20");
    world.plan(|draft| draft.win_dispute("dp_1"));
    world.advance_to("2026-06-02");
    world.cancel(&subscription);
    world.run();
    let before = world.trial_balance();
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!((world.trial_balance(), world.tasks()), (before, vec!["dispute_lost_after_won"]));
    // 108.24 less the refund and the fee of the dispute.
    assert_eq!(world.books.balance(1200), 10_824 - 7_176 - 1_500);
}

/// RF-3: of 108.24, 71.76 had become account credit before the payment was disputed. None of it pays the other camera's months meanwhile;
/// lost, it is gone.
#[test]
fn credit_whose_payment_is_disputed_pays_nothing() {
    let told = |ends: fn(&mut World)| {
        let mut world = World::on("2026-01-31");
        let annual = world.subscribe("plus/annual");
        world.order("plus/monthly", 2, None);
        world.advance_to("2026-06-02");
        world.cancel(&annual);
        assert_eq!(world.account.profile.credit_cash, money("71.76 USD"));
        world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("108.24 USD"), money("15.00 USD")));
        world.advance_to("2026-07-01");
        assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s2_1_5_1 10.81 Succeeded"), "30 June in cash");
        assert_eq!(world.account.profile.credit_cash, money("71.76 USD"));
        let by_hand = world.refused(|draft| draft.credit_was_paid(money("0.01 USD"), "transfer 1"));
        assert!(matches!(by_hand, Refusal::BadAmount { max, .. } if max == money("0.00 USD")), "{by_hand:?}");
        ends(&mut world);
        world.advance_to("2026-08-01");
        world
    };
    let lost = told(|world| world.plan(|draft| draft.lose_dispute("dp_1")));
    assert_eq!(lost.account.profile.credit_cash, money("0.00 USD"));
    assert_eq!(lost.charges_made().last().map(String::as_str), Some("ch_a1-s2_1_6_1 10.81 Succeeded"));
    let won = told(|world| world.plan(|draft| draft.win_dispute("dp_1")));
    assert_eq!(won.account.profile.credit_cash, money("60.95 USD"), "71.76 less the month of 31 July");
}

/// RF-4, RF-3: 71.76 could not be paid out and became credit; the bank then takes all 108.24 back. The credit is part of that.
#[test]
fn credit_of_a_refund_that_failed_pays_nothing_while_its_payment_is_disputed() {
    let mut world = World::on("2026-01-31");
    let annual = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.refunds.extend([Answer::Hard]);
    world.cancel(&annual);
    world.run();
    assert_eq!(world.account.profile.credit_cash, money("71.76 USD"));
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("108.24 USD"), money("15.00 USD")));
    world.order("plus/monthly", 2, None);
    world.run();
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s2_1_0_1 10.81 Succeeded"));
    assert_eq!(world.account.profile.credit_cash, money("71.76 USD"));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!(world.account.profile.credit_cash, money("0.00 USD"));
}

/// CP-1: what a change gives back of another payment pays the new plan.
#[test]
fn the_credit_of_a_change_pays_the_new_plan_whatever_else_is_disputed() {
    let mut world = World::on("2026-01-31");
    let annual = world.subscribe("plus/annual");
    let monthly = world.order("plus/monthly", 2, None);
    world.advance_to("2026-06-02");
    world.cancel(&annual);
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("108.24 USD"), money("15.00 USD")));
    let before = world.charges_made().len();
    world.plan(|draft| draft.change_plan(&monthly, &plan("plus/annual"), Some(&camera(2))));
    world.run();
    // 31 May to 29 June are 30 days, of which 2 are used: 9.99 x 28/30 = 9.324 -> 9.32, 0.67 stay with 0.0553 -> 0.06 of tax, 0.76 go back.
    assert_eq!(world.charges_made()[before..], ["ch_a1-s2_2_0_1 98.16 Succeeded"], "108.24 less 10.08");
    assert_eq!(world.account.profile.credit_cash, money("71.76 USD"));
}
