//! LC: the life of one subscription. `decide` says what a command does in a state, `evolve` applies it.
//!
//! Every pair of state and command is written out, one function a state; `kasacare states` prints the table from here.
//! An empty list of events means "already so" and is not an error (LC-10 is about commands that are not legal).
//! Money is not decided here: [`super::change`] adds invoices, notes and charges to what this module allows.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::calendar::Period;
use super::catalog::Plan;
use super::ids::CameraId;
use super::terms::Effective;

/// Who charges the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// We do.
    Direct,
    /// Apple does; we follow.
    AppStore,
    /// Google does; we follow.
    GooglePlay,
    /// Recurly does; we follow.
    Recurly,
}

impl Channel {
    /// The stored tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::AppStore => "app_store",
            Self::GooglePlay => "google_play",
            Self::Recurly => "recurly",
        }
    }

    /// Parses a stored tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        [Self::Direct, Self::AppStore, Self::GooglePlay, Self::Recurly].into_iter().find(|channel| channel.tag() == tag)
    }
}

/// What happens when the paid period ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// It renews.
    Renews,
    /// It runs out.
    Ends,
    /// It becomes another plan, at the version that was in force when that was commanded (PR-6).
    ChangesTo {
        /// The new plan.
        plan: Plan,
        /// Its price version.
        version: String,
        /// The camera, where the new plan covers one.
        camera: Option<CameraId>,
    },
}

/// One anchor and one plan, and the period that is paid for or owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// From 1 within the subscription.
    pub number: u32,
    /// CA-1.
    pub anchor: NaiveDate,
    /// The plan.
    pub plan: Plan,
    /// Number of the present period, counted from the anchor, from 0.
    pub period_no: u32,
    /// The present period.
    pub period: Period,
    /// The price version that it is billed at.
    pub version: String,
    /// What happens at its end.
    pub intent: Intent,
}

/// A free trial: `[start, ends)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The plan that is tried and becomes paid.
    pub plan: Plan,
    /// Its price version, as the customer was shown it.
    pub version: String,
    /// First day.
    pub start: NaiveDate,
    /// First day after: the first paid one.
    pub ends: NaiveDate,
}

/// Why a subscription is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The customer cancelled.
    Cancelled,
    /// The trial was cancelled before it ended.
    TrialCancelled,
    /// The first charge was declined (LC-3).
    FirstChargeDeclined,
    /// The camera went to a new owner (LC-6).
    CameraTransferred,
    /// A subscription that covers the whole account took over (rules, Words).
    Absorbed,
    /// The operator ended it (LC-7).
    Terminated,
    /// The operator ended it for a breach (LC-7).
    TerminatedForBreach,
    /// The operator ended it for non-payment (PD-3).
    Unpaid,
    /// The published price was wrong (CO-5).
    OrderCancelled,
    /// A dispute was lost (PD-6).
    DisputeLost,
}

/// Where a subscription stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No subscription yet: the Free Package (LC-1).
    Free,
    /// The first charge has not settled (LC-3).
    Pending {
        /// The term that begins when it does.
        term: Term,
    },
    /// In the free trial (LC-2).
    Trialing {
        /// The trial.
        trial: Trial,
    },
    /// Paid, or nothing to pay.
    Active {
        /// The present term.
        term: Term,
    },
    /// Something is unpaid; service goes on (PD-1).
    PastDue {
        /// The present term.
        term: Term,
        /// Since when.
        since: NaiveDate,
    },
    /// No service, by the operator (LC-7).
    Suspended {
        /// The present term: it runs on.
        term: Term,
        /// Since when.
        since: NaiveDate,
        /// Since when something is unpaid, if anything is.
        unpaid_since: Option<NaiveDate>,
    },
    /// Ended, for good.
    Closed {
        /// Why.
        cause: Cause,
        /// The first day without the subscription.
        on: NaiveDate,
    },
}

impl State {
    /// The state's name in the rules.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pending { .. } => "pending",
            Self::Trialing { .. } => "trialing",
            Self::Active { .. } => "active",
            Self::PastDue { .. } => "past_due",
            Self::Suspended { .. } => "suspended",
            Self::Closed { .. } => "closed",
        }
    }

    /// The paid term, if there is one.
    #[must_use]
    pub const fn term(&self) -> Option<&Term> {
        match self {
            Self::Pending { term } | Self::Active { term } | Self::PastDue { term, .. } | Self::Suspended { term, .. } => Some(term),
            Self::Free | Self::Trialing { .. } | Self::Closed { .. } => None,
        }
    }

    fn term_mut(&mut self) -> Option<&mut Term> {
        match self {
            Self::Pending { term } | Self::Active { term } | Self::PastDue { term, .. } | Self::Suspended { term, .. } => Some(term),
            Self::Free | Self::Trialing { .. } | Self::Closed { .. } => None,
        }
    }

    /// Whether it covers a camera or is about to.
    #[must_use]
    pub const fn is_live(&self) -> bool {
        !matches!(self, Self::Free | Self::Closed { .. })
    }

    /// The plan in use or about to be.
    #[must_use]
    pub const fn plan(&self) -> Option<&Plan> {
        match self {
            Self::Trialing { trial } => Some(&trial.plan),
            other => match other.term() {
                Some(term) => Some(&term.plan),
                None => None,
            },
        }
    }
}

impl super::account::Subscription {
    /// CP, "goes on": direct, active or past due, and its intent is to renew or to change.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        let renewing = match &self.state {
            State::Active { term } | State::PastDue { term, .. } => term.intent != Intent::Ends,
            State::Free | State::Pending { .. } | State::Trialing { .. } | State::Suspended { .. } | State::Closed { .. } => false,
        };
        renewing && self.channel == Channel::Direct && self.cancel_requested_on.is_none()
    }
}

/// What somebody or the calendar asks of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// LC-3: begin a paid term.
    Subscribe {
        /// The first term.
        term: Term,
    },
    /// LC-2: begin the free trial.
    StartTrial {
        /// The trial.
        trial: Trial,
    },
    /// LC-2: the trial is over; the first paid period starts.
    EndTrial {
        /// The first term.
        term: Term,
    },
    /// LC-3: the first charge was captured, or there was nothing to collect.
    Activate,
    /// LC-3: the first charge was declined.
    FailFirstCharge {
        /// Date of the decline.
        on: NaiveDate,
    },
    /// LC-4: the next period begins.
    Renew {
        /// Its number.
        period_no: u32,
        /// Its dates.
        period: Period,
        /// The price version that it is charged at (PR-2).
        version: String,
    },
    /// The paid period of an ending term is over.
    RunOut {
        /// The period's end.
        on: NaiveDate,
    },
    /// A deferred plan change takes effect.
    ApplyChange {
        /// The next term.
        term: Term,
    },
    /// SA-b: the customer cancels.
    Cancel {
        /// By the policy matrix, or by RF-6.
        effective: Effective,
        /// Today.
        on: NaiveDate,
    },
    /// CP: change the plan now.
    ChangeAtOnce {
        /// The next term.
        term: Term,
    },
    /// CP: change the plan when the paid period ends.
    ChangeAtPeriodEnd {
        /// The plan, version and camera to change to.
        intent: Intent,
    },
    /// LC-2: another plan while trialing; same trial end.
    ChangeTrial {
        /// The trial with its new plan.
        trial: Trial,
    },
    /// LC-9: withdraw a pending end or change.
    Resume,
    /// LC-6: the one covered camera leaves the account.
    LoseCamera {
        /// Today.
        on: NaiveDate,
    },
    /// A subscription for the whole account takes over.
    Absorb {
        /// Today.
        on: NaiveDate,
    },
    /// LC-7: stop the service.
    Suspend {
        /// Today.
        on: NaiveDate,
    },
    /// LC-7: give the service back.
    Reinstate {
        /// Today.
        on: NaiveDate,
        /// The next term, where the paid period is over.
        term: Option<Term>,
    },
    /// LC-7: end it by the operator's decision.
    Terminate {
        /// As for a customer's cancellation; at once for a breach.
        effective: Effective,
        /// Today.
        on: NaiveDate,
        /// Whether the refund is forfeited.
        breach: bool,
    },
    /// PD-1: a payment failed.
    FailPayment {
        /// Date of the failure.
        on: NaiveDate,
    },
    /// Nothing is owed any more.
    PayUp,
    /// PD-3: end it for non-payment.
    CancelUnpaid {
        /// Today.
        on: NaiveDate,
    },
    /// CO-5: the published price was wrong.
    CancelOrder {
        /// Today.
        on: NaiveDate,
    },
    /// PD-6: a dispute was lost.
    LoseDispute {
        /// Today.
        on: NaiveDate,
    },
}

impl Command {
    /// The command's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Subscribe { .. } => "subscribe",
            Self::StartTrial { .. } => "start_trial",
            Self::EndTrial { .. } => "end_trial",
            Self::Activate => "activate",
            Self::FailFirstCharge { .. } => "fail_first_charge",
            Self::Renew { .. } => "renew",
            Self::RunOut { .. } => "run_out",
            Self::ApplyChange { .. } => "apply_change",
            Self::Cancel { .. } => "cancel",
            Self::ChangeAtOnce { .. } => "change_at_once",
            Self::ChangeAtPeriodEnd { .. } => "change_at_period_end",
            Self::ChangeTrial { .. } => "change_trial",
            Self::Resume => "resume",
            Self::LoseCamera { .. } => "lose_camera",
            Self::Absorb { .. } => "absorb",
            Self::Suspend { .. } => "suspend",
            Self::Reinstate { .. } => "reinstate",
            Self::Terminate { .. } => "terminate",
            Self::FailPayment { .. } => "fail_payment",
            Self::PayUp => "pay_up",
            Self::CancelUnpaid { .. } => "cancel_unpaid",
            Self::CancelOrder { .. } => "cancel_order",
            Self::LoseDispute { .. } => "lose_dispute",
        }
    }
}

/// What happened to a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    /// A paid term begins, pending its first charge.
    Subscribed {
        /// The term.
        term: Term,
    },
    /// A trial begins, or continues with another plan.
    Trialing {
        /// The trial.
        trial: Trial,
    },
    /// The first charge settled.
    Activated,
    /// The next period began.
    Renewed {
        /// Its number.
        period_no: u32,
        /// Its dates.
        period: Period,
        /// Its price version.
        version: String,
    },
    /// LC-9: the renewal intent is now this.
    Intends {
        /// The intent.
        intent: Intent,
    },
    /// A new term began.
    TermOpened {
        /// The term.
        term: Term,
    },
    /// Something is unpaid.
    BecamePastDue {
        /// Since when.
        since: NaiveDate,
    },
    /// Nothing is unpaid any more.
    PaidUp,
    /// Service stopped.
    Suspended {
        /// Since when.
        since: NaiveDate,
    },
    /// Service came back.
    Reinstated,
    /// It ended.
    Closed {
        /// Why.
        cause: Cause,
        /// First day without it.
        on: NaiveDate,
    },
}

/// LC-10: the command is not legal in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{command}` is refused: the subscription is {state}, {because}")]
pub struct Illegal {
    /// The present state.
    pub state: &'static str,
    /// The command.
    pub command: &'static str,
    /// Why not.
    pub because: &'static str,
}

type Decision = Result<Vec<Life>, Illegal>;

/// What `command` does in `state`; changes nothing itself.
///
/// # Errors
/// [`Illegal`] names the state, the command and the reason (LC-10).
pub fn decide(state: &State, command: &Command) -> Decision {
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
