//! Revenue that the days have earned and that is not posted yet. Recognition is posted when a month ends and when a document
//! touches a line (RR-1); a report as of a date inside a month adds the exact rest.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::ReportError;
use crate::domain::calendar::Period;
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS};
use crate::domain::money::{Currency, Money};
use crate::domain::revenue::earned_through;
use crate::store::db::{Row, Tx};
use crate::values;

crate::statements! {
    /// Lines of which something is left to be recognised at the end of a day: what is left, what was recognised, what is owed, and
    /// what was invoiced.
    UNEARNED = same(
        "select p.currency, i.cycle, i.period_start, i.period_end, i.term_no, i.period_no, \
         i.invoiced_net_minor + i.invoiced_tax_minor as invoiced, \
         cast(-sum(case when p.ledger_account in (2100, 2110) then p.amount_minor else 0 end) as bigint) as left_over, \
         cast(-sum(case when p.ledger_account in (4000, 4200, 4300) then p.amount_minor else 0 end) as bigint) as recognised, \
         cast(sum(case when p.ledger_account = 1100 then p.amount_minor else 0 end) as bigint) as owed \
         from postings p join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.effective_on <= $1 and i.period_start <= $1 \
         group by p.account_id, p.invoice_id, p.currency, i.cycle, i.period_start, i.period_end, i.term_no, i.period_no, \
         i.invoiced_net_minor, i.invoiced_tax_minor \
         having sum(case when p.ledger_account in (2100, 2110) then p.amount_minor else 0 end) <> 0"
    );
}

/// What was earned and is not posted: it stands on a prepayment account still, and is revenue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accrued {
    /// The prepayment account, 2100 or 2110.
    pub account: u16,
    /// How much.
    pub amount: Money,
}

/// What was earned through the end of a day and is not posted with that date or an earlier one, by currency and account.
///
/// # Errors
/// What the database says, or a sum that does not fit 64 bits.
pub(super) async fn through(tx: &mut Tx, on: NaiveDate) -> Result<Vec<Accrued>, ReportError> {
    let mut sums: BTreeMap<(Currency, u16), Money> = BTreeMap::new();
    tx.for_each_batch(&UNEARNED, &values![on], |rows| {
        for Accrued { account, amount } in rows.iter().map(|row| of_line(row, on)).collect::<Result<Vec<_>, _>>()? {
            let sum = sums.entry((amount.currency(), account)).or_insert(Money::zero(amount.currency()));
            *sum = sum.plus(amount)?;
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    let positive = sums.into_iter().filter(|(_, amount)| amount.is_positive());
    Ok(positive.map(|((_, account), amount)| Accrued { account, amount }).collect())
}

/// What one line has still to recognise. Nothing while its first charge has not settled (LC-3): then all of it is owed, and the
/// period is the subscription's first.
fn of_line(row: &Row, on: NaiveDate) -> Result<Accrued, ReportError> {
    let currency = Currency::parse(row.str_at(0)?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
    let account = if row.text_at(1)? == "annual" { PREPAYMENTS } else { DEFERRED_REVENUE };
    let period = Period::new(row.date_at(2)?, row.date_at(3)?).map_err(|_| row.corrupt("period_end", "does not follow the start"))?;
    let is_first = (row.int_at(4)?, row.int_at(5)?) == (1, 0);
    let (invoiced, left_over, recognised, owed) = (row.int_at(6)?, row.int_at(7)?, row.int_at(8)?, row.int_at(9)?);
    let recognised = Money::new(recognised, currency);
    let is_pending = is_first && recognised.is_zero() && owed == invoiced;
    let earned = earned_through(recognised.plus(Money::new(left_over, currency))?, period, on)?;
    let amount = if is_pending { Money::zero(currency) } else { earned.minus(recognised)?.or_zero() };
    Ok(Accrued { account: account.number, amount })
}
