//! The bytes of a file on their way to a parser: digested, counted, in lines.

use std::io::{self, BufRead, BufReader, Read};

use sha2::{Digest, Sha256};

use crate::import::problem::Problem;
use crate::import::{FILE_BYTES_MAX, RECORD_BYTES_MAX};

const BUFFER: usize = 256 * 1024;

/// A reader that knows the digest of what was read through it, and the line that it is on. It drops a UTF-8 byte order mark, adds a
/// line end where the last line has none, and refuses to go on in a record without an end.
pub struct Digested<R> {
    inner: BufReader<R>,
    sha: Sha256,
    count: u64,
    line: u64,
    /// Bytes since the parser has last told that a record has ended.
    in_record: usize,
    last: u8,
    failure: Option<Problem>,
}

impl<R: Read> Digested<R> {
    /// Reads from here.
    pub fn new(input: R) -> Self {
        Self {
            inner: BufReader::with_capacity(BUFFER, input),
            sha: Sha256::new(),
            count: 0,
            line: 1,
            in_record: 0,
            last: b'\n',
            failure: None,
        }
    }

    /// The line of the next byte, from 1.
    pub(super) const fn line(&self) -> u64 {
        self.line
    }

    /// A record has ended.
    pub(super) const fn record_ends(&mut self) {
        self.in_record = 0;
    }

    /// Why reading failed, if it did.
    pub(super) fn failure(&mut self) -> Option<Problem> {
        self.failure.take()
    }

    /// Reads what the parser has left, so that the digest is that of the whole file.
    pub(super) fn finish(&mut self) -> Result<(), Problem> {
        loop {
            self.record_ends();
            match self.fill_buf() {
                Ok([]) => return Ok(()),
                Ok(rest) => {
                    let length = rest.len();
                    self.consume(length);
                }
                Err(error) => return Err(self.failure().unwrap_or(Problem::Unreadable(error.kind()))),
            }
        }
    }

    /// The digest of what was read so far, in hexadecimal.
    pub(super) fn digest(&self) -> String {
        format!("{:x}", self.sha.clone().finalize())
    }

    fn refuse(&mut self, problem: Problem) -> io::Error {
        self.failure = Some(problem);
        io::ErrorKind::InvalidData.into()
    }
}

impl<R: Read> BufRead for Digested<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.count > FILE_BYTES_MAX {
            return Err(self.refuse(Problem::FileTooLarge));
        }
        if self.in_record > RECORD_BYTES_MAX + 2 * BUFFER {
            return Err(self.refuse(Problem::RecordTooLong));
        }
        if self.count == 0 {
            let head = self.inner.fill_buf()?;
            let mark = [0xef, 0xbb, 0xbf];
            if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
                return Err(self.refuse(Problem::Utf16));
            }
            if head.starts_with(&mark) {
                self.sha.update(mark);
                self.count = 3;
                self.inner.consume(mark.len());
            }
        }
        if self.inner.fill_buf()?.is_empty() && self.last != b'\n' {
            return Ok(b"\n");
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        let taken = self.inner.buffer().get(..amount).unwrap_or_default();
        if taken.is_empty() {
            // The line end that was added, which is no byte of the file.
            if amount > 0 {
                self.last = b'\n';
            }
            return;
        }
        self.sha.update(taken);
        self.line += newlines(taken);
        self.count += u64::try_from(amount).unwrap_or(u64::MAX);
        self.in_record = self.in_record.saturating_add(amount);
        self.last = taken.last().copied().unwrap_or(b'\n');
        self.inner.consume(amount);
    }
}

pub(super) fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(*byte == b'\n')).sum()
}

impl<R: Read> Read for Digested<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_bytes() {
        let mut bytes = Digested::new("\u{feff}a\nb".as_bytes());
        let mut text = String::new();
        bytes.read_to_string(&mut text).unwrap();
        assert_eq!((text.as_str(), bytes.line()), ("a\nb\n", 2));
        assert_eq!(bytes.digest(), format!("{:x}", Sha256::digest("\u{feff}a\nb")));
        let mut unread = Digested::new("\u{feff}a\nb".as_bytes());
        unread.finish().unwrap();
        assert_eq!(unread.digest(), bytes.digest());
    }

    #[test]
    fn utf16_and_endless_records_are_refused() {
        let mut bytes = Digested::new([0xff, 0xfe, b'a', 0].as_slice());
        assert!(bytes.fill_buf().is_err());
        assert_eq!(bytes.failure(), Some(Problem::Utf16));
        let mut endless = Digested::new(io::repeat(b'x'));
        assert!(io::copy(&mut endless, &mut io::sink()).is_err());
        assert_eq!(endless.failure(), Some(Problem::RecordTooLong));
    }
}
