//! MO-3: how often each promotion code is in use, over all accounts. One of the few rows that accounts share.

use std::collections::BTreeMap;

use super::super::db::Tx;
use super::super::error::StoreError;
use crate::domain::account::Account;

crate::statements! {
    /// Counts the uses of a code up or down by `$2`, unless that were more than allowed.
    COUNT = same(
        "update promotion_uses set used = used + cast($2 as bigint) where code = $1 \
         and (cast($2 as bigint) < 0 or max_uses is null or used + cast($2 as bigint) <= max_uses)"
    );
    /// A code that is known.
    KNOWN = same("select code from promotion_uses where code = $1");
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
