//! `--out`: a file that takes the place of another one, and never that of the database.

use std::fs::Metadata;
use std::path::Path;

use super::CliError;
use super::replacing::Replacing;
use crate::store::db::Db;

/// Begins to write the file that `--out` names. What is there stays until it is complete.
///
/// # Errors
/// A file of the database, which it would destroy; what the system says.
pub(super) fn begin(db: &Db, path: &Path) -> Result<Replacing, CliError> {
    if db.file().is_some_and(|database| belongs_to(database, path)) {
        let problem = format!("{} belongs to the database, which it would destroy", path.display());
        return Err(CliError::Option { option: "--out", problem });
    }
    Replacing::begin(path).map_err(|source| CliError::OpenOutput { path: path.to_owned(), source })
}

/// Whether a path names a database, one of SQLite's files beside it, or the lock of its runner; through whatever links.
fn belongs_to(database: &Path, path: &Path) -> bool {
    ["", "-wal", "-shm", "-journal", ".runner"].into_iter().any(|ending| {
        let mut file = database.as_os_str().to_owned();
        file.push(ending);
        is_same(Path::new(&file), path)
    })
}

/// Whether two paths name one file, or would if it were there.
fn is_same(left: &Path, right: &Path) -> bool {
    if let (Ok(left), Ok(right)) = (std::fs::metadata(left), std::fs::metadata(right)) {
        return is_one(&left, &right);
    }
    let placed = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some((std::fs::canonicalize(folder).ok()?, path.file_name()?.to_owned()))
    };
    placed(left).is_some_and(|left| placed(right) == Some(left))
}

#[cfg(unix)]
fn is_one(left: &Metadata, right: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (left.dev(), left.ino()) == (right.dev(), right.ino())
}
