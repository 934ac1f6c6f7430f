//! The one settlement function of charges (PV-6): a provider's answer, its look-up and its events all end here, any number of
//! times. What follows a decline is in [`super::dunning`], refunds are in [`super::refunds`].

use chrono::{DateTime, TimeDelta, Utc};

use super::super::account::{Account, AttemptState, Charge, CorrectionState, NoteReason, Purpose};
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::super::subscription::{Command, State, Term};
use super::super::terms::Effective;
use super::billing::invoice_id;
use super::cancel::{Ending, with_given};
use super::receipts::Paid;
use super::{Draft, Planned, Refusal};

/// Look-ups without a final answer after which the account is parked (I9).
pub const LOOKUPS_MAX: u32 = 14;
/// First wait before a look-up, in seconds; doubled each time.
pub const LOOKUP_WAIT_SECONDS: i64 = 60;

/// The task, and the reason for parking, where the provider moved another amount than asked for (F49).
pub const AMOUNT_MISMATCH: &str = "amount_mismatch";

/// What is known of a call that moves money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The money moved.
    Succeeded {
        /// The provider's id of the money object.
        reference: String,
    },
    /// Money moved, but another amount than asked for (F49, F50): what came is booked, and the account is parked.
    Mismatch {
        /// The provider's id of the money object.
        reference: String,
        /// What moved.
        moved: Money,
    },
    /// A definite no.
    Declined {
        /// The code.
        code: String,
        /// PD-2: no retry without a new payment method.
        hard: bool,
    },
    /// The provider knows of no such call, and the key is used up: nothing moved, and only a new attempt can.
    NeverHappened,
    /// Not known (PV-2).
    Unknown,
}

/// What a captured amount paid.
#[derive(Debug)]
struct Allocation {
    invoices: Vec<(String, Money)>,
    costs: Vec<(String, Money)>,
    unapplied: Money,
}

impl Account {
    /// Whether the capture of a charge touches nothing but its own invoice and its running subscription, so that a batch need not
    /// load the account's history to settle it.
    #[must_use]
    pub fn is_ordinary_capture(&self, charge: &str) -> bool {
        let Some(charge) = self.charges.get(charge) else { return false };
        let Some(invoice) = self.invoices.get(&charge.invoice) else { return false };
        let running = |subscription: &super::super::account::Subscription| {
            matches!(subscription.state, State::Active { .. }) && subscription.cancel_requested_on.is_none()
        };
        charge.purpose == Purpose::Period
            && charge.state.in_flight()
            && charge.amount == invoice.open
            && !self.profile.carried.is_positive()
            && self.subscriptions.get(&invoice.document.subscription).is_some_and(running)
            && !self.corrections.values().any(|correction| correction.state == CorrectionState::Open)
    }
}

impl Draft<'_> {
    /// Settles a charge.
    pub fn settle_charge(&mut self, id: &str, settlement: &Settlement) -> Planned {
        let charge = self.account.charges.get(id).cloned().ok_or_else(|| self.no_object("charge", id))?;
        match (charge.state, settlement) {
            (AttemptState::Succeeded, _) => Ok(()),
            (AttemptState::Failed | AttemptState::Abandoned, Settlement::Declined { .. } | Settlement::Unknown) => Ok(()),
            (_, Settlement::Succeeded { reference }) => self.captured(&charge, reference),
            (_, Settlement::Mismatch { reference, moved }) => self.mismatched(&charge, reference, *moved),
            (_, Settlement::Declined { code, hard }) => self.declined(&charge, code, *hard),
            (AttemptState::Failed | AttemptState::Abandoned, Settlement::NeverHappened) => Ok(()),
            (_, Settlement::NeverHappened) => self.never_happened(&charge),
            (_, Settlement::Unknown) => self.unknown(&charge),
        }
    }

    /// A stored failure is not "try again" under the same key; a look-up that found nothing makes a new attempt safe (F06).
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

    /// When the outcome of a call is looked up next.
    pub(super) fn look_up_at(&self, lookups: u32) -> DateTime<Utc> {
        let seconds = LOOKUP_WAIT_SECONDS.saturating_mul(1_i64.checked_shl(lookups).unwrap_or(i64::MAX).max(1));
        self.context.now.checked_add_signed(TimeDelta::seconds(seconds)).unwrap_or(self.context.now)
    }

    fn captured(&mut self, charge: &Charge, reference: &str) -> Planned {
        let unapplied = self.book_capture(charge, reference, charge.amount)?;
        if unapplied.is_positive() {
            self.return_unapplied(charge, unapplied)?;
        }
        self.after_capture(charge)
    }

    /// F49, F50: what came is booked; what is missing stays open; a person looks at it before anything else moves.
    fn mismatched(&mut self, charge: &Charge, reference: &str, moved: Money) -> Planned {
        let reason = format!("charge {} was for {}, and the provider moved {moved}", charge.id, charge.amount);
        let can_be_booked = moved.currency() == charge.amount.currency() && moved.is_positive();
        self.task(AMOUNT_MISMATCH, &charge.id, Some(moved).filter(|_| can_be_booked))?;
        if !can_be_booked {
            let due_at = self.look_up_at(LOOKUPS_MAX);
            self.emit(Event::ChargeUnknown { charge: charge.id.clone(), due_at })?;
            return self.park(AMOUNT_MISMATCH, &reason);
        }
        let unapplied = self.book_capture(charge, reference, moved)?;
        if unapplied.is_positive() {
            self.task("unapplied_payment", &charge.id, Some(unapplied))?;
        }
        self.after_capture(&Charge { amount: moved, ..charge.clone() })?;
        self.park(AMOUNT_MISMATCH, &reason)
    }

    fn book_capture(&mut self, charge: &Charge, reference: &str, amount: Money) -> Planned<Money> {
        let Allocation { invoices, costs, unapplied } = self.allocate(charge, amount)?;
        self.because(format!("{amount} was captured for invoice {}", charge.invoice));
        self.emit(Event::ChargeCaptured {
            charge: charge.id.clone(),
            reference: reference.to_owned(),
            on: self.today,
            applied: invoices,
            costs,
            unapplied,
        })?;
        Ok(unapplied)
    }

    fn after_capture(&mut self, charge: &Charge) -> Planned {
        let id = self.owner(&charge.invoice)?;
        let paid = self.open(&charge.invoice)?.is_zero();
        if paid {
            // Retries that were planned for a later day are not needed any more.
            self.abandon_planned(&charge.invoice)?;
            self.close_task(&format!("tk_dunning_exhausted_{}", charge.invoice))?;
        }
        self.receipt(&id, charge)?;
        if paid {
            self.correction_collected(&charge.invoice)?;
        }
        if charge.purpose == Purpose::Period {
            self.first_or_later_capture(&id, charge)?;
        }
        self.settle_standing(&id)?;
        self.cancel_if_requested(&id)
    }

    /// PD-4: the invoice that it is for, then carried ones, oldest first, then collection costs.
    fn allocate(&self, charge: &Charge, amount: Money) -> Planned<Allocation> {
        let mut rest = amount;
        let (mut invoices, mut costs) = (Vec::new(), Vec::new());
        let mut owed: Vec<_> = self
            .account
            .invoices
            .values()
            .filter(|invoice| invoice.open.is_positive() && (invoice.document.id == charge.invoice || invoice.carried))
            .map(|invoice| (invoice.document.id != charge.invoice, invoice.document.issued_on, &invoice.document.id, invoice.open))
            .collect();
        owed.sort_by(|left, right| (left.0, left.1, left.2).cmp(&(right.0, right.1, right.2)));
        for (_, _, id, open) in owed {
            let part = rest.at_most(open)?;
            if part.is_positive() {
                invoices.push((id.clone(), part));
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
        Ok(Allocation { invoices, costs, unapplied: rest })
    }

    /// F69: money for which nothing is owed goes back by itself; a person is told, because it should not have been captured.
    fn return_unapplied(&mut self, charge: &Charge, amount: Money) -> Planned {
        self.because(format!("nothing is owed for {amount} of charge {}: it is given back", charge.id));
        self.task("unapplied_payment", &charge.id, Some(amount))?;
        let (id, invoice) = (charge.id.clone(), charge.invoice.clone());
        self.emit(Event::UnappliedReturned { charge: id, invoice, amount, on: self.today })?;
        self.request_payout(&charge.id, &charge.invoice, amount, "unapplied")
    }

    /// The subscription that an invoice bills.
    pub fn owner(&self, invoice: &str) -> Planned<SubscriptionId> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        Ok(row.document.subscription.clone())
    }

    /// Withdraws charges of an invoice that have not been sent.
    pub fn abandon_planned(&mut self, invoice: &str) -> Planned {
        self.abandon_all_planned(|charge| charge.invoice == invoice)
    }

    fn first_or_later_capture(&mut self, id: &SubscriptionId, charge: &Charge) -> Planned {
        let subscription = self.subscription(id)?;
        let State::Pending { term } = &subscription.state else { return Ok(()) };
        let invoice = invoice_id(id, term.number, term.period_no);
        if invoice != charge.invoice {
            return Ok(());
        }
        match subscription.cancel_requested_on {
            Some(on) => self.undo_cancelled_while_pending(id, &term.clone(), on),
            None => self.activate(id),
        }
    }

    /// LC-3: cancelled while pending, and it captured after all.
    fn undo_cancelled_while_pending(&mut self, id: &SubscriptionId, term: &Term, on: chrono::NaiveDate) -> Planned {
        self.because("LC-3: cancelled while pending: the whole charge is refunded, for no service was given");
        let facts = self.facts(id)?;
        self.release_promotion(id)?;
        let invoice = invoice_id(id, term.number, term.period_no);
        let given = self.undo_invoice(&invoice, term.period.start, NoteReason::CancelledWhilePending)?;
        self.command(id, &Command::Cancel { effective: Effective::AtOnce, on })?;
        let data = NoticeData { ended_on: Some(on), ..facts };
        self.confirm(id, Ending::Customer, with_given(data, &given)?);
        self.pay_out_credit_if_last()
    }

    /// CA-4: a cancellation that waited for the charge is carried out, counted from when it was asked for.
    pub fn cancel_if_requested(&mut self, id: &SubscriptionId) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let subscription = self.subscription(id)?;
        let Some(on) = subscription.cancel_requested_on else { return Ok(()) };
        let state = &subscription.state;
        let waits = matches!(state, State::Pending { .. }) || state.term().is_some_and(|term| self.charge_in_flight(id, term).is_some());
        if waits { Ok(()) } else { self.cancel_on(id, on, Ending::Customer) }
    }

    /// RE-4: a receipt for each successful payment, once: of what moved, and of all that it paid.
    fn receipt(&mut self, id: &SubscriptionId, charge: &Charge) -> Planned {
        if charge.purpose == Purpose::Correction {
            return Ok(());
        }
        let Paid { moved, parts } = self.paid_by(charge)?;
        let facts = self.invoice_facts(&charge.invoice)?;
        let data = NoticeData { charged_minor: Some(moved.minor()), paid_parts: parts, ..facts };
        self.notify(NoticeKind::ReceiptPayment, &charge.id, Some(id), data);
        Ok(())
    }

    /// RE-4: the receipt of an invoice for which nothing had to be collected.
    pub(super) fn receipt_of_nothing(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        let invoice = invoice_id(id, term.number, term.period_no);
        let data = NoticeData { charged_minor: Some(0), ..self.invoice_facts(&invoice)? };
        self.notify(NoticeKind::ReceiptPayment, &invoice, Some(id), data);
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
            invoice_number: self.number_of(invoice),
            owed_minor: Some(row.open.minor()).filter(|minor| *minor != 0),
            transaction_on: Some(self.today),
            ..self.facts(&document.subscription)?
        })
    }

    fn correction_collected(&mut self, invoice: &str) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        let amount = correction.open_net.plus(correction.open_tax)?;
        self.emit(Event::CorrectionClosed { id: correction.id.clone(), state: CorrectionState::Done })?;
        self.correction_receipt(invoice, CorrectionOutcome::Charged, amount, &correction.id)
    }
}
