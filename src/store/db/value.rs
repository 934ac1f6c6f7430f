//! Values that are sent with a statement.

use chrono::{Datelike, NaiveDate};
use sqlx::Arguments;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;

use super::error::DbError;

/// The types that columns have. Instants are integers (microseconds since 1970, UTC), yes and no are 1 and 0, and there are no
/// floats: they have no place near money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// Text, UTF-8: `text`.
    Text,
    /// A 64-bit integer: `bigint`, on SQLite `integer`.
    Int,
    /// A day without a zone: `date`, on SQLite `text` of ten characters, `2026-01-31`.
    Date,
}

/// One value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// An integer: an amount in minor units, an instant in microseconds, a count, or 1 and 0 for yes and no.
    Int(i64),
    /// A day.
    Date(NaiveDate),
    /// Nothing, where a value of this type could be.
    Null(Type),
    /// A list of texts that counts as one parameter, for `{in:$1}`.
    TextList(Vec<String>),
    /// A list of integers that counts as one parameter, for `{in:$1}`.
    IntList(Vec<i64>),
}

impl Value {
    /// A list of texts for `{in:$1}`.
    pub fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::TextList(texts.into_iter().map(Into::into).collect())
    }

    /// A list of integers for `{in:$1}`.
    pub fn ints(ints: impl IntoIterator<Item = i64>) -> Self {
        Self::IntList(ints.into_iter().collect())
    }
}

/// Turns a Rust type into a [`Value`], and tells the type that `None` has.
macro_rules! value_from {
    ($($from:ty => $type:ident, |$value:ident| $make:expr;)+) => {$(
        impl From<$from> for Value {
            fn from($value: $from) -> Self { Self::$type($make) }
        }
        impl From<Option<$from>> for Value {
            fn from(value: Option<$from>) -> Self { value.map_or(Self::Null(Type::$type), Self::from) }
        }
    )+};
}

value_from! {
    String => Text, |value| value;
    &str => Text, |value| value.to_owned();
    &String => Text, |value| value.clone();
    i64 => Int, |value| value;
    i32 => Int, |value| value.into();
    u32 => Int, |value| value.into();
    u16 => Int, |value| value.into();
    u8 => Int, |value| value.into();
    bool => Int, |value| value.into();
    NaiveDate => Date, |value| value;
}

/// The parameters of a statement: `values![account_id, amount_minor, due_on, note]`, each anything that has a [`Value`].
#[macro_export]
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::store::db::Value::from($value)),*] };
}

/// The days that have four digits for the year: all that ISO text of ten characters can say, and more than billing needs.
pub(super) fn iso_date(date: NaiveDate) -> Result<String, DbError> {
    let year = date.year();
    if (0..=9999).contains(&year) {
        Ok(format!("{year:04}-{:02}-{:02}", date.month(), date.day()))
    } else {
        Err(unfit("a date outside of the years 0 to 9999"))
    }
}

/// The day that a text of exactly ten characters stands for.
pub(in crate::store) fn parse_iso_date(text: &str) -> Option<NaiveDate> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let dashes = text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
    if !dashes {
        return None;
    }
    NaiveDate::from_ymd_opt(number(0, 4)?.try_into().ok()?, number(5, 7)?, number(8, 10)?)
}

pub(super) fn sqlite_arguments(values: &[Value]) -> Result<SqliteArguments, DbError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Text(text) => arguments.add(text.as_str()),
            Value::Int(int) => arguments.add(*int),
            Value::Date(date) => arguments.add(iso_date(*date)?),
            Value::Null(_) => arguments.add(None::<i64>),
            Value::TextList(list) => arguments.add(json(list)?),
            Value::IntList(list) => arguments.add(json(list)?),
        };
        added.map_err(|fault| unfit(&fault.to_string()))?;
    }
    Ok(arguments)
}

pub(super) fn postgres_arguments(values: &[Value]) -> Result<PgArguments, DbError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Text(text) => arguments.add(text.as_str()),
            Value::Int(int) => arguments.add(*int),
            Value::Date(date) => arguments.add(*date),
            Value::Null(Type::Text) => arguments.add(None::<&str>),
            Value::Null(Type::Int) => arguments.add(None::<i64>),
            Value::Null(Type::Date) => arguments.add(None::<NaiveDate>),
            Value::TextList(list) => arguments.add(list.as_slice()),
            Value::IntList(list) => arguments.add(list.as_slice()),
        };
        added.map_err(|fault| unfit(&fault.to_string()))?;
    }
    Ok(arguments)
}

fn json<T: serde::Serialize>(list: &[T]) -> Result<String, DbError> {
    serde_json::to_string(list).map_err(|fault| unfit(&fault.to_string()))
}

pub(super) fn unfit(message: &str) -> DbError {
    DbError::Other { statement: "binding a value", code: "encode".to_owned(), message: message.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        for text in ["0000-01-01", "1582-10-15", "2024-02-29", "2026-01-31", "9999-12-31"] {
            let date = parse_iso_date(text).unwrap();
            assert_eq!(iso_date(date).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "2026-1-31", "2026-02-29", "2026/01/31", "+026-01-31", "2026-01-31 ", "2026-01-3١", "20260-1-31"] {
            assert_eq!(parse_iso_date(text), None, "{text:?}");
        }
        assert!(iso_date(NaiveDate::from_ymd_opt(10_000, 1, 1).unwrap()).is_err());
        assert!(iso_date(NaiveDate::from_ymd_opt(-1, 1, 1).unwrap()).is_err());
    }

    #[test]
    fn none_keeps_its_type() {
        assert_eq!(
            values![None::<&str>, None::<bool>, None::<NaiveDate>],
            [Value::Null(Type::Text), Value::Null(Type::Int), Value::Null(Type::Date)]
        );
        assert_eq!(values!["a", 1_i64, true], [Value::Text("a".into()), Value::Int(1), Value::Int(1)]);
    }
}
