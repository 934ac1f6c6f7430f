//! Ageing of receivables: what each invoice still owes on 1100 at the end of a date, by days past its due date (CA-2: an invoice
//! is due on the first day of its period, and not before it was issued). The bands are disjoint.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::books::{amount, currencies, on_accounts, posted};
use super::{Filter, Span};
use crate::domain::ledger::RECEIVABLE;
use crate::domain::money::{Currency, Money};
use crate::reports::cards::{self, Card, Invoice, Tally};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::shelf::Shelf;
use crate::reports::{ReportError, SEPARATOR};
use crate::store::db::Tx;

/// Names and keys of the bands, and the days past due with which each begins after the first.
const BANDS_TOLD: [(&str, &str); 5] =
    [("not_due", "Not due"), ("days_1_30", "1–30"), ("days_31_60", "31–60"), ("days_61_90", "61–90"), ("days_over_90", "> 90")];
/// The last day past due of each band but the last.
const LAST_DAYS: [u64; 4] = [0, 30, 60, 90];

/// What a band has.
#[derive(Clone, Copy, Default)]
struct Band {
    invoices: i64,
    open: i128,
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let open = span.memo.tally(tx, span.known_until(), Open::of(&span.filter)).await?;
    let ledger = posted(tx, span.to, span).await?;
    let mut books = open.bands.clone();
    for currency in currencies(&ledger, span) {
        books.entry(currency).or_default();
    }
    let mut told = BTreeMap::new();
    for (currency, bands) in &books {
        told.insert(*currency, tell_bands(teller, *currency, bands)?);
    }
    for (currency, told) in told {
        let listed = open.tell(teller, currency, span.to)?;
        let receivable = amount(on_accounts(&ledger, currency, &[RECEIVABLE.number]), "1100", currency)?;
        teller.tie("open invoices = 1100", amount(listed, "all open invoices", currency)?, receivable);
        teller.tie("bands = 1100", told, receivable);
    }
    Ok(())
}

/// The open invoices, set aside by the day on which they were due.
pub(super) struct Open {
    filter: Filter,
    shelf: Shelf,
    bands: BTreeMap<Currency, [Band; 5]>,
}

impl Open {
    pub(super) fn of(filter: &Filter) -> (String, Self) {
        (filter.name("open invoices"), Self { filter: *filter, shelf: Shelf::default(), bands: BTreeMap::new() })
    }

    fn put(&mut self, account: &str, invoice: &Invoice<'_>, code: &str, open: i128) -> Result<(), ReportError> {
        let currency = Currency::parse(code).map_err(|_| cards::corrupt("currency", "is not a currency"))?;
        let minor = amount(open, invoice.id, currency)?.minor();
        let due_on = invoice.issued_on.max(invoice.start);
        let bands = self.bands.entry(currency).or_default();
        if let Some(band) = bands.get_mut(band_of(days_past(due_on, self.filter.to))) {
            band.invoices += 1;
            band.open += open;
        }
        let named = [code, account, invoice.id, invoice.number, &minor.to_string()].join(&SEPARATOR.to_string());
        Ok(self.shelf.put(due_on, named.as_bytes())?)
    }

    /// Tells those of a currency, and gives their sum.
    fn tell(&self, teller: &mut Teller<'_>, currency: Currency, on: NaiveDate) -> Result<i128, ReportError> {
        let named = [Column::text("account", "Account"), Column::text("invoice", "Invoice"), Column::text("number", "Number")];
        let dates = [Column::date("due_on", "Due on"), Column::count("days_past_due", "Days past due")];
        let bands = BANDS_TOLD.map(|(key, heading)| Column::sum(key, heading));
        let columns = named.into_iter().chain(dates).chain(bands).chain([Column::sum("open", "Open")]).collect();
        teller.section(Section::detail("open_invoices", "Open invoices", currency, columns))?;
        let mut sum = 0;
        self.shelf.each(NaiveDate::MIN..=NaiveDate::MAX, |due_on, record| {
            let text = std::str::from_utf8(record).map_err(std::io::Error::other)?;
            let parts: Vec<&str> = text.split(SEPARATOR).collect();
            let [code, account, invoice, number, minor] = parts.as_slice() else {
                return Err(ReportError::Shape { section: "open_invoices", problem: "an id has a character that no text may have" });
            };
            if *code != currency.code() {
                return Ok(());
            }
            let open = Money::new(minor.parse().map_err(std::io::Error::other)?, currency);
            sum += i128::from(open.minor());
            teller.row(&invoice_cells([account, invoice, number], open, due_on, on))
        })?;
        Ok(sum)
    }
}

impl Tally for Open {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        for (invoice, legs) in card.invoiced() {
            let mut open: BTreeMap<&str, i128> = BTreeMap::new();
            for leg in legs.iter().filter(|leg| leg.is_on(&[RECEIVABLE.number]) && self.filter.has(leg)) {
                *open.entry(leg.code).or_default() += i128::from(leg.minor);
            }
            open.retain(|_, open| *open != 0);
            open.into_iter().try_for_each(|(code, open)| self.put(card.account, invoice, code, open))?;
        }
        Ok(())
    }
}

fn tell_bands(teller: &mut Teller<'_>, currency: Currency, bands: &[Band; 5]) -> Result<Money, ReportError> {
    let columns = vec![Column::text("band", "Days past due"), Column::tally("invoices", "Invoices"), Column::sum("open", "Open")];
    teller.section(Section::new("bands", "By days past due", currency, columns))?;
    for ((_, name), band) in BANDS_TOLD.iter().zip(bands) {
        teller.row(&[Cell::text(*name), Cell::Count(band.invoices), Cell::Money(amount(band.open, name, currency)?)])?;
    }
    amount(bands.iter().map(|band| band.open).sum(), "all bands", currency)
}

fn invoice_cells(named: [&str; 3], open: Money, due_on: NaiveDate, on: NaiveDate) -> Vec<Cell> {
    let days = days_past(due_on, on);
    let band = band_of(days);
    let bands = (0..BANDS_TOLD.len()).map(|at| if at == band { Cell::Money(open) } else { Cell::Empty });
    named.map(Cell::text).into_iter().chain([Cell::Date(due_on), Cell::Count(days)]).chain(bands).chain([Cell::Money(open)]).collect()
}

fn days_past(due_on: NaiveDate, on: NaiveDate) -> i64 {
    on.signed_duration_since(due_on).num_days().max(0)
}

/// The position of the band for so many days past due.
fn band_of(days: i64) -> usize {
    LAST_DAYS.iter().position(|last| u64::try_from(days).is_ok_and(|days| days <= *last)).unwrap_or(LAST_DAYS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_in_one_band() {
        for (days, band) in [(0, 0), (1, 1), (30, 1), (31, 2), (60, 2), (61, 3), (90, 3), (91, 4), (4_000, 4)] {
            assert_eq!(band_of(days), band, "{days}");
        }
    }
}
