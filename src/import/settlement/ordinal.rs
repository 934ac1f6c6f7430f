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
        match self.next(&said) {
            0 => said,
            before => format!("{said}#{}", before + 1),
        }
    }
}
