//! The provider's movements in memory, found by the fingerprint of their ids.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::rows::{NONE, Theirs};
use crate::domain::reconcile::Side;

/// Rows of a piece, and bytes of a piece of ids: nothing is copied to where there is more room.
const PIECE_ROWS: usize = 1 << 14;
const PIECE_BYTES: usize = 1 << 20;

/// Theirs, in memory.
#[derive(Debug, Default)]
pub(super) struct Table {
    pieces: Pieces,
    ids: Vec<String>,
    /// The last row of each key, by its place: the key itself stands in the row, and once is enough.
    index: HashTable<u32>,
}

#[derive(Debug, Default)]
struct Pieces {
    all: Vec<Vec<Theirs>>,
}

impl Pieces {
    fn get(&self, at: usize) -> Option<&Theirs> {
        self.all.get(at / PIECE_ROWS)?.get(at % PIECE_ROWS)
    }

    fn key_at(&self, at: u32) -> u128 {
        usize::try_from(at).ok().and_then(|at| self.get(at)).map_or(0, |row| row.key)
    }

    fn len(&self) -> usize {
        self.all.last().map_or(0, |last| (self.all.len() - 1) * PIECE_ROWS + last.len())
    }

    fn push(&mut self, row: Theirs) {
        match self.all.last_mut().filter(|last| last.len() < PIECE_ROWS) {
            Some(last) => last.push(row),
            None => {
                // A small book takes little.
                let room = if self.all.is_empty() { 0 } else { PIECE_ROWS };
                let mut piece = Vec::with_capacity(room);
                piece.push(row);
                self.all.push(piece);
            }
        }
    }
}

/// A fingerprint is as good as its own hash.
fn hash_of(key: u128) -> u64 {
    u64::try_from(key & u128::from(u64::MAX)).unwrap_or_default()
}

fn place(next: u32) -> Option<usize> {
    usize::try_from(next).ok().filter(|_| next != NONE)
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Theirs> {
        self.pieces.all.iter().flatten()
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Theirs> {
        self.pieces.all.get_mut(at / PIECE_ROWS)?.get_mut(at % PIECE_ROWS)
    }

    pub(super) fn id(&self, row: &Theirs) -> &str {
        let at = usize::try_from(row.id_at).unwrap_or(usize::MAX);
        let start = at % PIECE_BYTES;
        self.ids.get(at / PIECE_BYTES).and_then(|ids| ids.get(start..start + usize::from(row.id_length))).unwrap_or_default()
    }

    /// Keeps an id; where it begins.
    fn keep(&mut self, id: &str) -> u32 {
        if self.ids.last().is_none_or(|last| last.len() + id.len() > PIECE_BYTES) {
            let room = if self.ids.is_empty() { 0 } else { PIECE_BYTES };
            self.ids.push(String::with_capacity(room));
        }
        let before = self.ids.len().saturating_sub(1) * PIECE_BYTES;
        let Some(last) = self.ids.last_mut() else { return NONE };
        let at = before + last.len();
        last.push_str(id);
        u32::try_from(at).unwrap_or(NONE)
    }

    pub(super) fn add(&mut self, mut row: Theirs, id: &str) {
        row.id_length = u16::try_from(id.len()).unwrap_or(u16::MAX);
        row.id_at = self.keep(id);
        let at = u32::try_from(self.len()).unwrap_or(NONE);
        if row.key != 0 {
            let rows = &self.pieces;
            match self.index.entry(hash_of(row.key), |other| rows.key_at(*other) == row.key, |other| hash_of(rows.key_at(*other))) {
                Entry::Occupied(mut last) => row.next = std::mem::replace(last.get_mut(), at),
                Entry::Vacant(none) => drop(none.insert(at)),
            }
        }
        self.pieces.push(row);
    }

    /// Whether another row has the same id and is paired.
    pub(super) fn has_paired_twin(&self, at: usize) -> bool {
        let Some(row) = self.pieces.get(at).filter(|row| row.key != 0) else { return false };
        self.chain(self.last(row.key)).into_iter().any(|other| other != at && self.pieces.get(other).is_some_and(|twin| twin.is_paired))
    }

    /// The row with a key that came last.
    fn last(&self, key: u128) -> u32 {
        self.index.find(hash_of(key), |at| self.pieces.key_at(*at) == key).copied().unwrap_or(NONE)
    }

    /// The rows with the key of this one, by day and id, whatever order they came in.
    fn chain(&self, last: u32) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = last;
        while let Some((at, row)) = place(next).and_then(|at| self.pieces.get(at).map(|row| (at, row))) {
            chain.push(at);
            next = row.next;
        }
        if chain.len() > 1 {
            chain.sort_by_key(|at| self.pieces.get(*at).map(|row| (row.day, self.id(row).to_owned())));
        }
        chain
    }

    /// The row that one of ours is: one that agrees before one that does not; none if there is none, or an error if all are taken.
    pub(super) fn pick(&self, key: u128, ours: &Side) -> Option<Result<usize, ()>> {
        if key == 0 {
            return None;
        }
        let last = self.last(key);
        let (at, row) = place(last).and_then(|at| self.pieces.get(at).map(|row| (at, row)))?;
        // Nearly always there is one.
        if row.next == NONE {
            return Some(if row.is_paired { Err(()) } else { Ok(at) });
        }
        let chain = self.chain(last);
        let free = |at: &&usize| self.pieces.get(**at).is_some_and(|row| !row.is_paired);
        let agrees =
            |at: &&usize| self.pieces.get(**at).is_some_and(|row| row.amount_minor == ours.amount_minor && row.currency == ours.currency);
        Some(chain.iter().filter(free).find(agrees).or_else(|| chain.iter().find(free)).copied().ok_or(()))
    }
}
