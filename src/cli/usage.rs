//! What is said where the command line cannot be understood.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::given::CARD_NUMBER;
use super::{CliError, Exit, Format};
use crate::import::looks_like_card_number;

/// Ends with clap's message, or with help or the version, which come this way too.
pub(super) fn failed(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Nobody is left to be told where even this cannot be written.
        drop(error.print());
        return Exit::Done.into();
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    // The message repeats what was given (PP-3).
    if words.iter().any(|word| looks_like_card_number(&word.to_string_lossy())) {
        let refused = CliError::BadInput(format!("an argument {CARD_NUMBER}"));
        refused.report(format(&words));
        return refused.exit().into();
    }
    match format(&words) {
        Format::Json if error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let text = error.render().to_string();
            CliError::BadInput(text.trim_start_matches("error: ").trim_end().to_owned()).report(Format::Json);
        }
        Format::Json | Format::Table => drop(error.print()),
    }
    Exit::BadInput.into()
}

/// Whether JSON was asked for, as far as it can be seen.
fn format(words: &[OsString]) -> Format {
    let is_pair = |pair: &[OsString]| matches!(pair, [option, value] if option == "--format" && value == "json");
    let asked = words.iter().any(|word| word == "--format=json") || words.windows(2).any(is_pair);
    if asked { Format::Json } else { Format::Table }
}
