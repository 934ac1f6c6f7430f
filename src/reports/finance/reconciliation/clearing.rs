//! What stands on 1200 in the books on the day of a run.

use chrono::NaiveDate;

use super::amount;
use crate::domain::money::{Currency, Money};
use crate::reports::{ReportError, sums};
use crate::store::db::{Sql, Tx};
use crate::store::settlement::book_id;
use crate::values;

crate::statements! {
    /// What stood on 1200 by a day in the books of customers and of one provider, as far as it was recorded by an instant.
    CLEARING = same(concat!(
        "select ", halves!("p.amount_minor"), " from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.ledger_account = 1200 and (p.account_id = $1 or p.account_id not like '(%') and p.effective_on <= $2 \
         and j.posted_at <= $3 and p.currency = $4 having count(*) > 0"
    ));
    /// What a provider's book moved on 1200 by a day and has posted later, because the month was closed: a run has it on its own day.
    POSTED_LATER = same(concat!(
        "select ", halves!("p.amount_minor"), " from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.ledger_account = 1200 and p.account_id = $1 and j.effective_on <= $2 and p.effective_on > $2 \
         and j.posted_at <= $3 and p.currency = $4 having count(*) > 0"
    ));
}

/// What is posted on 1200 through a day, and what is posted after it although it moved by then.
pub(super) async fn at(
    tx: &mut Tx,
    provider: &str,
    (through, known_until): (NaiveDate, i64),
    currency: Currency,
) -> Result<(Money, Money), ReportError> {
    let asked = values![book_id(provider), through, known_until, currency.code()];
    let sum = async |tx: &mut Tx, statement: &Sql| {
        let row = tx.fetch_optional(statement, &asked).await?;
        amount(row.map_or(Ok(0), |row| sums::exact(&row, 0))?, "1200", currency)
    };
    Ok((sum(tx, &CLEARING).await?, sum(tx, &POSTED_LATER).await?))
}
