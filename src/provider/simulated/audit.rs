//! The provider's side of the books, for checks that compare it with ours (I1, I2, I4, I5): every money object with our ids.
//!
//! These read in the caller's transaction, so that both sides are seen at one moment. What is due but has not been made to
//! happen yet (a dispute, a refund that comes back) is not in them: nobody has been told of it either.

use super::SimulatedError;
use super::rows::{ChargeState, DisputeState, RefundState, account, currency};
use super::schema::{ALL_CHARGES, ALL_DISPUTES, ALL_REFUNDS, REPEATED_CAPTURES};
use crate::domain::ids::AccountId;
use crate::domain::money::Money;
use crate::store::db::{DbError, Row, Sql, Tx};

/// A charge at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargeObject {
    /// Whose money it is.
    pub account_id: AccountId,
    /// Our id of the attempt.
    pub charge_id: String,
    /// The invoice that it was for.
    pub invoice_id: String,
    /// The provider's id.
    pub reference: String,
    /// What was asked for, and captured if it was.
    pub amount: Money,
    /// Refunds that succeeded or are on their way.
    pub refunded: Money,
    /// Disputes that are open or lost.
    pub disputed: Money,
    /// Where it stands.
    pub state: ChargeState,
}

/// A refund at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundObject {
    /// Whose money it is.
    pub account_id: AccountId,
    /// Our id of the refund.
    pub refund_id: String,
    /// Our id of the charge that it went back to.
    pub charge_id: String,
    /// The provider's id.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// Where it stands.
    pub state: RefundState,
}

/// A dispute at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeObject {
    /// Whose money it is.
    pub account_id: AccountId,
    /// The provider's id.
    pub dispute_id: String,
    /// Our id of the disputed charge.
    pub charge_id: String,
    /// How much.
    pub amount: Money,
    /// What the provider took for it.
    pub fee: Money,
    /// Where it stands.
    pub state: DisputeState,
}

/// An attempt of ours that was captured more than once: what must never be (I1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedCapture {
    /// Whose money it is.
    pub account_id: AccountId,
    /// The invoice that it was for.
    pub invoice_id: String,
    /// Our id of the attempt.
    pub charge_id: String,
    /// How often; two or more.
    pub captures: i64,
}

/// All charges, pending and declined ones too, in the order of accounts and our ids, in batches of bounded size.
///
/// # Errors
/// What the database says, or what `each` returns, after which it is not called again.
pub async fn charges<E: From<DbError>>(tx: &mut Tx, each: impl FnMut(Vec<ChargeObject>) -> Result<(), E>) -> Result<(), E> {
    stream(tx, &ALL_CHARGES, charge, each).await
}

/// All refunds, in the order of accounts and our ids, in batches of bounded size.
///
/// # Errors
/// What the database says, or what `each` returns, after which it is not called again.
pub async fn refunds<E: From<DbError>>(tx: &mut Tx, each: impl FnMut(Vec<RefundObject>) -> Result<(), E>) -> Result<(), E> {
    stream(tx, &ALL_REFUNDS, refund, each).await
}

/// All disputes, in the order of accounts and the provider's ids, in batches of bounded size.
///
/// # Errors
/// What the database says, or what `each` returns, after which it is not called again.
pub async fn disputes<E: From<DbError>>(tx: &mut Tx, each: impl FnMut(Vec<DisputeObject>) -> Result<(), E>) -> Result<(), E> {
    stream(tx, &ALL_DISPUTES, dispute, each).await
}

/// The attempts that were captured more than once (I1). Nothing, unless a key was sent after its window (F03).
///
/// # Errors
/// What the database says.
pub async fn repeated_captures(tx: &mut Tx) -> Result<Vec<RepeatedCapture>, SimulatedError> {
    let rows = tx.fetch_all(&REPEATED_CAPTURES, &[]).await?;
    let repeated = |row: &Row| {
        Ok(RepeatedCapture {
            account_id: account(row)?,
            invoice_id: row.text("invoice_id")?,
            charge_id: row.text("charge_id")?,
            captures: row.int("captures")?,
        })
    };
    rows.iter().map(repeated).collect()
}

async fn stream<T, E: From<DbError>>(
    tx: &mut Tx,
    sql: &Sql,
    read: impl Fn(&Row) -> Result<T, DbError>,
    mut each: impl FnMut(Vec<T>) -> Result<(), E>,
) -> Result<(), E> {
    tx.for_each_batch(sql, &[], |rows| each(rows.iter().map(&read).collect::<Result<_, DbError>>()?)).await
}

fn money(row: &Row, column: &str) -> Result<Money, DbError> {
    Ok(Money::new(row.int(column)?, currency(row)?))
}

fn charge(row: &Row) -> Result<ChargeObject, DbError> {
    Ok(ChargeObject {
        account_id: account(row)?,
        charge_id: row.text("charge_id")?,
        invoice_id: row.text("invoice_id")?,
        reference: row.text("reference")?,
        amount: money(row, "amount_minor")?,
        refunded: money(row, "refunded_minor")?,
        disputed: money(row, "disputed_minor")?,
        state: ChargeState::read(row, "state")?,
    })
}

fn refund(row: &Row) -> Result<RefundObject, DbError> {
    Ok(RefundObject {
        account_id: account(row)?,
        refund_id: row.text("refund_id")?,
        charge_id: row.text("charge_id")?,
        reference: row.text("reference")?,
        amount: money(row, "amount_minor")?,
        state: RefundState::read(row, "state")?,
    })
}

fn dispute(row: &Row) -> Result<DisputeObject, DbError> {
    Ok(DisputeObject {
        account_id: account(row)?,
        dispute_id: row.text("dispute_id")?,
        charge_id: row.text("charge_id")?,
        amount: money(row, "amount_minor")?,
        fee: money(row, "fee_minor")?,
        state: DisputeState::read(row, "state")?,
    })
}
