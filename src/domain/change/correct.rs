//! Putting wrong payments right within the window (CO-1 to CO-4).

use chrono::{DateTime, NaiveDate, Utc};

use super::super::account::{AttemptState, Charge, Correction, CorrectionState, Invoice, NoteReason, Purpose};
use super::super::calendar::{plus_days, start_of_day};
use super::super::correction::{CorrectionAction, assess};
use super::super::event::{Event, Reversal};
use super::super::money::{AMOUNT_MINOR_MAX, Money};
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::super::refund::{Destination, Line, unused_after};
use super::super::tax::split_total;
use super::billing::tail;
use super::operator::part_of;
use super::{Draft, Planned, Refusal};

/// What the operator reports as right, for one invoice's whole period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correct {
    /// The net fee; tax is computed by the line's rate.
    Net(Money),
    /// The total, tax included: net and tax are the ones that the line's rate makes (MO-2).
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

    /// CO-2: the transaction date: the first capture, or the issue of an invoice that credit paid.
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
            Correct::Total(total) => split_total(total, document.rate)?,
        };
        if correct_net.is_negative() || correct_tax.is_negative() || correct_net.plus(correct_tax)?.minor() > AMOUNT_MINOR_MAX {
            return Err(Refusal::BadAmount { what: "the correct amount", max: Money::new(AMOUNT_MINOR_MAX, document.net.currency()) });
        }
        let line = Line { net: correct_net, tax: correct_tax, rate: document.rate, period: document.period };
        let kept = match self.kept(row) {
            Kept::Everything => line,
            Kept::Through(last) => {
                let parts = unused_after(&line, document.period.days_through(last))?;
                Line { net: parts.earned_net, tax: parts.tax_kept, ..line }
            }
            Kept::Nothing => Line { net: self.account.zero(), tax: self.account.zero(), ..line },
        };
        let charged = row.net.plus(row.tax)?;
        let correct = kept.net.plus(kept.tax)?;
        // Roundings may leave the two parts with different signs, which no document can have: then the net part takes it all.
        let gross = correct.minus(charged)?;
        let (net, tax) = (kept.net.minus(row.net)?, kept.tax.minus(row.tax)?);
        let mixed = (net.is_negative() && tax.is_positive()) || (net.is_positive() && tax.is_negative());
        let (net, tax) = if mixed { (gross, self.account.zero()) } else { (net, tax) };
        Ok(Difference { charged, correct, net, tax })
    }

    /// What of a line the customer keeps paying for, after whatever ended its service: RF at both prices (CO-2).
    fn kept(&self, row: &Invoice) -> Kept {
        let ended = row.ended_on.filter(|last| *last < row.document.period.last_day());
        let noted = |reasons: &[NoteReason]| {
            self.account.notes.values().any(|note| note.invoice == row.document.id && reasons.contains(&note.reason))
        };
        if noted(&[NoteReason::FirstChargeDeclined, NoteReason::CancelledWhilePending, NoteReason::OrderCancelled, NoteReason::DisputeLost])
        {
            return Kept::Nothing;
        }
        match ended {
            Some(last) if noted(&[NoteReason::Cancellation, NoteReason::PlanChange, NoteReason::CancelledUnpaid]) => Kept::Through(last),
            // It ran its course, or ended early without anything given back (monthly, breach).
            Some(_) | None => Kept::Everything,
        }
    }

    /// Whether all that is open on an invoice is the difference of a correction, which is collected apart from the period's fee.
    pub(super) fn only_a_difference_is_open(&self, invoice: &str) -> Planned<bool> {
        let Some(correction) = self.open_correction(invoice) else { return Ok(false) };
        Ok(self.open(invoice)?.minor() <= correction.open_net.plus(correction.open_tax)?.minor())
    }

    /// What a credit note takes off the receivable, it takes off a difference that is still to be collected.
    pub(super) fn owe_less(&mut self, invoice: &str) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        let (open, difference) = (self.open(invoice)?, correction.open_net.plus(correction.open_tax)?);
        if open.minor() >= difference.minor() {
            return Ok(());
        }
        if open.is_zero() {
            self.because("CO-2: the credit note settled the difference, too");
            return self.emit(Event::CorrectionClosed { id: correction.id, state: CorrectionState::Done });
        }
        let open_tax = part_of(open, correction.open_tax, difference)?;
        let due_at = self.next_correction_day(&correction)?;
        self.emit(Event::CorrectionScheduled { id: correction.id, open_net: open.minus(open_tax)?, open_tax, due_at })
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
        if let Some(charge) = self.sent_charge(invoice) {
            return Err(Refusal::ChargeInFlight { charge });
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
        let same =
            |other: &&Correction| (&*other.invoice, other.charged, other.correct) == (invoice, difference.charged, difference.correct);
        if let Some(other) = self.account.corrections.values().find(same) {
            return Err(Refusal::CorrectionExists { correction: other.id.clone(), invoice: invoice.to_owned() });
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
        let unpaid = self.open(invoice)?.is_positive();
        self.recognise_before_document(invoice)?;
        self.note(invoice, NoteReason::Undercharge, net, tax, super::Given::nothing(zero))?;
        self.because("the debit note raises the prepayment; recognition catches up");
        self.catch_up(invoice, self.through_today(invoice)?, Reversal::Correction)?;
        let due_at = self.tomorrow()?;
        self.emit(Event::CorrectionScheduled { id: correction.to_owned(), open_net: net, open_tax: tax, due_at })?;
        if unpaid && !self.is_carried(invoice) {
            self.because("PD: the fee itself is unpaid; what collects it collects the difference, too");
            return Ok(());
        }
        self.collect_difference(invoice)
    }

    /// Begins an attempt to collect a difference, unless one is under way, the service is suspended (LC-7), or the rest is too
    /// small to collect. A fee that was too small to be collected alone is collected with it (MO-5); any other fee that is unpaid
    /// takes the difference along when it is collected.
    pub(super) fn collect_difference(&mut self, invoice: &str) -> Planned {
        if self.collector_of(invoice)?.is_some() || self.is_suspended(&self.owner(invoice)?) {
            return Ok(());
        }
        if self.only_a_difference_is_open(invoice)? {
            self.collect(invoice, Purpose::Correction)?;
        } else if self.is_carried(invoice) {
            self.because("MO-5: with the difference the carried fee is large enough to be collected");
            self.collect(invoice, Purpose::Period)?;
        }
        Ok(())
    }

    fn is_carried(&self, invoice: &str) -> bool {
        self.account.invoices.get(invoice).is_some_and(|row| row.carried)
    }

    fn refund_difference(&mut self, correction: &str, invoice: &str, difference: Difference, to: Destination) -> Planned {
        let (net, tax) = (difference.net.negated()?, difference.tax.negated()?);
        self.recognise_before_document(invoice)?;
        let owed = self.open(invoice)?;
        let given = self.credit_note(invoice, NoteReason::Overcharge, net, tax, to)?;
        self.catch_up(invoice, self.through_today(invoice)?, Reversal::Correction)?;
        self.pay_out(given.payout, invoice, "correction")?;
        if owed.is_positive() {
            self.settle_standing(&self.owner(invoice)?)?;
        }
        let credit = given.credit_cash.plus(given.credit_goodwill)?;
        let state = if to == Destination::Credit && credit.is_positive() {
            self.because("CO-3: the window is over: the overcharge stays owed, as account credit and a finance task");
            self.task("overcharge_owed", correction, Some(credit))?;
            CorrectionState::Owed
        } else {
            CorrectionState::Done
        };
        self.emit(Event::CorrectionClosed { id: correction.to_owned(), state })?;
        if credit.is_positive() {
            self.correction_receipt(invoice, CorrectionOutcome::Credited, credit, correction)?;
        }
        if given.owed_off.is_positive() {
            self.correction_receipt(invoice, CorrectionOutcome::OwedLess, given.owed_off, &format!("{correction}_owed"))?;
        }
        // Inside the window the difference is refunded: what credit had paid is paid out where nothing is left that it could pay (CP-3).
        if to == Destination::Refund { self.pay_out_credit_if_last() } else { Ok(()) }
    }

    /// CO-4: a declined correction is tried again while the window is open; it never makes a term past due.
    pub(super) fn correction_declined(&mut self, invoice: &str) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        let due_at = self.next_correction_day(&correction)?;
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
        let invoice = &correction.invoice;
        let difference = correction.open_net.plus(correction.open_tax)?;
        if self.open(invoice)?.is_zero() {
            self.because("CO-2: nothing is open on the invoice any more: the difference was paid");
            return self.emit(Event::CorrectionClosed { id: correction.id.clone(), state: CorrectionState::Done });
        }
        let begun_inside = self.collector_of(invoice)?.is_some() && self.only_a_difference_is_open(invoice)?;
        let in_window = self.today <= correction.last_attempt_on;
        if begun_inside || (in_window && !self.below_minimum(difference)) {
            self.collect_difference(invoice)?;
            let due_at = self.next_correction_day(correction)?;
            let (id, open_net, open_tax) = (correction.id.clone(), correction.open_net, correction.open_tax);
            return self.emit(Event::CorrectionScheduled { id, open_net, open_tax, due_at });
        }
        if self.sent_collector_of(invoice)?.is_some() {
            // The fee itself is being collected: what comes of it is known soon.
            let (id, open_net, open_tax) = (correction.id.clone(), correction.open_net, correction.open_tax);
            return self.emit(Event::CorrectionScheduled { id, open_net, open_tax, due_at: self.tomorrow()? });
        }
        self.waive(correction)
    }

    /// CO-3, MO-5: gives up what is still open of a difference, never more: what was paid of it was right.
    fn waive(&mut self, correction: &Correction) -> Planned {
        let invoice = &correction.invoice;
        self.because("CO-3, MO-5: the window is over, or the rest too small: the undercharge is written off");
        self.recognise_before_document(invoice)?;
        self.emit(Event::CorrectionClosed { id: correction.id.clone(), state: CorrectionState::Waived })?;
        let difference = correction.open_net.plus(correction.open_tax)?;
        let given_up = self.open(invoice)?.at_most(difference)?;
        let tax = part_of(given_up, correction.open_tax, difference)?;
        let given = self.credit_note(invoice, NoteReason::Waived, given_up.minus(tax)?, tax, Destination::Refund)?;
        self.pay_out(given.payout, invoice, "waived")?;
        self.catch_up(invoice, self.through_today(invoice)?, Reversal::Correction)?;
        self.settle_standing(&self.owner(invoice)?)
    }

    /// Attempts follow the dunning days, counted from the first failure of this correction, inside the window; then comes one look
    /// on the day after it.
    fn next_correction_day(&self, correction: &Correction) -> Planned<DateTime<Utc>> {
        let days = &self.terms(&self.owner(&correction.invoice)?)?.soft_retry_days;
        // One correction of an invoice is open at a time, and each begins with its debit note: what failed before was another's.
        let debits = self.account.notes.values().filter(|note| note.invoice == correction.invoice && note.reason.is_debit());
        let opened_on = debits.map(|note| note.issued_on).max().unwrap_or(correction.transaction_on);
        let failed = |charge: &&Charge| {
            charge.invoice == correction.invoice && charge.purpose == Purpose::Correction && charge.state == AttemptState::Failed
        };
        let failures = self.account.charges.values().filter(failed).filter_map(|charge| charge.settled_on);
        let first_failed = failures.filter(|on| *on >= opened_on).min().unwrap_or(self.today);
        let tomorrow = plus_days(self.today, 1)?;
        let mut next = plus_days(correction.last_attempt_on, 1)?.max(tomorrow);
        for day in days {
            let candidate = plus_days(first_failed, *day)?;
            if candidate > self.today && candidate < next {
                next = candidate;
            }
        }
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
            credit_note_number: self
                .last_note(invoice)
                .filter(|_| outcome != CorrectionOutcome::Charged && outcome != CorrectionOutcome::Refunded),
            correction: Some(outcome),
            ..self.invoice_facts(invoice)?
        };
        self.notify(NoticeKind::ReceiptCorrection, cause, Some(&id), data);
        Ok(())
    }
}

/// What of a line the customer keeps paying for.
enum Kept {
    Everything,
    Through(NaiveDate),
    Nothing,
}
