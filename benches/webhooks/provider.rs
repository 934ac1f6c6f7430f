//! A provider that takes 200 ms for a charge and turns away whoever asks for more than its cap: the stand-in for Stripe, as far as charges go.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a charge takes.
const ANSWER: Duration = Duration::from_millis(200);

/// What it has seen.
pub struct Provider {
    /// Where it is.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    cap: usize,
    /// The requests of the last second.
    last: Mutex<VecDeque<Instant>>,
    /// When each charge was taken on.
    charges: Mutex<Vec<Instant>>,
    turned_away: AtomicU64,
    in_flight: AtomicU64,
    most_in_flight: AtomicU64,
}

impl Provider {
    /// One with such a cap, in requests a second.
    pub async fn start(cap: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            cap: cap as usize,
            last: Mutex::default(),
            charges: Mutex::default(),
            turned_away: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            most_in_flight: AtomicU64::new(0),
        });
        let own = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&own)));
            }
        });
        Self { address, shared }
    }

    /// When each charge so far was taken on.
    pub fn charges(&self) -> Vec<Instant> {
        self.shared.charges.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests were turned away.
    pub fn turned_away(&self) -> u64 {
        self.shared.turned_away.load(Ordering::Relaxed)
    }

    /// The most charges that were under way at one time.
    pub fn most_in_flight(&self) -> u64 {
        self.shared.most_in_flight.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Whether one more request is allowed in this second.
    fn lets_in(&self) -> bool {
        let now = Instant::now();
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        while last.front().is_some_and(|at| now.duration_since(*at) >= Duration::from_secs(1)) {
            last.pop_front();
        }
        let room = last.len() < self.cap;
        if room {
            last.push_back(now);
        } else {
            self.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        room
    }
}

async fn answer(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut received = Vec::new();
    while let Some((head, body)) = request(&mut stream, &mut received).await {
        let text = reply(&shared, &head, &body).await;
        if stream.write_all(text.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn reply(shared: &Shared, head: &str, body: &str) -> String {
    let (status, text) = match head.split(' ').take(2).collect::<Vec<_>>().as_slice() {
        _ if !shared.lets_in() => (429, r#"{"error":{"type":"invalid_request_error","code":"rate_limit"}}"#.to_owned()),
        ["POST", "/v1/payment_intents"] => (200, charged(shared, body).await),
        ["GET", "/v1/account"] => (200, r#"{"id":"acct_bench","charges_enabled":true,"payouts_enabled":true}"#.to_owned()),
        ["GET", _] => (200, r#"{"object":"list","has_more":false,"data":[]}"#.to_owned()),
        _ => (404, r#"{"error":{"type":"invalid_request_error"}}"#.to_owned()),
    };
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

async fn charged(shared: &Shared, body: &str) -> String {
    let number = {
        let mut charges = shared.charges.lock().unwrap_or_else(PoisonError::into_inner);
        charges.push(Instant::now());
        charges.len()
    };
    let under_way = shared.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    shared.most_in_flight.fetch_max(under_way, Ordering::Relaxed);
    tokio::time::sleep(ANSWER).await;
    shared.in_flight.fetch_sub(1, Ordering::Relaxed);
    let amount = body.split('&').find_map(|pair| pair.strip_prefix("amount=")).unwrap_or("0");
    format!(
        r#"{{"id":"pi_{number}","object":"payment_intent","status":"succeeded","amount":{amount},"amount_received":{amount},"currency":"usd","created":1769947200,"metadata":{{}}}}"#
    )
}

/// The next request on a connection that is kept; what has come of the one after it stays in `bytes`.
async fn request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<(String, String)> {
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.to_ascii_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok()).unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[end..end + length]).into_owned();
    bytes.drain(..end + length);
    Some((head, body))
}
