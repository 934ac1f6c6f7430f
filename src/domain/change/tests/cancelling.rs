//! CP, RF, CA-4, CP-3: cancelling to the Free Package, and where the money goes.

use super::world::{Answer, World, camera, day, money, plan};
use crate::domain::change::Refusal;
use crate::domain::event::Event;
use crate::domain::notice::NoticeKind;
use crate::domain::refund::CancellationDay;

#[test]
fn rf_worked_example_kept_and_given_back() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    let mails = world.mails.len();
    world.cancel(&id);
    assert_eq!(world.standing(&id), "closed 2026-06-03 Cancelled");
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.mails_since(mails), [NoticeKind::CancellationConfirmed, NoticeKind::ReceiptRefund]);
    // Cancelling again is "already so".
    let before = world.account.clone();
    world.plan(|draft| draft.cancel(&id));
    assert_eq!(before, world.account);
}

/// An annual plan from 31 January 2026, cancelled on a date: what is refunded.
#[track_caller]
fn check_refund(cancel_on: &str, day: CancellationDay, refunded: &[&str]) {
    let mut world = World::on("2026-01-31").with_terms(|terms| terms.cancellation_day = day);
    let id = world.subscribe("plus/annual");
    world.advance_to(cancel_on);
    world.cancel(&id);
    let refunds: Vec<String> = world.account.refunds.values().map(|one| one.amount.major()).collect();
    assert_eq!(refunds, refunded, "{cancel_on}");
}

#[test]
fn rf_1_the_first_day_the_last_day_and_the_other_way_to_count() {
    // Used: 1 of 365; 99.99 × 364/365 = 99.716 → 99.72; kept 0.27, tax on it 0.02; back 8.23.
    check_refund("2026-01-31", CancellationDay::Used, &["107.95"]);
    check_refund("2026-01-31", CancellationDay::Refunded, &["108.24"]);
    // Used: 365 of 365: nothing. Refunded: one day, 99.99/365 = 0.2739 → 0.27; tax kept on 99.72 is 8.2269 → 8.23, back 0.02.
    check_refund("2027-01-30", CancellationDay::Used, &[]);
    check_refund("2027-01-30", CancellationDay::Refunded, &["0.29"]);
    // Day 123 given back: 243 unused; 99.99 × 243/365 = 66.568 → 66.57; kept 33.42, tax 2.757 → 2.76, back 5.49.
    check_refund("2026-06-02", CancellationDay::Refunded, &["72.06"]);
}

#[test]
fn a_monthly_cancellation_runs_to_the_end_and_gives_nothing_back() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-02-10");
    world.cancel(&id);
    assert_eq!(world.standing(&id), "active plus/monthly 2026-01-31..2026-02-28");
    world.advance_to("2026-03-10");
    assert_eq!(world.standing(&id), "closed 2026-02-28 Cancelled");
    assert_eq!((world.invoices().len(), world.account.refunds.len()), (1, 0));
    assert_eq!(world.trial_balance(), "1200 10.81; 2200 -0.82; 4000 -9.99");
    assert_eq!(world.mailed_on(NoticeKind::CancellationConfirmed), ["2026-02-10"]);
}

#[test]
fn the_unused_value_is_credit_while_another_goes_on_and_a_refund_otherwise() {
    let mut world = World::on("2026-01-31");
    let annual = world.subscribe("plus/annual");
    let other = world.order("plus/monthly", 2, None);
    world.advance_to("2026-06-01");
    // The other one ends with its period, so it does not "go on".
    world.cancel(&other);
    world.advance_to("2026-06-02");
    world.cancel(&annual);
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.credit().0, "0.00");
}

#[test]
fn cp_3_credit_that_came_from_cash_is_paid_out_when_the_last_one_ends_and_goodwill_stays() {
    let mut world = World::on("2026-01-31");
    let annual = world.subscribe("plus/annual");
    let monthly = world.order("plus/monthly", 2, None);
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.grant_credit(money("5.00 USD")));
    world.cancel(&annual);
    assert_eq!(world.credit(), ("71.76".to_owned(), "5.00".to_owned()));
    // 30 June: 10.81 are paid, first from goodwill, then 5.81 from cash credit.
    world.advance_to("2026-07-01");
    assert_eq!(world.credit(), ("65.95".to_owned(), "0.00".to_owned()));
    world.plan(|draft| draft.grant_credit(money("2.00 USD")));
    world.cancel(&monthly);
    world.advance_to("2026-07-31");
    assert_eq!(world.standing(&monthly), "closed 2026-07-31 Cancelled");
    assert_eq!(world.refunds_made(), ["65.95 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.credit(), ("0.00".to_owned(), "2.00".to_owned()));
}

#[test]
fn rf_3_a_part_paid_from_credit_goes_back_to_credit() {
    let mut world = World::on("2026-01-31");
    world.plan(|draft| draft.grant_credit(money("80.00 USD")));
    // 108.24: 80.00 from goodwill, 28.24 in cash.
    let id = world.subscribe("plus/annual");
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 28.24 Succeeded"]);
    world.advance_to("2026-06-02");
    world.cancel(&id);
    // Of 71.76, cash first: 28.24; the rest, 43.52, is goodwill again and stays.
    assert_eq!(world.refunds_made(), ["28.24 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.credit(), ("0.00".to_owned(), "43.52".to_owned()));
}

#[test]
fn rf_4_the_latest_payment_takes_its_refund_first() {
    let mut world = World::on("2026-01-31");
    let id = world.order("plus/annual", 1, Some("TWENTY"));
    world.advance_to("2026-02-10");
    let right = crate::domain::change::correct::Correct::Net(money("99.99 USD"));
    world.plan(|draft| draft.correct("in_a1-s1_1_0", right));
    world.advance_to("2026-06-02");
    world.cancel(&id);
    // 71.76: the correction's 21.65 first, then 50.11 of the first payment's 86.59.
    assert_eq!(world.refunds_made(), ["50.11 ch_a1-s1_1_0_1 Succeeded", "21.65 ch_a1-s1_1_0_2 Succeeded"]);
}

#[test]
fn rf_4_a_refund_that_fails_is_credit_and_a_task_and_is_never_lost() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.refunds.extend([Answer::Silence, Answer::Soft]);
    world.cancel(&id);
    world.advance_to("2026-06-03");
    assert_eq!(world.credit().0, "71.76");
    assert_eq!(world.tasks(), ["refund_failed"]);
    assert_eq!(world.mailed_on(NoticeKind::CreditGranted), ["2026-06-02"]);
    // It pays the next thing that the customer buys.
    world.subscribe("plus/monthly");
    assert_eq!(world.credit().0, "60.95");
}

#[test]
fn rf_6_within_the_cooling_off_everything_is_refunded() {
    let mut world = World::on("2026-01-31").with_terms(|terms| terms.cooling_off_days = 14);
    let monthly = world.subscribe("plus/monthly");
    let annual = world.order("plus/annual", 2, None);
    world.advance_to("2026-02-14");
    world.cancel(&monthly);
    world.cancel(&annual);
    assert_eq!(world.standing(&monthly), "closed 2026-02-14 Cancelled");
    assert_eq!(world.refunds_made(), ["10.81 ch_a1-s1_1_0_1 Succeeded", "108.24 ch_a1-s2_1_0_1 Succeeded"]);
    // What January had earned is taken back.
    assert_eq!(world.trial_balance(), "4000 -0.63; 4200 0.63");
    let told = world.mails.iter().rfind(|mail| mail.kind == NoticeKind::CancellationConfirmed).expect("a mail");
    assert!(told.text.contains("A refund of $108.24"), "{}", told.text);
}

#[test]
fn rf_6_a_day_later_the_ordinary_rules_hold() {
    let mut world = World::on("2026-01-31").with_terms(|terms| terms.cooling_off_days = 14);
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-02-15");
    world.cancel(&id);
    assert_eq!((world.standing(&id).as_str(), world.account.refunds.len()), ("active plus/monthly 2026-01-31..2026-02-28", 0));
}

#[test]
fn ca_4_on_the_first_day_before_the_renewal_ran_nothing_more_is_billed() {
    let mut world = World::on("2025-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-01-30");
    world.sleep_until("2026-01-31");
    world.cancel(&id);
    assert_eq!(world.standing(&id), "closed 2026-01-31 Cancelled");
    assert_eq!((world.invoices().len(), world.account.refunds.len()), (1, 0));
}

#[test]
fn ca_4_on_the_first_day_after_the_renewal_ran_it_is_an_ordinary_cancellation() {
    let mut world = World::on("2025-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-01-31");
    world.cancel(&id);
    assert_eq!(world.standing(&id), "closed 2026-02-01 Cancelled");
    assert_eq!(world.refunds_made(), ["107.95 ch_a1-s1_1_1_1 Succeeded"]);
}

#[test]
fn ca_4_a_charge_in_flight_settles_first_and_the_cancellation_counts_from_its_day() {
    let mut world = World::on("2025-01-31");
    let id = world.subscribe("plus/annual");
    // No answer for 2^12 minutes: captured on 3 February.
    world.charges.extend([Answer::Silence; 12]);
    world.advance_to("2026-02-02");
    world.cancel(&id);
    assert_eq!(world.subscription(&id).cancel_requested_on, Some(day("2026-02-02")));
    let busy = world.refused(|draft| draft.change_plan(&id, &plan("plus/monthly"), None));
    assert!(matches!(busy, Refusal::ChargeInFlight { .. }), "{busy}");
    world.advance_to("2026-02-10");
    // Counted from 2 February: 3 days used; 99.99 × 362/365 = 99.168 → 99.17; kept 0.82, tax 0.07; back 8.18.
    assert_eq!(world.standing(&id), "closed 2026-02-03 Cancelled");
    assert_eq!(world.refunds_made(), ["107.35 ch_a1-s1_1_1_1 Succeeded"]);
}

#[test]
fn ca_4_a_waiting_cancellation_of_a_monthly_plan_runs_out_with_its_period() {
    let mut world = World::on("2026-01-10");
    let id = world.subscribe("plus/monthly");
    world.charges.extend([Answer::Silence; 9]);
    world.advance_to("2026-02-10");
    world.cancel(&id);
    world.advance_to("2026-04-01");
    assert_eq!(world.standing(&id), "closed 2026-03-10 Cancelled");
    assert_eq!(world.invoices().len(), 2);
}

#[test]
fn lc_9_a_waiting_cancellation_can_be_taken_back() {
    let mut world = World::on("2026-01-10");
    let id = world.subscribe("plus/monthly");
    world.charges.extend([Answer::Silence; 9]);
    world.advance_to("2026-02-10");
    world.cancel(&id);
    world.plan(|draft| draft.resume(&id));
    world.advance_to("2026-03-10");
    assert_eq!(world.standing(&id), "active plus/monthly 2026-03-10..2026-04-10");
    assert_eq!(world.mailed_on(NoticeKind::CancellationWithdrawn), ["2026-02-10"]);
}

#[test]
fn ca_4_a_charge_in_flight_that_is_declined_leaves_the_used_days_owed() {
    let mut world = World::on("2025-01-31");
    let id = world.subscribe("plus/annual");
    world.charges.extend([Answer::Silence, Answer::Silence, Answer::Soft]);
    world.run();
    world.advance_to("2026-01-30");
    world.sleep_until("2026-01-31");
    world.plan(|draft| draft.run_due());
    world.cancel(&id);
    world.advance_to("2026-02-01");
    // 107.95 of 108.24 are credited off; 0.29 stay owed, too little to be collected alone (MO-5).
    assert_eq!(world.standing(&id), "closed 2026-02-01 Cancelled");
    assert_eq!(world.invoice(&id, 1, 1).open, money("0.29 USD"));
    assert!(world.invoice(&id, 1, 1).carried);
    assert!(world.account.refunds.is_empty());
}

#[test]
fn lc_9_an_unpaid_period_stays_owed_after_the_end_and_is_still_retried() {
    let mut world = World::on("2026-01-10");
    let id = world.subscribe("plus/monthly");
    world.charges.extend([Answer::Soft, Answer::Soft, Answer::Soft]);
    world.advance_to("2026-02-12");
    world.cancel(&id);
    assert_eq!(world.standing(&id), "past_due plus/monthly 2026-02-10..2026-03-10");
    // First failure 10 February, retries on the 11th and the 13th fail, that of the 15th collects.
    world.advance_to("2026-02-20");
    assert_eq!(world.invoice(&id, 1, 1).open, money("0.00 USD"));
    assert_eq!(world.standing(&id), "active plus/monthly 2026-02-10..2026-03-10");
}

#[test]
fn the_planned_retry_of_a_cancelled_annual_period_asks_for_what_is_left_of_it() {
    let mut world = World::on("2025-01-31");
    let id = world.subscribe("plus/annual");
    world.charges.extend([Answer::Soft; 6]);
    world.advance_to("2026-02-15");
    world.cancel(&id);
    // 16 days used: 99.99 × 349/365 = 95.607 → 95.61; kept 4.38, tax 0.36: 4.74 stay owed and are asked for on day 21.
    assert_eq!(world.invoice(&id, 1, 1).open, money("4.74 USD"));
    world.advance_to("2026-03-01");
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s1_1_1_8 4.74 Succeeded"));
    assert_eq!(world.account.refunds.len(), 0);
}

#[test]
fn lc_8_storage_is_told_what_a_cancellation_makes_inaccessible() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.cancel(&id);
    let told: Vec<&Event> =
        world.events.iter().map(|(_, event)| event).filter(|event| matches!(event, Event::RecordingsInaccessible { .. })).collect();
    let expected = Event::RecordingsInaccessible { cameras: vec![camera(1)], history_days: 1, since: day("2026-06-03") };
    assert_eq!(told, [&expected]);
}

#[test]
fn pv_8_a_cancellation_on_a_parked_account_counts_from_its_day_and_moves_money_on_release() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.plan(|draft| draft.park("test", "to be looked at"));
    world.advance_to("2026-06-02");
    world.cancel(&id);
    world.advance_to("2026-07-15");
    assert_eq!(world.standing(&id), "active plus/annual 2026-01-31..2027-01-31");
    world.plan(|draft| draft.release(false));
    world.run();
    assert_eq!(world.standing(&id), "closed 2026-06-03 Cancelled");
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded"]);
}

#[test]
fn rf_5_a_cancelled_trial_gives_nothing_back_because_nothing_was_paid() {
    let mut world = World::on("2026-01-31");
    let id = world.start_trial("premium/annual");
    world.advance_to("2026-02-15");
    world.cancel(&id);
    assert_eq!((world.standing(&id).as_str(), world.books.len()), ("closed 2026-02-15 TrialCancelled", 0));
}
