//! What would resolve a break, in words that a person can act on.

use std::collections::HashMap;

use super::report::Candidate;
use super::{Difference, Order, ReconcileError};
use crate::domain::reconcile::{BreakKind, CORRECTION_DAYS, age_days};
use crate::domain::settlement::Category;
use crate::store::db::{Tx, Value};
use crate::store::reconcile;

/// The invoices of the charges whose amount differs.
pub(super) async fn invoices<'a>(
    tx: &mut Tx,
    differences: impl Iterator<Item = &'a Difference>,
) -> Result<HashMap<String, String>, ReconcileError> {
    let charges: Vec<&str> = differences
        .filter(|it| it.kind == BreakKind::Amount && it.category == Some(Category::Charge))
        .filter_map(|it| it.ours.as_ref().map(|(id, _)| id.as_str()))
        .collect();
    let mut invoices = HashMap::new();
    for charges in charges.chunks(1_000) {
        for row in tx.fetch_all(&reconcile::INVOICE_OF, &[Value::texts(charges.iter().copied())]).await? {
            invoices.insert(format!("{}/{}", row.str_at(0)?, row.str_at(1)?), row.text_at(2)?);
        }
    }
    Ok(invoices)
}

pub(super) fn proposal(
    order: &Order,
    id: &str,
    difference: &Difference,
    invoices: &HashMap<String, String>,
    candidates: &[Candidate],
) -> String {
    let theirs = difference.theirs.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
    let ours = difference.ours.as_ref().map(|(id, _)| id.as_str()).unwrap_or_default();
    match difference.kind {
        BreakKind::Timing => "closes itself once the other side has it".to_owned(),
        BreakKind::MissingHere if matches!(difference.category, Some(Category::Adjustment | Category::Tax)) => {
            format!("say what it is: kasacare breaks resolve {id} --book fee, or explain it")
        }
        BreakKind::MissingHere => format!("replay: no event of {theirs} has come; `kasacare run --once` reads the provider's events again"),
        BreakKind::UnknownCategory => format!("find out what {theirs} is, and teach it to the import"),
        BreakKind::OrphanRefund => format!("ask who paid {theirs} out: no payment of it is known"),
        BreakKind::MissingAtProvider => format!("look {ours} up at the provider: it was booked as moved and is not there"),
        BreakKind::DuplicateThere => format!("give {theirs} back: it was moved twice"),
        BreakKind::DuplicateHere => format!("look at {ours}: another one stands for the same movement"),
        BreakKind::Currency => format!("look at {ours}: the provider moved another currency"),
        BreakKind::Status => format!("settle {ours}: it has moved at the provider"),
        BreakKind::Amount => amount(order, difference, ours, invoices),
        BreakKind::Fee => format!("ask the provider about the fee of {theirs}"),
        BreakKind::PayoutUnproven => format!("import the lines of payout {theirs} that are missing, or ask the provider"),
        BreakKind::PayoutNotOnBank => format!("trace payout {theirs} with the provider and the bank"),
        BreakKind::BankLineWithoutPayout => match candidates.iter().find(|candidate| candidate.id == id) {
            Some(candidate) => {
                let payouts = candidate.payouts.join(" --payout ");
                format!("confirm that it is several payouts: kasacare breaks match {id} --payout {payouts}")
            }
            None => "import the payout that it is, or explain it".to_owned(),
        },
    }
}

/// CO-2: within the window the difference is put right with the customer.
fn amount(order: &Order, difference: &Difference, ours: &str, invoices: &HashMap<String, String>) -> String {
    let account = difference.account.as_deref().unwrap_or_default();
    let days = age_days(difference.since, order.through);
    let left = i64::from(CORRECTION_DAYS) - days;
    match (invoices.get(&format!("{account}/{ours}")), left) {
        (Some(invoice), 0..) => {
            let theirs = difference.theirs.as_ref().map(|(_, amount)| amount.to_string()).unwrap_or_default();
            format!("correct within {left} days (CO-2): kasacare correct {account} --invoice {invoice}; the provider moved {theirs}")
        }
        (Some(_), _) => {
            format!("too late for a correction (CO-3): the window of {CORRECTION_DAYS} days is over; credit it or write it off")
        }
        (None, _) => format!("look at {ours}: the provider moved another amount"),
    }
}
