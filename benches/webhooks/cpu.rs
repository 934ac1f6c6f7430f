//! P12: what the endpoint does with a webhook before it is stored, against the least that has to be done.

use std::hint::black_box;
use std::time::Instant;

use chrono::Utc;
use kasacare::provider::stripe::reading::StripeEvents;
use kasacare::provider::stripe::signature::{WebhookSecrets, sign};
use kasacare::provider::{EventReader, WebhookSource};

use crate::load::{SECRET, event};
use crate::measure::{Better, Goal, Series};
use crate::yardstick;

const ROUNDS: u32 = 50_000;

fn microseconds(mut work: impl FnMut()) -> f64 {
    let began = Instant::now();
    (0..ROUNDS).for_each(|_| work());
    began.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}

/// Measures pairs and gives the goal.
pub fn goal(pairs: usize) -> Goal {
    let (now, body) = (Utc::now(), event(1));
    let signature = sign(SECRET, now, body.as_bytes());
    let (secrets, key) = (WebhookSecrets::parse(SECRET).expect("a secret"), yardstick::key());
    let (mut ratio, mut ours, mut least) = (Series::default(), Series::default(), Series::default());
    for _ in 0..pairs {
        let bare = microseconds(|| {
            let named = yardstick::verified(&key, black_box(&signature), black_box(body.as_bytes())).expect("it is signed");
            black_box((named.id.len(), named.kind.len()));
        });
        let full = microseconds(|| {
            let body = black_box(body.as_bytes());
            secrets.verify(Some(black_box(signature.as_bytes())), body, now).expect("it is signed");
            black_box(StripeEvents.label(body).expect("it is an event"));
        });
        ratio.push(full / bare);
        ours.push(full);
        least.push(bare);
    }
    let noisy = if least.is_noisy() { "; NOISY, repeat" } else { "" };
    let note = format!("{:.1} us, least {:.1} us{noisy}", ours.median(), least.median());
    Goal::new("P12 CPU of verify and extract / the least", Better::Less, 2.0, 1.3, ratio, note)
}
