//! What a report is, whatever it is written as: a head, sections of rows with totals, and what it ties out to.
//!
//! A report runs its query once and tells what it finds to a [`Sink`]; each format is a sink. So
//! the formats cannot differ, and a report with a million rows is never in memory as a whole.

pub mod csv;
pub mod figure;
pub mod gathered;
pub mod html;
pub mod json;
pub mod recorded;
mod spool;
pub mod table;
pub mod tee;
mod teller;
mod top;
pub mod view;
pub mod words;
pub mod xlsx;

use std::io::{self, Write};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

pub use teller::{Teller, Told};

use super::ReportError;
use crate::domain::money::{Currency, Money};

/// What was asked of a report.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// First business date of a report over a range; the beginning of the books where absent.
    pub from: Option<NaiveDate>,
    /// Last business date of a range.
    pub to: Option<NaiveDate>,
    /// The business date at whose end a state is shown.
    pub as_of: Option<NaiveDate>,
    /// Only what was recorded by this instant, so that the figures are those that were known then.
    pub known_at: Option<DateTime<Utc>>,
    /// This currency alone.
    pub currency: Option<Currency>,
}

/// What stands at the beginning of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Head {
    /// Its name on the command line: `receivables-ageing`.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What it shows, and on which date basis, in one sentence.
    pub about: &'static str,
    /// What it was asked for, after defaults were filled in.
    pub asked: Asked,
}

/// What the cells of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Words, ids.
    Text,
    /// A business date.
    Date,
    /// An amount in the section's currency.
    Money,
    /// A number of things or of days.
    Count,
}

/// A column of a section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name in CSV and JSON: `days_past_due`.
    pub key: &'static str,
    /// Its heading for people.
    pub heading: String,
    /// What its cells are.
    pub kind: Kind,
    /// Whether its cells are summed up at the end of the section.
    pub is_summed: bool,
}

/// A table of a report, in one currency where it has amounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its name in CSV and JSON: `open_invoices`.
    pub key: &'static str,
    /// Its heading for people.
    pub heading: String,
    /// The currency of all its amounts.
    pub currency: Option<Currency>,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Whether it has a row a document or movement, and may so be very long: formats for people then show the first rows only.
    pub is_detail: bool,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// Nothing to say.
    Empty,
    /// Words.
    Text(String),
    /// A business date.
    Date(NaiveDate),
    /// An amount, of the section's currency.
    Money(Money),
    /// A number of things.
    Count(i64),
}

/// Two figures that must be the same (ledger.md, section 4), found by different ways.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tie {
    /// What ties to what: `ageing = 1100`.
    pub what: String,
    /// The figure of the report.
    pub here: Money,
    /// The figure that it must be.
    pub there: Money,
}

impl Tie {
    /// Whether they are the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.here == self.there
    }
}

/// What a report tells of itself: exactly one head, then sections with their rows, then the end.
pub trait Sink {
    /// The report begins.
    ///
    /// # Errors
    /// What the output says, as all of these.
    fn head(&mut self, head: &Head) -> Result<(), ReportError>;
    /// A section begins.
    fn section(&mut self, section: &Section) -> Result<(), ReportError>;
    /// A row of the section; as many cells as columns.
    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError>;
    /// The section ends with the sums of its summed columns, the others are empty.
    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError>;
    /// The report ends with what it ties out to, and what else is to be said.
    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError>;
}

/// What a report can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SheetFormat {
    /// Text for a terminal.
    Table,
    /// Comma-separated values, RFC 4180.
    Csv,
    /// One JSON document.
    Json,
    /// A workbook with live totals.
    Xlsx,
    /// One page that needs nothing else.
    Html,
}

/// The sink that writes a format. What it is told it writes as it comes; a workbook and a page are written at the end.
pub fn sink(format: SheetFormat, out: &mut dyn Write) -> Box<dyn Sink + '_> {
    match format {
        SheetFormat::Table => Box::new(table::Table::new(out)),
        SheetFormat::Csv => Box::new(csv::Csv::new(out)),
        SheetFormat::Json => Box::new(json::Json::new(out)),
        SheetFormat::Xlsx => Box::new(xlsx::Xlsx::new(out)),
        SheetFormat::Html => Box::new(html::Html::new(out)),
    }
}

/// A report that tells rows outside of a section and the like.
fn out_of_order(what: &str) -> ReportError {
    ReportError::Write(io::Error::other(format!("the report told {what} where none can be")))
}
