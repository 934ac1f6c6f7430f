//! RF: what a cancelled line gives back (RF-1, RF-2) and where that money goes (RF-3).
//!
//! Days are whole dates of the account's time zone, amounts are minor units of one currency. Nothing here allocates:
//! a quote is a few exact integer operations on `Copy` values (P15).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::calendar::Period;
use super::money::{Money, MoneyError, Rate};

/// Whether the day of cancellation is paid for or given back (RF-1). Data, because systems differ here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancellationDay {
    /// The day counts as used: `used = c − S + 1`.
    Used,
    /// The day is given back: `used = c − S`.
    Refunded,
}

impl CancellationDay {
    /// The stored tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Used => "used",
            Self::Refunded => "refunded",
        }
    }

    /// Parses a stored tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        match tag {
            "used" => Some(Self::Used),
            "refunded" => Some(Self::Refunded),
            _ => None,
        }
    }
}

/// Which amount a [`RefundError`] complains about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Amount {
    /// Net amount of the line.
    Net,
    /// Tax on the line.
    Tax,
    /// The value to be given back.
    Value,
    /// Cash that was captured.
    Captured,
    /// Cash that was paid out before.
    Refunded,
    /// Cash that is in open disputes.
    Disputed,
    /// What is still owed.
    Unpaid,
    /// What account credit paid.
    PaidFromCredit,
}

impl Amount {
    /// The field's name, as `quote` and the exports write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Tax => "tax",
            Self::Value => "value",
            Self::Captured => "captured",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
            Self::Unpaid => "unpaid",
            Self::PaidFromCredit => "paid_from_credit",
        }
    }
}

/// Why nothing can be computed for a line or a settlement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// Two currencies, or an amount beyond 64 bits (MO-1).
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// An amount that can only be zero or more is below zero.
    #[error("`{}` cannot be negative: {amount}", field.name())]
    Negative {
        /// Which amount.
        field: Amount,
        /// Its value.
        amount: Money,
    },
    /// RF-1: a period is cancelled on one of its own days.
    #[error("{on} is outside the period {} to {}", period.start, period.end)]
    OutsidePeriod {
        /// The day of cancellation or change.
        on: NaiveDate,
        /// The period, end exclusive.
        period: Period,
    },
    /// More days used than the period has.
    #[error("{used} days used of a period of {total}")]
    TooManyDays {
        /// Days used.
        used: u32,
        /// Days of the period.
        total: u32,
    },
    /// More was returned or is disputed than ever came in.
    #[error("refunded {refunded} and disputed {disputed} exceed the captured {captured}")]
    Overdrawn {
        /// Cash captured.
        captured: Money,
        /// Cash paid out.
        refunded: Money,
        /// Cash in open disputes.
        disputed: Money,
    },
}

/// One line of an invoice, as it stands: the amounts include debit notes and corrections on that same line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// `T`: after discounts, before tax.
    pub net: Money,
    /// `X`: tax on `net`.
    pub tax: Money,
    /// The rate that is stored on the line (MO-2), never today's.
    pub rate: Rate,
    /// What the line pays for.
    pub period: Period,
}

impl Line {
    fn check(&self) -> Result<(), RefundError> {
        not_negative(Amount::Net, self.net)?;
        not_negative(Amount::Tax, self.tax)
    }
}

/// A line, parted into what was used and what was not (RF-1, RF-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unused {
    /// `n`: days of the period.
    pub days_total: u32,
    /// Days that count as used.
    pub days_used: u32,
    /// `n − used`.
    pub days_unused: u32,
    /// Net amount of the unused days, rounded half up: a tie goes to the customer.
    pub unused_net: Money,
    /// The rest of the net amount.
    pub earned_net: Money,
    /// Tax on what is earned, as the authority would compute it.
    pub tax_kept: Money,
    /// The rest of the tax.
    pub tax_back: Money,
    /// `U = unused_net + tax_back`: what has to go somewhere (RF-3).
    pub value: Money,
}

impl Unused {
    /// The same days with nothing given back: a monthly cancellation (RF-5), a breach (LC-7).
    pub fn with_nothing_back(self) -> Result<Self, MoneyError> {
        let zero = Money::zero(self.value.currency());
        Ok(Self {
            unused_net: zero,
            earned_net: self.earned_net.plus(self.unused_net)?,
            tax_kept: self.tax_kept.plus(self.tax_back)?,
            tax_back: zero,
            value: zero,
            ..self
        })
    }

    /// Gross amount of what was used: what the customer keeps paying for.
    pub fn earned_gross(&self) -> Result<Money, MoneyError> {
        self.earned_net.plus(self.tax_kept)
    }
}

/// RF-1, RF-2: the unused value of a line that is cancelled on `cancel_on`, which lies in its period.
///
/// ```
/// use chrono::NaiveDate;
/// use kasacare::domain::calendar::Period;
/// use kasacare::domain::money::{Currency, Money, Rate};
/// use kasacare::domain::refund::{CancellationDay, Line, unused};
/// let usd = Currency::parse("USD").unwrap();
/// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
/// let line = Line {
///     net: Money::new(9_999, usd),
///     tax: Money::new(825, usd),
///     rate: Rate::parse("0.0825").unwrap(),
///     period: Period::new(day("2026-01-31"), day("2027-01-31")).unwrap(),
/// };
/// let cancelled = unused(&line, day("2026-06-02"), CancellationDay::Used).unwrap();
/// assert_eq!(cancelled.value, Money::new(7_176, usd));
/// ```
pub fn unused(line: &Line, cancel_on: NaiveDate, day: CancellationDay) -> Result<Unused, RefundError> {
    if !line.period.contains(cancel_on) {
        return Err(RefundError::OutsidePeriod { on: cancel_on, period: line.period });
    }
    let before = line.period.days_before(cancel_on);
    let used = match day {
        CancellationDay::Used => before.saturating_add(1),
        CancellationDay::Refunded => before,
    };
    unused_after(line, used)
}

/// CP-1: the unused value of a line whose plan is changed at once on `change_on`. That day belongs to the new plan
/// whatever `Terms.cancellation_day` says, so that on the first day the whole line comes back.
pub fn unused_at_change(line: &Line, change_on: NaiveDate) -> Result<Unused, RefundError> {
    unused(line, change_on, CancellationDay::Refunded)
}

/// RF-2: the unused value of a line of which `days_used` days are used; none used gives the whole line back (RF-6).
///
/// Tax is parted by the remainder. Where notes on the line were rounded one by one, its tax can differ from
/// `rate × net` by some minor units; then no more is kept than was paid, and where no net amount comes back no tax does.
pub fn unused_after(line: &Line, days_used: u32) -> Result<Unused, RefundError> {
    line.check()?;
    let days_total = line.period.days();
    let days_unused = days_total.checked_sub(days_used).ok_or(RefundError::TooManyDays { used: days_used, total: days_total })?;
    let unused_net = line.net.share(days_unused, days_total)?;
    let earned_net = line.net.minus(unused_net)?;
    let tax_kept = if unused_net.is_zero() && days_used > 0 { line.tax } else { line.rate.of(earned_net)?.at_most(line.tax)? };
    let tax_back = line.tax.minus(tax_kept)?;
    let value = unused_net.plus(tax_back)?;
    Ok(Unused { days_total, days_used, days_unused, unused_net, earned_net, tax_kept, tax_back, value })
}

/// How an invoice stands: what paid it, and what of that was given back (RF-3). All amounts are gross, zero or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Cash that was captured for it.
    pub captured: Money,
    /// Cash that was paid out again, lost disputes included.
    pub refunded: Money,
    /// Cash in open disputes.
    pub disputed: Money,
    /// What is still owed.
    pub unpaid: Money,
    /// What account credit paid, less what was given back to it.
    pub paid_from_credit: Money,
}

impl Settlement {
    /// An invoice that cash paid in full.
    #[must_use]
    pub const fn paid_in_cash(captured: Money) -> Self {
        let zero = Money::zero(captured.currency());
        Self { captured, refunded: zero, disputed: zero, unpaid: zero, paid_from_credit: zero }
    }

    /// Cash that can still be paid out: `captured − refunded − disputed`. Refuses a negative amount and a settlement
    /// of which more was returned than came in.
    pub fn refundable(&self) -> Result<Money, RefundError> {
        not_negative(Amount::Captured, self.captured)?;
        not_negative(Amount::Refunded, self.refunded)?;
        not_negative(Amount::Disputed, self.disputed)?;
        not_negative(Amount::Unpaid, self.unpaid)?;
        not_negative(Amount::PaidFromCredit, self.paid_from_credit)?;
        let Self { captured, refunded, disputed, .. } = *self;
        match captured.minus(refunded)?.minus(disputed) {
            Ok(left) if !left.is_negative() => Ok(left),
            // Far more than was captured is still more than was captured.
            Ok(_) | Err(MoneyError::Overflow) => Err(RefundError::Overdrawn { captured, refunded, disputed }),
            Err(error) => Err(error.into()),
        }
    }
}

/// Where the policy matrix (CP) sends unused value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// Cash back to the payments that it came from.
    Refund,
    /// Account credit for the next bill.
    Credit,
}

/// Where every minor unit of an unused value goes (RF-3); the five sum to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disposition {
    /// Taken off what is still owed, by a credit note.
    pub owed_off: Money,
    /// Paid out in cash.
    pub payout: Money,
    /// Put on account credit.
    pub credit: Money,
    /// Frozen until the dispute ends (PD-6).
    pub held: Money,
    /// Given back before.
    pub already_returned: Money,
}

/// RF-3: parts `value` in the fixed order receivable, cash, credit, held, already returned. Money is never given back
/// twice, nor as credit while its cash is disputed.
///
/// ```
/// use kasacare::domain::money::{Currency, Money};
/// use kasacare::domain::refund::{Destination, Settlement, dispose};
/// let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
/// let settlement = Settlement { unpaid: usd(300), ..Settlement::paid_in_cash(usd(700)) };
/// let disposition = dispose(usd(500), &settlement, Destination::Refund).unwrap();
/// assert_eq!((disposition.owed_off, disposition.payout), (usd(300), usd(200)));
/// ```
pub fn dispose(value: Money, settlement: &Settlement, to: Destination) -> Result<Disposition, RefundError> {
    not_negative(Amount::Value, value)?;
    let cash = settlement.refundable()?;
    let mut rest = value;
    let owed_off = take(&mut rest, settlement.unpaid)?;
    let (payout, credit) = match to {
        Destination::Refund => (take(&mut rest, cash)?, take(&mut rest, settlement.paid_from_credit)?),
        Destination::Credit => {
            // Two takes instead of one sum: the sum of both sources need not fit 64 bits.
            let from_cash = take(&mut rest, cash)?;
            let from_credit = take(&mut rest, settlement.paid_from_credit)?;
            (Money::zero(value.currency()), from_cash.plus(from_credit)?)
        }
    };
    let held = take(&mut rest, settlement.disputed)?;
    Ok(Disposition { owed_off, payout, credit, held, already_returned: rest })
}

/// Takes at most `available` off `rest`.
fn take(rest: &mut Money, available: Money) -> Result<Money, MoneyError> {
    let taken = rest.at_most(available)?;
    *rest = rest.minus(taken)?;
    Ok(taken)
}

const fn not_negative(field: Amount, amount: Money) -> Result<(), RefundError> {
    if amount.is_negative() { Err(RefundError::Negative { field, amount }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::parse("USD").unwrap())
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn year(net: i64, tax: i64) -> Line {
        let period = Period::new(day("2026-01-31"), day("2027-01-31")).unwrap();
        Line { net: usd(net), tax: usd(tax), rate: Rate::parse("0.0825").unwrap(), period }
    }

    #[test]
    fn rf_1_the_day_of_cancellation_is_data() {
        let used = unused(&year(9_999, 825), day("2026-01-31"), CancellationDay::Used).unwrap();
        assert_eq!((used.days_used, used.days_unused), (1, 364));
        let given_back = unused(&year(9_999, 825), day("2026-01-31"), CancellationDay::Refunded).unwrap();
        assert_eq!((given_back.days_used, given_back.value), (0, usd(10_824)));
        assert_eq!(unused_at_change(&year(9_999, 825), day("2026-01-31")), Ok(given_back));
    }

    #[test]
    fn rf_1_a_period_is_cancelled_on_one_of_its_days() {
        for on in ["2026-01-30", "2027-01-31"] {
            let line = year(9_999, 825);
            let refused = unused(&line, day(on), CancellationDay::Used);
            assert_eq!(refused, Err(RefundError::OutsidePeriod { on: day(on), period: line.period }));
        }
        assert_eq!(unused_after(&year(1, 0), 366), Err(RefundError::TooManyDays { used: 366, total: 365 }));
    }

    #[test]
    fn rf_2_notes_that_were_rounded_one_by_one_return_no_more_tax_than_was_paid() {
        // 9999 at 8.25 % is 825 of tax; a debit note and its invoice can sum to one more or one less.
        for tax in [824, 826] {
            let line = year(9_999, tax);
            let values = (0..=365).map(|used| unused_after(&line, used).unwrap());
            let mut before = usd(9_999 + tax);
            for part in values {
                assert!(!part.tax_back.is_negative() && part.tax_back.minor() <= tax);
                assert!(part.value.minor() <= before.minor(), "{part:?} after {before}");
                before = part.value;
            }
            assert_eq!(before, usd(0), "the last day gives nothing");
            assert_eq!(unused_after(&line, 0).unwrap().value, usd(9_999 + tax));
        }
    }

    #[test]
    fn rf_5_nothing_back_keeps_net_and_tax() {
        let part = unused_after(&year(9_999, 825), 100).unwrap().with_nothing_back().unwrap();
        assert_eq!((part.value, part.earned_net, part.tax_kept), (usd(0), usd(9_999), usd(825)));
        assert_eq!((part.earned_gross(), part.days_unused), (Ok(usd(10_824)), 265));
    }

    #[test]
    fn rf_3_fills_each_part_before_the_next() {
        let settlement = Settlement { captured: usd(50), refunded: usd(10), disputed: usd(15), unpaid: usd(20), paid_from_credit: usd(30) };
        let of = |value, to| {
            let parts = dispose(usd(value), &settlement, to).unwrap();
            [parts.owed_off, parts.payout, parts.credit, parts.held, parts.already_returned].map(Money::minor)
        };
        assert_eq!(of(0, Destination::Refund), [0, 0, 0, 0, 0]);
        assert_eq!(of(21, Destination::Refund), [20, 1, 0, 0, 0]);
        assert_eq!(of(46, Destination::Refund), [20, 25, 1, 0, 0]);
        assert_eq!(of(100, Destination::Refund), [20, 25, 30, 15, 10]);
        assert_eq!(of(76, Destination::Credit), [20, 0, 55, 1, 0]);
        assert_eq!(of(100, Destination::Credit), [20, 0, 55, 15, 10]);
    }

    #[test]
    fn rf_3_refuses_settlements_that_cannot_be() {
        let paid = Settlement::paid_in_cash(usd(100));
        let overdrawn = Settlement { refunded: usd(60), disputed: usd(41), ..paid };
        assert!(matches!(overdrawn.refundable(), Err(RefundError::Overdrawn { .. })));
        let negative = Settlement { unpaid: usd(-1), ..paid };
        let refused = dispose(usd(1), &negative, Destination::Refund);
        assert_eq!(refused, Err(RefundError::Negative { field: Amount::Unpaid, amount: usd(-1) }));
        let yen = Money::new(1, Currency::parse("JPY").unwrap());
        let mixed = dispose(yen, &paid, Destination::Refund);
        assert!(matches!(mixed, Err(RefundError::Money(MoneyError::CurrencyMismatch { .. }))));
        let refused = unused_after(&year(-1, 0), 1);
        assert_eq!(refused, Err(RefundError::Negative { field: Amount::Net, amount: usd(-1) }));
    }
}
