//! `kasacare trial-balance`: what stands on the ledger accounts.

use chrono::NaiveDate;

use super::change::{pretty, write};
use super::{AnyFormat, CliError, Context, Exit, Format, as_of, database};
use crate::domain::money::Currency;
use crate::reports::trial_balance;

const EXAMPLES: &str = "\
Examples:
  kasacare trial-balance
  kasacare trial-balance --as-of 2026-03-31 --currency USD
  kasacare trial-balance --format csv > trial-balance.csv

Exit code 1 tells that debits and credits differ.";

/// What it can be printed as.
pub const FORMATS: &[AnyFormat] = &[AnyFormat::Table, AnyFormat::Csv, AnyFormat::Json];

/// Show what stands on every ledger account, debits and credits
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Count what has this business date or an earlier one, and add what has accrued by the end of it (RR-1)
    #[arg(long, value_name = "DATE", value_parser = as_of::date)]
    as_of: Option<NaiveDate>,
    /// Show this currency alone
    #[arg(long, value_name = "CODE")]
    currency: Option<Currency>,
}

/// Prints it.
///
/// # Errors
/// What the database says.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let mut balance = database::read(context, async |db| trial_balance::load(db, args.as_of).await).await?;
    if let Some(currency) = args.currency {
        balance = balance.only(currency);
    }
    let text = match context.format {
        _ if context.asked == Some(AnyFormat::Csv) => balance.csv()?,
        Format::Table => balance.table(),
        Format::Json => pretty(&serde_json::to_value(&balance).map_err(|error| CliError::Write(error.into()))?),
    };
    write(&text)?;
    Ok(if balance.is_balanced() { Exit::Done } else { Exit::Found })
}
