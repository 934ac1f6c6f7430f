//! A report as comma-separated values (RFC 4180, F73): what machines and spreadsheets read.
//!
//! The first two columns are `section` and `currency`, so that a section a currency, as most reports have them, is one plain
//! table. Only where a section has other columns than the one before it, an empty line and a header of its own begin another
//! block: a file with one header line is what every program reads, and rows of two shapes under one header would be lies.
//! Amounts are in major units with the decimals of their currency, dates as `2026-10-31`. Totals are no rows: who sums a column
//! must not count twice.

use std::io::Write;

use csv::{Terminator, Writer, WriterBuilder};

use super::{Cell, Column, Head, Section, Sink, Tie, out_of_order};
use crate::reports::{ReportError, chart};

/// Writes a report as CSV.
pub struct Csv<'a> {
    /// Absent only while a block is being changed.
    out: Option<Writer<&'a mut dyn Write>>,
    /// Names of the present block's columns.
    keys: Vec<&'static str>,
    /// The present section and its currency, as they are written.
    place: Option<[String; 2]>,
}

/// A writer of records as RFC 4180 has them.
pub(crate) fn writer<W: Write>(out: W) -> Writer<W> {
    WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out)
}

impl<'a> Csv<'a> {
    /// Writes there.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out: Some(writer(out)), keys: Vec::new(), place: None }
    }

    fn out(&mut self) -> Result<&mut Writer<&'a mut dyn Write>, ReportError> {
        self.out.as_mut().ok_or(ReportError::Stopped)
    }

    /// Ends a block: rows of the next one have other columns.
    fn empty_line(&mut self) -> Result<(), ReportError> {
        let out = self.out.take().ok_or(ReportError::Stopped)?;
        let out = out.into_inner().map_err(csv::IntoInnerError::into_error)?;
        out.write_all(b"\r\n")?;
        self.out = Some(writer(out));
        Ok(())
    }
}

/// The header of a block with these columns.
pub(crate) fn header(columns: &[Column]) -> Vec<&'static str> {
    ["section", "currency"].into_iter().chain(columns.iter().map(|column| column.key)).collect()
}

/// What the first two columns of a section's rows say.
pub(crate) fn place(section: &Section) -> [String; 2] {
    [section.key.to_owned(), section.currency.map(|currency| currency.code().to_owned()).unwrap_or_default()]
}

/// Writes a row: words that would run as a formula are neutralised, numbers and dates stand as they are.
pub(crate) fn put_row<W: Write>(out: &mut Writer<W>, place: &[String; 2], cells: &[Cell]) -> Result<(), ReportError> {
    place.iter().try_for_each(|part| out.write_field(part)).map_err(failed)?;
    let mut plain = String::new();
    for cell in cells {
        match cell {
            Cell::Text(text) => out.write_field(chart::neutral(text).as_bytes()),
            Cell::Empty | Cell::Date(_) | Cell::Money(_) | Cell::Count(_) => {
                plain.clear();
                cell.put_plain(&mut plain);
                out.write_field(&plain)
            }
        }
        .map_err(failed)?;
    }
    out.write_record(None::<&[u8]>).map_err(failed)
}

pub(crate) fn failed(error: csv::Error) -> ReportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ReportError::Write(error),
        other => ReportError::Write(std::io::Error::other(format!("{other:?}"))),
    }
}

impl Sink for Csv<'_> {
    fn head(&mut self, _: &Head) -> Result<(), ReportError> {
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        let keys = header(&section.columns);
        if self.keys != keys {
            if !self.keys.is_empty() {
                self.empty_line()?;
            }
            self.out()?.write_record(&keys).map_err(failed)?;
            self.keys = keys;
        }
        self.place = Some(place(section));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        let place = self.place.as_ref().ok_or_else(|| out_of_order("a row"))?;
        put_row(self.out.as_mut().ok_or(ReportError::Stopped)?, place, cells)
    }

    fn totals(&mut self, _: &[Cell]) -> Result<(), ReportError> {
        Ok(())
    }

    fn end(&mut self, _: &[Tie], _: &[String]) -> Result<(), ReportError> {
        Ok(self.out()?.flush()?)
    }
}
