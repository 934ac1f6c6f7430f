//! `kasacare parked`: PV-8.

use comfy_table::Table;
use serde_json::json;

use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, as_of, database, table};
use crate::engine::desk;
use crate::store::desk::ParkedAccount;

const EXAMPLES: &str = "\
Examples:
  kasacare parked
  kasacare --format json parked";

/// List the accounts on which nothing is billed, with the reason (PV-8)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {}

/// Prints the list.
pub async fn run(_args: &Args, context: &Context) -> Result<Exit, CliError> {
    let parked = database::read(context, async |db| desk::parked(db).await).await?;
    let text = match context.format {
        Format::Table => in_words(&parked),
        Format::Json => pretty(&json!({ "parked": parked.iter().map(shown).collect::<Vec<_>>() })),
    };
    write(&text).map(|()| Exit::Done)
}

fn shown(parked: &ParkedAccount) -> serde_json::Value {
    json!({ "account": parked.account, "since": as_of::json(parked.since), "code": parked.code, "reason": parked.reason })
}

fn in_words(parked: &[ParkedAccount]) -> String {
    if parked.is_empty() {
        return "No account is parked.\n".to_owned();
    }
    let mut table: Table = table(&["account", "since", "code", "reason"]);
    for account in parked {
        table.add_row([account.account.to_string(), as_of::shown(account.since), account.code.clone(), account.reason.clone()]);
    }
    format!("{table}\n{} parked; `kasacare release ACCOUNT` bills one again\n", parked.len())
}
