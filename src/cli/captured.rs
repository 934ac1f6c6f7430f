//! `kasacare captured`: PV-5, CO-1.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Examples:
  kasacare captured acc-1 ch_sub-1_1_0_1 28.94 --quote
  kasacare captured acc-1 ch_sub-1_1_0_1 28.94 --by \"J. Doe\" --reason \"txn_1 in the payout report of 2026-01-12\"
  kasacare unapplied pay-out acc-1 ch_sub-1_1_0_1 --by \"J. Doe\" --reason \"captured too much (CO-2)\"

AMOUNT is all that the provider captured, before its fee and before refunds. What is more than the books had pays nothing yet (2320):
`kasacare unapplied` applies it or pays it out, within the 30 days of CO-2 or after them. What is less is owed again, the newest invoice
first, and is tried again on the days of the terms (PD-2). It is possible on a parked account, which stays parked.";

/// Book what the provider really captured of a charge, where the books have another amount
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The charge (ch_…), by our id
    charge: String,
    /// All that was captured of it, in the account's currency
    #[arg(allow_hyphen_values = true)]
    amount: String,
    #[command(flatten)]
    act: Act,
}

/// Books it.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let moved = desk.amount("AMOUNT", &args.amount)?;
    desk.perform("capture_corrected", Role::Operator, |draft| draft.charge_has_captured(&args.charge, moved)).await
}
