//! Stripe as others have built it, so that our own fake does not judge itself: [`localstripe`] and [`stateful`] run as processes of their own on
//! loopback, and the real adapter charges them. What they lack a shim of ours supplies, and each says what that is.

mod localstripe;
mod stateful;

use std::net::{SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kasacare::provider::Provider;
use kasacare::provider::stripe::Stripe;
use kasacare::provider::stripe::api::{Api, Route};
use kasacare::provider::stripe::key::SecretKey;
use serde_json::Value;
use tokio::net::TcpListener;

use super::fake::Params;
use super::fake::http::{Request, receive, send};
use super::http::ask;

/// How often it is asked whether it has.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a peer may take to start: an interpreter on a busy machine.
const START: Duration = Duration::from_mins(1);

fn tools() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("KASACARE_TEST_TOOLS").map_or_else(|| root.join("target/test-tools"), PathBuf::from)
}

/// A stand-in for Stripe in a process of its own, which ends with this.
struct Peer {
    process: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Peer {
    /// Starts one; the command gets its port, and a folder of its own for whatever it writes.
    fn start(name: &str, command: impl FnOnce(u16) -> Command) -> Self {
        let address = StdListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut command = command(address.port());
        command.env("TMPDIR", folder.path()).current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let missing = "run scripts/test-tools.sh once (or set KASACARE_TEST_TOOLS)";
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}: {missing}"));
        let mut waited = Duration::ZERO;
        while StdStream::connect(address).is_err() {
            if let Some(status) = process.try_wait().unwrap() {
                panic!("{name} ended with {status}: {missing}");
            }
            assert!(waited < START, "{name} does not answer after {START:?}");
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
        Self { process, address, _folder: folder }
    }
}

/// What stands between the adapter and a peer: gets a request and answers it, by asking the peer or by itself.
type Shim = Arc<dyn Fn(Request) -> BoxFuture<'static, (u16, Value)> + Send + Sync>;

/// Listens on loopback and lets a shim answer; gives the real adapter, which takes it for Stripe.
async fn adapter_before(shim: Shim) -> Provider {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let shim = Arc::clone(&shim);
            tokio::spawn(async move {
                if let Some(request) = receive(&mut stream).await {
                    let (status, value) = shim(request).await;
                    send(&mut stream, status, &value.to_string()).await;
                }
            });
        }
    });
    let route = Route { url, per_second: 1_000, request_time: Duration::from_secs(10) };
    Provider::new(Arc::new(Stripe::new(Api::new(&SecretKey::parse("sk_test_4eC39HqLyjWDarjtT1zdp7dc").unwrap(), &route).unwrap())))
}

/// Sends a request on to a peer.
async fn tell(peer: SocketAddr, Request { method, path, params, key }: &Request) -> (u16, Value) {
    let form = encoded(params);
    let key = key.as_ref().map(|key| format!("Idempotency-Key: {key}\r\n")).unwrap_or_default();
    let (target, body) = if method == "GET" { (format!("{path}?{form}"), String::new()) } else { (path.clone(), form) };
    let head = format!(
        "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer sk_test_12345\r\n{key}\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let (status, text) = ask(peer, format!("{head}{body}").as_bytes()).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn get(peer: SocketAddr, path: &str) -> Value {
    let request = Request { method: "GET".to_owned(), path: path.to_owned(), params: Params::new(), key: None };
    tell(peer, &request).await.1
}

fn encoded(params: &Params) -> String {
    let escaped = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~[]".contains(&byte);
        text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect::<String>()
    };
    params.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect::<Vec<_>>().join("&")
}

/// A list of one page.
fn list(data: impl IntoIterator<Item = Value>) -> (u16, Value) {
    let data: Vec<Value> = data.into_iter().collect();
    (200, serde_json::json!({ "object": "list", "has_more": false, "data": data }))
}
