//! What sums of cards go by.

use chrono::{DateTime, NaiveDate, Utc};

use super::Takes;
use crate::domain::money::Currency;
use crate::reports::cards::Leg;
use crate::reports::known_until;
use crate::reports::sheet::Asked;

/// Business dates, a cut-off and a currency. The first date is that which was asked for, before the books have begun or not: so it is known
/// before the books are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) from: NaiveDate,
    pub(super) to: NaiveDate,
    pub(super) known_at: Option<DateTime<Utc>>,
    currency: Option<Currency>,
}

impl Filter {
    pub(super) fn of(takes: Takes, asked: &Asked, to: NaiveDate) -> Self {
        let from = if takes == Takes::Range { asked.from } else { None };
        Self { from: from.unwrap_or(NaiveDate::MIN), to, known_at: asked.known_at, currency: asked.currency }
    }

    /// The same for all currencies.
    pub(super) const fn in_all_currencies(self) -> Self {
        Self { currency: None, ..self }
    }

    /// Whether a leg counts.
    pub(super) fn has(&self, leg: &Leg<'_>) -> bool {
        self.from <= leg.on && leg.on <= self.to && self.currency.is_none_or(|only| only.code() == leg.code)
    }

    /// Whether a day is in the range.
    pub(super) fn has_day(&self, day: NaiveDate) -> bool {
        self.from <= day && day <= self.to
    }

    /// The cut-off in microseconds; the largest of all numbers where there is none.
    pub(super) fn known_until(&self) -> i64 {
        known_until(self.known_at)
    }

    /// The name of a sum that goes by it. (The cut-off is no part of it.)
    pub(super) fn name(&self, what: &str) -> String {
        format!("{what} {} {} {}", self.from, self.to, self.currency.as_ref().map_or("", Currency::code))
    }
}
