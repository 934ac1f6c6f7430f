//! Opening a database: addresses, pools, and the settings without which "committed" would not mean "durable" (F20).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection, Row as _};

use super::error::DbError;
use super::reading::{self, Frozen};

/// How long somebody waits for a free connection, or on PostgreSQL for a lock, if nothing else is said.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How long a write waits on SQLite for another process that is writing.
const SQLITE_BUSY_MAX: Duration = Duration::from_secs(10);

/// How long a server may take to answer when the program starts.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// How many prepared statements a connection keeps: more than the program has.
const STATEMENTS_KEPT: usize = 512;

/// How many rows of a result SQLite's thread may be ahead of the reader.
const SQLITE_ROWS_AHEAD: usize = 512;

/// The page cache of a SQLite connection: 8 MiB (negative numbers are KiB).
const SQLITE_CACHE: &str = "-8192";

/// How many pages of 4 KiB the write-ahead log of SQLite collects before they are copied into the file. Many, so that pages that
/// a run writes again and again are copied once: updates in random order were half as fast again as with the usual 1000.
const SQLITE_LOG_PAGES: &str = "8000";

/// How many connections there are if nothing else is said: readers on SQLite (there is one writer besides), all on PostgreSQL.
const CONNECTIONS: u32 = 8;

/// The two databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file, the default.
    Sqlite,
    /// A server.
    Postgres,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// How to open a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Make the SQLite file if it is not there. Only `kasacare init` does.
    pub create: bool,
    /// Open it to read and nothing else, which works also where nothing can be written: a file or a disk that is read-only, a
    /// standby server.
    pub read_only: bool,
    /// Give up durability for speed, and accept databases that do. For tests and throw-away data only: commits may be lost.
    pub unsafe_fast: bool,
    /// How many connections there may be: readers on SQLite, all on PostgreSQL.
    pub max_connections: u32,
    /// How long one waits for a free connection, or for a server that is away, or on PostgreSQL for a lock.
    pub wait_max: Duration,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self { create: false, read_only: false, unsafe_fast: false, max_connections: CONNECTIONS, wait_max: WAIT_MAX }
    }
}

/// A database that is open. Clones share its connections.
#[derive(Clone)]
pub struct Db {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) pools: Pools,
    statements: AtomicU64,
}

#[derive(Debug)]
pub(super) enum Pools {
    /// There is no writer where the file was opened to be read alone.
    Sqlite {
        writer: Option<SqlitePool>,
        readers: SqlitePool,
        file: PathBuf,
        frozen: Option<Frozen>,
    },
    Postgres(PgPool),
}

impl Shared {
    pub(super) fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The pools would show the address, and with it the password.
        f.debug_struct("Db").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Db {
    /// Opens `sqlite://FILE` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    ///
    /// # Errors
    /// [`DbError::Address`], [`DbError::MissingFile`], [`DbError::BadFile`], [`DbError::ReadOnly`], [`DbError::Unreachable`],
    /// [`DbError::AccessDenied`], [`DbError::UnsafeSetting`]. None of them repeats the password.
    pub async fn connect(url: &str, options: ConnectOptions) -> Result<Self, DbError> {
        if options.unsafe_fast {
            tracing::warn!("durability is switched off (--unsafe-fast): commits may be lost");
        }
        let pools = match url.split_once(':') {
            Some(("sqlite", rest)) if options.read_only => open_sqlite_to_read(sqlite_path(rest)?, options).await?,
            Some(("sqlite", rest)) => open_sqlite(sqlite_path(rest)?, options).await?,
            Some(("postgres" | "postgresql", rest)) => {
                check_server_address(rest)?;
                open_postgres(url, options).await?
            }
            _ => return Err(DbError::Address { problem: "it starts with neither sqlite: nor postgres:".to_owned() }),
        };
        Ok(Self { shared: Arc::new(Shared { pools, statements: AtomicU64::new(0) }) })
    }

    /// Which database this is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.shared.pools {
            Pools::Sqlite { .. } => Kind::Sqlite,
            Pools::Postgres(_) => Kind::Postgres,
        }
    }

    /// The file of a SQLite database.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.shared.pools {
            Pools::Sqlite { file, .. } => Some(file),
            Pools::Postgres(_) => None,
        }
    }

    /// How many statements were sent since the database was opened, `begin`, `commit` and `rollback` included; what the pool
    /// sends to keep its connections in order is not. Performance tests count them (P4).
    #[must_use]
    pub fn statements_sent(&self) -> u64 {
        self.shared.statements.load(Ordering::Relaxed)
    }

    /// Whether what was read is what one moment's database held. A file on which no locks are possible, because nothing can be
    /// written beside it, is looked at once more: somebody else may have been able to write it.
    ///
    /// # Errors
    /// [`DbError::ChangedWhileRead`].
    pub fn check_unchanged(&self) -> Result<(), DbError> {
        match &self.shared.pools {
            Pools::Sqlite { frozen: Some(frozen), file, .. } => frozen.check(file),
            Pools::Sqlite { .. } | Pools::Postgres(_) => Ok(()),
        }
    }

    /// Closes all connections, after those in use have come back.
    pub async fn close(&self) {
        match &self.shared.pools {
            Pools::Sqlite { writer, readers, .. } => {
                readers.close().await;
                if let Some(writer) = writer {
                    writer.close().await;
                }
            }
            Pools::Postgres(pool) => pool.close().await,
        }
    }
}

/// The path in `//relative.db` or `///absolute.db`.
fn sqlite_path(rest: &str) -> Result<PathBuf, DbError> {
    let problem = match rest.strip_prefix("//").unwrap_or(rest) {
        "" => "it names no file",
        // Somebody's password may be in it, which no message may repeat.
        path if path.contains("://") || path.starts_with("postgres") && path.contains(':') => "it has another address in it",
        path if path.contains(":memory:") => "databases in memory are not supported, name a file",
        path if path.contains('?') => "the file name contains a question mark, and there are no options",
        path => return Ok(PathBuf::from(path)),
    };
    Err(DbError::Address { problem: problem.to_owned() })
}

/// Refuses what would be understood in a way that puts a part of the password elsewhere, from where messages repeat it.
fn check_server_address(rest: &str) -> Result<(), DbError> {
    let problem = match rest.strip_prefix("//") {
        None => "after the colon come two slashes",
        Some(rest) if rest.split_once(['/', '?', '#']).is_some_and(|(_, after)| after.contains('@')) => {
            "a password that has /, ?, # or @ in it is written with %2F, %3F, %23 or %40"
        }
        Some(_) => return Ok(()),
    };
    Err(DbError::Address { problem: problem.to_owned() })
}

async fn open_sqlite(path: PathBuf, options: ConnectOptions) -> Result<Pools, DbError> {
    check_file(&path, options.create)?;
    let common = sqlite_options(&path, options);
    if is_foreign(&common).await {
        return Err(DbError::Foreign);
    }
    let writing = common.clone().create_if_missing(options.create).journal_mode(SqliteJournalMode::Wal);
    let writer = sqlite_pool(options).max_connections(1).connect_with(writing).await.map_err(|error| bad_file(&path, &error))?;
    if !options.unsafe_fast {
        check_sqlite_durability(&writer).await?;
    }
    let readers = sqlite_readers(options, common);
    Ok(Pools::Sqlite { writer: Some(writer), readers, file: path, frozen: None })
}

async fn open_sqlite_to_read(path: PathBuf, options: ConnectOptions) -> Result<Pools, DbError> {
    check_readable(&path)?;
    let (how, frozen) = reading::options(&path, sqlite_options(&path, options)).await?;
    Ok(Pools::Sqlite { writer: None, readers: sqlite_readers(options, how), file: path, frozen })
}

fn sqlite_options(path: &Path, options: ConnectOptions) -> SqliteConnectOptions {
    let synchronous = if options.unsafe_fast { SqliteSynchronous::Off } else { SqliteSynchronous::Full };
    SqliteConnectOptions::new()
        .filename(path)
        .synchronous(synchronous)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY_MAX)
        .statement_cache_capacity(STATEMENTS_KEPT)
        .row_buffer_size(SQLITE_ROWS_AHEAD)
        .pragma("cache_size", SQLITE_CACHE)
        .pragma("wal_autocheckpoint", SQLITE_LOG_PAGES)
        .disable_statement_logging()
}

fn sqlite_readers(options: ConnectOptions, how: SqliteConnectOptions) -> SqlitePool {
    sqlite_pool(options).max_connections(options.max_connections.max(1)).connect_lazy_with(how.pragma("query_only", "on"))
}

fn sqlite_pool(options: ConnectOptions) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .acquire_timeout(options.wait_max)
        // A connection is a thread of this process: it neither ages nor goes away.
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        // After "disk full" the driver believes for ever that a transaction is open: such a connection is closed (F19).
        .after_release(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
}

/// Whether the file is another program's database, which is left as it is: opening it to write would change its journal mode. Ours
/// have had theirs from the beginning. What cannot be asked is for the real opening to say.
async fn is_foreign(options: &SqliteConnectOptions) -> bool {
    const TABLES: &str = "select (select count(*) from sqlite_master where type = 'table'), \
         (select count(*) from sqlite_master where name = 'schema_migration'), (select journal_mode from pragma_journal_mode)";
    let Ok(mut connection) = options.clone().read_only(true).connect().await else { return false };
    let asked: Result<(i64, i64, String), _> = sqlx::query_as(TABLES).fetch_one(&mut connection).await;
    drop(connection.close().await);
    asked.is_ok_and(|(tables, ours, journal)| tables > 0 && ours == 0 && journal != "wal")
}

/// What the file system can tell about the file, better than SQLite would.
fn check_file(path: &Path, create: bool) -> Result<(), DbError> {
    match check_readable(path) {
        Ok(()) => why_not_writable(path).map_or(Ok(()), |problem| Err(DbError::ReadOnly { problem })),
        Err(DbError::MissingFile { .. }) if create => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let problem = "its folder does not exist".to_owned();
            if folder.is_some_and(|folder| !folder.is_dir()) { Err(DbError::BadFile { path: path.to_owned(), problem }) } else { Ok(()) }
        }
        Err(error) => Err(error),
    }
}

/// Whether there is a file to read.
fn check_readable(path: &Path) -> Result<(), DbError> {
    let bad = |problem: &str| Err(DbError::BadFile { path: path.to_owned(), problem: problem.to_owned() });
    match std::fs::metadata(path) {
        Ok(file) if !file.is_file() => bad("it is not a file"),
        Ok(file) if nobody_may_read(&file) => bad("nobody may read it"),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(DbError::MissingFile { path: path.to_owned() }),
        Err(error) => bad(&error.to_string()),
    }
}

/// Why a file cannot be written, if so. Opening alone changes nothing, and the system knows of read-only disks and of who may write.
pub(super) fn why_not_writable(path: &Path) -> Option<String> {
    let marked = std::fs::metadata(path).is_ok_and(|file| file.permissions().readonly());
    if marked {
        return Some(format!("{} is marked as read-only", path.display()));
    }
    let opened = std::fs::OpenOptions::new().write(true).open(path);
    opened.err().map(|error| format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn nobody_may_read(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.permissions().mode() & 0o444 == 0
}

#[cfg(not(unix))]
fn nobody_may_read(_: &std::fs::Metadata) -> bool {
    false
}

pub(super) fn bad_file(path: &Path, error: &sqlx::Error) -> DbError {
    let bad = |problem: String| DbError::BadFile { path: path.to_owned(), problem };
    match DbError::from_driver("opening", error) {
        DbError::Failing { code, .. } if code == "26" => bad("it is something else".to_owned()),
        // SQLite does not say which file: those of its log are made beside the database.
        DbError::Failing { message, .. } => bad(format!("{message}; is its folder writable, and is there space on its disk?")),
        DbError::Other { message, .. } => bad(message),
        other => other,
    }
}

async fn check_sqlite_durability(writer: &SqlitePool) -> Result<(), DbError> {
    let failed = |error| DbError::from_driver("checking durability", &error);
    let journal: String = sqlx::query_scalar("pragma journal_mode").fetch_one(writer).await.map_err(failed)?;
    let synchronous: i64 = sqlx::query_scalar("pragma synchronous").fetch_one(writer).await.map_err(failed)?;
    // Full is 2. With write-ahead logging, 1 (normal) would lose the last commits with the power.
    require("journal_mode", &journal, "wal", journal == "wal")?;
    require("synchronous", &synchronous.to_string(), "2 (full)", synchronous >= 2)
}

fn require(setting: &'static str, found: &str, required: &'static str, holds: bool) -> Result<(), DbError> {
    if holds { Ok(()) } else { Err(DbError::UnsafeSetting { setting, found: found.to_owned(), required }) }
}

async fn open_postgres(url: &str, options: ConnectOptions) -> Result<Pools, DbError> {
    // The driver's text about a bad address says what is wrong without repeating the address.
    let address = PgConnectOptions::from_str(url).map_err(|error| DbError::Address { problem: error.to_string() })?;
    let wait = options.wait_max.as_millis().to_string();
    // With the cost that is assumed for spinning disks, a batch of 2000 keys reads the whole table instead of its index.
    let mut settings = vec![("lock_timeout", wait.as_str()), ("jit", "off"), ("random_page_cost", "1.1")];
    if options.unsafe_fast {
        settings.push(("synchronous_commit", "off"));
    }
    let address =
        address.application_name("kasacare").statement_cache_capacity(STATEMENTS_KEPT).options(settings).disable_statement_logging();
    // The pool would go on trying for as long as the server refuses; the start should say at once what is wrong.
    let mut first = tokio::time::timeout(CONNECT_MAX, address.connect())
        .await
        .map_err(|_| DbError::Unreachable { server: shown(&address), problem: "it does not answer".to_owned() })?
        .map_err(|error| no_server(&address, &error))?;
    check_postgres(&mut first, options).await?;
    let _ = first.close().await;
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections.max(1))
        .acquire_timeout(options.wait_max)
        // A transaction whose beginning was cancelled is open although the driver does not know (F22): whatever is open ends
        // here. The `begin` is there because a `rollback` with nothing to roll back puts a warning into the server's log.
        .after_release(|connection, _| Box::pin(async move { sqlx::raw_sql("begin; rollback").execute(connection).await.map(|_| true) }))
        .connect_lazy_with(address);
    Ok(Pools::Postgres(pool))
}

/// The address for messages: everything but the password.
fn shown(address: &PgConnectOptions) -> String {
    let host = address.get_socket().map_or(address.get_host().to_owned(), |socket| socket.display().to_string());
    let (user, port) = (address.get_username(), address.get_port());
    format!("{user}@{host}:{port}/{}", address.get_database().unwrap_or(user))
}

fn no_server(address: &PgConnectOptions, error: &sqlx::Error) -> DbError {
    let server = shown(address);
    let fault = error.as_database_error();
    let code = fault.and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
    // 28: who are you; 3D: no such database; 42501: not allowed.
    if code.starts_with("28") || code.starts_with("3D") || code == "42501" {
        let problem = fault.map_or_else(String::new, |fault| fault.message().to_owned());
        return DbError::AccessDenied { server, problem };
    }
    DbError::Unreachable { server, problem: error.to_string() }
}

async fn check_postgres(connection: &mut PgConnection, options: ConnectOptions) -> Result<(), DbError> {
    const SETTINGS: &str = "select current_setting('fsync'), current_setting('full_page_writes'), \
         current_setting('synchronous_commit'), \
         pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on'";
    let failed = |error| DbError::from_driver("checking durability", &error);
    let row = sqlx::query(SETTINGS).fetch_one(connection).await.map_err(failed)?;
    let text = |at: usize| row.try_get::<String, _>(at).map_err(failed);
    // Who only reads has no commits to lose.
    if options.read_only {
        return Ok(());
    }
    if row.try_get::<bool, _>(3).map_err(failed)? {
        return Err(DbError::ReadOnly { problem: "the server is a standby, or set to read only".to_owned() });
    }
    if options.unsafe_fast {
        return Ok(());
    }
    let (fsync, full_page_writes, synchronous_commit) = (text(0)?, text(1)?, text(2)?);
    require("fsync", &fsync, "on", fsync == "on")?;
    require("full_page_writes", &full_page_writes, "on", full_page_writes == "on")?;
    // The values for replication (local, remote_write, remote_apply) all wait for the local disk.
    require("synchronous_commit", &synchronous_commit, "on", synchronous_commit != "off")
}
