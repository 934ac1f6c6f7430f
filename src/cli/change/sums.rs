//! The money of a change, summed up: what is asked for, what goes back, and how the balances move.

use crate::domain::account::Account;
use crate::domain::change::Change;
use crate::domain::event::Event;
use crate::domain::money::{Money, MoneyError, total};

/// Sums in the account's currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sums {
    /// Charges that are asked for.
    pub(super) to_pay: Money,
    /// Payouts that are asked for.
    pub(super) paid_back: Money,
    /// Account credit: that came from cash, and goodwill.
    pub(super) credit: Move,
    /// Open amounts of invoices and collection costs.
    pub(super) owed: Move,
}

/// A balance before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) before: Money,
    pub(super) after: Money,
}

impl Move {
    pub(super) fn happens(self) -> bool {
        self.before != self.after
    }
}

impl Sums {
    /// The sums of a change.
    ///
    /// # Errors
    /// Where a sum does not fit 64 bits; each amount alone does.
    pub(super) fn of(change: &Change) -> Result<Self, MoneyError> {
        let currency = change.after.profile.currency;
        let charges = change.events.iter().filter_map(|event| match event {
            Event::ChargeRequested { charge } => Some(charge.amount),
            _ => None,
        });
        let payouts = change.events.iter().filter_map(|event| match event {
            Event::RefundRequested { amount, .. } => Some(*amount),
            _ => None,
        });
        Ok(Self {
            to_pay: total(currency, charges)?,
            paid_back: total(currency, payouts)?,
            credit: Move { before: credit(&change.before)?, after: credit(&change.after)? },
            owed: Move { before: owed(&change.before)?, after: owed(&change.after)? },
        })
    }
}

fn credit(account: &Account) -> Result<Money, MoneyError> {
    account.profile.credit_cash.plus(account.profile.credit_goodwill)
}

fn owed(account: &Account) -> Result<Money, MoneyError> {
    let invoices = account.invoices.values().map(|invoice| invoice.open);
    total(account.profile.currency, invoices.chain(account.costs.values().map(|cost| cost.open)))
}
