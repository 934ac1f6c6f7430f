//! `kasacare journal`: the books as other programs read them (LE, F77).

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::format::AnyFormat;
use super::{CliError, Context, Exit, Moment, as_of, database, out_file};
use crate::domain::ids::AccountId;
use crate::engine::desk;
use crate::reports::journal::{self, JournalFormat, Range};
use crate::store::db::Db;

const EXAMPLES: &str = "\
Examples:
  kasacare journal > books.journal && hledger check -s ordereddates accounts commodities -f books.journal
  kasacare journal --format beancount --out books.beancount && bean-check books.beancount
  kasacare journal --format csv --from 2026-01-01 --to 2026-03-31
  kasacare journal --account acc-0001 --known-at 2026-02-01

The journals of hledger and beancount carry our own trial balance as assertions at the end of each month and at the end, so
that the other program proves it. The same range and the same --known-at give the same bytes, today and in years.";

/// What the journal can be printed as.
pub const FORMATS: &[AnyFormat] = &[AnyFormat::Hledger, AnyFormat::Beancount, AnyFormat::Csv, AnyFormat::Json];

/// Print the books for hledger, beancount, as CSV or as JSON (--format)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// First business date; what was booked before becomes opening balances
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    from: Option<NaiveDate>,
    /// Last business date
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    to: Option<NaiveDate>,
    /// The books of one customer alone
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Only what was recorded by this instant, or by the end of this date in UTC
    #[arg(long, value_name = "INSTANT|DATE")]
    known_at: Option<Moment>,
    /// File to write; standard output where it is left out. What is there is replaced when the journal is complete
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// A range that ends before it begins, trouble with the database or the output.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let format = match context.asked.unwrap_or(AnyFormat::Hledger) {
        AnyFormat::Beancount => JournalFormat::Beancount,
        AnyFormat::Csv => JournalFormat::Csv,
        AnyFormat::Json => JournalFormat::Json,
        // Of the others, all but this one were refused before.
        AnyFormat::Hledger | AnyFormat::Table | AnyFormat::Xlsx | AnyFormat::Html | AnyFormat::Markdown | AnyFormat::Mermaid => {
            JournalFormat::Hledger
        }
    };
    if args.from.zip(args.to).is_some_and(|(from, to)| from > to) {
        return Err(CliError::Option { option: "--to", problem: "lies before --from".to_owned() });
    }
    let range = Range { from: args.from, to: args.to, account: args.account.clone(), known_at: args.known_at.map(Moment::instant) };
    let written = database::read(context, async |db| {
        if let Some(account) = &args.account {
            desk::must_exist(db, account).await?;
        }
        match &args.out {
            None => to_standard_output(db, format, &range).await,
            Some(path) => to_file(db, format, &range, path).await,
        }
    });
    written.await.map(|()| Exit::Done)
}

async fn to_standard_output(db: &Db, format: JournalFormat, range: &Range) -> Result<(), CliError> {
    let mut out = BufWriter::new(io::stdout());
    journal::write(db, format, range, &mut out).await?;
    out.flush().map_err(CliError::Write)
}

async fn to_file(db: &Db, format: JournalFormat, range: &Range, path: &Path) -> Result<(), CliError> {
    let mut out = out_file::begin(db, path)?;
    journal::write(db, format, range, &mut out).await?;
    out.finish().map_err(CliError::Write)
}
