//! `kasacare transfer-camera`: LC-6.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, CameraId};

const EXAMPLES: &str = "\
Examples:
  kasacare transfer-camera acc-1 cam-1 --quote
  kasacare transfer-camera acc-1 cam-1 --reason \"sold\"

The new owner's account takes the camera up when it subscribes for it, or by import.";

/// Take a camera out of an account, because it has a new owner; it loses its coverage at once (LC-6)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account that the camera leaves
    account: AccountId,
    /// The camera
    camera: CameraId,
    #[command(flatten)]
    act: Act,
}

/// Takes the camera out of the account.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("transfer_camera", Role::Customer, |draft| draft.transfer_camera(&args.camera)).await
}
