//! `kasacare explain`: why something is as it is (CP-2, LE).

use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database};
use crate::domain::ids::AccountId;
use crate::reports::explain;

const EXAMPLES: &str = "\
Examples:
  kasacare explain acc-0001/7            a record of the journal: account and number
  kasacare explain in_acc-0001-s1_1_0    an invoice: all that ever happened to it, in order
  kasacare explain KASA-2026-000042      the same by the printed number
  kasacare explain re_acc-0001-s1_1_0_1_1
  kasacare --format json explain co_acc-0001-s1_1_0_1

Shows rule ids, inputs and arithmetic as they were recorded, what happened, the postings and the mails.";

/// Explain a journal record, invoice, charge, refund, note, correction, dispute or subscription
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Its id, its printed number, or the provider's reference
    #[arg(value_name = "ID")]
    id: String,
    /// The account, where several have something of that name
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
}

/// Prints it.
///
/// # Errors
/// Where there is no such thing; what the database says.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let explanation = database::read(context, async |db| explain::explain(db, &args.id, args.account.as_ref()).await).await?;
    let text = match context.format {
        Format::Table => explanation.text(),
        Format::Json => pretty(&serde_json::to_value(&explanation).map_err(|error| CliError::Write(error.into()))?),
    };
    write(&text).map(|()| Exit::Done)
}
