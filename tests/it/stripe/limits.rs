//! What is too large or too slow is cut off, and costs nothing (F47).

use std::time::Duration;

use kasacare::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http::{SECRET, Site, answer, ask, limits};
use super::number;
use crate::world::on_sqlite;
use crate::world::town::noon;

#[tokio::test]
async fn bodies_and_heads_have_their_size() {
    on_sqlite(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        let large = vec![b' '; (64 << 10) + 1];
        let signature = kasacare::provider::stripe::signature::sign(SECRET, site.now, &large);
        assert_eq!(site.post_signed(&large, Some(&signature)).await, 413);
        assert_eq!(
            site.post_signed(&large[1..], Some(&kasacare::provider::stripe::signature::sign(SECRET, site.now, &large[1..]))).await,
            200
        );
        // Without a length, in chunks.
        let chunk = format!("{:x}\r\n{}\r\n", 40_000, "x".repeat(40_000));
        let head =
            format!("POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {signature}\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert_eq!(ask(site.address, format!("{head}{chunk}{chunk}0\r\n\r\n").as_bytes()).await.0, 413);
        let many = "X-Line: y\r\n".repeat(100);
        assert_eq!(ask(site.address, format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n").as_bytes()).await.0, 431);
        let long = "y".repeat(20 << 10);
        assert_eq!(ask(site.address, format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {long}\r\n\r\n").as_bytes()).await.0, 431);
        assert_eq!(number(&db, "select count(*) from inbox").await, 1);
        site.close().await;
    })
    .await;
}

#[tokio::test]
async fn who_drips_is_cut_off() {
    on_sqlite(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        let mut slow_head = TcpStream::connect(site.address).await.unwrap();
        slow_head.write_all(b"POST /webhooks/stripe HTTP/1.1\r\nHost:").await.unwrap();
        let mut silent = TcpStream::connect(site.address).await.unwrap();
        let mut slow_body = TcpStream::connect(site.address).await.unwrap();
        let head = b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: t=1,v1=00\r\nContent-Length: 100\r\n\r\n{";
        slow_body.write_all(head).await.unwrap();
        let cut = tokio::time::timeout(Duration::from_secs(20), async {
            let _ = answer(&mut slow_head).await;
            let mut rest = Vec::new();
            let _ = silent.read_to_end(&mut rest).await;
            answer(&mut slow_body).await.0
        });
        assert_eq!(cut.await.expect("nobody is waited for without end"), 408);
        site.close().await;
    })
    .await;
}

/// More connections than allowed wait until others have gone.
#[tokio::test]
async fn connections_are_counted() {
    on_sqlite(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), Limits { connections: 2, head_time: Duration::from_mins(1), ..limits() }).await;
        let idle = (TcpStream::connect(site.address).await.unwrap(), TcpStream::connect(site.address).await.unwrap());
        let asked = tokio::time::timeout(Duration::from_millis(300), site.get("/healthz")).await;
        assert!(asked.is_err(), "a third connection was served");
        drop(idle);
        assert_eq!(site.get("/healthz").await.0, 200);
        site.close().await;
    })
    .await;
}

/// A request that is under way when the server is asked to stop is answered, and what it brought is stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_loses_nothing() {
    on_sqlite(async |db| {
        let site = Site::open(&db, noon("2026-01-31"), limits()).await;
        let body = super::words::event("evt_1", "charge.updated", &serde_json::json!({ "id": "ch_1" })).1;
        let signature = kasacare::provider::stripe::signature::sign(SECRET, site.now, body.as_bytes());
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let head =
            format!("POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        // Until the head has been read: from then on it is a request.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let address = site.address;
        let closing = tokio::spawn(site.close());
        tokio::time::sleep(Duration::from_millis(300)).await;
        stream.write_all(body.as_bytes()).await.unwrap();
        assert_eq!(answer(&mut stream).await.0, 200);
        closing.await.unwrap();
        assert_eq!(number(&db, "select count(*) from inbox").await, 1);
        assert!(TcpStream::connect(address).await.is_err(), "it listens no more");
    })
    .await;
}
