//! Opening a database: clear refusals, safe settings, and the schema check.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use kasacare::store::db::{ConnectOptions, Db, DbError, Kind, MIGRATIONS, Sql};

use super::{create_sample, insert, number, run};
use crate::world::{PrivateServer, TestDb, on_both, on_postgres, on_sqlite};

async fn refusal(url: &str) -> DbError {
    let error = Db::connect(url, ConnectOptions::default()).await.expect_err(url);
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    error
}

#[tokio::test]
async fn bad_addresses_are_explained_without_the_password() {
    let memory = refusal("sqlite::memory:").await.to_string();
    assert!(memory.contains("in memory are not supported"), "{memory}");
    for url in ["sqlite://", "sqlite://a.db?mode=ro", "mysql://root:hunter2@localhost/x", "kasacare.db", "postgres://u:hunter2@["] {
        let error = refusal(url).await;
        assert!(matches!(error, DbError::Address { .. }), "{url}: {error:?}");
    }
}

#[tokio::test]
async fn files_that_are_no_databases_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let url = |name: &str| format!("sqlite://{}", at(name).display());

    let missing = refusal(&url("missing.db")).await;
    assert_eq!(missing, DbError::MissingFile { path: at("missing.db") });
    assert!(missing.to_string().contains("run `kasacare init`"), "{missing}");
    assert!(!at("missing.db").exists());

    fs::create_dir(at("folder")).unwrap();
    assert!(matches!(refusal(&url("folder")).await, DbError::BadFile { .. }));
    fs::write(at("text.db"), "this is a letter, not a database, and it is long enough to be read as a header ".repeat(20)).unwrap();
    let text = refusal(&url("text.db")).await;
    assert!(matches!(&text, DbError::BadFile { path, .. } if *path == at("text.db")), "{text:?}");
    let nowhere = Db::connect(&url("nowhere/new.db"), ConnectOptions { create: true, ..ConnectOptions::default() }).await;
    assert!(matches!(&nowhere, Err(DbError::BadFile { problem, .. }) if problem.contains("folder")), "{nowhere:?}");
}

#[tokio::test]
async fn a_read_only_file_is_explained() {
    on_sqlite(|db| async move {
        let path = db.url().trim_start_matches("sqlite://").to_owned();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        let error = refusal(db.url()).await;
        assert!(matches!(&error, DbError::ReadOnly { problem } if problem.contains(&path)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn servers_that_are_away_or_refuse_are_explained_without_the_password() {
    let away = refusal("postgres://kasia:hunter2@127.0.0.1:1/books").await;
    let DbError::Unreachable { server, .. } = &away else { panic!("{away:?}") };
    assert_eq!(server, "kasia@127.0.0.1:1/books");
    on_postgres(|db| async move {
        let url = db.url().replace("postgres@localhost/", "postgres:hunter2@localhost/no_");
        let error = refusal(&url).await;
        assert!(matches!(&error, DbError::AccessDenied { problem, .. } if problem.contains("does not exist")), "{error:?}");
        let url = db.url().replace("postgres@localhost", "stranger:hunter2@localhost");
        let error = refusal(&url).await;
        assert!(matches!(&error, DbError::AccessDenied { .. }), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn nothing_shows_the_address() {
    on_both(|db| async move {
        let shown = format!("{:?}", &*db);
        assert!(!shown.contains("test"), "{shown}");
    })
    .await;
}

/// F20: SQLite's settings are ours to make; they are made on the connection that writes.
#[tokio::test]
async fn sqlite_is_durable_unless_told_otherwise() {
    const SYNCHRONOUS: Sql = Sql::same("pragma synchronous");
    const JOURNAL: Sql = Sql::same("pragma journal_mode");
    const FOREIGN_KEYS: Sql = Sql::same("pragma foreign_keys");
    on_sqlite(|db| async move {
        let mut tx = db.begin().await.unwrap();
        assert_eq!(tx.fetch_one(&SYNCHRONOUS, &[]).await.unwrap().int_at(0), Ok(2));
        assert_eq!(tx.fetch_one(&JOURNAL, &[]).await.unwrap().text_at(0).as_deref(), Ok("wal"));
        assert_eq!(tx.fetch_one(&FOREIGN_KEYS, &[]).await.unwrap().int_at(0), Ok(1));
        drop(tx);
        let fast = ConnectOptions { unsafe_fast: true, ..ConnectOptions::default() };
        let fast = Db::connect(db.url(), fast).await.unwrap();
        let mut tx = fast.begin().await.unwrap();
        assert_eq!(tx.fetch_one(&SYNCHRONOUS, &[]).await.unwrap().int_at(0), Ok(0));
    })
    .await;
}

/// F20: PostgreSQL's settings are the operator's; the program refuses those that lose commits, and names them.
#[tokio::test]
async fn a_server_that_may_lose_commits_is_refused() {
    let server = PrivateServer::start();
    let url = server.url("postgres");
    Db::connect(&url, ConnectOptions::default()).await.expect("a safe server");
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        server.reconfigure(&format!("{setting} = off"));
        let error = loop {
            // The reload takes a moment.
            if let Err(error) = Db::connect(&url, ConnectOptions::default()).await {
                break error;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        assert_eq!(error, DbError::UnsafeSetting { setting, found: "off".to_owned(), required: "on" });
        assert!(error.to_string().contains(setting) && error.to_string().contains("--unsafe-fast"), "{error}");
        let fast = ConnectOptions { unsafe_fast: true, ..ConnectOptions::default() };
        let fast = Db::connect(&url, fast).await.expect("unsafe is accepted when asked for");
        assert_eq!(number(&fast, &Sql::same("select 1")).await, 1);
        server.reconfigure(&format!("{setting} = on"));
    }
    server.reconfigure("default_transaction_read_only = on");
    let error = loop {
        match Db::connect(&url, ConnectOptions::default()).await {
            Err(error @ DbError::ReadOnly { .. }) => break error,
            _ => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    };
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn the_schema_is_made_once_and_checked() {
    on_both(|db| async move {
        assert_eq!(db.check_schema().await, Ok(()));
        assert_eq!(db.migrate().await, Ok(vec![]), "nothing is missing");
        let known = MIGRATIONS.last().unwrap().version;

        change(&db, "update schema_migration set checksum = 'other' where version = 1").await;
        assert_eq!(db.check_schema().await, Err(DbError::ChangedMigration { version: 1 }));
        assert_eq!(db.migrate().await, Err(DbError::ChangedMigration { version: 1 }));

        change(&db, "insert into schema_migration (version, name, checksum) values (9999, 'later', '')").await;
        let newer = DbError::NewerSchema { found: 9999, known };
        assert_eq!(db.check_schema().await, Err(newer.clone()));
        assert_eq!(db.migrate().await, Err(newer));

        change(&db, "delete from schema_migration").await;
        assert_eq!(db.check_schema().await, Err(DbError::NoHistory));
        assert_eq!(db.migrate().await, Err(DbError::NoHistory));
        change(&db, "drop table schema_migration").await;
        assert_eq!(db.check_schema().await, Err(DbError::Foreign));
        assert_eq!(db.migrate().await, Err(DbError::Foreign));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_programs_may_initialise_at_once() {
    on_both(|db| async move {
        let (db, other) = (emptied(&db).await, emptied(&db).await);
        let (one, two) = tokio::join!(db.migrate(), other.migrate());
        let mut done = [one.unwrap(), two.unwrap()];
        done.sort();
        let all: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(done, [vec![], all]);
        assert_eq!(db.check_schema().await, Ok(()));
    })
    .await;
}

/// Connections that share their pages wait for each other; `.cargo/config.toml` has SQLite built otherwise than its crate would.
#[tokio::test]
async fn connections_of_sqlite_keep_their_pages_to_themselves() {
    on_sqlite(|db| async move {
        let shares = Sql::same("select count(*) from pragma_compile_options where compile_options = 'ENABLE_MEMORY_MANAGEMENT'");
        assert_eq!(number(&db, &shares).await, 0);
        let all = Sql::same("select count(*) from pragma_compile_options where compile_options = 'ENABLE_COLUMN_METADATA'");
        assert_eq!(number(&db, &all).await, 1, "that it would be seen");
    })
    .await;
}

#[tokio::test]
async fn tests_do_not_see_each_others_data() {
    for _ in 0..2 {
        on_both(|db| async move {
            create_sample(&db).await;
            insert(&db, "a", 1).await.unwrap();
        })
        .await;
    }
}

/// A connection to a database without tables that belongs to the same test.
async fn emptied(db: &TestDb) -> Db {
    if db.kind() == Kind::Sqlite {
        let options = ConnectOptions { create: true, ..ConnectOptions::default() };
        return Db::connect(&format!("{}.empty", db.url()), options).await.unwrap();
    }
    change(db, "drop schema public cascade").await;
    change(db, "create schema public").await;
    db.connect_again().await
}

async fn change(db: &TestDb, text: &'static str) {
    run(db, &Sql::same(text)).await.unwrap_or_else(|error| panic!("{text}: {error}"));
}
