//! What became of payouts (RF-4): settled, refused, or come back later (F62).

use super::super::account::{AttemptState, Payment, Refund};
use super::super::event::Event;
use super::super::money::{AMOUNT_MINOR_MAX, Money};
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::attempts::may_go_on;
use super::operator::may_be_named;
use super::settle::{AMOUNT_MISMATCH, LOOKUPS_MAX, REFUNDED_TWICE, Settlement};
use super::{Draft, Planned, Refusal};

/// Kind of the task, and code of the parking, where a payout that was given up has been made after all.
pub const PAID_AFTER_ALL: &str = "refund_paid_after_all";

/// What a person has found out about the refund that was asked for in place of one that was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replacement {
    /// The provider does not know it: it is withdrawn.
    NotMade,
    /// It is at the provider as well: it goes on.
    Made,
}

impl Draft<'_> {
    /// Settles a payout.
    pub fn settle_refund(&mut self, id: &str, settlement: &Settlement) -> Planned {
        let refund = self.account.refunds.get(id).cloned().ok_or_else(|| self.no_object("refund", id))?;
        match (refund.state, settlement) {
            (
                AttemptState::Succeeded,
                Settlement::Succeeded { reference } | Settlement::Mismatch { reference, .. } | Settlement::CameBack { reference, .. },
            ) if refund.reference.as_ref().is_some_and(|known| known != reference) => self.refunded_twice(&refund, reference),
            (AttemptState::Succeeded, Settlement::Declined { code, .. }) => self.refund_failed(&refund, code, true, None),
            (AttemptState::Succeeded, Settlement::CameBack { code, reference }) => self.refund_failed(&refund, code, true, Some(reference)),
            // PV-6: an older event of what has come back since.
            (AttemptState::Failed, Settlement::Succeeded { reference } | Settlement::Mismatch { reference, .. })
                if refund.reference.as_ref() == Some(reference) =>
            {
                Ok(())
            }
            // The amount is account credit, or was asked for anew: a person takes one of the two back before anything else moves.
            (
                AttemptState::Failed | AttemptState::Abandoned,
                Settlement::Succeeded { reference } | Settlement::Mismatch { reference, .. },
            ) => {
                let moved = if let Settlement::Mismatch { moved, .. } = settlement { *moved } else { refund.amount };
                self.because(format!("PV-5: the provider says that it paid {moved} out as {reference}"));
                self.task(PAID_AFTER_ALL, id, Some(moved).filter(|moved| moved.currency() == refund.amount.currency()))?;
                self.park(PAID_AFTER_ALL, &format!("refund {id} was given up, and has been paid out after all, as {reference}"))
            }
            (AttemptState::Succeeded | AttemptState::Failed | AttemptState::Abandoned, _) => Ok(()),
            (_, Settlement::Succeeded { reference }) => self.refund_paid(&refund, reference, None),
            (_, Settlement::Mismatch { reference, moved }) => self.refund_mismatched(&refund, reference, *moved),
            (_, Settlement::Declined { code, .. }) => self.refund_failed(&refund, code, false, None),
            (_, Settlement::CameBack { code, reference }) => self.refund_failed(&refund, code, false, Some(reference)),
            (_, Settlement::NeverHappened) => {
                may_go_on(id, refund.lookups)?;
                self.because("PV-2: the look-up found nothing and the key keeps the failure: the attempt is given up for a new one");
                self.refund_anew(&refund, self.look_up_at(refund.lookups), refund.lookups.saturating_add(1))
            }
            (_, Settlement::KeyExpired) => self.refund_key_expired(&refund),
            (_, Settlement::Refused { code }) => self.refund_refused(&refund, code),
            // A payout has no payment method of its own that could keep it from being sent.
            (_, Settlement::Unknown | Settlement::NotSent) => {
                may_go_on(id, refund.lookups)?;
                let due_at = self.look_up_at(refund.lookups);
                self.emit(Event::RefundUnknown { refund: id.to_owned(), due_at })
            }
        }
    }

    /// I4: one payout has two objects at the provider. Nothing else moves, and neither undoes the other, until a person has looked.
    fn refunded_twice(&mut self, refund: &Refund, reference: &str) -> Planned {
        let first = refund.reference.as_deref().unwrap_or("(none)");
        self.task(REFUNDED_TWICE, reference, Some(refund.amount))?;
        self.park(REFUNDED_TWICE, &format!("refund {} is {first} at the provider, and {reference} as well", refund.id))
    }

    /// F49: what moved is booked; the difference is account credit, or waits among the unmatched movements. A person looks at it
    /// before anything else moves.
    fn refund_mismatched(&mut self, refund: &Refund, reference: &str, moved: Money) -> Planned {
        let id = &refund.id;
        let reason = format!("refund {id} was for {}, and the provider moved {moved}", refund.amount);
        if moved.currency() != refund.amount.currency() || !moved.is_positive() {
            self.task(AMOUNT_MISMATCH, id, None)?;
            let due_at = self.look_up_at(LOOKUPS_MAX);
            self.emit(Event::RefundUnknown { refund: id.clone(), due_at })?;
            return self.park(AMOUNT_MISMATCH, &reason);
        }
        let short = refund.amount.minus(moved)?;
        self.because(format!("F49: {} was asked for and {moved} moved", refund.amount));
        self.task(AMOUNT_MISMATCH, id, Some(short))?;
        self.refund_paid(&Refund { amount: moved, ..refund.clone() }, reference, Some(short))?;
        self.park(AMOUNT_MISMATCH, &reason)
    }

    /// PV-5: a person has seen at the provider that a refund which was given up was paid out after all: what was asked for, if `moved`
    /// does not say otherwise. It is booked in place of the refund that was asked for after it, or out of the account credit that it had
    /// become. What is not there any more nobody owed (1290), and is a task.
    pub fn refund_was_paid(&mut self, id: &str, reference: &str, moved: Option<Money>, replacement: Option<Replacement>) -> Planned {
        self.operator("refund-paid")?;
        let refund = self.account.refunds.get(id).cloned().ok_or_else(|| self.no_object("refund", id))?;
        if !matches!(refund.state, AttemptState::Failed | AttemptState::Abandoned) {
            return Err(Refusal::NotGivenUp { refund: id.to_owned() });
        }
        let known = self.account.refunds.values().find(|other| other.reference.as_deref() == Some(reference));
        if let Some(known) = known {
            return Err(Refusal::ReferenceKnown { reference: reference.to_owned(), refund: known.id.clone() });
        }
        let moved = moved.unwrap_or(refund.amount);
        if !may_be_named(moved) {
            return Err(Refusal::BadAmount { what: "the amount that was paid out", max: Money::new(AMOUNT_MINOR_MAX, moved.currency()) });
        }
        let (taken_over, from_credit) = self.what_stands_for(&refund, moved, replacement)?;
        let short = taken_over.plus(from_credit)?.minus(moved)?;
        self.because(format!("PV-5: the provider has paid {moved} of refund {id} out as {reference}, after it was given up"));
        let (of, due_at) = (id.to_owned(), self.context.now);
        self.emit(Event::RefundReopened { refund: of, taken_over, from_credit, due_at })?;
        if short.is_negative() {
            self.because(format!("F49: {} of it was not owed any more", short.negated()?));
        }
        if !short.is_zero() {
            self.task(AMOUNT_MISMATCH, id, Some(short))?;
        }
        let paid = Refund { amount: moved, ..refund.clone() };
        self.refund_paid(&paid, reference, Some(short).filter(|short| !short.is_zero()))?;
        self.close_task(&format!("tk_{PAID_AFTER_ALL}_{id}"))?;
        self.close_task(&format!("tk_refund_failed_{id}"))?;
        self.less_to_pay_out(self.account.profile.credit_cash)
    }

    /// F55: somebody has given money of a charge back at the provider. It has moved, and nobody here owes it: all of it is too much (F49),
    /// until it is got back or given up, or a later refund of the same payment uses it.
    pub fn refund_not_asked_for(&mut self, charge: &str, reference: &str, amount: Money) -> Planned {
        if self.account.refunds.values().any(|refund| refund.reference.as_deref() == Some(reference)) {
            return Ok(());
        }
        let currency = self.account.profile.currency;
        let of_it = self.account.payments.values().filter(|payment| payment.charge == charge);
        let left =
            |payment: &&Payment| payment.amount.minor().saturating_sub(payment.refunded.minor()).saturating_sub(payment.disputed.minor());
        let Some(payment) = of_it.max_by_key(left).filter(|_| amount.currency() == currency && amount.is_positive()).cloned() else {
            return self.task("refund_not_asked_for", reference, Some(amount));
        };
        self.because(format!("F55: refund {reference} of {amount} was made at the provider, and nobody here asked for it"));
        let id = self.request_payout(charge, &payment.invoice, self.account.zero(), "not_asked_for")?;
        let refund = self.account.refunds.get(&id).cloned().ok_or_else(|| self.no_object("refund", &id))?;
        let short = amount.negated()?;
        self.task(AMOUNT_MISMATCH, &id, Some(short))?;
        self.refund_paid(&Refund { amount, ..refund }, reference, Some(short))
    }

    /// What is owed for a refund that was given up: by the one that took its place, and as account credit.
    fn what_stands_for(&mut self, refund: &Refund, moved: Money, replacement: Option<Replacement>) -> Planned<(Money, Money)> {
        let zero = self.account.zero();
        let credit = moved.at_most(refund.amount)?.at_most(self.account.profile.credit_cash)?;
        if refund.state == AttemptState::Failed {
            return Ok((zero, credit));
        }
        let of_it = |other: &&Refund| {
            (&other.charge, &other.invoice, &other.reason) == (&refund.charge, &refund.invoice, &refund.reason)
                && other.amount == refund.amount
                && other.requested_at >= refund.requested_at
                && other.id != refund.id
        };
        let after: Vec<(String, AttemptState)> =
            self.account.refunds.values().filter(of_it).map(|other| (other.id.clone(), other.state)).collect();
        match (after.iter().find(|(_, state)| state.in_flight()), replacement) {
            // It may be on its way at this moment.
            (Some((id, _)), _) if self.account.profile.parked.is_none() => {
                Err(Refusal::ReplacementUnderWay { refund: refund.id.clone(), replacement: id.clone() })
            }
            (Some((id, _)), None) => Err(Refusal::ReplacementOpen { refund: refund.id.clone(), replacement: id.clone() }),
            (Some((id, _)), Some(Replacement::NotMade)) => {
                self.because(format!("PV-5: refund {id}, which was asked for in its place, is withdrawn"));
                self.emit(Event::RefundAbandoned { refund: id.clone() })?;
                Ok((refund.amount, zero))
            }
            (Some(_), Some(Replacement::Made)) => Ok((zero, zero)),
            (None, _) => self.what_failed_stands_for(&after, credit),
        }
    }

    /// Of refunds that took the place of another and failed, the account credit is the other's now, and so is what they had reserved of the
    /// payment.
    fn what_failed_stands_for(&mut self, after: &[(String, AttemptState)], credit: Money) -> Planned<(Money, Money)> {
        let zero = self.account.zero();
        let Some((id, _)) = after.iter().find(|(_, state)| *state == AttemptState::Failed) else { return Ok((zero, zero)) };
        // One that the provider knows has moved, and come back.
        if self.account.refunds.get(id).is_some_and(|failed| failed.reference.is_none()) {
            self.because(format!("PV-5: the credit that refund {id} had become, which was asked for in its place, is taken for it"));
            self.emit(Event::RefundAbandoned { refund: id.clone() })?;
        }
        self.close_task(&format!("tk_refund_failed_{id}"))?;
        Ok((zero, credit))
    }

    /// RE-4: a receipt for each refund, once.
    fn refund_paid(&mut self, refund: &Refund, reference: &str, short: Option<Money>) -> Planned {
        self.emit(Event::RefundSettled { refund: refund.id.clone(), reference: reference.to_owned(), on: self.today, short })?;
        if refund.reason == "correction" {
            return self.correction_receipt(&refund.invoice, CorrectionOutcome::Refunded, refund.amount, &refund.id);
        }
        let data = NoticeData { refund_minor: Some(refund.amount.minor()), ..self.invoice_facts(&refund.invoice)? };
        let subscription = self.owner(&refund.invoice)?;
        self.notify(NoticeKind::ReceiptRefund, &refund.id, Some(&subscription), data);
        Ok(())
    }

    /// RF-4: the provider refused: the amount becomes account credit and an operator task; it is never lost. What it had paid out too much
    /// is nobody's (F49), and closes its own task.
    fn refund_failed(&mut self, refund: &Refund, code: &str, after_success: bool, reference: Option<&String>) -> Planned {
        let id = &refund.id;
        let excess = self.account.excess_of(id)?;
        let owed = refund.amount.minus(excess.sum()?)?;
        self.because(format!("RF-4: the refund failed ({code}): {owed} becomes account credit"));
        if !excess.sum()?.is_zero() {
            self.because(format!("F49: {} of it nobody had asked for", excess.sum()?));
        }
        let (code, reference) = (code.to_owned(), reference.cloned());
        let told = Some(excess).filter(|_| owed != refund.amount);
        self.emit(Event::RefundFailed { refund: id.clone(), code, on: self.today, after_success, reference, excess: told })?;
        self.follow_excess(id, self.account.zero())?;
        if owed.is_zero() {
            return Ok(());
        }
        self.task("refund_failed", id, Some(owed))?;
        let subscription = self.owner(&refund.invoice)?;
        let reason = "a refund could not be paid out to the payment method";
        self.tell_of_credit(&subscription, id, owed, reason)
    }

    /// F49: what refunds of an invoice moved more than was asked for is a part of what is given back now, the earliest first: so much of it
    /// the customer has.
    pub(super) fn apply_excess(&mut self, invoice: &str, most: Money) -> Planned<Money> {
        let mut rest = most;
        let of_it = |refund: &&Refund| refund.invoice == invoice && refund.state == AttemptState::Succeeded && refund.excess.is_positive();
        let refunds: Vec<Refund> = self.account.refunds.values().filter(of_it).cloned().collect();
        for refund in refunds {
            let excess = self.account.excess_of(&refund.id)?;
            let part = rest.at_most(refund.excess)?.at_most(excess.sum()?)?;
            if part.is_zero() {
                continue;
            }
            rest = rest.minus(part)?;
            let amount = part.at_most(excess.open)?;
            let given_up = part.minus(amount)?;
            self.because(format!(
                "F49: {part} of it has been paid out before, by refund {}, which moved more than was asked for",
                refund.id
            ));
            self.emit(Event::ExcessRefundApplied { refund: refund.id.clone(), invoice: invoice.to_owned(), amount, given_up })?;
            self.follow_excess(&refund.id, excess.sum()?.minus(part)?)?;
        }
        Ok(most.minus(rest)?)
    }

    /// The task about what a refund moved too much follows it; one that was closed, because it was written off, stays closed.
    fn follow_excess(&mut self, refund: &str, left: Money) -> Planned {
        let id = format!("tk_{AMOUNT_MISMATCH}_{refund}");
        let Some(task) = self.account.tasks.get(&id) else { return Ok(()) };
        let (was_open, tells) = (task.is_open(), task.amount.is_some_and(Money::is_negative));
        if !tells {
            return Ok(());
        }
        self.task(AMOUNT_MISMATCH, refund, Some(left.negated()?))?;
        if was_open && !left.is_zero() { Ok(()) } else { self.close_task(&id) }
    }
}
