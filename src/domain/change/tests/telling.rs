//! RE-1, RE-2, PR-2, PR-5: what reminders and price notices say, on the day on which they are sent.

use super::world::{World, day, money, plan};
use crate::domain::account::NoticeOutcome;
use crate::domain::catalog::{Price, PriceVersion};
use crate::domain::change::telling::Telling;
use crate::domain::event::Event;
use crate::domain::ids::SubscriptionId;
use crate::domain::notice::NoticeKind;

/// A new price of one plan is announced, in force at once.
fn announce(world: &mut World, name: &str, amount: &str) {
    let price = Price { plan: plan(name), amount: money(amount) };
    let version = PriceVersion { version: "v2".to_owned(), effective_from: world.today(), prices: vec![price] };
    world.reference.catalog.versions.push(version);
    world.plan(|draft| draft.announce("v2"));
    world.run();
}

/// An annual term that renews on 31 January 2027; 99.99 and 8.25 % tax, 8.25: 108.24.
fn annual() -> (World, SubscriptionId) {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/annual");
    (world, id)
}

#[track_caller]
fn told(world: &World, kind: NoticeKind) -> &str {
    world.mails.iter().rfind(|mail| mail.kind == kind).map(|mail| mail.text.as_str()).expect("a mail")
}

fn amounts(world: &World) -> Vec<String> {
    world.account.charges.values().map(|charge| charge.amount.major()).collect()
}

#[test]
fn re_2_a_notice_announced_after_the_reminder_was_sent_waits_until_the_next_date() {
    let (mut world, id) = annual();
    world.advance_to("2027-01-01");
    assert_eq!(world.mailed_on(NoticeKind::RenewalReminder), ["2027-01-01"]);
    assert!(told(&world, NoticeKind::RenewalReminder).contains("Total: $108.24"));
    announce(&mut world, "plus/annual", "129.99 USD");
    assert!(world.said("RE-2: the renewal's reminder was sent today, so the notice waits until 2027-01-02"));
    assert!(world.mailed_on(NoticeKind::PriceNotice).is_empty());
    world.advance_to("2027-01-03");
    // From 2 January on, 31 January is 29 days away.
    assert_eq!(world.mailed_on(NoticeKind::PriceNotice), ["2027-01-02"]);
    assert!(told(&world, NoticeKind::PriceNotice).contains("New price applies from your renewal on: 31 January 2028"));
    world.advance_to("2028-02-01");
    // 129.99 and tax of 10.724, 10.72.
    assert_eq!(amounts(&world), ["108.24", "108.24", "140.71"]);
    assert!(world.subscription(&id).was_reminded_of(day("2028-01-31")));
}

#[test]
fn re_2_a_waiting_notice_waits_on_when_the_reminder_was_sent_meanwhile() {
    let (mut world, id) = annual();
    world.advance_to("2026-12-31");
    world.mail_is_down = true;
    announce(&mut world, "plus/annual", "129.99 USD");
    world.advance_to("2027-01-01");
    // Another runner got the reminder through.
    world.plan(|draft| draft.reminder_sent(&id, day("2027-01-31"), day("2027-01-01")));
    world.mail_is_down = false;
    world.run();
    assert!(world.mailed_on(NoticeKind::PriceNotice).is_empty());
    world.advance_to("2027-02-01");
    assert_eq!(world.mailed_on(NoticeKind::PriceNotice), ["2027-01-02"]);
    assert!(told(&world, NoticeKind::PriceNotice).contains("31 January 2028"));
    assert_eq!(amounts(&world), ["108.24", "108.24"]);
}

#[test]
fn re_2_on_one_date_the_notice_goes_first_and_the_reminder_shows_its_price() {
    let (mut world, _) = annual();
    world.advance_to("2026-12-31");
    world.mail_is_down = true;
    announce(&mut world, "plus/annual", "129.99 USD");
    world.advance_to("2027-01-01");
    world.mail_is_down = false;
    world.run();
    let kinds = world.mails_since(world.mails.len() - 2);
    assert_eq!(kinds, [NoticeKind::PriceNotice, NoticeKind::RenewalReminder]);
    assert!(told(&world, NoticeKind::PriceNotice).contains("from your renewal on: 31 January 2027"));
    assert!(told(&world, NoticeKind::RenewalReminder).contains("Total: $140.71"));
    world.advance_to("2027-02-01");
    assert_eq!(amounts(&world), ["108.24", "140.71"]);
}

#[test]
fn re_2_a_reminder_waits_for_a_notice_only_as_long_as_that_can_change_its_renewal() {
    let (mut world, id) = annual();
    world.advance_to("2026-12-31");
    world.mail_is_down = true;
    announce(&mut world, "plus/annual", "129.99 USD");
    world.advance_to("2027-01-01");
    let renewal = day("2027-01-31");
    let on_the_30th_day = world.plan(|draft| draft.tell_renewal(&id, renewal));
    let Telling::Later(at) = on_the_30th_day else { panic!("{on_the_30th_day:?}") };
    assert_eq!((at - world.now).num_minutes(), 15);
    world.advance_to("2027-01-02");
    let on_the_29th_day = world.plan(|draft| draft.tell_renewal(&id, renewal));
    let Telling::Now(facts) = on_the_29th_day else { panic!("{on_the_29th_day:?}") };
    assert_eq!(facts.total_minor, Some(10_824));
}

#[test]
fn re_2_a_reminder_that_was_never_sent_is_reported_by_the_renewal() {
    let (mut world, id) = annual();
    world.advance_to("2026-12-31");
    world.mail_is_down = true;
    world.advance_to("2027-02-01");
    let missed = |event: &(_, Event)| matches!(event, (_, Event::ReminderMissed { renewal_on, .. }) if *renewal_on == day("2027-01-31"));
    assert_eq!(world.events.iter().filter(|event| missed(event)).count(), 1);
    assert_eq!(world.tasks(), ["reminder_missed"]);
    // It is of no use any more.
    world.mail_is_down = false;
    world.run();
    assert!(world.mailed_on(NoticeKind::RenewalReminder).is_empty());
    assert!(!world.subscription(&id).was_reminded_of(day("2027-01-31")));
    world.advance_to("2028-01-02");
    assert_eq!(world.mailed_on(NoticeKind::RenewalReminder), ["2028-01-01"], "the next renewal has its own");
}

#[test]
fn re_2_a_reminder_that_was_late_counts_from_when_it_was_sent() {
    let (mut world, _) = annual();
    world.advance_to("2026-12-31");
    world.mail_is_down = true;
    world.advance_to("2027-01-20");
    world.mail_is_down = false;
    world.advance_to("2027-02-01");
    assert_eq!(world.mailed_on(NoticeKind::RenewalReminder), ["2027-01-20"]);
    assert!(world.tasks().is_empty());
}

#[test]
fn re_2_a_reminder_that_was_sent_is_neither_sent_again_nor_missed_after_a_suspension() {
    let (mut world, id) = annual();
    world.advance_to("2027-01-05");
    world.plan(|draft| draft.suspend(&id));
    world.advance_to("2027-01-06");
    world.plan(|draft| draft.reinstate(&id));
    world.advance_to("2027-02-01");
    assert_eq!(world.mailed_on(NoticeKind::RenewalReminder), ["2027-01-01"]);
    assert!(world.tasks().is_empty());
}

#[test]
fn pr_5_a_reminder_shows_what_will_be_charged_as_of_its_sending() {
    let (mut world, _) = annual();
    world.advance_to("2026-12-31");
    world.mail_is_down = true;
    world.advance_to("2027-01-04");
    world.plan(|draft| draft.grant_credit(money("10.00 USD")));
    world.mail_is_down = false;
    world.run();
    let text = told(&world, NoticeKind::RenewalReminder);
    assert!(text.contains("Paid from account credit: -$10.00") && text.contains("To be charged: $98.24"), "{text}");
    world.advance_to("2027-02-01");
    assert_eq!(amounts(&world), ["108.24", "98.24"]);
}

#[test]
fn pr_2_a_notice_that_was_delayed_names_the_renewal_that_pays_the_new_price() {
    let mut world = World::on("2026-01-31");
    world.subscribe("plus/monthly");
    world.advance_to("2026-03-01");
    world.mail_is_down = true;
    // Sent today it would count from 31 March, in 30 days.
    announce(&mut world, "plus/monthly", "12.99 USD");
    world.advance_to("2026-03-02");
    world.mail_is_down = false;
    world.run();
    assert_eq!(world.mailed_on(NoticeKind::PriceNotice), ["2026-03-02"]);
    let text = told(&world, NoticeKind::PriceNotice);
    assert!(text.contains("New price applies from your renewal on: 30 April 2026") && !text.contains("31 March"), "{text}");
    world.advance_to("2026-05-01");
    // 9.99 and 0.82; 12.99 and 1.07.
    assert_eq!(amounts(&world), ["10.81", "10.81", "10.81", "14.06"]);
}

#[test]
fn pr_4_a_notice_that_no_server_takes_lapses_with_its_reason() {
    let mut world = World::on("2026-01-31");
    let id = world.subscribe("plus/monthly");
    world.mail_is_down = true;
    announce(&mut world, "plus/monthly", "12.99 USD");
    world.plan(|draft| draft.price_notice_failed(&id, "v2"));
    let notices = &world.subscription(&id).price_notices;
    assert_eq!(notices.iter().map(|notice| (notice.outcome, notice.sent_on)).collect::<Vec<_>>(), [(NoticeOutcome::Lapsed, None)]);
    world.mail_is_down = false;
    world.advance_to("2026-06-01");
    assert!(world.mailed_on(NoticeKind::PriceNotice).is_empty());
    assert_eq!(amounts(&world), ["10.81"; 5], "no proof of sending, no new price");
}
