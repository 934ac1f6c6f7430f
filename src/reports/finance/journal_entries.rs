//! Every leg of every entry of a range. Who decided and why is left out: that may name people (`kasacare journal` has it).

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};

use super::Span;
use super::books::{amount, currency_at};
use crate::domain::money::{Currency, Money};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, chart, sums};
use crate::store::db::{Row, Tx};
use crate::values;

crate::statements! {
    /// The legs of a range, a currency after the other, in the order of their dates, with what is known of them.
    LEGS = same(
        "select p.currency, p.effective_on, p.account_id, p.seq, p.event_no, p.leg_no, p.ledger_account, p.amount_minor, j.kind, \
         j.posted_at, i.number, i.tier, i.cycle, i.promotion_code, i.jurisdiction \
         from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         left join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.effective_on >= $1 and p.effective_on <= $2 and j.posted_at <= $3 and ($4 = '' or p.currency = $4) \
         order by p.currency, p.effective_on, p.account_id, p.seq, p.leg_no"
    );
    /// What was debited in a range, by currency.
    DEBITED = same(concat!(
        "select p.currency, ", halves!("(case when p.amount_minor > 0 then p.amount_minor else 0 end)"),
        " from postings p where p.effective_on >= $1 and p.effective_on <= $2 and ", known!("$3"),
        " and ($4 = '' or p.currency = $4) group by p.currency order by p.currency"
    ));
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let asked = values![span.from, span.to, span.known_until(), span.code()];
    let mut sides: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    let mut present = None;
    tx.for_each_batch(&LEGS, &asked, |rows| {
        for row in &rows {
            let currency = currency_at(row, 0)?;
            if present != Some(currency) {
                teller.section(Section::detail("legs", "Legs of entries", currency, columns()))?;
                present = Some(currency);
            }
            let minor = row.int_at(7)?;
            let [debits, credits] = sides.entry(currency).or_default();
            if minor > 0 {
                *debits += i128::from(minor);
            } else {
                *credits -= i128::from(minor);
            }
            teller.row(&leg(row, Money::new(minor, currency))?)?;
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    let mut debited = BTreeMap::new();
    for row in tx.fetch_all(&DEBITED, &asked).await? {
        debited.insert(currency_at(&row, 0)?, sums::exact(&row, 1)?);
    }
    for (currency, [debits, credits]) in sides {
        let debits = amount(debits, "all debits", currency)?;
        teller.tie("debits = credits", debits, amount(credits, "all credits", currency)?);
        let posted = debited.get(&currency).copied().unwrap_or_default();
        teller.tie("debits = debits of the postings", debits, amount(posted, "all debits", currency)?);
    }
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::date("effective_on", "Date"),
        Column::text("entry", "Entry"),
        Column::text("kind", "Decision"),
        Column::text("account", "Account"),
        Column::text("name", "Name"),
        Column::sum("debit", "Debit"),
        Column::sum("credit", "Credit"),
        Column::text("invoice", "Invoice"),
        Column::text("plan", "Plan"),
        Column::text("promotion", "Promotion"),
        Column::text("jurisdiction", "Jurisdiction"),
        Column::text("recorded_at", "Recorded"),
    ]
}

fn leg(row: &Row, amount: Money) -> Result<Vec<Cell>, ReportError> {
    let recorded = DateTime::from_timestamp_micros(row.int_at(9)?).ok_or_else(|| row.corrupt("posted_at", "is out of range"))?;
    let plan = row.opt_text_at(11)?.zip(row.opt_text_at(12)?).map(|(tier, cycle)| format!("{tier}/{cycle}"));
    let (debit, credit) =
        if amount.is_positive() { (Cell::Money(amount), Cell::Empty) } else { (Cell::Empty, Cell::Money(amount.negated()?)) };
    Ok(vec![
        Cell::Date(row.date_at(1)?),
        Cell::Text(format!("{}/{}#{}", row.str_at(2)?, row.int_at(3)?, row.int_at(4)?)),
        Cell::Text(row.text_at(8)?),
        Cell::Text(row.int_at(6)?.to_string()),
        Cell::text(chart::name(row.int_at(6)?)),
        debit,
        credit,
        Cell::or_empty(row.opt_text_at(10)?, Cell::Text),
        Cell::or_empty(plan, Cell::Text),
        Cell::or_empty(row.opt_text_at(13)?, Cell::Text),
        Cell::or_empty(row.opt_text_at(14)?, Cell::Text),
        Cell::Text(recorded.to_rfc3339_opts(SecondsFormat::Micros, true)),
    ])
}
