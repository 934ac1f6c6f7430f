//! `kasacare report pack`: a month's books as a folder with a page, a workbook, CSVs and journals.

use std::path::PathBuf;

use indicatif::ProgressBar;
use serde_json::json;

use crate::cli::change::{pretty, write};
use crate::cli::{AnyFormat, CliError, Context, Exit, Format, Moment, aside, database, progress};
use crate::clock::Clock;
use crate::reports::finance::ALL;
use crate::reports::pack::{self, Month, Order, Packed, Step};

const EXAMPLES: &str = "\
Examples:
  kasacare report pack --month 2026-10 --out packs/2026-10
  kasacare report pack --month 2026-10 --known-at 2026-11-03 --out packs/2026-10-as-closed

The folder is complete or not there. An earlier pack of the month gives way; a folder with anything else in it is left alone.
Open index.html; it needs no network. `sha256sum -c SHA256SUMS` checks the files.

Exit code 0: everything ties out. 1: something does not; the page says what.";

/// Write a month's whole pack: a page, a workbook with live totals, CSVs, journals
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The month
    #[arg(long, value_name = "YYYY-MM")]
    month: Month,
    /// The folder to write
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only what was recorded by this instant, or by the end of this date in UTC
    #[arg(long, value_name = "INSTANT|DATE")]
    known_at: Option<Moment>,
}

/// Runs it.
///
/// # Errors
/// A folder that is something else's, trouble with the database or the output.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    if let Some(asked) = context.asked {
        asked.check(AnyFormat::USUAL)?;
    }
    let bar = progress::bar(u64::try_from(pack::steps(ALL, args.month)).unwrap_or(u64::MAX), "steps");
    let order = Order { month: args.month, known_at: args.known_at.map(Moment::instant), now: Clock::System.now() };
    let heard = |bar: ProgressBar| {
        move |step: Step<'_>| {
            if matches!(step, Step::Ends(_)) {
                bar.inc(1);
            }
        }
    };
    let written =
        database::read(context, async |db| pack::write(db, ALL, order, &args.out, heard(bar.clone())).await.map_err(CliError::from));
    let packed = written.await?;
    bar.finish_and_clear();
    let Packed { files, ties, broken } = &packed;
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let text = match context.format {
        Format::Table => format!(
            "The pack of {}: {} files, {bytes} bytes, {} of {ties} ties hold. Open {}\n",
            args.month.in_words(),
            files.len() + 1,
            ties - broken,
            args.out.join("index.html").display()
        ),
        Format::Json => {
            pretty(&json!({ "month": args.month.in_digits(), "out": args.out, "files": files, "ties": ties, "broken": broken }))
        }
    };
    write(&text)?;
    if *broken > 0 {
        aside::say(format_args!("{broken} of {ties} ties do not hold; index.html says which"));
    }
    Ok(if *broken == 0 { Exit::Done } else { Exit::Found })
}
