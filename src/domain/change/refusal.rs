//! What a plan answers where the rules say no.

use chrono::NaiveDate;

use super::super::calendar::CalendarError;
use super::super::ledger::LedgerError;
use super::super::money::{Money, MoneyError};
use super::super::promotion::PromotionError;
use super::super::refund::RefundError;
use super::super::subscription::Illegal;
use super::super::tax::{SplitError, TaxError};

/// Why a plan was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// LC-10.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The account has no such subscription.
    #[error("account {account} has no subscription `{subscription}`")]
    NoSubscription {
        /// The account.
        account: String,
        /// What was asked for.
        subscription: String,
    },
    /// The account has no such object.
    #[error("account {account} has no {what} `{id}`")]
    NoObject {
        /// The account.
        account: String,
        /// `invoice`, `charge`, `dispute`, …
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The catalog has no such tier.
    #[error("the catalog has no plan `{plan}`")]
    NoPlan {
        /// What was asked for.
        plan: String,
    },
    /// No price version in force names the plan in this currency.
    #[error("no price for {plan} in {currency} is in force on {on}; import a catalog version that has one")]
    NoPrice {
        /// The plan.
        plan: String,
        /// The account's currency.
        currency: String,
        /// The date.
        on: NaiveDate,
    },
    /// This price version does not name the plan in this currency, or there is no such version.
    #[error("price version `{version}` has no price for {plan} in {currency}; import a catalog that has one")]
    NotPriced {
        /// The version.
        version: String,
        /// The plan.
        plan: String,
        /// The account's currency.
        currency: String,
    },
    /// The terms that the subscription was sold under are not known.
    #[error("terms version `{version}` is not known; import it")]
    NoTerms {
        /// The version.
        version: String,
    },
    /// LC-2.
    #[error("the account used its one free trial on {used_on} (LC-2)")]
    TrialUsed {
        /// When.
        used_on: NaiveDate,
    },
    /// The tier has no trial.
    #[error("`{tier}` has no free trial")]
    NoTrial {
        /// The tier.
        tier: String,
    },
    /// A subscription of that id is there.
    #[error("subscription `{subscription}` exists already")]
    SubscriptionExists {
        /// The subscription.
        subscription: String,
    },
    /// A subscription that is taken over must have begun.
    #[error("the present period of `{subscription}` begins on {starts_on}, which is yet to come")]
    NotBegun {
        /// The subscription.
        subscription: String,
        /// Its first day.
        starts_on: NaiveDate,
    },
    /// One live subscription per covered camera.
    #[error(
        "camera {camera} is already covered by subscription {subscription}; change that one's plan (change-plan) instead of adding another"
    )]
    CameraCovered {
        /// The camera.
        camera: String,
        /// What covers it.
        subscription: String,
    },
    /// One account-wide subscription per account.
    #[error("the account already has {subscription}, which covers all its cameras")]
    AccountCovered {
        /// What covers it.
        subscription: String,
    },
    /// The tier covers one camera and none was named.
    #[error("`{tier}` covers one camera: name it with --camera")]
    CameraNeeded {
        /// The tier.
        tier: String,
    },
    /// The tier covers the account and a camera was named.
    #[error("`{tier}` covers all cameras of the account: leave out --camera")]
    CameraNotNeeded {
        /// The tier.
        tier: String,
    },
    /// The account does not have the camera.
    #[error("camera {camera} does not belong to the account")]
    NoCamera {
        /// The camera.
        camera: String,
    },
    /// The account has more cameras than the tier covers.
    #[error("the account has {cameras} cameras, and `{tier}` covers {max}")]
    TooManyCameras {
        /// The tier.
        tier: String,
        /// How many the account has.
        cameras: usize,
        /// How many it covers.
        max: u32,
    },
    /// RF-7: a store charges this subscription.
    #[error("subscription {subscription} is billed by {store}: change or refund it there (RF-7)")]
    Mirror {
        /// The subscription.
        subscription: String,
        /// The store.
        store: &'static str,
    },
    /// A charge is under way.
    #[error("charge {charge} is under way; try again when it has settled (CA-4)")]
    ChargeInFlight {
        /// The charge.
        charge: String,
    },
    /// The plan is the one in use.
    #[error("the subscription is on {plan} already")]
    SamePlan {
        /// The plan.
        plan: String,
    },
    /// The policy matrix has no row for this.
    #[error("the terms have no policy for {change} from a {cycle} plan")]
    NoPolicy {
        /// The change.
        change: String,
        /// The cycle.
        cycle: &'static str,
    },
    /// The paid period is over and its renewal has not run yet.
    #[error("the period of {subscription} ended on {ended_on} and its renewal is due; run the jobs first")]
    RenewalDue {
        /// The subscription.
        subscription: String,
        /// The period's end.
        ended_on: NaiveDate,
    },
    /// No payment method on file.
    #[error("the account has no usable payment method: set one with `kasacare payment-method`")]
    NoPaymentMethod,
    /// PV-8.
    #[error("account {account} is parked ({code}): {reason}; release it with `kasacare release {account}`")]
    Parked {
        /// The account.
        account: String,
        /// The cause.
        code: String,
        /// What is wrong.
        reason: String,
    },
    /// Not parked.
    #[error("account {account} is not parked")]
    NotParked {
        /// The account.
        account: String,
    },
    /// The operation needs a recorded reason and a named operator.
    #[error("`{command}` needs {missing}: it is recorded with the decision")]
    OperatorNeeded {
        /// The command.
        command: &'static str,
        /// `--by` or `--reason`.
        missing: &'static str,
    },
    /// CA-3.
    #[error("{missed} periods were missed and at most {max} are caught up without an operator (CA-3)")]
    TooManyMissed {
        /// How many.
        missed: u32,
        /// How many are allowed.
        max: u32,
    },
    /// The amount is not above zero, or above what is there.
    #[error("{what} must be above zero and at most {max}")]
    BadAmount {
        /// What.
        what: &'static str,
        /// The most that is possible.
        max: Money,
    },
    /// Nothing is open on the invoice.
    #[error("nothing is owed on invoice {invoice} any more")]
    NothingOwed {
        /// The invoice.
        invoice: String,
    },
    /// The amount of a correction equals what was charged.
    #[error("invoice {invoice} was charged {charged}, which is correct")]
    NothingToCorrect {
        /// The invoice.
        invoice: String,
        /// What was charged.
        charged: Money,
    },
    /// CO-4.
    #[error("correction {correction} deals with invoice {invoice} already (CO-4)")]
    CorrectionExists {
        /// The correction.
        correction: String,
        /// The invoice.
        invoice: String,
    },
    /// I9: the provider does not say what became of a call.
    #[error("the provider has not said what became of {id} in {lookups} look-ups; ask it, then release the account to go on")]
    NoOutcome {
        /// The charge or refund.
        id: String,
        /// How often it was asked.
        lookups: u32,
    },
    /// Only what was captured can have moved another amount.
    #[error("charge {charge} has captured nothing; `kasacare run` settles it by what the provider says")]
    NotCaptured {
        /// The charge.
        charge: String,
    },
    /// PV-5: the books say so already.
    #[error("charge {charge} is booked as having captured {amount} already")]
    CapturedAlready {
        /// The charge.
        charge: String,
        /// The amount.
        amount: Money,
    },
    /// PV-5: what was given back, is disputed or has paid collection costs was captured.
    #[error(
        "{amount} of what charge {charge} would not have captured has been given back, is disputed, or has paid collection costs: settle          those first, or give the difference up with `kasacare breaks write-off`"
    )]
    CapturedIsSpent {
        /// The charge.
        charge: String,
        /// So much too little is left.
        amount: Money,
    },
    /// Nothing of the payment waits to be applied (2320).
    #[error("nothing of charge {charge} is unapplied; `kasacare unapplied list` shows what is")]
    NothingUnapplied {
        /// The charge.
        charge: String,
    },
    /// Nothing is owed that unapplied money could pay.
    #[error("nothing is owed that it could pay; pay it out with `kasacare unapplied pay-out`")]
    NothingToPay,
    /// The refund moved what was asked for, or what it moved more was given up.
    #[error("refund {refund} has moved nothing that is still to be given up")]
    NoExcess {
        /// The refund.
        refund: String,
    },
    /// The money that a task is about is where it was.
    #[error("{amount} stand behind task {task}: {way_out} settles them and closes it")]
    MoneyStands {
        /// The task.
        task: String,
        /// How much.
        amount: Money,
        /// The command that closes it.
        way_out: &'static str,
    },
    /// PR-1: the price version comes later than the period that is said to pay it.
    #[error("price version {version} is in force from {from} on, and the period begins on {start} (PR-1)")]
    NotInForce {
        /// The version.
        version: String,
        /// From when on.
        from: NaiveDate,
        /// The period's first day.
        start: NaiveDate,
    },
    /// PV-5: the refund was not given up.
    #[error("refund {refund} was not given up: only one that was, or that has become account credit, can have been paid after all")]
    NotGivenUp {
        /// The refund.
        refund: String,
    },
    /// I2: the provider's object belongs to another refund.
    #[error("{reference} is refund {refund} already (I2)")]
    ReferenceKnown {
        /// The provider's id.
        reference: String,
        /// Whose it is.
        refund: String,
    },
    /// PV-5: only a person can find out at the provider what became of the refund that was asked for in place of another.
    #[error(
        "refund {replacement} was asked for in place of {refund} and may be at the provider as well: look there, and say \
         `--replacement not-made` (it is withdrawn) or `--replacement made` (it goes on)"
    )]
    ReplacementOpen {
        /// The refund.
        refund: String,
        /// The one in its place.
        replacement: String,
    },
    /// PV-5: the account is not parked, so that the refund in the other's place may be sent at any moment.
    #[error("refund {replacement}, which was asked for in place of {refund}, is under way: book {refund} once that one has settled")]
    ReplacementUnderWay {
        /// The refund.
        refund: String,
        /// The one in its place.
        replacement: String,
    },
    /// PV-5: releasing would pay out what was paid already.
    #[error(
        "refund {refund} is said to have been paid after it was given up: book it with `kasacare refund-paid`, or close task {task} \
         where it was not, before the account is released"
    )]
    PaidAfterAll {
        /// The refund.
        refund: String,
        /// The task.
        task: String,
    },
    /// PD-4: each document is for one cost.
    #[error("document {document} is recorded for {amount} already (PD-4)")]
    DocumentUsed {
        /// The document.
        document: String,
        /// What it was recorded for.
        amount: Money,
    },
    /// An invariant does not hold for this account: it is parked.
    #[error("the account's figures contradict each other: {0}")]
    Inconsistent(String),
    /// Promotion.
    #[error(transparent)]
    Promotion(#[from] PromotionError),
    /// The catalog has no such promotion.
    #[error("there is no promotion `{0}`")]
    NoPromotion(String),
    /// MO-3: once per account.
    #[error("the account has used promotion `{0}` already (MO-3)")]
    PromotionUsed(String),
    /// Tax.
    #[error(transparent)]
    Tax(#[from] TaxError),
    /// MO-2: a total that no net amount and its tax make.
    #[error(transparent)]
    Total(#[from] SplitError),
    /// Money.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Refund arithmetic.
    #[error(transparent)]
    Refund(#[from] RefundError),
    /// Books.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// The result of planning.
pub type Planned<T = ()> = Result<T, Refusal>;
