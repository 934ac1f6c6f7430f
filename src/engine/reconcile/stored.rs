//! Runs and breaks as they are stored.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::bank::{Payout, RECEIVED, RETURNED};
use super::report::RunReport;
use super::{Depth, Order, Plan, ReconcileError, break_id};
use crate::domain::money::Money;
use crate::domain::reconcile::{BreakKind, BreakState};
use crate::domain::settlement::booking::{Booking, DifferenceIs};
use crate::domain::settlement::is_booked;
use crate::store::db::{Columns, Row, Tx, Value};
use crate::store::reconcile;
use crate::store::settlement::{Book, Posted};
use crate::values;

/// A break as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBreak {
    /// Its id.
    pub id: String,
    /// Ours less theirs.
    pub amount: Money,
    /// What waits on 1290 for it.
    pub aside: Money,
    /// Since when.
    pub since: NaiveDate,
    /// The provider.
    pub provider: String,
    /// What it is about.
    pub subject: String,
    /// What differs.
    pub kind: BreakKind,
    /// Where it stands.
    pub state: BreakState,
    /// The customer.
    pub account: Option<String>,
    /// Our id.
    pub ours: Option<String>,
    /// Theirs.
    pub theirs: Option<String>,
    /// What would resolve it.
    pub proposal: String,
    /// Who has taken it on, or dealt with it.
    pub owner: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The run that found it first.
    pub first_run: String,
    /// The run that saw it last.
    pub last_run: String,
}

/// Something that was done about a break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// From 1.
    pub number: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub act: String,
    /// Who.
    pub actor: String,
    /// Who else.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

impl StoredBreak {
    /// What it is when it is found again: what closed itself is open once more, and what a person has closed stays closed while it is
    /// what that person has seen. A booking stands until it is taken back ([`super::aside::booked_no_more`]).
    pub(super) fn state_when_found(&self, amount: Money) -> BreakState {
        let closed_itself = self.state == BreakState::Resolved && self.owner.is_none();
        let is_another = !self.state.waits() && self.booked_as().is_none() && self.amount != amount;
        if closed_itself || is_another { BreakState::Open } else { self.state }
    }

    /// What a person has booked it as.
    pub(super) fn booked_as(&self) -> Option<DifferenceIs> {
        match self.state {
            _ if self.owner.is_none() || self.aside.is_zero() => None,
            BreakState::WrittenOff => Some(DifferenceIs::Loss),
            BreakState::Resolved => Some(DifferenceIs::Fee),
            BreakState::Open | BreakState::Explained => None,
        }
    }

    pub(super) fn write(&self, rows: &mut Columns) {
        let mut cells = rows.row();
        cells.text(&self.id).int(self.amount.minor()).int(self.aside.minor()).date(self.since).text(&self.provider).text(&self.subject);
        cells.text(self.kind.tag()).text(self.state.tag()).text(self.amount.currency().code()).opt_text(self.account.as_deref());
        cells.opt_text(self.ours.as_deref()).opt_text(self.theirs.as_deref()).text(&self.proposal).opt_text(self.owner.as_deref());
        cells.opt_text(self.reason.as_deref()).text(&self.first_run).text(&self.last_run);
    }

    /// Reads a row of the statements of breaks.
    pub(super) fn read(row: &Row) -> Result<Self, ReconcileError> {
        let currency = reconcile::currency(row, 8)?;
        let kind = BreakKind::from_tag(row.str_at(6)?).ok_or_else(|| row.corrupt("kind", "is none that is known"))?;
        let state = BreakState::from_tag(row.str_at(7)?).ok_or_else(|| row.corrupt("state", "is none that is known"))?;
        Ok(Self {
            id: row.text_at(0)?,
            amount: Money::new(row.int_at(1)?, currency),
            aside: Money::new(row.int_at(2)?, currency),
            since: row.date_at(3)?,
            provider: row.text_at(4)?,
            subject: row.text_at(5)?,
            kind,
            state,
            account: row.opt_text_at(9)?,
            ours: row.opt_text_at(10)?,
            theirs: row.opt_text_at(11)?,
            proposal: row.text_at(12)?,
            owner: row.opt_text_at(13)?,
            reason: row.opt_text_at(14)?,
            first_run: row.text_at(15)?,
            last_run: row.text_at(16)?,
        })
    }
}

/// What is remembered of a break whose booking was wrong after all.
const BOOKING_TAKEN_BACK: &str = "booking taken back";

/// What is remembered of a break that was booked because it is so small.
const WITHIN_TOLERANCE: &str = "booked within the tolerance";

/// All breaks of a provider.
pub(super) async fn breaks(tx: &mut Tx, provider: &str) -> Result<BTreeMap<String, StoredBreak>, ReconcileError> {
    let mut all = BTreeMap::new();
    for row in tx.fetch_all(&reconcile::BREAKS_OF, &values![provider]).await? {
        let stored = StoredBreak::read(&row)?;
        all.insert(stored.id.clone(), stored);
    }
    Ok(all)
}

/// What was done about a break.
pub(super) async fn acts(tx: &mut Tx, id: &str) -> Result<Vec<Act>, ReconcileError> {
    let read = |row: &Row| {
        let at = DateTime::from_timestamp_micros(row.int_at(1)?).ok_or_else(|| row.corrupt("acted_at", "is out of range"))?;
        Ok(Act {
            number: row.int_at(0)?,
            at,
            act: row.text_at(2)?,
            actor: row.text_at(3)?,
            approved_by: row.opt_text_at(4)?,
            reason: row.opt_text_at(5)?,
        })
    };
    tx.fetch_all(&reconcile::ACTS, &values![id]).await?.iter().map(read).collect()
}

/// A stored run.
///
/// # Errors
/// [`ReconcileError::NotFound`], [`ReconcileError::Unreadable`].
pub async fn run(tx: &mut Tx, id: &str) -> Result<RunReport, ReconcileError> {
    let row = tx.fetch_optional(&reconcile::RUN, &values![id]).await?;
    let row = row.ok_or_else(|| ReconcileError::NotFound { what: "run", id: id.to_owned() })?;
    serde_json::from_str(row.str_at(1)?).map_err(|_| ReconcileError::Unreadable(id.to_owned()))
}

/// Stores a run, its breaks, and what it posts. A run that is stored already has changed nothing and changes nothing.
pub(super) async fn save(tx: &mut Tx, order: &Order, plan: &Plan) -> Result<(), ReconcileError> {
    let report = &plan.report;
    let is_new = tx.fetch_optional(&reconcile::RUN, &values![&report.run]).await?.is_none();
    if is_new {
        let body = serde_json::to_string(report).map_err(|_| ReconcileError::Unreadable(report.run.clone()))?;
        let digest = report.inputs.iter().map(|input| input.digest.as_str()).collect::<Vec<_>>().join(" ");
        let breaks = i64::try_from(report.breaks.len()).unwrap_or(i64::MAX);
        let mut rows = Columns::of(&reconcile::RUNS);
        let mut cells = rows.row();
        cells.text(&report.run).int(order.at.timestamp_micros()).int(breaks).date(order.through);
        cells.text(&order.provider).text(&digest).text(&order.actor).text(&body);
        tx.insert_rows(&rows).await?;
    }
    save_breaks(tx, order, plan).await?;
    if order.depth == Depth::Apply && is_booked(&order.provider) {
        post(tx, order, plan).await?;
    }
    Ok(())
}

async fn save_breaks(tx: &mut Tx, order: &Order, plan: &Plan) -> Result<(), ReconcileError> {
    let run = &plan.report.run;
    let mut rows = Columns::of(&reconcile::BREAKS);
    let mut acts = Vec::new();
    // A booking that this run does not take back is left as it is, with its break.
    let taken_back = |id: &str| plan.report.booked_no_more.iter().find(|it| it.id == id).map(|it| it.was_taken_back);
    for line in plan.report.breaks.iter().filter(|line| taken_back(&line.id) != Some(false)) {
        let (known, is_tolerated) = (plan.known.get(&line.id), plan.within_tolerance.contains(&line.id));
        let subject = plan.differences.get(&line.id).map(|difference| difference.subject.clone()).unwrap_or_default();
        let stored = StoredBreak {
            id: line.id.clone(),
            amount: line.amount,
            aside: line.set_aside,
            since: line.since,
            provider: order.provider.clone(),
            subject,
            kind: line.kind,
            state: line.state,
            account: line.account.clone(),
            ours: line.ours.clone(),
            theirs: line.theirs.clone(),
            proposal: line.proposal.clone(),
            owner: line.owner.clone(),
            reason: if is_tolerated { Some(WITHIN_TOLERANCE.to_owned()) } else { known.and_then(|known| known.reason.clone()) },
            first_run: known.map_or(run, |known| &known.first_run).clone(),
            last_run: run.clone(),
        };
        match known {
            Some(_) if taken_back(&line.id).is_some() => acts.push((line.id.clone(), BOOKING_TAKEN_BACK)),
            Some(known) if *known == stored => continue,
            Some(known) if known.state != stored.state && !is_tolerated => acts.push((line.id.clone(), "opened again")),
            Some(_) => {}
            None => acts.push((line.id.clone(), "found")),
        }
        if is_tolerated {
            acts.push((line.id.clone(), WITHIN_TOLERANCE));
        }
        stored.write(&mut rows);
    }
    // What is found no more has closed itself.
    for known in plan.known.values().filter(|known| known.state.waits() && !plan.differences.contains_key(&known.id)) {
        // What waits on 1290 goes back when the run is applied; until then the break stays.
        if known.aside.is_zero() || order.depth == Depth::Apply {
            let aside = Money::zero(known.aside.currency());
            StoredBreak { state: BreakState::Resolved, owner: None, aside, last_run: run.clone(), ..known.clone() }.write(&mut rows);
            if taken_back(&known.id).is_some() {
                acts.push((known.id.clone(), BOOKING_TAKEN_BACK));
            }
            acts.push((known.id.clone(), "closed itself"));
        }
    }
    tx.upsert_rows(&rows).await?;
    add_acts(tx, &acts, order.at, "system", None, Some(run)).await
}

/// Remembers what was done, after what was done before.
pub(super) async fn add_acts(
    tx: &mut Tx,
    acts: &[(String, &str)],
    at: DateTime<Utc>,
    actor: &str,
    approved_by: Option<&str>,
    reason: Option<&str>,
) -> Result<(), ReconcileError> {
    let ids = Value::texts(acts.iter().map(|(id, _)| id.as_str()));
    let mut last = BTreeMap::new();
    for row in tx.fetch_all(&reconcile::LAST_ACTS, &[ids]).await? {
        last.insert(row.text_at(0)?, row.int_at(1)?);
    }
    let mut rows = Columns::of(&reconcile::BREAK_ACTS);
    for (id, act) in acts {
        let number = last.entry(id.clone()).or_default();
        *number += 1;
        rows.row().text(id).int(*number).int(at.timestamp_micros()).text(act).text(actor).opt_text(approved_by).opt_text(reason);
    }
    tx.insert_rows(&rows).await?;
    Ok(())
}

/// Posts the payouts that the bank has or has given back, what is set aside, and what is booked no more.
async fn post(tx: &mut Tx, order: &Order, plan: &Plan) -> Result<(), ReconcileError> {
    let mut days: BTreeMap<NaiveDate, Vec<Booking>> = BTreeMap::new();
    let mut receipts = Columns::of(&reconcile::RECEIPTS);
    let at = order.at.timestamp_micros();
    let places = |payout: &'_ Payout| [(RECEIVED, payout.on_bank.clone()), (RETURNED, payout.returned.clone())];
    for (payout, (what, place)) in plan.bank.payouts.iter().flat_map(|payout| places(payout).map(|place| (payout, place))) {
        let Some((account, id)) = place.filter(|place| !place.was_known).map(|place| place.line) else { continue };
        let Some(line) = plan.bank.lines.iter().find(|line| line.account == account && line.id == id) else { continue };
        let on = line.booked_on;
        receipts.row().text(&order.provider).text(&payout.id).text(what).int(at).text(&account).text(&id).text("system");
        let (payout, amount, bank_account, bank_line) = (payout.id.clone(), payout.amount, account, id);
        days.entry(on).or_default().push(match what {
            RECEIVED => Booking::PayoutReceived { payout, amount, bank_account, bank_line, on },
            _ => Booking::PayoutReturned { payout, amount, bank_account, bank_line, on },
        });
    }
    tx.insert_rows(&receipts).await?;
    for booking in plan.bookings()? {
        days.entry(booking.on()).or_default().push(booking);
    }
    if days.is_empty() {
        return Ok(());
    }
    let mut book = Book::lock(tx, &order.provider).await?;
    for (on, bookings) in days {
        // What differs may go back and forth on one day: the same run may post once more.
        let cause = format!("reconcile:{}:{on}:{}", plan.report.run, book.next_seq());
        let posted = Posted { kind: "reconcile", cause: &cause, at: order.at, actor: &order.actor, reason: None };
        book.record(on, &posted, bookings, vec![format!("RC-1, RC-2: run {} through {}", plan.report.run, order.through)])?;
    }
    book.save(tx).await?;
    Ok(())
}

/// The id of the break of a line of the bank.
pub(super) fn of_bank_line(provider: &str, account: &str, line: &str) -> String {
    break_id(provider, &format!("bank:{account}/{line}"))
}
