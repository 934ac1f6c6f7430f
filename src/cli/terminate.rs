//! `kasacare terminate`: LC-7.

use super::act::{Act, Desk, Role, one_line};
use super::{CliError, Context, Exit};
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::domain::notice::NoticeKind;

/// Longest explanation, in characters.
const BECAUSE_CHARS_MAX: usize = 300;

const EXAMPLES: &str = "\
Examples:
  kasacare terminate acc-1 sub-1 --quote
  kasacare terminate acc-1 sub-1 --breach --by \"J. Doe\" --reason \"resale of recordings, case 17\"

The customer is told, with the words of --reason, unless --no-notice-because says why not; that is recorded. An end that takes effect at
once (annual plans, breaches) has no advance notice: --reason says why.";

/// End a subscription by the operator's decision: as a cancellation, or for a breach without refund (LC-7)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The subscription
    subscription: SubscriptionId,
    /// For a breach of the terms: nothing is refunded
    #[arg(long)]
    breach: bool,
    /// Do not tell the customer, for this reason
    #[arg(long, value_name = "TEXT")]
    no_notice_because: Option<String>,
    #[command(flatten)]
    act: Act,
}

/// Terminates the subscription.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let because = args.no_notice_because.as_deref();
    let because = because.map(|because| one_line("--no-notice-because", because, BECAUSE_CHARS_MAX)).transpose()?;
    let desk = Desk::open(context, &args.act, &args.account).await?;
    desk.perform("terminate", Role::Operator, |draft| {
        draft.terminate(&args.subscription, args.breach)?;
        if let Some(because) = &because {
            draft.leave_out_notice(NoticeKind::TerminationNotice, because);
        }
        Ok(())
    })
    .await
}
