//! What a run did: how many of each thing, and how much money. Sums are per currency; currencies never mix (MO-1).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::change::Change;
use crate::domain::event::Event;
use crate::domain::money::Money;
use crate::domain::subscription::{Cause, Life};
use crate::provider::declines::Decline;

/// One line of the summary.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    /// How many.
    pub count: u64,
    /// Sums in minor units per currency, where money is meant.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub minor: BTreeMap<String, i128>,
}

/// Counts and sums by what happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Line by name.
    pub lines: BTreeMap<&'static str, Line>,
    /// Accounts parked in this run, with the code and the reason.
    pub parked: Vec<(String, String)>,
}

impl Summary {
    /// Counts one thing.
    pub fn count(&mut self, name: &'static str) {
        self.add(name, 1);
    }

    /// Counts several things.
    pub fn add(&mut self, name: &'static str, count: u64) {
        self.lines.entry(name).or_default().count += count;
    }

    /// Counts one thing with its amount.
    pub fn money(&mut self, name: &'static str, amount: Money) {
        let line = self.lines.entry(name).or_default();
        line.count += 1;
        *line.minor.entry(amount.currency().to_string()).or_default() += i128::from(amount.minor());
    }

    /// How many of a thing there were.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.lines.get(name).map_or(0, |line| line.count)
    }

    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.parked.is_empty()
    }

    /// Adds another summary.
    pub fn absorb(&mut self, other: Self) {
        for (name, line) in other.lines {
            let mine = self.lines.entry(name).or_default();
            mine.count += line.count;
            for (currency, minor) in line.minor {
                *mine.minor.entry(currency).or_default() += minor;
            }
        }
        self.parked.extend(other.parked);
    }

    /// Counts what a stored change did.
    pub fn tally(&mut self, change: &Change) {
        for event in &change.events {
            self.tally_event(change, event);
        }
        self.add("notices queued", u64::try_from(change.notices.len()).unwrap_or(u64::MAX));
        if change.notices.is_empty() {
            self.lines.retain(|_, line| line.count > 0);
        }
    }

    fn tally_event(&mut self, change: &Change, event: &Event) {
        match event {
            Event::InvoiceIssued { invoice, .. } => {
                if let Ok(total) = invoice.net.plus(invoice.tax) {
                    self.money("invoices issued", total);
                }
            }
            Event::CreditApplied { cash, goodwill, .. } => {
                if let Ok(both) = cash.plus(*goodwill) {
                    self.money("credit applied", both);
                }
            }
            Event::ChargeCaptured { charge, .. } => {
                if let Some(charge) = change.after.charges.get(charge) {
                    self.money("charges captured", charge.amount);
                }
            }
            Event::ChargeDeclined { code, .. } => {
                self.count("charges declined");
                if !Decline::of(code).listed {
                    self.count("charges declined for a reason that is not in our table");
                }
            }
            Event::ChargeUnknown { .. } => self.count("charges unknown, to be looked up"),
            Event::ChargeAbandoned { .. } => self.count("charges given up"),
            Event::RefundAbandoned { .. } => self.count("refunds given up"),
            Event::CreditPaidByHand { amount, .. } => self.money("credit paid out by hand", *amount),
            Event::RefundReopened { .. } => self.count("refunds paid after they were given up"),
            Event::NoteIssued { note, .. } => {
                if let Ok(total) = note.net.plus(note.tax) {
                    self.money(if note.reason.is_debit() { "debit notes" } else { "credit notes" }, total);
                }
            }
            Event::RefundSettled { refund, .. } => {
                if let Some(refund) = change.after.refunds.get(refund) {
                    self.money("refunds paid out", refund.amount);
                }
            }
            Event::RefundFailed { .. } => self.count("refunds failed"),
            Event::RevenueRecognised { amount, .. } => self.money("revenue recognised", *amount),
            Event::Life { life, .. } => self.tally_life(life),
            Event::ReminderQueued { .. } => self.count("renewal reminders"),
            Event::ReminderMissed { .. } => self.count("renewal reminders missed"),
            Event::PriceNoticeQueued { .. } => self.count("price notices"),
            Event::CorrectionOpened { .. } => self.count("corrections opened"),
            Event::CorrectionClosed { .. } => self.count("corrections closed"),
            Event::DisputeOpened { .. } => self.count("disputes opened"),
            Event::DisputeWon { .. } => self.count("disputes won"),
            Event::DisputeLost { .. } => self.count("disputes lost"),
            Event::WrittenOff { net, tax, .. } => {
                if let Ok(total) = net.plus(*tax) {
                    self.money("written off", total);
                }
            }
            Event::TaskOpened { .. } => self.count("tasks opened"),
            Event::AccountParked { parked } => self.parked.push((change.after.profile.id.to_string(), parked.reason.clone())),
            _ => {}
        }
    }

    fn tally_life(&mut self, life: &Life) {
        match life {
            Life::Subscribed { .. } => self.count("subscriptions begun"),
            Life::Trialing { .. } => self.count("trials begun"),
            Life::Renewed { .. } => self.count("renewals"),
            Life::TermOpened { .. } => self.count("plan changes"),
            Life::BecamePastDue { .. } => self.count("became past due"),
            Life::PaidUp => self.count("paid up again"),
            Life::Closed { cause: Cause::FirstChargeDeclined, .. } => self.count("first charges declined"),
            Life::Closed { .. } => self.count("subscriptions ended"),
            Life::Activated | Life::Intends { .. } | Life::Suspended { .. } | Life::Reinstated => {}
        }
    }
}
