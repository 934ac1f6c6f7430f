//! `kasacare account show`: one account on one page.

use clap::Subcommand;

use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database};
use crate::domain::ids::AccountId;
use crate::reports::account;

const EXAMPLES: &str = "\
Examples:
  kasacare account show acc-1
  kasacare account show acc-1 --contact
  kasacare --format json account show acc-1";

/// Look at one account
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done with an account.
#[derive(Debug, Subcommand)]
enum What {
    /// Show its balances, subscriptions, invoices, and what comes next
    #[command(after_help = EXAMPLES)]
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The account
    account: AccountId,
    /// Show the customer's name and mail address, too; personal data (PP-2)
    #[arg(long)]
    contact: bool,
}

/// Shows it.
///
/// # Errors
/// [`CliError::NotFound`] for an unknown account; what the database says.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let What::Show(show) = &args.what;
    let report = database::read(context, async |db| account::load(db, &show.account, show.contact).await).await?;
    let text = match context.format {
        Format::Table => report.table(),
        Format::Json => pretty(&serde_json::to_value(&report).map_err(|error| CliError::Write(error.into()))?),
    };
    write(&text).map(|()| Exit::Done)
}
