//! The provider's movements in memory, found by the fingerprint of their ids.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::rows::{NONE, Ours, Theirs};

/// Theirs, in memory.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Theirs>,
    ids: String,
    /// The last row of each key, by its place: the key itself stands in the row, and once is enough.
    index: HashTable<u32>,
}

/// A fingerprint is as good as its own hash.
fn hash_of(key: u128) -> u64 {
    u64::try_from(key & u128::from(u64::MAX)).unwrap_or_default()
}

fn key_at(rows: &[Theirs], at: u32) -> u128 {
    usize::try_from(at).ok().and_then(|at| rows.get(at)).map_or(0, |row| row.key)
}

impl Table {
    pub(super) fn id(&self, row: &Theirs) -> &str {
        let start = usize::try_from(row.id_at).unwrap_or(usize::MAX);
        self.ids.get(start..start.saturating_add(row.id_length.into())).unwrap_or_default()
    }

    pub(super) fn add(&mut self, mut row: Theirs, id: &str) {
        row.id_at = u32::try_from(self.ids.len()).unwrap_or(NONE);
        row.id_length = u16::try_from(id.len()).unwrap_or(u16::MAX);
        self.ids.push_str(id);
        let at = u32::try_from(self.rows.len()).unwrap_or(NONE);
        if row.key != 0 {
            let rows = &self.rows;
            match self.index.entry(hash_of(row.key), |other| key_at(rows, *other) == row.key, |other| hash_of(key_at(rows, *other))) {
                Entry::Occupied(mut last) => row.next = std::mem::replace(last.get_mut(), at),
                Entry::Vacant(none) => drop(none.insert(at)),
            }
        }
        self.rows.push(row);
    }

    /// Whether another row has the same id and is paired.
    pub(super) fn has_paired_twin(&self, at: usize) -> bool {
        let Some(row) = self.rows.get(at).filter(|row| row.key != 0) else { return false };
        self.chain(row.key).into_iter().any(|other| other != at && self.rows.get(other).is_some_and(|twin| twin.is_paired))
    }

    /// The rows with a key, by day and id, whatever order they came in.
    fn chain(&self, key: u128) -> Vec<usize> {
        let mut chain = Vec::new();
        let mut next = self.index.find(hash_of(key), |at| key_at(&self.rows, *at) == key).copied().unwrap_or(NONE);
        while let Some(row) = usize::try_from(next).ok().filter(|_| next != NONE).and_then(|at| self.rows.get(at).map(|row| (at, row))) {
            chain.push(row.0);
            next = row.1.next;
        }
        if chain.len() > 1 {
            chain.sort_by_key(|at| self.rows.get(*at).map(|row| (row.day, self.id(row).to_owned())));
        }
        chain
    }

    /// The row that one of ours is: one that agrees before one that does not; none if there is none, or an error if all are taken.
    pub(super) fn pick(&self, ours: &Ours) -> Option<Result<usize, ()>> {
        if ours.key == 0 {
            return None;
        }
        let chain = self.chain(ours.key);
        let free = |at: &&usize| self.rows.get(**at).is_some_and(|row| !row.is_paired);
        let agrees = |at: &&usize| {
            self.rows.get(**at).is_some_and(|row| row.amount_minor == ours.side.amount_minor && row.currency == ours.side.currency)
        };
        let picked = chain.iter().filter(free).find(agrees).or_else(|| chain.iter().find(free));
        match (picked, chain.is_empty()) {
            (Some(at), _) => Some(Ok(*at)),
            (None, true) => None,
            (None, false) => Some(Err(())),
        }
    }
}
