//! Cash that pays nothing (2320): an operator applies it to what is owed, or pays it out to the payment that it came with. And what
//! a refund moved too much (1290): an operator gives it up.

use super::super::account::{Dispute, DisputeState, Purpose, Task};
use super::super::event::Event;
use super::super::money::{Money, total};
use super::paying::Allocation;
use super::settle::AMOUNT_MISMATCH;
use super::{Draft, Planned, Refusal};

impl Draft<'_> {
    /// PD-4: applies what is unapplied of a payment to what is owed, the oldest invoice first and collection costs last, or to the
    /// one invoice or cost that is named. It moves no money, so it is possible on a parked account, too.
    pub fn apply_unapplied(&mut self, charge: &str, to: Option<&str>, amount: Option<Money>) -> Planned {
        self.operator("unapplied apply")?;
        let left = self.unapplied_of(charge)?;
        let most = within("the amount that is applied", amount, left)?;
        let Allocation { invoices, costs, unapplied: rest } = match to {
            Some(id) => self.allocate_to(id, most)?,
            None => self.allocate_to_all(charge, most)?,
        };
        if invoices.is_empty() && costs.is_empty() {
            return Err(Refusal::NothingToPay);
        }
        if amount.is_some() && rest.is_positive() {
            return Err(Refusal::BadAmount { what: "the amount that is applied", max: most.minus(rest)? });
        }
        self.because(format!("PD-4: {} that had paid nothing is applied to what is owed", most.minus(rest)?));
        let paid: Vec<String> = invoices.iter().map(|(id, _)| id.clone()).collect();
        let charge = charge.to_owned();
        self.emit(Event::UnappliedApplied { charge: charge.clone(), applied: invoices, costs, on: self.today })?;
        for invoice in &paid {
            if self.open(invoice)?.is_zero() {
                self.abandon_planned(invoice)?;
                self.close_task(&format!("tk_dunning_exhausted_{invoice}"))?;
                self.correction_collected(invoice)?;
            }
        }
        self.replan_all()?;
        for invoice in &paid {
            self.settle_standing(&self.owner(invoice)?)?;
        }
        self.unlist_what_was_carried()?;
        self.follow_unapplied(&charge)
    }

    /// RF-4: pays out what is unapplied of a payment, to that payment and up to what it can take back.
    pub fn pay_out_unapplied(&mut self, charge: &str, amount: Option<Money>) -> Planned {
        self.operator("unapplied pay-out")?;
        self.not_parked()?;
        let most = self.unapplied_of(charge)?.at_most(self.can_take_back(charge)?)?;
        let amount = within("the amount that is paid out (RF-4: what the payment can take back)", amount, most)?;
        let row = self.account.charges.get(charge).ok_or_else(|| self.no_object("charge", charge))?;
        let (charge, invoice) = (row.id.clone(), row.invoice.clone());
        self.because(format!("RF-4: {amount} that had paid nothing goes back to the payment that it came with (charge {charge})"));
        self.emit(Event::UnappliedReturned { charge: charge.clone(), invoice: invoice.clone(), amount, on: self.today })?;
        self.request_payout(&charge, &invoice, amount, "unapplied")?;
        self.follow_unapplied(&charge)
    }

    /// PV-5: what a refund moved more than was asked for is given up.
    pub(super) fn write_off_excess(&mut self, refund: &str) -> Planned {
        let excess = self.account.excess_refunds()?.into_iter().find(|excess| excess.of == refund);
        let Some(excess) = excess else { return Err(Refusal::NoExcess { refund: refund.to_owned() }) };
        self.because(format!("F49: {} that refund {refund} moved more than was asked for is given up", excess.amount));
        self.emit(Event::ExcessRefundWrittenOff { refund: refund.to_owned(), amount: excess.amount })?;
        self.close_task(&format!("tk_{AMOUNT_MISMATCH}_{refund}"))
    }

    /// The money that stands behind a task, and the command that settles it: such a task is not closed by word alone.
    pub(super) fn money_behind(&self, task: &Task) -> Planned<Option<(Money, &'static str)>> {
        if !task.is_open() {
            return Ok(None);
        }
        let unapplied = "`kasacare unapplied apply` or `pay-out`";
        let of = match task.kind.as_str() {
            Task::UNAPPLIED => Some(task.subject.as_str()),
            Dispute::WON_LATE => self.account.disputes.get(&task.subject).map(|dispute| dispute.charge.as_str()),
            AMOUNT_MISMATCH => {
                let excess = self.account.excess_refunds()?.into_iter().find(|excess| excess.of == task.subject);
                return Ok(excess.map(|excess| (excess.amount, "`kasacare write-off`")));
            }
            _ => None,
        };
        let payments = self.account.unapplied_payments()?;
        Ok(payments.into_iter().find(|payment| Some(payment.of.as_str()) == of).map(|payment| (payment.amount, unapplied)))
    }

    fn unapplied_of(&self, charge: &str) -> Planned<Money> {
        if !self.account.charges.contains_key(charge) {
            return Err(self.no_object("charge", charge));
        }
        let found = self.account.unapplied_payments()?.into_iter().find(|payment| payment.of == charge);
        found.map(|payment| payment.amount).ok_or_else(|| Refusal::NothingUnapplied { charge: charge.to_owned() })
    }

    /// All that is owed and not being collected: the oldest invoice first, collection costs last.
    fn allocate_to_all(&self, charge: &str, amount: Money) -> Planned<Allocation> {
        let payer = self.account.charges.get(charge).ok_or_else(|| self.no_object("charge", charge))?;
        let mut owed = Vec::new();
        for (id, row) in &self.account.invoices {
            if row.open.is_positive() && !row.pending && self.waits_for_money(id, payer)? {
                owed.push((row.document.issued_on, id.clone()));
            }
        }
        owed.sort();
        let mut rest = amount;
        let (mut invoices, mut costs) = (Vec::new(), Vec::new());
        for (_, id) in owed {
            take(&mut rest, self.open(&id)?, id, &mut invoices)?;
        }
        if self.sent_collector_of_costs()?.is_none() {
            for cost in self.account.costs.values() {
                take(&mut rest, cost.open, cost.id.clone(), &mut costs)?;
            }
        }
        Ok(Allocation { invoices, costs, unapplied: rest })
    }

    /// One invoice or collection cost.
    fn allocate_to(&self, id: &str, amount: Money) -> Planned<Allocation> {
        let mut rest = amount;
        let (mut invoices, mut costs) = (Vec::new(), Vec::new());
        if let Some(cost) = self.account.costs.get(id) {
            if let Some(charge) = self.sent_collector_of_costs()? {
                return Err(Refusal::ChargeInFlight { charge });
            }
            take(&mut rest, cost.open, cost.id.clone(), &mut costs)?;
        } else {
            let open = self.open(id)?;
            if !open.is_positive() {
                return Err(Refusal::NothingOwed { invoice: id.to_owned() });
            }
            if let Some(charge) = self.sent_collector_of(id)? {
                return Err(Refusal::ChargeInFlight { charge });
            }
            take(&mut rest, open, id.to_owned(), &mut invoices)?;
        }
        Ok(Allocation { invoices, costs, unapplied: rest })
    }

    /// The charge that may have been sent and collects collection costs, or what was carried (MO-5), with its period's fee.
    pub(super) fn sent_collector_of_costs(&self) -> Planned<Option<String>> {
        for charge in self.account.charges.values().filter(|charge| self.is_sent(charge) && charge.purpose == Purpose::Period) {
            if charge.amount.minor() > self.open(&charge.invoice)?.minor() {
                return Ok(Some(charge.id.clone()));
            }
        }
        Ok(None)
    }

    /// I4: what the provider captured of a charge, less what it gave back or took for disputes.
    fn can_take_back(&self, charge: &str) -> Planned<Money> {
        let row = self.account.charges.get(charge).ok_or_else(|| self.no_object("charge", charge))?;
        let currency = row.amount.currency();
        let given = self.account.refunds.values().filter(|refund| refund.charge == charge && refund.may_have_moved());
        let disputed = self.account.disputes.values().filter(|dispute| dispute.charge == charge && dispute.state != DisputeState::Won);
        let gone = total(currency, given.map(|refund| refund.amount).chain(disputed.map(|dispute| dispute.amount)))?;
        Ok(row.amount.minus(gone)?.or_zero())
    }

    /// The tasks about a payment's unapplied money follow it: closed when nothing is left, for less when less is.
    pub(super) fn follow_unapplied(&mut self, charge: &str) -> Planned {
        let payments = self.account.unapplied_payments()?;
        let left = payments.iter().find(|payment| payment.of == charge).map_or(self.account.zero(), |payment| payment.amount);
        let about = |task: &&Task| match task.kind.as_str() {
            Task::UNAPPLIED => task.subject == charge,
            Dispute::WON_LATE => self.account.disputes.get(&task.subject).is_some_and(|dispute| dispute.charge == charge),
            _ => false,
        };
        let tasks: Vec<Task> = self.account.tasks.values().filter(|task| task.is_open()).filter(about).cloned().collect();
        for task in tasks {
            let rest = task.amount.map_or(Ok(left), |amount| amount.at_most(left))?;
            if rest.is_zero() { self.close_task(&task.id)? } else { self.task(&task.kind, &task.subject, Some(rest))? }
        }
        Ok(())
    }
}

/// The amount that was named, or all of it; above zero and at most `max`.
fn within(what: &'static str, amount: Option<Money>, max: Money) -> Planned<Money> {
    let amount = amount.unwrap_or(max);
    if amount.is_positive() && amount.minor() <= max.minor() { Ok(amount) } else { Err(Refusal::BadAmount { what, max }) }
}

fn take(rest: &mut Money, open: Money, id: String, parts: &mut Vec<(String, Money)>) -> Planned {
    let part = rest.at_most(open)?;
    if part.is_positive() {
        parts.push((id, part));
        *rest = rest.minus(part)?;
    }
    Ok(())
}
