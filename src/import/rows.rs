//! The rows of a file, one at a time.

use std::io::Read;
use std::marker::PhantomData;

use super::csv_records::{Broken, CsvRecords};
use super::fields::{Column, Fields, RawRecord};
use super::input::{Input, Source};
use super::json_records::JsonRecords;
use super::problem::{ImportError, Problem, Problems, RowError, RowProblem};
use super::seen::{Seen, UniqueKey};
use super::{Format, Placed, ROWS_MAX};

/// A row of some kind of file.
pub trait ImportRow: Sized {
    /// The columns; their names are also the JSON keys.
    const COLUMNS: &'static [Column];
    /// Whether the file has customers in it: values are not repeated in messages.
    const SCREENED: bool;

    /// Takes the row from its fields; `None` where one cannot be used, which `fields` has noted then.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;

    /// Tells `note` each thing that may be in the file only once.
    fn unique_keys(&self, note: &mut dyn FnMut(UniqueKey<'_>));
}

enum Records<'r> {
    Csv(Box<CsvRecords<'r>>),
    Json(JsonRecords<'r>),
}

/// The rows of a file, in its order. Bad rows are errors, after which the next row comes, unless where it begins cannot
/// be known. Duplicates are errors of the later row.
pub struct Rows<'r, T> {
    records: Result<Records<'r>, Option<RowError>>,
    seen: Seen,
    count: u64,
    row: PhantomData<fn() -> T>,
}

/// Reads a file of rows, in one pass, one row in memory at a time.
///
/// ```
/// use kasacare::domain::tax::DatedRate;
/// use kasacare::import::{Format, rows};
/// let file = "valid_from,jurisdiction,rate\n2021-01-01,DE,0.19\n2021-01-01,FR,a fifth\n";
/// let mut read = rows::<DatedRate>(Format::Csv, file.as_bytes());
/// assert_eq!(read.next().unwrap().unwrap().row.jurisdiction, "DE");
/// let problem = read.next().unwrap().unwrap_err();
/// assert_eq!(problem.to_string(), "line 3: rate: `a fifth` must be a rate from 0 to 1 with at most nine decimals, like 0.0825");
/// assert!(read.next().is_none());
/// ```
pub fn rows<'r, T: ImportRow>(format: Format, input: impl Read + Send + 'r) -> Rows<'r, T> {
    let records = open(format, Box::new(input), T::COLUMNS).map_err(Some);
    Rows { records, seen: Seen::default(), count: 0, row: PhantomData }
}

fn open<'r>(format: Format, source: Source<'r>, columns: &'static [Column]) -> Result<Records<'r>, RowError> {
    let input = Input::begin(source)?;
    Ok(match format {
        Format::Csv => Records::Csv(Box::new(CsvRecords::begin(input, columns)?)),
        Format::Json => Records::Json(JsonRecords::begin(input, columns)?),
    })
}

impl<T: ImportRow> Rows<'_, T> {
    fn next_record(&mut self) -> Result<Option<RawRecord>, Broken> {
        let record = match &mut self.records {
            Err(error) => return error.take().map_or(Ok(None), |error| Err(Broken::File(error))),
            Ok(Records::Csv(records)) => records.next(),
            Ok(Records::Json(records)) => records.next(),
        };
        if record.as_ref().is_ok_and(Option::is_none) {
            return Ok(None);
        }
        self.count += 1;
        if self.count > ROWS_MAX {
            return Err(Broken::File(RowProblem::of_file(Problem::TooManyRows).into()));
        }
        record
    }

    fn parse(&mut self, record: &RawRecord) -> Result<T, RowError> {
        let problems = record.card_numbers();
        if !problems.is_empty() {
            return Err(RowError { problems });
        }
        let mut fields = Fields::new(record, T::SCREENED);
        let row = T::from_fields(&mut fields);
        let mut problems = fields.into_problems();
        let Some(row) = row.filter(|_| problems.is_empty()) else {
            return Err(RowError { problems });
        };
        row.unique_keys(&mut |key| problems.extend(self.seen.note(&key, record.line()).err()));
        if problems.is_empty() { Ok(row) } else { Err(RowError { problems }) }
    }
}

impl<T: ImportRow> Iterator for Rows<'_, T> {
    type Item = Result<Placed<T>, RowError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.next_record() {
            Ok(None) => None,
            Ok(Some(record)) => Some(self.parse(&record).map(|row| Placed { line: record.line(), row })),
            Err(Broken::Row(error)) => Some(Err(error)),
            Err(Broken::File(error)) => {
                self.records = Err(None);
                Some(Err(error))
            }
        }
    }
}

/// Holds a whole file of rows: all of them, or everything that is wrong.
pub fn read_all<T: ImportRow>(file: &str, format: Format, input: impl Read + Send) -> Result<Vec<Placed<T>>, ImportError> {
    let mut problems = Problems::new(file);
    let mut good = Vec::new();
    for row in rows::<T>(format, input) {
        match row {
            Ok(row) => good.push(row),
            Err(error) => problems.note_row(error),
        }
    }
    problems.finish().map(|()| good)
}
