//! What a captured amount pays: the oldest debt first (PD-4), and what becomes of the invoices that it was or was not enough for.

use chrono::{DateTime, NaiveDate, Utc};

use super::super::account::{Charge, Purpose};
use super::super::calendar::{plus_days, start_of_day};
use super::super::money::Money;
use super::super::subscription::Command;
use super::billing::Collection;
use super::{Draft, Planned};

/// What a captured amount paid.
#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) invoices: Vec<(String, Money)>,
    pub(super) costs: Vec<(String, Money)>,
    pub(super) unapplied: Money,
}

/// An invoice that a charge may pay. The order is that in which they are paid.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owed {
    after_the_first: bool,
    issued_on: NaiveDate,
    id: String,
}

impl Draft<'_> {
    /// PD-4: the oldest invoice first, collection costs last. A first charge pays its own invoice first, because nothing is owed
    /// for older ones if it is undone (LC-3); a correction pays nothing else (CO).
    pub(super) fn allocate(&self, charge: &Charge, amount: Money) -> Planned<Allocation> {
        let mut rest = amount;
        let (mut invoices, mut costs) = (Vec::new(), Vec::new());
        for Owed { id, .. } in self.owed_for(charge)? {
            let part = rest.at_most(self.open(&id)?)?;
            if part.is_positive() {
                invoices.push((id, part));
                rest = rest.minus(part)?;
            }
        }
        for cost in self.account.costs.values().filter(|_| charge.purpose == Purpose::Period) {
            let part = rest.at_most(cost.open)?;
            if part.is_positive() {
                costs.push((cost.id.clone(), part));
                rest = rest.minus(part)?;
            }
        }
        Ok(Allocation { invoices, costs, unapplied: rest })
    }

    /// The invoices that a charge may pay, in their order.
    fn owed_for(&self, charge: &Charge) -> Planned<Vec<Owed>> {
        let first = self.account.invoices.get(&charge.invoice).is_some_and(|row| row.pending);
        let mut owed = Vec::new();
        for (id, row) in &self.account.invoices {
            let own = *id == charge.invoice;
            let besides = charge.purpose == Purpose::Period && (row.carried || !first);
            if row.open.is_positive() && (own || (besides && !row.pending && self.waits_for_money(id, charge)?)) {
                owed.push(Owed { after_the_first: first && !own, issued_on: row.document.issued_on, id: id.clone() });
            }
        }
        owed.sort();
        Ok(owed)
    }

    /// Whether no other charge that may have been sent collects an invoice already, and it is not a mere difference, which is
    /// collected apart (CO-2).
    pub(super) fn waits_for_money(&self, invoice: &str, besides: &Charge) -> Planned<bool> {
        for other in self.account.charges.values().filter(|other| other.id != besides.id && self.is_sent(other)) {
            if self.collects(other, invoice)? {
                return Ok(false);
            }
        }
        let carried = self.account.invoices.get(invoice).is_some_and(|row| row.carried);
        Ok(carried || !self.only_a_difference_is_open(invoice)?)
    }

    /// Whether a charge is for an invoice, or includes what was carried of it (MO-5).
    fn collects(&self, charge: &Charge, invoice: &str) -> Planned<bool> {
        if charge.invoice == invoice {
            return Ok(true);
        }
        let carried = self.account.invoices.get(invoice).is_some_and(|row| row.carried);
        Ok(carried && charge.purpose == Purpose::Period && charge.amount.minor() > self.open(&charge.invoice)?.minor())
    }

    /// The charge whose outcome is open that collects an invoice, also one that is planned for a later day.
    pub(super) fn collector_of(&self, invoice: &str) -> Planned<Option<String>> {
        for charge in self.account.charges.values().filter(|charge| charge.state.in_flight()) {
            if self.collects(charge, invoice)? {
                return Ok(Some(charge.id.clone()));
            }
        }
        Ok(None)
    }

    /// The same, of charges that may have been sent.
    pub(super) fn sent_collector_of(&self, invoice: &str) -> Planned<Option<String>> {
        for charge in self.account.charges.values().filter(|charge| self.is_sent(charge)) {
            if self.collects(charge, invoice)? {
                return Ok(Some(charge.id.clone()));
            }
        }
        Ok(None)
    }

    /// The invoices that a charge has paid something of.
    fn invoices_paid_by(&self, charge: &Charge) -> Vec<String> {
        self.account.payments.keys().filter(|(payer, _)| *payer == charge.id).map(|(_, invoice)| invoice.clone()).collect()
    }

    /// PD-4: older debts took what was meant for the charge's own invoice. That one is behind now, and is tried when they would
    /// have been; where nothing was planned for them, as after a first failure.
    pub(super) fn pass_on_the_debt(&mut self, charge: &Charge) -> Planned {
        let paid = self.invoices_paid_by(charge);
        let short = self.open(&charge.invoice)?.is_positive() && paid.iter().any(|invoice| *invoice != charge.invoice);
        if charge.purpose != Purpose::Period || !short || self.collector_of(&charge.invoice)?.is_some() {
            return Ok(());
        }
        let id = self.owner(&charge.invoice)?;
        self.because(format!("PD-4: older invoices were paid first: {} of {} stays open", self.open(&charge.invoice)?, charge.invoice));
        self.command(&id, &Command::FailPayment { on: self.today })?;
        if self.is_suspended(&id) {
            return Ok(());
        }
        let planned = self.planned(|other| paid.contains(&other.invoice)).into_iter().map(|(_, _, due)| due).min();
        let at = match planned {
            Some(due) => due,
            None => self.first_retry(&id)?,
        };
        match self.collect_at(&charge.invoice, Purpose::Period, at)? {
            Collection::NoMethod => self.fell_behind(&id, &charge.invoice),
            Collection::Requested | Collection::Nothing | Collection::Carried => Ok(()),
        }
    }

    fn first_retry(&self, id: &super::SubscriptionId) -> Planned<DateTime<Utc>> {
        let days = self.terms(id)?.soft_retry_days.iter().copied().filter(|days| *days > 0).min().unwrap_or(1);
        Ok(start_of_day(plus_days(self.today, days)?, self.account.profile.zone))
    }

    /// What follows for each invoice that a charge has paid something of, and for its own.
    pub(super) fn after_payment(&mut self, charge: &Charge) -> Planned {
        let mut invoices = self.invoices_paid_by(charge);
        if !invoices.contains(&charge.invoice) {
            invoices.push(charge.invoice.clone());
        }
        for invoice in &invoices {
            if self.open(invoice)?.is_zero() {
                // Retries that were planned for a later day are not needed any more.
                self.abandon_planned(invoice)?;
                self.close_task(&format!("tk_dunning_exhausted_{invoice}"))?;
                self.correction_collected(invoice)?;
            } else if *invoice != charge.invoice {
                self.replan(invoice)?;
            }
        }
        for invoice in invoices.iter().filter(|invoice| **invoice != charge.invoice) {
            self.settle_standing(&self.owner(invoice)?)?;
        }
        self.unlist_what_was_carried()
    }
}
