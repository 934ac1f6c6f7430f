//! `kasacare write-off`: PD-4.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Examples:
  kasacare write-off acc-1 in_sub-1_1_7 --by \"J. Doe\" --reason \"customer insolvent\"
  kasacare write-off acc-1 re_sub-1_1_7_1_1 --by \"J. Doe\" --reason \"the customer does not send it back\"

An invoice only where its service was delivered; end it before with cancel-unpaid. A collection cost is written off by its id (cc_…),
and what a refund moved more than was asked for (1290) by the refund's (re_…).";

/// Give up what is still owed on an invoice, of a collection cost, or of a refund that moved too much (PD-4)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The invoice (in_…), the collection cost (cc_…) or the refund (re_…), by its id
    #[arg(value_name = "INVOICE_COST_OR_REFUND")]
    owed: String,
    #[command(flatten)]
    act: Act,
}

/// Writes the open amount off.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("write_off", Role::Operator, |draft| draft.write_off(&args.owed)).await
}
