//! A quote is the act: one pure function per command plans a [`Change`]; `--quote` shows it, the engine stores it.
//!
//! Planning works on a [`Draft`]: a copy of the account to which each event is applied as soon as it is emitted, so
//! that later steps of the same plan see what earlier ones did. A refusal leaves nothing behind.

use chrono::{DateTime, NaiveDate, Utc};

use super::account::{Account, Subscription};
use super::calendar::CalendarError;
use super::catalog::Catalog;
use super::event::{Event, Given};
use super::ids::SubscriptionId;
use super::ledger::{self, LedgerError, Leg};
use super::money::{Money, MoneyError};
use super::notice::{NoticeData, NoticeKind};
use super::promotion::PromotionError;
use super::refund::RefundError;
use super::subscription::{Channel, Command, Illegal, Intent, Life, decide};
use super::tax::{TaxError, TaxRates};
use super::terms::Terms;

pub mod billing;
pub mod calendar_jobs;
pub mod cancel;
pub mod correct;
pub mod coverage;
pub mod dispute;
pub mod dunning;
pub mod operator;
pub mod payout;
pub mod plan;
pub mod prices;
pub mod refunds;
pub mod settle;
pub mod start;
pub mod taken_over;

#[cfg(test)]
mod tests;

/// What every plan may look at besides the account: reference data and the time.
#[derive(Debug, Clone)]
pub struct Reference {
    /// What is for sale.
    pub catalog: Catalog,
    /// All versions of the terms; the last is what new subscriptions are sold under.
    pub terms: Vec<Terms>,
    /// Dated tax rates.
    pub tax: TaxRates,
    /// MO-5: the provider's minimum per currency; what is absent has none.
    pub minimums: Vec<Money>,
}

/// One decision's surroundings.
#[derive(Debug, Clone)]
pub struct Context<'a> {
    /// Reference data.
    pub reference: &'a Reference,
    /// The instant of the decision.
    pub now: DateTime<Utc>,
    /// Who: `system`, `customer`, or an operator's name.
    pub actor: &'a str,
    /// The recorded reason, where the rules want one.
    pub reason: Option<&'a str>,
}

/// A mail to be written, in the same transaction as what it tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedNotice {
    /// `{kind tag}_{cause}`: unique, so that each mail exists once per cause (I10).
    pub id: String,
    /// What it is.
    pub kind: NoticeKind,
    /// The subscription that it is about, so that a cancellation can withdraw it.
    pub subscription: Option<SubscriptionId>,
    /// Its facts.
    pub data: NoticeData,
    /// Not to be sent before this instant (RE-2); at once where absent.
    pub not_before: Option<DateTime<Utc>>,
}

/// A planned decision: everything that will be stored, or shown by `--quote`.
#[derive(Debug, Clone)]
pub struct Change {
    /// The account as it was loaded.
    pub before: Account,
    /// The account after all events.
    pub after: Account,
    /// The command: `renew`, `cancel`, `settle_charge`, …
    pub kind: &'static str,
    /// What it was done for; unique per account, so that it happens once.
    pub cause: String,
    /// Business date.
    pub effective_on: NaiveDate,
    /// The instant of the decision.
    pub recorded_at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// The recorded reason.
    pub reason: Option<String>,
    /// What happened.
    pub events: Vec<Event>,
    /// Why: rule ids, inputs, arithmetic in words.
    pub why: Vec<String>,
    /// Balanced legs per event: the event's position and its entry.
    pub entries: Vec<(usize, Vec<Leg>)>,
    /// Mails to be written.
    pub notices: Vec<QueuedNotice>,
    /// Subscriptions whose waiting reminders and price notices no longer apply.
    pub withdrawn: Vec<SubscriptionId>,
}

impl Change {
    /// Shows numbers in mails about documents of this very change: they are given when it is stored, after its mails were written.
    /// Invoices have theirs in [`Change::after`] by then; `of_note` gives those of notes by id, where they have one.
    pub fn show_numbers(&mut self, of_note: impl Fn(&str) -> Option<String>) {
        for notice in &mut self.notices {
            if let Some(shown) = &mut notice.data.invoice_number
                && let Some(invoice) = self.after.invoices.get(shown).filter(|invoice| !invoice.number.is_empty())
            {
                shown.clone_from(&invoice.number);
            }
            if let Some(shown) = &mut notice.data.credit_note_number
                && let Some(number) = of_note(shown)
            {
                *shown = number;
            }
        }
    }

    /// Whether there is anything to store: an empty change means "already so".
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.notices.is_empty()
    }
}

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
    #[error("camera {camera} is already covered by subscription {subscription}")]
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
    #[error("`{command}` needs {missing}: it is recorded with the decision (LC-7)")]
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

/// A plan in the making.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Reference data and time.
    pub context: &'a Context<'a>,
    /// The account with everything emitted so far.
    pub account: Account,
    /// The account's date.
    pub today: NaiveDate,
    before: Account,
    events: Vec<Event>,
    why: Vec<String>,
    entries: Vec<(usize, Vec<Leg>)>,
    notices: Vec<QueuedNotice>,
    withdrawn: Vec<SubscriptionId>,
}

impl<'a> Draft<'a> {
    /// A draft on an account as loaded.
    #[must_use]
    pub fn new(context: &'a Context<'a>, account: Account) -> Self {
        let today = account.today(context.now);
        Self {
            context,
            before: account.clone(),
            account,
            today,
            events: Vec::new(),
            why: Vec::new(),
            entries: Vec::new(),
            notices: Vec::new(),
            withdrawn: Vec::new(),
        }
    }

    /// Applies an event and books it.
    pub fn emit(&mut self, event: Event) -> Planned {
        self.account.apply(&event, self.context.now)?;
        let legs = ledger::entry(&self.account, &event)?;
        if !legs.is_empty() {
            self.entries.push((self.events.len(), legs));
        }
        self.events.push(event);
        Ok(())
    }

    /// Lets the state machine decide and emits what it says; true if anything happened.
    pub fn command(&mut self, id: &SubscriptionId, command: &Command) -> Planned<bool> {
        let events = decide(&self.subscription(id)?.state, command)?;
        let happened = !events.is_empty();
        for life in events {
            self.withdraw_notices(id, &life)?;
            self.emit(Event::Life { subscription: id.clone(), life })?;
        }
        Ok(happened)
    }

    /// What waits to be told of a renewal that will not come, or not so, is not told; and price notices lapse (PR-6): all of a plan
    /// that is left; of one that may go on, those that were not sent, which are written anew if it does (LC-9).
    fn withdraw_notices(&mut self, id: &SubscriptionId, life: &Life) -> Planned {
        let present = self.subscription(id)?.state.plan();
        let left = match life {
            Life::Closed { .. } => true,
            Life::TermOpened { term } => present != Some(&term.plan),
            Life::Trialing { trial } => present.is_some_and(|plan| *plan != trial.plan),
            Life::Suspended { .. } | Life::Intends { intent: Intent::Ends | Intent::ChangesTo { .. } } => false,
            Life::Subscribed { .. }
            | Life::Activated
            | Life::Renewed { .. }
            | Life::Intends { intent: Intent::Renews }
            | Life::BecamePastDue { .. }
            | Life::PaidUp
            | Life::Reinstated => return Ok(()),
        };
        self.withdrawn.push(id.clone());
        if left { self.lapse_notices(id) } else { self.lapse_unsent_notices(id) }
    }

    /// Records a rule that was applied and its arithmetic, in words.
    pub fn because(&mut self, text: impl Into<String>) {
        self.why.push(text.into());
    }

    /// Queues a mail; `cause` makes it unique for its kind.
    pub fn notify(&mut self, kind: NoticeKind, cause: &str, subscription: Option<&SubscriptionId>, data: NoticeData) {
        self.notify_from(None, kind, cause, subscription, data);
    }

    /// Queues a mail that must not go out before an instant.
    pub fn notify_from(
        &mut self,
        not_before: Option<DateTime<Utc>>,
        kind: NoticeKind,
        cause: &str,
        subscription: Option<&SubscriptionId>,
        data: NoticeData,
    ) {
        // Plans are written tier/cycle; ids of mails become file names.
        let id = format!("{}_{}", kind.tag(), cause.replace('/', "-"));
        if !self.notices.iter().any(|queued| queued.id == id) {
            self.notices.push(QueuedNotice { id, kind, subscription: subscription.cloned(), data, not_before });
        }
    }

    /// LC-7: leaves out the mails of a kind that were queued so far, for a reason that is recorded.
    pub fn leave_out_notice(&mut self, kind: NoticeKind, because: &str) {
        let queued = self.notices.len();
        self.notices.retain(|notice| notice.kind != kind);
        if self.notices.len() < queued {
            self.because(format!("LC-7: the customer is not told: {because}"));
        }
    }

    /// A subscription of the account.
    pub fn subscription(&self, id: &SubscriptionId) -> Planned<&Subscription> {
        self.account
            .subscriptions
            .get(id)
            .ok_or_else(|| Refusal::NoSubscription { account: self.account.profile.id.to_string(), subscription: id.to_string() })
    }

    /// A subscription that we bill ourselves (RF-7).
    pub fn direct(&self, id: &SubscriptionId) -> Planned<&Subscription> {
        let subscription = self.subscription(id)?;
        if subscription.channel == Channel::Direct {
            Ok(subscription)
        } else {
            Err(Refusal::Mirror { subscription: id.to_string(), store: subscription.channel.tag() })
        }
    }

    /// The terms that a subscription was sold under.
    pub fn terms(&self, id: &SubscriptionId) -> Planned<&'a Terms> {
        let version = &self.subscription(id)?.terms_version;
        self.context.reference.terms_named(version)
    }

    /// PV-8: refuses on a parked account.
    pub fn not_parked(&self) -> Planned {
        match &self.account.profile.parked {
            None => Ok(()),
            Some(parked) => Err(Refusal::Parked {
                account: self.account.profile.id.to_string(),
                code: parked.code.clone(),
                reason: parked.reason.clone(),
            }),
        }
    }

    /// LC-7: the decision needs a named operator and a reason.
    pub fn operator(&self, command: &'static str) -> Planned {
        if self.context.reason.is_none_or(|reason| reason.trim().is_empty()) {
            return Err(Refusal::OperatorNeeded { command, missing: "--reason" });
        }
        if matches!(self.context.actor, "" | "system" | "customer") {
            return Err(Refusal::OperatorNeeded { command, missing: "--by" });
        }
        Ok(())
    }

    /// Plans something that may be refused, and leaves the draft as it was if it is.
    ///
    /// # Errors
    /// The refusal.
    pub fn attempt<T>(&mut self, plan: impl FnOnce(&mut Self) -> Planned<T>) -> Planned<T> {
        let before = self.clone();
        let planned = plan(self);
        if planned.is_err() {
            *self = before;
        }
        planned
    }

    /// Whether nothing has been emitted so far.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        self.events.is_empty()
    }

    /// The finished change.
    #[must_use]
    pub fn finish(mut self, kind: &'static str, cause: String) -> Change {
        let reference = self.context.reference;
        self.account.reschedule(|version| reference.terms_named(version).map_or(0, |terms| terms.reminder_days));
        Change {
            before: self.before,
            after: self.account,
            kind,
            cause,
            effective_on: self.today,
            recorded_at: self.context.now,
            actor: self.context.actor.to_owned(),
            reason: self.context.reason.map(ToOwned::to_owned),
            events: self.events,
            why: self.why,
            entries: self.entries,
            notices: self.notices,
            withdrawn: self.withdrawn,
        }
    }
}

impl Reference {
    /// A version of the terms.
    pub fn terms_named(&self, version: &str) -> Planned<&Terms> {
        self.terms.iter().find(|terms| terms.version == version).ok_or_else(|| Refusal::NoTerms { version: version.to_owned() })
    }

    /// The terms that new subscriptions are sold under.
    pub fn current_terms(&self) -> Planned<&Terms> {
        self.terms.last().ok_or_else(|| Refusal::NoTerms { version: "(none)".to_owned() })
    }
}
