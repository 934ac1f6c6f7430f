//! CP, CP-1, LC-9: changing plans.

use super::world::{Answer, World, camera, money, plan};
use crate::domain::change::Refusal;
use crate::domain::event::Event;
use crate::domain::notice::NoticeKind;
use crate::domain::terms::{ChangeKind, Effective};

#[test]
fn tier_up_monthly_is_at_once_with_credit_against_the_new_charge() {
    let mut world = World::on("2026-04-01");
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.change(&id, "premium/monthly");
    assert_eq!(world.standing(&id), "active premium/monthly 2026-04-10..2026-05-10");
    // 19.99 + 1.65 = 21.64; credit 7.56; charged 14.08.
    assert_eq!(world.charges_made(), ["ch_a1-s1_1_0_1 10.81 Succeeded", "ch_a1-s1_2_0_1 14.08 Succeeded"]);
    assert_eq!(world.mails_since(2), [NoticeKind::PlanChanged, NoticeKind::ReceiptPayment]);
}

#[test]
fn cp_1_on_the_first_day_the_whole_line_is_credit_and_on_the_last_one_day() {
    let mut first = World::on("2026-04-01");
    let id = first.subscribe("plus/monthly");
    first.change(&id, "premium/monthly");
    // 21.64 − 10.81 = 10.83.
    assert_eq!(first.charges_made()[1], "ch_a1-s1_2_0_1 10.83 Succeeded");
    assert_eq!(first.invoice(&id, 1, 0).recognised, money("0.00 USD"));

    let mut last = World::on("2026-04-01");
    let id = last.subscribe("plus/monthly");
    last.advance_to("2026-04-30");
    last.change(&id, "premium/monthly");
    // One of 30 days: 9.99/30 = 0.333 → 0.33; tax kept on 9.66 is 0.797 → 0.80, back 0.02; 21.64 − 0.35 = 21.29.
    assert_eq!(last.charges_made()[1], "ch_a1-s1_2_0_1 21.29 Succeeded");
    assert_eq!(last.invoice(&id, 1, 0).recognised, money("9.66 USD"));
}

#[test]
fn tier_up_annual() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.change(&id, "premium/annual");
    // 122 days used, 243 unused: 66.57 + (8.25 − 2.76 = 5.49) = 72.06; 199.99 + 16.50 = 216.49; 144.43 charged.
    assert_eq!(world.charges_made()[1], "ch_a1-s1_2_0_1 144.43 Succeeded");
    assert_eq!(world.standing(&id), "active premium/annual 2026-06-02..2027-06-02");
}

#[test]
fn tier_down_monthly_waits_for_the_end_of_the_period() {
    let mut world = World::on("2026-01-31");
    let id = world.order("premium/monthly", 1, None);
    world.plan(|draft| draft.emit(Event::CameraAdded { camera: camera(1) }));
    world.plan(|draft| draft.emit(Event::CameraAdded { camera: camera(2) }));
    world.advance_to("2026-02-10");
    let unnamed = world.refused(|draft| draft.change_plan(&id, &plan("plus/monthly"), None));
    assert!(matches!(unnamed, Refusal::CameraNeeded { .. }), "{unnamed}");
    world.plan(|draft| draft.change_plan(&id, &plan("plus/monthly"), Some(&camera(2))));
    assert_eq!(world.standing(&id), "active premium/monthly 2026-01-31..2026-02-28");
    world.advance_to("2026-03-31");
    // The anchor stays: 31 January → 28 February → 31 March.
    assert_eq!(world.invoices(), ["2026-01-31 19.99 + 1.65", "2026-02-28 9.99 + 0.82", "2026-03-31 9.99 + 0.82"]);
    assert_eq!(world.subscription(&id).camera, Some(camera(2)));
    let lost = |event: &Event| matches!(event, Event::RecordingsInaccessible { cameras, history_days: 1, .. } if *cameras == [camera(1)]);
    let shorter =
        |event: &Event| matches!(event, Event::RecordingsInaccessible { cameras, history_days: 30, .. } if *cameras == [camera(2)]);
    assert!(world.events.iter().any(|(_, event)| lost(event)) && world.events.iter().any(|(_, event)| shorter(event)), "LC-8");
}

#[test]
fn tier_down_annual_is_at_once_and_the_rest_pays_the_next_bill() {
    let mut world = World::on("2026-01-31");
    let id = world.order("premium/annual", 1, None);
    world.plan(|draft| draft.emit(Event::CameraAdded { camera: camera(1) }));
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.change_plan(&id, &plan("plus/annual"), Some(&camera(1))));
    world.run();
    // 199.99 × 243/365 = 133.144 → 133.14; kept 66.85, tax 5.515 → 5.52, back 10.98: 144.12. The new plan costs 108.24.
    assert_eq!(world.credit().0, "35.88");
    assert_eq!((world.account.charges.len(), world.account.refunds.len()), (1, 0));
    world.advance_to("2027-06-02");
    assert_eq!(world.charges_made()[1], "ch_a1-s1_2_1_1 72.36 Succeeded");
}

#[test]
fn cycle_to_annual_is_at_once() {
    let mut world = World::on("2026-04-01");
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.change(&id, "plus/annual");
    assert_eq!(world.charges_made()[1], "ch_a1-s1_2_0_1 100.68 Succeeded");
}

#[test]
fn cycle_to_monthly_refunds_the_rest() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.change(&id, "plus/monthly");
    // 72.06 of credit; 10.81 pay the new month; 61.25 go back.
    assert_eq!(world.refunds_made(), ["61.25 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!((world.credit().0.as_str(), world.account.charges.len()), ("0.00", 1));
    let told = world.mails.iter().rfind(|mail| mail.kind == NoticeKind::PlanChanged).expect("a mail");
    assert!(told.text.contains("A refund of $61.25"), "{}", told.text);
}

#[test]
fn cycle_to_monthly_leaves_earlier_credit_alone_and_gives_credit_back_as_credit() {
    let mut world = World::on("2026-01-31");
    world.plan(|draft| draft.grant_credit(money("100.00 USD")));
    // 108.24: 100.00 from goodwill, 8.24 in cash.
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.grant_credit(money("3.00 USD")));
    world.change(&id, "plus/monthly");
    // 72.06 of credit: 8.24 from cash, 63.82 goodwill again. The goodwill pays the 10.81 first, so 8.24 are refunded.
    assert_eq!(world.refunds_made(), ["8.24 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.credit(), ("0.00".to_owned(), "56.01".to_owned()));
}

#[test]
fn cp_1_the_credit_of_the_change_pays_before_other_credit() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    world.advance_to("2026-06-02");
    world.plan(|draft| draft.grant_credit(money("50.00 USD")));
    world.change(&id, "plus/monthly");
    assert_eq!(world.refunds_made(), ["61.25 ch_a1-s1_1_0_1 Succeeded"]);
    assert_eq!(world.credit(), ("0.00".to_owned(), "50.00".to_owned()));
}

#[test]
fn premium_absorbs_the_other_subscriptions_and_their_unused_value() {
    let mut world = World::on("2026-04-01");
    let first = world.subscribe("plus/monthly");
    let second = world.order("plus/annual", 2, None);
    let third = world.order("plus/monthly", 3, None);
    world.advance_to("2026-04-10");
    world.change(&first, "premium/annual");
    assert_eq!(world.standing(&second), "closed 2026-04-10 Absorbed");
    assert_eq!(world.standing(&third), "closed 2026-04-10 Absorbed");
    // 7.56 twice for the monthly ones; annual: 99.99 × 356/365 = 97.524 → 97.52, kept 2.47, tax 0.20, back 8.05: 105.57.
    // 216.49 − 7.56 − 7.56 − 105.57 = 95.80.
    assert_eq!(world.charges_made().last().map(String::as_str), Some("ch_a1-s3_1_0_1 10.81 Succeeded"));
    assert!(world.charges_made().contains(&"ch_a1-s1_2_0_1 95.80 Succeeded".to_owned()), "{:?}", world.charges_made());
    assert_eq!((world.credit().0.as_str(), world.account.refunds.len()), ("0.00", 0));
}

#[test]
fn lc_9_a_later_command_replaces_what_is_pending() {
    let mut world = World::on("2026-01-31");
    let id = world.order("premium/monthly", 1, None);
    world.plan(|draft| draft.emit(Event::CameraAdded { camera: camera(1) }));
    world.plan(|draft| draft.change_plan(&id, &plan("plus/monthly"), Some(&camera(1))));
    world.cancel(&id);
    assert!(world.said("LC-9: it replaces the change to plus/monthly"));
    world.plan(|draft| draft.change_plan(&id, &plan("plus/monthly"), Some(&camera(1))));
    world.plan(|draft| draft.resume(&id));
    world.advance_to("2026-03-01");
    assert_eq!(world.standing(&id), "active premium/monthly 2026-02-28..2026-03-31");
    world.cancel(&id);
    world.change(&id, "premium/annual");
    world.advance_to("2027-03-02");
    assert_eq!(world.standing(&id), "active premium/annual 2027-03-01..2028-03-01", "a change at once sets `renews`");
}

#[test]
fn changes_that_are_refused() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/monthly");
    let same = world.refused(|draft| draft.change_plan(&id, &plan("plus/monthly"), None));
    assert!(matches!(same, Refusal::SamePlan { .. }), "{same}");
    let unknown = world.refused(|draft| draft.change_plan(&id, &plan("gold/monthly"), None));
    assert!(matches!(unknown, Refusal::NoPlan { .. }), "{unknown}");
    world.plan(|draft| draft.suspend(&id));
    let suspended = world.refused(|draft| draft.change_plan(&id, &plan("plus/annual"), None));
    assert!(matches!(suspended, Refusal::Illegal(_)), "{suspended}");
    world.sleep_until("2026-03-05");
    world.plan(|draft| draft.cancel(&id));
    let closed = world.refused(|draft| draft.change_plan(&id, &plan("plus/annual"), None));
    assert!(matches!(closed, Refusal::Illegal(_)), "{closed}");
}

#[test]
fn a_change_whose_renewal_is_due_waits_for_the_jobs() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/monthly");
    world.sleep_until("2026-02-28");
    let due = world.refused(|draft| draft.change_plan(&id, &plan("plus/annual"), None));
    assert!(matches!(due, Refusal::RenewalDue { .. }), "{due}");
}

#[test]
fn a_change_whose_charge_is_declined_is_past_due_on_the_new_plan() {
    let mut world = World::on("2026-04-01");
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.charges.extend([Answer::Soft]);
    world.change(&id, "premium/monthly");
    assert_eq!(world.standing(&id), "past_due premium/monthly 2026-04-10..2026-05-10");
    world.advance_to("2026-04-11");
    assert_eq!(world.standing(&id), "active premium/monthly 2026-04-10..2026-05-10");
}

#[test]
fn an_unpaid_period_that_is_changed_is_credited_off_first() {
    let mut world = World::on("2026-03-01");
    let id = world.subscribe("plus/monthly");
    world.charges.extend([Answer::Hard]);
    world.advance_to("2026-04-10");
    world.change(&id, "premium/monthly");
    // 10.81 were owed for April; 7.56 are taken off; 3.25 stay owed, and nothing became credit.
    assert_eq!(world.invoice(&id, 1, 1).open, money("3.25 USD"));
    assert_eq!(world.invoice(&id, 2, 0).open, money("21.64 USD"));
    world.new_card();
    world.run();
    assert_eq!(world.standing(&id), "active premium/monthly 2026-04-10..2026-05-10");
}

#[test]
fn the_matrix_is_data() {
    let mut world = World::on("2026-04-01").with_terms(|terms| {
        let row = terms.policy.iter_mut().find(|row| row.change == ChangeKind::CycleToAnnual).expect("the row");
        row.effective = Effective::EndOfPeriod;
    });
    let id = world.subscribe("plus/monthly");
    world.advance_to("2026-04-10");
    world.change(&id, "plus/annual");
    assert_eq!(world.standing(&id), "active plus/monthly 2026-04-01..2026-05-01");
    world.advance_to("2026-05-01");
    assert_eq!(world.standing(&id), "active plus/annual 2026-05-01..2027-05-01");
    assert_eq!(world.mailed_on(NoticeKind::RenewalReminder), ["2026-04-10"], "its annual fee is reminded of as soon as the days allow");
}
