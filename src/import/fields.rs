//! The fields of one row, whatever the file's format: taken by name, checked, and every problem of the row noted.

use chrono::{Datelike, NaiveDate};

use super::card_number::looks_like_card_number;
use super::line::Line;
use super::problem::{Problem, RowProblem};
use crate::domain::ids::check_id;
use crate::domain::money::Currency;

/// Longest name of a tax jurisdiction.
const JURISDICTION_CHARS_MAX: usize = 16;

/// Whether a column must be in the file and have a value in each row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// It may be left out, or be empty.
    Optional,
}

/// One column of a CSV file, and the JSON key of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name, as in the header.
    pub name: &'static str,
    /// Whether it must be there.
    pub need: Need,
}

impl Column {
    /// A column that must have a value in each row.
    #[must_use]
    pub const fn required(name: &'static str) -> Self {
        Self { name, need: Need::Required }
    }

    /// A column that may be left out, or be empty.
    #[must_use]
    pub const fn optional(name: &'static str) -> Self {
        Self { name, need: Need::Optional }
    }
}

/// The columns for a message: `a, b, [c]`, optional ones in brackets.
pub(super) fn column_list(columns: &[Column]) -> String {
    let names = columns.iter().map(|column| match column.need {
        Need::Required => column.name.to_owned(),
        Need::Optional => format!("[{}]", column.name),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// A value as the file has it, never empty text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RawValue {
    Text(String),
    Number(u64),
    Bool(bool),
    List(Vec<String>),
}

impl RawValue {
    const fn type_name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Number(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
        }
    }

    fn has_card_number(&self) -> bool {
        match self {
            Self::Text(text) => looks_like_card_number(text),
            Self::Number(number) => looks_like_card_number(&number.to_string()),
            Self::Bool(_) => false,
            Self::List(texts) => texts.iter().any(|text| looks_like_card_number(text)),
        }
    }
}

/// One row before its fields are checked.
#[derive(Debug)]
pub(super) struct RawRecord {
    line: Line,
    columns: &'static [Column],
    values: Vec<Option<RawValue>>,
}

impl RawRecord {
    pub(super) fn new(line: Line, columns: &'static [Column]) -> Self {
        Self { line, columns, values: vec![None; columns.len()] }
    }

    pub(super) const fn line(&self) -> Line {
        self.line
    }

    pub(super) fn set(&mut self, column: usize, value: RawValue) {
        if let Some(slot) = self.values.get_mut(column) {
            *slot = Some(value);
        }
    }

    pub(super) fn problem(&self, column: usize, problem: Problem) -> RowProblem {
        RowProblem::in_field(self.line, self.columns.get(column).map_or("", |column| column.name), problem)
    }

    /// PP-3: the fields that look like card numbers.
    pub(super) fn card_numbers(&self) -> Vec<RowProblem> {
        let suspects = self.values.iter().enumerate().filter(|(_, value)| value.as_ref().is_some_and(RawValue::has_card_number));
        suspects.map(|(column, _)| self.problem(column, Problem::CardNumber)).collect()
    }
}

/// The fields of one row. Each method returns `None` where the field cannot be used, after noting why.
pub struct Fields<'f> {
    record: &'f RawRecord,
    screened: bool,
    problems: Vec<RowProblem>,
}

impl<'f> Fields<'f> {
    pub(super) const fn new(record: &'f RawRecord, screened: bool) -> Self {
        Self { record, screened, problems: Vec::new() }
    }

    pub(super) fn into_problems(self) -> Vec<RowProblem> {
        self.problems
    }

    /// Notes a problem of a field.
    pub fn note(&mut self, column: &'static str, problem: Problem) {
        self.problems.push(RowProblem::in_field(self.record.line, column, problem));
    }

    fn value(&self, column: &'static str) -> Option<&'f RawValue> {
        let index = self.record.columns.iter().position(|known| known.name == column)?;
        self.record.values.get(index)?.as_ref()
    }

    /// Whether the row has a value for the column.
    #[must_use]
    pub fn has(&self, column: &'static str) -> bool {
        self.value(column).is_some()
    }

    fn wrong_type(&mut self, column: &'static str, expected: &'static str, found: &RawValue) {
        self.note(column, Problem::WrongType { expected, found: found.type_name() });
    }

    fn checked<T>(&mut self, column: &'static str, text: &str, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        match parse(text) {
            Ok(value) => Some(value),
            Err(problem) => {
                let problem = if self.screened { problem } else { problem.showing(text) };
                self.note(column, problem);
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required<T>(&mut self, column: &'static str, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        if !self.has(column) {
            self.note(column, Problem::Missing);
        }
        self.optional(column, parse)
    }

    /// A text that may be absent.
    pub fn optional<T>(&mut self, column: &'static str, parse: impl FnOnce(&str) -> Result<T, Problem>) -> Option<T> {
        match self.value(column)? {
            RawValue::Text(text) => self.checked(column, text, parse),
            other => {
                self.wrong_type(column, "text", other);
                None
            }
        }
    }

    /// A whole number that may be absent: digits, or a JSON number.
    pub fn whole_number(&mut self, column: &'static str) -> Option<u32> {
        let not_a_number = || Problem::not_a("a whole number from 0 to 4294967295");
        match self.value(column)? {
            RawValue::Text(text) => self.checked(column, text, |text| {
                let digits = text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| digits).ok_or_else(not_a_number)
            }),
            RawValue::Number(number) => self.checked(column, &number.to_string(), |text| text.parse().map_err(|_| not_a_number())),
            other => {
                self.wrong_type(column, "a whole number", other);
                None
            }
        }
    }

    /// `yes` or `no`, or JSON `true` or `false`; must be there.
    pub fn yes_no(&mut self, column: &'static str) -> Option<bool> {
        if let Some(RawValue::Bool(value)) = self.value(column) {
            return Some(*value);
        }
        self.required(column, |text| match text {
            "yes" => Ok(true),
            "no" => Ok(false),
            _ => Err(Problem::not_a("yes or no")),
        })
    }

    /// A list: in CSV with `;` between its elements, in JSON an array of texts. Absent is empty.
    pub fn list<T>(&mut self, column: &'static str, most: usize, parse: impl Fn(&str) -> Result<T, Problem>) -> Option<Vec<T>> {
        let texts: Vec<&str> = match self.value(column) {
            None => Vec::new(),
            Some(RawValue::Text(text)) => text.split(';').map(str::trim).collect(),
            Some(RawValue::List(texts)) => texts.iter().map(String::as_str).collect(),
            Some(other) => {
                self.wrong_type(column, "a list", other);
                return None;
            }
        };
        if texts.len() > most {
            self.note(column, Problem::TooMany { found: texts.len(), most });
            return None;
        }
        texts.into_iter().map(|text| self.checked(column, text, &parse)).collect()
    }
}

/// An ISO date of the years 1 to 9999, always ten characters.
pub(super) fn date(text: &str) -> Result<NaiveDate, Problem> {
    let has_form = text.len() == 10
        && text.bytes().enumerate().all(|(index, byte)| if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    let date = text.parse::<NaiveDate>().ok().filter(|date| has_form && date.year() >= 1);
    date.ok_or_else(|| Problem::not_a("a date, YYYY-MM-DD, in the years 1 to 9999"))
}

/// A month, `YYYY-MM`: its last day.
pub(super) fn last_day_of_month(text: &str) -> Result<NaiveDate, Problem> {
    let first = if text.len() == 7 { date(&format!("{text}-01")) } else { Err(Problem::not_a("")) };
    first.map(crate::domain::calendar::month_end).map_err(|_| Problem::not_a("a month, YYYY-MM"))
}

/// An active ISO 4217 currency.
pub(super) fn currency(text: &str) -> Result<Currency, Problem> {
    Currency::parse(text).map_err(|_| Problem::not_a("an ISO 4217 currency code, like USD"))
}

/// A name in the alphabet of ids: of a tier, a version, a seller.
pub(super) fn name(text: &str) -> Result<String, Problem> {
    check_id(text)?;
    Ok(text.to_owned())
}

/// A tax jurisdiction such as `US-CA` or `DE`.
pub(super) fn jurisdiction(text: &str) -> Result<String, Problem> {
    let has_form = text.len() <= JURISDICTION_CHARS_MAX
        && text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-');
    if has_form {
        Ok(text.to_owned())
    } else {
        Err(Problem::not_a("a jurisdiction: up to 16 capital letters, digits and dashes, like US-CA"))
    }
}

/// Text that a person reads: one line, not blank at either end, at most `chars_max` characters.
pub(super) fn is_one_line(text: &str, chars_max: usize) -> bool {
    let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    !text.is_empty() && text.trim() == text && text.chars().count() <= chars_max && !text.chars().any(breaks_line)
}
