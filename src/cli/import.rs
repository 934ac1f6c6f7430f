//! `kasacare import`: catalog, terms, tax rates, accounts and subscriptions from files.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::act::{BY_CHARS_MAX, REASON_CHARS_MAX, one_line};
use super::as_of::AsOf;
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database, progress};
use crate::engine::intake::{self, Circumstances, Counts, IntakeError, Source};
use crate::import::{self, Kind};

const EXAMPLES: &str = "\
Examples:
  kasacare import catalog fixtures/catalog.json
  kasacare import accounts new.csv more.jsonl --dry-run
  zcat accounts.csv.gz | kasacare import accounts - --input-format csv

A fresh database needs them in the order of the list. All files of a call are taken, or none: one bad row refuses them all, and every
bad row is named by file, line and field, up to a hundred a file. What is stored never changes by an import: rows that are there
already are refused; tiers, versions and rates that are there must be the same. Only the expiry of a promotion and its maximum of
uses can be set anew. The columns are described in fixtures/README.md.";

/// Load a catalog, terms, tax rates, accounts or subscriptions from CSV or JSON files
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is imported.
#[derive(Debug, Subcommand)]
enum What {
    /// What is for sale: a catalog (JSON), or price versions to add (CSV)
    Catalog(Files),
    /// Versions of the service terms (JSON); the last one is what new subscriptions are sold under
    Terms(Files),
    /// Dated tax rates
    TaxRates(Files),
    /// Accounts with their cameras and payment methods
    Accounts(Files),
    /// Live subscriptions, taken over from elsewhere in a period that was paid there
    ///
    /// They renew here from the next period on. Their present period was invoiced elsewhere, so that nothing of it can be refunded
    /// or credited from these books: where a rule gives some of it back, an operator task says how much by the list price.
    Subscriptions(Files),
}

/// The files and how they are taken.
#[derive(Debug, clap::Args)]
struct Files {
    /// Files; "-" for standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// How the files are written, where their names do not say it (.csv, .json, .jsonl)
    #[arg(long, value_name = "csv|json")]
    input_format: Option<import::Format>,
    /// Check everything against the database and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Who imports; recorded with each account
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// Why; recorded with each account
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

impl What {
    const fn parts(&self) -> (Kind, &Files) {
        match self {
            Self::Catalog(files) => (Kind::Catalog, files),
            Self::Terms(files) => (Kind::Terms, files),
            Self::TaxRates(files) => (Kind::TaxRates, files),
            Self::Accounts(files) => (Kind::Accounts, files),
            Self::Subscriptions(files) => (Kind::Subscriptions, files),
        }
    }
}

/// Imports the files.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let (kind, files) = args.what.parts();
    let sources = sources(files)?;
    let how = Circumstances {
        at: files.as_of.clock().now(),
        actor: one_line("--by", files.by.as_deref().unwrap_or("import"), BY_CHARS_MAX)?,
        reason: one_line("--reason", files.reason.as_deref().unwrap_or("import"), REASON_CHARS_MAX)?,
        dry_run: files.dry_run,
    };
    let db = database::open(context, 1).await?;
    let imported = intake::import(&db, kind, &sources, &how, &open).await;
    db.close().await;
    let counts = imported.map_err(refused)?;
    let text = match context.format {
        Format::Table => in_words(&counts, files.dry_run),
        Format::Json => pretty(&json!({ "kind": kind.name(), "dry_run": files.dry_run, "imported": by_name(&counts) })),
    };
    write(&text).map(|()| Exit::Done)
}

fn refused(error: IntakeError) -> CliError {
    match error {
        IntakeError::Files(files) => CliError::Import(files),
        IntakeError::Open { file, source } => CliError::OpenInput { path: file.into(), source },
        IntakeError::Engine(error) => error.into(),
    }
}

fn sources(files: &Files) -> Result<Vec<Source>, CliError> {
    let standard_input = files.files.iter().filter(|path| is_standard_input(path)).count();
    if standard_input > 1 {
        return Err(CliError::Option { option: "FILE", problem: "standard input can be read only once".to_owned() });
    }
    files.files.iter().map(|path| source(path, files.input_format)).collect()
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn source(path: &Path, given: Option<import::Format>) -> Result<Source, CliError> {
    let name = if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() };
    let format = given.or_else(|| import::Format::of_path(path)).ok_or_else(|| CliError::Option {
        option: "--input-format",
        problem: format!("the name of {name} does not say whether it is csv or json"),
    })?;
    let path = Some(path.to_owned()).filter(|path| !is_standard_input(path));
    Ok(Source { name, path, format })
}

fn open(source: &Source) -> io::Result<Box<dyn Read + Send>> {
    let Some(path) = &source.path else { return Ok(Box::new(io::stdin())) };
    let file = File::open(path)?;
    let about = file.metadata()?;
    if about.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(progress::reading(file, about.len())))
}

fn by_name(counts: &Counts) -> serde_json::Map<String, serde_json::Value> {
    counts.iter().map(|(what, count)| ((*what).to_owned(), (*count).into())).collect()
}

fn in_words(counts: &Counts, dry_run: bool) -> String {
    let mut text =
        if dry_run { "Nothing is wrong, and nothing was written. This would be imported:\n".to_owned() } else { "Imported:\n".to_owned() };
    if counts.iter().all(|(_, count)| *count == 0) {
        text.push_str("  nothing: the files have no rows\n");
    }
    for (what, count) in counts.iter().filter(|(_, count)| *count > 0) {
        text.push_str(&format!("  {count:>9}  {what}\n"));
    }
    text
}
