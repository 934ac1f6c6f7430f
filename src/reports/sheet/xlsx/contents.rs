//! The first sheet of a workbook: which reports are in it, what they were asked, where their sections are, whether they tie out.

use rust_xlsxwriter::{Url, Worksheet, XlsxError};

use super::formats::Formats;
use super::{Asked, Cell, Head, ROWS_SHOWN, Section, Tie, fitting, number};

/// The sheet's name.
pub(super) const NAME: &str = "Contents";

/// What is told of a workbook.
pub(super) struct Contents {
    title: String,
    reports: Vec<Told>,
}

struct Told {
    head: Head,
    sheets: Vec<Line>,
    ties: Vec<Tie>,
    notes: Vec<String>,
}

struct Line {
    heading: String,
    name: String,
    rows: u64,
    remark: String,
}

impl Contents {
    pub(super) fn new(title: &str) -> Self {
        Self { title: title.to_owned(), reports: Vec::new() }
    }

    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// What the first report was asked.
    pub(super) fn asked(&self) -> Option<&Asked> {
        self.reports.first().map(|told| &told.head.asked)
    }

    pub(super) fn report(&mut self, head: &Head) {
        self.reports.push(Told { head: head.clone(), sheets: Vec::new(), ties: Vec::new(), notes: Vec::new() });
    }

    pub(super) fn sheet(&mut self, section: &Section, name: String, rows: u64, is_whole: bool, has_texts: bool) {
        let mut remarks = Vec::new();
        if !is_whole {
            remarks.push(format!("the {ROWS_SHOWN} rows with the greatest amounts, and the totals of all; the CSV has every row"));
        }
        if has_texts {
            remarks.push("amounts of more than 15 digits are text, for a cell would round them".to_owned());
        }
        if let Some(told) = self.reports.last_mut() {
            told.sheets.push(Line { heading: section.title(), name, rows, remark: remarks.join("; ") });
        }
    }

    pub(super) fn end(&mut self, ties: &[Tie], notes: &[String]) {
        if let Some(told) = self.reports.last_mut() {
            ties.clone_into(&mut told.ties);
            notes.clone_into(&mut told.notes);
        }
    }

    pub(super) fn write(&self, sheet: &mut Worksheet, formats: &Formats) -> Result<(), XlsxError> {
        for (at, width) in [(0, 34), (1, 30), (2, 18), (3, 18), (4, 18), (5, 60)] {
            sheet.set_column_width(at, width)?;
        }
        sheet.set_landscape().set_print_fit_to_pages(1, 0);
        sheet.write_string_with_format(0, 0, &self.title, &formats.title)?;
        let mut row = 2;
        for told in &self.reports {
            row = told.write(sheet, formats, row)? + 1;
        }
        Ok(())
    }
}

impl Told {
    /// Writes it from a row on; gives the row after it.
    fn write(&self, sheet: &mut Worksheet, formats: &Formats, mut row: u32) -> Result<u32, XlsxError> {
        sheet.write_string_with_format(row, 0, self.head.title, &formats.header)?;
        for (at, heading) in
            [(1, self.head.asked.in_words()), (2, "Rows".to_owned()), (3, String::new()), (4, String::new()), (5, String::new())]
        {
            sheet.write_string_with_format(row, at, heading, if at == 2 { &formats.header_right } else { &formats.header })?;
        }
        row += 1;
        sheet.write_string_with_format(row, 0, self.head.about, &formats.faint)?;
        row += 1;
        for line in &self.sheets {
            sheet.write_string(row, 0, fitting(&line.heading))?;
            let link = Url::new(format!("internal:'{}'!A1", line.name)).set_text(&line.name);
            sheet.write_url_with_format(row, 1, link, &formats.link)?;
            let rows = i64::try_from(line.rows).map_or(Cell::Empty, Cell::Count);
            if let Ok(rows) = rows.plain().parse::<f64>() {
                sheet.write_number_with_format(row, 2, rows, formats.count(false))?;
            }
            sheet.write_string(row, 5, &line.remark)?;
            row += 1;
        }
        for tie in &self.ties {
            sheet.write_string(row, 0, fitting(&tie.what))?;
            sheet.write_string(row, 1, if tie.holds() { "\u{2713} holds" } else { "\u{2717} DOES NOT HOLD" })?;
            for (at, amount) in [(2, tie.here), (3, tie.there)] {
                match number(amount) {
                    Some(number) => sheet.write_number_with_format(row, at, number, formats.money(amount, false))?,
                    None => sheet.write_string_with_format(row, at, amount.major(), formats.number_as_text(false))?,
                };
            }
            sheet.write_string(row, 4, tie.here.currency().code())?;
            sheet.write_string(row, 5, tie.apart())?;
            row += 1;
        }
        for note in &self.notes {
            sheet.write_string_with_format(row, 0, fitting(note), &formats.faint)?;
            row += 1;
        }
        Ok(row)
    }
}
