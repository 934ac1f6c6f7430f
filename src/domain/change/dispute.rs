//! Chargebacks (PD-6): funds are withdrawn, and won back or lost.

use std::collections::BTreeMap;

use super::super::account::{AttemptState, Dispute, DisputeState, NoteReason, Purpose, Refund};
use super::super::event::{Event, Given, Reversal};
use super::super::ids::SubscriptionId;
use super::super::money::{Money, total};
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{Destination, Unused};
use super::super::subscription::{Command, State};
use super::super::terms::{ChangeKind, Effective, UnusedValue};
use super::billing::invoice_id;
use super::operator::part_of;
use super::{Draft, Planned, Refusal};

/// Kind of the task where a dispute takes what was given back before it, and how much of that there was.
const ON_REFUNDED: &str = "dispute_on_refunded";

/// Why what was held for a dispute is paid out.
const WON: &str = "dispute_won";

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
        let given_back = self.freeze(id, charge, amount, fee)?;
        if given_back.is_positive() {
            // F60: given back before and disputed now: the provider takes more than is left. A person must contest it.
            self.task(ON_REFUNDED, id, Some(given_back))?;
        }
        self.task("dispute_evidence", id, Some(amount))
    }

    /// Freezes what is left of a charge's payments, and gives how much more was withdrawn, because it had been given back before.
    fn freeze(&mut self, id: &str, charge: &str, amount: Money, fee: Money) -> Planned<Money> {
        let Taken { applied, credited, beyond } = self.left_of(charge, amount)?;
        let given_back = total(beyond.currency(), credited.iter().map(|(_, amount)| *amount))?.plus(beyond)?;
        self.because(format!("PD-6: dispute {id} freezes {} of charge {charge}", amount.minus(beyond)?));
        let (id, charge) = (id.to_owned(), charge.to_owned());
        self.emit(Event::DisputeOpened { id, charge, applied, credited, beyond, fee, on: self.today })?;
        Ok(given_back)
    }

    /// What a dispute of so much takes of what is left of a charge's payments.
    fn left_of(&self, charge: &str, amount: Money) -> Planned<Taken> {
        let mut rest = amount;
        let (mut applied, mut credited) = (Vec::new(), Vec::new());
        for payment in self.account.payments.values().filter(|payment| payment.charge == charge) {
            let left = payment.amount.minus(payment.refunded)?.minus(payment.disputed)?.or_zero();
            let part = rest.at_most(left)?;
            rest = rest.minus(part)?;
            // What the invoice has given back as account credit is not there to be frozen on it.
            let row = self.account.invoices.get(&payment.invoice).ok_or_else(|| self.no_object("invoice", &payment.invoice))?;
            let on_invoice = part.at_most(row.settlement()?.refundable()?)?;
            push(&mut applied, &payment.invoice, on_invoice);
            push(&mut credited, &payment.invoice, part.minus(on_invoice)?);
        }
        Ok(Taken { applied, credited, beyond: rest })
    }

    /// What a dispute that ends had taken: frozen on invoices, of cash that had become account credit, and beyond the payments.
    fn taken(&self, dispute: &Dispute) -> Planned<Taken> {
        let mut rest = dispute.amount;
        let mut frozen: BTreeMap<&str, Money> = BTreeMap::new();
        let mut taken = Taken { applied: Vec::new(), credited: Vec::new(), beyond: rest };
        for payment in self.account.payments.values().filter(|payment| payment.charge == dispute.charge) {
            let part = payment.disputed.at_most(rest)?;
            rest = rest.minus(part)?;
            let on_invoice = self.account.invoices.get(&payment.invoice).map_or(self.account.zero(), |row| row.disputed);
            let left = frozen.entry(&payment.invoice).or_insert(on_invoice);
            let applied = part.at_most(*left)?;
            *left = left.minus(applied)?;
            push(&mut taken.applied, &payment.invoice, applied);
            push(&mut taken.credited, &payment.invoice, part.minus(applied)?);
        }
        Ok(Taken { beyond: rest, ..taken })
    }

    /// RF-3: account credit whose cash is disputed: it pays nothing until the dispute ends. That is what payments have frozen and no
    /// invoice has, and what was withdrawn beyond them, as far as refunds of the payment became credit because they failed.
    pub(super) fn disputed_credit(&self) -> Planned<Money> {
        let (currency, account) = (self.account.profile.currency, &self.account);
        let frozen = total(currency, account.payments.values().map(|payment| payment.disputed))?;
        let mut sum = frozen.minus(total(currency, account.invoices.values().map(|row| row.disputed))?)?;
        let mut withdrawn: BTreeMap<&str, Money> = BTreeMap::new();
        for dispute in account.disputes.values().filter(|dispute| dispute.state == DisputeState::Open) {
            let of_charge = withdrawn.entry(&dispute.charge).or_insert(account.zero());
            *of_charge = of_charge.plus(dispute.amount)?;
        }
        for (charge, amount) in withdrawn {
            let of_it = account.payments.values().filter(|payment| payment.charge == charge);
            let beyond = amount.minus(total(currency, of_it.map(|payment| payment.disputed))?)?.or_zero();
            sum = sum.plus(beyond.at_most(self.failed_refunds(charge)?)?)?;
        }
        Ok(sum.at_most(account.profile.credit_cash)?)
    }

    /// RF-4: what of a payment became account credit because it could not be paid out.
    fn failed_refunds(&self, charge: &str) -> Planned<Money> {
        let failed = self.account.refunds.values().filter(|refund| refund.charge == charge && refund.state == AttemptState::Failed);
        let failed = failed.map(Refund::owed).collect::<Result<Vec<_>, _>>()?;
        Ok(total(self.account.profile.currency, failed)?)
    }

    /// PD-6: the money came back; what was frozen for the customer is paid out now.
    pub fn win_dispute(&mut self, id: &str) -> Planned {
        let dispute = self.account.disputes.get(id).cloned().ok_or_else(|| self.no_object("dispute", id))?;
        match dispute.state {
            DisputeState::Open => {}
            DisputeState::Won => return Ok(()),
            DisputeState::Lost => return self.win_after_all(&dispute),
        }
        let Taken { applied, credited, beyond } = self.taken(&dispute)?;
        let mut released = Vec::new();
        for (invoice, amount) in &applied {
            let held = self.account.invoices.get(invoice).map_or(self.account.zero(), |row| row.held);
            push(&mut released, invoice, held.at_most(*amount)?);
        }
        self.because("PD-6: the dispute was won: refunds on the payment are possible again");
        self.emit(Event::DisputeWon { id: id.to_owned(), applied, credited, beyond, released: released.clone() })?;
        for (invoice, amount) in released {
            self.pay_out(amount, &invoice, WON)?;
        }
        self.close_task(&format!("tk_dispute_evidence_{id}"))?;
        // CP-3: credit that could not be paid out while its cash was disputed.
        self.pay_out_credit_if_last()
    }

    /// F61: the loss was booked and the service ended; the money stands unapplied (2320) until a person says what it pays. It stays
    /// reserved on its payment, so that nothing else gives it back meanwhile.
    fn win_after_all(&mut self, dispute: &Dispute) -> Planned {
        self.because("F61: the dispute was lost before and is won after all: the money waits for a person to say what it pays");
        self.task(Dispute::WON_LATE, &dispute.id, Some(dispute.amount))?;
        self.emit(Event::DisputeReversed { id: dispute.id.clone(), amount: dispute.amount })
    }

    /// F61, F37: that it was lost is told after it was won, and it was lost first: a dispute that is won stays so. The account comes to
    /// where it would be had it been told in order. What was given back since it was opened cannot be frozen again: then a person decides.
    fn lost_before_won(&mut self, dispute: &Dispute) -> Planned {
        if self.account.was_won_late(dispute) {
            return Ok(());
        }
        let given_back_before = self.account.tasks.get(&format!("tk_{ON_REFUNDED}_{}", dispute.id)).and_then(|task| task.amount);
        let frozen_then = dispute.amount.minus(given_back_before.unwrap_or(self.account.zero()))?;
        let now = self.left_of(&dispute.charge, dispute.amount)?;
        let left_now = total(frozen_then.currency(), now.applied.iter().map(|(_, amount)| *amount))?;
        if left_now.minus(frozen_then)?.is_negative() {
            return self.task("dispute_lost_after_won", &dispute.id, Some(dispute.amount));
        }
        self.because("F61: that the dispute had been lost was told after it was won: both are booked, as if told in order");
        self.freeze(&dispute.id, &dispute.charge, dispute.amount, Money::zero(dispute.fee.currency()))?;
        self.lose_dispute(&dispute.id)?;
        self.win_after_all(dispute)
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
        match dispute.state {
            DisputeState::Open => {}
            DisputeState::Lost => return Ok(()),
            DisputeState::Won => return self.lost_before_won(&dispute),
        }
        self.because("PD-6: the dispute was lost: the money is gone");
        let Taken { applied, credited, beyond } = self.taken(&dispute)?;
        for (invoice, amount) in applied {
            self.lose_on_invoice(&dispute.charge, &invoice, amount)?;
        }
        let credited_sum = total(beyond.currency(), credited.iter().map(|(_, amount)| *amount))?;
        let as_credit = credited_sum.plus(beyond.at_most(self.failed_refunds(&dispute.charge)?)?)?;
        let from_credit = as_credit.at_most(self.account.profile.credit_cash)?;
        let loss = credited_sum.plus(beyond)?.minus(from_credit)?;
        if !credited_sum.is_zero() || !beyond.is_zero() {
            self.because(format!("F60: of what was given back before, {from_credit} is still account credit and is taken; {loss} is lost"));
        }
        self.emit(Event::DisputeLost { id: id.to_owned(), credited, from_credit, loss })?;
        self.close_task(&format!("tk_dispute_evidence_{id}"))?;
        self.pay_out_credit_if_last()
    }

    fn lose_on_invoice(&mut self, charge: &str, invoice: &str, amount: Money) -> Planned {
        let owner = self.owner(invoice)?;
        self.recognise_before_document(invoice)?;
        // CO-4: what is corrected, and what becomes of it, does not touch the subscription's state.
        let is_correction = self.account.charges.get(charge).is_some_and(|row| row.purpose == Purpose::Correction);
        let ended = if is_correction { None } else { self.end_for_dispute(&owner, invoice)? };
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
        self.owe_less(invoice)?;
        if let Some(parts) = ended {
            self.credit_undisputed(invoice, &parts)?;
        }
        self.catch_up(invoice, self.through_today(invoice)?, Reversal::Dispute).map(|_| ())
    }

    /// What was unearned when the term ended, and more than the loss took, was paid and not disputed: it is the customer's.
    fn credit_undisputed(&mut self, invoice: &str, parts: &Unused) -> Planned {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let (net, tax) = (row.net.minus(parts.earned_net)?.or_zero(), row.tax.minus(parts.tax_kept)?.or_zero());
        let value = net.plus(tax)?;
        if value.is_positive() {
            self.because(format!("PD-6: {value} was neither used nor disputed, and is credited"));
            self.credit_note(invoice, NoteReason::DisputeLost, net, tax, Destination::Credit)?;
        }
        Ok(())
    }

    /// What is unearned of a live term today, where its terms give that back to who ends it: monthly ones give nothing (RF-5).
    fn unearned_today(&self, id: &SubscriptionId) -> Planned<Option<Unused>> {
        let Some(term) = self.subscription(id)?.state.term() else { return Ok(None) };
        let policy = self.policy(id, ChangeKind::CancelToFree, term.plan.cycle)?;
        if policy.effective == Effective::AtOnce && policy.unused != UnusedValue::None { self.unused_today(id) } else { Ok(None) }
    }

    /// Ends the live term that the disputed invoice pays for. PD-6 says "a live term ends that day"; what is meant is the choice
    /// made here: the term whose present period the lost payment was for. A dispute about an earlier period takes that period's
    /// money and leaves the present one alone, which the customer has paid for and not disputed; whoever does not want such a
    /// customer terminates the subscription (LC-7). Gives what was unearned then.
    fn end_for_dispute(&mut self, id: &SubscriptionId, invoice: &str) -> Planned<Option<Unused>> {
        let state = self.subscription(id)?.state.clone();
        let pays = |state: &State| state.term().is_some_and(|term| invoice_id(id, term.number, term.period_no) == invoice);
        if !pays(&state) {
            return Ok(None);
        }
        let unearned = self.unearned_today(id)?;
        let data = NoticeData {
            ended_on: Some(self.today),
            effective_on: Some(self.today),
            reason: Some("the payment was disputed".to_owned()),
            ..self.facts(id)?
        };
        self.recordings_inaccessible(id, self.today)?;
        self.command(id, &Command::LoseDispute { on: self.today })?;
        self.emit(Event::ServiceEnded { invoice: invoice.to_owned(), on: self.today })?;
        self.notify(NoticeKind::TerminationNotice, &self.cause_now(id), Some(id), data);
        Ok(unearned)
    }
}

/// What one dispute took, by where it was frozen.
struct Taken {
    applied: Vec<(String, Money)>,
    credited: Vec<(String, Money)>,
    beyond: Money,
}

fn push(parts: &mut Vec<(String, Money)>, invoice: &str, amount: Money) {
    if amount.is_positive() {
        parts.push((invoice.to_owned(), amount));
    }
}
