//! P11: the program and the yardstick in turn, over fresh databases, with all webhooks stored before they are answered.

use std::path::PathBuf;
use std::time::Duration;

use crate::databases::{Folder, Server};
use crate::load::{self, Came};
use crate::measure::{Better, Goal, Series};
use crate::servers::Serving;

/// Where databases are made.
pub enum Place {
    /// On a server.
    Server(Server),
    /// In files.
    Folder(Folder),
}

/// What is sent in a second at the most, by the number of connections: prepared for so many.
const MOST_PER_SECOND: [(usize, u64); 3] = [(1, 6_000), (8, 15_000), (usize::MAX, 25_000)];

impl Place {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Server(_) => "PostgreSQL",
            Self::Folder(_) => "SQLite",
        }
    }

    /// A fresh database with so many due subscriptions; gives its address.
    pub async fn fresh(&self, name: &str, due: u32) -> String {
        match self {
            Self::Server(server) => {
                server.template(name, due).await;
                server.url(name)
            }
            Self::Folder(folder) => Folder::url(&folder.template(&format!("{name}.db"), due).await),
        }
    }

    /// Drops it.
    pub async fn drop(&self, name: &str, url: &str) {
        match self {
            Self::Server(server) => server.drop(name).await,
            Self::Folder(_) => {
                for end in ["", "-wal", "-shm", ".runner"] {
                    let _ = std::fs::remove_file(PathBuf::from(format!("{}{end}", url.trim_start_matches("sqlite://"))));
                }
            }
        }
    }
}

/// One side, on a database of its own.
async fn side(place: &Place, name: &str, connections: usize, seconds: u64, start: fn(&str) -> Serving) -> (Came, f64) {
    let url = place.fresh(name, 1).await;
    let most = MOST_PER_SECOND.iter().find(|(most, _)| connections <= *most).map_or(0, |(_, per_second)| *per_second);
    let serving = start(&url);
    // So that nobody is measured with cold caches and closed connections.
    load::send(serving.address, connections, &load::prepared(0, 500), Duration::from_secs(10)).await;
    let requests = load::prepared(1_000, most * seconds);
    let came = load::send(serving.address, connections, &requests, Duration::from_secs(seconds)).await;
    let peak = serving.peak_mib();
    drop(serving);
    place.drop(name, &url).await;
    (came, peak)
}

/// P11 with so many connections.
pub async fn measure(place: &Place, connections: usize, pairs: usize, seconds: u64) -> Vec<Goal> {
    let (mut rates, mut waits) = (Series::default(), Series::default());
    let (mut ours_rate, mut theirs_rate, mut ours_wait, mut theirs_wait) =
        (Series::default(), Series::default(), Series::default(), Series::default());
    let (mut peak, mut peak_of_yardstick) = (Series::default(), Series::default());
    for _ in 0..pairs {
        let (ours, memory) = side(place, "program", connections, seconds, Serving::program).await;
        let (theirs, least_memory) = side(place, "yardstick", connections, seconds, Serving::yardstick).await;
        rates.push(ours.per_second / theirs.per_second);
        waits.push(ours.p99_ms / theirs.p99_ms);
        ours_rate.push(ours.per_second);
        theirs_rate.push(theirs.per_second);
        ours_wait.push(ours.p99_ms);
        theirs_wait.push(theirs.p99_ms);
        peak.push(memory);
        peak_of_yardstick.push(least_memory);
    }
    let noisy = if theirs_rate.is_noisy() { "; NOISY, repeat" } else { "" };
    let rate_note = format!("{:.0}/s, yardstick {:.0}/s{noisy}", ours_rate.median(), theirs_rate.median());
    let wait_note = format!("{:.1} ms, yardstick {:.1} ms", ours_wait.median(), theirs_wait.median());
    let peak_note = format!("{:.1} MiB, yardstick {:.1} MiB", peak.median(), peak_of_yardstick.median());
    vec![
        Goal::new("P11 webhooks a second / one insert each", Better::More, 1.0, 1.5, rates, rate_note),
        Goal::new("P11 p99 / of one insert each", Better::Less, 1.0, 0.7, waits, wait_note),
        Goal::new("peak memory of the server in MiB", Better::Less, 64.0, 32.0, peak, peak_note),
    ]
}
