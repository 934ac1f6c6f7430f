//! A real SMTP server as a process of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde::Deserialize;

/// How long a started server, or a message on its way, is waited for. Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A message that the server took.
#[derive(Debug, Deserialize)]
pub struct Taken {
    pub sender: String,
    pub recipients: Vec<String>,
    pub connection: String,
    pub encrypted: bool,
    pub login: Option<String>,
    headers: BTreeMap<String, String>,
    pub text: String,
    pub html: String,
    pub defects: Vec<String>,
    #[serde(deserialize_with = "bytes")]
    pub raw: Vec<u8>,
}

impl Taken {
    #[track_caller]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers))
    }
}

/// Bytes as hexadecimal digits.
fn bytes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let digits = String::deserialize(deserializer)?;
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    pairs.collect::<Option<_>>().ok_or_else(|| serde::de::Error::custom("no hexadecimal digits"))
}

#[derive(Deserialize)]
struct Ready {
    port: u16,
}

/// A running server. It ends with this value.
pub struct Server {
    process: Child,
    port: u16,
    lines: Receiver<String>,
}

impl Server {
    /// Starts a server with these options (see `smtp_server.py`) and waits until it listens.
    pub fn start(options: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/mail/smtp_server.py");
        let mut process = Command::new(python())
            .arg(program)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the SMTP server starts");
        let output = process.stdout.take().expect("its output");
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let ready = lines.recv_timeout(PATIENCE).expect("the SMTP server says its port");
        let Ready { port } = serde_json::from_str(&ready).expect("its port");
        Self { process, port, lines }
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The next message that the server took.
    #[track_caller]
    pub fn next(&self) -> Taken {
        let line = self.lines.recv_timeout(PATIENCE).expect("a message arrives");
        serde_json::from_str(&line).expect("a message")
    }

    /// The server took nothing else. It writes a message down before it answers, so nothing can be on its way.
    #[track_caller]
    pub fn expect_no_more(&self) {
        let more = self.lines.recv_timeout(Duration::from_millis(100));
        assert_eq!(more.err(), Some(RecvTimeoutError::Timeout));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The Python of the test tools.
fn python() -> PathBuf {
    let tools = std::env::var_os("KASACARE_TEST_TOOLS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools"), PathBuf::from);
    let python = tools.join("venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/test-tools.sh once (or set KASACARE_TEST_TOOLS)", python.display());
    python
}
