//! Where something is: from an id, a printed number or a provider's reference to the account.

use super::object::Kind;
use crate::domain::ids::AccountId;
use crate::reports::ReportError;
use crate::store::db::{Sql, Tx};
use crate::values;

crate::statements! {
    /// Accounts from `$2` to `$3` that have an invoice of this id; all of these statements give two at the most, and the id.
    INVOICE = same("select account_id, invoice_id as id from invoices where invoice_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    CHARGE = same("select account_id, charge_id as id from charges where charge_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    REFUND = same("select account_id, refund_id as id from refunds where refund_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    NOTE = same("select account_id, note_id as id from notes where note_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    CORRECTION = same("select account_id, correction_id as id from corrections where correction_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    DISPUTE = same("select account_id, dispute_id as id from disputes where dispute_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    SUBSCRIPTION = same("select account_id, subscription_id as id from subscriptions where subscription_id = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    /// The same by printed number or by the provider's reference.
    INVOICE_NUMBER = same("select account_id, invoice_id as id from invoices where number = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    NOTE_NUMBER = same("select account_id, note_id as id from notes where number = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    CHARGE_REFERENCE = same("select account_id, charge_id as id from charges where reference = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
    REFUND_REFERENCE = same("select account_id, refund_id as id from refunds where reference = $1 and account_id >= $2 and account_id <= $3 order by account_id limit 2");
}

/// Where to look, cheap places first: what the id begins with, the kind, and the statement. Ids of ours tell their table; numbers
/// and references have indexes.
const PLACES: &[(&str, Kind, Sql)] = &[
    ("in_", Kind::Invoice, INVOICE),
    ("ch_", Kind::Charge, CHARGE),
    ("re_", Kind::Refund, REFUND),
    ("cn_", Kind::Note, NOTE),
    ("dn_", Kind::Note, NOTE),
    ("co_", Kind::Correction, CORRECTION),
    ("", Kind::Invoice, INVOICE_NUMBER),
    ("", Kind::Note, NOTE_NUMBER),
    ("", Kind::Charge, CHARGE_REFERENCE),
    ("", Kind::Refund, REFUND_REFERENCE),
    ("", Kind::Subscription, SUBSCRIPTION),
    ("", Kind::Dispute, DISPUTE),
];

/// After every account's id.
const AFTER_ALL_IDS: &str = "~";

/// What an id names.
pub(super) struct Found {
    pub(super) kind: Kind,
    pub(super) id: String,
    pub(super) account: AccountId,
    /// The record, where one was asked for.
    pub(super) seq: Option<i64>,
}

pub(super) async fn find(tx: &mut Tx, id: &str, account: Option<&AccountId>) -> Result<Found, ReportError> {
    if let Some((of, seq)) = id.split_once('/') {
        return record(id, of, seq);
    }
    let guess = account.cloned().or_else(|| account_in(id));
    for (_, kind, sql) in PLACES.iter().filter(|(begins, _, _)| id.starts_with(begins)) {
        // Ids of ours mostly tell their account, so that nothing has to be searched through.
        if let Some(guess) = &guess
            && let Some(found) = look(tx, sql, *kind, id, [guess.as_str(); 2]).await?
        {
            return Ok(found);
        }
        if account.is_none()
            && let Some(found) = look(tx, sql, *kind, id, ["", AFTER_ALL_IDS]).await?
        {
            return Ok(found);
        }
    }
    Err(ReportError::NotFound { what: "record, document, attempt, dispute or subscription", id: id.to_owned() })
}

/// `account/number`, or `account/number#event` as the journal's export names entries.
fn record(id: &str, account: &str, seq: &str) -> Result<Found, ReportError> {
    let number = seq.split_once('#').map_or(seq, |(number, _)| number);
    let missing = || ReportError::NotFound { what: "journal record", id: id.to_owned() };
    let account = AccountId::parse(account).map_err(|_| missing())?;
    let seq = number.parse().map_err(|_| missing())?;
    Ok(Found { kind: Kind::Record, id: format!("{account}/{seq}"), account, seq: Some(seq) })
}

/// The account that an id of ours probably belongs to: `in_{account}-s{n}_{term}_{period}`.
fn account_in(id: &str) -> Option<AccountId> {
    let tail = id.split_once('_').map_or(id, |(_, tail)| tail);
    let (account, _) = tail.rsplit_once("-s")?;
    AccountId::parse(account).ok()
}

async fn look(tx: &mut Tx, sql: &Sql, kind: Kind, id: &str, between: [&str; 2]) -> Result<Option<Found>, ReportError> {
    let [first, last] = between;
    let rows = tx.fetch_all(sql, &values![id, first, last]).await?;
    let [row] = rows.as_slice() else {
        return if rows.is_empty() { Ok(None) } else { Err(ReportError::Ambiguous { id: id.to_owned() }) };
    };
    let account = AccountId::parse(row.str_at(0)?).map_err(|_| row.corrupt("account_id", "is not an id"))?;
    Ok(Some(Found { kind, id: row.text_at(1)?, account, seq: None }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_their_account() {
        for (id, account) in [
            ("in_acc-s1-s2_1_0", Some("acc-s1")),
            ("ch_ann-s1_1_0_1", Some("ann")),
            ("ann-s1", Some("ann")),
            ("KASA-2026-000001", None),
            ("dp_1", None),
        ] {
            assert_eq!(account_in(id).as_ref().map(AccountId::as_str), account, "{id}");
        }
    }
}
