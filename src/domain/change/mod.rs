//! A quote is the act: one pure function per command plans a [`Change`]; `--quote` shows it, the engine stores it.
//!
//! Planning works on a [`Draft`]: a copy of the account to which each event is applied as soon as it is emitted, so
//! that later steps of the same plan see what earlier ones did. A refusal leaves nothing behind.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::account::{Account, Subscription};
use super::catalog::Catalog;
use super::event::{Event, Given};
use super::ids::SubscriptionId;
use super::ledger::{self, Leg};
use super::money::{Money, MoneyError};
use super::notice::{NoticeData, NoticeKind};
use super::subscription::{Channel, Command, Illegal, Intent, Life, decide};
use super::tax::TaxRates;
use super::terms::Terms;

pub mod attempts;
pub mod billing;
pub mod calendar_jobs;
pub mod cancel;
mod captured;
pub mod correct;
pub mod coverage;
pub mod dispute;
pub mod dunning;
pub mod operator;
pub mod order;
pub mod paying;
pub mod payout;
pub mod plan;
pub mod prices;
mod receipts;
pub mod refunds;
pub mod refusal;
pub mod settle;
pub mod start;
pub mod telling;

pub mod taken_over;
pub mod unapplied;

pub use refusal::{Planned, Refusal};

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
    /// MO-3: how often each promotion code is in use over all accounts, as far as it was looked up: an account does not know that
    /// of others. Commands need it, so that a quote refuses what the act would (CP-2); the calendar redeems nothing.
    pub promotion_uses: BTreeMap<String, u32>,
    /// RC-3: the last day of the months that are closed, as far as the decision may be dated back.
    pub closed_through: Option<NaiveDate>,
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

/// A plan in the making.
#[derive(Debug, Clone)]
pub struct Draft<'a> {
    /// Reference data and time.
    pub context: &'a Context<'a>,
    /// The account with everything emitted so far.
    pub account: Account,
    /// The account's date.
    pub today: NaiveDate,
    /// Business date of the decision: today, but for what belongs to a month that has ended.
    effective_on: NaiveDate,
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
            effective_on: today,
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

    /// Gives the decision the business date that it belongs to, whenever it is made (LE-1). Into a month that is closed nothing is
    /// posted: the decision then counts for the first day that is open, and its events name the day that they are about (RC-3).
    pub(super) fn date_back(&mut self, on: NaiveDate) {
        let open = self.context.closed_through.filter(|last| on <= *last).and_then(|last| last.succ_opt());
        if let Some(open) = open {
            self.because(format!("RC-3: the month of {on} is closed, so that it is booked on {open}"));
        }
        self.effective_on = open.unwrap_or(on);
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

    /// Whether there is nothing to store so far.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        self.events.is_empty() && self.notices.is_empty()
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
            effective_on: self.effective_on,
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
