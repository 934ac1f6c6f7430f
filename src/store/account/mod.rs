//! The account aggregate in rows: locked, loaded, and saved as the difference that a change makes.
//!
//! Thousands of accounts are one batch: loading sends one statement for each table in the [`Scope`], saving one for each kind of
//! write that there is ([`save`]), however many accounts there are (P4).

mod documents;
mod extras;
mod invoices;
mod load;
mod money;
mod numbers;
mod open;
mod outbox;
mod profile;
mod save;
mod scope;
mod subscriptions;
mod uses;

use super::db::{Sql, Table};

pub use load::{InvoiceKey, load, load_with_invoices, lock};
pub use open::{Contact, NewAccount, Opening, contacts, insert_accounts, set_contact};
pub use save::{SHARE_MIN, save};
pub use scope::Scope;
pub use uses::promotion_uses;

/// Every table of the aggregate, for the tests that compare them with the schema.
pub const TABLES: &[&Table] = &[
    &profile::ACCOUNTS,
    &profile::CONTACTS,
    &profile::CAMERAS,
    &subscriptions::SUBSCRIPTIONS,
    &subscriptions::PRICE_NOTICES,
    &invoices::INVOICES,
    &money::CHARGES,
    &money::PAYMENTS,
    &money::REFUNDS,
    &documents::NOTES,
    &documents::CORRECTIONS,
    &documents::DISPUTES,
    &extras::REDEMPTIONS,
    &extras::COLLECTION_COSTS,
    &extras::TASKS,
    &outbox::NOTICES,
];

/// Every statement of the aggregate, for the test that prepares them all.
pub const STATEMENTS: &[&[(&str, Sql)]] = &[OWN, open::STATEMENTS, numbers::STATEMENTS, outbox::STATEMENTS, uses::STATEMENTS];

const OWN: &[(&str, Sql)] = &[
    ("LOCK", load::LOCK),
    ("LOAD", profile::LOAD),
    ("LOAD_CAMERAS", profile::LOAD_CAMERAS),
    ("LOAD_SUBSCRIPTIONS", subscriptions::LOAD),
    ("LOAD_PRICE_NOTICES", subscriptions::LOAD_PRICE_NOTICES),
    ("LOAD_INVOICES", invoices::LOAD),
    ("LOAD_INVOICES_OPEN", invoices::LOAD_OPEN),
    ("LOAD_INVOICES_NAMED", invoices::LOAD_NAMED),
    ("LOAD_CHARGES", money::LOAD_CHARGES),
    ("LOAD_CHARGES_OPEN", money::LOAD_CHARGES_OPEN),
    ("LOAD_CHARGES_NAMED", money::LOAD_CHARGES_NAMED),
    ("LOAD_PAYMENTS", money::LOAD_PAYMENTS),
    ("LOAD_REFUNDS", money::LOAD_REFUNDS),
    ("LOAD_NOTES", documents::LOAD_NOTES),
    ("LOAD_CORRECTIONS", documents::LOAD_CORRECTIONS),
    ("LOAD_DISPUTES", documents::LOAD_DISPUTES),
    ("LOAD_REDEMPTIONS", extras::LOAD_REDEMPTIONS),
    ("LOAD_COSTS", extras::LOAD_COSTS),
    ("LOAD_TASKS", extras::LOAD_TASKS),
];
