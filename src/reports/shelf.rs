//! Records set aside by day: they come in the order of accounts and are wanted in that of dates. So nothing is sorted. Each day has a
//! buffer of its own, and what does not fit in memory lies in one file that nobody else sees.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::RangeInclusive;
use std::sync::{Mutex, PoisonError};

use chrono::NaiveDate;

use super::ReportError;

/// Bytes of a day that are written at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Bytes of all days that wait in memory.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes that say how long a record is.
const LENGTH_BYTES: usize = 4;

/// The records of all days.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Made when it is needed. One reader at a time moves in it.
    file: Mutex<Option<File>>,
    end: u64,
    days: BTreeMap<NaiveDate, Day>,
    waiting: usize,
}

/// Those of one day, in the order in which they came: pieces of the file, with where they begin and how long they are, and what waits.
#[derive(Debug, Default)]
struct Day {
    pieces: Vec<(u64, usize)>,
    waiting: Vec<u8>,
}

impl Shelf {
    /// Adds a record to a day.
    pub(super) fn put(&mut self, day: NaiveDate, record: &[u8]) -> io::Result<()> {
        let length = u32::try_from(record.len()).map_err(io::Error::other)?;
        let place = self.days.entry(day).or_default();
        place.waiting.extend_from_slice(&length.to_le_bytes());
        place.waiting.extend_from_slice(record);
        self.waiting += LENGTH_BYTES + record.len();
        if place.waiting.len() >= PIECE_BYTES || self.waiting >= WAITING_BYTES_MAX {
            // Of many days that have little each, those that have most.
            let least = if self.waiting >= WAITING_BYTES_MAX { self.waiting / self.days.len().max(1) } else { PIECE_BYTES };
            self.write(least)?;
        }
        Ok(())
    }

    /// Writes down the days that have so many bytes or more.
    fn write(&mut self, least: usize) -> io::Result<()> {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let file = match file {
            Some(file) => file,
            None => file.insert(tempfile::tempfile()?),
        };
        for day in self.days.values_mut().filter(|day| !day.waiting.is_empty() && day.waiting.len() >= least) {
            file.write_all(&day.waiting)?;
            day.pieces.push((self.end, day.waiting.len()));
            self.end += u64::try_from(day.waiting.len()).map_err(io::Error::other)?;
            self.waiting = self.waiting.saturating_sub(day.waiting.len());
            day.waiting.clear();
        }
        Ok(())
    }

    /// Hands over the records of some days, day by day, in the order in which they came.
    pub(super) fn each(
        &self,
        days: RangeInclusive<NaiveDate>,
        mut each: impl FnMut(NaiveDate, &[u8]) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        if days.is_empty() {
            return Ok(());
        }
        let mut piece = Vec::new();
        for (on, day) in self.days.range(days) {
            let mut each = |record: &[u8]| each(*on, record);
            for (at, length) in &day.pieces {
                piece.resize(*length, 0);
                self.read(*at, &mut piece)?;
                records(&piece, &mut each)?;
            }
            records(&day.waiting, &mut each)?;
        }
        Ok(())
    }

    fn read(&self, at: u64, piece: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let file = file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(piece)
    }
}

/// The records of a piece.
fn records(mut piece: &[u8], each: &mut impl FnMut(&[u8]) -> Result<(), ReportError>) -> Result<(), ReportError> {
    while let Some((length, rest)) = piece.split_first_chunk::<LENGTH_BYTES>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(io::Error::other)?;
        let (record, rest) = rest.split_at_checked(length).ok_or(io::ErrorKind::InvalidData).map_err(io::Error::from)?;
        each(record)?;
        piece = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(number: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 3, number).unwrap()
    }

    fn read(shelf: &Shelf, days: RangeInclusive<NaiveDate>) -> Vec<String> {
        let mut read = Vec::new();
        let each = |_, record: &[u8]| {
            read.push(String::from_utf8(record.to_vec()).unwrap());
            Ok(())
        };
        shelf.each(days, each).unwrap();
        read
    }

    #[test]
    fn records_come_back_by_day_in_their_order() {
        let mut shelf = Shelf::default();
        for (number, text) in [(3, "a"), (1, "b"), (3, ""), (2, "c"), (1, "d")] {
            shelf.put(day(number), text.as_bytes()).unwrap();
        }
        assert_eq!(read(&shelf, day(1)..=day(31)), ["b", "d", "c", "a", ""]);
        assert_eq!(read(&shelf, day(2)..=day(2)), ["c"]);
        assert_eq!(read(&shelf, day(4)..=day(2)), [""; 0]);
    }

    #[test]
    fn what_does_not_fit_in_memory_is_written_down() {
        // Of 22 bytes each with their lengths. One day writes its pieces; of a hundred none has as much as a piece, and all are too much.
        for (days, count) in [(1_usize, 40_000_u32), (100, 10_000)] {
            let days: Vec<NaiveDate> = day(1).iter_days().take(days).collect();
            let mut shelf = Shelf::default();
            for round in 0..count {
                for (number, day) in days.iter().enumerate() {
                    shelf.put(*day, format!("{number:02} record {round:08}").as_bytes()).unwrap();
                }
            }
            let waiting = shelf.days.values().map(|day| day.waiting.len()).sum::<usize>();
            assert!(waiting == shelf.waiting && waiting < WAITING_BYTES_MAX && shelf.end > 500_000, "{waiting} {}", shelf.end);
            let all = read(&shelf, days[0]..=*days.last().unwrap());
            assert!(all.is_sorted() && all.len() == days.len() * usize::try_from(count).unwrap());
        }
    }
}
