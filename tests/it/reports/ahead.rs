//! Renewals ahead are reckoned in two ways: ordinary accounts by the little that many of them have alike, and those of which more was recorded
//! since as a whole, rebuilt from their journals.

use chrono::DateTime;
use kasacare::clock::Clock;
use kasacare::domain::catalog::Plan;
use kasacare::domain::ids::{AccountId, CameraId};
use kasacare::domain::money::{Currency, Money};
use kasacare::engine::Engine;
use kasacare::reports::sheet::Asked;
use kasacare::store::db::{Db, Row, Sql};

use super::{told, usd};
use crate::world::on_both;
use crate::world::town::{CALIFORNIA, Town, day, noon};

/// What makes an account no ordinary one, and what ordinary ones have besides.
const KINDS: &[(&str, &str)] = &[
    ("trials", "select count(*) from subscriptions where state = 'trialing'"),
    ("credit", "select count(*) from accounts where credit_cash_minor + credit_goodwill_minor > 0"),
    ("notices that wait", "select count(*) from price_notices where outcome = 'pending'"),
    ("parked", "select count(*) from accounts where parked_at is not null"),
    ("promotions", "select count(*) from subscriptions where promotion_code is not null and state = 'active'"),
    (
        "several on an account",
        "select count(*) from (select 1 from subscriptions where state = 'active' group by account_id having count(*) > 1) x",
    ),
];

async fn has_all_kinds(db: &Db) {
    let mut tx = db.begin_read().await.unwrap();
    for (what, sql) in KINDS {
        assert!(tx.fetch_one(&Sql::same(sql), &[]).await.unwrap().int_at(0).unwrap() > 0, "nobody has {what}");
    }
    tx.rollback().await.unwrap();
}

/// Accounts that are not parked, and their currencies.
async fn everybody(db: &Db) -> Vec<(AccountId, Currency)> {
    let mut tx = db.begin_read().await.unwrap();
    let rows = tx.fetch_all(&Sql::same("select account_id, currency from accounts where parked_at is null order by 1"), &[]).await.unwrap();
    tx.rollback().await.unwrap();
    let read = |row: &Row| (AccountId::parse(row.str_at(0).unwrap()).unwrap(), Currency::parse(row.str_at(1).unwrap()).unwrap());
    rows.iter().map(read).collect()
}

#[tokio::test]
async fn ordinary_accounts_renew_as_they_would_read_as_a_whole() {
    on_both(async |db| {
        super::year::year(&db).await;
        let engine = Engine::open((*db).clone(), Clock::Fixed(DateTime::UNIX_EPOCH)).await.unwrap();
        let town = Town::reopened(engine).await;
        let (parked, credited) = (AccountId::parse("dispute-won").unwrap(), AccountId::parse("dispute-lost").unwrap());
        town.act(noon("2027-03-01"), &parked, |draft| draft.park("test", "a story")).await;
        town.act(noon("2027-03-01"), &credited, |draft| draft.grant_credit(usd(500))).await;
        let tries = town.move_in("tries", CALIFORNIA, "tok_ok").await;
        let (plan, camera) = ("plus/monthly".parse::<Plan>().unwrap(), CameraId::parse("tries-cam1").unwrap());
        town.act(noon("2027-03-01"), &tries, |draft| draft.start_trial(&plan, Some(&camera))).await;
        has_all_kinds(&db).await;
        let on = Asked { as_of: Some(day("2027-03-01")), ..Asked::default() };
        let looked_up = told(&db, "renewals-ahead", &on).await;
        let listed: usize = looked_up.parts.iter().filter(|part| part.section.key == "renewals").map(|part| part.rows.len()).sum();
        assert!(listed > 30, "{listed}");
        // A day later something is recorded of everybody who can be given anything.
        let everybody = everybody(&db).await;
        for (id, currency) in &everybody {
            town.act(noon("2027-03-03"), id, |draft| draft.grant_credit(Money::new(1, *currency))).await;
        }
        assert!(everybody.len() > 20, "{everybody:?}");
        let cut_off = Asked { known_at: Some(noon("2027-03-02")), ..on.clone() };
        for asked in [on, cut_off] {
            let rebuilt = told(&db, "renewals-ahead", &asked).await;
            assert_eq!(looked_up.parts, rebuilt.parts);
            assert_eq!(looked_up.notes, rebuilt.notes);
            // What rows say is due is tied to only where they are of the same time.
            assert!(looked_up.ties.len() > rebuilt.ties.len());
        }
        let today = told(&db, "renewals-ahead", &Asked::default()).await;
        assert_ne!(looked_up.parts, today.parts, "credit pays first");
    })
    .await;
}
