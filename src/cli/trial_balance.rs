//! `kasacare trial-balance`: what stands on each account of the books (LE).

use chrono::NaiveDate;

use super::change::{pretty, write};
use super::format::AnyFormat;
use super::{CliError, Context, Exit, database};
use crate::domain::money::Currency;
use crate::reports::trial_balance;

const EXAMPLES: &str = "\
Examples:
  kasacare trial-balance
  kasacare trial-balance --as-of 2026-03-31 --currency USD
  kasacare trial-balance --format csv > trial-balance.csv

Revenue is posted when a month ends. With --as-of the report adds what the days since have earned (RR-1).";

/// What it can be printed as.
pub const FORMATS: &[AnyFormat] = &[AnyFormat::Table, AnyFormat::Csv, AnyFormat::Json];

/// Show what stands on each account of the books, per currency
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Last business date that counts; everything that is booked where it is left out
    #[arg(long, value_name = "DATE")]
    as_of: Option<NaiveDate>,
    /// One currency alone
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
}

/// Runs it.
///
/// # Errors
/// Trouble with the database.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let balance = trial_balance::load(&db, args.as_of).await;
    db.close().await;
    let mut balance = balance?;
    if let Some(currency) = args.currency {
        balance = balance.in_currency(currency);
    }
    let text = match context.asked {
        Some(AnyFormat::Csv) => balance.csv()?,
        Some(AnyFormat::Json) => pretty(&serde_json::to_value(&balance).map_err(|error| CliError::Write(error.into()))?),
        Some(AnyFormat::Table | AnyFormat::Hledger | AnyFormat::Beancount) | None => balance.table(),
    };
    write(&text).map(|()| Exit::Done)
}
