//! `kasacare promotion`: MO-3.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};

const EXAMPLES: &str = "\
Example:
  kasacare promotion acc-1 sub-1 HALF3";

/// Put a promotion code to use on a running subscription, from its next billed period on (MO-3)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The subscription
    subscription: SubscriptionId,
    /// The code
    code: String,
    #[command(flatten)]
    act: Act,
}

/// Redeems the code.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.check_order(None, Some(&args.code)).await?;
    desk.perform("redeem_promotion", Role::Customer, |draft| draft.redeem_later(&args.subscription, &args.code)).await
}
