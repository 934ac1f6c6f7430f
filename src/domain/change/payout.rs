//! Giving money back: credit notes and where their value goes (RF-3), payouts to the original payments (RF-4), and
//! what is left when the last subscription ends (CP-3).

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::super::account::{Dispute, DisputeState, Note, NoteReason, Payment, Task};
use super::super::event::{Event, Given, Reversal};
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{Destination, Disposition, Unused, dispose};
use super::super::revenue::earned_through;
use super::billing::tail;
use super::{Draft, Planned, Refusal};

impl Draft<'_> {
    /// RR-1: brings an invoice's recognised revenue up to (or back to) what its line has earned through a date; whether there was
    /// anything to book.
    pub fn catch_up(&mut self, invoice: &str, through: NaiveDate, reversal: Reversal) -> Planned<bool> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        if row.pending {
            return Ok(false);
        }
        let earned = match row.ended_on {
            Some(last) if through >= last => row.net,
            _ => earned_through(row.net, row.document.period, through)?,
        };
        self.recognise_up_to(invoice, through, earned, reversal)
    }

    fn recognise_up_to(&mut self, invoice: &str, through: NaiveDate, earned: Money, reversal: Reversal) -> Planned<bool> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let amount = earned.minus(row.recognised)?;
        if amount.is_zero() {
            return Ok(false);
        }
        let reversal = Some(reversal).filter(|_| amount.is_negative());
        self.emit(Event::RevenueRecognised { invoice: invoice.to_owned(), through, amount, reversal, forfeited: false })?;
        Ok(true)
    }

    /// RF, CP-1: ends the service of an invoice's period: recognises what was earned, credits what was not, and pays out
    /// what is to be paid out. `last_day` is the last day of service; before the period's start where none was given.
    pub fn end_service(
        &mut self,
        invoice: &str,
        unused: &Unused,
        last_day: NaiveDate,
        reason: NoteReason,
        to: Destination,
    ) -> Planned<Given> {
        let pending = self.account.invoices.get(invoice).is_some_and(|row| row.pending);
        self.because(format!(
            "RF-2: {} of {} days unused: net {} back, {} kept; tax {} back, {} kept",
            unused.days_unused, unused.days_total, unused.unused_net, unused.earned_net, unused.tax_back, unused.tax_kept
        ));
        if !pending {
            self.recognise_up_to(invoice, last_day, unused.earned_net, Reversal::Correction)?;
        }
        let given = self.credit_note(invoice, reason, unused.unused_net, unused.tax_back, to)?;
        self.emit(Event::ServiceEnded { invoice: invoice.to_owned(), on: last_day })?;
        self.pay_out(given.payout, invoice, note_word(reason))?;
        Ok(given)
    }

    /// The rest of a period is earned at once, because service ended for good and nothing is given back (RR-1). A period that was
    /// paid elsewhere has no invoice here, and so nothing to recognise.
    pub fn forfeit(&mut self, invoice: &str, last_day: NaiveDate) -> Planned {
        let Some(row) = self.account.invoices.get(invoice) else { return Ok(()) };
        let amount = row.net.minus(row.recognised)?;
        self.emit(Event::ServiceEnded { invoice: invoice.to_owned(), on: last_day })?;
        if amount.is_zero() {
            return Ok(());
        }
        self.because(format!("RR-1: the rest, {amount}, is recognised as forfeited: service ended and nothing is given back"));
        self.emit(Event::RevenueRecognised { invoice: invoice.to_owned(), through: last_day, amount, reversal: None, forfeited: true })
    }

    /// RF-3: issues a credit note and says where its value went. Payouts are not yet requested (see [`Draft::pay_out`]): of those that the
    /// note tells, what an earlier refund has moved already (F49) is not among what is returned.
    pub fn credit_note(&mut self, invoice: &str, reason: NoteReason, net: Money, tax: Money, to: Destination) -> Planned<Given> {
        let zero = self.account.zero();
        let value = net.plus(tax)?;
        if value.is_zero() {
            return Ok(Given::nothing(zero));
        }
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let (settlement, of_credit) = (row.settlement()?, row.credit_cash);
        let parts = dispose(value, &settlement, to)?;
        let before = self.apply_excess(invoice, parts.already_returned)?;
        if before != parts.already_returned {
            return Err(Refusal::Inconsistent(format!("invoice {invoice} would give back {} twice", parts.already_returned)));
        }
        let from_captured = match to {
            Destination::Refund => zero,
            Destination::Credit => parts.credit.at_most(settlement.refundable()?)?,
        };
        let back = parts.credit.minus(from_captured)?;
        let back_cash = back.at_most(of_credit)?;
        let given = Given {
            owed_off: parts.owed_off,
            payout: parts.payout.plus(before)?,
            credit_cash: from_captured.plus(back_cash)?,
            from_captured,
            credit_goodwill: back.minus(back_cash)?,
            held: parts.held,
            held_used: zero,
            lost: zero,
        };
        self.because(told(&parts));
        self.note(invoice, reason, net, tax, given)?;
        self.owe_less(invoice)?;
        Ok(Given { payout: parts.payout, ..given })
    }

    /// A document that corrects a line finds it recognised through today, so that revenue which it takes back is seen as taken back.
    pub(super) fn recognise_before_document(&mut self, invoice: &str) -> Planned {
        self.catch_up(invoice, self.through_today(invoice)?, Reversal::Correction).map(|_| ())
    }

    /// The day through which a document recognises: today, or what was recognised before.
    pub(super) fn through_today(&self, invoice: &str) -> Planned<NaiveDate> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        Ok(row.recognised_through.map_or(self.today, |through| through.max(self.today)))
    }

    /// Issues a note with a known destination.
    pub fn note(&mut self, invoice: &str, reason: NoteReason, net: Money, tax: Money, given: Given) -> Planned {
        let number = self.account.notes.values().filter(|note| note.invoice == invoice).count().saturating_add(1);
        let kind = if reason.is_debit() { "dn" } else { "cn" };
        let id = format!("{kind}_{}_{number}", tail(invoice));
        let note = Note { id, invoice: invoice.to_owned(), reason, net, tax, issued_on: self.today };
        self.emit(Event::NoteIssued { note, given })?;
        self.replan(invoice)
    }

    /// RF-4: asks for payouts of `amount` to the payments of one invoice, latest first, each up to its own remainder.
    pub fn pay_out(&mut self, amount: Money, invoice: &str, reason: &str) -> Planned {
        let rest = self.request_payouts(amount, Some(invoice), reason)?;
        if rest.is_zero() {
            Ok(())
        } else {
            Err(Refusal::Inconsistent(format!("the payments of invoice {invoice} cannot take back {rest}")))
        }
    }

    fn request_payouts(&mut self, amount: Money, invoice: Option<&str>, reason: &str) -> Planned<Money> {
        let mut rest = amount;
        for (payment, left) in self.payable(invoice)? {
            let part = rest.at_most(left)?;
            if part.is_zero() {
                continue;
            }
            rest = rest.minus(part)?;
            self.because(format!("RF-4: {part} goes back to the payment of {} (charge {})", payment.captured_on, payment.charge));
            self.request_payout(&payment.charge, &payment.invoice, part, reason)?;
        }
        Ok(rest)
    }

    /// PV-1: records the intent to give money of one payment back; gives its id.
    pub(super) fn request_payout(&mut self, charge: &str, invoice: &str, amount: Money, reason: &str) -> Planned<String> {
        self.request_payout_at(charge, invoice, amount, reason, (self.context.now, 0))
    }

    /// As [`Draft::request_payout`], at a later instant, where earlier attempts were given up after so many look-ups.
    pub(super) fn request_payout_at(
        &mut self,
        charge: &str,
        invoice: &str,
        amount: Money,
        reason: &str,
        (due_at, lookups): (DateTime<Utc>, u32),
    ) -> Planned<String> {
        let number = self.account.refunds.values().filter(|refund| refund.charge == charge).count().saturating_add(1);
        let id = format!("re_{}_{number}", tail(charge));
        self.emit(Event::RefundRequested {
            id: id.clone(),
            charge: charge.to_owned(),
            invoice: invoice.to_owned(),
            amount,
            reason: reason.to_owned(),
            due_at,
            lookups,
        })?;
        Ok(id)
    }

    /// RF-4, CO-3, goodwill: tells the customer of new account credit.
    pub(super) fn tell_of_credit(&mut self, id: &SubscriptionId, cause: &str, amount: Money, reason: &str) -> Planned {
        let facts = self.facts(id)?;
        let balance = self.account.profile.credit_cash.plus(self.account.profile.credit_goodwill)?;
        let data = NoticeData {
            credit_minor: Some(amount.minor()),
            credit_balance_minor: Some(balance.minor()),
            reason: Some(reason.to_owned()),
            ..facts
        };
        self.notify(NoticeKind::CreditGranted, cause, Some(id), data);
        Ok(())
    }

    /// Payments that can take money back, latest first, with how much. For one invoice: what is left of each. For the
    /// account's credit: only cash that was turned into credit before, so that a payout never uses up the payment of an
    /// invoice that may still need it.
    fn payable(&self, invoice: Option<&str>) -> Planned<Vec<(Payment, Money)>> {
        let mut payments: Vec<&Payment> =
            self.account.payments.values().filter(|payment| invoice.is_none_or(|id| payment.invoice == id)).collect();
        payments.sort_by(|left, right| (right.captured_on, &right.charge).cmp(&(left.captured_on, &left.charge)));
        let mut credited = self.cash_turned_into_credit()?;
        let mut payable = Vec::with_capacity(payments.len());
        for payment in payments {
            // F59: nothing goes back to a payment that is disputed, or was taken back by its bank.
            let is_disputed = |dispute: &Dispute| dispute.charge == payment.charge && dispute.state != DisputeState::Won;
            if invoice.is_none() && self.account.disputes.values().any(is_disputed) {
                continue;
            }
            let mut left = payment.amount.minus(payment.refunded)?.minus(payment.disputed)?.or_zero();
            if invoice.is_none() {
                let Some(available) = credited.get_mut(&payment.invoice) else { continue };
                left = left.at_most(*available)?;
                *available = available.minus(left)?;
            }
            payable.push((payment.clone(), left));
        }
        Ok(payable)
    }

    fn cash_turned_into_credit(&self) -> Planned<BTreeMap<String, Money>> {
        let mut credited = BTreeMap::new();
        for (id, invoice) in &self.account.invoices {
            credited.insert(id.clone(), invoice.returned);
        }
        for payment in self.account.payments.values() {
            if let Some(left) = credited.get_mut(&payment.invoice) {
                *left = left.minus(payment.refunded)?;
            }
        }
        for left in credited.values_mut() {
            *left = left.or_zero();
        }
        Ok(credited)
    }

    /// CP-3: when no paid subscription is left, credit that came from cash is paid out; goodwill credit stays.
    pub fn pay_out_credit_if_last(&mut self) -> Planned {
        let credit = self.account.profile.credit_cash;
        if !self.account.has_paid_subscription() {
            self.list_what_stays_carried()?;
        }
        if self.account.has_paid_subscription() || !credit.is_positive() {
            return self.credit_to_pay_out(credit);
        }
        let mut possible = self.account.zero();
        for (_, left) in self.payable(None)? {
            possible = possible.plus(left)?;
        }
        let amount = credit.at_most(possible)?;
        if amount.is_positive() {
            self.because(format!("CP-3, RF-4: credit of {amount} that came from cash is paid out"));
            self.emit(Event::CreditPaidOut { amount })?;
            self.request_payouts(amount, None, "credit_payout")?;
        }
        let stays = credit.minus(amount)?;
        self.credit_to_pay_out(stays)?;
        if stays.is_positive() {
            let subject = self.account.profile.id.to_string();
            self.task("credit_payout", &subject, Some(stays))?;
        }
        Ok(())
    }

    /// A task to pay out credit never asks for more than there is: it is closed where the credit has gone another way.
    pub(super) fn credit_to_pay_out(&mut self, stays: Money) -> Planned {
        let id = format!("tk_credit_payout_{}", self.account.profile.id);
        let asked = self.account.tasks.get(&id).filter(|task| task.closed_on.is_none()).and_then(|task| task.amount);
        match asked {
            Some(asked) if asked.minor() > stays.minor() => self.close_task(&id),
            Some(_) | None => Ok(()),
        }
    }

    /// A task to pay out credit follows what is left of it.
    pub(super) fn less_to_pay_out(&mut self, left: Money) -> Planned {
        let subject = self.account.profile.id.to_string();
        let asked =
            self.account.tasks.get(&format!("tk_credit_payout_{subject}")).filter(|task| task.is_open()).and_then(|task| task.amount);
        match asked {
            Some(asked) if left.is_positive() => self.task("credit_payout", &subject, Some(left.at_most(asked)?)),
            Some(_) | None => self.credit_to_pay_out(left),
        }
    }

    /// MO-5: what was carried to the next bill stays owed where there will be none: a person decides what becomes of it.
    pub(super) fn list_what_stays_carried(&mut self) -> Planned {
        let carried = self.account.profile.carried;
        if !carried.is_positive() {
            return Ok(());
        }
        self.because(format!("MO-5: {carried} was carried to the next bill, and none is to come: it stays owed and is listed"));
        let subject = self.account.profile.id.to_string();
        self.task("carried_owed", &subject, Some(carried))
    }

    /// What was listed as carried without a next bill has been paid or forgiven.
    pub(super) fn unlist_what_was_carried(&mut self) -> Planned {
        if self.account.profile.carried.is_positive() {
            return Ok(());
        }
        self.close_task(&format!("tk_carried_owed_{}", self.account.profile.id))
    }

    /// Opens an operator task, once per kind and subject; of one that is open, the amount follows.
    pub fn task(&mut self, kind: &str, subject: &str, amount: Option<Money>) -> Planned {
        let id = format!("tk_{kind}_{subject}");
        if self.account.tasks.get(&id).is_some_and(|task| task.closed_on.is_none() && task.amount == amount) {
            return Ok(());
        }
        let task = Task { id, kind: kind.to_owned(), subject: subject.to_owned(), amount, opened_on: self.today, closed_on: None };
        self.emit(Event::TaskOpened { task })
    }
}

fn told(parts: &Disposition) -> String {
    let parts = [
        (parts.owed_off, "off what is owed"),
        (parts.payout, "paid out"),
        (parts.credit, "to account credit"),
        (parts.held, "held until the dispute ends"),
    ];
    let told: Vec<String> = parts.iter().filter(|(amount, _)| !amount.is_zero()).map(|(amount, to)| format!("{amount} {to}")).collect();
    format!("RF-3: {}", told.join(", "))
}

const fn note_word(reason: NoteReason) -> &'static str {
    match reason {
        NoteReason::Cancellation => "cancellation",
        NoteReason::PlanChange => "plan_change",
        NoteReason::FirstChargeDeclined => "first_charge_declined",
        NoteReason::CancelledWhilePending => "cancelled_while_pending",
        NoteReason::Overcharge => "correction",
        NoteReason::Undercharge => "undercharge",
        NoteReason::Waived => "waived",
        NoteReason::OrderCancelled => "order_cancelled",
        NoteReason::CancelledUnpaid => "cancelled_unpaid",
        NoteReason::DisputeLost => "dispute_lost",
    }
}
