//! LC-1 to LC-3: beginning, trials, first charges.

use super::world::{Answer, World, camera, day, money, order, plan};
use crate::domain::change::Refusal;
use crate::domain::change::settle::Settlement;
use crate::domain::event::Event;
use crate::domain::notice::NoticeKind;

#[test]
fn lc_3_captured_is_active_from_the_day_of_subscribing() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    assert_eq!(world.standing(&id), "active plus/annual 2026-01-31..2027-01-31");
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 108.24 Succeeded"]);
    assert_eq!(world.mails_since(0), [NoticeKind::ReceiptPayment, NoticeKind::SubscriptionStarted]);
}

#[test]
fn lc_3_declined_leaves_nothing_behind_but_papers() {
    let mut world = World::on("2026-01-31");
    world.charges.extend([Answer::Soft]);
    let id = world.order("plus/annual", 1, Some("TWENTY"));
    assert_eq!(world.standing(&id), "closed 2026-01-31 FirstChargeDeclined");
    assert!(world.account.redemptions["TWENTY"].released, "the promotion's use is given back");
    assert_eq!(world.mails_since(0), [NoticeKind::SubscriptionNotStarted]);
    // It can be ordered again, with the same code.
    let again = world.order("plus/annual", 1, Some("TWENTY"));
    assert_eq!(world.standing(&again), "active plus/annual 2026-01-31..2027-01-31");
    assert_eq!(world.invoices(), ["2026-01-31 79.99 + 6.60", "2026-01-31 79.99 + 6.60"]);
}

#[test]
fn lc_3_unknown_stays_pending_and_earns_nothing_until_the_provider_answers() {
    let mut world = World::on("2026-01-31");
    world.charges.extend([Answer::Silence; 5]);
    let id = world.subscribe("plus/annual");
    assert_eq!(world.standing(&id), "pending plus/annual 2026-01-31..2027-01-31");
    // Looked up after 1, 2, 4, 8 and 16 minutes: then it turns out that the money moved.
    world.advance_to("2026-02-01");
    assert_eq!(world.standing(&id), "active plus/annual 2026-01-31..2027-01-31");
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 108.24 Succeeded"]);
}

#[test]
fn lc_3_nothing_to_collect_is_active_at_once_without_a_call() {
    let mut world = World::on("2026-01-31");
    let id = world.order("plus/monthly", 1, Some("FREE1"));
    assert_eq!(world.standing(&id), "active plus/monthly 2026-01-31..2026-02-28");
    assert!(world.account.charges.is_empty());
    world.advance_to("2026-02-28");
    assert_eq!(world.invoices(), ["2026-01-31 0.00 + 0.00", "2026-02-28 9.99 + 0.82"]);
}

#[test]
fn lc_3_cancelled_while_pending_and_captured_after_all_is_refunded_whole() {
    let mut world = World::on("2026-01-31");
    world.charges.extend([Answer::Silence]);
    let id = world.order("plus/monthly", 1, Some("HALF3"));
    world.cancel(&id);
    assert_eq!(world.standing(&id), "pending plus/monthly 2026-01-31..2026-02-28");
    assert!(matches!(world.refused(|draft| draft.change_plan(&id, &plan("plus/annual"), None)), Refusal::Illegal(_)));
    world.advance_to("2026-02-01");
    // 9.99 − 4.995 (5.00) = 4.99, tax 0.41: all of it goes back.
    assert_eq!(world.standing(&id), "closed 2026-01-31 Cancelled");
    assert_eq!(world.refunds_made(), ["5.40 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.trial_balance(), "");
    assert!(world.account.redemptions["HALF3"].released);
    let told = [NoticeKind::ReceiptPayment, NoticeKind::CancellationConfirmed, NoticeKind::ReceiptRefund];
    assert_eq!(world.mails_since(0), told);
}

#[test]
fn lc_3_cancelled_while_pending_and_declined_owes_nothing() {
    let mut world = World::on("2026-01-31");
    world.charges.extend([Answer::Silence, Answer::Hard]);
    let id = world.subscribe("plus/annual");
    world.cancel(&id);
    world.advance_to("2026-02-01");
    assert_eq!(world.standing(&id), "closed 2026-01-31 FirstChargeDeclined");
    assert_eq!(world.trial_balance(), "");
}

#[test]
fn lc_3_no_payment_method_is_refused() {
    let mut world = World::on("2026-01-31");
    world.account.profile.method = None;
    assert_eq!(world.refused(|draft| draft.subscribe(&order("plus/annual", 1, None))), Refusal::NoPaymentMethod);
}

#[test]
fn one_subscription_covers_a_camera_and_one_the_account() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/monthly");
    let twice = world.refused(|draft| draft.subscribe(&order("plus/annual", 1, None)));
    assert!(matches!(twice, Refusal::CameraCovered { .. }), "{twice}");
    world.order("plus/monthly", 2, None);
    world.change(&id, "premium/monthly");
    let wide = world.refused(|draft| draft.subscribe(&order("plus/annual", 3, None)));
    assert!(matches!(wide, Refusal::AccountCovered { .. }), "{wide}");
}

#[test]
fn lc_2_a_trial_converts_on_the_day_it_ends() {
    let mut world = World::on("2026-01-31");
    let id = world.start_trial("plus/monthly");
    assert_eq!(world.standing(&id), "trialing");
    world.advance_to("2026-02-13");
    assert_eq!((world.standing(&id).as_str(), world.books.len()), ("trialing", 0));
    // 31 January + 14 days = 14 February, the anchor.
    world.advance_to("2026-03-14");
    assert_eq!(world.invoices(), ["2026-02-14 9.99 + 0.82", "2026-03-14 9.99 + 0.82"]);
    assert_eq!(world.account.profile.trial_used_on, Some(day("2026-01-31")));
}

#[test]
fn lc_2_one_trial_an_account_ever() {
    let mut world = World::on("2026-01-31");
    let id = world.start_trial("plus/monthly");
    world.cancel(&id);
    assert_eq!(world.standing(&id), "closed 2026-01-31 TrialCancelled");
    assert!(world.account.charges.is_empty() && world.account.invoices.is_empty());
    world.advance_to("2026-06-01");
    let twice = world.refused(|draft| draft.start_trial(&plan("plus/monthly"), Some(&camera(2))));
    assert_eq!(twice, Refusal::TrialUsed { used_on: day("2026-01-31") });
}

#[test]
fn lc_2_a_trial_whose_first_charge_is_declined_ends_on_the_free_package() {
    let mut world = World::on("2026-01-31");
    let id = world.start_trial("plus/annual");
    world.charges.extend([Answer::Soft]);
    world.advance_to("2026-02-14");
    assert_eq!(world.standing(&id), "closed 2026-02-14 FirstChargeDeclined");
    assert_eq!(world.trial_balance(), "");
    let lost = world.events.iter().filter(|(_, event)| matches!(event, Event::RecordingsInaccessible { .. })).count();
    assert_eq!(lost, 1, "LC-8: the trial had covered the camera");
}

#[test]
fn lc_2_a_trial_without_a_payment_method_ends_as_a_declined_one() {
    let mut world = World::on("2026-01-31");
    let id = world.start_trial("plus/annual");
    world.plan(|draft| draft.emit(Event::MethodBlocked { number: 1 }));
    world.advance_to("2026-02-14");
    assert_eq!(world.standing(&id), "closed 2026-02-14 FirstChargeDeclined");
}

#[test]
fn lc_2_a_plan_change_while_trialing_moves_no_money_and_keeps_the_end() {
    let mut world = World::on("2026-01-31");
    let id = world.start_trial("plus/monthly");
    world.advance_to("2026-02-03");
    world.change(&id, "premium/annual");
    assert_eq!((world.standing(&id).as_str(), world.books.len()), ("trialing", 0));
    world.advance_to("2026-02-14");
    assert_eq!(world.invoices(), ["2026-02-14 199.99 + 16.50"]);
    assert!(world.mailed_on(NoticeKind::RenewalReminder) == ["2026-02-03"], "a trial into an annual plan is reminded at once");
}

#[test]
fn f49_another_amount_than_asked_for_is_booked_and_parks_the_account() {
    let mut world = World::on("2026-01-31");
    world.charges.extend([Answer::Silence]);
    let id = world.subscribe("plus/annual");
    let less = Settlement::Mismatch { reference: "ref".to_owned(), moved: money("100.00 USD") };
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &less));
    // F50: the remainder stays open. PV-5: what came is what is known of the charge from now on.
    assert_eq!(world.invoice(&id, 1, 0).open, money("8.24 USD"));
    assert_eq!((world.account.charges["ch_a1-s1_1_0_1"].amount, world.account.unapplied()), (money("100.00 USD"), Ok(money("0.00 USD"))));
    assert_eq!((world.account.profile.parked.is_some(), world.tasks()), (true, vec!["amount_mismatch"]));
    let again = world.account.clone();
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &less));
    assert_eq!(again, world.account, "PV-6: told twice, done once");
}

#[test]
fn f49_more_than_asked_for_pays_the_invoice_and_the_rest_is_unapplied() {
    let mut world = World::on("2026-01-31");
    world.charges.extend([Answer::Silence]);
    let id = world.subscribe("plus/annual");
    let more = Settlement::Mismatch { reference: "ref".to_owned(), moved: money("120.00 USD") };
    world.plan(|draft| draft.settle_charge("ch_a1-s1_1_0_1", &more));
    assert_eq!(world.books.last("charge_captured.v1"), "1200 120.00 | 1100 108.24; 2320 11.76");
    assert_eq!((world.invoice(&id, 1, 0).open, world.account.unapplied()), (money("0.00 USD"), Ok(money("11.76 USD"))));
    assert_eq!(world.account.charges["ch_a1-s1_1_0_1"].amount, money("120.00 USD"));
}
