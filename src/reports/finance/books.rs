//! What all reports ask of the books.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Span;
use crate::domain::money::{Currency, Money};
use crate::reports::{ReportError, sums, trial_balance};
use crate::store::db::{DbError, Row, Tx};
use crate::values;

crate::statements! {
    /// The first and the last business date of what was recorded by an instant.
    EDGES = same(concat!("select min(p.effective_on) as first, max(p.effective_on) as last from postings p where ", known!("$1")));
}

/// Amounts in minor units by currency and ledger account, debits positive.
pub(super) type Balances = BTreeMap<(Currency, u16), i128>;

/// The first and the last business date; nothing where nothing was posted.
pub(super) async fn edges(tx: &mut Tx, known_until: i64) -> Result<Option<(NaiveDate, NaiveDate)>, ReportError> {
    let row = tx.fetch_one(&EDGES, &values![known_until]).await?;
    Ok(row.opt_date_at(0)?.zip(row.opt_date_at(1)?))
}

/// What was posted by the end of a day. It is what the trial balance says, and the other side of every tie.
pub(super) async fn posted(tx: &mut Tx, on: NaiveDate, span: &Span) -> Result<Balances, ReportError> {
    trial_balance::posted(tx, on, span.known_until()).await
}

/// The currencies in which anything was posted, as far as they are asked for.
pub(super) fn currencies(balances: &Balances, span: &Span) -> Vec<Currency> {
    let mut currencies: Vec<Currency> = balances.keys().map(|(currency, _)| *currency).filter(|currency| span.shows(*currency)).collect();
    currencies.dedup();
    currencies
}

/// What stands on some accounts together.
pub(super) fn on_accounts(balances: &Balances, currency: Currency, accounts: &[u16]) -> i128 {
    accounts.iter().filter_map(|account| balances.get(&(currency, *account))).sum()
}

/// A sum of the books as an amount.
pub(super) fn amount(exact: i128, what: &str, currency: Currency) -> Result<Money, ReportError> {
    sums::fitting(exact, || what.to_owned(), currency)
}

/// The currency in a column.
pub(super) fn currency_at(row: &Row, at: usize) -> Result<Currency, DbError> {
    Currency::parse(row.str_at(at)?).map_err(|_| row.corrupt("currency", "is not a currency"))
}

/// The month in a column of the form `2026-03`, as its first day; nothing where it is empty.
pub(super) fn month_at(row: &Row, at: usize) -> Result<Option<NaiveDate>, DbError> {
    let text = row.str_at(at)?;
    if text.is_empty() {
        return Ok(None);
    }
    let date = format!("{text}-01").parse().map_err(|_| row.corrupt("month", "is not a month"))?;
    Ok(Some(date))
}
