//! Duplicates within a file, each named with the line of the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::problem::{Problem, RowProblem};

/// Something that may be in a file only once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey<'k> {
    /// The column that a duplicate is reported for.
    pub field: &'static str,
    /// The key: texts that together may be there once.
    pub parts: &'k [&'k str],
    /// What a duplicate is called in the message.
    pub shown: Option<&'k str>,
}

/// The keys of the rows so far. A million accounts with their cameras make millions of keys, so what is kept of each is
/// a fingerprint of 96 bits, not its text: 16 bytes with the line, and a chance of one in 10^15 that a file of five
/// million keys is refused wrongly.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: HashMap<u64, Place>,
}

#[derive(Debug)]
struct Place {
    check: u32,
    line: u32,
}

impl Seen {
    /// Remembers a key; the problem, if it was there before.
    pub(super) fn note(&mut self, key: &UniqueKey<'_>, line: u64) -> Result<(), RowProblem> {
        let fingerprint = digest(0, key);
        let check = u32::try_from(digest(1, key) >> 32).unwrap_or(0);
        match self.first.entry(fingerprint) {
            Entry::Vacant(entry) => {
                entry.insert(Place { check, line: u32::try_from(line).unwrap_or(u32::MAX) });
                Ok(())
            }
            Entry::Occupied(entry) if entry.get().check == check => {
                let problem = Problem::Repeated { shown: key.shown.map(str::to_owned), first_line: u64::from(entry.get().line) };
                Err(RowProblem::in_field(line, key.field, problem))
            }
            // Two keys with one half of the fingerprint: the second is not remembered.
            Entry::Occupied(_) => Ok(()),
        }
    }
}

fn digest(salt: u8, key: &UniqueKey<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (salt, key.field, key.parts).hash(&mut hasher);
    hasher.finish()
}
