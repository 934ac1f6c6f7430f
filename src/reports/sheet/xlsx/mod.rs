//! Reports as a workbook: a sheet a section with its totals as formulas, and before them a sheet that says what is in it.
//!
//! A cell of a spreadsheet is a binary fraction that shows 15 digits. So an amount of up to 15 digits is a number, which is then
//! exact to the last one, and a larger one is text and said to be. Sheets are written to files as they come (constant memory),
//! and the workbook is put together at the end. Its date is that of what was asked and not the clock's, so that the same input is
//! the same bytes.

mod contents;
mod formats;

use std::collections::BTreeSet;
use std::io::{self, Seek, SeekFrom, Write};

use chrono::{NaiveDate, NaiveTime};
use rust_xlsxwriter::{DocProperties, Formula, Workbook, Worksheet, XlsxError, utility};

use self::contents::Contents;
use self::formats::Formats;
use super::spool::Spool;
use super::top::Top;
use super::{Asked, Cell, Head, Kind, Section, Sink, Tie, out_of_order};
use crate::domain::money::Money;
use crate::reports::{ReportError, chart};

/// Rows of a section that go into a workbook; of a longer one the [`ROWS_SHOWN`] with the greatest amounts. A sheet ends at 1,048,576 rows, and people's
/// machines do before.
pub const ROWS_MAX: u64 = 500_000;

/// Rows that are shown of a section that is too long.
pub const ROWS_SHOWN: usize = 500;

/// The largest amount that a cell has to the last digit.
const CELL_MINOR_MAX: u64 = 999_999_999_999_999;

/// One report as a workbook.
pub struct Xlsx<'a> {
    out: &'a mut dyn Write,
    book: Option<Book>,
}

impl<'a> Xlsx<'a> {
    /// Writes there, at the end.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, book: None }
    }

    fn book(&mut self) -> Result<&mut Book, ReportError> {
        self.book.as_mut().ok_or_else(|| out_of_order("something before its head"))
    }
}

impl Sink for Xlsx<'_> {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        let mut book = Book::new(head.title)?;
        book.head(head)?;
        self.book = Some(book);
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.book()?.section(section)
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.book()?.row(cells)
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.book()?.totals(totals)
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        let mut book = self.book.take().ok_or_else(|| out_of_order("an end before its head"))?;
        book.end(ties, notes)?;
        book.save(self.out)
    }
}

/// A workbook of any number of reports, told one after the other.
pub struct Book {
    book: Workbook,
    formats: Formats,
    contents: Contents,
    /// Names of sheets, in small letters: two that differ in nothing else are one to a spreadsheet.
    names: BTreeSet<String>,
    head: Option<Head>,
    present: Option<Present>,
}

/// The section that is being told.
struct Present {
    section: Section,
    spool: Spool,
    top: Top,
}

impl Book {
    /// A workbook with nothing in it but its contents.
    ///
    /// # Errors
    /// What the system says where it sets rows aside.
    pub fn new(title: &str) -> Result<Self, ReportError> {
        let mut book = Workbook::new();
        book.add_worksheet().set_name(contents::NAME).map_err(failed)?;
        let names = BTreeSet::from([contents::NAME.to_lowercase()]);
        Ok(Self { book, formats: Formats::new(), contents: Contents::new(title), names, head: None, present: None })
    }

    /// Puts it together and writes it.
    ///
    /// # Errors
    /// What the output says.
    pub fn save(mut self, out: &mut dyn Write) -> Result<(), ReportError> {
        let sheet = self.book.worksheet_from_index(0).map_err(failed)?;
        self.contents.write(sheet, &self.formats).map_err(failed)?;
        let properties = DocProperties::new().set_title(self.contents.title()).set_author("kasacare");
        let dated = self.contents.asked().map_or(NaiveDate::MIN, dated).max(NaiveDate::from_ymd_opt(1980, 1, 1).unwrap_or(NaiveDate::MIN));
        self.book.set_properties(&properties.set_creation_datetime(&dated.and_time(NaiveTime::MIN)));
        // Put together in a file: it may be large.
        let mut file = tempfile::tempfile()?;
        self.book.save_to_writer(&mut file).map_err(failed)?;
        file.seek(SeekFrom::Start(0))?;
        io::copy(&mut file, out)?;
        Ok(out.flush()?)
    }

    /// A name that no other sheet has, of at most 31 characters: `receivables-ageing open USD`.
    fn name(&mut self, section: &Section) -> String {
        const LONGEST: usize = 31;
        let report = self.head.as_ref().map_or("", |head| head.name);
        let currency = section.currency.map(|currency| currency.code().to_owned()).unwrap_or_default();
        let words = [section.key.replace('_', " "), currency].into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        let full = if section.key.replace('_', "-") == report { words } else { format!("{} {words}", report.replace('-', " ")) };
        let cut = |length: usize| full.chars().take(length).collect::<String>().trim_end().to_owned();
        let mut name = cut(LONGEST);
        let mut number = 1_u32;
        while !self.names.insert(name.to_lowercase()) {
            number += 1;
            let ending = format!(" {number}");
            name = format!("{}{ending}", cut(LONGEST.saturating_sub(ending.len())));
        }
        name
    }
}

/// The last date that was asked for.
fn dated(asked: &Asked) -> NaiveDate {
    let known = asked.known_at.map(|at| at.date_naive());
    known.or(asked.as_of).or(asked.to).or(asked.from).unwrap_or(NaiveDate::MIN)
}

pub(super) fn failed(error: XlsxError) -> ReportError {
    match error {
        XlsxError::IoError(error) => ReportError::Write(error),
        other => ReportError::Write(io::Error::other(other.to_string())),
    }
}

impl Sink for Book {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.contents.report(head);
        self.head = Some(head.clone());
        Ok(())
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.present = Some(Present { section: section.clone(), spool: Spool::new(), top: Top::of(section, ROWS_SHOWN) });
        Ok(())
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        let present = self.present.as_mut().ok_or_else(|| out_of_order("a row"))?;
        present.top.see(cells);
        // What is beyond is not shown, and nor is most of what was before.
        if present.top.seen() <= ROWS_MAX { present.spool.put(cells) } else { Ok(()) }
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        let Present { section, spool, top } = self.present.take().ok_or_else(|| out_of_order("totals"))?;
        let name = self.name(&section);
        let sheet = self.book.add_worksheet_with_constant_memory().map_err(failed)?;
        sheet.set_name(&name).map_err(failed)?;
        let count = top.seen();
        let is_whole = count <= ROWS_MAX;
        let mut page = Page { sheet, formats: &self.formats, section: &section, row: 0, widths: Vec::new(), texts: BTreeSet::new() };
        page.header().map_err(failed)?;
        if is_whole {
            let mut rows = spool.rows()?;
            while let Some(cells) = rows.next()? {
                page.cells(&cells).map_err(failed)?;
            }
        } else {
            top.rows().iter().try_for_each(|cells| page.cells(cells)).map_err(failed)?;
        }
        let has_texts = page.totals(totals, is_whole).map_err(failed)?;
        page.finish().map_err(failed)?;
        self.contents.sheet(&section, name, count, is_whole, has_texts);
        Ok(())
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        self.contents.end(ties, notes);
        Ok(())
    }
}

/// A sheet that is being written, from the top down.
struct Page<'a> {
    sheet: &'a mut Worksheet,
    formats: &'a Formats,
    section: &'a Section,
    row: u32,
    /// The longest text of each column so far, in characters.
    widths: Vec<usize>,
    /// Columns with an amount that is text.
    texts: BTreeSet<u16>,
}

/// Widths of columns in characters.
const WIDTHS: std::ops::RangeInclusive<usize> = 9..=60;

impl Page<'_> {
    fn header(&mut self) -> Result<(), XlsxError> {
        for (at, column) in (0_u16..).zip(&self.section.columns) {
            let heading = match (column.kind, self.section.currency) {
                (Kind::Money, Some(currency)) => format!("{} {currency}", column.heading),
                _ => column.heading.clone(),
            };
            self.widths.push(heading.chars().count() + 2);
            let format = if is_number(column.kind) { &self.formats.header_right } else { &self.formats.header };
            self.sheet.write_string_with_format(0, at, &heading, format)?;
        }
        self.row = 1;
        Ok(())
    }

    fn cells(&mut self, cells: &[Cell]) -> Result<(), XlsxError> {
        for (at, cell) in (0_u16..).zip(cells) {
            self.cell(at, cell, false)?;
        }
        self.row += 1;
        Ok(())
    }

    /// Writes a cell; an amount that a cell can't hold as text.
    fn cell(&mut self, at: u16, cell: &Cell, is_total: bool) -> Result<(), XlsxError> {
        let (row, formats) = (self.row, self.formats);
        let plain = cell.plain();
        if let Some(width) = self.widths.get_mut(usize::from(at)) {
            // Room for the separators of thousands.
            *width = (*width).max(plain.chars().count() + plain.len() / 6);
        }
        match cell {
            Cell::Empty => drop(self.sheet.write_blank(row, at, formats.text(is_total))?),
            Cell::Text(text) => drop(self.sheet.write_string_with_format(row, at, fitting(text), formats.text(is_total))?),
            Cell::Date(date) if is_sheet_date(*date) => drop(self.sheet.write_datetime_with_format(row, at, date, &formats.date)?),
            Cell::Date(_) => drop(self.sheet.write_string_with_format(row, at, plain, formats.text(is_total))?),
            Cell::Money(amount) => match number(*amount) {
                Some(number) => drop(self.sheet.write_number_with_format(row, at, number, formats.money(*amount, is_total))?),
                None => self.amount_as_text(at, &plain, is_total)?,
            },
            Cell::Count(count) if count.unsigned_abs() <= CELL_MINOR_MAX => {
                let number = plain.parse::<f64>().map_err(|_| XlsxError::ParameterError(plain))?;
                self.sheet.write_number_with_format(row, at, number, formats.count(is_total))?;
            }
            Cell::Count(_) => self.amount_as_text(at, &plain, is_total)?,
        }
        Ok(())
    }

    fn amount_as_text(&mut self, at: u16, text: &str, is_total: bool) -> Result<(), XlsxError> {
        self.texts.insert(at);
        self.sheet.write_string_with_format(self.row, at, text, self.formats.number_as_text(is_total)).map(drop)
    }

    /// The totals: formulas over the rows above where all are there and are numbers. Tells whether an amount is text.
    fn totals(&mut self, totals: &[Cell], is_whole: bool) -> Result<bool, XlsxError> {
        let last = self.row;
        if last > 1 && totals.iter().any(|cell| *cell != Cell::Empty) {
            let label = totals.iter().position(|cell| *cell == Cell::Empty);
            for (index, (at, cell)) in (0_u16..).zip(totals).enumerate() {
                let is_live = is_whole && !self.texts.contains(&at) && is_exact(cell);
                if Some(index) == label {
                    self.cell(at, &Cell::Text("Total".to_owned()), true)?;
                } else if is_live {
                    let range = utility::row_col_to_cell(1, at) + ":" + &utility::row_col_to_cell(last - 1, at);
                    let formula = Formula::new(format!("=SUM({range})")).set_result(cell.plain());
                    let format = match cell {
                        Cell::Money(amount) => self.formats.money(*amount, true),
                        _ => self.formats.count(true),
                    };
                    self.sheet.write_formula_with_format(last, at, formula, format)?;
                } else {
                    self.cell(at, cell, true)?;
                }
            }
        }
        if !is_whole {
            let note = format!(
                "Only the {ROWS_SHOWN} rows with the greatest amounts are here, and the totals are those of all. The CSV has every row."
            );
            self.sheet.write_string(last + 2, 0, note)?;
        }
        Ok(!self.texts.is_empty())
    }

    fn finish(self) -> Result<(), XlsxError> {
        for (at, width) in (0_u16..).zip(&self.widths) {
            let width = u32::try_from((*width).clamp(*WIDTHS.start(), *WIDTHS.end())).unwrap_or(20);
            self.sheet.set_column_width(at, width)?;
        }
        let last = u16::try_from(self.section.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
        if self.row > 1 {
            self.sheet.autofilter(0, 0, self.row - 1, last)?;
        }
        self.sheet.set_freeze_panes(1, 0)?;
        self.sheet.set_repeat_rows(0, 0)?.set_landscape().set_print_fit_to_pages(1, 0);
        Ok(())
    }
}

const fn is_number(kind: Kind) -> bool {
    matches!(kind, Kind::Money | Kind::Count)
}

/// Spreadsheets count days from 1900.
fn is_sheet_date(date: NaiveDate) -> bool {
    use chrono::Datelike;
    (1900..=9999).contains(&date.year())
}

/// Whether a sum is a number that a cell holds to the last digit.
fn is_exact(cell: &Cell) -> bool {
    match cell {
        Cell::Money(amount) => number(*amount).is_some(),
        Cell::Count(count) => count.unsigned_abs() <= CELL_MINOR_MAX,
        Cell::Empty | Cell::Text(_) | Cell::Date(_) => false,
    }
}

/// The number nearest to an amount, where that shows it to the last digit. Read from its decimal form, so that nothing is divided.
fn number(amount: Money) -> Option<f64> {
    if amount.minor().unsigned_abs() > CELL_MINOR_MAX {
        return None;
    }
    amount.major().parse().ok()
}

/// Text that is no formula (F73), and no longer than a cell.
fn fitting(text: &str) -> String {
    const CELL_CHARACTERS_MAX: usize = 32_767;
    chart::neutral(text).chars().take(CELL_CHARACTERS_MAX).collect()
}
