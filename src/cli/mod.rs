//! The command line: one file a command. A command parses its arguments at the edge, calls the library, prints, and
//! returns an [`Exit`]; [`CliError`] maps what went wrong to a message and an exit code, at this one place.
//!
//! To add a command: a file with an `Args` struct (doc comments are the help, `after_help` has examples) and
//! `pub fn run(args: &Args, context: &Context) -> Result<Exit, CliError>`, one variant in `Command` and one line in
//! `dispatch`; an asynchronous command is run there with [`block_on`].

mod account;
pub mod act;
pub mod as_of;
mod aside;
mod breaks;
mod cancel;
mod cancel_unpaid;
mod captured;
pub mod change;
mod change_plan;
mod check;
mod close;
mod collection_cost;
mod correct;
mod credit;
mod credit_paid;
pub mod database;
mod demo;
mod error;
mod exit;
mod explain;
mod format;
mod given;
mod groups;
mod import;
mod inbox;
mod init;
mod journal;
mod log;
mod out_file;
mod parked;
mod payment_method;
mod price;
pub mod progress;
mod promotion;
pub mod provider;
pub mod quote;
mod reconcile;
mod refund_paid;
mod reinstate;
mod release;
mod replacing;
mod report;
mod resume;
pub mod run;
pub mod secret;
mod serve;
mod settlement;
mod signals;
mod simulate;
mod states;
mod stripe;
mod subscribe;
mod suspend;
mod tasks;
mod terminate;
mod transfer_camera;
mod trial;
mod trial_balance;
mod unapplied;
mod usage;
mod write_off;

use std::fs::File;
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use comfy_table::Table;

pub use as_of::Moment;
pub use error::CliError;
pub use exit::Exit;
pub use format::{AnyFormat, Format};

/// The database of a command that names none.
pub const DEFAULT_DB: &str = "sqlite://kasacare.db";

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
        default_value = DEFAULT_DB,
        // A URL may carry a password, which help must not print.
        hide_env_values = true
    )]
    pub db: String,
    /// How results are printed
    #[arg(long = "format", global = true, value_enum, value_name = "FORMAT")]
    pub asked: Option<AnyFormat>,
    /// The same for commands that print words and documents alone.
    #[arg(skip)]
    pub format: Format,
    /// What is asked for, as text; see [`crate::engine::Request`].
    #[arg(skip)]
    pub request: String,
    /// Accept a database that may lose commits on power loss; for demos and tests
    #[arg(long, global = true)]
    pub unsafe_fast: bool,
}

/// Everything the program can be told to do.
#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    Import(import::Args),
    Subscribe(subscribe::Args),
    Trial(trial::Args),
    Cancel(cancel::Args),
    ChangePlan(change_plan::Args),
    Resume(resume::Args),
    TransferCamera(transfer_camera::Args),
    Promotion(promotion::Args),
    PaymentMethod(payment_method::Args),
    Suspend(suspend::Args),
    Reinstate(reinstate::Args),
    Terminate(terminate::Args),
    CancelUnpaid(cancel_unpaid::Args),
    CollectionCost(collection_cost::Args),
    WriteOff(write_off::Args),
    Credit(credit::Args),
    Correct(correct::Args),
    Price(price::Args),
    Parked(parked::Args),
    CreditPaid(credit_paid::Args),
    RefundPaid(refund_paid::Args),
    Captured(captured::Args),
    Release(release::Args),
    Tasks(tasks::Args),
    Unapplied(unapplied::Args),
    Run(run::Args),
    Settlement(settlement::Args),
    Reconcile(reconcile::Args),
    Close(close::Args),
    Breaks(breaks::Args),
    Serve(serve::Args),
    Inbox(inbox::Args),
    Stripe(stripe::Args),
    Demo(demo::Args),
    Simulate(simulate::Args),
    Check(check::Args),
    Account(account::Args),
    Explain(explain::Args),
    Report(report::Args),
    Journal(journal::Args),
    TrialBalance(trial_balance::Args),
    States(states::Args),
    Quote(quote::Args),
}

/// Runs the program with the arguments of this process.
#[must_use]
pub fn main() -> ExitCode {
    let mut command = groups::grouped(Cli::command());
    let matches = match command.try_get_matches_from_mut(std::env::args_os()) {
        Ok(matches) => matches,
        Err(error) => return usage::failed(&error),
    };
    let mut cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli.settled(),
        Err(error) => return usage::failed(&error),
    };
    if let Err(error) = given::screened(&command, &matches) {
        error.report(cli.context.format);
        return error.exit().into();
    }
    cli.context.request = given::request(&command, &matches);
    match dispatch(&cli.command, &cli.context) {
        Ok(exit) => exit.into(),
        Err(error) if error.is_broken_pipe() => Exit::Done.into(),
        Err(error) => {
            error.report(cli.context.format);
            error.exit().into()
        }
    }
}

impl Cli {
    /// Spreads what was asked for to where commands look for it.
    fn settled(mut self) -> Self {
        self.context.format = self.context.asked.map_or_else(Format::default, AnyFormat::usual);
        self
    }
}

impl Command {
    /// What `--format` may be.
    const fn formats(&self) -> &'static [AnyFormat] {
        match self {
            Self::Report(_) => report::FORMATS,
            Self::Journal(_) => journal::FORMATS,
            Self::TrialBalance(_) => trial_balance::FORMATS,
            Self::Reconcile(_) => reconcile::FORMATS,
            Self::Breaks(args) => args.formats(),
            Self::States(_) => states::FORMATS,
            _ => AnyFormat::USUAL,
        }
    }
}

fn dispatch(command: &Command, context: &Context) -> Result<Exit, CliError> {
    if let Some(asked) = context.asked {
        asked.check(command.formats())?;
    }
    match command {
        Command::Init(args) => block_on(init::run(args, context)),
        Command::Import(args) => block_on(import::run(args, context)),
        Command::Subscribe(args) => block_on(subscribe::run(args, context)),
        Command::Trial(args) => block_on(trial::run(args, context)),
        Command::Cancel(args) => block_on(cancel::run(args, context)),
        Command::ChangePlan(args) => block_on(change_plan::run(args, context)),
        Command::Resume(args) => block_on(resume::run(args, context)),
        Command::TransferCamera(args) => block_on(transfer_camera::run(args, context)),
        Command::Promotion(args) => block_on(promotion::run(args, context)),
        Command::PaymentMethod(args) => block_on(payment_method::run(args, context)),
        Command::Suspend(args) => block_on(suspend::run(args, context)),
        Command::Reinstate(args) => block_on(reinstate::run(args, context)),
        Command::Terminate(args) => block_on(terminate::run(args, context)),
        Command::CancelUnpaid(args) => block_on(cancel_unpaid::run(args, context)),
        Command::CollectionCost(args) => block_on(collection_cost::run(args, context)),
        Command::WriteOff(args) => block_on(write_off::run(args, context)),
        Command::Credit(args) => block_on(credit::run(args, context)),
        Command::Correct(args) => block_on(correct::run(args, context)),
        Command::Price(args) => block_on(price::run(args, context)),
        Command::Parked(args) => block_on(parked::run(args, context)),
        Command::CreditPaid(args) => block_on(credit_paid::run(args, context)),
        Command::Captured(args) => block_on(captured::run(args, context)),
        Command::RefundPaid(args) => block_on(refund_paid::run(args, context)),
        Command::Release(args) => block_on(release::run(args, context)),
        Command::Tasks(args) => block_on(tasks::run(args, context)),
        Command::Unapplied(args) => block_on(unapplied::run(args, context)),
        Command::Run(args) => block_on(run::run(args, context)),
        Command::Reconcile(args) => block_on(reconcile::run(args, context)),
        Command::Close(args) => block_on(close::run(args, context)),
        Command::Breaks(args) => block_on(breaks::run(args, context)),
        Command::Settlement(args) => block_on(settlement::run(args, context)),
        Command::Serve(args) => block_on(serve::run(args, context)),
        Command::Inbox(args) => block_on(inbox::run(args, context)),
        Command::Stripe(args) => block_on(stripe::run(args, context)),
        Command::Demo(args) => block_on(demo::run(args, context)),
        Command::Simulate(args) => block_on(simulate::run(args, context)),
        Command::Check(args) => block_on(check::run(args, context)),
        Command::Account(args) => block_on(account::run(args, context)),
        Command::Explain(args) => block_on(explain::run(args, context)),
        Command::Report(args) => block_on(report::run(args, context)),
        Command::Journal(args) => block_on(journal::run(args, context)),
        Command::TrialBalance(args) => block_on(trial_balance::run(args, context)),
        Command::States(args) => states::run(args, context),
        Command::Quote(args) => quote::run(args, context),
    }
}

/// Opens a file to read it. A folder can be opened, too, but not read: that is said at once, and with its name.
fn open_input(path: &Path) -> Result<File, CliError> {
    let opened =
        File::open(path).and_then(|file| if file.metadata()?.is_dir() { Err(io::ErrorKind::IsADirectory.into()) } else { Ok(file) });
    opened.map_err(|source| CliError::OpenInput { path: path.to_owned(), source })
}

/// An empty table for people: columns two blanks apart, no lines.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table.set_header(header.to_vec());
    table
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
        Cli::command().debug_assert();
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for arguments in [
            ["kasacare", "--db", "sqlite://a.db", "--format", "json", "quote", "refund"],
            ["kasacare", "quote", "refund", "--db", "sqlite://a.db", "--format", "json"],
        ] {
            let cli = Cli::try_parse_from(arguments).unwrap().settled();
            assert_eq!((cli.context.db.as_str(), cli.context.format), ("sqlite://a.db", Format::Json));
        }
    }
}
