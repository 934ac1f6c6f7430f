//! The words that formats for people have in common.

use super::{Asked, Cell, Section, Tie};
use crate::reports::chart;

impl Cell {
    /// Plain text: an amount in major units without its currency, a date as `2026-10-31`.
    #[must_use]
    pub fn plain(&self) -> String {
        let mut text = String::new();
        self.put_plain(&mut text);
        text
    }

    /// Adds the same to a text.
    pub fn put_plain(&self, text: &mut String) {
        match self {
            Self::Empty => {}
            Self::Text(words) => text.push_str(words),
            Self::Date(date) => chart::put_date(text, *date),
            Self::Money(amount) => chart::put_money(text, *amount),
            Self::Count(count) => text.push_str(&count.to_string()),
        }
    }
}

impl Asked {
    /// What was asked for: `2026-10-01 to 2026-10-31, as known at 2026-11-02 09:00:00 UTC`.
    #[must_use]
    pub fn in_words(&self) -> String {
        let range = match (self.from, self.to) {
            (Some(from), Some(to)) => Some(format!("{from} to {to}")),
            (Some(from), None) => Some(format!("from {from}")),
            (None, Some(to)) => Some(format!("through {to}")),
            (None, None) => None,
        };
        let as_of = self.as_of.map(|date| format!("as of {date}"));
        let known = self.known_at.map(|at| format!("as known at {} UTC", at.format("%Y-%m-%d %H:%M:%S")));
        let currency = self.currency.map(|currency| format!("{currency} alone"));
        [range, as_of, known, currency].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Section {
    /// Its heading with its currency: `Open invoices, USD`.
    #[must_use]
    pub fn title(&self) -> String {
        match self.currency {
            Some(currency) if !self.heading.contains(currency.code()) => format!("{}, {currency}", self.heading),
            _ => self.heading.clone(),
        }
    }
}

impl Tie {
    /// How far the two figures are from each other: `0.01 USD`; empty where they are the same.
    #[must_use]
    pub fn apart(&self) -> String {
        match self.here.minus(self.there) {
            _ if self.holds() => String::new(),
            Ok(apart) => apart.to_string(),
            Err(_) => "not the same thing".to_owned(),
        }
    }
}

/// A number in groups of three digits with a true minus, for people: `−12,345.60`. What is no number stays as it is.
#[must_use]
pub fn grouped(number: &str) -> String {
    let (sign, size) = number.strip_prefix('-').map_or(("", number), |size| ("\u{2212}", size));
    let (whole, fraction) = size.split_once('.').map_or((size, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut text = sign.to_owned();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [("0", "0"), ("999.99", "999.99"), ("1000", "1,000"), ("-1234567.005", "\u{2212}1,234,567.005")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
