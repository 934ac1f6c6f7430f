//! The load: webhooks that are all different and signed beforehand, over connections that are kept, each with one request at a time. The
//! usual tools send one body again and again, or run a script for each request, which costs more than what is measured.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use kasacare::provider::stripe::signature::sign;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The secret of the endpoint.
pub const SECRET: &str = "whsec_0123456789abcdef0123456789abcdef";
/// How long an event is, in bytes: as a payment intent in the present version of the API.
const EVENT_BYTES: usize = 3_400;

/// What one run came to.
#[derive(Debug, Clone, Copy)]
pub struct Came {
    /// Webhooks a second that were answered with 200.
    pub per_second: f64,
    /// How long 99 of 100 waited at most, in milliseconds.
    pub p99_ms: f64,
}

/// The event of this number.
pub fn event(number: u64) -> String {
    static TEMPLATE: &str = include_str!("../../fixtures/stripe/events/payment_intent.succeeded.json");
    let event = TEMPLATE.replace("evt_3SvKasa0004Fixture", &format!("evt_bench_{number:010}"));
    let padding = EVENT_BYTES.saturating_sub(event.len() + 30);
    event.replacen('{', &format!("{{\n  \"padding_of_bench\": \"{}\",", "x".repeat(padding)), 1)
}

/// A whole request.
fn request(number: u64) -> Vec<u8> {
    let body = event(number);
    let signature = sign(SECRET, Utc::now(), body.as_bytes());
    let head = "POST /webhooks/stripe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json; charset=utf-8";
    format!("{head}\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// So many requests, the first with this number.
pub fn prepared(first: u64, count: u64) -> Arc<Vec<Vec<u8>>> {
    Arc::new((first..first + count).map(request).collect())
}

/// Sends prepared requests for so long, or until they are used up.
pub async fn send(address: SocketAddr, connections: usize, requests: &Arc<Vec<Vec<u8>>>, time: Duration) -> Came {
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let senders: Vec<_> =
        (0..connections).map(|_| tokio::spawn(sender(address, Arc::clone(requests), Arc::clone(&next), began + time))).collect();
    let mut waits = Vec::new();
    for sender in senders {
        waits.extend(sender.await.expect("a sender"));
    }
    let seconds = began.elapsed().as_secs_f64();
    waits.sort_unstable();
    let p99 = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
    Came { per_second: waits.len() as f64 / seconds, p99_ms: p99.as_secs_f64() * 1_000.0 }
}

async fn sender(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>, next: Arc<AtomicU64>, until: Instant) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let (mut waits, mut answer) = (Vec::new(), Vec::with_capacity(1_024));
    loop {
        let began = Instant::now();
        let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed) as usize).filter(|_| began < until) else { return waits };
        stream.write_all(request).await.expect("a request");
        answered(&mut stream, &mut answer).await;
        waits.push(began.elapsed());
    }
}

/// Waits for one answer, which must be 200.
async fn answered(stream: &mut TcpStream, answer: &mut Vec<u8>) {
    answer.clear();
    let head = loop {
        assert!(stream.read_buf(answer).await.expect("an answer") > 0, "the connection was closed");
        if let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(answer));
    let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
    let length =
        text.lines().find_map(|line| line.strip_prefix("content-length:")).map_or(0, |text| text.trim().parse().expect("a length"));
    while answer.len() < head + length {
        assert!(stream.read_buf(answer).await.expect("an answer") > 0, "the connection was closed");
    }
}

/// Sends requests one after the other, so many a second, until it is told to stop; gives how many were answered.
pub async fn trickle(address: SocketAddr, requests: Arc<Vec<Vec<u8>>>, per_second: u64, stop: Arc<AtomicBool>) -> u64 {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let (mut answer, mut sent) = (Vec::new(), 0);
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / per_second));
    for request in requests.iter() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        ticks.tick().await;
        stream.write_all(request).await.expect("a request");
        answered(&mut stream, &mut answer).await;
        sent += 1;
    }
    sent
}
