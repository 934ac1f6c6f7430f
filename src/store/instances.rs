//! Running instances of the job runner, and who of them is alive.
//!
//! Work is leased to an instance by name. On PostgreSQL each holds an advisory lock for as long as its process lives: the
//! server lets go of it the moment the connection breaks, so that work of a killed runner is taken over at once and not
//! when its lease has run out. On SQLite one runner works at a time: it holds a lock on a file beside the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use super::db::{Db, DbError, Kind, Value};

/// First key of the advisory locks of instances; the second is the instance's number.
pub const INSTANCE_LOCKS: i64 = 7_052_001;

/// How often an instance looks whether its lock is still held.
const PULSE: Duration = Duration::from_secs(5);
/// How often a runner that waits for another one on the same SQLite file looks again.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

crate::statements! {
    /// Numbers the instances.
    NEXT_INSTANCE = same(
        "insert into number_series (series, next) values ('instance', 2) \
         on conflict (series) do update set next = number_series.next + 1 returning next - 1 as number"
    );
    /// Held until the transaction that took it ends, with its process at the latest.
    HOLD = fork(
        "select cast($1 as integer) as held, cast($2 as integer) as number",
        "select pg_advisory_xact_lock(cast($1 as int), cast($2 as int))::text as held"
    );
}

/// This process among those that run jobs.
#[derive(Debug)]
pub struct Instance {
    name: String,
    lost: Arc<AtomicBool>,
    /// Dropping it ends the task that holds the advisory lock.
    _release: Option<oneshot::Sender<()>>,
    _file: Option<File>,
}

impl Instance {
    /// Registers this process. On SQLite it waits for another runner on the same file, after telling `waiting` of it.
    ///
    /// # Errors
    /// [`DbError`] where the database or the lock file cannot be used.
    pub async fn register(db: &Db, waiting: impl FnOnce(&str)) -> Result<Self, DbError> {
        Self::register_unless(db, waiting, || false).await?.ok_or(DbError::Stopped)
    }

    /// The same, but gives up waiting when `stopped` says so; then nothing was changed.
    ///
    /// # Errors
    /// As [`Instance::register`].
    pub async fn register_unless(db: &Db, waiting: impl FnOnce(&str), stopped: impl Fn() -> bool) -> Result<Option<Self>, DbError> {
        let file = match db.file() {
            None => None,
            Some(database) => match lock_file(database, waiting, stopped).await? {
                None => return Ok(None),
                locked => locked,
            },
        };
        let (name, release, lost) = place(db).await?;
        Ok(Some(Self { name, lost, _release: release, _file: file }))
    }

    /// The same process under a new name, after its place was lost with a connection. On SQLite the lock of the file cannot be lost.
    ///
    /// # Errors
    /// As [`Instance::register`].
    pub async fn register_again(&self, db: &Db) -> Result<Option<Self>, DbError> {
        if db.kind() == Kind::Sqlite {
            return Ok(None);
        }
        let (name, release, lost) = place(db).await?;
        Ok(Some(Self { name, lost, _release: release, _file: None }))
    }

    /// Whether others may take this process for dead: the server does not hold its lock any more.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Its name in leases: a number as text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A name, and on PostgreSQL the lock that shows that its bearer lives.
async fn place(db: &Db) -> Result<(String, Option<oneshot::Sender<()>>, Arc<AtomicBool>), DbError> {
    let mut tx = db.begin().await?;
    let number = tx.fetch_one(&NEXT_INSTANCE, &[]).await?.int("number")?;
    tx.commit().await?;
    let lost = Arc::new(AtomicBool::new(false));
    let release = match db.kind() {
        Kind::Sqlite => None,
        Kind::Postgres => Some(hold(db.clone(), number, Arc::clone(&lost)).await?),
    };
    Ok((number.to_string(), release, lost))
}

/// Holds the advisory lock in a task of its own, in a transaction that never writes.
async fn hold(db: Db, number: i64, lost: Arc<AtomicBool>) -> Result<oneshot::Sender<()>, DbError> {
    let (ready, is_ready) = oneshot::channel();
    let (release, mut released) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let lock = [Value::Int(INSTANCE_LOCKS), Value::Int(number)];
        let held = async {
            let mut tx = db.begin().await?;
            tx.fetch_all(&HOLD, &lock).await?;
            Ok::<_, DbError>(tx)
        };
        match held.await {
            Ok(mut tx) => {
                // Nobody waits for the answer where the runner is gone already.
                if ready.send(Ok(())).is_ok() {
                    // Taking the lock again does nothing, unless the connection is gone, and the lock with it.
                    while tokio::time::timeout(PULSE, &mut released).await.is_err() {
                        if tx.fetch_all(&HOLD, &lock).await.is_err() {
                            lost.store(true, Ordering::Relaxed);
                            break;
                        }
                    }
                }
                drop(tx.rollback().await);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    is_ready.await.unwrap_or(Err(DbError::Stopped))?;
    Ok(release)
}

/// Locks the file beside the database; nothing if it was given up.
async fn lock_file(database: &Path, waiting: impl FnOnce(&str), stopped: impl Fn() -> bool) -> Result<Option<File>, DbError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".runner");
    let path = PathBuf::from(path);
    let unusable = |error: &std::io::Error| DbError::BadFile { path: path.clone(), problem: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| unusable(&error))?;
    let mut waiting = Some(waiting);
    // Asked again and again: who waits for a lock inside of the system cannot be told to stop.
    while !stopped() {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {
                if let Some(waiting) = waiting.take() {
                    waiting(&database.display().to_string());
                }
                tokio::time::sleep(LOCK_PAUSE).await;
            }
            Err(TryLockError::Error(error)) => return Err(unusable(&error)),
        }
    }
    Ok(None)
}
