//! The first equation, by currency and day: 1200 by our postings, and what made it, against the balance by the provider's movements.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::join::{Joined, Moved};
use super::report::Equation;
use super::rows::letters;
use super::{ReconcileError, fitting};
use crate::domain::ledger::{self, PROVIDER_CLEARING};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::Category;
use crate::domain::settlement::booking::Booking;
use crate::store::db::Tx;
use crate::store::reconcile::{self, TheirMovement};
use crate::store::settlement::{Gathered, book_id};
use crate::store::sums;
use crate::values;

/// What happened on a day.
#[derive(Default)]
struct Day {
    moved: Moved,
    /// All postings on 1200.
    posted: i128,
    /// Of them, by the reconciler.
    aside: i128,
    balance: i128,
    fees: i128,
    payouts: i128,
    timing: i128,
    breaks: i128,
}

type Days = BTreeMap<(Currency, NaiveDate), Day>;

/// What the provider says its balance for us changed by.
#[derive(Debug, Default)]
struct Balance {
    all: i128,
    fees: i128,
    payouts: i128,
}

/// The same, by currency and day.
#[derive(Debug)]
pub(super) struct Balances {
    through: NaiveDate,
    days: BTreeMap<(Currency, NaiveDate), Balance>,
}

impl Balances {
    pub(super) const fn new(through: NaiveDate) -> Self {
        Self { through, days: BTreeMap::new() }
    }

    /// Adds a movement: fees as the provider says them, a line of its own for fees by what it left. What is reserved is ours all the same.
    pub(super) fn add(&mut self, told: &TheirMovement<'_>) {
        if told.on > self.through {
            return;
        }
        let day = self.days.entry((told.currency, told.on)).or_default();
        let (gross, fee, net) = (i128::from(told.gross_minor), i128::from(told.fee_minor), i128::from(told.net_minor));
        day.all += if told.category == Category::Reserve { -fee } else { net };
        match told.category {
            Category::Fee => day.fees += net,
            Category::Dispute => {}
            _ => day.fees -= fee,
        }
        if matches!(told.category, Category::Payout | Category::PayoutFailure) {
            day.payouts += gross;
        }
    }
}

/// What our books have on 1200, by currency and day.
pub(super) struct Posted(Days);

/// Reads it, in customers' books and in the provider's.
pub(super) async fn posted(tx: &mut Tx, provider: &str, through: NaiveDate) -> Result<Posted, ReconcileError> {
    let mut days = Days::new();
    for row in tx.fetch_all(&reconcile::CLEARING, &values![through]).await? {
        days.entry((reconcile::currency(&row, 0)?, row.date_at(1)?)).or_default().posted += sums::exact(&row, 2)?;
    }
    for row in tx.fetch_all(&reconcile::BOOK_CLEARING, &values![book_id(provider), through]).await? {
        let day = days.entry((reconcile::currency(&row, 0)?, row.date_at(1)?)).or_default();
        let (imported, set_aside) = (sums::exact(&row, 2)?, sums::exact(&row, 4)?);
        day.posted += imported + set_aside;
        day.aside += set_aside;
    }
    Ok(Posted(days))
}

impl Posted {
    /// Adds what an import would post of what it has gathered.
    pub(super) fn add(&mut self, gathered: Gathered, through: NaiveDate) -> Result<(), ReconcileError> {
        let bookings = gathered.bookings("").into_values().flatten().filter(|booking| booking.on() <= through);
        for booking in bookings {
            let legs = ledger::settlement::entry(&booking).map_err(|_| unbalanced(&booking))?;
            let on_clearing = legs.iter().filter(|leg| leg.account.number == PROVIDER_CLEARING.number);
            let day = self.0.entry((booking.amount().currency(), booking.on())).or_default();
            day.posted += on_clearing.map(|leg| i128::from(leg.amount.minor())).sum::<i128>();
        }
        Ok(())
    }
}

fn unbalanced(booking: &Booking) -> ReconcileError {
    ReconcileError::Refused(format!("the entry of {} does not balance", booking.amount()))
}

/// Every day on which something moved. `aside` is what this run is about to set aside, by currency, on the last day.
pub(super) fn equations(
    Posted(mut days): Posted,
    balances: Balances,
    provider: &str,
    through: NaiveDate,
    joined: &Joined,
    aside: &BTreeMap<Currency, i128>,
) -> Result<Vec<Equation>, ReconcileError> {
    for (place, Balance { all, fees, payouts }) in balances.days {
        let day = days.entry(place).or_default();
        day.balance += all;
        day.fees += fees;
        day.payouts += payouts;
    }
    for (currency, amount) in aside.iter().filter(|(_, amount)| **amount != 0) {
        let day = days.entry((*currency, through)).or_default();
        day.posted += amount;
        day.aside += amount;
    }
    let known: BTreeMap<[u8; 3], Currency> = days.keys().map(|(currency, _)| (letters(*currency), *currency)).collect();
    for ((code, on), moved) in joined.moved.iter().filter(|((_, on), _)| *on <= through) {
        if let Some(currency) = known.get(code) {
            days.entry((*currency, *on)).or_default().moved = *moved;
        }
    }
    for ((code, on), effect) in joined.effects.iter().filter(|((_, on), _)| *on <= through) {
        if let Some(currency) = known.get(code) {
            let day = days.entry((*currency, *on)).or_default();
            day.timing += effect.timing;
            day.breaks += effect.breaks;
        }
    }
    written(provider, &days)
}

/// Sums from the first day of a currency on.
#[derive(Default)]
struct Sums {
    closing: i128,
    balance: i128,
    timing: i128,
    breaks: i128,
}

fn written(provider: &str, days: &Days) -> Result<Vec<Equation>, ReconcileError> {
    let mut equations = Vec::with_capacity(days.len());
    let mut sums = Sums::default();
    let mut present = None;
    for ((currency, on), day) in days {
        if present != Some(*currency) {
            sums = Sums::default();
            present = Some(*currency);
        }
        let money =
            |minor: i128| -> Result<Money, ReconcileError> { fitting(minor, *currency, provider, || format!("the balance on {on}")) };
        let opening = sums.closing;
        sums.closing += day.posted;
        sums.balance += day.balance;
        sums.timing += day.timing;
        // What was set aside is a break no more that the balance shows.
        sums.breaks += day.breaks + day.aside;
        let residual = sums.closing - sums.balance;
        let Moved { captures, refunds, failed_refunds, disputes, disputes_won } = day.moved;
        let named = captures + refunds + failed_refunds + disputes + disputes_won + day.fees + day.payouts;
        equations.push(Equation {
            on: *on,
            opening: money(opening)?,
            captures: money(captures)?,
            refunds: money(refunds)?,
            failed_refunds: money(failed_refunds)?,
            disputes: money(disputes)?,
            disputes_won: money(disputes_won)?,
            fees: money(day.fees)?,
            adjustments: money(day.posted - named)?,
            payouts: money(day.payouts)?,
            closing: money(sums.closing)?,
            provider_balance: money(sums.balance)?,
            residual: money(residual)?,
            timing: money(sums.timing)?,
            breaks: money(sums.breaks)?,
            unexplained: money(residual - sums.timing - sums.breaks)?,
        });
    }
    Ok(equations)
}
