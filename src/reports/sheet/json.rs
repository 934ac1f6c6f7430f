//! A report as one JSON document, written as it comes: a line a row, keys in the order of the columns, amounts as everywhere in
//! our JSON (`"9.99 USD"`), ties with whether they hold.

use std::io::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::json;

use super::{Cell, Head, Section, Sink, Tie, out_of_order};
use crate::reports::ReportError;

/// Writes a report as JSON.
pub struct Json<'a> {
    out: &'a mut dyn Write,
    sections: u64,
    rows: u64,
    keys: Vec<&'static str>,
}

impl<'a> Json<'a> {
    /// Writes there.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, sections: 0, rows: 0, keys: Vec::new() }
    }

    fn put(&mut self, value: &impl Serialize) -> Result<(), ReportError> {
        serde_json::to_writer(&mut *self.out, value).map_err(|error| ReportError::Write(error.into()))
    }
}

/// A row as an object.
struct Row<'a> {
    keys: &'a [&'static str],
    cells: &'a [Cell],
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.cells.len()))?;
        for (key, cell) in self.keys.iter().zip(self.cells) {
            match cell {
                Cell::Empty => map.serialize_entry(key, &None::<()>)?,
                other => map.serialize_entry(key, other)?,
            }
        }
        map.end()
    }
}

/// The totals: the summed columns alone.
struct Totals<'a>(Row<'a>);

impl Serialize for Totals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let summed = self.0.keys.iter().zip(self.0.cells).filter(|(_, cell)| **cell != Cell::Empty);
        serializer.collect_map(summed)
    }
}

impl Sink for Json<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        write!(self.out, "{{\"report\":")?;
        self.put(&head.name)?;
        write!(self.out, ",\n\"title\":")?;
        self.put(&head.title)?;
        write!(self.out, ",\n\"about\":")?;
        self.put(&head.about)?;
        write!(self.out, ",\n\"asked\":")?;
        self.put(&head.asked)?;
        write!(self.out, ",\n\"sections\":[")?;
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        write!(self.out, "{}{{\"section\":", if self.sections == 0 { "\n" } else { ",\n" })?;
        self.put(&section.key)?;
        write!(self.out, ",\"heading\":")?;
        self.put(&section.heading)?;
        write!(self.out, ",\"currency\":")?;
        self.put(&section.currency)?;
        write!(self.out, ",\n\"columns\":")?;
        self.put(&section.columns)?;
        write!(self.out, ",\n\"rows\":[")?;
        self.keys = section.columns.iter().map(|column| column.key).collect();
        (self.sections, self.rows) = (self.sections + 1, 0);
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        if self.sections == 0 {
            return Err(out_of_order("a row"));
        }
        write!(self.out, "{}", if self.rows == 0 { "\n" } else { ",\n" })?;
        self.rows += 1;
        let row = Row { keys: &self.keys, cells };
        serde_json::to_writer(&mut *self.out, &row).map_err(|error| ReportError::Write(error.into()))
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        write!(self.out, "],\n\"totals\":")?;
        let totals = Totals(Row { keys: &self.keys, cells: totals });
        serde_json::to_writer(&mut *self.out, &totals).map_err(|error| ReportError::Write(error.into()))?;
        write!(self.out, "}}")?;
        Ok(())
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        write!(self.out, "],\n\"ties\":[")?;
        for (at, tie) in ties.iter().enumerate() {
            write!(self.out, "{}", if at == 0 { "\n" } else { ",\n" })?;
            let Tie { what, here, there } = tie;
            self.put(&json!({ "what": what, "here": here, "there": there, "holds": tie.holds() }))?;
        }
        write!(self.out, "],\n\"notes\":")?;
        self.put(&notes)?;
        writeln!(self.out, "}}")?;
        Ok(self.out.flush()?)
    }
}
