//! Ending: cancellation by the customer (SA-b, RF, CP), transfer of a camera (LC-6), and withdrawing an end (LC-9).

use chrono::NaiveDate;

use super::super::account::{AttemptState, Charge, NoteReason, Subscription};
use super::super::calendar::{Cycle, plus_days};
use super::super::event::{Event, Given};
use super::super::ids::{CameraId, SubscriptionId};
use super::super::money::Money;
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{CancellationDay, Destination, unused};
use super::super::subscription::{Channel, Command, Intent, State, Term};
use super::super::terms::{ChangeKind, Effective, Policy, UnusedValue};
use super::billing::invoice_id;
use super::dunning::Retry;
use super::taken_over::Back;
use super::{Draft, Planned, Refusal};

/// How a paid term ends, beyond what a customer's cancellation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By the customer.
    Customer,
    /// By the operator, as a customer's cancellation (LC-7).
    Operator,
    /// LC-6: the one covered camera is gone.
    CameraTransferred,
}

impl Draft<'_> {
    /// The terms' row of the policy matrix.
    pub fn policy(&self, id: &SubscriptionId, change: ChangeKind, cycle: Cycle) -> Planned<Policy> {
        self.terms(id)?.policy(change, cycle).ok_or_else(|| Refusal::NoPolicy { change: format!("{change:?}"), cycle: cycle.tag() })
    }

    /// The charge of a term's period whose outcome is still open, if any.
    #[must_use]
    pub fn charge_in_flight(&self, id: &SubscriptionId, term: &Term) -> Option<String> {
        self.sent_charge(&invoice_id(id, term.number, term.period_no))
    }

    /// A charge of an invoice that may have been sent and has no final outcome. One that waits for a later day is not.
    pub(super) fn sent_charge(&self, invoice: &str) -> Option<String> {
        self.account.charges.values().find(|charge| charge.invoice == invoice && self.is_sent(charge)).map(|charge| charge.id.clone())
    }

    /// Whether a charge may have been sent and has no final outcome.
    pub(super) fn is_sent(&self, charge: &Charge) -> bool {
        match charge.state {
            AttemptState::Requested => charge.due_at.is_none_or(|due| due <= self.context.now),
            AttemptState::Unknown => true,
            AttemptState::Succeeded | AttemptState::Failed | AttemptState::Abandoned => false,
        }
    }

    /// Refuses while a charge of the term's period is under way (CA-4).
    pub(super) fn nothing_in_flight(&self, id: &SubscriptionId, term: &Term) -> Planned {
        match self.charge_in_flight(id, term) {
            Some(charge) => Err(Refusal::ChargeInFlight { charge }),
            None => Ok(()),
        }
    }

    /// Cancels to the Free Package. What cannot be carried out yet (a charge in flight, a parked account) is accepted at
    /// its instant and carried out later (CA-4, LC-3, PV-8).
    pub fn cancel(&mut self, id: &SubscriptionId) -> Planned {
        let subscription = self.direct(id)?;
        let waits = match &subscription.state {
            State::Pending { .. } => true,
            state => state.term().is_some_and(|term| self.charge_in_flight(id, term).is_some()),
        };
        if (waits || self.account.profile.parked.is_some()) && subscription.state.is_live() {
            if subscription.cancel_requested_on.is_none() {
                let is_pending = matches!(subscription.state, State::Pending { .. });
                self.because(if waits {
                    "CA-4: the cancellation counts from now; it is carried out when the charge under way has settled"
                } else {
                    "PV-8: the cancellation counts from now; it is carried out when the account is released"
                });
                if is_pending {
                    self.because("LC-3: no service was given yet: if the charge captures, all of it is refunded");
                }
                self.emit(Event::CancelRequested { subscription: id.clone(), on: self.today })?;
            }
            return Ok(());
        }
        self.cancel_on(id, self.today, Ending::Customer)
    }

    /// Carries out a cancellation that counts from `on`.
    pub fn cancel_on(&mut self, id: &SubscriptionId, on: NaiveDate, ending: Ending) -> Planned {
        let subscription = self.direct(id)?.clone();
        match &subscription.state {
            State::Trialing { trial } => self.close_trial(id, on.min(trial.ends), ending),
            State::Active { term } | State::PastDue { term, .. } | State::Suspended { term, .. } => {
                self.cancel_term(&subscription, term, on, ending)
            }
            State::Free | State::Pending { .. } | State::Closed { .. } => {
                self.command(id, &end_command(ending, Effective::AtOnce, on))?;
                Ok(())
            }
        }
    }

    fn close_trial(&mut self, id: &SubscriptionId, on: NaiveDate, ending: Ending) -> Planned {
        let data = self.facts(id)?;
        self.because("LC-2: the trial ends at once, nothing was charged, and it stays used");
        self.recordings_inaccessible(id, on)?;
        self.command(id, &end_command(ending, Effective::AtOnce, on))?;
        self.confirm(id, ending, NoticeData { ended_on: Some(on), ..data });
        // A trial that absorbed the account's paid subscriptions kept their unused value for the charge that never came.
        self.pay_out_credit_if_last()
    }

    fn cancel_term(&mut self, subscription: &Subscription, term: &Term, on: NaiveDate, ending: Ending) -> Planned {
        let id = &subscription.id;
        let terms = self.terms(id)?;
        if on >= term.period.end {
            return self.cancel_after_period(id, term, ending);
        }
        let policy = self.policy(id, ChangeKind::CancelToFree, term.plan.cycle)?;
        // A transfer is no withdrawal: of a monthly plan nothing is given back (LC-6), and an annual one ends "as in RF".
        let withdrawn = ending != Ending::CameraTransferred || policy.effective == Effective::AtOnce;
        let cooling_off = withdrawn
            && terms.cooling_off_days > 0
            && (term.number, term.period_no) == (1, 0)
            && on <= plus_days(term.period.start, terms.cooling_off_days)?;
        if cooling_off {
            self.because(format!(
                "RF-6: cancelled within {} days of {}: everything is refunded",
                terms.cooling_off_days, term.period.start
            ));
            return self.end_at_once(id, term, on, ending, None);
        }
        match (policy.effective, ending) {
            (Effective::AtOnce, _) | (Effective::EndOfPeriod, Ending::CameraTransferred) => {
                self.end_at_once(id, term, on, ending, Some(policy.unused))
            }
            (Effective::EndOfPeriod, Ending::Customer | Ending::Operator) => self.end_with_period(id, term, on, ending),
        }
    }

    /// CA-4: the last billed period is over, so it ended there and nothing is refunded.
    fn cancel_after_period(&mut self, id: &SubscriptionId, term: &Term, ending: Ending) -> Planned {
        let end = term.period.end;
        self.because(format!("CA-4: no later period was billed, so the term ended on {end}; nothing is refunded"));
        let (data, suspended) = (self.facts(id)?, self.is_suspended(id));
        self.recordings_inaccessible(id, end)?;
        self.command(id, &end_command(ending, Effective::AtOnce, end))?;
        self.confirm(id, ending, NoticeData { ended_on: Some(end), ..data });
        self.after_end(id, suspended)
    }

    fn end_with_period(&mut self, id: &SubscriptionId, term: &Term, on: NaiveDate, ending: Ending) -> Planned {
        self.because(format!("CP: the term ends with its period, on {}; RF-5: nothing is refunded", term.period.end));
        if let Intent::ChangesTo { plan, .. } = &term.intent {
            self.because(format!("LC-9: it replaces the change to {plan} that was pending"));
        }
        if self.command(id, &end_command(ending, Effective::EndOfPeriod, on))? {
            let data = NoticeData { runs_until: Some(term.period.end), ..self.facts(id)? };
            self.confirm(id, ending, data);
        }
        self.withdraw_request(id)
    }

    /// A request that waited has been carried out, or is taken back.
    fn withdraw_request(&mut self, id: &SubscriptionId) -> Planned {
        match self.subscription(id)?.cancel_requested_on {
            Some(_) => self.emit(Event::CancelRequestSettled { subscription: id.clone() }),
            None => Ok(()),
        }
    }

    /// Ends a term today. `unused` says what becomes of the unused value; without it everything is refunded (RF-6).
    fn end_at_once(&mut self, id: &SubscriptionId, term: &Term, on: NaiveDate, ending: Ending, unused: Option<UnusedValue>) -> Planned {
        let (facts, suspended) = (self.facts(id)?, self.is_suspended(id));
        let day = self.terms(id)?.cancellation_day;
        let first_day_without = if unused.is_some() { first_day_without(on, day)? } else { on };
        self.recordings_inaccessible(id, first_day_without)?;
        let given = match unused {
            None => self.undo_period(id, term)?,
            Some(UnusedValue::None) => {
                self.forfeit(&invoice_id(id, term.number, term.period_no), on)?;
                Given::nothing(self.account.zero())
            }
            Some(UnusedValue::RefundUnlessAnotherGoesOn) if self.account.another_goes_on(id) => {
                self.because("SA-b: another paid subscription goes on, so the unused value is credit for the next bill");
                self.give_back_unused(id, term, on, NoteReason::Cancellation, Destination::Credit)?
            }
            Some(UnusedValue::RefundUnlessAnotherGoesOn | UnusedValue::CreditThenRefund) => {
                self.give_back_unused(id, term, on, NoteReason::Cancellation, Destination::Refund)?
            }
            Some(UnusedValue::CreditToNextBill) => self.give_back_unused(id, term, on, NoteReason::Cancellation, Destination::Credit)?,
        };
        self.command(id, &end_command(ending, Effective::AtOnce, first_day_without))?;
        let data = with_given(NoticeData { ended_on: Some(first_day_without), ..facts }, &given)?;
        self.confirm(id, ending, data);
        self.after_end(id, suspended)
    }

    /// What follows an end: what is owed of a subscription that was suspended is tried again, because suspending it had put an end
    /// to that (LC-7, LC-9); and credit that came from cash is paid out after the last one (CP-3).
    pub(super) fn after_end(&mut self, id: &SubscriptionId, was_suspended: bool) -> Planned {
        if was_suspended {
            self.retry_what_is_owed(Retry::Everything, Some(id))?;
        }
        self.pay_out_credit_if_last()
    }

    /// RF-6: the whole first period is given back.
    fn undo_period(&mut self, id: &SubscriptionId, term: &Term) -> Planned<Given> {
        if self.paid_elsewhere(id, term) {
            self.leave_to_operator(id, term, Back::Everything)?;
            return Ok(Given::nothing(self.account.zero()));
        }
        let invoice = invoice_id(id, term.number, term.period_no);
        self.undo_invoice(&invoice, term.period.start, NoteReason::Cancellation)
    }

    /// RF-1, RF-2: gives back what is unused after `on`.
    pub(super) fn give_back_unused(
        &mut self,
        id: &SubscriptionId,
        term: &Term,
        on: NaiveDate,
        reason: NoteReason,
        to: Destination,
    ) -> Planned<Given> {
        let day = self.terms(id)?.cancellation_day;
        let last_day = first_day_without(on, day)?.pred_opt().unwrap_or(on);
        self.because(format!("RF-1: cancelled on {on}; the day counts as {}", day.tag()));
        if self.paid_elsewhere(id, term) {
            self.leave_to_operator(id, term, Back::Cancelled(on))?;
            return Ok(Given::nothing(self.account.zero()));
        }
        let invoice = invoice_id(id, term.number, term.period_no);
        let row = self.account.invoices.get(&invoice).ok_or_else(|| self.no_object("invoice", &invoice))?;
        let parts = unused(&row.line(), on, day)?;
        self.end_service(&invoice, &parts, last_day, reason, to)
    }

    /// Tells the customer of an end, once for each decision.
    pub(super) fn confirm(&mut self, id: &SubscriptionId, ending: Ending, data: NoticeData) {
        let (kind, reason) = match ending {
            Ending::Customer => (NoticeKind::CancellationConfirmed, None),
            Ending::Operator => (NoticeKind::TerminationNotice, self.context.reason.map(ToOwned::to_owned)),
            Ending::CameraTransferred => (NoticeKind::TransferConfirmed, None),
        };
        let today = Some(self.today).filter(|_| ending == Ending::CameraTransferred);
        let effective_on = today.or(data.ended_on).or(data.runs_until);
        self.notify(kind, &self.cause_now(id), Some(id), NoticeData { effective_on, reason, ..data });
    }

    /// A cause that is this decision's alone.
    pub(super) fn cause_now(&self, id: &SubscriptionId) -> String {
        format!("{id}_{}", self.context.now.timestamp_micros())
    }

    /// LC-6: a camera goes to a new owner and loses its coverage at once.
    pub fn transfer_camera(&mut self, camera: &CameraId) -> Planned {
        self.not_parked()?;
        if !self.account.cameras.contains(camera) {
            return Err(Refusal::NoCamera { camera: camera.to_string() });
        }
        let live = |other: &&Subscription| other.state.is_live();
        let mut covering = self.account.subscriptions.values().filter(live);
        let own = covering.clone().find(|other| other.camera.as_ref() == Some(camera)).cloned();
        let wide = covering.find(|other| other.camera.is_none()).cloned();
        match (own, wide) {
            (Some(own), _) => self.transfer_with_its_subscription(&own, camera)?,
            (None, Some(wide)) => self.transfer_from_account_wide(&wide, camera)?,
            (None, None) => self.lose_history(vec![camera.clone()], 0, self.today)?,
        }
        self.emit(Event::CameraRemoved { camera: camera.clone() })
    }

    fn transfer_with_its_subscription(&mut self, own: &Subscription, camera: &CameraId) -> Planned {
        self.direct(&own.id)?;
        if let Some(term) = own.state.term() {
            self.nothing_in_flight(&own.id, term)?;
        }
        self.because("LC-6: the camera's own subscription ends: an annual one as in RF, a monthly one with nothing refunded");
        match &own.state {
            State::Pending { term } => self.transfer_unstarted(&own.id, term)?,
            _ => self.cancel_on(&own.id, self.today, Ending::CameraTransferred)?,
        }
        self.lose_history(vec![camera.clone()], 0, self.today)
    }

    /// LC-3: an order whose first charge has not been sent is undone: nothing is collected for a camera that is gone.
    fn transfer_unstarted(&mut self, id: &SubscriptionId, term: &Term) -> Planned {
        let (facts, invoice) = (self.facts(id)?, invoice_id(id, term.number, term.period_no));
        self.because("LC-3: its first charge was not sent yet: the order is undone and nothing is collected");
        self.abandon_all_planned(|charge| charge.invoice == invoice)?;
        self.release_promotion(id)?;
        self.undo_invoice(&invoice, term.period.start, NoteReason::CancelledWhilePending)?;
        self.command(id, &Command::LoseCamera { on: self.today })?;
        self.confirm(id, Ending::CameraTransferred, NoticeData { ended_on: Some(self.today), ..facts });
        self.pay_out_credit_if_last()
    }

    fn transfer_from_account_wide(&mut self, wide: &Subscription, camera: &CameraId) -> Planned {
        self.because("LC-6: the account's subscription merely covers one camera fewer");
        self.lose_history(vec![camera.clone()], 0, self.today)?;
        let Some(term) = wide.state.term() else { return Ok(()) };
        let renews_on = Some(term.period.end);
        let facts = self.facts(&wide.id)?;
        let data = NoticeData { camera: Some(camera.to_string()), effective_on: Some(self.today), renews_on, ..facts };
        let cause = format!("{camera}_{}", self.context.now.timestamp_micros());
        self.notify(NoticeKind::TransferConfirmed, &cause, Some(&wide.id), data);
        let goes_to_it = matches!(&term.intent, Intent::ChangesTo { camera: Some(next), .. } if next == camera);
        if goes_to_it && wide.channel == Channel::Direct {
            self.because("LC-6: the plan that was to follow would have covered this camera alone, so the term ends with its period");
            let on = self.today;
            self.command(&wide.id, &Command::Cancel { effective: Effective::EndOfPeriod, on })?;
        }
        Ok(())
    }

    /// LC-9: withdraws a pending end or plan change.
    pub fn resume(&mut self, id: &SubscriptionId) -> Planned {
        self.not_parked()?;
        let subscription = self.direct(id)?;
        let (state, requested) = (subscription.state.clone(), subscription.cancel_requested_on.is_some());
        let over = state.term().filter(|term| term.period.end <= self.today && term.intent != Intent::Renews);
        if let Some(term) = over {
            return Err(Refusal::RenewalDue { subscription: id.to_string(), ended_on: term.period.end });
        }
        if self.command(id, &Command::Resume)? || requested {
            self.withdraw_request(id)?;
            self.because("LC-9: the pending end or change is withdrawn; the term renews");
            let data = NoticeData { renews_on: state.term().map(|term| term.period.end), ..self.facts(id)? };
            self.notify(NoticeKind::CancellationWithdrawn, &self.cause_now(id), Some(id), data);
            self.announce_known_prices(id)?;
        }
        Ok(())
    }
}

/// The facts of an end with what it gives back.
pub(super) fn with_given(data: NoticeData, given: &Given) -> Planned<NoticeData> {
    let told = |amount: Money| Some(amount.minor()).filter(|minor| *minor != 0);
    Ok(NoticeData {
        refund_minor: told(given.payout),
        credit_minor: told(given.credit_cash.plus(given.credit_goodwill)?),
        held_minor: told(given.held),
        owed_off_minor: told(given.owed_off),
        ..data
    })
}

/// RF-1: the first day without the service that was cancelled on `on`.
pub(super) fn first_day_without(on: NaiveDate, day: CancellationDay) -> Planned<NaiveDate> {
    match day {
        CancellationDay::Used => Ok(plus_days(on, 1)?),
        CancellationDay::Refunded => Ok(on),
    }
}

const fn end_command(ending: Ending, effective: Effective, on: NaiveDate) -> Command {
    match ending {
        Ending::Customer => Command::Cancel { effective, on },
        Ending::Operator => Command::Terminate { effective, on, breach: false },
        Ending::CameraTransferred => Command::LoseCamera { on },
    }
}
