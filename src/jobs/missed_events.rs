//! Events whose webhook never came (F41): the provider's list is read from a stored cursor on, with an overlap, and what is new goes into
//! the inbox, as if it had come by itself. What came by webhook, too, is there already, under the same id.

use chrono::{DateTime, TimeDelta, Utc};

use super::Stop;
use super::runner::Runner;
use crate::engine::EngineError;
use crate::engine::summary::Summary;
use crate::store::inbox::{self, Arrival, Source};
use crate::store::kept_facts::{provider_cursor, set_provider_cursor};

/// How far back events can be read: as long as providers keep them.
const KEPT_DAYS: i64 = 30;
/// How much is read again: events are listed by when they happened, and may be listed late.
const OVERLAP_MINUTES: i64 = 60;
/// How often the list is read.
const EVERY_SECONDS: u64 = 300;

/// Where the reading stands, stored as `SECONDS@SECONDS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    /// When the newest event that was read had happened, by the provider's clock; 0 where none was read yet.
    newest: i64,
    /// When the list was read, by ours.
    read_at: i64,
}

impl Cursor {
    fn parse(text: &str) -> Option<Self> {
        let (newest, read_at) = text.split_once('@')?;
        Some(Self { newest: newest.parse().ok()?, read_at: read_at.parse().ok()? })
    }
}

impl Runner {
    /// Reads the list, if that is due. The cursor moves when all pages are stored: a crash in between reads them again.
    pub(super) async fn missed_events(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let mut summary = Summary::default();
        let capabilities = self.engine.provider.capabilities();
        if !capabilities.lists_events {
            return Ok(summary);
        }
        let provider = capabilities.name;
        let cursor_name = format!("{provider}:events");
        let now = self.engine.clock.now();
        let mut tx = self.engine.db.begin_read().await?;
        let stored = provider_cursor(&mut tx, &cursor_name).await?;
        tx.rollback().await?;
        let cursor = stored.as_deref().and_then(Cursor::parse);
        // Whichever way our clock was moved since.
        let rested = cursor.is_none_or(|cursor| now.timestamp().abs_diff(cursor.read_at) >= EVERY_SECONDS);
        if !rested {
            return Ok(summary);
        }
        let oldest = now.checked_sub_signed(TimeDelta::days(KEPT_DAYS)).unwrap_or(now);
        let overlapping = |cursor: Cursor| DateTime::<Utc>::from_timestamp(cursor.newest.saturating_sub(OVERLAP_MINUTES * 60), 0);
        let since = cursor.and_then(overlapping).unwrap_or(oldest).max(oldest);
        // Our clock has no part in it: one that is ahead would leave out what happens until then.
        let (mut newest, mut after) = (cursor.map_or(0, |cursor| cursor.newest), None::<String>);
        while !stop.requested() {
            let page = match self.engine.provider.missed_events(since, after.as_deref()).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(error = %error, "the provider's list of events could not be read; the next run asks again");
                    return Ok(summary);
                }
            };
            newest = page.events.iter().filter_map(|event| event.occurred_at).map(|at| at.timestamp()).fold(newest, i64::max);
            let arrivals: Vec<Arrival> = page
                .events
                .into_iter()
                .map(|event| Arrival {
                    provider,
                    event: event.id,
                    kind: event.kind,
                    source: Source::Poll,
                    received_at: now,
                    body: event.body.into_bytes(),
                })
                .collect();
            let mut tx = self.engine.db.begin().await?;
            let found = inbox::receive(&mut tx, &arrivals).await?;
            if page.next.is_none() {
                set_provider_cursor(&mut tx, &cursor_name, &format!("{newest}@{}", now.timestamp())).await?;
            }
            tx.commit().await?;
            if found > 0 {
                summary.add("events without a webhook found", found);
            }
            let Some(next) = page.next else { return Ok(summary) };
            after = Some(next);
        }
        Ok(summary)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_as_they_are_written() {
        assert_eq!(Cursor::parse("1769850000@1769850300"), Some(Cursor { newest: 1_769_850_000, read_at: 1_769_850_300 }));
        for text in ["", "1769850000", "@", "a@b", "1@2@3"] {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
