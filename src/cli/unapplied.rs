//! `kasacare unapplied`: cash that pays nothing (2320), and what refunds moved too much (1290).

use clap::Subcommand;
use serde_json::json;

use super::act::{Act, Desk, Role};
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database, table};
use crate::domain::account::UnappliedCause;
use crate::domain::ids::AccountId;
use crate::engine::desk::{self, UnappliedOf};

const EXAMPLES: &str = "\
Examples:
  kasacare unapplied list
  kasacare unapplied list --account acc-1
  kasacare unapplied apply acc-1 ch_sub-1_1_0_1 --quote
  kasacare unapplied apply acc-1 ch_sub-1_1_0_1 --to in_sub-1_1_3 --amount 10.81 --by \"J. Doe\" --reason \"as agreed\"
  kasacare unapplied pay-out acc-1 ch_sub-1_1_0_1 --by \"J. Doe\" --reason \"nothing is owed\"

Cash is unapplied (2320) where more was captured than asked for, or where a dispute was won that had been lost. Applied, it pays the
oldest invoice first and collection costs last (PD-4), or what --to names. Paid out, it goes back to the payment that it came
with, up to what that can take back (RF-4). The task about it is closed when nothing is left. What a refund moved too much (1290) is
listed as excess_refund; `kasacare write-off ACCOUNT REFUND` gives it up.";

/// List cash that pays nothing; apply it to what is owed, or pay it out
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done with unapplied cash.
#[derive(Debug, Subcommand)]
enum What {
    /// List it, payment by payment
    #[command(after_help = EXAMPLES)]
    List(List),
    /// Apply it to invoices and collection costs that are owed (PD-4)
    #[command(after_help = EXAMPLES)]
    Apply(Apply),
    /// Pay it out to the payment that it came with (RF-4)
    #[command(after_help = EXAMPLES)]
    PayOut(PayOut),
}

#[derive(Debug, clap::Args)]
struct List {
    /// This account alone
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountId>,
}

#[derive(Debug, clap::Args)]
struct Apply {
    #[command(flatten)]
    of: Of,
    /// The invoice (in_…) or collection cost (cc_…) to pay; the oldest invoice first where it is left out
    #[arg(long, value_name = "INVOICE_OR_COST")]
    to: Option<String>,
    #[command(flatten)]
    act: Act,
}

#[derive(Debug, clap::Args)]
struct PayOut {
    #[command(flatten)]
    of: Of,
    #[command(flatten)]
    act: Act,
}

/// The payment, and how much of what is unapplied of it.
#[derive(Debug, clap::Args)]
struct Of {
    /// The account
    account: AccountId,
    /// The payment, by the id of its charge (ch_…)
    charge: String,
    /// How much; as much as is possible where it is left out
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    amount: Option<String>,
}

/// Lists, applies or pays out.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        What::List(of) => list(of.account.as_ref(), context).await,
        What::Apply(Apply { of, to, act }) => {
            let desk = Desk::open(context, act, &of.account).await?;
            let amount = of.amount.as_deref().map(|amount| desk.amount("--amount", amount)).transpose()?;
            let plan = |draft: &mut crate::domain::change::Draft<'_>| draft.apply_unapplied(&of.charge, to.as_deref(), amount);
            desk.perform("apply_unapplied", Role::Operator, plan).await
        }
        What::PayOut(PayOut { of, act }) => {
            let desk = Desk::open(context, act, &of.account).await?;
            let amount = of.amount.as_deref().map(|amount| desk.amount("--amount", amount)).transpose()?;
            desk.perform("pay_out_unapplied", Role::Operator, |draft| draft.pay_out_unapplied(&of.charge, amount)).await
        }
    }
}

async fn list(account: Option<&AccountId>, context: &Context) -> Result<Exit, CliError> {
    let found = database::read(context, async |db| desk::unapplied(db, account).await).await?;
    let text = match context.format {
        Format::Table => in_words(&found),
        Format::Json => pretty(&json!({ "unapplied": found.iter().map(shown).collect::<Vec<_>>() })),
    };
    write(&text).map(|()| Exit::Done)
}

/// The ledger account on which it stands.
const fn ledger(cause: UnappliedCause) -> u16 {
    match cause {
        UnappliedCause::Overpaid | UnappliedCause::DisputeWonLate => crate::domain::ledger::UNAPPLIED.number,
        UnappliedCause::ExcessRefund => crate::domain::ledger::UNMATCHED.number,
    }
}

fn shown(UnappliedOf { account, unapplied }: &UnappliedOf) -> serde_json::Value {
    json!({
        "account": account,
        "of": unapplied.of,
        "cause": unapplied.cause.as_str(),
        "ledger_account": ledger(unapplied.cause),
        "amount": unapplied.amount,
        "moved_on": unapplied.moved_on,
    })
}

fn in_words(found: &[UnappliedOf]) -> String {
    if found.is_empty() {
        return "Nothing is unapplied.\n".to_owned();
    }
    let mut table = table(&["account", "payment or refund", "moved on", "cause", "ledger", "amount"]);
    for UnappliedOf { account, unapplied } in found {
        table.add_row([
            account.to_string(),
            unapplied.of.clone(),
            unapplied.moved_on.map(|on| on.to_string()).unwrap_or_default(),
            unapplied.cause.as_str().to_owned(),
            ledger(unapplied.cause).to_string(),
            unapplied.amount.to_string(),
        ]);
    }
    format!("{table}\n{} unapplied\n", found.len())
}
