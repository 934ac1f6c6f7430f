//! What the calendar asks for: renewals and ends (LC-4, CA-3), reminders (RE-1), price notices (PR-2) and revenue (RR-1).

use chrono::NaiveDate;

use super::super::account::NoticeOutcome;
use super::super::calendar::{Cycle, Period, local_date};
use super::super::catalog::Plan;
use super::super::event::{Event, Reversal};
use super::super::ids::SubscriptionId;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::price::{Choice, DatedVersion, PassedOver, SentNotice, version_at_renewal};
use super::super::schedule::{due_on, recognise_through, renewal_to_remind_of};
use super::super::subscription::{Command, Intent, State, Term};
use super::billing::Collection;
use super::{Draft, Planned, Refusal};

impl Draft<'_> {
    /// Does what the calendar asks of every subscription of the account that is due, oldest first; at most one missed
    /// period a day is billed (CA-3).
    pub fn run_due(&mut self) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let mut due: Vec<(NaiveDate, SubscriptionId)> = self
            .account
            .subscriptions
            .values()
            .filter_map(|subscription| Some((due_on(subscription)?, subscription.id.clone())))
            .filter(|(on, _)| *on <= self.today)
            .collect();
        due.sort();
        for (on, id) in due {
            self.run_due_subscription(&id, on)?;
        }
        Ok(())
    }

    fn run_due_subscription(&mut self, id: &SubscriptionId, on: NaiveDate) -> Planned {
        match self.subscription(id)?.state.clone() {
            State::Trialing { trial } => self.end_trial(id, &trial),
            State::Active { term } | State::PastDue { term, .. } | State::Suspended { term, .. } => match &term.intent {
                Intent::Ends => self.run_out(id, on),
                Intent::ChangesTo { plan, version, camera } => self.apply_change(id, &term, plan, version, camera.as_ref()),
                Intent::Renews => self.renew(id, &term),
            },
            State::Free | State::Pending { .. } | State::Closed { .. } => Ok(()),
        }
    }

    /// A cancelled term's paid period is over: the cameras stand at `free` again (LC-1), and CP-3 applies.
    fn run_out(&mut self, id: &SubscriptionId, on: NaiveDate) -> Planned {
        self.recordings_inaccessible(id, on)?;
        self.command(id, &Command::RunOut { on })?;
        self.because("LC-1: the cancelled period has run out");
        self.pay_out_credit_if_last()
    }

    /// CA-3: whether billing this period must wait, because a missed one was billed today already.
    fn must_wait(&mut self, start: NaiveDate) -> bool {
        let missed = start < self.today;
        if missed && self.account.profile.caught_up_on == Some(self.today) {
            return true;
        }
        if missed {
            self.account.profile.caught_up_on = Some(self.today);
        }
        false
    }

    fn check_missed(&self, id: &SubscriptionId, term: &Term) -> Planned {
        let max = self.terms(id)?.catch_up_periods_max;
        let mut missed = 0_u32;
        let mut period_no = term.period_no.saturating_add(1);
        while missed <= max && super::super::calendar::boundary(term.anchor, term.plan.cycle, period_no)? < self.today {
            missed = missed.saturating_add(1);
            period_no = period_no.saturating_add(1);
        }
        // Periods that were caught up on earlier days of the same backlog do not count again.
        if missed > max { Err(Refusal::TooManyMissed { missed, max }) } else { Ok(()) }
    }

    /// LC-4: the next period begins, at the price that PR says.
    fn renew(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        self.check_missed(id, term)?;
        let start = term.period.end;
        if self.must_wait(start) {
            return Ok(());
        }
        let period_no = term.period_no.saturating_add(1);
        let period = Period::nth(term.anchor, term.plan.cycle, period_no)?;
        let version = self.renewal_version(id, start)?;
        self.report_missed_reminder(id, term.plan.cycle, start)?;
        self.command(id, &Command::Renew { period_no, period, version })?;
        self.bill_present_period(id)
    }

    /// A deferred plan change takes effect. The new term keeps the anchor where the cycle stays the same, so that its
    /// periods do not drift when the change fell on a clamped day (CA-1).
    fn apply_change(&mut self, id: &SubscriptionId, term: &Term, plan: &Plan, version: &str, camera: Option<&super::super::ids::CameraId>) -> Planned {
        let start = term.period.end;
        if self.must_wait(start) {
            return Ok(());
        }
        let same_cycle = plan.cycle == term.plan.cycle;
        let (anchor, period_no) = if same_cycle { (term.anchor, term.period_no.saturating_add(1)) } else { (start, 0) };
        let period = Period::nth(anchor, plan.cycle, period_no)?;
        self.report_missed_reminder(id, plan.cycle, start)?;
        self.lapse_notices(id)?;
        let next = Term {
            number: term.number.saturating_add(1),
            anchor,
            plan: plan.clone(),
            period_no,
            period,
            version: version.to_owned(),
            intent: Intent::Renews,
        };
        self.because(format!("CP, PR-6: the change to {plan} takes effect at version {version}, fixed when it was commanded"));
        self.lose_coverage_difference(id, &term.plan, plan, camera, start)?;
        self.command(id, &Command::ApplyChange { term: next })?;
        self.emit(Event::CameraCovered { subscription: id.clone(), camera: camera.cloned() })?;
        self.announce_known_prices(id)?;
        self.bill_present_period(id)
    }

    /// Bills the period that has just begun; what cannot be collected makes the term past due (PD-1).
    pub fn bill_present_period(&mut self, id: &SubscriptionId) -> Planned {
        let Some(term) = self.subscription(id)?.state.term().cloned() else { return Ok(()) };
        self.because(format!("CA-2: the fee of {} to {} is due on its first day", term.period.start, term.period.end));
        match self.bill(id, &term, false)? {
            Collection::Nothing | Collection::Requested | Collection::Carried => Ok(()),
            Collection::NoMethod => self.fell_behind(id, &super::billing::invoice_id(id, term.number, term.period_no)),
        }
    }

    fn report_missed_reminder(&mut self, id: &SubscriptionId, cycle: Cycle, start: NaiveDate) -> Planned {
        if cycle != Cycle::Annual || self.subscription(id)?.reminded_for == Some(start) {
            return Ok(());
        }
        self.because("RE-2: the renewal is not held back by its missing reminder, which is reported");
        self.emit(Event::ReminderMissed { subscription: id.clone(), renewal_on: start })?;
        self.task("reminder_missed", &format!("{id}_{start}"), None)
    }

    /// PR-2: the version of a renewal that starts on `start`, without recording anything.
    pub fn choose_version(&self, id: &SubscriptionId, plan: &Plan, current: &str, start: NaiveDate) -> Planned<Choice<usize>> {
        let currency = self.account.profile.currency;
        let named: Vec<&str> =
            self.context.reference.catalog.versions_of(plan, currency).map(|(version, _)| version.version.as_str()).collect();
        let position = |name: &str| named.iter().position(|listed| *listed == name);
        let versions: Vec<DatedVersion<usize>> = self
            .context
            .reference
            .catalog
            .versions_of(plan, currency)
            .enumerate()
            .map(|(index, (version, _))| DatedVersion { version: index, effective_from: version.effective_from })
            .collect();
        let current = position(current).and_then(|index| versions.get(index)).copied().ok_or_else(|| Refusal::NoPrice {
            plan: plan.to_string(),
            currency: currency.to_string(),
            on: start,
        })?;
        let notices: Vec<SentNotice<usize>> = self
            .subscription(id)?
            .price_notices
            .iter()
            .filter(|notice| notice.outcome == NoticeOutcome::Pending)
            .filter_map(|notice| Some(SentNotice { version: position(&notice.version)?, sent_on: notice.sent_on? }))
            .collect();
        Ok(version_at_renewal(current, start, &versions, &notices, self.terms(id)?.notice_days))
    }

    /// The name of a version by its position among those that price a plan.
    pub fn version_name(&self, plan: &Plan, position: usize) -> Option<String> {
        let currency = self.account.profile.currency;
        self.context.reference.catalog.versions_of(plan, currency).nth(position).map(|(version, _)| version.version.clone())
    }

    /// PR-2 to PR-4: the version that the renewal on `start` is charged at; what was accepted and what was passed over is
    /// recorded.
    pub fn renewal_version(&mut self, id: &SubscriptionId, start: NaiveDate) -> Planned<String> {
        let subscription = self.subscription(id)?;
        let (plan, current) = match &subscription.state {
            State::Trialing { trial } => (trial.plan.clone(), trial.version.clone()),
            state => match state.term() {
                Some(term) => (term.plan.clone(), term.version.clone()),
                None => return Err(Refusal::Inconsistent(format!("{id} has no plan to renew"))),
            },
        };
        // The ordinary renewal: no newer version has been announced to this customer, and none is in force.
        let choice = self.choose_version(id, &plan, &current, start)?;
        let chosen = self.version_name(&plan, choice.version.version).unwrap_or(current.clone());
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
            self.emit(Event::PriceNoticeEnded { subscription: id.clone(), version: chosen.clone(), outcome: NoticeOutcome::Applied, because })?;
        }
        Ok(chosen)
    }

    /// PR-6: notices for a plan that is left lapse.
    pub fn lapse_notices(&mut self, id: &SubscriptionId) -> Planned {
        let pending: Vec<String> = self
            .subscription(id)?
            .price_notices
            .iter()
            .filter(|notice| notice.outcome == NoticeOutcome::Pending)
            .map(|notice| notice.version.clone())
            .collect();
        for version in pending {
            let because = "the plan was left".to_owned();
            self.emit(Event::PriceNoticeEnded { subscription: id.clone(), version, outcome: NoticeOutcome::Lapsed, because })?;
        }
        Ok(())
    }

    /// What a period that starts on `start` will cost at the version that PR says now (PR-5).
    pub fn price_facts(&self, id: &SubscriptionId, plan: &Plan, start: NaiveDate) -> Planned<NoticeData> {
        let state = &self.subscription(id)?.state;
        let current = match state {
            State::Trialing { trial } => trial.version.clone(),
            state => match state.term() {
                Some(Term { intent: Intent::ChangesTo { version, .. }, .. }) => version.clone(),
                Some(term) => term.version.clone(),
                None => self.version_today(plan)?,
            },
        };
        let choice = self.choose_version(id, plan, &current, start)?;
        let version = self.version_name(plan, choice.version.version).unwrap_or(current);
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

    /// RE-1: writes the reminders that are due, once per renewal (RE-2).
    pub fn remind(&mut self) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let due: Vec<(SubscriptionId, NaiveDate)> = self
            .account
            .subscriptions
            .values()
            .filter_map(|subscription| Some((subscription.id.clone(), renewal_to_remind_of(subscription)?)))
            .collect();
        for (id, renewal_on) in due {
            let days = self.terms(&id)?.reminder_days;
            let due_on = super::super::calendar::minus_days(renewal_on, days)?;
            if self.today < due_on || renewal_on <= self.today {
                continue;
            }
            let plan = match &self.subscription(&id)?.state {
                State::Trialing { trial } => trial.plan.clone(),
                state => match state.term() {
                    Some(Term { intent: Intent::ChangesTo { plan, .. }, .. } | Term { plan, .. }) => plan.clone(),
                    None => continue,
                },
            };
            let data = self.price_facts(&id, &plan, renewal_on)?;
            self.because(format!("RE-1: the renewal on {renewal_on} is reminded of from {due_on} on"));
            self.emit(Event::ReminderQueued { subscription: id.clone(), renewal_on, on: self.today })?;
            self.notify(NoticeKind::RenewalReminder, &format!("{id}_{renewal_on}"), Some(&id), data);
        }
        Ok(())
    }

    /// PR-2: writes the notice of an announced version to every subscription of the account that it concerns.
    pub fn announce(&mut self, version: &str) -> Planned {
        let ids: Vec<SubscriptionId> = self.account.subscriptions.keys().cloned().collect();
        for id in ids {
            self.announce_to(&id, version)?;
        }
        Ok(())
    }

    /// Versions that were announced before this term began, but come into force later, need a notice of their own.
    pub fn announce_known_prices(&mut self, id: &SubscriptionId) -> Planned {
        let Some(plan) = self.subscription(id)?.state.plan().cloned() else { return Ok(()) };
        let currency = self.account.profile.currency;
        let names: Vec<String> = self
            .context
            .reference
            .catalog
            .versions_of(&plan, currency)
            .filter(|(version, _)| version.effective_from > self.today)
            .map(|(version, _)| version.version.clone())
            .collect();
        names.iter().try_for_each(|name| self.announce_to(id, name))
    }

    fn announce_to(&mut self, id: &SubscriptionId, version: &str) -> Planned {
        let subscription = self.subscription(id)?;
        let (plan, current, next_start) = match &subscription.state {
            State::Trialing { trial } => (trial.plan.clone(), trial.version.clone(), trial.ends),
            State::Active { term } | State::PastDue { term, .. } | State::Suspended { term, .. } | State::Pending { term } => match &term.intent {
                Intent::Renews => (term.plan.clone(), term.version.clone(), term.period.end),
                Intent::Ends | Intent::ChangesTo { .. } => return Ok(()),
            },
            State::Free | State::Closed { .. } => return Ok(()),
        };
        let known = subscription.price_notices.iter().any(|notice| notice.version == version && notice.outcome != NoticeOutcome::Lapsed);
        let catalog = &self.context.reference.catalog;
        let dates = (catalog.version(&current), catalog.version(version));
        let (Some(present), Some(announced)) = dates else { return Ok(()) };
        let priced = announced.price(&plan, self.account.profile.currency).is_some();
        if known || !priced || announced.effective_from <= present.effective_from || subscription.channel != super::super::subscription::Channel::Direct {
            return Ok(());
        }
        let old = self.list_price(&plan, &current)?;
        let new = self.list_price(&plan, version)?;
        let waits = self.notice_must_wait(id);
        let send_on = if waits { super::super::calendar::plus_days(self.today, 1)? } else { self.today };
        let applies_on = self.first_start_after(id, send_on, next_start, plan.cycle, announced.effective_from)?;
        let data = NoticeData {
            price_old_minor: Some(old.minor()),
            price_new_minor: Some(new.minor()),
            effective_on: Some(applies_on),
            renews_on: Some(applies_on),
            ..self.facts(id)?
        };
        self.because(format!("PR-2: {version} ({old} to {new}) is announced; it can apply from the renewal on {applies_on}"));
        self.emit(Event::PriceNoticeQueued { subscription: id.clone(), version: version.to_owned() })?;
        let not_before = Some(super::super::calendar::start_of_day(send_on, self.account.profile.zone)).filter(|_| waits);
        self.notify_from(not_before, NoticeKind::PriceNotice, &format!("{id}_{version}"), Some(id), data);
        Ok(())
    }

    /// PR-2: the first renewal on which a notice that is sent on `send_on` can take effect.
    fn first_start_after(
        &self,
        id: &SubscriptionId,
        send_on: NaiveDate,
        next_start: NaiveDate,
        cycle: Cycle,
        effective_from: NaiveDate,
    ) -> Planned<NaiveDate> {
        let earliest = super::super::calendar::plus_days(send_on, self.terms(id)?.notice_days)?.max(effective_from);
        let (anchor, from) = match self.subscription(id)?.state.term() {
            Some(term) => (term.anchor, term.period_no.saturating_add(1)),
            None => (next_start, 0),
        };
        let mut period_no = from;
        loop {
            let start = super::super::calendar::boundary(anchor, cycle, period_no)?;
            if start >= earliest {
                return Ok(start);
            }
            period_no = period_no.saturating_add(1);
        }
    }

    /// The mail job's report: a price notice was sent (PR-2: no proof of sending, no new price).
    pub fn price_notice_sent(&mut self, id: &SubscriptionId, version: &str, at: chrono::DateTime<chrono::Utc>) -> Planned {
        let unsent = |notice: &super::super::account::PriceNotice| notice.version == version && notice.sent_on.is_none();
        if self.subscription(id)?.price_notices.iter().any(unsent) {
            let on = local_date(at, self.account.profile.zone);
            self.emit(Event::PriceNoticeSent { subscription: id.clone(), version: version.to_owned(), on })?;
        }
        Ok(())
    }

    /// RE-2: whether a price notice must wait until tomorrow, because the renewal's reminder went out today.
    #[must_use]
    pub fn notice_must_wait(&self, id: &SubscriptionId) -> bool {
        self.account.subscriptions.get(id).is_some_and(|subscription| subscription.reminded_on == Some(self.today))
    }

    /// RR-1: recognises what the account's invoices have earned through the last month that has ended.
    pub fn recognise(&mut self) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let zone = self.account.profile.zone;
        let due: Vec<(String, NaiveDate)> = self
            .account
            .invoices
            .iter()
            .filter(|(_, invoice)| !invoice.pending && invoice.recognised != invoice.net)
            .map(|(id, invoice)| (id.clone(), recognise_through(invoice, invoice.recognised_through)))
            .filter(|(_, through)| *through < local_date(self.context.now, zone))
            .collect();
        for (id, first_due) in due {
            let through = last_month_end_before(self.today).max(first_due);
            self.because(format!("RR-1: invoice {id} is earned through {through}"));
            self.catch_up(&id, through, Reversal::Correction)?;
        }
        Ok(())
    }
}

fn last_month_end_before(today: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    today.with_day(1).and_then(|first| first.pred_opt()).unwrap_or(today)
}
