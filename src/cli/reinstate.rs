//! `kasacare reinstate`: LC-7.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};

const EXAMPLES: &str = "\
Examples:
  kasacare reinstate acc-1 sub-1 --quote
  kasacare reinstate acc-1 sub-1 --by \"J. Doe\" --reason \"case 17 is closed\"";

/// Give a suspended subscription its service back; after its paid period a new one starts today (LC-7)
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

/// Reinstates the subscription.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("reinstate", Role::Operator, |draft| draft.reinstate(&args.subscription)).await
}
