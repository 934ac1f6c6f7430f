//! A report that is kept as it was told, and told again to somebody else: several can be told at a time, and heard one after the other.

use super::spool::Spool;
use super::{Cell, Head, Section, Sink, Tie, out_of_order};
use crate::reports::ReportError;

/// Reports that were told.
#[derive(Default)]
pub struct Recorded(Vec<Act>);

/// What was told; rows lie in a file where they are many.
enum Act {
    Head(Head),
    Section(Section, Spool),
    Totals(Vec<Cell>),
    End(Vec<Tie>, Vec<String>),
}

impl Recorded {
    /// Tells them again.
    ///
    /// # Errors
    /// What the sink says.
    pub fn tell(self, sink: &mut dyn Sink) -> Result<(), ReportError> {
        self.0.into_iter().try_for_each(|act| match act {
            Act::Head(head) => sink.head(&head),
            Act::Section(section, spool) => {
                sink.section(&section)?;
                let mut rows = spool.rows()?;
                while let Some(cells) = rows.next()? {
                    sink.row(&cells)?;
                }
                Ok(())
            }
            Act::Totals(totals) => sink.totals(&totals),
            Act::End(ties, notes) => sink.end(&ties, &notes),
        })
    }
}

impl Sink for Recorded {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.0.push(Act::Head(head.clone()));
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.0.push(Act::Section(section.clone(), Spool::new()));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        match self.0.last_mut() {
            Some(Act::Section(_, spool)) => spool.put(cells),
            _ => Err(out_of_order("a row")),
        }
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.0.push(Act::Totals(totals.to_vec()));
        Ok(())
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        self.0.push(Act::End(ties.to_vec(), notes.to_vec()));
        Ok(())
    }
}
