//! Price versions of running subscriptions (PR): what a renewal costs, who is told of a new price, and what became of each notice.

use chrono::NaiveDate;

use super::super::account::{NoticeOutcome, PriceNotice, Subscription};
use super::super::calendar::{Cycle, Period, boundary, local_date, plus_days};
use super::super::catalog::Plan;
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::price::{Choice, DatedVersion, PassedOver, SentNotice, version_at_renewal};
use super::super::subscription::{Channel, Intent, State, Term};
use super::{Draft, Planned, Refusal};

/// Parts the number of a repeated notice from the version that it announces; no version has it in its name.
pub(super) const REPEATED: char = '~';

impl Draft<'_> {
    /// PR-2: the version of a renewal that starts on `start`, without recording anything. Versions are named by their position
    /// among those that price the plan.
    pub fn choose_version(&self, id: &SubscriptionId, plan: &Plan, current: &str, start: NaiveDate) -> Planned<Choice<usize>> {
        let currency = self.account.profile.currency;
        let catalog = &self.context.reference.catalog;
        let listed = || catalog.versions_of(plan, currency).map(|(version, _)| version).enumerate();
        let dated = |(version, listed): (usize, &super::super::catalog::PriceVersion)| DatedVersion {
            version,
            effective_from: listed.effective_from,
        };
        let present = listed().find(|(_, version)| version.version == current).map(dated).ok_or_else(|| Refusal::NoPrice {
            plan: plan.to_string(),
            currency: currency.to_string(),
            on: start,
        })?;
        let versions: Vec<DatedVersion<usize>> = listed().map(dated).collect();
        let sent = |notice: &PriceNotice| {
            let (version, _) = listed().find(|(_, version)| version.version == notice.version)?;
            Some(SentNotice { version, sent_on: notice.sent_on? })
        };
        let pending = self.subscription(id)?.price_notices.iter().filter(|notice| notice.outcome == NoticeOutcome::Pending);
        let notices: Vec<SentNotice<usize>> = pending.filter_map(sent).collect();
        Ok(version_at_renewal(present, start, &versions, &notices, self.terms(id)?.notice_days))
    }

    /// The name of a version by its position among those that price a plan.
    #[must_use]
    pub fn version_name(&self, plan: &Plan, position: usize) -> Option<String> {
        let currency = self.account.profile.currency;
        self.context.reference.catalog.versions_of(plan, currency).nth(position).map(|(version, _)| version.version.clone())
    }

    /// PR-2 to PR-4: the version that the renewal on `start` is charged at; what was accepted and what was passed over is
    /// recorded.
    pub fn renewal_version(&mut self, id: &SubscriptionId, start: NaiveDate) -> Planned<String> {
        let state = &self.subscription(id)?.state;
        let (Some(plan), Some(current)) = (state.plan(), version_of(state)) else {
            return Err(Refusal::Inconsistent(format!("{id} has no plan to renew")));
        };
        // The ordinary renewal: the catalog has nothing newer.
        let catalog = &self.context.reference.catalog;
        let newest = |from: NaiveDate| catalog.versions.iter().all(|version| version.effective_from <= from);
        if catalog.version(current).is_some_and(|present| newest(present.effective_from)) {
            return Ok(current.to_owned());
        }
        let (plan, current) = (plan.clone(), current.to_owned());
        let choice = self.choose_version(id, &plan, &current, start)?;
        let chosen = self.version_name(&plan, choice.version.version).unwrap_or_else(|| current.clone());
        for passed in &choice.pending {
            let name = self.version_name(&plan, passed.version).unwrap_or_default();
            if !matches!(passed.reason, PassedOver::NotYetEffective { .. }) {
                self.because(format!("PR-2: {name} does not apply on {start}: {}; the old price, once more", passed.reason.tag()));
            }
        }
        for passed in choice.superseded {
            let name = self.version_name(&plan, passed.version).unwrap_or_default();
            let because = passed.reason.tag().to_owned();
            self.because(format!("PR-4: {name} is superseded by {chosen} ({because})"));
            self.emit(Event::PriceNoticeEnded { subscription: id.clone(), version: name, outcome: NoticeOutcome::Superseded, because })?;
        }
        if chosen != current {
            self.because(format!("PR-3: not cancelling after the notice accepts {chosen}"));
            let because = format!("accepted by renewing on {start}");
            self.emit(Event::PriceNoticeEnded {
                subscription: id.clone(),
                version: chosen.clone(),
                outcome: NoticeOutcome::Applied,
                because,
            })?;
        }
        Ok(chosen)
    }

    /// PR-6: notices for a plan that is left lapse.
    pub fn lapse_notices(&mut self, id: &SubscriptionId) -> Planned {
        self.lapse_notices_that(id, "the plan was left", |_| true)
    }

    /// Notices that were never sent are written anew where they are needed again (LC-9).
    pub(super) fn lapse_unsent_notices(&mut self, id: &SubscriptionId) -> Planned {
        self.lapse_notices_that(id, "the plan is to be left before it was sent", |notice| notice.sent_on.is_none())
    }

    fn lapse_notices_that(&mut self, id: &SubscriptionId, because: &str, which: impl Fn(&PriceNotice) -> bool) -> Planned {
        let pending: Vec<String> = self
            .subscription(id)?
            .price_notices
            .iter()
            .filter(|notice| notice.outcome == NoticeOutcome::Pending && which(notice))
            .map(|notice| notice.version.clone())
            .collect();
        for version in pending {
            let because = because.to_owned();
            self.emit(Event::PriceNoticeEnded { subscription: id.clone(), version, outcome: NoticeOutcome::Lapsed, because })?;
        }
        Ok(())
    }

    /// PR-5: what the next renewal will cost: the facts of its reminder.
    pub fn next_renewal_facts(&self, id: &SubscriptionId) -> Planned<NoticeData> {
        match &self.subscription(id)?.state {
            State::Trialing { trial } => {
                let facts = self.price_facts(id, &trial.plan, trial.ends)?;
                Ok(NoticeData { trial_ends_on: Some(trial.ends), ..facts })
            }
            state => match state.term() {
                Some(Term { intent: Intent::ChangesTo { plan, .. }, period, .. } | Term { plan, period, .. }) => {
                    self.price_facts(id, plan, period.end)
                }
                None => Err(Refusal::Inconsistent(format!("{id} has no renewal to price"))),
            },
        }
    }

    /// What a period that starts on `start` will cost at the version that PR says now (PR-5).
    pub fn price_facts(&self, id: &SubscriptionId, plan: &Plan, start: NaiveDate) -> Planned<NoticeData> {
        let chosen = |current: &str| -> Planned<String> {
            let choice = self.choose_version(id, plan, current, start)?;
            Ok(self.version_name(plan, choice.version.version).unwrap_or_else(|| current.to_owned()))
        };
        let version = match &self.subscription(id)?.state {
            State::Trialing { trial } => chosen(&trial.version)?,
            state => match state.term() {
                // PR-6: fixed when the change was commanded.
                Some(Term { intent: Intent::ChangesTo { version, plan: next, .. }, .. }) if next == plan => version.clone(),
                Some(term) => chosen(&term.version)?,
                None => self.version_today(plan)?,
            },
        };
        let price = self.price_period(id, plan, &version, Period::nth(start, plan.cycle, 0)?)?;
        let total = price.total()?;
        let credit = self.account.profile.credit_goodwill.plus(self.account.profile.credit_cash)?.at_most(total)?;
        Ok(NoticeData {
            plan: Some(self.plan_title(plan)),
            renews_on: Some(start),
            net_minor: Some(price.list.minor()),
            promotion_minor: Some(price.discount.minor()).filter(|minor| *minor != 0),
            promotion_code: price.promotion,
            tax_minor: Some(price.tax.minor()),
            tax_rate: Some(price.rate),
            total_minor: Some(total.minor()),
            credit_applied_minor: Some(credit.minor()).filter(|minor| *minor != 0),
            charged_minor: Some(total.minus(credit)?.minor()),
            ..self.facts(id)?
        })
    }

    /// PR-2: writes the notice of an announced version to every subscription of the account that it concerns.
    pub fn announce(&mut self, version: &str) -> Planned {
        let ids: Vec<SubscriptionId> = self.account.subscriptions.keys().cloned().collect();
        for id in ids {
            self.announce_to(&id, version)?;
        }
        Ok(())
    }

    /// Versions that are newer than the one that a term was bought at, or goes on at, need a notice of their own (PR-6).
    pub fn announce_known_prices(&mut self, id: &SubscriptionId) -> Planned {
        let state = &self.subscription(id)?.state;
        let (Some(plan), Some(current)) = (state.plan(), version_of(state)) else { return Ok(()) };
        let catalog = &self.context.reference.catalog;
        let Some(present) = catalog.version(current) else { return Ok(()) };
        let names: Vec<String> = catalog
            .versions_of(plan, self.account.profile.currency)
            .filter(|(version, _)| version.effective_from > present.effective_from)
            .map(|(version, _)| version.version.clone())
            .collect();
        names.iter().try_for_each(|name| self.announce_to(id, name))
    }

    fn announce_to(&mut self, id: &SubscriptionId, version: &str) -> Planned {
        let subscription = self.subscription(id)?;
        if !self.concerns(subscription, version) {
            return Ok(());
        }
        let before = subscription.price_notices.iter().filter(|notice| notice.version == version).count();
        let not_before = if self.notice_must_wait(id) { Some(self.tomorrow()?) } else { None };
        let send_on = not_before.map_or(self.today, |at| local_date(at, self.account.profile.zone));
        let data = self.price_notice_facts(id, version, send_on)?;
        let applies_on = data.effective_on.unwrap_or(self.today);
        if not_before.is_some() {
            self.because(format!("RE-2: the renewal's reminder was sent today, so the notice waits until {send_on}"));
        }
        self.because(format!("PR-2: {version} is announced; it can apply from the renewal on {applies_on}"));
        self.emit(Event::PriceNoticeQueued { subscription: id.clone(), version: version.to_owned() })?;
        let cause = if before == 0 { format!("{id}_{version}") } else { format!("{id}_{version}{REPEATED}{before}") };
        self.notify_from(not_before, NoticeKind::PriceNotice, &cause, Some(id), data);
        Ok(())
    }

    /// Whether a version is news to a subscription: newer than its own, for its plan and currency, and not announced before.
    fn concerns(&self, subscription: &Subscription, version: &str) -> bool {
        let going_on = match &subscription.state {
            State::Trialing { .. } => true,
            State::Active { term } | State::PastDue { term, .. } | State::Suspended { term, .. } | State::Pending { term } => {
                term.intent == Intent::Renews
            }
            State::Free | State::Closed { .. } => false,
        };
        let (Some(plan), Some(current)) = (subscription.state.plan(), version_of(&subscription.state)) else { return false };
        let catalog = &self.context.reference.catalog;
        let (Some(present), Some(announced)) = (catalog.version(current), catalog.version(version)) else { return false };
        let news = |notice: &PriceNotice| notice.version != version || notice.outcome == NoticeOutcome::Lapsed;
        going_on
            && subscription.channel == Channel::Direct
            && announced.effective_from > present.effective_from
            && announced.price(plan, self.account.profile.currency).is_some()
            && subscription.price_notices.iter().all(news)
    }

    /// PR-2, PR-5: the facts of a price notice that is sent on a date: what it says follows from the day of sending.
    pub fn price_notice_facts(&self, id: &SubscriptionId, version: &str, sent_on: NaiveDate) -> Planned<NoticeData> {
        let state = &self.subscription(id)?.state;
        let (Some(plan), Some(current)) = (state.plan(), version_of(state)) else {
            return Err(Refusal::Inconsistent(format!("{id} has no plan to announce a price for")));
        };
        let effective_from = self.context.reference.catalog.version(version).map_or(self.today, |announced| announced.effective_from);
        let applies_on = self.first_start_after(id, plan.cycle, effective_from, sent_on)?;
        Ok(NoticeData {
            price_old_minor: Some(self.list_price(plan, current)?.minor()),
            price_new_minor: Some(self.list_price(plan, version)?.minor()),
            effective_on: Some(applies_on),
            renews_on: Some(applies_on),
            ..self.facts(id)?
        })
    }

    /// PR-2: the first renewal on which a notice that is sent on a date can take effect.
    fn first_start_after(&self, id: &SubscriptionId, cycle: Cycle, effective_from: NaiveDate, sent_on: NaiveDate) -> Planned<NaiveDate> {
        let earliest = plus_days(sent_on, self.terms(id)?.notice_days)?.max(effective_from);
        let (anchor, mut period_no) = match &self.subscription(id)?.state {
            State::Trialing { trial } => (trial.ends, 0),
            state => state.term().map_or((self.today, 0), |term| (term.anchor, term.period_no.saturating_add(1))),
        };
        loop {
            let start = boundary(anchor, cycle, period_no)?;
            if start >= earliest {
                return Ok(start);
            }
            period_no = period_no.saturating_add(1);
        }
    }

    /// RE-2: whether a price notice must wait until tomorrow, because the renewal's reminder went out today.
    #[must_use]
    pub fn notice_must_wait(&self, id: &SubscriptionId) -> bool {
        self.account.subscriptions.get(id).is_some_and(|subscription| subscription.reminded_on == Some(self.today))
    }
}

/// The price version that a plan in use was bought at.
fn version_of(state: &State) -> Option<&str> {
    match state {
        State::Trialing { trial } => Some(&trial.version),
        other => other.term().map(|term| term.version.as_str()),
    }
}
