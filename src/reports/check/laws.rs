//! Laws that hold event by event, with the arithmetic done anew: not by the functions that made the events, so that a mistake in
//! one of those shows (ledger faults that pass every text checker).

use chrono::NaiveDate;

use super::chain::EntryId;
use super::findings::{Check, Inspection};
use super::replay::Replay;
use crate::domain::account::{Account, Invoice, Note, NoteReason, NoticeOutcome};
use crate::domain::calendar::{Period, plus_days};
use crate::domain::change::settle::AMOUNT_MISMATCH;
use crate::domain::event::Event;
use crate::domain::ids::SubscriptionId;
use crate::domain::money::{Money, Rate};
use crate::domain::subscription::{Intent, Life, State, Term};

/// What must hold before an event is applied. `events` are all events of its record.
pub(super) fn before(replay: &Replay<'_>, events: &[Event], event: &Event, subject: EntryId, inspection: &mut Inspection<'_>) {
    match event {
        Event::Life { subscription, life } => before_life(replay, subscription, life, subject, inspection),
        Event::NoteIssued { note, .. } => refund_arithmetic(&replay.account, events, note, inspection),
        Event::InvoiceIssued { invoice, .. } => {
            let issued_before = replay.account.invoices.contains_key(&invoice.id);
            inspection.expect(Check::InvoiceOfPeriod, !issued_before, &invoice.id, || "was issued twice".to_owned());
        }
        Event::ReminderQueued { subscription, renewal_on, .. } => {
            let reminded_for = replay.account.subscriptions.get(subscription).and_then(|subscription| subscription.reminded_for);
            let problem = || format!("was reminded of the renewal on {renewal_on} before");
            inspection.expect(Check::NoticesOnce, reminded_for != Some(*renewal_on), subscription, problem);
        }
        Event::WrittenOff { invoice, net, tax } => written_off(&replay.account, invoice, *net, *tax, subject, inspection),
        Event::ChargeCaptured { .. } | Event::RefundSettled { .. } => moved(&replay.account, events, event, inspection),
        _ => {}
    }
}

/// What must hold after an event was applied.
pub(super) fn after(account: &Account, event: &Event, subject: EntryId, inspection: &mut Inspection<'_>) {
    match event {
        Event::RevenueRecognised { invoice, through, .. } => {
            if let Some(row) = account.invoices.get(invoice) {
                revenue(row, *through, subject, inspection);
            }
        }
        Event::InvoiceIssued { invoice, .. } => {
            let term = account.subscriptions.get(&invoice.subscription).and_then(|subscription| subscription.state.term());
            let billed = (invoice.term, invoice.period_no, &invoice.plan, invoice.period, &invoice.version);
            let runs = term.map(|term| (term.number, term.period_no, &term.plan, term.period, &term.version));
            let problem = || "does not bill the period that its subscription is in".to_owned();
            inspection.expect(Check::InvoiceOfPeriod, runs == Some(billed), &invoice.id, problem);
        }
        _ => {}
    }
}

/// PD-4: all that is open is written off, and of it the tax that the line has of its total.
fn written_off(account: &Account, id: &str, net: Money, tax: Money, subject: EntryId, inspection: &mut Inspection<'_>) {
    let Some(row) = account.invoices.get(id) else { return };
    let [net, tax, open, line_net, line_tax] = [net, tax, row.open, row.net, row.tax].map(|amount| i128::from(amount.minor()));
    let expected = half_up(open * line_tax, line_net + line_tax).min(line_tax);
    inspection.expect(Check::WriteOffTax, (net + tax, tax) == (open, expected), id, || {
        format!("{subject}: {net} and tax {tax} are written off of {open}, whose tax is {expected}")
    });
}

/// I5, F49: what moved is what was asked for; where it is not, a task says so in the same record.
fn moved(account: &Account, events: &[Event], event: &Event, inspection: &mut Inspection<'_>) {
    let wide = |amount: Money| i128::from(amount.minor());
    let (check, id, asked, moved) = match event {
        Event::ChargeCaptured { charge, applied, costs, unapplied, .. } => {
            let parts = applied.iter().chain(costs).map(|(_, amount)| wide(*amount)).sum::<i128>();
            let asked = account.charges.get(charge).map(|charge| wide(charge.amount));
            (Check::CapturedIsApplied, charge, asked, asked.map(|_| parts + wide(*unapplied)))
        }
        Event::RefundSettled { refund, short, .. } => {
            let asked = account.refunds.get(refund).map(|refund| wide(refund.amount));
            (Check::RefundLimit, refund, asked, asked.map(|asked| asked - short.map_or(0, wide)))
        }
        _ => return,
    };
    let said = |event: &Event| matches!(event, Event::TaskOpened { task } if task.kind == AMOUNT_MISMATCH && task.subject == *id);
    inspection.expect(check, asked == moved || events.iter().any(said), id, || {
        format!("{asked:?} minor units were asked for, {moved:?} moved, and no task says so")
    });
}

fn before_life(replay: &Replay<'_>, id: &SubscriptionId, life: &Life, subject: EntryId, inspection: &mut Inspection<'_>) {
    let Some(subscription) = replay.account.subscriptions.get(id) else { return };
    let state = &subscription.state;
    inspection.expect(Check::Transitions, is_listed(state, life), id.as_str(), || {
        format!("{}: {} does not follow {}", subject, name(life), state.name())
    });
    let (present, start, next, announced) = match (state, life) {
        (_, Life::Renewed { period, version, .. }) => (state.term().map(|term| &term.version), period.start, version, true),
        (State::Trialing { trial }, Life::Subscribed { term }) => (Some(&trial.version), term.period.start, &term.version, true),
        (_, Life::Subscribed { term } | Life::TermOpened { term }) => (None, term.period.start, &term.version, false),
        _ => return,
    };
    let fault = price_fault(replay, id, present.map(String::as_str), start, next, announced).or_else(|| promised_fault(state, life));
    inspection.expect(Check::PriceNoticed, fault.is_none(), id.as_str(), || format!("{subject}: {}", fault.unwrap_or_default()));
}

/// PR-1, PR-2: what forbids to charge version `next` from `start` on, to a subscription that pays `present`.
fn price_fault(
    replay: &Replay<'_>,
    id: &SubscriptionId,
    present: Option<&str>,
    start: NaiveDate,
    next: &str,
    announced: bool,
) -> Option<String> {
    if present == Some(next) {
        return None;
    }
    let reference = replay.reference?;
    let effective = |name: &str| reference.catalog.version(name).map(|version| version.effective_from);
    let from = effective(next)?;
    if from > start {
        return Some(format!("pays {next} from {start} on, which is in force only from {from}"));
    }
    if !announced {
        return None;
    }
    if present.and_then(effective).is_some_and(|old| old >= from) {
        return Some(format!("goes back to {next}, which is older"));
    }
    let subscription = replay.account.subscriptions.get(id)?;
    let days = reference.terms.iter().find(|terms| terms.version == subscription.terms_version)?.notice_days;
    // Notices of a plan that was left do not count for another (PR-6).
    let counts = |outcome| matches!(outcome, NoticeOutcome::Pending | NoticeOutcome::Applied);
    let told = subscription.price_notices.iter().filter(|notice| notice.version == next && counts(notice.outcome));
    let sent = told.filter_map(|notice| notice.sent_on).min();
    match sent {
        None => Some(format!("pays {next} from {start} on, of which no notice was sent")),
        Some(on) if plus_days(on, days).is_ok_and(|earliest| start >= earliest) => None,
        Some(on) => Some(format!("pays {next} from {start} on, less than {days} days after its notice of {on}")),
    }
}

/// PR-6: a deferred change takes effect as it was commanded.
fn promised_fault(state: &State, life: &Life) -> Option<String> {
    let (Some(Term { intent: Intent::ChangesTo { plan, version, .. }, period, .. }), Life::TermOpened { term }) = (state.term(), life)
    else {
        return None;
    };
    let deferred = term.period.start == period.end;
    (deferred && (&term.plan, &term.version) != (plan, version))
        .then(|| format!("changes to another plan or version than {plan} at {version}"))
}

/// LC, I8: whether a step can follow a state. This is the state machine read backwards, from what happened.
fn is_listed(state: &State, life: &Life) -> bool {
    match life {
        Life::Subscribed { .. } | Life::Trialing { .. } => matches!(state, State::Free | State::Trialing { .. }),
        Life::Activated => matches!(state, State::Pending { .. }),
        Life::Renewed { .. } => {
            matches!(state, State::Active { term } | State::PastDue { term, .. } if term.intent == Intent::Renews)
        }
        Life::Intends { .. } => matches!(state, State::Active { .. } | State::PastDue { .. } | State::Suspended { .. }),
        Life::TermOpened { .. } | Life::Suspended { .. } => matches!(state, State::Active { .. } | State::PastDue { .. }),
        Life::BecamePastDue { .. } => matches!(state, State::Active { .. } | State::Suspended { unpaid_since: None, .. }),
        Life::PaidUp => matches!(state, State::PastDue { .. } | State::Suspended { unpaid_since: Some(_), .. }),
        Life::Reinstated => matches!(state, State::Suspended { .. }),
        Life::Closed { .. } => state.is_live(),
    }
}

const fn name(life: &Life) -> &'static str {
    match life {
        Life::Subscribed { .. } => "subscribed",
        Life::Trialing { .. } => "trialing",
        Life::Activated => "activated",
        Life::Renewed { .. } => "renewed",
        Life::Intends { .. } => "intends",
        Life::TermOpened { .. } => "term opened",
        Life::BecamePastDue { .. } => "became past due",
        Life::PaidUp => "paid up",
        Life::Suspended { .. } => "suspended",
        Life::Reinstated => "reinstated",
        Life::Closed { .. } => "closed",
    }
}

/// RR-1: `earned(d) = T − round_half_up(T × (n − d) / n)`; everything once the service has ended.
fn revenue(row: &Invoice, through: NaiveDate, subject: EntryId, inspection: &mut Inspection<'_>) {
    let net = i128::from(row.net.minor());
    let ended = row.ended_on.is_some_and(|last| through >= last);
    let earned = if ended { net } else { net - unearned(net, row.document.period, through) };
    let recognised = i128::from(row.recognised.minor());
    inspection.expect(Check::Revenue, recognised == earned, &row.document.id, || {
        format!("{subject}: {recognised} minor units are recognised through {through}, {earned} are earned")
    });
}

/// The part of a net amount that the days after `through` are still to earn.
fn unearned(net: i128, period: Period, through: NaiveDate) -> i128 {
    let days = i128::from((period.end - period.start).num_days());
    let past = i128::from((through - period.start).num_days() + 1).clamp(0, days);
    half_up(net * (days - past), days)
}

/// RF-2, done anew. `last_day` is that of the service; everything comes back where there was none.
fn refund_arithmetic(account: &Account, events: &[Event], note: &Note, inspection: &mut Inspection<'_>) {
    let Some(row) = account.invoices.get(&note.invoice) else { return };
    let whole = match note.reason {
        NoteReason::Cancellation | NoteReason::PlanChange | NoteReason::CancelledUnpaid => false,
        NoteReason::FirstChargeDeclined | NoteReason::CancelledWhilePending | NoteReason::OrderCancelled => true,
        NoteReason::Overcharge | NoteReason::Undercharge | NoteReason::Waived | NoteReason::DisputeLost => return,
    };
    let ended = events.iter().find_map(|event| match event {
        Event::ServiceEnded { invoice, on } if *invoice == note.invoice => Some(*on),
        _ => None,
    });
    let (net, tax) = (i128::from(row.net.minor()), i128::from(row.tax.minor()));
    let expected = match ended {
        _ if whole => (net, tax),
        None => {
            return inspection.broken(Check::RefundArithmetic, &note.id, "gives value back, but no end of service is recorded".to_owned());
        }
        Some(last_day) => given_back(net, tax, row.document.rate, row.document.period, last_day),
    };
    let given = (i128::from(note.net.minor()), i128::from(note.tax.minor()));
    inspection.expect(Check::RefundArithmetic, given == expected, &note.id, || {
        format!("gives back net {} and tax {} (minor units), the days say {} and {}", given.0, given.1, expected.0, expected.1)
    });
}

fn given_back(net: i128, tax: i128, rate: Rate, period: Period, last_day: NaiveDate) -> (i128, i128) {
    let net_back = unearned(net, period, last_day);
    let nothing_back = net_back == 0 && last_day >= period.start;
    let tax_kept = if nothing_back { tax } else { tax_of(net - net_back, rate).min(tax) };
    (net_back, tax - tax_kept)
}

/// MO-2: the tax on a net amount.
pub(super) fn tax_of(net: i128, rate: Rate) -> i128 {
    half_up(net * i128::from(rate.billionths()), 1_000_000_000)
}

/// Rounds a quotient half up on the magnitude. `divisor` is above zero: a period has a day or more.
pub(super) fn half_up(dividend: i128, divisor: i128) -> i128 {
    let divisor = divisor.max(1);
    let rounded = (2 * dividend.abs() + divisor) / (2 * divisor);
    if dividend < 0 { -rounded } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rf_2_the_worked_example_is_reached_by_this_arithmetic_too() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let period = Period::new(day("2026-01-31"), day("2027-01-31")).unwrap();
        let rate = Rate::parse("0.0825").unwrap();
        assert_eq!(given_back(9_999, 825, rate, period, day("2026-06-02")), (6_629, 547));
        assert_eq!(given_back(9_999, 825, rate, period, day("2026-01-30")), (9_999, 825));
        assert_eq!(given_back(9_999, 825, rate, period, day("2027-01-30")), (0, 0));
        assert_eq!(9_999 - unearned(9_999, period, day("2026-06-02")), 3_370);
    }

    #[test]
    fn halves_go_away_from_zero() {
        assert_eq!([half_up(5, 2), half_up(-5, 2), half_up(4, 3), half_up(0, 7)], [3, -3, 1, 0]);
    }
}
