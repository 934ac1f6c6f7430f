//! What is wrong with one question.

use serde::Serialize;

/// The kinds of problems; their names are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    /// Not one JSON object.
    InvalidJson,
    /// Longer than a question can be.
    LineTooLong,
    /// A field that this question does not have.
    UnknownField,
    /// A field twice.
    DuplicateField,
    /// A field too few.
    MissingField,
    /// A number for a text, and the like.
    WrongType,
    /// Not a date, an amount, a currency, …
    InvalidValue,
    /// Beyond the calendar, 64 bits or a stated limit.
    OutOfRange,
    /// Fields that contradict one another.
    Inconsistent,
}

/// The `error` of an answer.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    code: Code,
    field: Option<String>,
    message: String,
}

impl Problem {
    /// A problem of the whole line.
    pub(super) fn of_line(code: Code, message: impl Into<String>) -> Self {
        Self { code, field: None, message: message.into() }
    }

    /// A problem of one field.
    pub(super) fn of_field(code: Code, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, field: Some(field.into()), message: message.into() }
    }

    /// The same problem, seen from the object that holds this one at `path`: `versions[1].effective_from`.
    pub(super) fn inside(self, path: &str) -> Self {
        let field = self.field.map_or_else(|| path.to_owned(), |field| format!("{path}.{field}"));
        Self { field: Some(field), ..self }
    }
}
