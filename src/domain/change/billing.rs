//! Invoices and the intent to collect: LC-4, MO-2, MO-3, MO-5, PV-1.

use super::super::account::{InvoiceDocument, Purpose};
use super::super::calendar::Period;
use super::super::catalog::Plan;
use super::super::event::{ChargeRequest, Event};
use super::super::ids::SubscriptionId;
use super::super::money::Money;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::subscription::{Command, Term};
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
        self.context.reference.catalog.version(version).and_then(|version| version.price(plan, currency)).ok_or_else(|| Refusal::NoPrice {
            plan: plan.to_string(),
            currency: currency.to_string(),
            on: self.today,
        })
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
    fn end_spent_promotion(&mut self, id: &SubscriptionId, plan: &Plan) -> Planned {
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
        self.apply_credit(&invoice, total)?;
        self.collect(&invoice, Purpose::Period)
    }

    /// LC-4: goodwill credit first, so that what came from cash stays refundable (CP-3).
    fn apply_credit(&mut self, invoice: &str, total: Money) -> Planned {
        let goodwill = self.account.profile.credit_goodwill.at_most(total)?;
        let cash = self.account.profile.credit_cash.at_most(total.minus(goodwill)?)?;
        if goodwill.is_zero() && cash.is_zero() {
            return Ok(());
        }
        self.because(format!("LC-4: account credit pays {} before cash", goodwill.plus(cash)?));
        self.emit(Event::CreditApplied { invoice: invoice.to_owned(), cash, goodwill })
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
    pub fn collect_at(&mut self, invoice: &str, purpose: Purpose, due_at: chrono::DateTime<chrono::Utc>) -> Planned<Collection> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let (open, attempt) = (row.open, row.attempts.saturating_add(1));
        if open.is_zero() {
            return Ok(Collection::Nothing);
        }
        let was_carried = row.carried;
        let carried = if was_carried { self.account.profile.carried.minus(open)? } else { self.account.profile.carried };
        let amount = match purpose {
            Purpose::Period => open.plus(carried)?,
            Purpose::Correction => open,
        };
        if self.below_minimum(amount) {
            if !was_carried {
                self.because(format!("MO-5: {amount} is below the provider's minimum and is carried to the next bill"));
                self.emit(Event::AmountCarried { invoice: invoice.to_owned(), amount: open })?;
            }
            return Ok(Collection::Carried);
        }
        let Some(method) = self.account.profile.method.as_ref().filter(|method| !method.blocked).map(|method| method.number) else {
            self.because("PD-2: no payment method on file may be charged; a new one is tried at once");
            return Ok(Collection::NoMethod);
        };
        let id = format!("ch_{}_{attempt}", tail(invoice));
        let charge = ChargeRequest { id, invoice: invoice.to_owned(), attempt, purpose, amount, method, due_at };
        self.emit(Event::ChargeRequested { charge })?;
        Ok(Collection::Requested)
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
        let data = NoticeData { owed_minor: Some(self.open(invoice)?.minor()), ..self.facts(id)? };
        self.notify(NoticeKind::PaymentMethodNeeded, invoice, Some(id), data);
        Ok(())
    }

    /// The facts that every mail about a subscription shows.
    pub fn facts(&self, id: &SubscriptionId) -> Planned<NoticeData> {
        let subscription = self.subscription(id)?;
        let method = self.account.profile.method.as_ref();
        let mut data = NoticeData {
            currency: Some(self.account.profile.currency),
            plan: subscription.state.plan().map(|plan| self.plan_title(plan)),
            camera: subscription.camera.as_ref().map(ToString::to_string),
            payment_method: Some(method.map_or_else(|| "none on file".to_owned(), |method| method.label.clone())),
            happened_at: Some(self.context.now),
            ..NoticeData::default()
        };
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
