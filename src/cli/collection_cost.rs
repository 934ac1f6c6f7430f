//! `kasacare collection-cost`: PD-4.

use super::act::{Act, Desk, Role, one_line};
use super::{CliError, Context, Exit};
use crate::domain::ids::AccountId;

/// Longest reference of a document, in characters.
const DOCUMENT_CHARS_MAX: usize = 100;

const EXAMPLES: &str = "\
Example:
  kasacare collection-cost acc-1 25.00 --document agency-2026-0815 --by \"J. Doe\" --reason \"second collection letter\"

The next charge for a period collects it, after the invoices. Where there is none to come, write it off by its id (cc_…).";

/// Add a cost of collection to what an account owes, with the document that proves it (PD-4)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// How much, in the account's currency: 25.00
    #[arg(allow_negative_numbers = true)]
    amount: String,
    /// The court's, agency's or attorney's document
    #[arg(long, value_name = "REFERENCE")]
    document: String,
    #[command(flatten)]
    act: Act,
}

/// Adds the cost.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let document = one_line("--document", &args.document, DOCUMENT_CHARS_MAX)?;
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let amount = desk.amount("AMOUNT", &args.amount)?;
    desk.perform("add_collection_cost", Role::Operator, |draft| draft.add_collection_cost(amount, &document)).await
}
