//! The mails of changes: queued in the transaction that does what they tell, withdrawn in the one that makes them untrue (I10).

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::db::{Column, Columns, Table, Tx, Value};
use super::super::error::StoreError;
use super::super::rows::micros;
use super::numbers::NoteNumbers;
use crate::domain::change::Change;
use crate::domain::notice::NoticeData;

/// Mails to be sent, as they are queued and withdrawn.
pub const NOTICES: Table = Table {
    name: "notices",
    columns: &[
        Column::text("account_id"),
        Column::text("notice_id"),
        Column::int("queued_at"),
        Column::int("due_at"),
        Column::text("state"),
        Column::text("kind"),
        Column::text("subscription_id"),
        Column::text("data"),
    ],
    key: &["account_id", "notice_id"],
};

crate::statements! {
    /// Reminders and price notices of these accounts that wait to be sent.
    WAITING = same(
        "select account_id, notice_id, subscription_id from notices where account_id {in:$1} and state = 'queued' \
         and kind in ('renewal_reminder', 'price_notice') and subscription_id is not null \
         order by account_id, notice_id {postgres: for update}"
    );
}

/// Withdraws what no longer applies, then queues what is new.
pub(super) async fn write(tx: &mut Tx, changes: &[Change], note_numbers: &NoteNumbers) -> Result<(), StoreError> {
    withdraw(tx, changes).await?;
    queue(tx, changes, note_numbers).await
}

async fn withdraw(tx: &mut Tx, changes: &[Change]) -> Result<(), StoreError> {
    let mut accounts = HashSet::new();
    let mut withdrawn = HashSet::new();
    for change in changes.iter().filter(|change| !change.is_empty()) {
        let account = change.after.profile.id.as_str();
        for subscription in &change.withdrawn {
            accounts.insert(account);
            withdrawn.insert((account, subscription.as_str()));
        }
    }
    if accounts.is_empty() {
        return Ok(());
    }
    let mut rows = Columns::only(&NOTICES, &["account_id", "notice_id", "state", "due_at"]);
    for row in tx.fetch_all(&WAITING, &[Value::texts(accounts)]).await? {
        let (account, notice) = (row.str_at(0)?, row.str_at(1)?);
        if withdrawn.contains(&(account, row.str_at(2)?)) {
            rows.row().text(account).text(notice).text("withdrawn").opt_int(None);
        }
    }
    tx.update_rows(&rows).await?;
    Ok(())
}

async fn queue(tx: &mut Tx, changes: &[Change], note_numbers: &NoteNumbers) -> Result<(), StoreError> {
    let mut queued = Columns::of(&NOTICES);
    let mut withdrawn_before = Columns::only(&NOTICES, &["account_id", "notice_id", "state"]);
    for change in changes.iter().filter(|change| !change.is_empty()) {
        let (account, at) = (change.after.profile.id.as_str(), micros(change.recorded_at));
        for notice in &change.notices {
            let data = numbered(change, &notice.data, note_numbers).to_json().map_err(|error| StoreError::Json {
                account: account.to_owned(),
                line: error.line,
                column: error.column,
            })?;
            queued
                .row()
                .text(account)
                .text(&notice.id)
                .int(at)
                .int(notice.not_before.map_or(at, micros))
                .text("queued")
                .text(notice.kind.tag())
                .opt_text(notice.subscription.as_ref().map(AsRef::as_ref))
                .text(&data);
            withdrawn_before.row().text(account).text(&notice.id).text("withdrawn");
        }
    }
    let written = tx.insert_rows_ignoring_conflicts(&queued).await?;
    // Whoever is there already was sent, or waits: each mail exists once. But one that was withdrawn before it was sent, because
    // of a cancellation that was taken back since (LC-9), is needed again.
    if u64::try_from(queued.len()) != Ok(written) && tx.delete_rows(&withdrawn_before).await? > 0 {
        tx.insert_rows_ignoring_conflicts(&queued).await?;
    }
    Ok(())
}

/// The facts with numbers in the place of ids: documents that the same change makes had no number when it was planned (MO-4).
fn numbered<'a>(change: &Change, data: &'a NoticeData, note_numbers: &NoteNumbers) -> Cow<'a, NoticeData> {
    let invoice = data.invoice_number.as_ref().and_then(|id| change.after.invoices.get(id)).map(|invoice| &invoice.number);
    let note = data.credit_note_number.as_ref();
    let note = note.and_then(|id| note_numbers.get(&(change.after.profile.id.clone(), id.clone())));
    let mut data = Cow::Borrowed(data);
    if invoice.is_some() {
        data.to_mut().invoice_number = invoice.cloned();
    }
    if note.is_some() {
        data.to_mut().credit_note_number = note.cloned();
    }
    data
}
