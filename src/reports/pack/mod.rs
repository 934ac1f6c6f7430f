//! `kasacare report pack`: a month's books as one folder, for people who close it, file it and check it.
//!
//! Every report is told once, and at the same time becomes CSV files, sheets of one workbook and a part of one page, so that
//! none of them can say something else. With them go the month's journals for hledger and beancount, and a list of all files with
//! their SHA-256 (`sha256sum -c SHA256SUMS`). Everything is read in one transaction, and nothing in it comes from the clock: the
//! same month with the same knowledge cut-off is the same bytes.
//!
//! The folder is written beside its place, under a name that begins with a dot, and takes its place when it is complete.

mod cash;
mod closing;
mod csvs;
mod folder;
mod glance;
mod index;

use std::io::{BufWriter, Write};
use std::path::Path;
use std::rc::Rc;

use chrono::{DateTime, Months, NaiveDate, Utc};

use self::csvs::Csvs;
pub use self::folder::Filed;
use self::folder::Folder;
use super::finance::{Entry, Takes, last_known};
use super::journal::{self, Range};
use super::sheet::gathered::Gathered;
use super::sheet::html;
use super::sheet::xlsx::Book;
use super::sheet::{Asked, Cell, Head, Section, Sink, Tie};
use super::{Memo, ReportError};
use crate::domain::calendar::month_end;
use crate::store::db::{Db, Sql, Tx};

/// Every statement that only a pack needs.
pub(super) const STATEMENTS: &[(&str, Sql)] = cash::STATEMENTS;

/// Months that a report begins earlier whose chart shows a year.
const YEAR_BEFORE: Months = Months::new(11);

/// What a pack is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// The month.
    pub month: Month,
    /// Only what was recorded by this instant.
    pub known_at: Option<DateTime<Utc>>,
    /// What it is now: a month that is not over goes through today.
    pub now: DateTime<Utc>,
}

/// Writes a month's pack from these reports; `next` hears what is being told.
///
/// # Errors
/// [`ReportError::Taken`] where something else than an earlier pack is at the place, a month in which the books had not begun or that lies
/// ahead, what the database or the system says. Then nothing is there that was not there before.
pub async fn write(db: &Db, reports: &[Entry], order: Order, place: &Path, mut next: impl FnMut(&str)) -> Result<Packed, ReportError> {
    let Order { month, known_at, now } = order;
    let mut packing = Packing::begin(place, month, known_at)?;
    let mut tx = db.begin_read().await?;
    // What several reports ask for alike is found once.
    let memo = Rc::<Memo>::default();
    let last = last_known(&mut tx, known_at, now, &memo).await?;
    if month.first() > last {
        return Err(ReportError::NotYet { day: month.first(), last });
    }
    packing.through = month.last().min(last);
    next("Cash");
    cash::tell(&mut tx, (month, packing.through), known_at, &memo, &mut packing).await?;
    cash::tell(&mut tx, (month.before(), month.before().last()), known_at, &memo, packing.before()).await?;
    for report in reports {
        next(report.title);
        let mut asked = month.asked(known_at, packing.through);
        if report.takes == Takes::Range && glance::has_earlier_months(report.name) {
            asked.from = month.first().checked_sub_months(YEAR_BEFORE);
        }
        report.tell_knowing(&mut tx, &asked, &memo, &mut packing).await?;
        if glance::needs_before(report.name) {
            let before = month.before();
            report.tell_knowing(&mut tx, &before.asked(known_at, before.last()), &memo, packing.before()).await?;
        }
    }
    if packing.page.reports.iter().all(|report| report.sheets.is_empty()) {
        return Err(ReportError::NotFound { what: "month of the books", id: month.in_digits() });
    }
    packing.closing = Some(closing::tell(&mut tx, month, known_at, packing.through, &mut packing).await?);
    next("Journals");
    packing.journals(&mut tx).await?;
    tx.rollback().await?;
    next("Workbook and page");
    packing.finish()
}

/// A calendar month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: NaiveDate,
}

/// The text is not a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a month as 2026-10, in the years 1900 to 9998")]
pub struct BadMonth;

impl std::str::FromStr for Month {
    type Err = BadMonth;
    fn from_str(text: &str) -> Result<Self, BadMonth> {
        use chrono::Datelike;
        let is_plain = text.len() == 7 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let first = format!("{text}-01").parse::<NaiveDate>().ok().filter(|_| is_plain).ok_or(BadMonth)?;
        if (1900..=9998).contains(&first.year()) { Ok(Self { first }) } else { Err(BadMonth) }
    }
}

impl Month {
    /// Its first day.
    #[must_use]
    pub const fn first(self) -> NaiveDate {
        self.first
    }

    /// Its last day.
    #[must_use]
    pub fn last(self) -> NaiveDate {
        month_end(self.first)
    }

    /// The month before.
    #[must_use]
    pub fn before(self) -> Self {
        Self { first: self.first.checked_sub_months(Months::new(1)).unwrap_or(self.first) }
    }

    /// `October 2026`.
    #[must_use]
    pub fn in_words(self) -> String {
        self.first.format("%B %Y").to_string()
    }

    /// `2026-10`.
    #[must_use]
    pub fn in_digits(self) -> String {
        self.first.format("%Y-%m").to_string()
    }

    /// What its reports are asked: the range through a day, and that day for those that show what stood then.
    #[must_use]
    pub const fn asked(self, known_at: Option<DateTime<Utc>>, through: NaiveDate) -> Asked {
        Asked { from: Some(self.first), to: Some(through), as_of: Some(through), known_at, currency: None }
    }
}

/// A pack that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// Its files.
    pub files: Vec<Filed>,
    /// How many ties its reports told.
    pub ties: usize,
    /// How many of them do not hold.
    pub broken: usize,
}

/// A pack that is being written. It is the [`Sink`] that its reports are told to.
pub struct Packing {
    month: Month,
    known_at: Option<DateTime<Utc>>,
    /// Its last day, or today where that comes first.
    through: NaiveDate,
    /// Whether the month is closed, in words.
    closing: Option<String>,
    folder: Folder,
    csvs: Csvs,
    book: Book,
    page: Gathered,
    /// The reports of the month before that the page compares with.
    before: Gathered,
}

impl Packing {
    /// Begins to write. What is at the place already is not touched before [`Packing::finish`].
    ///
    /// # Errors
    /// [`ReportError::Taken`] where something else than an earlier pack is there; what the system says.
    pub fn begin(place: &Path, month: Month, known_at: Option<DateTime<Utc>>) -> Result<Self, ReportError> {
        let book = Book::new(&format!("Kasa Care, the books of {}", month.in_words()))?;
        Ok(Self {
            month,
            known_at,
            through: month.last(),
            closing: None,
            folder: Folder::begin(place)?,
            csvs: Csvs::default(),
            book,
            page: Gathered::keeping(html::ROWS_SHOWN),
            before: Gathered::keeping(0),
        })
    }

    /// Where reports are told that the page compares with, as of the month before.
    pub fn before(&mut self) -> &mut dyn Sink {
        &mut self.before
    }

    /// Writes the month's journals.
    ///
    /// # Errors
    /// What the database or the system says.
    pub async fn journals(&mut self, tx: &mut Tx) -> Result<(), ReportError> {
        let Self { month, known_at, through, .. } = *self;
        let range = Range { from: Some(month.first()), to: Some(through), account: None, known_at };
        let [mut hledger, mut beancount] = [
            self.folder.file("journal.hledger", "the month's entries for hledger, with our trial balance as assertions")?,
            self.folder.file("journal.beancount", "the same for beancount")?,
        ];
        {
            // What is digested comes in large pieces.
            let (mut left, mut right) = (BufWriter::new(&mut hledger), BufWriter::new(&mut beancount));
            journal::write_texts_in(tx, &range, [&mut left, &mut right]).await?;
            left.flush()?;
            right.flush()?;
        }
        self.folder.filed(hledger)?;
        self.folder.filed(beancount)
    }

    /// Writes what is written last, and puts the folder into its place.
    ///
    /// # Errors
    /// What the system says; then nothing is there.
    pub fn finish(mut self) -> Result<Packed, ReportError> {
        let glances = glance::of(self.month, &self.page, &self.before);
        glance::tell(self.month, &self.month.asked(self.known_at, self.through), &glances, &mut self)?;
        let mut file = self.folder.file(&format!("books-{}.xlsx", self.month.in_digits()), "every report as a sheet, with live totals")?;
        self.book.save(&mut file)?;
        self.folder.filed(file)?;
        let about = index::About { month: self.month, known_at: self.known_at, through: self.through, closing: self.closing };
        let page = index::page(about, &self.page, glances, self.folder.files())?;
        let mut file = self.folder.file("index.html", "this page")?;
        file.write_all(page.as_bytes())?;
        self.folder.filed(file)?;
        let ties = self.page.reports.iter().flat_map(|report| &report.ties);
        let (ties, broken) = ties.fold((0, 0), |(ties, broken), tie| (ties + 1, broken + usize::from(!tie.holds())));
        Ok(Packed { files: self.folder.finish()?, ties, broken })
    }
}

impl Sink for Packing {
    fn head(&mut self, head: &Head) -> Result<(), ReportError> {
        self.csvs.head(head);
        self.book.head(head)?;
        self.page.head(head)
    }

    fn section(&mut self, section: &Section) -> Result<(), ReportError> {
        self.csvs.section(section, &mut self.folder)?;
        self.book.section(section)?;
        self.page.section(section)
    }

    fn row(&mut self, cells: &[Cell]) -> Result<(), ReportError> {
        self.csvs.row(cells)?;
        self.book.row(cells)?;
        self.page.row(cells)
    }

    fn totals(&mut self, totals: &[Cell]) -> Result<(), ReportError> {
        self.book.totals(totals)?;
        self.page.totals(totals)
    }

    fn end(&mut self, ties: &[Tie], notes: &[String]) -> Result<(), ReportError> {
        self.csvs.finish(&mut self.folder)?;
        self.book.end(ties, notes)?;
        self.page.end(ties, notes)
    }
}
