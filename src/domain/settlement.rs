//! RC: the provider's side of the money, in words that no provider owns.
//!
//! A [`Movement`] is one line on the balance that a provider keeps for us, a [`Payout`] is what it sends to our bank, a [`BankLine`] is
//! what the bank says has come. Who reads a provider's files or asks its interface turns its words into these; everything after
//! that, storing, posting and reconciling, knows these alone. [`booking`] is what of it goes into the books.

pub mod booking;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::money::{Currency, Money};

/// What a movement is. The provider's own word stays beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// A customer paid.
    Charge,
    /// A customer got money back.
    Refund,
    /// A refund came back (F62).
    RefundFailure,
    /// Money was taken for a dispute (PD-6).
    Dispute,
    /// It was given back.
    DisputeReversal,
    /// What the provider takes for itself, apart from the fees on other movements.
    Fee,
    /// Tax that the provider keeps or gives back.
    Tax,
    /// What the provider put right, for a reason of its own.
    Adjustment,
    /// Set aside, or no longer set aside: the balance is ours all the same.
    Reserve,
    /// Sent to our bank.
    Payout,
    /// A payout that came back.
    PayoutFailure,
    /// The provider has a word for it that nobody here knows. Files with such a word are refused; what was fetched is kept and is a break.
    Unknown,
}

impl Category {
    /// Every category with the word that is stored.
    pub const TAGS: &'static [(Self, &'static str)] = &[
        (Self::Charge, "charge"),
        (Self::Refund, "refund"),
        (Self::RefundFailure, "refund_failure"),
        (Self::Dispute, "dispute"),
        (Self::DisputeReversal, "dispute_reversal"),
        (Self::Fee, "fee"),
        (Self::Tax, "tax"),
        (Self::Adjustment, "adjustment"),
        (Self::Reserve, "reserve"),
        (Self::Payout, "payout"),
        (Self::PayoutFailure, "payout_failure"),
        (Self::Unknown, "unknown"),
    ];

    /// The stored word.
    #[must_use]
    pub fn tag(self) -> &'static str {
        Self::TAGS.iter().find(|(category, _)| *category == self).map_or("unknown", |(_, tag)| *tag)
    }

    /// The category with this word.
    ///
    /// ```
    /// use kasacare::domain::settlement::Category;
    /// assert_eq!(Category::from_tag("refund_failure"), Some(Category::RefundFailure));
    /// assert_eq!(Category::from_tag("Charge"), None);
    /// ```
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::TAGS.iter().find(|(_, known)| *known == tag).map(|(category, _)| *category)
    }

    /// Whether such a movement has a counterpart in the books of a customer. The others are booked from what the provider says, or
    /// wait for a person.
    #[must_use]
    pub const fn is_of_customers(self) -> bool {
        matches!(self, Self::Charge | Self::Refund | Self::RefundFailure | Self::Dispute | Self::DisputeReversal)
    }
}

/// One line on the balance at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Movement {
    /// The provider's id of the line, unique at that provider.
    pub id: String,
    /// What it is.
    pub category: Category,
    /// The provider's own word for that.
    pub raw_category: String,
    /// The provider's id of the payment, refund, dispute or payout.
    pub reference: Option<String>,
    /// The provider's id of what that belongs to: the payment of a refund or dispute, the intent of a charge.
    pub parent_reference: Option<String>,
    /// Our own id, where the provider gives back what we sent along.
    pub our_reference: Option<String>,
    /// The payout that the line was in.
    pub payout: Option<String>,
    /// The currency of the three amounts.
    pub currency: Currency,
    /// Before fees, in minor units; from our side, so that a refund is negative.
    pub gross_minor: i64,
    /// What the provider took, in minor units; negative where it gave a fee back.
    pub fee_minor: i64,
    /// What the balance changed by: `gross - fee`.
    pub net_minor: i64,
    /// When, by the provider's clock.
    pub occurred_at: DateTime<Utc>,
    /// When it can be paid out.
    pub available_on: Option<NaiveDate>,
}

impl Movement {
    /// The day in UTC.
    #[must_use]
    pub fn occurred_on(&self) -> NaiveDate {
        self.occurred_at.date_naive()
    }

    /// Whether the amounts agree: `gross - fee = net`.
    #[must_use]
    pub fn adds_up(&self) -> bool {
        self.gross_minor.checked_sub(self.fee_minor) == Some(self.net_minor)
    }

    /// What the provider took for itself and nobody has booked yet: a dispute's fee is in the customer's books (PD-6).
    #[must_use]
    pub fn fee_to_book(&self) -> Option<(booking::FeeOf, Money)> {
        let fee = |minor| Money::new(minor, self.currency);
        let (of, amount) = match self.category {
            Category::Dispute => return None,
            Category::DisputeReversal => (booking::FeeOf::Disputes, fee(self.fee_minor)),
            // A line of its own for fees is negative where it costs us.
            Category::Fee => (booking::FeeOf::Payments, fee(self.net_minor.checked_neg()?)),
            _ => (booking::FeeOf::Payments, fee(self.fee_minor)),
        };
        Some((of, amount)).filter(|(_, amount)| !amount.is_zero())
    }
}

/// Where the amount of a payout is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountFrom {
    /// The provider says it, so that the lines can be held against it.
    Stated,
    /// It is the sum of the lines, because the provider states none; only the bank can prove it.
    Derived,
}

/// Money that a provider sends to our bank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payout {
    /// The provider's id.
    pub id: String,
    /// How much arrives; negative where the provider takes money from the bank.
    pub amount: Money,
    /// When it left the provider.
    pub sent_on: NaiveDate,
    /// When it should be on the bank's statement.
    pub arrives_on: NaiveDate,
    /// Where the amount is known from.
    pub amount_from: AmountFrom,
    /// What the provider says the bank's line will carry.
    pub bank_reference: Option<String>,
}

/// One line of a bank account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BankLine {
    /// The account.
    pub account: String,
    /// The bank's id of the line, unique in the account.
    pub id: String,
    /// Booking date.
    pub booked_on: NaiveDate,
    /// Credits positive.
    pub amount: Money,
    /// Who sent or took it, as far as the line names somebody whom we know.
    pub provider: Option<String>,
    /// Its text, of lines of a known provider alone: other lines may name people.
    pub reference: Option<String>,
}

/// Sales of one kind that a store tells as a total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreTotal {
    /// Names the total within the store's report.
    pub id: String,
    /// First day that it covers.
    pub first_on: NaiveDate,
    /// Last day.
    pub last_on: NaiveDate,
    /// The store's name of the product.
    pub product: String,
    /// Where it was sold.
    pub country: String,
    /// Whether it was sold or given back.
    pub is_return: bool,
    /// How many; negative for returns.
    pub quantity: i64,
    /// What the store owes us for all of them.
    pub share: Money,
    /// What one customer paid.
    pub customer_price: Money,
}

/// Everything that a provider, a store or a bank can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A movement.
    Movement(Movement),
    /// A movement that the same file has told already, with the same words.
    Again(Movement),
    /// A payout.
    Payout(Payout),
    /// A line of a bank account.
    BankLine(BankLine),
    /// A total.
    Total(StoreTotal),
}

/// Whether money that this provider holds is in our books: those that we charge through ourselves. Stores and Recurly charge for
/// themselves; their movements are kept, and posted nowhere.
///
/// ```
/// use kasacare::domain::settlement::is_booked;
/// assert!(is_booked("stripe") && is_booked("simulated") && !is_booked("google_play"));
/// ```
#[must_use]
pub fn is_booked(provider: &str) -> bool {
    !matches!(provider, "app_store" | "google_play" | "recurly")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn movement(category: Category, gross_minor: i64, fee_minor: i64) -> Movement {
        Movement {
            id: "m".to_owned(),
            category,
            raw_category: category.tag().to_owned(),
            reference: None,
            parent_reference: None,
            our_reference: None,
            payout: None,
            currency: Currency::parse("USD").unwrap(),
            gross_minor,
            fee_minor,
            net_minor: gross_minor.saturating_sub(fee_minor),
            occurred_at: DateTime::UNIX_EPOCH,
            available_on: None,
        }
    }

    #[track_caller]
    fn check(category: Category, gross: i64, fee: i64, booked: Option<(booking::FeeOf, i64)>) {
        let found = movement(category, gross, fee).fee_to_book().map(|(of, amount)| (of, amount.minor()));
        assert_eq!(found, booked);
    }

    #[test]
    fn fees_are_booked_as_the_provider_says() {
        use booking::FeeOf::{Disputes, Payments};
        // 2.9 % of 108.24 and 0.30, of ledger.md's example.
        check(Category::Charge, 10_824, 344, Some((Payments, 344)));
        check(Category::Charge, 10_824, 0, None);
        check(Category::Refund, -7_176, -100, Some((Payments, -100)));
        check(Category::Fee, -200, 0, Some((Payments, 200)));
        check(Category::Fee, 0, 200, Some((Payments, 200)));
        check(Category::Dispute, -10_824, 1_500, None);
        check(Category::DisputeReversal, 10_824, -1_500, Some((Disputes, -1_500)));
    }

    #[test]
    fn every_category_has_its_word() {
        for (category, tag) in Category::TAGS {
            assert_eq!((category.tag(), Category::from_tag(tag)), (*tag, Some(*category)));
            assert_eq!(serde_json::to_value(category).unwrap(), serde_json::Value::from(*tag));
        }
        assert_eq!(Category::TAGS.len(), 12);
    }

    #[test]
    fn amounts_add_up_or_not() {
        assert!(movement(Category::Charge, 100, 3).adds_up());
        assert!(!Movement { net_minor: 98, ..movement(Category::Charge, 100, 3) }.adds_up());
        assert!(!Movement { gross_minor: i64::MIN, ..movement(Category::Charge, 100, 3) }.adds_up());
    }
}
