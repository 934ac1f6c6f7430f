//! Names for lines that their author gives none.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Counts lines that say the same, so that each of them has a name of its own: the same file, or one that has more, gives the same
/// names. Of each line a fingerprint is kept and not its text.
#[derive(Debug, Default)]
pub(super) struct Ordinals {
    seen: HashMap<u64, u32>,
}

impl Ordinals {
    /// How often this was said before.
    pub(super) fn next(&mut self, said: &str) -> u32 {
        let mut hasher = DefaultHasher::new();
        said.hash(&mut hasher);
        let count = self.seen.entry(hasher.finish()).or_default();
        *count += 1;
        *count - 1
    }

    /// What was said, with a number where it was said before.
    pub(super) fn name(&mut self, said: String) -> String {
        self.name_in("", said)
    }

    /// The same among the lines of one place, as an account of a bank, which may also come in a file of its own.
    pub(super) fn name_in(&mut self, place: &str, said: String) -> String {
        match self.next(&format!("{place}\0{said}")) {
            0 => said,
            before => format!("{said}#{}", before + 1),
        }
    }
}
