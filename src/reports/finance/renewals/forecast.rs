//! The forecast in the making: every renewal and planned retry of every account, summed by week and by month.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::super::books::amount;
use crate::domain::account::{Account, Subscription};
use crate::domain::calendar::{boundary, first_of_month, local_date};
use crate::domain::catalog::Plan;
use crate::domain::change::{Draft, Planned};
use crate::domain::ids::SubscriptionId;
use crate::domain::money::{Currency, Money};
use crate::domain::schedule::due_on;
use crate::domain::subscription::{Intent, State};
use crate::reports::ReportError;
use crate::reports::sheet::{Cell, Column, Section, Teller};

/// Weeks ahead.
pub(super) const WEEKS: u64 = 13;
/// Renewals that are listed one by one; later ones are in the sums alone.
pub(super) const LISTED_MAX: usize = 100_000;

/// When subscriptions are due, by account and subscription.
pub(super) type Due = HashMap<(String, String), DateTime<Utc>>;

/// What a week or a month should bring, in minor units.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    pub(super) renewals: i64,
    pub(super) net: i128,
    pub(super) tax: i128,
    /// Paid from account credit.
    pub(super) credit: i128,
    /// Of accounts that cannot be charged.
    pub(super) uncollected: i128,
    /// Charges that are planned already.
    pub(super) retries: i128,
}

impl Sums {
    pub(super) fn cash(&self) -> i128 {
        self.net + self.tax - self.credit - self.uncollected + self.retries
    }
}

/// One renewal.
#[derive(Debug, Clone)]
struct Renewal {
    plan: Plan,
    promotion: Option<String>,
    net: Money,
    tax: Money,
    credit: Money,
    cash: Money,
}

/// A period that will be billed, with its price where it has one. Others that are billed alike share it.
pub(super) struct Priced {
    ahead: Ahead,
    can_be_charged: bool,
    renewal: Option<Rc<Renewal>>,
}

/// The forecast of one currency.
pub(super) struct Forecast {
    currency: Currency,
    first: NaiveDate,
    last: NaiveDate,
    /// By their first day.
    pub(super) weeks: BTreeMap<NaiveDate, Sums>,
    /// By their first day.
    pub(super) months: BTreeMap<NaiveDate, Sums>,
    listed: BTreeMap<(NaiveDate, String, String, NaiveDate), Rc<Renewal>>,
    unlisted: u64,
    parked: u64,
    unpriced: u64,
    /// What the next renewal of each subscription costs: of those that begin in time by their terms, and of those that are due in time
    /// by what is stored beside them.
    next: [i128; 2],
    /// Accounts that could not be rebuilt.
    pub(super) unreadable: u64,
}

/// A period that will be billed.
struct Ahead {
    /// Whether it begins in time by its terms, and, of the first one of a subscription, by what is stored.
    is_in_time: bool,
    next_by_rows: Option<bool>,
    on: NaiveDate,
    starts: NaiveDate,
    subscription: SubscriptionId,
    plan: Plan,
}

impl Forecast {
    /// The 13 weeks after a day.
    pub(super) fn after(day: NaiveDate, currency: Currency) -> Self {
        let at = |days: u64| day.checked_add_days(Days::new(days)).unwrap_or(day);
        let (first, last) = (at(1), at(WEEKS * 7));
        let weeks = (0..WEEKS).map(|week| (at(1 + week * 7), Sums::default())).collect();
        let mut months = BTreeMap::new();
        let mut month = first_of_month(first);
        while month <= last {
            months.insert(month, Sums::default());
            let Some(next) = month.checked_add_months(chrono::Months::new(1)) else { break };
            month = next;
        }
        let (listed, unlisted, parked, unpriced, unreadable) = (BTreeMap::new(), 0, 0, 0, 0);
        Self { currency, first, last, weeks, months, listed, unlisted, parked, unpriced, next: [0; 2], unreadable }
    }

    /// Adds an account; with what is stored of when its subscriptions are due, where that is of the same time.
    pub(super) fn add(&mut self, mut draft: Draft<'_>, due: Option<&Due>) {
        if draft.account.profile.parked.is_some() {
            self.parked += 1;
            return;
        }
        self.add_retries(&draft.account);
        let priced = self.priced(&mut draft, due);
        let account = draft.account.profile.id.as_str();
        for period in &priced {
            self.add_priced(account, period.ahead.subscription.as_str(), period);
        }
    }

    /// What an account will be billed, in the order of the dates.
    pub(super) fn priced(&self, draft: &mut Draft<'_>, due: Option<&Due>) -> Vec<Priced> {
        let can_be_charged = draft.account.profile.method.as_ref().is_some_and(|method| !method.blocked);
        let ahead = self.ahead(&draft.account, due).into_iter();
        let mut priced = |ahead: Ahead| {
            let renewal = price(draft, &ahead, can_be_charged).ok().map(Rc::new);
            Priced { ahead, can_be_charged, renewal }
        };
        ahead.map(&mut priced).collect()
    }

    /// Adds a period of a subscription.
    pub(super) fn add_priced(&mut self, account: &str, subscription: &str, period: &Priced) {
        let Some(renewal) = &period.renewal else {
            self.unpriced += 1;
            return;
        };
        if let Some(by_rows) = period.ahead.next_by_rows {
            let net = i128::from(renewal.net.minor());
            self.next[0] += if period.ahead.is_in_time { net } else { 0 };
            self.next[1] += if by_rows { net } else { 0 };
        }
        if period.ahead.is_in_time {
            self.add_renewal((account, subscription), &period.ahead, renewal, period.can_be_charged);
        }
    }

    /// The periods that begin in time, in the order of their dates. One whose renewal is late is billed on the first day.
    fn ahead(&self, account: &Account, due: Option<&Due>) -> Vec<Ahead> {
        let mut ahead = Vec::new();
        for subscription in account.subscriptions.values() {
            let Some((plan, anchor, first)) = next_period(subscription) else { continue };
            for number in first.. {
                let Ok(starts) = boundary(anchor, plan.cycle, number) else { break };
                let is_in_time = starts <= self.last;
                let next_by_rows = due.filter(|_| number == first).map(|due| {
                    let at = due.get(&(account.profile.id.to_string(), subscription.id.to_string()));
                    at.is_some_and(|at| local_date(*at, account.profile.zone) <= self.last)
                });
                if !is_in_time && next_by_rows != Some(true) {
                    break;
                }
                let (on, subscription) = (starts.max(self.first), subscription.id.clone());
                ahead.push(Ahead { is_in_time, next_by_rows, on, starts, subscription, plan: plan.clone() });
                if !is_in_time {
                    break;
                }
            }
        }
        ahead.sort_by(|left, right| (left.on, left.starts, &left.subscription).cmp(&(right.on, right.starts, &right.subscription)));
        ahead
    }

    fn add_renewal(&mut self, (account, subscription): (&str, &str), period: &Ahead, renewal: &Rc<Renewal>, can_be_charged: bool) {
        let minor = |amount: Money| i128::from(amount.minor());
        self.at(period.on, |sums| {
            sums.renewals += 1;
            sums.net += minor(renewal.net);
            sums.tax += minor(renewal.tax);
            sums.credit += minor(renewal.credit);
            if !can_be_charged {
                sums.uncollected += minor(renewal.net) + minor(renewal.tax) - minor(renewal.credit);
            }
        });
        // What would come after all that are listed is not kept for a moment.
        let last = self.listed.last_key_value();
        let is_late = last.is_some_and(|((on, last, _, _), _)| (*on, last.as_str()) < (period.on, account));
        if is_late && self.listed.len() >= LISTED_MAX {
            self.unlisted += 1;
            return;
        }
        let key = (period.on, account.to_owned(), subscription.to_owned(), period.starts);
        self.listed.insert(key, Rc::clone(renewal));
        if self.listed.len() > LISTED_MAX {
            self.listed.pop_last();
            self.unlisted += 1;
        }
    }

    /// Charges that are planned or under way; one that is late is sent on the first day.
    fn add_retries(&mut self, account: &Account) {
        for charge in account.charges.values().filter(|charge| charge.state.in_flight()) {
            let Some(due_at) = charge.due_at else { continue };
            let on = local_date(due_at, account.profile.zone).max(self.first);
            if on <= self.last {
                self.at(on, |sums| sums.retries += i128::from(charge.amount.minor()));
            }
        }
    }

    fn at(&mut self, day: NaiveDate, add: impl Fn(&mut Sums)) {
        for sums in [&mut self.weeks, &mut self.months] {
            if let Some((_, sums)) = sums.range_mut(..=day).next_back() {
                add(sums);
            }
        }
    }

    /// Tells each renewal.
    pub(super) fn tell_renewals(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let columns = vec![
            Column::date("on", "On"),
            Column::text("account", "Account"),
            Column::text("subscription", "Subscription"),
            Column::date("period_from", "Period from"),
            Column::text("plan", "Plan"),
            Column::text("promotion", "Promotion"),
            Column::sum("net", "Net"),
            Column::sum("tax", "Tax"),
            Column::sum("credit", "Paid from credit"),
            Column::sum("cash", "Expected cash"),
        ];
        teller.section(Section::detail("renewals", "Renewals", self.currency, columns))?;
        for ((on, account, subscription, starts), renewal) in &self.listed {
            let amounts = [renewal.net, renewal.tax, renewal.credit, renewal.cash].map(Cell::Money);
            let named = [
                Cell::Date(*on),
                Cell::text(account),
                Cell::text(subscription),
                Cell::Date(*starts),
                Cell::text(renewal.plan.to_string()),
                Cell::or_empty(renewal.promotion.clone(), Cell::Text),
            ];
            teller.row(&named.into_iter().chain(amounts).collect::<Vec<_>>())?;
        }
        if self.unlisted == 0 {
            let (all, listed) = (self.weeks.values(), self.listed.values());
            let all = all.map(|sums| sums.cash() - sums.retries).sum();
            let listed = listed.map(|renewal| i128::from(renewal.cash.minor())).sum();
            let what = "cash of the renewals = cash by week less retries";
            teller.tie(what, amount(listed, "renewals", self.currency)?, amount(all, "weeks", self.currency)?);
        }
        Ok(())
    }

    /// What the next renewals cost by their terms, and by the instants that are stored beside them.
    pub(super) fn tie_next(&self, teller: &mut Teller<'_>) -> Result<(), ReportError> {
        let [by_terms, by_rows] = self.next;
        let what = "next renewals by their terms = by when they are due";
        teller.tie(what, amount(by_terms, what, self.currency)?, amount(by_rows, what, self.currency)?);
        Ok(())
    }

    /// Says what was left out.
    pub(super) fn tell_left_out(&self, teller: &mut Teller<'_>) {
        let code = self.currency;
        let left_out = [
            (self.unlisted, "later renewals are in the sums and not in the list"),
            (self.parked, "accounts are parked: nothing is billed on them"),
            (self.unpriced, "renewals have no price or no tax rate"),
            (self.unreadable, "accounts could not be rebuilt as they were"),
        ];
        for (count, what) in left_out.into_iter().filter(|(count, _)| *count > 0) {
            teller.note(format!("{code}: {count} {what}."));
        }
    }
}

/// What a subscription is billed for next: the plan, the anchor and the number of the period.
fn next_period(subscription: &Subscription) -> Option<(Plan, NaiveDate, u32)> {
    due_on(subscription)?;
    if let State::Trialing { trial } = &subscription.state {
        return Some((trial.plan.clone(), trial.ends, 0));
    }
    let term = subscription.state.term()?;
    let next = term.period_no.saturating_add(1);
    match &term.intent {
        Intent::Ends => None,
        Intent::Renews => Some((term.plan.clone(), term.anchor, next)),
        Intent::ChangesTo { plan, .. } if plan.cycle == term.plan.cycle => Some((plan.clone(), term.anchor, next)),
        Intent::ChangesTo { plan, .. } => Some((plan.clone(), term.period.end, 0)),
    }
}

/// What a period will cost, and what of it credit pays; both are used up for the periods after it.
fn price(draft: &mut Draft<'_>, period: &Ahead, can_be_charged: bool) -> Planned<Renewal> {
    let facts = draft.price_facts(&period.subscription, &period.plan, period.starts)?;
    let currency = draft.account.profile.currency;
    let money = |minor: Option<i64>| Money::new(minor.unwrap_or_default(), currency);
    let (net, tax) = (money(facts.net_minor).minus(money(facts.promotion_minor))?, money(facts.tax_minor));
    let total = net.plus(tax)?;
    let profile = &mut draft.account.profile;
    let goodwill = profile.credit_goodwill.at_most(total)?;
    let from_cash = profile.credit_cash.at_most(total.minus(goodwill)?)?;
    profile.credit_goodwill = profile.credit_goodwill.minus(goodwill)?;
    profile.credit_cash = profile.credit_cash.minus(from_cash)?;
    let credit = goodwill.plus(from_cash)?;
    let cash = if can_be_charged { total.minus(credit)? } else { Money::zero(currency) };
    let subscription = draft.account.subscriptions.get_mut(&period.subscription);
    if let Some(promotion) = subscription.and_then(|subscription| subscription.promotion.as_mut()) {
        promotion.periods_billed = promotion.periods_billed.saturating_add(1);
    }
    Ok(Renewal { plan: period.plan.clone(), promotion: facts.promotion_code, net, tax, credit, cash })
}
