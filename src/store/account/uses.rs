//! MO-3: how often each promotion code is in use, over all accounts. One of the few rows that accounts share.

use std::collections::BTreeMap;

use super::super::db::{DbError, Row, Tx};
use super::super::error::StoreError;
use crate::domain::account::Account;

crate::statements! {
    /// Counts the uses of a code up or down by `$2`, unless that were more than allowed.
    COUNT = same(
        "update promotion_uses set used = used + cast($2 as bigint) where code = $1 \
         and (cast($2 as bigint) < 0 or max_uses is null or used + cast($2 as bigint) <= max_uses)"
    );
    /// Codes that are in use and have a limit.
    LIMITED = same("select code, used from promotion_uses where used > 0 and max_uses is not null order by code");
    /// A code that is known.
    KNOWN = same("select code from promotion_uses where code = $1");
}

/// How often each code that may be used up is in use.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn promotion_uses(tx: &mut Tx) -> Result<BTreeMap<String, u32>, StoreError> {
    let rows = tx.fetch_all(&LIMITED, &[]).await?;
    let read = |row: &Row| {
        let used = u32::try_from(row.int("used")?).map_err(|_| row.corrupt("used", "is not a number of uses"))?;
        Ok::<_, DbError>((row.text("code")?, used))
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Counts the uses that began and those that were given back (LC-3).
///
/// One statement for each code that is redeemed or given back: renewals do neither.
pub(super) async fn count<'a>(tx: &mut Tx, accounts: impl Iterator<Item = (&'a Account, &'a Account)>) -> Result<(), StoreError> {
    // By code, so that of two who count the same codes one waits for the other and never each for both.
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    for (before, after) in accounts {
        for (code, redemption) in &after.redemptions {
            let was_in_use = before.redemptions.get(code).is_some_and(|redemption| !redemption.released);
            match (was_in_use, !redemption.released) {
                (false, true) => *counts.entry(code).or_default() += 1,
                (true, false) => *counts.entry(code).or_default() -= 1,
                (true, true) | (false, false) => {}
            }
        }
    }
    for (code, count) in counts {
        if count != 0 && tx.execute(&COUNT, &crate::values![code, count]).await? == 0 {
            let known = tx.fetch_optional(&KNOWN, &crate::values![code]).await?.is_some();
            let code = code.to_owned();
            return Err(if known { StoreError::PromotionUsedUp { code } } else { StoreError::NoPromotion { code } });
        }
    }
    Ok(())
}
