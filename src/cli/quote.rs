//! `kasacare quote`: the rules as a filter. JSON Lines in, JSON Lines out, one answer per question in the same order;
//! nothing is stored, and no database is opened.

mod correction;
mod fields;
mod periods;
mod price;
mod problem;
mod refund;
mod revenue;
mod stream;

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;

use self::stream::Answer;
use super::{CliError, Context, Exit, open_input};

const EXAMPLES: &str = r#"Examples:
  kasacare quote refund --explain questions.jsonl > answers.jsonl
  echo '{"id":1,"anchor":"2026-01-31","cycle":"monthly","from":0,"count":3}' \
    | kasacare quote periods

Amounts are texts in major units with exactly the currency's decimals, dates are YYYY-MM-DD.
Empty lines are skipped. A line that cannot be answered is answered in place with
{"id", "error": {"code", "field", "message"}}, and the exit code is 1. Codes: invalid_json,
line_too_long, unknown_field, duplicate_field, missing_field, wrong_type, invalid_value,
out_of_range, inconsistent."#;

/// Answer questions about money and dates: JSON Lines in, JSON Lines out
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    topic: Topic,
    /// Add "explanation" to each answer: rule ids and the arithmetic in words
    #[arg(long, global = true)]
    explain: bool,
}

/// What is asked about.
#[derive(Debug, Subcommand)]
enum Topic {
    /// What a cancellation gives back, and where it goes (RF)
    Refund(Source),
    /// The periods of a term (CA-1)
    Periods(Source),
    /// Which price version each period is charged at (PR)
    Price(Source),
    /// What is to be done about a wrong payment (CO)
    Correction(Source),
    /// What is earned of a line through a date (RR-1)
    Revenue(Source),
}

/// Where the questions come from.
#[derive(Debug, clap::Args)]
struct Source {
    /// File of questions, one JSON object a line; standard input where absent or "-"
    file: Option<PathBuf>,
}

/// Answers every question of the input.
pub fn run(args: &Args, _context: &Context) -> Result<Exit, CliError> {
    let (answer, source): (Answer, &Source) = match &args.topic {
        Topic::Refund(source) => (refund::answer, source),
        Topic::Periods(source) => (periods::answer, source),
        Topic::Price(source) => (price::answer, source),
        Topic::Correction(source) => (correction::answer, source),
        Topic::Revenue(source) => (revenue::answer, source),
    };
    let input = BufReader::with_capacity(stream::BUFFER_BYTES, open(source.file.as_deref())?);
    let tally = stream::answer_all(input, io::stdout().lock(), args.explain, answer)?;
    Ok(if tally.errors == 0 { Exit::Done } else { Exit::Found })
}

fn open(file: Option<&Path>) -> Result<Box<dyn Read>, CliError> {
    match file {
        Some(path) if path.as_os_str() != "-" => Ok(Box::new(open_input(path)?)),
        _ => Ok(Box::new(io::stdin().lock())),
    }
}
