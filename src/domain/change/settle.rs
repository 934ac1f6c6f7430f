//! The one settlement function of charges (PV-6): a provider's answer, its look-up and its events all end here, any number of
//! times. What a capture pays is in [`super::paying`], what follows a decline in [`super::dunning`], what is done where there is no
//! answer in [`super::attempts`], and refunds are in [`super::refunds`].

use super::super::account::{Account, AttemptState, Charge, CorrectionState, NoteReason, Purpose, Subscription, Task};
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{CorrectionOutcome, NoticeData, NoticeKind};
use super::super::subscription::{Channel, Command, State, Term};
use super::super::terms::Effective;
use super::billing::invoice_id;
use super::cancel::{Ending, with_given};
use super::paying::Allocation;
use super::receipts::Paid;
use super::{Draft, Planned};

/// Look-ups without a final answer after which the account is parked (I9).
pub const LOOKUPS_MAX: u32 = 14;
/// First wait before a look-up, in seconds; doubled each time, so that the last one comes within twelve days (I9).
pub const LOOKUP_WAIT_SECONDS: i64 = 60;

/// The task, and the reason for parking, where the provider moved another amount than asked for (F49).
pub const AMOUNT_MISMATCH: &str = "amount_mismatch";

/// The task, and the reason for parking, where one attempt moved money twice (I1).
pub const CAPTURED_TWICE: &str = "captured_twice";
/// Kind of the task, and code of the parking, where one payout has two objects at the provider.
pub const REFUNDED_TWICE: &str = "refunded_twice";

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
    /// A payout that the provider had taken on came back, at once or after it had succeeded (F62). That is final: whatever else is told
    /// of the same object is older.
    CameBack {
        /// The provider's id of the payout.
        reference: String,
        /// Why.
        code: String,
    },
    /// The provider knows of no such call, and the key is used up: nothing moved, and only a new attempt can.
    NeverHappened,
    /// The provider refuses the request as such, whoever the customer is: nothing moved, and sent again it would be refused again (F72).
    Refused {
        /// The provider's code.
        code: String,
    },
    /// It was never sent: its payment method is blocked, or is no longer the one on file (PD-2, F68).
    NotSent,
    /// It may have been sent, the provider knows nothing of it, and its key is too old to be sent again (F03).
    KeyExpired,
    /// Not known (PV-2).
    Unknown,
}

impl Account {
    /// Whether the capture of a charge touches nothing but its own invoice and its subscription, so that a batch need not load the
    /// account's history to settle it. Debts that are older, and so paid first (PD-4), are carried, or owed by a subscription that
    /// is behind or over.
    #[must_use]
    pub fn is_ordinary_capture(&self, charge: &str) -> bool {
        let Some(charge) = self.charges.get(charge) else { return false };
        let Some(invoice) = self.invoices.get(&charge.invoice) else { return false };
        let waits = |one: &Subscription| matches!(one.state, State::Active { .. } | State::Pending { .. });
        let owes = |one: &Subscription| {
            one.channel == Channel::Direct && matches!(one.state, State::PastDue { .. } | State::Suspended { .. } | State::Closed { .. })
        };
        let ordinary = |one: &Subscription| !owes(one) && one.cancel_requested_on.is_none();
        charge.purpose == Purpose::Period
            && charge.state.in_flight()
            && charge.amount == invoice.open
            && !self.profile.carried.is_positive()
            && self.subscriptions.get(&invoice.document.subscription).is_some_and(waits)
            && self.subscriptions.values().all(ordinary)
            && !self.corrections.values().any(|correction| correction.state == CorrectionState::Open)
    }
}

impl Draft<'_> {
    /// Settles a charge.
    pub fn settle_charge(&mut self, id: &str, settlement: &Settlement) -> Planned {
        let charge = self.account.charges.get(id).cloned().ok_or_else(|| self.no_object("charge", id))?;
        match (charge.state, settlement) {
            (AttemptState::Succeeded, Settlement::Succeeded { reference } | Settlement::Mismatch { reference, .. })
                if charge.reference.as_ref() != Some(reference) =>
            {
                self.captured_twice(&charge, reference)
            }
            (AttemptState::Succeeded, _) => Ok(()),
            (AttemptState::Failed | AttemptState::Abandoned, Settlement::Declined { .. } | Settlement::Unknown) => Ok(()),
            (_, Settlement::Succeeded { reference }) => self.captured(&charge, reference),
            (_, Settlement::Mismatch { reference, moved }) => self.mismatched(&charge, reference, *moved),
            (_, Settlement::Declined { code, hard }) => self.declined(&charge, code, *hard),
            // Only payouts come back.
            (_, Settlement::CameBack { .. }) => Ok(()),
            (
                AttemptState::Failed | AttemptState::Abandoned,
                Settlement::NeverHappened | Settlement::NotSent | Settlement::KeyExpired | Settlement::Refused { .. },
            ) => Ok(()),
            (_, Settlement::Refused { code }) => self.refused(&charge, code),
            (_, Settlement::NeverHappened) => self.never_happened(&charge),
            (_, Settlement::NotSent) => self.not_sent(&charge),
            (_, Settlement::KeyExpired) => self.key_expired(&charge),
            (_, Settlement::Unknown) => self.unknown(&charge),
        }
    }

    /// I1: one attempt has two objects at the provider that moved money. Nothing else moves until a person has looked.
    fn captured_twice(&mut self, charge: &Charge, reference: &str) -> Planned {
        let first = charge.reference.as_deref().unwrap_or_default();
        self.task(CAPTURED_TWICE, reference, Some(charge.amount))?;
        self.park(CAPTURED_TWICE, &format!("charge {} was captured as {first}, and again as {reference}", charge.id))
    }

    fn captured(&mut self, charge: &Charge, reference: &str) -> Planned {
        let unapplied = self.book_capture(charge, reference, charge.amount)?;
        if unapplied.is_positive() {
            self.return_unapplied(charge, unapplied)?;
        }
        self.pass_on_the_debt(charge)?;
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
            self.task(Task::UNAPPLIED, &charge.id, Some(unapplied))?;
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
        self.receipt(&id, charge)?;
        self.after_payment(charge)?;
        if charge.purpose == Purpose::Period {
            self.first_or_later_capture(&id, charge)?;
        }
        self.settle_standing(&id)?;
        self.cancel_if_requested(&id)
    }

    /// F69: money for which nothing is owed goes back by itself; a person is told, because it should not have been captured.
    fn return_unapplied(&mut self, charge: &Charge, amount: Money) -> Planned {
        self.because(format!("nothing is owed for {amount} of charge {}: it is given back", charge.id));
        self.task(Task::UNAPPLIED, &charge.id, Some(amount))?;
        let (id, invoice) = (charge.id.clone(), charge.invoice.clone());
        self.emit(Event::UnappliedReturned { charge: id, invoice, amount, on: self.today })?;
        self.request_payout(&charge.id, &charge.invoice, amount, "unapplied").map(drop)
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

    /// LC-3: cancelled while pending, and it captured after all, or never will.
    pub(super) fn undo_cancelled_while_pending(&mut self, id: &SubscriptionId, term: &Term, on: chrono::NaiveDate) -> Planned {
        self.because("LC-3: cancelled while pending: the invoice is undone and what was paid goes back, for no service was given");
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

    pub(super) fn correction_collected(&mut self, invoice: &str) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        let amount = correction.open_net.plus(correction.open_tax)?;
        self.emit(Event::CorrectionClosed { id: correction.id.clone(), state: CorrectionState::Done })?;
        self.correction_receipt(invoice, CorrectionOutcome::Charged, amount, &correction.id)
    }
}
