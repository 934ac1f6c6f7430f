//! The one settlement function (PV-6): a provider's answer, its look-up and its events all end here, any number of times.

use super::super::account::{AttemptState, Charge, CorrectionState, NoteReason, Purpose};
use super::super::calendar::{plus_days, start_of_day};
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::super::subscription::{Command, State};
use super::billing::{Collection, invoice_id};
use super::cancel::Ending;
use super::{Draft, Planned, Refusal};

/// Look-ups without a final answer after which the account is parked (I9).
pub const LOOKUPS_MAX: u32 = 14;
/// First wait before a look-up, in seconds; doubled each time.
pub const LOOKUP_WAIT_SECONDS: i64 = 60;

/// What is known of a call that moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The money moved.
    Succeeded {
        /// The provider's id of the money object.
        reference: String,
    },
    /// A definite no.
    Declined {
        /// The code.
        code: String,
        /// PD-2: no retry without a new payment method.
        hard: bool,
    },
    /// The provider moved another amount than was asked for (F49): a person must look.
    Mismatch {
        /// The provider's id of the money object.
        reference: String,
        /// What it moved.
        moved: Money,
    },
    /// The provider knows of no such call, and the key is used up: nothing moved, and only a new attempt can.
    NeverHappened,
    /// Not known (PV-2).
    Unknown,
}

impl Draft<'_> {
    /// Settles a charge.
    pub fn settle_charge(&mut self, id: &str, settlement: &Settlement) -> Planned {
        let charge = self.account.charges.get(id).cloned().ok_or_else(|| self.no_object("charge", id))?;
        match (charge.state, settlement) {
            (AttemptState::Succeeded, _) | (AttemptState::Failed, Settlement::Declined { .. }) => Ok(()),
            (AttemptState::Failed | AttemptState::Abandoned, Settlement::Unknown) => Ok(()),
            (AttemptState::Abandoned, Settlement::Declined { .. }) => Ok(()),
            (_, Settlement::Succeeded { reference }) => self.captured(&charge, reference),
            (_, Settlement::Declined { code, hard }) => self.declined(&charge, code, *hard),
            (AttemptState::Failed | AttemptState::Abandoned, Settlement::NeverHappened) => Ok(()),
            (_, Settlement::NeverHappened) => self.never_happened(&charge),
            (_, Settlement::Unknown) => self.unknown(&charge),
            (_, Settlement::Mismatch { reference, moved }) => Err(mismatch(id, charge.amount, *moved, reference)),
        }
    }

    /// F05, section 1.5 of the providers' facts: a stored failure is not "try again" under the same key; a look-up that
    /// found nothing makes a new attempt safe.
    fn never_happened(&mut self, charge: &Charge) -> Planned {
        self.because("PV-2: the look-up found nothing and the key keeps the failure: the attempt is given up for a new one");
        self.emit(Event::ChargeAbandoned { charge: charge.id.clone() })?;
        let at = self.look_up_at(charge.lookups);
        self.collect_at(&charge.invoice, charge.purpose, at)?;
        Ok(())
    }

    fn unknown(&mut self, charge: &Charge) -> Planned {
        if charge.lookups >= LOOKUPS_MAX {
            return Err(Refusal::Inconsistent(format!("the provider has not said what became of {}", charge.id)));
        }
        let due_at = self.look_up_at(charge.lookups);
        self.because("PV-2: the outcome is unknown: it is looked up before anything else is done");
        self.emit(Event::ChargeUnknown { charge: charge.id.clone(), due_at })
    }

    fn look_up_at(&self, lookups: u32) -> chrono::DateTime<chrono::Utc> {
        let seconds = LOOKUP_WAIT_SECONDS.saturating_mul(1_i64.checked_shl(lookups).unwrap_or(i64::MAX).max(1));
        self.context.now.checked_add_signed(chrono::TimeDelta::seconds(seconds)).unwrap_or(self.context.now)
    }

    fn captured(&mut self, charge: &Charge, reference: &str) -> Planned {
        let (applied, costs, unapplied) = self.allocate(charge)?;
        self.emit(Event::ChargeCaptured {
            charge: charge.id.clone(),
            reference: reference.to_owned(),
            on: self.today,
            applied,
            costs,
            unapplied,
        })?;
        if unapplied.is_positive() {
            self.task("unapplied_payment", &charge.id, Some(unapplied))?;
        }
        self.because(format!("{} was captured for invoice {}", charge.amount, charge.invoice));
        let id = self.owner(&charge.invoice)?;
        self.abandon_others(charge)?;
        self.receipt(&id, charge)?;
        match charge.purpose {
            Purpose::Correction => self.correction_collected(&charge.invoice)?,
            Purpose::Period => self.first_or_later_capture(&id, charge)?,
        }
        self.settle_standing(&id)?;
        self.cancel_if_requested(&id)
    }

    /// PD-4: the invoice that it is for, then carried ones, oldest first, then collection costs.
    #[expect(clippy::type_complexity, reason = "the three parts of one capture, used once")]
    fn allocate(&self, charge: &Charge) -> Planned<(Vec<(String, Money)>, Vec<(String, Money)>, Money)> {
        let mut rest = charge.amount;
        let (mut applied, mut costs) = (Vec::new(), Vec::new());
        let mut owed: Vec<_> = self
            .account
            .invoices
            .values()
            .filter(|invoice| invoice.open.is_positive() && (invoice.document.id == charge.invoice || invoice.carried))
            .map(|invoice| (invoice.document.id != charge.invoice, invoice.document.issued_on, invoice.document.id.clone(), invoice.open))
            .collect();
        owed.sort_by(|left, right| (left.0, left.1, &left.2).cmp(&(right.0, right.1, &right.2)));
        for (_, _, id, open) in owed {
            let part = rest.at_most(open)?;
            if part.is_positive() {
                applied.push((id, part));
                rest = rest.minus(part)?;
            }
        }
        for cost in self.account.costs.values() {
            let part = rest.at_most(cost.open)?;
            if part.is_positive() {
                costs.push((cost.id.clone(), part));
                rest = rest.minus(part)?;
            }
        }
        Ok((applied, costs, rest))
    }

    /// The subscription that an invoice bills.
    pub fn owner(&self, invoice: &str) -> Planned<SubscriptionId> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        Ok(row.document.subscription.clone())
    }

    /// Retries that were planned for a later day are not needed any more once their invoice is paid.
    fn abandon_others(&mut self, charge: &Charge) -> Planned {
        if self.open(&charge.invoice)?.is_positive() {
            return Ok(());
        }
        self.abandon_planned(&charge.invoice)
    }

    /// Withdraws charges that have not been sent.
    pub fn abandon_planned(&mut self, invoice: &str) -> Planned {
        let planned: Vec<String> = self
            .account
            .charges
            .values()
            .filter(|other| other.invoice == invoice && other.state == AttemptState::Requested && other.lookups == 0)
            .filter(|other| other.due_at.is_some_and(|due| due > self.context.now))
            .map(|other| other.id.clone())
            .collect();
        planned.into_iter().try_for_each(|charge| self.emit(Event::ChargeAbandoned { charge }))
    }

    fn first_or_later_capture(&mut self, id: &SubscriptionId, charge: &Charge) -> Planned {
        let subscription = self.subscription(id)?;
        let State::Pending { term } = &subscription.state else { return Ok(()) };
        let (invoice, start) = (invoice_id(id, term.number, term.period_no), term.period.start);
        if invoice != charge.invoice {
            return Ok(());
        }
        if let Some(on) = subscription.cancel_requested_on {
            self.because("LC-3: cancelled while pending: the whole charge is refunded, for no service was given");
            self.undo_invoice(&invoice, start, NoteReason::CancelledWhilePending)?;
            self.command(id, &Command::Cancel { effective: super::super::terms::Effective::AtOnce, on })?;
            return self.pay_out_credit_if_last();
        }
        self.activate(id)
    }

    /// CA-4: a cancellation that waited for the charge is carried out, counted from when it was asked for.
    pub fn cancel_if_requested(&mut self, id: &SubscriptionId) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let Some(on) = self.subscription(id)?.cancel_requested_on else { return Ok(()) };
        let state = &self.subscription(id)?.state;
        let waits = matches!(state, State::Pending { .. }) || state.term().is_some_and(|term| self.charge_in_flight(id, term).is_some());
        if waits { Ok(()) } else { self.cancel_on(id, on, Ending::Customer) }
    }

    /// RE-4: a receipt for each successful payment, once.
    fn receipt(&mut self, id: &SubscriptionId, charge: &Charge) -> Planned {
        if charge.purpose == Purpose::Correction {
            return Ok(());
        }
        let data = NoticeData { charged_minor: Some(charge.amount.minor()), ..self.invoice_facts(&charge.invoice)? };
        self.notify(NoticeKind::ReceiptPayment, &charge.id, Some(id), data);
        Ok(())
    }

    /// The facts of one invoice, for receipts.
    pub fn invoice_facts(&self, invoice: &str) -> Planned<NoticeData> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let document = &row.document;
        let credit = row.credit_cash.plus(row.credit_goodwill)?;
        Ok(NoticeData {
            plan: Some(self.plan_title(&document.plan)),
            period_start: Some(document.period.start),
            period_end: Some(document.period.end),
            net_minor: Some(document.list.minor()),
            promotion_minor: Some(document.discount.minor()).filter(|minor| *minor != 0),
            promotion_code: document.promotion.clone(),
            tax_minor: Some(document.tax.minor()),
            tax_rate: Some(document.rate),
            total_minor: Some(document.net.plus(document.tax)?.minor()),
            credit_applied_minor: Some(credit.minor()).filter(|minor| *minor != 0),
            invoice_number: Some(row.number.clone()),
            owed_minor: Some(row.open.minor()),
            transaction_on: Some(self.today),
            ..self.facts(&document.subscription)?
        })
    }

    fn declined(&mut self, charge: &Charge, code: &str, hard: bool) -> Planned {
        self.because(format!("PD-2: {} was declined ({code}, {})", charge.id, if hard { "hard" } else { "soft" }));
        self.emit(Event::ChargeDeclined { charge: charge.id.clone(), code: code.to_owned(), hard, on: self.today })?;
        if hard {
            self.emit(Event::MethodBlocked { number: charge.method })?;
        }
        let id = self.owner(&charge.invoice)?;
        let pending = matches!(&self.subscription(&id)?.state, State::Pending { term } if invoice_id(&id, term.number, term.period_no) == charge.invoice);
        if pending {
            return self.undo_first_period(&id);
        }
        match charge.purpose {
            Purpose::Correction => self.correction_declined(&charge.invoice),
            Purpose::Period => {
                self.command(&id, &Command::FailPayment { on: self.today })?;
                self.plan_retry(&id, charge, hard)?;
                self.cancel_if_requested(&id)
            }
        }
    }

    /// PD-2: the next retry of a soft decline by the terms' days; a hard one waits for a new payment method.
    fn plan_retry(&mut self, id: &SubscriptionId, charge: &Charge, hard: bool) -> Planned {
        let invoice = self.account.invoices.get(&charge.invoice).ok_or_else(|| self.no_object("invoice", &charge.invoice))?;
        let (first, retries, owed) = (invoice.first_failed_on.unwrap_or(self.today), invoice.retries, invoice.open);
        let days = self.terms(id)?.soft_retry_days.get(usize::try_from(retries).unwrap_or(usize::MAX)).copied();
        let facts = NoticeData { owed_minor: Some(owed.minor()), ..self.invoice_facts(&charge.invoice)? };
        if hard {
            self.notify(NoticeKind::PaymentMethodNeeded, &charge.id, Some(id), facts);
            return Ok(());
        }
        let Some(days) = days else {
            self.because("PD-2: the last retry has failed; the term waits as past due and is listed");
            self.task("dunning_exhausted", &charge.invoice, Some(owed))?;
            self.notify(NoticeKind::PaymentMethodNeeded, &charge.id, Some(id), facts);
            return Ok(());
        };
        let today = self.today.succ_opt().unwrap_or(self.today);
        let retry_on = plus_days(first, days)?.max(today);
        self.because(format!("PD-2: retry {} on {retry_on}, day {days} after the first failure", retries.saturating_add(1)));
        let at = start_of_day(retry_on, self.account.profile.zone);
        if self.collect_at(&charge.invoice, Purpose::Period, at)? == Collection::Requested {
            self.notify(NoticeKind::PaymentFailed, &charge.id, Some(id), NoticeData { retry_on: Some(retry_on), ..facts });
        }
        Ok(())
    }

    /// Settles a payout.
    pub fn settle_refund(&mut self, id: &str, settlement: &Settlement) -> Planned {
        let refund = self.account.refunds.get(id).cloned().ok_or_else(|| self.no_object("refund", id))?;
        match (refund.state, settlement) {
            (AttemptState::Succeeded, Settlement::Declined { code, .. }) => self.refund_failed(id, code, true),
            (AttemptState::Succeeded | AttemptState::Failed, _) => Ok(()),
            (_, Settlement::Succeeded { reference }) => {
                self.emit(Event::RefundSettled { refund: id.to_owned(), reference: reference.clone(), on: self.today })?;
                let data = NoticeData { refund_minor: Some(refund.amount.minor()), ..self.invoice_facts(&refund.invoice)? };
                let subscription = self.owner(&refund.invoice)?;
                if refund.reason == "correction" {
                    self.correction_receipt(&refund.invoice, CorrectionOutcome::Refunded, refund.amount, id)
                } else {
                    self.notify(NoticeKind::ReceiptRefund, id, Some(&subscription), data);
                    Ok(())
                }
            }
            (_, Settlement::Declined { code, .. }) => self.refund_failed(id, code, false),
            (_, Settlement::Mismatch { reference, moved }) => Err(mismatch(id, refund.amount, *moved, reference)),
            (_, Settlement::NeverHappened | Settlement::Unknown) => {
                if refund.lookups >= LOOKUPS_MAX {
                    return Err(Refusal::Inconsistent(format!("the provider has not said what became of {id}")));
                }
                let due_at = self.look_up_at(refund.lookups);
                self.emit(Event::RefundUnknown { refund: id.to_owned(), due_at })
            }
        }
    }

    /// RF-4: the provider refused: the amount becomes account credit and an operator task; it is never lost.
    fn refund_failed(&mut self, id: &str, code: &str, after_success: bool) -> Planned {
        let refund = self.account.refunds.get(id).cloned().ok_or_else(|| self.no_object("refund", id))?;
        self.because(format!("RF-4: the refund failed ({code}): {} becomes account credit", refund.amount));
        self.emit(Event::RefundFailed { refund: id.to_owned(), code: code.to_owned(), on: self.today, after_success })?;
        self.task("refund_failed", id, Some(refund.amount))?;
        let subscription = self.owner(&refund.invoice)?;
        let balance = self.account.profile.credit_cash.plus(self.account.profile.credit_goodwill)?;
        let data = NoticeData {
            credit_minor: Some(refund.amount.minor()),
            credit_balance_minor: Some(balance.minor()),
            reason: Some("a refund could not be paid out to the payment method".to_owned()),
            ..self.facts(&subscription)?
        };
        self.notify(NoticeKind::CreditGranted, id, Some(&subscription), data);
        Ok(())
    }

    fn correction_collected(&mut self, invoice: &str) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        let amount = correction.open_net.plus(correction.open_tax)?;
        self.emit(Event::CorrectionClosed { id: correction.id.clone(), state: CorrectionState::Done })?;
        self.correction_receipt(invoice, CorrectionOutcome::Charged, amount, &correction.id)
    }
}

/// F49: parks the account, for its books and the provider's disagree.
fn mismatch(id: &str, asked: Money, moved: Money, reference: &str) -> Refusal {
    Refusal::Inconsistent(format!("{id} asked for {asked} and the provider moved {moved} ({reference})"))
}
