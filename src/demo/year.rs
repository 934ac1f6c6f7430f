//! The days of the demo, one after another: acts of people, then the job runner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeDelta, Utc};

use super::chance::Chance;
use super::day::{Act, Day, acts};
use super::people::{Person, person};
use crate::clock::Clock;
use crate::domain::catalog::{Price, PriceVersion};
use crate::domain::change::Change;
use crate::domain::ids::AccountId;
use crate::engine::summary::Summary;
use crate::engine::{Engine, EngineError, Who};
use crate::jobs::{Runner, Stop};
use crate::store::account::{self as accounts, Opening};
use crate::store::{lists, reference};

/// The demo's first day.
pub const START: NaiveDate = match NaiveDate::from_ymd_opt(2026, 1, 1) {
    Some(date) => date,
    None => NaiveDate::MIN,
};
/// Accounts in one import statement.
const IMPORT_CHUNK: usize = 1_000;

/// How big the demo is.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Accounts.
    pub accounts: u64,
    /// Months.
    pub months: u32,
    /// What everything follows from.
    pub seed: u64,
}

/// One month of the demo.
#[derive(Debug, Clone, Default)]
pub struct Month {
    /// Its first day.
    pub first: Option<NaiveDate>,
    /// What was done.
    pub summary: Summary,
}

/// What was lived through.
#[derive(Debug, Clone, Default)]
pub struct Lived {
    /// Month by month.
    pub months: Vec<Month>,
    /// Acts that the rules refused.
    pub refused: u64,
    /// The last instant.
    pub until: DateTime<Utc>,
    /// Changes worth telling: the first of each kind of story.
    pub stories: BTreeMap<&'static str, Change>,
}

impl Lived {
    /// Everything together.
    #[must_use]
    pub fn total(&self) -> Summary {
        let mut total = Summary::default();
        self.months.iter().for_each(|month| total.absorb(month.summary.clone()));
        total
    }
}

/// Lives through it on an engine whose database has catalog, terms and tax rates and no accounts.
///
/// # Errors
/// What stops all accounts.
pub async fn live(engine: Engine, runner: Runner, options: DemoOptions, tell: impl Fn(NaiveDate)) -> Result<Lived, EngineError> {
    let chance = Chance::new(options.seed);
    let end = START.checked_add_months(Months::new(options.months)).unwrap_or(START);
    let days = u64::try_from(end.signed_duration_since(START).num_days()).unwrap_or(0);
    let people = settle_in(&engine, chance, options.accounts, days).await?;
    let mut demo = Demo { engine, runner, chance, people, lived: Lived::default(), suspended: BTreeSet::new() };
    let announced = START.checked_add_months(Months::new(options.months / 2)).unwrap_or(START);
    for number in 0..days {
        let Some(date) = START.checked_add_days(Days::new(number)) else { break };
        if date == announced {
            demo.announce_prices(date).await?;
        }
        demo.live_day(date, number).await?;
        tell(date);
    }
    Ok(demo.lived)
}

async fn settle_in(engine: &Engine, chance: Chance, count: u64, days: u64) -> Result<BTreeMap<AccountId, Person>, EngineError> {
    let made: Vec<_> = (0..count).filter_map(|number| person(chance, number, START, days)).collect();
    let mut people = BTreeMap::new();
    let mut rows = Vec::with_capacity(made.len());
    for (person, row) in made {
        people.insert(person.id.clone(), person);
        rows.push(row);
    }
    let mut tx = engine.db.begin().await?;
    let opening = Opening { at: START.and_time(NaiveTime::MIN).and_utc(), actor: "demo", reason: "the demo's people" };
    for chunk in rows.chunks(IMPORT_CHUNK) {
        accounts::insert_accounts(&mut tx, chunk, opening).await?;
    }
    tx.commit().await?;
    Ok(people)
}

struct Demo {
    engine: Engine,
    runner: Runner,
    chance: Chance,
    people: BTreeMap<AccountId, Person>,
    lived: Lived,
    suspended: BTreeSet<AccountId>,
}

impl Demo {
    /// Prices go up by a tenth: announced today, for renewals from in two months on, each with its own notice (PR-2).
    async fn announce_prices(&mut self, today: NaiveDate) -> Result<(), EngineError> {
        let catalog = &self.engine.reference.catalog;
        let Some(present) = catalog.versions.last() else { return Ok(()) };
        let prices =
            present.prices.iter().filter_map(|price| Some(Price { plan: price.plan.clone(), amount: price.amount.share(11, 10).ok()? }));
        let version = PriceVersion {
            version: "v2".to_owned(),
            effective_from: today.checked_add_months(Months::new(2)).unwrap_or(today),
            prices: prices.collect(),
        };
        let at = noon(today);
        let mut tx = self.engine.db.begin().await?;
        reference::announce(&mut tx, &version, at, "demo", "prices go up by a tenth").await?;
        tx.commit().await?;
        self.engine.reload().await
    }

    async fn live_day(&mut self, date: NaiveDate, number: u64) -> Result<(), EngineError> {
        let mut summary = self.act(date, number).await?;
        let evening = date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1) - TimeDelta::microseconds(1);
        let engine = self.engine.at(Clock::Fixed(evening));
        summary.absorb(self.runner.with_engine(engine).run_once(&Stop::default()).await?);
        self.lived.until = evening;
        if self.lived.months.last().and_then(|month| month.first).map(|first| first.month()) != Some(date.month()) {
            self.lived.months.push(Month { first: Some(date), summary: Summary::default() });
        }
        if let Some(month) = self.lived.months.last_mut() {
            month.summary.absorb(summary);
        }
        Ok(())
    }

    async fn act(&mut self, date: NaiveDate, number: u64) -> Result<Summary, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let stuck: BTreeSet<AccountId> = lists::accounts_with_blocked_method(&mut tx).await?.into_iter().collect();
        tx.rollback().await?;
        let today: BTreeMap<AccountId, (&Person, Vec<Act>)> = self
            .people
            .iter()
            .map(|(id, person)| (id, person, acts(self.chance, person, number, stuck.contains(id), self.suspended.contains(id))))
            .filter(|(_, _, acts)| !acts.is_empty())
            .map(|(id, person, acts)| (id.clone(), (person, acts)))
            .collect();
        if today.is_empty() {
            return Ok(Summary::default());
        }
        let ids: Vec<AccountId> = today.keys().cloned().collect();
        let (told, refused) = (Mutex::new(Vec::new()), Mutex::new(0));
        let day = Day { chance: self.chance, day: number, acts: today, told: &told, refused: &refused };
        let engine = self.engine.at(Clock::Fixed(noon(date)));
        let who = Who { actor: "demo".to_owned(), reason: Some("a day in the demo".to_owned()), request_id: None };
        let mut tx = engine.db.begin().await?;
        accounts::lock(&mut tx, &ids).await?;
        let summary = engine.run_batch_as(tx, ids, &day, &who).await?;
        self.lived.refused += refused.into_inner().unwrap_or_default();
        for change in told.into_inner().unwrap_or_default() {
            self.remember(change);
        }
        Ok(summary)
    }

    fn remember(&mut self, change: Change) {
        let id = change.after.profile.id.clone();
        if change.after.subscriptions.values().any(|subscription| subscription.state.name() == "suspended") {
            self.suspended.insert(id);
        } else {
            self.suspended.remove(&id);
        }
        if let Some(kind) = super::story::kind(&change) {
            self.lived.stories.entry(kind).or_insert(change);
        }
    }
}

fn noon(date: NaiveDate) -> DateTime<Utc> {
    date.and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12)
}
