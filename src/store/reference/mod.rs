//! Reference data: what is for sale, under which terms, at which tax rates (PR, CP, MO). The same for all accounts.
//!
//! Versions never change once they are stored: what was sold under them must stay explainable. Storing the same again does
//! nothing, storing something else under the same name is a conflict that names the field.

mod load;
mod store;

use chrono::{DateTime, Utc};

use super::db::{Column, Sql, Table, Tx};
use super::error::StoreError;
use super::rows::micros;
use crate::domain::catalog::PriceVersion;

pub use load::{catalog, in_force, load, lock, rows_there, tax_rates, taxed_days};
pub use store::{add_price_versions, store, store_catalog, store_tax_rates, store_terms};

/// The seller's row.
pub const SETTINGS: Table = Table {
    name: "settings",
    columns: &[Column::int("only_row"), Column::int("free_history_days"), Column::text("seller")],
    key: &["only_row"],
};

/// Tiers.
pub const TIERS: Table = Table {
    name: "tiers",
    columns: &[
        Column::text("tier"),
        Column::int("position"),
        Column::int("rank"),
        Column::int("cameras_max"),
        Column::int("history_days"),
        Column::int("trial_days"),
        Column::text("title"),
        Column::text("covers"),
    ],
    key: &["tier"],
};

/// Price versions.
pub const PRICE_VERSIONS: Table = Table {
    name: "price_versions",
    columns: &[Column::text("version"), Column::int("position"), Column::date("effective_from")],
    key: &["version"],
};

/// The prices of the versions.
pub const PRICES: Table = Table {
    name: "prices",
    columns: &[
        Column::text("version"),
        Column::text("tier"),
        Column::text("cycle"),
        Column::text("currency"),
        Column::int("position"),
        Column::int("amount_minor"),
    ],
    key: &["version", "tier", "cycle", "currency"],
};

/// Promotions.
pub const PROMOTIONS: Table =
    Table { name: "promotions", columns: &[Column::text("code"), Column::int("position"), Column::text("body")], key: &["code"] };

/// How often promotions may be used. How often they were is counted elsewhere.
pub const PROMOTION_USES: Table =
    Table { name: "promotion_uses", columns: &[Column::text("code"), Column::int("used"), Column::int("max_uses")], key: &["code"] };

/// Versions of the terms.
pub const TERMS: Table =
    Table { name: "terms", columns: &[Column::text("version"), Column::int("position"), Column::text("body")], key: &["version"] };

/// Dated tax rates.
pub const TAX_RATES: Table = Table {
    name: "tax_rates",
    columns: &[Column::text("jurisdiction"), Column::date("valid_from"), Column::int("rate_billionths")],
    key: &["jurisdiction", "valid_from"],
};

/// Every table of this module, for the tests that compare them with the schema.
pub const TABLES: &[&Table] = &[&SETTINGS, &TIERS, &PRICE_VERSIONS, &PRICES, &PROMOTIONS, &PROMOTION_USES, &TERMS, &TAX_RATES];

/// Every statement of this module, for the test that prepares them all.
pub const ALL_STATEMENTS: &[&[(&str, Sql)]] = &[STATEMENTS, load::STATEMENTS];

crate::statements! {
    /// Begins an announcement, unless the version was announced before.
    ANNOUNCE = same(
        "insert into announcements (version, announced_at, announced_by, reason, state, cursor_account) \
         values ($1, $2, $3, $4, 'open', '') on conflict (version) do nothing"
    );
    /// How often a code is in use.
    USES = same("select used from promotion_uses where code = $1");
}

/// PR-2: stores a price version and opens its announcement, which a job works off account by account. Gives whether it is
/// new: a version is announced once, and the first announcement stands.
///
/// # Errors
/// As [`add_price_versions`].
pub async fn announce(tx: &mut Tx, version: &PriceVersion, at: DateTime<Utc>, by: &str, reason: &str) -> Result<bool, StoreError> {
    add_price_versions(tx, std::slice::from_ref(version)).await?;
    Ok(tx.execute(&ANNOUNCE, &crate::values![&version.version, micros(at), by, reason]).await? == 1)
}

/// MO-3: how often a code is in use over all accounts; 0 for one that nobody knows.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn promotion_uses(tx: &mut Tx, code: &str) -> Result<u32, StoreError> {
    let row = tx.fetch_optional(&USES, &crate::values![code]).await?;
    let Some(row) = row else { return Ok(0) };
    Ok(u32::try_from(row.int("used")?).map_err(|_| row.corrupt("used", "is out of range"))?)
}
