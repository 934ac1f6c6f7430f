//! The tables of the provider's side, as batches write them.

use super::super::db::{Column, Table};

pub(super) const IMPORTS: Table = Table {
    name: "settlement_imports",
    columns: &[
        Column::text("import_id"),
        Column::int("imported_at"),
        Column::int("rows_read"),
        Column::int("rows_new"),
        Column::text("provider"),
        Column::text("source"),
        Column::text("name"),
        Column::text("digest"),
        Column::text("actor"),
    ],
    key: &["import_id"],
};

pub(super) const MOVEMENTS: Table = Table {
    name: "provider_movements",
    columns: &[
        Column::text("provider"),
        Column::text("movement_id"),
        Column::int("occurred_at"),
        Column::int("gross_minor"),
        Column::int("fee_minor"),
        Column::int("net_minor"),
        Column::int("line_no"),
        Column::date("occurred_on"),
        Column::date("available_on"),
        Column::text("currency"),
        Column::text("category"),
        Column::text("raw_category"),
        Column::text("reference"),
        Column::text("parent_reference"),
        Column::text("our_reference"),
        Column::text("import_id"),
    ],
    key: &["provider", "movement_id"],
};

pub(super) const PAYOUT_LINES: Table = Table {
    name: "payout_lines",
    columns: &[Column::text("provider"), Column::text("movement_id"), Column::text("payout_id"), Column::text("import_id")],
    key: &["provider", "movement_id"],
};

pub(super) const PAYOUTS: Table = Table {
    name: "provider_payouts",
    columns: &[
        Column::text("provider"),
        Column::text("payout_id"),
        Column::int("amount_minor"),
        Column::date("sent_on"),
        Column::date("arrives_on"),
        Column::text("currency"),
        Column::text("amount_from"),
        Column::text("bank_reference"),
        Column::text("import_id"),
    ],
    key: &["provider", "payout_id"],
};

pub(super) const BANK_LINES: Table = Table {
    name: "bank_lines",
    columns: &[
        Column::text("bank_account"),
        Column::text("line_id"),
        Column::int("amount_minor"),
        Column::date("booked_on"),
        Column::text("currency"),
        Column::text("provider"),
        Column::text("reference"),
        Column::text("import_id"),
    ],
    key: &["bank_account", "line_id"],
};

pub(super) const TOTALS: Table = Table {
    name: "store_totals",
    columns: &[
        Column::text("provider"),
        Column::text("total_id"),
        Column::int("quantity"),
        Column::int("share_minor"),
        Column::int("customer_minor"),
        Column::date("first_on"),
        Column::date("last_on"),
        Column::text("kind"),
        Column::text("product"),
        Column::text("country"),
        Column::text("share_currency"),
        Column::text("customer_currency"),
        Column::text("import_id"),
    ],
    key: &["provider", "total_id"],
};
