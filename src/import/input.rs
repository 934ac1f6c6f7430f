//! The bytes of a file, one at a time, with their line: counted against [`FILE_BYTES_MAX`], without a byte order mark.

use std::io::{BufRead, BufReader, Chain, Cursor, ErrorKind, Read};

use super::line::Line;
use super::problem::{Problem, RowProblem};
use super::{FILE_BYTES_MAX, RECORD_BYTES_MAX};

const UTF8_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
const UTF16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];

/// Where a file's bytes come from.
pub(super) type Source<'r> = Box<dyn Read + Send + 'r>;

/// A file being read.
pub(super) struct Input<'r> {
    bytes: BufReader<Chain<Cursor<Vec<u8>>, Source<'r>>>,
    line: u64,
    count: u64,
}

impl<'r> Input<'r> {
    /// Begins to read: drops a UTF-8 byte order mark, refuses UTF-16.
    pub(super) fn begin(mut source: Source<'r>) -> Result<Self, RowProblem> {
        let mut head = Vec::new();
        let most = u64::try_from(UTF8_MARK.len()).unwrap_or(u64::MAX);
        source.by_ref().take(most).read_to_end(&mut head).map_err(|error| unreadable(&error))?;
        if UTF16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            return Err(RowProblem::of_file(Problem::Utf16));
        }
        if head == UTF8_MARK {
            head.clear();
        }
        Ok(Self { bytes: BufReader::with_capacity(64 * 1024, Cursor::new(head).chain(source)), line: 1, count: 0 })
    }

    /// The line of the next byte, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// The next byte without taking it; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, RowProblem> {
        loop {
            match self.bytes.fill_buf() {
                Ok(available) => return Ok(available.first().copied()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(&error)),
            }
        }
    }

    /// Takes the next byte; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<u8>, RowProblem> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.bytes.consume(1);
        self.count += 1;
        if self.count > FILE_BYTES_MAX {
            return Err(RowProblem::of_file(Problem::FileTooLarge));
        }
        if byte == b'\n' {
            self.line += 1;
        }
        Ok(Some(byte))
    }

    /// The next byte that is not JSON white space, without taking it.
    pub(super) fn peek_past_space(&mut self) -> Result<Option<u8>, RowProblem> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.next()?,
                other => return Ok(other),
            };
        }
    }
}

fn unreadable(error: &std::io::Error) -> RowProblem {
    RowProblem::of_file(Problem::Unreadable(error.kind()))
}

/// Adds a byte to a record that began on `line`, up to [`RECORD_BYTES_MAX`].
pub(super) fn push_within_limit(record: &mut Vec<u8>, byte: u8, line: impl Into<Line>) -> Result<(), RowProblem> {
    if record.len() >= RECORD_BYTES_MAX {
        return Err(RowProblem::at(line, Problem::RecordTooLong));
    }
    record.push(byte);
    Ok(())
}
