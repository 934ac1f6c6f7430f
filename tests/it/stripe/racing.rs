//! Answer, webhook and the list of events tell of the same charges at the same time, to several runners: each is booked once (F14, PV-6).

use std::sync::Arc;

use chrono::TimeDelta;
use kasacare::domain::account::AttemptState;
use kasacare::domain::ids::AccountId;
use kasacare::engine::Engine;
use kasacare::store::db::{Db, Kind};

use super::calls::{provider, town_at};
use super::fake::{Fake, Fault};
use super::{deliver, number};
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon, order};

const JOINED: &str = "2026-01-31";
const CUSTOMERS: usize = 40;

/// Brings every event that there is by webhook, again and again, until it is told to stop.
async fn bring(db: Db, fake: Fake, rounds: usize) {
    for round in 0..rounds {
        let events: Vec<(String, String)> = {
            let state = fake.state();
            // Every other time as another event about the same: what is known by its id would be no race.
            let named = |event: &serde_json::Value| {
                let id = event["id"].as_str().unwrap();
                if round % 2 == 0 { id.to_owned() } else { format!("{id}_{round}") }
            };
            state.events.iter().map(|event| (named(event), event.to_string())).collect()
        };
        if !events.is_empty() {
            deliver(&db, noon(JOINED), &events).await;
        }
        tokio::task::yield_now().await;
    }
}

async fn run(town: &Town, rounds: i64) {
    for minutes in 0..rounds {
        town.run_at(noon(JOINED) + TimeDelta::minutes(6 * minutes)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_first_settles_and_the_others_change_nothing() {
    on_both(async |db| {
        let (town, fake) = town_at(&db).await;
        // SQLite has one runner at a time.
        let second = if db.kind() == Kind::Postgres {
            let engine =
                Engine::open_with(db.connect_again().await, kasacare::clock::Clock::Fixed(noon(JOINED)), provider(&fake)).await.unwrap();
            Some(Town::reopened(engine).await)
        } else {
            None
        };
        let ids: Vec<AccountId> = (0..CUSTOMERS).map(|number| format!("r{number:02}").parse().unwrap()).collect();
        let people: Vec<_> = ids.iter().map(|id| (id.to_string(), OREGON, "cus_1:pm_ok".to_owned())).collect();
        town.move_all_in(&people).await;
        for id in &ids {
            let order = order(id, "plus/annual");
            town.act(noon(JOINED), id, |draft| draft.subscribe(&order)).await;
        }
        fake.fail(&[Fault::LostAfter, Fault::GarbageAfter, Fault::LostBefore, Fault::PageAfter].repeat(5));
        // Each in a task of its own, as processes would be.
        let town = Arc::new(town);
        let runners = [Some(Arc::clone(&town)), second.map(Arc::new)];
        let mut tasks: Vec<_> = runners.into_iter().flatten().map(|town| tokio::spawn(async move { run(&town, 12).await })).collect();
        tasks.push(tokio::spawn(bring((*db).clone(), fake.clone(), 40)));
        for task in tasks {
            task.await.unwrap();
        }
        for minutes in 0..40 {
            town.run_at(noon(JOINED) + TimeDelta::hours(3) + TimeDelta::minutes(20 * minutes)).await;
        }
        assert_eq!(fake.captured(), CUSTOMERS);
        for id in &ids {
            let account = town.account(id).await;
            let states: Vec<_> = account.charges.values().map(|charge| charge.state).collect();
            assert_eq!((states, account.profile.parked), (vec![AttemptState::Succeeded], None), "{id}");
        }
        let receipts = "select count(*) from notices where kind = 'receipt_payment'";
        assert_eq!(number(&db, receipts).await, i64::try_from(CUSTOMERS).unwrap());
        let clearing = "select cast(sum(amount_minor) as bigint) from postings where ledger_account = 1200 and account_id <> '(stripe)'";
        assert_eq!(number(&db, clearing).await, 9_999 * i64::try_from(CUSTOMERS).unwrap());
        // Both runners have fetched what has moved, and each fee of 3.20 is booked once.
        let fees = "select cast(sum(amount_minor) as bigint) from postings where ledger_account = 5000";
        assert_eq!(number(&db, fees).await, 320 * i64::try_from(CUSTOMERS).unwrap());
        assert_eq!(number(&db, "select count(*) from inbox where state <> 'done'").await, 0);
    })
    .await;
}
