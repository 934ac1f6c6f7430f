//! The trial balance: the same query and the same figures as `kasacare trial-balance`.

use super::Span;
use super::books::{accrued, posted};
use crate::reports::ReportError;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::trial_balance::{kind_name, of};
use crate::store::db::Tx;

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let (posted, accrued) = (posted(tx, span.to, span).await?, accrued(tx, span.to, span).await?);
    let balance = of(Some(span.to), &posted, &accrued)?;
    for part in balance.currencies.iter().filter(|part| span.shows(part.currency)) {
        teller.section(Section::new("accounts", "Ledger accounts", part.currency, columns()))?;
        for line in &part.lines {
            let named = [Cell::text(line.account.to_string()), Cell::text(line.name), Cell::text(kind_name(line.kind))];
            let amounts = [line.posted, line.accrued, line.debit, line.credit].map(Cell::Money);
            teller.row(&named.into_iter().chain(amounts).collect::<Vec<_>>())?;
        }
        teller.tie("debits = credits", part.debits, part.credits);
    }
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::text("account", "Account"),
        Column::text("name", "Name"),
        Column::text("kind", "Kind"),
        Column::sum("posted", "Posted"),
        Column::sum("accrued", "Accrued"),
        Column::sum("debit", "Debit"),
        Column::sum("credit", "Credit"),
    ]
}
