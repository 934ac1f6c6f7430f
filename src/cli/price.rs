//! `kasacare price`: announcing prices (PR-2) and cancelling orders at a price that was wrong (CO-5).

mod announce;
mod effects;

use clap::Subcommand;

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::domain::refund::Destination;

const EXAMPLES: &str = "\
Examples:
  kasacare price announce --file prices-v2.csv --quote
  kasacare price announce --file prices-v2.csv --by \"J. Doe\" --reason \"costs of storage\"
  kasacare price cancel-order acc-1 sub-1 --by \"J. Doe\" --reason \"9.99 was published instead of 99.90\"";

/// Announce a price version, or cancel an order at a price that was wrong
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done about prices.
#[derive(Debug, Subcommand)]
enum What {
    Announce(announce::Args),
    CancelOrder(CancelOrder),
}

const CANCEL_EXAMPLES: &str = "\
Examples:
  kasacare price cancel-order acc-1 sub-1 --quote
  kasacare price cancel-order acc-1 sub-1 --by \"J. Doe\" --reason \"9.99 was published instead of 99.90\"
  kasacare price cancel-order acc-1 sub-1 --to-credit --by \"J. Doe\" --reason \"as the customer asked\"";

/// End a subscription that was sold at a price published by mistake; the full charge goes back (CO-5)
#[derive(Debug, clap::Args)]
#[command(after_help = CANCEL_EXAMPLES)]
struct CancelOrder {
    /// The account
    account: AccountId,
    /// The subscription
    subscription: SubscriptionId,
    /// Give the charge back as account credit, as the customer chose, and not to the payments that it came from
    #[arg(long)]
    to_credit: bool,
    #[command(flatten)]
    act: Act,
}

/// Announces or cancels.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        What::Announce(args) => announce::run(args, context).await,
        What::CancelOrder(args) => {
            let desk = Desk::open(context, &args.act, &args.account).await?;
            let to = if args.to_credit { Destination::Credit } else { Destination::Refund };
            desk.perform("cancel_order", Role::Operator, |draft| draft.cancel_order(&args.subscription, to)).await
        }
    }
}
