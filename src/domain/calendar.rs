//! CA: billing periods in dates of the account's time zone.
//!
//! Period k of a term is always counted from the anchor and clamped to the month's last day (CA-1), so that a short
//! month never makes later periods drift. Daylight saving never moves a period: instants appear only at the edges.

use chrono::{DateTime, Datelike, Days, LocalResult, Months, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Last date the engine works with.
pub const DATE_MAX: NaiveDate = match NaiveDate::from_ymd_opt(9999, 12, 31) {
    Some(date) => date,
    None => NaiveDate::MAX,
};

/// Why a date cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// The result lies outside the years 1 to 9999.
    #[error("the date lies outside the years 1 to 9999")]
    OutOfRange,
    /// A period must end after it starts.
    #[error("a period must end after it starts: {start} to {end}")]
    EmptyPeriod {
        /// First day.
        start: NaiveDate,
        /// First day after.
        end: NaiveDate,
    },
}

/// How often a plan bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cycle {
    /// Every month.
    Monthly,
    /// Every twelve months.
    Annual,
}

impl Cycle {
    /// Length in months.
    #[must_use]
    pub const fn months(self) -> u32 {
        match self {
            Self::Monthly => 1,
            Self::Annual => 12,
        }
    }

    /// The stored tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Monthly => "monthly",
            Self::Annual => "annual",
        }
    }

    /// Parses a stored tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        match tag {
            "monthly" => Some(Self::Monthly),
            "annual" => Some(Self::Annual),
            _ => None,
        }
    }
}

/// Dates `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Period {
    /// First day.
    pub start: NaiveDate,
    /// First day after the last.
    pub end: NaiveDate,
}

impl Period {
    /// `[start, end)`; refuses an empty or reversed one and years outside 1 to 9999.
    pub fn new(start: NaiveDate, end: NaiveDate) -> Result<Self, CalendarError> {
        if start >= end {
            return Err(CalendarError::EmptyPeriod { start, end });
        }
        in_range(start)?;
        in_range(end)?;
        Ok(Self { start, end })
    }

    /// Period number `k` (from 0) of a term that is anchored at `anchor` (CA-1).
    ///
    /// ```
    /// use chrono::NaiveDate;
    /// use kasacare::domain::calendar::{Cycle, Period};
    /// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    /// let second = Period::nth(day("2026-01-31"), Cycle::Monthly, 1).unwrap();
    /// assert_eq!((second.start, second.end), (day("2026-02-28"), day("2026-03-31")));
    /// ```
    pub fn nth(anchor: NaiveDate, cycle: Cycle, k: u32) -> Result<Self, CalendarError> {
        let next = k.checked_add(1).ok_or(CalendarError::OutOfRange)?;
        Self::new(boundary(anchor, cycle, k)?, boundary(anchor, cycle, next)?)
    }

    /// Number of days, at least 1.
    #[must_use]
    pub fn days(self) -> u32 {
        days_between(self.start, self.end)
    }

    /// Whether `date` lies in the period.
    #[must_use]
    pub fn contains(self, date: NaiveDate) -> bool {
        self.start <= date && date < self.end
    }

    /// Days of the period before `date`: 0 on and before its first day, all of them from its end on.
    #[must_use]
    pub fn days_before(self, date: NaiveDate) -> u32 {
        days_between(self.start, date.min(self.end))
    }

    /// Days of the period up to and including `date`: 0 before it, all of them on and after its last day.
    #[must_use]
    pub fn days_through(self, date: NaiveDate) -> u32 {
        if date < self.start {
            return 0;
        }
        self.days_before(date.succ_opt().unwrap_or(self.end))
    }

    /// The last day.
    #[must_use]
    pub fn last_day(self) -> NaiveDate {
        self.end.pred_opt().unwrap_or(self.start)
    }
}

/// Days from `start` to `end`, 0 where `end` is earlier. Subtracts day numbers: a difference of instants, which chrono
/// would make of two dates, costs several times as much (P15).
fn days_between(start: NaiveDate, end: NaiveDate) -> u32 {
    let days = end.num_days_from_ce().saturating_sub(start.num_days_from_ce());
    u32::try_from(days).unwrap_or(0)
}

fn in_range(date: NaiveDate) -> Result<NaiveDate, CalendarError> {
    if (1..=9999).contains(&date.year()) { Ok(date) } else { Err(CalendarError::OutOfRange) }
}

/// `anchor + k` cycles, clamped to the month's last day (CA-1).
pub fn boundary(anchor: NaiveDate, cycle: Cycle, k: u32) -> Result<NaiveDate, CalendarError> {
    let months = k.checked_mul(cycle.months()).ok_or(CalendarError::OutOfRange)?;
    anchor.checked_add_months(Months::new(months)).ok_or(CalendarError::OutOfRange).and_then(in_range)
}

/// `date + days`.
pub fn plus_days(date: NaiveDate, days: u32) -> Result<NaiveDate, CalendarError> {
    date.checked_add_days(Days::new(u64::from(days))).ok_or(CalendarError::OutOfRange).and_then(in_range)
}

/// `date − days`.
pub fn minus_days(date: NaiveDate, days: u32) -> Result<NaiveDate, CalendarError> {
    date.checked_sub_days(Days::new(u64::from(days))).ok_or(CalendarError::OutOfRange).and_then(in_range)
}

/// The first day of `date`'s month.
#[must_use]
pub fn first_of_month(date: NaiveDate) -> NaiveDate {
    date.with_day(1).unwrap_or(date)
}

/// The last day of `date`'s month.
#[must_use]
pub fn month_end(date: NaiveDate) -> NaiveDate {
    first_of_month(date).checked_add_months(Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(DATE_MAX)
}

/// The calendar date of an instant in a time zone.
#[must_use]
pub fn local_date(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// The instant at which `date` begins in `zone`. Where the clock jumps over midnight the day begins after the gap;
/// where midnight comes twice it begins at the first (F27).
#[must_use]
pub fn start_of_day(date: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = date.and_time(NaiveTime::MIN);
    match zone.from_local_datetime(&midnight) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        LocalResult::None => (1..=26_u8)
            .filter_map(|quarters| midnight.checked_add_signed(chrono::TimeDelta::minutes(i64::from(quarters).saturating_mul(15))))
            .find_map(|later| zone.from_local_datetime(&later).earliest())
            .map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc)),
    }
}
