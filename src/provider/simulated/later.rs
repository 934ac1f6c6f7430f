//! What happens by itself when its time has come, and what is told of it.

use chrono::{DateTime, Utc};

use super::SimulatedError;
use super::books::Books;
use super::calls::key_window;
use super::rows::{Due, DueKind, EventKind, account, currency, instant};
use super::schema::{DUE, EVENTS, FORGET_REQUESTS, HOUSEKEEPING, LOCK_DUE, SIM_DUE};
use super::settings::Settings;
use crate::domain::money::Money;
use crate::provider::{Decline, Fact, ProviderEvent};
use crate::store::db::{Columns, Db, DbError, Row};
use crate::values;

/// How many things are made to happen in one transaction.
const DUE_CHUNK: usize = 500;

/// How many keys are forgotten at one time at most: whoever asks for events should not wait long for it.
const FORGET_KEYS_MAX: i64 = 10_000;

/// Makes everything happen that is due, at the instant at which it was due, and forgets keys if `forget` says so.
pub(super) async fn catch_up(db: &Db, now: DateTime<Utc>, forget: bool) -> Result<(), SimulatedError> {
    let (now_micros, stale_micros) = (now.timestamp_micros(), (now - key_window()).timestamp_micros());
    let mut tx = db.begin_read().await?;
    let row = tx.fetch_one(&HOUSEKEEPING, &values![now_micros, stale_micros]).await?;
    let (is_due, is_stale) = (row.flag("is_due")?, row.flag("is_stale")?);
    tx.rollback().await?;
    if is_due {
        while make_happen(db, now).await? == DUE_CHUNK {}
    }
    if forget && is_stale {
        let mut tx = db.begin().await?;
        tx.execute(&FORGET_REQUESTS, &values![stale_micros, FORGET_KEYS_MAX]).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Makes the first of the due things happen, and gives their number.
async fn make_happen(db: &Db, now: DateTime<Utc>) -> Result<usize, SimulatedError> {
    let mut tx = db.begin().await?;
    // One at a time: a dispute must not be decided by one process while another is opening it.
    tx.execute(&LOCK_DUE, &[]).await?;
    let limit = i64::try_from(DUE_CHUNK).unwrap_or(i64::MAX);
    let rows = tx.fetch_all(&DUE, &values![now.timestamp_micros(), limit]).await?;
    let due = rows.iter().map(Due::read).collect::<Result<Vec<_>, _>>()?;
    let mut books = Books::new(Settings::load(&mut tx).await?);
    books.load_charges(&mut tx, due.iter().map(|due| due.charge_reference.clone()).collect()).await?;
    let refunds = due.iter().filter(|due| matches!(due.kind, DueKind::PayRefund | DueKind::FailRefund));
    books.load_refunds(&mut tx, refunds.map(|due| due.subject.clone()).collect()).await?;
    books.load_disputes(&mut tx).await?;
    let mut done = Columns::only(&SIM_DUE, SIM_DUE.key);
    for due in &due {
        books.happen(due)?;
        done.row().text(due.kind.as_str()).text(&due.subject);
    }
    tx.delete_rows(&done).await?;
    books.save(&mut tx).await?;
    tx.commit().await?;
    Ok(due.len())
}

/// The events after a number, and the number of the last of them.
pub(super) async fn events(db: &Db, after: i64, limit: u32) -> Result<(Vec<ProviderEvent>, i64), SimulatedError> {
    let mut tx = db.begin_read().await?;
    let rows = tx.fetch_all(&EVENTS, &values![after, limit]).await?;
    let events = rows.iter().map(event).collect::<Result<_, _>>()?;
    let last = rows.last().map_or(Ok(after), |row| row.int("seq"))?;
    Ok((events, last))
}

fn event(row: &Row) -> Result<ProviderEvent, DbError> {
    let kind = EventKind::read(row, "kind")?;
    let (charge_reference, charge_id) = (row.text("charge_reference")?, row.text("charge_id")?);
    let subject = row.opt_text("subject")?;
    // A fact about one object happens once, so this names it, and the same seed gives the same names.
    let id = format!("evt_{}_{}", kind.as_str(), subject.as_ref().unwrap_or(&charge_reference));
    let amount = Money::new(row.int("amount_minor")?, currency(row)?);
    let of_subject = || subject.clone().ok_or_else(|| row.corrupt("subject", "is NULL"));
    let fact = match kind {
        EventKind::ChargeSucceeded => Fact::ChargeSucceeded { charge_id, reference: charge_reference, amount },
        EventKind::ChargeDeclined => {
            let decline = Decline::of(&row.text("charge_code")?);
            Fact::ChargeDeclined { charge_id, reference: charge_reference, decline }
        }
        EventKind::RefundSucceeded => Fact::RefundSucceeded { refund_id: row.text("refund_id")?, reference: of_subject()?, amount },
        EventKind::RefundFailed => {
            let (refund_id, code) = (row.text("refund_id")?, row.text("refund_code")?);
            Fact::RefundFailed { refund_id, reference: of_subject()?, amount, code }
        }
        EventKind::DisputeOpened => {
            let fee = Money::new(row.int("fee_minor")?, amount.currency());
            Fact::DisputeOpened { dispute_id: of_subject()?, charge_id, charge_reference, amount, fee }
        }
        EventKind::DisputeWon => Fact::DisputeWon { dispute_id: of_subject()?, charge_id, charge_reference, amount },
        EventKind::DisputeLost => Fact::DisputeLost { dispute_id: of_subject()?, charge_id, charge_reference, amount },
    };
    Ok(ProviderEvent { id, at: instant(row, "happened_at")?, account_id: Some(account(row)?), fact })
}
