//! Ageing of receivables: what each invoice still owes on 1100 at the end of a date, by days past its due date (CA-2: an invoice
//! is due on the first day of its period, and not before it was issued). The bands are disjoint.

use std::collections::BTreeMap;

use chrono::{Days, NaiveDate};

use super::Span;
use super::books::{amount, currencies, currency_at, on_accounts, posted};
use crate::domain::ledger::RECEIVABLE;
use crate::domain::money::{Currency, Money};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, sums};
use crate::store::db::{Row, Tx};
use crate::values;

/// Open invoices at the end of day `$1` that was recorded by `$2`, in currency `$3`, with their due date.
macro_rules! open_invoices {
    () => {
        concat!(
            "select p.currency, p.account_id, p.invoice_id, i.number, \
             case when i.issued_on > i.period_start then i.issued_on else i.period_start end as due_on, \
             cast(sum(p.amount_minor) as bigint) as open_minor \
             from postings p join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
             where p.ledger_account = 1100 and p.effective_on <= $1 and ",
            known!("$2"),
            " and ($3 = '' or p.currency = $3) \
             group by p.currency, p.account_id, p.invoice_id, i.number, i.issued_on, i.period_start having sum(p.amount_minor) <> 0"
        )
    };
}

crate::statements! {
    /// The bands: due after `$4` is band 0 (not due), then after `$5`, `$6`, `$7` and all before.
    BANDS = same(concat!(
        "select o.currency, o.band, count(*) as invoices, ", halves!("o.open_minor"), " from (select d.currency, d.open_minor, \
         case when d.due_on >= $4 then 0 when d.due_on >= $5 then 1 when d.due_on >= $6 then 2 when d.due_on >= $7 then 3 else 4 end as band \
         from (", open_invoices!(), ") d) o group by o.currency, o.band order by o.currency, o.band"
    ));
    /// Each of them, a currency after the other.
    OPEN = same(concat!("select * from (", open_invoices!(), ") d order by d.currency, d.due_on, d.account_id, d.invoice_id"));
}

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
    let mut books: BTreeMap<Currency, [Band; 5]> = BTreeMap::new();
    let since = LAST_DAYS.map(|days| span.to.checked_sub_days(Days::new(days)).unwrap_or(span.to));
    let asked = values![span.to, span.known_until(), span.code(), since[0], since[1], since[2], since[3]];
    for row in tx.fetch_all(&BANDS, &asked).await? {
        let at = usize::try_from(row.int_at(1)?).unwrap_or(BANDS_TOLD.len());
        let bands = books.entry(currency_at(&row, 0)?).or_default();
        let band = bands.get_mut(at).ok_or_else(|| row.corrupt("band", "is none"))?;
        *band = Band { invoices: row.int_at(2)?, open: sums::exact(&row, 3)? };
    }
    let ledger = posted(tx, span.to, span).await?;
    for currency in currencies(&ledger, span) {
        books.entry(currency).or_default();
    }
    let mut told = BTreeMap::new();
    for (currency, bands) in &books {
        told.insert(*currency, tell_bands(teller, *currency, bands)?);
    }
    let listed = tell_invoices(tx, span, teller, books.keys().copied().collect()).await?;
    for (currency, told) in told {
        let receivable = amount(on_accounts(&ledger, currency, &[RECEIVABLE.number]), "1100", currency)?;
        let listed = amount(listed.get(&currency).copied().unwrap_or_default(), "all open invoices", currency)?;
        teller.tie("open invoices = 1100", listed, receivable);
        teller.tie("bands = 1100", told, receivable);
    }
    Ok(())
}

fn tell_bands(teller: &mut Teller<'_>, currency: Currency, bands: &[Band; 5]) -> Result<Money, ReportError> {
    let columns = vec![Column::text("band", "Days past due"), Column::tally("invoices", "Invoices"), Column::sum("open", "Open")];
    teller.section(Section::new("bands", "By days past due", currency, columns))?;
    for ((_, name), band) in BANDS_TOLD.iter().zip(bands) {
        teller.row(&[Cell::text(*name), Cell::Count(band.invoices), Cell::Money(amount(band.open, name, currency)?)])?;
    }
    amount(bands.iter().map(|band| band.open).sum(), "all bands", currency)
}

/// Tells the open invoices of these currencies, which stand in their order, from one reading; gives their sums.
async fn tell_invoices(
    tx: &mut Tx,
    span: &Span,
    teller: &mut Teller<'_>,
    currencies: Vec<Currency>,
) -> Result<BTreeMap<Currency, i128>, ReportError> {
    let mut listed: BTreeMap<Currency, i128> = BTreeMap::new();
    let mut ahead = currencies.into_iter().peekable();
    let section = || {
        let named = [Column::text("account", "Account"), Column::text("invoice", "Invoice"), Column::text("number", "Number")];
        let dates = [Column::date("due_on", "Due on"), Column::count("days_past_due", "Days past due")];
        let bands = BANDS_TOLD.map(|(key, heading)| Column::sum(key, heading));
        let columns = named.into_iter().chain(dates).chain(bands).chain([Column::sum("open", "Open")]).collect();
        |currency: Currency| Section::detail("open_invoices", "Open invoices", currency, columns)
    };
    tx.for_each_batch(&OPEN, &values![span.to, span.known_until(), span.code()], |rows| {
        for row in &rows {
            let currency = currency_at(row, 0)?;
            // One in which nothing is open has a section, too.
            while let Some(next) = ahead.next_if(|next| *next <= currency) {
                teller.section(section()(next))?;
            }
            let open = Money::new(row.int_at(5)?, currency);
            *listed.entry(currency).or_default() += i128::from(open.minor());
            teller.row(&invoice(row, open, span.to)?)?;
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    ahead.try_for_each(|currency| teller.section(section()(currency)))?;
    Ok(listed)
}

fn invoice(row: &Row, open: Money, on: NaiveDate) -> Result<Vec<Cell>, ReportError> {
    let due_on = row.date_at(4)?;
    let days = on.signed_duration_since(due_on).num_days().max(0);
    let band = band_of(days);
    let bands = (0..BANDS_TOLD.len()).map(|at| if at == band { Cell::Money(open) } else { Cell::Empty });
    let named =
        [Cell::Text(row.text_at(1)?), Cell::Text(row.text_at(2)?), Cell::Text(row.text_at(3)?), Cell::Date(due_on), Cell::Count(days)];
    Ok(named.into_iter().chain(bands).chain([Cell::Money(open)]).collect())
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
