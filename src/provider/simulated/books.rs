//! The money objects that one transaction works on: loaded once, changed in memory, written with a few statements.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::SimulatedError;
use super::rows::{Charge, ChargeState, Dispute, DisputeState, Due, DueKind, Event, EventKind, Refund, RefundState};
use super::schema::{
    CHARGES, DISPUTES, REFUNDS, SIM_CHARGE, SIM_CHARGE_CHANGES, SIM_DISPUTE, SIM_DUE, SIM_EVENT, SIM_REFUND, SIM_REFUND_CHANGES,
    TAKE_NUMBERS,
};
use super::settings::Settings;
use super::story::DISPUTE_DAYS;
use crate::domain::money::{Currency, Money};
use crate::store::db::{Columns, Tx, Value};
use crate::values;

/// What has to be written of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// It is as it was read.
    Kept,
    New,
    Changed,
}

impl Mark {
    /// The mark of a row with this one after a change.
    pub const fn changed(self) -> Self {
        match self {
            Self::New => Self::New,
            Self::Kept | Self::Changed => Self::Changed,
        }
    }
}

/// Rows by the provider's id, with their marks.
type Marked<T> = BTreeMap<String, (T, Mark)>;

/// Money objects with what has changed about them.
#[derive(Debug)]
pub(super) struct Books {
    settings: Settings,
    charges: Marked<Charge>,
    refunds: Marked<Refund>,
    disputes: Marked<Dispute>,
    due: Vec<Due>,
    events: Vec<Event>,
}

impl Books {
    pub fn new(settings: Settings) -> Self {
        Self { settings, charges: Marked::new(), refunds: Marked::new(), disputes: Marked::new(), due: Vec::new(), events: Vec::new() }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Loads charges and locks them until the transaction ends. Who changes a refund or a dispute has locked its charge.
    pub async fn load_charges(&mut self, tx: &mut Tx, references: Vec<String>) -> Result<(), SimulatedError> {
        for row in tx.fetch_all(&CHARGES, &values![Value::TextList(references)]).await? {
            let charge = Charge::read(&row)?;
            self.charges.insert(charge.reference.clone(), (charge, Mark::Kept));
        }
        Ok(())
    }

    /// Loads refunds of charges that are loaded.
    pub async fn load_refunds(&mut self, tx: &mut Tx, references: Vec<String>) -> Result<(), SimulatedError> {
        for row in tx.fetch_all(&REFUNDS, &values![Value::TextList(references)]).await? {
            let refund = Refund::read(&row)?;
            self.refunds.insert(refund.reference.clone(), (refund, Mark::Kept));
        }
        Ok(())
    }

    /// Loads all disputes of the charges that are loaded.
    pub async fn load_disputes(&mut self, tx: &mut Tx) -> Result<(), SimulatedError> {
        let charges = Value::texts(self.charges.keys().cloned());
        for row in tx.fetch_all(&DISPUTES, &values![charges]).await? {
            let dispute = Dispute::read(&row)?;
            self.disputes.insert(dispute.dispute_id.clone(), (dispute, Mark::Kept));
        }
        Ok(())
    }

    pub fn charge(&self, reference: &str) -> Option<&Charge> {
        self.charges.get(reference).map(|(charge, _)| charge)
    }

    pub fn refund(&self, reference: &str) -> Option<&Refund> {
        self.refunds.get(reference).map(|(refund, _)| refund)
    }

    /// The open dispute of a charge.
    pub fn open_dispute_of(&self, reference: &str) -> Option<&Dispute> {
        self.disputes_of(reference).find(|dispute| dispute.state == DisputeState::Open)
    }

    /// The dispute of a charge that was opened last.
    pub fn last_dispute_of(&self, reference: &str) -> Option<&Dispute> {
        self.disputes_of(reference).max_by_key(|dispute| dispute.opened_at)
    }

    fn disputes_of(&self, reference: &str) -> impl Iterator<Item = &Dispute> {
        let disputes = self.disputes.values().map(|(dispute, _)| dispute);
        disputes.filter(move |dispute| dispute.charge_reference == reference)
    }

    /// Adds a charge with the event of its state; `told` says whether the caller hears of it in the answer.
    pub fn add_charge(&mut self, charge: Charge, at: DateTime<Utc>, told: bool) {
        let kind = match charge.state {
            ChargeState::Captured => Some(EventKind::ChargeSucceeded),
            ChargeState::Declined => Some(EventKind::ChargeDeclined),
            ChargeState::Pending => None,
        };
        if let Some(kind) = kind {
            self.tell(kind, None, &charge.reference, at, told);
        }
        self.charges.insert(charge.reference.clone(), (charge, Mark::New));
    }

    /// Ends the waiting of a charge.
    pub fn settle_charge(&mut self, reference: &str, captured: bool, at: DateTime<Utc>) {
        let Some((charge, mark)) = self.charges.get_mut(reference) else { return };
        if charge.state != ChargeState::Pending {
            return;
        }
        (charge.state, charge.settled_at, *mark) = (ChargeState::Captured, Some(at), mark.changed());
        if !captured {
            charge.state = ChargeState::Declined;
            charge.code = Some("insufficient_funds".to_owned());
        }
        let kind = if captured { EventKind::ChargeSucceeded } else { EventKind::ChargeDeclined };
        self.tell(kind, None, reference, at, false);
    }

    /// Adds a refund, whose amount is within the remainder of its charge, with the event of its state.
    pub fn add_refund(&mut self, refund: Refund, at: DateTime<Utc>, told: bool) -> Result<(), SimulatedError> {
        if refund.state != RefundState::Failed
            && let Some((charge, mark)) = self.charges.get_mut(&refund.charge_reference)
        {
            charge.refunded = charge.refunded.plus(charge.money(refund.amount_minor))?;
            *mark = mark.changed();
        }
        let kind = match refund.state {
            RefundState::Succeeded => Some(EventKind::RefundSucceeded),
            RefundState::Failed => Some(EventKind::RefundFailed),
            RefundState::Pending => None,
        };
        if let Some(kind) = kind {
            self.tell(kind, Some(&refund.reference), &refund.charge_reference, at, told);
        }
        self.refunds.insert(refund.reference.clone(), (refund, Mark::New));
        Ok(())
    }

    /// Pays out a refund that was pending.
    pub fn pay_refund(&mut self, reference: &str, at: DateTime<Utc>) {
        let Some((refund, mark)) = self.refunds.get_mut(reference) else { return };
        if refund.state != RefundState::Pending {
            return;
        }
        (refund.state, refund.settled_at, *mark) = (RefundState::Succeeded, Some(at), mark.changed());
        let charge_reference = refund.charge_reference.clone();
        self.tell(EventKind::RefundSucceeded, Some(reference), &charge_reference, at, false);
    }

    /// Has a refund come back that was pending or had even succeeded (F62). Tells whether it did.
    pub fn fail_refund(&mut self, reference: &str, at: DateTime<Utc>) -> Result<bool, SimulatedError> {
        let Some((refund, mark)) = self.refunds.get_mut(reference) else { return Ok(false) };
        if refund.state == RefundState::Failed {
            return Ok(false);
        }
        (refund.state, refund.settled_at, *mark) = (RefundState::Failed, Some(at), mark.changed());
        refund.code = Some("expired_or_canceled_card".to_owned());
        let (charge_reference, amount_minor) = (refund.charge_reference.clone(), refund.amount_minor);
        if let Some((charge, mark)) = self.charges.get_mut(&charge_reference) {
            charge.refunded = charge.refunded.minus(charge.money(amount_minor))?;
            *mark = mark.changed();
        }
        self.tell(EventKind::RefundFailed, Some(reference), &charge_reference, at, false);
        Ok(true)
    }

    /// Takes an amount out of a charge, which must be within its remainder, and gives the id of the dispute.
    pub fn open_dispute(&mut self, reference: &str, amount: Money, at: DateTime<Utc>) -> Result<Option<String>, SimulatedError> {
        let before = self.disputes_of(reference).count();
        let Some((charge, mark)) = self.charges.get_mut(reference) else { return Ok(None) };
        charge.disputed = charge.disputed.plus(amount)?;
        *mark = mark.changed();
        let tag = self.settings.tag("dispute", &format!("{reference} {before}"));
        let dispute = Dispute {
            dispute_id: format!("sim_dp_{}_{tag}", charge.charge_id),
            charge_reference: reference.to_owned(),
            amount_minor: amount.minor(),
            fee_minor: dispute_fee(amount.currency()),
            state: DisputeState::Open,
            opened_at: at,
        };
        let id = dispute.dispute_id.clone();
        self.disputes.insert(id.clone(), (dispute, Mark::New));
        self.tell(EventKind::DisputeOpened, Some(&id), reference, at, false);
        Ok(Some(id))
    }

    /// Decides a dispute. One that was lost can still be won (F61); nothing else changes once it is decided. Tells whether it did.
    pub fn end_dispute(&mut self, dispute_id: &str, won: bool, at: DateTime<Utc>) -> Result<bool, SimulatedError> {
        let Some((dispute, mark)) = self.disputes.get_mut(dispute_id) else { return Ok(false) };
        let is_news = match dispute.state {
            DisputeState::Open => true,
            DisputeState::Lost => won,
            DisputeState::Won => false,
        };
        if !is_news {
            return Ok(false);
        }
        (dispute.state, *mark) = (if won { DisputeState::Won } else { DisputeState::Lost }, mark.changed());
        let (reference, amount_minor) = (dispute.charge_reference.clone(), dispute.amount_minor);
        if won && let Some((charge, mark)) = self.charges.get_mut(&reference) {
            charge.disputed = charge.disputed.minus(charge.money(amount_minor))?;
            *mark = mark.changed();
        }
        let kind = if won { EventKind::DisputeWon } else { EventKind::DisputeLost };
        self.tell(kind, Some(dispute_id), &reference, at, false);
        Ok(true)
    }

    /// Lets something happen by itself some days later.
    pub fn schedule(&mut self, kind: DueKind, subject: &str, charge_reference: &str, after: DateTime<Utc>, days: i64) {
        let at = after + Duration::days(days);
        self.due.push(Due { kind, subject: subject.to_owned(), charge_reference: charge_reference.to_owned(), at });
    }

    /// Makes happen what was scheduled, unless things have gone another way since.
    pub fn happen(&mut self, due: &Due) -> Result<(), SimulatedError> {
        match due.kind {
            DueKind::CaptureCharge => self.settle_charge(&due.subject, true, due.at),
            DueKind::DeclineCharge => self.settle_charge(&due.subject, false, due.at),
            DueKind::PayRefund => self.pay_refund(&due.subject, due.at),
            DueKind::FailRefund => drop(self.fail_refund(&due.subject, due.at)?),
            DueKind::OpenDispute => drop(self.dispute_the_rest(&due.subject, due.at)?),
            DueKind::OpenDisputeToWin | DueKind::OpenDisputeToLose => {
                if let Some(dispute) = self.dispute_the_rest(&due.subject, due.at)? {
                    let to_win = due.kind == DueKind::OpenDisputeToWin;
                    let kind = if to_win { DueKind::WinDispute } else { DueKind::LoseDispute };
                    self.schedule(kind, &dispute, &due.charge_reference, due.at, DISPUTE_DAYS);
                }
            }
            DueKind::WinDispute | DueKind::LoseDispute => {
                // An operator may have decided it before.
                let is_open = self.open_dispute_of(&due.charge_reference).is_some_and(|open| open.dispute_id == due.subject);
                if is_open {
                    self.end_dispute(&due.subject, due.kind == DueKind::WinDispute, due.at)?;
                }
            }
        }
        Ok(())
    }

    /// Disputes what is left of a charge, if anything is and no other dispute is open.
    fn dispute_the_rest(&mut self, reference: &str, at: DateTime<Utc>) -> Result<Option<String>, SimulatedError> {
        if self.open_dispute_of(reference).is_some() {
            return Ok(None);
        }
        let rest = self.charge(reference).map(Charge::remainder).transpose()?.filter(|rest| rest.is_positive());
        rest.map_or(Ok(None), |rest| self.open_dispute(reference, rest, at))
    }

    fn tell(&mut self, kind: EventKind, subject: Option<&str>, charge_reference: &str, at: DateTime<Utc>, told: bool) {
        if self.settings.every_event || !told {
            let (subject, charge_reference) = (subject.map(str::to_owned), charge_reference.to_owned());
            self.events.push(Event { kind, subject, charge_reference, at });
        }
    }

    /// Writes everything that is new or has changed.
    pub async fn save(&self, tx: &mut Tx) -> Result<(), SimulatedError> {
        let (mut new, mut changed) = (Columns::of(&SIM_CHARGE), Columns::only(&SIM_CHARGE, SIM_CHARGE_CHANGES));
        collect(&self.charges, |charge| charge.insert(&mut new), |charge| charge.update(&mut changed));
        tx.insert_rows(&new).await?;
        tx.update_rows(&changed).await?;
        let (mut new, mut changed) = (Columns::of(&SIM_REFUND), Columns::only(&SIM_REFUND, SIM_REFUND_CHANGES));
        collect(&self.refunds, |refund| refund.insert(&mut new), |refund| refund.update(&mut changed));
        tx.insert_rows(&new).await?;
        tx.update_rows(&changed).await?;
        let (mut new, mut changed) = (Columns::of(&SIM_DISPUTE), Columns::of(&SIM_DISPUTE));
        collect(&self.disputes, |dispute| dispute.write(&mut new), |dispute| dispute.write(&mut changed));
        tx.insert_rows(&new).await?;
        tx.update_rows(&changed).await?;
        let mut due = Columns::of(&SIM_DUE);
        self.due.iter().for_each(|row| row.insert(&mut due));
        tx.insert_rows(&due).await?;
        self.save_events(tx).await
    }

    async fn save_events(&self, tx: &mut Tx) -> Result<(), SimulatedError> {
        let Ok(count @ 1..) = i64::try_from(self.events.len()) else { return Ok(()) };
        let last = tx.fetch_one(&TAKE_NUMBERS, &values![count]).await?.int("value")?;
        let mut rows = Columns::of(&SIM_EVENT);
        for (seq, event) in (last - count + 1..).zip(&self.events) {
            let mut cells = rows.row();
            cells.int(seq).text(event.kind.as_str()).opt_text(event.subject.as_deref());
            cells.text(&event.charge_reference).int(event.at.timestamp_micros());
        }
        tx.insert_rows(&rows).await?;
        Ok(())
    }
}

fn collect<T>(marked: &Marked<T>, mut new: impl FnMut(&T), mut changed: impl FnMut(&T)) {
    for (row, mark) in marked.values() {
        match mark {
            Mark::New => new(row),
            Mark::Changed => changed(row),
            Mark::Kept => {}
        }
    }
}

/// What the provider takes for a dispute, in minor units: about 15 dollars.
fn dispute_fee(currency: Currency) -> i64 {
    match currency.code() {
        "JPY" => 1_500,
        "KWD" => 5_000,
        _ => currency.scale().saturating_mul(15),
    }
}
