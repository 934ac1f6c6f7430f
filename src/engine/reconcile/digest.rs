//! The digest of what was read, which a run shows as its inputs.

use sha2::{Digest, Sha256};

use super::report::Input;

/// Digested at once.
const BUFFER: usize = 8 * 1024;

/// Digests rows in the order in which they come.
#[derive(Debug)]
pub(super) struct Digester {
    what: &'static str,
    rows: u64,
    sha: Sha256,
    waits: Vec<u8>,
}

impl Digester {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, rows: 0, sha: Sha256::new(), waits: Vec::with_capacity(2 * BUFFER) }
    }

    /// Each cell with its end, so that no two rows have the same bytes.
    pub(super) fn add(&mut self, texts: &[&str], numbers: &[i64]) {
        self.rows += 1;
        for text in texts {
            self.waits.extend_from_slice(text.as_bytes());
            self.waits.push(0);
        }
        for number in numbers {
            self.waits.extend_from_slice(&number.to_le_bytes());
        }
        if self.waits.len() >= BUFFER {
            self.sha.update(&self.waits);
            self.waits.clear();
        }
    }

    pub(super) fn input(mut self) -> Input {
        self.sha.update(&self.waits);
        Input { what: self.what.to_owned(), rows: self.rows, digest: format!("{:x}", self.sha.finalize()) }
    }
}
