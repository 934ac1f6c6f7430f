//! What an operator does by name and with a reason: LC-7, PD-3, PD-4, CO-5, PV-8; and the payment method on file.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::super::account::{Invoice, Method, NoteReason, Parked};
use super::super::calendar::plus_days;
use super::super::catalog::Plan;
use super::super::event::{Event, Given};
use super::super::ids::SubscriptionId;
use super::super::money::{AMOUNT_MINOR_MAX, Money};
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{Destination, Unused, unused};
use super::super::subscription::{Command, Intent, State, Term, Trial};
use super::super::terms::{ChangeKind, Effective, UnusedValue};
use super::billing::invoice_id;
use super::cancel::{Ending, first_day_without, with_given};
use super::dunning::Retry;
use super::refunds::PAID_AFTER_ALL;
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
        self.retry_what_is_owed(Retry::Everything, None)
    }

    /// LC-7: stops the service; nothing is refunded for it, and the paid period runs on.
    pub fn suspend(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("suspend")?;
        self.direct(id)?;
        if self.command(id, &Command::Suspend { on: self.today })? {
            self.because("LC-7: no service, no renewal and no charge while it is suspended; the paid period runs on");
            let ours: Vec<String> = self.invoices_of(id).map(|invoice| invoice.document.id.clone()).collect();
            self.abandon_all_planned(|charge| ours.contains(&charge.invoice))?;
            let reason = self.context.reason.map(ToOwned::to_owned);
            let data = NoticeData { effective_on: Some(self.today), reason, ..self.facts(id)? };
            self.notify(NoticeKind::SuspensionNotice, &self.cause_now(id), Some(id), data);
        }
        Ok(())
    }

    /// The invoices of one subscription.
    pub(super) fn invoices_of<'b>(&'b self, id: &'b SubscriptionId) -> impl Iterator<Item = &'b Invoice> {
        self.account.invoices.values().filter(move |invoice| invoice.document.subscription == *id)
    }

    /// LC-7: inside the paid period it goes on as it was; later a new period, with a new anchor, starts today.
    pub fn reinstate(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("reinstate")?;
        self.not_parked()?;
        let state = self.direct(id)?.state.clone();
        let next = match &state {
            State::Suspended { term, .. } if self.today >= term.period.end => Some(self.next_term_after_gap(id, term)?),
            _ => None,
        };
        self.command(id, &Command::Reinstate { on: self.today, term: next.clone() })?;
        if let Some(next) = &next {
            let absorbed = self.cover_as_changed(id, &state, &next.plan)?;
            self.bill_present_period(id, &absorbed)?;
        }
        self.announce_known_prices(id)?;
        self.retry_what_is_owed(Retry::Everything, Some(id))?;
        let facts = self.billed_facts(id)?;
        let ends = self.subscription(id)?.state.term().filter(|term| term.intent == Intent::Ends).map(|term| term.period.end);
        let data = NoticeData { effective_on: Some(self.today), runs_until: ends, ..facts };
        self.notify(NoticeKind::Reinstated, &self.cause_now(id), Some(id), data);
        Ok(())
    }

    /// LC-7, CA-3: the term that starts today after a gap, at the price that PR says, or as a pending change fixed it. One that
    /// was to end has ended.
    fn next_term_after_gap(&mut self, id: &SubscriptionId, term: &Term) -> Planned<Term> {
        self.because(format!("the paid period ended on {}; a new one starts today", term.period.end));
        match &term.intent {
            Intent::Ends => Err(Refusal::RenewalDue { subscription: id.to_string(), ended_on: term.period.end }),
            Intent::ChangesTo { plan, version, .. } => self.term_from_today(term, plan, version.clone()),
            Intent::Renews => {
                let version = self.renewal_version(id, self.today)?;
                self.term_from_today(term, &term.plan, version)
            }
        }
    }

    /// A pending change that took effect with a late start also changes what is covered. Gives the unused value of what it took over.
    fn cover_as_changed(&mut self, id: &SubscriptionId, before: &State, to: &Plan) -> Planned<Given> {
        let Some(Term { intent: Intent::ChangesTo { camera, .. }, plan: from, .. }) = before.term() else {
            return Ok(Given::nothing(self.account.zero()));
        };
        let absorbed = self.absorb_others(id, to)?;
        self.lose_coverage_difference(id, from, to, camera.as_ref(), self.today)?;
        self.emit(Event::CameraCovered { subscription: id.clone(), camera: camera.clone() })?;
        Ok(absorbed)
    }

    /// LC-7: as a customer's cancellation, unless it is for a breach, which forfeits the refund.
    pub fn terminate(&mut self, id: &SubscriptionId, breach: bool) -> Planned {
        self.operator("terminate")?;
        self.not_parked()?;
        let subscription = self.direct(id)?.clone();
        if let Some(term) = subscription.state.term() {
            self.nothing_in_flight(id, term)?;
        }
        if !breach {
            return self.cancel_on(id, self.today, Ending::Operator);
        }
        self.because("LC-7: terminated for a breach: nothing is refunded");
        let facts = self.facts(id)?;
        if let Some(term) = subscription.state.term().filter(|term| term.period.contains(self.today)) {
            self.forfeit(&invoice_id(id, term.number, term.period_no), self.today)?;
        }
        self.recordings_inaccessible(id, self.today)?;
        let (effective, suspended) = (Effective::AtOnce, self.is_suspended(id));
        self.command(id, &Command::Terminate { effective, on: self.today, breach: true })?;
        self.confirm(id, Ending::Operator, NoticeData { ended_on: Some(self.today), ..facts });
        self.after_end(id, suspended)
    }

    /// PD-3: ends an unpaid term at once. Annual: the unused part is credited off the receivable and the earned part stays
    /// owed; monthly: the whole period stays owed.
    pub fn cancel_unpaid(&mut self, id: &SubscriptionId) -> Planned {
        self.operator("cancel-unpaid")?;
        self.not_parked()?;
        let Some(term) = self.direct(id)?.state.term().cloned() else {
            self.command(id, &Command::CancelUnpaid { on: self.today })?;
            return Ok(());
        };
        self.nothing_in_flight(id, &term)?;
        let facts = self.facts(id)?;
        let policy = self.policy(id, ChangeKind::CancelToFree, term.plan.cycle)?;
        let day = self.terms(id)?.cancellation_day;
        let ended_on = match (term.period.contains(self.today), policy.unused) {
            (false, _) => self.today.min(term.period.end),
            (true, UnusedValue::None) => self.today,
            (true, _) => first_day_without(self.today, day)?,
        };
        self.recordings_inaccessible(id, ended_on)?;
        let suspended = self.is_suspended(id);
        self.command(id, &Command::CancelUnpaid { on: ended_on })?;
        let mut given = Given::nothing(self.account.zero());
        if term.period.contains(self.today) && policy.unused == UnusedValue::None {
            self.because("PD-3: monthly: the whole period stays owed");
            self.forfeit(&invoice_id(id, term.number, term.period_no), self.today)?;
        } else if term.period.contains(self.today) {
            given = self.give_back_unused(id, &term, self.today, NoteReason::CancelledUnpaid, Destination::Refund)?;
        }
        let owed = super::super::money::total(self.account.profile.currency, self.invoices_of(id).map(|invoice| invoice.open))?;
        let data = NoticeData { ended_on: Some(ended_on), owed_minor: Some(owed.minor()).filter(|minor| *minor != 0), ..facts };
        self.confirm(id, Ending::Operator, with_given(data, &given)?);
        self.after_end(id, suspended)
    }

    /// PD-4: writes off what is owed: a recharged collection cost, an invoice whose service was delivered, or what a refund moved
    /// more than was asked for.
    pub fn write_off(&mut self, id: &str) -> Planned {
        self.operator("write-off")?;
        if self.account.costs.contains_key(id) {
            self.write_off_cost(id)
        } else if self.account.refunds.contains_key(id) {
            self.write_off_excess(id)
        } else {
            self.write_off_invoice(id)
        }
    }

    /// PD-4: the cost is not collected any more.
    fn write_off_cost(&mut self, id: &str) -> Planned {
        let cost = self.account.costs.get(id).ok_or_else(|| self.no_object("collection cost", id))?;
        let open = cost.open;
        if !open.is_positive() {
            return Err(Refusal::BadAmount { what: "the open amount of the collection cost", max: open });
        }
        if let Some(charge) = self.sent_collector_of_costs()? {
            return Err(Refusal::ChargeInFlight { charge });
        }
        self.because(format!("PD-4: the recharged cost {id} of {open} is written off"));
        self.emit(Event::CollectionCostWrittenOff { id: id.to_owned(), amount: open })?;
        self.replan_all()?;
        self.unlist_what_was_carried()
    }

    /// What was planned to be collected follows carried amounts and costs that are not owed any more.
    pub(super) fn replan_all(&mut self) -> Planned {
        let in_flight = self.account.charges.values().filter(|charge| charge.state.in_flight());
        let invoices: BTreeSet<String> = in_flight.map(|charge| charge.invoice.clone()).collect();
        invoices.iter().try_for_each(|invoice| self.replan(invoice))
    }

    fn write_off_invoice(&mut self, invoice: &str) -> Planned {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let open = row.open;
        if !open.is_positive() {
            return Err(Refusal::NothingOwed { invoice: invoice.to_owned() });
        }
        if let Some(charge) = self.sent_collector_of(invoice)? {
            return Err(Refusal::ChargeInFlight { charge });
        }
        if let Some(correction) = self.open_correction(invoice) {
            return Err(Refusal::CorrectionExists { correction: correction.id, invoice: invoice.to_owned() });
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
        let (id, was_carried) = (self.owner(invoice)?, row.carried);
        self.abandon_planned(invoice)?;
        self.because(format!("PD-4: {open} is written off: net {net}, tax {open_tax} (rate {rate_tax})"));
        self.emit(Event::WrittenOff { invoice: invoice.to_owned(), net, tax: open_tax })?;
        self.close_task(&format!("tk_dunning_exhausted_{invoice}"))?;
        if was_carried {
            self.replan_all()?;
        }
        self.unlist_what_was_carried()?;
        if self.subscription(&id)?.state.is_live() { self.settle_standing(&id) } else { Ok(()) }
    }

    /// PD-4: adds a collection cost to what the account owes.
    pub fn add_collection_cost(&mut self, amount: Money, document: &str) -> Planned {
        self.operator("collection-cost")?;
        if !may_be_named(amount) || document.trim().is_empty() {
            return Err(Refusal::BadAmount {
                what: "the collection cost (with its document)",
                max: Money::new(AMOUNT_MINOR_MAX, amount.currency()),
            });
        }
        if let Some(cost) = self.account.costs.values().find(|cost| cost.document == document) {
            let (document, recorded) = (document.to_owned(), cost.amount);
            return if recorded == amount { Ok(()) } else { Err(Refusal::DocumentUsed { document, amount: recorded }) };
        }
        let number = self.account.costs.len().saturating_add(1);
        let id = format!("cc_{}_{number}", self.account.profile.id);
        self.because(format!("PD-4: {amount} by document {document} is owed too, as {id}; the next charge for a period collects it"));
        self.emit(Event::CollectionCostAdded { id, amount, document: document.to_owned(), on: self.today })
    }

    /// Goodwill credit: stays when the last subscription ends.
    pub fn grant_credit(&mut self, amount: Money) -> Planned {
        self.operator("credit")?;
        if !may_be_named(amount) {
            return Err(Refusal::BadAmount { what: "the credit", max: Money::new(AMOUNT_MINOR_MAX, amount.currency()) });
        }
        self.because("goodwill credit pays the next invoice before cash (LC-4)");
        self.emit(Event::CreditGranted { amount })?;
        let balance = self.account.profile.credit_cash.plus(self.account.profile.credit_goodwill)?;
        let data = NoticeData {
            currency: Some(amount.currency()),
            credit_minor: Some(amount.minor()),
            credit_balance_minor: Some(balance.minor()),
            reason: self.context.reason.map(ToOwned::to_owned),
            ..NoticeData::default()
        };
        let cause = format!("{}_{}", self.account.profile.id, self.context.now.timestamp_micros());
        self.notify(NoticeKind::CreditGranted, &cause, None, data);
        Ok(())
    }

    /// RF-4: a person has paid account credit out past the provider, because it could not: by a transfer from the bank. Goodwill credit
    /// is never paid out (CP-3). The tasks that asked for it are done when nothing of it is left.
    pub fn credit_was_paid(&mut self, amount: Money, document: &str) -> Planned {
        self.operator("credit-paid")?;
        let credit = self.account.profile.credit_cash.minus(self.disputed_credit()?)?;
        if !amount.is_positive() || amount.minus(credit)?.is_positive() {
            let what = "account credit that came from cash, is not disputed and was paid out";
            return Err(Refusal::BadAmount { what, max: credit });
        }
        self.because(format!("RF-4: {amount} of account credit that came from cash was paid out by hand: {document}"));
        self.emit(Event::CreditPaidByHand { amount, document: document.to_owned(), on: self.today })?;
        let left = self.account.profile.credit_cash;
        self.less_to_pay_out(left)?;
        if left.is_zero() {
            let failed = self.account.tasks.values().filter(|task| task.kind == "refund_failed" && task.is_open());
            for task in failed.map(|task| task.id.clone()).collect::<Vec<_>>() {
                self.close_task(&task)?;
            }
        }
        Ok(())
    }

    /// Marks an operator task as done, by name and with a reason; done already is not an error.
    pub fn finish_task(&mut self, id: &str) -> Planned {
        self.operator("tasks close")?;
        let task = self.account.tasks.get(id).ok_or_else(|| self.no_object("task", id))?;
        if let Some((amount, way_out)) = self.money_behind(task)? {
            return Err(Refusal::MoneyStands { task: id.to_owned(), amount, way_out });
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
        if let Some(task) = self.account.tasks.values().find(|task| task.is_open() && task.kind == PAID_AFTER_ALL) {
            return Err(Refusal::PaidAfterAll { refund: task.subject.clone(), task: task.id.clone() });
        }
        self.emit(Event::AccountReleased)?;
        self.replace_expired()?;
        let ids: Vec<SubscriptionId> = self.account.subscriptions.keys().cloned().collect();
        for id in &ids {
            self.cancel_if_requested(id)?;
        }
        for id in &ids {
            if waive_missed { self.skip_missed(id) } else { self.warn_of_missed(id) }?;
        }
        self.retry_what_is_owed(Retry::Untried, None)
    }

    /// CA-3: what is behind by too much is not caught up with, so that the next run parks the account again.
    fn warn_of_missed(&mut self, id: &SubscriptionId) -> Planned {
        let behind = match &self.subscription(id)?.state {
            State::Trialing { trial } => self.check_missed(id, trial.ends, trial.plan.cycle, 0),
            State::Active { term } | State::PastDue { term, .. } if term.intent != Intent::Ends => {
                self.check_missed(id, term.anchor, term.plan.cycle, term.period_no.saturating_add(1))
            }
            _ => Ok(()),
        };
        if let Err(refused @ Refusal::TooManyMissed { .. }) = behind {
            self.because(format!("{refused}: {id} parks the account again when the jobs run, unless --waive-missed gives the periods up"));
        }
        Ok(())
    }

    /// CA-3: an operator decided not to bill the missed periods; a new term starts today.
    fn skip_missed(&mut self, id: &SubscriptionId) -> Planned {
        let state = self.subscription(id)?.state.clone();
        match &state {
            State::Trialing { trial } if trial.ends < self.today => {
                self.because(format!("CA-3: the periods from {} until today are waived", trial.ends));
                self.end_trial(id, &Trial { ends: self.today, ..trial.clone() })
            }
            State::Active { term } | State::PastDue { term, .. } if term.period.end < self.today && term.intent != Intent::Ends => {
                self.because(format!("CA-3: the periods from {} until today are waived", term.period.end));
                let next = self.next_term_after_gap(id, term)?;
                self.command(id, &Command::ChangeAtOnce { term: next.clone() })?;
                let absorbed = self.cover_as_changed(id, &state, &next.plan)?;
                self.bill_present_period(id, &absorbed)?;
                self.announce_known_prices(id)
            }
            _ => Ok(()),
        }
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

    /// One day after today, in the account's zone, as an instant.
    pub(super) fn tomorrow(&self) -> Planned<chrono::DateTime<chrono::Utc>> {
        Ok(super::super::calendar::start_of_day(plus_days(self.today, 1)?, self.account.profile.zone))
    }
}

/// Whether an operator may name this amount: above zero, and at most [`AMOUNT_MINOR_MAX`].
pub(super) fn may_be_named(amount: Money) -> bool {
    amount.is_positive() && amount.minor() <= AMOUNT_MINOR_MAX
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
