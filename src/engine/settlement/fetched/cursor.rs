//! How far a provider's list was read, as text in the table of cursors.

use std::fmt;

use chrono::{DateTime, Utc};

use super::EVERY_SECONDS;
use crate::provider::Span;

/// How much is read again: a movement may be listed late, and clocks differ.
const OVERLAP_SECONDS: i64 = 3_600;
/// How much is read in one go, so that what is oldest comes first.
const SPAN_SECONDS: i64 = 24 * 3_600;

/// How far the movements were read, in seconds: `FROM@READ_AT`, or within a span `FROM>UNTIL>NEWEST>AFTER@READ_AT`.
///
/// It moves to the newest movement that was seen, by the provider's clock. Ours has no part in that: one that is ahead would leave out what
/// moves until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Everything before it was read.
    from: i64,
    /// The span that is being read.
    open: Option<Open>,
    /// When everything was read, by our clock; 0 where there is more.
    read_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Open {
    /// Its end.
    until: i64,
    /// The newest movement in it so far.
    newest: i64,
    /// What to go on with.
    after: Option<String>,
}

impl Place {
    /// At the beginning, from an instant on.
    pub(super) const fn at(from: DateTime<Utc>) -> Self {
        Self { from: from.timestamp(), open: None, read_at: 0 }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (place, read_at) = text.rsplit_once('@')?;
        let parts: Vec<&str> = place.splitn(4, '>').collect();
        let (from, open) = match parts.as_slice() {
            [from] => (from, None),
            [from, until, newest, after] => {
                let after = Some(*after).filter(|after| !after.is_empty()).map(str::to_owned);
                (from, Some(Open { until: until.parse().ok()?, newest: newest.parse().ok()?, after }))
            }
            _ => return None,
        };
        Some(Self { from: from.parse().ok()?, open, read_at: read_at.parse().ok()? })
    }

    /// Whether it was read to an earlier instant.
    pub(super) const fn is_before(&self, instant: DateTime<Utc>) -> bool {
        self.from < instant.timestamp()
    }

    /// Whether there is something to be read, whichever way our clock was moved since.
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.open.is_some() || is_long_ago(self.read_at, now)
    }

    /// Whether the list is not read to its end.
    pub(super) const fn has_more(&self) -> bool {
        self.read_at == 0
    }

    /// What to go on with within the span.
    pub(super) fn after(&self) -> Option<&str> {
        self.open.as_ref().and_then(|open| open.after.as_deref())
    }

    /// With a span that is to be read; nothing where there can be none.
    pub(super) fn opened(self) -> Option<(Self, Span)> {
        let begin = self.from.saturating_sub(OVERLAP_SECONDS);
        let open = self.open.unwrap_or_else(|| Open { until: self.from.saturating_add(SPAN_SECONDS), newest: self.from, after: None });
        let span = Span { from: DateTime::from_timestamp(begin, 0)?, until: DateTime::from_timestamp(open.until, 0)? };
        Some((Self { open: Some(open), ..self }, span))
    }

    /// After a page with such a newest movement.
    pub(super) fn moved(self, next: Option<&str>, newest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let Some(open) = self.open else { return self };
        let newest = newest.map_or(open.newest, |newest| newest.timestamp().max(open.newest));
        let until = open.until;
        if let Some(next) = next {
            return Self { open: Some(Open { until, newest, after: Some(next.to_owned()) }), read_at: 0, ..self };
        }
        if newest > self.from {
            // There may be more after it; if the span reaches beyond the present, there is not.
            let read_at = if until > now.timestamp() { now.timestamp() } else { 0 };
            return Self { from: newest, open: None, read_at };
        }
        if until > now.timestamp() {
            return Self { from: self.from, open: None, read_at: now.timestamp() };
        }
        // Nothing moved in it: twice as far, from the same place.
        let until = until.saturating_add(until.saturating_sub(self.from));
        Self { open: Some(Open { until, newest, after: None }), read_at: 0, ..self }
    }
}

/// Whether it is time to read again what was read then, by our clock. One that was put back since is no reason to wait.
fn is_long_ago(read_at: i64, now: DateTime<Utc>) -> bool {
    now.timestamp().abs_diff(read_at) >= EVERY_SECONDS.unsigned_abs()
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, open, read_at } = self;
        match open {
            None => write!(f, "{from}@{read_at}"),
            Some(Open { until, newest, after }) => write!(f, "{from}>{until}>{newest}>{}@{read_at}", after.as_deref().unwrap_or_default()),
        }
    }
}

/// Which payouts were asked for what was in them: `LAST>AFTER@ASKED_AT`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LinesPlace {
    /// The payout that was asked for last.
    last: String,
    /// What to go on with, where that has more pages.
    after: Option<String>,
    /// When all were asked for; 0 where there are more.
    asked_at: i64,
}

impl LinesPlace {
    /// All were asked for.
    pub(super) const fn all_asked(now: DateTime<Utc>) -> Self {
        Self { last: String::new(), after: None, asked_at: now.timestamp() }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (place, asked_at) = text.rsplit_once('@')?;
        let (last, after) = place.split_once('>')?;
        let after = Some(after).filter(|after| !after.is_empty()).map(str::to_owned);
        Some(Self { last: last.to_owned(), after, asked_at: asked_at.parse().ok()? })
    }

    /// Whether there is something to be asked.
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        is_long_ago(self.asked_at, now)
    }

    /// The payout that has more pages.
    pub(super) fn open_payout(&self) -> Option<&str> {
        self.after.as_ref().map(|_| self.last.as_str())
    }

    pub(super) fn last(&self) -> &str {
        &self.last
    }

    pub(super) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// After a page of a payout.
    pub(super) fn asked(payout: &str, next: Option<&str>) -> Self {
        Self { last: payout.to_owned(), after: next.map(str::to_owned), asked_at: 0 }
    }
}

impl fmt::Display for LinesPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{}@{}", self.last, self.after.as_deref().unwrap_or_default(), self.asked_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    #[test]
    fn places_are_read_as_they_are_written() {
        for text in ["1769850000@0", "1769850000@1769850300", "1>1769900000>1769850000>@0", "1>1769900000>1769850000>txn_1@0"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "@", "a@1", "1@b", "1>2@0", "1>a>2>@0", "1>2>a>@0", "1"] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
        for text in [">@0", "po_1>@0", "po_1>txn_9@0", ">@1769850300"] {
            assert_eq!(LinesPlace::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(LinesPlace::parse("po_1@0"), None);
    }

    #[test]
    fn a_long_time_is_read_day_by_day_and_each_span_to_its_end() {
        const DAY: i64 = SPAN_SECONDS;
        let now = second(10 * DAY + 100);
        let (place, span) = Place::at(second(8 * DAY)).opened().unwrap();
        assert_eq!(span, Span { from: second(8 * DAY - 3_600), until: second(9 * DAY) });
        // The newest page comes first.
        let place = place.moved(Some("txn_7"), Some(second(9 * DAY - 60)), now);
        assert_eq!((place.after(), place.is_due(now), place.has_more()), (Some("txn_7"), true, true));
        // It goes on with the same span, whatever time it is then.
        let (place, again) = place.opened().unwrap();
        assert_eq!((again, place.after()), (span, Some("txn_7")));
        let place = place.moved(None, Some(second(8 * DAY + 5)), now);
        assert_eq!((place.to_string().as_str(), place.is_due(now)), ("777540@0", true));
        let (place, last) = place.opened().unwrap();
        assert_eq!(last, Span { from: second(9 * DAY - 60 - 3_600), until: second(10 * DAY - 60) });
        let (place, last) = place.moved(None, Some(second(10 * DAY - 70)), now).opened().unwrap();
        assert_eq!(last.until, second(11 * DAY - 70));
        let place = place.moved(None, Some(second(10 * DAY - 70)), now);
        assert!(!place.has_more() && !place.is_due(now) && place.is_due(second(10 * DAY + 100 + EVERY_SECONDS)));
    }

    #[test]
    fn days_on_which_nothing_moves_are_passed_over_in_growing_steps() {
        const DAY: i64 = SPAN_SECONDS;
        let now = second(10 * DAY + 100);
        let (mut place, mut untils) = (Place::at(second(0)), Vec::new());
        while place.has_more() {
            let (open, span) = place.opened().unwrap();
            untils.push(span.until.timestamp() / DAY);
            assert_eq!(span.from, second(-3_600));
            place = open.moved(None, None, now);
        }
        assert_eq!((untils, place.to_string()), (vec![1, 2, 4, 8, 16], format!("0@{}", now.timestamp())));
    }

    /// It is three days ahead when the list is read: what moves in these days is found all the same.
    #[test]
    fn a_clock_that_is_ahead_leaves_nothing_out() {
        const DAY: i64 = SPAN_SECONDS;
        let ahead = second(13 * DAY);
        let mut place = Place::at(second(10 * DAY - 600));
        while place.has_more() {
            let (open, span) = place.opened().unwrap();
            let moved = second(10 * DAY - 100);
            place = open.moved(None, Some(moved).filter(|at| span.from <= *at && *at < span.until), ahead);
        }
        let (_, span) = place.clone().opened().unwrap();
        assert_eq!(span, Span { from: second(10 * DAY - 100 - 3_600), until: second(11 * DAY - 100) });
        // And once it is put right, nobody waits for three days.
        assert!(place.is_due(second(10 * DAY)));
    }

    #[test]
    fn a_clock_that_is_behind_moves_nothing_back() {
        let before = second(864_000 - 90_000);
        let (place, span) = Place::parse("864000@864000").unwrap().opened().unwrap();
        assert_eq!(span.until, second(864_000 + SPAN_SECONDS));
        assert_eq!(place.moved(None, Some(second(863_000)), before).from, 864_000);
    }

    #[test]
    fn payouts_are_asked_for_one_after_the_other() {
        let now = second(1_769_850_000);
        assert!(LinesPlace::default().is_due(now));
        let place = LinesPlace::asked("po_1", Some("txn_3"));
        assert_eq!((place.open_payout(), place.after()), (Some("po_1"), Some("txn_3")));
        let place = LinesPlace::asked("po_1", None);
        assert_eq!((place.open_payout(), place.last(), place.is_due(now)), (None, "po_1", true));
        let place = LinesPlace::all_asked(now);
        assert_eq!((place.is_due(now), place.is_due(second(1_769_850_000 + EVERY_SECONDS)), place.last()), (false, true, ""));
    }
}
