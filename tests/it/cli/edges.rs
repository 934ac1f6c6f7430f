//! Where the program meets the system: streams that cannot be written, files that are the database.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::shop::{Shop, fixture, kasacare};
use crate::world::{PrivateServer, on_both, on_sqlite};

/// Runs the program with a full disk as its standard error; gives its exit code.
fn with_full_stderr(url: &str, line: &str) -> i32 {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
    command.args(line.split_whitespace()).env("KASACARE_DB", url).env("KASACARE_LOG", "info");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(full).status().unwrap();
    status.code().expect("it ends by itself")
}

#[tokio::test]
async fn a_standard_error_that_cannot_be_written_changes_no_exit_code() {
    if !Path::new("/dev/full").exists() {
        return;
    }
    on_sqlite(async |db| {
        let shop = Shop::open(db);
        shop.does("subscribe us plus/monthly --camera us-c1 --as-of 2026-01-31");
        let mails = shop.path("mail");
        let run = format!("run --once --workers 2 --as-of 2026-01-31 --mail-dir {}", mails.display());
        assert_eq!(with_full_stderr(shop.db.url(), &run), 0, "a run that logs");
        for (line, code) in [("cancel us nothing", 4), ("cancel nobody x --format json", 4), ("resume us us-s1 --request-id /", 2)] {
            assert_eq!(with_full_stderr(shop.db.url(), line), code, "{line}");
        }
        assert_eq!(with_full_stderr("sqlite:///nowhere/at/all.db", "parked"), 5);
        assert_eq!(shop.count("select count(*) from charges where state = 'succeeded'").await, 1, "the run did its work");
    })
    .await;
}

#[tokio::test]
async fn a_journal_takes_the_place_of_another_and_of_nothing_else() {
    on_sqlite(async |db| {
        let shop = Shop::open(db);
        shop.does("credit us 5.00 --by olga --reason sorry --as-of 2026-01-05");
        let database = shop.db.file().unwrap().to_owned();
        let link = shop.path("link.journal");
        std::os::unix::fs::symlink(&database, &link).unwrap();
        let hard = database.with_extension("journal");
        std::fs::hard_link(&database, &hard).unwrap();
        let beside = ["", "-wal", "-shm", "-journal", ".runner"].map(|ending| format!("{}{ending}", database.display()));
        for out in beside.into_iter().chain([link, hard].map(|path| path.display().to_string())) {
            shop.refuses(&format!("journal --out {out}"), 2, "belongs to the database").await;
        }
        let out = shop.path("books.journal");
        shop.does(&format!("journal --out {}", out.display()));
        let whole = std::fs::read_to_string(&out).unwrap();
        assert_eq!(whole, shop.does("journal"));
        // Nothing may be written here: the file that is there stays.
        let before = std::fs::read_dir(out.parent().unwrap()).unwrap().count();
        shop.says(&format!("journal --account us --from 2026-02-01 --known-at 2026-01-01 --out {}/no/such.journal", out.display())).code(2);
        shop.says(&format!("journal --account nobody --out {}", out.display())).fails(4, "there is no account `nobody`");
        assert_eq!(std::fs::read_to_string(&out).unwrap(), whole);
        assert_eq!(std::fs::read_dir(out.parent().unwrap()).unwrap().count(), before, "nothing is left behind");
        shop.says("journal --out /dev/full").fails(5, "cannot write the output");
        assert!(Path::new("/dev/full").exists(), "what is no file is not replaced");
    })
    .await;
}

#[tokio::test]
async fn a_run_with_bad_options_changes_nothing() {
    on_both(async |db| {
        let shop = Shop::open(db);
        let file = shop.file("file", "not a folder");
        for line in ["run --once --smtp garbage", "run --once --mail-from nobody", &format!("run --once --mail-dir {file}/mail")] {
            shop.refuses(line, 2, "").await;
        }
    })
    .await;
}

/// A program that runs, and the lines that it writes on standard error.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(url: &str, words: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kasacare"));
        command.args(words).env("KASACARE_DB", url).env("KASACARE_LOG", "info");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let (told, lines) = channel();
        let errors = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || errors.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Self { child, lines }
    }

    /// Waits until it says something.
    fn says(&self, words: &str) {
        loop {
            let line = self.lines.recv_timeout(Duration::from_mins(2)).unwrap_or_else(|error| panic!("no `{words}`: {error}"));
            if line.contains(words) {
                return;
            }
        }
    }

    /// Asks it politely to end; gives its exit code.
    fn stop(mut self) -> Option<i32> {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.child.wait().unwrap().code()
    }
}

#[tokio::test]
async fn a_run_that_waits_for_another_one_can_be_stopped() {
    on_sqlite(async |db| {
        let shop = Shop::open(db);
        let before = shop.digest().await;
        let lock = File::create(format!("{}.runner", shop.db.file().unwrap().display())).unwrap();
        lock.lock().unwrap();
        let mails = shop.path("mail").display().to_string();
        let waiting = Running::start(shop.db.url(), &["run", "--once", "--mail-dir", &mails]);
        waiting.says("another runner is at work");
        assert_eq!(waiting.stop(), Some(0));
        assert_eq!(shop.digest().await, before, "it did not even take a number");
        drop(lock);
        shop.does(&format!("run --once --mail-dir {mails}"));
    })
    .await;
}

/// F19: the server goes away and comes back, and the runner that stayed works on under a new name, as its old one is free.
#[test]
fn a_standing_runner_outlives_its_server() {
    let server = PrivateServer::start();
    let url = server.url("postgres");
    kasacare(&url, "init").ok();
    for (kind, file) in [("catalog", "catalog.json"), ("terms", "terms.json"), ("tax-rates", "tax_rates.csv"), ("accounts", "accounts.csv")]
    {
        kasacare(&url, &format!("import {kind} {}", fixture(file).display())).ok();
    }
    kasacare(&url, "payment-method acc-0001 --token tok_ok --label Visa").ok();
    let folder = tempfile::tempdir().unwrap();
    let mails = folder.path().join("mail").display().to_string();
    let runner = Running::start(&url, &["run", "--mail-dir", &mails]);
    runner.says("working; stop with");
    server.kill();
    server.start_again();
    runner.says("works on under a new name");
    kasacare(&url, "subscribe acc-0001 plus/monthly --camera cam-0001-1").ok();
    runner.says("what=\"charges captured\" count=1");
    assert_eq!(runner.stop(), Some(0));
    server.kill();
    kasacare(&url, "run --once").code(5);
}
