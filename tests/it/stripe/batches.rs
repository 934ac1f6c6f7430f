//! Where calls take their time, two batches of them are worked on at one time: one is settled while the next is sent (P18). Neither a stop nor
//! a kill in the midst of it doubles or loses anything (F01, I4).

use std::collections::BTreeSet;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use kasacare::domain::ids::AccountId;
use kasacare::jobs::Stop;
use kasacare::provider::capabilities::{Capabilities, SIMULATED, STRIPE};
use kasacare::provider::{ChargeCall, EventPage, LookUp, Outcome, PaymentProvider, Provider, ProviderError, RefundCall};
use kasacare::store::db::Db;
use tokio::sync::Notify;

use super::command::{KEY, ended, evening, program, runs};
use super::fake::Fake;
use super::{intent_of, number};
use crate::cli::shop;
use crate::world::on_both;
use crate::world::town::{OREGON, Town, noon};

const JOINED: &str = "2026-01-31";
const LEFT: &str = "2026-02-01";

/// A provider that answers its first batch when the second has come, and the second when what was in the first is settled: whoever settles
/// one batch before the next is sent waits for ever.
#[derive(Debug)]
struct Overlapping {
    db: Db,
    /// How many calls of a batch are settled.
    settled: &'static str,
    batches: AtomicU32,
    second: Notify,
    /// Asked to stop by the second batch.
    stop: Stop,
    keys: Mutex<Vec<String>>,
}

const TWO_OF_TWO: Capabilities = Capabilities { calls_in_batch: 2, batches_at_once: 2, ..SIMULATED };

impl Overlapping {
    fn new(db: &Db, settled: &'static str) -> Arc<Self> {
        let (batches, second, keys) = (AtomicU32::new(0), Notify::new(), Mutex::default());
        Arc::new(Self { db: db.clone(), settled, batches, second, stop: Stop::default(), keys })
    }

    async fn take(&self, keys: impl Iterator<Item = &String>) {
        self.keys.lock().unwrap().extend(keys.cloned());
        match self.batches.fetch_add(1, Ordering::SeqCst) {
            0 => self.second.notified().await,
            1 => {
                self.stop.request();
                self.second.notify_one();
                while number(&self.db, self.settled).await < 2 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            _ => {}
        }
    }

    /// How many calls were made, if none was made twice.
    fn made(&self) -> usize {
        let keys = self.keys.lock().unwrap();
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{keys:?}");
        keys.len()
    }
}

impl PaymentProvider for Overlapping {
    fn capabilities(&self) -> &Capabilities {
        &TWO_OF_TWO
    }

    fn charge<'a>(&'a self, now: DateTime<Utc>, calls: &'a [ChargeCall]) -> BoxFuture<'a, Vec<Outcome>> {
        async move {
            self.take(calls.iter().map(|call| &call.key)).await;
            let answer = |call: &ChargeCall| Outcome::Succeeded { reference: intent_of(&call.charge_id), amount: call.amount, at: now };
            calls.iter().map(answer).collect()
        }
        .boxed()
    }

    fn refund<'a>(&'a self, now: DateTime<Utc>, calls: &'a [RefundCall]) -> BoxFuture<'a, Vec<Outcome>> {
        async move {
            self.take(calls.iter().map(|call| &call.key)).await;
            let answer =
                |call: &RefundCall| Outcome::Succeeded { reference: format!("re_{}", call.refund_id), amount: call.amount, at: now };
            calls.iter().map(answer).collect()
        }
        .boxed()
    }

    fn look_up_charges<'a>(&'a self, _now: DateTime<Utc>, _calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        unreachable!("nothing is in doubt")
    }

    fn look_up_refunds<'a>(&'a self, _now: DateTime<Utc>, _calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        unreachable!("nothing is in doubt")
    }

    fn events<'a>(&'a self, _now: DateTime<Utc>, _after: Option<&'a str>, _limit: u32) -> BoxFuture<'a, Result<EventPage, ProviderError>> {
        async move { Ok(EventPage { events: Vec::new(), cursor: None }) }.boxed()
    }
}

/// Lets the jobs run; whoever waits for ever fails.
async fn run(town: &Town, on: &str, stop: &Stop) {
    let runner = town.runner.with_engine(town.engine.at(kasacare::clock::Clock::Fixed(noon(on))));
    let ran = tokio::time::timeout(Duration::from_mins(1), runner.run_once(stop)).await;
    ran.expect("a batch is settled while the next is under way").unwrap();
}

#[tokio::test]
async fn a_batch_is_settled_while_the_next_is_under_way() {
    on_both(async |db| {
        const CAPTURED: &str = "select count(*) from charges where state = 'succeeded'";
        const PAID_OUT: &str = "select count(*) from refunds where state = 'succeeded'";
        let mut town = Town::on(&db).await;
        let ids: Vec<AccountId> = (0..4).map(|number| format!("a{number}").parse().unwrap()).collect();
        town.move_all_in(&ids.iter().map(|id| (id.to_string(), OREGON, "pm_ok".to_owned())).collect::<Vec<_>>()).await;
        let charging = Overlapping::new(&db, CAPTURED);
        town.engine.provider = Provider::new(Arc::<Overlapping>::clone(&charging));
        town.order_all(JOINED, &ids, "plus/annual").await;
        run(&town, JOINED, &Stop::default()).await;
        assert_eq!((charging.made(), number(&db, CAPTURED).await), (4, 4));

        let refunding = Overlapping::new(&db, PAID_OUT);
        town.engine.provider = Provider::new(Arc::<Overlapping>::clone(&refunding));
        for id in &ids {
            let subscription = town.account(id).await.subscriptions.keys().next().unwrap().clone();
            town.act(noon(LEFT), id, |draft| draft.cancel(&subscription)).await;
        }
        run(&town, LEFT, &Stop::default()).await;
        assert_eq!((refunding.made(), number(&db, PAID_OUT).await), (4, 4));
    })
    .await;
}

/// Who is asked to stop settles both batches that are under way, and leases no other.
#[tokio::test]
async fn a_stop_settles_what_is_under_way() {
    on_both(async |db| {
        const CAPTURED: &str = "select count(*) from charges where state = 'succeeded'";
        let mut town = Town::on(&db).await;
        let ids: Vec<AccountId> = (0..6).map(|number| format!("a{number}").parse().unwrap()).collect();
        town.move_all_in(&ids.iter().map(|id| (id.to_string(), OREGON, "pm_ok".to_owned())).collect::<Vec<_>>()).await;
        let provider = Overlapping::new(&db, CAPTURED);
        town.engine.provider = Provider::new(Arc::<Overlapping>::clone(&provider));
        town.order_all(JOINED, &ids, "plus/annual").await;
        run(&town, JOINED, &provider.stop).await;
        assert_eq!((provider.made(), number(&db, CAPTURED).await), (4, 4));
        assert_eq!(
            number(&db, "select count(*) from charges where state = 'requested' and lease_no = 0 and first_sent_at is null").await,
            2
        );
        run(&town, JOINED, &Stop::default()).await;
        assert_eq!((provider.made(), number(&db, CAPTURED).await), (6, 6));
    })
    .await;
}

/// The process is killed while one batch is being settled, or has just been, and the next is sent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_two_batches_nobody_is_charged_twice() {
    on_both(async |db| {
        let people: Vec<_> = (0..STRIPE.calls_in_batch + 200).map(|n| (format!("a{n:04}"), OREGON, format!("cus_{n}:pm_ok"))).collect();
        let ids: Vec<AccountId> = people.iter().map(|(id, _, _)| id.parse().unwrap()).collect();
        let town = Town::on(&db).await;
        town.move_all_in(&people).await;
        town.order_all(JOINED, &ids, "plus/annual").await;
        // One runner at a time works on a file of SQLite.
        drop(town);
        let fake = Fake::start(evening()).await;
        let mails = tempfile::tempdir().unwrap();
        let line = format!("run --once --as-of {JOINED} --mail-dir {}", mails.path().display());
        let mut run = program(&db, &fake, KEY, &line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (id, mut executed) = (run.id().to_string(), 0);
        fake.watch(move |is_executed| {
            executed += u32::from(is_executed);
            if executed == STRIPE.calls_in_batch + 50 {
                drop(Command::new("kill").args(["-KILL", &id]).output());
            }
        });
        assert_eq!(tokio::task::spawn_blocking(move || run.wait().unwrap()).await.unwrap().code(), None, "it was killed");
        fake.watch(|_| {});
        let moved = fake.captured();
        assert!(moved >= 550 && moved < ids.len(), "{moved} had moved when it died");
        ended(&runs(program(&db, &fake, KEY, &line)).await, 0, "charges captured");
        assert_eq!(fake.captured(), ids.len());
        let settled = "select count(distinct account_id) from charges where state = 'succeeded'";
        assert_eq!(number(&db, settled).await, i64::try_from(ids.len()).unwrap());
        assert_eq!(number(&db, "select count(*) from charges where state <> 'succeeded'").await, 0);
        shop::kasacare(db.url(), "check").ok();
    })
    .await;
}
