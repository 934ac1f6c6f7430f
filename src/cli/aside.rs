//! What is told besides the result, on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Tells a line on standard error. Where that is full or closed nobody can be told, which is no reason to end the work or to give
/// another exit code.
pub fn say(line: impl Display) {
    // In one piece, so that the lines of several processes on one stream do not mix.
    drop(io::stderr().write_all(format!("{line}\n").as_bytes()));
}
