//! Secrets come from the environment or from a file, never from the command line, where others see them.

use std::path::Path;

use super::CliError;

/// The secret in this environment variable, or in the file that `NAME_FILE` names; nothing where neither is set.
///
/// # Errors
/// A file that cannot be read; both of them at once.
#[expect(clippy::disallowed_methods, reason = "a secret has no place on the command line, where others see it")]
pub fn read(name: &'static str) -> Result<Option<String>, CliError> {
    let file = std::env::var_os(format!("{name}_FILE"));
    match (std::env::var_os(name), file) {
        (Some(_), Some(_)) => Err(CliError::BadInput(format!("{name} and {name}_FILE are both set: which one is it?"))),
        (Some(secret), None) => secret.into_string().map(Some).map_err(|_| CliError::BadInput(format!("{name} is no text"))),
        (None, Some(path)) => from_file(Path::new(&path)).map(Some),
        (None, None) => Ok(None),
    }
}

fn from_file(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|source| CliError::OpenInput { path: path.to_owned(), source })
}
