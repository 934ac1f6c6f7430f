//! `kasacare credit`: goodwill credit (LC-4, CP-3).

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Example:
  kasacare credit acc-1 5.00 --by \"J. Doe\" --reason \"recordings were lost on 3 May\"

Goodwill credit pays the next invoices before cash; it is never paid out.";

/// Give an account goodwill credit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// How much, in the account's currency: 5.00
    #[arg(allow_negative_numbers = true)]
    amount: String,
    #[command(flatten)]
    act: Act,
}

/// Grants the credit.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let amount = desk.amount("AMOUNT", &args.amount)?;
    desk.perform("grant_credit", Role::Operator, |draft| draft.grant_credit(amount)).await
}
