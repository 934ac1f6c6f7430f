//! Changing plans by the policy matrix (CP), at once (CP-1) or when the paid period ends.

use super::super::account::{NoteReason, Subscription};
use super::super::calendar::{Cycle, Period};
use super::super::catalog::{Covers, Plan};
use super::super::event::{Event, Given};
use super::super::ids::{CameraId, SubscriptionId};
use super::super::money::Money;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{Destination, unused_at_change};
use super::super::subscription::{Channel, Command, Intent, State, Term, Trial};
use super::super::terms::{ChangeKind, Effective, Policy, UnusedValue};
use super::billing::{Collection, invoice_id};
use super::taken_over::Back;
use super::{Draft, Planned, Refusal};

impl Draft<'_> {
    /// Changes the plan. `camera` names the camera where the new plan covers one and the old one covered the account.
    pub fn change_plan(&mut self, id: &SubscriptionId, to: &Plan, camera: Option<&CameraId>) -> Planned {
        self.not_parked()?;
        let subscription = self.direct(id)?.clone();
        if matches!(subscription.state, State::Free | State::Pending { .. } | State::Suspended { .. } | State::Closed { .. }) {
            self.command(id, &Command::ChangeAtPeriodEnd { intent: Intent::Renews })?;
        }
        let from = subscription.state.plan().cloned();
        if from.as_ref() == Some(to) {
            return Err(Refusal::SamePlan { plan: to.to_string() });
        }
        let new_tier = self.tier(to)?;
        let camera = match new_tier.covers {
            Covers::OneCamera => camera.or(subscription.camera.as_ref()).cloned(),
            Covers::Account => camera.cloned(),
        };
        if let Some(camera) = camera.as_ref().filter(|camera| !self.account.cameras.contains(*camera)) {
            return Err(Refusal::NoCamera { camera: camera.to_string() });
        }
        self.check_coverage(new_tier, camera.as_ref(), Some(id))?;
        match &subscription.state {
            State::Trialing { trial } => self.change_trial(id, trial, to, camera.as_ref()),
            State::Active { term } | State::PastDue { term, .. } => self.change_term(&subscription, term, to, camera),
            State::Free | State::Pending { .. } | State::Suspended { .. } | State::Closed { .. } => Ok(()),
        }
    }

    /// LC-2: at once, without money, with the same trial end.
    fn change_trial(&mut self, id: &SubscriptionId, trial: &Trial, to: &Plan, camera: Option<&CameraId>) -> Planned {
        let version = self.version_today(to)?;
        self.because("LC-2: a plan change while trialing is at once, without money, with the same trial end");
        self.absorb_others(id, to)?;
        self.lose_coverage_difference(id, &trial.plan, to, camera, self.today)?;
        let changed = Trial { plan: to.clone(), version, ..trial.clone() };
        self.command(id, &Command::ChangeTrial { trial: changed })?;
        self.end_spent_promotion(id, to)?;
        self.emit(Event::CameraCovered { subscription: id.clone(), camera: camera.cloned() })?;
        let data = NoticeData {
            plan_old: Some(self.plan_title(&trial.plan)),
            effective_on: Some(self.today),
            trial_ends_on: Some(trial.ends),
            ..self.price_facts(id, to, trial.ends)?
        };
        self.notify(NoticeKind::PlanChanged, &self.cause_now(id), Some(id), data);
        self.announce_known_prices(id)
    }

    fn kind_of_change(&self, from: &Plan, to: &Plan) -> Planned<ChangeKind> {
        Ok(match (from.cycle, to.cycle) {
            (Cycle::Monthly, Cycle::Annual) => ChangeKind::CycleToAnnual,
            (Cycle::Annual, Cycle::Monthly) => ChangeKind::CycleToMonthly,
            (Cycle::Monthly, Cycle::Monthly) | (Cycle::Annual, Cycle::Annual) => {
                if self.tier(to)?.rank > self.tier(from)?.rank {
                    ChangeKind::TierUp
                } else {
                    ChangeKind::TierDown
                }
            }
        })
    }

    fn change_term(&mut self, subscription: &Subscription, term: &Term, to: &Plan, camera: Option<CameraId>) -> Planned {
        let id = &subscription.id;
        self.nothing_in_flight(id, term)?;
        if self.today >= term.period.end {
            return Err(Refusal::RenewalDue { subscription: id.to_string(), ended_on: term.period.end });
        }
        let change = self.kind_of_change(&term.plan, to)?;
        let policy = self.policy(id, change, term.plan.cycle)?;
        let version = self.version_today(to)?;
        match policy.effective {
            Effective::EndOfPeriod => self.schedule_change(id, term, to, version, camera),
            Effective::AtOnce => self.change_at_once(subscription, term, to, version, camera.as_ref(), policy),
        }
    }

    /// PR-6: a deferred change fixes the version that is in force when it is commanded.
    fn schedule_change(&mut self, id: &SubscriptionId, term: &Term, to: &Plan, version: String, camera: Option<CameraId>) -> Planned {
        self.because(format!("CP: the change to {to} takes effect on {}, at version {version} (PR-6)", term.period.end));
        if term.intent != Intent::Renews {
            self.because("LC-9: it replaces the end or change that was pending");
        }
        let intent = Intent::ChangesTo { plan: to.clone(), version, camera };
        if self.command(id, &Command::ChangeAtPeriodEnd { intent })? {
            let facts = self.price_facts(id, to, term.period.end)?;
            let data = NoticeData {
                plan_old: Some(self.plan_title(&term.plan)),
                price_new_minor: facts.net_minor,
                effective_on: Some(term.period.end),
                ..facts
            };
            self.notify(NoticeKind::PlanChangeScheduled, &self.cause_now(id), Some(id), data);
        }
        Ok(())
    }

    /// CP-1: today belongs to the new plan; the old period's unused value pays the new invoice first.
    fn change_at_once(
        &mut self,
        subscription: &Subscription,
        term: &Term,
        to: &Plan,
        version: String,
        camera: Option<&CameraId>,
        policy: Policy,
    ) -> Planned {
        let id = &subscription.id;
        let credit_before = self.account.profile.credit_cash.plus(self.account.profile.credit_goodwill)?;
        self.because(format!("CP-1: {} belongs to the new plan; {} keeps {} to {}", self.today, term.plan, term.period.start, self.today));
        if term.intent != Intent::Renews {
            self.because("LC-9: it replaces the end or change that was pending; the new term renews");
        }
        let given = match policy.unused {
            UnusedValue::None => {
                let last_day = self.today.pred_opt().unwrap_or(self.today);
                self.forfeit(&invoice_id(id, term.number, term.period_no), last_day)?;
                Given::nothing(self.account.zero())
            }
            UnusedValue::RefundUnlessAnotherGoesOn | UnusedValue::CreditToNextBill | UnusedValue::CreditThenRefund => {
                self.credit_unused(id, term)?
            }
        };
        let paying = given.plus(self.absorb_others(id, to)?)?;
        self.lose_coverage_difference(id, &term.plan, to, camera, self.today)?;
        let next = self.term_from_today(term, to, version)?;
        self.command(id, &Command::ChangeAtOnce { term: next.clone() })?;
        self.emit(Event::CameraCovered { subscription: id.clone(), camera: camera.cloned() })?;
        match self.bill_after_change(id, &next, false, &paying)? {
            Collection::Requested | Collection::Carried => {}
            Collection::Nothing => self.receipt_of_nothing(id, &next)?,
            Collection::NoMethod => self.fell_behind(id, &invoice_id(id, next.number, next.period_no))?,
        }
        let refunded = match policy.unused {
            UnusedValue::CreditThenRefund => self.refund_rest(id, term, &next, given)?,
            UnusedValue::None | UnusedValue::RefundUnlessAnotherGoesOn | UnusedValue::CreditToNextBill => self.account.zero(),
        };
        self.settle_standing(id)?;
        // What the new invoice and the refund left of the unused value.
        let credit_now = self.account.profile.credit_cash.plus(self.account.profile.credit_goodwill)?;
        let credit = credit_now.minus(credit_before)?.or_zero();
        let data = NoticeData {
            plan_old: Some(self.plan_title(&term.plan)),
            effective_on: Some(self.today),
            refund_minor: Some(refunded.minor()).filter(|minor| *minor != 0),
            credit_minor: Some(credit.minor()).filter(|minor| *minor != 0),
            ..self.billed_facts(id)?
        };
        self.notify(NoticeKind::PlanChanged, &self.cause_now(id), Some(id), data);
        self.announce_known_prices(id)
    }

    /// The term that follows `term` and begins today.
    pub(super) fn term_from_today(&self, term: &Term, plan: &Plan, version: String) -> Planned<Term> {
        Ok(Term {
            number: term.number.saturating_add(1),
            anchor: self.today,
            plan: plan.clone(),
            period_no: 0,
            period: Period::nth(self.today, plan.cycle, 0)?,
            version,
            intent: Intent::Renews,
        })
    }

    /// CP-1: credits the unused part of a period that ends today, today excluded.
    fn credit_unused(&mut self, id: &SubscriptionId, term: &Term) -> Planned<Given> {
        let last_day = self.today.pred_opt().unwrap_or(self.today);
        if self.paid_elsewhere(id, term) {
            self.leave_to_operator(id, term, Back::Changed)?;
            return Ok(Given::nothing(self.account.zero()));
        }
        let invoice = invoice_id(id, term.number, term.period_no);
        let row = self.account.invoices.get(&invoice).ok_or_else(|| self.no_object("invoice", &invoice))?;
        let parts = unused_at_change(&row.line(), self.today)?;
        self.end_service(&invoice, &parts, last_day, NoteReason::PlanChange, Destination::Credit)
    }

    /// FAQ 2117: what the new charge left of the credit is refunded as far as it came from cash; what came from account credit pays
    /// the new charge first and stays credit.
    fn refund_rest(&mut self, id: &SubscriptionId, old: &Term, new: &Term, given: Given) -> Planned<Money> {
        let row = self.account.invoices.get(&invoice_id(id, new.number, new.period_no));
        let paid = row.map_or(Ok(self.account.zero()), |row| row.credit_cash.plus(row.credit_goodwill))?;
        let from_credit = given.credit_cash.plus(given.credit_goodwill)?.minus(given.from_captured)?;
        let paid_with_cash = paid.minus(from_credit)?.or_zero();
        let rest = given.from_captured.minus(paid_with_cash)?.or_zero().at_most(self.account.profile.credit_cash)?;
        if rest.is_zero() {
            return Ok(rest);
        }
        self.because(format!("CP, FAQ 2117: the rest, {rest}, came from cash and is refunded"));
        self.emit(Event::CreditPaidOut { amount: rest })?;
        self.pay_out(rest, &invoice_id(id, old.number, old.period_no), "plan_change")?;
        Ok(rest)
    }

    /// Going to a plan for the whole account ends its other direct subscriptions on covered cameras at once, their unused
    /// value, which is given, as credit against the new charge; a store's subscription stands in the way.
    pub fn absorb_others(&mut self, id: &SubscriptionId, to: &Plan) -> Planned<Given> {
        let mut given = Given::nothing(self.account.zero());
        if self.tier(to)?.covers != Covers::Account {
            return Ok(given);
        }
        let others: Vec<Subscription> =
            self.account.subscriptions.values().filter(|other| other.id != *id && other.state.is_live()).cloned().collect();
        if let Some(mirror) = others.iter().find(|other| other.channel != Channel::Direct) {
            return Err(Refusal::Mirror { subscription: mirror.id.to_string(), store: mirror.channel.tag() });
        }
        for other in others {
            if let Some(term) = other.state.term() {
                self.nothing_in_flight(&other.id, term)?;
                if term.period.contains(self.today) {
                    given = given.plus(self.credit_unused(&other.id, term)?)?;
                }
            }
            self.because(format!("{to} covers the account: subscription {} ends, its unused value is credit", other.id));
            self.command(&other.id, &Command::Absorb { on: self.today })?;
        }
        Ok(given)
    }
}
