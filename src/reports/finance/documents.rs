//! What was issued, by the rows of invoices and notes, which never change: the other side of what their postings say.

use std::collections::BTreeMap;

use super::books::currency_at;
use super::{Filter, Span};
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS};
use crate::domain::money::Currency;
use crate::reports::cards::{Card, Invoice, Tally};
use crate::reports::{ReportError, sums};
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// Notes that were issued in a range, by currency, by the cycle of their line and by what they are: 1 a debit note, 2 a credit note.
    /// Those that were recorded by an instant, which is when a record named them; with the largest of all numbers that is not looked up.
    NOTED = same(concat!(
        "select d.currency, d.cycle, d.kind, ", halves!("d.net"), ", cast(sum(d.tax / 4294967296) as bigint) as tax_high, \
         cast(sum(d.tax % 4294967296) as bigint) as tax_low from (select a.currency, i.cycle, \
         case when n.reason = 'undercharge' then 1 else 2 end as kind, n.net_minor as net, n.tax_minor as tax from notes n \
         join accounts a on a.account_id = n.account_id join invoices i on i.account_id = n.account_id and i.invoice_id = n.invoice_id \
         where n.issued_on >= $1 and n.issued_on <= $2 and ($3 = 9223372036854775807 or exists (select 1 from journal j \
         where j.account_id = n.account_id and j.posted_at <= $3 and j.body like '%\"note_issued.v1\"%' \
         and j.body like '%\"' || n.note_id || '\"%'))) d group by d.currency, d.cycle, d.kind"
    ));
}

/// Net and tax.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Amounts {
    pub(super) net: i128,
    pub(super) tax: i128,
}

/// What was issued in one currency, or on one of its prepayment accounts.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Documents {
    /// Of `added`, debit notes alone.
    pub(super) debit_notes: Amounts,
    /// Invoices and debit notes.
    pub(super) added: Amounts,
    /// Credit notes.
    pub(super) taken: Amounts,
}

/// Invoices that were issued in a range, in the making.
pub(super) struct Invoiced {
    filter: Filter,
    sums: BTreeMap<(Currency, u16), Amounts>,
}

impl Invoiced {
    pub(super) fn of(filter: &Filter) -> (String, Self) {
        // What was issued is told of all currencies.
        let filter = filter.in_all_currencies();
        (filter.name("invoiced"), Self { filter, sums: BTreeMap::new() })
    }
}

impl Tally for Invoiced {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        let Some(currency) = card.currency else { return Ok(()) };
        // Something is posted for an invoice when it is recorded.
        let is_known = |invoice: &Invoice<'_>| self.filter.known_at.is_none() || card.has_legs_of(invoice.id);
        for invoice in card.invoices.iter().filter(|invoice| self.filter.has_day(invoice.issued_on) && is_known(invoice)) {
            let account = if invoice.is_annual { PREPAYMENTS } else { DEFERRED_REVENUE };
            let amounts = self.sums.entry((currency, account.number)).or_default();
            amounts.net += i128::from(invoice.net_minor);
            amounts.tax += i128::from(invoice.tax_minor);
        }
        Ok(())
    }
}

/// All of it, by currency and prepayment account.
pub(super) struct Issued(BTreeMap<(Currency, u16), Documents>);

/// What was issued in a range, as far as it was recorded by the cut-off.
pub(super) async fn issued(tx: &mut Tx, span: &Span) -> Result<Issued, ReportError> {
    let mut issued: BTreeMap<(Currency, u16), Documents> = BTreeMap::new();
    let invoiced = span.memo.tally(tx, span.known_until(), Invoiced::of(&span.filter)).await?;
    for (of, amounts) in &invoiced.sums {
        issued.entry(*of).or_default().added = *amounts;
    }
    for row in tx.fetch_all(&NOTED, &values![span.from, span.to, span.known_until()]).await? {
        let account = if row.str_at(1)? == "annual" { PREPAYMENTS } else { DEFERRED_REVENUE };
        let documents = issued.entry((currency_at(&row, 0)?, account.number)).or_default();
        let (net, tax) = (sums::exact(&row, 3)?, sums::exact(&row, 5)?);
        let kind = row.int_at(2)?;
        let add = |amounts: &mut Amounts| {
            amounts.net += net;
            amounts.tax += tax;
        };
        add(if kind == 2 { &mut documents.taken } else { &mut documents.added });
        if kind == 1 {
            add(&mut documents.debit_notes);
        }
    }
    Ok(Issued(issued))
}

impl Issued {
    /// On one prepayment account.
    pub(super) fn on(&self, currency: Currency, account: u16) -> Documents {
        self.0.get(&(currency, account)).copied().unwrap_or_default()
    }

    /// On both.
    pub(super) fn of(&self, currency: Currency) -> Documents {
        let (mut all, more) = (self.on(currency, PREPAYMENTS.number), self.on(currency, DEFERRED_REVENUE.number));
        for (sum, part) in [(&mut all.debit_notes, more.debit_notes), (&mut all.added, more.added), (&mut all.taken, more.taken)] {
            sum.net += part.net;
            sum.tax += part.tax;
        }
        all
    }
}
