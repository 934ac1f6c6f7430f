//! Databases that are not there, not ours, not writable or of another age: exit code 5, and the way out of it.

use std::process::Stdio;

use kasacare::store::db::Sql;

use super::shop::{Shop, call, kasacare};
use crate::world::{PrivateServer, on_both};

const PARKED: &str = "parked";

#[test]
fn init_makes_a_database_once() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new.db", folder.path().display());
    kasacare(&url, PARKED).fails(5, "run `kasacare init` to make one");
    assert!(kasacare(&url, "init").ok().starts_with("The SQLite database was made"), "made");
    assert!(kasacare(&url, "init").ok().contains("Nothing was done"), "and found");
    let again = kasacare(&url, "init --format json").json();
    assert_eq!((&again["database"], &again["applied"]), (&"SQLite".into(), &serde_json::json!([])));
    assert_eq!(kasacare(&url, PARKED).ok(), "No account is parked.\n");
}

#[tokio::test]
async fn init_finds_a_database_that_is_there_and_refuses_a_newer_one() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        assert!(shop.does("init").contains("Nothing was done"), "there");
        let mut tx = shop.db.begin().await.unwrap();
        let newer = Sql::same("insert into schema_migration (version, name, checksum) values (999, 'of tomorrow', 'x')");
        tx.execute(&newer, &[]).await.unwrap();
        tx.commit().await.unwrap();
        for line in ["init", PARKED, "tasks", "subscribe us plus/monthly --camera c", "cancel-unpaid --past-due-days 1 --quote"] {
            shop.says(line).fails(5, "use a newer kasacare");
        }
        let accounts = shop.file("a.csv", "account_id\n");
        shop.says(&format!("import accounts {accounts}")).fails(5, "use a newer kasacare");
    })
    .await;
}

#[tokio::test]
async fn commands_say_what_is_missing() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        shop.says("subscribe us plus/monthly --camera c").fails(4, "run `kasacare import catalog` first");
        let files = [("subscriptions.csv", "subscriptions"), ("prices.csv", "catalog")];
        let subscriptions = "account_id,subscription_id,plan,channel,anchor,period_number,price_version,renews,terms_version\n";
        let prices = "version,effective_from,tier,cycle,currency,amount\nv1,2026-01-01,plus,monthly,USD,1.00\n";
        for ((name, kind), content) in files.into_iter().zip([subscriptions, prices]) {
            let file = shop.file(name, content);
            shop.says(&format!("import {kind} {file}")).fails(4, "run `kasacare import catalog` first");
        }
    })
    .await;
}

#[test]
fn files_that_are_no_database_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let url = |name: &str| format!("sqlite://{}", path(name).display());
    std::fs::write(path("letter.txt"), "Dear Sir or Madam, ".repeat(100)).unwrap();
    for line in [PARKED, "init"] {
        kasacare(&url("letter.txt"), line).fails(5, "cannot be opened as a database");
        kasacare(&format!("sqlite://{}", folder.path().display()), line).fails(5, "it is not a file");
    }
    kasacare(&url("no/such/folder.db"), "init").fails(5, "its folder does not exist");
    std::fs::write(path("empty.db"), "").unwrap();
    kasacare(&url("empty.db"), PARKED).fails(5, "run `kasacare init`");
    assert!(kasacare(&url("empty.db"), "init").ok().contains("was made"), "an empty file is as good as none");

    let mut permissions = std::fs::metadata(path("empty.db")).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(path("empty.db"), permissions).unwrap();
    for line in ["init", "run --once"] {
        kasacare(&url("empty.db"), line).fails(5, "is marked as read-only");
    }
    for line in [PARKED, "tasks"] {
        kasacare(&url("empty.db"), line).ok();
    }
}

#[test]
fn servers_that_are_away_are_named_without_their_password() {
    for (url, words) in [
        ("postgres://billing:s3cret@127.0.0.1:1/books", "no database server can be reached at billing@127.0.0.1:1/books"),
        ("postgres://billing:s3cret@no-such-host.invalid/books", "no database server can be reached"),
    ] {
        for line in [PARKED, "init"] {
            let said = kasacare(url, line);
            assert!(!said.err.contains("s3cret"), "{}", said.err);
            said.fails(5, words);
        }
    }
}

#[test]
fn no_message_repeats_the_password_of_an_address_that_is_mistyped() {
    for url in [
        "postgres:bob:s3cret",
        "postgres:bob:s3cret@127.0.0.1/books",
        "postgres://bob:12/s3cret@127.0.0.1/books",
        "postgres://bob:12?s3cret@127.0.0.1/books",
        "postgres://bob:12#s3cret@127.0.0.1/books",
        "sqlite://postgres://bob:s3cret@127.0.0.1/books",
        "sqlite:postgres:bob:s3cret",
        "mysql://bob:s3cret@127.0.0.1/books",
    ] {
        let said = kasacare(url, PARKED);
        assert!(!said.err.contains("s3cret"), "{}", said.err);
        said.fails(2, "this is not an address of a database");
    }
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.db");
    let notes = rusqlite::Connection::open(&path).unwrap();
    notes.execute_batch("create table notes (note text); insert into notes values ('mine')").unwrap();
    drop(notes);
    let before = std::fs::read(&path).unwrap();
    let url = format!("sqlite://{}", path.display());
    for line in ["init", PARKED, "check"] {
        kasacare(&url, line).fails(5, "tables that are not ours");
    }
    assert!(std::fs::read(&path).unwrap() == before, "not a byte of it has changed");
    let notes = rusqlite::Connection::open(&path).unwrap();
    let mode: String = notes.query_row("pragma journal_mode = wal", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    drop(notes);
    for line in ["init", PARKED] {
        kasacare(&url, line).fails(5, "tables that are not ours");
    }
}

#[tokio::test]
async fn tables_without_their_history_are_not_guessed_at() {
    on_both(async |db| {
        let shop = Shop::empty(db);
        let mut tx = shop.db.begin().await.unwrap();
        tx.execute(&Sql::same("delete from schema_migration"), &[]).await.unwrap();
        tx.commit().await.unwrap();
        for line in ["init", PARKED] {
            shop.says(line).fails(5, "schema_migration, which tells how they were made, is empty");
        }
    })
    .await;
}

#[test]
fn a_server_without_the_database_says_so() {
    let server = PrivateServer::start();
    kasacare(&server.url("nothing_here"), PARKED).fails(5, "refuses");
    kasacare(&server.url("postgres"), PARKED).fails(5, "run `kasacare init`");
    assert!(kasacare(&server.url("postgres"), "init").ok().contains("PostgreSQL database was made"), "made");
    server.kill();
    kasacare(&server.url("postgres"), PARKED).fails(5, "can be reached");
}

#[test]
fn programs_get_errors_as_json() {
    let said = kasacare("sqlite:///nowhere/at/all.db", "parked --format json").code(5);
    let error: serde_json::Value = serde_json::from_str(&said.err).unwrap();
    assert_eq!((&error["error"]["exit"], &error["error"]["kind"]), (&5.into(), &"environment".into()));
    assert!(error["error"]["message"].as_str().unwrap().contains("there is no database"), "{error}");
}

#[test]
fn help_lists_every_command_in_a_group_with_an_example() {
    let help = call("sqlite://x.db", &["--help"], Stdio::null()).ok();
    for heading in ["Begin:", "For customers:", "For operators:", "Run:", "Look:", "Options:", "Exit codes:"] {
        assert!(help.contains(heading), "no {heading} in\n{help}");
    }
    assert!(!help.contains("\nMore:"), "a command is in no group (src/cli/groups.rs):\n{help}");
    let commands = help.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ") && !line.trim().starts_with('-'));
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).filter(|word| word.parse::<u8>().is_err()).collect();
    assert!(names.len() >= 23, "{names:?}");
    for name in names {
        let own = call("sqlite://x.db", &[name, "--help"], Stdio::null()).ok();
        assert!(own.contains("Usage: kasacare"), "{own}");
        if !["price", "quote"].contains(&name) {
            assert!(own.contains("Example"), "no example in the help of {name}");
        }
    }
}
