//! Money that moved and stands for nothing yet: cash that pays nothing (2320), and what refunds moved too much (1290).

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::{Account, AttemptState, Dispute, DisputeState, Task};
use crate::domain::change::settle::AMOUNT_MISMATCH;
use crate::domain::event::Excess;
use crate::domain::money::{Money, MoneyError, total};

/// Why money stands for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnappliedCause {
    /// F49: more was captured than asked for, or nothing was owed any more.
    Overpaid,
    /// F61: a dispute was lost, and won after all.
    DisputeWonLate,
    /// F49: more was paid out than asked for. This is ours, not the customer's.
    ExcessRefund,
}

impl UnappliedCause {
    /// Its word in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overpaid => "overpaid",
            Self::DisputeWonLate => "dispute_won_late",
            Self::ExcessRefund => "excess_refund",
        }
    }
}

/// What stands for nothing, of one payment or refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapplied {
    /// The charge (2320) or the refund (1290).
    pub of: String,
    /// Why.
    pub cause: UnappliedCause,
    /// How much.
    pub amount: Money,
    /// The date on which the charge was captured, or the refund paid out.
    pub moved_on: Option<NaiveDate>,
}

impl Task {
    /// The kind of the task that cash leaves which pays nothing (F49).
    pub const UNAPPLIED: &'static str = "unapplied_payment";

    /// The kinds of the tasks behind which money may stand for nothing.
    pub const OF_UNAPPLIED: [&'static str; 3] = [Self::UNAPPLIED, Dispute::WON_LATE, AMOUNT_MISMATCH];

    /// Whether it is still to be done.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed_on.is_none()
    }
}

impl Account {
    /// F61: whether a dispute was lost before it was won: its money came back after the loss had been booked.
    #[must_use]
    pub fn was_won_late(&self, dispute: &Dispute) -> bool {
        dispute.state == DisputeState::Won && self.tasks.contains_key(&format!("tk_{}_{}", Dispute::WON_LATE, dispute.id))
    }

    /// Cash that came in and pays nothing (2320): what was captured, and what lost disputes brought back, less what was applied.
    ///
    /// # Errors
    /// A sum beyond 64 bits.
    pub fn unapplied(&self) -> Result<Money, MoneyError> {
        let currency = self.profile.currency;
        let captured = self.charges.values().filter(|charge| charge.state == AttemptState::Succeeded).map(|charge| charge.amount);
        let back = self.disputes.values().filter(|dispute| self.was_won_late(dispute)).map(|dispute| dispute.amount);
        let applied = total(currency, self.payments.values().map(|payment| payment.amount))?;
        let recharged = total(currency, self.costs.values().map(|cost| cost.amount))?;
        let not_paid = total(currency, self.costs.values().flat_map(|cost| [cost.open, cost.written_off]))?;
        total(currency, captured.chain(back))?.minus(applied)?.minus(recharged.minus(not_paid)?)
    }

    /// The same, payment by payment, the latest first. Only payments count that a task names: the others have paid collection
    /// costs with what is not in their invoices.
    ///
    /// # Errors
    /// A sum beyond 64 bits.
    pub fn unapplied_payments(&self) -> Result<Vec<Unapplied>, MoneyError> {
        let mut back: BTreeMap<&str, Money> = BTreeMap::new();
        for dispute in self.disputes.values().filter(|dispute| self.was_won_late(dispute)) {
            let sum = back.entry(&dispute.charge).or_insert(self.zero());
            *sum = sum.plus(dispute.amount)?;
        }
        let mut rest = self.unapplied()?;
        let mut payments = Vec::new();
        let captured = self.charges.values().filter(|charge| charge.state == AttemptState::Succeeded);
        for charge in captured {
            let won = back.get(charge.id.as_str()).copied();
            if won.is_none() && !self.tasks.contains_key(&format!("tk_{}_{}", Task::UNAPPLIED, charge.id)) {
                continue;
            }
            let of_it = self.payments.values().filter(|payment| payment.charge == charge.id).map(|payment| payment.amount);
            let amount = charge.amount.plus(won.unwrap_or(self.zero()))?.minus(total(self.profile.currency, of_it)?)?;
            let cause = if won.is_some() { UnappliedCause::DisputeWonLate } else { UnappliedCause::Overpaid };
            payments.push(Unapplied { of: charge.id.clone(), cause, amount, moved_on: charge.settled_on });
        }
        payments.sort_by(|left, right| (right.moved_on, &right.of).cmp(&(left.moved_on, &left.of)));
        for payment in &mut payments {
            payment.amount = payment.amount.at_most(rest)?.or_zero();
            rest = rest.minus(payment.amount)?;
        }
        payments.retain(|payment| payment.amount.is_positive());
        Ok(payments)
    }

    /// What refunds moved more than was asked for, and nobody has given up (1290).
    ///
    /// # Errors
    /// An amount beyond 64 bits.
    pub fn excess_refunds(&self) -> Result<Vec<Unapplied>, MoneyError> {
        let mut refunds = Vec::new();
        for refund in self.refunds.values() {
            let amount = self.excess_of(&refund.id)?.open;
            if amount.is_positive() {
                refunds.push(Unapplied { of: refund.id.clone(), cause: UnappliedCause::ExcessRefund, amount, moved_on: refund.settled_on });
            }
        }
        Ok(refunds)
    }

    /// What a refund moved more than was asked for, as far as it has neither come back nor been used for a later one: its task follows it, and
    /// is closed where it was written off.
    ///
    /// # Errors
    /// An amount beyond 64 bits.
    pub fn excess_of(&self, refund: &str) -> Result<Excess, MoneyError> {
        let zero = self.zero();
        let task = self.tasks.get(&format!("tk_{AMOUNT_MISMATCH}_{refund}"));
        let short = task.and_then(|task| task.amount).filter(|short| short.is_negative());
        let amount = short.map_or(Ok(zero), Money::negated)?;
        let is_open = task.is_some_and(Task::is_open);
        Ok(if is_open { Excess { open: amount, given_up: zero } } else { Excess { open: zero, given_up: amount } })
    }
}
