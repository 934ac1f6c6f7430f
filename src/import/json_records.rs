//! Rows of a JSON file: objects in one array, or one object a line, each with the line on which it begins.
//!
//! An array is cut into its elements without being held: only one element is in memory. After a syntax error in an
//! array nothing more is read, since where the next element begins is not known; JSON lines go on with the next line.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::csv_records::{Broken, unknown_column};
use super::fields::{Column, RawRecord, RawValue};
use super::input::{Input, push_within_limit};
use super::line::Line;
use super::problem::{Problem, RowProblem};

/// Rows of a JSON file.
pub(super) struct JsonRecords<'r> {
    input: Input<'r>,
    columns: &'static [Column],
    layout: Layout,
    /// Elements of the array so far.
    elements: u32,
    text: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    Lines,
    /// Within an array, before its first element.
    ArrayStart,
    /// Within an array, after a comma.
    ArrayNext,
    Ended,
}

impl<'r> JsonRecords<'r> {
    /// Sees from the first character whether the file is an array.
    pub(super) fn begin(mut input: Input<'r>, columns: &'static [Column]) -> Result<Self, RowProblem> {
        let layout = match input.peek_past_space()? {
            None => return Err(RowProblem::of_file(Problem::EmptyFile)),
            Some(b'[') => {
                input.next()?;
                Layout::ArrayStart
            }
            Some(_) => Layout::Lines,
        };
        Ok(Self { input, columns, layout, elements: 0, text: Vec::new() })
    }

    /// The next row; `Ok(None)` at the end. After `Err(Broken::File)` there is nothing more to read.
    pub(super) fn next(&mut self) -> Result<Option<RawRecord>, Broken> {
        let broken_file = |problem: RowProblem| Broken::File(problem.into());
        let in_array = self.layout != Layout::Lines;
        let line = if in_array { self.load_element() } else { self.load_line() };
        let Some(line) = line.map_err(broken_file)? else { return Ok(None) };
        let parsed = parse_row(&self.text, line);
        match parsed {
            Ok(pairs) => self.record(line, pairs).map(Some).map_err(|problems| Broken::Row(super::RowError { problems })),
            Err(problem) if in_array && matches!(problem.problem, Problem::Json { .. }) => Err(broken_file(problem)),
            Err(problem) => Err(Broken::Row(problem.into())),
        }
    }

    fn record(&self, line: Line, pairs: Vec<(String, Value)>) -> Result<RawRecord, Vec<RowProblem>> {
        let mut record = RawRecord::new(line, self.columns);
        let mut problems = Vec::new();
        let mut met = Vec::new();
        for (key, value) in pairs {
            match self.columns.iter().position(|column| column.name == key) {
                None => problems.push(unknown_column(line, &key, "a key", self.columns)),
                Some(column) if met.contains(&column) => problems.push(record.problem(column, Problem::RepeatedColumn)),
                Some(column) => {
                    met.push(column);
                    match raw_value(value) {
                        Ok(Some(value)) => record.set(column, value),
                        Ok(None) => {}
                        Err(problem) => problems.push(record.problem(column, problem)),
                    }
                }
            }
        }
        if problems.is_empty() { Ok(record) } else { Err(problems) }
    }

    /// Loads the next line that is not blank; its number.
    fn load_line(&mut self) -> Result<Option<Line>, RowProblem> {
        if self.input.peek_past_space()?.is_none() {
            return Ok(None);
        }
        self.text.clear();
        let line = Line::from(self.input.line());
        while let Some(byte) = self.input.next()?.filter(|byte| *byte != b'\n') {
            push_within_limit(&mut self.text, byte, line)?;
        }
        Ok(Some(line))
    }

    /// Loads the next element of the array; where it begins.
    fn load_element(&mut self) -> Result<Option<Line>, RowProblem> {
        if self.layout == Layout::Ended {
            return Ok(None);
        }
        self.text.clear();
        let first = self.input.peek_past_space()?;
        self.elements = self.elements.saturating_add(1);
        let line = Line { number: self.input.line(), element: Some(self.elements) };
        if first == Some(b']') && self.layout == Layout::ArrayStart {
            self.input.next()?;
            self.end_array()?;
            return Ok(None);
        }
        let mut nesting = Nesting::default();
        loop {
            match self.input.next()? {
                None => return Err(syntax(self.input.line(), "the array does not end")),
                Some(b',') if nesting.is_outside() => {
                    self.layout = Layout::ArrayNext;
                    break;
                }
                Some(b']') if nesting.is_outside() => {
                    self.end_array()?;
                    break;
                }
                Some(byte) => {
                    nesting.take(byte);
                    push_within_limit(&mut self.text, byte, line)?;
                }
            }
        }
        if self.text.is_empty() { Err(syntax(line, "a value is missing between commas")) } else { Ok(Some(line)) }
    }

    fn end_array(&mut self) -> Result<(), RowProblem> {
        self.layout = Layout::Ended;
        match self.input.peek_past_space()? {
            None => Ok(()),
            Some(_) => Err(RowProblem::at(self.input.line(), Problem::TrailingText)),
        }
    }
}

/// How deep in brackets and strings a byte of JSON stands.
#[derive(Default)]
struct Nesting {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    const fn is_outside(&self) -> bool {
        self.depth == 0 && !self.in_string
    }

    fn take(&mut self, byte: u8) {
        match (self.in_string, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (_, b'"') => self.in_string = !self.in_string,
            (false, b'[' | b'{') => self.depth += 1,
            (false, b']' | b'}') => self.depth = self.depth.saturating_sub(1),
            (_, _) => {}
        }
    }
}

fn syntax(line: impl Into<Line>, reason: &str) -> RowProblem {
    RowProblem::at(line, Problem::Json { reason: reason.to_owned() })
}

/// Takes an object apart, keeping keys that are there twice.
fn parse_row(text: &[u8], line: Line) -> Result<Vec<(String, Value)>, RowProblem> {
    let text = std::str::from_utf8(text).map_err(|_| RowProblem::at(line, Problem::NotUtf8))?;
    if !text.trim_start().starts_with('{') {
        return Err(RowProblem::at(line, Problem::NotAnObject));
    }
    serde_json::from_str::<Pairs>(text).map(|pairs| pairs.0).map_err(|error| json_problem(&error, line))
}

/// What the JSON parser says, placed in the file. For syntax errors it never repeats the text.
pub(super) fn json_problem(error: &serde_json::Error, first: Line) -> RowProblem {
    const REASON_CHARS_MAX: usize = 300;
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&place).unwrap_or(&message).chars().take(REASON_CHARS_MAX).collect();
    let below = u64::try_from(error.line().saturating_sub(1)).unwrap_or(0);
    let problem = if error.is_data() { Problem::Shape { reason } } else { Problem::Json { reason } };
    RowProblem::at(Line { number: first.number.saturating_add(below), ..first }, problem)
}

/// The members of an object in their order.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A JSON value as a field takes it; `None` for null and the empty string.
fn raw_value(value: Value) -> Result<Option<RawValue>, Problem> {
    const EXPECTED: &str = "text, a whole number, true, false, or a list of texts";
    let wrong = |found| Problem::WrongType { expected: EXPECTED, found };
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.is_empty() => Ok(None),
        Value::String(text) => Ok(Some(RawValue::Text(text))),
        Value::Bool(value) => Ok(Some(RawValue::Bool(value))),
        Value::Number(number) => number
            .as_u64()
            .map(|number| Some(RawValue::Number(number)))
            .ok_or_else(|| wrong("a number that is negative or has a fraction (write decimals as text)")),
        Value::Array(elements) => {
            let texts = elements.into_iter().map(|element| match element {
                Value::String(text) => Ok(text),
                _ => Err(wrong("a list with something else in it")),
            });
            texts.collect::<Result<Vec<_>, _>>().map(|texts| Some(RawValue::List(texts)))
        }
        Value::Object(_) => Err(wrong("an object")),
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::tax::DatedRate;
    use crate::import::{Format, RECORD_BYTES_MAX, read_all};

    const GOOD: &str = r#"{"jurisdiction":"DE","valid_from":"2021-01-01","rate":"0.19"}"#;

    #[track_caller]
    fn refused(json: &str, expected: &str) {
        assert_eq!(read_all::<DatedRate>("t.json", Format::Json, json.as_bytes()).unwrap_err().to_string(), expected);
    }

    #[test]
    fn lines_go_on_after_a_broken_one() {
        refused(
            &format!(
                "{GOOD}\n{{\"rate\": \n\n[1]\n{{\"rate\":[\"0\",1],\"rat\":1,\"Jo\":2}}\n{}\n",
                GOOD.replace("DE", "FR").replace("\"0.19\"", "null")
            ),
            "t.json:2: not valid JSON: EOF while parsing a value
t.json:4: a row must be a JSON object, one a line or in one array
t.json:5: rate: must be text, a whole number, true, false, or a list of texts, not a list with something else in it
t.json:5: rat: no such column; there are jurisdiction, valid_from, rate
t.json:5: a key: no such column; there are jurisdiction, valid_from, rate
t.json:6: rate: a value is missing",
        );
    }

    #[test]
    fn an_array_is_read_up_to_its_first_syntax_error() {
        refused(
            &format!("[{GOOD},\n3,\n{{\"rate\"\n: x}},\n4]"),
            "t.json:2: element 2: a row must be a JSON object, one a line or in one array
t.json:4: element 3: not valid JSON: expected value",
        );
        refused(&format!("[{GOOD},\n]"), "t.json:2: element 2: not valid JSON: a value is missing between commas");
        refused(&format!("[{GOOD},\n"), "t.json:2: not valid JSON: the array does not end");
        refused(&format!("[{GOOD}]\n]"), "t.json:2: text stands after the end of the array");
        refused(&format!("[{GOOD}}}]"), "t.json:1: element 1: not valid JSON: trailing characters");
        refused(
            &format!("[{}]", "[".repeat(RECORD_BYTES_MAX + 1)),
            "t.json:1: element 1: the row is longer than 65536 bytes; is a quote or a line end missing?",
        );
    }

    #[test]
    fn keys_are_there_once_and_known() {
        refused(&GOOD.replace("\"rate\"", "\"rate\":\"0.1\",\"rate\""), "t.json:1: rate: this column is there twice");
        refused(
            "{}",
            "t.json:1: jurisdiction: a value is missing\nt.json:1: valid_from: a value is missing\nt.json:1: rate: a value is missing",
        );
        refused(" \n ", "t.json: the file is empty");
    }

    #[test]
    fn rows_on_one_line_are_told_apart_by_their_elements() {
        let wrong = GOOD.replace("0.19", "19");
        refused(
            &format!("[{GOOD}, {wrong}, {GOOD}, {{}}]"),
            "t.json:1: element 2: rate: `19` must be a rate from 0 to 1 with at most nine decimals, like 0.0825
t.json:1: element 3: valid_from: `DE from 2021-01-01` is there twice, first in element 1
t.json:1: element 4: jurisdiction: a value is missing
t.json:1: element 4: valid_from: a value is missing
t.json:1: element 4: rate: a value is missing",
        );
    }

    #[test]
    fn an_empty_array_has_no_rows() {
        assert_eq!(read_all::<DatedRate>("t.json", Format::Json, b" [ \n ] ".as_slice()).unwrap(), []);
    }
}
