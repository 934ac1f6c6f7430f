//! Every leg of every entry of a range. Who decided and why is left out: that may name people (`kasacare journal` has it).

use std::collections::BTreeMap;

use chrono::SecondsFormat;

use super::Span;
use super::books::amount;
use crate::domain::money::{Currency, Money};
use crate::reports::journal::{Entry, EntryLeg, Instants};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, chart};
use crate::store::db::Tx;

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let legs = span.memo.legs(tx, (span.from, span.to), span.known_at).await?;
    let mut sides: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    let mut row = Row::new();
    // A currency after the other, each in the order of dates, accounts and records.
    for code in legs.currencies() {
        let currency = Currency::parse(code)?;
        if !span.shows(currency) {
            continue;
        }
        let mut present = None;
        legs.each(span.from..=span.to, Some(code), |entry| {
            for leg in entry.legs.iter().filter(|leg| leg.currency == code) {
                if present.is_none() {
                    teller.section(Section::detail("legs", "Legs of entries", currency, columns()))?;
                }
                let [debits, credits] = present.get_or_insert([0_i128; 2]);
                let minor = i128::from(leg.amount_minor);
                *(if minor > 0 { debits } else { credits }) += minor.abs();
                teller.row(row.of(entry, leg, Money::new(leg.amount_minor, currency))?)?;
            }
            Ok(())
        })?;
        sides.extend(present.map(|present| (currency, present)));
    }
    let mut debited: BTreeMap<Currency, i128> = BTreeMap::new();
    for moved in span.memo.moves(tx, span.known_until()).await?.within(span.from, span.to) {
        *debited.entry(moved.currency()?).or_default() += moved.debits;
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
        Column::text("customer", "Customer"),
        Column::text("account", "Account"),
        Column::text("name", "Name"),
        Column::sum("debit", "Debit"),
        Column::sum("credit", "Credit"),
        Column::text("subscription", "Subscription"),
        Column::text("invoice", "Invoice"),
        Column::text("plan", "Plan"),
        Column::text("promotion", "Promotion"),
        Column::text("jurisdiction", "Jurisdiction"),
        Column::text("reference", "Reference"),
        Column::text("correction_of", "Corrects"),
        Column::text("recorded_at", "Recorded"),
    ]
}

/// A row, with room for its texts.
struct Row {
    cells: Vec<Cell>,
    instants: Instants,
    digits: String,
}

impl Row {
    fn new() -> Self {
        Self { cells: vec![Cell::Empty; columns().len()], instants: Instants::default(), digits: String::new() }
    }

    fn of(&mut self, entry: &Entry<'_>, leg: &EntryLeg<'_>, amount: Money) -> Result<&[Cell], ReportError> {
        self.digits = leg.ledger_account.to_string();
        let (debit, credit) =
            if amount.is_positive() { (Cell::Money(amount), Cell::Empty) } else { (Cell::Empty, Cell::Money(amount.negated()?)) };
        let texts = [
            (1, Some(entry.event_id)),
            (2, Some(entry.kind)),
            (3, Some(entry.account)),
            (4, Some(self.digits.as_str())),
            (5, Some(chart::name(leg.ledger_account))),
            (8, leg.subscription),
            (9, leg.invoice_number),
            (10, leg.plan),
            (11, leg.promotion),
            (12, leg.jurisdiction),
            (13, entry.reference),
            (14, entry.correction_of),
            (15, Some(self.instants.text(entry.posted_at, SecondsFormat::Micros))),
        ];
        for (at, text) in texts {
            match (self.cells.get_mut(at), text) {
                (Some(Cell::Text(there)), Some(text)) => text.clone_into(there),
                (Some(cell), text) => *cell = Cell::or_empty(text, Cell::text),
                (None, _) => {}
            }
        }
        for (at, cell) in [(0, Cell::Date(entry.effective_on)), (6, debit), (7, credit)] {
            if let Some(there) = self.cells.get_mut(at) {
                *there = cell;
            }
        }
        Ok(&self.cells)
    }
}
