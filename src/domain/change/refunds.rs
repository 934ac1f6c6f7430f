//! What became of payouts (RF-4): settled, refused, or come back later (F62).

use super::super::account::{AttemptState, Refund};
use super::super::event::Event;
use super::super::money::Money;
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::attempts::may_go_on;
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
                self.task(PAID_AFTER_ALL, id, Some(refund.amount))?;
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

    /// PV-5: a person has seen at the provider that a refund which was given up was paid out after all. It is booked for what was asked
    /// for: in place of the refund that was asked for after it, or out of the account credit that it had become. What is not there any
    /// more nobody owed (1290), and is a task.
    pub fn refund_was_paid(&mut self, id: &str, reference: &str, replacement: Option<Replacement>) -> Planned {
        self.operator("refund-paid")?;
        let refund = self.account.refunds.get(id).cloned().ok_or_else(|| self.no_object("refund", id))?;
        if !matches!(refund.state, AttemptState::Failed | AttemptState::Abandoned) {
            return Err(Refusal::NotGivenUp { refund: id.to_owned() });
        }
        let known = self.account.refunds.values().find(|other| other.reference.as_deref() == Some(reference));
        if let Some(known) = known {
            return Err(Refusal::ReferenceKnown { reference: reference.to_owned(), refund: known.id.clone() });
        }
        let (taken_over, from_credit) = self.what_stands_for(&refund, replacement)?;
        let excess = refund.amount.minus(taken_over)?.minus(from_credit)?;
        self.because(format!("PV-5: the provider has paid refund {id} out as {reference}, after it was given up"));
        let (of, due_at) = (id.to_owned(), self.context.now);
        self.emit(Event::RefundReopened { refund: of, taken_over, from_credit, due_at })?;
        if excess.is_positive() {
            self.because(format!("F49: {excess} of it was not owed any more"));
            self.task(AMOUNT_MISMATCH, id, Some(excess.negated()?))?;
        }
        let short = Some(excess.negated()?).filter(|_| excess.is_positive());
        self.refund_paid(&refund, reference, short)?;
        self.close_task(&format!("tk_{PAID_AFTER_ALL}_{id}"))?;
        self.close_task(&format!("tk_refund_failed_{id}"))?;
        self.credit_to_pay_out(self.account.profile.credit_cash)
    }

    /// What is owed for a refund that was given up: by the one that took its place, and as account credit.
    fn what_stands_for(&mut self, refund: &Refund, replacement: Option<Replacement>) -> Planned<(Money, Money)> {
        let zero = self.account.zero();
        let credit = refund.amount.at_most(self.account.profile.credit_cash)?;
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
            (Some((id, _)), None) => Err(Refusal::ReplacementOpen { refund: refund.id.clone(), replacement: id.clone() }),
            (Some((id, _)), Some(Replacement::NotMade)) => {
                self.because(format!("PV-5: refund {id}, which was asked for in its place, is withdrawn"));
                self.emit(Event::RefundAbandoned { refund: id.clone() })?;
                Ok((refund.amount, zero))
            }
            (Some(_), Some(Replacement::Made)) => Ok((zero, zero)),
            (None, _) if after.iter().any(|(_, state)| *state == AttemptState::Failed) => Ok((zero, credit)),
            (None, _) => Ok((zero, zero)),
        }
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

    /// RF-4: the provider refused: the amount becomes account credit and an operator task; it is never lost.
    fn refund_failed(&mut self, refund: &Refund, code: &str, after_success: bool, reference: Option<&String>) -> Planned {
        let id = &refund.id;
        self.because(format!("RF-4: the refund failed ({code}): {} becomes account credit", refund.amount));
        let (code, reference) = (code.to_owned(), reference.cloned());
        self.emit(Event::RefundFailed { refund: id.clone(), code, on: self.today, after_success, reference })?;
        self.task("refund_failed", id, Some(refund.amount))?;
        let subscription = self.owner(&refund.invoice)?;
        let reason = "a refund could not be paid out to the payment method";
        self.tell_of_credit(&subscription, id, refund.amount, reason)
    }
}
