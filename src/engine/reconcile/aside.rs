//! What waits on 1290 for a break, and what somebody has booked from there (ledger.md, sections 2 and 5).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};

use super::report::{BookedNoMore, BreakLine};
use super::stored::StoredBreak;
use super::{Difference, Plan, ReconcileError};
use crate::domain::ledger::{PROVIDER_FEES, RECONCILIATION_DIFFERENCES};
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BreakKind, BreakState, FEE_TOLERANCE_MINOR, FEE_TOLERANCE_MONTH_MINOR};
use crate::domain::settlement::booking::{Booking, DifferenceIs, WaitsOn};
use crate::store::db::Tx;
use crate::store::reconcile;
use crate::store::settlement::{Entry, book_id};
use crate::values;

/// Who has booked what is within the tolerance.
pub(super) const TOLERANCE: &str = "(tolerance)";

/// What is to be set aside more for a break; a negative amount goes back to where it came from.
pub(super) struct Aside {
    difference: String,
    waits_on: WaitsOn,
    amount: Money,
}

impl Aside {
    pub(super) fn booking(&self, days: &Days) -> Booking {
        let on = days.of(&self.difference);
        Booking::SetAside { difference: self.difference.clone(), waits_on: self.waits_on, amount: self.amount, on }
    }
}

/// The days on which a run books what is about breaks: its last one, but never before what was booked about the same break already, which
/// people date on the day on which they decide.
pub(super) struct Days {
    through: NaiveDate,
    later: BTreeMap<String, NaiveDate>,
}

impl Days {
    pub(super) async fn load(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<Self, ReconcileError> {
        let mut later = BTreeMap::new();
        for row in tx.fetch_all(&reconcile::BOOKED_LATER, &values![book_id(provider), through]).await? {
            let entry: Entry = serde_json::from_str(row.str_at(1)?).map_err(|_| row.corrupt("body", "cannot be read"))?;
            for booking in entry.events {
                if let Booking::SetAside { difference, .. } | Booking::DifferenceBooked { difference, .. } = booking {
                    let last = later.entry(difference).or_insert(through);
                    *last = row.date_at(2)?.max(*last);
                }
            }
        }
        Ok(Self { through, later })
    }

    /// The day for a break.
    fn of(&self, difference: &str) -> NaiveDate {
        self.later.get(difference).copied().unwrap_or(self.through)
    }
}

/// Where the money of a break of this kind stands before it is set aside.
pub(super) const fn waits_on(kind: BreakKind) -> WaitsOn {
    match kind {
        BreakKind::PayoutNotOnBank => WaitsOn::Transit,
        BreakKind::BankLineWithoutPayout => WaitsOn::Bank,
        BreakKind::UnknownCategory
        | BreakKind::OrphanRefund
        | BreakKind::MissingHere
        | BreakKind::Timing
        | BreakKind::MissingAtProvider
        | BreakKind::DuplicateThere
        | BreakKind::DuplicateHere
        | BreakKind::Currency
        | BreakKind::Status
        | BreakKind::Amount
        | BreakKind::Fee
        | BreakKind::PayoutUnproven => WaitsOn::Provider,
    }
}

/// What stands on 1200 at the provider and is nothing of ours; what our books claim and the provider does not have stays a claim.
const fn is_theirs(kind: BreakKind) -> bool {
    matches!(
        kind,
        BreakKind::UnknownCategory
            | BreakKind::OrphanRefund
            | BreakKind::MissingHere
            | BreakKind::DuplicateThere
            | BreakKind::Status
            | BreakKind::Amount
            | BreakKind::Fee
    )
}

/// Breaks that somebody has booked (5000, 5900) and that are no more, or are others now. Where the run takes the bookings back, such
/// a break is what it was before: open, with its money on 1290.
pub(super) fn booked_no_more(
    differences: &BTreeMap<String, Difference>,
    known: &mut BTreeMap<String, StoredBreak>,
    is_taken_back: bool,
) -> Result<Vec<BookedNoMore>, ReconcileError> {
    let mut wrong = Vec::new();
    for (id, stored) in known.iter_mut() {
        let Some(is) = stored.booked_as() else { continue };
        let found = differences.get(id).filter(|difference| difference.kind != BreakKind::Timing);
        if found.map(|difference| difference.amount.negated()).transpose()? == Some(stored.aside) {
            continue;
        }
        let account = match is {
            DifferenceIs::Fee => PROVIDER_FEES,
            DifferenceIs::Loss => RECONCILIATION_DIFFERENCES,
        };
        wrong.push(BookedNoMore { id: id.clone(), amount: stored.aside, on: account.number, was_taken_back: is_taken_back });
        if is_taken_back {
            (stored.state, stored.owner) = (BreakState::Open, None);
        }
    }
    Ok(wrong)
}

/// As much as is not on 1290 yet; what is there for a break that is gone, or smaller, goes back.
pub(super) fn to_set_aside(
    differences: &BTreeMap<String, Difference>,
    known: &BTreeMap<String, StoredBreak>,
) -> Result<Vec<Aside>, ReconcileError> {
    let mut all = Vec::new();
    for (id, difference) in differences {
        let stored = known.get(id);
        // What somebody has booked, given up or resolved is dealt with.
        if stored.is_some_and(|stored| !stored.state_when_found(difference.amount).waits()) {
            continue;
        }
        let currency = difference.amount.currency();
        let theirs = difference.is_on_clearing && is_theirs(difference.kind);
        let wanted = if theirs { difference.amount.negated()? } else { Money::zero(currency) };
        let there = stored.map_or(Money::zero(currency), |stored| stored.aside);
        let was_on = stored.map_or(waits_on(difference.kind), |stored| waits_on(stored.kind));
        let steps = if there.currency() == currency {
            vec![(was_on, wanted.minus(there)?)]
        } else {
            vec![(was_on, there.negated()?), (waits_on(difference.kind), wanted)]
        };
        let steps = steps.into_iter().filter(|(_, amount)| !amount.is_zero());
        all.extend(steps.map(|(waits_on, amount)| Aside { difference: id.clone(), waits_on, amount }));
    }
    let gone = known.iter().filter(|(id, stored)| !differences.contains_key(*id) && stored.state.waits() && !stored.aside.is_zero());
    for (id, stored) in gone {
        all.push(Aside { difference: id.clone(), waits_on: waits_on(stored.kind), amount: stored.aside.negated()? });
    }
    Ok(all)
}

/// What waits on 1290 for a break after these.
pub(super) fn after(
    id: &str,
    difference: &Difference,
    known: &BTreeMap<String, StoredBreak>,
    aside: &[Aside],
) -> Result<Money, ReconcileError> {
    let currency = difference.amount.currency();
    let mut there = known.get(id).map(|stored| stored.aside).filter(|there| there.currency() == currency).unwrap_or(Money::zero(currency));
    for more in aside.iter().filter(|more| more.difference == id && more.amount.currency() == currency) {
        there = there.plus(more.amount)?;
    }
    Ok(there)
}

/// Fees that differ by so little that the difference is booked (5900) without anybody, up to a cap a month and currency; the month
/// is that of the difference. What was booked so before counts.
pub(super) fn within_tolerance(differences: &BTreeMap<String, Difference>, known: &BTreeMap<String, StoredBreak>) -> BTreeSet<String> {
    let month = |on: NaiveDate, amount: Money| (on.year(), on.month(), amount.currency());
    let mut booked: BTreeMap<_, u64> = BTreeMap::new();
    for stored in known.values().filter(|stored| !stored.state.waits() && stored.owner.as_deref() == Some(TOLERANCE)) {
        *booked.entry(month(stored.since, stored.amount)).or_default() += stored.amount.minor().unsigned_abs();
    }
    let mut within = BTreeSet::new();
    for (id, difference) in differences.iter().filter(|(_, difference)| difference.kind == BreakKind::Fee) {
        let state = known.get(id).map_or(BreakState::Open, |stored| stored.state_when_found(difference.amount));
        let size = difference.amount.minor().unsigned_abs();
        let sum = booked.entry(month(difference.since, difference.amount)).or_default();
        if state.waits() && size <= FEE_TOLERANCE_MINOR && *sum + size <= FEE_TOLERANCE_MONTH_MINOR {
            *sum += size;
            within.insert(id.clone());
        }
    }
    within
}

/// What these move on 1200 by the run's last day, by currency.
pub(super) fn on_clearing(aside: &[Aside], days: &Days) -> BTreeMap<Currency, i128> {
    let mut sums = BTreeMap::new();
    let is_in = |aside: &&Aside| aside.waits_on == WaitsOn::Provider && days.of(&aside.difference) == days.through;
    for aside in aside.iter().filter(is_in) {
        *sums.entry(aside.amount.currency()).or_default() += i128::from(aside.amount.minor());
    }
    sums
}

impl Plan {
    /// What is to be booked about breaks: what was wrong goes back first.
    pub(super) fn bookings(&self) -> Result<Vec<Booking>, ReconcileError> {
        let set_aside = self.aside.iter().map(|aside| aside.booking(&self.days));
        Ok(self.wrong_bookings()?.into_iter().chain(set_aside).chain(self.tolerated()).collect())
    }

    /// What is given up within the tolerance.
    fn tolerated(&self) -> Vec<Booking> {
        let lines = self.report.breaks.iter().filter(|line| self.within_tolerance.contains(&line.id));
        let booking = |line: &BreakLine| {
            let (difference, amount, on) = (line.id.clone(), line.set_aside, self.days.of(&line.id));
            Booking::DifferenceBooked { difference, is: DifferenceIs::Loss, amount, on }
        };
        lines.map(booking).collect()
    }

    /// The mirrors of the bookings that this run takes back.
    fn wrong_bookings(&self) -> Result<Vec<Booking>, ReconcileError> {
        let mirror = |wrong: &BookedNoMore| {
            let is = if wrong.on == PROVIDER_FEES.number { DifferenceIs::Fee } else { DifferenceIs::Loss };
            let (difference, on) = (wrong.id.clone(), self.days.of(&wrong.id));
            Ok(Booking::DifferenceBooked { difference, is, amount: wrong.amount.negated()?, on })
        };
        self.report.booked_no_more.iter().filter(|wrong| wrong.was_taken_back).map(mirror).collect()
    }
}
