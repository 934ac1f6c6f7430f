//! How a SQLite file is read where nothing can be written: on a read-only disk, in a folder of somebody else.
//!
//! SQLite reads a database with a write-ahead log by means of two files beside it: the log (`-wal`) and its index (`-shm`). Where
//! they are not there and cannot be made, it can be told that the file never changes (`immutable`). Then it takes no locks and
//! looks at no log. So that way is taken only where no log has anything in it, and the file is looked at again at the end.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection};

use super::connect::{bad_file, why_not_writable};
use super::error::DbError;

/// What a file looked like before it was read without locks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frozen {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Frozen {
    fn of(path: &Path) -> Result<Self, DbError> {
        let bad = |error: std::io::Error| DbError::BadFile { path: path.to_owned(), problem: error.to_string() };
        let file = std::fs::metadata(path).map_err(bad)?;
        Ok(Self { bytes: file.len(), modified: file.modified().ok() })
    }

    /// Whether the file is still the same.
    pub(super) fn check(&self, path: &Path) -> Result<(), DbError> {
        if Self::of(path)? == *self { Ok(()) } else { Err(DbError::ChangedWhileRead { path: path.to_owned() }) }
    }
}

/// How to read the file: with the usual locks if they are possible, as a file that never changes if that is safe.
pub(super) async fn options(path: &Path, usual: SqliteConnectOptions) -> Result<(SqliteConnectOptions, Option<Frozen>), DbError> {
    if why_not_writable(path).is_none() {
        match asked(&usual).await {
            Ok(()) => return Ok((usual, None)),
            Err(error) if !is_for_want_of_writing(&error) => return Err(bad_file(path, &error)),
            // The file could be written, but nothing can be made in its folder.
            Err(_) => {}
        }
    }
    // The log lies beside the file itself, not beside a link to it.
    let file = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (log, index, journal) = (beside(&file, "-wal"), beside(&file, "-shm"), beside(&file, "-journal"));
    if bytes(&journal) > Some(0) {
        return Err(unread(path, &journal));
    }
    let locked = usual.clone().read_only(true);
    if bytes(&log).is_some() && bytes(&index).is_some() && asked(&locked).await.is_ok() {
        return Ok((locked, None));
    }
    if bytes(&log) > Some(0) {
        return Err(unread(path, &log));
    }
    let frozen = Frozen::of(&file)?;
    let immutable = locked.immutable(true);
    asked(&immutable).await.map_err(|error| bad_file(path, &error))?;
    Ok((immutable, Some(frozen)))
}

/// Opens the file and reads what every database has.
async fn asked(options: &SqliteConnectOptions) -> Result<(), sqlx::Error> {
    let mut connection = options.clone().connect().await?;
    let answer = sqlx::query("select count(*) from sqlite_master").execute(&mut connection).await;
    drop(connection.close().await);
    answer.map(drop)
}

/// SQLite says that the file is read-only, or that it could not open or make one of its files.
fn is_for_want_of_writing(error: &sqlx::Error) -> bool {
    match DbError::from_driver("opening", error) {
        DbError::ReadOnly { .. } => true,
        DbError::Failing { code, .. } => code.parse::<i32>().is_ok_and(|code| code & 0xff == 14),
        _ => false,
    }
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut path = OsString::from(file);
    path.push(ending);
    path.into()
}

fn bytes(file: &Path) -> Option<u64> {
    std::fs::metadata(file).ok().map(|file| file.len())
}

/// What was written last lies in a file that cannot be read without writing: leaving it out would show an older state as the present one.
fn unread(path: &Path, log: &Path) -> DbError {
    let log = log.file_name().unwrap_or_default().to_string_lossy();
    let problem = format!(
        "what was written last is still in {log}, and it cannot be read where nothing can be written; \
         copy both files into a folder where you may write, and open the copy"
    );
    DbError::BadFile { path: path.to_owned(), problem }
}
