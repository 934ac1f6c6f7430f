//! `kasacare check`: every invariant, proven from what is stored (LE-2).

use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, Moment, database, progress};
use crate::reports::check::{self, EXAMPLES, Options};

const USES: &str = "\
Examples:
  kasacare check
  kasacare check --all
  kasacare check --as-of 2026-06-30
  kasacare --format json check

Exit code 0: everything holds. 1: something is broken; it is shown. What is LISTED is not broken, but for a person to look
at: it does not change the exit code. Nothing is locked and nothing is changed, so that it can run beside the jobs at any
time.";

/// Prove every invariant of the books from what is stored; exit code 1 tells that something is broken
#[derive(Debug, clap::Args)]
#[command(after_help = USES)]
pub struct Args {
    /// Examples to show of what is broken, for each check
    #[arg(long, default_value_t = EXAMPLES, value_name = "N")]
    examples: usize,
    /// List the clean checks too, with what they prove
    #[arg(long)]
    all: bool,
    /// Nothing may be overdue by more than 14 days at this instant; the latest one in the journal where it is not given
    #[arg(long, value_name = "INSTANT|DATE")]
    as_of: Option<Moment>,
}

/// Runs it.
///
/// # Errors
/// Trouble with the database. What is wrong with the data is printed.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let bar = progress::bar(0, "accounts");
    let as_of = args.as_of.map(Moment::instant);
    let options = Options { examples: args.examples, as_of, ..Options::default() };
    let report = database::read(context, async |db| {
        check::run(db, options, |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        })
        .await
    })
    .await;
    bar.finish_and_clear();
    let report = report?;
    let text = match context.format {
        Format::Table if args.all => format!("{}\n{}", report.table(), report.summary()),
        Format::Table => report.summary(),
        Format::Json => pretty(&serde_json::to_value(&report).map_err(|error| CliError::Write(error.into()))?),
    };
    write(&text)?;
    Ok(if report.is_clean() { Exit::Done } else { Exit::Found })
}
