//! PayPal's transactions: the rows of its transaction search, or its settlement report, whose amounts are unsigned minor units with a
//! column for the side that they are on, and whose lines begin with their kind.
//!
//! Such a report has sections, one an account or day: `SH` opens one, `CH` names its columns, `SB` is a transaction, `SF` sums up, and `SC`
//! counts the transactions and closes it. `RF` and `RC` do the same for the report, `FF` ends the file.

use std::io::Read;

use super::source_bytes::Digested;
use super::table::{Col, Row, Table, plain};
use super::{Out, values};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{AmountFrom, Category, Movement, Payout, Told};
use crate::import::problem::{Problem, RowError, RowProblem};

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
            table.column(&["transaction_completion_date", "transaction_initiation_date", "transaction_updated_date"]),
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
    let mut report = Report::default();
    let mut table = Table::begin_at(bytes, b',', |fields| {
        report.is_first_file |= matches!(fields, ["FH", "1", ..]);
        fields.first() == Some(&COLUMNS) || fields.iter().any(|name| plain(name) == "transaction_id")
    })?;
    let is_report = table.fields().1.first() == Some(&COLUMNS);
    loop {
        let columns = Columns::find(&mut table)?;
        rows(&mut table, &columns, is_report, &mut report, out)?;
        if !is_report || out.stopped {
            return Ok(());
        }
        // Up to the columns of the next section, or to the end.
        loop {
            let (line, fields) = table.fields();
            match fields.first().copied() {
                None => return report.ended(),
                Some(COLUMNS) => break,
                Some(TRANSACTION) => return Ok(()),
                Some(mark) => report.take(line, mark, fields.get(1).copied())?,
            }
            table.advance()?;
        }
        report.opens(table.fields().0, COLUMNS)?;
        table.rename();
    }
}

/// The line with the names of a section's columns.
const COLUMNS: &str = "CH";
/// A transaction.
const TRANSACTION: &str = "SB";

/// How far a settlement report has been read.
#[derive(Default)]
struct Report {
    /// Transactions, and those of the open section.
    rows: u64,
    section_rows: u64,
    /// Whether the section that was read last was counted.
    is_counted: bool,
    is_ended: bool,
    /// A long report comes in several files, and the last one counts those of all.
    is_first_file: bool,
}

impl Report {
    /// Takes a line that is no transaction.
    fn take(&mut self, line: u64, mark: &str, count: Option<&str>) -> Result<(), RowError> {
        let counted = count.and_then(|count| count.parse::<u64>().ok());
        let problem = match mark {
            "SH" => return self.opens(line, mark),
            "SF" | "RF" => return Ok(()),
            "SC" => {
                let rows = std::mem::take(&mut self.section_rows);
                self.is_counted = true;
                if counted == Some(rows) {
                    return Ok(());
                }
                format!("the section has {rows} rows and not as many as it says")
            }
            "RC" if counted == Some(self.rows) || (!self.is_first_file && counted.is_some_and(|count| count > self.rows)) => return Ok(()),
            "RC" => format!("the report has {} rows and not as many as it says", self.rows),
            "FF" => {
                self.is_ended = true;
                return Ok(());
            }
            _ => {
                let problem = Problem::Unknown { what: "kind of line", name: mark.chars().take(60).collect() };
                return Err(RowProblem::at(line, problem).into());
            }
        };
        Err(RowProblem::at(line, Problem::Rule(problem)).into())
    }

    /// Begins a section, or its columns.
    fn opens(&mut self, line: u64, mark: &str) -> Result<(), RowError> {
        if self.section_rows > 0 || (mark == "SH" && !self.is_counted) {
            let problem = "the section before has no line SC: a part of the file is missing";
            return Err(RowProblem::at(line, Problem::Rule(problem.to_owned())).into());
        }
        self.is_counted = false;
        Ok(())
    }

    fn ended(&self) -> Result<(), RowError> {
        if self.is_counted && self.is_ended {
            return Ok(());
        }
        let line = if self.is_counted { "FF" } else { "SC" };
        Err(RowProblem::of_file(Problem::Rule(format!("the file ends before its line {line}: a part of it is missing"))).into())
    }
}

/// Takes the rows up to one that is no transaction.
fn rows<R: Read>(
    table: &mut Table<'_, R>,
    columns: &Columns,
    is_report: bool,
    report: &mut Report,
    out: &mut Out<'_, '_>,
) -> Result<(), RowError> {
    let mut ends = |mark: &str| {
        let is_row = !is_report || mark == TRANSACTION;
        report.rows += u64::from(is_row);
        report.section_rows += u64::from(is_row);
        !is_row
    };
    while let Some(mut row) = table.next(out, &mut ends)? {
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
        let movement = movement(&mut row, columns);
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
    // A withdrawal that came back names the withdrawal that it undoes, a dispute that was won the dispute.
    let undone = parent_reference.clone().filter(|_| matches!(category, Category::PayoutFailure | Category::DisputeReversal));
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
