//! Events of charges, refunds and disputes.

use chrono::{DateTime, NaiveDate, Utc};

use super::super::account::{Account, AttemptState, Charge, Dispute, DisputeState, Payment, Purpose, Refund};
use super::super::event::{Event, Excess};
use super::super::ledger::LedgerError;
use super::super::money::{Money, total};
use super::missing;

impl Account {
    pub(super) fn apply_charges(&mut self, event: &Event, at: DateTime<Utc>) -> Result<(), LedgerError> {
        match event {
            Event::ChargeRequested { charge } => {
                self.charges.insert(charge.id.clone(), charge.row(at));
                self.invoice_mut(&charge.invoice)?.attempts = charge.attempt;
            }
            Event::ChargeUnknown { charge, due_at } => {
                let charge = self.charge_mut(charge)?;
                charge.state = AttemptState::Unknown;
                charge.due_at = Some(*due_at);
                charge.lookups = charge.lookups.saturating_add(1);
            }
            Event::ChargeCaptured { charge, reference, on, applied, costs, unapplied } => {
                let came = total(self.profile.currency, applied.iter().chain(costs).map(|(_, amount)| *amount))?.plus(*unapplied)?;
                let row = self.charge_mut(charge)?;
                // PV-5: what came wins; what was asked for is in the request.
                row.amount = came;
                row.state = AttemptState::Succeeded;
                row.reference = Some(reference.clone());
                row.settled_on = Some(*on);
                row.due_at = None;
                for (id, amount) in applied {
                    self.pay(charge, id, *amount, *on)?;
                }
                costs.iter().try_for_each(|(id, amount)| self.settle_cost(id, *amount))?;
            }
            Event::CaptureCorrected { charge, unapplied, unpaid, .. } => self.correct_capture(charge, *unapplied, unpaid)?,
            Event::UnappliedApplied { charge, applied, costs, on } => {
                applied.iter().try_for_each(|(id, amount)| self.pay(charge, id, *amount, *on))?;
                costs.iter().try_for_each(|(id, amount)| self.settle_cost(id, *amount))?;
            }
            Event::UnappliedReturned { charge, invoice, amount, on } => self.give_back_unapplied(charge, invoice, *amount, *on)?,
            Event::ChargeDeclined { charge, code, on, .. } => {
                let row = self.charge_mut(charge)?;
                row.state = AttemptState::Failed;
                row.code = Some(code.clone());
                row.settled_on = Some(*on);
                row.due_at = None;
                let (id, retry) = (row.invoice.clone(), row.purpose == Purpose::Period);
                let invoice = self.invoice_mut(&id)?;
                if retry {
                    invoice.retries = if invoice.first_failed_on.is_some() { invoice.retries.saturating_add(1) } else { 0 };
                    invoice.first_failed_on = invoice.first_failed_on.or(Some(*on));
                }
            }
            Event::ChargeAbandoned { charge } => {
                let charge = self.charge_mut(charge)?;
                charge.state = AttemptState::Abandoned;
                charge.due_at = None;
            }
            _ => {}
        }
        Ok(())
    }

    /// A recharged cost was paid or forgiven.
    pub(super) fn settle_cost(&mut self, id: &str, amount: Money) -> Result<(), LedgerError> {
        let cost = self.costs.get_mut(id).ok_or_else(|| missing(id))?;
        cost.open = cost.open.minus(amount)?;
        self.profile.carried = self.profile.carried.minus(amount)?;
        Ok(())
    }

    fn charge_mut(&mut self, id: &str) -> Result<&mut Charge, LedgerError> {
        self.charges.get_mut(id).ok_or_else(|| missing(id))
    }

    fn pay(&mut self, charge: &str, id: &str, amount: Money, on: NaiveDate) -> Result<(), LedgerError> {
        let invoice = self.invoice_mut(id)?;
        invoice.captured = invoice.captured.plus(amount)?;
        invoice.first_failed_on = None;
        invoice.retries = 0;
        self.settle(id, amount)?;
        self.paid_more(charge, id, amount, on)
    }

    /// More of a charge's money is a payment of an invoice.
    fn paid_more(&mut self, charge: &str, id: &str, amount: Money, on: NaiveDate) -> Result<(), LedgerError> {
        let zero = self.zero();
        let key = (charge.to_owned(), id.to_owned());
        if let Some(payment) = self.payments.get_mut(&key) {
            payment.amount = payment.amount.plus(amount)?;
        } else {
            let payment =
                Payment { charge: charge.to_owned(), invoice: id.to_owned(), amount, refunded: zero, disputed: zero, captured_on: on };
            self.payments.insert(key, payment);
        }
        Ok(())
    }

    fn correct_capture(&mut self, charge: &str, unapplied: Money, unpaid: &[(String, Money)]) -> Result<(), LedgerError> {
        let row = self.charge_mut(charge)?;
        row.amount = row.amount.plus(unapplied)?;
        for (id, amount) in unpaid {
            let row = self.charge_mut(charge)?;
            row.amount = row.amount.minus(*amount)?;
            let payment = self.payment_mut(charge, id)?;
            payment.amount = payment.amount.minus(*amount)?;
            let invoice = self.invoice_mut(id)?;
            invoice.captured = invoice.captured.minus(*amount)?;
            self.settle(id, amount.negated()?)?;
        }
        Ok(())
    }

    fn give_back_unapplied(&mut self, charge: &str, id: &str, amount: Money, on: NaiveDate) -> Result<(), LedgerError> {
        let invoice = self.invoice_mut(id)?;
        invoice.captured = invoice.captured.plus(amount)?;
        invoice.returned = invoice.returned.plus(amount)?;
        self.paid_more(charge, id, amount, on)
    }

    fn payment_mut(&mut self, charge: &str, invoice: &str) -> Result<&mut Payment, LedgerError> {
        self.payments.get_mut(&(charge.to_owned(), invoice.to_owned())).ok_or_else(|| missing(charge))
    }

    pub(super) fn apply_refunds(&mut self, event: &Event, at: DateTime<Utc>) -> Result<(), LedgerError> {
        match event {
            Event::RefundRequested { id, charge, invoice, amount, reason, due_at, lookups } => {
                let payment = self.payment_mut(charge, invoice)?;
                payment.refunded = payment.refunded.plus(*amount)?;
                let refund = Refund {
                    id: id.clone(),
                    charge: charge.clone(),
                    invoice: invoice.clone(),
                    amount: *amount,
                    excess: self.zero(),
                    reason: reason.clone(),
                    state: AttemptState::Requested,
                    due_at: Some(*due_at),
                    requested_at: at,
                    reference: None,
                    code: None,
                    settled_on: None,
                    lookups: *lookups,
                };
                self.refunds.insert(id.clone(), refund);
            }
            Event::RefundAbandoned { refund } => {
                let refund = self.refund_mut(refund)?;
                refund.state = AttemptState::Abandoned;
                refund.due_at = None;
                let (charge, invoice, amount) = (refund.charge.clone(), refund.invoice.clone(), refund.amount);
                let payment = self.payment_mut(&charge, &invoice)?;
                payment.refunded = payment.refunded.minus(amount)?;
            }
            Event::RefundReopened { refund, taken_over, from_credit, due_at } => self.reopen(refund, *taken_over, *from_credit, *due_at)?,
            Event::RefundUnknown { refund, due_at } => {
                let refund = self.refund_mut(refund)?;
                refund.state = AttemptState::Unknown;
                refund.due_at = Some(*due_at);
                refund.lookups = refund.lookups.saturating_add(1);
            }
            Event::RefundSettled { refund: id, reference, on, short } => {
                let refund = self.refund_mut(id)?;
                refund.state = AttemptState::Succeeded;
                refund.reference = Some(reference.clone());
                refund.settled_on = Some(*on);
                refund.due_at = None;
                if let Some(short) = short {
                    self.moved_otherwise(id, *short)?;
                }
            }
            Event::RefundFailed { refund: id, code, on, reference, excess, .. } => {
                let refund = self.refund_mut(id)?;
                refund.state = AttemptState::Failed;
                refund.code = Some(code.clone());
                refund.settled_on = Some(*on);
                refund.due_at = None;
                if reference.is_some() {
                    refund.reference.clone_from(reference);
                }
                self.came_back(id, *excess)?;
            }
            Event::ExcessRefundApplied { refund, invoice, amount, given_up } => {
                let applied = amount.plus(*given_up)?;
                let refund = self.refund_mut(refund)?;
                refund.excess = refund.excess.minus(applied)?;
                let invoice = self.invoice_mut(invoice)?;
                invoice.returned = invoice.returned.minus(applied)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What was the customer's is account credit. For that the payment stays reserved: its money was given back, and this card refused it
    /// once. For the excess (F49) it is not.
    fn came_back(&mut self, id: &str, excess: Option<Excess>) -> Result<(), LedgerError> {
        let zero = self.zero();
        let not_owed = excess.map_or(Ok(zero), Excess::sum)?;
        let refund = self.refund_mut(id)?;
        let reserved = std::mem::replace(&mut refund.excess, not_owed);
        let (charge, invoice, owed) = (refund.charge.clone(), refund.invoice.clone(), refund.owed()?);
        let payment = self.payment_mut(&charge, &invoice)?;
        payment.refunded = payment.refunded.minus(reserved)?;
        let invoice = self.invoice_mut(&invoice)?;
        invoice.returned = invoice.returned.minus(reserved)?;
        self.profile.credit_cash = self.profile.credit_cash.plus(owed)?;
        Ok(())
    }

    /// Of a refund that was given up, as much is on its way as is owed for it again.
    fn reopen(&mut self, id: &str, taken_over: Money, from_credit: Money, due_at: DateTime<Utc>) -> Result<(), LedgerError> {
        let reopened = taken_over.plus(from_credit)?;
        let refund = self.refund_mut(id)?;
        let (before, asked) = (refund.state, refund.owed()?);
        (refund.state, refund.amount, refund.due_at) = (AttemptState::Unknown, reopened, Some(due_at));
        refund.excess = Money::zero(reopened.currency());
        (refund.code, refund.settled_on) = (None, None);
        let (charge, invoice) = (refund.charge.clone(), refund.invoice.clone());
        let payment = self.payment_mut(&charge, &invoice)?;
        // The payment of one that failed has stayed reserved.
        payment.refunded = if before == AttemptState::Failed {
            payment.refunded.minus(asked.minus(reopened)?)?
        } else {
            let left = payment.amount.minus(payment.refunded)?.minus(payment.disputed)?.or_zero();
            payment.refunded.plus(reopened.at_most(left)?)?
        };
        self.profile.credit_cash = self.profile.credit_cash.minus(from_credit)?;
        Ok(())
    }

    /// The provider moved another amount than asked for. What is missing is account credit, and the payment can give it back again;
    /// of what is too much the payment gave as much as it had.
    fn moved_otherwise(&mut self, id: &str, short: Money) -> Result<(), LedgerError> {
        let refund = self.refund_mut(id)?;
        refund.amount = refund.amount.minus(short)?;
        let (charge, invoice) = (refund.charge.clone(), refund.invoice.clone());
        let payment = self.payment_mut(&charge, &invoice)?;
        if short.is_positive() {
            payment.refunded = payment.refunded.minus(short)?;
            self.profile.credit_cash = self.profile.credit_cash.plus(short)?;
            return Ok(());
        }
        let left = payment.amount.minus(payment.refunded)?.minus(payment.disputed)?.or_zero();
        let more = short.negated()?.at_most(left)?;
        payment.refunded = payment.refunded.plus(more)?;
        self.refund_mut(id)?.excess = more;
        let invoice = self.invoice_mut(&invoice)?;
        invoice.returned = invoice.returned.plus(more)?;
        Ok(())
    }

    fn refund_mut(&mut self, id: &str) -> Result<&mut Refund, LedgerError> {
        self.refunds.get_mut(id).ok_or_else(|| missing(id))
    }

    pub(super) fn apply_disputes(&mut self, event: &Event) -> Result<(), LedgerError> {
        match event {
            Event::DisputeOpened { id, charge, applied, credited, beyond, fee, on } => {
                for (invoice, amount) in applied {
                    let invoice = self.invoice_mut(invoice)?;
                    invoice.disputed = invoice.disputed.plus(*amount)?;
                }
                let mut withdrawn = *beyond;
                for (invoice, amount) in applied.iter().chain(credited) {
                    let payment = self.payment_mut(charge, invoice)?;
                    payment.disputed = payment.disputed.plus(*amount)?;
                    withdrawn = withdrawn.plus(*amount)?;
                }
                // F61: one that is told of in the wrong order is frozen once more; its fee and its first day stay.
                let first = self.disputes.get(id);
                let dispute = Dispute {
                    id: id.clone(),
                    charge: charge.clone(),
                    amount: withdrawn,
                    fee: first.map_or(*fee, |first| first.fee),
                    state: DisputeState::Open,
                    opened_on: first.map_or(*on, |first| first.opened_on),
                };
                self.disputes.insert(id.clone(), dispute);
            }
            Event::DisputeWon { id, applied, credited, released, .. } => {
                let dispute = self.dispute_mut(id)?;
                dispute.state = DisputeState::Won;
                let charge = dispute.charge.clone();
                for (invoice, amount) in applied.iter().chain(credited) {
                    let payment = self.payment_mut(&charge, invoice)?;
                    payment.disputed = payment.disputed.minus(*amount)?;
                }
                for (invoice, amount) in applied {
                    let invoice = self.invoice_mut(invoice)?;
                    invoice.disputed = invoice.disputed.minus(*amount)?;
                }
                for (invoice, amount) in released {
                    let invoice = self.invoice_mut(invoice)?;
                    invoice.held = invoice.held.minus(*amount)?;
                    invoice.returned = invoice.returned.plus(*amount)?;
                }
            }
            Event::DisputeReversed { id, .. } => self.dispute_mut(id)?.state = DisputeState::Won,
            Event::DisputeLost { id, from_credit, .. } => {
                self.profile.credit_cash = self.profile.credit_cash.minus(*from_credit)?;
                self.lose(id)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn dispute_mut(&mut self, id: &str) -> Result<&mut Dispute, LedgerError> {
        self.disputes.get_mut(id).ok_or_else(|| missing(id))
    }

    /// The notes of a lost dispute come first and move its invoices; here what it froze on payments is gone.
    fn lose(&mut self, id: &str) -> Result<(), LedgerError> {
        let dispute = self.dispute_mut(id)?;
        dispute.state = DisputeState::Lost;
        let (charge, mut rest) = (dispute.charge.clone(), dispute.amount);
        for payment in self.payments.values_mut().filter(|payment| payment.charge == charge) {
            let part = payment.disputed.at_most(rest)?;
            payment.refunded = payment.refunded.plus(part)?;
            payment.disputed = payment.disputed.minus(part)?;
            rest = rest.minus(part)?;
        }
        Ok(())
    }
}
