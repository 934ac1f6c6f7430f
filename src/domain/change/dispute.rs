//! Chargebacks (PD-6): funds are withdrawn, and won back or lost.

use super::super::account::{AttemptState, DisputeState, NoteReason};
use super::super::event::{Event, Given, Reversal};
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::subscription::{Command, State};
use super::billing::invoice_id;
use super::operator::part_of;
use super::{Draft, Planned, Refusal};

impl Draft<'_> {
    /// PD-6: the provider withdrew the disputed amount and a fee; refunds on that payment are frozen.
    pub fn open_dispute(&mut self, id: &str, charge: &str, amount: Money, fee: Money) -> Planned {
        if self.account.disputes.contains_key(id) {
            return Ok(());
        }
        let row = self.account.charges.get(charge).ok_or_else(|| self.no_object("charge", charge))?;
        if row.state != AttemptState::Succeeded {
            return Err(Refusal::Inconsistent(format!("dispute {id} is about charge {charge}, which was not captured")));
        }
        let mut rest = amount;
        let mut applied = Vec::new();
        let mut already_refunded = false;
        for payment in self.account.payments.values().filter(|payment| payment.charge == charge) {
            let left = payment.amount.minus(payment.refunded)?.minus(payment.disputed)?.or_zero();
            already_refunded = already_refunded || payment.refunded.is_positive();
            let part = rest.at_most(left)?;
            if part.is_positive() {
                applied.push((payment.invoice.clone(), part));
                rest = rest.minus(part)?;
            }
        }
        if rest.is_positive() {
            // F60: refunded and disputed: the provider takes more than is left of the payment. A person must contest it.
            self.task("dispute_on_refunded", id, Some(rest))?;
        }
        self.because(format!("PD-6: dispute {id} freezes {} of charge {charge}", amount.minus(rest)?));
        self.emit(Event::DisputeOpened { id: id.to_owned(), charge: charge.to_owned(), applied, fee, on: self.today })?;
        self.task("dispute_evidence", id, Some(amount))
    }

    fn disputed_parts(&self, charge: &str) -> Vec<(String, Money)> {
        self.account
            .payments
            .values()
            .filter(|payment| payment.charge == charge && payment.disputed.is_positive())
            .map(|payment| (payment.invoice.clone(), payment.disputed))
            .collect()
    }

    /// PD-6: the money came back; what was frozen for the customer is paid out now.
    pub fn win_dispute(&mut self, id: &str) -> Planned {
        let dispute = self.account.disputes.get(id).cloned().ok_or_else(|| self.no_object("dispute", id))?;
        if dispute.state != DisputeState::Open {
            return Ok(());
        }
        let applied = self.disputed_parts(&dispute.charge);
        let mut released = Vec::new();
        for (invoice, amount) in &applied {
            let held = self.account.invoices.get(invoice).map_or(self.account.zero(), |row| row.held).at_most(*amount)?;
            if held.is_positive() {
                released.push((invoice.clone(), held));
            }
        }
        self.because("PD-6: the dispute was won: refunds on the payment are possible again");
        self.emit(Event::DisputeWon { id: id.to_owned(), applied, released: released.clone() })?;
        for (invoice, amount) in released {
            self.pay_out(amount, &invoice, "dispute_won")?;
        }
        self.close_task(&format!("tk_dispute_evidence_{id}"))
    }

    /// Closes a task, if it is open.
    pub fn close_task(&mut self, id: &str) -> Planned {
        match self.account.tasks.get(id) {
            Some(task) if task.closed_on.is_none() => self.emit(Event::TaskClosed { id: id.to_owned(), on: self.today }),
            Some(_) | None => Ok(()),
        }
    }

    /// PD-6: the money is gone. A live term ends today without refund, what is unearned is credited against the loss, and
    /// nothing stays owed for it.
    pub fn lose_dispute(&mut self, id: &str) -> Planned {
        let dispute = self.account.disputes.get(id).cloned().ok_or_else(|| self.no_object("dispute", id))?;
        if dispute.state != DisputeState::Open {
            return Ok(());
        }
        self.because("PD-6: the dispute was lost: the money is gone");
        for (invoice, amount) in self.disputed_parts(&dispute.charge) {
            self.lose_on_invoice(&invoice, amount)?;
        }
        self.emit(Event::DisputeLost { id: id.to_owned() })?;
        self.close_task(&format!("tk_dispute_evidence_{id}"))?;
        self.pay_out_credit_if_last()
    }

    fn lose_on_invoice(&mut self, invoice: &str, amount: Money) -> Planned {
        let owner = self.owner(invoice)?;
        self.end_for_dispute(&owner, invoice)?;
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let held_used = row.held.at_most(amount)?;
        let gross = row.net.plus(row.tax)?;
        // What the loss takes of the line itself, and what is still owed on it.
        let from_line = amount.minus(held_used)?.at_most(gross)?;
        let beyond = amount.minus(held_used)?.minus(from_line)?;
        if beyond.is_positive() {
            return Err(Refusal::Inconsistent(format!("dispute of {amount} is more than invoice {invoice} has left")));
        }
        let owed_off = row.open.at_most(gross.minus(from_line)?)?;
        let value = from_line.plus(owed_off)?;
        let tax = part_of(value, row.tax, gross)?.at_most(row.tax)?;
        let net = value.minus(tax)?;
        let zero = self.account.zero();
        let given = Given { owed_off, held_used, lost: amount, ..Given::nothing(zero) };
        self.abandon_planned(invoice)?;
        self.note(invoice, NoteReason::DisputeLost, net, tax, given)?;
        let through = self.today;
        self.catch_up(invoice, through, Reversal::Dispute)
    }

    /// Ends the live term that the disputed invoice pays for.
    fn end_for_dispute(&mut self, id: &SubscriptionId, invoice: &str) -> Planned {
        let state = self.subscription(id)?.state.clone();
        let pays = |state: &State| state.term().is_some_and(|term| invoice_id(id, term.number, term.period_no) == invoice);
        if !pays(&state) {
            return Ok(());
        }
        let data = NoticeData { ended_on: Some(self.today), effective_on: Some(self.today), reason: Some("the payment was disputed".to_owned()), ..self.facts(id)? };
        self.recordings_inaccessible(id, self.today)?;
        self.command(id, &Command::LoseDispute { on: self.today })?;
        self.emit(Event::ServiceEnded { invoice: invoice.to_owned(), on: self.today })?;
        self.notify(NoticeKind::TerminationNotice, &format!("{id}_{}", self.today), Some(id), data);
        Ok(())
    }
}
