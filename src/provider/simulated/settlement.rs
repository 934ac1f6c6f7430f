//! What the provider would put into its settlement files: every movement on the balance that it keeps for us.

use chrono::{DateTime, Utc};

use super::schema::{SETTLED_CHARGES, SETTLED_DISPUTES, SETTLED_REFUNDS};
use crate::domain::money::{Currency, Money};
use crate::store::db::{DbError, Row, Tx};

/// Something that has moved, or has failed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// A captured charge.
    Charge {
        /// The provider's id.
        reference: String,
        /// Ours.
        charge_id: String,
        /// How much.
        amount: Money,
        /// When.
        at: DateTime<Utc>,
    },
    /// A refund that was paid out, or has failed: before, or after it was.
    Refund {
        /// The provider's id.
        reference: String,
        /// Ours.
        refund_id: String,
        /// The provider's id of the charge.
        charge: String,
        /// How much.
        amount: Money,
        /// When it came to where it stands.
        at: DateTime<Utc>,
        /// Whether it has failed.
        has_failed: bool,
    },
    /// A dispute.
    Dispute {
        /// The provider's id.
        id: String,
        /// The provider's id of the charge.
        charge: String,
        /// How much was taken.
        amount: Money,
        /// What it cost besides.
        fee: Money,
        /// When it was taken.
        at: DateTime<Utc>,
        /// When it was given back, if it was.
        won_at: Option<DateTime<Utc>>,
    },
}

/// Everything, charges first.
///
/// # Errors
/// What the database says.
pub async fn moved(tx: &mut Tx) -> Result<Vec<Moved>, DbError> {
    let mut all = Vec::new();
    for row in tx.fetch_all(&SETTLED_CHARGES, &[]).await? {
        let amount = Money::new(row.int_at(4)?, currency(&row, 3)?);
        all.push(Moved::Charge { reference: row.text_at(0)?, charge_id: row.text_at(1)?, amount, at: at(&row, 5)? });
    }
    for row in tx.fetch_all(&SETTLED_REFUNDS, &[]).await? {
        let amount = Money::new(row.int_at(4)?, currency(&row, 3)?);
        let has_failed = match row.str_at(6)? {
            "succeeded" => false,
            "failed" => true,
            _ => continue,
        };
        let (reference, refund_id, charge) = (row.text_at(0)?, row.text_at(1)?, row.text_at(2)?);
        all.push(Moved::Refund { reference, refund_id, charge, amount, at: at(&row, 5)?, has_failed });
    }
    for row in tx.fetch_all(&SETTLED_DISPUTES, &[]).await? {
        let currency = currency(&row, 2)?;
        let won_at = row.opt_int_at(6)?.map(|_| at(&row, 6)).transpose()?;
        all.push(Moved::Dispute {
            id: row.text_at(0)?,
            charge: row.text_at(1)?,
            amount: Money::new(row.int_at(3)?, currency),
            fee: Money::new(row.int_at(4)?, currency),
            at: at(&row, 5)?,
            won_at,
        });
    }
    Ok(all)
}

fn currency(row: &Row, position: usize) -> Result<Currency, DbError> {
    Currency::parse(row.str_at(position)?).map_err(|_| row.corrupt("currency", "is not a currency"))
}

fn at(row: &Row, position: usize) -> Result<DateTime<Utc>, DbError> {
    DateTime::from_timestamp_micros(row.int_at(position)?).ok_or_else(|| row.corrupt("settled_at", "is not an instant"))
}
