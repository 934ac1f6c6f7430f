//! The wire: one request a connection, as async-stripe makes them.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Params, Reply, State};

/// A request, as far as anybody here looks at it.
pub struct Request {
    pub method: String,
    pub path: String,
    pub params: Params,
    pub key: Option<String>,
}

/// Reads one request.
pub async fn receive(stream: &mut TcpStream) -> Option<Request> {
    let (head, body) = request(stream).await?;
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let key = headers.filter(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")).map(|(_, key)| key.trim().to_owned()).next();
    let (path, query) = target.split_once('?').unwrap_or((target.as_str(), ""));
    let params = form(if method == "GET" { query } else { &body });
    Some(Request { path: path.to_owned(), params, key, method })
}

/// Sends an answer.
pub async fn send(stream: &mut TcpStream, status: u16, text: &str) {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nDate: Mon, 30 Nov 2026 03:00:00 GMT\r\nConnection: close\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Answers one request.
pub async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(Request { method, path, params, key }) = receive(&mut stream).await else { return };
    let moves_money = method == "POST" && ["/v1/payment_intents", "/v1/refunds"].contains(&path.as_str());
    let outcome = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.requests += 1;
        if moves_money {
            let key = key.clone().unwrap_or_default();
            state.money.push((path.clone(), key));
            state.tell(false);
        }
        let fault = if moves_money { state.faults.pop_front() } else { None };
        let answered = state.answer(&method, &path, &params, key.as_deref(), fault);
        if moves_money {
            state.tell(true);
        }
        answered
    };
    match outcome {
        Reply::Json((status, value)) => send(&mut stream, status, &value.to_string()).await,
        Reply::Text(status, text) => send(&mut stream, status, text).await,
        Reply::Nothing => {}
        Reply::Never => tokio::time::sleep(std::time::Duration::from_mins(10)).await,
    }
}

async fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let length: usize = length.map_or(0, |text| text.trim().parse().unwrap());
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, String::from_utf8_lossy(&bytes[end..]).into_owned()))
}

fn form(text: &str) -> Params {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let hex = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap());
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}
