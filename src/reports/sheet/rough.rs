//! A report as comma-separated lines, for as long as this branch has no other sinks; the branch `pack` has them, and takes this away.

use std::io::Write;

use super::{Cell, Head, Section, Sink, Tie};
use crate::reports::{ReportError, chart};

/// Writes it.
pub(super) struct Rough<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Rough<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out }
    }

    fn line(&mut self, what: &str, cells: &[Cell]) -> Result<(), ReportError> {
        let cells = cells.iter().map(|cell| match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => format!("\"{}\"", chart::neutral(text).replace('"', "\"\"")),
            Cell::Date(date) => date.to_string(),
            Cell::Money(amount) => amount.major(),
            Cell::Count(count) => count.to_string(),
        });
        let cells: Vec<String> = cells.collect();
        Ok(writeln!(self.out, "{what},{}", cells.join(","))?)
    }
}

impl Sink for Rough<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.line("report", &[Cell::text(head.name), Cell::text(head.title)])
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        let currency = section.currency.map(|currency| currency.code().to_owned()).unwrap_or_default();
        self.line("section", &[Cell::text(section.key), Cell::text(&section.heading), Cell::Text(currency)])?;
        let columns: Vec<Cell> = section.columns.iter().map(|column| Cell::text(column.key)).collect();
        self.line("columns", &columns)
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.line("row", cells)
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.line("totals", totals)
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        for tie in ties {
            self.line("tie", &[Cell::text(&tie.what), Cell::Money(tie.here), Cell::Money(tie.there)])?;
        }
        notes.iter().try_for_each(|note| self.line("note", &[Cell::text(note)]))
    }
}
