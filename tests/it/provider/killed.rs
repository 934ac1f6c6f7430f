//! A process that is killed while it charges leaves batches that are complete, or nothing of them (F01, I15).

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;
use crate::world::on_both;
use kasacare::store::db::ConnectOptions;

/// Where the process that is to be killed finds its database.
const CHILD: &str = "KASACARE_TEST_CHARGING_CHILD";

const BATCH: usize = 100;

fn batch(number: usize) -> Vec<ChargeCall> {
    (0..BATCH).map(|n| call(&format!("ch_{number:03}_{n:03}"), ["tok_ok", "tok_timeout", "tok_stolen"][n % 3])).collect()
}

/// Charges batch after batch, saying so after each, until somebody kills this process.
async fn charge_for_ever(url: &str) {
    let db = Db::connect(url, ConnectOptions::default()).await.unwrap();
    let bench = Bench::on(&db);
    for number in 0.. {
        bench.provider.charge(start(), &batch(number)).await;
        println!("charged {number}");
    }
}

/// Starts the process, lets it charge some batches, and kills it a moment later. Gives the number of the batches it told of.
fn charge_and_kill(url: &str, batches: usize, moment: Duration) -> usize {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "provider::killed::nothing_is_half_done", "--nocapture"])
        .env(CHILD, url)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut told = lines.by_ref().filter(|line| line.contains("charged")).take(batches).count();
    std::thread::sleep(moment);
    child.kill().unwrap();
    child.wait().unwrap();
    told += lines.filter(|line| line.contains("charged")).count();
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_half_done() {
    if let Ok(url) = std::env::var(CHILD) {
        return charge_for_ever(&url).await;
    }
    on_both(|db| async move {
        let bench = Bench::on(&db);
        let mut told = 0;
        for moment in [0, 1, 2, 3, 5] {
            let url = db.url().to_owned();
            let kill = move || charge_and_kill(&url, 3, Duration::from_millis(moment));
            let now_told = tokio::task::spawn_blocking(kill).await.unwrap();
            assert!(now_told >= 3, "the process ended by itself");
            told = told.max(now_told);
            let charges = bench.charges().await;
            assert_eq!(charges.len() % BATCH, 0, "a batch is half done");
            assert!(charges.len() / BATCH >= told, "{told} batches were told of, {} charges are there", charges.len());
        }
        let last = bench.charges().await.len() / BATCH;
        // What is sent again gets the answer that was lost, and what was never executed is executed now.
        for number in 0..=last {
            let calls = batch(number);
            let questions: Vec<_> = calls.iter().map(|call| question(&call.charge_id)).collect();
            let before = bench.provider.look_up_charges(start(), &questions).await;
            let again = bench.provider.charge(start(), &calls).await;
            assert!(before == again || number == last, "batch {number}");
            assert_eq!(bench.provider.look_up_charges(start(), &questions).await, bench.provider.charge(start(), &calls).await);
        }
        // One event for each reply that was lost.
        let lost = (0..=last).flat_map(batch).filter(|call| call.method_token == "tok_timeout").count();
        let told = bench.provider.events(start(), None, 1_000_000).await.unwrap().events;
        assert_eq!(told.len(), lost);
        bench.assert_sound().await;
    })
    .await;
}
