//! An output file that takes the place of another one only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Writes to a temporary file in the same folder, which [`Replacing::finish`] renames. Where that does not happen, because the disk
/// is full or the program ends, the file that was there before is as it was.
#[derive(Debug)]
pub struct Replacing {
    out: BufWriter<File>,
    /// Where it is written, and where it belongs; nothing where it is written in place.
    rename: Option<(PathBuf, PathBuf)>,
}

impl Replacing {
    /// Begins to write. What is there and is no file (a pipe, a terminal) has no place to be taken: it is written to directly.
    ///
    /// # Errors
    /// What the system says.
    pub fn begin(path: &Path) -> io::Result<Self> {
        let present = fs::metadata(path).ok();
        if present.as_ref().is_some_and(|present| !present.is_file()) {
            return Ok(Self { out: BufWriter::new(File::options().write(true).open(path)?), rename: None });
        }
        // Through links, so that what a link names is replaced and not the link.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
        let temporary = target.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
        let file = File::create(&temporary)?;
        let begun = Self { out: BufWriter::new(file), rename: Some((temporary, target)) };
        if let Some(present) = present {
            begun.out.get_ref().set_permissions(present.permissions())?;
        }
        Ok(begun)
    }

    /// Makes it durable and puts it into its place.
    ///
    /// # Errors
    /// What the system says; then nothing has changed.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()?;
        if let Some((temporary, target)) = &self.rename {
            self.out.get_ref().sync_all()?;
            fs::rename(temporary, target)?;
            self.rename = None;
        }
        Ok(())
    }
}

impl Write for Replacing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for Replacing {
    fn drop(&mut self) {
        if let Some((temporary, _)) = &self.rename {
            drop(fs::remove_file(temporary));
        }
    }
}
