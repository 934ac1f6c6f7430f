//! `kasacare payment-method`: PD-2, PP-3.

use super::act::{Act, Desk, Role};
use super::provider::{self, StripeArgs};
use super::{CliError, Context, Exit};
use crate::clock::Clock;
use crate::domain::change::operator::NewMethod;
use crate::domain::ids::AccountId;
use crate::import::PaymentMethodRow;
use crate::provider::{Enrolment, ProviderError};

const EXAMPLES: &str = "\
Example:
  kasacare payment-method acc-1 --token pm_7f3a --label \"Visa ending 4242\" --expires 2029-08

Only the provider's token is taken, never a card number (PP-3). With Stripe's key in the environment the method is attached to the
account's customer there, who is made if need be. What is owed is tried at once with the new method, oldest first.";

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
    #[command(flatten)]
    stripe: StripeArgs,
}

/// Replaces the method.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let method = PaymentMethodRow::parse(&args.token, &args.label, args.expires.as_deref())
        .map_err(|(field, problem)| CliError::Option { option: option(field), problem: problem.to_string() })?;
    let desk = Desk::open(context, &args.act, &args.account).await?;
    if method.expires_on.is_some_and(|last_day| last_day < desk.today()) {
        return Err(CliError::Option { option: "--expires", problem: "the method has expired already".to_owned() });
    }
    let token = if args.act.quote { method.token } else { enrolled(args, &desk, method.token).await? };
    let method = NewMethod { token, label: method.label, expires_on: method.expires_on };
    desk.perform("replace_method", Role::Customer, |draft| draft.replace_method(&method)).await
}

/// The token under which the method can be charged while its owner is away: with Stripe, attached to the account's customer there.
async fn enrolled(args: &Args, desk: &Desk<'_>, token: String) -> Result<String, CliError> {
    if args.stripe.key()?.is_none() {
        return Ok(token);
    }
    let provider = provider::of(&args.stripe, desk.db(), Clock::System).await?;
    let enrolment = Enrolment { account_id: args.account.clone(), token, on_file: desk.method_token().map(str::to_owned) };
    provider.enrol(&enrolment).await.map_err(|error| match error {
        ProviderError::Refused { .. } => CliError::Option { option: "--token", problem: error.to_string() },
        _ => CliError::Environment(format!("{error}; nothing was put on file")),
    })
}

/// The option for a field of the import row.
fn option(field: &str) -> &'static str {
    match field {
        "payment_method_token" => "--token",
        "payment_method_label" => "--label",
        _ => "--expires",
    }
}
