//! `--as-of`: the instant that a command takes for now.

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;

use super::CliError;
use crate::clock::Clock;
use crate::domain::calendar::local_date;
use crate::reports::finance::FIRST_ZONE_AHEAD;
use crate::store::binding::has_simulated_money;
use crate::store::db::Db;

/// `--as-of <instant or date>`.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct AsOf {
    /// Take this for now: an instant (2026-03-01T12:00:00Z), or a date, meaning the end of that day (of the account where there
    /// is one, else in UTC)
    #[arg(long, value_name = "INSTANT|DATE")]
    pub as_of: Option<Moment>,
}

impl AsOf {
    /// The clock that the command runs by.
    #[must_use]
    pub fn clock(self) -> Clock {
        self.as_of.map_or(Clock::System, |moment| Clock::Fixed(moment.instant()))
    }

    /// The instant of a command that books what happens at a provider or a bank. It does not lie ahead of the first zone's today, except where
    /// money is simulated and time with it (F17).
    ///
    /// # Errors
    /// One that does; what the database says.
    pub async fn with_money(self, db: &Db) -> Result<DateTime<Utc>, CliError> {
        let (at, now) = (self.clock().now(), Clock::System.now());
        let today = now.checked_add_signed(FIRST_ZONE_AHEAD).unwrap_or(now).date_naive();
        if at.date_naive() > today {
            let mut tx = db.begin_read().await?;
            let is_simulated = has_simulated_money(&mut tx).await?;
            tx.rollback().await?;
            if !is_simulated {
                let problem = format!("{} lies in the future, for which nothing is booked (F17)", shown(at));
                return Err(CliError::Option { option: "--as-of", problem });
            }
        }
        Ok(at)
    }

    /// The clock of a command on an account of this zone: a date is that date for the account, too.
    #[must_use]
    pub fn clock_in(self, zone: Tz) -> Clock {
        self.as_of.map_or(Clock::System, |moment| Clock::Fixed(moment.in_zone(zone)))
    }
}

/// A moment as people write it, in the years 1 to 9998.
///
/// ```
/// use kasacare::cli::Moment;
/// let date: Moment = "2026-01-31".parse().unwrap();
/// assert_eq!(date.instant().to_rfc3339(), "2026-01-31T23:59:59.999999+00:00");
/// assert_eq!(date.in_zone(chrono_tz::Asia::Tokyo).to_rfc3339(), "2026-01-31T14:59:59.999999+00:00");
/// let instant: Moment = "2026-01-31T09:30:00+01:00".parse().unwrap();
/// assert_eq!(instant.instant().to_rfc3339(), "2026-01-31T08:30:00+00:00");
/// assert!("yesterday".parse::<Moment>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// An instant.
    Instant(DateTime<Utc>),
    /// A date.
    Date(NaiveDate),
}

/// The text is neither an instant nor a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a date (2026-03-01) or an instant with its offset (2026-03-01T12:00:00Z), in the years 1 to 9998")]
pub struct BadMoment;

impl FromStr for Moment {
    type Err = BadMoment;
    fn from_str(text: &str) -> Result<Self, BadMoment> {
        let in_range = |year: i32| if (1..=9998).contains(&year) { Ok(()) } else { Err(BadMoment) };
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            let at = at.to_utc();
            return in_range(at.year()).map(|()| Self::Instant(at));
        }
        // Nothing but YYYY-MM-DD: the parser alone would take signs and short years.
        let is_plain = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_plain).ok_or(BadMoment)?;
        in_range(date.year()).map(|()| Self::Date(date))
    }
}

impl Moment {
    /// The instant for everybody; of a date its last microsecond in UTC, so that what is due on that date in UTC or east of it
    /// is due.
    #[must_use]
    pub fn instant(self) -> DateTime<Utc> {
        match self {
            Self::Instant(at) => at,
            Self::Date(date) => date.and_time(DAYS_END).and_utc(),
        }
    }

    /// The instant for an account of this zone: of a date, the last microsecond at which it is that date both there and in UTC.
    /// So a command as of a date is of that date, and a run as of the same date comes after it.
    #[must_use]
    pub fn in_zone(self, zone: Tz) -> DateTime<Utc> {
        let at = self.instant();
        match self {
            Self::Date(date) if local_date(at, zone) != date => {
                let local_end = date.and_time(DAYS_END).and_local_timezone(zone).earliest();
                local_end.map_or(at, |end| end.to_utc())
            }
            Self::Instant(_) | Self::Date(_) => at,
        }
    }
}

/// A date as people write it, in the years 1 to 9998: the parser of every option that takes one.
///
/// # Errors
/// How it is to be written.
pub fn date(text: &str) -> Result<NaiveDate, &'static str> {
    match text.parse() {
        Ok(Moment::Date(date)) => Ok(date),
        Ok(Moment::Instant(_)) | Err(BadMoment) => Err("write a date (2026-03-01), in the years 1 to 9998"),
    }
}

/// An instant as people read it, to the second.
#[must_use]
pub fn shown(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// An instant as JSON shows it.
#[must_use]
pub fn json(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

const DAYS_END: NaiveTime = match NaiveTime::from_hms_micro_opt(23, 59, 59, 999_999) {
    Some(end) => end,
    None => NaiveTime::MIN,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_date_in_every_zone() {
        for date in ["2026-01-31", "2026-03-29", "2026-10-25", "0001-01-01", "9998-12-31", "2011-12-31"] {
            let moment: Moment = date.parse().unwrap();
            for zone in chrono_tz::TZ_VARIANTS {
                assert_eq!(local_date(moment.in_zone(zone), zone).to_string(), date, "{zone}");
                assert!(moment.in_zone(zone) <= moment.instant(), "a run as of the same date comes later: {zone}");
            }
        }
    }

    #[test]
    fn nonsense_and_far_years_are_refused() {
        for text in
            ["", "yesterday", "2026-1-31", "2026-02-30", "0000-01-01", "9999-12-31", "12026-01-01", "+2026-01-31", "2026-01-31T10:00:00"]
        {
            assert_eq!(text.parse::<Moment>(), Err(BadMoment), "{text}");
        }
    }
}
