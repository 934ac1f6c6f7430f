//! Running instances of the job runner, and who of them is alive.
//!
//! Work is leased to an instance by name. On PostgreSQL each holds an advisory lock for as long as its process lives: the
//! server lets go of it the moment the connection breaks, so that work of a killed runner is taken over at once and not
//! when its lease has run out. On SQLite one runner works at a time: it holds a lock on a file beside the database.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use tokio::sync::oneshot;

use super::db::{Db, DbError, Kind, Value};

/// First key of the advisory locks of instances; the second is the instance's number.
pub const INSTANCE_LOCKS: i64 = 7_052_001;

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
        let mut tx = db.begin().await?;
        let number = tx.fetch_one(&NEXT_INSTANCE, &[]).await?.int("number")?;
        tx.commit().await?;
        let name = format!("{number}");
        match db.kind() {
            Kind::Sqlite => {
                let file = lock_file(db.file().unwrap_or_else(|| Path::new("kasacare.db")).to_path_buf(), waiting).await?;
                Ok(Self { name, _release: None, _file: Some(file) })
            }
            Kind::Postgres => {
                let release = hold(db.clone(), number).await?;
                Ok(Self { name, _release: Some(release), _file: None })
            }
        }
    }

    /// Its name in leases: a number as text.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Holds the advisory lock in a task of its own, in a transaction that never writes.
async fn hold(db: Db, number: i64) -> Result<oneshot::Sender<()>, DbError> {
    let (ready, is_ready) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let held = async {
            let mut tx = db.begin().await?;
            tx.fetch_all(&HOLD, &[Value::Int(INSTANCE_LOCKS), Value::Int(number)]).await?;
            Ok::<_, DbError>(tx)
        };
        match held.await {
            Ok(tx) => {
                // Nobody waits for the answer where the runner is gone already.
                let told = ready.send(Ok(()));
                if told.is_ok() {
                    let ended = released.await;
                    drop(ended);
                }
                drop(tx.rollback().await);
            }
            Err(error) => drop(ready.send(Err(error))),
        }
    });
    is_ready.await.unwrap_or(Err(DbError::Stopped))?;
    Ok(release)
}

async fn lock_file(database: PathBuf, waiting: impl FnOnce(&str)) -> Result<File, DbError> {
    let mut path = database.clone().into_os_string();
    path.push(".runner");
    let path = PathBuf::from(path);
    let unusable = |error: &std::io::Error| DbError::BadFile { path: path.clone(), problem: error.to_string() };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(|error| unusable(&error))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => waiting(&database.display().to_string()),
        Err(TryLockError::Error(error)) => return Err(unusable(&error)),
    }
    let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await;
    locked.map_err(|_| DbError::Stopped)?.map_err(|error| unusable(&error))
}
