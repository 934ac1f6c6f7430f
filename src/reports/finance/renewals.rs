//! Renewals ahead: what the 13 weeks after a date should bring. Each renewal is priced by the function that will price it (PR-5), at the
//! version that its notices allow by then, with what is left of its promotion; account credit pays first (LC-4).
//!
//! As of the last date of the books the rows of accounts are read; for an earlier date, or a cut-off, accounts are rebuilt from
//! their journals as they were.

mod accounts;
mod forecast;

use super::Span;
use super::books::{amount, currencies, posted};
use crate::domain::change::{Context, Draft};
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::StoreError;
use crate::store::db::Tx;
use crate::store::reference;

use self::forecast::{Forecast, Sums};

pub(super) use self::accounts::STATEMENTS;

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let reference = match reference::load(tx, Vec::new()).await {
        Ok(reference) => reference,
        Err(StoreError::NoCatalog) => {
            teller.note("There is no catalog to price renewals by.");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let ledger = posted(tx, span.to, span).await?;
    for currency in currencies(&ledger, span) {
        let mut forecast = Forecast::after(span.to, currency);
        let mut after = String::new();
        loop {
            let named = accounts::next(tx, span, currency, &after).await?;
            let Some(last) = named.last() else { break };
            after.clone_from(last);
            let due = accounts::due(tx, span, &named).await?;
            for account in accounts::as_known(tx, span, &named, &mut forecast).await? {
                let now = accounts::end_of(span.to, account.profile.zone);
                let (actor, promotion_uses) = ("system", std::collections::BTreeMap::new());
                let context = Context { reference: &reference, now, actor, reason: None, promotion_uses, closed_through: None };
                forecast.add(Draft::new(&context, account), due.as_ref());
            }
        }
        tell_currency(teller, currency, &forecast)?;
        if accounts::is_present(span) {
            forecast.tie_next(teller)?;
        }
    }
    teller.note(
        "Left out: new customers, cancellations and plan changes to come, declines, disputes and refunds, prices that no notice was sent \
         of, and what is carried to a next bill because it is too small to collect.",
    );
    teller.note("Not collected: renewals of accounts without a payment method that may be charged; they are shown with no cash.");
    Ok(())
}

fn tell_currency(teller: &mut Teller<'_>, currency: Currency, forecast: &Forecast) -> Result<(), ReportError> {
    let amounts = |sums: &Sums| -> Result<Vec<Cell>, ReportError> {
        let parts = [sums.net, sums.tax, sums.credit, sums.uncollected, sums.retries, sums.cash()];
        let parts = parts.into_iter().map(|part| Ok(Cell::Money(amount(part, "the forecast", currency)?)));
        std::iter::once(Ok(Cell::Count(sums.renewals))).chain(parts).collect()
    };
    let columns = |first: Column| {
        let more = [
            Column::tally("renewals", "Renewals"),
            Column::sum("net", "Net"),
            Column::sum("tax", "Tax"),
            Column::sum("credit", "Paid from credit"),
            Column::sum("uncollected", "Not collected"),
            Column::sum("retries", "Retries"),
            Column::sum("cash", "Expected cash"),
        ];
        std::iter::once(first).chain(more).collect::<Vec<_>>()
    };
    teller.section(Section::new("weeks", "By week", currency, columns(Column::date("week_from", "Week from"))))?;
    for (week, sums) in &forecast.weeks {
        let cells: Vec<Cell> = std::iter::once(Cell::Date(*week)).chain(amounts(sums)?).collect();
        teller.row(&cells)?;
    }
    teller.section(Section::new("months", "By month", currency, columns(Column::text("month", "Month"))))?;
    for (month, sums) in &forecast.months {
        let cells: Vec<Cell> = std::iter::once(Cell::text(super::month_name(*month))).chain(amounts(sums)?).collect();
        teller.row(&cells)?;
    }
    forecast.tell_renewals(teller)?;
    let cash = |sums: &std::collections::BTreeMap<_, Sums>| sums.values().map(Sums::cash).sum::<i128>();
    let (weeks, months) = (cash(&forecast.weeks), cash(&forecast.months));
    teller.tie("cash by week = cash by month", amount(weeks, "weeks", currency)?, amount(months, "months", currency)?);
    forecast.tell_left_out(teller);
    Ok(())
}
