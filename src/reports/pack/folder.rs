//! A folder that is complete or not there, with the digests of its files.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::reports::ReportError;

/// The list of all files, in the form that `sha256sum -c` takes.
const SUMS: &str = "SHA256SUMS";

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filed {
    /// Its name inside the folder: `csv/refunds.refunds.csv`.
    pub name: String,
    /// What is in it.
    pub what: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
}

/// A file that is being written.
pub(super) struct Growing {
    out: BufWriter<File>,
    digest: Sha256,
    name: String,
    what: String,
    bytes: u64,
}

impl Write for Growing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.out.write(bytes)?;
        self.digest.update(bytes.get(..taken).unwrap_or_default());
        self.bytes += u64::try_from(taken).map_err(io::Error::other)?;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A folder that is being written under another name.
pub(super) struct Folder {
    place: PathBuf,
    /// A file that tells of what pack it is: every pack of the same month has it.
    mark: String,
    /// Where it is written; gone when it has taken its place.
    growing: Option<PathBuf>,
    files: Vec<Filed>,
}

/// A name beside a folder that nobody else takes.
fn beside(place: &Path, what: &str) -> Result<PathBuf, ReportError> {
    let name = place.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?.to_string_lossy().into_owned();
    Ok(place.with_file_name(format!(".{name}.{}.{what}", std::process::id())))
}

impl Folder {
    pub(super) fn begin(place: &Path, mark: &str) -> Result<Self, ReportError> {
        // Through links and `..`, so that there is a name to write beside.
        let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        refuse_others(&place, mark)?;
        if let Some(parent) = place.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent).map_err(|error| at(parent, &error))?;
        }
        let growing = beside(&place, "tmp")?;
        fs::create_dir(&growing).map_err(|error| at(&growing, &error))?;
        Ok(Self { place, mark: mark.to_owned(), growing: Some(growing), files: Vec::new() })
    }

    pub(super) fn files(&self) -> &[Filed] {
        &self.files
    }

    /// Begins a file.
    pub(super) fn file(&mut self, name: &str, what: &str) -> Result<Growing, ReportError> {
        let path = self.growing.as_ref().ok_or(ReportError::Stopped)?.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let out = BufWriter::new(File::create_new(&path)?);
        Ok(Growing { out, digest: Sha256::new(), name: name.to_owned(), what: what.to_owned(), bytes: 0 })
    }

    /// Takes a file that is complete.
    pub(super) fn filed(&mut self, mut file: Growing) -> Result<(), ReportError> {
        file.out.flush()?;
        file.out.get_ref().sync_all()?;
        let sha256 = file.digest.finalize().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        self.files.push(Filed { name: file.name, what: file.what, bytes: file.bytes, sha256 });
        Ok(())
    }

    /// Writes the list of digests and puts the folder into its place; an earlier pack gives way.
    pub(super) fn finish(mut self) -> Result<Vec<Filed>, ReportError> {
        let growing = self.growing.clone().ok_or(ReportError::Stopped)?;
        self.files.sort_by(|left, right| left.name.cmp(&right.name));
        let lines: Vec<String> = self.files.iter().map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
        let mut sums = File::create_new(growing.join(SUMS))?;
        sums.write_all(lines.concat().as_bytes())?;
        sums.sync_all()?;
        refuse_others(&self.place, &self.mark)?;
        let former = beside(&self.place, "old")?;
        let is_there = self.place.exists();
        if is_there {
            fs::rename(&self.place, &former)?;
        }
        if let Err(error) = fs::rename(&growing, &self.place) {
            if is_there {
                fs::rename(&former, &self.place)?;
            }
            return Err(error.into());
        }
        self.growing = None;
        if is_there {
            fs::remove_dir_all(&former)?;
        }
        Ok(std::mem::take(&mut self.files))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(growing) = &self.growing {
            drop(fs::remove_dir_all(growing));
        }
    }
}

/// An error with its place.
fn at(place: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", place.display()))
}

/// Refuses a place with anything in it that is not of an earlier pack with the same mark: that would be gone.
fn refuse_others(place: &Path, mark: &str) -> Result<(), ReportError> {
    let taken = || ReportError::Taken { path: place.to_owned() };
    match fs::metadata(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(at(place, &error).into()),
        Ok(there) if !there.is_dir() => return Err(taken()),
        Ok(_) => {}
    }
    let list = fs::read_to_string(place.join(SUMS)).unwrap_or_default();
    let own: BTreeSet<PathBuf> = list.lines().filter_map(|line| line.split_once("  ")).map(|(_, name)| place.join(name)).collect();
    if !own.is_empty() && !own.contains(&place.join(mark)) {
        return Err(ReportError::OtherMonth { path: place.to_owned() });
    }
    let mut folders = vec![place.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let (kind, path) = entry.and_then(|entry| Ok((entry.file_type()?, entry.path())))?;
            if kind.is_dir() {
                folders.push(path);
            } else if !own.contains(&path) && path != place.join(SUMS) {
                return Err(taken());
            }
        }
    }
    Ok(())
}
