//! What several reports of one moment ask for alike: it is found once.

use std::any::Any;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};

use super::ReportError;
use super::accrued::{self, Accrued, Accruing};
use super::cards::{self, Tally};
use super::journal::{Legs, Range};
use super::moves::{Moves, Moving};
use super::parts::AFTER_ALL_IDS;
use super::trial_balance::Balances;
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// The first and the last business date of what was recorded by an instant.
    EDGES = same(concat!("select min(p.effective_on) as first, max(p.effective_on) as last from postings p where ", known!("$1")));
    /// When the newest record was made.
    NEWEST = same("select max(posted_at) from journal");
}

/// When the newest record was made, in microseconds; nothing where there is none.
///
/// # Errors
/// What the database says.
pub(super) async fn newest_record(tx: &mut Tx) -> Result<Option<i64>, ReportError> {
    Ok(tx.fetch_one(&NEWEST, &[]).await?.opt_int_at(0)?)
}

/// The first and the last business date; nothing where nothing was posted.
type Edges = Option<(NaiveDate, NaiveDate)>;

/// By a day, and the instant in microseconds by which it was recorded.
type Found<T> = RefCell<HashMap<(NaiveDate, i64), Arc<T>>>;

/// What the reports that are told of one moment have found already; it is of no use for another one.
#[derive(Debug, Clone, Default)]
pub struct Memo {
    edges: RefCell<HashMap<i64, Edges>>,
    moves: RefCell<HashMap<i64, Arc<Moves>>>,
    posted: Found<Balances>,
    accrued: Found<Accrued>,
    /// Sums of cards, by their names.
    tallies: RefCell<HashMap<(String, i64), Arc<dyn Any + Send + Sync>>>,
    /// Days at whose ends it will be asked.
    asked: RefCell<BTreeSet<NaiveDate>>,
    legs: RefCell<Vec<Kept>>,
}

/// The entries of some days, by what was known by an instant.
#[derive(Debug, Clone)]
struct Kept {
    from: NaiveDate,
    to: NaiveDate,
    known_at: Option<DateTime<Utc>>,
    legs: Arc<Legs>,
}

/// Sums that will be asked for, with their names, which say all that they go by.
pub(super) type Tallies = Vec<(String, Box<dyn Tally>)>;

impl Memo {
    /// Finds all of this, and with `days` also what was posted and what had accrued at their ends, from one reading of all cards.
    pub(super) async fn foresee(
        &self,
        tx: &mut Tx,
        known_until: i64,
        days: Option<BTreeSet<NaiveDate>>,
        mut wanted: Tallies,
    ) -> Result<(), ReportError> {
        let mut names =
            self.tallies.borrow().keys().filter(|(_, of)| *of == known_until).map(|(name, _)| name.clone()).collect::<BTreeSet<_>>();
        wanted.retain(|(name, _)| names.insert(name.clone()));
        if wanted.is_empty() && days.is_none() {
            return Ok(());
        }
        let mut general = days.map(|days| (Moving::default(), Accruing::new(&days)));
        let mut tallies: Vec<&mut dyn Tally> = Vec::new();
        for (_, tally) in &mut wanted {
            tallies.push(tally.as_mut());
        }
        if let Some((moving, accruing)) = &mut general {
            tallies.push(moving);
            tallies.push(accruing);
        }
        cards::read(tx, known_until, &mut tallies).await?;
        for (name, tally) in wanted {
            let tally: Box<dyn Any + Send + Sync> = tally;
            self.tallies.borrow_mut().insert((name, known_until), Arc::from(tally));
        }
        if let Some((moving, accruing)) = general {
            self.keep_moves(known_until, moving.finish());
            let found = accruing.finish(tx, known_until).await?;
            self.accrued.borrow_mut().extend(found.into_iter().map(|(day, found)| ((day, known_until), Arc::new(found))));
        }
        Ok(())
    }

    /// A sum of cards by its name, which is found now where nobody has foreseen it.
    pub(super) async fn tally<T: Tally>(&self, tx: &mut Tx, known_until: i64, (name, new): (String, T)) -> Result<Arc<T>, ReportError> {
        let key = (name, known_until);
        if !self.tallies.borrow().contains_key(&key) {
            self.foresee(tx, known_until, None, vec![(key.0.clone(), Box::new(new))]).await?;
        }
        let found = self.tallies.borrow().get(&key).cloned();
        found.and_then(|found| found.downcast().ok()).ok_or(ReportError::Stopped)
    }

    fn keep_moves(&self, known_until: i64, found: Moves) -> Arc<Moves> {
        let found = Arc::new(found);
        self.edges.borrow_mut().insert(known_until, found.edges());
        self.moves.borrow_mut().insert(known_until, Arc::clone(&found));
        found
    }

    /// Where the books begin and end.
    pub(super) async fn edges(&self, tx: &mut Tx, known_until: i64) -> Result<Edges, ReportError> {
        let found = self.edges.borrow().get(&known_until).copied();
        if let Some(found) = found {
            return Ok(found);
        }
        let row = tx.fetch_one(&EDGES, &values![known_until]).await?;
        let found = row.opt_date_at(0)?.zip(row.opt_date_at(1)?);
        self.edges.borrow_mut().insert(known_until, found);
        Ok(found)
    }

    /// What was posted, by day.
    pub(super) async fn moves(&self, tx: &mut Tx, known_until: i64) -> Result<Arc<Moves>, ReportError> {
        let found = self.moves.borrow().get(&known_until).cloned();
        if let Some(found) = found {
            return Ok(found);
        }
        let found = Moves::load(tx, known_until, ["", AFTER_ALL_IDS]).await?;
        Ok(self.keep_moves(known_until, found))
    }

    /// What was posted by the end of a day.
    pub(super) async fn posted(&self, tx: &mut Tx, on: NaiveDate, known_until: i64) -> Result<Arc<Balances>, ReportError> {
        let found = self.posted.borrow().get(&(on, known_until)).cloned();
        if let Some(found) = found {
            return Ok(found);
        }
        let found = Arc::new(self.moves(tx, known_until).await?.balances(on)?);
        self.posted.borrow_mut().insert((on, known_until), Arc::clone(&found));
        Ok(found)
    }

    /// The entries of some days, or of more.
    pub(super) async fn legs(
        &self,
        tx: &mut Tx,
        (from, to): (NaiveDate, NaiveDate),
        known_at: Option<DateTime<Utc>>,
    ) -> Result<Arc<Legs>, ReportError> {
        let has_them = |kept: &&Kept| kept.from <= from && to <= kept.to && kept.known_at == known_at;
        let found = self.legs.borrow().iter().find(has_them).map(|kept| Arc::clone(&kept.legs));
        if let Some(found) = found {
            return Ok(found);
        }
        let legs = Arc::new(Legs::read(tx, &Range { from: Some(from), to: Some(to), account: None, known_at }).await?);
        self.keep_legs((from, to), known_at, Arc::clone(&legs));
        Ok(legs)
    }

    /// Takes the entries of some days that were read elsewhere.
    pub(super) fn keep_legs(&self, (from, to): (NaiveDate, NaiveDate), known_at: Option<DateTime<Utc>>, legs: Arc<Legs>) {
        self.legs.borrow_mut().push(Kept { from, to, known_at, legs });
    }

    /// Tells at the ends of which days will be asked what has accrued: that is then found for all of them together.
    pub(super) fn will_ask(&self, days: impl IntoIterator<Item = NaiveDate>) {
        self.asked.borrow_mut().extend(days);
    }

    /// What has accrued by the end of a day.
    pub(super) async fn accrued(&self, tx: &mut Tx, on: NaiveDate, known_until: i64) -> Result<Arc<Accrued>, ReportError> {
        let found = self.accrued.borrow().get(&(on, known_until)).cloned();
        if let Some(found) = found {
            return Ok(found);
        }
        // Before the books nothing was earned.
        if let Some(Some((first, _))) = self.edges.borrow().get(&known_until)
            && on < *first
        {
            return Ok(Arc::default());
        }
        let mut days = self.asked.borrow().clone();
        days.retain(|day| !self.accrued.borrow().contains_key(&(*day, known_until)));
        days.insert(on);
        let found = accrued::through_each(tx, &days, known_until).await?;
        self.accrued.borrow_mut().extend(found.into_iter().map(|(day, found)| ((day, known_until), Arc::new(found))));
        let found = self.accrued.borrow().get(&(on, known_until)).cloned();
        found.ok_or(ReportError::Stopped)
    }
}
