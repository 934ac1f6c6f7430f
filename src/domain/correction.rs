//! CO: putting a wrong payment right, inside its window and after it (CO-1 to CO-3).

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::calendar::{CalendarError, plus_days};
use super::money::{Money, MoneyError};

/// What a difference between charged and correct leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionAction {
    /// No difference (CO-1).
    None,
    /// Undercharged, inside the window: charge the difference (CO-2).
    Charge,
    /// Overcharged, inside the window: refund the difference (CO-2).
    Refund,
    /// Undercharged, window over: write the difference off (CO-3).
    Waive,
    /// Overcharged, window over: it stays owed to the customer, as account credit (CO-3).
    Owe,
}

impl CorrectionAction {
    /// The stored tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Waive => "waive",
            Self::Owe => "owe",
        }
    }

    /// Parses a stored tag.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        match tag {
            "none" => Some(Self::None),
            "charge" => Some(Self::Charge),
            "refund" => Some(Self::Refund),
            "waive" => Some(Self::Waive),
            "owe" => Some(Self::Owe),
            _ => None,
        }
    }
}

/// Why a correction cannot be assessed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CorrectionError {
    /// Two currencies, or a difference beyond 64 bits (MO-1).
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// The window's last day lies outside the calendar.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Amounts charged and correct amounts are zero or more.
    #[error("a charged or correct amount cannot be negative: {amount}")]
    Negative {
        /// The amount.
        amount: Money,
    },
    /// Nothing can be found wrong before it happened.
    #[error("{as_of} is before the transaction of {transaction_on}")]
    BeforeTransaction {
        /// The day of the assessment.
        as_of: NaiveDate,
        /// The day of the transaction.
        transaction_on: NaiveDate,
    },
}

/// What is to be done about one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assessment {
    /// What to do.
    pub action: CorrectionAction,
    /// The difference, gross, zero or more.
    pub amount: Money,
    /// Last date on which an attempt may begin (CO-2); begun then, it may finish later.
    pub last_attempt_on: NaiveDate,
}

/// CO-1 to CO-3: what to do on `as_of` about a transaction of `transaction_on` that `charged` what should have been
/// `correct`. Dates are the account's, amounts gross; `window_days` (default 30) counts from the transaction.
///
/// ```
/// use chrono::NaiveDate;
/// use kasacare::domain::correction::{CorrectionAction, assess};
/// use kasacare::domain::money::{Currency, Money};
/// let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
/// let day = |text: &str| text.parse::<NaiveDate>().unwrap();
/// let on_day_30 = assess(day("2026-03-01"), usd(799), usd(999), day("2026-03-31"), 30).unwrap();
/// assert_eq!((on_day_30.action, on_day_30.amount), (CorrectionAction::Charge, usd(200)));
/// let on_day_31 = assess(day("2026-03-01"), usd(799), usd(999), day("2026-04-01"), 30).unwrap();
/// assert_eq!(on_day_31.action, CorrectionAction::Waive);
/// ```
pub fn assess(
    transaction_on: NaiveDate,
    charged: Money,
    correct: Money,
    as_of: NaiveDate,
    window_days: u32,
) -> Result<Assessment, CorrectionError> {
    for amount in [charged, correct] {
        if amount.is_negative() {
            return Err(CorrectionError::Negative { amount });
        }
    }
    if as_of < transaction_on {
        return Err(CorrectionError::BeforeTransaction { as_of, transaction_on });
    }
    let last_attempt_on = plus_days(transaction_on, window_days)?;
    let in_window = as_of <= last_attempt_on;
    let overcharged_by = charged.minus(correct)?;
    let (action, amount) = if overcharged_by.is_zero() {
        (CorrectionAction::None, overcharged_by)
    } else if overcharged_by.is_positive() {
        (if in_window { CorrectionAction::Refund } else { CorrectionAction::Owe }, overcharged_by)
    } else {
        (if in_window { CorrectionAction::Charge } else { CorrectionAction::Waive }, overcharged_by.negated()?)
    };
    Ok(Assessment { action, amount, last_attempt_on })
}
