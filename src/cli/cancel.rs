//! `kasacare cancel`: SA-b, CP, RF.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};

const EXAMPLES: &str = "\
Examples:
  kasacare cancel acc-1 sub-1 --quote
  kasacare cancel acc-1 sub-1 --reason \"moving house\" --request-id cancel-4711

A monthly plan runs out with its period; an annual one ends at once, its unused part refunded, or credited while another paid
subscription of the account goes on. A trial ends at once. While a charge is under way the cancellation is accepted and carried out
when the charge has settled (CA-4).";

/// Cancel a subscription: its cameras go back to the Free Package (SA-b, CP, RF)
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

/// Cancels the subscription.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("cancel", Role::Customer, |draft| draft.cancel(&args.subscription)).await
}
