//! The CSV files of a pack: one a section of a report, with all currencies in it, so that each has one header and any program
//! reads it as it is.

use std::collections::BTreeMap;

use csv::Writer;

use super::folder::{Folder, Growing};
use crate::reports::ReportError;
use crate::reports::sheet::csv::{failed, header, place, put_row, writer};
use crate::reports::sheet::{Cell, Head, Section};

/// A section and its columns: where the columns differ in another currency, it is another file.
type Shape = (&'static str, Vec<&'static str>);

/// The files of the report that is being told.
#[derive(Default)]
pub(super) struct Csvs {
    report: Option<Head>,
    open: BTreeMap<Shape, Writer<Growing>>,
    /// Which of them the present section is in, and what its rows begin with.
    present: Option<(Shape, [String; 2])>,
}

impl Csvs {
    pub(super) fn head(&mut self, head: &Head) {
        self.report = Some(head.clone());
    }

    pub(super) fn section(&mut self, section: &Section, folder: &mut Folder) -> Result<(), ReportError> {
        let keys = header(&section.columns);
        let file = (section.key, keys.clone());
        if !self.open.contains_key(&file) {
            let report = self.report.as_ref().ok_or(ReportError::Stopped)?;
            let others = self.open.keys().filter(|(key, _)| *key == section.key).count();
            let number = if others == 0 { String::new() } else { format!(".{}", others + 1) };
            let name = format!("csv/{}.{}{number}.csv", report.name, section.key);
            let mut out = writer(folder.file(&name, &format!("{}: {}", report.title, section.heading))?);
            out.write_record(&keys).map_err(failed)?;
            self.open.insert(file.clone(), out);
        }
        self.present = Some((file, place(section)));
        Ok(())
    }

    pub(super) fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        let (file, place) = self.present.as_ref().ok_or(ReportError::Stopped)?;
        put_row(self.open.get_mut(file).ok_or(ReportError::Stopped)?, place, cells)
    }

    /// The report has ended, and its files with it.
    pub(super) fn finish(&mut self, folder: &mut Folder) -> Result<(), ReportError> {
        self.present = None;
        for out in std::mem::take(&mut self.open).into_values() {
            folder.filed(out.into_inner().map_err(csv::IntoInnerError::into_error)?)?;
        }
        Ok(())
    }
}
