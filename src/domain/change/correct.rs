//! Putting wrong payments right within the window (CO-1 to CO-4).

use chrono::NaiveDate;

use super::super::account::{AttemptState, Correction, CorrectionState, NoteReason};
use super::super::calendar::{plus_days, start_of_day};
use super::super::correction::{CorrectionAction, assess};
use super::super::event::{Event, Reversal};
use super::super::money::Money;
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::super::refund::{Destination, Line, unused_after};
use super::billing::{Collection, tail};
use super::operator::part_of;
use super::{Draft, Planned, Refusal};

/// What the operator reports as right, for one invoice's whole period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correct {
    /// The net fee; tax is computed by the line's rate.
    Net(Money),
    /// The total, tax included.
    Total(Money),
}

/// The difference of a correction, by sign and by part.
#[derive(Debug, Clone, Copy)]
struct Difference {
    charged: Money,
    correct: Money,
    net: Money,
    tax: Money,
}

impl Draft<'_> {
    /// The correction of an invoice that is still open.
    #[must_use]
    pub fn open_correction(&self, invoice: &str) -> Option<Correction> {
        self.account.corrections.values().find(|other| other.invoice == invoice && other.state == CorrectionState::Open).cloned()
    }

    /// CO-2: the transaction date: the last capture, or the issue of an invoice that credit paid.
    fn transaction_on(&self, invoice: &str) -> Planned<NaiveDate> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let captured = self.account.payments.values().filter(|payment| payment.invoice == invoice).map(|payment| payment.captured_on).min();
        Ok(captured.unwrap_or(row.document.issued_on))
    }

    /// CO-2: what the customer keeps paying for, and what that would have cost at the correct price.
    fn difference(&self, invoice: &str, correct: Correct) -> Planned<Difference> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let document = &row.document;
        let (correct_net, correct_tax) = match correct {
            Correct::Net(net) => (net, document.rate.of(net)?),
            Correct::Total(total) => {
                let base = document.net.plus(document.tax)?;
                let tax = if base.is_zero() { total.minus(total)? } else { part_of(total, document.tax, base)? };
                (total.minus(tax)?, tax)
            }
        };
        if correct_net.is_negative() || correct_tax.is_negative() {
            return Err(Refusal::BadAmount { what: "the correct amount", max: Money::new(i64::MAX, self.account.profile.currency) });
        }
        // After a cancellation: RF at both prices, so that only the days that were kept count.
        let (kept_net, kept_tax) = match row.ended_on.filter(|last| *last < document.period.last_day()) {
            Some(last) if !self.forfeited(invoice) => {
                let line = Line { net: correct_net, tax: correct_tax, rate: document.rate, period: document.period };
                let parts = unused_after(&line, document.period.days_through(last))?;
                (parts.earned_net, parts.tax_kept)
            }
            _ => (correct_net, correct_tax),
        };
        let charged = row.net.plus(row.tax)?;
        let correct = kept_net.plus(kept_tax)?;
        let (net, tax) = (kept_net.minus(row.net)?, kept_tax.minus(row.tax)?);
        Ok(Difference { charged, correct, net, tax })
    }

    /// Whether a period that ended early kept its whole price (monthly, breach).
    fn forfeited(&self, invoice: &str) -> bool {
        !self.account.notes.values().any(|note| {
            note.invoice == invoice && matches!(note.reason, NoteReason::Cancellation | NoteReason::PlanChange | NoteReason::CancelledUnpaid)
        })
    }

    /// CO: an operator, or reconciliation, reports a wrong payment.
    pub fn correct(&mut self, invoice: &str, correct: Correct) -> Planned {
        self.operator("correct")?;
        self.not_parked()?;
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        if row.pending {
            return Err(Refusal::ChargeInFlight { charge: invoice.to_owned() });
        }
        if let Some(open) = self.open_correction(invoice) {
            return Err(Refusal::CorrectionExists { correction: open.id, invoice: invoice.to_owned() });
        }
        if let Some(charge) = self.account.charges.values().find(|charge| charge.invoice == invoice && charge.state.in_flight()) {
            return Err(Refusal::ChargeInFlight { charge: charge.id.clone() });
        }
        let id = row.document.subscription.clone();
        let difference = self.difference(invoice, correct)?;
        let transaction_on = self.transaction_on(invoice)?;
        let window = self.terms(&id)?.correction_window_days;
        let assessment = assess(transaction_on, difference.charged, difference.correct, self.today, window)
            .map_err(|error| Refusal::Inconsistent(error.to_string()))?;
        self.because(format!(
            "CO-2: charged {}, correct {}; transaction of {transaction_on}, attempts until {}",
            difference.charged, difference.correct, assessment.last_attempt_on
        ));
        if assessment.action == CorrectionAction::None {
            return Err(Refusal::NothingToCorrect { invoice: invoice.to_owned(), charged: difference.charged });
        }
        let number = self.account.corrections.values().filter(|other| other.invoice == invoice).count().saturating_add(1);
        let correction = format!("co_{}_{number}", tail(invoice));
        self.emit(Event::CorrectionOpened {
            id: correction.clone(),
            invoice: invoice.to_owned(),
            charged: difference.charged,
            correct: difference.correct,
            transaction_on,
            last_attempt_on: assessment.last_attempt_on,
        })?;
        match assessment.action {
            CorrectionAction::Charge => self.charge_difference(&correction, invoice, difference.net, difference.tax),
            CorrectionAction::Waive => {
                self.because("CO-3: the window is over: the undercharge is waived");
                self.emit(Event::CorrectionClosed { id: correction, state: CorrectionState::Waived })
            }
            CorrectionAction::Refund => self.refund_difference(&correction, invoice, difference, Destination::Refund),
            CorrectionAction::Owe => self.refund_difference(&correction, invoice, difference, Destination::Credit),
            CorrectionAction::None => Ok(()),
        }
    }

    fn charge_difference(&mut self, correction: &str, invoice: &str, net: Money, tax: Money) -> Planned {
        let amount = net.plus(tax)?;
        if self.below_minimum(amount) {
            self.because(format!("MO-5: {amount} is below the provider's minimum and is waived at once"));
            return self.emit(Event::CorrectionClosed { id: correction.to_owned(), state: CorrectionState::Waived });
        }
        let zero = self.account.zero();
        self.note(invoice, NoteReason::Undercharge, net, tax, super::Given::nothing(zero))?;
        self.because("the debit note raises the prepayment; recognition catches up");
        self.catch_up(invoice, self.recognised_through(invoice)?, Reversal::Correction)?;
        let due_at = self.tomorrow()?;
        self.emit(Event::CorrectionScheduled { id: correction.to_owned(), open_net: net, open_tax: tax, due_at })?;
        match self.collect_difference(invoice)? {
            Collection::Requested | Collection::Nothing | Collection::Carried | Collection::NoMethod => Ok(()),
        }
    }

    /// The day through which recognition is caught up: today, within the period.
    fn recognised_through(&self, invoice: &str) -> Planned<NaiveDate> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        Ok(self.today.max(row.recognised_through.unwrap_or(self.today)))
    }

    fn refund_difference(&mut self, correction: &str, invoice: &str, difference: Difference, to: Destination) -> Planned {
        let (net, tax) = (difference.net.negated()?, difference.tax.negated()?);
        let given = self.credit_note(invoice, NoteReason::Overcharge, net, tax, to)?;
        self.catch_up(invoice, self.recognised_through(invoice)?, Reversal::Correction)?;
        self.pay_out(given.payout, invoice, "correction")?;
        let credit = given.credit_cash.plus(given.credit_goodwill)?;
        let amount = net.plus(tax)?;
        if to == Destination::Credit {
            self.because("CO-3: the window is over: the overcharge stays owed, as account credit and a finance task");
            self.task("overcharge_owed", correction, Some(amount))?;
            self.emit(Event::CorrectionClosed { id: correction.to_owned(), state: CorrectionState::Owed })?;
            return self.correction_receipt(invoice, CorrectionOutcome::Credited, amount, correction);
        }
        self.emit(Event::CorrectionClosed { id: correction.to_owned(), state: CorrectionState::Done })?;
        if credit.is_positive() {
            self.correction_receipt(invoice, CorrectionOutcome::Credited, credit, correction)?;
        }
        Ok(())
    }

    /// CO-4: a declined correction is tried again while the window is open; it never makes a term past due.
    pub(super) fn correction_declined(&mut self, invoice: &str) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        let due_at = self.tomorrow()?;
        self.because(format!("CO-4: the correction is tried again until {}", correction.last_attempt_on));
        self.emit(Event::CorrectionScheduled { id: correction.id, open_net: correction.open_net, open_tax: correction.open_tax, due_at })
    }

    /// The daily look at open corrections: another attempt inside the window, waived after it (CO-3).
    pub fn run_corrections(&mut self) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let open: Vec<Correction> = self
            .account
            .corrections
            .values()
            .filter(|correction| correction.state == CorrectionState::Open && correction.due_at.is_none_or(|due| due <= self.context.now))
            .cloned()
            .collect();
        for correction in open {
            self.run_correction(&correction)?;
        }
        Ok(())
    }

    fn run_correction(&mut self, correction: &Correction) -> Planned {
        let busy = self.account.charges.values().any(|charge| charge.invoice == correction.invoice && charge.state.in_flight());
        let begun_inside = busy;
        let next = Event::CorrectionScheduled {
            id: correction.id.clone(),
            open_net: correction.open_net,
            open_tax: correction.open_tax,
            due_at: self.next_correction_day(correction)?,
        };
        if begun_inside {
            return self.emit(next);
        }
        if self.today <= correction.last_attempt_on {
            self.collect_difference(&correction.invoice)?;
            return self.emit(next);
        }
        self.because("CO-3: the window is over: the undercharge is written off");
        let (net, tax) = (correction.open_net, correction.open_tax);
        self.credit_note(&correction.invoice, NoteReason::Waived, net, tax, Destination::Refund)?;
        self.catch_up(&correction.invoice, self.recognised_through(&correction.invoice)?, Reversal::Correction)?;
        self.emit(Event::CorrectionClosed { id: correction.id.clone(), state: CorrectionState::Waived })
    }

    /// Attempts follow the dunning days inside the window, then one look on the day after it.
    fn next_correction_day(&self, correction: &Correction) -> Planned<chrono::DateTime<chrono::Utc>> {
        let id = self.owner(&correction.invoice)?;
        let days = &self.terms(&id)?.soft_retry_days;
        let after_window = plus_days(correction.last_attempt_on, 1)?;
        let mut next = after_window;
        for day in days {
            let candidate = plus_days(correction.transaction_on, *day)?;
            if candidate > self.today && candidate < next {
                next = candidate;
            }
        }
        let next = if next <= self.today { plus_days(self.today, 1)? } else { next };
        Ok(start_of_day(next, self.account.profile.zone))
    }

    /// RE-4: a receipt for each correction, once.
    pub(super) fn correction_receipt(&mut self, invoice: &str, outcome: CorrectionOutcome, amount: Money, cause: &str) -> Planned {
        let correction = self.account.corrections.values().rfind(|correction| correction.invoice == invoice).cloned();
        let id = self.owner(invoice)?;
        let data = NoticeData {
            incorrect_minor: correction.as_ref().map(|correction| correction.charged.minor()),
            correct_minor: correction.as_ref().map(|correction| correction.correct.minor()),
            transaction_on: correction.map(|correction| correction.transaction_on),
            difference_minor: Some(amount.minor()),
            correction: Some(outcome),
            ..self.invoice_facts(invoice)?
        };
        self.notify(NoticeKind::ReceiptCorrection, cause, Some(&id), data);
        Ok(())
    }

    /// Whether a charge attempt of this invoice is a correction's and was declined for good.
    #[must_use]
    pub fn has_failed_correction(&self, invoice: &str) -> bool {
        self.account.charges.values().any(|charge| {
            charge.invoice == invoice && charge.state == AttemptState::Failed && charge.purpose == super::super::account::Purpose::Correction
        })
    }
}
