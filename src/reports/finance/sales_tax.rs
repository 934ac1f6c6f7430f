//! Sales tax (MO-2): what documents of a range charged and took back, by jurisdiction and rate. Each line keeps the rate of its
//! invoice, so that notes and write-offs stand under the rate that was charged.

use std::collections::BTreeMap;

use super::Span;
use super::books::{amount, currency_at, on_accounts, posted};
use super::documents::{self, Documents};
use crate::domain::ledger::SALES_TAX;
use crate::domain::money::Currency;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, sums};
use crate::store::db::Tx;
use crate::values;

/// That the event of a posting `p` writes off what an invoice owes.
macro_rules! is_loss {
    () => {
        "exists (select 1 from postings o join postings r on r.account_id = o.account_id and r.seq = o.seq and r.event_no = o.event_no \
         where o.account_id = p.account_id and o.seq = p.seq and o.event_no = p.event_no and o.ledger_account = 5200 \
         and r.ledger_account = 1100)"
    };
}

crate::statements! {
    /// Tax (2200) and the net amounts that it is on: of invoices and notes (2100 and 2110 but for recognition), and of write-offs (5200
    /// beside 1100). `is_tax` tells the two apart, `is_charged` what was charged from what was taken back, `is_loss` what was written off.
    TAXED = same(concat!(
        "select p.currency, coalesce(i.jurisdiction, '') as jurisdiction, coalesce(i.rate_billionths, 0) as rate, \
         case when p.ledger_account = 2200 then 1 else 0 end as is_tax, case when p.amount_minor < 0 then 1 else 0 end as is_charged, \
         case when ", is_loss!(), " then 1 else 0 end as is_loss, ", halves!("p.amount_minor"),
        " from postings p left join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.ledger_account in (2100, 2110, 2200, 5200) and p.effective_on >= $1 and p.effective_on <= $2 and ", known!("$3"),
        " and ($4 = '' or p.currency = $4) and (p.ledger_account = 2200 or (p.ledger_account = 5200 and ", is_loss!(), ") \
         or (p.ledger_account in (2100, 2110) and not exists (select 1 from postings o where o.account_id = p.account_id and o.seq = p.seq \
         and o.event_no = p.event_no and o.ledger_account in (4000, 4200, 4300)))) \
         group by p.currency, coalesce(i.jurisdiction, ''), coalesce(i.rate_billionths, 0), \
         case when p.ledger_account = 2200 then 1 else 0 end, case when p.amount_minor < 0 then 1 else 0 end, \
         case when ", is_loss!(), " then 1 else 0 end"
    ));
}

/// What was charged and what was taken back, net and tax; all positive.
#[derive(Debug, Clone, Copy, Default)]
struct Taxed {
    net_charged: i128,
    tax_charged: i128,
    net_back: i128,
    tax_back: i128,
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let mut books: BTreeMap<Currency, BTreeMap<(String, i64), Taxed>> = BTreeMap::new();
    let mut losses: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    for row in tx.fetch_all(&TAXED, &values![span.from, span.to, span.known_until(), span.code()]).await? {
        let taxed = books.entry(currency_at(&row, 0)?).or_default().entry((row.text_at(1)?, row.int_at(2)?)).or_default();
        let exact = sums::exact(&row, 6)?;
        if row.flag_at(5)? {
            let [net, tax] = losses.entry(currency_at(&row, 0)?).or_default();
            *(if row.flag_at(3)? { tax } else { net }) += exact;
        }
        match (row.flag_at(3)?, row.flag_at(4)?) {
            (true, true) => taxed.tax_charged -= exact,
            (true, false) => taxed.tax_back += exact,
            (false, true) => taxed.net_charged -= exact,
            (false, false) => taxed.net_back += exact,
        }
    }
    let (opening, closing) = (posted(tx, span.day_before(), span).await?, posted(tx, span.to, span).await?);
    let documents = documents::issued(tx, span).await?;
    for (currency, lines) in books {
        teller.section(Section::new("jurisdictions", "By jurisdiction and rate", currency, columns()))?;
        for ((jurisdiction, rate), taxed) in &lines {
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
