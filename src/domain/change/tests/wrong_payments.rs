//! CO: what is done about an undercharge until its window is over, and after it; CO-5.

use std::collections::BTreeMap;

use super::world::{Answer, World, day, money};
use crate::domain::account::{Account, CorrectionState, NoteReason};
use crate::domain::change::correct::Correct;
use crate::domain::change::{Context, Draft};
use crate::domain::event::Event;
use crate::domain::refund::Destination;
use crate::domain::subscription::{Cause, State};

fn oregon(date: &str) -> World {
    World::of("USD", chrono_tz::America::Los_Angeles, "US-OR", date)
}

/// An undercharge of 10.00 that is open, and what the look after its window does with `open` of it left on the invoice.
fn looked_at_after_the_window(open: &str) -> Vec<Event> {
    let mut world = oregon("2026-01-10");
    world.subscribe("plus/monthly");
    world.charges.extend([Answer::Soft; 10]);
    world.plan(|draft| draft.correct("in_a1-s1_1_0", Correct::Net(money("19.99 USD"))));
    world.run();
    world.sleep_until("2026-02-10");
    let mut account: Account = world.account.clone();
    let row = account.invoices.get_mut("in_a1-s1_1_0").expect("the invoice");
    let paid = row.open.minus(money(open)).expect("a part");
    row.open = money(open);
    row.captured = row.captured.plus(paid).expect("what was paid");
    account.charges.values_mut().filter(|charge| charge.state.in_flight()).for_each(|charge| {
        charge.state = crate::domain::account::AttemptState::Abandoned;
    });
    let (actor, reason, promotion_uses, closed_through) = ("system", None, BTreeMap::new(), None);
    let context = Context { reference: &world.reference, now: world.now, actor, reason, promotion_uses, closed_through };
    let mut draft = Draft::new(&context, account);
    draft.run_corrections().expect("it is not refused");
    draft.finish("correct", "test".to_owned()).events
}

#[test]
fn co_3_never_more_is_waived_than_is_open() {
    for (open, state, waived) in [
        ("0.00 USD", CorrectionState::Done, None),
        ("4.00 USD", CorrectionState::Waived, Some("4.00 USD")),
        ("10.00 USD", CorrectionState::Waived, Some("10.00 USD")),
    ] {
        let events = looked_at_after_the_window(open);
        let closed = events.iter().find_map(|event| match event {
            Event::CorrectionClosed { state, .. } => Some(*state),
            _ => None,
        });
        let note = events.iter().find_map(|event| match event {
            Event::NoteIssued { note, given } if note.reason == NoteReason::Waived => Some((note.net, given.payout)),
            _ => None,
        });
        assert_eq!(closed, Some(state), "{open}");
        assert_eq!(note.map(|(net, _)| net), waived.map(money), "{open}");
        assert!(note.is_none_or(|(_, payout)| payout.is_zero()), "{open}: what was paid of it was right");
    }
}

#[test]
fn co_4_the_attempts_of_a_second_correction_count_from_its_own_first_failure() {
    let mut world = oregon("2026-01-10");
    world.subscribe("plus/annual");
    world.charges.extend([Answer::Soft]);
    world.plan(|draft| draft.correct("in_a1-s1_1_0", Correct::Net(money("109.99 USD"))));
    world.advance_to("2026-01-20");
    assert_eq!(world.account.corrections["co_a1-s1_1_0_1"].state, CorrectionState::Done);
    world.charges.extend([Answer::Soft]);
    world.plan(|draft| draft.correct("in_a1-s1_1_0", Correct::Net(money("119.99 USD"))));
    world.advance_to("2026-01-21");
    // Declined on the 20th; day 1 after that is the 21st. Counted from the first correction's failure it would be the 24th.
    assert_eq!(world.account.corrections["co_a1-s1_1_0_2"].state, CorrectionState::Done);
}

#[test]
fn co_5_nothing_goes_back_of_a_period_that_is_over_before_the_renewal_ran_or_after_it() {
    for renewed in [false, true] {
        let mut world = oregon("2026-01-10");
        let id = world.subscribe("plus/monthly");
        world.sleep_until("2026-02-11");
        if renewed {
            world.run();
        }
        world.plan(|draft| draft.cancel_order(&id, Destination::Refund));
        world.run();
        // CA-4: what was not billed by then is not billed any more; what was comes back in full. January was served and stays paid.
        let (invoices, back) = if renewed { (2, vec!["9.99 ch_a1-s1_1_1_1 Succeeded".to_owned()]) } else { (1, Vec::new()) };
        assert_eq!((world.account.invoices.len(), world.refunds_made()), (invoices, back), "renewed: {renewed}");
        let State::Closed { cause, on, .. } = &world.account.subscriptions[&id].state else { panic!("it has ended") };
        assert_eq!((*cause, *on), (Cause::OrderCancelled, day(if renewed { "2026-02-11" } else { "2026-02-10" })));
        world.advance_to("2026-03-15");
        assert_eq!(world.account.invoices.len(), invoices, "and it does not renew");
    }
}
