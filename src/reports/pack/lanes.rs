//! The reports of a pack, several at a time: each lane has a transaction of its own, and all of them see the same moment. What a lane is told
//! is kept, and goes into the pack in the order in which people read it.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Month, cash, closing};
use crate::reports::finance::Entry;
use crate::reports::sheet::recorded::Recorded;
use crate::reports::sheet::{Asked, Sink};
use crate::reports::{Memo, ReportError, known_until};
use crate::store::db::Tx;

/// A step of a pack, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// It begins.
    Begins(&'a str),
    /// It has ended.
    Ends(&'a str),
}

/// Who hears of the steps.
pub(super) type Heard = Arc<dyn Fn(Step<'_>) + Send + Sync>;

/// What is told.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// Cash of a month through a day.
    Cash(Month, NaiveDate),
    /// A report.
    Report(Entry, Asked),
    /// Whether the month is closed, as of a day.
    Closing(Month, NaiveDate),
}

/// What is to be told, and whether the page only compares with it.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) what: What,
    pub(super) is_before: bool,
}

/// What was told.
pub(super) struct Told {
    /// Its place among the jobs.
    pub(super) place: usize,
    pub(super) is_before: bool,
    pub(super) recorded: Recorded,
    /// Whether the month is closed, in words, where that was the job.
    pub(super) closing: Option<String>,
}

/// The jobs that nobody has begun. The last is taken first: it is in the later ones that most is read. When a lane is gone that has not come
/// to its end there will be no pack, so that nobody begins another.
pub(super) struct Queue {
    jobs: Arc<Mutex<Vec<(usize, Job)>>>,
    known_at: Option<DateTime<Utc>>,
    heard: Heard,
    has_ended: AtomicBool,
}

/// Which jobs a lane takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Only {
    Any,
    /// Those that need nothing of what is summed of cards: they are told while the sums are made.
    Apart,
}

impl Queue {
    pub(super) fn new(jobs: impl IntoIterator<Item = Job>, known_at: Option<DateTime<Utc>>, heard: Heard) -> Self {
        Self { jobs: Arc::new(Mutex::new(jobs.into_iter().enumerate().collect())), known_at, heard, has_ended: AtomicBool::new(false) }
    }

    /// Another lane, on a thread of its own.
    pub(super) fn lane(&self, mut tx: Tx, memo: Memo, only: Only) -> JoinHandle<Result<Vec<Told>, ReportError>> {
        let (jobs, heard) = (Arc::clone(&self.jobs), Arc::clone(&self.heard));
        let lane = Self { jobs, known_at: self.known_at, heard, has_ended: AtomicBool::new(false) };
        spawn_blocking(move || {
            Handle::current().block_on(async {
                // One reading of all postings, which every report asks for something of.
                memo.moves(&mut tx, known_until(lane.known_at)).await?;
                let told = lane.work(&mut tx, &Rc::new(memo), only).await?;
                tx.rollback().await?;
                Ok(told)
            })
        })
    }

    /// Does jobs until there are none.
    pub(super) async fn work(&self, tx: &mut Tx, memo: &Rc<Memo>, only: Only) -> Result<Vec<Told>, ReportError> {
        let mut all = Vec::new();
        while let Some((place, job)) = self.next(only) {
            all.push(self.one(tx, memo, place, &job).await?);
        }
        self.has_ended.store(true, Ordering::Relaxed);
        Ok(all)
    }

    fn next(&self, only: Only) -> Option<(usize, Job)> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let at = jobs.iter().rposition(|(_, job)| only == Only::Any || job.is_apart())?;
        Some(jobs.remove(at))
    }

    async fn one(&self, tx: &mut Tx, memo: &Rc<Memo>, place: usize, job: &Job) -> Result<Told, ReportError> {
        let mut recorded = Recorded::default();
        let closing = self.tell(tx, memo, job, &mut recorded).await?;
        Ok(Told { place, is_before: job.is_before, recorded, closing })
    }

    /// Does a job at once; gives in words whether the month is closed, where that is the job.
    pub(super) async fn tell(&self, tx: &mut Tx, memo: &Rc<Memo>, job: &Job, sink: &mut dyn Sink) -> Result<Option<String>, ReportError> {
        let name = job.name();
        (self.heard)(Step::Begins(&name));
        let closing = match &job.what {
            What::Cash(month, last) => cash::tell(tx, (*month, *last), self.known_at, memo, sink).await.map(|_| None)?,
            What::Report(report, asked) => report.tell_knowing(tx, asked, memo, sink).await.map(|_| None)?,
            What::Closing(month, through) => Some(closing::tell(tx, *month, self.known_at, *through, sink).await?),
        };
        (self.heard)(Step::Ends(&name));
        Ok(closing)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if !self.has_ended.load(Ordering::Relaxed) {
            self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }
}

impl Job {
    /// Whether it is a report of this name.
    pub(super) fn is(&self, name: &str) -> bool {
        matches!(&self.what, What::Report(report, _) if report.name == name)
    }

    fn is_apart(&self) -> bool {
        matches!(&self.what, What::Report(report, _) if report.is_apart())
    }

    fn name(&self) -> String {
        let name = match &self.what {
            What::Cash(..) => "Cash",
            What::Report(report, _) => report.title,
            What::Closing(..) => "Month close",
        };
        if self.is_before { format!("{name}, the month before") } else { name.to_owned() }
    }
}
