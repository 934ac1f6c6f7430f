//! DuckDB reading both files and writing the breaks: `duckdb_side.py` beside this file, in Python's own process.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::book::{Found, OURS, THEIRS, THROUGH};

/// What it took, and what it found.
#[derive(Debug)]
pub struct Run {
    /// Wall time, measured inside.
    pub seconds: f64,
    /// Peak memory of the process, in KiB.
    pub peak_kib: f64,
    /// Breaks by kind.
    pub found: Found,
}

/// A Python with DuckDB.
#[derive(Debug)]
pub struct DuckDb {
    python: PathBuf,
}

impl DuckDb {
    /// The one that the tests use, or what to do where there is none.
    pub fn find() -> Result<Self, String> {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools");
        let python = std::env::var_os("KASACARE_TEST_TOOLS").map_or_else(usual, PathBuf::from).join("venv/bin/python");
        let probe = Command::new(&python).args(["-c", "import duckdb"]).output();
        if probe.is_ok_and(|output| output.status.success()) {
            return Ok(Self { python });
        }
        Err(format!("{} has no duckdb: run scripts/test-tools.sh recompute once (or set KASACARE_TEST_TOOLS)", python.display()))
    }

    /// Joins the files of a folder.
    pub fn run(&self, folder: &Path) -> Run {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/reconcile");
        let breaks = folder.join("breaks.csv");
        let mut command = Command::new(&self.python);
        command.arg(here.join("duckdb_side.py")).args([folder.join(OURS), folder.join(THEIRS), here.join("breaks.sql"), breaks.clone()]);
        let output = command.arg(THROUGH).output().expect("DuckDB");
        assert!(output.status.success(), "DuckDB failed: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout);
        let numbers: Vec<f64> = text.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let [seconds, peak_kib] = numbers.as_slice() else { panic!("DuckDB said {text:?}") };
        Run { seconds: *seconds, peak_kib: *peak_kib, found: count(&breaks) }
    }
}

/// The breaks of a file by the kind in its first column.
fn count(path: &Path) -> Found {
    let mut found = Found::new();
    for record in csv::Reader::from_path(path).expect("the breaks").records() {
        let kind = record.expect("a break").get(0).expect("its kind").to_owned();
        *found.entry(kind).or_default() += 1;
    }
    found
}
