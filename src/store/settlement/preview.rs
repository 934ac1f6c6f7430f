//! What providers tell, looked at as [`Intake`](super::Intake) would take it and not stored: what is new and what contradicts is told, and
//! what reports read of stored rows is kept as sums.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use chrono::NaiveDate;

use super::super::db::Tx;
use super::super::error::StoreError;
use super::gathered::Gathered;
use super::intake::{KnownPayouts, agree, known_movements, known_payout_lines, known_payouts, must_be_alone, told};
use super::outcome::{Contradiction, Import};
use super::wholes::{Is, Sent, SentKey, Settled, Unstored, Wholes, known_sent, sent_key};
use crate::domain::settlement::{AmountFrom, Category, Movement, Payout, is_booked};

crate::statements! {
    /// Whether anything is stored of a provider.
    ANY_MOVEMENT = same("select movement_id from provider_movements where provider = $1 limit 1");
}

/// What a file would add to what is stored, besides its movements.
#[derive(Debug, Default)]
pub struct Fresh {
    /// By payout, how many more movements were in it, and what they make.
    pub lines: BTreeMap<String, (u64, i128)>,
    /// What left with a payout more than is stored, in minor units, negative.
    pub sent: BTreeMap<String, i128>,
    /// Payouts that came back, and when.
    pub failed: Vec<(String, NaiveDate)>,
    /// Payouts that are not stored.
    pub payouts: Vec<Payout>,
    /// What would be posted.
    pub gathered: Gathered,
}

/// A file that is looked at.
#[derive(Debug)]
pub struct Preview {
    import: Import,
    /// Whether nobody else's money was seen in the books.
    is_alone: bool,
    /// Whether there is anything that its movements could be already.
    may_know: bool,
    /// What it has told before, as fingerprints; nothing where its reader says which rows it has told before.
    told: Option<HashMap<u64, u64>>,
    /// The payouts of those movements likewise.
    payouts_of: HashMap<u64, u64>,
    payouts: HashMap<String, Payout>,
    wholes: Wholes,
    unstored: Unstored,
    /// Of movements that are payouts, what they are called.
    names: HashMap<SentKey, String>,
    fresh: Fresh,
}

/// The import that it is: none.
const NONE: &str = "";

fn fingerprint(what: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

fn said(movement: &Movement) -> u64 {
    fingerprint((movement.category, movement.gross_minor, movement.fee_minor, movement.currency.code(), movement.occurred_on()))
}

impl Preview {
    /// Begins to look at what a provider tells. `tells_each_once`: whether whoever reads it says of a row that it was there before.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn begin(tx: &mut Tx, import: Import, tells_each_once: bool) -> Result<Self, StoreError> {
        let may_know = tx.fetch_optional(&ANY_MOVEMENT, &crate::values![import.provider.as_str()]).await?.is_some();
        Ok(Self {
            import,
            is_alone: false,
            may_know,
            told: (!tells_each_once).then(HashMap::new),
            payouts_of: HashMap::new(),
            payouts: HashMap::new(),
            wholes: Wholes::default(),
            unstored: Unstored::default(),
            names: HashMap::new(),
            fresh: Fresh::default(),
        })
    }

    /// Looks at a chunk: what contradicts, and the places of those that are new. `again` are the places of rows that were there before.
    ///
    /// # Errors
    /// [`StoreError::AnotherProvider`], [`StoreError::Db`], sums that are too large.
    pub async fn movements(
        &mut self,
        tx: &mut Tx,
        chunk: &[(u64, Movement)],
        again: &[usize],
    ) -> Result<(Vec<Contradiction>, Vec<usize>), StoreError> {
        if !self.is_alone && !chunk.is_empty() {
            must_be_alone(tx, &self.import.provider).await?;
            self.is_alone = true;
        }
        let provider = self.import.provider.clone();
        let known = if self.may_know { known_movements(tx, &provider, NONE, chunk).await? } else { HashMap::new() };
        let keys: Vec<String> = chunk.iter().filter_map(|(_, movement)| sent_key(movement)).map(|(payout, _)| payout).collect();
        let mut sent = known_sent(tx, &provider, &keys).await?;
        let (mut found, mut new) = (Vec::new(), Vec::new());
        for (at, (line, movement)) in chunk.iter().enumerate() {
            // A payout that is the sum of its lines is dated by its arrival.
            let is_sum = movement.category == Category::Payout && movement.reference.as_ref() == Some(&movement.id);
            if let Some(why) = self.import.ahead(movement.occurred_on(), is_sum) {
                found.push(Contradiction { at, what: "movement", id: movement.id.clone(), why });
                continue;
            }
            let key = sent_key(movement);
            let before = self.said_before(movement);
            let stored = known.get(&movement.id).map(|(stored, _)| agree(stored, &told(movement))).or(before);
            let is = match (key.as_ref().and_then(|key| sent.get(key).or_else(|| self.unstored.sent.get(key))), stored) {
                (Some(sent), stored) => Some(sent.is(movement, stored.is_some())),
                (None, Some(true)) => Some(Is::Known),
                (None, Some(false)) => Some(Is::Other),
                (None, None) => again.binary_search(&at).is_ok().then_some(Is::Known),
            };
            match is {
                Some(Is::Known) => {}
                Some(Is::Whole) if self.wholes.is_told(*line, movement) => {}
                Some(Is::Whole | Is::Other) => found.push(Contradiction::new(at, "movement", &movement.id, before.is_some())),
                None => {
                    new.push(at);
                    self.add(movement)?;
                    if let Some(key) = key {
                        sent.insert(key.clone(), Sent::first(movement));
                        self.unstored.sent.insert(key.clone(), Sent::first(movement));
                        self.names.insert(key, movement.id.clone());
                    }
                    if let Some(told) = &mut self.told {
                        told.insert(fingerprint(&movement.id), said(movement));
                    }
                }
            }
        }
        found.extend(self.payout_lines(tx, chunk, again).await?);
        Ok((found, new))
    }

    /// Whether the file has told of a movement before, and the same.
    fn said_before(&self, movement: &Movement) -> Option<bool> {
        self.told.as_ref()?.get(&fingerprint(&movement.id)).map(|before| *before == said(movement))
    }

    fn add(&mut self, movement: &Movement) -> Result<(), StoreError> {
        if let Some(payout) = &movement.reference {
            match movement.category {
                Category::Payout => *self.fresh.sent.entry(payout.clone()).or_default() += i128::from(movement.gross_minor),
                Category::PayoutFailure => self.fresh.failed.push((payout.clone(), movement.occurred_on())),
                _ => {}
            }
        }
        if is_booked(&self.import.provider) { self.fresh.gathered.add(&self.import.provider, movement) } else { Ok(()) }
    }

    async fn payout_lines(&mut self, tx: &mut Tx, chunk: &[(u64, Movement)], again: &[usize]) -> Result<Vec<Contradiction>, StoreError> {
        let in_payouts = || chunk.iter().enumerate().filter_map(|(at, (_, movement))| Some((at, movement, movement.payout.as_deref()?)));
        if in_payouts().next().is_none() {
            return Ok(Vec::new());
        }
        let ids = in_payouts().map(|(_, movement, _)| movement.id.as_str());
        let known = if self.may_know { known_payout_lines(tx, &self.import.provider, NONE, ids).await? } else { HashMap::new() };
        let mut found = Vec::new();
        for (at, movement, payout) in in_payouts() {
            let before = self.told.as_ref().and_then(|_| self.payouts_of.get(&fingerprint(&movement.id)));
            let is_before = before.is_some();
            match known.get(&movement.id).map(|(stored, _)| stored == payout).or(before.map(|before| *before == fingerprint(payout))) {
                Some(true) => {}
                Some(false) => found.push(Contradiction::new(at, "payout of movement", &movement.id, is_before)),
                None if again.binary_search(&at).is_ok() => {}
                None => {
                    if sent_key(movement).is_none() {
                        self.wholes.has_grown(payout);
                    }
                    if !matches!(movement.category, Category::Payout | Category::PayoutFailure) {
                        let (lines, net) = self.unstored.lines.entry(payout.to_owned()).or_default();
                        (*lines, *net) = (*lines + 1, *net + i128::from(movement.net_minor));
                    }
                    if self.told.is_some() {
                        self.payouts_of.insert(fingerprint(&movement.id), fingerprint(payout));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Looks at payouts.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn payouts(&mut self, tx: &mut Tx, chunk: Vec<Payout>) -> Result<Vec<Contradiction>, StoreError> {
        if chunk.is_empty() {
            return Ok(Vec::new());
        }
        let KnownPayouts { amounts, derived } = known_payouts(tx, &self.import.provider, &chunk).await?;
        let mut found = Vec::new();
        for (at, payout) in chunk.into_iter().enumerate() {
            if let Some(why) = self.import.ahead(payout.arrives_on, true) {
                found.push(Contradiction { at, what: "payout", id: payout.id.clone(), why });
                continue;
            }
            let told = (payout.amount.minor(), payout.amount.currency().code().to_owned());
            let before = self.payouts.get(&payout.id);
            let known = amounts.get(&payout.id).map(|(minor, currency, _)| (*minor, currency.clone()));
            let known = known.or_else(|| before.map(|before| (before.amount.minor(), before.amount.currency().code().to_owned())));
            let is_sum = payout.amount_from == AmountFrom::Derived
                || derived.contains(&payout.id)
                || before.is_some_and(|before| before.amount_from == AmountFrom::Derived);
            match known {
                Some(known) if known == told || (is_sum && known.1 == told.1) => {}
                Some(_) => found.push(Contradiction::new(at, "payout", &payout.id, before.is_some())),
                None => {
                    if payout.amount_from == AmountFrom::Derived {
                        self.was_derived(&payout.id);
                    }
                    self.payouts.insert(payout.id.clone(), payout);
                }
            }
        }
        Ok(found)
    }

    fn was_derived(&mut self, payout: &str) {
        for category in [Category::Payout, Category::PayoutFailure] {
            let key = (payout.to_owned(), category.tag().to_owned());
            if let (Some(sent), Some(name)) = (self.unstored.sent.get_mut(&key), self.names.get(&key)) {
                sent.derived(payout, name);
            }
        }
    }

    /// Ends it: what contradicts what is known of payouts, with its line; movements that would be made for payouts that have grown; and what
    /// else is new.
    ///
    /// # Errors
    /// [`StoreError::Db`], sums that are too large.
    pub async fn finish(mut self, tx: &mut Tx) -> Result<(Vec<(u64, Contradiction)>, Vec<Movement>, Fresh), StoreError> {
        let wholes = std::mem::take(&mut self.wholes);
        let Settled { movements, contradictions } = wholes.settled(tx, &self.import.provider, NONE, &self.unstored).await?;
        let movements: Vec<Movement> = movements.into_iter().map(|(_, movement)| movement).collect();
        for movement in &movements {
            self.add(movement)?;
        }
        let Self { payouts, unstored, mut fresh, .. } = self;
        let in_order: BTreeMap<String, Payout> = payouts.into_iter().collect();
        fresh.payouts = in_order.into_values().collect();
        fresh.lines = unstored.lines.into_iter().collect();
        Ok((contradictions, movements, fresh))
    }
}
