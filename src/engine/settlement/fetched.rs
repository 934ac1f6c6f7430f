//! The provider's side of the money from its own interface (RC-1): its list of movements, and what was in its payouts, page by page through
//! the same reader and the same intake as files of that kind. So it is posted once, whether a file or the list has brought it first.
//!
//! The list is read in spans of a day, the oldest first, from a stored cursor on, and what was read last is read again: a movement may
//! be listed late. A page is asked for while no transaction is open, and stored together with where to go on, so that it may break off
//! anywhere; one page is in memory at a time. A row that cannot be taken goes into the inbox and holds up nothing: see [`Engine::take_row`].

mod cursor;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use self::cursor::{LinesPlace, Place};
use super::super::{Engine, EngineError};
use super::{Kinds, Refused, sorted};
use crate::domain::settlement::{Category, Told};
use crate::import::settlement::{Reading, Source, read};
use crate::import::{Line, Placed, Problem, RowProblem};
use crate::provider::{MovementPage, MovementRow, ProviderError, vendors};
use crate::store::StoreError;
use crate::store::db::{DbError, Tx};
use crate::store::inbox::{self, Arrival};
use crate::store::kept_facts::{provider_cursor, set_provider_cursor};
use crate::store::settlement::{Import, Intake, Stored, first_charge, next_without_lines};

/// How often the list is read when all is read.
pub const EVERY_SECONDS: i64 = 900;
/// For how long a payout is asked for what was in it.
const PAYOUT_DAYS: i64 = 45;
/// What the inbox calls a row of the list that could not be taken.
pub const ROW_KIND: &str = "balance_movement";
/// Longest reason that is stored.
const REASON_CHARS_MAX: usize = 300;

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The provider.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The store.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl From<DbError> for FetchError {
    fn from(error: DbError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<StoreError> for FetchError {
    fn from(error: StoreError) -> Self {
        Self::Engine(error.into())
    }
}

/// How to fetch.
#[derive(Debug, Clone, Default)]
pub struct Fetch {
    /// Read the list again from this instant on, if it was read further.
    pub since: Option<DateTime<Utc>>,
    /// Read it although that was done a moment ago.
    pub at_once: bool,
    /// Who.
    pub actor: String,
}

/// What one page has brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fetched {
    /// Rows in it.
    pub rows: u64,
    /// What of it was new.
    pub stored: Stored,
    /// Movements of kinds that nobody here knows: kept, and a break (RC-4).
    pub unknown: u64,
    /// Rows that went into the inbox, because they could not be taken.
    pub refused: u64,
    /// Whether the list is not read to its end yet.
    pub more: bool,
}

/// What one step of fetching has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The provider has no list of movements.
    NoList,
    /// Nothing is to be read now.
    Rests,
    /// A page was read, and there may be more.
    Page(Fetched),
}

/// Where it was read to, by its name, as it was before a page and as it is after it.
struct Moves {
    name: String,
    before: Option<String>,
    after: String,
}

impl Engine {
    /// Reads the next page, of movements or of what was in a payout.
    ///
    /// # Errors
    /// [`FetchError`]; the same is read again then.
    pub async fn fetch_settlement(&self, how: &Fetch) -> Result<Step, FetchError> {
        let capabilities = self.provider.capabilities();
        let Some(source) = capabilities.movements.and_then(|word| word.parse::<Source>().ok()) else { return Ok(Step::NoList) };
        let pages = Pages { engine: self, provider: capabilities.name, source, how };
        match pages.movements().await? {
            Step::Rests => pages.payout_lines().await,
            step => Ok(step),
        }
    }

    /// Takes a row of the list that could not be taken before: the program may know its words by now. Gives why it still cannot.
    ///
    /// # Errors
    /// The store's.
    pub async fn take_row(&self, provider: &str, id: &str, row: &str) -> Result<Result<(), String>, EngineError> {
        let Some(source) = vendors::movements(provider).and_then(|word| word.parse::<Source>().ok()) else {
            return Ok(Err("its provider has no list of movements".to_owned()));
        };
        let rows = [MovementRow { id: id.to_owned(), has_id: true, text: row.to_owned() }];
        let mut tx = self.db.begin().await?;
        let mut intake = Intake::begin(&mut tx, self.import(provider, source, "inbox")).await?;
        let taken = take_rows(&mut tx, &mut intake, (provider, source), &rows, None).await?;
        if intake.stored().new_rows() > 0 && intake.finish(&mut tx, &taken.digest).await?.is_ok() {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(taken.waiting.into_values().next().map_or(Ok(()), Err))
    }

    fn import(&self, provider: &str, source: Source, actor: &str) -> Import {
        Import {
            provider: provider.to_owned(),
            source: source.name().to_owned(),
            name: format!("fetched from {provider}"),
            actor: actor.to_owned(),
            at: self.clock.now(),
        }
    }
}

/// Reads pages of one provider.
struct Pages<'a> {
    engine: &'a Engine,
    provider: &'static str,
    source: Source,
    how: &'a Fetch,
}

impl Pages<'_> {
    async fn movements(&self) -> Result<Step, FetchError> {
        let name = format!("{}:movements", self.provider);
        let now = self.engine.clock.now();
        let mut tx = self.engine.db.begin_read().await?;
        let before = provider_cursor(&mut tx, &name).await?;
        let stored = before.as_deref().and_then(Place::parse);
        let place = match (self.how.since, stored) {
            // Never later than it was read to: nothing is left out.
            (Some(since), stored) => Some(stored.filter(|place| place.is_before(since)).unwrap_or_else(|| Place::at(since))),
            (None, Some(place)) => Some(place),
            (None, None) => first_charge(&mut tx).await?.map(Place::at),
        };
        tx.rollback().await?;
        let Some((place, span)) = place.filter(|place| self.how.at_once || place.is_due(now)).and_then(Place::opened) else {
            return Ok(Step::Rests);
        };
        let page = self.engine.provider.movements(span, place.after()).await?;
        let place = place.moved(page.next.as_deref(), page.newest, now);
        let moves = Moves { name, before, after: place.to_string() };
        let step = self.store(&page, None, &moves).await?;
        Ok(if let Step::Page(fetched) = step { Step::Page(Fetched { more: place.has_more(), ..fetched }) } else { step })
    }

    async fn payout_lines(&self) -> Result<Step, FetchError> {
        let name = format!("{}:payout_lines", self.provider);
        let now = self.engine.clock.now();
        let mut tx = self.engine.db.begin_read().await?;
        let before = provider_cursor(&mut tx, &name).await?;
        let place = before.as_deref().and_then(LinesPlace::parse).unwrap_or_default();
        let payout = if place.is_due(now) {
            let since = now.checked_sub_signed(TimeDelta::days(PAYOUT_DAYS)).unwrap_or(now).date_naive();
            match place.open_payout() {
                Some(payout) => Some(payout.to_owned()),
                None => next_without_lines(&mut tx, self.provider, since, place.last()).await?,
            }
        } else {
            None
        };
        tx.rollback().await?;
        let Some(payout) = payout else {
            if place.is_due(now) {
                self.go_on_at(&Moves { name, before, after: LinesPlace::all_asked(now).to_string() }).await?;
            }
            return Ok(Step::Rests);
        };
        let page = self.engine.provider.payout_lines(&payout, place.after()).await?;
        let after = LinesPlace::asked(&payout, page.as_ref().and_then(|page| page.next.as_deref())).to_string();
        self.store(&page.unwrap_or_default(), Some(&payout), &Moves { name, before, after }).await
    }

    /// Stores a page and where to go on, in one transaction. Where somebody else has gone on meanwhile, nothing is stored.
    async fn store(&self, page: &MovementPage, payout: Option<&str>, moves: &Moves) -> Result<Step, FetchError> {
        let engine = self.engine;
        let mut tx = engine.db.begin().await?;
        // From here on, whoever takes a file or a page waits.
        let mut intake = Intake::begin(&mut tx, engine.import(self.provider, self.source, &self.how.actor)).await?;
        if provider_cursor(&mut tx, &moves.name).await? != moves.before {
            tx.rollback().await?;
            return Ok(Step::Rests);
        }
        let taken = take_rows(&mut tx, &mut intake, (self.provider, self.source), &page.rows, payout).await?;
        let stored = intake.stored();
        let arrivals: Vec<Arrival> =
            page.rows.iter().filter(|row| taken.waiting.contains_key(&row.id)).map(|row| self.arrival(row, engine.clock.now())).collect();
        let is_new = stored.new_rows() + stored.payout_lines > 0;
        if is_new && intake.finish(&mut tx, &taken.digest).await?.is_err() {
            // The very same rows have come by another way.
            tx.rollback().await?;
            self.go_on_at(moves).await?;
            return Ok(Step::Page(Fetched { rows: taken.rows, ..Fetched::default() }));
        }
        let refused = inbox::receive(&mut tx, &arrivals).await?;
        set_provider_cursor(&mut tx, &moves.name, &moves.after).await?;
        tx.commit().await?;
        // What was read before has been told before.
        for (id, reason) in taken.waiting.iter().filter(|_| refused > 0) {
            tracing::error!(movement = id, reason, "a movement at the provider waits for a person: `kasacare inbox list` shows it");
        }
        let unknown = if refused > 0 { taken.unknown } else { 0 };
        Ok(Step::Page(Fetched { rows: taken.rows, stored, unknown, refused, more: false }))
    }

    async fn go_on_at(&self, moves: &Moves) -> Result<(), FetchError> {
        let mut tx = self.engine.db.begin().await?;
        if provider_cursor(&mut tx, &moves.name).await? == moves.before {
            set_provider_cursor(&mut tx, &moves.name, &moves.after).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    fn arrival(&self, row: &MovementRow, now: DateTime<Utc>) -> Arrival {
        Arrival {
            provider: self.provider,
            event: row.id.clone(),
            kind: ROW_KIND.to_owned(),
            source: inbox::Source::Poll,
            received_at: now,
            body: row.text.clone().into_bytes(),
        }
    }
}

/// What was taken of some rows.
struct TakenRows {
    rows: u64,
    unknown: u64,
    digest: String,
    /// What waits for a person, by its id, and why.
    waiting: BTreeMap<String, String>,
}

/// Takes rows into an intake, one by one readable or not.
async fn take_rows(
    tx: &mut Tx,
    intake: &mut Intake,
    (provider, source): (&str, Source),
    rows: &[MovementRow],
    payout: Option<&str>,
) -> Result<TakenRows, StoreError> {
    let mut waiting = BTreeMap::new();
    let mut wait = |place: Option<u32>, why: String| {
        let row = place.and_then(|place| rows.get(usize::try_from(place).ok()?.checked_sub(1)?));
        if let Some(row) = row {
            waiting.entry(row.id.clone()).or_insert_with(|| why.chars().take(REASON_CHARS_MAX).collect::<String>());
        }
    };
    let (mut told, mut unknown) = (Vec::with_capacity(rows.len()), 0);
    for (row, place) in rows.iter().zip(1..) {
        match read_row(source, row, place) {
            Ok(of_row) => told.extend(of_row),
            Err(why) => wait(Some(place), why),
        }
    }
    for Placed { line, row } in &mut told {
        let Told::Movement(movement) = row else { continue };
        if movement.category == Category::Unknown {
            unknown += 1;
            let word = &movement.raw_category;
            wait(
                line.element,
                format!("nobody here knows the category `{word}`: the movement is kept, and is a break until a person has said what it is"),
            );
        }
        let is_one = matches!(movement.category, Category::Payout | Category::PayoutFailure);
        movement.payout = payout.filter(|_| !is_one).map(str::to_owned);
    }
    let Kinds { movements, payouts, places, .. } = sorted(told);
    let found = [intake.movements(tx, &movements).await?, intake.payouts(tx, &payouts).await?];
    for (places, found) in places.iter().zip(found) {
        for contradiction in found {
            wait(places.get(contradiction.at).and_then(|line| line.element), Refused(&contradiction).to_string());
        }
    }
    for (line, contradiction) in intake.settle(tx).await? {
        wait(u32::try_from(line).ok(), Refused(&contradiction).to_string());
    }
    let digest = page_digest(provider, rows, payout);
    Ok(TakenRows { rows: u64::try_from(rows.len()).unwrap_or(u64::MAX), unknown, digest, waiting })
}

/// What one row tells, or why it cannot be taken. Each is read by itself, so that one that is no row at all keeps no other out.
fn read_row(source: Source, row: &MovementRow, place: u32) -> Result<Vec<Placed<Told>>, String> {
    let mut told = Vec::with_capacity(2);
    let file = read("the provider's list", &Reading::fetched(source), row.text.as_bytes(), &mut |one: Placed<Told>| {
        told.push(Placed { line: Line { number: u64::from(place), element: Some(place) }, ..one });
        true
    });
    if let Err(refused) = file.problems.finish() {
        return Err(refused.problems.first().map_or_else(|| "it cannot be read".to_owned(), said));
    }
    // Several movements in one row are none that anybody could tell apart.
    if file.rows == 1 && !told.is_empty() { Ok(told) } else { Err("it is not one movement".to_owned()) }
}

/// No file has these bytes: a page is itself, and what was in a payout is another page.
fn page_digest(provider: &str, rows: &[MovementRow], payout: Option<&str>) -> String {
    let mut digest = Sha256::new_with_prefix(format!("fetched:{provider}:{}:", payout.unwrap_or_default()));
    if !rows.is_empty() {
        let text: String = rows.iter().flat_map(|row| [row.text.as_str(), "\n"]).collect();
        digest.update(format!("{:x}", Sha256::digest(text)));
    }
    format!("{:x}", digest.finalize())
}

/// What is wrong with a row, without what stands in it (PP-3).
fn said(RowProblem { field, problem, .. }: &RowProblem) -> String {
    let problem = match problem {
        Problem::Shape { .. } | Problem::Json { .. } => "it is not of the shape that we know".to_owned(),
        problem => problem.to_string(),
    };
    field.as_ref().map_or_else(|| problem.clone(), |field| format!("{field}: {problem}"))
}
