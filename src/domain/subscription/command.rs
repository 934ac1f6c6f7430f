//! What is asked of a subscription, what happens to it, and the refusal.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Cause, Intent, Term, Trial, named};
use crate::domain::calendar::Period;
use crate::domain::terms::Effective;

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

named! {
    Command {
        Subscribe => "subscribe",
        StartTrial => "start_trial",
        EndTrial => "end_trial",
        Activate => "activate",
        FailFirstCharge => "fail_first_charge",
        Renew => "renew",
        RunOut => "run_out",
        ApplyChange => "apply_change",
        Cancel => "cancel",
        ChangeAtOnce => "change_at_once",
        ChangeAtPeriodEnd => "change_at_period_end",
        ChangeTrial => "change_trial",
        Resume => "resume",
        LoseCamera => "lose_camera",
        Absorb => "absorb",
        Suspend => "suspend",
        Reinstate => "reinstate",
        Terminate => "terminate",
        FailPayment => "fail_payment",
        PayUp => "pay_up",
        CancelUnpaid => "cancel_unpaid",
        CancelOrder => "cancel_order",
        LoseDispute => "lose_dispute",
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

named! {
    Life {
        Subscribed => "subscribed",
        Trialing => "trialing",
        Activated => "activated",
        Renewed => "renewed",
        Intends => "intends",
        TermOpened => "term_opened",
        BecamePastDue => "became_past_due",
        PaidUp => "paid_up",
        Suspended => "suspended",
        Reinstated => "reinstated",
        Closed => "closed",
    }
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
