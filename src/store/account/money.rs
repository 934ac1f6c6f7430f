//! Money on its way: charges, captured payments, refunds. Leases are not part of the aggregate.

use super::super::db::Table;
use super::super::error::StoreError;
use super::super::rows::{Reader, TableRow, Writer, account_table};
use super::super::tags::Tagged;
use crate::domain::account::{Account, AttemptState, Charge, Payment, Purpose, Refund};
use crate::domain::keyed::Keyed;

account_table! {
    /// Charges.
    CHARGES = "charges", key [charge_id], columns {
        charge_id: text,
        amount_minor: int,
        requested_at: int,
        due_at: int,
        attempt: int,
        method_no: int,
        lookups: int,
        settled_on: date,
        invoice_id: text,
        purpose: text,
        state: text,
        reference: text,
        code: text,
    }
    /// All charges of the accounts.
    LOAD_CHARGES = "";
    /// Those with an open outcome.
    LOAD_CHARGES_OPEN = " and due_at is not null";
    /// Those of the invoices that are named (account and invoice). Their ids begin with the invoice's, which the schema sees to,
    /// so that they lie side by side in the key; '`' is the character after '_'.
    LOAD_CHARGES_NAMED = (
        " join {pairs:$1} as named on account_id = owner and invoice_id = item \
         and charge_id > 'ch_' || substr(item, 4) || '_' and charge_id < 'ch_' || substr(item, 4) || '`'"
    );
}

account_table! {
    /// Captured cash by charge and invoice.
    PAYMENTS = "payments", key [charge_id, invoice_id], columns {
        charge_id: text,
        invoice_id: text,
        amount_minor: int,
        refunded_minor: int,
        disputed_minor: int,
        captured_on: date,
    }
    /// All payments of the accounts.
    LOAD_PAYMENTS = "";
}

account_table! {
    /// Refunds.
    REFUNDS = "refunds", key [refund_id], columns {
        refund_id: text,
        amount_minor: int,
        requested_at: int,
        due_at: int,
        lookups: int,
        settled_on: date,
        charge_id: text,
        invoice_id: text,
        reason: text,
        state: text,
        reference: text,
        code: text,
        excess_minor: int,
    }
    /// All refunds of the accounts.
    LOAD_REFUNDS = "";
}

impl TableRow for Charge {
    type Key = String;
    const TABLE: &'static Table = &CHARGES;
    const CHANGING: &'static [&'static str] =
        &["account_id", "charge_id", "amount_minor", "due_at", "lookups", "settled_on", "state", "reference", "code"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.charges
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.charges
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let charge = Self {
            id: row.text()?,
            amount: row.money()?,
            requested_at: row.instant()?,
            due_at: row.opt_instant()?,
            attempt: row.count()?,
            method: row.count()?,
            lookups: row.count()?,
            settled_on: row.opt_date()?,
            invoice: row.text()?,
            purpose: row.tag(Purpose::from_tag)?,
            state: row.tag(AttemptState::from_tag)?,
            reference: row.opt_text()?,
            code: row.opt_text()?,
        };
        Ok((charge.id.clone(), charge))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id)
            .money(self.amount)
            .instant(self.requested_at)
            .opt_instant(self.due_at)
            .int(self.attempt)
            .int(self.method)
            .int(self.lookups)
            .opt_date(self.settled_on)
            .text(&self.invoice)
            .text(self.purpose.tag())
            .text(self.state.tag())
            .opt_text(self.reference.as_deref())
            .opt_text(self.code.as_deref());
    }

    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id)
            .money(self.amount)
            .opt_instant(self.due_at)
            .int(self.lookups)
            .opt_date(self.settled_on)
            .text(self.state.tag())
            .opt_text(self.reference.as_deref())
            .opt_text(self.code.as_deref());
    }
}

impl TableRow for Payment {
    type Key = (String, String);
    const TABLE: &'static Table = &PAYMENTS;
    const CHANGING: &'static [&'static str] =
        &["account_id", "charge_id", "invoice_id", "amount_minor", "refunded_minor", "disputed_minor"];

    fn of(account: &Account) -> &Keyed<(String, String), Self> {
        &account.payments
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<(String, String), Self> {
        &mut account.payments
    }

    fn read(row: &mut Reader<'_>) -> Result<((String, String), Self), StoreError> {
        let payment = Self {
            charge: row.text()?,
            invoice: row.text()?,
            amount: row.money()?,
            refunded: row.money()?,
            disputed: row.money()?,
            captured_on: row.date()?,
        };
        Ok(((payment.charge.clone(), payment.invoice.clone()), payment))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.charge).text(&self.invoice).money(self.amount).money(self.refunded).money(self.disputed).date(self.captured_on);
    }

    /// What was unapplied of the charge may pay more of the invoice (2320).
    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.charge).text(&self.invoice).money(self.amount).money(self.refunded).money(self.disputed);
    }
}

impl TableRow for Refund {
    type Key = String;
    const TABLE: &'static Table = &REFUNDS;
    const CHANGING: &'static [&'static str] =
        &["account_id", "refund_id", "amount_minor", "due_at", "lookups", "settled_on", "state", "reference", "code", "excess_minor"];

    fn of(account: &Account) -> &Keyed<String, Self> {
        &account.refunds
    }

    fn of_mut(account: &mut Account) -> &mut Keyed<String, Self> {
        &mut account.refunds
    }

    fn read(row: &mut Reader<'_>) -> Result<(String, Self), StoreError> {
        let refund = Self {
            id: row.text()?,
            amount: row.money()?,
            requested_at: row.instant()?,
            due_at: row.opt_instant()?,
            lookups: row.count()?,
            settled_on: row.opt_date()?,
            charge: row.text()?,
            invoice: row.text()?,
            reason: row.text()?,
            state: row.tag(AttemptState::from_tag)?,
            reference: row.opt_text()?,
            code: row.opt_text()?,
            excess: row.money()?,
        };
        Ok((refund.id.clone(), refund))
    }

    fn write(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id)
            .money(self.amount)
            .instant(self.requested_at)
            .opt_instant(self.due_at)
            .int(self.lookups)
            .opt_date(self.settled_on)
            .text(&self.charge)
            .text(&self.invoice)
            .text(&self.reason)
            .text(self.state.tag())
            .opt_text(self.reference.as_deref())
            .opt_text(self.code.as_deref())
            .money(self.excess);
    }

    fn write_changes(&self, _: &Self::Key, row: &mut Writer<'_>) {
        row.text(&self.id)
            .money(self.amount)
            .opt_instant(self.due_at)
            .int(self.lookups)
            .opt_date(self.settled_on)
            .text(self.state.tag())
            .opt_text(self.reference.as_deref())
            .opt_text(self.code.as_deref())
            .money(self.excess);
    }
}
