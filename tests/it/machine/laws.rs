//! The invariants of reliability (I1 to I10) on one account as it is stored, by arithmetic of their own.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, Months, NaiveDate};
use kasacare::domain::account::{Account, AttemptState, Invoice, NoteReason, Purpose};
use kasacare::domain::calendar::Cycle;
use kasacare::domain::ids::CameraId;
use kasacare::domain::money::Money;
use kasacare::domain::subscription::State;

/// Everything that holds at any moment.
pub fn hold(account: &Account) {
    // The one reason for which what people do may park an account (CA-3); any other is a mistake of the engine.
    if let Some(parked) = &account.profile.parked {
        assert_eq!(parked.code, "too_many_missed_periods", "{parked:?}");
    }
    charged_once(account);
    never_given_back_twice(account);
    every_invoice_adds_up(account);
    periods_tile(account);
    prices_are_the_catalogs(account);
    nothing_is_covered_twice(account);
    nothing_is_earned_early(account);
}

/// What holds when the jobs have just run: whoever is served is served in a period that has been billed (CA-2).
pub fn hold_after_jobs(account: &Account, today: NaiveDate) {
    let profile = &account.profile;
    // At most one missed period a day is caught up on (CA-3), and nothing is billed on a parked account.
    if profile.parked.is_some() || profile.caught_up_on == Some(today) {
        return;
    }
    for subscription in account.subscriptions.values() {
        if let State::Active { term } | State::PastDue { term, .. } = &subscription.state {
            let period = term.period;
            assert!(period.start <= today && today < period.end, "{}: {today} is not in {period:?}", subscription.id);
            let invoice = format!("in_{}_{}_{}", subscription.id, term.number, term.period_no);
            assert!(account.invoices.contains_key(&invoice), "{invoice} is missing");
        }
        if let State::Trialing { trial } = &subscription.state {
            assert!(today < trial.ends, "{}: the trial ended on {}", subscription.id, trial.ends);
        }
    }
}

/// I9: with a good card on file and time to use it, nothing is left in the air.
pub fn hold_at_rest(account: &Account) {
    assert_eq!(account.profile.parked, None, "parked (I9)");
    for charge in account.charges.values() {
        assert!(!charge.state.in_flight(), "{} has not settled (I9): {charge:?}", charge.id);
    }
    for refund in account.refunds.values() {
        assert!(!refund.state.in_flight(), "{} has not settled (I9): {refund:?}", refund.id);
    }
}

/// I1, I2: at most one successful charge for each fee and one for each correction, each with an object of its own.
fn charged_once(account: &Account) {
    let mut fees = BTreeSet::new();
    let mut objects = BTreeSet::new();
    for charge in account.charges.values().filter(|charge| charge.state == AttemptState::Succeeded) {
        let reference = charge.reference.as_ref().unwrap_or_else(|| panic!("{} succeeded without an object (I2)", charge.id));
        assert!(objects.insert(reference), "{reference} is two charges (I2)");
        if charge.purpose == Purpose::Period {
            assert!(fees.insert(&charge.invoice), "{} was charged twice (I1)", charge.invoice);
        }
    }
    for invoice in account.invoices.keys() {
        let under_way = account.charges.values().filter(|charge| charge.invoice == *invoice && charge.state.in_flight()).count();
        assert!(under_way <= 1, "{invoice} is being charged {under_way} times at once (PD-2)");
    }
}

/// I4: of no charge more is given back than it brought.
fn never_given_back_twice(account: &Account) {
    for payment in account.payments.values() {
        let gone = payment.refunded.minor() + payment.disputed.minor();
        assert!((0..=payment.amount.minor()).contains(&gone), "{payment:?} (I4)");
    }
    let mut back: BTreeMap<&str, i64> = BTreeMap::new();
    for refund in account.refunds.values().filter(|refund| !matches!(refund.state, AttemptState::Failed | AttemptState::Abandoned)) {
        *back.entry(&refund.charge).or_default() += refund.amount.minor();
    }
    for (charge, back) in back {
        let charged = account.charges[charge].amount.minor();
        assert!(back <= charged, "{back} of {charged} of {charge} went back (I4)");
    }
}

/// I5: what a line costs after its notes is owed, was paid in cash or by credit, or was given up; and what was frozen of it in a
/// dispute is still there.
fn every_invoice_adds_up(account: &Account) {
    for (id, invoice) in &account.invoices {
        let costs = invoice.net.minor() + invoice.tax.minor() + invoice.held.minor();
        let cash = invoice.captured.minor() - invoice.returned.minor();
        let credit = invoice.credit_cash.minor() + invoice.credit_goodwill.minor();
        let covered = invoice.open.minor() + cash + credit + invoice.written_off.minor();
        assert_eq!(costs, covered, "{id} costs {costs}, of which {covered} is accounted for (I5): {invoice:?}");
        for part in [invoice.net, invoice.tax, invoice.open, invoice.held, invoice.credit_cash, invoice.credit_goodwill, invoice.disputed] {
            assert!(part.minor() >= 0, "{id} has a negative part (I5): {invoice:?}");
        }
        let payments = account.payments.values().filter(|payment| payment.invoice == *id);
        let captured: i64 = payments.map(|payment| payment.amount.minor()).sum();
        assert_eq!(captured, invoice.captured.minor(), "{id}: the payments are not what was captured (I5)");
    }
    let profile = &account.profile;
    assert!(profile.credit_cash.minor() >= 0 && profile.credit_goodwill.minor() >= 0 && profile.carried.minor() >= 0, "{profile:?}");
}

fn in_order(account: &Account) -> Vec<&Invoice> {
    let mut invoices: Vec<&Invoice> = account.invoices.values().collect();
    invoices.sort_by_key(|invoice| (&invoice.document.subscription, invoice.document.term, invoice.document.period_no));
    invoices
}

/// I6: within a term each period begins where the one before ended, at whole cycles from the anchor; terms don't overlap.
fn periods_tile(account: &Account) {
    let mut before: Option<&Invoice> = None;
    let mut anchor = NaiveDate::MIN;
    for invoice in in_order(account) {
        let (document, period) = (&invoice.document, invoice.document.period);
        let same = before.filter(|other| other.document.subscription == document.subscription);
        if document.period_no == 0 {
            anchor = period.start;
        }
        let cycles = |k: u32| boundary(anchor, k * if document.plan.cycle == Cycle::Annual { 12 } else { 1 });
        let expected = (cycles(document.period_no), cycles(document.period_no + 1));
        assert_eq!((period.start, period.end), expected, "{}: counted from {anchor} (I6)", document.id);
        if let Some(other) = same {
            let service_ended = other.ended_on.map_or(other.document.period.end, |last| last.succ_opt().expect("a date"));
            assert!(service_ended <= period.start, "{} overlaps {} (I6)", document.id, other.document.id);
            if other.document.term == document.term {
                assert_eq!(other.document.period.end, period.start, "a gap before {} (I6)", document.id);
            }
        }
        before = Some(invoice);
    }
}

/// The same day so many months later, or the last of that month (CA-1).
fn boundary(anchor: NaiveDate, months: u32) -> NaiveDate {
    let first = anchor.with_day(1).expect("a first") + Months::new(months);
    let next = first + Months::new(1);
    let days = u32::try_from((next - first).num_days()).expect("days of a month");
    first.with_day(anchor.day().min(days)).expect("a day of the month")
}

/// I7: each line is the list price less what its code takes off, and the tax on that by the rate of its first day.
fn prices_are_the_catalogs(account: &Account) {
    let mut uses: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, invoice) in &account.invoices {
        let document = &invoice.document;
        let list = list_price(&document.plan.to_string(), account.profile.currency.code());
        let code = document.promotion.as_deref();
        let off = code.map_or(0, |code| discount(code, list, account.profile.currency.code()));
        let net = list - off;
        let tax = (net * rate_per_myriad(&document.jurisdiction, document.period.start) + 5_000) / 10_000;
        let stated = [document.list, document.discount, document.net, document.tax].map(Money::minor);
        assert_eq!(stated, [list, off, net, tax], "{id}: list price, discount, net, tax (I7)");
        let undone = [NoteReason::FirstChargeDeclined, NoteReason::CancelledWhilePending];
        let counts = !account.notes.values().any(|note| note.invoice == *id && undone.contains(&note.reason));
        if let Some(code) = code.filter(|_| counts) {
            *uses.entry(code).or_default() += 1;
        }
    }
    for (code, most) in [("WELCOME20", 1), ("HALF3", 3)] {
        let used = uses.get(code).copied().unwrap_or_default();
        assert!(used <= most, "{code} was used for {used} periods (MO-3)");
    }
}

fn list_price(plan: &str, currency: &str) -> i64 {
    match (plan, currency) {
        ("plus/monthly", "USD") => 999,
        ("plus/annual", "USD") => 9_999,
        ("premium/monthly", "USD") => 1_999,
        ("premium/annual", "USD") => 19_999,
        ("plus/monthly", "JPY") => 1_480,
        ("plus/annual", "JPY") => 14_800,
        ("premium/monthly", "JPY") => 2_980,
        ("premium/annual", "JPY") => 29_800,
        other => panic!("no price for {other:?}"),
    }
}

fn discount(code: &str, list: i64, currency: &str) -> i64 {
    match (code, currency) {
        ("WELCOME20", _) => (list * 2 + 5) / 10,
        ("HALF3", _) => (list + 1) / 2,
        ("LOYAL", "USD") => 1_000,
        ("LOYAL", "JPY") => 1_500,
        other => panic!("no promotion {other:?}"),
    }
}

fn rate_per_myriad(jurisdiction: &str, on: NaiveDate) -> i64 {
    match jurisdiction {
        "US-CA" if on < NaiveDate::from_ymd_opt(2026, 4, 1).expect("a date") => 825,
        "US-CA" => 850,
        "US-OR" => 0,
        "JP" => 1_000,
        other => panic!("no rate for {other}"),
    }
}

/// Rules, Words: one live subscription covers a camera, and one for the whole account stands alone.
fn nothing_is_covered_twice(account: &Account) {
    let live = || account.subscriptions.values().filter(|subscription| subscription.state.is_live());
    let mut covered: BTreeSet<&CameraId> = BTreeSet::new();
    for subscription in live() {
        match &subscription.camera {
            Some(camera) => assert!(covered.insert(camera), "{camera} is covered twice"),
            None => assert_eq!(live().count(), 1, "{} is not alone", subscription.id),
        }
    }
    let trials = account.subscriptions.values().filter(|other| matches!(other.state, State::Trialing { .. })).count();
    assert!(trials <= 1 && (trials == 0 || account.profile.trial_used_on.is_some()), "{trials} trials (LC-2)");
}

/// RR-1: revenue grows from nothing to what the line costs, and only once the first charge has settled (LC-3).
fn nothing_is_earned_early(account: &Account) {
    for (id, invoice) in &account.invoices {
        let most = if invoice.pending { 0 } else { invoice.net.minor() };
        let earned = invoice.recognised.minor();
        assert!((0..=most).contains(&earned), "{id}: {earned} of {most} is recognised (RR-1)");
    }
}
