//! Stripe's `payout_reconciliation` itemised report: one row a balance transaction, **in major units**, with the automatic payout that
//! it was in.
//!
//! The report has no line of the payout itself where only its contents were asked for: then the payout is the sum of its lines, and a
//! movement is made for it. Our own ids come in metadata columns, which must have been asked for when the report was made.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use chrono::NaiveDate;

use super::source_bytes::Digested;
use super::table::{Col, Row, Table};
use super::{Out, values};
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::{AmountFrom, Category, Movement, Payout, Told};
use crate::import::line::Line;
use crate::import::problem::{Problem, RowError, RowProblem};

/// Stripe's reporting categories that can be on the balance of one who sells for himself. All others refuse the file.
const CATEGORIES: &[(&str, Category)] = &[
    ("charge", Category::Charge),
    ("charge_failure", Category::Adjustment),
    ("refund", Category::Refund),
    ("partial_capture_reversal", Category::Refund),
    ("refund_failure", Category::RefundFailure),
    ("dispute", Category::Dispute),
    ("dispute_reversal", Category::DisputeReversal),
    ("fee", Category::Fee),
    ("network_cost", Category::Fee),
    ("tax", Category::Tax),
    ("other_adjustment", Category::Adjustment),
    ("payout", Category::Payout),
    ("payout_reversal", Category::PayoutFailure),
    ("payout_minimum_balance_hold", Category::Reserve),
    ("payout_minimum_balance_release", Category::Reserve),
    ("risk_reserved_funds", Category::Reserve),
    ("topup", Category::Adjustment),
    ("topup_reversal", Category::Adjustment),
];

/// What a reporting category is.
pub(super) fn category(raw: &str) -> Option<Category> {
    CATEGORIES.iter().find(|(word, _)| *word == raw).map(|(_, category)| *category)
}

struct Columns {
    id: Col,
    created: Col,
    available_on: Option<Col>,
    currency: Col,
    gross: Col,
    fee: Col,
    net: Col,
    category: Col,
    source: Option<Col>,
    charge: Option<Col>,
    intent: Option<Col>,
    payout: Option<Col>,
    effective_at: Option<Col>,
    ours: [Option<Col>; 2],
}

impl Columns {
    fn find<R: Read>(table: &mut Table<'_, R>) -> Result<Self, RowError> {
        let found = (
            table.column(&["balance_transaction_id"]),
            table.column(&["created_utc", "created"]),
            table.column(&["currency"]),
            table.column(&["gross"]),
            table.column(&["fee"]),
            table.column(&["net"]),
            table.column(&["reporting_category"]),
        );
        let (Some(id), Some(created), Some(currency), Some(gross), Some(fee), Some(net), Some(category)) = found else {
            return Err(table.missing());
        };
        Ok(Self {
            id,
            created,
            available_on: table.optional(&["available_on_utc", "available_on"]),
            currency,
            gross,
            fee,
            net,
            category,
            source: table.optional(&["source_id"]),
            charge: table.optional(&["charge_id"]),
            intent: table.optional(&["payment_intent_id"]),
            payout: table.optional(&["automatic_payout_id"]),
            effective_at: table.optional(&["automatic_payout_effective_at_utc", "automatic_payout_effective_at"]),
            ours: [
                table.optional(&["payment_intent_metadata[kasacare_charge]", "payment_intent_metadata[charge]"]),
                table.optional(&["refund_metadata[kasacare_refund]", "refund_metadata[refund_id]"]),
            ],
        })
    }
}

/// A payout while its lines are read.
struct Open {
    currency: Currency,
    effective_on: NaiveDate,
    lines_minor: i64,
    /// What its own line says that left.
    stated: Option<(i64, NaiveDate)>,
    line: u64,
}

/// The rows so far. Of each its id and what it says are kept as fingerprints: a row that is there twice is counted once.
#[derive(Default)]
struct Rows {
    /// Of what it says half a fingerprint, and the line: a file has no more lines than 32 bits count.
    first: HashMap<u64, (u32, u32)>,
}

impl Rows {
    /// Whether a row is there for the first time; the problem, if another one with its id says something else.
    fn is_first(&mut self, movement: &Movement, effective_on: Option<NaiveDate>, line: u64) -> Result<bool, RowProblem> {
        let said = u32::try_from(fingerprint(&(movement, effective_on)) >> 32).unwrap_or_default();
        match self.first.entry(fingerprint(&movement.id)) {
            Entry::Vacant(entry) => {
                entry.insert((said, u32::try_from(line).unwrap_or(u32::MAX)));
                Ok(true)
            }
            Entry::Occupied(entry) if entry.get().0 == said => Ok(false),
            Entry::Occupied(entry) => {
                let (shown, first) = (Some(movement.id.clone()), Line::from(u64::from(entry.get().1)).place());
                Err(RowProblem::in_field(line, "balance_transaction_id", Problem::SaysOther { shown, first }))
            }
        }
    }
}

fn fingerprint(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn read<R: Read>(bytes: &mut Digested<R>, out: &mut Out<'_, '_>) -> Result<(), RowError> {
    let mut table = Table::begin(bytes, b',')?;
    let columns = Columns::find(&mut table)?;
    let mut payouts: BTreeMap<String, Open> = BTreeMap::new();
    let mut rows = Rows::default();
    while let Some(mut row) = table.next(out, |_| false)? {
        let (line, movement) = (row.line, movement(&mut row, &columns));
        let effective_on = row.may(columns.effective_at, values::date);
        if let Err(error) = row.finish() {
            out.note_row(error);
        } else if let Some(movement) = movement {
            match rows.is_first(&movement, effective_on, line) {
                Ok(true) => {
                    if let Err(problem) = gather(&mut payouts, &movement, effective_on, line) {
                        out.note(problem);
                    }
                    out.tell(line, Told::Movement(movement));
                }
                Ok(false) => out.tell(line, Told::Again(movement)),
                Err(problem) => out.note(problem),
            }
        }
    }
    for (id, open) in payouts {
        tell_payout(id, &open, out);
    }
    Ok(())
}

fn movement(row: &mut Row<'_>, columns: &Columns) -> Option<Movement> {
    let id = row.need(columns.id, values::id);
    let category = row.category(columns.category, category);
    let currency = row.need(columns.currency, values::currency);
    let amounts = [columns.gross, columns.fee, columns.net].map(|column| row.amount(column, currency));
    let occurred_at = row.need(columns.created, values::instant);
    let available_on = row.may(columns.available_on, values::date);
    let reference = row.may(columns.source, values::id);
    let (charge, intent) = (row.may(columns.charge, values::id), row.may(columns.intent, values::id));
    let payout = row.may(columns.payout, values::id);
    let (category, raw) = category?;
    let ours = match category {
        Category::Refund | Category::RefundFailure => columns.ours[1],
        _ => columns.ours[0],
    };
    let our_reference = row.may(ours, values::id);
    let [Some(gross_minor), Some(fee_minor), Some(net_minor)] = amounts else { return None };
    let parent_reference = if category == Category::Charge { intent } else { charge.or(intent) };
    let movement = Movement {
        id: id?,
        category,
        raw_category: raw.to_owned(),
        reference,
        parent_reference,
        our_reference,
        payout,
        currency: currency?,
        gross_minor,
        fee_minor,
        net_minor,
        occurred_at: occurred_at?,
        available_on,
    };
    if !movement.adds_up() {
        row.wrong(columns.net, Problem::Contradicts { other: "gross and fee", why: "net must be gross less fee" });
    }
    Some(movement)
}

fn gather(payouts: &mut BTreeMap<String, Open>, movement: &Movement, effective_on: Option<NaiveDate>, line: u64) -> Result<(), RowProblem> {
    let is_own_line = matches!(movement.category, Category::Payout);
    let id = movement.payout.clone().or_else(|| movement.reference.clone().filter(|_| is_own_line));
    let Some(id) = id else { return Ok(()) };
    let effective_on = effective_on.or(movement.available_on).unwrap_or_else(|| movement.occurred_on());
    let open = payouts.entry(id).or_insert_with(|| Open { currency: movement.currency, effective_on, lines_minor: 0, stated: None, line });
    let too_large = || RowProblem::in_field(line, "net", Problem::Money(crate::domain::money::MoneyError::Overflow));
    if open.currency != movement.currency {
        return Err(RowProblem::in_field(line, "currency", Problem::Rule("a payout has lines in two currencies".to_owned())));
    }
    if is_own_line {
        let left = movement.gross_minor.checked_neg().ok_or_else(too_large)?;
        open.stated = Some((left, movement.occurred_on()));
    } else {
        open.lines_minor = open.lines_minor.checked_add(movement.net_minor).ok_or_else(too_large)?;
    }
    Ok(())
}

fn tell_payout(id: String, open: &Open, out: &mut Out<'_, '_>) {
    let (minor, sent_on, amount_from) = match open.stated {
        Some((minor, on)) => (minor, on, AmountFrom::Stated),
        None => (open.lines_minor, open.effective_on, AmountFrom::Derived),
    };
    if amount_from == AmountFrom::Derived {
        let Some(net_minor) = minor.checked_neg() else { return };
        let own = Movement {
            id: id.clone(),
            category: Category::Payout,
            raw_category: "payout".to_owned(),
            reference: Some(id.clone()),
            parent_reference: None,
            our_reference: None,
            payout: None,
            currency: open.currency,
            gross_minor: net_minor,
            fee_minor: 0,
            net_minor,
            occurred_at: sent_on.and_time(chrono::NaiveTime::MIN).and_utc(),
            available_on: None,
        };
        out.tell(open.line, Told::Movement(own));
    }
    let amount = Money::new(minor, open.currency);
    let payout = Payout { id, amount, sent_on, arrives_on: open.effective_on, amount_from, bank_reference: None };
    out.tell(open.line, Told::Payout(payout));
}
