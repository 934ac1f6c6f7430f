//! `kasacare subscribe`: LC-3.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::catalog::Plan;
use crate::domain::change::start::Order;
use crate::domain::ids::{AccountId, CameraId};

const EXAMPLES: &str = "\
Examples:
  kasacare subscribe acc-1 plus/annual --camera cam-1 --quote
  kasacare subscribe acc-1 premium/monthly --promotion WELCOME20 --request-id order-4711

The subscription is pending until its first charge settles (`kasacare run`); where there is nothing to collect it is active at once.";

/// Order a plan: the first period is billed today and charged to the payment method on file (LC-3)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The plan, tier/cycle: plus/monthly, premium/annual, …
    plan: Plan,
    /// The camera, for a tier that covers one
    #[arg(long, value_name = "ID")]
    camera: Option<CameraId>,
    /// A promotion code (MO-3)
    #[arg(long, value_name = "CODE")]
    promotion: Option<String>,
    #[command(flatten)]
    act: Act,
}

/// Orders the plan.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let order = Order { plan: args.plan.clone(), camera: args.camera.clone(), promotion: args.promotion.clone() };
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.check_order(args.camera.as_ref(), args.promotion.as_deref()).await?;
    desk.perform("subscribe", Role::Customer, |draft| draft.subscribe(&order)).await
}
