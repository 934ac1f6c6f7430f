//! `kasacare reconcile`: our books against the providers' (RC).

mod shown;

use std::path::PathBuf;

use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::json;

use super::act::{BY_CHARS_MAX, one_line};
use super::as_of::{self, AsOf};
use super::change::{pretty, write};
use super::{AnyFormat, CliError, Context, Exit, Format, database, settlement, table};
use crate::engine::reconcile::acts;
use crate::engine::reconcile::report::RunReport;
use crate::engine::reconcile::{self, Depth, Order};
use crate::engine::{EngineError, desk};
use crate::import::settlement::Source;

pub(super) use shown::shown;

const EXAMPLES: &str = "\
Examples:
  kasacare reconcile --through 2026-10-31
  kasacare reconcile --through 2026-10-31 --provider stripe --apply --by \"J. Doe\"
  kasacare reconcile --through 2026-10-31 --format csv > breaks.csv
  kasacare reconcile --through 2026-10-31 --with payout_reconciliation.csv
  kasacare reconcile list
  kasacare reconcile show rc_0123456789abcdef

Three legs: our movements against the provider's, those against its payouts, and these against the bank; and two equations, day by day.
A dry run, unless --propose stores the run and its breaks, or --apply also posts what the bank has (1010) and sets aside what nothing
of ours explains (1290). The same inputs give the same run again, and change nothing.

A dry run with a provider's file (--with) finds what a run after an import of it would, and stores nothing. The file is checked as an
import checks it; what of it is stored already counts once.

Exit code 0: clean. 1: breaks. 2: it could not run.";

/// What it can be printed as.
pub const FORMATS: &[AnyFormat] = &[AnyFormat::Table, AnyFormat::Csv, AnyFormat::Json];

/// Compare our books with providers, payouts and the bank
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// The last day that counts, in UTC
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    through: Option<NaiveDate>,
    /// The provider; where it is not given, all of whom something was imported, or whose the file is
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// A dry run with this file of the provider, as if it had been imported; "-" for standard input, which needs --source
    #[arg(long = "with", value_name = "FILE", conflicts_with_all = ["propose", "apply"])]
    with_file: Option<PathBuf>,
    /// What the file is, as in `settlement import`
    #[arg(long, value_name = "SOURCE", requires = "with_file")]
    source: Option<Source>,
    /// Store the run and its breaks
    #[arg(long)]
    propose: bool,
    /// Store them, and post what can be posted
    #[arg(long, conflicts_with = "propose")]
    apply: bool,
    /// Who; recorded with the run
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

/// What else can be asked.
#[derive(Debug, Subcommand)]
enum What {
    /// List the runs that were stored
    List(List),
    /// Show a stored run again, byte for byte
    Show(Show),
}

/// Stored runs.
#[derive(Debug, clap::Args)]
struct List {
    /// How many
    #[arg(long, default_value_t = 20, value_name = "N")]
    limit: u32,
}

/// A stored run.
#[derive(Debug, clap::Args)]
struct Show {
    /// The run (rc_…)
    #[arg(value_name = "RUN")]
    id: String,
}

/// Reconciles, lists or shows.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        Some(What::List(list)) => {
            let runs = database::read(context, async |db| acts::runs(db, list.limit).await).await?;
            write(&listed(&runs, context.format)).map(|()| Exit::Done)
        }
        Some(What::Show(show)) => print(&[database::read(context, async |db| acts::stored_run(db, &show.id).await).await?], context),
        None if args.propose || args.apply => {
            let db = database::open(context, 1).await.map_err(could_not_run)?;
            let reports = reports(args, &db).await;
            db.close().await;
            print(&reports.map_err(could_not_run)?, context)
        }
        None => print(&database::read(context, async |db| reports(args, db).await).await.map_err(could_not_run)?, context),
    }
}

fn listed(runs: &[acts::ListedRun], format: Format) -> String {
    if format == Format::Json {
        let shown = |run: &acts::ListedRun| json!({ "run": run.id, "at": run.at, "provider": run.provider, "through": run.through, "breaks": run.breaks, "by": run.actor });
        return pretty(&json!({ "runs": runs.iter().map(shown).collect::<Vec<_>>() }));
    }
    let mut table = table(&["run", "at", "provider", "through", "breaks", "by"]);
    for run in runs {
        let at = run.at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        table.add_row([&run.id, &at, &run.provider, &run.through.to_string(), &run.breaks.to_string(), &run.actor]);
    }
    if runs.is_empty() { "No run was stored yet.\n".to_owned() } else { format!("{table}\n") }
}

async fn reports(args: &Args, db: &crate::store::db::Db) -> Result<Vec<RunReport>, CliError> {
    let through = args.through.ok_or_else(|| CliError::Option { option: "--through", problem: "which day is the last one?".to_owned() })?;
    let depth = match (args.propose, args.apply) {
        (_, true) => Depth::Apply,
        (true, false) => Depth::Propose,
        (false, false) => Depth::Dry,
    };
    db.check_schema().await?;
    let at = args.as_of.with_money(db).await?;
    if depth != Depth::Dry && through > at.date_naive() {
        let problem = format!("{through} is not over, and what is posted is dated by it; --as-of says another day");
        return Err(CliError::Option { option: "--through", problem });
    }
    // What a report says of the run is cut off at its instant, and is of what customers' books had by then.
    if args.as_of.as_of.is_some() && depth != Depth::Dry {
        desk::must_not_go_back(db, at).await.map_err(|error| match error {
            EngineError::RunBackdated { account, last, .. } => {
                let problem = format!(
                    "something was decided at {last} already (account {account}), which the run reads: take --as-of {} or later",
                    last.date_naive()
                );
                CliError::Option { option: "--as-of", problem }
            }
            other => other.into(),
        })?;
    }
    let actor = one_line("--by", args.by.as_deref().unwrap_or("reconcile"), BY_CHARS_MAX)?;
    if let Some(path) = &args.with_file {
        let given = settlement::given(path, args.source, args.provider.as_deref())?;
        let provider = given.file.provider.clone().unwrap_or_else(|| given.file.reading.source.provider().to_owned());
        let order = Order { provider, through, depth, actor, at };
        return Ok(vec![reconcile::run_with(db, &order, given).await?]);
    }
    let providers = match &args.provider {
        Some(provider) => vec![provider.clone()],
        None => reconcile::providers(db).await?,
    };
    let mut reports = Vec::new();
    for provider in providers {
        let order = Order { provider, through, depth, actor: actor.clone(), at };
        reports.push(reconcile::run(db, &order).await?);
    }
    Ok(reports)
}

/// Whatever ends a run early, the exit code is that of a run that was not made.
fn could_not_run(error: CliError) -> CliError {
    CliError::CouldNotRun(Box::new(error))
}

fn print(reports: &[RunReport], context: &Context) -> Result<Exit, CliError> {
    write(&shown(reports, context.asked)?)?;
    Ok(if reports.iter().all(RunReport::is_clean) { Exit::Done } else { Exit::Found })
}
