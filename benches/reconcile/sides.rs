//! All sides in turn, on one database.

use std::path::Path;
use std::time::Instant;

use kasacare::import::ROWS_MAX;

use crate::args::Job;
use crate::book::{self, THEIRS};
use crate::databases::{Folder, Server};
use crate::duckdb_side::DuckDb;
use crate::engine_side::{self, Run};
use crate::measure::{Better, Goal, Series};
use crate::sql_side;

/// Where databases are made.
pub enum Place {
    /// On a server.
    Server(Server),
    /// In files.
    Folder(Folder),
}

/// A database.
struct Made {
    name: &'static str,
    url: String,
}

const FILE: &str = "sqlite://";

impl Place {
    /// What it is called.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Server(_) => "PostgreSQL",
            Self::Folder(_) => "SQLite",
        }
    }

    async fn template(&self, name: &'static str, number: u32) -> Made {
        let url = match self {
            Self::Server(server) => {
                server.template(name, number).await;
                server.url(name)
            }
            Self::Folder(folder) => Folder::url(&folder.template(name, number).await),
        };
        Made { name, url }
    }

    async fn copy(&self, of: &Made, name: &'static str) -> Made {
        let url = match self {
            Self::Server(server) => server.copy(of.name, name).await,
            Self::Folder(folder) => Folder::url(&folder.copy(Path::new(of.url.trim_start_matches(FILE)), name)),
        };
        Made { name, url }
    }

    async fn drop(&self, made: Made) {
        match self {
            Self::Server(server) => server.drop(made.name).await,
            Self::Folder(_) => std::fs::remove_file(made.url.trim_start_matches(FILE)).expect("the file"),
        }
    }
}

/// What each side took, in seconds and MiB.
#[derive(Debug, Default)]
pub struct Sides {
    run: Series,
    run_memory: Series,
    file: Series,
    file_memory: Series,
    duckdb: Series,
    duckdb_memory: Series,
    sql: Series,
    balance: Series,
    bare: Series,
    run_by_duckdb: Series,
    file_by_duckdb: Series,
    run_by_sql: Series,
    balance_by_bare: Series,
}

/// A size, measured `pairs` times.
pub async fn measure(place: &Place, duckdb: &DuckDb, number: u32, pairs: usize) -> Sides {
    let prepared_at = Instant::now();
    let ours = place.template("ours", number).await;
    let told = place.copy(&ours, "told").await;
    book::tell(&told.url, number).await;
    let files = tempfile::TempDir::with_prefix_in("kasacare-bench-", crate::postgres::scratch()).expect("a folder");
    book::write_files(&told.url, files.path()).await;
    eprintln!("{}: {number} payments are on both sides after {:.0} s", place.name(), prepared_at.elapsed().as_secs_f64());
    let mut sides = Sides::default();
    for _ in 0..pairs {
        let yardstick = sides.reconcile(&told.url, duckdb, files.path(), number).await;
        // A settlement file has no more rows.
        if u64::from(number) <= ROWS_MAX {
            sides.look(&ours.url, &files.path().join(THEIRS), number, yardstick);
        }
        sides.balance(&told.url).await;
    }
    place.drop(told).await;
    place.drop(ours).await;
    sides
}

fn mib(kib: f64) -> f64 {
    kib / 1024.0
}

fn check(run: &Run, number: u32) {
    assert_eq!(run.found, book::planted(), "the engine found what was planted");
    assert_eq!(run.agreed, book::agreed(number), "and that everything else agrees");
    assert_eq!(run.unexplained, 0, "and nothing is left of any day");
}

impl Sides {
    /// Both sides stored. Gives what DuckDB took.
    async fn reconcile(&mut self, url: &str, duckdb: &DuckDb, files: &Path, number: u32) -> f64 {
        let engine = engine_side::run(url, Job::Reconcile, None);
        let yardstick = duckdb.run(files);
        let sql = sql_side::breaks(url).await;
        check(&engine, number);
        assert_eq!(yardstick.found, book::planted(), "DuckDB found what was planted");
        assert_eq!(sql.found, book::planted(), "SQL found what was planted");
        self.run.push(engine.seconds);
        self.run_memory.push(mib(engine.peak_kib as f64));
        self.duckdb.push(yardstick.seconds);
        self.duckdb_memory.push(mib(yardstick.peak_kib));
        self.sql.push(sql.seconds);
        self.run_by_duckdb.push(engine.seconds / yardstick.seconds);
        self.run_by_sql.push(engine.seconds / sql.seconds);
        yardstick.seconds
    }

    /// Ours stored, theirs a file.
    fn look(&mut self, url: &str, file: &Path, number: u32, yardstick: f64) {
        let engine = engine_side::run(url, Job::Reconcile, Some(file));
        check(&engine, number);
        self.file.push(engine.seconds);
        self.file_memory.push(mib(engine.peak_kib as f64));
        self.file_by_duckdb.push(engine.seconds / yardstick);
    }

    async fn balance(&mut self, url: &str) {
        let engine = engine_side::run(url, Job::TrialBalance, None);
        let bare = sql_side::sums(url).await;
        assert_eq!(engine.found, bare.found, "the trial balance is the sums of the postings");
        self.balance.push(engine.seconds);
        self.bare.push(bare.seconds);
        self.balance_by_bare.push(engine.seconds / bare.seconds);
    }

    /// Peak memory of the run with both sides stored, in MiB.
    pub fn peak_mib(&self) -> f64 {
        self.run_memory.median()
    }

    /// P13, P14 and P17.
    pub fn goals(self) -> Vec<Goal> {
        let less = |name, must, stretch, reached, note| Goal::new(name, Better::Less, must, stretch, reached, note);
        let noisy = |yardstick: &Series| if yardstick.is_noisy() { "; NOISY, repeat" } else { "" };
        let run_note = format!("{:.2} s, DuckDB {:.2} s{}", self.run.median(), self.duckdb.median(), noisy(&self.duckdb));
        let file_note = format!("{:.2} s, DuckDB as above", self.file.median());
        let memory_note = format!("DuckDB {:.0} MiB", self.duckdb_memory.median());
        let bare_note = format!("{:.3} s, SQL {:.3} s{}", self.balance.median(), self.bare.median(), noisy(&self.bare));
        let mut goals = vec![less("P13 run, both sides stored / DuckDB, CSV x CSV", 2.0, 1.2, self.run_by_duckdb, run_note)];
        let memory = less("P14 peak memory of the run in MiB", 200.0, 128.0, self.run_memory, memory_note.clone());
        if self.file.median().is_finite() {
            goals.push(less("P13 ours stored, theirs the file / DuckDB, CSV x CSV", 2.0, 1.2, self.file_by_duckdb, file_note));
            goals.push(memory);
            goals.push(less("P14 peak memory with the file in MiB", 200.0, 128.0, self.file_memory, memory_note));
        } else {
            goals.push(memory);
        }
        goals.push(less("P17 trial balance / bare group by", 1.3, 1.1, self.balance_by_bare, bare_note));
        goals
    }

    /// The reconciliation against the same join in the same database: no goal, but where the floor is.
    pub fn beside_sql(&self) -> String {
        let (least, greatest) = self.run_by_sql.range();
        let (run, sql) = (self.run.median(), self.sql.median());
        let noisy = if self.sql.is_noisy() { "; NOISY, repeat" } else { "" };
        let ratio = self.run_by_sql.median();
        format!("Run / the same join as SQL in the same database: {ratio:.4} ({least:.4}-{greatest:.4}); {run:.2} s, SQL {sql:.2} s{noisy}")
    }
}
