//! Accounts that something only passes through: each must be empty in time. What stays is listed for a person and breaks nothing:
//! the books are right, and it is the provider, or somebody's decision, that is late.

use std::collections::{BTreeMap, VecDeque};

use chrono::{Days, NaiveDate};

use super::findings::{Check, Inspection};
use crate::domain::ledger::{CASH_IN_TRANSIT, DISPUTES_PENDING, LedgerAccount, REFUNDS_PAYABLE, UNAPPLIED, UNMATCHED};
use crate::reports::stored::Record;

/// Accounts, and the days after which nothing of a day may be left on them.
type Windows = &'static [(LedgerAccount, u64)];

/// Those of customers' books.
const OF_CUSTOMERS: Windows = &[(DISPUTES_PENDING, 120), (UNMATCHED, 31), (REFUNDS_PAYABLE, 10), (UNAPPLIED, 5)];

/// Those of providers' books. Three bank days (1020) are five days over a weekend, and seven with holidays.
const OF_PROVIDERS: Windows = &[(CASH_IN_TRANSIT, 7), (UNMATCHED, 31)];

/// What stands on these accounts in one book, by account and currency, oldest first: what leaves one takes the oldest with it.
pub(super) struct Clearing {
    windows: Windows,
    lots: BTreeMap<(u16, String), VecDeque<(NaiveDate, i128)>>,
}

impl Clearing {
    pub(super) const fn of_customer() -> Self {
        Self { windows: OF_CUSTOMERS, lots: BTreeMap::new() }
    }

    pub(super) const fn of_provider() -> Self {
        Self { windows: OF_PROVIDERS, lots: BTreeMap::new() }
    }

    /// Adds the postings of a record.
    pub(super) fn add_record(&mut self, record: &Record) {
        for leg in &record.legs {
            let passed = self.windows.iter().find(|(account, _)| leg.ledger_account == i64::from(account.number));
            if let Some((account, _)) = passed {
                let lots = self.lots.entry((account.number, leg.currency.clone())).or_default();
                move_through(lots, leg.effective_on, leg.amount_minor.into());
            }
        }
    }

    /// Lists what should have left by `today`.
    pub(super) fn in_time(&self, today: NaiveDate, inspection: &mut Inspection<'_>) {
        for (account, days) in self.windows {
            for ((_, currency), lots) in self.lots.iter().filter(|((number, _), _)| *number == account.number) {
                let late: Vec<_> = lots.iter().filter(|(since, _)| *since < today - Days::new(*days)).collect();
                let sum: i128 = late.iter().map(|(_, amount)| amount).sum();
                inspection.expect(Check::ClearingEmpty, late.is_empty(), account.number, || {
                    let since = late.first().map_or(today, |(since, _)| *since);
                    format!("{} ({}) has {sum} {currency} in minor units since {since}", account.number, account.name)
                });
            }
        }
    }
}

fn move_through(lots: &mut VecDeque<(NaiveDate, i128)>, on: NaiveDate, amount: i128) {
    let mut rest = amount;
    while let Some((_, oldest)) = lots.front_mut().filter(|(_, oldest)| oldest.signum() == -rest.signum()) {
        let taken = if oldest.abs() <= rest.abs() { -*oldest } else { rest };
        *oldest += taken;
        rest -= taken;
        if *oldest == 0 {
            lots.pop_front();
        }
    }
    if rest != 0 {
        lots.push_back((on, rest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_takes_the_oldest_with_it() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let mut lots = VecDeque::new();
        for (on, amount) in [("2026-01-01", -700), ("2026-01-02", -300), ("2026-01-03", 800)] {
            move_through(&mut lots, day(on), amount);
        }
        assert_eq!(lots, [(day("2026-01-02"), -200)]);
        move_through(&mut lots, day("2026-01-04"), 500);
        assert_eq!(lots, [(day("2026-01-04"), 300)], "more left than was there");
    }
}
