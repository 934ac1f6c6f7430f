//! A report in memory, for formats that are laid out as a whole. Of long sections only the rows with the greatest amounts are kept, with
//! how many there were and the totals of all.

use super::top::Top;
use super::{Asked, Cell, Head, Section, Sink, Tie, out_of_order};
use crate::domain::money::{Currency, Money};
use crate::reports::ReportError;

/// Reports that were told, one after the other.
#[derive(Debug, Clone)]
pub struct Gathered {
    /// Most rows of a detailed section that are kept.
    rows_max: usize,
    /// The rows of the section that is being told.
    present: Option<Top>,
    /// The reports.
    pub reports: Vec<Report>,
}

/// A report that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its head.
    pub head: Head,
    /// Its sections, in the order in which they were told.
    pub sheets: Vec<Sheet>,
    /// What it ties out to.
    pub ties: Vec<Tie>,
    /// What else it says.
    pub notes: Vec<String>,
}

/// A section with its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// What it is.
    pub section: Section,
    /// Its rows, of a long one those with the greatest amounts.
    pub rows: Vec<Vec<Cell>>,
    /// How many there were.
    pub count: u64,
    /// The totals of all.
    pub totals: Vec<Cell>,
}

impl Gathered {
    /// Keeps so many rows of a detailed section at most.
    #[must_use]
    pub const fn keeping(rows_max: usize) -> Self {
        Self { rows_max, present: None, reports: Vec::new() }
    }

    /// A report by its name.
    #[must_use]
    pub fn report(&self, name: &str) -> Option<&Report> {
        self.reports.iter().find(|report| report.head.name == name)
    }

    fn last_sheet(&mut self, what: &'static str) -> Result<&mut Sheet, ReportError> {
        let report = self.reports.last_mut();
        report.and_then(|report| report.sheets.last_mut()).ok_or_else(|| out_of_order(what))
    }
}

impl Report {
    /// Its sections of a name, one a currency.
    pub fn sheets<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Sheet> {
        self.sheets.iter().filter(move |sheet| sheet.section.key == key)
    }

    /// Its section of a name in a currency.
    #[must_use]
    pub fn sheet(&self, key: &str, currency: Currency) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.section.key == key && sheet.section.currency == Some(currency))
    }

    /// What was asked of it.
    #[must_use]
    pub const fn asked(&self) -> &Asked {
        &self.head.asked
    }
}

impl Sheet {
    /// The position of a column.
    #[must_use]
    pub fn column(&self, key: &str) -> Option<usize> {
        self.section.columns.iter().position(|column| column.key == key)
    }

    /// The total of a column of amounts.
    #[must_use]
    pub fn total(&self, key: &str) -> Option<Money> {
        amount(self.totals.get(self.column(key)?)?)
    }

    /// An amount in the first row of which a column says that.
    #[must_use]
    pub fn amount_where(&self, (key, says): (&str, &str), column: &str) -> Option<Money> {
        let (at, column) = (self.column(key)?, self.column(column)?);
        let row = self.rows.iter().find(|row| row.get(at).is_some_and(|cell| cell.plain() == says))?;
        amount(row.get(column)?)
    }

    /// How many rows are not here.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.count.saturating_sub(u64::try_from(self.rows.len()).unwrap_or(u64::MAX))
    }
}

/// The amount in a cell that has one.
#[must_use]
pub const fn amount(cell: &Cell) -> Option<Money> {
    match cell {
        Cell::Money(amount) => Some(*amount),
        Cell::Empty | Cell::Text(_) | Cell::Date(_) | Cell::Count(_) => None,
    }
}

impl Sink for Gathered {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.reports.push(Report { head: head.clone(), sheets: Vec::new(), ties: Vec::new(), notes: Vec::new() });
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        let report = self.reports.last_mut().ok_or_else(|| out_of_order("a section"))?;
        report.sheets.push(Sheet { section: section.clone(), rows: Vec::new(), count: 0, totals: Vec::new() });
        self.present = Some(Top::of(section, if section.is_detail { self.rows_max } else { usize::MAX }));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.present.as_mut().ok_or_else(|| out_of_order("a row"))?.see(cells);
        Ok(())
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        let top = self.present.take().ok_or_else(|| out_of_order("totals"))?;
        let sheet = self.last_sheet("totals")?;
        (sheet.count, sheet.totals) = (top.seen(), totals.to_vec());
        sheet.rows = top.rows();
        Ok(())
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        let report = self.reports.last_mut().ok_or_else(|| out_of_order("an end"))?;
        ties.clone_into(&mut report.ties);
        notes.clone_into(&mut report.notes);
        Ok(())
    }
}
