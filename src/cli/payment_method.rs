//! `kasacare payment-method`: PD-2, PP-3.

use super::act::{Act, Desk, Role};
use super::{CliError, Context, Exit};
use crate::domain::change::operator::NewMethod;
use crate::domain::ids::AccountId;
use crate::import::PaymentMethodRow;

const EXAMPLES: &str = "\
Example:
  kasacare payment-method acc-1 --token pm_7f3a --label \"Visa ending 4242\" --expires 2029-08

Only the provider's token is taken, never a card number (PP-3). What is owed is tried at once with the new method, oldest first.";

/// Put a payment method on file; what is owed is charged to it at once (PD-2)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The account
    account: AccountId,
    /// The provider's token
    #[arg(long, value_name = "TOKEN")]
    token: String,
    /// What the customer recognises: "Visa ending 4242"
    #[arg(long, value_name = "TEXT")]
    label: String,
    /// Last month of validity; leave out for methods that do not expire
    #[arg(long, value_name = "YYYY-MM")]
    expires: Option<String>,
    #[command(flatten)]
    act: Act,
}

/// Replaces the method.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let method = PaymentMethodRow::parse(&args.token, &args.label, args.expires.as_deref())
        .map_err(|(field, problem)| CliError::Option { option: option(field), problem: problem.to_string() })?;
    let desk = Desk::open(context, &args.act, &args.account).await?;
    if method.expires_on.is_some_and(|last_day| last_day < desk.today()) {
        return Err(CliError::Option { option: "--expires", problem: "the method has expired already".to_owned() });
    }
    let method = NewMethod { token: method.token, label: method.label, expires_on: method.expires_on };
    desk.perform("replace_method", Role::Customer, |draft| draft.replace_method(&method)).await
}

/// The option for a field of the import row.
fn option(field: &str) -> &'static str {
    match field {
        "payment_method_token" => "--token",
        "payment_method_label" => "--label",
        _ => "--expires",
    }
}
