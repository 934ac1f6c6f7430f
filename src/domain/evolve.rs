//! How an event moves the account. The inverse of nothing: events only ever add.
//!
//! Replaying an account's events from its import gives the same rows again; `kasacare check` does just that.

use chrono::{DateTime, Utc};

use super::account::{
    Account, AttemptState, CollectionCost, Correction, CorrectionState, Dispute, DisputeState, Invoice, InvoiceDocument, Method, Payment,
    PriceNotice, RedemptionState, Refund, Subscription,
};
use super::event::{Event, Given};
use super::ids::SubscriptionId;
use super::ledger::LedgerError;
use super::money::Money;
use super::promotion::Redemption;
use super::subscription::{Life, State, evolve};

fn missing(id: &str) -> LedgerError {
    LedgerError::Missing(id.to_owned())
}

impl Account {
    fn invoice_mut(&mut self, id: &str) -> Result<&mut Invoice, LedgerError> {
        self.invoices.get_mut(id).ok_or_else(|| missing(id))
    }

    fn subscription_mut(&mut self, id: &SubscriptionId) -> Result<&mut Subscription, LedgerError> {
        self.subscriptions.get_mut(id).ok_or_else(|| missing(id.as_str()))
    }

    /// Applies one event that was recorded at `at`.
    ///
    /// # Errors
    /// [`LedgerError`] where the event names something the account does not have, or an amount overflows.
    pub fn apply(&mut self, event: &Event, at: DateTime<Utc>) -> Result<(), LedgerError> {
        self.apply_life(event)?;
        self.apply_documents(event)?;
        self.apply_charges(event, at)?;
        self.apply_refunds(event, at)?;
        self.apply_disputes(event)?;
        self.apply_notices(event)
    }

    fn apply_life(&mut self, event: &Event) -> Result<(), LedgerError> {
        match event {
            Event::SubscriptionOpened { id, channel, camera, terms } => {
                self.subscriptions.insert(
                    id.clone(),
                    Subscription {
                        id: id.clone(),
                        channel: *channel,
                        camera: camera.clone(),
                        state: State::Free,
                        promotion: None,
                        terms_version: terms.clone(),
                        cancel_requested_on: None,
                        reminded_for: None,
                        reminded_on: None,
                        price_notices: Vec::new(),
                        due_at: None,
                        remind_at: None,
                    },
                );
            }
            Event::Life { subscription, life } => self.live(subscription, life)?,
            Event::CameraCovered { subscription, camera } => self.subscription_mut(subscription)?.camera.clone_from(camera),
            Event::CancelRequested { subscription, on } => {
                let subscription = self.subscription_mut(subscription)?;
                subscription.cancel_requested_on = subscription.cancel_requested_on.or(Some(*on));
            }
            Event::CameraAdded { camera } => {
                if !self.cameras.contains(camera) {
                    self.cameras.push(camera.clone());
                    self.cameras.sort();
                }
            }
            Event::CameraRemoved { camera } => self.cameras.retain(|other| other != camera),
            Event::PromotionRedeemed { subscription, code } => {
                self.redemptions.insert(code.clone(), RedemptionState { subscription: subscription.clone(), released: false });
                self.subscription_mut(subscription)?.promotion = Some(Redemption::new(code));
            }
            Event::PromotionEnded { subscription, .. } => self.subscription_mut(subscription)?.promotion = None,
            Event::PromotionReleased { code } => {
                self.redemptions.get_mut(code).ok_or_else(|| missing(code))?.released = true;
            }
            Event::MethodReplaced { number, expires_on } => {
                let (token, label) = self.profile.method.take().map_or_else(Default::default, |old| (old.token, old.label));
                self.profile.method = Some(Method { number: *number, token, label, expires_on: *expires_on, blocked: false });
            }
            Event::MethodBlocked { number } => {
                if let Some(method) = self.profile.method.as_mut().filter(|method| method.number == *number) {
                    method.blocked = true;
                }
            }
            Event::AccountParked { parked } => self.profile.parked = Some(parked.clone()),
            Event::AccountReleased => self.profile.parked = None,
            _ => {}
        }
        Ok(())
    }

    fn live(&mut self, id: &SubscriptionId, life: &Life) -> Result<(), LedgerError> {
        let subscription = self.subscriptions.get_mut(id).ok_or_else(|| missing(id.as_str()))?;
        subscription.state = evolve(std::mem::replace(&mut subscription.state, State::Free), life);
        match life {
            Life::Activated => {
                for invoice in self.invoices.values_mut().filter(|invoice| invoice.document.subscription == *id) {
                    invoice.pending = false;
                }
            }
            Life::Closed { .. } => {
                subscription.cancel_requested_on = None;
                subscription.promotion = None;
            }
            Life::Trialing { trial } => {
                let start = trial.start;
                self.profile.trial_used_on = self.profile.trial_used_on.or(Some(start));
            }
            _ => {}
        }
        Ok(())
    }

    fn apply_documents(&mut self, event: &Event) -> Result<(), LedgerError> {
        match event {
            Event::InvoiceIssued { invoice, pending } => self.issue(invoice, *pending)?,
            Event::CreditApplied { invoice, cash, goodwill } => {
                self.profile.credit_cash = self.profile.credit_cash.minus(*cash)?;
                self.profile.credit_goodwill = self.profile.credit_goodwill.minus(*goodwill)?;
                let row = self.invoice_mut(invoice)?;
                row.credit_cash = row.credit_cash.plus(*cash)?;
                row.credit_goodwill = row.credit_goodwill.plus(*goodwill)?;
                self.settle(invoice, cash.plus(*goodwill)?)?;
            }
            Event::CreditGranted { amount } => self.profile.credit_goodwill = self.profile.credit_goodwill.plus(*amount)?,
            Event::CreditPaidOut { amount } => self.profile.credit_cash = self.profile.credit_cash.minus(*amount)?,
            Event::NoteIssued { note, given } => {
                if note.reason.is_debit() {
                    let invoice = self.invoice_mut(&note.invoice)?;
                    invoice.net = invoice.net.plus(note.net)?;
                    invoice.tax = invoice.tax.plus(note.tax)?;
                    self.settle(&note.invoice, note.net.plus(note.tax)?.negated()?)?;
                } else {
                    self.credited(note, given)?;
                }
                self.notes.insert(note.id.clone(), note.clone());
            }
            Event::ServiceEnded { invoice, on } => self.invoice_mut(invoice)?.ended_on = Some(*on),
            Event::RevenueRecognised { invoice, through, amount, .. } => {
                let invoice = self.invoice_mut(invoice)?;
                invoice.recognised_through = invoice.recognised_through.max(Some(*through));
                invoice.recognised = invoice.recognised.plus(*amount)?;
            }
            Event::WrittenOff { invoice, net, tax } => {
                let amount = net.plus(*tax)?;
                let row = self.invoice_mut(invoice)?;
                row.written_off = row.written_off.plus(amount)?;
                self.settle(invoice, amount)?;
            }
            Event::CollectionCostAdded { id, amount, document, on } => {
                let cost = CollectionCost { id: id.clone(), amount: *amount, open: *amount, document: document.clone(), added_on: *on };
                self.costs.insert(id.clone(), cost);
                self.profile.carried = self.profile.carried.plus(*amount)?;
            }
            Event::AmountCarried { invoice, amount } => {
                self.invoice_mut(invoice)?.carried = true;
                self.profile.carried = self.profile.carried.plus(*amount)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn issue(&mut self, document: &InvoiceDocument, pending: bool) -> Result<(), LedgerError> {
        let zero = self.zero();
        let subscription = self.subscription_mut(&document.subscription)?;
        if document.promotion.is_some() {
            subscription.promotion = subscription.promotion.take().map(Redemption::after_billing);
        }
        let invoice = Invoice {
            document: document.clone(),
            number: String::new(),
            net: document.net,
            tax: document.tax,
            recognised: zero,
            recognised_through: None,
            open: document.net.plus(document.tax)?,
            captured: zero,
            returned: zero,
            disputed: zero,
            held: zero,
            credit_cash: zero,
            credit_goodwill: zero,
            written_off: zero,
            attempts: 0,
            first_failed_on: None,
            retries: 0,
            carried: false,
            pending,
            ended_on: None,
            recognise_at: None,
        };
        self.invoices.insert(document.id.clone(), invoice);
        Ok(())
    }

    fn credited(&mut self, note: &super::account::Note, given: &Given) -> Result<(), LedgerError> {
        let invoice = self.invoice_mut(&note.invoice)?;
        invoice.net = invoice.net.minus(note.net)?;
        invoice.tax = invoice.tax.minus(note.tax)?;
        invoice.returned = invoice.returned.plus(given.payout)?.plus(given.from_captured)?.plus(given.lost)?;
        invoice.disputed = invoice.disputed.minus(given.lost)?;
        invoice.credit_cash = invoice.credit_cash.minus(given.credit_cash.minus(given.from_captured)?)?;
        invoice.credit_goodwill = invoice.credit_goodwill.minus(given.credit_goodwill)?;
        invoice.held = invoice.held.plus(given.held)?.minus(given.held_used)?;
        self.profile.credit_cash = self.profile.credit_cash.plus(given.credit_cash)?;
        self.profile.credit_goodwill = self.profile.credit_goodwill.plus(given.credit_goodwill)?;
        self.settle(&note.invoice, given.owed_off)
    }

    /// Something owed on an invoice was paid, credited or forgiven.
    fn settle(&mut self, id: &str, amount: Money) -> Result<(), LedgerError> {
        let invoice = self.invoice_mut(id)?;
        invoice.open = invoice.open.minus(amount)?;
        if invoice.carried {
            invoice.carried = !invoice.open.is_zero();
            self.profile.carried = self.profile.carried.minus(amount)?;
        }
        Ok(())
    }

    fn apply_charges(&mut self, event: &Event, at: DateTime<Utc>) -> Result<(), LedgerError> {
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
            Event::ChargeCaptured { charge, reference, on, applied, costs, .. } => {
                let row = self.charge_mut(charge)?;
                row.state = AttemptState::Succeeded;
                row.reference = Some(reference.clone());
                row.settled_on = Some(*on);
                row.due_at = None;
                for (id, amount) in applied {
                    self.pay(charge, id, *amount, *on)?;
                }
                for (id, amount) in costs {
                    let cost = self.costs.get_mut(id).ok_or_else(|| missing(id))?;
                    cost.open = cost.open.minus(*amount)?;
                    self.profile.carried = self.profile.carried.minus(*amount)?;
                }
            }
            Event::ChargeDeclined { charge, code, on, .. } => {
                let row = self.charge_mut(charge)?;
                row.state = AttemptState::Failed;
                row.code = Some(code.clone());
                row.settled_on = Some(*on);
                row.due_at = None;
                let (id, retry) = (row.invoice.clone(), row.purpose == super::account::Purpose::Period);
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

    fn charge_mut(&mut self, id: &str) -> Result<&mut super::account::Charge, LedgerError> {
        self.charges.get_mut(id).ok_or_else(|| missing(id))
    }

    fn pay(&mut self, charge: &str, id: &str, amount: Money, on: chrono::NaiveDate) -> Result<(), LedgerError> {
        let zero = self.zero();
        let invoice = self.invoice_mut(id)?;
        invoice.captured = invoice.captured.plus(amount)?;
        invoice.first_failed_on = None;
        invoice.retries = 0;
        self.settle(id, amount)?;
        let payment =
            Payment { charge: charge.to_owned(), invoice: id.to_owned(), amount, refunded: zero, disputed: zero, captured_on: on };
        self.payments.insert((charge.to_owned(), id.to_owned()), payment);
        Ok(())
    }

    fn payment_mut(&mut self, charge: &str, invoice: &str) -> Result<&mut Payment, LedgerError> {
        self.payments.get_mut(&(charge.to_owned(), invoice.to_owned())).ok_or_else(|| missing(charge))
    }

    fn apply_refunds(&mut self, event: &Event, at: DateTime<Utc>) -> Result<(), LedgerError> {
        match event {
            Event::RefundRequested { id, charge, invoice, amount, reason, due_at } => {
                let payment = self.payment_mut(charge, invoice)?;
                payment.refunded = payment.refunded.plus(*amount)?;
                let refund = Refund {
                    id: id.clone(),
                    charge: charge.clone(),
                    invoice: invoice.clone(),
                    amount: *amount,
                    reason: reason.clone(),
                    state: AttemptState::Requested,
                    due_at: Some(*due_at),
                    requested_at: at,
                    reference: None,
                    code: None,
                    settled_on: None,
                    lookups: 0,
                };
                self.refunds.insert(id.clone(), refund);
            }
            Event::RefundUnknown { refund, due_at } => {
                let refund = self.refund_mut(refund)?;
                refund.state = AttemptState::Unknown;
                refund.due_at = Some(*due_at);
                refund.lookups = refund.lookups.saturating_add(1);
            }
            Event::RefundSettled { refund, reference, on } => {
                let refund = self.refund_mut(refund)?;
                refund.state = AttemptState::Succeeded;
                refund.reference = Some(reference.clone());
                refund.settled_on = Some(*on);
                refund.due_at = None;
            }
            Event::RefundFailed { refund, code, on, .. } => {
                // The payment stays reserved: its money was given back as credit, and this card refused it once.
                let refund = self.refund_mut(refund)?;
                refund.state = AttemptState::Failed;
                refund.code = Some(code.clone());
                refund.settled_on = Some(*on);
                refund.due_at = None;
                let amount = refund.amount;
                self.profile.credit_cash = self.profile.credit_cash.plus(amount)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn refund_mut(&mut self, id: &str) -> Result<&mut Refund, LedgerError> {
        self.refunds.get_mut(id).ok_or_else(|| missing(id))
    }

    fn apply_disputes(&mut self, event: &Event) -> Result<(), LedgerError> {
        match event {
            Event::DisputeOpened { id, charge, applied, fee, on } => {
                for (invoice, amount) in applied {
                    let payment = self.payment_mut(charge, invoice)?;
                    payment.disputed = payment.disputed.plus(*amount)?;
                    let invoice = self.invoice_mut(invoice)?;
                    invoice.disputed = invoice.disputed.plus(*amount)?;
                }
                let amount = super::money::total(self.profile.currency, applied.iter().map(|(_, amount)| *amount))?;
                let dispute = Dispute { id: id.clone(), charge: charge.clone(), amount, fee: *fee, state: DisputeState::Open, opened_on: *on };
                self.disputes.insert(id.clone(), dispute);
            }
            Event::DisputeWon { id, applied, released } => {
                let charge = self.dispute_mut(id)?.charge.clone();
                self.dispute_mut(id)?.state = DisputeState::Won;
                for (invoice, amount) in applied {
                    let payment = self.payment_mut(&charge, invoice)?;
                    payment.disputed = payment.disputed.minus(*amount)?;
                    let invoice = self.invoice_mut(invoice)?;
                    invoice.disputed = invoice.disputed.minus(*amount)?;
                }
                for (invoice, amount) in released {
                    let invoice = self.invoice_mut(invoice)?;
                    invoice.held = invoice.held.minus(*amount)?;
                    invoice.returned = invoice.returned.plus(*amount)?;
                }
            }
            Event::DisputeLost { id } => self.lose(id)?,
            _ => {}
        }
        Ok(())
    }

    fn dispute_mut(&mut self, id: &str) -> Result<&mut Dispute, LedgerError> {
        self.disputes.get_mut(id).ok_or_else(|| missing(id))
    }

    /// The notes of a lost dispute come first; here the payments' disputed part becomes gone.
    fn lose(&mut self, id: &str) -> Result<(), LedgerError> {
        let dispute = self.dispute_mut(id)?;
        dispute.state = DisputeState::Lost;
        let charge = dispute.charge.clone();
        for payment in self.payments.values_mut().filter(|payment| payment.charge == charge) {
            payment.refunded = payment.refunded.plus(payment.disputed)?;
            payment.disputed = payment.disputed.minus(payment.disputed)?;
        }
        Ok(())
    }

    fn apply_notices(&mut self, event: &Event) -> Result<(), LedgerError> {
        match event {
            Event::CorrectionOpened { id, invoice, charged, correct, transaction_on, last_attempt_on } => {
                let zero = self.zero();
                let correction = Correction {
                    id: id.clone(),
                    invoice: invoice.clone(),
                    charged: *charged,
                    correct: *correct,
                    transaction_on: *transaction_on,
                    last_attempt_on: *last_attempt_on,
                    state: CorrectionState::Open,
                    open_net: zero,
                    open_tax: zero,
                    due_at: None,
                };
                self.corrections.insert(id.clone(), correction);
            }
            Event::CorrectionScheduled { id, open_net, open_tax, due_at } => {
                let correction = self.corrections.get_mut(id).ok_or_else(|| missing(id))?;
                correction.open_net = *open_net;
                correction.open_tax = *open_tax;
                correction.due_at = Some(*due_at);
            }
            Event::CorrectionClosed { id, state } => {
                let zero = self.zero();
                let correction = self.corrections.get_mut(id).ok_or_else(|| missing(id))?;
                correction.state = *state;
                correction.open_net = zero;
                correction.open_tax = zero;
                correction.due_at = None;
            }
            Event::ReminderQueued { subscription, renewal_on, on } => {
                let subscription = self.subscription_mut(subscription)?;
                subscription.reminded_for = Some(*renewal_on);
                subscription.reminded_on = Some(*on);
            }
            Event::PriceNoticeQueued { subscription, version } => {
                let notice = PriceNotice { version: version.clone(), sent_on: None, outcome: super::account::NoticeOutcome::Pending };
                self.subscription_mut(subscription)?.price_notices.push(notice);
            }
            Event::PriceNoticeSent { subscription, version, on } => {
                let notices = &mut self.subscription_mut(subscription)?.price_notices;
                notices.iter_mut().filter(|notice| notice.version == *version).for_each(|notice| notice.sent_on = notice.sent_on.or(Some(*on)));
            }
            Event::PriceNoticeEnded { subscription, version, outcome, .. } => {
                let notices = &mut self.subscription_mut(subscription)?.price_notices;
                notices.iter_mut().filter(|notice| notice.version == *version).for_each(|notice| notice.outcome = *outcome);
            }
            Event::TaskOpened { task } => {
                self.tasks.entry(task.id.clone()).or_insert_with(|| task.clone());
            }
            Event::TaskClosed { id, on } => {
                self.tasks.get_mut(id).ok_or_else(|| missing(id))?.closed_on = Some(*on);
            }
            _ => {}
        }
        Ok(())
    }
}
