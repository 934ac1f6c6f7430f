//! `kasacare report`: the reports of finance, in every format.

mod pack;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Subcommand;
use clap::builder::PossibleValuesParser;

use super::change::{pretty, write};
use super::format::AnyFormat;
use super::{CliError, Context, Exit, Format, Moment, as_of, aside, database, out_file, table};
use crate::clock::Clock;
use crate::domain::money::Currency;
use crate::reports::ReportError;
use crate::reports::finance::{ALL, Entry, Takes, by_name, refuse_ahead};
use crate::reports::sheet::{Asked, SheetFormat, Told, sink};
use crate::store::db::Db;

const EXAMPLES: &str = "\
Examples:
  kasacare report list
  kasacare report receivables-ageing --as-of 2026-03-31
  kasacare report prepayment-roll-forward --from 2026-01-01 --to 2026-03-31 --currency USD
  kasacare report mrr --format xlsx --out mrr.xlsx
  kasacare report pack --month 2026-03 --out packs/2026-03
  kasacare report sales-tax --from 2026-01-01 --to 2026-03-31 --known-at 2026-04-10 --format csv

A report over a range takes --from and --to, one of a state takes --as-of; left out, they are the first and the last business date
of the books. A date that lies ahead of today, and of the books, is refused. Each report ties out: what it says is found a second time by another way, and both are shown.

Exit code 0: everything ties out. 1: something does not; it is named.";

/// What a report can be printed as.
pub const FORMATS: &[AnyFormat] = &[AnyFormat::Table, AnyFormat::Csv, AnyFormat::Xlsx, AnyFormat::Json, AnyFormat::Html];

/// Show a report of finance: balances, ageing, roll-forward, waterfall, tax, MRR, refunds, …
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Which report
    #[arg(value_name = "NAME", required = true, value_parser = names())]
    name: Option<String>,
    /// First business date, for reports over a range
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    from: Option<NaiveDate>,
    /// Last business date, for reports over a range
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    to: Option<NaiveDate>,
    /// The business date at whose end a state is shown
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    as_of: Option<NaiveDate>,
    /// Only what was recorded by this instant, or by the end of this date in UTC
    #[arg(long, value_name = "INSTANT|DATE")]
    known_at: Option<Moment>,
    /// This currency alone
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// File to write; standard output where it is left out. What is there is replaced when the report is complete
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What else can be asked.
#[derive(Debug, Subcommand)]
enum What {
    /// List the reports
    List,
    Pack(pack::Args),
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.iter().map(|entry| clap::builder::PossibleValue::new(entry.name).help(entry.about)))
}

/// Runs it.
///
/// # Errors
/// Dates that the report does not take, trouble with the database or the output.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match (&args.what, args.name.as_deref().and_then(by_name)) {
        (Some(What::List), _) => list(context),
        (Some(What::Pack(args)), _) => pack::run(args, context).await,
        (None, Some(entry)) => show(entry, args, context).await,
        (None, None) => Err(CliError::BadInput("name a report; kasacare report list shows them all".to_owned())),
    }
}

fn list(context: &Context) -> Result<Exit, CliError> {
    if let Some(asked) = context.asked {
        asked.check(AnyFormat::USUAL)?;
    }
    let dates = |entry: &Entry| match entry.takes {
        Takes::Range => "--from, --to",
        Takes::AsOf => "--as-of",
    };
    let text = match context.format {
        Format::Table => {
            let mut shown = table(&["report", "dates", "what it shows"]);
            shown.add_rows(ALL.iter().map(|entry| [entry.name, dates(entry), entry.about]));
            format!("{shown}\n")
        }
        Format::Json => {
            let told = |entry: &Entry| {
                let Entry { name, title, about, .. } = entry;
                serde_json::json!({ "name": name, "title": title, "about": about, "dates": dates(entry) })
            };
            pretty(&ALL.iter().map(told).collect())
        }
    };
    write(&text)?;
    Ok(Exit::Done)
}

async fn show(entry: &'static Entry, args: &Args, context: &Context) -> Result<Exit, CliError> {
    let asked = asked(entry, args)?;
    let format = match context.asked.unwrap_or(AnyFormat::Table) {
        AnyFormat::Csv => SheetFormat::Csv,
        AnyFormat::Json => SheetFormat::Json,
        AnyFormat::Xlsx => SheetFormat::Xlsx,
        AnyFormat::Html => SheetFormat::Html,
        // Of the others, all but this one were refused before.
        AnyFormat::Table | AnyFormat::Hledger | AnyFormat::Beancount | AnyFormat::Markdown | AnyFormat::Mermaid => SheetFormat::Table,
    };
    if format == SheetFormat::Xlsx && args.out.is_none() && io::stdout().is_terminal() {
        return Err(CliError::Option { option: "--out", problem: "a workbook is nothing for a terminal: name a file".to_owned() });
    }
    let told = database::read(context, async |db| match &args.out {
        None => {
            let mut out = BufWriter::new(io::stdout());
            let told = tell(db, entry, &asked, format, &mut out).await?;
            out.flush().map_err(CliError::Write)?;
            Ok::<_, CliError>(told)
        }
        Some(path) => {
            let mut out = out_file::begin(db, path)?;
            let told = tell(db, entry, &asked, format, &mut out).await?;
            out.finish().map_err(CliError::Write)?;
            Ok(told)
        }
    })
    .await?;
    for tie in told.broken() {
        aside::say(format_args!("does not tie out: {}: {} and {}", tie.what, tie.here, tie.there));
    }
    Ok(if told.ties_out() { Exit::Done } else { Exit::Found })
}

/// What is asked for, as far as the report takes it.
fn asked(entry: &Entry, args: &Args) -> Result<Asked, CliError> {
    let given = [("--from", args.from.is_some()), ("--to", args.to.is_some()), ("--as-of", args.as_of.is_some())];
    let of_one_date = entry.takes == Takes::AsOf;
    let strange = given.into_iter().find(|(option, is_given)| *is_given && (*option == "--as-of") != of_one_date);
    if let Some((option, _)) = strange {
        let takes = if of_one_date { "is of one date; it takes --as-of" } else { "is over a range; it takes --from and --to" };
        return Err(CliError::Option { option, problem: format!("{} {takes}", entry.name) });
    }
    if args.from.zip(args.to).is_some_and(|(from, to)| from > to) {
        return Err(CliError::Option { option: "--to", problem: "lies before --from".to_owned() });
    }
    let Args { from, to, as_of, currency, .. } = *args;
    Ok(Asked { from, to, as_of, known_at: args.known_at.map(Moment::instant), currency })
}

async fn tell(db: &Db, entry: &Entry, asked: &Asked, format: SheetFormat, out: &mut dyn Write) -> Result<Told, ReportError> {
    let mut tx = db.begin_read().await?;
    refuse_ahead(&mut tx, asked, Clock::System.now()).await?;
    let mut sink = sink(format, out);
    let told = entry.tell(&mut tx, asked, sink.as_mut()).await?;
    tx.rollback().await?;
    Ok(told)
}
