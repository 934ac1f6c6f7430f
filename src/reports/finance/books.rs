//! What all reports ask of the books.

use std::sync::Arc;

use chrono::NaiveDate;

use super::Span;
use crate::domain::money::{Currency, Money};
use crate::reports::accrued::Accrued;
use crate::reports::trial_balance::Balances;
use crate::reports::{ReportError, sums};
use crate::store::db::{DbError, Row, Tx};

/// What was posted by the end of a day. It is what the trial balance says, and the other side of many ties.
pub(super) async fn posted(tx: &mut Tx, on: NaiveDate, span: &Span) -> Result<Arc<Balances>, ReportError> {
    span.memo.posted(tx, on, span.known_until()).await
}

/// What has accrued by the end of a day (RR-1).
pub(super) async fn accrued(tx: &mut Tx, on: NaiveDate, span: &Span) -> Result<Arc<Accrued>, ReportError> {
    span.memo.accrued(tx, on, span.known_until()).await
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
