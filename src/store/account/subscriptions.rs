//! Subscriptions, with their state spread over columns, and their price notices.

use super::super::db::Table;
use super::super::error::StoreError;
use super::super::rows::{Batch, Reader, TableRow, Writer, account_table};
use super::super::tags::Tagged;
use crate::domain::account::{Account, NoticeOutcome, PriceNotice, Subscription};
use crate::domain::calendar::{Cycle, Period};
use crate::domain::catalog::Plan;
use crate::domain::ids::SubscriptionId;
use crate::domain::keyed::Keyed;
use crate::domain::promotion::Redemption;
use crate::domain::subscription::{Cause, Channel, Intent, State, Term, Trial};

account_table! {
    /// Subscriptions.
    SUBSCRIPTIONS = "subscriptions", key [subscription_id], columns {
        subscription_id: text,
        due_at: int,
        remind_at: int,
        term_no: int,
        period_no: int,
        promotion_periods_billed: int,
        anchor_on: date,
        period_start: date,
        period_end: date,
        trial_start: date,
        trial_end: date,
        since_on: date,
        unpaid_since_on: date,
        closed_on: date,
        cancel_requested_on: date,
        reminded_for: date,
        reminded_on: date,
        state: text,
        channel: text,
        terms_version: text,
        camera_id: text,
        tier: text,
        cycle: text,
        price_version: text,
        intent: text,
        intent_tier: text,
        intent_cycle: text,
        intent_version: text,
        intent_camera: text,
        closed_cause: text,
        promotion_code: text,
    }
    /// All subscriptions of the accounts.
    LOAD = "";
}

account_table! {
    /// Price notices, numbered within their subscription.
    PRICE_NOTICES = "price_notices", key [subscription_id, position], columns {
        subscription_id: text,
        position: int,
        sent_on: date,
        version: text,
        outcome: text,
    }
    /// All price notices of the accounts, in the order in which they were written.
    LOAD_PRICE_NOTICES = " order by account_id, subscription_id, position";
}

/// Every column: a subscription that changes, changes in many.
const ALL_COLUMNS: &[&str] = &{
    let mut names = [""; SUBSCRIPTIONS.columns.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = SUBSCRIPTIONS.columns[at].name;
        at += 1;
    }
    names
};

/// What an ordinary renewal changes: a third of the columns, and of the indexes only the two that follow the calendar.
const RENEWED: &[&str] = &[
    "account_id",
    "subscription_id",
    "due_at",
    "remind_at",
    "period_no",
    "promotion_periods_billed",
    "period_start",
    "period_end",
    "price_version",
];

/// The columns of plan, present period and trial, before they are put together.
struct Parts {
    term_no: Option<u32>,
    period_no: Option<u32>,
    anchor: Option<chrono::NaiveDate>,
    period: Option<Period>,
    trial: Option<Period>,
    since: Option<chrono::NaiveDate>,
    unpaid_since: Option<chrono::NaiveDate>,
    closed_on: Option<chrono::NaiveDate>,
    plan: Option<Plan>,
    version: Option<String>,
    intent: Option<Intent>,
    cause: Option<Cause>,
}

impl Parts {
    fn term(self) -> Option<Term> {
        Some(Term {
            number: self.term_no?,
            anchor: self.anchor?,
            plan: self.plan?,
            period_no: self.period_no?,
            period: self.period?,
            version: self.version?,
            intent: self.intent?,
        })
    }

    fn state(self, name: &str) -> Option<State> {
        let (since, unpaid_since) = (self.since, self.unpaid_since);
        Some(match name {
            "free" => State::Free,
            "pending" => State::Pending { term: self.term()? },
            "trialing" => {
                let Period { start, end: ends } = self.trial?;
                State::Trialing { trial: Trial { plan: self.plan?, version: self.version?, start, ends } }
            }
            "active" => State::Active { term: self.term()? },
            "past_due" => State::PastDue { term: self.term()?, since: since? },
            "suspended" => State::Suspended { term: self.term()?, since: since?, unpaid_since },
            "closed" => State::Closed { cause: self.cause?, on: self.closed_on? },
            _ => return None,
        })
    }
}

/// Two columns that are both there or both not.
fn period(row: &mut Reader<'_>) -> Result<Option<Period>, StoreError> {
    match (row.opt_date()?, row.opt_date()?) {
        (Some(start), Some(end)) => Period::new(start, end).map(Some).map_err(|_| row.corrupt("does not follow the start")),
        (None, None) => Ok(None),
        _ => Err(row.corrupt("does not go with the start")),
    }
}

fn plan(row: &mut Reader<'_>) -> Result<Option<Plan>, StoreError> {
    let (tier, cycle) = (row.opt_text()?, row.opt_cycle()?);
    Ok(tier.zip(cycle).map(|(tier, cycle)| Plan { tier, cycle }))
}

fn intent(row: &mut Reader<'_>) -> Result<Option<Intent>, StoreError> {
    let name = row.opt_text()?;
    let (plan, version, camera) = (plan(row)?, row.opt_text()?, row.opt_camera()?);
    Ok(match name.as_deref() {
        Some("renews") => Some(Intent::Renews),
        Some("ends") => Some(Intent::Ends),
        Some("changes_to") => plan.zip(version).map(|(plan, version)| Intent::ChangesTo { plan, version, camera }),
        _ => None,
    })
}

impl TableRow for Subscription {
    type Key = SubscriptionId;
    const TABLE: &'static Table = &SUBSCRIPTIONS;
    const CHANGING: &'static [&'static str] = ALL_COLUMNS;
    const USUAL: &'static [&'static str] = RENEWED;

    fn of(account: &Account) -> &Keyed<SubscriptionId, Self> {
        &account.subscriptions
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<SubscriptionId, Self> {
        &mut account.subscriptions
    }

    fn read(row: &mut Reader<'_>) -> Result<(SubscriptionId, Self), StoreError> {
        let id = row.subscription()?;
        let [due_at, remind_at] = [row.opt_instant()?, row.opt_instant()?];
        let [term_no, period_no, periods_billed] = [row.opt_count()?, row.opt_count()?, row.opt_count()?];
        let anchor = row.opt_date()?;
        let [period, trial] = [period(row)?, period(row)?];
        let [since, unpaid_since, closed_on, cancel_requested_on, reminded_for, reminded_on] =
            [row.opt_date()?, row.opt_date()?, row.opt_date()?, row.opt_date()?, row.opt_date()?, row.opt_date()?];
        let state = row.str()?;
        let channel = row.tag(Channel::parse)?;
        let terms_version = row.text()?;
        let camera = row.opt_camera()?;
        let (plan, version, intent) = (plan(row)?, row.opt_text()?, intent(row)?);
        let cause = row.opt_tag(Cause::from_tag)?;
        let parts = Parts { term_no, period_no, anchor, period, trial, since, unpaid_since, closed_on, plan, version, intent, cause };
        let state = parts.state(state).ok_or_else(|| row.corrupt("or another column of the state is missing"))?;
        let promotion = row.opt_text()?.zip(periods_billed).map(|(code, periods_billed)| Redemption { code, periods_billed });
        let subscription = Self {
            id: id.clone(),
            channel,
            camera,
            state,
            promotion,
            terms_version,
            cancel_requested_on,
            reminded_for,
            reminded_on,
            price_notices: Vec::new(),
            due_at,
            remind_at,
        };
        Ok((id, subscription))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        let (term, plan) = (self.state.term(), self.state.plan());
        let trial = match &self.state {
            State::Trialing { trial } => Some(trial),
            _ => None,
        };
        let (since, unpaid_since) = match &self.state {
            State::PastDue { since, .. } => (Some(*since), None),
            State::Suspended { since, unpaid_since, .. } => (Some(*since), *unpaid_since),
            _ => (None, None),
        };
        let (cause, closed_on) = match &self.state {
            State::Closed { cause, on } => (Some(cause.tag()), Some(*on)),
            _ => (None, None),
        };
        let version = term.map(|term| &term.version).or(trial.map(|trial| &trial.version));
        row.text(self.id.as_str())
            .opt_instant(self.due_at)
            .opt_instant(self.remind_at)
            .opt_int(term.map(|term| term.number))
            .opt_int(term.map(|term| term.period_no))
            .opt_int(self.promotion.as_ref().map(|promotion| promotion.periods_billed))
            .opt_date(term.map(|term| term.anchor))
            .opt_date(term.map(|term| term.period.start))
            .opt_date(term.map(|term| term.period.end))
            .opt_date(trial.map(|trial| trial.start))
            .opt_date(trial.map(|trial| trial.ends))
            .opt_date(since)
            .opt_date(unpaid_since)
            .opt_date(closed_on)
            .opt_date(self.cancel_requested_on)
            .opt_date(self.reminded_for)
            .opt_date(self.reminded_on)
            .text(self.state.name())
            .text(self.channel.tag())
            .text(&self.terms_version)
            .opt_text(self.camera.as_ref().map(AsRef::as_ref))
            .opt_text(plan.map(|plan| plan.tier.as_str()))
            .opt_text(plan.map(|plan| plan.cycle.tag()))
            .opt_text(version.map(String::as_str));
        write_intent(term.map(|term| &term.intent), row);
        row.opt_text(cause).opt_text(self.promotion.as_ref().map(|promotion| promotion.code.as_str()));
    }

    fn write_changes(&self, key: &Self::Key, row: &mut Writer<'_>) {
        self.write(key, row);
    }

    fn write_usual(&self, _: &Self::Key, row: &mut Writer<'_>) {
        let term = self.state.term();
        row.text(self.id.as_str())
            .opt_instant(self.due_at)
            .opt_instant(self.remind_at)
            .opt_int(term.map(|term| term.period_no))
            .opt_int(self.promotion.as_ref().map(|promotion| promotion.periods_billed))
            .opt_date(term.map(|term| term.period.start))
            .opt_date(term.map(|term| term.period.end))
            .opt_text(term.map(|term| term.version.as_str()));
    }

    /// An active subscription that has gone on to another period of the same term.
    fn differs_as_usual(&self, stored: &Self) -> bool {
        let (State::Active { term }, State::Active { term: before }) = (&self.state, &stored.state) else { return false };
        let Term { number, anchor, plan, period_no: _, period: _, version: _, intent } = term;
        let Self {
            id,
            channel,
            camera,
            state: _,
            promotion,
            terms_version,
            cancel_requested_on,
            reminded_for,
            reminded_on,
            price_notices: _,
            due_at: _,
            remind_at: _,
        } = self;
        *number == before.number
            && *anchor == before.anchor
            && *plan == before.plan
            && *intent == before.intent
            && *id == stored.id
            && *channel == stored.channel
            && *camera == stored.camera
            && promotion.as_ref().map(|redemption| &redemption.code) == stored.promotion.as_ref().map(|redemption| &redemption.code)
            && *terms_version == stored.terms_version
            && *cancel_requested_on == stored.cancel_requested_on
            && *reminded_for == stored.reminded_for
            && *reminded_on == stored.reminded_on
    }

    fn is_same_row(&self, other: &Self) -> bool {
        let Self {
            id,
            channel,
            camera,
            state,
            promotion,
            terms_version,
            cancel_requested_on,
            reminded_for,
            reminded_on,
            price_notices: _,
            due_at,
            remind_at,
        } = self;
        *id == other.id
            && *channel == other.channel
            && *camera == other.camera
            && *state == other.state
            && *promotion == other.promotion
            && *terms_version == other.terms_version
            && *cancel_requested_on == other.cancel_requested_on
            && *reminded_for == other.reminded_for
            && *reminded_on == other.reminded_on
            && *due_at == other.due_at
            && *remind_at == other.remind_at
    }
}

fn write_intent(intent: Option<&Intent>, row: &mut Writer<'_>) {
    let (name, target) = match intent {
        None => (None, None),
        Some(Intent::Renews) => (Some("renews"), None),
        Some(Intent::Ends) => (Some("ends"), None),
        Some(Intent::ChangesTo { plan, version, camera }) => (Some("changes_to"), Some((plan, version, camera))),
    };
    row.opt_text(name)
        .opt_text(target.map(|(plan, _, _)| plan.tier.as_str()))
        .opt_text(target.map(|(plan, _, _)| Cycle::tag(plan.cycle)))
        .opt_text(target.map(|(_, version, _)| version.as_str()))
        .opt_text(target.and_then(|(_, _, camera)| camera.as_ref()).map(AsRef::as_ref));
}

/// Reads a price notice into its subscription, which was loaded before.
pub(super) fn read_price_notice(row: &mut Reader<'_>, account: &mut Account) -> Result<(), StoreError> {
    let id = row.str()?;
    let orphan = row.corrupt("names no subscription of the account");
    let notices = &mut account.subscriptions.get_mut(id).ok_or(orphan)?.price_notices;
    let position = row.count()?;
    if usize::try_from(position) != Ok(notices.len()) {
        return Err(row.corrupt("leaves a gap"));
    }
    let (sent_on, version, outcome) = (row.opt_date()?, row.text()?, row.tag(NoticeOutcome::from_tag)?);
    notices.push(PriceNotice { version, sent_on, outcome });
    Ok(())
}

/// Adds the price notices that are new or have changed. They are only ever appended to.
pub(super) fn diff_price_notices(before: &Account, after: &Account, rows: &mut Batch, fault: &mut Option<StoreError>) {
    for (id, subscription) in &after.subscriptions {
        let old = before.subscriptions.get(id).map_or(&[][..], |subscription| &subscription.price_notices);
        if subscription.price_notices == old {
            continue;
        }
        for (position, notice) in subscription.price_notices.iter().enumerate() {
            let batch = match old.get(position) {
                Some(stored) if stored == notice => continue,
                Some(_) => &mut rows.changed,
                None => &mut rows.new,
            };
            Writer::new(batch, after, fault)
                .text(id.as_str())
                .int(i64::try_from(position).unwrap_or(i64::MAX))
                .opt_date(notice.sent_on)
                .text(&notice.version)
                .text(notice.outcome.tag());
        }
    }
}
