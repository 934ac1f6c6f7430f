//! The state machine: every state has a function, and every function names every command.

use chrono::NaiveDate;

use super::{Cause, Command, Illegal, Intent, Life, State, Term};
use crate::domain::terms::Effective;

/// What `command` does in `state`; changes nothing itself.
///
/// # Errors
/// [`Illegal`] names the state, the command and the reason (LC-10).
pub fn decide(state: &State, command: &Command) -> Result<Vec<Life>, Illegal> {
    let answer = match state {
        State::Free => in_free(command),
        State::Pending { .. } => in_pending(command),
        State::Trialing { .. } => in_trialing(command),
        State::Active { term } => in_active(term, command),
        State::PastDue { term, .. } => in_past_due(term, command),
        State::Suspended { term, unpaid_since, .. } => in_suspended(term, *unpaid_since, command),
        State::Closed { .. } => in_closed(command),
    };
    answer.map_err(|because| Illegal { state: state.name(), command: command.name(), because })
}

type Answer = Result<Vec<Life>, &'static str>;

#[expect(clippy::unnecessary_wraps, reason = "it is the whole answer of many pairs")]
fn closed(cause: Cause, on: NaiveDate) -> Answer {
    Ok(vec![Life::Closed { cause, on }])
}

fn in_free(command: &Command) -> Answer {
    match command {
        Command::Subscribe { term } => Ok(vec![Life::Subscribed { term: term.clone() }]),
        Command::StartTrial { trial } => Ok(vec![Life::Trialing { trial: trial.clone() }]),
        Command::Cancel { .. } | Command::Resume | Command::PayUp => Ok(vec![]),
        Command::EndTrial { .. } | Command::ChangeTrial { .. } => Err("and there is no trial"),
        Command::Activate | Command::FailFirstCharge { .. } | Command::FailPayment { .. } => Err("and nothing is being charged"),
        Command::Renew { .. } | Command::RunOut { .. } | Command::ApplyChange { .. } => Err("and there is no paid period"),
        Command::ChangeAtOnce { .. } | Command::ChangeAtPeriodEnd { .. } => Err("so there is no plan to change; subscribe instead"),
        Command::LoseCamera { .. } | Command::Absorb { .. } => Err("and covers no camera"),
        Command::Suspend { .. } | Command::Reinstate { .. } | Command::Terminate { .. } => Err("and there is no paid service"),
        Command::CancelUnpaid { .. } | Command::CancelOrder { .. } | Command::LoseDispute { .. } => Err("and nothing was ordered"),
    }
}

fn in_pending(command: &Command) -> Answer {
    const WAIT: &str = "and its first charge has not settled; try again when it has";
    match command {
        Command::Activate => Ok(vec![Life::Activated]),
        Command::FailFirstCharge { on } => closed(Cause::FirstChargeDeclined, *on),
        // LC-3: recorded by the caller, carried out when the charge settles: then everything goes back.
        Command::Cancel { on, .. } => closed(Cause::Cancelled, *on),
        Command::LoseDispute { on } => closed(Cause::DisputeLost, *on),
        Command::LoseCamera { on } => closed(Cause::CameraTransferred, *on),
        Command::Subscribe { .. } | Command::StartTrial { .. } => Err("so it exists already"),
        Command::EndTrial { .. } | Command::ChangeTrial { .. } => Err("and no trial is running"),
        Command::Renew { .. } | Command::RunOut { .. } | Command::ApplyChange { .. } => Err(WAIT),
        Command::ChangeAtOnce { .. } | Command::ChangeAtPeriodEnd { .. } | Command::Resume | Command::Absorb { .. } => Err(WAIT),
        Command::Suspend { .. } | Command::Reinstate { .. } | Command::Terminate { .. } => Err(WAIT),
        Command::FailPayment { .. } | Command::PayUp | Command::CancelUnpaid { .. } | Command::CancelOrder { .. } => Err(WAIT),
    }
}

fn in_trialing(command: &Command) -> Answer {
    match command {
        Command::EndTrial { term } => Ok(vec![Life::Subscribed { term: term.clone() }]),
        Command::ChangeTrial { trial } => Ok(vec![Life::Trialing { trial: trial.clone() }]),
        Command::Cancel { on, .. } => closed(Cause::TrialCancelled, *on),
        Command::LoseCamera { on } => closed(Cause::CameraTransferred, *on),
        Command::Absorb { on } => closed(Cause::Absorbed, *on),
        Command::Terminate { on, breach, .. } => closed(if *breach { Cause::TerminatedForBreach } else { Cause::Terminated }, *on),
        Command::PayUp => Ok(vec![]),
        Command::Subscribe { .. } | Command::StartTrial { .. } => Err("so it exists already"),
        Command::Activate | Command::FailFirstCharge { .. } | Command::FailPayment { .. } => Err("and nothing has been charged"),
        Command::Renew { .. } | Command::RunOut { .. } | Command::ApplyChange { .. } => Err("and no paid period has begun"),
        Command::ChangeAtOnce { .. } | Command::ChangeAtPeriodEnd { .. } => {
            Err("where a plan change costs nothing and keeps the trial's end")
        }
        Command::Resume => Err("and no end or change is pending"),
        Command::Suspend { .. } | Command::Reinstate { .. } => Err("which can be terminated, but not suspended"),
        Command::CancelUnpaid { .. } | Command::CancelOrder { .. } | Command::LoseDispute { .. } => Err("and nothing has been charged"),
    }
}

/// What cancelling, changing and ending do alike in `active` and `past_due`; `None` for commands that differ.
fn in_service(term: &Term, command: &Command) -> Option<Answer> {
    let answer = match command {
        Command::Renew { period_no, period, version } => match term.intent {
            Intent::Renews => Ok(vec![Life::Renewed { period_no: *period_no, period: *period, version: version.clone() }]),
            Intent::Ends => Err("and it ends with this period"),
            Intent::ChangesTo { .. } => Err("and it changes its plan with this period"),
        },
        Command::RunOut { on } => match term.intent {
            Intent::Ends => closed(Cause::Cancelled, *on),
            Intent::Renews | Intent::ChangesTo { .. } => Err("and it has not been cancelled"),
        },
        Command::ApplyChange { term: next } => match term.intent {
            Intent::ChangesTo { .. } => Ok(vec![Life::TermOpened { term: next.clone() }]),
            Intent::Renews | Intent::Ends => Err("and no plan change is pending"),
        },
        Command::Cancel { effective: Effective::AtOnce, on } => closed(Cause::Cancelled, *on),
        Command::Cancel { effective: Effective::EndOfPeriod, .. } => Ok(intend(term, Intent::Ends)),
        Command::ChangeAtOnce { term: next } => Ok(vec![Life::TermOpened { term: next.clone() }]),
        Command::ChangeAtPeriodEnd { intent } => Ok(intend(term, intent.clone())),
        Command::Resume => Ok(intend(term, Intent::Renews)),
        Command::LoseCamera { on } => closed(Cause::CameraTransferred, *on),
        Command::Absorb { on } => closed(Cause::Absorbed, *on),
        Command::Suspend { on } => Ok(vec![Life::Suspended { since: *on }]),
        Command::Terminate { on, breach: true, .. } => closed(Cause::TerminatedForBreach, *on),
        Command::Terminate { effective: Effective::AtOnce, on, .. } => closed(Cause::Terminated, *on),
        Command::Terminate { effective: Effective::EndOfPeriod, .. } => Ok(intend(term, Intent::Ends)),
        Command::CancelOrder { on } => closed(Cause::OrderCancelled, *on),
        Command::LoseDispute { on } => closed(Cause::DisputeLost, *on),
        Command::Reinstate { .. } => Err("and it is not suspended"),
        Command::Subscribe { .. } | Command::StartTrial { .. } => Err("so it exists already"),
        Command::EndTrial { .. } | Command::ChangeTrial { .. } => Err("and no trial is running"),
        Command::Activate | Command::FailFirstCharge { .. } => Err("and its first charge settled long ago"),
        Command::FailPayment { .. } | Command::PayUp | Command::CancelUnpaid { .. } => return None,
    };
    Some(answer)
}

fn intend(term: &Term, intent: Intent) -> Vec<Life> {
    if term.intent == intent { vec![] } else { vec![Life::Intends { intent }] }
}

fn in_active(term: &Term, command: &Command) -> Answer {
    match (in_service(term, command), command) {
        (Some(answer), _) => answer,
        (None, Command::FailPayment { on }) => Ok(vec![Life::BecamePastDue { since: *on }]),
        (None, Command::PayUp) => Ok(vec![]),
        (None, _) => Err("and nothing is unpaid"),
    }
}

fn in_past_due(term: &Term, command: &Command) -> Answer {
    match (in_service(term, command), command) {
        (Some(answer), _) => answer,
        (None, Command::FailPayment { .. }) => Ok(vec![]),
        (None, Command::PayUp) => Ok(vec![Life::PaidUp]),
        (None, Command::CancelUnpaid { on }) => closed(Cause::Unpaid, *on),
        (None, _) => Err("and the command does not apply to an unpaid term"),
    }
}

fn in_suspended(term: &Term, unpaid_since: Option<NaiveDate>, command: &Command) -> Answer {
    match command {
        Command::Reinstate { term: None, .. } => Ok(vec![Life::Reinstated]),
        Command::Reinstate { term: Some(next), .. } => Ok(vec![Life::Reinstated, Life::TermOpened { term: next.clone() }]),
        Command::Suspend { .. } => Ok(vec![]),
        Command::Cancel { effective: Effective::AtOnce, on } => closed(Cause::Cancelled, *on),
        Command::Cancel { effective: Effective::EndOfPeriod, on } if *on >= term.period.end => closed(Cause::Cancelled, *on),
        Command::Cancel { effective: Effective::EndOfPeriod, .. } => Ok(intend(term, Intent::Ends)),
        Command::Resume => Ok(intend(term, Intent::Renews)),
        Command::RunOut { on } => match term.intent {
            Intent::Ends => closed(Cause::Cancelled, *on),
            Intent::Renews | Intent::ChangesTo { .. } => Err("so its period runs out without renewal until it is reinstated"),
        },
        Command::Terminate { on, breach: true, .. } => closed(Cause::TerminatedForBreach, *on),
        Command::Terminate { effective: Effective::EndOfPeriod, on, .. } if *on < term.period.end => Ok(intend(term, Intent::Ends)),
        Command::Terminate { on, .. } => closed(Cause::Terminated, *on),
        Command::LoseCamera { on } => closed(Cause::CameraTransferred, *on),
        Command::CancelOrder { on } => closed(Cause::OrderCancelled, *on),
        Command::LoseDispute { on } => closed(Cause::DisputeLost, *on),
        Command::FailPayment { on } => Ok(if unpaid_since.is_some() { vec![] } else { vec![Life::BecamePastDue { since: *on }] }),
        Command::PayUp => Ok(if unpaid_since.is_some() { vec![Life::PaidUp] } else { vec![] }),
        Command::CancelUnpaid { on } if unpaid_since.is_some() => closed(Cause::Unpaid, *on),
        Command::CancelUnpaid { .. } => Err("and nothing is unpaid"),
        Command::Renew { .. } | Command::ApplyChange { .. } => Err("so no renewal happens (LC-7)"),
        Command::ChangeAtOnce { .. } | Command::ChangeAtPeriodEnd { .. } | Command::Absorb { .. } => {
            Err("so its plan can't change; reinstate it first")
        }
        Command::Subscribe { .. } | Command::StartTrial { .. } => Err("so it exists already"),
        Command::EndTrial { .. } | Command::ChangeTrial { .. } => Err("and no trial is running"),
        Command::Activate | Command::FailFirstCharge { .. } => Err("and its first charge settled long ago"),
    }
}

fn in_closed(command: &Command) -> Answer {
    const NEW: &str = "for good; subscribe anew, that makes a new subscription";
    match command {
        Command::Cancel { .. } | Command::LoseDispute { .. } | Command::PayUp | Command::FailPayment { .. } => Ok(vec![]),
        Command::Subscribe { .. } | Command::StartTrial { .. } | Command::Resume => Err(NEW),
        Command::ChangeAtOnce { .. } | Command::ChangeAtPeriodEnd { .. } | Command::ChangeTrial { .. } => Err(NEW),
        Command::EndTrial { .. } | Command::Activate | Command::FailFirstCharge { .. } => Err("and stays so"),
        Command::Renew { .. } | Command::RunOut { .. } | Command::ApplyChange { .. } => Err("and has no further period"),
        Command::LoseCamera { .. } | Command::Absorb { .. } => Err("and covers no camera"),
        Command::Suspend { .. } | Command::Reinstate { .. } | Command::Terminate { .. } => Err("and has no service"),
        Command::CancelUnpaid { .. } | Command::CancelOrder { .. } => Err("so there is nothing left to end"),
    }
}

/// The state after an event. Events come from [`decide`]; one that does not fit leaves the state as it is, and
/// `kasacare check` finds the difference.
#[must_use]
pub fn evolve(mut state: State, event: &Life) -> State {
    match event {
        Life::Subscribed { term } => State::Pending { term: term.clone() },
        Life::Trialing { trial } => State::Trialing { trial: trial.clone() },
        Life::Closed { cause, on } => State::Closed { cause: *cause, on: *on },
        Life::Activated => match state {
            State::Pending { term } => State::Active { term },
            other => other,
        },
        Life::Renewed { period_no, period, version } => {
            if let Some(term) = state.term_mut() {
                term.period_no = *period_no;
                term.period = *period;
                term.version.clone_from(version);
            }
            state
        }
        Life::Intends { intent } => {
            if let Some(term) = state.term_mut() {
                term.intent = intent.clone();
            }
            state
        }
        Life::TermOpened { term: next } => {
            if let Some(term) = state.term_mut() {
                *term = next.clone();
            }
            state
        }
        Life::BecamePastDue { since } => match state {
            State::Active { term } => State::PastDue { term, since: *since },
            State::Suspended { term, since: suspended, unpaid_since: None } => {
                State::Suspended { term, since: suspended, unpaid_since: Some(*since) }
            }
            other => other,
        },
        Life::PaidUp => match state {
            State::PastDue { term, .. } => State::Active { term },
            State::Suspended { term, since, .. } => State::Suspended { term, since, unpaid_since: None },
            other => other,
        },
        Life::Suspended { since } => match state {
            State::Active { term } => State::Suspended { term, since: *since, unpaid_since: None },
            State::PastDue { term, since: unpaid } => State::Suspended { term, since: *since, unpaid_since: Some(unpaid) },
            other => other,
        },
        Life::Reinstated => match state {
            State::Suspended { term, unpaid_since: Some(since), .. } => State::PastDue { term, since },
            State::Suspended { term, unpaid_since: None, .. } => State::Active { term },
            other => other,
        },
    }
}
