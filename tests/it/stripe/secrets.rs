//! No secret, card token, address, name or payload in any log line at any level, from our crates or others' (F75, PP-3): a whole story
//! with everything logged, and the canaries are not in it.

use std::process::Stdio;

use kasacare::provider::stripe::signature::sign;

use super::cli::{Serving, now};
use super::command::{KEY, ended, evening, program, runs};
use super::fake::{Fake, Fault};
use super::http::{SECRET, ask};
use super::words;
use crate::cli::shop::Shop;
use crate::world::on_both;

const JOINED: &str = "2026-01-31";

/// What is nobody's business: the API key, the endpoint's secrets, what the customer is called and where she lives, her card, and what is in
/// a payload or in Stripe's own messages.
const CANARIES: &[&str] = &[
    "4eC39HqLyjWDarjtT1zdp7dc",
    "0123456789abcdef0123456789abcdef",
    "us@example.com",
    "Ursula",
    "tok_ok",
    "pm_canary",
    "canary@example.com",
    "somebody@example.com",
    "4242",
];

fn assert_silent(logged: &str, what: &str) {
    assert!(!logged.trim().is_empty(), "{what}: nothing was logged");
    for canary in CANARIES {
        let line = logged.lines().find(|line| line.contains(canary));
        assert_eq!(line, None, "{what}: `{canary}` was logged");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_that_is_nobodys_business_is_logged() {
    on_both(async |db| {
        let fake = Fake::start(evening()).await;
        let shop = Shop::open(db.clone());
        shop.does(&format!("subscribe us plus/annual --camera us-c1 --as-of {JOINED}"));
        fake.fail(&[Fault::TooMany, Fault::GarbageAfter]);
        let logged = |line: String, code: i32| {
            let mut command = program(&db, &fake, KEY, &line);
            command.env("KASACARE_LOG", "trace").stdout(Stdio::null());
            async move {
                let output = runs(command).await;
                assert_eq!(output.status.code(), Some(code), "{line}");
                String::from_utf8_lossy(&output.stderr).into_owned()
            }
        };
        let mails = shop.path("mail").display().to_string();
        assert_silent(&logged(format!("run --once --as-of {JOINED} --mail-dir {mails}"), 0).await, "a run");
        assert_eq!(fake.captured(), 1);
        let replace = "payment-method us --token pm_canary --label Visa-4242 --expires 2031-12 --as-of 2026-02-01";
        ended(&runs(program(&db, &fake, KEY, replace)).await, 0, "Done");

        let serving =
            Serving::start_logging(db.url(), &["serve", "--listen", "127.0.0.1:0"], &format!("{SECRET},whsec_another_0123456789"));
        let told = serde_json::json!({ "id": "pi_1", "amount": "canary@example.com", "payment_method": "pm_canary", "last4": "4242" });
        let body = words::event("evt_1", "payment_intent.succeeded", &told).1;
        let post = |signature: String| {
            let head = format!(
                "POST /webhooks/stripe HTTP/1.1\r\nHost: x\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            format!("{head}{body}").into_bytes()
        };
        assert_eq!(ask(serving.address, &post(sign(SECRET, now(), body.as_bytes()))).await.0, 200);
        assert_eq!(ask(serving.address, &post("t=1,v1=canary@example.com".to_owned())).await.0, 400);
        assert_silent(&serving.stop(), "the server");

        assert_silent(
            &logged(format!("run --once --as-of 2026-02-02 --mail-dir {mails}"), 0).await,
            "a run that reads what cannot be read",
        );
    })
    .await;
}
