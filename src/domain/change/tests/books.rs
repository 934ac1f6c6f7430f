//! The books of a story: balances by account and by invoice, and each entry in the notation of a posting table.

use std::collections::BTreeMap;

use crate::domain::ledger::Leg;
use crate::domain::money::Money;

/// Everything that was posted.
#[derive(Debug, Clone, Default)]
pub(super) struct Books {
    balances: BTreeMap<u16, i64>,
    by_invoice: BTreeMap<(u16, String), i64>,
    entries: Vec<(String, Vec<Leg>)>,
}

impl Books {
    pub(super) fn post(&mut self, event: &str, legs: &[Leg]) {
        assert!(legs.len() >= 2, "{event}: an entry has at least two legs");
        assert_eq!(legs.iter().map(|leg| leg.amount.minor()).sum::<i64>(), 0, "{event}: {legs:?}");
        for leg in legs {
            assert!(!leg.amount.is_zero(), "{event}: a leg of nothing");
            *self.balances.entry(leg.account.number).or_default() += leg.amount.minor();
            if let Some(invoice) = &leg.invoice {
                *self.by_invoice.entry((leg.account.number, invoice.clone())).or_default() += leg.amount.minor();
            }
        }
        self.entries.push((event.to_owned(), legs.to_vec()));
    }

    /// Debits less credits of an account.
    pub(super) fn balance(&self, account: u16) -> i64 {
        self.balances.get(&account).copied().unwrap_or_default()
    }

    /// Debits less credits of an account on one invoice.
    pub(super) fn of_invoice(&self, account: u16, invoice: &str) -> i64 {
        self.by_invoice.get(&(account, invoice.to_owned())).copied().unwrap_or_default()
    }

    /// All balances that are not zero: `1200 108.24; 4000 -33.70`.
    pub(super) fn trial_balance(&self, zero: Money) -> String {
        let shown = self.balances.iter().filter(|(_, minor)| **minor != 0);
        let shown = shown.map(|(account, minor)| format!("{account} {}", Money::new(*minor, zero.currency()).major()));
        shown.collect::<Vec<_>>().join("; ")
    }

    /// The last entries of an event, as a posting table has them: debits, a bar, credits.
    pub(super) fn last(&self, event: &str) -> String {
        let entry = self.entries.iter().rfind(|(tag, _)| tag == event);
        entry.map_or_else(|| format!("no entry of {event}"), |(_, legs)| shown(legs))
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entries from the given one on, each with its event.
    pub(super) fn since(&self, first: usize) -> Vec<String> {
        self.entries[first..].iter().map(|(event, legs)| format!("{event}: {}", shown(legs))).collect()
    }
}

fn shown(legs: &[Leg]) -> String {
    let side = |debit: bool| {
        let legs = legs.iter().filter(|leg| (leg.amount.minor() > 0) == debit);
        let legs = legs.map(|leg| {
            let magnitude = Money::new(leg.amount.minor().abs(), leg.amount.currency());
            format!("{} {}", leg.account.number, magnitude.major())
        });
        legs.collect::<Vec<_>>().join("; ")
    };
    format!("{} | {}", side(true), side(false))
}
