//! A file that is one JSON document, held whole, and where in it a value stands.

use std::fmt;

use serde::de::DeserializeOwned;

use super::DOCUMENT_BYTES_MAX;
use super::form::{Form, Node, Tree};
use super::input::{Input, Source};
use super::json_records::json_problem;
use super::problem::{ImportError, Problem, Problems, RowProblem};

/// The text of a document.
#[derive(Debug)]
pub(super) struct Document {
    text: String,
}

/// One step of the way to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step<'k> {
    /// A member of an object.
    Key(&'k str),
    /// An element of an array, from 0.
    Index(usize),
}

impl Document {
    /// Reads a whole file of at most [`DOCUMENT_BYTES_MAX`].
    pub(super) fn read(source: Source<'_>) -> Result<Self, RowProblem> {
        let mut input = Input::begin(source)?;
        let mut bytes = Vec::new();
        let most = usize::try_from(DOCUMENT_BYTES_MAX).unwrap_or(usize::MAX);
        while let Some(byte) = input.next()? {
            if bytes.len() >= most {
                return Err(RowProblem::of_file(Problem::DocumentTooLarge));
            }
            bytes.push(byte);
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            RowProblem::at(line_feeds(good).saturating_add(1), Problem::NotUtf8)
        })?;
        if text.trim().is_empty() { Err(RowProblem::of_file(Problem::EmptyFile)) } else { Ok(Self { text }) }
    }

    /// The document as a value.
    pub(super) fn parse<T: DeserializeOwned>(&self) -> Result<T, RowProblem> {
        serde_json::from_str(&self.text).map_err(|error| json_problem(&error, 1.into()))
    }

    /// A problem of the value at a path, with its line.
    pub(super) fn problem(&self, path: &[Step<'_>], problem: Problem) -> RowProblem {
        let line = Cursor { bytes: self.text.as_bytes(), at: 0 }.line_of(path);
        if path.is_empty() { RowProblem::at(line, problem) } else { RowProblem::in_field(line, &PathText(path).to_string(), problem) }
    }
}

/// Reads a file that is one value, and refuses it with everything whose form is wrong; where the form is right, with everything
/// that `findings` finds wrong.
pub(super) fn read_checked<T>(
    file: &str,
    source: Source<'_>,
    read: impl FnOnce(&mut Form<'_>, &Node<'_>) -> Option<T>,
    findings: impl FnOnce(&T, &Document) -> Vec<RowProblem>,
) -> Result<T, ImportError> {
    let refused = |problem| ImportError { file: file.to_owned(), problems: vec![problem], more: 0 };
    let document = Document::read(source).map_err(refused)?;
    let tree: Tree = document.parse().map_err(refused)?;
    let (root, mut form) = (Node::root(&tree), Form::new(&document));
    form.screen(&root);
    let value = read(&mut form, &root);
    let mut problems = Problems::new(file);
    for problem in form.into_problems() {
        problems.note(problem);
    }
    if let Some(value) = value.as_ref().filter(|_| problems.is_empty()) {
        findings(value, &document).into_iter().for_each(|problem| problems.note(problem));
    }
    problems.finish()?;
    // What cannot be read was noted above.
    value.ok_or_else(|| refused(RowProblem::of_file(Problem::EmptyFile)))
}

fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').fold(0, |count, _| count + 1)
}

struct PathText<'p>(&'p [Step<'p>]);

impl fmt::Display for PathText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(depth, step)| match step {
            Step::Key(key) if depth == 0 => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

/// Walks through JSON that has been parsed before, so that nothing here needs to be checked again.
struct Cursor<'d> {
    bytes: &'d [u8],
    at: usize,
}

impl Cursor<'_> {
    /// The line of the value at a path, or of the innermost value on the way that is there.
    fn line_of(mut self, path: &[Step<'_>]) -> u64 {
        let mut found = self.at;
        for step in path {
            if !self.enter(*step) {
                break;
            }
            found = self.at;
        }
        let before = self.bytes.get(..found).unwrap_or_default();
        let space = self.bytes.get(found..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        line_feeds(before) + line_feeds(self.bytes.get(found..found.saturating_add(space)).unwrap_or_default()) + 1
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.byte().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Moves into the value at the cursor, to a member or an element of it.
    fn enter(&mut self, step: Step<'_>) -> bool {
        self.skip_space();
        let opening = if matches!(step, Step::Key(_)) { b'{' } else { b'[' };
        if self.byte() != Some(opening) {
            return false;
        }
        self.at += 1;
        let mut index = 0;
        loop {
            self.skip_space();
            if matches!(self.byte(), None | Some(b'}' | b']')) {
                return false;
            }
            let is_it = match step {
                Step::Key(key) => self.take_key() == key.as_bytes(),
                Step::Index(wanted) => wanted == index,
            };
            self.skip_space();
            if is_it {
                return true;
            }
            self.skip_value();
            index += 1;
            if self.byte() == Some(b',') {
                self.at += 1;
            }
        }
    }

    /// Takes `"key":` and returns the key as written.
    fn take_key(&mut self) -> &[u8] {
        let start = self.at.saturating_add(1);
        self.skip_string();
        let end = self.at.saturating_sub(1);
        self.skip_space();
        self.at += 1;
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.byte() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }

    /// Moves past the value at the cursor, to the comma or bracket after it.
    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.byte() {
            match byte {
                b'"' => {
                    self.skip_string();
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' | b',' if depth == 0 => return,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{Index, Key};
    use super::*;

    #[track_caller]
    fn check(path: &[Step<'_>], expected: &str) {
        let text = "{\n \"a\": [1, {\"x\\\"]\": \"}\",\n  \"b\":\n   [[],\n    {\"c\": 2}]\n }],\n \"d\": 3\n}";
        serde_json::from_str::<serde_json::Value>(text).unwrap();
        let problem = Document::read(Box::new(text.as_bytes())).unwrap().problem(path, Problem::Missing);
        assert_eq!(problem.to_string(), format!("line {expected}: a value is missing"));
    }

    #[test]
    fn values_are_found_where_they_stand() {
        check(&[Key("a")], "2: a");
        check(&[Key("a"), Index(1), Key("b")], "4: a[1].b");
        check(&[Key("a"), Index(1), Key("b"), Index(1), Key("c")], "5: a[1].b[1].c");
        check(&[Key("d")], "7: d");
    }

    #[test]
    fn what_is_not_there_is_placed_where_it_would_be() {
        check(&[Key("e")], "1: e");
        check(&[Key("a"), Index(7)], "2: a[7]");
        check(&[Key("d"), Key("x")], "7: d.x");
    }
}
