//! I9: nothing stays unsettled. What is due is done, final or parked within two weeks.

use std::fmt::Display;

use chrono::{DateTime, TimeDelta, Utc};

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::account::Account;

/// How long something may be due without being final or parked.
const DAYS_MAX: TimeDelta = TimeDelta::days(14);

/// Looks at everything that is to happen, as of an instant. While an account is parked nothing of it is due; that it is parked is
/// listed, unless a task says so already.
pub(super) fn nothing_waits(books: &AccountBooks, as_of: DateTime<Utc>, inspection: &mut Inspection<'_>) {
    let account = &books.account;
    if let Some(parked) = &account.profile.parked {
        let watched = account.tasks.values().any(|task| task.closed_on.is_none());
        inspection.expect(Check::ParkedWatched, watched, "accounts", || {
            format!("is parked since {} ({}), and no task is open", parked.since, parked.code)
        });
        return;
    }
    let mut in_time = |due_at: Option<DateTime<Utc>>, what: &str, id: &dyn Display| {
        let Some(due_at) = due_at else { return };
        let holds = due_at >= as_of - DAYS_MAX;
        inspection.expect(Check::SettledInTime, holds, id, || format!("{what} since {due_at}, and nothing has happened"));
    };
    let decided_at = books.journal.records.last().map(|record| record.posted_at);
    dates(account, decided_at, &mut in_time);
    for mail in &books.mails {
        in_time(mail.due_at, "waits to be sent", &mail.id);
    }
}

/// A reminder may be asked for as of a date before the decision that made it necessary: a trial shorter than the reminder's days, an
/// end that was withdrawn. It counts from the account's last decision.
fn dates(account: &Account, decided_at: Option<DateTime<Utc>>, in_time: &mut impl FnMut(Option<DateTime<Utc>>, &str, &dyn Display)) {
    for row in account.charges.values() {
        in_time(row.due_at, "is to be collected, or looked up,", &row.id);
    }
    for row in account.refunds.values() {
        in_time(row.due_at, "is to be paid out, or looked up,", &row.id);
    }
    for row in account.corrections.values() {
        in_time(row.due_at, "is to be looked at", &row.id);
    }
    for row in account.subscriptions.values() {
        in_time(row.due_at, "is due", &row.id);
        let asked_at = row.remind_at.max(decided_at.filter(|_| row.remind_at.is_some()));
        in_time(asked_at, "is to be reminded of its renewal", &row.id);
    }
    for row in account.invoices.values() {
        in_time(row.recognise_at, "is to be recognised", &row.document.id);
    }
}
