//! `kasacare change-plan`: CP.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::catalog::Plan;
use crate::domain::ids::{AccountId, CameraId, SubscriptionId};

const EXAMPLES: &str = "\
Examples:
  kasacare change-plan acc-1 sub-1 premium/annual --quote
  kasacare change-plan acc-1 sub-1 plus/monthly --camera cam-2

Whether the change takes effect at once or with the paid period, and what becomes of unused value, is a row of the policy matrix of
the terms (CP); the quote says which.";

/// Change the plan of a subscription (CP)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The subscription
    subscription: SubscriptionId,
    /// The new plan, tier/cycle
    plan: Plan,
    /// The camera that the new plan covers, where the present one covers the account
    #[arg(long, value_name = "ID")]
    camera: Option<CameraId>,
    #[command(flatten)]
    act: Act,
}

/// Changes the plan.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let camera = args.camera.as_ref();
    desk.perform("change_plan", Role::Customer, |draft| draft.change_plan(&args.subscription, &args.plan, camera)).await
}
