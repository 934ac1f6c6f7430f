//! A report as text for a terminal: headings, aligned columns, totals, and whether it ties out.
//!
//! Of a section with a row a document only the first rows are shown; how many more there are is said, and the totals are those
//! of all. Files have every row.

use std::io::Write;

use comfy_table::{CellAlignment, ContentArrangement, presets};

use super::{Cell, Head, Kind, Section, Sink, Tie, out_of_order};
use crate::reports::ReportError;

/// Rows of a detailed section that a terminal shows.
pub const ROWS_SHOWN: u64 = 50;

/// Writes a report as text.
pub struct Table<'a> {
    out: &'a mut dyn Write,
    present: Option<Present>,
}

/// The section that is being told.
struct Present {
    section: Section,
    table: comfy_table::Table,
    rows: u64,
}

impl<'a> Table<'a> {
    /// Writes there.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, present: None }
    }
}

impl Present {
    fn new(section: &Section) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(section.columns.iter().map(|column| column.heading.as_str()));
        for (at, column) in section.columns.iter().enumerate() {
            if let (Kind::Money | Kind::Count, Some(column)) = (column.kind, table.column_mut(at)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { section: section.clone(), table, rows: 0 }
    }

    fn row(&mut self, cells: &[Cell]) {
        self.rows += 1;
        if !self.section.is_detail || self.rows <= ROWS_SHOWN {
            self.table.add_row(cells.iter().map(one_line));
        }
    }

    /// The totals, under the first column that has none of its own.
    fn total(&mut self, totals: &[Cell]) {
        if self.rows > 0 && totals.iter().any(|cell| *cell != Cell::Empty) {
            let label = totals.iter().position(|cell| *cell == Cell::Empty);
            let cells = totals.iter().enumerate().map(|(at, cell)| if Some(at) == label { "Total".to_owned() } else { one_line(cell) });
            self.table.add_row(cells.collect::<Vec<_>>());
        }
    }

    fn text(&self) -> String {
        let title = self.section.title();
        if self.rows == 0 {
            return format!("\n{title}\n  nothing\n");
        }
        let lines = self.table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n") + "\n";
        let left_out = self.rows.saturating_sub(ROWS_SHOWN);
        let more = if self.section.is_detail && left_out > 0 {
            let (rows, verb) = if left_out == 1 { ("row", "is") } else { ("rows", "are") };
            format!("  {left_out} more {rows} {verb} not shown; `--format csv` and `xlsx` have them. The totals are those of all.\n")
        } else {
            String::new()
        };
        format!("\n{title}\n{lines}{more}")
    }
}

/// Words of people may have line ends and the like, which would break a table, or a terminal.
fn one_line(cell: &Cell) -> String {
    cell.plain().chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

impl Sink for Table<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        let asked = head.asked.in_words();
        let asked = if asked.is_empty() { asked } else { format!(", {asked}") };
        writeln!(self.out, "{}{asked}\n{}", head.title, head.about)?;
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.present = Some(Present::new(section));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.present.as_mut().ok_or_else(|| out_of_order("a row"))?.row(cells);
        Ok(())
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        let mut present = self.present.take().ok_or_else(|| out_of_order("totals"))?;
        present.total(totals);
        Ok(write!(self.out, "{}", present.text())?)
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        if !ties.is_empty() {
            writeln!(self.out, "\nTies out to")?;
        }
        for tie in ties {
            let Tie { what, here, there } = tie;
            if tie.holds() {
                writeln!(self.out, "  \u{2713} {what}: {here}")?;
            } else {
                writeln!(self.out, "  \u{2717} DOES NOT HOLD: {what}: {here} here, {there} there, {} apart", tie.apart())?;
            }
        }
        if !notes.is_empty() {
            writeln!(self.out)?;
        }
        for note in notes {
            writeln!(self.out, "{note}")?;
        }
        Ok(self.out.flush()?)
    }
}
