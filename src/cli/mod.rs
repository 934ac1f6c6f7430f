//! The command line: one file a command. A command parses its arguments at the edge, calls the library, prints, and
//! returns an [`Exit`]; [`CliError`] maps what went wrong to a message and an exit code, at this one place.
//!
//! To add a command: a file with an `Args` struct (doc comments are the help, `after_help` has examples) and
//! `pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError>`, one variant in `Command` and one line in
//! `dispatch`; an asynchronous command is run there with [`block_on`].

mod error;
mod exit;
pub mod quote;

use std::future::Future;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

pub use error::CliError;
pub use exit::Exit;

/// How a command prints its result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// Tables and sentences for people.
    #[default]
    Table,
    /// One JSON document for programs.
    Json,
}

/// The billing engine of Kasa Care.
#[derive(Debug, Parser)]
#[command(name = "kasacare", version, about, max_term_width = 100, after_help = exit::HELP)]
struct Cli {
    #[command(flatten)]
    context: Context,
    #[command(subcommand)]
    command: Command,
}

/// What every command gets: the options that may stand before or after its name.
#[derive(Debug, Clone, clap::Args)]
pub struct Context {
    /// Database to work on, `sqlite://FILE` or `postgres://…`
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "KASACARE_DB",
        default_value = "sqlite://kasacare.db",
        // A URL may carry a password, which help must not print.
        hide_env_values = true
    )]
    pub db: String,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,
    /// Accept a database that may lose commits on power loss; for demos and tests
    #[arg(long, global = true)]
    pub unsafe_fast: bool,
}

/// Everything the program can be told to do.
#[derive(Debug, Subcommand)]
enum Command {
    Quote(quote::Args),
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and version come this way, too; clap knows which stream and code each of them wants.
        Err(error) => error.exit(),
    };
    match dispatch(&cli.command, &cli.context) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe() => Exit::Done.into(),
        Err(error) => {
            error.report();
            error.exit().into()
        }
    }
}

fn dispatch(command: &Command, context: &Context) -> Result<Exit, CliError> {
    match command {
        Command::Quote(args) => quote::run(args, context),
    }
}

/// Runs an asynchronous command to its end.
pub fn block_on(command: impl Future<Output = Result<Exit, CliError>>) -> Result<Exit, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::Runtime)?;
    runtime.block_on(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for arguments in [
            ["kasacare", "--db", "sqlite://a.db", "--format", "json", "quote", "refund"],
            ["kasacare", "quote", "refund", "--db", "sqlite://a.db", "--format", "json"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap();
            assert_eq!((cli.context.db.as_str(), cli.context.format), ("sqlite://a.db", Format::Json));
        }
    }
}
