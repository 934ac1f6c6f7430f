//! `--as-of`: the instant that a command takes for now.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::clock::Clock;

/// `--as-of <instant or date>`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct AsOf {
    /// Take this for now: an instant (2026-03-01T12:00:00Z) or a date, meaning the end of that day in UTC
    #[arg(long, value_name = "INSTANT|DATE", value_parser = parse)]
    pub as_of: Option<DateTime<Utc>>,
}

impl AsOf {
    /// The clock that the command runs by.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.as_of.map_or(Clock::System, Clock::Fixed)
    }
}

/// Parses an instant with its offset, or a date: its last microsecond in UTC, so that what is due on that date in UTC or
/// east of it is due. Years 1 to 9998.
///
/// # Errors
/// A sentence that says what is expected.
pub fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    let expected = || format!("`{text}` is neither a date (2026-03-01) nor an instant (2026-03-01T12:00:00Z)");
    let at = match text.parse::<NaiveDate>() {
        Ok(date) => {
            let next = date.checked_add_days(Days::new(1)).ok_or_else(expected)?.and_time(NaiveTime::MIN).and_utc();
            next.checked_sub_signed(TimeDelta::microseconds(1)).ok_or_else(expected)?
        }
        Err(_) => DateTime::parse_from_rfc3339(text).map_err(|_| expected())?.with_timezone(&Utc),
    };
    let year = chrono::Datelike::year(&at);
    if (1..=9998).contains(&year) { Ok(at) } else { Err(format!("`{text}` lies outside the years 1 to 9998")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_last_instant() {
        assert_eq!(parse("2026-03-01").unwrap().to_rfc3339(), "2026-03-01T23:59:59.999999+00:00");
        assert_eq!(parse("2026-03-01T12:00:00+02:00").unwrap().to_rfc3339(), "2026-03-01T10:00:00+00:00");
    }

    #[test]
    fn nonsense_and_far_years_are_refused() {
        for text in ["", "yesterday", "2026-02-30", "0000-01-01", "9999-12-31", "12026-01-01"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
