//! `kasacare tasks`: what a person has to do, and closing it.

use clap::Subcommand;
use serde_json::json;

use super::act::{Act, Desk, Role};
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database, table};
use crate::domain::ids::AccountId;
use crate::engine::desk;
use crate::store::desk::ListedTask;

const EXAMPLES: &str = "\
Examples:
  kasacare tasks
  kasacare tasks --account acc-1
  kasacare tasks close acc-1 tk_refund_failed_re_sub-1_1_0_1_1 --by \"J. Doe\" --reason \"told; stays account credit\"";

/// List what people have to do; `tasks close` marks one as done
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// Every task of this account, closed ones included
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<AccountId>,
}

/// What is done with tasks.
#[derive(Debug, Subcommand)]
enum What {
    /// Mark a task as done
    Close(Close),
}

/// A task that is done.
#[derive(Debug, clap::Args)]
struct Close {
    /// The account
    account: AccountId,
    /// The task, by its id (tk_…)
    task: String,
    #[command(flatten)]
    act: Act,
}

/// Lists or closes.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        None => list(args.account.as_ref(), context).await,
        Some(What::Close(close)) => {
            let desk = Desk::open(context, &close.act, &close.account).await?;
            desk.perform("close_task", Role::Operator, |draft| draft.finish_task(&close.task)).await
        }
    }
}

async fn list(account: Option<&AccountId>, context: &Context) -> Result<Exit, CliError> {
    let tasks = database::read(context, async |db| {
        if let Some(account) = account {
            desk::must_exist(db, account).await?;
        }
        desk::tasks(db, account).await
    })
    .await?;
    let text = match context.format {
        Format::Table => in_words(&tasks),
        Format::Json => pretty(&json!({ "tasks": tasks.iter().map(shown).collect::<Vec<_>>() })),
    };
    write(&text).map(|()| Exit::Done)
}

fn shown(task: &ListedTask) -> serde_json::Value {
    json!({
        "account": task.account,
        "task": task.task,
        "kind": task.kind,
        "subject": task.subject,
        "amount": task.amount,
        "opened_on": task.opened_on,
        "closed_on": task.closed_on,
    })
}

fn in_words(tasks: &[ListedTask]) -> String {
    if tasks.is_empty() {
        return "Nothing is to be done.\n".to_owned();
    }
    let mut table = table(&["opened", "account", "task", "kind", "amount", "closed"]);
    for task in tasks {
        table.add_row([
            task.opened_on.to_string(),
            task.account.to_string(),
            task.task.clone(),
            task.kind.clone(),
            task.amount.map(|amount| amount.to_string()).unwrap_or_default(),
            task.closed_on.map(|on| on.to_string()).unwrap_or_default(),
        ]);
    }
    let open = tasks.iter().filter(|task| task.closed_on.is_none()).count();
    format!("{table}\n{open} open\n")
}
