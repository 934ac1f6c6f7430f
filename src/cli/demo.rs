//! `kasacare demo`: from nothing to a lived-through year, in one command.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{CliError, Context, Exit, Format, run};
use crate::clock::Clock;
use crate::demo::{DemoOptions, Lived, live, story};
use crate::domain::change::Reference;
use crate::domain::tax::TaxRates;
use crate::engine::Engine;
use crate::import;
use crate::jobs::{Progress, RunOptions, Runner};
use crate::mail::{FolderMailer, Mailer, Mailroom, Renderer, Sender};
use crate::reports;
use crate::reports::journal::{JournalFormat, Range};
use crate::store::db::{ConnectOptions, Db, Kind};
use crate::store::instances::Instance;
use crate::store::reference;

const EXAMPLES: &str = "Examples:
  kasacare demo                                    a thousand accounts, fourteen months
  kasacare demo --accounts 100 --months 6 --seed 7
  kasacare demo --db postgres://… --out /tmp/demo  on PostgreSQL: an empty database";

const CATALOG: &str = include_str!("../../fixtures/catalog.json");
const TERMS: &str = include_str!("../../fixtures/terms.json");
const TAX_RATES: &str = include_str!("../../fixtures/tax_rates.csv");

/// Live through a year: people join, change plans, cancel, let cards expire and get mischarged
///
/// Makes a database, loads the example catalog, terms and tax rates, and runs day by day with the simulated payment
/// provider; a price change is announced on the way. Then it prints what happened, the trial balance and where the files
/// are. The same seed gives the same books, byte for byte, on both databases. Nothing outside is needed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Accounts
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    accounts: u64,
    /// Months, from 1 January 2026
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=120))]
    months: u32,
    /// What everything follows from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the database, the mails and the journals
    #[arg(long, value_name = "DIR", default_value = "demo")]
    out: PathBuf,
}

/// Runs it.
///
/// # Errors
/// An unusable folder, a database that is not empty, trouble with the database.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let (db, shown) = open(args, context).await?;
    load_fixtures(&db).await?;
    let engine = Engine::open(db.clone(), Clock::Fixed(chrono::DateTime::UNIX_EPOCH)).await?;
    let mails = args.out.join("mail");
    let runner = runner(&engine, &mails).await?;
    let options = DemoOptions { accounts: args.accounts, months: args.months, seed: args.seed };
    let bar = super::progress::bar(u64::from(args.months) * 30, "days");
    let lived = live(engine.clone(), runner, options, |_| bar.inc(1)).await?;
    bar.finish_and_clear();
    let check = reports::check::run(&db, reports::check::Options::default(), |_, _| {}).await?;
    let broken = !check.is_clean();
    let files = write_journals(&db, &args.out).await?;
    let balance = reports::trial_balance::load(&db, None).await?;
    let page = Page { lived: &lived, check: &check, balance: &balance, files: &files, mails: &mails, database: &shown };
    print(args, &page, context.format)?;
    db.close().await;
    Ok(if broken { Exit::Found } else { Exit::Done })
}

/// The database: `--db` where it was given, else a new file in the folder.
async fn open(args: &Args, context: &Context) -> Result<(Db, String), CliError> {
    std::fs::create_dir_all(&args.out)
        .map_err(|error| CliError::Option { option: "--out", problem: format!("{}: {error}", args.out.display()) })?;
    let file = args.out.join("kasacare.db");
    let url = if context.db == super::DEFAULT_DB { format!("sqlite://{}", file.display()) } else { context.db.clone() };
    // A demo can be lived through again at any time, so it need not survive a power cut.
    let options = ConnectOptions { create: true, unsafe_fast: true, ..ConnectOptions::default() };
    let db = Db::connect(&url, options).await?;
    db.migrate().await?;
    let mut tx = db.begin_read().await?;
    let found = reference::load(&mut tx, Vec::new()).await;
    tx.rollback().await?;
    if found.is_ok_and(|reference| !reference.catalog.tiers.is_empty()) {
        let problem = format!("{} is not empty; give another folder with --out, or an empty database with --db", shown(&url, &db));
        return Err(CliError::Option { option: "--out", problem });
    }
    let shown = shown(&url, &db);
    Ok((db, shown))
}

/// Without what a URL of PostgreSQL may hold of passwords.
fn shown(url: &str, db: &Db) -> String {
    if db.kind() == Kind::Sqlite { url.to_owned() } else { "$KASACARE_DB".to_owned() }
}

/// The built-in examples are wrong: a mistake of the build.
fn example(problem: String) -> CliError {
    CliError::Option { option: "fixtures", problem }
}

async fn load_fixtures(db: &Db) -> Result<(), CliError> {
    let bad = |error: import::ImportError| CliError::Import(vec![error]);
    let import::CatalogFile::Whole(catalog) =
        import::catalog("fixtures/catalog.json", import::Format::Json, CATALOG.as_bytes()).map_err(bad)?
    else {
        return Err(example("catalog.json holds prices alone".to_owned()));
    };
    let terms = import::terms("fixtures/terms.json", TERMS.as_bytes()).map_err(bad)?;
    let rates = import::read_all("fixtures/tax_rates.csv", import::Format::Csv, TAX_RATES.as_bytes()).map_err(bad)?;
    let tax = TaxRates::new(rates.into_iter().map(|placed| placed.row)).map_err(|error| example(error.to_string()))?;
    let mut tx = db.begin().await?;
    reference::store(&mut tx, &Reference { catalog, terms: vec![terms], tax, minimums: Vec::new() }).await?;
    tx.commit().await?;
    Ok(())
}

async fn runner(engine: &Engine, mails: &Path) -> Result<Runner, CliError> {
    let folder = FolderMailer::open(mails, false)
        .map_err(|error| CliError::Option { option: "--out", problem: format!("{}: {error}", mails.display()) })?;
    let renderer = Renderer::new(crate::mail::Letterhead::default()).map_err(|error| example(error.to_string()))?;
    let sender = Sender::parse(run::MAIL_FROM).map_err(|error| example(error.to_string()))?;
    let instance = Instance::register(&engine.db, |_| {}).await?;
    let (mailroom, mailer) = (Arc::new(Mailroom::new(renderer, sender)), Arc::new(Mailer::Folder(folder)));
    Ok(Runner::new(engine.clone(), mailroom, mailer, Progress::quiet(), Arc::new(instance), RunOptions::default()).await?)
}

async fn write_journals(db: &Db, out: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut files = Vec::new();
    for (format, name) in
        [(JournalFormat::Hledger, "books.journal"), (JournalFormat::Beancount, "books.beancount"), (JournalFormat::Csv, "books.csv")]
    {
        let path = out.join(name);
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).map_err(CliError::Write)?);
        reports::journal::write(db, format, &Range::default(), &mut file).await?;
        file.flush().map_err(CliError::Write)?;
        files.push(path);
    }
    Ok(files)
}

/// What the demo shows at its end.
struct Page<'a> {
    lived: &'a Lived,
    check: &'a reports::check::CheckReport,
    balance: &'a reports::trial_balance::TrialBalance,
    files: &'a [PathBuf],
    mails: &'a Path,
    database: &'a str,
}

fn print(args: &Args, page: &Page<'_>, format: Format) -> Result<(), CliError> {
    let total = page.lived.total();
    let mut out = std::io::stdout().lock();
    if format == Format::Json {
        let json = serde_json::json!({
            "accounts": args.accounts, "months": args.months, "seed": args.seed, "summary": total, "refused": page.lived.refused,
            "trial_balance": page.balance, "check": page.check, "database": page.database, "mail": page.mails, "files": page.files,
        });
        return writeln!(out, "{json}").map_err(CliError::Write);
    }
    let text = format!(
        "{} accounts lived through {} months (seed {}).\n\n{}\nAll together:\n{}{:>9}  acts refused by a rule\n\n{}Trial balance\n{}\n{}\n",
        args.accounts,
        args.months,
        args.seed,
        story::months(page.lived),
        run::told(&total),
        page.lived.refused,
        story::told(page.lived),
        page.balance.table(),
        page.check.summary(),
    );
    write!(out, "{text}Database  {}\nMails     {}\n", page.database, page.mails.display()).map_err(CliError::Write)?;
    for file in page.files {
        writeln!(out, "Journal   {}", file.display()).map_err(CliError::Write)?;
    }
    writeln!(out, "\nNext: kasacare --db {} account show a000001", page.database).map_err(CliError::Write)
}
