//! How an event moves the account. The inverse of nothing: events only ever add.
//!
//! Replaying an account's events from its import gives the same rows again; `kasacare check` does just that.

use chrono::{DateTime, Utc};

use super::account::{
    Account, CollectionCost, Correction, CorrectionState, Invoice, InvoiceDocument, Method, NoticeOutcome, PriceNotice, RedemptionState,
    Subscription,
};
use super::event::{Event, Given};
use super::ids::SubscriptionId;
use super::ledger::LedgerError;
use super::money::Money;
use super::promotion::Redemption;
use super::subscription::{Intent, Life, State, evolve};

mod money;

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
            Event::CancelRequestSettled { subscription } => self.subscription_mut(subscription)?.cancel_requested_on = None,
            Event::CameraAdded { camera } => {
                self.cameras.push(camera.clone());
                self.cameras.sort();
                self.cameras.dedup();
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
                // PD-2: what a new method is tried for begins a new series of retries.
                for invoice in self.invoices.values_mut().filter(|invoice| invoice.open.is_positive()) {
                    invoice.first_failed_on = None;
                    invoice.retries = 0;
                }
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
            // RE-2: a reminder that waits to be sent is withdrawn; where one is owed again, it is written again. One that was sent
            // was sent: each renewal has one.
            Life::Intends { intent: Intent::Ends | Intent::ChangesTo { .. } } | Life::Suspended { .. } | Life::TermOpened { .. } => {
                subscription.reminded_for = subscription.reminded_for.filter(|_| subscription.reminded_on.is_some());
            }
            Life::Trialing { trial } => {
                subscription.reminded_for = subscription.reminded_for.filter(|_| subscription.reminded_on.is_some());
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
            Event::CreditPaidOut { amount } | Event::CreditPaidByHand { amount, .. } => {
                self.profile.credit_cash = self.profile.credit_cash.minus(*amount)?;
            }
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
                let cost = CollectionCost {
                    id: id.clone(),
                    amount: *amount,
                    open: *amount,
                    written_off: self.zero(),
                    document: document.clone(),
                    added_on: *on,
                };
                self.costs.insert(id.clone(), cost);
                self.profile.carried = self.profile.carried.plus(*amount)?;
            }
            Event::CollectionCostWrittenOff { id, amount } => {
                let cost = self.costs.get_mut(id).ok_or_else(|| missing(id))?;
                cost.written_off = cost.written_off.plus(*amount)?;
                self.settle_cost(id, *amount)?;
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
            Event::ReminderQueued { subscription, renewal_on, .. } => {
                let subscription = self.subscription_mut(subscription)?;
                (subscription.reminded_for, subscription.reminded_on) = (Some(*renewal_on), None);
            }
            Event::ReminderSent { subscription, renewal_on, on } => {
                let subscription = self.subscription_mut(subscription)?;
                (subscription.reminded_for, subscription.reminded_on) = (Some(*renewal_on), Some(*on));
            }
            Event::PriceNoticeQueued { subscription, version } => {
                let notice = PriceNotice { version: version.clone(), sent_on: None, outcome: NoticeOutcome::Pending };
                self.subscription_mut(subscription)?.price_notices.push(notice);
            }
            Event::PriceNoticeSent { subscription, version, on } => {
                self.pending_notices(subscription, version)?.for_each(|notice| notice.sent_on = notice.sent_on.or(Some(*on)));
            }
            Event::PriceNoticeEnded { subscription, version, outcome, .. } => {
                self.pending_notices(subscription, version)?.for_each(|notice| notice.outcome = *outcome);
            }
            Event::TaskOpened { task } => {
                self.tasks.insert(task.id.clone(), task.clone());
            }
            Event::TaskClosed { id, on } => {
                self.tasks.get_mut(id).ok_or_else(|| missing(id))?.closed_on = Some(*on);
            }
            _ => {}
        }
        Ok(())
    }

    /// The notices of a version that may still take effect; earlier ones of the same version keep what became of them.
    fn pending_notices(&mut self, id: &SubscriptionId, version: &str) -> Result<impl Iterator<Item = &mut PriceNotice>, LedgerError> {
        let notices = &mut self.subscription_mut(id)?.price_notices;
        Ok(notices.iter_mut().filter(move |notice| notice.version == version && notice.outcome == NoticeOutcome::Pending))
    }
}
