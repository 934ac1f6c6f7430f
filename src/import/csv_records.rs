//! CSV rows with the line on which each begins.
//!
//! The `csv` crate takes fields apart. It neither says where a row begins once blank lines and CRLF are about, nor
//! bounds a row, nor notices a quote that never closes. So it is fed one record at a time by [`Feed`], which does.

use std::io::{self, Read};

use super::fields::{Column, Need, RawRecord, RawValue, column_list};
use super::input::{Input, push_within_limit};
use super::line::Line;
use super::problem::{Problem, RowError, RowProblem};

/// Rows of a CSV file.
pub(super) struct CsvRecords<'r> {
    reader: csv::Reader<Feed<'r>>,
    columns: &'static [Column],
    /// For each field of the file, which column it is.
    header: Vec<usize>,
    fields: csv::ByteRecord,
}

impl<'r> CsvRecords<'r> {
    /// Reads the header: every required column, no unknown one, none twice.
    pub(super) fn begin(input: Input<'r>, columns: &'static [Column]) -> Result<Self, RowError> {
        let feed = Feed { input, record: Vec::new(), served: 0, line: 0, failure: None };
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).terminator(csv::Terminator::Any(b'\n')).from_reader(feed);
        let mut records = Self { reader, columns, header: Vec::new(), fields: csv::ByteRecord::new() };
        let Some(line) = records.advance()? else {
            return Err(RowProblem::of_file(Problem::EmptyFile).into());
        };
        records.header = read_header(&records.fields, line, columns)?;
        Ok(records)
    }

    /// Reads the next record into `fields`; its line, or `None` at the end.
    fn advance(&mut self) -> Result<Option<u64>, RowError> {
        let more = self.reader.read_byte_record(&mut self.fields);
        if let Some(problem) = self.reader.get_mut().failure.take() {
            return Err(problem.into());
        }
        match more {
            Ok(true) => Ok(Some(self.reader.get_ref().line)),
            Ok(false) => Ok(None),
            Err(error) => {
                let kind = if let csv::ErrorKind::Io(error) = error.kind() { error.kind() } else { io::ErrorKind::InvalidData };
                Err(RowProblem::of_file(Problem::Unreadable(kind)).into())
            }
        }
    }

    /// The next row; `Ok(None)` at the end. After `Err(Broken::File)` there is nothing more to read.
    pub(super) fn next(&mut self) -> Result<Option<RawRecord>, Broken> {
        let Some(line) = self.advance().map_err(Broken::File)? else { return Ok(None) };
        if self.fields.len() != self.header.len() {
            let problem = Problem::FieldCount { found: self.fields.len(), expected: self.header.len() };
            return Err(Broken::Row(RowProblem::at(line, problem).into()));
        }
        let mut record = RawRecord::new(line.into(), self.columns);
        let mut problems = Vec::new();
        for (bytes, column) in self.fields.iter().zip(&self.header) {
            match std::str::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => record.set(*column, RawValue::Text(text.trim().to_owned())),
                Err(_) => problems.push(record.problem(*column, Problem::NotUtf8)),
            }
        }
        if problems.is_empty() { Ok(Some(record)) } else { Err(Broken::Row(RowError { problems })) }
    }
}

/// How much a problem spoils.
#[derive(Debug)]
pub(super) enum Broken {
    /// This row; the next can be read.
    Row(RowError),
    /// Where the next row begins is not known.
    File(RowError),
}

fn read_header(fields: &csv::ByteRecord, line: u64, columns: &'static [Column]) -> Result<Vec<usize>, RowError> {
    let names: Vec<&str> = fields.iter().map(|bytes| std::str::from_utf8(bytes).unwrap_or_default().trim()).collect();
    let position = |name: &str| columns.iter().position(|column| column.name == name);
    if names.iter().all(|name| position(name).is_none()) {
        return Err(RowProblem::at(line, Problem::NotAHeader { expected: column_list(columns) }).into());
    }
    let mut header = Vec::new();
    let mut problems = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match position(name) {
            Some(column) if header.contains(&column) => {
                problems.push(RowProblem::in_field(line, name, Problem::RepeatedColumn));
            }
            Some(column) => header.push(column),
            None => problems.push(unknown_column(line, name, &format!("field {}", index + 1), columns)),
        }
    }
    let missing = columns.iter().enumerate().filter(|(index, column)| column.need == Need::Required && !header.contains(index));
    problems.extend(missing.map(|(_, column)| RowProblem::in_field(line, column.name, Problem::MissingColumn)));
    if problems.is_empty() { Ok(header) } else { Err(RowError { problems }) }
}

/// Reports an unknown column: by its name where that is written as our names are, by its place otherwise, because a header
/// that has run into the first row has somebody's data in it.
pub(super) fn unknown_column(line: impl Into<Line>, name: &str, place: &str, columns: &[Column]) -> RowProblem {
    const NAME_CHARS_MAX: usize = 40;
    let in_a_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let is_name = name.len() <= NAME_CHARS_MAX && name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(in_a_name);
    let field = if is_name { name } else { place };
    RowProblem::in_field(line, field, Problem::UnknownColumn { expected: column_list(columns) })
}

/// Gives the `csv` reader the bytes of one record at a time. As the reader asks for more only when it has used up what it
/// was given, `line` is always that of the record that it returns.
struct Feed<'r> {
    input: Input<'r>,
    record: Vec<u8>,
    served: usize,
    line: u64,
    failure: Option<RowProblem>,
}

/// Where in a record a byte stands, by the same rules as the `csv` crate's: a quote opens only at the start of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    FieldStart,
    Unquoted,
    Quoted { since_line: u64 },
    QuoteInQuoted { since_line: u64 },
}

impl Place {
    const fn after(self, byte: u8, line: u64) -> Self {
        match (self, byte) {
            (Self::FieldStart, b'"') => Self::Quoted { since_line: line },
            (Self::Quoted { since_line }, b'"') => Self::QuoteInQuoted { since_line },
            (Self::QuoteInQuoted { since_line }, b'"') => Self::Quoted { since_line },
            (quoted @ Self::Quoted { .. }, _) => quoted,
            (_, b',') => Self::FieldStart,
            (_, _) => Self::Unquoted,
        }
    }
}

impl Feed<'_> {
    /// Loads the next record that is not a blank line, ended by one line feed; false at the end of the file.
    fn load(&mut self) -> Result<bool, RowProblem> {
        loop {
            self.record.clear();
            self.served = 0;
            self.line = self.input.line();
            let at_end = self.load_line()?;
            if self.record.last() == Some(&b'\r') {
                self.record.pop();
            }
            if !self.record.is_empty() {
                self.record.push(b'\n');
                return Ok(true);
            }
            if at_end {
                return Ok(false);
            }
        }
    }

    /// Loads up to a line feed that is not quoted; whether the file ended instead.
    fn load_line(&mut self) -> Result<bool, RowProblem> {
        let mut place = Place::FieldStart;
        loop {
            let line = self.input.line();
            match (self.input.next()?, place) {
                (None, Place::Quoted { since_line }) => return Err(RowProblem::at(since_line, Problem::UnclosedQuote)),
                (None, _) => return Ok(true),
                (Some(b'\n'), Place::FieldStart | Place::Unquoted | Place::QuoteInQuoted { .. }) => return Ok(false),
                (Some(byte), _) => {
                    push_within_limit(&mut self.record, byte, self.line)?;
                    place = place.after(byte, line);
                }
            }
        }
    }
}

impl Read for Feed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Ok(0);
        }
        if self.served >= self.record.len() {
            match self.load() {
                Ok(true) => {}
                Ok(false) => return Ok(0),
                Err(problem) => {
                    self.failure = Some(problem);
                    return Ok(0);
                }
            }
        }
        let rest = self.record.get(self.served..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.served += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::tax::DatedRate;
    use crate::import::{AccountRow, Format, RECORD_BYTES_MAX, read_all};

    #[track_caller]
    fn refused(csv: &[u8], expected: &str) {
        assert_eq!(read_all::<DatedRate>("t.csv", Format::Csv, csv).unwrap_err().to_string(), expected);
    }

    #[test]
    fn the_header_is_checked() {
        refused(b"", "t.csv: the file is empty");
        refused(b"\xff\xfej\0", "t.csv: the file is UTF-16; save it as UTF-8");
        refused(b"DE,2021-01-01,0.19\n", "t.csv:1: the first line must name the columns: jurisdiction, valid_from, rate");
        refused(
            b"\n\njurisdiction,rate,Jo Smith,tax_rate,rate\n",
            "t.csv:3: field 3: no such column; there are jurisdiction, valid_from, rate
t.csv:3: tax_rate: no such column; there are jurisdiction, valid_from, rate
t.csv:3: rate: this column is there twice
t.csv:3: valid_from: this column is missing",
        );
    }

    #[test]
    fn a_broken_row_does_not_hide_the_others() {
        refused(
            b"jurisdiction,valid_from,rate\nDE\nFR,2021-01-01,0.\xff\n,2021-01-01,0.2\n\"a\nb\",2021-01-01,0.2\nKW,0000-01-01,1.01\n",
            "t.csv:2: the row has 1 fields, the header has 3
t.csv:3: rate: not UTF-8 text; save the file as UTF-8
t.csv:4: jurisdiction: a value is missing
t.csv:5: jurisdiction: `a\u{fffd}b` must be a jurisdiction: up to 16 capital letters, digits and dashes, like US-CA
t.csv:7: valid_from: `0000-01-01` must be a date, YYYY-MM-DD, in the years 1 to 9999
t.csv:7: rate: `1.01` must be a rate from 0 to 1 with at most nine decimals, like 0.0825",
        );
    }

    #[test]
    fn a_row_without_end_is_not_held() {
        refused(b"jurisdiction,valid_from,rate\nDE,2021-01-01,\"0.19\nFR,2021-01-01,0.2\n", "t.csv:2: a quote opens here and never closes");
        let long = format!("jurisdiction,valid_from,rate\nDE,2021-01-01,{}", "9".repeat(RECORD_BYTES_MAX));
        refused(long.as_bytes(), "t.csv:2: the row is longer than 65536 bytes; is a quote or a line end missing?");
    }

    #[test]
    fn a_header_that_has_run_into_a_row_names_nobody() {
        let csv = "account_id,email,nameacc-1,jo@example.com,Jo Smith,Jo\n";
        let refusal = read_all::<AccountRow>("a.csv", Format::Csv, csv.as_bytes()).unwrap_err().to_string();
        assert!(refusal.contains("field 5: no such column") && !refusal.contains("Jo") && !refusal.contains("example"), "{refusal}");
    }
}
