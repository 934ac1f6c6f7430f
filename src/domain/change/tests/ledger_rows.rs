//! The rows of the posting table, each from the event that posts it (LE-1). Annual 99.99, monthly 9.99, tax 8.25 %, promotion 20.00.

use super::world::{Answer, World, camera, money};
use crate::domain::change::Refusal;
use crate::domain::change::correct::Correct;
use crate::domain::change::settle::Settlement;
use crate::domain::event::Event;
use crate::domain::refund::Destination;

/// The story that most rows share: an annual plan from 31 January 2026, whose day 123 is 2 June.
fn annual() -> World {
    let mut world = World::on("2026-01-31");
    world.subscribe("plus/annual");
    world
}

const SUBSCRIPTION: &str = "a1-s1";
const INVOICE: &str = "in_a1-s1_1_0";
const CHARGE: &str = "ch_a1-s1_1_0_1";
const REFUND: &str = "re_a1-s1_1_0_1_1";

fn id() -> crate::domain::ids::SubscriptionId {
    SUBSCRIPTION.parse().expect("an id")
}

#[test]
fn an_invoice_and_its_payment() {
    let world = annual();
    assert_eq!(world.books.last("invoice_issued.v1"), "1100 108.24 | 2100 99.99; 2200 8.25");
    assert_eq!(world.books.last("charge_captured.v1"), "1200 108.24 | 1100 108.24");
    let mut monthly = World::on("2026-01-31");
    monthly.subscribe("plus/monthly");
    assert_eq!(monthly.books.last("invoice_issued.v1"), "1100 10.81 | 2110 9.99; 2200 0.82");
}

#[test]
fn an_invoice_with_a_promotion_has_the_net_price() {
    let mut world = World::on("2026-01-31");
    world.order("plus/annual", 1, Some("TWENTY"));
    assert_eq!(world.books.last("invoice_issued.v1"), "1100 86.59 | 2100 79.99; 2200 6.60");
}

#[test]
fn revenue_is_recognised_when_a_month_ends() {
    let mut world = annual();
    world.advance_to("2026-03-01");
    // Through 28 February 29 of 365 days: 99.99 − 99.99 × 336/365 (92.05) = 7.94, of which 31 January had 99.99 − 99.72 = 0.27.
    assert_eq!(world.books.since(2), ["revenue_recognised.v1: 2100 0.27 | 4000 0.27", "revenue_recognised.v1: 2100 7.67 | 4000 7.67"]);
}

#[test]
fn an_annual_cancellation_on_day_123_and_its_refund() {
    let mut world = annual();
    world.advance_to("2026-06-02");
    world.cancel(&id());
    assert_eq!(world.books.last("note_issued.v1"), "2100 66.29; 2200 5.47 | 2310 71.76");
    assert_eq!(world.books.last("refund_settled.v1"), "2310 71.76 | 1200 71.76");
    // 99.99 earned 33.70, tax kept 2.78; 36.48 of 108.24 stay at the provider.
    assert_eq!(world.trial_balance(), "1200 36.48; 2200 -2.78; 4000 -33.70");
}

#[test]
fn a_refund_that_fails_after_it_was_confirmed_becomes_credit() {
    let mut world = annual();
    world.advance_to("2026-06-02");
    world.cancel(&id());
    let refund = world.account.refunds.keys().next().cloned().expect("a refund");
    let returned = Settlement::Declined { code: "account_closed".to_owned(), hard: false };
    world.plan(|draft| draft.settle_refund(&refund, &returned));
    assert_eq!(world.books.last("refund_failed.v1"), "1200 71.76 | 2300 71.76");
    assert_eq!((world.credit().0.as_str(), world.tasks()), ("71.76", vec!["refund_failed"]));
}

#[test]
fn a_cancellation_while_another_subscription_goes_on_becomes_credit() {
    let mut world = annual();
    world.order("plus/monthly", 2, None);
    world.advance_to("2026-06-02");
    world.cancel(&id());
    assert_eq!(world.books.last("note_issued.v1"), "2100 66.29; 2200 5.47 | 2300 71.76");
    world.advance_to("2026-06-30");
    assert_eq!(world.books.last("credit_applied.v1"), "2300 10.81 | 1100 10.81");
}

#[test]
fn an_unpaid_annual_period_that_is_cancelled_is_credited_off_the_receivable() {
    let mut world = World::on("2025-01-31");
    world.subscribe("plus/annual");
    world.charges.extend([Answer::Hard]);
    world.advance_to("2026-06-02");
    world.cancel(&id());
    assert_eq!(world.books.last("note_issued.v1"), "2100 66.29; 2200 5.47 | 1100 71.76");
    assert_eq!(world.invoice(&id(), 1, 1).open, money("36.48 USD"));
}

#[test]
fn a_monthly_period_changed_at_once_on_day_10_of_30() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.change(&id(), "premium/monthly");
    assert_eq!(world.books.last("note_issued.v1"), "2110 6.99; 2200 0.57 | 2300 7.56");
    // The new plan costs 19.99 + 1.65 = 21.64; 7.56 are there, 14.08 are charged.
    assert_eq!(world.books.last("credit_applied.v1"), "2300 7.56 | 1100 7.56");
    assert_eq!(world.books.last("charge_captured.v1"), "1200 14.08 | 1100 14.08");
}

#[test]
fn a_declined_first_charge_is_undone_by_a_full_credit_note() {
    let mut world = World::on("2026-04-01");
    world.charges.extend([Answer::Soft]);
    world.subscribe("plus/monthly");
    assert_eq!(world.books.last("note_issued.v1"), "2110 9.99; 2200 0.82 | 1100 10.81");
    assert_eq!(world.trial_balance(), "");
}

#[test]
fn what_is_forfeited_is_revenue_at_once() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.plan(|draft| draft.transfer_camera(&camera(1)));
    assert_eq!(world.books.last("revenue_recognised.v1"), "2110 9.99 | 4000 9.99");
    assert!(world.events.iter().any(|(_, event)| matches!(event, Event::RevenueRecognised { forfeited: true, .. })));
}

#[test]
fn goodwill_is_not_revenue() {
    let mut world = annual();
    world.plan(|draft| draft.grant_credit(money("5.00 USD")));
    assert_eq!(world.books.last("credit_granted.v1"), "4200 5.00 | 2300 5.00");
}

#[test]
fn an_undercharge_found_on_day_20() {
    let mut world = World::on("2026-01-31");
    world.order("plus/annual", 1, Some("TWENTY"));
    world.advance_to("2026-02-19");
    let first = world.books.len();
    world.plan(|draft| draft.correct(INVOICE, Correct::Net(money("99.99 USD"))));
    world.run();
    // R(20) of 79.99 is 4.38, of which 0.22 was recognised in January; R(20) of 99.99 is 5.48.
    let expected = [
        "revenue_recognised.v1: 2100 4.16 | 4000 4.16",
        "note_issued.v1: 1100 21.65 | 2100 20.00; 2200 1.65",
        "revenue_recognised.v1: 2100 1.10 | 4000 1.10",
        "charge_captured.v1: 1200 21.65 | 1100 21.65",
    ];
    assert_eq!(world.books.since(first), expected);
}

#[test]
fn an_overcharge_found_on_day_20() {
    let mut world = annual();
    world.advance_to("2026-02-19");
    let first = world.books.len();
    world.plan(|draft| draft.correct(INVOICE, Correct::Net(money("79.99 USD"))));
    world.run();
    let expected = [
        "revenue_recognised.v1: 2100 5.21 | 4000 5.21",
        "note_issued.v1: 2100 20.00; 2200 1.65 | 2310 21.65",
        "revenue_recognised.v1: 4200 1.10 | 2100 1.10",
        "refund_settled.v1: 2310 21.65 | 1200 21.65",
    ];
    assert_eq!(world.books.since(first), expected);
}

#[test]
fn an_undercharge_waived_after_the_window_takes_back_what_it_had_earned() {
    let mut world = World::on("2026-01-31");
    world.order("plus/annual", 1, Some("TWENTY"));
    world.advance_to("2026-02-19");
    world.charges.extend([Answer::Hard]);
    world.plan(|draft| draft.correct(INVOICE, Correct::Net(money("99.99 USD"))));
    world.advance_to("2026-03-03");
    // 3 March is day 32, the day after the window: R'(32) − R(32) = 8.77 − 7.01. The rest of the 20.00 was never revenue.
    assert_eq!(world.books.last("note_issued.v1"), "2100 20.00; 2200 1.65 | 1100 21.65");
    assert_eq!(world.books.last("revenue_recognised.v1"), "4200 1.76 | 2100 1.76");
    assert_eq!(world.invoice(&id(), 1, 0).net, money("79.99 USD"));
}

#[test]
fn an_order_cancelled_for_a_wrong_price_on_day_20() {
    let mut world = annual();
    world.advance_to("2026-02-19");
    world.plan(|draft| draft.cancel_order(&id(), Destination::Refund));
    assert_eq!(world.books.last("note_issued.v1"), "2100 99.99; 2200 8.25 | 2310 108.24");
    assert_eq!(world.books.last("revenue_recognised.v1"), "4200 5.48 | 2100 5.48");
}

#[test]
fn a_dispute_opened_and_won() {
    let mut world = annual();
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    assert_eq!(world.books.last("dispute_opened.v1"), "1210 108.24; 5100 15.00 | 1200 108.24; 1200 15.00");
    world.plan(|draft| draft.win_dispute("dp_1"));
    assert_eq!(world.books.last("dispute_won.v1"), "1200 108.24 | 1210 108.24");
}

/// Cancelled on day 123 while its payment is disputed.
fn cancelled_while_disputed() -> World {
    let mut world = annual();
    world.advance_to("2026-06-01");
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    world.advance_to("2026-06-02");
    world.cancel(&id());
    assert_eq!(world.books.last("note_issued.v1"), "2100 66.29; 2200 5.47 | 2330 71.76");
    world
}

#[test]
fn a_dispute_lost_after_the_cancellation() {
    let mut world = cancelled_while_disputed();
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!(world.books.last("note_issued.v1"), "2100 33.70; 2200 2.78; 2330 71.76 | 1210 108.24");
    assert_eq!(world.books.last("revenue_recognised.v1"), "4300 33.70 | 2100 33.70");
    // The provider has all of it and its fee; what had been earned is taken back.
    assert_eq!(world.trial_balance(), "1200 -15.00; 4000 -33.70; 4300 33.70; 5100 15.00");
}

#[test]
fn a_dispute_won_after_the_cancellation() {
    let mut world = cancelled_while_disputed();
    world.plan(|draft| draft.win_dispute("dp_1"));
    assert_eq!(world.books.last("dispute_won.v1"), "1200 108.24; 2330 71.76 | 1210 108.24; 2310 71.76");
    world.run();
    assert_eq!(world.refunds_made(), ["71.76 ch_a1-s1_1_0_1 Succeeded"]);
}

#[test]
fn a_dispute_lost_while_the_service_runs_on_day_40() {
    let mut world = annual();
    world.advance_to("2026-03-11");
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!(world.books.last("note_issued.v1"), "2100 99.99; 2200 8.25 | 1210 108.24");
    assert_eq!(world.books.last("revenue_recognised.v1"), "4300 10.96 | 2100 10.96");
}

/// F60: 71.76 had become account credit when the whole payment was disputed; each part leaves 1210 as it came.
#[test]
fn a_dispute_lost_of_cash_that_had_become_credit() {
    let mut world = annual();
    world.order("plus/monthly", 2, None);
    world.advance_to("2026-06-02");
    world.cancel(&id());
    assert_eq!(world.credit().0, "71.76");
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    assert_eq!((world.invoice(&id(), 1, 0).disputed, world.books.of_invoice(1210, INVOICE)), (money("36.48 USD"), 10_824));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!(world.books.last("note_issued.v1"), "2100 33.70; 2200 2.78 | 1210 36.48");
    assert_eq!(world.books.last("dispute_lost.v1"), "2300 71.76 | 1210 71.76");
    assert_eq!(world.books.of_invoice(1210, INVOICE), 0);
}

/// F61: the money is back, and waits for a person.
#[test]
fn a_dispute_lost_and_then_won_leaves_its_money_unapplied() {
    let mut world = annual();
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!(world.account.unapplied(), Ok(money("0.00 USD")));
    world.plan(|draft| draft.win_dispute("dp_1"));
    assert_eq!(world.books.last("dispute_reversed.v1"), "1200 108.24 | 2320 108.24");
    assert_eq!((world.account.unapplied(), world.tasks()), (Ok(money("108.24 USD")), vec!["dispute_won_late"]));
}

/// F61, F37: the same, told in the wrong order: nothing differs, and telling it again changes nothing.
#[test]
fn a_dispute_won_and_then_told_to_have_been_lost_comes_to_the_same() {
    let told = |order: [&str; 2]| {
        let mut world = annual();
        world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
        for what in order.into_iter().chain(order) {
            world.plan(|draft| if what == "won" { draft.win_dispute("dp_1") } else { draft.lose_dispute("dp_1") });
        }
        world
    };
    let (one, other) = (told(["lost", "won"]), told(["won", "lost"]));
    assert_eq!(one.trial_balance(), other.trial_balance());
    assert_eq!((one.account.disputes, one.account.invoices), (other.account.disputes, other.account.invoices));
    assert_eq!((one.account.payments, one.account.tasks), (other.account.payments, other.account.tasks));
    assert_eq!((one.account.subscriptions, one.account.notes), (other.account.subscriptions, other.account.notes));
}

/// F61: what was held for the dispute went out because it was won: it cannot be frozen again, and a person decides.
#[test]
fn a_dispute_told_to_have_been_lost_after_its_money_went_out_is_a_persons_business() {
    let mut world = annual();
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    world.advance_to("2026-06-02");
    world.cancel(&id());
    world.plan(|draft| draft.win_dispute("dp_1"));
    world.run();
    let before = world.trial_balance();
    world.plan(|draft| draft.lose_dispute("dp_1"));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    assert_eq!((world.trial_balance(), world.tasks()), (before, vec!["dispute_lost_after_won"]));
}

/// F49: 71.76 was to go back, and the provider moved 70.00: the rest stays the customer's.
#[test]
fn a_refund_of_which_less_was_paid_out() {
    let mut world = annual();
    world.advance_to("2026-06-02");
    world.refunds.extend([Answer::Silence]);
    world.cancel(&id());
    let less = Settlement::Mismatch { reference: "less".to_owned(), moved: money("70.00 USD") };
    world.plan(|draft| draft.settle_refund(REFUND, &less));
    assert_eq!(world.books.last("refund_settled.v1"), "2310 71.76 | 1200 70.00; 2300 1.76");
    assert_eq!((world.refunds_made(), world.credit().0), (vec!["70.00 ch_a1-s1_1_0_1 Succeeded".to_owned()], "1.76".to_owned()));
    let left = world.account.payments.values().map(|payment| payment.refunded);
    assert_eq!((left.collect::<Vec<_>>(), world.tasks()), (vec![money("70.00 USD")], vec!["amount_mismatch"]));
}

#[test]
fn a_write_off_and_a_collection_cost() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    world.charges.extend([Answer::Hard]);
    world.advance_to("2026-05-10");
    world.plan(|draft| draft.cancel_unpaid(&id()));
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    assert_eq!(world.books.last("collection_cost_added.v1"), "5300 25.00; 1150 25.00 | 2500 25.00; 2400 25.00");
    world.advance_to("2026-05-11");
    world.plan(|draft| draft.write_off("in_a1-s1_1_1"));
    assert_eq!(world.books.last("written_off.v1"), "5200 9.99; 2200 0.82 | 1100 10.81");
}

#[test]
fn a_customer_who_pays_a_collection_cost() {
    let mut world = World::on("2026-04-01");
    world.subscribe("plus/monthly");
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    world.advance_to("2026-05-01");
    assert_eq!(world.books.last("charge_captured.v1"), "1200 35.81; 2400 25.00 | 1100 10.81; 1150 25.00; 4500 25.00");
}

#[test]
fn money_for_which_nothing_is_owed_goes_back() {
    let mut world = World::on("2026-04-01");
    world.charges.extend([Answer::Soft]);
    world.subscribe("plus/monthly");
    // The provider said no, and now says that it captured after all (PV-5).
    let late = Settlement::Succeeded { reference: "late".to_owned() };
    world.plan(|draft| draft.settle_charge(CHARGE, &late));
    assert_eq!(world.books.last("charge_captured.v1"), "1200 10.81 | 2320 10.81");
    assert_eq!(world.books.last("unapplied_returned.v1"), "2320 10.81 | 2310 10.81");
    world.run();
    assert_eq!((world.trial_balance().as_str(), world.tasks()), ("", vec!["unapplied_payment"]));
}

/// F61, PD-4: what a dispute brought back late pays what is owed, the oldest invoice first and costs last; the rest goes back.
#[test]
fn unapplied_money_pays_what_is_owed_and_the_rest_goes_back() {
    let mut world = annual();
    world.order("plus/monthly", 2, None);
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    world.charges.extend([Answer::Hard]);
    world.advance_to("2026-03-02");
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    let nothing = world.refused(|draft| draft.apply_unapplied(CHARGE, None, None));
    assert!(matches!(nothing, Refusal::NothingUnapplied { .. }), "{nothing:?}");
    world.plan(|draft| draft.win_dispute("dp_1"));
    let too_much = world.refused(|draft| draft.apply_unapplied(CHARGE, None, Some(money("35.82 USD"))));
    assert!(matches!(too_much, Refusal::BadAmount { max, .. } if max == money("35.81 USD")), "{too_much:?}");
    world.plan(|draft| draft.apply_unapplied(CHARGE, None, Some(money("20.81 USD"))));
    assert_eq!(world.books.last("unapplied_applied.v1"), "2320 20.81; 2400 10.00 | 1100 10.81; 1150 10.00; 4500 10.00");
    assert_eq!(world.account.unapplied(), Ok(money("87.43 USD")));
    let tasks = &world.account.tasks["tk_dispute_won_late_dp_1"];
    assert_eq!((tasks.is_open(), tasks.amount), (true, Some(money("87.43 USD"))), "the task follows the money");
    let closed = world.refused(|draft| draft.finish_task("tk_dispute_won_late_dp_1"));
    assert!(matches!(closed, Refusal::MoneyStands { amount, .. } if amount == money("87.43 USD")), "{closed:?}");
    world.plan(|draft| draft.apply_unapplied(CHARGE, Some("cc_a1_1"), None));
    assert_eq!(world.books.last("unapplied_applied.v1"), "2320 15.00; 2400 15.00 | 1150 15.00; 4500 15.00");
    let beyond = world.refused(|draft| draft.pay_out_unapplied(CHARGE, Some(money("72.44 USD"))));
    assert!(matches!(beyond, Refusal::BadAmount { max, .. } if max == money("72.43 USD")), "{beyond:?}");
    world.plan(|draft| draft.pay_out_unapplied(CHARGE, None));
    assert_eq!(world.books.last("unapplied_returned.v1"), "2320 72.43 | 2310 72.43");
    world.run();
    assert_eq!(world.refunds_made().last().map(String::as_str), Some("72.43 ch_a1-s1_1_0_1 Succeeded"));
    assert_eq!((world.account.unapplied(), world.account.tasks["tk_dispute_won_late_dp_1"].is_open()), (Ok(money("0.00 USD")), false));
}

/// RF-4: 71.76 went back before all 108.24 were disputed, lost and won after all. The payment can take back the other 36.48.
#[test]
fn no_more_is_paid_out_of_unapplied_money_than_the_payment_can_take_back() {
    let mut world = annual();
    world.advance_to("2026-06-02");
    world.cancel(&id());
    world.run();
    world.plan(|draft| draft.open_dispute("dp_1", CHARGE, money("108.24 USD"), money("15.00 USD")));
    world.plan(|draft| draft.lose_dispute("dp_1"));
    world.plan(|draft| draft.win_dispute("dp_1"));
    assert_eq!(world.account.unapplied(), Ok(money("108.24 USD")));
    let beyond = world.refused(|draft| draft.pay_out_unapplied(CHARGE, Some(money("36.49 USD"))));
    assert!(matches!(beyond, Refusal::BadAmount { max, .. } if max == money("36.48 USD")), "{beyond:?}");
    world.plan(|draft| draft.pay_out_unapplied(CHARGE, None));
    assert_eq!(world.books.last("unapplied_returned.v1"), "2320 36.48 | 2310 36.48");
    let nothing = world.refused(|draft| draft.apply_unapplied(CHARGE, None, None));
    assert!(matches!(nothing, Refusal::NothingToPay), "{nothing:?}");
}

/// A cost that was written off has not been paid by anybody.
#[test]
fn a_written_off_cost_leaves_nothing_unapplied() {
    let mut world = annual();
    world.plan(|draft| draft.add_collection_cost(money("25.00 USD"), "agency 7/2026"));
    world.plan(|draft| draft.write_off("cc_a1_1"));
    assert_eq!(world.account.unapplied(), Ok(money("0.00 USD")));
}
