//! `kasacare trial`: LC-2.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::catalog::Plan;
use crate::domain::ids::{AccountId, CameraId};

const EXAMPLES: &str = "\
Examples:
  kasacare trial acc-1 plus/monthly --camera cam-1
  kasacare trial acc-1 premium/annual --quote";

/// Begin the one free trial of an account; its first paid period starts on the day it ends (LC-2)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The plan that is tried and becomes paid, tier/cycle
    plan: Plan,
    /// The camera, for a tier that covers one
    #[arg(long, value_name = "ID")]
    camera: Option<CameraId>,
    #[command(flatten)]
    act: Act,
}

/// Begins the trial.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.check_order(args.camera.as_ref(), None).await?;
    desk.perform("start_trial", Role::Customer, |draft| draft.start_trial(&args.plan, args.camera.as_ref())).await
}
