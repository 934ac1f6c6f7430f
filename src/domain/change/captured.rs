//! PV-5, CO-1: a person has seen at the provider that a captured charge moved another amount than our books have. What the provider says
//! is right: more than booked is the customer's money and stands for nothing yet (2320), less than booked is owed again.

use super::super::account::{AttemptState, Charge, Payment, Purpose, Task};
use super::super::event::Event;
use super::super::money::{AMOUNT_MINOR_MAX, Money, total};
use super::super::subscription::Command;
use super::operator::may_be_named;
use super::{Draft, Planned, Refusal};

/// The task where less was captured than the books had: what it paid is owed again.
const CAPTURED_LESS: &str = "captured_less";

impl Draft<'_> {
    /// PV-5: books a captured charge as having moved `moved`, in the account's currency.
    ///
    /// # Errors
    /// [`Refusal`]: no such charge, not captured, that amount already, or less than has been given back, is disputed or has paid
    /// collection costs.
    pub fn charge_has_captured(&mut self, id: &str, moved: Money) -> Planned {
        self.operator("captured")?;
        let charge = self.account.charges.get(id).cloned().ok_or_else(|| self.no_object("charge", id))?;
        if charge.state != AttemptState::Succeeded {
            return Err(Refusal::NotCaptured { charge: id.to_owned() });
        }
        if !may_be_named(moved) {
            return Err(Refusal::BadAmount { what: "the captured amount", max: Money::new(AMOUNT_MINOR_MAX, moved.currency()) });
        }
        let more = moved.minus(charge.amount)?;
        if more.is_zero() {
            return Err(Refusal::CapturedAlready { charge: id.to_owned(), amount: moved });
        }
        self.because(format!("PV-5: the provider captured {moved} of charge {id}, and the books had {}", charge.amount));
        if more.is_positive() { self.captured_more(&charge, more) } else { self.captured_less(&charge, more.negated()?) }
    }

    fn captured_more(&mut self, charge: &Charge, more: Money) -> Planned {
        let id = charge.id.clone();
        let known = self.account.tasks.get(&format!("tk_{}_{id}", Task::UNAPPLIED)).filter(|task| task.is_open());
        let waits = known.and_then(|task| task.amount).map_or(Ok(more), |amount| amount.plus(more))?;
        self.because(format!("CO-1: {more} of it pays nothing: `kasacare unapplied apply` or `pay-out` settles it"));
        self.emit(Event::CaptureCorrected { charge: id.clone(), unapplied: more, unpaid: Vec::new(), on: self.today })?;
        self.task(Task::UNAPPLIED, &id, Some(waits))
    }

    /// What had paid nothing did not come first; then the newest invoices were not paid, for the oldest are paid first (PD-4).
    fn captured_less(&mut self, charge: &Charge, less: Money) -> Planned {
        let left = self.account.unapplied_payments()?.into_iter().find(|payment| payment.of == charge.id);
        let not_applied = left.map_or(self.account.zero(), |payment| payment.amount).at_most(less)?;
        let mut rest = less.minus(not_applied)?;
        let mut unpaid = Vec::new();
        for invoice in self.newest_paid_by(charge) {
            let part = self.can_be_unpaid(charge, &invoice)?.at_most(rest)?;
            if part.is_positive() {
                rest = rest.minus(part)?;
                unpaid.push((invoice, part));
            }
        }
        if rest.is_positive() {
            return Err(Refusal::CapturedIsSpent { charge: charge.id.clone(), amount: rest });
        }
        let id = charge.id.clone();
        self.emit(Event::CaptureCorrected {
            charge: id.clone(),
            unapplied: not_applied.negated()?,
            unpaid: unpaid.clone(),
            on: self.today,
        })?;
        self.task(CAPTURED_LESS, &id, Some(less))?;
        self.follow_unapplied(&id)?;
        unpaid.into_iter().try_for_each(|(invoice, _)| self.owed_again(charge, invoice))
    }

    fn newest_paid_by(&self, charge: &Charge) -> Vec<String> {
        let issued_on = |payment: &Payment| self.account.invoices.get(&payment.invoice).map(|row| row.document.issued_on);
        let of_it = self.account.payments.values().filter(|payment| payment.charge == charge.id);
        let mut paid: Vec<_> = of_it.map(|payment| (issued_on(payment), payment.invoice.clone())).collect();
        paid.sort();
        paid.into_iter().rev().map(|(_, invoice)| invoice).collect()
    }

    /// As much of a payment as has neither been given back nor is disputed.
    fn can_be_unpaid(&self, charge: &Charge, invoice: &str) -> Planned<Money> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let payment =
            self.account.payments.get(&(charge.id.clone(), invoice.to_owned())).ok_or_else(|| self.no_object("charge", invoice))?;
        let of_payment = payment.amount.minus(total(payment.amount.currency(), [payment.refunded, payment.disputed])?)?;
        let of_invoice = row.captured.minus(total(row.captured.currency(), [row.returned, row.disputed])?)?;
        Ok(of_payment.at_most(of_invoice)?.or_zero())
    }

    /// PD-1, PD-2: what is not paid after all is tried again on the days of the terms, as after a first failure; on a parked account once it
    /// is released. What is too small for that is carried (MO-5). A difference that was collected makes nothing past due (CO-4): its task says
    /// that it is open.
    fn owed_again(&mut self, charge: &Charge, invoice: String) -> Planned {
        if charge.purpose == Purpose::Correction {
            return Ok(());
        }
        let id = self.owner(&invoice)?;
        if self.subscription(&id)?.state.term().is_some() {
            self.command(&id, &Command::FailPayment { on: self.today })?;
        }
        if self.collector_of(&invoice)?.is_none() {
            self.plan_retry(&id, &Charge { invoice, ..charge.clone() }, false)?;
        }
        self.settle_standing(&id)
    }
}
