//! What was given on the command line, as text: screened for card numbers (PP-3), and told apart from other requests (F13).

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::CliError;
use crate::import::looks_like_card_number;

/// What may hold any number: addresses, files, the seeds of chance, ids of things that are there already.
const NOT_SCREENED: &[&str] = &["bank_account", "db", "file", "files", "id", "known_at", "mail_dir", "out", "seed", "smtp", "stripe_url"];

/// What does not belong to what is asked for, but to how, by whom and when it is done.
const NOT_OF_THE_REQUEST: &[&str] =
    &["as_of", "by", "db", "asked", "quote", "reason", "request_id", "stripe_rate", "stripe_url", "unsafe_fast"];

/// One argument that was given, with its values.
struct Given {
    id: String,
    /// As people write it: `--camera`, `AMOUNT`.
    name: String,
    values: Vec<String>,
}

/// The arguments of the command that is called and of those above it, and their names in a row.
fn given(command: &Command, matches: &ArgMatches) -> (String, Vec<Given>) {
    let (mut command, mut matches) = (command, matches);
    let (mut path, mut all) = (String::new(), Vec::new());
    loop {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let raw = matches.try_get_raw(id).ok().flatten();
            let values = raw.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect();
            let name = argument.get_long().map_or_else(|| id.to_uppercase(), |long| format!("--{long}"));
            all.push(Given { id: id.to_owned(), name, values });
        }
        let Some((name, below)) = matches.subcommand() else { return (path, all) };
        let Some(next) = command.find_subcommand(name) else { return (path, all) };
        path.push_str(name);
        path.push(' ');
        (command, matches) = (next, below);
    }
}

/// Refuses an argument that looks like a card number, without repeating it.
pub(super) fn screened(command: &Command, matches: &ArgMatches) -> Result<(), CliError> {
    let (_, given) = given(command, matches);
    let mut screened = given.iter().filter(|argument| !NOT_SCREENED.contains(&argument.id.as_str()));
    match screened.find(|argument| argument.values.iter().any(|value| looks_like_card_number(value))) {
        None => Ok(()),
        Some(argument) => Err(CliError::BadInput(format!("{}: {CARD_NUMBER}", argument.name))),
    }
}

/// What is said of every text that looks like a card number.
pub(super) const CARD_NUMBER: &str = "looks like a card number, which is never accepted (PP-3)";

/// What is asked for, in one text: the same for the same request, whoever gives it and when.
pub(super) fn request(command: &Command, matches: &ArgMatches) -> String {
    let (path, mut given) = given(command, matches);
    given.retain(|argument| !NOT_OF_THE_REQUEST.contains(&argument.id.as_str()));
    given.sort_by(|left, right| left.id.cmp(&right.id));
    let told = given.iter().map(|argument| format!("\n{}={:?}", argument.id, argument.values));
    format!("{path}{}", told.collect::<String>())
}
