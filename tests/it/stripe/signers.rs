//! The official libraries of Stripe (of npm and `PyPI`) as referees of our signature code: what they sign we accept, and what we sign they do.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use chrono::{DateTime, Utc};
use kasacare::provider::stripe::signature::{WebhookSecrets, sign};
use kasacare::provider::{Forged, WebhookSource};

use super::http::SECRET;

/// Reads `SECONDS`, a line with our header, and the body; prints a header of its own, and whether it accepts ours.
const PYTHON: &str = "
import sys, stripe
seconds, header, body = sys.stdin.buffer.read().decode().split('\\n', 2)
print(stripe.WebhookSignature.generate_signature_header(body, sys.argv[1], int(seconds)))
try:
    print(stripe.WebhookSignature.verify_header(body, header, sys.argv[1], None))
except stripe.SignatureVerificationError:
    print(False)
";

const NODE: &str = "
const Stripe = require('stripe');
const stripe = new Stripe('sk_test_unused');
const [seconds, header, ...rest] = require('fs').readFileSync(0, 'utf8').split('\\n');
const payload = rest.join('\\n'), secret = process.argv[1];
console.log(stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp: Number(seconds) }));
let accepted = true;
try { stripe.webhooks.signature.verifyHeader(payload, header, secret, 0); } catch { accepted = false; }
console.log(accepted ? 'True' : 'False');
";

fn tools() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    std::env::var_os("KASACARE_TEST_TOOLS").map_or_else(|| root.join("target/test-tools"), PathBuf::from)
}

/// A library's own header for a body, and whether it accepts ours.
fn referee(mut command: Command, at: DateTime<Utc>, ours: &str, body: &str) -> (String, bool) {
    let mut program = command.arg(SECRET).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap_or_else(|error| {
        panic!("{command:?}: {error}: run scripts/test-tools.sh once (or set KASACARE_TEST_TOOLS)");
    });
    write!(program.stdin.take().unwrap(), "{}\n{ours}\n{body}", at.timestamp()).unwrap();
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?} failed: run scripts/test-tools.sh once (or set KASACARE_TEST_TOOLS)");
    let said = String::from_utf8(output.stdout).unwrap();
    let (header, accepted) = said.trim().split_once('\n').unwrap();
    (header.to_owned(), accepted == "True")
}

fn python() -> Command {
    let mut command = Command::new(tools().join("venv/bin/python"));
    command.args(["-c", PYTHON]);
    command
}

fn node() -> Command {
    let mut command = Command::new("node");
    command.current_dir(tools().join("node")).args(["-e", NODE]);
    command
}

#[test]
fn the_official_libraries_and_we_accept_each_other() {
    let at = DateTime::from_timestamp(1_769_850_000, 0).unwrap();
    let secrets = WebhookSecrets::parse(SECRET).unwrap();
    let event =
        std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/stripe/events/charge.succeeded.json")).unwrap();
    for body in ["{}", "{\"name\":\"Jürgen ✓\"}", event.trim_end()] {
        for referee_of in [python, node] {
            let ours = sign(SECRET, at, body.as_bytes());
            let (theirs, accepted) = referee(referee_of(), at, &ours, body);
            assert!(accepted, "ours is refused: {ours}");
            assert_eq!(theirs, ours);
            let judged = |body: &str, header: &str, seconds: i64| {
                secrets.verify(Some(header.as_bytes()), body.as_bytes(), at + chrono::TimeDelta::seconds(seconds))
            };
            assert_eq!(judged(body, &theirs, 0), Ok(()));
            assert_eq!(judged(body, &theirs, 301), Err(Forged::TooOld));
            assert_eq!(judged(body, &theirs, -301), Err(Forged::InTheFuture));
            assert_eq!(judged(&format!("{body} "), &theirs, 0), Err(Forged::NoMatch));
            let rotated = format!("{theirs},v1={}", "0".repeat(64));
            assert_eq!(judged(body, &rotated, 0), Ok(()));
            // They refuse what we refuse.
            let tampered = ours.replace("v1=", "v1=0");
            assert!(!referee(referee_of(), at, &tampered, body).1);
        }
    }
}
