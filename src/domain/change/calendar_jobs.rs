//! What the calendar asks for: renewals and ends (LC-4, CA-3), reminders (RE-1) and revenue (RR-1).

use chrono::NaiveDate;

use super::super::calendar::{Cycle, Period, boundary, minus_days};
use super::super::catalog::Plan;
use super::super::event::{Event, Given, Reversal};
use super::super::ids::{CameraId, SubscriptionId};
use super::super::notice::NoticeKind;
use super::super::schedule::{due_date, due_on, recognise_through, renewal_to_remind_of};
use super::super::subscription::{Command, Intent, State, Term};
use super::billing::{Collection, invoice_id};
use super::{Draft, Planned, Refusal};

impl Draft<'_> {
    /// Does what the calendar asks of every subscription of the account that is due, oldest first; at most one missed
    /// period a day is billed (CA-3).
    pub fn run_due(&mut self) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let caught_up_on = self.account.profile.caught_up_on;
        let mut due: Vec<(NaiveDate, SubscriptionId)> = self
            .account
            .subscriptions
            .values()
            .filter(|subscription| due_date(subscription, caught_up_on).is_some_and(|on| on <= self.today))
            .filter_map(|subscription| Some((due_on(subscription)?, subscription.id.clone())))
            .collect();
        due.sort();
        for (_, id) in due {
            self.run_due_subscription(&id)?;
        }
        Ok(())
    }

    fn run_due_subscription(&mut self, id: &SubscriptionId) -> Planned {
        match self.subscription(id)?.state.clone() {
            State::Trialing { trial } => {
                self.check_missed(id, trial.ends, trial.plan.cycle, 0)?;
                if self.must_wait(trial.ends) {
                    return Ok(());
                }
                self.report_missed_reminder(id, trial.plan.cycle, trial.ends)?;
                self.end_trial(id, &trial)
            }
            State::Active { term } | State::PastDue { term, .. } | State::Suspended { term, .. } => match &term.intent {
                Intent::Ends => self.run_out(id, term.period.end),
                Intent::ChangesTo { plan, version, camera } => self.apply_change(id, &term, plan, version, camera.as_ref()),
                Intent::Renews => self.renew(id, &term),
            },
            State::Free | State::Pending { .. } | State::Closed { .. } => Ok(()),
        }
    }

    /// A cancelled term's paid period is over: the cameras stand at `free` again (LC-1), and CP-3 applies.
    fn run_out(&mut self, id: &SubscriptionId, on: NaiveDate) -> Planned {
        self.recordings_inaccessible(id, on)?;
        let suspended = self.is_suspended(id);
        self.command(id, &Command::RunOut { on })?;
        self.because("LC-1: the cancelled period has run out");
        self.after_end(id, suspended)
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

    /// CA-3: refuses where more periods than are caught up without an operator began before today. Those that were caught up
    /// on earlier days of the same backlog do not count again.
    pub(super) fn check_missed(&self, id: &SubscriptionId, anchor: NaiveDate, cycle: Cycle, first: u32) -> Planned {
        // More are not counted: two thousand months are longer than anybody has had cameras.
        const COUNTED_MAX: u32 = 2_000;
        let max = self.terms(id)?.catch_up_periods_max;
        let mut missed = 0_u32;
        while missed < COUNTED_MAX && boundary(anchor, cycle, first.saturating_add(missed))? < self.today {
            missed = missed.saturating_add(1);
        }
        if missed > max { Err(Refusal::TooManyMissed { missed, max }) } else { Ok(()) }
    }

    /// LC-4: the next period begins, at the price that PR says.
    fn renew(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        let (start, period_no) = (term.period.end, term.period_no.saturating_add(1));
        self.check_missed(id, term.anchor, term.plan.cycle, period_no)?;
        if self.must_wait(start) {
            return Ok(());
        }
        let period = Period::nth(term.anchor, term.plan.cycle, period_no)?;
        let version = self.renewal_version(id, start)?;
        self.report_missed_reminder(id, term.plan.cycle, start)?;
        self.command(id, &Command::Renew { period_no, period, version })?;
        self.bill_present_period(id, &Given::nothing(self.account.zero()))
    }

    /// A deferred plan change takes effect. The new term keeps the anchor where the cycle stays the same, so that its
    /// periods do not drift when the change fell on a clamped day (CA-1).
    fn apply_change(&mut self, id: &SubscriptionId, term: &Term, plan: &Plan, version: &str, camera: Option<&CameraId>) -> Planned {
        let start = term.period.end;
        let same_cycle = plan.cycle == term.plan.cycle;
        let (anchor, period_no) = if same_cycle { (term.anchor, term.period_no.saturating_add(1)) } else { (start, 0) };
        self.check_missed(id, anchor, plan.cycle, period_no)?;
        if self.must_wait(start) {
            return Ok(());
        }
        let period = Period::nth(anchor, plan.cycle, period_no)?;
        self.report_missed_reminder(id, plan.cycle, start)?;
        let absorbed = self.absorb_others(id, plan)?;
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
        self.bill_present_period(id, &absorbed)?;
        self.announce_known_prices(id)
    }

    /// Bills the period that has just begun; what cannot be collected makes the term past due (PD-1), and what nothing need be
    /// collected for has its receipt at once (RE-4). `absorbed` is the unused value of subscriptions that the new plan has taken over.
    pub fn bill_present_period(&mut self, id: &SubscriptionId, absorbed: &Given) -> Planned {
        let Some(term) = self.subscription(id)?.state.term().cloned() else { return Ok(()) };
        self.because(format!("CA-2: the fee of {} to {} is due on its first day", term.period.start, term.period.end));
        match self.bill_after_change(id, &term, false, absorbed)? {
            Collection::Requested | Collection::Carried => Ok(()),
            Collection::Nothing => self.receipt_of_nothing(id, &term),
            Collection::NoMethod => self.fell_behind(id, &invoice_id(id, term.number, term.period_no)),
        }
    }

    fn report_missed_reminder(&mut self, id: &SubscriptionId, cycle: Cycle, start: NaiveDate) -> Planned {
        if cycle != Cycle::Annual || self.subscription(id)?.was_reminded_of(start) {
            return Ok(());
        }
        self.because("RE-2: the renewal is not held back by its missing reminder, which is reported");
        self.emit(Event::ReminderMissed { subscription: id.clone(), renewal_on: start })?;
        self.task("reminder_missed", &format!("{id}_{start}"), None)
    }

    /// RE-1: writes the reminders that are due, once per renewal (RE-2). What each says is reckoned again when it is sent
    /// ([`Draft::tell_renewal`]).
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
            let due_on = minus_days(renewal_on, self.terms(&id)?.reminder_days)?;
            if self.today < due_on || renewal_on <= self.today {
                continue;
            }
            let data = self.next_renewal_facts(&id)?;
            self.because(format!("RE-1: the renewal on {renewal_on} is reminded of from {due_on} on"));
            self.emit(Event::ReminderQueued { subscription: id.clone(), renewal_on, on: self.today })?;
            self.notify(NoticeKind::RenewalReminder, &format!("{id}_{renewal_on}"), Some(&id), data);
        }
        Ok(())
    }

    /// RR-1: recognises what the account's invoices have earned through the first month end that is not booked yet, on whose date
    /// it is booked: one decision a month, so that a late run puts no revenue into a later month.
    pub fn recognise(&mut self) -> Planned {
        if self.account.profile.parked.is_some() {
            return Ok(());
        }
        let due: Vec<(String, NaiveDate)> = self
            .account
            .invoices
            .iter()
            .filter(|(_, invoice)| !invoice.pending && invoice.recognised != invoice.net)
            .map(|(id, invoice)| (id.clone(), recognise_through(invoice, invoice.recognised_through)))
            .filter(|(_, through)| *through < self.today)
            .collect();
        let Some(through) = due.iter().map(|(_, through)| *through).min() else { return Ok(()) };
        self.date_back(through);
        for (id, _) in due.into_iter().filter(|(_, month)| *month == through) {
            self.because(format!("RR-1: invoice {id} is earned through {through}"));
            if !self.catch_up(&id, through, Reversal::Correction)? {
                // Less than half a minor unit: nothing to book, but the next look is due a month later.
                let (amount, forfeited) = (self.account.zero(), false);
                self.emit(Event::RevenueRecognised { invoice: id, through, amount, reversal: None, forfeited })?;
            }
        }
        Ok(())
    }
}
