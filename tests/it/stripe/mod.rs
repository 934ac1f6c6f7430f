//! Stripe: its events from the wire to the books, on both databases.

mod batches;
mod calls;
mod cli;
mod command;
mod doubts;
mod endpoint;
mod fake;
mod fixtures;
mod http;
mod killed;
mod limits;
mod lists;
mod orders;
mod paid_after_all;
mod peers;
mod processing;
mod racing;
mod restored;
mod secrets;
mod settlement;
mod signers;
mod words;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;
use kasacare::domain::money::{Currency, Money};
use kasacare::provider::capabilities::{Capabilities, SIMULATED};
use kasacare::provider::{ChargeCall, EventPage, LookUp, Outcome, PaymentProvider, Provider, ProviderError, RefundCall};
use kasacare::store::db::{Db, Sql};
use kasacare::store::inbox::{self, Arrival, Entry, Source};

use crate::world::town::Town;

/// A provider that takes everything on, and tells what came of it by events alone, unless it is told to answer charges at once.
#[derive(Debug, Default)]
struct Silent {
    answers_charges: bool,
}

/// What Stripe calls the payment intent of a charge of ours.
fn intent_of(charge: &str) -> String {
    format!("pi_{charge}")
}

impl PaymentProvider for Silent {
    fn capabilities(&self) -> &Capabilities {
        &SIMULATED
    }

    fn charge<'a>(&'a self, now: DateTime<Utc>, calls: &'a [ChargeCall]) -> BoxFuture<'a, Vec<Outcome>> {
        let answer = move |call: &ChargeCall| {
            if self.answers_charges {
                Outcome::Succeeded { reference: intent_of(&call.charge_id), amount: call.amount, at: now }
            } else {
                Outcome::Pending
            }
        };
        async move { calls.iter().map(answer).collect() }.boxed()
    }

    fn refund<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [RefundCall]) -> BoxFuture<'a, Vec<Outcome>> {
        async move { vec![Outcome::Pending; calls.len()] }.boxed()
    }

    fn look_up_charges<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        async move { vec![Outcome::Pending; calls.len()] }.boxed()
    }

    fn look_up_refunds<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        async move { vec![Outcome::Pending; calls.len()] }.boxed()
    }

    fn events<'a>(&'a self, _now: DateTime<Utc>, _after: Option<&'a str>, _limit: u32) -> BoxFuture<'a, Result<EventPage, ProviderError>> {
        async move { Ok(EventPage { events: Vec::new(), cursor: None }) }.boxed()
    }
}

/// A town whose provider tells by events what became of calls.
async fn silent_town(db: &Db) -> Town {
    town_with(db, Silent::default()).await
}

async fn town_with(db: &Db, provider: Silent) -> Town {
    let mut town = Town::on(db).await;
    town.engine.provider = Provider::new(Arc::new(provider));
    town
}

/// Puts events into the inbox, as if they had come by webhook at an instant.
async fn deliver(db: &Db, at: DateTime<Utc>, events: &[(String, String)]) {
    let arrival = |(id, body): &(String, String)| Arrival {
        provider: "stripe",
        event: id.clone(),
        kind: "test".to_owned(),
        source: Source::Webhook,
        received_at: at,
        body: body.clone().into_bytes(),
    };
    let arrivals: Vec<Arrival> = events.iter().map(arrival).collect();
    let mut tx = db.begin().await.unwrap();
    inbox::receive(&mut tx, &arrivals).await.unwrap();
    tx.commit().await.unwrap();
}

/// The one event of this id.
async fn entry(db: &Db, event: &str) -> Entry {
    let mut tx = db.begin_read().await.unwrap();
    let mut found = inbox::by_id(&mut tx, event).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(found.len(), 1, "{event}");
    found.remove(0).0
}

async fn number(db: &Db, sql: &'static str) -> i64 {
    let mut tx = db.begin_read().await.unwrap();
    let number = tx.fetch_one(&Sql::same(sql), &[]).await.unwrap().int_at(0).unwrap();
    tx.rollback().await.unwrap();
    number
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::parse("USD").unwrap())
}
