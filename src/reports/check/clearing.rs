//! Accounts that something only passes through: each must be empty in time. What stays is listed for a person and breaks nothing:
//! the books are right, and it is the provider, or somebody's decision, that is late.

use std::collections::VecDeque;

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::calendar::local_date;
use crate::domain::ledger::{DISPUTES_PENDING, LedgerAccount, REFUNDS_PAYABLE, UNAPPLIED, UNMATCHED};
use crate::reports::stored::Record;

/// The accounts, and the days after which nothing of a day may be left on them.
const WINDOWS: [(LedgerAccount, u64); 4] = [(DISPUTES_PENDING, 120), (UNMATCHED, 31), (REFUNDS_PAYABLE, 10), (UNAPPLIED, 5)];

/// What stands on these accounts, oldest first: what leaves one takes the oldest with it.
#[derive(Default)]
pub(super) struct Clearing {
    lots: [VecDeque<(NaiveDate, i128)>; WINDOWS.len()],
}

impl Clearing {
    /// Adds the postings of a record.
    pub(super) fn add_record(&mut self, record: &Record) {
        for leg in &record.legs {
            for ((account, _), lots) in WINDOWS.iter().zip(&mut self.lots) {
                if leg.ledger_account == i64::from(account.number) {
                    move_through(lots, leg.effective_on, leg.amount_minor.into());
                }
            }
        }
    }

    /// Lists what should have left by `as_of`.
    pub(super) fn in_time(&self, books: &AccountBooks, as_of: DateTime<Utc>, inspection: &mut Inspection<'_>) {
        let today = local_date(as_of, books.account.profile.zone);
        for ((account, days), lots) in WINDOWS.iter().zip(&self.lots) {
            let late: Vec<_> = lots.iter().filter(|(since, _)| *since < today - Days::new(*days)).collect();
            let sum: i128 = late.iter().map(|(_, amount)| amount).sum();
            inspection.expect(Check::ClearingEmpty, late.is_empty(), account.number, || {
                format!("{} ({}) has {sum} since {}", account.number, account.name, late.first().map_or(today, |(since, _)| *since))
            });
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
