//! Both sides in turn, on each database.

use std::time::Instant;

use sqlx::{Connection, PgConnection};

use crate::args::Job;
use crate::book;
use crate::databases::{Folder, Server};
use crate::engine_side;
use crate::measure::{Better, Goal, Series};
use crate::{prepared, set_based};

/// What a size cost the engine with one worker: for P7 and P8.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// How many were due.
    pub due: u32,
    /// Median seconds a renewal.
    pub seconds_each: f64,
    /// Median peak memory.
    pub peak_kib: f64,
}

#[derive(Debug, Default)]
struct Seen {
    ratio: Series,
    engine: Series,
    yardstick: Series,
}

impl Seen {
    fn pair(&mut self, engine_per_second: f64, yardstick_per_second: f64) {
        self.engine.push(engine_per_second);
        self.yardstick.push(yardstick_per_second);
        self.ratio.push(engine_per_second / yardstick_per_second);
    }

    fn note(&self) -> String {
        let noisy = if self.yardstick.is_noisy() { "; NOISY, repeat" } else { "" };
        format!("{:.0}/s, yardstick {:.0}/s{noisy}", self.engine.median(), self.yardstick.median())
    }
}

fn goal(name: &'static str, must: f64, stretch: f64, seen: Seen) -> Goal {
    let note = seen.note();
    Goal::new(name, Better::More, must, stretch, seen.ratio, note)
}

/// P1 to P5 at one size.
pub async fn postgres(server: &Server, due: u32, pairs: usize) -> (Vec<Goal>, Cost) {
    let prepared_at = Instant::now();
    server.template("book", due).await;
    let (renewed, settled) = samples(server).await;
    let now = book::renewal_day().timestamp_micros();
    let mut connection = PgConnection::connect(&server.url("book")).await.expect("the book");
    let renewal = set_based::renewal(&mut connection, &renewed, now).await;
    let settlement = set_based::settlement(&mut connection, &settled).await;
    connection.close().await.expect("the book");
    eprintln!("{due} subscriptions are due after {:.0} s", prepared_at.elapsed().as_secs_f64());
    let (mut one, mut two, mut apply) = (Seen::default(), Seen::default(), Seen::default());
    let (mut statements, mut wal, mut seconds, mut memory) = (Series::default(), Series::default(), Series::default(), Series::default());
    let number = f64::from(due);
    for pair in 0..pairs {
        let engine_url = server.copy("book", "engine").await;
        let before = set_based::log_bytes(&engine_url).await;
        let run = engine_side::run(&engine_url, Job::Renew, 1);
        let engine_log = set_based::log_bytes(&engine_url).await - before;
        assert_eq!(run.done, u64::from(due), "every subscription was renewed");

        let yardstick_url = server.copy("book", "yardstick").await;
        let before = set_based::log_bytes(&yardstick_url).await;
        let (done, yardstick_seconds) = set_based::run(&yardstick_url, &renewal).await;
        let yardstick_log = set_based::log_bytes(&yardstick_url).await - before;
        assert_eq!(done, u64::from(due), "the yardstick renewed every subscription");
        if pair == 0 {
            assert_eq!(set_based::sums(&engine_url).await, set_based::sums(&yardstick_url).await, "both wrote the same");
        }
        one.pair(number / run.seconds, number / yardstick_seconds);
        statements.push(run.statements as f64 / number);
        wal.push(engine_log / yardstick_log);
        seconds.push(run.seconds / number);
        memory.push(run.peak_kib as f64);

        server.copy("book", "two_workers").await;
        let both = engine_side::run(&server.url("two_workers"), Job::Renew, 2);
        assert_eq!(both.done, u64::from(due), "two workers renewed every subscription once");
        two.pair(number / both.seconds, number / run.seconds);
        server.drop("two_workers").await;

        let run = engine_side::run(&engine_url, Job::Settle, 1);
        assert_eq!(run.done, u64::from(due), "every charge was settled");
        let (done, yardstick_seconds) = set_based::run(&yardstick_url, &settlement).await;
        assert_eq!(done, u64::from(due), "the yardstick settled every charge");
        if pair == 0 {
            assert_eq!(set_based::sums(&engine_url).await, set_based::sums(&yardstick_url).await, "both settled the same");
        }
        apply.pair(number / run.seconds, number / yardstick_seconds);
        server.drop("engine").await;
        server.drop("yardstick").await;
    }
    server.drop("book").await;
    let cost = Cost { due, seconds_each: seconds.median(), peak_kib: memory.median() };
    let goals = vec![
        goal("P1 renewals, 1 worker / set-based", 0.70, 0.85, one),
        goal("P2 two workers / one", 1.35, 1.55, two),
        goal("P3 provider results / set-based", 0.70, 0.85, apply),
        Goal::new("P4 statements a renewal", Better::Less, 0.01, 0.005, statements, String::new()),
        Goal::new("P5 log bytes a renewal / set-based", Better::Less, 1.10, 1.02, wal, String::new()),
    ];
    (goals, cost)
}

/// One account renewed, and then its charge settled.
async fn samples(server: &Server) -> (set_based::Sample, set_based::Sample) {
    server.template("sample", 1).await;
    let url = server.url("sample");
    assert_eq!(engine_side::run(&url, Job::Renew, 1).done, 1, "one renewal");
    let renewed = set_based::Sample::read(&url).await;
    assert_eq!(engine_side::run(&url, Job::Settle, 1).done, 1, "one capture");
    let settled = set_based::Sample::read(&url).await;
    server.drop("sample").await;
    (renewed, settled)
}

/// P4 and P10 at one size.
pub async fn sqlite(folder: &Folder, due: u32, pairs: usize) -> (Vec<Goal>, Cost) {
    let sample = folder.template("sample.db", 1).await;
    let sample = folder.copy(&sample, "sampled.db");
    assert_eq!(engine_side::run(&Folder::url(&sample), Job::Renew, 1).done, 1, "one renewal");
    let sample = prepared::Sample::read(&sample);
    let template = folder.template("book.db", due).await;
    let now = book::renewal_day().timestamp_micros();
    let number = f64::from(due);
    let (mut seen, mut statements, mut seconds, mut memory) = (Seen::default(), Series::default(), Series::default(), Series::default());
    for pair in 0..pairs {
        let engine = folder.copy(&template, "engine.db");
        let run = engine_side::run(&Folder::url(&engine), Job::Renew, 1);
        assert_eq!(run.done, u64::from(due), "every subscription was renewed");
        let yardstick = folder.copy(&template, "yardstick.db");
        let (done, yardstick_seconds) = prepared::run(&yardstick, &sample, now);
        assert_eq!(done, u64::from(due), "the yardstick renewed every subscription");
        if pair == 0 {
            assert_eq!(prepared::sums(&engine), prepared::sums(&yardstick), "both wrote the same");
        }
        seen.pair(number / run.seconds, number / yardstick_seconds);
        statements.push(run.statements as f64 / number);
        seconds.push(run.seconds / number);
        memory.push(run.peak_kib as f64);
    }
    std::fs::remove_file(&template).expect("the book");
    let cost = Cost { due, seconds_each: seconds.median(), peak_kib: memory.median() };
    let goals = vec![
        goal("P10 renewals / prepared statements", 0.50, 0.65, seen),
        Goal::new("P4 statements a renewal", Better::Less, 0.01, 0.005, statements, String::new()),
    ];
    (goals, cost)
}
