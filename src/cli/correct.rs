//! `kasacare correct`: CO.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::change::correct::Correct;
use crate::domain::ids::AccountId;

const EXAMPLES: &str = "\
Examples:
  kasacare correct acc-1 --invoice in_sub-1_1_7 --correct-net 9.99 --quote
  kasacare correct acc-1 --invoice in_sub-1_1_7 --correct-total 10.81 --by \"J. Doe\" --reason \"wrong price list\"

The amount is what the whole period should have cost; where it ended early, the rules work out the part that was kept (CO-2).
A total is split into the net amount and the tax at the invoice's rate, rounded half up (MO-2). A total that no net amount makes is
refused with the two nearest ones.";

/// Report a wrong payment: the difference is charged or refunded inside its window (CO)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("amount").required(true).args(["correct_net", "correct_total"]))]
pub struct Args {
    /// The account
    account: AccountId,
    /// The invoice whose payment was wrong, by its id (in_…)
    #[arg(long, value_name = "ID")]
    invoice: String,
    /// The right fee of the whole period, without tax
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    correct_net: Option<String>,
    /// The right total of the whole period, tax included
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    correct_total: Option<String>,
    #[command(flatten)]
    act: Act,
}

/// Opens the correction.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let desk = Desk::open(context, &args.act, &args.account).await?;
    let correct = match (&args.correct_net, &args.correct_total) {
        (Some(net), _) => Correct::Net(desk.amount("--correct-net", net)?),
        (None, total) => Correct::Total(desk.amount("--correct-total", total.as_deref().unwrap_or_default())?),
    };
    desk.perform("correct", Role::Operator, |draft| draft.correct(&args.invoice, correct)).await
}
