//! Sales tax (MO-2): what documents of a range charged and took back, by jurisdiction and rate. Each line keeps the rate of its
//! invoice, so that notes and write-offs stand under the rate that was charged.

use std::collections::BTreeMap;

use super::books::{amount, on_accounts, posted};
use super::documents::{self, Documents};
use super::{Filter, Span};
use crate::domain::ledger::{CREDIT_LOSSES, DEFERRED_REVENUE, PREPAYMENTS, SALES_TAX};
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::reports::cards::{Beside, Card, Tally};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::db::Tx;

/// What was charged and what was taken back, net and tax; all positive.
#[derive(Debug, Clone, Copy, Default)]
struct Taxed {
    net_charged: i128,
    tax_charged: i128,
    net_back: i128,
    tax_back: i128,
}

/// Tax (2200) and the net amounts that it is on in the making: of invoices and notes (2100 and 2110 but for recognition), and of write-offs
/// (5200 beside 1100).
pub(super) struct Taxing {
    filter: Filter,
    /// By jurisdiction and rate.
    books: BTreeMap<Currency, BTreeMap<(String, i64), Taxed>>,
    /// Net and tax of write-offs.
    losses: BTreeMap<Currency, [i128; 2]>,
}

impl Taxing {
    pub(super) fn of(filter: &Filter) -> (String, Self) {
        (filter.name("sales tax"), Self { filter: *filter, books: BTreeMap::new(), losses: BTreeMap::new() })
    }
}

impl Tally for Taxing {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        for leg in card.legs.iter().filter(|leg| leg.is_on(&TAXED) && self.filter.has(leg)) {
            let is_loss = leg.beside.has(Beside::CREDIT_LOSSES) && leg.beside.has(Beside::RECEIVABLE);
            let is_tax = leg.is_on(&[SALES_TAX.number]);
            let counts = is_tax || if leg.is_on(&[CREDIT_LOSSES.number]) { is_loss } else { !leg.beside.has(Beside::REVENUE) };
            if !counts {
                continue;
            }
            let (currency, exact) = (leg.currency()?, i128::from(leg.minor));
            if is_loss {
                let [net, tax] = self.losses.entry(currency).or_default();
                *(if is_tax { tax } else { net }) += exact;
            }
            let (jurisdiction, rate) = card.invoice(leg.invoice).map_or(("", 0), |invoice| (invoice.jurisdiction, invoice.rate_billionths));
            let taxed = self.books.entry(currency).or_default().entry((jurisdiction.to_owned(), rate)).or_default();
            match (is_tax, exact < 0) {
                (true, true) => taxed.tax_charged -= exact,
                (true, false) => taxed.tax_back += exact,
                (false, true) => taxed.net_charged -= exact,
                (false, false) => taxed.net_back += exact,
            }
        }
        Ok(())
    }
}

/// The ledger accounts that are looked at.
const TAXED: [u16; 4] = [PREPAYMENTS.number, DEFERRED_REVENUE.number, SALES_TAX.number, CREDIT_LOSSES.number];

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let found = span.memo.tally(tx, span.known_until(), Taxing::of(&span.filter)).await?;
    let Taxing { books, losses, .. } = found.as_ref();
    let (opening, closing) = (posted(tx, span.day_before(), span).await?, posted(tx, span.to, span).await?);
    let documents = documents::issued(tx, span).await?;
    for (currency, lines) in books {
        let currency = *currency;
        teller.section(Section::new("jurisdictions", "By jurisdiction and rate", currency, columns()))?;
        for ((jurisdiction, rate), taxed) in lines {
            let Taxed { net_charged, tax_charged, net_back, tax_back } = *taxed;
            let mut cells = vec![Cell::text(jurisdiction), Cell::text(percent(*rate))];
            for part in [net_charged, tax_charged, -net_back, -tax_back, net_charged - net_back, tax_charged - tax_back] {
                cells.push(Cell::Money(amount(part, jurisdiction, currency)?));
            }
            teller.row(&cells)?;
        }
        let payable = lines.values().map(|taxed| taxed.tax_charged - taxed.tax_back).sum();
        let stood = |balances| on_accounts(balances, currency, &[SALES_TAX.number]);
        let moved = stood(&opening) - stood(&closing);
        teller.tie("net payable = 2200", amount(payable, "all jurisdictions", currency)?, amount(moved, "2200", currency)?);
        let sum = |of: fn(&Taxed) -> i128| lines.values().map(of).sum::<i128>();
        let [lost_net, lost_tax] = losses.get(&currency).copied().unwrap_or_default();
        let Documents { added, taken, .. } = documents.of(currency);
        for (what, here, there) in [
            ("net charged = invoices and debit notes", sum(|taxed| taxed.net_charged), added.net),
            ("tax charged = invoices and debit notes", sum(|taxed| taxed.tax_charged), added.tax),
            ("net credited but for write-offs = credit notes", sum(|taxed| taxed.net_back) - lost_net, taken.net),
            ("tax credited but for write-offs = credit notes", sum(|taxed| taxed.tax_back) - lost_tax, taken.tax),
        ] {
            teller.tie(what, amount(here, what, currency)?, amount(there, what, currency)?);
        }
    }
    teller.note("Payments to authorities are not booked here: net payable is what the range has added to 2200.");
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::text("jurisdiction", "Jurisdiction"),
        Column::text("rate", "Rate"),
        Column::sum("net_charged", "Net charged"),
        Column::sum("tax_charged", "Tax charged"),
        Column::sum("net_credited", "Net credited"),
        Column::sum("tax_credited", "Tax credited"),
        Column::sum("taxable_net", "Taxable net"),
        Column::sum("tax_payable", "Net payable"),
    ]
}

/// A rate in billionths as people write it: `8.25 %`.
fn percent(billionths: i64) -> String {
    let (whole, rest) = (billionths / 10_000_000, billionths % 10_000_000);
    let rest = format!("{rest:07}");
    let rest = rest.trim_end_matches('0');
    if rest.is_empty() { format!("{whole} %") } else { format!("{whole}.{rest} %") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percentages() {
        for (billionths, expected) in [(82_500_000, "8.25 %"), (0, "0 %"), (190_000_000, "19 %"), (6_250_001, "0.6250001 %")] {
            assert_eq!(percent(billionths), expected);
        }
    }
}
