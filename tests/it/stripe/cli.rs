//! `kasacare serve` and `kasacare inbox` as an operator uses them.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use chrono::Utc;
use kasacare::provider::stripe::signature::sign;

use super::http::{SECRET, ask};
use super::words;
use crate::cli::shop::{Said, Shop, kasacare};
use crate::world::on_both;

/// The program, serving until it is stopped.
pub struct Serving {
    program: Child,
    pub address: SocketAddr,
    /// What else it says, to the end.
    said: JoinHandle<String>,
}

impl Serving {
    pub fn start(url: &str, arguments: &[&str], secret: &str) -> Self {
        Self::started(command(url, arguments).env("KASACARE_STRIPE_WEBHOOK_SECRET", secret))
    }

    /// The same, with everything logged.
    pub fn start_logging(url: &str, arguments: &[&str], secret: &str) -> Self {
        Self::started(command(url, arguments).env("KASACARE_STRIPE_WEBHOOK_SECRET", secret).env("KASACARE_LOG", "trace"))
    }

    fn started(command: &mut Command) -> Self {
        let mut program = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(program.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(stderr.read_line(&mut line).unwrap() > 0, "it says where it listens");
            if let Some(address) = line.trim().strip_prefix("listening on http://") {
                break address.parse().unwrap();
            }
        };
        // Read all the time, or it would have to wait.
        let said = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        Self { program, address, said }
    }

    async fn post(&self, body: &str) -> u16 {
        let signature = sign(SECRET, now(), body.as_bytes());
        let head =
            format!("POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\n\r\n", body.len());
        ask(self.address, format!("{head}{body}").as_bytes()).await.0
    }

    /// SIGTERM, as an orchestrator sends it; gives what it has said.
    pub fn stop(mut self) -> String {
        let sent = Command::new("kill").args(["-TERM", &self.program.id().to_string()]).status().unwrap();
        assert!(sent.success());
        assert!(self.program.wait().unwrap().success());
        self.said.join().unwrap()
    }
}

#[expect(clippy::disallowed_methods, reason = "the program under test goes by the machine's clock")]
pub fn now() -> chrono::DateTime<Utc> {
    Utc::now()
}

fn command(url: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(arguments).env("KASACARE_DB", url).env("KASACARE_LOG", "error").stdin(Stdio::null()).stdout(Stdio::null());
    command.env_remove("KASACARE_STRIPE_WEBHOOK_SECRET").env_remove("KASACARE_STRIPE_WEBHOOK_SECRET_FILE");
    command
}

fn code(said: Said, expected: i32) -> Said {
    said.code(expected)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_wire_to_the_operators_list_and_back() {
    on_both(async |db| {
        Shop::empty(db.clone()).reference();
        let url = db.url();
        let serving = Serving::start(url, &["serve", "--listen", "127.0.0.1:0"], &format!("{SECRET},whsec_the_next_one_0123456789"));
        let odd = words::event("evt_odd", "payment_intent.succeeded", &serde_json::json!({ "id": "pi_1", "amount": "jo@example.com" }));
        let fine = words::event("evt_fine", "charge.updated", &serde_json::json!({ "id": "ch_1" }));
        assert_eq!((serving.post(&odd.1).await, serving.post(&fine.1).await), (200, 200));
        assert_eq!(ask(serving.address, b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").await.0, 200);
        serving.stop();

        let mails = tempfile::tempdir().unwrap();
        let run = format!("run --once --mail-dir {}", mails.path().display());
        let said = kasacare(url, &run).ok();
        assert!(said.contains("webhooks quarantined") && said.contains("webhooks without news"), "{said}");
        let listed = code(kasacare(url, "inbox list"), 1).out;
        assert!(listed.contains("evt_odd") && !listed.contains("evt_fine") && listed.contains("not of the shape"), "{listed}");
        let shown = kasacare(url, "inbox show evt_odd").ok();
        assert!(shown.contains("quarantined") && !shown.contains("jo@example.com"), "{shown}");
        assert_eq!(kasacare(url, "inbox show evt_odd --body").ok().trim_end(), odd.1);
        let json = kasacare(url, "inbox show evt_fine --format json").json();
        assert_eq!((&json["event"]["outcome"], &json["event"]["object"]), (&"nothing_new".into(), &"ch_1".into()));

        kasacare(url, "inbox retry evt_odd --by olga").ok();
        kasacare(url, &run).ok();
        kasacare(url, "inbox retry evt_fine").fails(2, "is done");
        kasacare(url, "inbox discard evt_odd --by olga --reason tried-out").ok();
        code(kasacare(url, "inbox list"), 0);
        let all = kasacare(url, "inbox list --state all --format json").json();
        let states: Vec<_> =
            all["events"].as_array().unwrap().iter().map(|event| (&event["event"], &event["state"], &event["by"])).collect();
        assert_eq!(states.len(), 2);
        assert!(states.contains(&(&"evt_odd".into(), &"discarded".into(), &"olga".into())), "{states:?}");
        kasacare(url, "inbox show evt_nowhere").fails(4, "no such event");
    })
    .await;
}

/// Anybody could sign with an empty secret: it does not start.
#[tokio::test]
async fn without_a_good_secret_it_does_not_start() {
    crate::world::on_sqlite(async |db| {
        let blank = tempfile::NamedTempFile::new().unwrap();
        for (name, value, words) in [
            ("KASACARE_STRIPE_WEBHOOK_SECRET", "", "blank"),
            ("KASACARE_STRIPE_WEBHOOK_SECRET", " \n", "blank"),
            ("KASACARE_STRIPE_WEBHOOK_SECRET", "whsec_", "6 characters"),
            ("KASACARE_STRIPE_WEBHOOK_SECRET", "sk_test_0123456789abcdef", "API key"),
            ("KASACARE_STRIPE_WEBHOOK_SECRET_FILE", blank.path().to_str().unwrap(), "blank"),
            ("KASACARE_STRIPE_WEBHOOK_SECRET_FILE", "/nowhere", "cannot open"),
        ] {
            let output = command(db.url(), &["serve", "--listen", "127.0.0.1:0"]).env(name, value).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{name}={value:?}: {said}");
            assert!(said.contains(words) && !said.contains("0123456789abcdef"), "{name}={value:?}: {said}");
        }
        let output = command(db.url(), &["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
    })
    .await;
}

/// `run` tells its own health and counts, where it is asked to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_tells_its_jobs() {
    crate::world::on_sqlite(async |db| {
        Shop::empty(db.clone()).reference();
        let mails = tempfile::tempdir().unwrap();
        let mails = mails.path().to_str().unwrap();
        let running = Serving::start(db.url(), &["run", "--listen", "127.0.0.1:0", "--mail-dir", mails], "");
        let wanted = "kasacare_job_runs_total{job=\"inbox\",outcome=\"idle\"}";
        let mut looks = 0;
        while !ask(running.address, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await.1.contains(wanted) {
            looks += 1;
            assert!(looks < 200, "the jobs are not counted");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        assert_eq!(ask(running.address, b"POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await.0, 404);
        running.stop();
    })
    .await;
}
