//! What the demo tells: months as a table, and one example of each kind of story with its arithmetic.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::year::Lived;
use crate::domain::change::Change;
use crate::domain::event::Event;
use crate::domain::subscription::Life;

/// The kind of story that a change tells, if any.
#[must_use]
pub fn kind(change: &Change) -> Option<&'static str> {
    let refund = change.events.iter().any(|event| matches!(event, Event::RefundRequested { .. }));
    let correction = change.events.iter().any(|event| matches!(event, Event::CorrectionOpened { .. }));
    let plan_change = change.events.iter().any(|event| matches!(event, Event::Life { life: Life::TermOpened { .. }, .. }));
    let new_card = change.events.iter().any(|event| matches!(event, Event::MethodReplaced { .. }));
    let charged = change.events.iter().any(|event| matches!(event, Event::ChargeRequested { .. }));
    if correction {
        Some("A wrong payment is put right")
    } else if plan_change && change.events.iter().any(|event| matches!(event, Event::CreditApplied { .. })) {
        Some("A customer changes the plan at once")
    } else if refund {
        Some("A customer cancels an annual plan")
    } else if new_card && charged {
        Some("A new card pays what was owed")
    } else {
        None
    }
}

const COLUMNS: &[(&str, &str)] = &[
    ("begun", "subscriptions begun"),
    ("trials", "trials begun"),
    ("renewals", "renewals"),
    ("changes", "plan changes"),
    ("ended", "subscriptions ended"),
    ("captured", "charges captured"),
    ("declined", "charges declined"),
    ("refunds", "refunds paid out"),
    ("corrected", "corrections opened"),
    ("reminders", "renewal reminders"),
    ("notices", "price notices"),
    ("mails", "mails sent"),
];

/// The months as a table.
#[must_use]
pub fn months(lived: &Lived) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(std::iter::once("month").chain(COLUMNS.iter().map(|(title, _)| *title)));
    for month in &lived.months {
        let name = month.first.map_or_else(String::new, |first| first.format("%Y-%m").to_string());
        table.add_row(std::iter::once(name).chain(COLUMNS.iter().map(|(_, line)| month.summary.of(line).to_string())));
    }
    for index in 1..=COLUMNS.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// The stories, each with its rules and its arithmetic.
#[must_use]
pub fn told(lived: &Lived) -> String {
    let mut text = String::new();
    for (title, change) in &lived.stories {
        let id = &change.after.profile.id;
        let told = writeln!(text, "{title}: account {id}, {} ({id}/{})", change.effective_on, change.after.profile.journal_seq);
        debug_assert!(told.is_ok(), "writing to a string cannot fail");
        for why in &change.why {
            text.push_str("  ");
            text.push_str(why);
            text.push('\n');
        }
        text.push('\n');
    }
    text
}
