//! Promotions, trials and price changes (MO-3, LC-2, PR).

use kasacare::domain::catalog::{Price, PriceVersion};
use kasacare::domain::change::Refusal;
use kasacare::domain::change::start::Order;
use kasacare::domain::money::{Currency, Money};
use kasacare::store::reference;

use crate::world::on_both;
use crate::world::town::{OREGON, Town, day, minor, noon, order};

#[tokio::test]
async fn a_promotion_ends_after_its_billed_periods() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let half = Order { promotion: Some("HALF3".to_owned()), ..order(&id, "plus/monthly") };
        town.act(noon("2026-01-10"), &id, |draft| draft.subscribe(&half)).await;
        for due in ["2026-01-10", "2026-02-10", "2026-03-10", "2026-04-10", "2026-05-10"] {
            town.run(due).await;
        }
        // Half of 9.99 is 4.995, which rounds to 5.00 off: 4.99 for three periods, then the list price.
        assert_eq!(minor(town.invoices(&id).await.iter().map(|invoice| invoice.captured)), [499, 499, 499, 999, 999]);
    })
    .await;
}

#[tokio::test]
async fn a_trial_is_free_becomes_paid_and_is_not_given_twice() {
    on_both(|db| async move {
        let town = Town::on(&db).await;
        let id = town.move_in("a", OREGON, "tok_ok").await;
        let (plan, camera) = ("plus/monthly".parse().unwrap(), order(&id, "plus/monthly").camera);
        town.act(noon("2026-01-10"), &id, |draft| draft.start_trial(&plan, camera.as_ref())).await;
        town.run("2026-01-23").await;
        assert_eq!(town.invoices(&id).await.len(), 0, "fourteen days are free");
        town.run("2026-01-24").await;
        let first = town.invoices(&id).await.pop().unwrap();
        assert_eq!((first.document.period.start, first.captured.minor()), (day("2026-01-24"), 999));
        let other = kasacare::domain::ids::CameraId::parse("a-cam2").unwrap();
        let before = town.account(&id).await;
        let refused = town.try_act(noon("2026-02-01"), &id, |draft| draft.start_trial(&plan, Some(&other))).await.map(drop);
        assert_eq!(refused, Err(Refusal::TrialUsed { used_on: day("2026-01-10") }));
        assert_eq!(town.account(&id).await, before, "nothing changed");
    })
    .await;
}

#[tokio::test]
async fn a_price_notice_one_day_too_late_keeps_the_old_price_once_more() {
    on_both(|db| async move {
        let mut town = Town::on(&db).await;
        let late = town.move_in("late", OREGON, "tok_ok").await;
        let timely = town.move_in("timely", OREGON, "tok_ok").await;
        town.subscribe("2026-01-10", &late, "plus/monthly").await;
        town.subscribe("2026-01-11", &timely, "plus/monthly").await;
        let usd = Currency::parse("USD").unwrap();
        let price = Price { plan: "plus/monthly".parse().unwrap(), amount: Money::new(1_299, usd) };
        let version = PriceVersion { version: "v2".to_owned(), effective_from: day("2026-03-01"), prices: vec![price] };
        let mut tx = db.begin().await.unwrap();
        reference::announce(&mut tx, &version, noon("2026-02-09"), "olga", "costs").await.unwrap();
        tx.commit().await.unwrap();
        town.reload().await;
        // Sent on 9 February: 29 days before 10 March, 30 days before 11 March.
        town.run_daily("2026-02-09", "2026-04-11").await;
        let charged = |id: &kasacare::domain::ids::AccountId| {
            let (town, id) = (&town, id.clone());
            async move { minor(town.invoices(&id).await.iter().map(|invoice| invoice.captured)) }
        };
        assert_eq!(charged(&late).await, [999, 999, 999, 1_299]);
        assert_eq!(charged(&timely).await, [999, 999, 1_299, 1_299]);
        let notices = town.mails().iter().filter(|mail| mail.starts_with("price_notice_")).count();
        assert_eq!(notices, 2, "one each");
    })
    .await;
}
