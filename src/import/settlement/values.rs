//! The values of settlement files: exact amounts, dates and instants in the forms that providers use, ids.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

use super::ID_CHARS_MAX;
use crate::domain::money::{Currency, MoneyError};
use crate::import::problem::Problem;

/// An amount in major units as a decimal, exactly, in minor units: `12.34`, `-12.3`, `1234.00` yen. More decimals than the currency
/// has must be zeros; nothing is rounded. `comma` tells that the comma is the decimal mark and the point parts thousands.
pub(super) fn major(text: &str, currency: Currency, comma: bool) -> Result<i64, Problem> {
    let bad = || Problem::not_a("an amount in major units, with no more decimals than its currency has");
    if !comma && let Some(minor) = plain_major(text, currency) {
        return Ok(minor);
    }
    let (mark, grouping) = if comma { (',', '.') } else { ('.', ',') };
    let (negative, digits) = match text.strip_prefix(['-', '\u{2212}']) {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once(mark).unwrap_or((digits, ""));
    let whole: String = if is_grouped(whole, grouping) { whole.replace(grouping, "") } else { whole.to_owned() };
    let exponent = usize::from(currency.exponent());
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (kept, beyond) = fraction.split_at_checked(exponent.min(fraction.len())).ok_or_else(bad)?;
    if whole.is_empty() || !all_digits(&whole) || !all_digits(kept) || beyond.bytes().any(|byte| byte != b'0') {
        return Err(bad());
    }
    // Nothing but digits: what does not fit is too large.
    let minor: i64 = format!("{whole}{kept:0<exponent$}").parse().map_err(|_| MoneyError::Overflow)?;
    Ok(if negative { -minor } else { minor })
}

/// An amount as it is mostly written: digits, a point, and all decimals that its currency has.
fn plain_major(text: &str, currency: Currency) -> Option<i64> {
    const DIGITS_MAX: usize = 18;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.')?;
    let is_plain = !whole.is_empty() && fraction.len() == usize::from(currency.exponent()) && digits.len() <= DIGITS_MAX;
    let mut minor = 0_i64;
    for byte in whole.bytes().chain(fraction.bytes()).filter(|_| is_plain) {
        minor = minor * 10 + i64::from(Some(byte).filter(u8::is_ascii_digit)? - b'0');
    }
    is_plain.then_some(if digits.len() < text.len() { -minor } else { minor })
}

/// Whether groups of three digits follow one of at most three.
fn is_grouped(whole: &str, grouping: char) -> bool {
    let mut groups = whole.split(grouping);
    let first = groups.next().map_or(0, str::len);
    (1..=3).contains(&first) && groups.all(|group| group.len() == 3)
}

/// An amount in minor units.
pub(super) fn minor(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::not_a("a whole number of minor units"))
}

/// An ISO 4217 code, in any case.
pub(super) fn currency(text: &str) -> Result<Currency, Problem> {
    if let Ok(currency) = Currency::parse(text) {
        return Ok(currency);
    }
    let mut letters = [0; 3];
    if let (Some(letters), Some(text)) = (letters.get_mut(..text.len()), text.as_bytes().get(..3)) {
        letters.copy_from_slice(text);
    }
    letters.make_ascii_uppercase();
    Currency::parse(std::str::from_utf8(&letters).unwrap_or_default()).map_err(|_| Problem::not_a("an ISO 4217 currency code, like USD"))
}

/// An id of a provider or a bank: visible characters, and not too many.
pub(super) fn id(text: &str) -> Result<String, Problem> {
    if (1..=ID_CHARS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    if text.is_empty() || text.chars().count() > ID_CHARS_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(Problem::not_a("an id without blanks of at most 200 characters"));
    }
    Ok(text.to_owned())
}

/// A date, perhaps with its zone, or the date of an instant as it is written there: `2026-01-31`, `2026-01-31+01:00`, `2026-01-31 09:30:00`.
pub(super) fn date(text: &str) -> Result<NaiveDate, Problem> {
    let bad = || Problem::not_a("a date, YYYY-MM-DD");
    let (first, rest) = text.split_at_checked(10).ok_or_else(bad)?;
    let on: NaiveDate = match first.as_bytes().first_chunk().and_then(plain_date) {
        Some(on) => on,
        None => first.parse().map_err(|_| bad())?,
    };
    let is_time = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").is_ok() || instant(text).is_ok();
    let is_zone = || DateTime::parse_from_rfc3339(&format!("{first}T00:00:00{rest}")).is_ok();
    if rest.is_empty() || plain_instant(text).is_some() || is_zone() || is_time() { Ok(on) } else { Err(bad()) }
}

/// A number of two digits.
fn two([tens, ones]: [u8; 2]) -> Option<u32> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

/// `2026-01-31`.
fn plain_date(text: &[u8; 10]) -> Option<NaiveDate> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text else { return None };
    let year = two([y1, y2])? * 100 + two([y3, y4])?;
    NaiveDate::from_ymd_opt(year.try_into().ok()?, two([m1, m2])?, two([d1, d2])?)
}

/// `2026-01-31 09:30:00`, as instants are mostly written.
fn plain_instant(text: &str) -> Option<DateTime<Utc>> {
    let (day, [b' ', h1, h2, b':', m1, m2, b':', s1, s2]) = text.as_bytes().split_first_chunk::<10>()? else { return None };
    let time = NaiveTime::from_hms_opt(two([*h1, *h2])?, two([*m1, *m2])?, two([*s1, *s2])?)?;
    Some(plain_date(day)?.and_time(time).and_utc())
}

/// A date by a pattern such as `%m/%d/%Y`.
pub(super) fn date_as(text: &str, pattern: &str) -> Result<NaiveDate, Problem> {
    NaiveDate::parse_from_str(text, pattern).map_err(|_| Problem::NotA { expected: "a date in the form of this file", shown: None })
}

/// An instant: RFC 3339, or without an offset in UTC, with a blank or a `T`; offsets may lack their colon.
pub(super) fn instant(text: &str) -> Result<DateTime<Utc>, Problem> {
    if let Some(at) = plain_instant(text) {
        return Ok(at);
    }
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(at.to_utc());
    }
    for pattern in ["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z", "%Y/%m/%d %H:%M:%S %z"] {
        if let Ok(at) = DateTime::parse_from_str(text, pattern) {
            return Ok(at.to_utc());
        }
    }
    for pattern in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S UTC"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, pattern) {
            return Ok(at.and_utc());
        }
    }
    match text.parse::<NaiveDate>() {
        Ok(on) => Ok(on.and_time(NaiveTime::MIN).and_utc()),
        Err(_) => Err(Problem::not_a("an instant, like 2026-01-31 09:30:00, in UTC or with its offset")),
    }
}

/// Seconds since 1970.
pub(super) fn seconds(seconds: i64) -> Result<DateTime<Utc>, Problem> {
    DateTime::from_timestamp(seconds, 0).ok_or_else(|| Problem::not_a("a number of seconds since 1970"))
}

/// A local time with the letters of its zone, as Google Play writes it: `1:23:45 AM PDT`.
pub(super) fn local_time(on: NaiveDate, text: &str) -> Result<DateTime<Utc>, Problem> {
    let bad = || Problem::not_a("a time of day with its zone, like 1:23:45 AM PDT");
    let (time, zone) = text.rsplit_once(' ').ok_or_else(bad)?;
    let hours = match zone {
        "UTC" | "GMT" => 0,
        "PDT" => 7,
        "PST" => 8,
        _ => return Err(bad()),
    };
    let time = NaiveTime::parse_from_str(time, "%I:%M:%S %p").map_err(|_| bad())?;
    on.and_time(time).and_utc().checked_add_signed(TimeDelta::hours(hours)).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, code: &str, expected: Option<i64>) {
        let currency = Currency::parse(code).unwrap();
        assert_eq!(major(text, currency, false).ok(), expected, "{text} {code}");
    }

    #[test]
    fn amounts_are_exact_in_every_currency() {
        check("108.24", "USD", Some(10_824));
        check("-3.44", "USD", Some(-344));
        check("0.3", "USD", Some(30));
        check("12", "USD", Some(1_200));
        check("1,234.50", "USD", Some(123_450));
        check("1234.00", "JPY", Some(1_234));
        check("1234", "JPY", Some(1_234));
        check("1.250", "KWD", Some(1_250));
        check("1.25", "KWD", Some(1_250));
        check("1.255", "USD", None);
        check("1234.50", "JPY", None);
        check("12,34", "USD", None);
        check("", "USD", None);
        check("1e3", "USD", None);
        check("99999999999999999999", "USD", None);
        assert_eq!(major("1.234,50", Currency::parse("EUR").unwrap(), true).ok(), Some(123_450));
    }

    #[test]
    fn an_amount_that_64_bits_do_not_hold_is_too_large() {
        let usd = Currency::parse("USD").unwrap();
        assert_eq!(major("92233720368547758.07", usd, false).ok(), Some(i64::MAX));
        assert_eq!(major("92233720368547758.08", usd, false), Err(Problem::Money(MoneyError::Overflow)));
        assert!(matches!(major("92233720368547758.081", usd, false), Err(Problem::NotA { .. })));
    }

    #[test]
    fn dates_are_read_to_their_end() {
        for text in [
            "2026-01-06",
            "2026-01-06Z",
            "2026-01-06+01:00",
            "2026-01-06 09:30",
            "2026-01-06 09:30:00",
            "2026-01-06T23:30:00.250-08:00",
            "2026-01-06T09:30:00",
        ] {
            assert_eq!(date(text).ok().map(|on| on.to_string()).as_deref(), Some("2026-01-06"), "{text}");
        }
        for text in ["2026-01-06xyz", "2026-01-06\0", "2026-01-06 09:30:00\0", "2026-01-06 25:00:00", "2026-01-6", "06.01.2026", ""] {
            assert!(date(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn instants_are_read_in_the_forms_that_providers_use() {
        let expected = "2026-01-31T08:30:00+00:00";
        for text in ["2026-01-31T08:30:00Z", "2026-01-31 08:30:00", "2026-01-31T09:30:00+0100", "2026/01/31 00:30:00 -0800"] {
            assert_eq!(instant(text).unwrap().to_rfc3339(), expected, "{text}");
        }
        let on = "2026-07-01".parse().unwrap();
        assert_eq!(local_time(on, "5:00:00 PM PDT").unwrap().to_rfc3339(), "2026-07-02T00:00:00+00:00");
        assert!(local_time(on, "17:00").is_err() && instant("yesterday").is_err());
    }
}
