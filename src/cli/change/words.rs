//! A change as people read it: the money first, then what happens, why, and which mails go out.

use std::fmt::Write as _;

use super::super::as_of;
use super::sums::{Move, Sums};
use super::{Stored, happenings, lives};
use crate::domain::account::Subscription;
use crate::domain::change::Change;
use crate::domain::event::Event;

/// The change in words, with a line end after each line.
#[must_use]
pub fn told(change: &Change, stored: Stored) -> String {
    let mut text = heading(change, stored);
    if change.is_empty() {
        text.push_str("Nothing is to be done: it is so already.\n");
        return text;
    }
    section(&mut text, "Money", money(change));
    section(&mut text, "What happens", what_happens(change));
    section(&mut text, "Why", change.why.clone());
    section(&mut text, "Mails", mails(change));
    text
}

/// What is owed before and after, for lists.
#[must_use]
pub fn owed(change: &Change) -> String {
    match Sums::of(change) {
        Ok(sums) if sums.owed.happens() => format!("owed {} -> {}", sums.owed.before, sums.owed.after),
        Ok(sums) => format!("owed {}", sums.owed.after),
        Err(_) => "what is owed does not fit 64 bits of minor units".to_owned(),
    }
}

fn heading(change: &Change, stored: Stored) -> String {
    let command = change.kind.replace('_', " ");
    let (id, on) = (&change.after.profile.id, change.effective_on);
    match stored {
        Stored::Quoted => format!("Quote: {command}, account {id}, {on}. Nothing has been changed.\n"),
        Stored::Done => format!("Done: {command}, account {id}, {on}.\n"),
    }
}

fn section(text: &mut String, title: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

fn money(change: &Change) -> Vec<String> {
    let Ok(sums) = Sums::of(change) else { return vec!["the sums do not fit 64 bits of minor units".to_owned()] };
    let mut lines = Vec::new();
    if !sums.to_pay.is_zero() {
        lines.push(format!("to be charged   {}", sums.to_pay));
    }
    if !sums.paid_back.is_zero() {
        lines.push(format!("to be refunded  {}", sums.paid_back));
    }
    lines.extend(moved("account credit  ", sums.credit));
    lines.extend(moved("owed            ", sums.owed));
    if lines.is_empty() {
        lines.push("no money moves".to_owned());
    }
    lines
}

fn moved(name: &str, balance: Move) -> Option<String> {
    balance.happens().then(|| format!("{name}{} -> {}", balance.before, balance.after))
}

fn what_happens(change: &Change) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, after) in &change.after.subscriptions {
        let before = change.before.subscriptions.get(id);
        lines.extend(life(before, after));
    }
    lines.extend(change.events.iter().flat_map(|event| happenings::lines(change, event)));
    lines
}

fn life(before: Option<&Subscription>, after: &Subscription) -> Vec<String> {
    let then = before.map_or_else(|| "free".to_owned(), lives::line);
    let now = lives::line(after);
    if before.is_some() && then == now {
        return Vec::new();
    }
    vec![format!("subscription {}", after.id), format!("    before  {then}"), format!("    after   {now}")]
}

fn mails(change: &Change) -> Vec<String> {
    let mut lines: Vec<String> = change
        .notices
        .iter()
        .map(|notice| {
            let name = notice.kind.tag().replace('_', " ");
            notice.not_before.map_or(name.clone(), |at| format!("{name}, not before {}", as_of::shown(at)))
        })
        .collect();
    if !change.withdrawn.is_empty() && change.events.iter().any(|event| matches!(event, Event::Life { .. })) {
        let mut ids: Vec<&str> = change.withdrawn.iter().map(AsRef::as_ref).collect();
        ids.dedup();
        lines.push(format!("reminders and price notices of {} that still wait are withdrawn", ids.join(", ")));
    }
    lines
}
