//! What several reports of one transaction ask for alike: it is found once.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use chrono::NaiveDate;

use super::ReportError;
use super::accrued::{self, Accrued};
use super::trial_balance::{self, Balances};
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// The first and the last business date of what was recorded by an instant.
    EDGES = same(concat!("select min(p.effective_on) as first, max(p.effective_on) as last from postings p where ", known!("$1")));
}

/// The first and the last business date; nothing where nothing was posted.
type Edges = Option<(NaiveDate, NaiveDate)>;

/// By a day, and the instant in microseconds by which it was recorded.
type Found<T> = RefCell<HashMap<(NaiveDate, i64), Rc<T>>>;

/// What the reports that are told in one read transaction have found already; it is of no use in another one.
#[derive(Debug, Default)]
pub struct Memo {
    edges: RefCell<HashMap<i64, Edges>>,
    posted: Found<Balances>,
    accrued: Found<Accrued>,
}

impl Memo {
    /// Where the books begin and end.
    pub(super) async fn edges(&self, tx: &mut Tx, known_until: i64) -> Result<Edges, ReportError> {
        let found = self.edges.borrow().get(&known_until).copied();
        if let Some(found) = found {
            return Ok(found);
        }
        let row = tx.fetch_one(&EDGES, &values![known_until]).await?;
        let found = row.opt_date_at(0)?.zip(row.opt_date_at(1)?);
        self.edges.borrow_mut().insert(known_until, found);
        Ok(found)
    }

    /// What was posted by the end of a day.
    pub(super) async fn posted(&self, tx: &mut Tx, on: NaiveDate, known_until: i64) -> Result<Rc<Balances>, ReportError> {
        let found = self.posted.borrow().get(&(on, known_until)).cloned();
        if let Some(found) = found {
            return Ok(found);
        }
        let found = Rc::new(trial_balance::posted(tx, on, known_until).await?);
        self.posted.borrow_mut().insert((on, known_until), Rc::clone(&found));
        Ok(found)
    }

    /// What has accrued by the end of a day.
    pub(super) async fn accrued(&self, tx: &mut Tx, on: NaiveDate, known_until: i64) -> Result<Rc<Accrued>, ReportError> {
        let found = self.accrued.borrow().get(&(on, known_until)).cloned();
        if let Some(found) = found {
            return Ok(found);
        }
        let found = Rc::new(accrued::through(tx, on, known_until).await?);
        self.accrued.borrow_mut().insert((on, known_until), Rc::clone(&found));
        Ok(found)
    }
}
