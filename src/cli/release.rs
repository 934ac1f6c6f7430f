//! `kasacare release`: PV-8, CA-3.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Examples:
  kasacare release acc-1 --quote
  kasacare release acc-1 --waive-missed --by \"J. Doe\" --reason \"outage of 2026-03, nothing is billed for it\"";

/// Bill a parked account again; what was accepted meanwhile is carried out now (PV-8)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// Do not bill the periods that were missed: what is behind starts a new period today (CA-3)
    #[arg(long)]
    waive_missed: bool,
    #[command(flatten)]
    act: Act,
}

/// Releases the account.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("release", Role::Operator, |draft| draft.release(args.waive_missed)).await
}
