//! Attempts that ended without an answer: looked up, given up for a new one, or left to a person (PV-2, F03, F06, I9).

use chrono::{DateTime, TimeDelta, Utc};

use super::super::account::{Charge, Purpose, Refund, Task};
use super::super::event::Event;
use super::super::ids::SubscriptionId;
use super::super::subscription::State;
use super::billing::{Collection, invoice_id};
use super::settle::{LOOKUP_WAIT_SECONDS, LOOKUPS_MAX};
use super::{Draft, Planned, Refusal};

/// The code under which an account is parked, and the kind of the task, where a key has grown too old to be sent again.
const KEY_EXPIRED: &str = "key_expired";
/// Why an account is parked whose request the provider refuses as such.
const REFUSED: &str = "refused_request";

impl Draft<'_> {
    /// A stored failure is not "try again" under the same key; a look-up that found nothing makes a new attempt safe (F06). The
    /// attempts wait longer and longer, as look-ups do, and end with a person.
    pub(super) fn never_happened(&mut self, charge: &Charge) -> Planned {
        may_go_on(&charge.id, charge.lookups)?;
        self.because("PV-2: the look-up found nothing and the key keeps the failure: the attempt is given up for a new one");
        let at = self.look_up_at(charge.lookups);
        self.give_up_for_another(charge, at, charge.lookups.saturating_add(1))
    }

    /// PD-2, F68: what was to be sent names a payment method that is blocked, or that is no longer on file.
    pub(super) fn not_sent(&mut self, charge: &Charge) -> Planned {
        self.because("PD-2: it was not sent, because its payment method is blocked or no longer on file");
        self.give_up_for_another(charge, self.context.now, charge.lookups)
    }

    pub(super) fn unknown(&mut self, charge: &Charge) -> Planned {
        may_go_on(&charge.id, charge.lookups)?;
        let due_at = self.look_up_at(charge.lookups);
        self.because("PV-2: the outcome is unknown: it is looked up before anything else is done");
        self.emit(Event::ChargeUnknown { charge: charge.id.clone(), due_at })
    }

    /// F03, I14: nobody can say whether it was carried out, and sent again it might be carried out twice. It is asked for no more;
    /// once a person has made sure of it, the account's release makes a new attempt.
    pub(super) fn key_expired(&mut self, charge: &Charge) -> Planned {
        self.task(KEY_EXPIRED, &charge.id, Some(charge.amount))?;
        self.emit(Event::ChargeUnknown { charge: charge.id.clone(), due_at: self.look_up_at(charge.lookups) })?;
        self.park(KEY_EXPIRED, &expired(&charge.id))
    }

    /// The same of a payout.
    pub(super) fn refund_key_expired(&mut self, refund: &Refund) -> Planned {
        self.task(KEY_EXPIRED, &refund.id, Some(refund.amount))?;
        self.emit(Event::RefundUnknown { refund: refund.id.clone(), due_at: self.look_up_at(refund.lookups) })?;
        self.park(KEY_EXPIRED, &expired(&refund.id))
    }

    /// F72: the provider refuses the request as such. That is nobody's decline: a new attempt waits for a person, who knows why.
    pub(super) fn refused(&mut self, charge: &Charge, code: &str) -> Planned {
        self.because(format!("F72: the provider refuses the request as such ({code}): nothing moved"));
        self.give_up_for_another(charge, self.context.now, 0)?;
        self.park(REFUSED, &refused(&charge.id, code))
    }

    /// The same of a payout.
    pub(super) fn refund_refused(&mut self, refund: &Refund, code: &str) -> Planned {
        self.because(format!("F72: the provider refuses the request as such ({code}): nothing moved"));
        self.refund_anew(refund, self.context.now, 0)?;
        self.park(REFUSED, &refused(&refund.id, code))
    }

    /// When the outcome of a call is looked up next.
    pub(super) fn look_up_at(&self, lookups: u32) -> DateTime<Utc> {
        let seconds = LOOKUP_WAIT_SECONDS.saturating_mul(1_i64.checked_shl(lookups).unwrap_or(i64::MAX).max(1));
        self.context.now.checked_add_signed(TimeDelta::seconds(seconds)).unwrap_or(self.context.now)
    }

    fn give_up_for_another(&mut self, charge: &Charge, at: DateTime<Utc>, lookups: u32) -> Planned {
        self.emit(Event::ChargeAbandoned { charge: charge.id.clone() })?;
        self.attempt_anew(charge, at, lookups)
    }

    /// A new attempt in place of one that is over, unless there is nothing left to attempt: a cancellation that waited for it is
    /// carried out first (CA-4, LC-3).
    pub(super) fn attempt_anew(&mut self, charge: &Charge, at: DateTime<Utc>, lookups: u32) -> Planned {
        let id = self.owner(&charge.invoice)?;
        if let Some((term, on)) = self.pending_and_cancelled(&id)? {
            return self.undo_cancelled_while_pending(&id, &term, on);
        }
        self.cancel_if_requested(&id)?;
        if self.is_suspended(&id) {
            self.because("LC-7: no charge is attempted while it is suspended");
            return Ok(());
        }
        match charge.purpose {
            Purpose::Correction => self.correct_anew(&charge.invoice, at, lookups),
            Purpose::Period => match self.collect_after(&charge.invoice, Purpose::Period, at, lookups)? {
                Collection::NoMethod if self.is_first(&id, &charge.invoice)? => self.undo_first_period(&id),
                Collection::NoMethod => self.fell_behind(&id, &charge.invoice),
                Collection::Requested | Collection::Nothing | Collection::Carried => Ok(()),
            },
        }
    }

    /// CO-2: no attempt begins outside of the window; the daily look finds that it is over.
    fn correct_anew(&mut self, invoice: &str, at: DateTime<Utc>, lookups: u32) -> Planned {
        let Some(correction) = self.open_correction(invoice) else { return Ok(()) };
        if self.account.today(at) > correction.last_attempt_on {
            self.because("CO-2: the window is over before the next attempt could begin");
            return Ok(());
        }
        self.collect_after(invoice, Purpose::Correction, at, lookups).map(drop)
    }

    /// Whether an invoice is that of a first period whose charge has not settled (LC-3).
    pub(super) fn is_first(&self, id: &SubscriptionId, invoice: &str) -> Planned<bool> {
        let state = &self.subscription(id)?.state;
        Ok(matches!(state, State::Pending { term } if invoice_id(id, term.number, term.period_no) == invoice))
    }

    fn pending_and_cancelled(&self, id: &SubscriptionId) -> Planned<Option<(super::super::subscription::Term, chrono::NaiveDate)>> {
        let subscription = self.subscription(id)?;
        Ok(match (&subscription.state, subscription.cancel_requested_on) {
            (State::Pending { term }, Some(on)) => Some((term.clone(), on)),
            _ => None,
        })
    }

    /// F03: a person has made sure that what was sent under expired keys never happened: new attempts are made.
    pub(super) fn replace_expired(&mut self) -> Planned {
        let open = |task: &&Task| task.kind == KEY_EXPIRED && task.closed_on.is_none();
        let tasks: Vec<(String, String)> =
            self.account.tasks.values().filter(open).map(|task| (task.id.clone(), task.subject.clone())).collect();
        for (task, subject) in tasks {
            self.close_task(&task)?;
            if let Some(charge) = self.account.charges.get(&subject).filter(|charge| charge.state.in_flight()).cloned() {
                self.give_up_for_another(&charge, self.context.now, 0)?;
            } else if let Some(refund) = self.account.refunds.get(&subject).filter(|refund| refund.state.in_flight()).cloned() {
                self.refund_anew(&refund, self.context.now, 0)?;
            }
        }
        Ok(())
    }

    /// A payout is asked for under a new key, because nothing came of the old one.
    pub(super) fn refund_anew(&mut self, refund: &Refund, at: DateTime<Utc>, lookups: u32) -> Planned {
        self.emit(Event::RefundAbandoned { refund: refund.id.clone() })?;
        self.request_payout_at(&refund.charge, &refund.invoice, refund.amount, &refund.reason, (at, lookups)).map(drop)
    }
}

/// I9: after so many look-ups a person has to ask the provider.
pub(super) fn may_go_on(id: &str, lookups: u32) -> Planned {
    if lookups < LOOKUPS_MAX { Ok(()) } else { Err(Refusal::NoOutcome { id: id.to_owned(), lookups }) }
}

fn refused(id: &str, code: &str) -> String {
    format!(
        "the provider refuses {id} as such ({code}): nothing moved; put the cause right, then release the account, and it is asked again"
    )
}

fn expired(id: &str) -> String {
    format!(
        "{id} may have been sent, the provider does not know of it, and its key is too old to be sent again (F03); \
         if it is not at the provider, release the account for a new attempt"
    )
}
