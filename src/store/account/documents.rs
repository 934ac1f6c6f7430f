//! What happens to invoices beside being paid: notes (MO-4), corrections (CO), disputes (PD-6).

use super::super::db::{Columns, Table};
use super::super::error::StoreError;
use super::super::rows::{Reader, TableRow, Writer, account_table};
use super::super::tags::Tagged;
use crate::domain::account::{Account, Correction, CorrectionState, Dispute, DisputeState, Note, NoteReason};
use crate::domain::keyed::Keyed;

account_table! {
    /// Credit and debit notes.
    NOTES = "notes", key [note_id], columns {
        note_id: text,
        net_minor: int,
        tax_minor: int,
        issued_on: date,
        invoice_id: text,
        reason: text,
        number: text,
    }
    /// All notes of the accounts.
    LOAD_NOTES = "";
}

account_table! {
    /// Corrections.
    CORRECTIONS = "corrections", key [correction_id], columns {
        correction_id: text,
        charged_minor: int,
        correct_minor: int,
        open_net_minor: int,
        open_tax_minor: int,
        due_at: int,
        transaction_on: date,
        last_attempt_on: date,
        invoice_id: text,
        state: text,
    }
    /// All corrections of the accounts.
    LOAD_CORRECTIONS = "";
}

account_table! {
    /// Disputes.
    DISPUTES = "disputes", key [dispute_id], columns {
        dispute_id: text,
        amount_minor: int,
        fee_minor: int,
        opened_on: date,
        charge_id: text,
        state: text,
    }
    /// All disputes of the accounts.
    LOAD_DISPUTES = "";
}

/// Reads a note. Its number is for people and for documents; the domain names it by its id.
pub(super) fn read_note(row: &mut Reader<'_>) -> Result<Note, StoreError> {
    Ok(Note {
        id: row.text()?,
        net: row.money()?,
        tax: row.money()?,
        issued_on: row.date()?,
        invoice: row.text()?,
        reason: row.tag(NoteReason::from_tag)?,
    })
}

/// Writes a new note under its number. Notes never change.
pub(super) fn write_note(note: &Note, number: &str, batch: &mut Columns, account: &Account, fault: &mut Option<StoreError>) {
    Writer::new(batch, account, fault)
        .text(&note.id)
        .money(note.net)
        .money(note.tax)
        .date(note.issued_on)
        .text(&note.invoice)
        .text(note.reason.tag())
        .text(number);
}

impl TableRow for Correction {
    type Key = String;
    const TABLE: &'static Table = &CORRECTIONS;
    const CHANGING: &'static [&'static str] = &["account_id", "correction_id", "open_net_minor", "open_tax_minor", "due_at", "state"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.corrections
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.corrections
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let correction = Self {
            id: row.text()?,
            charged: row.money()?,
            correct: row.money()?,
            open_net: row.money()?,
            open_tax: row.money()?,
            due_at: row.opt_instant()?,
            transaction_on: row.date()?,
            last_attempt_on: row.date()?,
            invoice: row.text()?,
            state: row.tag(CorrectionState::from_tag)?,
        };
        Ok((correction.id.clone(), correction))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id)
            .money(self.charged)
            .money(self.correct)
            .money(self.open_net)
            .money(self.open_tax)
            .opt_instant(self.due_at)
            .date(self.transaction_on)
            .date(self.last_attempt_on)
            .text(&self.invoice)
            .text(self.state.tag());
    }

    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).money(self.open_net).money(self.open_tax).opt_instant(self.due_at).text(self.state.tag());
    }
}

impl TableRow for Dispute {
    type Key = String;
    const TABLE: &'static Table = &DISPUTES;
    const CHANGING: &'static [&'static str] = &["account_id", "dispute_id", "state"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.disputes
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.disputes
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let dispute = Self {
            id: row.text()?,
            amount: row.money()?,
            fee: row.money()?,
            opened_on: row.date()?,
            charge: row.text()?,
            state: row.tag(DisputeState::from_tag)?,
        };
        Ok((dispute.id.clone(), dispute))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).money(self.amount).money(self.fee).date(self.opened_on).text(&self.charge).text(self.state.tag());
    }

    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id).text(self.state.tag());
    }
}
