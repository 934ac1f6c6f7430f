//! `kasacare refund-paid`: PV-5.

use clap::ValueEnum;

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::change::refunds::Replacement;
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Examples:
  kasacare refund-paid acc-1 re_sub-1_1_0_1_1 --reference re_3MmlLrLkdIwHu7ix0uke3Ezy --quote
  kasacare refund-paid acc-1 re_sub-1_1_0_1_1 --reference re_3MmlLrLkdIwHu7ix0uke3Ezy --replacement not-made \\
      --by \"J. Doe\" --reason \"seen at the provider; nothing else was refunded\"

It is booked in place of the refund that was asked for after it, or out of the account credit
that it had become. What is left was not owed any more: it stands on 1290 and `kasacare write-off ACCOUNT REFUND` gives it up.
The account stays parked; `kasacare release` comes next.";

/// Book a refund that was given up, or became account credit, and was paid out after all
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The refund (re_…), by our id
    refund: String,
    /// What the provider calls it
    #[arg(long, value_name = "ID", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    reference: String,
    /// How much was paid out; what was asked for where it is left out
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: Option<String>,
    /// What became of the refund that was asked for in its place, where that is still open
    #[arg(long, value_enum)]
    replacement: Option<Seen>,
    #[command(flatten)]
    act: Act,
}

/// What was seen at the provider.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Seen {
    /// It is not there: it is withdrawn
    NotMade,
    /// It is there as well: it goes on
    Made,
}

/// Books it.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let replacement = args.replacement.map(|seen| match seen {
        Seen::NotMade => Replacement::NotMade,
        Seen::Made => Replacement::Made,
    });
    let reference = args.reference.trim();
    let moved = args.amount.as_deref().map(|amount| desk.amount("--amount", amount)).transpose()?;
    desk.perform("refund_was_paid", Role::Operator, |draft| draft.refund_was_paid(&args.refund, reference, moved, replacement)).await
}
