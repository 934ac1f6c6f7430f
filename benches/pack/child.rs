//! The pack itself, always written by a process of its own, so that its memory is its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use kasacare::reports::finance::ALL;
use kasacare::reports::pack::{self, Month, Order, Step};
use kasacare::store::db::{ConnectOptions, Db};
use serde::{Deserialize, Serialize};

use crate::book;

/// What a pack took.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Run {
    /// Wall time of all of it.
    pub seconds: f64,
    /// Wall time of each step, in the order in which they began. Several are under way at a time.
    pub steps: Vec<(String, f64)>,
    /// Peak memory of the process, in KiB.
    pub peak_kib: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Ties, and how many of them do not hold.
    pub ties: usize,
    /// How many of them do not hold.
    pub broken: usize,
}

/// Writes the pack of a database in a process of its own.
pub fn run(url: &str, out: &Path) -> Run {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.args(["--child", url, "--out"]).arg(out).output().expect("the pack");
    assert!(output.status.success(), "the pack failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("what the pack took")
}

/// The child's part: writes it and prints what it took.
pub async fn be_the_child(url: &str, out: Option<PathBuf>) {
    let folder = tempfile::TempDir::with_prefix_in("kasacare-pack-", crate::postgres::scratch()).expect("a folder");
    let out = out.unwrap_or_else(|| folder.path().join("pack"));
    let month: Month = book::MONTH.parse().expect("a month");
    let db = Db::connect(url, ConnectOptions::default()).await.expect("the database");
    let (began, heard) = (Instant::now(), Arc::new(Mutex::new(Vec::<(String, Instant, Option<Instant>)>::new())));
    let order = Order { month, known_at: None, now: chrono::DateTime::UNIX_EPOCH };
    let hears = {
        let heard = Arc::clone(&heard);
        move |step: Step<'_>| {
            let mut heard = heard.lock().expect("the steps");
            match step {
                Step::Begins(name) => heard.push((name.to_owned(), Instant::now(), None)),
                Step::Ends(name) => {
                    let step = heard.iter_mut().find(|(known, _, ended)| known == name && ended.is_none()).expect("a step that has begun");
                    step.2 = Some(Instant::now());
                }
            }
        }
    };
    let packed = pack::write(&db, ALL, order, &out, hears).await;
    let packed = packed.unwrap_or_else(|error| panic!("{error}"));
    let ended = Instant::now();
    let steps = heard.lock().expect("the steps").clone();
    let took = |begins: Instant, end: Option<Instant>| end.unwrap_or(ended).duration_since(begins).as_secs_f64();
    let run = Run {
        seconds: ended.duration_since(began).as_secs_f64(),
        steps: steps.into_iter().map(|(step, begins, end)| (step, took(begins, end))).collect(),
        peak_kib: peak_memory(),
        bytes: packed.files.iter().map(|file| file.bytes).sum(),
        ties: packed.ties,
        broken: packed.broken,
    };
    println!("{}", serde_json::to_string(&run).expect("what it took"));
}

/// The most memory that this process has had so far, in KiB; 0 where the system does not say (it is Linux that does).
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    peak.unwrap_or_default()
}
