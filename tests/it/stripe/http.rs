//! A server under test, and an HTTP client of a few lines, which can also misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kasacare::clock::Clock;
use kasacare::http::{self, App, Intake, Limits, Metrics, Writer};
use kasacare::jobs::{Meter, Stop};
use kasacare::provider::WebhookSource;
use kasacare::provider::stripe::signature::{WebhookSecrets, sign};
use kasacare::store::db::Db;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The secret of the endpoint.
pub const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";

/// A server with the endpoint of Stripe.
pub struct Site {
    pub address: SocketAddr,
    pub now: DateTime<Utc>,
    stop: Stop,
    server: JoinHandle<()>,
    writer: Writer,
}

/// Limits for tests: nobody waits long.
pub fn limits() -> Limits {
    Limits {
        body_bytes: 64 << 10,
        head_time: Duration::from_millis(700),
        body_time: Duration::from_millis(700),
        store_time: Duration::from_secs(30),
        ..Limits::default()
    }
}

impl Site {
    /// Opens.
    pub async fn open(db: &Db, now: DateTime<Utc>, limits: Limits) -> Self {
        let metrics = Metrics::new(&Meter::default());
        let app = Arc::new(App { db: db.clone(), clock: Clock::Fixed(now), limits, metrics: metrics.clone() });
        let (intake, writer) = Intake::start(db.clone(), metrics, limits.connections, limits.store_time);
        let sources: Vec<Arc<dyn WebhookSource>> = vec![Arc::new(WebhookSecrets::parse(SECRET).unwrap())];
        let router = http::receiving(&app, &sources, &intake);
        drop(intake);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::default();
        let asked = stop.clone();
        let server = tokio::spawn(async move { http::serve(listener, router, limits, &asked).await });
        Self { address, now, stop, server, writer }
    }

    /// Stops, and waits until everything is written.
    pub async fn close(self) {
        self.stop.request();
        self.server.await.unwrap();
        self.writer.finished().await;
    }

    /// Sends a webhook, signed as it should be; gives the status.
    pub async fn post(&self, body: &str) -> u16 {
        let signature = sign(SECRET, self.now, body.as_bytes());
        self.post_signed(body.as_bytes(), Some(&signature)).await
    }

    /// Sends a webhook with this signature.
    pub async fn post_signed(&self, body: &[u8], signature: Option<&str>) -> u16 {
        let head = signature.map(|signature| format!("Stripe-Signature: {signature}\r\n")).unwrap_or_default();
        let head = format!("POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\n{head}Content-Length: {}\r\n\r\n", body.len());
        ask(self.address, &[head.as_bytes(), body].concat()).await.0
    }

    /// Asks for a page; gives status and text.
    pub async fn get(&self, path: &str) -> (u16, String) {
        ask(self.address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await
    }

    /// The value of a metric, with its labels.
    pub async fn metric(&self, name: &str) -> f64 {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200);
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }
}

/// Sends a request on a connection of its own; gives status and body.
pub async fn ask(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    answer(&mut stream).await
}

/// Reads one answer; status 0 where the connection was closed without one.
pub async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return (0, String::new());
        }
    };
    let head = String::from_utf8_lossy(&bytes[..head_end]).to_ascii_lowercase();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.trim().parse().unwrap());
    while bytes.len() < head_end + length {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            break;
        }
    }
    (status, String::from_utf8_lossy(&bytes[head_end..]).into_owned())
}
