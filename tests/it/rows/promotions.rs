//! MO-3: the uses of promotions, over all accounts.

use kasacare::domain::account::{Account, RedemptionState};
use kasacare::store::db::Db;
use kasacare::store::error::StoreError;

use super::number;
use super::sample::{change, loaded, opened, prepare, save, subscription_id};
use crate::world::on_both;

fn redeemed(account: &Account, code: &str, released: bool) -> Account {
    let mut after = account.clone();
    after.redemptions.insert(code.to_owned(), RedemptionState { subscription: subscription_id("s-1"), released });
    after
}

async fn used(db: &Db) -> i64 {
    number(db, "select used from promotion_uses").await
}

#[tokio::test]
async fn a_code_is_used_as_often_as_allowed_and_a_use_can_be_given_back() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1", "a-2"]).await;
        // One use is allowed; two at once are too many, one after the other as well.
        let take = |account: &Account, cause: &str| change(account, redeemed(account, "WELCOME", false), cause);
        let used_up = StoreError::PromotionUsedUp { code: "WELCOME".to_owned() };
        assert_eq!(save(&db, &mut [take(&before[0], "x"), take(&before[1], "x")]).await, Err(used_up.clone()));
        assert_eq!(used(&db).await, 0);
        save(&db, &mut [take(&before[0], "x")]).await.unwrap();
        assert_eq!(save(&db, &mut [take(&before[1], "x")]).await, Err(used_up));
        assert_eq!(used(&db).await, 1);
        // LC-3: given back, by the first; then there is one for the second, and none for the first.
        let first = loaded(&db, "a-1").await;
        save(&db, &mut [change(&first, redeemed(&first, "WELCOME", true), "decline")]).await.unwrap();
        assert_eq!(used(&db).await, 0);
        let first = loaded(&db, "a-1").await;
        let mut changes = [take(&first, "again")];
        save(&db, &mut changes).await.unwrap();
        assert_eq!(loaded(&db, "a-1").await, changes[0].after);
        assert_eq!(used(&db).await, 1);
        // A use that goes and one that comes cancel out, in one statement's worth of change.
        let first = loaded(&db, "a-1").await;
        let give = change(&first, redeemed(&first, "WELCOME", true), "give");
        save(&db, &mut [give, take(&before[1], "take")]).await.unwrap();
        assert_eq!(used(&db).await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_unknown_code_is_refused() {
    on_both(async |db| {
        prepare(&db).await;
        let before = opened(&db, &["a-1"]).await;
        let refused = save(&db, &mut [change(&before[0], redeemed(&before[0], "NOPE", false), "x")]).await;
        assert_eq!(refused, Err(StoreError::NoPromotion { code: "NOPE".to_owned() }));
    })
    .await;
}
