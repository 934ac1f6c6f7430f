//! The rows of a section, set aside until it is known how many there are: small ones in memory, longer ones in a file that
//! nobody else sees and that is gone with the program.

use std::fmt::Write as _;
use std::io::{Seek, SeekFrom};

use chrono::NaiveDate;
use csv::{Reader, ReaderBuilder, StringRecord, Writer, WriterBuilder};
use tempfile::SpooledTempFile;

use super::csv::failed;
use super::{Cell, out_of_order};
use crate::domain::money::Money;
use crate::reports::ReportError;

/// Bytes of a section that stay in memory.
const IN_MEMORY_BYTES_MAX: usize = 1 << 20;

/// Rows that are set aside.
pub(super) struct Spool {
    out: Writer<SpooledTempFile>,
    /// Room for a cell.
    packed: String,
}

/// The same rows, being read.
pub(super) struct Rows {
    rows: Reader<SpooledTempFile>,
    row: StringRecord,
}

impl Spool {
    pub(super) fn new() -> Self {
        let file = SpooledTempFile::new(IN_MEMORY_BYTES_MAX);
        Self { out: WriterBuilder::new().has_headers(false).from_writer(file), packed: String::new() }
    }

    pub(super) fn put(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        for cell in cells {
            self.packed.clear();
            pack(cell, &mut self.packed);
            self.out.write_field(&self.packed).map_err(failed)?;
        }
        self.out.write_record(None::<&[u8]>).map_err(failed)
    }

    pub(super) fn rows(self) -> Result<Rows, ReportError> {
        let mut file = self.out.into_inner().map_err(csv::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        Ok(Rows { rows: ReaderBuilder::new().has_headers(false).from_reader(file), row: StringRecord::new() })
    }
}

impl Rows {
    /// The next row, where there is one.
    pub(super) fn next(&mut self) -> Result<Option<Vec<Cell>>, ReportError> {
        if !self.rows.read_record(&mut self.row).map_err(failed)? {
            return Ok(None);
        }
        let cells = self.row.iter().map(|text| unpacked(text).ok_or_else(|| out_of_order("what it had not told")));
        cells.collect::<Result<_, _>>().map(Some)
    }
}

/// A letter for the kind of cell, and what is in it.
fn pack(cell: &Cell, out: &mut String) {
    // Writing to a string cannot fail.
    let _ = match cell {
        Cell::Empty => out.write_char('-'),
        Cell::Text(text) => out.write_char('t').and_then(|()| out.write_str(text)),
        Cell::Date(date) => write!(out, "d{date}"),
        Cell::Money(amount) => write!(out, "m{amount}"),
        Cell::Count(count) => write!(out, "c{count}"),
    };
}

fn unpacked(text: &str) -> Option<Cell> {
    let (kind, text) = text.split_at_checked(1)?;
    match kind {
        "-" => Some(Cell::Empty),
        "t" => Some(Cell::Text(text.to_owned())),
        "d" => text.parse::<NaiveDate>().ok().map(Cell::Date),
        "m" => text.parse::<Money>().ok().map(Cell::Money),
        "c" => text.parse().ok().map(Cell::Count),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[test]
    fn what_is_set_aside_comes_back() {
        let usd = Currency::parse("USD").unwrap();
        let row = [
            Cell::Empty,
            Cell::Text(String::new()),
            Cell::Text("=a,\"b\"\r\nc".to_owned()),
            Cell::Date(NaiveDate::from_ymd_opt(2026, 2, 28).unwrap()),
            Cell::Money(Money::new(i64::MIN + 1, usd)),
            Cell::Count(-7),
        ];
        // More than stays in memory.
        let count = 40_000;
        let mut spool = Spool::new();
        for _ in 0..count {
            spool.put(&row).unwrap();
        }
        let mut rows = spool.rows().unwrap();
        for _ in 0..count {
            assert_eq!(rows.next().unwrap().unwrap(), row);
        }
        assert_eq!(rows.next().unwrap(), None);
    }
}
