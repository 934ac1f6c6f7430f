//! What can end a command early, and the one place that turns it into a message and an exit code.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use super::Exit;

/// Why a command ended early.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// An input file cannot be opened.
    #[error("cannot open {}", path.display())]
    OpenInput {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading broke off.
    #[error("cannot read the input")]
    Read(#[source] io::Error),
    /// Writing broke off.
    #[error("cannot write the output")]
    Write(#[source] io::Error),
    /// The asynchronous runtime cannot be started.
    #[error("cannot start the runtime")]
    Runtime(#[source] io::Error),
}

impl CliError {
    /// The exit code that belongs to it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::OpenInput { .. } => Exit::BadInput,
            Self::Read(_) | Self::Write(_) | Self::Runtime(_) => Exit::Environment,
        }
    }

    /// Whether the reader of our output went away, as `head` does: nobody is left to be told.
    #[must_use]
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Write(source) if source.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Prints the error with its causes on standard error, one line.
    pub(super) fn report(&self) {
        let mut message = format!("error: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        eprintln!("{message}");
    }
}
