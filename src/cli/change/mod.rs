//! How a [`Change`] is shown, planned or done: for people ([`words`]) and for programs ([`json`]).

mod happenings;
pub mod json;
mod lives;
mod sums;
pub mod words;

pub use lives::cause_in_words;

use std::io::{self, Write};

use crate::cli::{CliError, Format};
use crate::domain::change::Change;

/// Whether a change was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// `--quote`: only planned.
    Quoted,
    /// Committed.
    Done,
}

/// Prints one change on standard output.
///
/// # Errors
/// [`CliError::Write`].
pub fn print(change: &Change, stored: Stored, format: Format) -> Result<(), CliError> {
    let text = match format {
        Format::Table => words::told(change, stored),
        Format::Json => pretty(&json::shown(change, stored)),
    };
    write(&text)
}

/// A JSON document as it is printed.
#[must_use]
pub fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

/// Writes a text to standard output.
///
/// # Errors
/// [`CliError::Write`].
pub fn write(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(CliError::Write)
}
