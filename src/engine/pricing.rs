//! Announcing prices (PR-2), and what a price version means for those who have subscribed.

use chrono::{DateTime, Utc};

use super::requests::{self, PRICES};
use super::{EngineError, Who};
use crate::domain::calendar::Cycle;
use crate::domain::catalog::{Catalog, Plan, PriceVersion};
use crate::domain::money::Money;
use crate::store::db::Db;
use crate::store::desk::Standing;
use crate::store::reference;

/// The kind of the request.
const ANNOUNCE: &str = "announce_price";

/// What a price version changes for the subscriptions of one plan, one currency and one present price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceEffect {
    /// The plan.
    pub plan: Plan,
    /// The price version that they are billed at.
    pub from_version: String,
    /// What a period costs now, before promotion and tax.
    pub old: Money,
    /// What it will cost.
    pub new: Money,
    /// How many subscriptions that renew.
    pub subscriptions: i64,
    /// What they will pay more in a year, before promotion and tax; nothing where that does not fit 64 bits of minor units.
    pub yearly: Option<Money>,
}

/// What a version changes for whom: everybody on an older version of a plan that it prices (PR-2, PR-6).
#[must_use]
pub fn effects(catalog: &Catalog, version: &PriceVersion, standings: &[Standing]) -> Vec<PriceEffect> {
    let effect = |standing: &Standing| {
        let present = catalog.version(&standing.version)?;
        let old = present.price(&standing.plan, standing.currency)?;
        let new = version.price(&standing.plan, standing.currency)?;
        let is_newer = version.effective_from > present.effective_from;
        is_newer.then(|| PriceEffect {
            plan: standing.plan.clone(),
            from_version: standing.version.clone(),
            old,
            new,
            subscriptions: standing.subscriptions,
            yearly: yearly(old, new, standing.plan.cycle, standing.subscriptions),
        })
    };
    standings.iter().filter_map(effect).collect()
}

fn yearly(old: Money, new: Money, cycle: Cycle, subscriptions: i64) -> Option<Money> {
    let periods = match cycle {
        Cycle::Monthly => 12,
        Cycle::Annual => 1,
    };
    let each = new.minus(old).ok()?.minor().checked_mul(periods)?;
    each.checked_mul(subscriptions).map(|minor| Money::new(minor, new.currency()))
}

/// Stores a price version, which never changes any more, and opens its announcement. Gives whether it was announced now and not
/// before.
///
/// # Errors
/// [`crate::store::StoreError::VersionDiffers`] for a version that is stored with other content; [`crate::store::StoreError::AlreadyDone`] and
/// [`EngineError::RequestReused`] for a request id that was seen before; store errors.
pub async fn announce(db: &Db, version: &PriceVersion, at: DateTime<Utc>, who: &Who) -> Result<bool, EngineError> {
    let mut tx = db.begin().await?;
    requests::refuse_repeated(&mut tx, PRICES, ANNOUNCE, who).await?;
    let is_new = reference::announce(&mut tx, version, at, &who.actor, who.reason.as_deref().unwrap_or_default()).await?;
    requests::remember(&mut tx, PRICES, ANNOUNCE, who, at).await?;
    tx.commit().await?;
    Ok(is_new)
}

/// Looks whether an announcement was made before under its request's id; changes nothing.
///
/// # Errors
/// As [`announce`].
pub async fn refuse_announced(db: &Db, who: &Who) -> Result<(), EngineError> {
    let mut tx = db.begin_read().await?;
    let refused = requests::refuse_repeated(&mut tx, PRICES, ANNOUNCE, who).await;
    tx.rollback().await?;
    refused
}
