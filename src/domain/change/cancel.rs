//! Ending: cancellation by the customer (SA-b, RF, CP), transfer of a camera (LC-6), and what storage is told (LC-8).

use chrono::NaiveDate;

use super::super::account::{NoteReason, Subscription};
use super::super::calendar::{Cycle, plus_days};
use super::super::catalog::Plan;
use super::super::event::{Event, Given};
use super::super::ids::{CameraId, SubscriptionId};
use super::super::notice::{NoticeData, NoticeKind};
use super::super::refund::{CancellationDay, Destination, unused};
use super::super::subscription::{Channel, Command, Intent, State, Term};
use super::super::terms::{ChangeKind, Effective, Policy, UnusedValue};
use super::billing::invoice_id;
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
        let invoice = invoice_id(id, term.number, term.period_no);
        self.account
            .charges
            .values()
            .find(|charge| {
                let sent = charge.due_at.is_none_or(|due| due <= self.context.now) || charge.lookups > 0;
                charge.invoice == invoice && charge.state.in_flight() && sent
            })
            .map(|charge| charge.id.clone())
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
                self.because("CA-4: the cancellation counts from now; it is carried out when the charge under way has settled");
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
            State::Trialing { trial } => self.close_without_money(id, on.min(trial.ends), ending),
            State::Active { term } | State::PastDue { term, .. } | State::Suspended { term, .. } => self.cancel_term(&subscription, term, on, ending),
            State::Free | State::Pending { .. } | State::Closed { .. } => {
                self.command(id, &Command::Cancel { effective: Effective::AtOnce, on })?;
                Ok(())
            }
        }
    }

    fn close_without_money(&mut self, id: &SubscriptionId, on: NaiveDate, ending: Ending) -> Planned {
        let data = self.facts(id)?;
        self.because("LC-2: the trial ends at once, nothing was charged, and it stays used");
        self.recordings_inaccessible(id, on)?;
        self.command(id, &end_command(ending, Effective::AtOnce, on))?;
        self.confirm(id, ending, on, NoticeData { ended_on: Some(on), ..data });
        Ok(())
    }

    fn cancel_term(&mut self, subscription: &Subscription, term: &Term, on: NaiveDate, ending: Ending) -> Planned {
        let id = &subscription.id;
        let terms = self.terms(id)?;
        if on >= term.period.end {
            return self.cancel_after_period(id, term, ending);
        }
        let cooling_off = terms.cooling_off_days > 0
            && (term.number, term.period_no) == (1, 0)
            && on <= plus_days(term.period.start, terms.cooling_off_days)?;
        if cooling_off {
            self.because(format!("RF-6: cancelled within {} days of {}: everything is refunded", terms.cooling_off_days, term.period.start));
            return self.end_at_once(subscription, term, on, ending, true);
        }
        let policy = self.policy(id, ChangeKind::CancelToFree, term.plan.cycle)?;
        match (policy.effective, ending) {
            (Effective::AtOnce, _) | (Effective::EndOfPeriod, Ending::CameraTransferred) => self.end_at_once(subscription, term, on, ending, false),
            (Effective::EndOfPeriod, Ending::Customer | Ending::Operator) => self.end_with_period(id, term, on, ending),
        }
    }

    /// CA-4: the last billed period is over, so it ended there and nothing is refunded.
    fn cancel_after_period(&mut self, id: &SubscriptionId, term: &Term, ending: Ending) -> Planned {
        let end = term.period.end;
        self.because(format!("CA-4: no later period was billed, so the term ended on {end}; nothing is refunded"));
        let data = self.facts(id)?;
        self.recordings_inaccessible(id, end)?;
        self.command(id, &end_command(ending, Effective::AtOnce, end))?;
        self.confirm(id, ending, end, NoticeData { ended_on: Some(end), ..data });
        self.pay_out_credit_if_last()
    }

    fn end_with_period(&mut self, id: &SubscriptionId, term: &Term, on: NaiveDate, ending: Ending) -> Planned {
        self.because(format!("CP: a monthly plan ends with its period, on {}; RF-5: nothing is refunded", term.period.end));
        if self.command(id, &end_command(ending, Effective::EndOfPeriod, on))? {
            let data = NoticeData { runs_until: Some(term.period.end), ..self.facts(id)? };
            self.confirm(id, ending, on, data);
        }
        Ok(())
    }

    fn end_at_once(&mut self, subscription: &Subscription, term: &Term, on: NaiveDate, ending: Ending, everything: bool) -> Planned {
        let id = &subscription.id;
        let terms = self.terms(id)?;
        let invoice = invoice_id(id, term.number, term.period_no);
        let data = self.facts(id)?;
        let first_day_without = match terms.cancellation_day {
            CancellationDay::Used if !everything => plus_days(on, 1)?,
            CancellationDay::Used | CancellationDay::Refunded => on,
        };
        self.recordings_inaccessible(id, first_day_without)?;
        let policy = self.policy(id, ChangeKind::CancelToFree, term.plan.cycle)?;
        let refunds = policy.unused == UnusedValue::RefundUnlessAnotherGoesOn;
        let given = if self.paid_elsewhere(subscription, term) {
            if everything {
                self.leave_to_operator(id, term, Back::Everything)?;
            } else if refunds {
                self.leave_to_operator(id, term, Back::Cancelled(on))?;
            }
            Given::nothing(self.account.zero())
        } else if everything {
            self.undo_given(&invoice, term.period.start)?
        } else if refunds {
            let to = if self.account.another_goes_on(id) { Destination::Credit } else { Destination::Refund };
            self.because(format!("RF-1: cancelled on {on}; the day counts as {}", terms.cancellation_day.tag()));
            self.refund_unused(&invoice, on, terms.cancellation_day, first_day_without, to)?
        } else {
            self.forfeit(&invoice, on)?;
            Given::nothing(self.account.zero())
        };
        self.command(id, &end_command(ending, Effective::AtOnce, first_day_without))?;
        let data = NoticeData {
            ended_on: Some(first_day_without),
            refund_minor: Some(given.payout.minor()).filter(|minor| *minor != 0),
            credit_minor: Some(given.credit_cash.plus(given.credit_goodwill)?.minor()).filter(|minor| *minor != 0),
            ..data
        };
        self.confirm(id, ending, on, data);
        self.pay_out_credit_if_last()
    }

    fn undo_given(&mut self, invoice: &str, start: NaiveDate) -> Planned<Given> {
        let zero = self.account.zero();
        let payouts = |draft: &Self| draft.account.refunds.len();
        let before = payouts(self);
        self.undo_invoice(invoice, start, NoteReason::Cancellation)?;
        let paid = super::super::money::total(zero.currency(), self.account.refunds.values().skip(before).map(|refund| refund.amount))?;
        Ok(Given { payout: paid, ..Given::nothing(zero) })
    }

    fn refund_unused(
        &mut self,
        invoice: &str,
        on: NaiveDate,
        day: CancellationDay,
        first_day_without: NaiveDate,
        to: Destination,
    ) -> Planned<Given> {
        let row = self.account.invoices.get(invoice).ok_or_else(|| self.no_object("invoice", invoice))?;
        let parts = unused(&row.line(), on, day)?;
        let last_day = first_day_without.pred_opt().unwrap_or(on);
        self.end_service(invoice, &parts, last_day, NoteReason::Cancellation, to)
    }

    fn confirm(&mut self, id: &SubscriptionId, ending: Ending, on: NaiveDate, data: NoticeData) {
        let (kind, reason) = match ending {
            Ending::Customer => (NoticeKind::CancellationConfirmed, None),
            Ending::Operator => (NoticeKind::TerminationNotice, self.context.reason.map(ToOwned::to_owned)),
            Ending::CameraTransferred => (NoticeKind::TransferConfirmed, None),
        };
        let effective_on = data.ended_on.or(data.runs_until);
        self.notify(kind, &format!("{id}_{on}"), Some(id), NoticeData { reason, effective_on, ..data });
    }

    /// LC-8: tells the storage service which cameras lose which history, from which day.
    pub fn recordings_inaccessible(&mut self, id: &SubscriptionId, since: NaiveDate) -> Planned {
        let subscription = self.subscription(id)?;
        let cameras = match &subscription.camera {
            Some(camera) => vec![camera.clone()],
            None => self.account.cameras.clone(),
        };
        self.lose_history(cameras, self.context.reference.catalog.free_history_days, since)
    }

    fn lose_history(&mut self, cameras: Vec<CameraId>, history_days: u32, since: NaiveDate) -> Planned {
        if cameras.is_empty() {
            return Ok(());
        }
        self.emit(Event::RecordingsInaccessible { cameras, history_days, since })
    }

    /// LC-8: what a plan change makes inaccessible: cameras that lose cover, and history beyond the new tier's.
    pub fn lose_coverage_difference(
        &mut self,
        id: &SubscriptionId,
        from: &Plan,
        to: &Plan,
        camera: Option<&CameraId>,
        since: NaiveDate,
    ) -> Planned {
        let (old, new) = (self.tier(from)?, self.tier(to)?);
        let before = self.subscription(id)?.camera.clone().map_or_else(|| self.account.cameras.clone(), |camera| vec![camera]);
        let (kept, lost): (Vec<CameraId>, Vec<CameraId>) = before.into_iter().partition(|each| camera.is_none_or(|camera| camera == each));
        self.lose_history(lost, self.context.reference.catalog.free_history_days, since)?;
        if new.history_days < old.history_days { self.lose_history(kept, new.history_days, since) } else { Ok(()) }
    }

    /// LC-6: a camera goes to a new owner and loses its coverage at once.
    pub fn transfer_camera(&mut self, camera: &CameraId) -> Planned {
        self.not_parked()?;
        if !self.account.cameras.contains(camera) {
            return Err(Refusal::NoCamera { camera: camera.to_string() });
        }
        let covering = self.account.subscriptions.values().find(|other| other.state.is_live() && other.camera.as_ref() == Some(camera));
        if let Some(subscription) = covering.cloned() {
            if subscription.channel != Channel::Direct {
                return Err(Refusal::Mirror { subscription: subscription.id.to_string(), store: subscription.channel.tag() });
            }
            let in_flight = subscription.state.term().and_then(|term| self.charge_in_flight(&subscription.id, term));
            if let Some(charge) = in_flight {
                return Err(Refusal::ChargeInFlight { charge });
            }
            self.because("LC-6: the camera's own subscription ends: an annual one as in RF, a monthly one with nothing refunded");
            self.cancel_on(&subscription.id, self.today, Ending::CameraTransferred)?;
        } else if self.account.subscriptions.values().any(|other| other.state.is_live() && other.camera.is_none()) {
            self.because("LC-6: the account's subscription merely covers one camera fewer");
            self.lose_history(vec![camera.clone()], 0, self.today)?;
        }
        self.emit(Event::CameraRemoved { camera: camera.clone() })
    }

    /// LC-9: withdraws a pending end or plan change.
    pub fn resume(&mut self, id: &SubscriptionId) -> Planned {
        self.not_parked()?;
        let state = self.direct(id)?.state.clone();
        let over = state.term().filter(|term| term.period.end <= self.today && term.intent != Intent::Renews);
        if let Some(term) = over {
            return Err(Refusal::RenewalDue { subscription: id.to_string(), ended_on: term.period.end });
        }
        if self.command(id, &Command::Resume)? {
            self.because("LC-9: the pending end or change is withdrawn; the term renews");
            let data = NoticeData { renews_on: state.term().map(|term| term.period.end), ..self.facts(id)? };
            self.notify(NoticeKind::CancellationWithdrawn, &format!("{id}_{}", self.context.now.timestamp_micros()), Some(id), data);
        }
        Ok(())
    }
}

const fn end_command(ending: Ending, effective: Effective, on: NaiveDate) -> Command {
    match ending {
        Ending::Customer => Command::Cancel { effective, on },
        Ending::Operator => Command::Terminate { effective, on, breach: false },
        Ending::CameraTransferred => Command::LoseCamera { on },
    }
}
