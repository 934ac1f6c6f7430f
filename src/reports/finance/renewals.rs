//! Renewals ahead: what the 13 weeks after a date should bring. Each renewal is priced by the function that will price it (PR-5), at the
//! version that its notices allow by then, with what is left of its promotion; account credit pays first (LC-4).
//!
//! The rows of accounts are read, in whole only where an account is no ordinary one ([`ordinary`]). Accounts of which something was recorded
//! later than what is asked about are rebuilt from their journals as they were.

mod accounts;
mod forecast;
mod ordinary;

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::Span;
use super::books::{amount, currencies, posted};
use crate::domain::change::{Context, Reference};
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::StoreError;
use crate::store::db::Tx;
use crate::store::reference;

use self::forecast::{Forecast, Sums};

pub(super) use self::accounts::STATEMENTS;
pub(super) use self::ordinary::STATEMENTS as ORDINARY_STATEMENTS;

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
    let mut forecasts: Forecasts = currencies(&ledger, span).into_iter().map(|of| (of, Forecast::after(span.to, of))).collect();
    ordinary::add(tx, span, &reference, &mut forecasts).await?;
    for (currency, forecast) in &forecasts {
        tell_currency(teller, *currency, forecast)?;
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

/// The forecasts of all currencies that are told.
type Forecasts = BTreeMap<Currency, Forecast>;

/// What renewals of a time zone are priced by: at the end of the day.
fn context<'a>(reference: &'a Reference, span: &Span, zone: Tz) -> Context<'a> {
    let now = accounts::end_of(span.to, zone);
    Context { reference, now, actor: "system", reason: None, promotion_uses: BTreeMap::new(), closed_through: None }
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
    let cash = |sums: &BTreeMap<_, Sums>| sums.values().map(Sums::cash).sum::<i128>();
    let (weeks, months) = (cash(&forecast.weeks), cash(&forecast.months));
    teller.tie("cash by week = cash by month", amount(weeks, "weeks", currency)?, amount(months, "months", currency)?);
    forecast.tell_left_out(teller);
    Ok(())
}
