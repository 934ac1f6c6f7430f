//! `kasacare resume`: LC-9.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};

const EXAMPLES: &str = "\
Example:
  kasacare resume acc-1 sub-1";

/// Withdraw a pending end or plan change: the term renews as before (LC-9)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The subscription
    subscription: SubscriptionId,
    #[command(flatten)]
    act: Act,
}

/// Withdraws what was pending.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("resume", Role::Customer, |draft| draft.resume(&args.subscription)).await
}
