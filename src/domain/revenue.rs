//! RR: revenue of a period is earned by the day, and over all its days it is exactly the net amount.

use chrono::NaiveDate;

use super::calendar::Period;
use super::money::{Money, MoneyError};

/// RR-1: what is earned of `net` through the date `through`, that day included: nothing before the period, everything
/// on and after its last day. Cumulative, so that what to book today is the difference to what is booked; rounded as
/// RF-2 rounds, so that it equals what a cancellation on that day keeps.
///
/// ```
/// use chrono::NaiveDate;
/// use kasacare::domain::calendar::Period;
/// use kasacare::domain::money::{Currency, Money};
/// use kasacare::domain::revenue::earned_through;
/// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
/// let usd = Currency::parse("USD").unwrap();
/// let year = Period::new(day("2026-01-31"), day("2027-01-31")).unwrap();
/// assert_eq!(earned_through(Money::new(9_999, usd), year, day("2026-06-02")).unwrap().minor(), 3_370);
/// ```
pub fn earned_through(net: Money, period: Period, through: NaiveDate) -> Result<Money, MoneyError> {
    let days = period.days();
    let left = days.saturating_sub(period.days_through(through));
    net.minus(net.share(left, days)?)
}
