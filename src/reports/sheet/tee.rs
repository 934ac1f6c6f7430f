//! One telling for several formats, so that a report's query runs once.

use super::{Cell, Head, Section, Sink, Tie};
use crate::reports::ReportError;

/// Passes on what it is told to several sinks, in turn.
pub struct Tee<'a> {
    sinks: Vec<&'a mut dyn Sink>,
}

impl<'a> Tee<'a> {
    /// To all of these.
    #[must_use]
    pub fn new(sinks: Vec<&'a mut dyn Sink>) -> Self {
        Self { sinks }
    }
}

impl Sink for Tee<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.sinks.iter_mut().try_for_each(|sink| sink.head(head))
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.sinks.iter_mut().try_for_each(|sink| sink.section(section))
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.sinks.iter_mut().try_for_each(|sink| sink.row(cells))
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.sinks.iter_mut().try_for_each(|sink| sink.totals(totals))
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        self.sinks.iter_mut().try_for_each(|sink| sink.end(ties, notes))
    }
}
