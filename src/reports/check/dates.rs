//! The two times of a record: the instant at which it was recorded, and the business date that it counts for.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::calendar::local_date;
use crate::domain::event::Event;
use crate::reports::stored::Record;

/// What records are called in which revenue is recognised: they count for the month's end that they recognise through, which lies
/// before the day on which they are recorded.
const RECOGNISE: &str = "recognise";

/// How far instants may go back: a command as of a date takes the end of that day where the account is, and a run as of the same date
/// its end in UTC, whichever comes first.
const BACK_MAX: TimeDelta = TimeDelta::days(1);

/// Instants do not go back, and a decision counts for the day on which it was made, in the account's zone.
pub(super) fn records(books: &AccountBooks, inspection: &mut Inspection<'_>) {
    let zone = books.account.profile.zone;
    let mut last: Option<DateTime<Utc>> = None;
    for record in &books.journal.records {
        let in_order = last.is_none_or(|last| last - record.posted_at <= BACK_MAX);
        inspection.expect(Check::RecordDates, in_order, record.seq, || {
            format!("was recorded at {}, before records that it follows", record.posted_at)
        });
        last = last.max(Some(record.posted_at));
        if record.kind != RECOGNISE {
            let here = local_date(record.posted_at, zone);
            inspection.expect(Check::RecordDates, record.effective_on == here, record.seq, || dated(record, here));
        }
    }
}

/// Recognition counts for the one day through which all of it recognises, and that day is over. Where the month of that day was closed, it
/// counts for the day on which the books were open again, one of `opens` (RC-3).
pub(super) fn recognition(
    record: &Record,
    events: &[Event],
    books: &AccountBooks,
    opens: &BTreeSet<NaiveDate>,
    inspection: &mut Inspection<'_>,
) {
    if record.kind != RECOGNISE {
        return;
    }
    let here = local_date(record.posted_at, books.account.profile.zone);
    let throughs = events.iter().filter_map(|event| match event {
        Event::RevenueRecognised { through, .. } => Some(*through),
        _ => None,
    });
    let (on, days): (NaiveDate, BTreeSet<NaiveDate>) = (record.effective_on, throughs.collect());
    let is_on_its_day = on < here && days.iter().all(|through| *through == on);
    let is_after_closed = on <= here && days.len() == 1 && opens.contains(&on) && days.iter().all(|through| *through < on);
    let holds = is_on_its_day || is_after_closed;
    inspection.expect(Check::RecordDates, holds, record.seq, || dated(record, here));
}

fn dated(record: &Record, here: NaiveDate) -> String {
    format!("counts for {}, and was recorded on {here}", record.effective_on)
}
