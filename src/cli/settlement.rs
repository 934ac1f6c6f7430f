//! `kasacare settlement`: the provider's side of the money, from files (RC-1), and from the provider's own interface (`fetch`).

mod fetch;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::{Value, json};

use super::act::{BY_CHARS_MAX, one_line};
use super::as_of::AsOf;
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database, progress, table};
use crate::domain::ids::check_id;
use crate::domain::money::Currency;
use crate::engine::settlement::preview::Given;
use crate::engine::settlement::{SettlementFile, Taken, Taking, TakingError, take};
use crate::import::settlement::{BankColumns, Reading, Source};
use crate::store::settlement::ListedTotals;
use crate::store::{StoreError, settlement};

/// So much of a file is looked at to see what it is.
const HEAD_BYTES: u64 = 64 * 1024;

const EXAMPLES: &str = "\
Examples:
  kasacare settlement import payout_reconciliation.csv
  kasacare settlement import balance_transactions.json --dry-run
  kasacare settlement import earnings_202610.csv statement.xml
  kasacare settlement import umsaetze.csv --source bank-csv --account DE02120300000000202051 --currency EUR --delimiter ';' \\
      --column booked_on=Buchungstag --column amount=Betrag --column text=Verwendungszweck --date-format %d.%m.%Y --decimal-comma

What a file is, is seen by the names of its columns; --source says it. Each file is taken whole or not at all: every bad row is named by
file, line and field, and a word for a kind of movement that is not known refuses the file and is named. A file that was taken before
changes nothing, nor do rows that are there already. Fees and payouts are posted from the provider's own figures (5000, 1020, 1200).";

const GROUP_EXAMPLES: &str = "\
Examples:
  kasacare settlement import payout_reconciliation.csv statement.xml
  kasacare settlement fetch
  kasacare settlement list";

/// Take in what payment providers, stores and banks say has moved
#[derive(Debug, clap::Args)]
#[command(after_help = GROUP_EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(Debug, Subcommand)]
enum What {
    Import(Box<Import>),
    Fetch(Box<fetch::Args>),
    /// List the files that were taken, the newest first
    List(List),
}

/// Files that were taken.
#[derive(Debug, clap::Args)]
struct List {
    /// How many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: u32,
}

/// Take in settlement files: Stripe, PayPal, Google Play, Apple, Recurly, bank statements
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct Import {
    /// Files; "-" for standard input, which needs --source
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What the files are: stripe-payouts, stripe-balance, paypal, google-play, apple, recurly, bank-camt, bank-csv
    #[arg(long, value_name = "SOURCE")]
    source: Option<Source>,
    /// Whose side it is, where that is not the source's own: another account at the same provider, or `simulated`
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The month of Google Play's earnings, where the file's name does not say it
    #[arg(long, value_name = "YYYY-MM", value_parser = month)]
    month: Option<NaiveDate>,
    #[command(flatten)]
    bank: Bank,
    /// Check everything against the database and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Who imports; recorded with what is posted
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

/// How a bank writes its CSV.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "For a bank's CSV")]
struct Bank {
    /// The bank account, where no column says it
    #[arg(long = "account", value_name = "ACCOUNT")]
    bank_account: Option<String>,
    /// The currency of all amounts, where no column says it
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
    /// The bank's name of one of our columns: `booked_on`, amount, text, id, account, currency
    #[arg(long = "column", value_name = "OURS=THEIRS", value_parser = pair)]
    columns: Vec<(String, String)>,
    /// How dates are written
    #[arg(long, value_name = "PATTERN", default_value = "%Y-%m-%d")]
    date_format: String,
    /// The comma is the decimal mark
    #[arg(long)]
    decimal_comma: bool,
    /// What parts the fields
    #[arg(long, value_name = "CHARACTER", default_value = ",")]
    delimiter: char,
}

fn month(text: &str) -> Result<NaiveDate, String> {
    let first = format!("{text}-01");
    first.parse().ok().filter(|_| text.len() == 7).ok_or_else(|| "write a month as 2026-10".to_owned())
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(ours, theirs)| (ours.to_owned(), theirs.to_owned())).ok_or_else(|| "write OURS=THEIRS".to_owned())
}

/// Imports or lists.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        What::Import(import) => import_files(import, context).await,
        What::Fetch(args) => fetch::run(args, context).await,
        What::List(list) => list_imports(list, context).await,
    }
}

async fn import_files(args: &Import, context: &Context) -> Result<Exit, CliError> {
    if let Some(provider) = &args.provider {
        check_id(provider).map_err(|bad| CliError::Option { option: "--provider", problem: bad.to_string() })?;
    }
    let actor = one_line("--by", args.by.as_deref().unwrap_or("import"), BY_CHARS_MAX)?;
    // Every file is looked at before the first is taken.
    let files = args.files.iter().map(|path| settlement_file(args, path)).collect::<Result<Vec<_>, _>>()?;
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let how = Taking { at: args.as_of.with_money(&db).await?, actor, dry_run: args.dry_run };
    let mut all = Vec::new();
    let mut refused = Vec::new();
    for (path, file) in args.files.iter().zip(files) {
        match take(&db, &file, open(path)?, &how).await {
            Ok(taken) => all.push((file.name, taken)),
            Err(TakingError::File(error)) => refused.push(error),
            Err(TakingError::Engine(error)) => return Err(error.into()),
            Err(error @ (TakingError::Stopped | TakingError::Disk(_))) => return Err(CliError::environment(error.to_string())),
        }
    }
    db.close().await;
    let text = match context.format {
        Format::Table => all.iter().map(|(name, taken)| in_words(name, taken, args.dry_run)).collect(),
        Format::Json => {
            let files: Vec<Value> = all.iter().map(|(name, taken)| shown(name, taken)).collect();
            pretty(&json!({ "dry_run": args.dry_run, "files": files }))
        }
    };
    if refused.is_empty() || !all.is_empty() {
        write(&text)?;
    }
    if refused.is_empty() { Ok(Exit::Done) } else { Err(CliError::Refused(refused)) }
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, CliError> {
    if is_standard_input(path) {
        return Ok(Box::new(io::stdin()));
    }
    let file = super::open_input(path)?;
    let length = file.metadata().map_err(|source| CliError::OpenInput { path: path.to_owned(), source })?.len();
    Ok(Box::new(progress::reading(file, length)))
}

/// A provider's file that is looked at and not taken, and its bytes.
pub(super) fn given(path: &Path, source: Option<Source>, provider: Option<&str>) -> Result<Given, CliError> {
    let (name, source) = named(path, source)?;
    let reading = Reading { source, month: month_in(&name), bank: BankColumns::default(), keep_unknown: false };
    Ok(Given { file: SettlementFile { name, reading, provider: provider.map(str::to_owned) }, input: open(path)? })
}

/// What messages call a file, and what it is.
fn named(path: &Path, source: Option<Source>) -> Result<(String, Source), CliError> {
    let name = if is_standard_input(path) { "standard input".to_owned() } else { path.display().to_string() };
    let source = match source {
        Some(source) => source,
        None => seen(path, &name)?,
    };
    Ok((name, source))
}

fn settlement_file(args: &Import, path: &Path) -> Result<SettlementFile, CliError> {
    let (name, source) = named(path, args.source)?;
    let Bank { bank_account, currency, columns, date_format, decimal_comma, delimiter } = args.bank.clone();
    let unfit = |option, problem: &str| CliError::Option { option, problem: problem.to_owned() };
    if let Some((ours, _)) = columns.iter().find(|(ours, _)| !BankColumns::NAMES.contains(&ours.as_str())) {
        return Err(unfit("--column", &format!("there is no column {ours}; there are {}", BankColumns::NAMES.join(", "))));
    }
    if date_format.contains(|c: char| c.is_control()) || !date_format.contains('%') {
        return Err(unfit("--date-format", "must be a pattern like %d.%m.%Y"));
    }
    let delimiter = u8::try_from(delimiter).map_err(|_| unfit("--delimiter", "must be one ASCII character"))?;
    let bank = BankColumns { account: bank_account, currency, names: columns, date_pattern: date_format, decimal_comma, delimiter };
    let month = args.month.or_else(|| month_in(&name));
    Ok(SettlementFile { name, reading: Reading { source, month, bank, keep_unknown: false }, provider: args.provider.clone() })
}

/// What a file is by its first bytes.
fn seen(path: &Path, name: &str) -> Result<Source, CliError> {
    let unknown = |problem: &str| CliError::Option {
        option: "--source",
        problem: format!("what {name} is cannot be seen from its columns; {problem}"),
    };
    if is_standard_input(path) {
        return Err(unknown("say it"));
    }
    let mut file: File = super::open_input(path)?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head).map_err(CliError::Read)?;
    file.rewind().map_err(CliError::Read)?;
    Source::of_head(&head).ok_or_else(|| unknown(Source::unlike(&head).unwrap_or("say it")))
}

/// `earnings_202610.csv` is of October 2026.
fn month_in(name: &str) -> Option<NaiveDate> {
    let runs = name.split(|c: char| !c.is_ascii_digit());
    let month = runs.filter(|run| run.len() == 6).find_map(|run| Some((run.get(..4)?.parse().ok()?, run.get(4..)?.parse().ok()?)));
    month.and_then(|(year, month)| NaiveDate::from_ymd_opt(year, month, 1))
}

fn shown(name: &str, taken: &Taken) -> Value {
    let stored = &taken.stored;
    json!({
        "file": name,
        "import": taken.import,
        "provider": taken.provider,
        "source": taken.source.name(),
        "taken_before": taken.was_taken,
        "rows": taken.rows,
        "moved_nothing": taken.skipped,
        "movements": stored.movements,
        "payouts": stored.payouts,
        "bank_lines": stored.bank_lines,
        "totals": stored.totals,
        "known": stored.known,
        "digest": taken.digest,
    })
}

fn in_words(name: &str, taken: &Taken, dry_run: bool) -> String {
    let Taken { import, provider, source, rows, skipped, stored, .. } = taken;
    if taken.was_taken {
        return format!("{name}: taken before as {import}; nothing has been changed.\n");
    }
    let head = if dry_run { "nothing is wrong, and nothing was written" } else { "taken" };
    let mut text = format!("{name}: {head} as {import} ({source} of {provider}), {rows} rows\n");
    let counts = [
        (stored.movements, "movements"),
        (stored.payouts, "payouts"),
        (stored.bank_lines, "bank lines"),
        (stored.totals, "totals"),
        (stored.known, "were there already"),
        (*skipped, "moved no money"),
    ];
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("  {count:>9}  {what}\n"));
    }
    text
}

async fn list_imports(args: &List, context: &Context) -> Result<Exit, CliError> {
    let (imports, totals) = database::read(context, async |db| {
        let mut tx = db.begin_read().await?;
        let imports = settlement::imports(&mut tx, args.limit).await?;
        let totals = settlement::totals(&mut tx, args.limit).await?;
        tx.rollback().await?;
        Ok::<_, StoreError>((imports, totals))
    })
    .await?;
    let text = match context.format {
        Format::Json => {
            let rows: Vec<Value> = imports
                .iter()
                .map(|it| {
                    json!({
                        "import": it.id, "at": it.at, "provider": it.provider, "source": it.source, "file": it.name,
                        "rows": it.rows_read, "new": it.rows_new, "digest": it.digest, "by": it.actor,
                    })
                })
                .collect();
            let totals = totals.iter().map(
                |it| json!({ "import": it.import, "provider": it.provider, "totals": it.totals, "from": it.first_on, "to": it.last_on }),
            );
            pretty(&json!({ "imports": rows, "totals": totals.collect::<Vec<_>>() }))
        }
        Format::Table if imports.is_empty() => "No settlement file was taken yet.\n".to_owned(),
        Format::Table => {
            let mut table = table(&["import", "at", "provider", "source", "rows", "new", "file"]);
            for it in &imports {
                table.add_row([
                    it.id.clone(),
                    it.at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
                    it.provider.clone(),
                    it.source.clone(),
                    it.rows_read.to_string(),
                    it.rows_new.to_string(),
                    it.name.clone(),
                ]);
            }
            let mut text = format!("{table}\n");
            for ListedTotals { provider, import, totals, first_on, last_on } in &totals {
                text.push_str(&format!("{import} has {totals} totals of {provider}, of {first_on} to {last_on}: "));
                text.push_str("they name no transaction, and nothing is held against them.\n");
            }
            text
        }
    };
    write(&text).map(|()| Exit::Done)
}
