//! `kasacare write-off`: PD-4.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Example:
  kasacare write-off acc-1 in_sub-1_1_7 --by \"J. Doe\" --reason \"customer insolvent\"

Only where the invoice's service was delivered; end it before with cancel-unpaid. A collection cost is written off by its id (cc_…).";

/// Give up what is still owed on an invoice, or of a collection cost (PD-4)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The invoice (in_…) or the collection cost (cc_…), by its id
    #[arg(value_name = "INVOICE_OR_COST")]
    owed: String,
    #[command(flatten)]
    act: Act,
}

/// Writes the open amount off.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("write_off", Role::Operator, |draft| draft.write_off(&args.owed)).await
}
