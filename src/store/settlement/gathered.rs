//! What movements have to be posted for: fees by day, payouts one by one.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::super::error::StoreError;
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::booking::{Booking, FeeOf};
use crate::domain::settlement::{Category, Movement};

/// Fees of a day, to be posted at the end.
type Fees = BTreeMap<(NaiveDate, FeeOf, Currency), (Money, u64)>;

/// Gathered from new movements.
#[derive(Debug, Default)]
pub struct Gathered {
    fees: Fees,
    /// Payouts that left or came back, by day.
    payouts: BTreeMap<NaiveDate, Vec<Booking>>,
}

impl Gathered {
    /// Adds what a new movement has to be posted for.
    ///
    /// # Errors
    /// [`StoreError::SumTooLarge`].
    pub fn add(&mut self, provider: &str, movement: &Movement) -> Result<(), StoreError> {
        let (on, currency) = (movement.occurred_on(), movement.currency);
        let too_large = |what: String| StoreError::SumTooLarge { what, provider: provider.to_owned(), currency };
        if let Some((of, amount)) = movement.fee_to_book() {
            let sum = self.fees.entry((on, of, currency)).or_insert((Money::zero(currency), 0));
            *sum = (sum.0.plus(amount).map_err(|_| too_large(format!("the sum of the fees of {on}")))?, sum.1 + 1);
        }
        if !matches!(movement.category, Category::Payout | Category::PayoutFailure) {
            return Ok(());
        }
        let payout = movement.reference.clone().unwrap_or_else(|| movement.id.clone());
        let (gross, id) = (Money::new(movement.gross_minor, currency), movement.id.clone());
        let booking = if movement.category == Category::Payout {
            let amount = gross.negated().map_err(|_| too_large(format!("payout {payout}")))?;
            Booking::PayoutSent { payout, amount, movement: id, on }
        } else {
            Booking::PayoutFailed { payout, amount: gross, movement: id, on }
        };
        if !booking.amount().is_zero() {
            self.payouts.entry(on).or_default().push(booking);
        }
        Ok(())
    }

    /// What is to be booked for all of it, by day, under the id of an import.
    #[must_use]
    pub fn bookings(self, import: &str) -> BTreeMap<NaiveDate, Vec<Booking>> {
        let mut days = self.payouts;
        for ((on, of, _), (amount, movements)) in self.fees {
            if !amount.is_zero() {
                days.entry(on).or_default().push(Booking::FeesCharged { of, amount, movements, import: import.to_owned(), on });
            }
        }
        days
    }
}
