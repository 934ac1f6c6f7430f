//! Recurly's export of transactions. The money is at the gateway behind it, whose reference each row carries: rows are kept to be
//! compared with that gateway's movements, and are no cash of their own.

use std::io::Read;

use super::source_bytes::Digested;
use super::table::{Col, Row, Table};
use super::{Out, values};
use crate::domain::settlement::{Category, Movement, Told};
use crate::import::problem::{Problem, RowError};

const TYPES: &[(&str, Category)] = &[("purchase", Category::Charge), ("capture", Category::Charge), ("refund", Category::Refund)];

struct Columns {
    id: Col,
    kind: Col,
    status: Col,
    amount: Col,
    currency: Col,
    at: Col,
    gateway: Col,
    invoice: Option<Col>,
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let mut table = Table::begin(bytes, b',')?;
    let found = [
        table.column(&["id", "transaction_id", "uuid"]),
        table.column(&["type"]),
        table.column(&["status"]),
        table.column(&["amount"]),
        table.column(&["currency"]),
        table.column(&["date", "created_at", "collected_at"]),
        table.column(&["gateway_reference", "reference"]),
    ];
    let [Some(id), Some(kind), Some(status), Some(amount), Some(currency), Some(at), Some(gateway)] = found else {
        return Err(table.missing());
    };
    let columns = Columns { id, kind, status, amount, currency, at, gateway, invoice: table.optional(&["invoice_number"]) };
    while let Some(mut row) = table.next(out, |_| false)? {
        match (row.text(columns.kind), row.text(columns.status)) {
            (Some("authorization" | "verify"), _) | (_, Some("declined" | "void" | "processing" | "scheduled" | "error" | "failed")) => {
                out.skipped += 1;
                continue;
            }
            (_, Some("success")) => {}
            (_, status) => {
                let name = status.unwrap_or_default().chars().take(60).collect();
                row.wrong(columns.status, Problem::Unknown { what: "status", name });
            }
        }
        let (line, movement) = (row.line, movement(&mut row, &columns));
        if let Err(error) = row.finish() {
            out.note_row(error);
        } else if let Some(movement) = movement {
            out.tell(line, Told::Movement(movement));
        }
    }
    Ok(())
}

fn movement(row: &mut Row<'_>, columns: &Columns) -> Option<Movement> {
    let id = row.need(columns.id, values::id);
    let found = row.category(columns.kind, |word| TYPES.iter().find(|(known, _)| *known == word).map(|(_, category)| *category));
    let currency = row.need(columns.currency, values::currency);
    let amount = row.amount(columns.amount, currency);
    let occurred_at = row.need(columns.at, values::instant);
    let reference = row.need(columns.gateway, values::id);
    let our_reference = row.may(columns.invoice, values::id);
    let ((category, raw), amount) = (found?, amount?);
    // Refunds are exported as what was given back.
    let signed = if category == Category::Refund { amount.checked_abs()?.checked_neg()? } else { amount };
    Some(Movement {
        id: id?,
        category,
        raw_category: raw.to_owned(),
        reference,
        parent_reference: None,
        our_reference,
        payout: None,
        currency: currency?,
        gross_minor: signed,
        fee_minor: 0,
        net_minor: signed,
        occurred_at: occurred_at?,
        available_on: None,
    })
}
