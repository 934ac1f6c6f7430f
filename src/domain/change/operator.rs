//! What an operator does by name and with a reason: LC-7, PD-3, PD-4, CO-5, PV-8; and the payment method on file.

use chrono::NaiveDate;

use super::super::account::{Method, NoteReason, Parked, Purpose};
use super::super::calendar::{Period, plus_days};
use super::super::event::{Event, Given};
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{CancellationDay, Destination, Unused, unused};
use super::super::subscription::{Command, Intent, State, Term};
use super::super::terms::{ChangeKind, UnusedValue};
use super::billing::{Collection, invoice_id};
use super::cancel::Ending;
use super::taken_over::Back;
use super::{Draft, Planned, Refusal};

/// A new payment method, as a provider's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMethod {
    /// The provider's token.
    pub token: String,
    /// What the customer recognises.
    pub label: String,
    /// Last day of validity.
    pub expires_on: Option<NaiveDate>,
}

impl Draft<'_> {
    /// PD-2: puts a payment method on file and tries everything that is owed at once, oldest first.
    pub fn replace_method(&mut self, method: &NewMethod) -> Planned {
        let number = self.account.profile.method.as_ref().map_or(1, |old| old.number.saturating_add(1));
        // The token and the label are personal data: they go into the row, not into the event.
        self.account.profile.method = Some(Method {
            number,
            token: method.token.clone(),
            label: method.label.clone(),
            expires_on: method.expires_on,
            blocked: false,
        });
        self.emit(Event::MethodReplaced { number, expires_on: method.expires_on })?;
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        self.retry_what_is_owed()
    }

    fn retry_what_is_owed(&mut self) -> Planned {
        let mut owed: Vec<(NaiveDate, String)> = self
            .account
            .invoices
            .values()
            .filter(|invoice| invoice.open.is_positive() && !invoice.carried)
            .map(|invoice| (invoice.document.issued_on, invoice.document.id.clone()))
            .collect();
        owed.sort();
        for (_, invoice) in owed {
            self.abandon_planned(&invoice)?;
            let busy = self.account.charges.values().any(|charge| charge.invoice == invoice && charge.state.in_flight());
            if busy || self.open_correction(&invoice).is_some() {
                continue;
            }
            self.because(format!("PD-2: a new payment method is tried at once for {invoice}"));
            self.collect(&invoice, Purpose::Period)?;
        }
        Ok(())
    }

    /// LC-7: stops the service; nothing is refunded for it, and the paid period runs on.
    pub fn suspend(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("suspend")?;
        self.direct(id)?;
        if self.command(id, &Command::Suspend { on: self.today })? {
            let data = NoticeData { effective_on: Some(self.today), reason: self.context.reason.map(ToOwned::to_owned), ..self.facts(id)? };
            self.notify(NoticeKind::SuspensionNotice, &format!("{id}_{}", self.context.now.timestamp_micros()), Some(id), data);
        }
        Ok(())
    }

    /// LC-7: inside the paid period it goes on as it was; later a new period, with a new anchor, starts today.
    pub fn reinstate(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("reinstate")?;
        self.not_parked()?;
        let state = self.direct(id)?.state.clone();
        let next = match &state {
            State::Suspended { term, .. } if self.today >= term.period.end => {
                let version = self.version_today(&term.plan)?;
                self.because(format!("LC-7: the paid period ended on {}; a new one starts today", term.period.end));
                let period = Period::nth(self.today, term.plan.cycle, 0)?;
                let number = term.number.saturating_add(1);
                Some(Term { number, anchor: self.today, plan: term.plan.clone(), period_no: 0, period, version, intent: Intent::Renews })
            }
            _ => None,
        };
        self.command(id, &Command::Reinstate { on: self.today, term: next.clone() })?;
        if next.is_some() {
            self.lapse_notices(id)?;
            self.announce_known_prices(id)?;
            self.bill_present_period(id)?;
        }
        let data = NoticeData { effective_on: Some(self.today), ..self.billed_facts(id)? };
        self.notify(NoticeKind::Reinstated, &format!("{id}_{}", self.context.now.timestamp_micros()), Some(id), data);
        Ok(())
    }

    /// LC-7: as a customer's cancellation, unless it is for a breach, which forfeits the refund.
    pub fn terminate(&mut self, id: &SubscriptionId, breach: bool) -> Planned {
        self.operator("terminate")?;
        self.not_parked()?;
        let subscription = self.direct(id)?.clone();
        let in_flight = subscription.state.term().and_then(|term| self.charge_in_flight(id, term));
        if let Some(charge) = in_flight {
            return Err(Refusal::ChargeInFlight { charge });
        }
        if !breach {
            return self.cancel_on(id, self.today, Ending::Operator);
        }
        self.because("LC-7: terminated for a breach: nothing is refunded");
        let data = NoticeData { reason: self.context.reason.map(ToOwned::to_owned), ended_on: Some(self.today), effective_on: Some(self.today), ..self.facts(id)? };
        self.recordings_inaccessible(id, self.today)?;
        if let Some(term) = subscription.state.term().filter(|term| term.period.contains(self.today) && !self.paid_elsewhere(&subscription, term)) {
            self.forfeit(&invoice_id(id, term.number, term.period_no), self.today)?;
        }
        let effective = super::super::terms::Effective::AtOnce;
        self.command(id, &Command::Terminate { effective, on: self.today, breach: true })?;
        self.notify(NoticeKind::TerminationNotice, &format!("{id}_{}", self.today), Some(id), data);
        self.pay_out_credit_if_last()
    }

    /// PD-3: ends an unpaid term at once. Annual: the unused part is credited off the receivable and the earned part stays
    /// owed; monthly: the whole period stays owed.
    pub fn cancel_unpaid(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("cancel-unpaid")?;
        self.not_parked()?;
        let subscription = self.direct(id)?.clone();
        let on = self.today;
        let Some(term) = subscription.state.term().cloned() else {
            self.command(id, &Command::CancelUnpaid { on })?;
            return Ok(());
        };
        if let Some(charge) = self.charge_in_flight(id, &term) {
            return Err(Refusal::ChargeInFlight { charge });
        }
        let data = NoticeData { reason: self.context.reason.map(ToOwned::to_owned), ended_on: Some(on), effective_on: Some(on), ..self.facts(id)? };
        self.recordings_inaccessible(id, on)?;
        self.command(id, &Command::CancelUnpaid { on })?;
        if term.period.contains(on) {
            let invoice = invoice_id(id, term.number, term.period_no);
            let day = self.terms(id)?.cancellation_day;
            let policy = self.policy(id, ChangeKind::CancelToFree, term.plan.cycle)?;
            if policy.unused == UnusedValue::RefundUnlessAnotherGoesOn {
                let row = self.account.invoices.get(&invoice).ok_or_else(|| self.no_object("invoice", &invoice))?;
                let parts = unused(&row.line(), on, day)?;
                let last_day = if day == CancellationDay::Used { on } else { on.pred_opt().unwrap_or(on) };
                self.end_service(&invoice, &parts, last_day, NoteReason::CancelledUnpaid, Destination::Refund)?;
            } else {
                self.because("PD-3: monthly: the whole period stays owed");
                self.forfeit(&invoice, on)?;
            }
        }
        let owed = super::super::money::total(
            self.account.profile.currency,
            self.account.invoices.values().filter(|invoice| invoice.document.subscription == *id).map(|invoice| invoice.open),
        )?;
        self.notify(NoticeKind::TerminationNotice, &format!("{id}_{on}"), Some(id), NoticeData { owed_minor: Some(owed.minor()), ..data });
        self.pay_out_credit_if_last()
    }

    /// CO-5: the published price was wrong: the term ends at once and the full charge goes back to the payments that it
    /// came from, to account credit only for what credit had paid.
    pub fn cancel_order(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("price cancel-order")?;
        self.not_parked()?;
        let subscription = self.direct(id)?.clone();
        let Some(term) = subscription.state.term().cloned() else {
            self.command(id, &Command::CancelOrder { on: self.today })?;
            return Ok(());
        };
        if let Some(charge) = self.charge_in_flight(id, &term) {
            return Err(Refusal::ChargeInFlight { charge });
        }
        let data = self.billed_facts(id)?;
        self.recordings_inaccessible(id, self.today)?;
        self.command(id, &Command::CancelOrder { on: self.today })?;
        self.because("CO-5: the published price was wrong: the order is cancelled and the full charge goes back");
        let given = if self.paid_elsewhere(&subscription, &term) {
            self.leave_to_operator(id, &term, Back::Everything)?;
            Given::nothing(self.account.zero())
        } else {
            self.undo_order(&invoice_id(id, term.number, term.period_no))?
        };
        let data = NoticeData {
            ended_on: Some(self.today),
            effective_on: Some(self.today),
            refund_minor: Some(given.payout.minor()),
            credit_minor: Some(given.credit_cash.plus(given.credit_goodwill)?.minor()).filter(|minor| *minor != 0),
            reason: self.context.reason.map(ToOwned::to_owned),
            ..data
        };
        self.notify(NoticeKind::OrderCancelled, id.as_str(), Some(id), data);
        self.pay_out_credit_if_last()
    }

    /// CO-5: the whole line goes back to what it was paid from.
    fn undo_order(&mut self, invoice: &str) -> Planned<Given> {
        self.abandon_planned(invoice)?;
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let (net, tax) = (row.net, row.tax);
        let given = self.credit_note(invoice, NoteReason::OrderCancelled, net, tax, Destination::Refund)?;
        self.emit(Event::ServiceEnded { invoice: invoice.to_owned(), on: self.today })?;
        self.catch_up(invoice, self.today, super::super::event::Reversal::Correction)?;
        self.pay_out(given.payout, invoice, "order_cancelled")?;
        Ok(given)
    }

    /// PD-4: writes off what is owed on an invoice whose service was delivered.
    pub fn write_off(&mut self, invoice: &str) -> Planned {
        self.operator("write-off")?;
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let open = row.open;
        if !open.is_positive() {
            return Err(Refusal::BadAmount { what: "the open amount of the invoice", max: open });
        }
        let busy = self.account.charges.values().find(|charge| charge.invoice == invoice && charge.state.in_flight());
        if let Some(charge) = busy.filter(|charge| charge.due_at.is_none_or(|due| due <= self.context.now) || charge.lookups > 0) {
            return Err(Refusal::ChargeInFlight { charge: charge.id.clone() });
        }
        let delivered = row.ended_on.unwrap_or_else(|| row.document.period.last_day()) < self.today;
        if !delivered {
            return Err(Refusal::Illegal(super::Illegal {
                state: "running",
                command: "write-off",
                because: "and its period is not over; use cancel-unpaid first",
            }));
        }
        let (tax, rate_tax) = (row.tax, row.document.rate);
        // The tax part of what is open, by the line's own rate, never more than the line's tax.
        let gross = row.net.plus(row.tax)?;
        let open_tax = if open == gross { tax } else { part_of(open, tax, gross)?.at_most(tax)? };
        let net = open.minus(open_tax)?;
        let id = self.owner(invoice)?;
        self.abandon_planned(invoice)?;
        self.because(format!("PD-4: {open} is written off: net {net}, tax {open_tax} (rate {rate_tax})"));
        self.emit(Event::WrittenOff { invoice: invoice.to_owned(), net, tax: open_tax })?;
        if self.subscription(&id)?.state.is_live() { self.settle_standing(&id) } else { Ok(()) }
    }

    /// PD-4: adds a collection cost to what the account owes.
    pub fn add_collection_cost(&mut self, amount: Money, document: &str) -> Planned {
        self.operator("collection-cost")?;
        if !amount.is_positive() || document.trim().is_empty() {
            return Err(Refusal::BadAmount { what: "the collection cost (with its document)", max: Money::new(i64::MAX, amount.currency()) });
        }
        if self.account.costs.values().any(|cost| cost.document == document) {
            return Ok(());
        }
        let number = self.account.costs.len().saturating_add(1);
        let id = format!("cc_{}_{number}", self.account.profile.id);
        self.because(format!("PD-4: {amount} by document {document} is owed too; the next charge collects it"));
        self.emit(Event::CollectionCostAdded { id, amount, document: document.to_owned(), on: self.today })
    }

    /// Goodwill credit: stays when the last subscription ends.
    pub fn grant_credit(&mut self, amount: Money) -> Planned {
        self.operator("credit")?;
        if !amount.is_positive() {
            return Err(Refusal::BadAmount { what: "the credit", max: Money::new(i64::MAX, amount.currency()) });
        }
        self.because("goodwill credit pays the next invoice before cash (LC-4)");
        self.emit(Event::CreditGranted { amount })
    }

    /// Marks an operator task as done, by name and with a reason; done already is not an error.
    pub fn finish_task(&mut self, id: &str) -> Planned {
        self.operator("tasks close")?;
        if !self.account.tasks.contains_key(id) {
            return Err(self.no_object("task", id));
        }
        self.close_task(id)
    }

    /// PV-8: stops billing for the account.
    pub fn park(&mut self, code: &str, reason: &str) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let parked = Parked { code: code.to_owned(), reason: reason.to_owned(), since: self.context.now };
        self.emit(Event::AccountParked { parked })
    }

    /// PV-8: bills again; cancellations that were accepted meanwhile are carried out, counted from their instant. With
    /// `waive_missed` the missed periods are not billed: each subscription that is behind starts a new period today.
    pub fn release(&mut self, waive_missed: bool) -> Planned {
        self.operator("release")?;
        if self.account.profile.parked.is_none() {
            return Err(Refusal::NotParked { account: self.account.profile.id.to_string() });
        }
        self.emit(Event::AccountReleased)?;
        let ids: Vec<SubscriptionId> = self.account.subscriptions.keys().cloned().collect();
        for id in &ids {
            self.cancel_if_requested(id)?;
        }
        if waive_missed {
            ids.iter().try_for_each(|id| self.skip_missed(id))?;
        }
        self.retry_what_is_owed()
    }

    /// CA-3: an operator decided not to bill the missed periods; a new term starts today.
    fn skip_missed(&mut self, id: &SubscriptionId) -> Planned {
        let (State::Active { term } | State::PastDue { term, .. }) = self.subscription(id)?.state.clone() else { return Ok(()) };
        if term.intent != Intent::Renews || term.period.end >= self.today {
            return Ok(());
        }
        let version = self.renewal_version(id, self.today)?;
        self.because(format!("CA-3: the periods from {} until today are waived; a new term starts today", term.period.end));
        let period = Period::nth(self.today, term.plan.cycle, 0)?;
        let next = Term { number: term.number.saturating_add(1), anchor: self.today, period_no: 0, period, version, ..term };
        self.command(id, &Command::ChangeAtOnce { term: next })?;
        self.bill_present_period(id)
    }

    /// What a subscription's unused value would be today, for quotes.
    pub fn unused_today(&self, id: &SubscriptionId) -> Planned<Option<Unused>> {
        let Some(term) = self.subscription(id)?.state.term() else { return Ok(None) };
        let Some(row) = self.account.invoices.get(&invoice_id(id, term.number, term.period_no)) else { return Ok(None) };
        if !term.period.contains(self.today) {
            return Ok(None);
        }
        Ok(Some(unused(&row.line(), self.today, self.terms(id)?.cancellation_day)?))
    }

    /// The collection of an undercharge, or of nothing; used by corrections.
    pub(super) fn collect_difference(&mut self, invoice: &str) -> Planned<Collection> {
        self.collect(invoice, Purpose::Correction)
    }

    /// One day after today, in the account's zone, as an instant.
    pub(super) fn tomorrow(&self) -> Planned<chrono::DateTime<chrono::Utc>> {
        Ok(super::super::calendar::start_of_day(plus_days(self.today, 1)?, self.account.profile.zone))
    }
}

/// `amount × part / whole`, half up, exact in 128 bits; zero where `whole` is.
pub(super) fn part_of(amount: Money, part: Money, whole: Money) -> Planned<Money> {
    if whole.is_zero() {
        return Ok(Money::zero(amount.currency()));
    }
    let product = i128::from(amount.minor()).checked_mul(i128::from(part.minor()));
    let doubled = product.and_then(|product| product.checked_mul(2)).and_then(|doubled| doubled.checked_add(i128::from(whole.minor())));
    let minor = doubled
        .and_then(|doubled| doubled.checked_div(i128::from(whole.minor()).checked_mul(2)?))
        .and_then(|minor| i64::try_from(minor).ok())
        .ok_or(super::MoneyError::Overflow)?;
    Ok(Money::new(minor, amount.currency()))
}
