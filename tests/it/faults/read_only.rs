//! Looking at books that cannot be written: a copy on a read-only medium, a file marked as read-only, a standby server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kasacare::store::db::{ConnectOptions, Db, DbError};
use tempfile::TempDir;

use super::small_disk::SmallDisk;
use super::{RENEWS, end_of, file_with_renewals_due, kasacare, printed, run, server_with_renewals_due};

/// What only looks.
const LOOKING: [&str; 14] = [
    "check",
    "account show f0001",
    "explain in_f0001-s1_1_0",
    "explain f0001/1",
    "journal",
    "journal --account f0001 --format csv",
    "trial-balance",
    "parked",
    "tasks",
    "tasks --account f0001",
    "breaks list",
    "inbox list",
    "settlement list",
    "reconcile list",
];

/// What a read-only database refuses.
const WRITING: [&str; 3] = ["init", "subscribe f0001 plus/monthly --camera f0001-cam2 --as-of 2026-02-05", "simulate settings --seed 5"];

/// A database with customers, closed, so that its log is in the file.
async fn books() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("books.db");
    file_with_renewals_due(&file).await;
    (folder, file)
}

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    PathBuf::from(format!("{}{ending}", file.display()))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Every command that looks prints what it prints of the same books elsewhere.
fn assert_same_shown(url: &str, elsewhere: &str) {
    for line in LOOKING {
        assert_eq!(printed(url, line), printed(elsewhere, line), "{line}");
    }
}

fn assert_refused(url: &str) {
    let mails = tempfile::tempdir().unwrap();
    let line = |line: &str| kasacare(url, &line.split(' ').collect::<Vec<_>>());
    for mut command in WRITING.into_iter().map(line).chain([run(url, mails.path())]) {
        let (code, said) = end_of(&mut command);
        assert_eq!((code, said.contains("the database cannot be written")), (5, true), "{command:?}: {said}");
    }
}

#[tokio::test]
async fn books_on_a_read_only_disk_can_be_looked_at() {
    let (_folder, file) = books().await;
    let disk = SmallDisk::of(64 * 1024);
    let copy = disk.path().join("a 100% copy.db");
    fs::copy(&file, &copy).unwrap();
    disk.make_read_only();
    assert_same_shown(&url(&copy), &url(&file));
    assert_refused(&url(&copy));
    assert_eq!(names(disk.path()), ["a 100% copy.db"]);
    // The same through a link, beside which no log would lie.
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&copy, &link).unwrap();
    assert!(printed(&url(&link), "check").contains("checks are clean"), "through a link");
}

#[tokio::test]
async fn a_file_that_is_marked_as_read_only_can_be_looked_at_and_nothing_is_left_beside_it() {
    let (folder, file) = books().await;
    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("copy.db");
    fs::copy(&file, &copy).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    assert_same_shown(&url(&file), &url(&copy));
    assert_refused(&url(&file));
    assert_eq!(names(folder.path()), ["books.db"]);
}

/// A copy that was made while the program wrote has its last transactions in the log: they are shown, or nothing is.
#[tokio::test]
async fn what_is_in_a_log_is_never_left_out() {
    const PARK: &str =
        "update accounts set parked_at = 1, parked_code = 'by_hand', parked_reason = 'in the log' where account_id = 'f0007'";
    let (_folder, file) = books().await;
    let disk = SmallDisk::of(64 * 1024);
    let copy = disk.path().join("copy.db");
    let writer = rusqlite::Connection::open(&file).unwrap();
    writer.execute_batch(&format!("pragma wal_autocheckpoint = 0; {PARK}")).unwrap();
    for ending in ["", "-wal", "-shm"] {
        fs::copy(beside(&file, ending), beside(&copy, ending)).unwrap();
    }
    disk.make_read_only();
    assert!(printed(&url(&copy), "parked").contains("in the log"), "with log and index");
    disk.make_writable();
    fs::remove_file(beside(&copy, "-shm")).unwrap();
    disk.make_read_only();
    for line in LOOKING {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, said) = end_of(&mut kasacare(&url(&copy), &words));
        assert_eq!(code, 5, "{line}: {said}");
        assert!(said.contains("still in copy.db-wal") && said.contains("copy both files"), "{line}: {said}");
    }
    // An empty log has nothing in it.
    disk.make_writable();
    fs::write(beside(&copy, "-wal"), "").unwrap();
    disk.make_read_only();
    assert_eq!(printed(&url(&copy), "parked"), "No account is parked.\n", "the file alone is of before");
    drop(writer);
}

/// Without locks somebody may write in between. That is seen, and said.
#[tokio::test]
async fn a_file_that_is_written_while_it_is_read_without_locks_is_noticed() {
    let (_folder, file) = books().await;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    let db = Db::connect(&url(&file), ConnectOptions { read_only: true, ..ConnectOptions::default() }).await.unwrap();
    db.check_schema().await.unwrap();
    assert_eq!(db.check_unchanged(), Ok(()));
    assert!(matches!(db.begin().await, Err(DbError::ReadOnly { .. })), "it was opened to be read");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let writer = rusqlite::Connection::open(&file).unwrap();
    writer.execute_batch("update number_series set next = next + 1; pragma wal_checkpoint(truncate)").unwrap();
    assert_eq!(db.check_unchanged(), Err(DbError::ChangedWhileRead { path: file.clone() }));
    db.close().await;
}

#[tokio::test]
async fn a_standby_server_can_be_looked_at() {
    let (server, url) = server_with_renewals_due().await;
    let before: Vec<String> = LOOKING.iter().map(|line| printed(&url, line)).collect();
    server.reconfigure("default_transaction_read_only = on");
    let subscribe = ["subscribe", "f0001", "plus/monthly", "--camera", "f0001-cam2", "--as-of", RENEWS, "--quote"];
    for _ in 0..500 {
        // The reload takes a moment.
        if end_of(&mut kasacare(&url, &subscribe)).0 == 5 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let shown: Vec<String> = LOOKING.iter().map(|line| printed(&url, line)).collect();
    assert_eq!(shown, before);
    assert_refused(&url);
}
