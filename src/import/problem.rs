//! What can be wrong with an import file, and the list of it that a person gets.

use std::fmt;
use std::io;

use super::line::{Line, Place};
use super::{DAYS_MAX, DOCUMENT_BYTES_MAX, FILE_BYTES_MAX, RECORD_BYTES_MAX, ROWS_MAX};
use crate::domain::calendar::CalendarError;
use crate::domain::ids::BadId;
use crate::domain::money::MoneyError;

/// So many problems of one file are listed; the rest is counted.
pub const PROBLEMS_MAX: usize = 100;

/// One thing that is wrong. Texts from the file appear in it only where the file has no customers in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The operating system refuses to read on.
    #[error("the file cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// More than [`FILE_BYTES_MAX`].
    #[error("the file is larger than {FILE_BYTES_MAX} bytes")]
    FileTooLarge,
    /// More than [`DOCUMENT_BYTES_MAX`], in a file that is held whole.
    #[error("the file is larger than {DOCUMENT_BYTES_MAX} bytes")]
    DocumentTooLarge,
    /// More than [`ROWS_MAX`].
    #[error("the file has more than {ROWS_MAX} rows")]
    TooManyRows,
    /// More than [`RECORD_BYTES_MAX`].
    #[error("the row is longer than {RECORD_BYTES_MAX} bytes; is a quote or a line end missing?")]
    RecordTooLong,
    /// No bytes, or only white space.
    #[error("the file is empty")]
    EmptyFile,
    /// Begins with a UTF-16 byte order mark.
    #[error("the file is UTF-16; save it as UTF-8")]
    Utf16,
    /// Bytes that are not UTF-8.
    #[error("not UTF-8 text; save the file as UTF-8")]
    NotUtf8,
    /// A CSV quote opens and never closes.
    #[error("a quote opens here and never closes")]
    UnclosedQuote,
    /// Not one word of the first CSV line is a column.
    #[error("the first line must name the columns: {expected}")]
    NotAHeader {
        /// The columns of this kind.
        expected: String,
    },
    /// A column (or JSON key) that this kind does not have.
    #[error("no such column; there are {expected}")]
    UnknownColumn {
        /// The columns of this kind.
        expected: String,
    },
    /// A key of a document that is not known there.
    #[error("no such key; there are {expected}")]
    UnknownKey {
        /// The keys of this object.
        expected: String,
    },
    /// A column that must be there.
    #[error("this column is missing")]
    MissingColumn,
    /// A column (or JSON key) that is there twice.
    #[error("this column is there twice")]
    RepeatedColumn,
    /// A CSV row of another length than the header.
    #[error("the row has {found} fields, the header has {expected}")]
    FieldCount {
        /// Fields in the row.
        found: usize,
        /// Fields in the header.
        expected: usize,
    },
    /// Not JSON. The reason never repeats the text.
    #[error("not valid JSON: {reason}")]
    Json {
        /// What the parser expected.
        reason: String,
    },
    /// JSON, but not of the form that the document has.
    #[error("{reason}")]
    Shape {
        /// What was expected.
        reason: String,
    },
    /// A JSON array of something else than objects, or a line that is not an object.
    #[error("a row must be a JSON object, one a line or in one array")]
    NotAnObject,
    /// Something stands after the end of the JSON array.
    #[error("text stands after the end of the array")]
    TrailingText,
    /// A JSON value of the wrong type.
    #[error("must be {expected}, not {found}")]
    WrongType {
        /// What the field takes.
        expected: &'static str,
        /// The JSON type that was found.
        found: &'static str,
    },
    /// A field that must have a value has none.
    #[error("a value is missing")]
    Missing,
    /// The text is not of the form that the field has.
    #[error("{}must be {expected}", shown.as_deref().map(quoted).unwrap_or_default())]
    NotA {
        /// What the field takes.
        expected: &'static str,
        /// The text, shortened; absent in screened files.
        shown: Option<String>,
    },
    /// Not an id.
    #[error(transparent)]
    Id(#[from] BadId),
    /// Not an amount, or not in this currency.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A date that does not fit the calendar (CA-1).
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// PP-3: never accepted, never repeated.
    #[error("looks like a card number, which is never accepted (PP-3)")]
    CardNumber,
    /// The same thing twice in one file.
    #[error("{}is there twice, first {first}", shown.as_deref().map(quoted).unwrap_or_default())]
    Repeated {
        /// The key that is there twice.
        shown: Option<String>,
        /// Where the first is.
        first: Place,
    },
    /// The same thing twice in one file, and not as the first time.
    #[error("{}is there twice, and says something else {first}", shown.as_deref().map(quoted).unwrap_or_default())]
    SaysOther {
        /// The key that is there twice.
        shown: Option<String>,
        /// Where the first is.
        first: Place,
    },
    /// Fields that make sense only together.
    #[error("can be given only together with {other}")]
    Needs {
        /// The field that is missing.
        other: &'static str,
    },
    /// Two fields that contradict each other.
    #[error("contradicts {other}: {why}")]
    Contradicts {
        /// The other field.
        other: &'static str,
        /// In which way.
        why: &'static str,
    },
    /// A number outside its range.
    #[error("must be from {least} to {most}")]
    Range {
        /// Least allowed.
        least: u64,
        /// Most allowed.
        most: u64,
    },
    /// A span of more than [`DAYS_MAX`] days.
    #[error("must be at most {DAYS_MAX} days")]
    TooManyDays,
    /// More elements than allowed.
    #[error("has {found} elements; at most {most} are allowed")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many are allowed.
        most: usize,
    },
    /// Names something that neither this file nor the store has.
    #[error("no {what} `{name}` is known")]
    Unknown {
        /// The kind of thing.
        what: &'static str,
        /// Its id or name.
        name: String,
    },
    /// Something of that name is stored already.
    #[error("{what} `{name}` exists already")]
    Exists {
        /// The kind of thing.
        what: &'static str,
        /// Its id or name.
        name: String,
    },
    /// Any other rule, in words; also for callers that check rows against what is stored.
    #[error("{0}")]
    Rule(String),
}

impl Problem {
    /// The text is not what the field takes.
    #[must_use]
    pub const fn not_a(expected: &'static str) -> Self {
        Self::NotA { expected, shown: None }
    }

    /// The same problem, naming the text where that helps.
    #[must_use]
    pub fn showing(self, text: &str) -> Self {
        match self {
            Self::NotA { expected, shown: None } => Self::NotA { expected, shown: Some(shortened(text)) },
            other => other,
        }
    }
}

/// At most 40 characters of a text, without control characters, which would garble a terminal.
pub(super) fn shortened(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    let mut shown: String = text.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn quoted(text: &str) -> String {
    format!("`{text}` ")
}

/// A problem and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowProblem {
    /// The line, from 1; `None` where the file as a whole is meant.
    pub line: Option<Line>,
    /// The column, or the path in a document (`tiers[1].rank`).
    pub field: Option<String>,
    /// What is wrong.
    pub problem: Problem,
}

impl RowProblem {
    /// A problem of the whole file.
    #[must_use]
    pub const fn of_file(problem: Problem) -> Self {
        Self { line: None, field: None, problem }
    }

    /// A problem of a whole line.
    #[must_use]
    pub fn at(line: impl Into<Line>, problem: Problem) -> Self {
        Self { line: Some(line.into()), field: None, problem }
    }

    /// A problem of one field.
    #[must_use]
    pub fn in_field(line: impl Into<Line>, field: &str, problem: Problem) -> Self {
        Self { line: Some(line.into()), field: Some(field.to_owned()), problem }
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        self.problem.fmt(f)
    }
}

/// Everything that is wrong with one row; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowError {
    /// The problems, in the order of the columns.
    pub problems: Vec<RowProblem>,
}

impl From<RowProblem> for RowError {
    fn from(problem: RowProblem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problems.iter().enumerate().try_for_each(|(index, problem)| {
            f.write_str(if index == 0 { "" } else { "; " })?;
            problem.fmt(f)
        })
    }
}

impl std::error::Error for RowError {}

/// Why a file was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportError {
    /// The file's name.
    pub file: String,
    /// The first [`PROBLEMS_MAX`] problems, in the order of the file.
    pub problems: Vec<RowProblem>,
    /// How many more there were.
    pub more: u64,
}

impl fmt::Display for ImportError {
    /// One problem a line, as `file:line: field: problem`, which editors can jump to.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, RowProblem { line, field, problem }) in self.problems.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "\n" })?;
            f.write_str(&self.file)?;
            if let Some(line) = line {
                write!(f, ":{line}")?;
            }
            if let Some(field) = field {
                write!(f, ": {field}")?;
            }
            write!(f, ": {problem}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for ImportError {}

/// Collects the problems of one file.
///
/// ```
/// use kasacare::import::{Problem, Problems, RowProblem};
/// let mut problems = Problems::new("accounts.csv");
/// assert!(problems.is_empty());
/// problems.note(RowProblem::in_field(7, "account_id", Problem::Exists { what: "account", name: "a-1".to_owned() }));
/// assert_eq!(problems.finish().unwrap_err().to_string(), "accounts.csv:7: account_id: account `a-1` exists already");
/// ```
#[derive(Debug)]
pub struct Problems {
    error: ImportError,
}

impl Problems {
    /// An empty list for a file.
    #[must_use]
    pub fn new(file: &str) -> Self {
        Self { error: ImportError { file: file.to_owned(), problems: Vec::new(), more: 0 } }
    }

    /// Adds one problem.
    pub fn note(&mut self, problem: RowProblem) {
        if self.error.problems.len() < PROBLEMS_MAX {
            self.error.problems.push(problem);
        } else {
            self.error.more = self.error.more.saturating_add(1);
        }
    }

    /// Adds everything that is wrong with a row.
    pub fn note_row(&mut self, error: RowError) {
        for problem in error.problems {
            self.note(problem);
        }
    }

    /// Adds the problems of another list of the same file.
    #[must_use]
    pub fn absorb(mut self, other: Self) -> Self {
        let ImportError { problems, more, .. } = other.error;
        problems.into_iter().for_each(|problem| self.note(problem));
        self.error.more = self.error.more.saturating_add(more);
        self
    }

    /// Whether nothing was wrong so far.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.error.problems.is_empty()
    }

    /// The refusal, if anything was wrong.
    pub fn finish(self) -> Result<(), ImportError> {
        if self.is_empty() { Ok(()) } else { Err(self.error) }
    }
}
