//! A question's fields, read one by one, so that every problem names the field that it is about.

use std::borrow::Cow;
use std::fmt;

use chrono::NaiveDate;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::calendar::{Cycle, Period};
use crate::domain::money::{Currency, Money, MoneyError, Rate};

use super::problem::{Code, Problem};

/// The fields of one JSON object, values unparsed and borrowed from the line.
pub(super) struct Fields<'a> {
    entries: Vec<(Cow<'a, str>, &'a RawValue)>,
}

/// A field's name; borrowed unless it is written with escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllFields;
        impl<'de> Visitor<'de> for AllFields {
            type Value = Fields<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut entries = Vec::with_capacity(16);
                while let Some((Name(name), value)) = map.next_entry()? {
                    entries.push((name, value));
                }
                Ok(Fields { entries })
            }
        }
        deserializer.deserialize_map(AllFields)
    }
}

impl<'a> Fields<'a> {
    /// Reads one line; a byte order mark, which some editors put before the first, is no part of it.
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, Problem> {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        serde_json::from_slice(line).map_err(|error| Problem::of_line(Code::InvalidJson, error.to_string()))
    }

    fn raw(&self, name: &str) -> Option<&'a RawValue> {
        self.entries.iter().find(|(entry, _)| entry == name).map(|(_, value)| *value)
    }

    /// The question's id, if it has one.
    pub(super) fn id(&self) -> Option<&'a RawValue> {
        self.raw("id")
    }

    /// Refuses every field but these, and a field that stands twice.
    pub(super) fn only(&self, allowed: &[&str]) -> Result<(), Problem> {
        for (position, (name, _)) in self.entries.iter().enumerate() {
            if !allowed.contains(&name.as_ref()) {
                let message = format!("unknown field; known are {}", allowed.join(", "));
                return Err(Problem::of_field(Code::UnknownField, shortened(name), message));
            }
            if self.entries.iter().take(position).any(|(earlier, _)| earlier == name) {
                return Err(Problem::of_field(Code::DuplicateField, name.as_ref(), "the field stands twice"));
            }
        }
        Ok(())
    }

    /// A field that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&'a RawValue, Problem> {
        self.raw(name).ok_or_else(|| Problem::of_field(Code::MissingField, name, "the field is missing"))
    }

    /// A field that may be left out or be null.
    fn optional(&self, name: &str) -> Option<&'a RawValue> {
        self.raw(name).filter(|value| value.get() != "null")
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Result<Cow<'a, str>, Problem> {
        text(name, self.required(name)?)
    }

    /// A text out of a few.
    fn choice<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<T, Problem> {
        let value = self.text(name)?;
        parse(&value).ok_or_else(|| Problem::of_field(Code::InvalidValue, name, format!("must be {known}")))
    }

    /// A text out of a few, that may be left out.
    pub(super) fn optional_choice<T>(&self, name: &str, parse: impl Fn(&str) -> Option<T>, known: &str) -> Result<Option<T>, Problem> {
        self.optional(name).map(|_| self.choice(name, parse, known)).transpose()
    }

    /// A billing cycle.
    pub(super) fn cycle(&self) -> Result<Cycle, Problem> {
        self.choice("cycle", Cycle::parse, "\"monthly\" or \"annual\"")
    }

    /// A date, written YYYY-MM-DD.
    pub(super) fn date(&self, name: &str) -> Result<NaiveDate, Problem> {
        let value = self.text(name)?;
        let bad = || Problem::of_field(Code::InvalidValue, name, format!("`{}` is not a date", shortened(&value)));
        let bytes = value.as_bytes();
        let shaped = bytes.len() == 10
            && bytes.iter().enumerate().all(|(at, byte)| match at {
                4 | 7 => *byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shaped {
            return Err(bad());
        }
        if value.starts_with("0000") {
            return Err(Problem::of_field(Code::OutOfRange, name, "dates are in the years 1 to 9999"));
        }
        value.parse().map_err(|_| bad())
    }

    /// The period `period_start` to `period_end`, end exclusive.
    pub(super) fn period(&self) -> Result<Period, Problem> {
        let (start, end) = (self.date("period_start")?, self.date("period_end")?);
        Period::new(start, end).map_err(|error| Problem::of_field(Code::Inconsistent, "period_end", error.to_string()))
    }

    /// The ISO 4217 currency.
    pub(super) fn currency(&self) -> Result<Currency, Problem> {
        Currency::parse(&self.text("currency")?).map_err(|error| money_problem("currency", &error))
    }

    /// An amount of zero or more, in major units with exactly the currency's decimals.
    pub(super) fn amount(&self, name: &str, currency: Currency) -> Result<Money, Problem> {
        let amount = Money::parse_major(&self.text(name)?, currency).map_err(|error| money_problem(name, &error))?;
        if amount.is_negative() {
            return Err(Problem::of_field(Code::InvalidValue, name, "the amount cannot be negative"));
        }
        Ok(amount)
    }

    /// A rate: a plain decimal such as 0.0825.
    pub(super) fn rate(&self, name: &str) -> Result<Rate, Problem> {
        let value = self.text(name)?;
        let plain = value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match Rate::parse(&value) {
            Ok(rate) if plain => Ok(rate),
            Ok(_) => Err(money_problem(name, &MoneyError::BadRate(shortened(&value)))),
            Err(error) => Err(money_problem(name, &error)),
        }
    }

    /// A whole number from 0 to `max`.
    pub(super) fn count(&self, name: &str, max: u32) -> Result<u32, Problem> {
        let digits = self.required(name)?.get();
        let unsigned = digits.strip_prefix('-').unwrap_or(digits);
        if unsigned.is_empty() || !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Problem::of_field(Code::WrongType, name, "must be a whole number"));
        }
        let out_of_range = || Problem::of_field(Code::OutOfRange, name, format!("must be from 0 to {max}"));
        digits.parse().ok().filter(|number| *number <= max).ok_or_else(out_of_range)
    }

    /// A whole number of days that may be left out.
    pub(super) fn days_or(&self, name: &str, default: u32) -> Result<u32, Problem> {
        self.optional(name).map_or(Ok(default), |_| self.count(name, u32::MAX))
    }

    /// A list of objects with these fields and no others, each read by `read`.
    pub(super) fn list<T>(
        &self,
        name: &str,
        allowed: &[&str],
        len_max: usize,
        read: impl Fn(&Fields<'a>) -> Result<T, Problem>,
    ) -> Result<Vec<T>, Problem> {
        let wrong = |_| Problem::of_field(Code::WrongType, name, "must be a list");
        let values: Vec<&'a RawValue> = serde_json::from_str(self.required(name)?.get()).map_err(wrong)?;
        if values.len() > len_max {
            return Err(Problem::of_field(Code::OutOfRange, name, format!("has more than {len_max} entries")));
        }
        let read_one = |(position, value): (usize, &&'a RawValue)| {
            let path = format!("{name}[{position}]");
            let wrong = |_| Problem::of_field(Code::WrongType, path.as_str(), "must be an object");
            let fields: Fields<'a> = serde_json::from_str(value.get()).map_err(wrong)?;
            fields.only(allowed).and_then(|()| read(&fields)).map_err(|problem| problem.inside(&path))
        };
        values.iter().enumerate().map(read_one).collect()
    }
}

/// The text of a JSON string, borrowed unless it is written with escapes.
fn text<'a>(name: &str, value: &'a RawValue) -> Result<Cow<'a, str>, Problem> {
    let wrong = || Problem::of_field(Code::WrongType, name, "must be a text");
    let quoted = value.get();
    match quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
        Some(_) => serde_json::from_str(quoted).map(Cow::Owned).map_err(|_| wrong()),
        None => Err(wrong()),
    }
}

/// The problem of an amount, a currency or a rate.
pub(super) fn money_problem(field: &str, error: &MoneyError) -> Problem {
    let code = match error {
        MoneyError::Overflow => Code::OutOfRange,
        MoneyError::CurrencyMismatch { .. } => Code::Inconsistent,
        MoneyError::UnknownCurrency(_)
        | MoneyError::NotANumber(_)
        | MoneyError::Decimals { .. }
        | MoneyError::DivisionByZero
        | MoneyError::BadRate(_) => Code::InvalidValue,
    };
    Problem::of_field(code, field, error.to_string())
}

/// A name or value as it can be shown in a message, however long it is.
fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

/// An amount as answers write it: major units with exactly the currency's decimals.
pub(super) struct Major(pub(super) Money);

impl serde::Serialize for Major {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.major())
    }
}
