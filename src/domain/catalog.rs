//! The catalog as data: tiers, plans, dated price versions and promotions.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::calendar::Cycle;
use super::money::{Currency, Money};
use super::promotion::Promotion;

/// A tier × a billing cycle, written `plus/monthly`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Plan {
    /// The tier's name in the catalog.
    pub tier: String,
    /// How often it bills.
    pub cycle: Cycle,
}

impl Plan {
    /// The plan of `tier` and `cycle`.
    #[must_use]
    pub fn new(tier: &str, cycle: Cycle) -> Self {
        Self { tier: tier.to_owned(), cycle }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tier, self.cycle.tag())
    }
}

/// The text is not of the form `tier/cycle`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a plan; write tier/cycle, for example plus/monthly")]
pub struct BadPlan(pub String);

impl FromStr for Plan {
    type Err = BadPlan;
    fn from_str(text: &str) -> Result<Self, BadPlan> {
        let bad = || BadPlan(text.chars().take(40).collect());
        let (tier, cycle) = text.split_once('/').ok_or_else(bad)?;
        let cycle = Cycle::parse(cycle).ok_or_else(bad)?;
        if tier.is_empty() { Err(bad()) } else { Ok(Self::new(tier, cycle)) }
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Plan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What one subscription of a tier covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// One named camera.
    OneCamera,
    /// All cameras of the account, up to the tier's `cameras_max`.
    Account,
}

/// A paid tier. Tiers are ranked: going to a higher rank is "tier up" (CP).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name, unique: `plus`.
    pub name: String,
    /// What customers read: `Kasa Care Plus`.
    pub title: String,
    /// Higher is more.
    pub rank: u32,
    /// What it covers.
    pub covers: Covers,
    /// How many cameras at the most.
    pub cameras_max: u32,
    /// Days of recordings kept.
    pub history_days: u32,
    /// LC-2: length of the free trial in days; 0 where the tier has none.
    pub trial_days: u32,
}

/// The price of one plan in one currency, per period, before promotion and tax.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// The plan.
    pub plan: Plan,
    /// Per period, net.
    pub amount: Money,
}

/// A dated set of prices (PR). It counts only for the plans and currencies that it names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceVersion {
    /// Its name, unique.
    pub version: String,
    /// PR-1: first day for new subscriptions.
    pub effective_from: NaiveDate,
    /// The prices.
    pub prices: Vec<Price>,
}

impl PriceVersion {
    /// The price of a plan in a currency, if this version names it.
    #[must_use]
    pub fn price(&self, plan: &Plan, currency: Currency) -> Option<Money> {
        self.prices.iter().find(|price| price.plan == *plan && price.amount.currency() == currency).map(|price| price.amount)
    }
}

/// Everything that is for sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// Who sells: part of the invoice number.
    pub seller: String,
    /// Days of recordings that the Free Package keeps.
    pub free_history_days: u32,
    /// Paid tiers.
    pub tiers: Vec<Tier>,
    /// Price versions, ascending by `effective_from`.
    pub versions: Vec<PriceVersion>,
    /// Promotions.
    #[serde(default)]
    pub promotions: Vec<Promotion>,
}

impl Catalog {
    /// A tier by name.
    #[must_use]
    pub fn tier(&self, name: &str) -> Option<&Tier> {
        self.tiers.iter().find(|tier| tier.name == name)
    }

    /// A price version by name.
    #[must_use]
    pub fn version(&self, name: &str) -> Option<&PriceVersion> {
        self.versions.iter().find(|version| version.version == name)
    }

    /// The versions that price this plan in this currency, ascending by date.
    pub fn versions_of<'a>(&'a self, plan: &'a Plan, currency: Currency) -> impl Iterator<Item = (&'a PriceVersion, Money)> {
        self.versions.iter().filter_map(move |version| version.price(plan, currency).map(|price| (version, price)))
    }

    /// PR-1: the version in force on a date for new subscriptions of a plan, with its price.
    #[must_use]
    pub fn in_force(&self, plan: &Plan, currency: Currency, on: NaiveDate) -> Option<(&PriceVersion, Money)> {
        self.versions
            .iter()
            .rev()
            .filter(|version| version.effective_from <= on)
            .find_map(|version| version.price(plan, currency).map(|price| (version, price)))
    }

    /// A promotion by code.
    #[must_use]
    pub fn promotion(&self, code: &str) -> Option<&Promotion> {
        self.promotions.iter().find(|promotion| promotion.code == code)
    }
}
