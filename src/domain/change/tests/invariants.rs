//! What must be true of an account after every change, whatever the story (ledger.md 4; I1 to I8 of the rules' catalogue).

use std::collections::{BTreeMap, BTreeSet};

use super::world::World;
use crate::domain::account::{Account, AttemptState, CorrectionState, DisputeState, Invoice};
use crate::domain::calendar::Period;
use crate::domain::change::Change;
use crate::domain::event::Event;
use crate::domain::ledger::{CUSTOMER_CREDITS, DISPUTES_PENDING, RECEIVABLE, RECHARGED_COSTS, REFUNDS_HELD, REFUNDS_PAYABLE, UNAPPLIED};
use crate::domain::money::Money;
use crate::domain::subscription::{Channel, Intent, Life, State};

fn sum(amounts: impl Iterator<Item = Money>) -> i64 {
    amounts.map(Money::minor).sum()
}

/// Of one decision: a closed subscription stays closed, one invoice a period, at most one missed period a day.
#[track_caller]
pub(super) fn of_change(change: &Change) {
    for (id, before) in &change.before.subscriptions {
        if matches!(before.state, State::Closed { .. }) {
            assert_eq!(before.state, change.after.subscriptions[id].state, "{id} is closed for good");
        }
    }
    for event in &change.events {
        if let Event::InvoiceIssued { invoice, .. } = event {
            assert!(!change.before.invoices.contains_key(&invoice.id), "{} is issued twice", invoice.id);
            assert_eq!(invoice.net.minor(), invoice.list.minor() - invoice.discount.minor());
            assert_eq!(Ok(invoice.tax), invoice.rate.of(invoice.net), "MO-2: {}", invoice.id);
            assert!(invoice.issued_on >= invoice.period.start, "CA-2: {} is issued before its first day", invoice.id);
        }
    }
    let empty = change.events.is_empty() && change.notices.is_empty();
    assert_eq!(empty, change.is_empty());
}

/// Of the account, its books and its whole past.
#[track_caller]
pub(super) fn of_world(world: &World) {
    let account = &world.account;
    account.invoices.values().for_each(|invoice| of_invoice(world, invoice));
    of_payments(world);
    of_books(world);
    of_subscriptions(account);
    of_periods(account);
    of_history(world);
}

#[track_caller]
fn of_invoice(world: &World, invoice: &Invoice) {
    let (id, books) = (&invoice.document.id, &world.books);
    let prepayment = if invoice.refundable() { 2100 } else { 2110 };
    let unearned = -books.of_invoice(prepayment, id);
    assert_eq!(unearned, invoice.net.minor() - invoice.recognised.minor(), "{id}: {prepayment} = net - recognised");
    assert!(unearned >= 0, "{id}: {prepayment} is in debit by {unearned}");
    assert_eq!(books.of_invoice(RECEIVABLE.number, id), invoice.open.minor(), "{id}: 1100 = open");
    let amounts = [
        invoice.net,
        invoice.tax,
        invoice.recognised,
        invoice.open,
        invoice.captured,
        invoice.returned,
        invoice.disputed,
        invoice.held,
        invoice.credit_cash,
        invoice.credit_goodwill,
        invoice.written_off,
    ];
    assert!(amounts.iter().all(|amount| !amount.is_negative()), "{id}: {amounts:?}");
    let paid = invoice.captured.minor() - invoice.returned.minor() - invoice.held.minor();
    let credit = invoice.credit_cash.minor() + invoice.credit_goodwill.minor();
    let gross = invoice.net.minor() + invoice.tax.minor();
    // PV-5: what a refund moved more than was owed is taken off what was paid, as far as the payment has it.
    let too_much = gross - (invoice.open.minor() + paid + credit + invoice.written_off.minor());
    assert!((0..=moved_too_much(world, id)).contains(&too_much), "{id}: {too_much} was charged, and not paid, owed or lost");
    assert!(invoice.captured.minor() - invoice.returned.minor() - invoice.disputed.minor() >= 0, "{id}: more is disputed than is there");
    assert!(invoice.held.minor() <= invoice.disputed.minor(), "{id}: more is held than is disputed");
    assert!(!(invoice.carried && invoice.open.is_zero()), "{id}: nothing is carried");
    if invoice.pending {
        assert!(invoice.recognised.is_zero(), "{id}: no revenue while pending (LC-3)");
    }
}

/// What refunds of an invoice moved more than was asked for (F49).
fn moved_too_much(world: &World, invoice: &str) -> i64 {
    let of_it = |refund: &str| world.account.refunds.get(refund).is_some_and(|refund| refund.invoice == invoice);
    let more = world.events.iter().filter_map(|(_, event)| match event {
        Event::RefundSettled { refund, short: Some(short), .. } if of_it(refund) => Some(-short.minor().min(0)),
        _ => None,
    });
    more.sum()
}

#[track_caller]
fn of_payments(world: &World) {
    let account = &world.account;
    for ((charge, invoice), payment) in &account.payments {
        let given = payment.refunded.minor() + payment.disputed.minor();
        assert!(given <= payment.amount.minor(), "I4: {given} of {} came back of {charge}", payment.amount);
        let refunds = account.refunds.values().filter(|one| one.charge == *charge && one.invoice == *invoice);
        let refunds = refunds.filter(|one| one.state != AttemptState::Abandoned);
        // What was moved too much and came back, the payment can give again (F49).
        let asked = sum(refunds.map(|one| if one.state == AttemptState::Failed { one.owed().unwrap() } else { one.amount }));
        // What a refund moved more than was asked for, the payment gave as far as it had it (F49).
        let all_gone = payment.amount.minor() == given && moved_too_much(world, invoice) > 0;
        assert!(asked <= payment.refunded.minor() || all_gone, "F56: a refund of {charge} is not reserved");
    }
    for (id, invoice) in &account.invoices {
        let of_it = || account.payments.values().filter(|payment| payment.invoice == *id);
        assert_eq!(sum(of_it().map(|payment| payment.amount)), invoice.captured.minor(), "{id}: captured = its payments");
        assert!(sum(of_it().map(|payment| payment.refunded)) <= invoice.returned.minor(), "{id}: returned covers its refunds");
        assert!(sum(of_it().map(|payment| payment.disputed)) >= invoice.disputed.minor(), "{id}: disputed is in its payments");
        let in_flight = account.charges.values().filter(|charge| charge.invoice == *id && charge.state.in_flight());
        assert!(in_flight.count() <= 1, "{id}: attempts overlap");
    }
    for charge in account.charges.values() {
        assert!(charge.amount.is_positive());
        assert_eq!(charge.state.in_flight(), charge.due_at.is_some(), "{}", charge.id);
    }
    for refund in account.refunds.values() {
        assert!(refund.amount.is_positive());
        assert_eq!(refund.state.in_flight(), refund.due_at.is_some(), "{}", refund.id);
    }
}

#[track_caller]
fn of_books(world: &World) {
    let (account, books) = (&world.account, &world.books);
    let profile = &account.profile;
    let credit = profile.credit_cash.minor() + profile.credit_goodwill.minor();
    assert!(!profile.credit_cash.is_negative() && !profile.credit_goodwill.is_negative(), "credit is not negative");
    assert_eq!(-books.balance(CUSTOMER_CREDITS.number), credit, "2300 = account credit");
    let pending = account.refunds.values().filter(|refund| refund.state.in_flight());
    assert_eq!(-books.balance(REFUNDS_PAYABLE.number), sum(pending.map(|refund| refund.amount)), "2310 = refunds under way");
    assert_eq!(-books.balance(REFUNDS_HELD.number), sum(account.invoices.values().map(|one| one.held)), "2330 = held");
    let open = account.disputes.values().filter(|dispute| dispute.state == DisputeState::Open);
    assert_eq!(books.balance(DISPUTES_PENDING.number), sum(open.map(|dispute| dispute.amount)), "1210 = open disputes");
    assert_eq!(books.balance(RECHARGED_COSTS.number), sum(account.costs.values().map(|cost| cost.open)), "1150 = open costs");
    let carried =
        sum(account.invoices.values().filter(|one| one.carried).map(|one| one.open)) + sum(account.costs.values().map(|one| one.open));
    assert_eq!(profile.carried.minor(), carried, "carried = carried invoices and costs");
    let unapplied: i64 = world
        .events
        .iter()
        .map(|(_, event)| match event {
            Event::ChargeCaptured { unapplied, .. } => unapplied.minor(),
            Event::CaptureCorrected { unapplied, .. } => unapplied.minor(),
            Event::UnappliedReturned { amount, .. } => -amount.minor(),
            Event::UnappliedApplied { applied, costs, .. } => -sum(applied.iter().chain(costs).map(|(_, amount)| *amount)),
            Event::DisputeReversed { amount, .. } => amount.minor(),
            _ => 0,
        })
        .sum();
    assert_eq!(-books.balance(UNAPPLIED.number), unapplied, "2320 = unapplied payments");
}

#[track_caller]
fn of_subscriptions(account: &Account) {
    let mut covered = BTreeSet::new();
    for subscription in account.subscriptions.values().filter(|one| one.state.is_live()) {
        assert!(covered.insert(subscription.camera.clone()), "{:?} is covered twice", subscription.camera);
        assert!(covered.len() == 1 || !covered.contains(&None), "an account-wide plan and another one");
    }
    for subscription in account.subscriptions.values().filter(|one| one.channel == Channel::Direct) {
        let id = &subscription.id;
        if let Some(term) = subscription.state.term() {
            let nth = Period::nth(term.anchor, term.plan.cycle, term.period_no).expect("a period");
            assert_eq!(term.period, nth, "{id}: the period follows from the anchor (CA-1)");
            assert_eq!(
                subscription.due_at.is_some(),
                subscription.cancel_requested_on.is_none()
                    && match subscription.state {
                        State::Active { .. } | State::PastDue { .. } => true,
                        State::Suspended { .. } => term.intent == Intent::Ends,
                        _ => false,
                    },
                "{id}: what the calendar asks of it"
            );
        }
        let owed = |invoice: &&Invoice| {
            let open = account.corrections.values().find(|one| one.invoice == invoice.document.id && one.state == CorrectionState::Open);
            let difference = open.map_or(0, |one| one.open_net.minor() + one.open_tax.minor());
            invoice.document.subscription == *id && invoice.open.minor() > difference && !invoice.carried
        };
        let mut owed = account.invoices.values().filter(owed);
        match &subscription.state {
            State::Active { .. } | State::Suspended { unpaid_since: None, .. } => {
                let refused = owed.find(|invoice| invoice.first_failed_on.is_some());
                assert!(refused.is_none(), "{id} is in order and owes {:?}", refused.map(|invoice| &invoice.document.id));
            }
            State::PastDue { .. } | State::Suspended { unpaid_since: Some(_), .. } => {
                assert!(owed.next().is_some(), "{id} is past due and owes nothing");
            }
            _ => {}
        }
    }
}

/// I6: periods tile within a term, and terms never overlap.
#[track_caller]
fn of_periods(account: &Account) {
    let mut by_subscription: BTreeMap<_, Vec<&Invoice>> = BTreeMap::new();
    for invoice in account.invoices.values() {
        by_subscription.entry(&invoice.document.subscription).or_default().push(invoice);
    }
    for (id, mut invoices) in by_subscription {
        invoices.sort_by_key(|invoice| (invoice.document.term, invoice.document.period_no));
        for pair in invoices.windows(2) {
            let (earlier, later) = (&pair[0].document, &pair[1].document);
            if earlier.term == later.term {
                assert_eq!(earlier.period_no + 1, later.period_no, "{id}: a period was skipped");
                assert_eq!(earlier.period.end, later.period.start, "{id}: a gap or an overlap");
            } else {
                let served_until = pair[0].ended_on.and_then(|last| last.succ_opt()).unwrap_or(earlier.period.end);
                assert!(served_until <= later.period.start, "{id}: terms {} and {} overlap", earlier.term, later.term);
            }
        }
    }
}

/// CA-3: at most one missed period a day. LC-2: one trial. MO-3: no more discounts than promised.
#[track_caller]
fn of_history(world: &World) {
    let mut missed = BTreeSet::new();
    let mut trials = BTreeSet::new();
    let mut discounts: BTreeMap<&str, u32> = BTreeMap::new();
    let mut captured = BTreeSet::new();
    for (on, event) in &world.events {
        match event {
            Event::InvoiceIssued { invoice, .. } => {
                assert!(invoice.period.start >= *on || missed.insert(*on), "CA-3: two missed periods on {on}");
                if let Some(code) = &invoice.promotion {
                    *discounts.entry(code).or_default() += 1;
                }
            }
            Event::Life { subscription, life: Life::Trialing { .. } } => {
                trials.insert(subscription);
            }
            Event::PromotionReleased { code } => {
                discounts.remove(code.as_str());
            }
            Event::ChargeCaptured { charge, .. } => assert!(captured.insert(charge), "{charge} is captured twice"),
            _ => {}
        }
    }
    assert!(trials.len() <= 1, "LC-2: {trials:?}");
    for (code, periods) in discounts {
        let promised = world.reference.catalog.promotion(code).expect("a code of the catalog");
        assert!(promised.covers_next(periods - 1), "MO-3: {code} counted {periods} times");
    }
    let final_states =
        world.account.charges.values().all(|charge| charge.state != AttemptState::Succeeded || captured.contains(&charge.id));
    assert!(final_states, "a capture without its event");
}
