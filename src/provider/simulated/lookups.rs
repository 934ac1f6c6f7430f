//! What became of a charge or a refund, found by our id, which works for ever: also when the key has been forgotten.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::SimulatedError;
use super::rows::{ChargeState, RefundState, currency, instant};
use super::schema::{LOOK_UP_CHARGES, LOOK_UP_REFUNDS};
use crate::domain::money::Money;
use crate::provider::{Decline, LookUp, NotDone, Outcome};
use crate::store::db::{Db, DbError, Row, Sql, Value};
use crate::values;

/// Where an object stands, best first: if one id has several (its key had been forgotten), the best is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    Succeeded,
    Pending,
    Declined,
}

pub(super) async fn look_up_charges(db: &Db, calls: &[LookUp]) -> Result<Vec<Outcome>, SimulatedError> {
    look_up(db, &LOOK_UP_CHARGES, calls, |row| {
        Ok(match ChargeState::read(row, "state")? {
            ChargeState::Captured => Standing::Succeeded,
            ChargeState::Pending => Standing::Pending,
            ChargeState::Declined => Standing::Declined,
        })
    })
    .await
}

pub(super) async fn look_up_refunds(db: &Db, calls: &[LookUp]) -> Result<Vec<Outcome>, SimulatedError> {
    look_up(db, &LOOK_UP_REFUNDS, calls, |row| {
        Ok(match RefundState::read(row, "state")? {
            RefundState::Succeeded => Standing::Succeeded,
            RefundState::Pending => Standing::Pending,
            RefundState::Failed => Standing::Declined,
        })
    })
    .await
}

async fn look_up(
    db: &Db,
    sql: &Sql,
    calls: &[LookUp],
    standing: impl Fn(&Row) -> Result<Standing, DbError>,
) -> Result<Vec<Outcome>, SimulatedError> {
    let mut tx = db.begin_read().await?;
    let ids = Value::texts(calls.iter().map(|call| call.id.as_str()));
    let mut found: BTreeMap<String, (Standing, Outcome)> = BTreeMap::new();
    for row in tx.fetch_all(sql, &values![ids]).await? {
        let (id, standing) = (row.text("id")?, standing(&row)?);
        if found.get(&id).is_none_or(|(best, _)| standing < *best) {
            found.insert(id, (standing, outcome(&row, standing)?));
        }
    }
    let outcome = |call: &LookUp| found.get(&call.id).map(|(_, outcome)| outcome.clone());
    Ok(calls.iter().map(|call| outcome(call).unwrap_or(Outcome::DidNotHappen(NotDone::NotFound))).collect())
}

fn outcome(row: &Row, standing: Standing) -> Result<Outcome, DbError> {
    Ok(match standing {
        Standing::Succeeded => {
            let (amount, at): (_, DateTime<Utc>) = (Money::new(row.int("amount_minor")?, currency(row)?), instant(row, "settled_at")?);
            Outcome::Succeeded { reference: row.text("reference")?, amount, at }
        }
        Standing::Pending => Outcome::Pending,
        Standing::Declined => Outcome::Declined(Decline::of(&row.text("code")?)),
    })
}
