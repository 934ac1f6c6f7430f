//! Tables of providers: CSV or TSV whose columns are found by name, and of which only those that are asked for are looked at.

use std::io::Read;

use super::source_bytes::{Digested, newlines};
use super::{Out, values};
use crate::domain::money::Currency;
use crate::import::problem::{Problem, RowError, RowProblem};

/// A column that was found, with the name that messages use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Col {
    index: usize,
    name: &'static str,
}

/// A table that is being read.
pub(super) struct Table<'i, R: Read> {
    reader: csv::Reader<&'i mut Digested<R>>,
    names: Vec<String>,
    record: csv::StringRecord,
    line: u64,
    missing: Vec<RowProblem>,
    /// What parts the fields, as far as is known.
    delimiter: u8,
}

/// What parts the fields of tables.
const DELIMITERS: [(u8, &str); 4] = [(b',', "`,`"), (b';', "`;`"), (b'\t', "tabs"), (b'|', "`|`")];

/// `Gross Transaction Amount` and `gross_transaction_amount` are one name.
pub(super) fn plain(name: &str) -> String {
    name.trim().to_lowercase().replace([' ', '-'], "_")
}

impl<'i, R: Read> Table<'i, R> {
    /// Reads the line with the names of the columns.
    pub(super) fn begin(bytes: &'i mut Digested<R>, delimiter: u8) -> Result<Self, RowError> {
        Self::begin_at(bytes, delimiter, |_| true)
    }

    /// The same for files with other lines before that one.
    pub(super) fn begin_at(
        bytes: &'i mut Digested<R>,
        delimiter: u8,
        mut is_header: impl FnMut(&[&str]) -> bool,
    ) -> Result<Self, RowError> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(bytes);
        let mut table = Self { reader, names: Vec::new(), record: csv::StringRecord::new(), line: 0, missing: Vec::new(), delimiter };
        loop {
            if !table.advance()? {
                return Err(RowProblem::of_file(Problem::EmptyFile).into());
            }
            if is_header(&table.fields().1) {
                break;
            }
        }
        table.rename();
        Ok(table)
    }

    /// Takes the line that was read last for the names of the columns from here on.
    pub(super) fn rename(&mut self) {
        self.names = self.record.iter().map(plain).collect();
    }

    /// A column that must be there, under any of these names.
    pub(super) fn column(&mut self, names: &[&'static str]) -> Option<Col> {
        let found = self.optional(names);
        if found.is_none() {
            let name = names.first().copied().unwrap_or_default();
            self.missing.push(RowProblem::in_field(self.line, name, Problem::MissingColumn));
        }
        found
    }

    /// A column that may be there.
    pub(super) fn optional(&self, names: &[&'static str]) -> Option<Col> {
        names.iter().find_map(|name| self.names.iter().position(|known| *known == plain(name)).map(|index| Col { index, name }))
    }

    /// A column that has a name of its own in this file.
    pub(super) fn named(&mut self, theirs: &str, ours: &'static str, needed: bool) -> Option<Col> {
        let found = self.names.iter().position(|known| *known == plain(theirs)).map(|index| Col { index, name: ours });
        if found.is_none() && needed {
            self.missing.push(RowProblem::in_field(self.line, ours, Problem::MissingColumn));
        }
        found
    }

    /// Everything that is missing; or why, where all names are one field.
    pub(super) fn missing(&mut self) -> RowError {
        let count = |mark: u8| self.names.first().map_or(0, |all| all.bytes().filter(|byte| *byte == mark).count());
        let found = DELIMITERS.iter().filter(|(mark, _)| *mark != self.delimiter && count(*mark) > 0).max_by_key(|(mark, _)| count(*mark));
        if let Some((_, found)) = found.filter(|_| self.names.len() == 1) {
            let expected = DELIMITERS.iter().find(|(mark, _)| *mark == self.delimiter).map_or("another mark", |(_, name)| name);
            let why = format!(
                "the columns are parted by {found}: save the file with {expected} instead (of a bank's CSV --delimiter says what parts them)"
            );
            return RowProblem::at(self.line, Problem::Rule(why)).into();
        }
        RowError { problems: std::mem::take(&mut self.missing) }
    }

    fn field(&self, index: usize) -> &str {
        self.record.get(index).unwrap_or_default().trim()
    }

    /// Reads the next line, whatever it is.
    pub(super) fn advance(&mut self) -> Result<bool, RowError> {
        let before = self.reader.position().line();
        let read = self.reader.read_record(&mut self.record);
        self.reader.get_mut().record_ends();
        match read {
            Ok(more) => {
                let within = newlines(self.record.as_slice().as_bytes());
                // Right after its end; blank lines before it do not count.
                self.line = self.reader.position().line().saturating_sub(1 + within);
                Ok(more)
            }
            Err(error) => {
                let line = self.reader.position().line().max(before);
                Err(match (self.reader.get_mut().failure(), error.kind()) {
                    (Some(problem), _) => RowProblem::at(before, problem).into(),
                    (None, csv::ErrorKind::Utf8 { .. }) => RowProblem::at(line.saturating_sub(1), Problem::NotUtf8).into(),
                    (None, csv::ErrorKind::Io(error)) => RowProblem::of_file(Problem::Unreadable(error.kind())).into(),
                    (None, _) => RowProblem::at(before, Problem::NotUtf8).into(),
                })
            }
        }
    }

    /// The next row that has as many fields as the header; none at the end. `ends` tells the row after which no more rows follow.
    pub(super) fn next(&mut self, out: &mut Out<'_, '_>, mut ends: impl FnMut(&str) -> bool) -> Result<Option<Row<'_>>, RowError> {
        loop {
            if !self.advance()? || ends(self.field(0)) {
                return Ok(None);
            }
            if !out.goes_on() {
                return Ok(None);
            }
            if self.record.len() == self.names.len() {
                return Ok(Some(Row { line: self.line, record: &self.record, problems: Vec::new() }));
            }
            let problem = Problem::FieldCount { found: self.record.len(), expected: self.names.len() };
            out.note(RowProblem::at(self.line, problem));
        }
    }

    /// The row that was read last, as one that is not counted.
    pub(super) fn row(&self) -> Row<'_> {
        Row { line: self.line, record: &self.record, problems: Vec::new() }
    }

    /// The row that was read last.
    pub(super) fn fields(&self) -> (u64, Vec<&str>) {
        (self.line, self.record.iter().map(str::trim).collect())
    }
}

/// One row, and what is wrong with it.
pub(super) struct Row<'r> {
    pub(super) line: u64,
    record: &'r csv::StringRecord,
    problems: Vec<RowProblem>,
}

impl<'r> Row<'r> {
    /// The text in a column, if there is any.
    pub(super) fn text(&self, column: impl Into<Option<Col>>) -> Option<&'r str> {
        let text = self.record.get(column.into()?.index)?.trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Notes what is wrong with a column.
    pub(super) fn wrong(&mut self, column: Col, problem: Problem) {
        self.problems.push(RowProblem::in_field(self.line, column.name, problem));
    }

    /// A value that must be there.
    pub(super) fn need<T>(&mut self, column: Col, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        if self.text(column).is_none() {
            self.wrong(column, Problem::Missing);
        }
        self.may(column, parse)
    }

    /// A value that may be there.
    pub(super) fn may<T>(&mut self, column: impl Into<Option<Col>>, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        let column = column.into()?;
        let text = self.text(column)?;
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.wrong(column, problem.showing(text));
                None
            }
        }
    }

    /// An amount in major units that must be there.
    pub(super) fn amount(&mut self, column: Col, currency: Option<Currency>) -> Option<i64> {
        let currency = currency?;
        self.need(column, |text| values::major(text, currency, false))
    }

    /// The kind of movement, by a table; a word that is not in it refuses the file.
    pub(super) fn category<T>(&mut self, column: Col, find: impl FnOnce(&str) -> Option<T>) -> Option<(T, &'r str)> {
        let Some(text) = self.text(column) else {
            self.wrong(column, Problem::Missing);
            return None;
        };
        match find(text) {
            Some(found) => Some((found, text)),
            None => {
                self.wrong(column, Problem::Unknown { what: "category", name: text.chars().take(60).collect() });
                None
            }
        }
    }

    /// What is wrong, if anything.
    pub(super) fn finish(self) -> Result<(), RowError> {
        if self.problems.is_empty() { Ok(()) } else { Err(RowError { problems: self.problems }) }
    }
}
