//! `kasacare report pack`: a month's books as one folder, for people who close it, file it and check it.
//!
//! Every report is told once, and at the same time becomes CSV files, sheets of one workbook and a part of one page, so that
//! none of them can say something else. With them go the month's journals for hledger and beancount, and a list of all files with
//! their SHA-256 (`sha256sum -c SHA256SUMS`). Everything is read at one moment, and nothing in it comes from the clock: the
//! same month with the same knowledge cut-off is the same bytes.
//!
//! The folder is written beside its place, under a name that begins with a dot, and takes its place when it is complete.

mod cash;
mod closing;
mod csvs;
mod folder;
mod glance;
mod index;
mod journals;
mod lanes;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, Utc};

use self::csvs::Csvs;
pub use self::folder::Filed;
use self::folder::Folder;
use self::journals::Journals;
pub use self::lanes::Step;
use self::lanes::{Heard, Job, Only, Queue, Told, What};
use super::cards::boxed;
use super::finance::{Entry, Takes, last_known, refuse_cut_off_ahead, today};
use super::journal::{Books, Legs, Range};
use super::memo::Tallies;
use super::sheet::gathered::Gathered;
use super::sheet::html;
use super::sheet::xlsx::Book;
use super::sheet::{Asked, Cell, Head, Section, Sink, Tie};
use super::{Memo, ReportError, known_until};
use crate::domain::calendar::month_end;
use crate::store::db::{Db, Sql, Tx};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

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

/// Transactions that read at a time: one for the entries, one for what is summed meanwhile, and one for what needs neither.
const READERS: usize = 3;

/// Writes a month's pack from these reports; `heard` hears of each step.
///
/// # Errors
/// [`ReportError::Taken`] and [`ReportError::OtherMonth`] where something else than an earlier pack of the month is at the place, a month in
/// which the books had not begun or that lies ahead, what the database or the system says. Then nothing is there that was not there before.
pub async fn write(
    db: &Db,
    reports: &[Entry],
    order: Order,
    place: &Path,
    heard: impl Fn(Step<'_>) + Send + Sync + 'static,
) -> Result<Packed, ReportError> {
    let Order { month, known_at, .. } = order;
    let heard: Heard = Arc::new(heard);
    let mut packing = Packing::begin(place, month, known_at)?;
    let mut readers = db.begin_reads(READERS).await?.into_iter();
    let mut tx = readers.next().ok_or(ReportError::Stopped)?;
    let through = last_day(&mut tx, order).await?;
    packing.through = through;
    let range = Range { from: Some(month.first()), to: Some(through), account: None, known_at };
    let known_until = known_until(known_at);
    let all = jobs(reports, (month, through), known_at);
    let (first, later) = all.split_at(all.iter().position(|job| job.is(ENTRIES)).map_or(0, |entries| entries + 1));
    let queue = Queue::new(later.to_vec(), known_at, Arc::clone(&heard));
    // All postings are summed while the entries of the month are read, and what needs no sums is told meanwhile.
    let mut lanes = Vec::new();
    let summing = readers.next().map(|other| {
        let (wanted, heard) = (wanted(&all), Arc::clone(&heard));
        spawn_blocking(move || Handle::current().block_on(summed(other, (month, through), known_until, (wanted, heard))))
    });
    lanes.extend(readers.map(|other| queue.lane(other, Memo::default(), Only::Apart)));
    heard(Step::Begins("Reading the entries"));
    let legs = Arc::new(Legs::read(&mut tx, &range).await?);
    heard(Step::Ends("Reading the entries"));
    let memo = match summing {
        Some(summing) => {
            let (other, memo) = summing.await.map_err(|_| ReportError::Stopped)??;
            lanes.push(queue.lane(other, memo.clone(), Only::Any));
            memo
        }
        None => {
            let (same, memo) = summed(tx, (month, through), known_until, (wanted(&all), Arc::clone(&heard))).await?;
            tx = same;
            memo
        }
    };
    memo.keep_legs((month.first(), through), known_at, Arc::clone(&legs));
    let moves = memo.moves(&mut tx, known_until).await?;
    let journals = Journals::begin(Books::of(&range, &moves, legs), &mut packing.folder)?;
    // The longest of all, and what comes before it, goes straight into the pack.
    let memo = Rc::new(memo);
    for job in first {
        let sink: &mut dyn Sink = if job.is_before { &mut packing.before } else { &mut packing };
        queue.tell(&mut tx, &memo, job, sink).await?;
    }
    let mut told = queue.work(&mut tx, &memo, Only::Any).await?;
    for lane in lanes {
        told.extend(lane.await.map_err(|_| ReportError::Stopped)??);
    }
    tx.rollback().await?;
    packing.take(told)?;
    heard(Step::Begins("Journals"));
    journals.finish(&mut packing.folder)?;
    heard(Step::Ends("Journals"));
    heard(Step::Begins("Workbook and page"));
    let packed = packing.finish()?;
    heard(Step::Ends("Workbook and page"));
    Ok(packed)
}

/// The last day that a pack tells of: that of its month, where it is known already.
async fn last_day(tx: &mut Tx, Order { month, known_at, now }: Order) -> Result<NaiveDate, ReportError> {
    refuse_cut_off_ahead(tx, known_at, now).await?;
    // The books may go further than today; it need not be known how far where the month is over.
    let today = today(known_at, now);
    let last = if today < month.last() { last_known(tx, known_at, now, &Memo::default()).await? } else { today };
    if month.first() > last { Err(ReportError::NotYet { day: month.first(), last }) } else { Ok(month.last().min(last)) }
}

/// How many steps a pack of these reports has.
#[must_use]
pub fn steps(reports: &[Entry], month: Month) -> usize {
    const BESIDES: usize = 4;
    BESIDES + jobs(reports, (month, month.last()), None).len()
}

/// The report that has a row a leg.
const ENTRIES: &str = "journal-entries";

/// What was posted by day, what has accrued at the ends of all days that the reports will ask about, and what else they sum.
async fn summed(
    mut tx: Tx,
    (month, through): (Month, NaiveDate),
    known_until: i64,
    (wanted, heard): (Tallies, Heard),
) -> Result<(Tx, Memo), ReportError> {
    let memo = Memo::default();
    heard(Step::Begins("Summing the postings"));
    memo.foresee(&mut tx, known_until, Some(days_asked(month, through)), wanted).await?;
    heard(Step::Ends("Summing the postings"));
    Ok((tx, memo))
}

/// What these will sum.
fn wanted(jobs: &[Job]) -> Tallies {
    let of = |job: &Job| match &job.what {
        What::Cash(month, last) => vec![boxed(cash::Moved::of(*month, *last))],
        What::Report(report, asked) => report.foreseen(asked),
        What::Closing(..) => Vec::new(),
    };
    jobs.iter().flat_map(of).collect()
}

/// The workbook of a month.
fn workbook(month: Month) -> String {
    format!("books-{}.xlsx", month.in_digits())
}

/// What is told, in the order in which people read it.
fn jobs(reports: &[Entry], (month, through): (Month, NaiveDate), known_at: Option<DateTime<Utc>>) -> Vec<Job> {
    let (before, now, earlier) = (month.before(), false, true);
    let mut jobs =
        vec![Job { what: What::Cash(month, through), is_before: now }, Job { what: What::Cash(before, before.last()), is_before: earlier }];
    for report in reports {
        let mut asked = month.asked(known_at, through);
        if report.takes == Takes::Range && glance::has_earlier_months(report.name) {
            asked.from = month.first().checked_sub_months(YEAR_BEFORE);
        }
        jobs.push(Job { what: What::Report(*report, asked), is_before: now });
        if glance::needs_before(report.name) {
            jobs.push(Job { what: What::Report(*report, before.asked(known_at, before.last())), is_before: earlier });
        }
    }
    jobs.push(Job { what: What::Closing(month, through), is_before: now });
    jobs
}

/// The days at whose ends the reports of a month ask what has accrued: those of the month and of the month before, and of the year that
/// charts show.
fn days_asked(month: Month, through: NaiveDate) -> BTreeSet<NaiveDate> {
    let from = month.first().checked_sub_months(YEAR_BEFORE).unwrap_or(month.first());
    let mut days: BTreeSet<NaiveDate> = from.pred_opt().into_iter().collect();
    let mut next = Some(from);
    while let Some(day) = next.filter(|day| *day <= through) {
        let last = month_end(day).min(through);
        days.insert(last);
        next = last.succ_opt();
    }
    days
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
    /// [`ReportError::Taken`] and [`ReportError::OtherMonth`] where something else than an earlier pack of the month is there; what the system
    /// says.
    pub fn begin(place: &Path, month: Month, known_at: Option<DateTime<Utc>>) -> Result<Self, ReportError> {
        let book = Book::new(&format!("Kasa Care, the books of {}", month.in_words()))?;
        Ok(Self {
            month,
            known_at,
            through: month.last(),
            closing: None,
            folder: Folder::begin(place, &workbook(month))?,
            csvs: Csvs::default(),
            book,
            page: Gathered::keeping(html::ROWS_SHOWN),
            before: Gathered::keeping(0),
        })
    }

    /// Takes what the lanes were told, in its order.
    fn take(&mut self, mut told: Vec<Told>) -> Result<(), ReportError> {
        told.sort_by_key(|told| told.place);
        for Told { is_before, recorded, closing, .. } in told {
            if closing.is_some() && self.page.reports.iter().all(|report| report.sheets.is_empty()) {
                return Err(ReportError::NotFound { what: "month of the books", id: self.month.in_digits() });
            }
            recorded.tell(if is_before { &mut self.before } else { self })?;
            self.closing = closing.or(self.closing.take());
        }
        Ok(())
    }

    /// Writes what is written last, and puts the folder into its place.
    ///
    /// # Errors
    /// What the system says; then nothing is there.
    pub fn finish(mut self) -> Result<Packed, ReportError> {
        let glances = glance::of(self.month, &self.page, &self.before);
        glance::tell(self.month, &self.month.asked(self.known_at, self.through), &glances, &mut self)?;
        let mut file = self.folder.file(&workbook(self.month), "every report as a sheet, with live totals")?;
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
