//! The month's journals, each written by a thread of its own while the reports are told.

use std::io::{BufWriter, Write};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::folder::{Folder, Growing};
use crate::reports::ReportError;
use crate::reports::journal::{Books, JournalFormat};

/// Bytes that are digested and written at once.
const PIECE_BYTES: usize = 128 * 1024;

/// Their names, and what is said about them.
const FILES: [(JournalFormat, &str, &str); 2] = [
    (JournalFormat::Hledger, "journal.hledger", "the month's entries for hledger, with our trial balance as assertions"),
    (JournalFormat::Beancount, "journal.beancount", "the same for beancount"),
];

/// Journals that are being written. Nobody writes any more when they are gone.
pub(super) struct Journals(Vec<JoinHandle<Result<Growing, ReportError>>>);

impl Journals {
    pub(super) fn begin(books: Books, folder: &mut Folder) -> Result<Self, ReportError> {
        let books = Arc::new(books);
        let mut journals = Self(Vec::new());
        for (format, name, what) in FILES {
            let (books, mut file) = (Arc::clone(&books), folder.file(name, what)?);
            let write = move || {
                let mut out = BufWriter::with_capacity(PIECE_BYTES, &mut file);
                books.write(format, &mut out)?;
                out.flush()?;
                drop(out);
                Ok(file)
            };
            journals.0.push(thread::Builder::new().name(name.to_owned()).spawn(write)?);
        }
        Ok(journals)
    }

    /// Waits for them.
    pub(super) fn finish(mut self, folder: &mut Folder) -> Result<(), ReportError> {
        for writing in std::mem::take(&mut self.0) {
            folder.filed(writing.join().map_err(|_| ReportError::Stopped)??)?;
        }
        Ok(())
    }
}

impl Drop for Journals {
    fn drop(&mut self) {
        for writing in self.0.drain(..) {
            drop(writing.join());
        }
    }
}
