//! How amounts, rates, dates and instants are written in a mail.
//!
//! The text is English. An amount follows the habit of its currency, in one table ([`STYLES`]); a currency that is
//! not in it is written with its code behind, `1,234.567 KWD`, which no reader can mistake. Dates are written out,
//! `31 January 2026`, since `01/02/2026` is two dates. Instants carry their offset, since an hour is lived twice when
//! daylight saving ends.

use chrono::{DateTime, NaiveDate, Offset, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use crate::domain::money::{Money, Rate};

/// How the amounts of one currency are written.
struct Style {
    code: &'static str,
    symbol: &'static str,
    group: char,
    decimal: char,
}

/// Currencies with a symbol that says which one is meant. The symbol stands in front, after the sign.
const STYLES: [Style; 6] = [
    Style { code: "AUD", symbol: "A$", group: ',', decimal: '.' },
    Style { code: "CAD", symbol: "CA$", group: ',', decimal: '.' },
    Style { code: "EUR", symbol: "€", group: '.', decimal: ',' },
    Style { code: "GBP", symbol: "£", group: ',', decimal: '.' },
    Style { code: "JPY", symbol: "¥", group: ',', decimal: '.' },
    Style { code: "USD", symbol: "$", group: ',', decimal: '.' },
];

/// An amount as a customer reads it: `$1,234.56`, `€1.234,56`, `¥1,235`, `1,234.567 KWD`, `-$0.05`.
#[must_use]
pub fn money(amount: Money) -> String {
    let currency = amount.currency();
    let style = STYLES.iter().find(|style| style.code == currency.code());
    let (group, decimal) = style.map_or((',', '.'), |style| (style.group, style.decimal));

    let plain = amount.major();
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain.as_str()), |digits| ("-", digits));
    let number = match digits.split_once('.') {
        Some((whole, fraction)) => format!("{}{decimal}{fraction}", grouped(whole, group)),
        None => grouped(digits, group),
    };
    match style {
        Some(style) => format!("{sign}{}{number}", style.symbol),
        None => format!("{sign}{number} {}", currency.code()),
    }
}

/// `1234567` as `1,234,567`.
fn grouped(digits: &str, group: char) -> String {
    let mut written = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            written.push(group);
        }
        written.push(digit);
    }
    written
}

/// A rate as a percentage without superfluous zeros: `8.25%`, `19%`.
#[must_use]
pub fn percent(rate: Rate) -> String {
    let billionths = i64::try_from(rate.billionths()).unwrap_or(i64::MAX);
    format!("{}%", Decimal::new(billionths, 7).normalize())
}

/// A date that can be read in one way only: `31 January 2026`.
#[must_use]
pub fn date(date: NaiveDate) -> String {
    date.format("%-d %B %Y").to_string()
}

/// An instant in the account's time zone: `25 October 2026, 02:30 CEST (UTC+02:00)`.
#[must_use]
pub fn instant(at: DateTime<Utc>, zone: Tz) -> String {
    let local = at.with_timezone(&zone);
    let abbreviation = local.format("%Z").to_string();
    let offset = local.offset().fix();
    let written = local.format("%-d %B %Y, %H:%M");
    // Many zones have no letters of their own; their "abbreviation" is the offset once more.
    if abbreviation.starts_with(|first: char| first.is_ascii_alphabetic()) && abbreviation != "UTC" {
        format!("{written} {abbreviation} (UTC{offset})")
    } else if offset.local_minus_utc() == 0 {
        format!("{written} UTC")
    } else {
        format!("{written} (UTC{offset})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    #[track_caller]
    fn check_money(minor: i64, code: &str, written: &str) {
        assert_eq!(money(Money::new(minor, Currency::parse(code).expect("a currency"))), written);
    }

    #[test]
    fn amounts_follow_their_currency() {
        check_money(123_456, "USD", "$1,234.56");
        check_money(5, "USD", "$0.05");
        check_money(-5, "USD", "-$0.05");
        check_money(0, "USD", "$0.00");
        check_money(99_900, "USD", "$999.00");
        check_money(100_000, "USD", "$1,000.00");
        check_money(123_456, "EUR", "€1.234,56");
        check_money(999, "EUR", "€9,99");
        check_money(-123_456_789, "EUR", "-€1.234.567,89");
        check_money(123_456, "GBP", "£1,234.56");
        check_money(123_456, "CAD", "CA$1,234.56");
        check_money(123_456, "AUD", "A$1,234.56");
    }

    #[test]
    fn no_decimals_and_three_decimals() {
        check_money(1_235, "JPY", "¥1,235");
        check_money(0, "JPY", "¥0");
        check_money(-980, "JPY", "-¥980");
        check_money(1_234_567, "KWD", "1,234.567 KWD");
        check_money(50, "KWD", "0.050 KWD");
        check_money(-1_250, "KWD", "-1.250 KWD");
        check_money(123_456, "SEK", "1,234.56 SEK");
    }

    #[test]
    fn the_largest_amounts_are_written_in_full() {
        check_money(i64::MAX, "USD", "$92,233,720,368,547,758.07");
        check_money(i64::MIN, "USD", "-$92,233,720,368,547,758.08");
        check_money(i64::MIN, "JPY", "-¥9,223,372,036,854,775,808");
        check_money(i64::MAX, "KWD", "9,223,372,036,854,775.807 KWD");
    }

    #[test]
    fn the_table_holds_known_currencies_in_order() {
        let codes: Vec<_> = STYLES.iter().map(|style| style.code).collect();
        assert!(codes.is_sorted(), "{codes:?}");
        for style in &STYLES {
            assert!(Currency::parse(style.code).is_ok(), "{}", style.code);
            assert_ne!(style.group, style.decimal, "{}", style.code);
        }
    }

    #[test]
    fn rates_are_percentages() {
        let written = |text| percent(Rate::parse(text).expect("a rate"));
        assert_eq!(written("0.0825"), "8.25%");
        assert_eq!(written("0.19"), "19%");
        assert_eq!(written("0.2"), "20%");
        assert_eq!(written("0"), "0%");
        assert_eq!(written("1"), "100%");
        assert_eq!(written("0.088750001"), "8.8750001%");
    }

    #[test]
    fn dates_are_written_out() {
        let written = |year, month, day| date(NaiveDate::from_ymd_opt(year, month, day).expect("a date"));
        assert_eq!(written(2026, 1, 31), "31 January 2026");
        assert_eq!(written(2028, 2, 29), "29 February 2028");
        assert_eq!(written(2026, 5, 1), "1 May 2026");
        assert_eq!(written(9999, 12, 31), "31 December 9999");
    }

    #[track_caller]
    fn check_instant(utc: &str, zone: &str, written: &str) {
        let at: DateTime<Utc> = utc.parse().expect("an instant");
        assert_eq!(instant(at, zone.parse().expect("a zone")), written);
    }

    #[test]
    fn daylight_saving_ends_and_an_hour_is_lived_twice() {
        check_instant("2026-10-25T00:30:00Z", "Europe/Berlin", "25 October 2026, 02:30 CEST (UTC+02:00)");
        check_instant("2026-10-25T01:30:00Z", "Europe/Berlin", "25 October 2026, 02:30 CET (UTC+01:00)");
        check_instant("2026-11-01T05:59:59Z", "America/New_York", "1 November 2026, 01:59 EDT (UTC-04:00)");
        check_instant("2026-11-01T06:00:00Z", "America/New_York", "1 November 2026, 01:00 EST (UTC-05:00)");
    }

    #[test]
    fn daylight_saving_starts_and_an_hour_is_missing() {
        check_instant("2026-03-29T00:59:00Z", "Europe/Berlin", "29 March 2026, 01:59 CET (UTC+01:00)");
        check_instant("2026-03-29T01:00:00Z", "Europe/Berlin", "29 March 2026, 03:00 CEST (UTC+02:00)");
    }

    #[test]
    fn the_date_is_that_of_the_zone() {
        check_instant("2026-01-31T23:30:00Z", "Asia/Tokyo", "1 February 2026, 08:30 JST (UTC+09:00)");
        check_instant("2026-02-01T01:00:00Z", "America/Los_Angeles", "31 January 2026, 17:00 PST (UTC-08:00)");
    }

    #[test]
    fn zones_without_letters_and_utc() {
        check_instant("2026-01-31T12:00:00Z", "Asia/Kathmandu", "31 January 2026, 17:45 (UTC+05:45)");
        check_instant("2026-01-31T12:00:00Z", "America/Sao_Paulo", "31 January 2026, 09:00 (UTC-03:00)");
        check_instant("2026-01-31T12:00:00Z", "UTC", "31 January 2026, 12:00 UTC");
        check_instant("2026-01-31T12:00:00Z", "Europe/London", "31 January 2026, 12:00 GMT (UTC+00:00)");
    }
}
