//! Rows that name other rows of their account. The schema has few foreign keys, for speed; here is what they would have said.

use std::collections::BTreeSet;

use super::AccountBooks;
use super::findings::{Check, Inspection};

/// Every row names what exists.
pub(super) fn rows(books: &AccountBooks, inspection: &mut Inspection<'_>) {
    let account = &books.account;
    let mut named = |holds: bool, subject: &str, what: &str| {
        inspection.expect(Check::RowsOwned, holds, subject, || format!("names a {what} that the account does not have"));
    };
    let invoice = |id: &str| account.invoices.contains_key(id);
    let charge = |id: &str| account.charges.contains_key(id);
    let subscription = |id: &str| account.subscriptions.contains_key(id);
    for row in account.invoices.values() {
        named(subscription(row.document.subscription.as_str()), &row.document.id, "subscription");
    }
    for row in account.charges.values() {
        named(invoice(&row.invoice), &row.id, "invoice");
    }
    for row in account.payments.values() {
        named(charge(&row.charge) && invoice(&row.invoice), &row.charge, "charge or invoice");
    }
    for row in account.refunds.values() {
        named(account.payments.contains_key(&(row.charge.clone(), row.invoice.clone())), &row.id, "payment");
    }
    for row in account.notes.values() {
        named(invoice(&row.invoice), &row.id, "invoice");
    }
    for row in account.corrections.values() {
        named(invoice(&row.invoice), &row.id, "invoice");
    }
    for row in account.disputes.values() {
        named(charge(&row.charge), &row.id, "charge");
    }
    for (code, row) in &account.redemptions {
        named(subscription(row.subscription.as_str()), code, "subscription");
    }
    for mail in &books.mails {
        named(mail.subscription.as_deref().is_none_or(subscription), &mail.id, "subscription");
    }
    let legs = books.journal.records.iter().flat_map(|record| &record.legs);
    for id in legs.filter_map(|leg| leg.invoice.as_deref()).collect::<BTreeSet<_>>() {
        named(invoice(id), id, "posted invoice");
    }
}
