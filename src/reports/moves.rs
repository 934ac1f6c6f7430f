//! What was posted, by day, currency and ledger account: one reading of all postings, from which follows what stood on any day and what
//! moved in any range.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::ReportError;
use super::cards::{Card, Tally};
use super::sums;
use super::trial_balance::Balances;
use crate::domain::ledger::by_number;
use crate::domain::money::Currency;
use crate::store::db::{DbError, Row, Tx};
use crate::values;

crate::statements! {
    /// What was posted to some accounts and recorded by an instant.
    MOVES = same(concat!(
        "select p.effective_on, p.currency, p.ledger_account, ", halves!("p.amount_minor"),
        ", cast(sum(case when p.amount_minor > 0 then p.amount_minor / 4294967296 else 0 end) as bigint) as debits_high, \
         cast(sum(case when p.amount_minor > 0 then p.amount_minor % 4294967296 else 0 end) as bigint) as debits_low \
         from postings p where ", known!("$1"), " and p.account_id >= $2 and p.account_id < $3 \
         group by p.effective_on, p.currency, p.ledger_account order by p.effective_on, p.currency, p.ledger_account"
    ));
}

/// What moved on one ledger account on one day, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) on: NaiveDate,
    pub(super) currency: String,
    pub(super) account: i64,
    /// Debits less credits.
    pub(super) amount: i128,
    /// Debits alone.
    pub(super) debits: i128,
}

/// All of it, in the order of days, currencies and ledger accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Moves(Vec<Moved>);

impl Moves {
    /// What was recorded by an instant, in microseconds, of the accounts from one on and before another.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn load(tx: &mut Tx, known_until: i64, [first, end]: [&str; 2]) -> Result<Self, ReportError> {
        let read = |row: &Row| {
            let (amount, debits) = (sums::exact(row, 3)?, sums::exact(row, 5)?);
            Ok(Moved { on: row.date_at(0)?, currency: row.text_at(1)?, account: row.int_at(2)?, amount, debits })
        };
        let rows = tx.fetch_all(&MOVES, &values![known_until, first, end]).await?;
        Ok(Self(rows.iter().map(read).collect::<Result<_, DbError>>()?))
    }

    /// The first and the last day; nothing where nothing was posted.
    pub(super) fn edges(&self) -> Option<(NaiveDate, NaiveDate)> {
        self.0.first().zip(self.0.last()).map(|(first, last)| (first.on, last.on))
    }

    /// What moved before a day.
    pub(super) fn before(&self, day: NaiveDate) -> impl Iterator<Item = &Moved> {
        self.0.iter().take_while(move |moved| moved.on < day)
    }

    /// What moved from a day to another.
    pub(super) fn within(&self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = &Moved> {
        self.0.iter().skip_while(move |moved| moved.on < from).take_while(move |moved| moved.on <= to)
    }

    /// What stood on each ledger account at the end of a day.
    ///
    /// # Errors
    /// A posting in no currency, or to an account that the chart does not have.
    pub(super) fn balances(&self, through: NaiveDate) -> Result<Balances, ReportError> {
        let mut balances = Balances::new();
        for moved in self.0.iter().take_while(|moved| moved.on <= through) {
            let number = u16::try_from(moved.account).ok().filter(|number| by_number(*number).is_some());
            let number = number.ok_or_else(|| corrupt("ledger_account", "is not in the chart of accounts"))?;
            *balances.entry((moved.currency()?, number)).or_default() += moved.amount;
        }
        Ok(balances)
    }
}

/// The same from cards.
#[derive(Debug, Default)]
pub(super) struct Moving {
    codes: Vec<String>,
    /// Debits less credits, and debits alone; currencies by their positions.
    sums: HashMap<(NaiveDate, usize, i64), (i128, i128)>,
}

impl Tally for Moving {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        for leg in &card.legs {
            let at = self.codes.iter().position(|code| code == leg.code).unwrap_or_else(|| {
                self.codes.push(leg.code.to_owned());
                self.codes.len() - 1
            });
            let (amount, debits) = self.sums.entry((leg.on, at, leg.ledger)).or_default();
            *amount += i128::from(leg.minor);
            *debits += i128::from(leg.minor.max(0));
        }
        Ok(())
    }
}

impl Moving {
    pub(super) fn finish(self) -> Moves {
        let Self { codes, sums } = self;
        let moved = |((on, at, account), (amount, debits)): ((NaiveDate, usize, i64), (i128, i128))| {
            let currency = codes.get(at).cloned().unwrap_or_default();
            Moved { on, currency, account, amount, debits }
        };
        let mut moves: Vec<Moved> = sums.into_iter().map(moved).collect();
        moves.sort_by(|left, right| (left.on, &left.currency, left.account).cmp(&(right.on, &right.currency, right.account)));
        Moves(moves)
    }
}

impl Moved {
    /// Its currency.
    ///
    /// # Errors
    /// Where it is none.
    pub(super) fn currency(&self) -> Result<Currency, ReportError> {
        Currency::parse(&self.currency).map_err(|_| corrupt("currency", "is not a currency"))
    }
}

fn corrupt(column: &str, problem: &'static str) -> ReportError {
    DbError::Corrupt { statement: MOVES.name(), column: column.to_owned(), problem }.into()
}
