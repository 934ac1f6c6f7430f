//! MO-3: promotion codes. They come off before tax, count *billed periods* rather than months, and never make a price
//! negative.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::catalog::Plan;
use super::money::{Currency, Money, MoneyError, Rate};

/// What a code takes off the list price of a period.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discount {
    /// A share of the price, rounded half up; more than the whole price counts as the whole price.
    PercentOff(Rate),
    /// A fixed amount, one per currency; more than the price counts as the price.
    AmountOff(Vec<Money>),
}

/// For how many billed periods a code counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duration {
    /// The first billed period.
    Once,
    /// So many billed periods.
    Periods(u32),
    /// Every period, as long as the subscription lives.
    Forever,
}

/// A promotion code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// What the customer types; unique.
    pub code: String,
    /// What it takes off.
    pub off: Discount,
    /// How long it counts.
    pub duration: Duration,
    /// The plans that it is for; every plan where absent.
    #[serde(default)]
    pub plans: Option<BTreeSet<Plan>>,
    /// Last date on which it can be redeemed. A code that was redeemed in time goes on for its whole duration.
    #[serde(default)]
    pub expires_on: Option<NaiveDate>,
    /// How often it can be redeemed, over all accounts.
    #[serde(default)]
    pub max_uses: Option<u32>,
}

/// A code that an account redeemed for a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redemption {
    /// The code.
    pub code: String,
    /// Periods that were billed with it so far.
    pub periods_billed: u32,
}

/// Why a code cannot be redeemed, or its discount not be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PromotionError {
    /// It is over.
    #[error("promotion `{code}` expired on {expired_on}")]
    Expired {
        /// The code.
        code: String,
        /// Last date on which it could be redeemed.
        expired_on: NaiveDate,
    },
    /// It was redeemed as often as allowed.
    #[error("promotion `{code}` was used {max_uses} times, which is as often as allowed")]
    UsedUp {
        /// The code.
        code: String,
        /// How often it can be redeemed.
        max_uses: u32,
    },
    /// Once per account.
    #[error("promotion `{code}` was used by this account before")]
    UsedByAccount {
        /// The code.
        code: String,
    },
    /// It is for other plans.
    #[error("promotion `{code}` is not for plan {plan}")]
    NotForPlan {
        /// The code.
        code: String,
        /// The plan asked for.
        plan: Plan,
    },
    /// It takes off an amount, but none in the account's currency.
    #[error("promotion `{code}` has no amount in {currency}")]
    NotInCurrency {
        /// The code.
        code: String,
        /// The account's currency.
        currency: Currency,
    },
    /// A discount is zero or more.
    #[error("promotion `{code}` takes off a negative amount: {amount}")]
    Negative {
        /// The code.
        code: String,
        /// The amount.
        amount: Money,
    },
    /// The discount does not fit 64 bits.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

impl Promotion {
    /// Whether the code can be redeemed on a date, for a plan and a currency, after `uses` redemptions of all accounts.
    /// `used_by_account` tells of this account's.
    pub fn redeemable(
        &self,
        on: NaiveDate,
        plan: &Plan,
        currency: Currency,
        uses: u32,
        used_by_account: bool,
    ) -> Result<(), PromotionError> {
        let code = || self.code.clone();
        if used_by_account {
            return Err(PromotionError::UsedByAccount { code: code() });
        }
        if let Some(expired_on) = self.expires_on.filter(|last| on > *last) {
            return Err(PromotionError::Expired { code: code(), expired_on });
        }
        if let Some(max_uses) = self.max_uses.filter(|max| uses >= *max) {
            return Err(PromotionError::UsedUp { code: code(), max_uses });
        }
        if !self.is_for(plan) {
            return Err(PromotionError::NotForPlan { code: code(), plan: plan.clone() });
        }
        self.discount(Money::zero(currency)).map(|_| ())
    }

    /// Whether the code is for a plan. At a change at once it goes on where this holds for the new plan, else it ends.
    #[must_use]
    pub fn is_for(&self, plan: &Plan) -> bool {
        self.plans.as_ref().is_none_or(|plans| plans.contains(plan))
    }

    /// Whether the next billed period still gets the discount after `periods_billed` periods did.
    #[must_use]
    pub const fn covers_next(&self, periods_billed: u32) -> bool {
        match self.duration {
            Duration::Once => periods_billed == 0,
            Duration::Periods(count) => periods_billed < count,
            Duration::Forever => true,
        }
    }

    /// What comes off a list price (net, one period), zero up to the whole price.
    ///
    /// ```
    /// use kasacare::domain::money::{Currency, Money, Rate};
    /// use kasacare::domain::promotion::{Discount, Duration, Promotion};
    /// let usd = |minor| Money::new(minor, Currency::parse("USD").unwrap());
    /// let code = |off| Promotion {
    ///     code: "WELCOME".to_owned(),
    ///     off,
    ///     duration: Duration::Once,
    ///     plans: None,
    ///     expires_on: None,
    ///     max_uses: None,
    /// };
    /// let half = code(Discount::PercentOff(Rate::parse("0.5").unwrap()));
    /// assert_eq!(half.discount(usd(999)).unwrap(), usd(500));
    /// let twenty_off = code(Discount::AmountOff(vec![usd(2_000)]));
    /// assert_eq!(twenty_off.discount(usd(999)).unwrap(), usd(999));
    /// ```
    pub fn discount(&self, price: Money) -> Result<Money, PromotionError> {
        let off = match &self.off {
            Discount::PercentOff(rate) => rate.of(price)?,
            Discount::AmountOff(amounts) => {
                let in_currency = amounts.iter().find(|amount| amount.currency() == price.currency());
                let currency = price.currency();
                *in_currency.ok_or_else(|| PromotionError::NotInCurrency { code: self.code.clone(), currency })?
            }
        };
        if off.is_negative() {
            return Err(PromotionError::Negative { code: self.code.clone(), amount: off });
        }
        Ok(off.at_most(price)?)
    }
}

impl Redemption {
    /// A code that was just redeemed.
    #[must_use]
    pub fn new(code: &str) -> Self {
        Self { code: code.to_owned(), periods_billed: 0 }
    }

    /// The redemption after one more period was billed with it.
    #[must_use]
    pub fn after_billing(self) -> Self {
        Self { periods_billed: self.periods_billed.saturating_add(1), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Cycle;

    fn usd() -> Currency {
        Currency::parse("USD").unwrap()
    }

    fn code() -> Promotion {
        Promotion {
            code: "SPRING".to_owned(),
            off: Discount::AmountOff(vec![Money::new(200, usd())]),
            duration: Duration::Periods(2),
            plans: Some(BTreeSet::from([Plan::new("plus", Cycle::Monthly)])),
            expires_on: Some("2026-03-31".parse().unwrap()),
            max_uses: Some(3),
        }
    }

    fn redeem(on: &str, plan: &Plan, currency: Currency, uses: u32, before: bool) -> Result<(), PromotionError> {
        code().redeemable(on.parse().unwrap(), plan, currency, uses, before)
    }

    #[test]
    fn mo_3_a_code_is_redeemed_in_time_for_its_plan_and_once() {
        let plus = Plan::new("plus", Cycle::Monthly);
        let premium = Plan::new("premium", Cycle::Monthly);
        let jpy = Currency::parse("JPY").unwrap();
        let code = || "SPRING".to_owned();
        assert_eq!(redeem("2026-03-31", &plus, usd(), 2, false), Ok(()));
        let expired_on = "2026-03-31".parse().unwrap();
        let expired = PromotionError::Expired { code: code(), expired_on };
        assert_eq!(redeem("2026-04-01", &plus, usd(), 2, false), Err(expired));
        let used_up = PromotionError::UsedUp { code: code(), max_uses: 3 };
        assert_eq!(redeem("2026-03-31", &plus, usd(), 3, false), Err(used_up));
        let used = PromotionError::UsedByAccount { code: code() };
        assert_eq!(redeem("2026-03-31", &plus, usd(), 0, true), Err(used));
        let other_plan = PromotionError::NotForPlan { code: code(), plan: premium.clone() };
        assert_eq!(redeem("2026-03-31", &premium, usd(), 0, false), Err(other_plan));
        let no_amount = PromotionError::NotInCurrency { code: code(), currency: jpy };
        assert_eq!(redeem("2026-03-31", &plus, jpy, 0, false), Err(no_amount));
    }

    #[test]
    fn mo_3_it_survives_a_change_to_a_plan_that_it_is_for() {
        assert!(code().is_for(&Plan::new("plus", Cycle::Monthly)));
        assert!(!code().is_for(&Plan::new("plus", Cycle::Annual)));
        assert!(Promotion { plans: None, ..code() }.is_for(&Plan::new("premium", Cycle::Annual)));
    }

    #[test]
    fn mo_3_billed_periods_count() {
        let mut redemption = Redemption::new("SPRING");
        for covered in [true, true, false] {
            assert_eq!(code().covers_next(redemption.periods_billed), covered);
            redemption = redemption.after_billing();
        }
    }

    #[test]
    fn mo_3_a_negative_discount_is_refused() {
        let amount = Money::new(-1, usd());
        let negative = Promotion { off: Discount::AmountOff(vec![amount]), ..code() };
        let refused = negative.discount(Money::new(100, usd()));
        assert_eq!(refused, Err(PromotionError::Negative { code: "SPRING".to_owned(), amount }));
    }

    #[test]
    fn mo_3_codes_are_read_as_they_are_written() {
        let forever = Promotion { duration: Duration::Forever, plans: None, expires_on: None, max_uses: None, ..code() };
        for promotion in [code(), forever] {
            let text = serde_json::to_string(&promotion).unwrap();
            assert_eq!(serde_json::from_str::<Promotion>(&text).unwrap(), promotion);
        }
    }
}
