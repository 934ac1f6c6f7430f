//! The reports of finance: what they tell of worked cases, that they tie out over a lived-through year at any date, that both databases
//! tell the same, and that a cut-off keeps them as they were.

mod ageing;
mod ahead;
mod close;
mod command;
mod corrections;
mod faults;
mod known_at;
mod movements;
mod mrr;
mod published;
mod reconciled;
mod refunds;
mod sealing;
mod year;

use kasacare::domain::money::{Currency, Money};
use kasacare::reports::ReportError;
use kasacare::reports::finance::by_name;
use kasacare::reports::sheet::{Asked, Cell, Head, Section, Sink, Tie};
use kasacare::store::db::{Db, Tx};

use crate::world::town::day;

/// One section as it was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub section: Section,
    pub rows: Vec<Vec<Cell>>,
    pub totals: Vec<Cell>,
}

/// A report as it was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub head: Option<Head>,
    pub parts: Vec<Part>,
    pub ties: Vec<Tie>,
    pub notes: Vec<String>,
    ended: bool,
}

impl Sink for Report {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        assert!(self.head.replace(head.clone()).is_none(), "one head");
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        assert!(self.head.is_some() && !self.ended);
        self.parts.push(Part { section: section.clone(), rows: Vec::new(), totals: Vec::new() });
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.parts.last_mut().expect("a section").rows.push(cells.to_vec());
        Ok(())
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.parts.last_mut().expect("a section").totals = totals.to_vec();
        Ok(())
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        (self.ties, self.notes, self.ended) = (ties.to_vec(), notes.to_vec(), true);
        Ok(())
    }
}

impl Report {
    /// The one section of a key.
    #[track_caller]
    pub fn part(&self, key: &str) -> &Part {
        let mut found = self.parts.iter().filter(|part| part.section.key == key);
        let part = found.next().unwrap_or_else(|| panic!("no section {key} in {:?}", self.parts));
        assert!(found.next().is_none(), "several sections {key}");
        part
    }

    /// The ties that do not hold.
    pub fn broken(&self) -> Vec<&Tie> {
        self.ties.iter().filter(|tie| !tie.holds()).collect()
    }
}

impl Part {
    /// The cells of some columns, as people would write them, row by row.
    #[track_caller]
    pub fn shows(&self, keys: &[&str]) -> Vec<String> {
        let at = |key: &&str| {
            let found = self.section.columns.iter().position(|column| column.key == *key);
            found.unwrap_or_else(|| panic!("no column {key} in {:?}", self.section.columns))
        };
        let at: Vec<usize> = keys.iter().map(at).collect();
        self.rows.iter().map(|row| at.iter().map(|at| shown(&row[*at])).collect::<Vec<_>>().join(" ")).collect()
    }
}

/// A cell as people would write it; `-` for nothing.
pub fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Empty => "-".to_owned(),
        Cell::Text(text) => text.clone(),
        Cell::Date(date) => date.to_string(),
        Cell::Money(amount) => amount.major(),
        Cell::Count(count) => count.to_string(),
    }
}

pub async fn tell_in(tx: &mut Tx, name: &str, asked: &Asked) -> Report {
    let mut report = Report::default();
    let entry = by_name(name).unwrap_or_else(|| panic!("no report {name}"));
    entry.tell(tx, asked, &mut report).await.unwrap_or_else(|error| panic!("{name} {asked:?}: {error}"));
    assert!(report.ended);
    report
}

/// A report, and all its ties hold.
pub async fn told(db: &Db, name: &str, asked: &Asked) -> Report {
    let mut tx = db.begin_read().await.unwrap();
    let report = tell_in(&mut tx, name, asked).await;
    tx.rollback().await.unwrap();
    assert_eq!(report.broken(), Vec::<&Tie>::new(), "{name} {asked:?}: {:?}", report.parts);
    report
}

pub fn as_of(on: &str) -> Asked {
    Asked { as_of: Some(day(on)), ..Asked::default() }
}

pub fn range(from: &str, to: &str) -> Asked {
    Asked { from: Some(day(from)), to: Some(day(to)), ..Asked::default() }
}

pub fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}
