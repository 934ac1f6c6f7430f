//! Duplicates within a file, each named with the place of the first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::line::{Line, Place};
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
/// a fingerprint of 96 bits, not its text: 16 bytes with the place, and a chance of one in 10^15 that a file of five
/// million keys is refused wrongly.
#[derive(Debug, Default)]
pub(super) struct Seen {
    first: HashMap<u64, First>,
}

#[derive(Debug)]
struct First {
    check: u32,
    /// The number of the line or element, as all of a file have one or the other.
    number: u32,
}

impl Seen {
    /// Remembers a key; the problem, if it was there before.
    pub(super) fn note(&mut self, key: &UniqueKey<'_>, line: Line) -> Result<(), RowProblem> {
        let fingerprint = digest(0, key);
        let check = u32::try_from(digest(1, key) >> 32).unwrap_or(0);
        match self.first.entry(fingerprint) {
            Entry::Vacant(entry) => {
                let number = line.element.unwrap_or_else(|| u32::try_from(line.number).unwrap_or(u32::MAX));
                entry.insert(First { check, number });
                Ok(())
            }
            Entry::Occupied(entry) if entry.get().check == check => {
                let number = entry.get().number;
                let first = line.element.map_or(Place::Line(number.into()), |_| Place::Element(number));
                let problem = Problem::Repeated { shown: key.shown.map(str::to_owned), first };
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
