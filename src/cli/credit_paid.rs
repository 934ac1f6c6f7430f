//! `kasacare credit-paid`: RF-4.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Example:
  kasacare credit-paid acc-1 71.76 --document \"transfer 2026-06-0047\" --by \"J. Doe\" --reason \"the card is closed\"

It moves no money: it says that somebody has, past the provider, and takes it off the account's credit (2300 against 1010), so that it
is not spent as well. Credit that came from cash alone; goodwill credit is never paid out. The tasks that asked for it are closed
when nothing of it is left.";

/// Record that account credit was paid out by hand, by a transfer from the bank
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// How much, in the account's currency: 71.76
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// What shows that it was paid: the number of the transfer
    #[arg(long, value_name = "DOCUMENT", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    document: String,
    #[command(flatten)]
    act: Act,
}

/// Records it.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let amount = desk.amount("AMOUNT", &args.amount)?;
    desk.perform("credit_was_paid", Role::Operator, |draft| draft.credit_was_paid(amount, args.document.trim())).await
}
