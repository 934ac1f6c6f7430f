//! How accounts of the chart and amounts are written in reports.

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate};

use crate::domain::ledger::{AccountType, CHART, LedgerAccount, by_number};
use crate::domain::money::{Currency, Money};

/// The five roots under which plain-text ledgers keep accounts.
#[must_use]
pub const fn root(kind: AccountType) -> &'static str {
    match kind {
        AccountType::Asset => "Assets",
        AccountType::Liability => "Liabilities",
        AccountType::Equity => "Equity",
        AccountType::Income => "Income",
        AccountType::Expense => "Expenses",
    }
}

static PATHS: LazyLock<Vec<(i64, String)>> =
    LazyLock::new(|| CHART.iter().map(|account| (i64::from(account.number), path_of(account))).collect());

/// An account as plain-text ledgers name it: `Assets:A1100-Accounts-receivable`. A number that the chart does not have gets a name
/// that no journal declares, so that whoever checks the journal stumbles over it.
#[must_use]
pub fn path(number: i64) -> Cow<'static, str> {
    let known = PATHS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| Cow::Owned(format!("Equity:A{number}-Not-in-the-chart")), |(_, path)| Cow::Borrowed(path.as_str()))
}

fn path_of(account: &LedgerAccount) -> String {
    let words = account.name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: Vec<&str> = words.collect();
    format!("{}:A{}-{}", root(account.kind), account.number, name.join("-"))
}

/// The name of an account that people read.
#[must_use]
pub fn name(number: i64) -> &'static str {
    u16::try_from(number).ok().and_then(by_number).map_or("(not in the chart)", |account| account.name)
}

/// An amount in major units with the currency's decimals: `-9.99`. A currency that is none keeps its minor units.
#[must_use]
pub fn major(minor: i128, currency: &str) -> String {
    let Ok(currency) = Currency::parse(currency) else { return minor.to_string() };
    match i64::try_from(minor) {
        Ok(minor) => Money::new(minor, currency).major(),
        Err(_) => {
            // More than an amount can be, as a sum of the books may be.
            let (scale, digits) = (u128::from(currency.scale().unsigned_abs()), usize::from(currency.exponent()));
            let (sign, size) = (if minor < 0 { "-" } else { "" }, minor.unsigned_abs());
            let point = if digits == 0 { String::new() } else { format!(".{:0digits$}", size % scale) };
            format!("{sign}{}{point}", size / scale)
        }
    }
}

/// Adds an amount in major units to a text, as [`major`] gives it.
pub fn put_major(text: &mut String, minor: i64, currency: &str) {
    match Currency::parse(currency) {
        Ok(currency) => put_money(text, Money::new(minor, currency)),
        Err(_) => text.push_str(&minor.to_string()),
    }
}

/// The same of an amount.
pub fn put_money(text: &mut String, amount: Money) {
    // 20 digits of 64 bits, and for each decimal a digit before it.
    let mut digits = [0_u8; 24];
    let (mut rest, mut first) = (amount.minor().unsigned_abs(), digits.len());
    let decimals = usize::from(amount.currency().exponent());
    while rest > 0 || digits.len() - first <= decimals {
        first -= 1;
        digits[first] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    let digits = std::str::from_utf8(&digits[first..]).unwrap_or_default();
    let (whole, part) = digits.split_at(digits.len() - decimals);
    if amount.minor() < 0 {
        text.push('-');
    }
    text.push_str(whole);
    if decimals > 0 {
        text.push('.');
        text.push_str(part);
    }
}

/// Adds a date to a text: `2026-10-31`.
pub fn put_date(text: &mut String, date: NaiveDate) {
    use std::fmt::Write;
    let (year, month, day) = (date.year(), date.month(), date.day());
    if (0..=9999).contains(&year) {
        let digit = |number: u32| char::from_digit(number % 10, 10).unwrap_or_default();
        let year = year.unsigned_abs();
        let year = [year / 1000, year / 100, year / 10, year].map(digit);
        text.extend(year);
        for part in [month, day] {
            text.extend(['-', digit(part / 10), digit(part)]);
        }
    } else {
        let _ = write!(text, "{date}");
    }
}

/// A text cell of a table that a spreadsheet may open: what would run as a formula gets an apostrophe before it (F73).
#[must_use]
pub fn neutral(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_beyond_an_amount_are_in_major_units_too() {
        let twice = i128::from(i64::MAX) * 2;
        assert_eq!(major(twice, "USD"), "184467440737095516.14");
        assert_eq!(major(-twice, "KWD"), "-18446744073709551.614");
        assert_eq!(major(-twice, "JPY"), "-18446744073709551614");
        assert_eq!(major(i128::from(i64::MAX) + 1 - 8, "USD"), "92233720368547758.00");
        assert_eq!(major(1 << 64, "USD"), "184467440737095516.16");
    }

    #[test]
    fn paths_are_names_that_both_programs_accept() {
        assert_eq!(path(1100), "Assets:A1100-Accounts-receivable");
        assert_eq!(path(2100), "Liabilities:A2100-Customer-prepayments-refundable");
        assert_eq!(path(1150), "Assets:A1150-Receivable-recharged-collection-costs");
        for (_, path) in PATHS.iter() {
            assert!(path.split(':').all(|part| part.starts_with(|c: char| c.is_ascii_uppercase())), "{path}");
        }
        assert_eq!(path(7), "Equity:A7-Not-in-the-chart");
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let shown = [("USD", "-0.05"), ("JPY", "-5"), ("KWD", "-0.005"), ("???", "-5")];
        for (currency, expected) in shown {
            assert_eq!(major(-5, currency), expected);
        }
        for currency in ["USD", "JPY", "KWD", "???"] {
            for minor in [0, 1, -1, 99, 100, -100, 1_234_567, i64::MAX, i64::MIN + 1, i64::MIN] {
                let mut text = String::from("x");
                put_major(&mut text, minor, currency);
                assert_eq!(text, format!("x{}", major(minor.into(), currency)));
            }
        }
    }

    #[test]
    fn dates_are_ten_characters() {
        for (year, month, day) in [(2026, 10, 31), (1, 2, 3), (9999, 12, 9), (10_000, 1, 1), (-1, 1, 1)] {
            let (date, mut text) = (NaiveDate::from_ymd_opt(year, month, day).unwrap(), String::new());
            put_date(&mut text, date);
            assert_eq!(text, date.to_string());
        }
    }

    #[test]
    fn formulas_are_neutralised() {
        for (text, expected) in [("=1+1", "'=1+1"), ("-5", "'-5"), ("@a", "'@a"), ("\tx", "'\tx"), ("a=b", "a=b"), ("", "")] {
            assert_eq!(neutral(text), expected);
        }
    }
}
