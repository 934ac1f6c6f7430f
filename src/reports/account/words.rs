//! The report as people read it.

use std::fmt::Display;

use chrono::NaiveDate;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::{AccountReport, ShownAttempt, ShownIntent, ShownSubscription};

impl AccountReport {
    /// The page, with a line end after each line. Sections without content are left out.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("Account {}\n", self.account);
        section(&mut text, "", grid(&[], &self.head(), &[]));
        section(&mut text, "Balances", grid(&[], &self.balances(), &[1]));
        section(&mut text, "Cameras", grid(&["camera", "covered by"], &self.cameras(), &[]));
        section(&mut text, "Subscriptions", grid(SUBSCRIPTION, &self.subscriptions.iter().map(subscription).collect::<Vec<_>>(), &[]));
        section(&mut text, "Invoices", grid(INVOICE, &self.invoices(), &[3, 4, 5, 6]));
        section(&mut text, "Open charges", grid(ATTEMPT, &attempts(&self.open_charges), &[2]));
        section(&mut text, "Open refunds", grid(ATTEMPT, &attempts(&self.open_refunds), &[2]));
        section(&mut text, "Corrections", grid(CORRECTION, &self.corrections(), &[2, 3, 4]));
        section(&mut text, "Disputes", grid(&["dispute", "charge", "amount", "state", "opened"], &self.disputes(), &[2]));
        section(&mut text, "Open tasks", grid(&["opened", "task", "kind", "subject", "amount"], &self.tasks(), &[4]));
        section(&mut text, "Last journal records", grid(&["no.", "date", "kind", "cause", "by", "reason"], &self.records(), &[0]));
        text
    }

    fn head(&self) -> Vec<Vec<String>> {
        let mut lines = Vec::new();
        let mut line = |what: &str, value: String| lines.push(vec![what.to_owned(), value]);
        if let Some(parked) = &self.parked {
            let since = parked.since.format("%Y-%m-%d %H:%M:%S UTC");
            line("PARKED", format!("since {since}, {}: {}; nothing is billed", parked.code, parked.reason));
        }
        if let Some(contact) = &self.contact {
            let or_erased = |text: &Option<String>| text.clone().unwrap_or_else(|| "(erased)".to_owned());
            line("name", or_erased(&contact.name));
            line("mail", or_erased(&contact.email));
        }
        line("billed in", self.currency.to_string());
        line("time zone", self.time_zone.clone());
        line("taxed in", self.jurisdiction.clone());
        let method = self.payment_method.as_ref().map_or_else(
            || "none on file".to_owned(),
            |method| {
                let expiry = method.expires_on.map(|on| format!(", valid through {on}")).unwrap_or_default();
                format!("{}{expiry}{}", method.label, if method.blocked { ", BLOCKED" } else { "" })
            },
        );
        line("payment method", method);
        line("free trial", self.trial_used_on.map_or_else(|| "not used".to_owned(), |on| format!("used on {on}")));
        lines
    }

    fn balances(&self) -> Vec<Vec<String>> {
        let balances = &self.balances;
        let lines = [
            ("credit from cash", balances.credit_cash),
            ("goodwill credit", balances.credit_goodwill),
            ("owed on invoices", balances.receivable),
            ("owed collection costs", balances.collection_costs),
            ("of it for the next charge", balances.carried),
            ("unapplied cash", balances.unapplied),
        ];
        lines.into_iter().map(|(what, amount)| vec![what.to_owned(), amount.to_string()]).collect()
    }

    fn cameras(&self) -> Vec<Vec<String>> {
        let covered_by = |ids: &[_]| if ids.is_empty() { "Free Package".to_owned() } else { joined(ids, ", ") };
        self.cameras.iter().map(|camera| vec![camera.camera.to_string(), covered_by(&camera.covered_by)]).collect()
    }

    fn invoices(&self) -> Vec<Vec<String>> {
        let line = |row: &super::ShownInvoice| {
            vec![
                row.number.clone(),
                row.subscription.to_string(),
                period(row.period_start, row.period_end),
                row.total.major(),
                row.after_notes.major(),
                row.open.major(),
                row.captured.major(),
                joined(&row.states, ", ").replace('_', " "),
            ]
        };
        self.invoices.iter().map(line).collect()
    }

    fn corrections(&self) -> Vec<Vec<String>> {
        let line = |row: &super::ShownCorrection| {
            vec![
                row.correction.clone(),
                row.invoice.clone(),
                row.charged.major(),
                row.correct.major(),
                row.open.major(),
                tag(row.state),
                row.last_attempt_on.to_string(),
                or_blank(row.due_on),
            ]
        };
        self.corrections.iter().map(line).collect()
    }

    fn disputes(&self) -> Vec<Vec<String>> {
        let line = |row: &super::ShownDispute| {
            vec![row.dispute.clone(), row.charge.clone(), row.amount.major(), tag(row.state), row.opened_on.to_string()]
        };
        self.disputes.iter().map(line).collect()
    }

    fn tasks(&self) -> Vec<Vec<String>> {
        let line = |row: &super::ShownTask| {
            let amount = row.amount.map(crate::domain::money::Money::major).unwrap_or_default();
            vec![row.opened_on.to_string(), row.task.clone(), row.kind.replace('_', " "), row.subject.clone(), amount]
        };
        self.open_tasks.iter().map(line).collect()
    }

    fn records(&self) -> Vec<Vec<String>> {
        let line = |row: &super::ShownRecord| {
            let reason = row.reason.clone().unwrap_or_default();
            vec![row.seq.to_string(), row.effective_on.to_string(), row.kind.clone(), row.cause.clone(), row.actor.clone(), reason]
        };
        self.journal.iter().map(line).collect()
    }
}

const SUBSCRIPTION: &[&str] = &["subscription", "state", "plan", "camera", "term", "period", "then", "price", "promotion", "next"];
const INVOICE: &[&str] = &["number", "subscription", "period", "total", "after notes", "open", "captured", "state"];
const ATTEMPT: &[&str] = &["id", "invoice", "amount", "state", "due"];
const CORRECTION: &[&str] = &["correction", "invoice", "charged", "correct", "open", "state", "last attempt", "due"];

fn subscription(row: &ShownSubscription) -> Vec<String> {
    let mut state = row.state.replace('_', " ");
    if let Some(since) = row.since {
        state.push_str(&format!(" since {since}"));
    }
    if let Some(cause) = row.closed_because {
        state.push_str(&format!(" ({})", tag(cause)));
    }
    if let Some(on) = row.cancel_requested_on {
        state.push_str(&format!(", cancellation of {on} waits"));
    }
    let then = match (row.intent, &row.changes_to) {
        (Some(ShownIntent::Changes), Some(plan)) => format!("changes to {plan}"),
        (Some(intent), _) => tag(intent),
        (None, _) => String::new(),
    };
    let promotion = row.promotion.as_ref().map(|used| format!("{} ({} billed)", used.code, used.periods_billed));
    let next: Vec<String> = row.next.iter().map(|next| format!("{} {}", next.on, tag(next.event))).collect();
    vec![
        row.subscription.to_string(),
        state,
        or_blank(row.plan.as_ref()),
        row.camera.as_ref().map_or_else(|| "all".to_owned(), ToString::to_string),
        or_blank(row.term),
        row.period_start.zip(row.period_end).map(|(start, end)| period(start, end)).unwrap_or_default(),
        then,
        or_blank(row.price_version.as_ref()),
        or_blank(promotion),
        next.join(", "),
    ]
}

fn attempts(rows: &[ShownAttempt]) -> Vec<Vec<String>> {
    let line = |row: &ShownAttempt| vec![row.id.clone(), row.invoice.clone(), row.amount.major(), tag(row.state), or_blank(row.due_on)];
    rows.iter().map(line).collect()
}

/// The end is exclusive, as everywhere.
fn period(start: NaiveDate, end: NaiveDate) -> String {
    format!("{start} to {end}")
}

/// The word that programs get, with blanks.
fn tag(value: impl Serialize) -> String {
    let word = serde_json::to_value(value).ok().and_then(|value| value.as_str().map(|word| word.replace('_', " ")));
    word.unwrap_or_default()
}

fn or_blank(value: Option<impl Display>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn joined(items: &[impl Display], between: &str) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn section(text: &mut String, title: &str, grid: Option<Table>) {
    let Some(grid) = grid else { return };
    if !title.is_empty() {
        text.push_str(&format!("\n{title}\n"));
    }
    for line in grid.lines() {
        text.push_str(&format!(" {}\n", line.trim_end()));
    }
}

/// Columns two blanks apart; those of amounts and numbers stand to the right. Nothing for nothing.
fn grid(header: &[&str], rows: &[Vec<String>], to_the_right: &[usize]) -> Option<Table> {
    if rows.is_empty() {
        return None;
    }
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if !header.is_empty() {
        table.set_header(header.to_vec());
    }
    table.add_rows(rows.iter().cloned());
    for column in to_the_right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Some(table)
}
