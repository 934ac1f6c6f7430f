//! Invoices and the intent to collect: LC-4, MO-2, MO-3, MO-5, PV-1.

use chrono::{DateTime, Utc};

use super::super::account::{AttemptState, Charge, InvoiceDocument, Purpose};
use super::super::calendar::Period;
use super::super::catalog::Plan;
use super::super::event::{ChargeRequest, Event, Given};
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{NONE_ON_FILE, NoticeData, NoticeKind};
use super::super::subscription::{Command, State, Term};
use super::super::tax::tax_on;
use super::{Draft, Planned, Refusal};

/// What became of the amount to collect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// Credit or a promotion covered everything.
    Nothing,
    /// A charge is on its way.
    Requested,
    /// MO-5: carried to the next bill.
    Carried,
    /// There is no payment method that may be charged (PD-2).
    NoMethod,
}

/// The id of the invoice for a term's period. Derived, so that a period has one (I1).
#[must_use]
pub fn invoice_id(subscription: &SubscriptionId, term: u32, period_no: u32) -> String {
    format!("in_{subscription}_{term}_{period_no}")
}

/// The part of an id after its kind.
#[must_use]
pub fn tail(id: &str) -> &str {
    id.split_once('_').map_or(id, |(_, tail)| tail)
}

/// The number at the end of a note's id.
fn note_number(id: &str) -> Option<u32> {
    id.rsplit('_').next()?.parse().ok()
}

/// What a period of a plan costs, before account credit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeriodPrice {
    /// List price.
    pub list: Money,
    /// Taken off by the promotion.
    pub discount: Money,
    /// The code, where it took something off.
    pub promotion: Option<String>,
    /// List less discount.
    pub net: Money,
    /// Tax on the net.
    pub tax: Money,
    /// Its rate.
    pub rate: super::super::money::Rate,
}

impl PeriodPrice {
    /// Net plus tax.
    pub fn total(&self) -> Planned<Money> {
        Ok(self.net.plus(self.tax)?)
    }
}

impl Draft<'_> {
    /// The catalog's price of a plan at a version.
    pub fn list_price(&self, plan: &Plan, version: &str) -> Planned<Money> {
        let currency = self.account.profile.currency;
        self.context
            .reference
            .catalog
            .version(version)
            .and_then(|version| version.price(plan, currency))
            .ok_or_else(|| Refusal::NotPriced { version: version.to_owned(), plan: plan.to_string(), currency: currency.to_string() })
    }

    /// MO-2, MO-3, PR-5: what a period costs. The reminder, the notice and the invoice all ask here.
    pub fn price_period(&self, id: &SubscriptionId, plan: &Plan, version: &str, period: Period) -> Planned<PeriodPrice> {
        let list = self.list_price(plan, version)?;
        let redemption = self.subscription(id)?.promotion.as_ref();
        let promotion = redemption.and_then(|redemption| {
            let promotion = self.context.reference.catalog.promotion(&redemption.code)?;
            Some(promotion).filter(|promotion| promotion.is_for(plan) && promotion.covers_next(redemption.periods_billed))
        });
        let discount = promotion.map_or(Ok(Money::zero(list.currency())), |promotion| promotion.discount(list))?;
        let net = list.minus(discount)?;
        let rate = self.context.reference.tax.rate_on(&self.account.profile.jurisdiction, period.start)?;
        let promotion = promotion.filter(|_| !discount.is_zero() || list.is_zero()).map(|promotion| promotion.code.clone());
        Ok(PeriodPrice { list, discount, promotion, net, tax: tax_on(net, rate)?, rate })
    }

    /// MO-3: ends a code that does not apply to the next billed period.
    pub(super) fn end_spent_promotion(&mut self, id: &SubscriptionId, plan: &Plan) -> Planned {
        let Some(redemption) = self.subscription(id)?.promotion.clone() else { return Ok(()) };
        let promotion = self.context.reference.catalog.promotion(&redemption.code);
        let because = match promotion {
            None => "the catalog no longer has the code",
            Some(promotion) if !promotion.is_for(plan) => "the code is not for the new plan",
            Some(promotion) if !promotion.covers_next(redemption.periods_billed) => "all its periods have been billed",
            Some(_) => return Ok(()),
        };
        self.because(format!("MO-3: promotion {} ends: {because}", redemption.code));
        self.emit(Event::PromotionEnded { subscription: id.clone(), code: redemption.code, because: because.to_owned() })
    }

    /// LC-4: issues the invoice of the term's present period, pays it from account credit, and asks for the rest.
    pub fn bill(&mut self, id: &SubscriptionId, term: &Term, pending: bool) -> Planned<Collection> {
        let nothing = Given::nothing(self.account.zero());
        self.bill_after_change(id, term, pending, &nothing)
    }

    /// As [`Draft::bill`]; `of_change` is credit of a change at once, which pays before all other credit (CP-1).
    pub(super) fn bill_after_change(&mut self, id: &SubscriptionId, term: &Term, pending: bool, of_change: &Given) -> Planned<Collection> {
        self.end_spent_promotion(id, &term.plan)?;
        let price = self.price_period(id, &term.plan, &term.version, term.period)?;
        let total = price.total()?;
        self.because(format!(
            "MO-2: {} at version {}: {} less {} = {} net, tax {} x {} = {}, total {total}",
            term.plan, term.version, price.list, price.discount, price.net, price.rate, price.net, price.tax
        ));
        let invoice = invoice_id(id, term.number, term.period_no);
        let document = InvoiceDocument {
            id: invoice.clone(),
            subscription: id.clone(),
            term: term.number,
            period_no: term.period_no,
            plan: term.plan.clone(),
            period: term.period,
            version: term.version.clone(),
            list: price.list,
            promotion: price.promotion,
            discount: price.discount,
            net: price.net,
            rate: price.rate,
            tax: price.tax,
            jurisdiction: self.account.profile.jurisdiction.clone(),
            issued_on: self.today,
        };
        self.emit(Event::InvoiceIssued { invoice: document, pending })?;
        self.apply_credit(&invoice, total, of_change)?;
        self.collect(&invoice, Purpose::Period)
    }

    /// LC-4: goodwill credit before credit that came from cash, so that the latter stays refundable (CP-3); and the credit of a
    /// change before all other credit (CP-1). Credit whose cash is disputed stays (RF-3).
    fn apply_credit(&mut self, invoice: &str, total: Money, of_change: &Given) -> Planned {
        let profile = &self.account.profile;
        let first_goodwill = of_change.credit_goodwill.at_most(total)?;
        let first_cash = of_change.credit_cash.at_most(total.minus(first_goodwill)?)?;
        let goodwill = profile.credit_goodwill.at_most(total.minus(first_cash)?)?;
        let disputed = self.disputed_credit()?.at_most(profile.credit_cash.minus(first_cash)?)?;
        let cash = profile.credit_cash.minus(disputed)?.at_most(total.minus(goodwill)?)?;
        if disputed.is_positive() {
            self.because(format!("RF-3: {disputed} of the account's credit pay nothing while their payment is disputed"));
        }
        if goodwill.is_zero() && cash.is_zero() {
            return Ok(());
        }
        self.because(format!("LC-4: account credit pays {} before cash", goodwill.plus(cash)?));
        self.emit(Event::CreditApplied { invoice: invoice.to_owned(), cash, goodwill })?;
        self.credit_to_pay_out(self.account.profile.credit_cash)
    }

    /// The open amount of an invoice.
    pub fn open(&self, invoice: &str) -> Planned<Money> {
        self.account.invoices.get(invoice).map(|invoice| invoice.open).ok_or_else(|| self.no_object("invoice", invoice))
    }

    pub(super) fn no_object(&self, what: &'static str, id: &str) -> Refusal {
        Refusal::NoObject { account: self.account.profile.id.to_string(), what, id: id.to_owned() }
    }

    /// PV-1: records the intent to collect what is open on an invoice, and what was carried (MO-5), now.
    pub fn collect(&mut self, invoice: &str, purpose: Purpose) -> Planned<Collection> {
        self.collect_at(invoice, purpose, self.context.now)
    }

    /// As [`Draft::collect`], at a later instant (PD-2).
    pub fn collect_at(&mut self, invoice: &str, purpose: Purpose, due_at: DateTime<Utc>) -> Planned<Collection> {
        self.collect_after(invoice, purpose, due_at, 0)
    }

    /// As [`Draft::collect_at`], where earlier attempts were given up after so many look-ups.
    pub(super) fn collect_after(&mut self, invoice: &str, purpose: Purpose, due_at: DateTime<Utc>, lookups: u32) -> Planned<Collection> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let (open, attempt) = (row.open, row.attempts.saturating_add(1));
        if open.is_zero() {
            return Ok(Collection::Nothing);
        }
        let was_carried = row.carried;
        let amount = match purpose {
            Purpose::Period => open.plus(self.carried_besides(invoice)?)?,
            Purpose::Correction => match self.open_correction(invoice) {
                Some(correction) => open.at_most(correction.open_net.plus(correction.open_tax)?)?,
                None => open,
            },
        };
        if purpose == Purpose::Period && self.below_minimum(amount) {
            if !was_carried {
                self.because(format!("MO-5: {amount} is below the provider's minimum and is carried to the next bill"));
                self.emit(Event::AmountCarried { invoice: invoice.to_owned(), amount: open })?;
                if !self.account.has_paid_subscription() {
                    self.list_what_stays_carried()?;
                }
            }
            return Ok(Collection::Carried);
        }
        let Some(method) = self.account.profile.method.as_ref().filter(|method| !method.blocked).map(|method| method.number) else {
            self.because("PD-2: no payment method on file may be charged; a new one is tried at once");
            return Ok(Collection::NoMethod);
        };
        let id = format!("ch_{}_{attempt}", tail(invoice));
        let charge = ChargeRequest { id, invoice: invoice.to_owned(), attempt, purpose, amount, method, due_at, lookups };
        self.emit(Event::ChargeRequested { charge })?;
        Ok(Collection::Requested)
    }

    /// MO-5: carried amounts that a charge for this invoice collects too: all that no other charge under way collects already.
    fn carried_besides(&self, invoice: &str) -> Planned<Money> {
        let all = self.account.profile.carried;
        if !all.is_positive() {
            return Ok(all);
        }
        let mut rest = match self.account.invoices.get(invoice) {
            Some(row) if row.carried => all.minus(row.open)?,
            Some(_) | None => all,
        };
        let others = self.account.charges.values().filter(|charge| charge.state.in_flight() && charge.invoice != invoice);
        for other in others.filter(|charge| charge.purpose == Purpose::Period) {
            rest = rest.minus(other.amount.minus(self.open(&other.invoice)?)?.or_zero())?;
        }
        Ok(rest.or_zero())
    }

    /// What was planned to be collected later follows what is owed now.
    pub(super) fn replan(&mut self, invoice: &str) -> Planned {
        let planned = self.planned(|charge| charge.invoice == invoice);
        for (charge, ..) in &planned {
            self.emit(Event::ChargeAbandoned { charge: charge.clone() })?;
        }
        if let Some((_, purpose, due_at)) = planned.into_iter().next() {
            self.collect_at(invoice, purpose, due_at)?;
        }
        Ok(())
    }

    /// Charges that have not been sent and are not due yet: id, purpose and when.
    pub(super) fn planned(&self, which: impl Fn(&Charge) -> bool) -> Vec<(String, Purpose, DateTime<Utc>)> {
        let now = self.context.now;
        let unsent = |charge: &&Charge| charge.state == AttemptState::Requested;
        self.account
            .charges
            .values()
            .filter(unsent)
            .filter_map(|charge| Some((charge, charge.due_at.filter(|due| *due > now)?)))
            .filter(|(charge, _)| which(charge))
            .map(|(charge, due_at)| (charge.id.clone(), charge.purpose, due_at))
            .collect()
    }

    /// Withdraws charges that have not been sent.
    pub(super) fn abandon_all_planned(&mut self, which: impl Fn(&Charge) -> bool) -> Planned {
        self.planned(which).into_iter().try_for_each(|(charge, ..)| self.emit(Event::ChargeAbandoned { charge }))
    }

    /// MO-5: whether an amount is too small for the provider.
    #[must_use]
    pub fn below_minimum(&self, amount: Money) -> bool {
        let minimum = self.context.reference.minimums.iter().find(|minimum| minimum.currency() == amount.currency());
        minimum.is_some_and(|minimum| amount.minor() < minimum.minor())
    }

    /// PD-1: an invoice could not be collected; service goes on.
    pub fn fell_behind(&mut self, id: &SubscriptionId, invoice: &str) -> Planned {
        self.command(id, &Command::FailPayment { on: self.today })?;
        let data = NoticeData { owed_minor: Some(self.open(invoice)?.minor()), ..self.invoice_facts(invoice)? };
        self.notify(NoticeKind::PaymentMethodNeeded, invoice, Some(id), data);
        Ok(())
    }

    /// The number that a mail shows of an invoice; its id while it has none, because numbers are given when a change is stored
    /// ([`Change::show_numbers`](super::Change::show_numbers)).
    pub(super) fn number_of(&self, invoice: &str) -> Option<String> {
        let row = self.account.invoices.get(invoice)?;
        Some(if row.number.is_empty() { invoice.to_owned() } else { row.number.clone() })
    }

    /// The last note on an invoice, as a mail shows it.
    pub(super) fn last_note(&self, invoice: &str) -> Option<String> {
        self.account
            .notes
            .values()
            .filter(|note| note.invoice == invoice)
            .max_by_key(|note| note_number(&note.id))
            .map(|note| note.id.clone())
    }

    /// The facts that every mail about a subscription shows.
    pub fn facts(&self, id: &SubscriptionId) -> Planned<NoticeData> {
        let subscription = self.subscription(id)?;
        let method = self.account.profile.method.as_ref();
        let mut data = NoticeData {
            currency: Some(self.account.profile.currency),
            plan: subscription.state.plan().map(|plan| self.plan_title(plan)),
            camera: subscription.camera.as_ref().map(ToString::to_string),
            payment_method: Some(method.map_or_else(|| NONE_ON_FILE.to_owned(), |method| method.label.clone())),
            happened_at: Some(self.context.now),
            ..NoticeData::default()
        };
        if let State::Closed { on, .. } = subscription.state {
            data.ended_on = Some(on);
        }
        if let Some(term) = subscription.state.term() {
            data.period_start = Some(term.period.start);
            data.period_end = Some(term.period.end);
        }
        Ok(data)
    }

    /// A plan as a customer knows it.
    #[must_use]
    pub fn plan_title(&self, plan: &Plan) -> String {
        let title = self.context.reference.catalog.tier(&plan.tier).map_or(plan.tier.as_str(), |tier| tier.title.as_str());
        format!("{title} ({})", plan.cycle.tag())
    }
}
