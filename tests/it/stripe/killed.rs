//! The process is killed between any two steps of a refund, and while it takes events and movements in: money goes back once, and what was
//! told is booked once (F01, I4, I15).

use std::process::{Child, Stdio};
use std::time::Duration;

use kasacare::store::db::Sql;

use super::command::{KEY, KILLS, ended, evening, killed, program, runs};
use super::fake::Fake;
use super::{number, words};
use crate::cli::shop::Shop;
use crate::world::{TestDb, on_both};

const JOINED: &str = "2026-01-31";
const LEFT: &str = "2026-02-01";

fn run_line(shop: &Shop, on: &str) -> String {
    format!("run --once --as-of {on} --mail-dir {}", shop.path("mail").display())
}

/// With three currencies; by the terms of all of them an annual plan that is cancelled at once is refunded.
const CUSTOMERS: [&str; 4] = ["us", "de", "jp", "late"];

/// Their annual plans are paid.
async fn paid(shop: &Shop, fake: &Fake) {
    for customer in CUSTOMERS {
        shop.does(&format!("subscribe {customer} plus/annual --camera {customer}-c1 --as-of {JOINED}"));
        // One by one: the example customers have one card between them, which belongs to whoever is there first.
        ended(&runs(program(&shop.db, fake, KEY, &run_line(shop, JOINED))).await, 0, "charges captured");
    }
    assert_eq!(fake.captured(), CUSTOMERS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_any_two_steps_nobody_is_refunded_twice() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        let days = [JOINED, LEFT, "2026-02-02"];
        for (number, when) in KILLS.into_iter().enumerate() {
            // Whoever comes back a day later has another camera by then.
            let (customer, round) = (CUSTOMERS[number % CUSTOMERS.len()], number / CUSTOMERS.len());
            let (joins, leaves, subscription) = (days[round], days[round + 1], round + 1);
            if number % CUSTOMERS.len() == 0 {
                let rest = KILLS.len() - number;
                for customer in &CUSTOMERS[..rest.min(CUSTOMERS.len())] {
                    shop.does(&format!("subscribe {customer} plus/annual --camera {customer}-c{subscription} --as-of {joins}"));
                    ended(&runs(program(&db, &fake, KEY, &run_line(&shop, joins))).await, 0, "charges captured");
                }
                fake.state().now += 24 * 3_600;
            }
            shop.does(&format!("cancel {customer} {customer}-s{subscription} --as-of {leaves}"));
            let run = run_line(&shop, leaves);
            killed(&db, &fake, &run, when).await;
            ended(&runs(program(&db, &fake, KEY, &run)).await, 0, "");
            assert_eq!(fake.state().refunds.len(), number + 1, "{when:?}");
        }
        assert_eq!(number(&db, "select count(*) from refunds where state = 'succeeded' and reference is not null").await, 6);
        assert_eq!(number(&db, "select count(*) from refunds where state <> 'succeeded'").await, 0);
        let theirs: i64 = fake.state().refunds.iter().filter_map(|refund| refund["amount"].as_i64()).sum();
        assert_eq!(number(&db, "select cast(sum(amount_minor) as bigint) from refunds").await, theirs);
        shop.does("check");
    })
    .await;
}

/// What the books say.
async fn books(db: &TestDb) -> Vec<(String, String)> {
    const SUMS: Sql = Sql::same(
        "select account_id || ' ' || cast(ledger_account as text), cast(sum(amount_minor) as text) from postings \
         group by account_id, ledger_account order by account_id, ledger_account",
    );
    let mut tx = db.begin_read().await.unwrap();
    let rows = tx.fetch_all(&SUMS, &[]).await.unwrap();
    tx.rollback().await.unwrap();
    rows.iter().map(|row| (row.text_at(0).unwrap(), row.text_at(1).unwrap())).collect()
}

/// Each charge is disputed, and told of five times over, under other ids and too early; movements come with it.
async fn told(db: &TestDb, fake: &Fake) {
    let intents: Vec<String> = fake.state().intents.iter().map(|intent| intent["id"].as_str().unwrap().to_owned()).collect();
    for (number, intent) in intents.iter().enumerate() {
        let dispute = fake.dispute(intent);
        fake.withdraw(&dispute);
        if number % 2 == 0 { fake.win(&dispute) } else { fake.lose(&dispute) }
    }
    fake.pay_out();
    let events: Vec<words::Event> = {
        let state = fake.state();
        let named = |copy: usize, event: &serde_json::Value| (format!("{}_{copy}", event["id"].as_str().unwrap()), event.to_string());
        (0..5).flat_map(|copy| state.events.iter().rev().map(move |event| named(copy, event)).collect::<Vec<_>>()).collect()
    };
    let at = chrono::DateTime::from_timestamp(fake.state().now, 0).unwrap();
    super::deliver(db, at, &events).await;
}

async fn killed_after(run: std::process::Command, milliseconds: u64) {
    let (mut run, pause) = (run, Duration::from_millis(milliseconds));
    tokio::task::spawn_blocking(move || {
        let mut child: Child = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_events_and_movements_are_taken_in_each_is_booked_once() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        paid(&shop, &fake).await;
        fake.state().now += 24 * 3_600 - 60;
        told(&db, &fake).await;
        let run = run_line(&shop, LEFT);
        for milliseconds in [30, 60, 90, 120, 150, 180, 220, 260, 320] {
            killed_after(program(&db, &fake, KEY, &run), milliseconds).await;
        }
        ended(&runs(program(&db, &fake, KEY, &run)).await, 0, "");
        let stirred = books(&db).await;
        assert_eq!(number(&db, "select count(*) from inbox where state <> 'done' and tries = 0").await, 0);
        assert_eq!(number(&db, "select count(*) from disputes where state = 'won'").await, 2);
        assert_eq!(number(&db, "select count(*) from disputes where state = 'lost'").await, 2);
        let moved = i64::try_from(fake.state().transactions.len()).unwrap();
        assert_eq!(number(&db, "select count(*) from provider_movements").await, moved);
        shop.does("check");
        // Stripe has paid out everything: by our books nothing is left there, in no currency.
        let left = "select count(*) from (select currency from postings where ledger_account = 1200 \
                    group by currency having sum(amount_minor) <> 0) uneven";
        assert_eq!(number(&db, left).await, 0);
        // Nothing is left to be done.
        ended(&runs(program(&db, &fake, KEY, &run)).await, 0, "");
        assert_eq!(books(&db).await, stirred);
        // What a fee is, is worked out here: 2.9 % and 0.30 of each.
        let fees: i64 = fake.state().charges.iter().map(|charge| (charge["amount"].as_i64().unwrap() * 29 + 500) / 1_000 + 30).sum();
        let posted = "select cast(sum(amount_minor) as bigint) from postings where ledger_account = 5000";
        assert_eq!(number(&db, posted).await, fees);
    })
    .await;
}
