//! SQLite on a disk that is full, or that cannot be written.

use std::fmt::Write as _;
use std::fs;

use super::small_disk::SmallDisk;
use super::{RENEWS, assert_all_done, assert_sound, end_of, file_with_renewals_due, kasacare, number, open, run};

/// Kilobytes that the disk has to spare at each attempt; a run of all needs several thousand.
const SPARE: [u64; 5] = [8, 150, 600, 1_200, 2_000];
/// More than enough.
const ROOMY: u64 = 64 * 1024;

/// A disk with a database on which renewals are due, and nothing beside it to spare. Gives the database's address and size.
async fn disk_with_database() -> (SmallDisk, String, u64) {
    let disk = SmallDisk::of(ROOMY);
    let file = disk.path().join("kasacare.db");
    file_with_renewals_due(&file).await;
    let kilobytes = fs::metadata(&file).unwrap().len().div_ceil(1024);
    (disk, format!("sqlite://{}", file.display()), kilobytes)
}

/// F19: a run that finds the disk full ends, says so, and has done every step whole or not at all; with space it goes on.
#[tokio::test]
async fn a_run_on_a_full_disk_ends_whole_and_goes_on_when_there_is_space() {
    let mails = tempfile::tempdir().unwrap();
    let (disk, url, kilobytes) = disk_with_database().await;
    let mut renewed = Vec::new();
    for spare in SPARE {
        disk.resize(kilobytes + spare);
        let (code, said) = end_of(&mut run(&url, mails.path()));
        assert_eq!(code, 5, "with {spare} kB to spare: {said}");
        let words = ["the disk of the database is full", "is there space on its disk?"];
        assert!(words.iter().any(|words| said.contains(words)), "with {spare} kB to spare: {said}");
        // Whoever looks needs a little space for the log's index.
        disk.resize(ROOMY);
        let db = open(&url).await;
        assert_sound(&db).await;
        renewed.push(number(&db, "select count(*) from invoices where period_no = 1").await);
        db.close().await;
    }
    assert!(renewed.is_sorted() && renewed.first() == Some(&0) && renewed.last() > Some(&0), "renewals at each attempt: {renewed:?}");
    let (code, said) = end_of(&mut run(&url, mails.path()));
    assert_eq!(code, 0, "{said}");
    let db = open(&url).await;
    assert_all_done(&db).await;
    db.close().await;
}

/// F19: an import that finds the disk full says so and has stored nothing; with space it stores everything.
#[tokio::test]
async fn an_import_on_a_full_disk_stores_all_or_nothing() {
    const ROWS: i64 = 5_000;
    let (disk, url, kilobytes) = disk_with_database().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("accounts.csv");
    let mut csv = "account_id,email,name,time_zone,currency,jurisdiction,cameras\n".to_owned();
    for row in 0..ROWS {
        writeln!(csv, "n{row:05},n{row}@example.com,A Newcomer,Europe/Berlin,EUR,DE,n{row:05}-cam1;n{row:05}-cam2").unwrap();
    }
    fs::write(&file, csv).unwrap();
    let file = file.display().to_string();
    let import = ["import", "accounts", &file, "--as-of", RENEWS];
    let state = async || {
        let db = open(&url).await;
        assert_sound(&db).await;
        let mut counts = Vec::new();
        for sql in ["select count(*) from accounts", "select count(*) from cameras", "select count(*) from journal"] {
            counts.push(number(&db, sql).await);
        }
        db.close().await;
        counts
    };
    let before = state().await;
    for spare in SPARE {
        disk.resize(kilobytes + spare);
        let (code, said) = end_of(&mut kasacare(&url, &import));
        assert_eq!(code, 5, "with {spare} kB to spare: {said}");
        let words = ["the disk of the database is full", "is there space on its disk?"];
        assert!(words.iter().any(|words| said.contains(words)), "with {spare} kB to spare: {said}");
        disk.resize(ROOMY);
        assert_eq!(state().await, before, "with {spare} kB to spare");
    }
    let (code, said) = end_of(&mut kasacare(&url, &import));
    assert_eq!(code, 0, "{said}");
    let after = state().await;
    assert_eq!([after[0] - before[0], after[1] - before[1]], [ROWS, 2 * ROWS]);
}

/// Nothing is done on a disk that cannot be written, not even by root, and the message says why.
#[tokio::test]
async fn a_database_on_a_read_only_disk_is_refused() {
    let mails = tempfile::tempdir().unwrap();
    let (disk, url, _) = disk_with_database().await;
    disk.make_read_only();
    let subscribe = ["subscribe", "f0001", "plus/monthly", "--camera", "f0001-cam2", "--as-of", RENEWS];
    for words in [&["init"][..], &subscribe] {
        let (code, said) = end_of(&mut kasacare(&url, words));
        assert_eq!(code, 5, "{words:?}: {said}");
        assert!(said.contains("the database cannot be written"), "{words:?}: {said}");
    }
    let (code, said) = end_of(&mut run(&url, mails.path()));
    assert_eq!((code, said.contains("the database cannot be written")), (5, true), "{said}");
    disk.make_writable();
    let (code, said) = end_of(&mut run(&url, mails.path()));
    assert_eq!(code, 0, "{said}");
    let db = open(&url).await;
    assert_all_done(&db).await;
    db.close().await;
}
