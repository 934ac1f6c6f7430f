//! What operators look up before they decide: read transactions around [`crate::store::desk`].

use chrono::{DateTime, Utc};

use super::EngineError;
use crate::domain::account::{Account, Task, Unapplied};
use crate::domain::calendar::local_date;
use crate::domain::ids::{AccountId, CameraId};
use crate::domain::money::MoneyError;
use crate::store::StoreError;
use crate::store::account::{self as accounts, Scope};
use crate::store::db::Db;
use crate::store::desk::{self, ListedTask, ParkedAccount, PastDue, Standing};

/// How many accounts a list looks at in one go.
const ACCOUNTS_AT_ONCE: usize = 500;

/// The accounts on which nothing is billed (PV-8), the longest parked first.
///
/// # Errors
/// Store errors.
pub async fn parked(db: &Db) -> Result<Vec<ParkedAccount>, EngineError> {
    let mut tx = db.begin_read().await?;
    let parked = desk::parked(&mut tx).await?;
    tx.rollback().await?;
    Ok(parked)
}

/// The open tasks of all accounts, or every task of one; the oldest first.
///
/// # Errors
/// Store errors.
pub async fn tasks(db: &Db, of: Option<&AccountId>) -> Result<Vec<ListedTask>, EngineError> {
    let mut tx = db.begin_read().await?;
    let tasks = desk::tasks(&mut tx, of).await?;
    tx.rollback().await?;
    Ok(tasks)
}

/// Money of an account that stands for nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnappliedOf {
    /// The account.
    pub account: AccountId,
    /// The money.
    pub unapplied: Unapplied,
}

/// What stands for nothing (2320, 1290), of all accounts or of one.
///
/// # Errors
/// [`EngineError::NoAccount`]; store errors.
pub async fn unapplied(db: &Db, of: Option<&AccountId>) -> Result<Vec<UnappliedOf>, EngineError> {
    if let Some(account) = of {
        must_exist(db, account).await?;
    }
    let mut tx = db.begin_read().await?;
    let ids = match of {
        Some(account) => vec![account.clone()],
        None => desk::with_tasks(&mut tx, &Task::OF_UNAPPLIED).await?,
    };
    let mut found = Vec::new();
    for chunk in ids.chunks(ACCOUNTS_AT_ONCE) {
        for account in accounts::load(&mut tx, chunk, Scope::ALL).await? {
            let payments = account.unapplied_payments().map_err(|error| refused(&account, error))?;
            let refunds = account.excess_refunds().map_err(|error| refused(&account, error))?;
            let of = |unapplied| UnappliedOf { account: account.profile.id.clone(), unapplied };
            found.extend(payments.into_iter().chain(refunds).map(of));
        }
    }
    tx.rollback().await?;
    Ok(found)
}

fn refused(account: &Account, error: MoneyError) -> EngineError {
    EngineError::Refused { account: account.profile.id.to_string(), refusal: error.into() }
}

/// PD-3: the subscriptions that have been past due for at least so many days of their account, as of an instant.
///
/// # Errors
/// Store errors, also where the schema is not current.
pub async fn past_due_for(db: &Db, days: u32, at: DateTime<Utc>) -> Result<Vec<PastDue>, EngineError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let mut behind = desk::past_due(&mut tx).await?;
    tx.rollback().await?;
    behind.retain(|other| local_date(at, other.zone).signed_duration_since(other.since).num_days() >= i64::from(days));
    Ok(behind)
}

/// How many subscriptions that renew stand on which price version, by plan and currency (PR-2).
///
/// # Errors
/// Store errors.
pub async fn standings(db: &Db) -> Result<Vec<Standing>, EngineError> {
    let mut tx = db.begin_read().await?;
    let standings = desk::standings(&mut tx).await?;
    tx.rollback().await?;
    Ok(standings)
}

/// Whether a camera belongs to the account or to nobody.
///
/// # Errors
/// Store errors.
pub async fn camera_is_free(db: &Db, account: &AccountId, camera: &CameraId) -> Result<bool, EngineError> {
    let mut tx = db.begin_read().await?;
    let owners = desk::camera_owners(&mut tx, &[camera.as_str()]).await?;
    tx.rollback().await?;
    Ok(owners.get(camera.as_str()).is_none_or(|owner| owner == account))
}

/// MO-3: that a promotion code can be redeemed once more, over all accounts.
///
/// # Errors
/// [`StoreError::PromotionUsedUp`]; store errors.
pub async fn promotion_is_left(db: &Db, code: &str) -> Result<(), EngineError> {
    let mut tx = db.begin_read().await?;
    let left = desk::promotion_is_left(&mut tx, code).await?;
    tx.rollback().await?;
    if left { Ok(()) } else { Err(StoreError::PromotionUsedUp { code: code.to_owned() }.into()) }
}

/// Refuses to work as of an earlier day (UTC) than one on which something was decided: the jobs would date decisions before others
/// that were made, and reported, already. Imports do not count: they are dated when they come in.
///
/// # Errors
/// [`EngineError::RunBackdated`]; store errors.
pub async fn must_not_go_back(db: &Db, now: DateTime<Utc>) -> Result<(), EngineError> {
    let mut tx = db.begin_read().await?;
    let last = desk::last_decided_of_all(&mut tx).await?;
    tx.rollback().await?;
    match last {
        Some((account, last)) if now.date_naive() < last.date_naive() => {
            Err(EngineError::RunBackdated { account: account.to_string(), now, last })
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether there is such an account.
///
/// # Errors
/// [`EngineError::NoAccount`]; store errors.
pub async fn must_exist(db: &Db, account: &AccountId) -> Result<(), EngineError> {
    let mut tx = db.begin_read().await?;
    let found = accounts::load(&mut tx, std::slice::from_ref(account), Scope::PROFILE).await?;
    tx.rollback().await?;
    if found.is_empty() { Err(EngineError::NoAccount(account.to_string())) } else { Ok(()) }
}
