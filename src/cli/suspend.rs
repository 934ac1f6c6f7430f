//! `kasacare suspend`: LC-7.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};

const EXAMPLES: &str = "\
Example:
  kasacare suspend acc-1 sub-1 --by \"J. Doe\" --reason \"terms violated, case 17\"";

/// Stop the service of a subscription; its paid period runs on and does not renew (LC-7)
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

/// Suspends the subscription.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("suspend", Role::Operator, |draft| draft.suspend(&args.subscription)).await
}
