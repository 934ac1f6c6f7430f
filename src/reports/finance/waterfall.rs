//! The waterfall: revenue (4000, 4200, 4300) by the month in which its invoice was issued and the month in which it was recognised.
//! What has accrued by the end of a month counts as recognised in it.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::books::{accrued, amount, on_accounts, posted};
use super::documents::{self, Documents};
use super::{Filter, Span, month_name};
use crate::domain::calendar::first_of_month;
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS, REVENUE, REVENUE_CORRECTIONS, REVENUE_DISPUTES};
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::reports::accrued::Accrued;
use crate::reports::cards::{Card, Tally};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::db::Tx;

/// The accounts of revenue, in the order of the columns.
const ACCOUNTS: [u16; 3] = [REVENUE.number, REVENUE_CORRECTIONS.number, REVENUE_DISPUTES.number];

/// Amounts as they add to revenue, by month of issue and of recognition, in the order of [`ACCOUNTS`].
type Squares = BTreeMap<(Option<NaiveDate>, NaiveDate), [i128; 3]>;

/// Revenue in the making, by currency.
pub(super) struct Falling {
    filter: Filter,
    books: BTreeMap<Currency, Squares>,
}

impl Falling {
    pub(super) fn of(filter: &Filter) -> (String, Self) {
        (filter.name("waterfall"), Self { filter: *filter, books: BTreeMap::new() })
    }
}

impl Tally for Falling {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        for leg in card.legs.iter().filter(|leg| leg.is_on(&ACCOUNTS) && self.filter.has(leg)) {
            let Some(at) = ACCOUNTS.iter().position(|number| i64::from(*number) == leg.ledger) else { continue };
            let booked = card.invoice(leg.invoice).map(|invoice| first_of_month(invoice.issued_on));
            let square = self.books.entry(leg.currency()?).or_default().entry((booked, first_of_month(leg.on))).or_default();
            square[at] -= i128::from(leg.minor);
        }
        Ok(())
    }
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let months = span.months()?;
    let mut books = span.memo.tally(tx, span.known_until(), Falling::of(&span.filter)).await?.books.clone();
    let mut before = accrued(tx, span.day_before(), span).await?;
    let mut accrued_before = by_currency(&before);
    for (first, last) in &months {
        let now = accrued(tx, *last, span).await?;
        for (sign, accrued) in [(1, &now), (-1, &before)] {
            for (part, amount) in accrued.iter().filter(|(part, _)| span.shows(part.currency)) {
                let square = books.entry(part.currency).or_default().entry((Some(part.booked), first_of_month(*first))).or_default();
                square[0] += sign * i128::from(amount.minor());
            }
        }
        before = now;
    }
    for (currency, accrued) in by_currency(&before) {
        *accrued_before.entry(currency).or_default() -= accrued;
    }
    let (opening, closing) = (posted(tx, span.day_before(), span).await?, posted(tx, span.to, span).await?);
    let issued = documents::issued(tx, span).await?;
    for (currency, squares) in &books {
        tell_squares(teller, *currency, squares)?;
        tell_months(teller, *currency, squares, &months)?;
        let accrued = accrued_before.get(currency).copied().unwrap_or_default();
        let stood = |balances| on_accounts(balances, *currency, &ACCOUNTS);
        let moved = stood(&opening) - stood(&closing) - accrued;
        let told = squares.values().flatten().sum();
        teller.tie("waterfall = 4000 + 4200 + 4300", amount(told, "the waterfall", *currency)?, amount(moved, "revenue", *currency)?);
        // Documents move prepayments, and only recognition moves them to revenue: what is not there any more has been earned.
        let Documents { added, taken, .. } = issued.of(*currency);
        let left = |balances| -on_accounts(balances, *currency, &[PREPAYMENTS.number, DEFERRED_REVENUE.number]);
        let earned = added.net - taken.net - (left(&closing) - left(&opening) + accrued);
        let of_invoices = squares.iter().filter(|((booked, _), _)| booked.is_some()).flat_map(|(_, square)| square).sum();
        let what = "revenue of invoices = documents less what prepayments grew by";
        teller.tie(what, amount(of_invoices, what, *currency)?, amount(earned, what, *currency)?);
        for (at, number) in ACCOUNTS.iter().enumerate() {
            let here = squares.values().map(|square| square[at]).sum();
            let there = on_accounts(&opening, *currency, &[*number]) - on_accounts(&closing, *currency, &[*number]);
            let there = if at == 0 { there - accrued } else { there };
            teller.tie(format!("column = {number}"), amount(here, "a column", *currency)?, amount(there, "revenue", *currency)?);
        }
    }
    Ok(())
}

fn by_currency(accrued: &Accrued) -> BTreeMap<Currency, i128> {
    let mut sums = BTreeMap::new();
    for (part, amount) in accrued {
        *sums.entry(part.currency).or_default() += i128::from(amount.minor());
    }
    sums
}

fn amount_columns() -> [Column; 4] {
    [
        Column::sum("revenue", "Revenue"),
        Column::sum("corrections", "Corrections and goodwill"),
        Column::sum("disputes", "Disputes"),
        Column::sum("total", "Total"),
    ]
}

fn amounts(square: [i128; 3], currency: Currency) -> Result<Vec<Cell>, ReportError> {
    let parts = square.into_iter().chain([square.iter().sum()]);
    parts.map(|part| Ok(Cell::Money(amount(part, "a month's revenue", currency)?))).collect()
}

fn tell_squares(teller: &mut Teller<'_>, currency: Currency, squares: &Squares) -> Result<(), ReportError> {
    let named = [Column::text("booked", "Booked"), Column::text("recognised", "Recognised")];
    let columns = named.into_iter().chain(amount_columns()).collect();
    teller.section(Section::new("waterfall", "By month of issue and of recognition", currency, columns))?;
    for ((booked, recognised), square) in squares.iter().filter(|(_, square)| square.iter().any(|part| *part != 0)) {
        let mut cells = vec![Cell::text(booked.map_or("no invoice".to_owned(), month_name)), Cell::text(month_name(*recognised))];
        cells.extend(amounts(*square, currency)?);
        teller.row(&cells)?;
    }
    Ok(())
}

fn tell_months(
    teller: &mut Teller<'_>,
    currency: Currency,
    squares: &Squares,
    months: &[(NaiveDate, NaiveDate)],
) -> Result<(), ReportError> {
    let columns = [Column::text("recognised", "Recognised")].into_iter().chain(amount_columns()).collect();
    teller.section(Section::new("recognised", "By month of recognition", currency, columns))?;
    for (first, _) in months {
        let mut sums = [0; 3];
        for (_, square) in squares.iter().filter(|((_, recognised), _)| *recognised == first_of_month(*first)) {
            sums.iter_mut().zip(square).for_each(|(sum, part)| *sum += part);
        }
        let mut cells = vec![Cell::text(month_name(*first))];
        cells.extend(amounts(sums, currency)?);
        teller.row(&cells)?;
    }
    Ok(())
}
