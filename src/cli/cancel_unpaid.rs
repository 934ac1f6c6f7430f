//! `kasacare cancel-unpaid`: PD-3, one subscription or all that have been behind for so many days.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::act::{Act, Desk, Role};
use super::change::{self, Stored, write};
use super::{CliError, Context, Exit, Format, database};
use crate::domain::change::{Change, Draft, Planned};
use crate::domain::ids::{AccountId, SubscriptionId};
use crate::engine::{Engine, EngineError, Who, desk};
use crate::store::StoreError;
use crate::store::desk::PastDue;

/// The kind of the decision.
const KIND: &str = "cancel_unpaid";

const EXAMPLES: &str = "\
Examples:
  kasacare cancel-unpaid acc-1 sub-1 --quote
  kasacare cancel-unpaid acc-1 sub-1 --by \"J. Doe\" --reason \"no answer to three letters\"
  kasacare cancel-unpaid --past-due-days 60 --by \"J. Doe\" --reason \"monthly run\"

With --past-due-days each account is done by itself; one that is refused (a charge is under way, it is parked) is named and left as
it is, and the exit code is 1 then.";

/// End what is not paid for: one subscription, or all that have been past due for so many days (PD-3)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["account", "past_due_days"]))]
pub struct Args {
    /// The account
    #[arg(requires = "subscription")]
    account: Option<AccountId>,
    /// The subscription
    subscription: Option<SubscriptionId>,
    /// All subscriptions that have been past due for so many days or more
    #[arg(long, value_name = "DAYS", conflicts_with = "subscription")]
    past_due_days: Option<u32>,
    #[command(flatten)]
    act: Act,
}

/// Ends them.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match (&args.account, &args.subscription, args.past_due_days) {
        (Some(account), Some(subscription), _) => {
            let desk = Desk::open(context, &args.act, account).await?;
            desk.perform(KIND, Role::Operator, |draft| draft.cancel_unpaid(subscription)).await
        }
        (_, _, days) => all(days.unwrap_or(u32::MAX), &args.act, context).await,
    }
}

/// What became of one account.
enum Outcome {
    Ended(Box<Change>, Vec<SubscriptionId>),
    Before,
    Refused(EngineError),
}

async fn all(days: u32, act: &Act, context: &Context) -> Result<Exit, CliError> {
    let who = act.who(Role::Operator, &context.request)?;
    let engine = Engine::open(database::open(context, 1).await?, act.as_of.clock()).await?;
    let behind = desk::past_due_for(&engine.db, days, engine.clock.now()).await?;
    let stored = if act.quote { Stored::Quoted } else { Stored::Done };
    let mut report = Report::begin(context.format, stored)?;
    for (account, subscriptions) in by_account(behind) {
        let outcome = end(&engine, &account, subscriptions, &who, act.quote).await?;
        report.tell(&account, outcome)?;
    }
    engine.db.close().await;
    report.finish(days)
}

fn by_account(behind: Vec<PastDue>) -> BTreeMap<AccountId, Vec<SubscriptionId>> {
    let mut accounts: BTreeMap<AccountId, Vec<SubscriptionId>> = BTreeMap::new();
    for other in behind {
        accounts.entry(other.account).or_default().push(other.subscription);
    }
    accounts
}

async fn end(
    engine: &Engine,
    account: &AccountId,
    subscriptions: Vec<SubscriptionId>,
    who: &Who,
    quote: bool,
) -> Result<Outcome, CliError> {
    let plan = |draft: &mut Draft<'_>| -> Planned { subscriptions.iter().try_for_each(|id| draft.cancel_unpaid(id)) };
    let outcome = if quote { engine.quote(account, KIND, who, plan).await } else { engine.execute(account, KIND, who, plan).await };
    match outcome {
        Ok((change, ())) => Ok(Outcome::Ended(Box::new(change), subscriptions)),
        Err(EngineError::Store(StoreError::AlreadyDone { .. })) => Ok(Outcome::Before),
        Err(refused @ EngineError::Refused { .. }) if super::error::is_of_the_account(&refused) => Ok(Outcome::Refused(refused)),
        Err(error) => Err(error.into()),
    }
}

/// Tells of one account after the other, so that none is kept in memory.
struct Report {
    format: Format,
    stored: Stored,
    ended: usize,
    changes: usize,
    refused: Vec<Value>,
    before: Vec<AccountId>,
}

impl Report {
    fn begin(format: Format, stored: Stored) -> Result<Self, CliError> {
        if format == Format::Json {
            write(&format!("{{ \"quote\": {}, \"changes\": [\n", stored == Stored::Quoted))?;
        }
        Ok(Self { format, stored, ended: 0, changes: 0, refused: Vec::new(), before: Vec::new() })
    }

    fn tell(&mut self, account: &AccountId, outcome: Outcome) -> Result<(), CliError> {
        let line = match outcome {
            Outcome::Ended(change, ids) => {
                self.ended += ids.len();
                self.changes += 1;
                if self.format == Format::Json {
                    let comma = if self.changes > 1 { ",\n" } else { "" };
                    return write(&format!("{comma}{}", change::json::shown(&change, self.stored)));
                }
                let ids: Vec<&str> = ids.iter().map(AsRef::as_ref).collect();
                format!("{account}: {} ends, {}\n", ids.join(" and "), change::words::owed(&change))
            }
            Outcome::Before => {
                self.before.push(account.clone());
                format!("{account}: already done\n")
            }
            Outcome::Refused(error) => {
                self.refused.push(json!({ "account": account, "message": error.to_string() }));
                format!("{account}: refused: {error}\n")
            }
        };
        if self.format == Format::Table { write(&line) } else { Ok(()) }
    }

    fn finish(self, days: u32) -> Result<Exit, CliError> {
        let (ended, refused) = (self.ended, self.refused.len());
        write(&match (self.format, self.stored) {
            (Format::Json, _) => format!("\n], \"refused\": {}, \"already_done\": {} }}\n", Value::from(self.refused), json!(self.before)),
            (Format::Table, Stored::Quoted) => {
                format!("{ended} past due for {days} days or more would end, {refused} accounts refused. Nothing has been changed.\n")
            }
            (Format::Table, Stored::Done) => format!("{ended} past due for {days} days or more ended, {refused} accounts refused.\n"),
        })?;
        Ok(if refused > 0 { Exit::Found } else { Exit::Done })
    }
}
