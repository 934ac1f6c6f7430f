//! What goes on after something has ended: debts that are tried again, credit that is paid out, orders that are undone; and the
//! order in which an account that fell behind is billed.

use super::world::{Answer, World, camera, day, money, order};
use crate::domain::change::correct::Correct;
use crate::domain::change::settle::Settlement;
use crate::domain::event::Event;

/// LC-3, LC-6: nothing is collected for a camera that is gone.
#[test]
fn a_transfer_undoes_an_order_whose_charge_was_not_sent() {
    let mut world = World::on("2026-01-01");
    let ordered = order("plus/annual", 1, None);
    let id = world.plan(|draft| draft.subscribe(&ordered));
    // The provider failed before anything moved, and a new attempt waits.
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &Settlement::NeverHappened));
    world.plan(|draft| draft.transfer_camera(&camera(1)));
    world.advance_to("2026-03-01");
    assert_eq!(world.standing(&id), "closed 2026-01-01 CameraTransferred");
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 108.24 Abandoned", "ch_a1-s1_1_0_2 108.24 Abandoned"]);
    assert_eq!((world.invoice(&id, 1, 0).open, world.trial_balance().as_str()), (money("0.00 USD"), ""));
}

/// RF-6 is about withdrawing from an order. LC-6 says of a monthly plan that nothing is refunded.
#[test]
fn a_transfer_is_no_withdrawal_of_a_monthly_plan() {
    let cooling_off = || World::on("2026-04-01").with_terms(|terms| terms.cooling_off_days = 14);
    let mut transferred = cooling_off();
    transferred.subscribe("plus/monthly");
    transferred.advance_to("2026-04-09");
    transferred.plan(|draft| draft.transfer_camera(&camera(1)));
    transferred.run();
    assert!(transferred.refunds_made().is_empty());
    let mut cancelled = cooling_off();
    let id = cancelled.subscribe("plus/monthly");
    cancelled.advance_to("2026-04-09");
    cancelled.cancel(&id);
    assert_eq!(cancelled.refunds_made(), ["10.81 ch_a1-s1_1_0_1 Succeeded"]);
}

/// LC-9: cancelled while suspended, unpaid periods stay owed and are still retried after the end.
#[test]
fn what_a_suspended_subscription_owes_is_tried_again_after_its_end() {
    let mut world = World::on("2026-01-01");
    let id = world.subscribe("plus/monthly");
    world.charges.push_back(Answer::Soft);
    world.advance_to("2026-02-01");
    world.plan(|draft| draft.suspend(&id));
    world.advance_to("2026-02-03");
    world.cancel(&id);
    world.advance_to("2026-02-28");
    assert_eq!(world.invoice(&id, 1, 1).open, money("10.81 USD"), "LC-7: nothing is tried while it is suspended");
    world.advance_to("2026-03-02");
    assert_eq!(world.standing(&id), "closed 2026-03-01 Cancelled");
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s1_1_1_3 10.81 Succeeded"));
    assert_eq!(world.invoice(&id, 1, 1).open, money("0.00 USD"));
}

/// CP-1: the unused value of what a plan takes over pays before other credit, as that of its own old period does.
#[test]
fn absorbed_value_pays_before_goodwill() {
    let mut world = World::on("2026-01-01");
    let id = world.order("plus/annual", 1, None);
    world.order("plus/annual", 2, None);
    world.plan(|draft| draft.grant_credit(money("150.00 USD")));
    world.advance_to("2026-03-01");
    world.change(&id, "premium/annual");
    // Each: 59 of 365 days used; 99.99 × 306/365 = 83.827 → 83.83; tax kept on 16.16 is 1.33, back 6.92: 90.75.
    // 216.49 − 2 × 90.75 = 34.99 of goodwill; 150.00 − 34.99 = 115.01 stay.
    assert_eq!(world.credit(), ("0.00".to_owned(), "115.01".to_owned()));
}

/// CA-3: oldest first, over all subscriptions of the account.
#[test]
fn missed_periods_are_billed_oldest_first() {
    let mut world = World::on("2026-01-15");
    world.order("plus/monthly", 1, None);
    world.advance_to("2026-02-10");
    world.order("plus/monthly", 2, None);
    world.advance_to("2026-02-20");
    world.sleep_until("2026-04-20");
    let before = world.events.len();
    world.advance_to("2026-04-25");
    let billed = world.events[before..].iter().filter_map(|(_, event)| match event {
        Event::InvoiceIssued { invoice, .. } => Some(invoice.period.start),
        _ => None,
    });
    assert_eq!(billed.collect::<Vec<_>>(), ["2026-03-10", "2026-03-15", "2026-04-10", "2026-04-15"].map(day));
}

/// Two annual-and-monthly stories share their beginning: the annual one's value became credit, which paid the other's February.
fn credit_paid_february() -> World {
    let mut world = World::on("2026-01-01");
    let annual = world.order("plus/annual", 1, None);
    let monthly = world.order("plus/monthly", 2, None);
    world.advance_to("2026-01-20");
    // 20 of 365 days used; 99.99 × 345/365 = 94.511 → 94.51; tax kept on 5.48 is 0.45, back 7.80: 102.31.
    world.cancel(&annual);
    assert_eq!(world.credit().0, "102.31");
    world.advance_to("2026-02-10");
    world.cancel(&monthly);
    world
}

/// CP-3: credit that arises after the last end has nothing left to pay.
#[test]
fn a_correction_after_the_last_end_is_paid_out() {
    let mut world = credit_paid_february();
    world.advance_to("2026-03-02");
    // 102.31 − 10.81 = 91.50 were paid out on 1 March. February at 5.00 + 0.41: 5.40 too much, all of it paid from credit.
    world.plan(|draft| draft.correct("in_a1-s2_1_1", Correct::Net(money("5.00 USD"))));
    world.run();
    assert_eq!(world.refunds_made(), ["91.50 ch_a1-s1_1_0_1 Succeeded", "5.40 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.credit().0, "0.00");
}

/// CP-3: a task to pay out credit ends with the credit, so that nobody pays it a second time.
#[test]
fn a_task_to_pay_out_credit_ends_with_the_credit() {
    let mut world = credit_paid_february();
    world.plan(|draft| draft.open_dispute("dp_1", "ch_a1-s1_1_0_1", money("108.24 USD"), money("15.00 USD")));
    world.advance_to("2026-03-02");
    assert!(world.tasks().contains(&"credit_payout"), "the payment is disputed: {:?}", world.tasks());
    world.plan(|draft| draft.win_dispute("dp_1"));
    world.run();
    assert_eq!(world.refunds_made(), ["91.50 ch_a1-s1_1_0_1 Succeeded"]);
    assert!(!world.tasks().contains(&"credit_payout"), "{:?}", world.tasks());
}

/// RR-1: a late run books each month's revenue on that month's last day.
#[test]
fn a_late_run_puts_no_revenue_into_a_later_month() {
    let mut world = World::on("2026-01-15");
    world.subscribe("plus/annual");
    world.sleep_until("2026-04-10");
    world.run();
    let booked = world.events.iter().filter_map(|(on, event)| match event {
        Event::RevenueRecognised { through, amount, .. } => Some((*on, *through, amount.major())),
        _ => None,
    });
    // 17, 45 and 76 of 365 days: 99.99 − 99.99 × 348/365 (95.33) = 4.66; − 320/365 (87.66) = 12.33; − 289/365 (79.17) = 20.82.
    let month = |end: &str, amount: &str| (day(end), day(end), amount.to_owned());
    assert_eq!(booked.collect::<Vec<_>>(), [month("2026-01-31", "4.66"), month("2026-02-28", "7.67"), month("2026-03-31", "8.49")]);
}
