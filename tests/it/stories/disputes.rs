//! Disputes of money that is not there any more, because it was given back before the provider told of them (F60).

use kasacare::domain::account::Account;
use kasacare::domain::change::start::Order;
use kasacare::domain::ids::{AccountId, CameraId, SubscriptionId};
use kasacare::domain::money::{Currency, Money};
use kasacare::provider::simulated::Simulated;
use kasacare::reports::check;
use kasacare::store::db::Db;

use crate::world::on_both;
use crate::world::town::{OREGON, Town, minor, noon, order};

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}

async fn assert_clean(db: &Db, when: &str) {
    let report = check::run(db, check::Options::default(), |_, _| {}).await.unwrap();
    assert!(report.is_clean(), "{when}: {}", report.summary());
}

/// An annual plan of 99.99, cancelled on its second day, while the card holder disputes so much of it. The runner hears of the
/// dispute after the cancellation, and a week later of how it ended. `check` must be clean all the time. Gives the account.
async fn disputed_while_cancelled(db: &Db, beside: bool, disputed: i64, won: bool) -> Account {
    let town = Town::on(db).await;
    let id = town.move_in("a", OREGON, "tok_ok").await;
    let annual = town.subscribe("2026-01-31", &id, "plus/annual").await;
    if beside {
        subscribe_another(&town, &id).await;
    }
    let simulated = Simulated::new(db.clone());
    let charge = charge_of(&town, &id, &annual).await;
    simulated.open_dispute(noon("2026-02-01"), &charge, Some(usd(disputed))).await.unwrap();
    town.act(noon("2026-02-01"), &id, |draft| draft.cancel(&annual)).await;
    assert_clean(db, "cancelled").await;
    town.run("2026-02-01").await;
    assert_clean(db, "disputed").await;
    simulated.end_dispute(noon("2026-02-08"), &charge, won).await.unwrap();
    town.run("2026-02-08").await;
    assert_clean(db, "decided").await;
    town.account(&id).await
}

async fn subscribe_another(town: &Town, id: &AccountId) {
    let other = Order { camera: Some(CameraId::parse("a-cam2").unwrap()), ..order(id, "plus/monthly") };
    town.act(noon("2026-01-31"), id, |draft| draft.subscribe(&other)).await;
    town.run("2026-01-31").await;
}

async fn charge_of(town: &Town, id: &AccountId, subscription: &SubscriptionId) -> String {
    let account = town.account(id).await;
    let of_it = |invoice: &str| account.invoices[invoice].document.subscription == *subscription;
    account.charges.values().find(|charge| of_it(&charge.invoice)).unwrap().id.clone()
}

/// Two of 365 days used: 99.99 x 363/365 = 99.442 -> 99.44 are on their way back when 40.00 are withdrawn: 0.55 of them are still
/// there, 39.45 are not.
#[tokio::test]
async fn a_dispute_of_what_has_been_refunded() {
    for won in [true, false] {
        on_both(|db| async move {
            let account = disputed_while_cancelled(&db, false, 4_000, won).await;
            assert_eq!(minor(account.refunds.values().map(|refund| refund.amount)), [9_944], "won: {won}");
            assert!(account.tasks.values().any(|task| task.kind == "dispute_on_refunded" && task.amount == Some(usd(3_945))));
        })
        .await;
    }
}

/// The same with another subscription going on, so that the 99.44 became credit: a lost dispute takes what is left of it.
#[tokio::test]
async fn a_dispute_of_what_has_become_credit() {
    for (won, credit) in [(true, 9_944), (false, 0)] {
        on_both(|db| async move {
            let account = disputed_while_cancelled(&db, true, 9_999, won).await;
            assert_eq!(account.refunds.len(), 0);
            assert_eq!(account.profile.credit_cash.minor(), credit, "won: {won}");
        })
        .await;
    }
}
