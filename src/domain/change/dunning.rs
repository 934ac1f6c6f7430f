//! Declined charges and what is tried again (PD-1, PD-2).

use chrono::TimeDelta;

use super::super::account::{AttemptState, Charge, Invoice, Purpose};
use super::super::calendar::{plus_days, start_of_day};
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::subscription::{Command, State};
use super::billing::Collection;
use super::{Draft, Planned};

/// F67: declines of one payment method after which it waits for the customer. Visa allows 15 to 20 attempts in 30 days and Mastercard 35,
/// 10 of them a day.
pub const DECLINES_MAX: usize = 10;
/// The days in which they are counted.
pub const DECLINES_DAYS: i64 = 30;

/// Which unpaid invoices are tried at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Retry {
    /// PD-2: all of them, for there is a new payment method.
    Everything,
    /// PV-8: those for which the method on file has not been tried yet.
    Untried,
}

impl Draft<'_> {
    pub(super) fn declined(&mut self, charge: &Charge, code: &str, hard: bool) -> Planned {
        let often = !hard && self.recent_declines(charge.method) >= DECLINES_MAX;
        if often {
            self.because(format!(
                "F67: the method was declined {DECLINES_MAX} times in {DECLINES_DAYS} days; the card networks allow few more"
            ));
        }
        let hard = hard || often;
        self.because(format!("PD-2: {} was declined ({code}, {})", charge.id, if hard { "hard" } else { "soft" }));
        self.emit(Event::ChargeDeclined { charge: charge.id.clone(), code: code.to_owned(), hard, on: self.today })?;
        if hard {
            self.emit(Event::MethodBlocked { number: charge.method })?;
            // PD-2: a hard decline blocks every charge with that method.
            self.abandon_all_planned(|planned| planned.method == charge.method)?;
        }
        let id = self.owner(&charge.invoice)?;
        let replaced = self.usable_method().is_some_and(|on_file| on_file != charge.method);
        if self.is_first(&id, &charge.invoice)? {
            let goes_on = replaced && self.subscription(&id)?.cancel_requested_on.is_none();
            return if goes_on { self.try_what_is_on_file(charge) } else { self.undo_first_period(&id) };
        }
        if charge.purpose == Purpose::Period {
            self.command(&id, &Command::FailPayment { on: self.today })?;
        }
        if replaced {
            return self.try_what_is_on_file(charge);
        }
        match charge.purpose {
            Purpose::Correction => self.correction_declined(&charge.invoice)?,
            Purpose::Period => self.plan_retry(&id, charge, hard)?,
        }
        self.cancel_if_requested(&id)
    }

    /// How often a payment method was declined within the card networks' month, this time included.
    fn recent_declines(&self, method: u32) -> usize {
        let since = self.context.now.checked_sub_signed(TimeDelta::days(DECLINES_DAYS)).unwrap_or(self.context.now);
        let declined = |charge: &&Charge| charge.method == method && charge.state == AttemptState::Failed && charge.requested_at >= since;
        self.account.charges.values().filter(declined).count().saturating_add(1)
    }

    /// F68: the payment method was replaced while the charge was under way: the new one is tried at once.
    fn try_what_is_on_file(&mut self, charge: &Charge) -> Planned {
        self.because("PD-2: the payment method was replaced meanwhile; the one on file is tried at once");
        self.attempt_anew(charge, self.context.now, 0)
    }

    /// The number of the payment method on file, if it may be charged.
    pub(super) fn usable_method(&self) -> Option<u32> {
        self.account.profile.method.as_ref().filter(|method| !method.blocked).map(|method| method.number)
    }

    /// PD-2: the next retry of a soft decline by the terms' days; a hard one waits for a new payment method.
    pub(super) fn plan_retry(&mut self, id: &SubscriptionId, charge: &Charge, hard: bool) -> Planned {
        if self.is_suspended(id) {
            self.because("LC-7: no charge is attempted while it is suspended");
            return Ok(());
        }
        let invoice = self.account.invoices.get(&charge.invoice).ok_or_else(|| self.no_object("invoice", &charge.invoice))?;
        let (first, owed) = (invoice.first_failed_on.unwrap_or(self.today), invoice.open);
        let facts = NoticeData { owed_minor: Some(owed.minor()), ..self.invoice_facts(&charge.invoice)? };
        if hard {
            self.notify(NoticeKind::PaymentMethodNeeded, &charge.id, Some(id), facts);
            return Ok(());
        }
        let mut next = None;
        for days in &self.terms(id)?.soft_retry_days {
            let on = plus_days(first, *days)?;
            if on > self.today && next.is_none_or(|(sooner, _)| on < sooner) {
                next = Some((on, *days));
            }
        }
        let Some((retry_on, days)) = next else {
            self.because("PD-2: the last retry has failed; the term waits as past due and is listed");
            self.task("dunning_exhausted", &charge.invoice, Some(owed))?;
            self.notify(NoticeKind::PaymentMethodNeeded, &charge.id, Some(id), facts);
            return Ok(());
        };
        self.because(format!("PD-2: it is tried again on {retry_on}, day {days} after the first failure"));
        let at = start_of_day(retry_on, self.account.profile.zone);
        match self.collect_at(&charge.invoice, Purpose::Period, at)? {
            Collection::Requested => {
                self.notify(NoticeKind::PaymentFailed, &charge.id, Some(id), NoticeData { retry_on: Some(retry_on), ..facts });
            }
            Collection::NoMethod => self.notify(NoticeKind::PaymentMethodNeeded, &charge.id, Some(id), facts),
            Collection::Nothing | Collection::Carried => {}
        }
        Ok(())
    }

    pub(super) fn is_suspended(&self, id: &SubscriptionId) -> bool {
        self.account.subscriptions.get(id).is_some_and(|subscription| matches!(subscription.state, State::Suspended { .. }))
    }

    /// Tries what is owed at once, oldest first.
    pub(super) fn retry_what_is_owed(&mut self, which: Retry, of: Option<&SubscriptionId>) -> Planned {
        let Some(method) = self.usable_method() else { return Ok(()) };
        let tried = |invoice: &Invoice| {
            let with_it = |charge: &&Charge| charge.invoice == invoice.document.id && charge.method == method;
            self.account.charges.values().any(|charge| with_it(&charge))
        };
        let mut owed: Vec<_> = self
            .account
            .invoices
            .values()
            .filter(|invoice| invoice.open.is_positive() && !invoice.carried && !invoice.pending)
            .filter(|invoice| of.is_none_or(|id| invoice.document.subscription == *id))
            .filter(|invoice| !self.is_suspended(&invoice.document.subscription))
            .filter(|invoice| which == Retry::Everything || !tried(invoice))
            .map(|invoice| (invoice.document.issued_on, invoice.document.id.clone()))
            .collect();
        owed.sort();
        for (_, invoice) in owed {
            self.abandon_planned(&invoice)?;
            let busy = self.account.charges.values().any(|charge| charge.invoice == invoice && charge.state.in_flight());
            if busy {
                continue;
            }
            if self.only_a_difference_is_open(&invoice)? {
                if self.open_correction(&invoice).is_some_and(|open| self.today <= open.last_attempt_on) {
                    self.collect_difference(&invoice)?;
                }
                continue;
            }
            self.because(format!("PD-2: the payment method on file is tried at once for {invoice}"));
            self.collect(&invoice, Purpose::Period)?;
        }
        Ok(())
    }

    /// PD: a term is past due exactly while something that was asked for and refused is unpaid.
    pub fn settle_standing(&mut self, id: &SubscriptionId) -> Planned {
        for invoice in self.account.invoices.values().filter(|invoice| invoice.document.subscription == *id) {
            // A single attempt that has not failed is still under way; none at all means that nothing could be asked for, and one
            // that is over that what it brought has paid older debts (PD-4).
            let under_way = |charge: &Charge| charge.invoice == invoice.document.id && charge.state.in_flight();
            let waits = invoice.attempts == 1 && self.account.charges.values().any(under_way);
            let refused = invoice.first_failed_on.is_some() || !waits;
            if refused && invoice.open.is_positive() && !invoice.carried && !self.only_a_difference_is_open(&invoice.document.id)? {
                return Ok(());
            }
        }
        let state = &self.subscription(id)?.state;
        if matches!(state, State::PastDue { .. } | State::Suspended { unpaid_since: Some(_), .. }) {
            self.command(id, &Command::PayUp)?;
        }
        Ok(())
    }
}
