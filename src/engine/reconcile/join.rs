//! Leg one: our movements against the provider's, by the provider's id, then by our own, then by amount, currency and day.
//!
//! Theirs go into a map, in whatever order they come; ours stream past it, in the order of customers and ids, which decides where two of
//! ours stand for one of theirs. What the provider's id does not find is left over on both sides and looked at once more at the end, and is
//! little. Above a budget of rows both sides are parted by the
//! fingerprint of their ids into files, which are joined one after the other, so that memory does not grow with the input.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use chrono::{Datelike, NaiveDate};

use super::found::Found;
use super::rows::{OurRow, Ours, TheirRow, Theirs};
use super::spool::{Note, Notes, Spool};
use super::table::Table;
use crate::domain::reconcile::{BreakKind, Side, of_ours, of_pair, of_theirs};
use crate::domain::settlement::Category;

/// Days within which an amount without any id may be the same movement.
const WINDOW_DAYS: i64 = 3;
/// Rows of theirs that are kept in memory; about 120 bytes each (P14).
pub const ROWS_IN_MEMORY: usize = 600_000;

/// By how much the balance of our books differs from the provider's because of what was joined, by currency and day.
pub type Effects = BTreeMap<([u8; 3], NaiveDate), Effect>;

/// The part of a day.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effect {
    /// Of pairs whose sides are of different days, and of what is on its way.
    pub timing: i128,
    /// Of breaks.
    pub breaks: i128,
}

/// What has moved on a day, in minor units, each as our balance at the provider changed by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Customers' payments.
    pub captures: i128,
    /// What was given back.
    pub refunds: i128,
    /// Of it, what came back.
    pub failed_refunds: i128,
    /// Taken for disputes, with their fees.
    pub disputes: i128,
    /// Given back after disputes.
    pub disputes_won: i128,
}

impl Moved {
    fn add(&mut self, category: Category, side: &Side) {
        let (amount, fee) = (i128::from(side.amount_minor), i128::from(side.fee_minor));
        match category {
            Category::Refund => self.refunds += amount,
            Category::RefundFailure => self.failed_refunds += amount,
            Category::Dispute => self.disputes += amount - fee,
            Category::DisputeReversal => self.disputes_won += amount,
            _ => self.captures += amount,
        }
    }
}

/// A captured amount that was put right later than it was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Correction {
    /// The currency, as its letters.
    pub currency: [u8; 3],
    /// The day on which the charge was booked.
    pub captured_on: NaiveDate,
    /// The day on which the rest was.
    pub on: NaiveDate,
    /// By how much, in minor units.
    pub minor: i128,
}

/// What the join has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The differences, in the order of what they are about.
    pub found: Vec<Found>,
    /// What they do to the balance.
    pub effects: Effects,
    /// What our books say has moved, by currency and day.
    pub moved: BTreeMap<([u8; 3], NaiveDate), Moved>,
    /// Pairs that agree.
    pub agreed: u64,
    /// Rows of ours that have moved money by the end.
    pub ours: u64,
    /// Rows of theirs.
    pub theirs: u64,
}

/// The join while rows come in: first all of theirs, then all of ours.
#[derive(Debug)]
pub struct Join {
    through: NaiveDate,
    /// The last day of which they have told anything.
    told_until: NaiveDate,
    budget: usize,
    table: Table,
    spool: Option<Spool>,
    result: Joined,
    /// What was left over of ours.
    alone: Vec<Ours>,
    /// What was left over of theirs, with whether another movement of the same id was paired.
    unpaired: Vec<(Theirs, String, bool)>,
    /// Of our ids that were paired, those that something unpaired names.
    paired: HashSet<u64>,
    /// Of their charges that were paired, those that an unpaired refund names.
    charges: HashSet<u64>,
}

impl Join {
    /// Joins what lies by the end of a day; `budget` rows of theirs are kept in memory.
    #[must_use]
    pub fn new(through: NaiveDate, budget: usize) -> Self {
        Self {
            through,
            told_until: NaiveDate::MIN,
            budget,
            table: Table::default(),
            spool: None,
            result: Joined::default(),
            alone: Vec::new(),
            unpaired: Vec::new(),
            paired: HashSet::new(),
            charges: HashSet::new(),
        }
    }

    /// Adds one of theirs. None may come after the first of ours.
    ///
    /// # Errors
    /// What the disk says, above the budget.
    pub fn add_theirs(&mut self, row: &TheirRow<'_>) -> io::Result<()> {
        self.result.theirs += 1;
        self.told_until = self.told_until.max(row.side.on);
        let compact = row.compact(0);
        if let Some(spool) = &mut self.spool {
            return spool.theirs(&compact, row.id);
        }
        self.table.add(compact, row.id);
        if self.table.len() > self.budget { self.spill() } else { Ok(()) }
    }

    /// Moves everything to disk.
    fn spill(&mut self) -> io::Result<()> {
        let mut spool = Spool::new()?;
        let table = std::mem::take(&mut self.table);
        for row in table.rows() {
            spool.theirs(row, table.id(row))?;
        }
        self.spool = Some(spool);
        Ok(())
    }

    /// Adds one of ours.
    ///
    /// # Errors
    /// What the disk says, above the budget.
    pub fn add_ours(&mut self, ours: &OurRow<'_>) -> io::Result<()> {
        if ours.side.has_moved && ours.side.on <= self.through {
            self.result.ours += 1;
            self.result.moved.entry((ours.side.currency, ours.side.on)).or_default().add(ours.category, &ours.side);
        }
        match &mut self.spool {
            Some(spool) => spool.ours(ours),
            None => {
                self.join(ours);
                Ok(())
            }
        }
    }

    /// Adds a part of one of ours that was booked on a later day than the rest: until then the balances differ by it.
    pub fn add_correction(&mut self, correction: &Correction) {
        let Correction { currency, captured_on, on, minor } = *correction;
        for (on, minor) in [(captured_on, -minor), (on, minor)] {
            self.result.moved.entry((currency, on)).or_default().captures += minor;
            self.result.effects.entry((currency, on)).or_default().timing += minor;
        }
    }

    /// Everything that was found.
    ///
    /// # Errors
    /// What the disk says, above the budget.
    pub fn finish(mut self) -> io::Result<Joined> {
        if let Some(spool) = self.spool.take() {
            let (mut parts, mut notes) = (spool.parts()?, Notes::new()?);
            while let Some(part) = parts.next_part()? {
                for (row, id) in part.theirs {
                    self.table.add(row, &id);
                }
                for ours in part.ours {
                    self.join(&ours?.row());
                }
                let table = self.leave_over();
                table.rows().filter(|row| row.is_paired).try_for_each(|row| notes.add(row))?;
            }
            self.recall(notes.rows()?)?;
        } else {
            let table = self.leave_over();
            self.recall(table.rows().filter(|row| row.is_paired).map(|row| Ok(Note::of(row))))?;
        }
        self.second_look();
        self.result.found.sort_by(|left, right| left.place().cmp(&right.place()));
        Ok(self.result)
    }

    fn join(&mut self, ours: &OurRow<'_>) {
        match self.table.pick(ours.key, &ours.side) {
            None => self.alone.push(ours.owned()),
            Some(Err(())) => self.doubled_here(ours),
            Some(Ok(at)) => {
                let Some(row) = self.table.get_mut(at) else { return };
                row.is_paired = true;
                row.ours = ours.own;
                let row = *row;
                if let Some(kind) = self.weighed_pair(ours, &row) {
                    let id = self.table.id(&row).to_owned();
                    self.differs(ours, kind, &row, id);
                }
            }
        }
    }

    /// What a pair is; nothing where it agrees.
    fn weighed_pair(&mut self, ours: &OurRow<'_>, row: &Theirs) -> Option<BreakKind> {
        let theirs = row.side();
        let kind = of_pair(ours.category, &ours.side, &theirs, self.through);
        self.weigh(ours.category, Some(&ours.side), Some(&theirs), kind);
        if kind.is_none() {
            self.result.agreed += 1;
        }
        kind
    }

    fn differs(&mut self, ours: &OurRow<'_>, kind: BreakKind, row: &Theirs, id: String) {
        let OurRow { category, account, id: own_id, side, .. } = *ours;
        let ours = Some((account.to_owned(), own_id.to_owned(), side));
        self.result.found.push(Found { kind, category, ours, theirs: Some((id, row.side())) });
    }

    fn doubled_here(&mut self, ours: &OurRow<'_>) {
        if ours.side.has_moved && ours.side.on <= self.through {
            self.stands_alone(ours, BreakKind::DuplicateHere);
        }
    }

    fn stands_alone(&mut self, ours: &OurRow<'_>, kind: BreakKind) {
        self.weigh(ours.category, Some(&ours.side), None, Some(kind));
        let OurRow { category, account, id, side, .. } = *ours;
        self.result.found.push(Found { kind, category, ours: Some((account.to_owned(), id.to_owned(), side)), theirs: None });
    }

    /// What the two sides do to the difference of the balances.
    fn weigh(&mut self, category: Category, ours: Option<&Side>, theirs: Option<&Side>, kind: Option<BreakKind>) {
        let is_plain = matches!((ours, theirs), (Some(ours), Some(theirs)) if kind.is_none() && ours.on == theirs.on);
        if is_plain {
            return;
        }
        let effect = |side: &Side| {
            let fee = if category == Category::Dispute { side.fee_minor } else { 0 };
            if side.has_moved { i128::from(side.amount_minor) - i128::from(fee) } else { 0 }
        };
        let is_timing = matches!(kind, None | Some(BreakKind::Timing));
        let both = ours.map(|side| (side, effect(side))).into_iter().chain(theirs.map(|side| (side, -effect(side))));
        for (side, amount) in both.filter(|(side, _)| side.has_moved) {
            let part = self.result.effects.entry((side.currency, side.on)).or_default();
            if is_timing {
                part.timing += amount;
            } else {
                part.breaks += amount;
            }
        }
    }

    /// Sets aside what is unpaired in the present table, and empties it.
    fn leave_over(&mut self) -> Table {
        let table = std::mem::take(&mut self.table);
        for (at, row) in table.rows().enumerate().filter(|(_, row)| !row.is_paired) {
            if row.category.is_of_customers() || of_theirs(row.category, &row.side(), true, self.through).is_some() {
                self.unpaired.push((*row, table.id(row).to_owned(), table.has_paired_twin(at)));
            }
        }
        table
    }

    /// Remembers of what was paired only what the unpaired ask for.
    fn recall(&mut self, notes: impl Iterator<Item = io::Result<Note>>) -> io::Result<()> {
        let is_refund = |row: &Theirs| matches!(row.category, Category::Refund | Category::RefundFailure);
        let ours: HashSet<u64> = self.unpaired.iter().map(|(row, ..)| row.ours).filter(|key| *key != 0).collect();
        let named: HashSet<u64> = self.unpaired.iter().filter(|(row, ..)| is_refund(row)).map(|(row, ..)| row.alt).collect();
        if ours.is_empty() && named.is_empty() {
            return Ok(());
        }
        for note in notes {
            let Note { own, charge } = note?;
            if ours.contains(&own) {
                self.paired.insert(own);
            }
            if charge != 0 && named.contains(&charge) {
                self.charges.insert(charge);
            }
        }
        Ok(())
    }

    /// What the provider's id has not found: by our own id, by the provider's second id, and, where a movement has no id at all, by amount,
    /// currency and day, if there is only one that it can be.
    fn second_look(&mut self) {
        self.unpaired.sort_by(|(left, left_id, _), (right, right_id, _)| (left.day, left_id).cmp(&(right.day, right_id)));
        let mut ours = std::mem::take(&mut self.alone);
        ours.sort_by(|left, right| (&left.account, &left.id).cmp(&(&right.account, &right.id)));
        let ours = self.by_our_id(ours);
        let ours = self.by_window(ours);
        for row in ours {
            if let Some(kind) = of_ours(&row.side, self.through, self.told_until) {
                self.stands_alone(&row.row(), kind);
            }
        }
        for (row, id, has_twin) in std::mem::take(&mut self.unpaired) {
            let side = row.side();
            let is_double = row.category.is_of_customers() && (has_twin || (row.ours != 0 && self.paired.contains(&row.ours)));
            let kind = of_theirs(row.category, &side, self.charges.contains(&row.alt), self.through);
            if let Some(kind) = kind.map(|kind| if is_double { BreakKind::DuplicateThere } else { kind }) {
                self.weigh(row.category, None, Some(&side), Some(kind));
                self.result.found.push(Found { kind, category: row.category, ours: None, theirs: Some((id, side)) });
            }
        }
    }

    fn by_our_id(&mut self, ours: Vec<Ours>) -> Vec<Ours> {
        let mut by_id: HashMap<u64, usize> = HashMap::new();
        for (at, (row, ..)) in self.unpaired.iter().enumerate().rev() {
            for key in [row.ours, if row.category == Category::Charge { row.alt } else { 0 }].into_iter().filter(|key| *key != 0) {
                by_id.insert(key, at);
            }
        }
        let mut left = Vec::new();
        for row in ours {
            let found = by_id.get(&row.own).or_else(|| by_id.get(&row.second)).copied();
            match found.filter(|at| self.unpaired.get(*at).is_some_and(|(theirs, ..)| !theirs.is_paired)) {
                Some(at) => self.take(&row, at),
                None => left.push(row),
            }
        }
        self.unpaired.retain(|(row, ..)| !row.is_paired);
        left
    }

    fn take(&mut self, ours: &Ours, at: usize) {
        let Some((row, id, _)) = self.unpaired.get_mut(at) else { return };
        row.is_paired = true;
        let (row, id) = (*row, id.clone());
        self.paired.insert(ours.own);
        if row.category == Category::Charge {
            self.charges.insert(row.alt);
        }
        let ours = ours.row();
        if let Some(kind) = self.weighed_pair(&ours, &row) {
            self.differs(&ours, kind, &row, id);
        }
    }

    fn by_window(&mut self, ours: Vec<Ours>) -> Vec<Ours> {
        let mut candidates: HashMap<(Category, [u8; 3], i64), Vec<usize>> = HashMap::new();
        for (at, (row, ..)) in self.unpaired.iter().enumerate().filter(|(_, (row, ..))| row.key == 0 && row.ours == 0) {
            candidates.entry((row.category, row.currency, row.amount_minor)).or_default().push(at);
        }
        if candidates.is_empty() {
            return ours;
        }
        let mut wanted: HashMap<usize, u32> = HashMap::new();
        let near: Vec<Vec<usize>> = ours
            .iter()
            .map(|row| {
                let all = candidates.get(&(row.category, row.side.currency, row.side.amount_minor)).map(Vec::as_slice).unwrap_or_default();
                let is_near = |at: &&usize| {
                    self.unpaired.get(**at).is_some_and(|(theirs, ..)| {
                        let days = i64::from(theirs.day) - i64::from(row.side.on.num_days_from_ce());
                        row.side.has_moved && days.abs() <= WINDOW_DAYS
                    })
                };
                let near: Vec<usize> = all.iter().filter(is_near).copied().collect();
                near.iter().for_each(|at| *wanted.entry(*at).or_default() += 1);
                near
            })
            .collect();
        let mut left = Vec::new();
        for (row, near) in ours.into_iter().zip(near) {
            match near.as_slice() {
                // Nobody else can be it, and it can be nobody else.
                [only] if wanted.get(only) == Some(&1) => self.take(&row, *only),
                _ => left.push(row),
            }
        }
        self.unpaired.retain(|(row, ..)| !row.is_paired);
        left
    }
}
