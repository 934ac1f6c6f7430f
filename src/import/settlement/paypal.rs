//! PayPal's transactions: the rows of its transaction search, or its settlement report, whose amounts are unsigned minor units with a
//! column for the side that they are on, and whose lines begin with their kind (`CH` the columns, `SB` a transaction).

use std::io::Read;

use super::source_bytes::Digested;
use super::table::{Col, Row, Table};
use super::{Out, values};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{AmountFrom, Category, Movement, Payout, Told};
use crate::import::problem::{Problem, RowError};

/// PayPal's event codes: those that are listed whole come before their groups. Codes of no group refuse the file.
const CODES: &[(&str, Category)] = &[
    ("T1101", Category::PayoutFailure),
    ("T1105", Category::Reserve),
    ("T1106", Category::Dispute),
    ("T1107", Category::Refund),
    ("T1108", Category::Fee),
    ("T1109", Category::Fee),
    ("T1110", Category::Reserve),
    ("T1111", Category::Reserve),
    ("T1201", Category::Dispute),
    ("T1202", Category::DisputeReversal),
    ("T1207", Category::Fee),
    ("T00", Category::Charge),
    ("T01", Category::Fee),
    ("T03", Category::Adjustment),
    ("T04", Category::Payout),
    ("T1113", Category::Refund),
    ("T11", Category::Adjustment),
    ("T12", Category::Adjustment),
    ("T15", Category::Reserve),
    ("T19", Category::Adjustment),
    ("T21", Category::Reserve),
];

fn category(code: &str) -> Option<Category> {
    CODES.iter().find(|(start, _)| code.len() == 5 && code.starts_with(start)).map(|(_, category)| *category)
}

/// Whether the first line of a file is one of PayPal's, in lower case.
pub(super) fn is_head(line: &str) -> bool {
    (line.contains("transaction_event_code") || line.contains("transaction event code"))
        || line.starts_with("rh,")
        || line.starts_with("\"rh\",")
}

struct Columns {
    id: Col,
    code: Col,
    occurred: Col,
    currency: Col,
    amount: Col,
    fee: Option<Col>,
    side: Option<Col>,
    fee_side: Option<Col>,
    status: Option<Col>,
    parent: Option<Col>,
    ours: [Option<Col>; 2],
}

impl Columns {
    fn find<R: Read>(table: &mut Table<'_, R>) -> Result<Self, RowError> {
        let found = (
            table.column(&["transaction_id"]),
            table.column(&["transaction_event_code"]),
            table.column(&["transaction_updated_date", "transaction_completion_date", "transaction_initiation_date"]),
            table.column(&["transaction_currency", "currency_code", "gross_transaction_currency"]),
            table.column(&["transaction_amount", "gross_transaction_amount"]),
        );
        let (Some(id), Some(code), Some(occurred), Some(currency), Some(amount)) = found else { return Err(table.missing()) };
        Ok(Self {
            id,
            code,
            occurred,
            currency,
            amount,
            fee: table.optional(&["fee_amount"]),
            side: table.optional(&["transaction_debit_or_credit"]),
            fee_side: table.optional(&["fee_debit_or_credit"]),
            status: table.optional(&["transaction_status"]),
            parent: table.optional(&["paypal_reference_id"]),
            ours: [table.optional(&["custom_field"]), table.optional(&["invoice_id"])],
        })
    }
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let mut table = Table::begin(bytes, b',', Some("CH"))?;
    let columns = Columns::find(&mut table)?;
    let is_marked = columns.side.is_some();
    while let Some(mut row) = table.next(out, |mark| is_marked && matches!(mark, "SF" | "RF" | "FF" | "SC" | "RC"))? {
        let (line, status) = (row.line, row.text(columns.status));
        // Pending and denied ones have moved nothing; what was reversed has moved, and has moved back by a line of its own.
        if matches!(status, Some("P" | "D")) {
            out.skipped += 1;
            continue;
        }
        if let (Some(column), Some(word)) = (columns.status, status)
            && !matches!(word, "S" | "V")
        {
            row.wrong(column, Problem::Unknown { what: "status", name: word.chars().take(60).collect() });
        }
        let movement = movement(&mut row, &columns);
        if let Err(error) = row.finish() {
            out.note_row(error);
        } else if let Some(movement) = movement {
            let payout = payout(&movement);
            out.tell(line, Told::Movement(movement));
            payout.into_iter().for_each(|payout| out.tell(line, Told::Payout(payout)));
        }
    }
    Ok(())
}

fn amount(row: &mut Row<'_>, column: Col, side: Option<Col>, currency: Option<Currency>) -> Option<i64> {
    let Some(side) = side else { return row.amount(column, currency) };
    let minor = row.need(column, values::minor)?;
    let is_debit = row.need(side, |side| match side {
        "CR" => Ok(false),
        "DR" => Ok(true),
        _ => Err(Problem::not_a("CR or DR")),
    })?;
    if is_debit { minor.checked_neg() } else { Some(minor) }
}

fn movement(row: &mut Row<'_>, columns: &Columns) -> Option<Movement> {
    let id = row.need(columns.id, values::id);
    let found = row.category(columns.code, category);
    let currency = row.need(columns.currency, values::currency);
    let gross = amount(row, columns.amount, columns.side, currency);
    // A fee is negative where it was taken.
    let fee = match columns.fee.filter(|fee| row.text(*fee).is_some()) {
        None => Some(0),
        Some(fee) => amount(row, fee, columns.fee_side, currency).and_then(i64::checked_neg),
    };
    let occurred_at = row.need(columns.occurred, values::instant);
    let parent_reference = row.may(columns.parent, values::id);
    let our_reference = columns.ours.iter().find_map(|column| row.text(*column)).and_then(|text| values::id(text).ok());
    let ((category, raw), gross_minor, fee_minor) = (found?, gross?, fee?);
    // A withdrawal that came back names the withdrawal that it undoes.
    let undone = parent_reference.clone().filter(|_| matches!(found, Some((Category::PayoutFailure, _))));
    Some(Movement {
        reference: undone.or_else(|| id.clone()),
        id: id?,
        category,
        raw_category: raw.to_owned(),
        parent_reference,
        our_reference,
        payout: None,
        currency: currency?,
        gross_minor,
        fee_minor,
        net_minor: gross_minor.checked_sub(fee_minor)?,
        occurred_at: occurred_at?,
        available_on: None,
    })
}

/// A withdrawal to the bank is its own payout. PayPal does not say which payments it was made of.
fn payout(movement: &Movement) -> Option<Payout> {
    (movement.category == Category::Payout).then_some(())?;
    Some(Payout {
        id: movement.id.clone(),
        amount: Money::new(movement.gross_minor.checked_neg()?, movement.currency),
        sent_on: movement.occurred_on(),
        arrives_on: movement.occurred_on(),
        amount_from: AmountFrom::Stated,
        bank_reference: None,
    })
}
