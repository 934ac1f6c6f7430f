//! One account, a calendar, a provider that does what the story says, and a mail room.

mod more;
mod scene;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use chrono_tz::Tz;

use super::books::Books;
use super::invariants;
use crate::domain::account::{Account, AttemptState, CorrectionState, Invoice, Profile, Subscription};
use crate::domain::calendar::start_of_day;
use crate::domain::catalog::{Catalog, Covers, Plan, Price, PriceVersion, Tier};
use crate::domain::change::operator::NewMethod;
use crate::domain::change::settle::Settlement;
use crate::domain::change::start::Order;
use crate::domain::change::telling::Telling;
use crate::domain::change::{Change, Context, Draft, Planned, QueuedNotice, Reference, Refusal};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, CameraId, SubscriptionId};
use crate::domain::money::{Currency, Money, Rate};
use crate::domain::notice::NoticeKind;
use crate::domain::promotion::{Discount, Duration, Promotion};
use crate::domain::tax::{DatedRate, TaxRates};
use crate::domain::terms::Terms;
use crate::mail::{Letterhead, Recipient, RenderedMail, Renderer};

pub(super) use scene::{camera, day, money, plan};
use scene::{profile, reference};

/// What the provider does with the next call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Captured,
    Soft,
    Hard,
    Silence,
    /// The look-up found nothing, and the key keeps a failure.
    Nothing,
}

/// A mail that was delivered.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) on: NaiveDate,
    pub(super) kind: NoticeKind,
    pub(super) text: String,
}

/// One story.
pub(super) struct World {
    pub(super) account: Account,
    replayed: Account,
    pub(super) reference: Reference,
    pub(super) now: DateTime<Utc>,
    pub(super) actor: &'static str,
    pub(super) reason: Option<&'static str>,
    pub(super) books: Books,
    pub(super) mails: Vec<Mail>,
    /// Events with the date of their decision.
    pub(super) events: Vec<(NaiveDate, Event)>,
    /// The reasons recorded with all decisions.
    pub(super) why: Vec<String>,
    /// MO-3: how often codes are in use over all accounts.
    pub(super) promotion_uses: BTreeMap<String, u32>,
    /// Answers to the next charges; when none is left, they are captured.
    pub(super) charges: VecDeque<Answer>,
    /// Answers to the next refunds.
    pub(super) refunds: VecDeque<Answer>,
    /// No mail leaves the house.
    pub(super) mail_is_down: bool,
    waiting: Vec<QueuedNotice>,
    written: BTreeSet<String>,
    renderer: Renderer,
    documents: u32,
    references: u32,
    /// Why the account was parked by a refused job, as the engine does it.
    pub(super) parked_by: Option<Refusal>,
}

impl World {
    /// An account in USD with 8.25 % tax and a card on file, at nine in the morning of a date.
    pub(super) fn on(date: &str) -> Self {
        Self::of("USD", chrono_tz::America::Los_Angeles, "US-CA", date)
    }

    /// An account of another place.
    pub(super) fn of(currency: &str, zone: Tz, jurisdiction: &str, date: &str) -> Self {
        let account = Account::new(profile(currency, zone, jurisdiction));
        let mut world = Self {
            replayed: account.clone(),
            account,
            reference: reference(),
            now: start_of_day(day(date), zone) + TimeDelta::hours(9),
            actor: "ann",
            reason: Some("as agreed on the phone"),
            books: Books::default(),
            mails: Vec::new(),
            events: Vec::new(),
            why: Vec::new(),
            promotion_uses: BTreeMap::new(),
            charges: VecDeque::new(),
            refunds: VecDeque::new(),
            mail_is_down: false,
            waiting: Vec::new(),
            written: BTreeSet::new(),
            renderer: Renderer::new(Letterhead::default()).expect("the templates"),
            documents: 0,
            references: 0,
            parked_by: None,
        };
        world.new_card();
        world
    }

    /// With other terms than the standard ones.
    pub(super) fn with_terms(mut self, change: impl FnOnce(&mut Terms)) -> Self {
        change(&mut self.reference.terms[0]);
        self
    }

    pub(super) fn today(&self) -> NaiveDate {
        self.account.today(self.now)
    }

    fn attempt<T>(&self, change: impl FnOnce(&mut Draft<'_>) -> Planned<T>) -> Planned<(Change, T)> {
        let context = Context {
            reference: &self.reference,
            now: self.now,
            actor: self.actor,
            reason: self.reason,
            promotion_uses: self.promotion_uses.clone(),
            closed_through: None,
        };
        let mut draft = Draft::new(&context, self.account.clone());
        let value = change(&mut draft)?;
        Ok((draft.finish("test", "test".to_owned()), value))
    }

    /// Plans and stores.
    #[track_caller]
    pub(super) fn plan<T>(&mut self, change: impl FnOnce(&mut Draft<'_>) -> Planned<T>) -> T {
        self.try_plan(change).expect("it is not refused")
    }

    /// Plans, and stores what is not refused.
    #[track_caller]
    pub(super) fn try_plan<T>(&mut self, change: impl FnOnce(&mut Draft<'_>) -> Planned<T>) -> Planned<T> {
        let (change, value) = self.attempt(change)?;
        self.store(change);
        Ok(value)
    }

    /// The refusal of a command that must be refused.
    #[track_caller]
    pub(super) fn refused<T>(&self, change: impl FnOnce(&mut Draft<'_>) -> Planned<T>) -> Refusal {
        match self.attempt(change) {
            Err(refusal) => refusal,
            Ok((change, _)) => panic!("it was not refused: {:?}", change.events),
        }
    }

    #[track_caller]
    fn store(&mut self, mut change: Change) {
        for invoice in change.after.invoices.values_mut().filter(|invoice| invoice.number.is_empty()) {
            self.documents += 1;
            invoice.number = format!("KASA-{:06}", self.documents);
        }
        change.show_numbers(|note| Some(format!("N-{note}")));
        let mut entries = change.entries.iter().peekable();
        for (position, event) in change.events.iter().enumerate() {
            let stored = serde_json::to_string(event).expect("an event is stored");
            let read: Event = serde_json::from_str(&stored).expect("a stored event is read");
            assert_eq!(&read, event, "{stored}");
            self.replayed.apply(&read, change.recorded_at).expect("a stored event applies again");
            if let Some((_, legs)) = entries.next_if(|(at, _)| *at == position) {
                self.books.post(tag(&stored), legs);
            }
            self.events.push((change.effective_on, read));
        }
        self.why.extend(change.why.iter().cloned());
        self.waiting.retain(|waiting| {
            let renewal = matches!(waiting.kind, NoticeKind::RenewalReminder | NoticeKind::PriceNotice);
            let gone = renewal && waiting.subscription.as_ref().is_some_and(|id| change.withdrawn.contains(id));
            if gone {
                self.written.remove(&waiting.id);
            }
            !gone
        });
        for notice in &change.notices {
            self.render(notice);
            if self.written.insert(notice.id.clone()) {
                self.waiting.push(notice.clone());
            }
        }
        invariants::of_change(&change);
        self.account = change.after;
        invariants::of_world(self);
        assert_eq!(essence(&self.account), essence(&self.replayed), "the events tell the same story");
    }

    #[track_caller]
    fn render(&self, notice: &QueuedNotice) -> RenderedMail {
        let recipient = Recipient { name: None, email: "someone@example.com".to_owned(), time_zone: self.account.profile.zone };
        match self.renderer.render(notice.kind, &notice.data, &recipient) {
            Ok(mail) => mail,
            Err(error) => panic!("{} cannot be written: {error}: {:?}", notice.id, notice.data),
        }
    }

    /// As the mail job does it: notices before reminders (RE-2), each with what it says now.
    fn deliver(&mut self) -> bool {
        if self.mail_is_down {
            return false;
        }
        let now = self.now;
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|notice| notice.not_before.is_none_or(|at| at <= now));
        self.waiting = later;
        due.sort_by_key(|notice| notice.kind == NoticeKind::RenewalReminder);
        due.into_iter().fold(false, |delivered, notice| self.deliver_one(notice) | delivered)
    }

    fn deliver_one(&mut self, mut notice: QueuedNotice) -> bool {
        let renewal_on = notice.data.renews_on;
        let version = |id: &SubscriptionId| notice.id.strip_prefix(&format!("price_notice_{id}_")).expect("the version").to_owned();
        let (kind, about) = (notice.kind, notice.subscription.clone());
        let version = about.as_ref().filter(|_| kind == NoticeKind::PriceNotice).map(version);
        let telling = match (kind, &about, renewal_on, &version) {
            (NoticeKind::PriceNotice, Some(id), _, Some(version)) => Some(self.attempt(|draft| draft.tell_price(id, version))),
            (NoticeKind::RenewalReminder, Some(id), Some(on), _) => Some(self.attempt(|draft| draft.tell_renewal(id, on))),
            _ => None,
        };
        match telling.map(|told| told.expect("it can be told").1) {
            None => {}
            Some(Telling::Now(data)) => notice.data = *data,
            Some(Telling::Later(at)) => {
                notice.not_before = Some(at);
                self.waiting.push(notice);
                return false;
            }
            Some(Telling::Told) => return false,
            Some(Telling::Never) => {
                self.written.remove(&notice.id);
                return false;
            }
        }
        let (mail, on) = (self.render(&notice), self.today());
        self.mails.push(Mail { on, kind, text: mail.text });
        match (kind, &about, renewal_on, &version) {
            (NoticeKind::PriceNotice, Some(id), _, Some(version)) => self.plan(|draft| draft.price_notice_sent(id, version, on)),
            (NoticeKind::RenewalReminder, Some(id), Some(renewal_on), _) => self.plan(|draft| draft.reminder_sent(id, renewal_on, on)),
            _ => {}
        }
        true
    }

    fn due(at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
        at.is_some_and(|at| at <= now)
    }

    /// A job of the engine: a refusal parks the account.
    fn job(&mut self, job: impl FnOnce(&mut Draft<'_>) -> Planned) {
        if let Err(refusal) = self.try_plan(job) {
            self.plan(|draft| draft.park("refused", &refusal.to_string()));
            self.parked_by = Some(refusal);
        }
    }

    fn pass(&mut self) -> bool {
        let mut did = self.deliver();
        let parked = |world: &Self| world.account.profile.parked.is_some();
        if parked(self) {
            return did;
        }
        let now = self.now;
        if self.account.subscriptions.values().any(|one| Self::due(one.due_at, now)) {
            self.job(|draft| draft.run_due());
            did = true;
        }
        if self.account.subscriptions.values().any(|one| Self::due(one.remind_at, now)) {
            self.job(|draft| draft.remind());
            did = true;
        }
        if self.account.corrections.values().any(|one| one.state == CorrectionState::Open && Self::due(one.due_at, now)) {
            self.job(|draft| draft.run_corrections());
            did = true;
        }
        did |= self.call_provider();
        if !parked(self) && self.account.invoices.values().any(|one| Self::due(one.recognise_at, now)) {
            self.job(|draft| draft.recognise());
            did = true;
        }
        did
    }

    fn call_provider(&mut self) -> bool {
        let now = self.now;
        let due = |state: AttemptState, at: Option<DateTime<Utc>>| state.in_flight() && Self::due(at, now);
        let mut did = false;
        while let Some(id) = self.account.charges.values().find(|one| due(one.state, one.due_at)).map(|one| one.id.clone()) {
            if self.account.profile.parked.is_some() {
                return did;
            }
            let answer = self.charges.pop_front().unwrap_or(Answer::Captured);
            let settlement = if self.is_held_back(&id) { Settlement::NotSent } else { self.settlement(answer) };
            self.job(|draft| draft.settle_charge(&id, &settlement));
            did = true;
        }
        while let Some(id) = self.account.refunds.values().find(|one| due(one.state, one.due_at)).map(|one| one.id.clone()) {
            if self.account.profile.parked.is_some() {
                return did;
            }
            let answer = self.refunds.pop_front().unwrap_or(Answer::Captured);
            let settlement = self.settlement(answer);
            self.job(|draft| draft.settle_refund(&id, &settlement));
            did = true;
        }
        did
    }

    fn settlement(&mut self, answer: Answer) -> Settlement {
        self.references += 1;
        match answer {
            Answer::Captured => Settlement::Succeeded { reference: format!("ref_{}", self.references) },
            Answer::Soft => Settlement::Declined { code: "insufficient_funds".to_owned(), hard: false },
            Answer::Hard => Settlement::Declined { code: "stolen_card".to_owned(), hard: true },
            Answer::Silence => Settlement::Unknown,
            Answer::Nothing => Settlement::NeverHappened,
        }
    }

    /// As the charge job does it: nothing is sent to a method that is blocked or no longer on file.
    fn is_held_back(&self, charge: &str) -> bool {
        let charge = &self.account.charges[charge];
        let chargeable = self.account.profile.method.as_ref().is_some_and(|method| !method.blocked && method.number == charge.method);
        charge.state == AttemptState::Requested && !chargeable
    }

    /// Does what is due now, and what that makes due.
    #[track_caller]
    pub(super) fn run(&mut self) {
        let passes = (0..40).take_while(|_| self.pass()).count();
        assert!(passes < 40, "something is due for ever");
    }

    /// The next instant at which something is due.
    fn next_due(&self) -> Option<DateTime<Utc>> {
        let account = &self.account;
        let waiting = self.waiting.iter().filter_map(|notice| notice.not_before).min().filter(|_| !self.mail_is_down);
        if account.profile.parked.is_some() {
            return waiting;
        }
        let open = |state: AttemptState, at: Option<DateTime<Utc>>| at.filter(|_| state.in_flight());
        let corrections = account.corrections.values().filter(|one| one.state == CorrectionState::Open);
        account
            .subscriptions
            .values()
            .flat_map(|one| [one.due_at, one.remind_at])
            .chain(account.invoices.values().map(|one| one.recognise_at))
            .chain(account.charges.values().map(|one| open(one.state, one.due_at)))
            .chain(account.refunds.values().map(|one| open(one.state, one.due_at)))
            .chain(corrections.map(|one| one.due_at))
            .chain([waiting])
            .flatten()
            .min()
    }

    /// Lives on until nine in the morning of a date, as the stored instants say what is due when.
    #[track_caller]
    pub(super) fn advance_to(&mut self, date: &str) {
        self.advance_until(day(date));
    }

    #[track_caller]
    pub(super) fn advance_until(&mut self, date: NaiveDate) {
        let target = start_of_day(date, self.account.profile.zone) + TimeDelta::hours(9);
        assert!(target >= self.now, "time does not run backwards");
        self.run();
        while let Some(next) = self.next_due().filter(|next| *next <= target) {
            assert!(next > self.now, "what is due at {next} was not done at {}", self.now);
            self.now = next;
            self.run();
        }
        self.now = target;
    }

    /// Time passes, and nobody runs the jobs.
    pub(super) fn sleep_until(&mut self, date: &str) {
        self.now = start_of_day(day(date), self.account.profile.zone) + TimeDelta::hours(9);
    }

    /// Puts a new card on file.
    pub(super) fn new_card(&mut self) {
        let method = NewMethod { token: "pm_1".to_owned(), label: "Visa ending 4242".to_owned(), expires_on: None };
        self.plan(|draft| draft.replace_method(&method));
    }

    /// Orders a plan; the tier says whether the camera is named.
    #[track_caller]
    pub(super) fn order(&mut self, name: &str, number: u32, promotion: Option<&str>) -> SubscriptionId {
        let order = order(name, number, promotion);
        let id = self.plan(|draft| draft.subscribe(&order));
        self.run();
        id
    }

    /// Orders a plan for camera 1.
    #[track_caller]
    pub(super) fn subscribe(&mut self, name: &str) -> SubscriptionId {
        self.order(name, 1, None)
    }
}

pub(super) fn order(name: &str, number: u32, promotion: Option<&str>) -> Order {
    let plan = plan(name);
    let camera = Some(camera(number)).filter(|_| plan.tier == "plus");
    Order { plan, camera, promotion: promotion.map(str::to_owned) }
}

/// The tag of a stored event.
pub(super) fn tag(stored: &str) -> &str {
    stored.split('"').nth(1).expect("a tag")
}

/// What events tell: all but instants that are derived, what waits in rows alone, and numbers of documents.
fn essence(account: &Account) -> Account {
    let mut account = account.clone();
    account.profile.caught_up_on = None;
    if let Some(method) = &mut account.profile.method {
        method.token.clear();
        method.label.clear();
    }
    for subscription in account.subscriptions.values_mut() {
        (subscription.due_at, subscription.remind_at) = (None, None);
    }
    for invoice in account.invoices.values_mut() {
        invoice.number.clear();
        invoice.recognise_at = None;
    }
    account
}
