//! Import files: from bytes to validated rows. Nothing here knows a database or a clock.
//!
//! A file is read in one pass and in little memory, whatever its size; only the two kinds that are one document
//! ([`catalog()`], [`terms()`]) are held whole. Every bad row is named by line and field, and all of them up to
//! [`PROBLEMS_MAX`] are reported, so that a file is put right in one go. What a file says about itself is checked here
//! (forms, ranges, duplicates); whether it fits what is stored is for the caller, who has each row's line to name
//! ([`Placed`]) and adds its own problems to the same [`Problems`]. One bad row refuses the whole file.
//!
//! A text that looks like a card number refuses every file (PP-3). Files with customers in them are *screened*: no message
//! repeats a value, because a shifted column puts a name or an address anywhere. Ids that were accepted as ids are the
//! exception.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

mod accounts;
mod card_number;
mod catalog;
mod catalog_checks;
mod catalog_form;
mod csv_records;
mod document;
mod fields;
mod form;
mod input;
mod json_records;
mod line;
mod prices;
mod problem;
#[cfg(test)]
mod property_tests;
mod rows;
mod seen;
pub mod settlement;
mod subscriptions;
mod tax_rates;
mod terms;

pub use accounts::{AccountRow, CAMERAS_PER_ACCOUNT_MAX, PaymentMethodRow};
pub use card_number::looks_like_card_number;
pub use catalog::{CatalogFile, catalog, price_versions};
pub use catalog_checks::PRICE_MINOR_MAX;
pub use fields::{Column, Fields, Need};
pub use line::{Line, Place};
pub use prices::{PlacedVersion, PriceRow};
pub use problem::{ImportError, PROBLEMS_MAX, Problem, Problems, RowError, RowProblem};
pub use rows::{ImportRow, Rows, read_all, rows};
pub use seen::UniqueKey;
pub use subscriptions::SubscriptionRow;
pub use terms::terms;

/// Largest file, in bytes.
pub const FILE_BYTES_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Largest file that is one document, in bytes.
pub const DOCUMENT_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest record (a CSV row, a JSON object), in bytes.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// Most rows in a file.
pub const ROWS_MAX: u64 = 5_000_000;
/// Longest span of days in terms and catalog: ten years.
pub const DAYS_MAX: u32 = 3_660;

const _: () = assert!(FILE_BYTES_MAX <= 1 << 32, "line numbers are kept in 32 bits while duplicates are looked for");
const _: () = assert!(DOCUMENT_BYTES_MAX <= FILE_BYTES_MAX);

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Tiers, prices, promotions; or, as CSV, price versions to add.
    Catalog,
    /// One version of the service terms.
    Terms,
    /// Dated tax rates.
    TaxRates,
    /// Accounts with their cameras and payment methods.
    Accounts,
    /// Live subscriptions that are taken over from elsewhere.
    Subscriptions,
}

impl Kind {
    /// Every kind, in the order in which a fresh database needs them.
    pub const ALL: [Self; 5] = [Self::Catalog, Self::Terms, Self::TaxRates, Self::Accounts, Self::Subscriptions];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Terms => "terms",
            Self::TaxRates => "tax-rates",
            Self::Accounts => "accounts",
            Self::Subscriptions => "subscriptions",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The word names no kind of import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not something to import; one of catalog, terms, tax-rates, accounts, subscriptions")]
pub struct UnknownKind;

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(UnknownKind)
    }
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Comma-separated, UTF-8, the first line naming the columns, in any order.
    Csv,
    /// A JSON array, or one JSON object a line; which of the two is seen from the first character.
    Json,
}

impl Format {
    /// The format that a file name ends in: `.csv`, or `.json`, `.jsonl`, `.ndjson`.
    ///
    /// ```
    /// use kasacare::import::Format;
    /// assert_eq!(Format::of_path("accounts.JSONL".as_ref()), Some(Format::Json));
    /// assert_eq!(Format::of_path("accounts".as_ref()), None);
    /// ```
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "csv" => Some(Self::Csv),
            "json" | "jsonl" | "ndjson" => Some(Self::Json),
            _ => None,
        }
    }
}

/// The word names no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a format; one of csv, json (which also reads JSON lines)")]
pub struct UnknownFormat;

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "csv" => Ok(Self::Csv),
            "json" | "jsonl" => Ok(Self::Json),
            _ => Err(UnknownFormat),
        }
    }
}

/// A row and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed<T> {
    /// Where the row begins.
    pub line: Line,
    /// The row.
    pub row: T,
}
