//! What an operator can make happen, as card holders and their banks would: disputes, and refunds that come back.

use chrono::{DateTime, Utc};

use super::SimulatedError;
use super::books::Books;
use super::later::catch_up;
use super::rows::{Charge, ChargeState, DisputeState, RefundState};
use super::schema::{CHARGE_REFERENCES, REFUND_REFERENCES};
use super::settings::Settings;
use crate::domain::money::Money;
use crate::store::db::{Db, Tx};
use crate::values;

/// A dispute that was opened or decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeDone {
    /// The provider's id of the dispute.
    pub dispute_id: String,
    /// Our id of the disputed charge.
    pub charge_id: String,
    /// Disputed.
    pub amount: Money,
    /// Where it stands now.
    pub state: DisputeState,
}

/// A refund that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundDone {
    /// Our id of the refund.
    pub refund_id: String,
    /// The provider's id of it.
    pub reference: String,
    /// What came back.
    pub amount: Money,
}

pub(super) async fn open_dispute(
    db: &Db,
    now: DateTime<Utc>,
    charge_id: &str,
    amount: Option<Money>,
) -> Result<DisputeDone, SimulatedError> {
    catch_up(db, now, false).await?;
    let mut tx = db.begin().await?;
    let (mut books, charge) = charge_of(&mut tx, charge_id).await?;
    let charge_id = || charge_id.to_owned();
    if charge.state != ChargeState::Captured {
        return Err(SimulatedError::NotCaptured { charge_id: charge_id() });
    }
    if books.open_dispute_of(&charge.reference).is_some() {
        return Err(SimulatedError::DisputeIsOpen { charge_id: charge_id() });
    }
    let remainder = charge.remainder()?;
    let amount = amount.unwrap_or(remainder);
    if !amount.is_positive() || amount.at_most(remainder)? != amount {
        return Err(SimulatedError::BeyondRemainder { charge_id: charge_id(), amount, remainder });
    }
    let dispute_id = books.open_dispute(&charge.reference, amount, now)?.unwrap_or_default();
    books.save(&mut tx).await?;
    tx.commit().await?;
    Ok(DisputeDone { dispute_id, charge_id: charge_id(), amount, state: DisputeState::Open })
}

pub(super) async fn end_dispute(db: &Db, now: DateTime<Utc>, charge_id: &str, won: bool) -> Result<DisputeDone, SimulatedError> {
    catch_up(db, now, false).await?;
    let mut tx = db.begin().await?;
    let (mut books, charge) = charge_of(&mut tx, charge_id).await?;
    let none = || SimulatedError::NoDispute { charge_id: charge_id.to_owned() };
    let dispute = books.open_dispute_of(&charge.reference).or_else(|| books.last_dispute_of(&charge.reference));
    let (dispute_id, amount) = dispute.map(|it| (it.dispute_id.clone(), charge.money(it.amount_minor))).ok_or_else(none)?;
    if !books.end_dispute(&dispute_id, won, now)? {
        return Err(SimulatedError::DisputeIsDecided { dispute_id });
    }
    books.save(&mut tx).await?;
    tx.commit().await?;
    let state = if won { DisputeState::Won } else { DisputeState::Lost };
    Ok(DisputeDone { dispute_id, charge_id: charge_id.to_owned(), amount, state })
}

pub(super) async fn fail_refund(db: &Db, now: DateTime<Utc>, refund_id: &str) -> Result<RefundDone, SimulatedError> {
    catch_up(db, now, false).await?;
    let mut tx = db.begin().await?;
    let found = tx.fetch_all(&REFUND_REFERENCES, &values![refund_id]).await?;
    let Some(row) = found.first() else {
        return Err(SimulatedError::NoSuchRefund { refund_id: refund_id.to_owned() });
    };
    let (reference, charge_reference) = (row.text("reference")?, row.text("charge_reference")?);
    let mut books = Books::new(Settings::load(&mut tx).await?);
    books.load_charges(&mut tx, vec![charge_reference.clone()]).await?;
    books.load_refunds(&mut tx, vec![reference.clone()]).await?;
    let refund = books.refund(&reference).filter(|refund| refund.state != RefundState::Failed);
    let minor = refund.map(|refund| refund.amount_minor);
    let charge = books.charge(&charge_reference);
    let Some((minor, charge)) = minor.zip(charge) else {
        return Err(SimulatedError::RefundHasFailed { refund_id: refund_id.to_owned() });
    };
    let amount = charge.money(minor);
    books.fail_refund(&reference, now)?;
    books.save(&mut tx).await?;
    tx.commit().await?;
    Ok(RefundDone { refund_id: refund_id.to_owned(), reference, amount })
}

/// The charge with this id of ours, locked, with its disputes. If there are several, it is the one that was captured first.
async fn charge_of(tx: &mut Tx, charge_id: &str) -> Result<(Books, Charge), SimulatedError> {
    let mut books = Books::new(Settings::load(tx).await?);
    let references = tx.fetch_all(&CHARGE_REFERENCES, &values![charge_id]).await?;
    let reference = references.first().map(|row| row.text("reference")).transpose()?;
    let none = || SimulatedError::NoSuchCharge { charge_id: charge_id.to_owned() };
    let reference = reference.ok_or_else(none)?;
    books.load_charges(tx, vec![reference.clone()]).await?;
    books.load_disputes(tx).await?;
    let charge = books.charge(&reference).cloned().ok_or_else(none)?;
    Ok((books, charge))
}
