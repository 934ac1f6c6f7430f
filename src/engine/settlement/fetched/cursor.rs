//! How far a provider's list was read, as text in the table of cursors.

use std::fmt;

use chrono::{DateTime, Utc};

use super::EVERY_SECONDS;
use crate::provider::Span;

/// How much is read again: a movement may be listed late, and clocks differ.
const OVERLAP_SECONDS: i64 = 3_600;
/// How much is read in one go, so that what is oldest comes first.
const SPAN_SECONDS: i64 = 24 * 3_600;

/// How far the movements were read, in seconds: `FROM@READ_AT`, or within a span `FROM>UNTIL>AFTER@READ_AT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// Everything before it was read.
    from: i64,
    /// The span that is being read: its end, and what to go on with.
    open: Option<(i64, Option<String>)>,
    /// When everything was read; 0 where there is more.
    read_at: i64,
}

impl Place {
    /// At the beginning, from an instant on.
    pub(super) const fn at(from: DateTime<Utc>) -> Self {
        Self { from: from.timestamp(), open: None, read_at: 0 }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (place, read_at) = text.rsplit_once('@')?;
        let mut parts = place.splitn(3, '>');
        let from = parts.next()?.parse().ok()?;
        let open = match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(until), after) => Some((until.parse().ok()?, after.filter(|after| !after.is_empty()).map(str::to_owned))),
        };
        Some(Self { from, open, read_at: read_at.parse().ok()? })
    }

    /// Whether it was read to an earlier instant.
    pub(super) const fn is_before(&self, instant: DateTime<Utc>) -> bool {
        self.from < instant.timestamp()
    }

    /// Whether there is something to be read.
    pub(super) fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.open.is_some() || now.timestamp().saturating_sub(self.read_at) >= EVERY_SECONDS
    }

    /// Whether the list is not read to its end.
    pub(super) const fn has_more(&self) -> bool {
        self.read_at == 0
    }

    /// What to go on with within the span.
    pub(super) fn after(&self) -> Option<&str> {
        self.open.as_ref().and_then(|(_, after)| after.as_deref())
    }

    /// With a span that is to be read; nothing where that would be empty.
    pub(super) fn opened(self, now: DateTime<Utc>) -> Option<(Self, Span)> {
        let begin = self.from.saturating_sub(OVERLAP_SECONDS);
        let (until, after) = self.open.unwrap_or_else(|| (self.from.saturating_add(SPAN_SECONDS).min(now.timestamp()), None));
        let span = Span { from: DateTime::from_timestamp(begin, 0)?, until: DateTime::from_timestamp(until, 0)? };
        (span.from < span.until).then_some((Self { open: Some((until, after)), ..self }, span))
    }

    /// After a page.
    pub(super) fn moved(self, next: Option<&str>, now: DateTime<Utc>) -> Self {
        match (self.open, next) {
            (Some((until, _)), Some(next)) => Self { open: Some((until, Some(next.to_owned()))), read_at: 0, ..self },
            (Some((until, _)), None) => {
                // A clock that was put back moves nothing back.
                let from = until.max(self.from);
                let is_all = from.saturating_add(1) >= now.timestamp();
                Self { from, open: None, read_at: if is_all { now.timestamp() } else { 0 } }
            }
            (None, _) => Self { open: None, ..self },
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, open, read_at } = self;
        match open {
            None => write!(f, "{from}@{read_at}"),
            Some((until, after)) => write!(f, "{from}>{until}>{}@{read_at}", after.as_deref().unwrap_or_default()),
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
        now.timestamp().saturating_sub(self.asked_at) >= EVERY_SECONDS
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
        for text in ["1769850000@0", "1769850000@1769850300", "1769850000>1769900000>@0", "1769850000>1769900000>txn_1@0"] {
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "@", "a@1", "1@b", "1>a>@0", "1"] {
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
        let (place, span) = Place::at(second(8 * DAY)).opened(now).unwrap();
        assert_eq!(span, Span { from: second(8 * DAY - 3_600), until: second(9 * DAY) });
        let place = place.moved(Some("txn_7"), now);
        assert_eq!((place.after(), place.is_due(now)), (Some("txn_7"), true));
        // It goes on with the same span, whatever time it is then.
        let later = second(20 * DAY);
        let (place, again) = place.opened(later).unwrap();
        assert_eq!((again, place.after()), (span, Some("txn_7")));
        let place = place.moved(None, now);
        assert_eq!((place.to_string().as_str(), place.is_due(now)), ("777600@0", true));
        let place = place.opened(now).unwrap().0.moved(None, now);
        let (place, last) = place.opened(now).unwrap();
        assert_eq!(last, Span { from: second(10 * DAY - 3_600), until: now });
        let place = place.moved(None, now);
        assert!(!place.is_due(now) && place.is_due(second(10 * DAY + 100 + EVERY_SECONDS)));
    }

    #[test]
    fn a_clock_that_was_put_back_moves_nothing_back() {
        let place = Place::parse("864000@864000").unwrap();
        let before = second(864_000 - 1_800);
        let (place, span) = place.opened(before).unwrap();
        assert_eq!(span.until, before);
        assert_eq!(place.moved(None, before).from, 864_000);
        assert_eq!(Place::parse("864000@0").unwrap().opened(second(800_000)), None);
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
