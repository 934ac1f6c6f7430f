//! Closing months, and opening the last one again (RC-3, ledger.md section 6).
//!
//! A month is closed when it is over everywhere and nothing before it is open. What stands in the books by its end is sealed: reckoned
//! while everybody works, and then, in the transaction that closes the month and in which nobody else can post, it is only seen that
//! nothing has come since. From then on the database refuses postings into it. Only the last closed month can be opened again, and both
//! are recorded for good.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use crate::domain::calendar::{DATE_MAX, month_end};
use crate::store::StoreError;
use crate::store::closings::{self, Act, Closing, Mark, Seal};
use crate::store::db::{Db, DbError, Tx};

/// How far the last time zone is behind UTC: then a day is over everywhere.
const LAST_ZONE_BEHIND: TimeDelta = TimeDelta::hours(12);

/// A month that is to be closed.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its first day.
    pub month: NaiveDate,
    /// Now.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: String,
    /// Why, where a reason was given.
    pub reason: Option<String>,
    /// What stood in the books when the checklist was gone through.
    pub seal: Seal,
    /// How much there was in them then.
    pub mark: Mark,
    /// The checklist as JSON.
    pub checklist: String,
}

/// Why a month was not closed, or not opened again. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClosingError {
    /// It is not over in every time zone.
    #[error("{} is not over everywhere before noon UTC of the day after it", name(*month))]
    NotOver {
        /// The month.
        month: NaiveDate,
    },
    /// It is closed.
    #[error("{} is closed already", name(*month))]
    AlreadyClosed {
        /// The month.
        month: NaiveDate,
    },
    /// A month before it has entries and is open.
    #[error("{} has entries and is open; close it before {}", name(*earlier), name(*month))]
    EarlierIsOpen {
        /// The month.
        month: NaiveDate,
        /// The one before it.
        earlier: NaiveDate,
    },
    /// No month is closed.
    #[error("no month is closed")]
    NothingClosed,
    /// Another month is the last closed one.
    #[error("only the last closed month can be opened again, and that is {}, not {}", name(*last), name(*month))]
    NotTheLast {
        /// The month.
        month: NaiveDate,
        /// The last closed one.
        last: NaiveDate,
    },
    /// Something was posted into the month after its checklist was gone through.
    #[error("something was posted into {} while its checklist was gone through; try again", name(*month))]
    Moved {
        /// The month.
        month: NaiveDate,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbError> for ClosingError {
    fn from(error: DbError) -> Self {
        Self::Store(error.into())
    }
}

/// A month as it is written.
fn name(month: NaiveDate) -> impl std::fmt::Display {
    month.format("%Y-%m")
}

/// Whether a month can be closed now, apart from its checklist.
///
/// # Errors
/// [`ClosingError`] with what is in the way.
pub async fn may_close(tx: &mut Tx, month: NaiveDate, at: DateTime<Utc>) -> Result<(), ClosingError> {
    let closed = not_closed(tx, month, at).await?;
    let after = closed.unwrap_or(NaiveDate::from_ymd_opt(1, 1, 1).unwrap_or(DATE_MAX));
    match closings::first_between(tx, after, month).await? {
        Some(earlier) => Err(ClosingError::EarlierIsOpen { month, earlier }),
        None => Ok(()),
    }
}

/// That a month is over and not closed; gives the last day that is.
async fn not_closed(tx: &mut Tx, month: NaiveDate, at: DateTime<Utc>) -> Result<Option<NaiveDate>, ClosingError> {
    if (at - LAST_ZONE_BEHIND).date_naive() <= month_end(month) {
        return Err(ClosingError::NotOver { month });
    }
    match closings::closed_through(tx).await? {
        Some(last) if month <= last => Err(ClosingError::AlreadyClosed { month }),
        closed => Ok(closed),
    }
}

/// Closes a month.
///
/// # Errors
/// [`ClosingError`]; then nothing has changed.
pub async fn close(db: &Db, order: &Order) -> Result<Closing, ClosingError> {
    let mut tx = db.begin().await?;
    closings::lock_books(&mut tx).await?;
    // Months before it were looked at with the checklist: nothing that was posted since is of an earlier day either.
    not_closed(&mut tx, order.month, order.at).await?;
    let end = month_end(order.month);
    if !closings::still_has(&mut tx, end, order.mark).await? {
        return Err(ClosingError::Moved { month: order.month });
    }
    let closing = Closing {
        number: next_number(&closings::acts(&mut tx).await?),
        at: order.at,
        month: order.month,
        closed_through: Some(end),
        act: Act::Closed,
        seal: order.seal.clone(),
        actor: order.actor.clone(),
        reason: order.reason.clone(),
        checklist: order.checklist.clone(),
    };
    closings::add(&mut tx, &closing).await?;
    tx.commit().await?;
    Ok(closing)
}

/// Opens the last closed month again: `month`, where one is named, must be it.
///
/// # Errors
/// [`ClosingError::NothingClosed`], [`ClosingError::NotTheLast`], store errors.
pub async fn reopen(db: &Db, month: Option<NaiveDate>, at: DateTime<Utc>, actor: &str, reason: &str) -> Result<Closing, ClosingError> {
    let mut tx = db.begin().await?;
    closings::lock_books(&mut tx).await?;
    let acts = closings::acts(&mut tx).await?;
    let closed = closings::in_force(&acts);
    let (last, before) = match closed.as_slice() {
        [] => return Err(ClosingError::NothingClosed),
        [.., before, last] => (*last, before.closed_through),
        [last] => (*last, None),
    };
    if let Some(month) = month.filter(|month| *month != last.month) {
        return Err(ClosingError::NotTheLast { month, last: last.month });
    }
    let closing = Closing {
        number: next_number(&acts),
        at,
        closed_through: before,
        act: Act::Reopened,
        actor: actor.to_owned(),
        reason: Some(reason.to_owned()),
        checklist: "[]".to_owned(),
        ..last.clone()
    };
    closings::add(&mut tx, &closing).await?;
    tx.commit().await?;
    Ok(closing)
}

/// Every act, in their order.
///
/// # Errors
/// Store errors.
pub async fn list(db: &Db) -> Result<Vec<Closing>, ClosingError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let acts = closings::acts(&mut tx).await?;
    tx.rollback().await?;
    Ok(acts)
}

fn next_number(acts: &[Closing]) -> i64 {
    acts.last().map_or(1, |last| last.number + 1)
}
