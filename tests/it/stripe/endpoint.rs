//! The endpoint: what is believed, what is stored, and when it is answered (PV-3, I15).

use std::time::Duration;

use kasacare::provider::EventReader;
use kasacare::provider::stripe::reading::StripeEvents;
use kasacare::provider::stripe::signature::sign;
use kasacare::provider::webhooks::digest_id;
use kasacare::store::db::{ConnectOptions, Db, Kind, Sql};
use kasacare::store::inbox::{self, Known, Processed, Standing};

use super::http::{SECRET, Site, limits};
use super::{entry, number, words};
use crate::world::on_both;
use crate::world::town::noon;

const STORED: &str = "select count(*) from inbox";

fn event(id: &str) -> String {
    words::event(id, "charge.updated", &serde_json::json!({ "id": "ch_1" })).1
}

#[tokio::test]
async fn an_event_is_stored_once_and_only_if_it_is_signed() {
    on_both(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        assert_eq!(site.post(&event("evt_1")).await, 200);
        assert_eq!(site.post(&event("evt_1")).await, 200, "again is no fault");
        assert_eq!(site.post(&event("evt_2")).await, 200);
        assert_eq!(number(&db, STORED).await, 2);
        let stored = entry(&db, "evt_1").await;
        assert_eq!((stored.kind.as_str(), stored.state.as_str(), stored.source.as_str()), ("charge.updated", "new", "webhook"));
        assert_eq!(stored.received_at, site.now);

        let body = event("evt_3");
        let by = |secret: &str, seconds: i64| sign(secret, site.now + chrono::TimeDelta::seconds(seconds), body.as_bytes());
        for (signature, reason) in [
            (None, "no_signature"),
            (Some("x".to_owned()), "malformed"),
            (Some(by("whsec_another_0123456789", 0)), "no_match"),
            (Some(by(SECRET, -301)), "too_old"),
            (Some(by(SECRET, 301)), "in_the_future"),
        ] {
            assert_eq!(site.post_signed(body.as_bytes(), signature.as_deref()).await, 400, "{reason}");
            let counted = site.metric(&format!("kasacare_webhooks_refused_total{{provider=\"stripe\",reason=\"{reason}\"}}")).await;
            assert!((counted - 1.0).abs() < 0.1, "{reason}: {counted}");
        }
        let tampered = body.replace("ch_1", "ch_2");
        assert_eq!(site.post_signed(tampered.as_bytes(), Some(&by(SECRET, 0))).await, 400);
        assert_eq!(number(&db, STORED).await, 2, "nothing of that is kept");
        // F44: how many have been refused for their time since one was believed; F41: when that was.
        let in_a_row = "kasacare_webhooks_refused_for_time{provider=\"stripe\"}";
        assert!((site.metric(in_a_row).await - 2.0).abs() < 0.1);
        assert_eq!(site.post_signed(body.as_bytes(), Some(&by(SECRET, 299))).await, 200);
        assert!(site.metric(in_a_row).await.abs() < 0.1);
        #[expect(clippy::cast_precision_loss, reason = "seconds, in a comparison with an allowance")]
        let since = site.metric("kasacare_webhook_last_timestamp_seconds{provider=\"stripe\"}").await - site.now.timestamp() as f64;
        assert!(since.abs() < 2.0, "{since}");
        site.close().await;
    })
    .await;
}

/// A person gives events up while a runner has them: one is to be tried again, one has just been applied, which is what is true of it.
#[tokio::test]
async fn what_is_given_up_while_it_is_processed_stays_given_up_unless_it_was_applied() {
    on_both(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        for id in ["evt_1", "evt_2"] {
            assert_eq!(site.post(&event(id)).await, 200);
        }
        let mut tx = db.begin().await.unwrap();
        let due = inbox::due(&mut tx, site.now, 10).await.unwrap();
        for id in ["evt_1", "evt_2"] {
            let known = inbox::by_id(&mut tx, id).await.unwrap().remove(0).0;
            assert!(inbox::discard(&mut tx, &known, site.now, "olga", "nothing of ours").await.unwrap());
        }
        let standings = [Standing::Again { at: site.now, reason: "too early".to_owned() }, Standing::Done { outcome: "applied" }];
        let processed = due.into_iter().zip(standings).map(|(event, standing)| Processed { event, known: Known::default(), standing });
        inbox::record(&mut tx, site.now, &processed.collect::<Vec<_>>()).await.unwrap();
        tx.commit().await.unwrap();
        let (given_up, applied) = (entry(&db, "evt_1").await, entry(&db, "evt_2").await);
        assert_eq!((given_up.state.as_str(), given_up.reason.as_deref(), given_up.due_at), ("discarded", Some("nothing of ours"), None));
        assert_eq!(applied.state, "done");
        site.close().await;
    })
    .await;
}

/// F40, F45: what is signed and cannot be read is kept byte for byte, once, and never answered 4xx.
#[tokio::test]
async fn what_cannot_be_read_is_kept() {
    on_both(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        for body in [&b"not JSON"[..], b"", b"\xff\xfe\x00", b"{\"id\":\"evt_1\"}", b"{\"id\":\"\",\"type\":\"x\"}", b"{\"id\":1}\0"] {
            for _ in 0..2 {
                assert_eq!(site.post_signed(body, Some(&sign(SECRET, site.now, body))).await, 200);
            }
        }
        assert_eq!(number(&db, STORED).await, 6);
        assert_eq!(number(&db, "select count(*) from inbox where kind = 'unreadable' and event_id like 'sha256:%'").await, 6);
        assert_eq!(number(&db, "select count(*) from inbox where encoding = 'hex' and body in ('fffe00', '7b226964223a317d00')").await, 2);
        site.close().await;
    })
    .await;
}

/// Whatever is in the corpus of hostile events, read or not: what was sent is what is kept.
#[tokio::test]
async fn hostile_events_are_kept_byte_for_byte() {
    on_both(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fuzz/corpus/events");
        let mut sent: Vec<Vec<u8>> = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect();
        // Of several under one id only the first is kept.
        let id = |body: &[u8]| StripeEvents.label(body).map_or_else(|_| digest_id(body), |label| label.id.into_owned());
        sent.sort_by_key(|body| id(body));
        sent.dedup_by_key(|body| id(body));
        assert!(sent.len() > 10, "{}", sent.len());
        for body in &sent {
            assert_eq!(site.post_signed(body, Some(&sign(SECRET, site.now, body))).await, 200);
            let mut tx = db.begin_read().await.unwrap();
            let (_, kept) = inbox::by_id(&mut tx, &id(body)).await.unwrap().remove(0);
            tx.rollback().await.unwrap();
            // As text where it is some, or in hexadecimal.
            let text = std::str::from_utf8(body).ok().filter(|text| !text.contains('\0')).map(str::to_owned);
            assert_eq!(kept, text.unwrap_or_else(|| body.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()));
        }
        site.close().await;
    })
    .await;
}

/// Each answer comes after the commit that has its event; events that come together share one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_come_together_share_a_commit_and_each_is_there_when_it_is_answered() {
    on_both(async |db| {
        let site = std::sync::Arc::new(Site::open(&db, noon("2026-01-31"), limits()).await);
        let other = db.connect_again().await;
        let senders = (0..32).map(|sender| {
            let (site, other) = (std::sync::Arc::clone(&site), other.clone());
            tokio::spawn(async move {
                for number in 0..10 {
                    let id = format!("evt_{sender}_{number}");
                    assert_eq!(site.post(&event(&id)).await, 200);
                    assert_eq!(entry(&other, &id).await.event, id, "it was answered and is not there");
                }
            })
        });
        for sender in futures::future::join_all(senders).await {
            sender.unwrap();
        }
        assert_eq!(number(&db, STORED).await, 320);
        let commits = site.metric("kasacare_webhook_commits_total").await;
        assert!((1.0..320.0).contains(&commits), "{commits} commits of 320 events");
        other.close().await;
        std::sync::Arc::into_inner(site).unwrap().close().await;
    })
    .await;
}

/// With nobody to share with, an event costs one statement, which is its own commit (P11).
#[tokio::test]
async fn an_event_is_one_statement() {
    on_both(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        let before = db.statements_sent();
        for id in ["evt_1", "evt_2", "evt_1"] {
            assert_eq!(site.post(&event(id)).await, 200);
        }
        assert_eq!(db.statements_sent() - before, 3);
        assert_eq!(number(&db, STORED).await, 2);
        site.close().await;
    })
    .await;
}

/// Holds the inbox so that nobody else can write, until it is dropped.
async fn held(db: &Db) -> kasacare::store::db::Tx {
    let mut tx = db.begin().await.unwrap();
    if db.kind() == Kind::Postgres {
        tx.execute(&Sql::same("lock table inbox in exclusive mode"), &[]).await.unwrap();
    }
    tx
}

/// A database that stalls is said to: the event is not stored, and comes again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_database_is_answered_503_and_recovers() {
    on_both(async |db| {
        let patience = Duration::from_millis(400);
        let site = Site::open(&db, noon("2026-01-31"), kasacare::http::Limits { store_time: patience, ..limits() }).await;
        let other = Db::connect(db.url(), ConnectOptions::default()).await.unwrap();
        let stall = held(&other).await;
        let (first, second) = (event("evt_1"), event("evt_2"));
        let (one, two) = tokio::join!(site.post(&first), site.post(&second));
        assert_eq!((one, two), (503, 503));
        stall.rollback().await.unwrap();
        let mut tries = 0;
        while site.post(&event("evt_1")).await != 200 {
            tries += 1;
            assert!(tries < 50, "the database is back, and nothing is stored");
        }
        assert_eq!(entry(&db, "evt_1").await.state, "new");
        other.close().await;
        site.close().await;
    })
    .await;
}

#[tokio::test]
async fn health_and_metrics_tell_how_it_is() {
    on_both(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        assert_eq!(site.get("/healthz").await, (200, "alive\n".to_owned()));
        assert_eq!(site.get("/readyz").await, (200, "ready\n".to_owned()));
        assert_eq!(site.post(&event("evt_1")).await, 200);
        assert!((site.metric("kasacare_inbox_waiting").await - 1.0).abs() < 0.1);
        assert!((site.metric("kasacare_database_counted").await - 1.0).abs() < 0.1);
        assert!((site.metric("kasacare_http_requests_total{path=\"/webhooks\",status=\"200\"}").await - 1.0).abs() < 0.1);
        for (path, status) in [("/", 404), ("/webhooks/other", 404), ("/webhooks/stripe", 405)] {
            assert_eq!(site.get(path).await.0, status, "{path}");
        }
        let mut tx = db.begin().await.unwrap();
        tx.execute(&Sql::same("delete from schema_migration where version = (select max(version) from schema_migration)"), &[])
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let (status, text) = site.get("/readyz").await;
        assert_eq!((status, text.contains("kasacare init")), (503, true), "{text}");
        site.close().await;
    })
    .await;
}
