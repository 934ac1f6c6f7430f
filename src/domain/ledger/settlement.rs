//! The entries of a provider's book: fees, payouts, the bank, and what waits on 1290.

use super::{
    BANK, CASH_IN_TRANSIT, DISPUTE_FEES, Entry, LedgerError, Leg, PROVIDER_CLEARING, PROVIDER_FEES, RECONCILIATION_DIFFERENCES, UNMATCHED,
};
use crate::domain::money::Money;
use crate::domain::settlement::booking::{Booking, DifferenceIs, FeeOf, WaitsOn};

/// The entry of a booking: debits of positive amounts as named first below.
///
/// # Errors
/// [`LedgerError`] where an amount has no negative: then nothing is posted.
///
/// ```
/// use kasacare::domain::ledger::settlement::entry;
/// use kasacare::domain::settlement::booking::Booking;
/// let sent = Booking::PayoutSent {
///     payout: "po_1".to_owned(),
///     amount: "104.80 USD".parse().unwrap(),
///     movement: "txn_9".to_owned(),
///     on: "2026-02-03".parse().unwrap(),
/// };
/// let legs: Vec<_> = entry(&sent).unwrap().iter().map(|leg| (leg.account.number, leg.amount.minor())).collect();
/// assert_eq!(legs, [(1020, 10_480), (1200, -10_480)]);
/// ```
pub fn entry(booking: &Booking) -> Result<Vec<Leg>, LedgerError> {
    let (debit, credit) = match booking {
        Booking::FeesCharged { of: FeeOf::Payments, .. } => (PROVIDER_FEES, PROVIDER_CLEARING),
        Booking::FeesCharged { of: FeeOf::Disputes, .. } => (DISPUTE_FEES, PROVIDER_CLEARING),
        Booking::PayoutSent { .. } => (CASH_IN_TRANSIT, PROVIDER_CLEARING),
        Booking::PayoutFailed { .. } => (PROVIDER_CLEARING, CASH_IN_TRANSIT),
        Booking::PayoutReceived { .. } => (BANK, CASH_IN_TRANSIT),
        Booking::PayoutReturned { .. } => (CASH_IN_TRANSIT, BANK),
        Booking::SetAside { waits_on: WaitsOn::Provider, .. } => (PROVIDER_CLEARING, UNMATCHED),
        Booking::SetAside { waits_on: WaitsOn::Transit, .. } => (CASH_IN_TRANSIT, UNMATCHED),
        Booking::SetAside { waits_on: WaitsOn::Bank, .. } => (BANK, UNMATCHED),
        Booking::DifferenceBooked { is: DifferenceIs::Fee, .. } => (UNMATCHED, PROVIDER_FEES),
        Booking::DifferenceBooked { is: DifferenceIs::Loss, .. } => (UNMATCHED, RECONCILIATION_DIFFERENCES),
    };
    let mut entry = Entry::default();
    entry.pair(debit, credit, booking.amount(), None)?;
    entry.balanced(Money::zero(booking.amount().currency()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(booking: &Booking, legs: [(u16, i64); 2]) {
        let found: Vec<_> = entry(booking).unwrap().iter().map(|leg| (leg.account.number, leg.amount.minor())).collect();
        assert_eq!(found, legs);
    }

    fn usd(text: &str) -> Money {
        format!("{text} USD").parse().unwrap()
    }

    #[test]
    fn the_rows_of_the_ledger_specification() {
        let on = "2026-02-03".parse().unwrap();
        let (payout, movement) = ("po_1".to_owned(), "txn_1".to_owned());
        let fees = |of, amount| Booking::FeesCharged { of, amount: usd(amount), movements: 1, import: "si_1".to_owned(), on };
        check(&fees(FeeOf::Payments, "3.44"), [(5000, 344), (1200, -344)]);
        check(&fees(FeeOf::Payments, "-0.30"), [(5000, -30), (1200, 30)]);
        check(&fees(FeeOf::Disputes, "15.00"), [(5100, 1_500), (1200, -1_500)]);
        let sent = Booking::PayoutSent { payout: payout.clone(), amount: usd("104.80"), movement: movement.clone(), on };
        check(&sent, [(1020, 10_480), (1200, -10_480)]);
        let failed = Booking::PayoutFailed { payout: payout.clone(), amount: usd("104.80"), movement, on };
        check(&failed, [(1200, 10_480), (1020, -10_480)]);
        let (bank_account, bank_line) = ("DE1".to_owned(), "l1".to_owned());
        let (same_payout, same_account, later_line) = (payout.clone(), bank_account.clone(), "l2".to_owned());
        let received = Booking::PayoutReceived { payout, amount: usd("104.80"), bank_account, bank_line, on };
        check(&received, [(1010, 10_480), (1020, -10_480)]);
        let returned =
            Booking::PayoutReturned { payout: same_payout, amount: usd("104.80"), bank_account: same_account, bank_line: later_line, on };
        check(&returned, [(1020, 10_480), (1010, -10_480)]);
    }

    #[test]
    fn what_waits_on_1290_leaves_it_again() {
        let on = "2026-02-03".parse().unwrap();
        let difference = "br_1".to_owned();
        let aside = |waits_on| Booking::SetAside { difference: difference.clone(), waits_on, amount: usd("9.99"), on };
        check(&aside(WaitsOn::Provider), [(1200, 999), (1290, -999)]);
        check(&aside(WaitsOn::Transit), [(1020, 999), (1290, -999)]);
        check(&aside(WaitsOn::Bank), [(1010, 999), (1290, -999)]);
        let booked = |is| Booking::DifferenceBooked { difference: difference.clone(), is, amount: usd("9.99"), on };
        check(&booked(DifferenceIs::Fee), [(1290, 999), (5000, -999)]);
        check(&booked(DifferenceIs::Loss), [(1290, 999), (5900, -999)]);
        let taken_back = Booking::DifferenceBooked { difference: difference.clone(), is: DifferenceIs::Loss, amount: usd("-9.99"), on };
        check(&taken_back, [(1290, -999), (5900, 999)]);
    }
}
