//! The provider's movements in memory, found by the fingerprint of their ids.

use std::collections::HashMap;

use super::rows::{NONE, Ours, Theirs};

/// Theirs, in memory.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) rows: Vec<Theirs>,
    ids: String,
    index: HashMap<u128, u32>,
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
            row.next = self.index.insert(row.key, at).unwrap_or(NONE);
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
        let mut next = self.index.get(&key).copied().unwrap_or(NONE);
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
