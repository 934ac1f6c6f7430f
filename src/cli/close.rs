//! `kasacare close`: closing months, and opening the last one again (RC-3).

use chrono::NaiveDate;
use clap::Subcommand;
use serde_json::{Value, json};

use super::act::{BY_CHARS_MAX, REASON_CHARS_MAX, one_line};
use super::as_of::{self, AsOf};
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database, table};
use crate::engine::closing::{self, Order};
use crate::reports::closing::{Allowed, BREAK_DAYS, Checklist, Item, checklist};
use crate::store::closings::Closing;

const EXAMPLES: &str = "\
Examples:
  kasacare close --month 2026-10 --quote
  kasacare close --month 2026-10 --by \"J. Doe\"
  kasacare close --reopen --month 2026-10 --by \"J. Doe\" --reason \"late file of the bank\"
  kasacare close list

A month is closed when it is over, all months before it that have entries are closed, and its checklist holds: the invariants of
kasacare check, recognition, the tie-outs of all reports, reconciliation, old breaks, and the clearing accounts. Closing seals it:
the number of entries, the last of them, and SHA-256 of the trial balance. From then on nothing is posted into it. What belongs to it
and comes later is posted in the open month, and names the day that it is about. Only the last closed month can be opened again.

Exit code 0: done. 1: --quote found that the checklist does not hold. 3: it does not hold, or a rule forbids it; nothing was changed.";

/// Close a month, with its checklist and its seal; or open the last one again
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// The month; with --reopen it may be left out, and must be the last closed one
    #[arg(long, value_name = "YYYY-MM", value_parser = month, required_unless_present = "reopen")]
    month: Option<NaiveDate>,
    /// Open the last closed month again
    #[arg(long)]
    reopen: bool,
    /// Go through the checklist and change nothing
    #[arg(long, conflicts_with = "reopen")]
    quote: bool,
    /// Who decides
    #[arg(long, value_name = "NAME", required_unless_present = "quote")]
    by: Option<String>,
    /// Why; required to open a month again
    #[arg(long, value_name = "TEXT", required_if_eq("reopen", "true"))]
    reason: Option<String>,
    /// Days after which a break must not be open any more
    #[arg(long, value_name = "DAYS", default_value_t = BREAK_DAYS)]
    breaks_older_than: u32,
    /// A parked account whose revenue is not recognised: the month is closed all the same, and the seal says so
    #[arg(long, value_name = "ACCOUNT", value_delimiter = ',')]
    parked: Vec<String>,
    /// Close the month although a provider was not reconciled through its end; the seal says so
    #[arg(long)]
    unreconciled: bool,
    #[command(flatten)]
    as_of: AsOf,
}

/// What else can be asked.
#[derive(Debug, Subcommand)]
enum What {
    /// List what was closed and opened again
    List,
}

/// A month as people write it.
fn month(text: &str) -> Result<NaiveDate, &'static str> {
    as_of::date(&format!("{text}-01")).map_err(|_| "write a month (2026-10), in the years 1 to 9998")
}

/// Runs it.
///
/// # Errors
/// [`CliError::Closing`] with what a rule forbids; trouble with the database.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let by = args.by.as_deref().map(|by| one_line("--by", by, BY_CHARS_MAX)).transpose()?.unwrap_or_default();
    let reason = args.reason.as_deref().map(|reason| one_line("--reason", reason, REASON_CHARS_MAX)).transpose()?;
    let at = args.as_of.clock().now();
    if args.what.is_some() {
        let db = database::open(context, 1).await?;
        write(&listed(&closing::list(&db).await?, context.format))?;
        return Ok(Exit::Done);
    }
    if args.reopen {
        let db = database::open(context, 1).await?;
        db.check_schema().await?;
        let reopened = closing::reopen(&db, args.month, at, &by, &reason.unwrap_or_default()).await?;
        write(&told(&reopened, &[], context.format))?;
        return Ok(Exit::Done);
    }
    let Some(month) = args.month else { return Err(CliError::BadInput("--month: name the month".to_owned())) };
    let allowed =
        Allowed { break_days: args.breaks_older_than, parked: args.parked.iter().cloned().collect(), unreconciled: args.unreconciled };
    let gone_through = database::read(context, async |db| {
        let mut tx = db.begin_read().await?;
        closing::may_close(&mut tx, month, at).await?;
        let gone_through = checklist(&mut tx, month, &allowed).await?;
        tx.rollback().await?;
        Ok::<_, CliError>(gone_through)
    })
    .await?;
    if args.quote || !gone_through.holds() {
        write(&quoted(month, &gone_through, context.format))?;
        let refused = if args.quote { Exit::Found } else { Exit::Refused };
        return Ok(if gone_through.holds() { Exit::Done } else { refused });
    }
    let checklist = gone_through.stored();
    let Checklist { items, seal, mark, .. } = gone_through;
    let db = database::open(context, 1).await?;
    let closed = closing::close(&db, &Order { month, at, actor: by, reason, seal, mark, checklist }).await?;
    write(&told(&closed, &items, context.format))?;
    Ok(Exit::Done)
}

fn name(month: NaiveDate) -> String {
    month.format("%Y-%m").to_string()
}

/// The checklist for people.
fn lines(items: &[Item]) -> String {
    let mut shown = table(&["", "checked", "found"]);
    shown.add_rows(items.iter().map(|item| [if item.holds { "ok" } else { "OPEN" }, item.name, &item.found]));
    format!("{shown}\n")
}

fn quoted(month: NaiveDate, gone_through: &Checklist, format: Format) -> String {
    let Checklist { items, seal, .. } = gone_through;
    match format {
        Format::Table => {
            let end = if gone_through.holds() { "can be closed" } else { "stays open" };
            format!("{}\n{} {end}: {} entries, digest {}\n", lines(items), name(month), seal.entries, seal.digest)
        }
        Format::Json => {
            let sealed = json!({ "entries": seal.entries, "last_entry": seal.last_entry, "digest": seal.digest });
            pretty(&json!({ "month": name(month), "can_be_closed": gone_through.holds(), "checklist": items, "seal": sealed }))
        }
    }
}

fn as_json(closing: &Closing) -> Value {
    let Closing { number, at, month, closed_through, act, seal, actor, reason, .. } = closing;
    json!({
        "number": number,
        "month": name(*month),
        "act": act.tag(),
        "at": as_of::json(*at),
        "by": actor,
        "reason": reason,
        "closed_through": closed_through,
        "entries": seal.entries,
        "last_entry": seal.last_entry,
        "digest": seal.digest,
    })
}

fn told(closing: &Closing, items: &[Item], format: Format) -> String {
    let Closing { month, act, seal, actor, .. } = closing;
    match format {
        Format::Table => {
            let checklist = if items.is_empty() { String::new() } else { format!("{}\n", lines(items)) };
            let last = seal.last_entry.as_deref().unwrap_or("none");
            let sealed = format!("{} entries, the last is {last}, digest {}", seal.entries, seal.digest);
            format!("{checklist}{} was {} by {actor}: {sealed}\n", name(*month), act.tag())
        }
        Format::Json => {
            let mut told = as_json(closing);
            if let (Value::Object(members), false) = (&mut told, items.is_empty()) {
                members.insert("checklist".to_owned(), json!(items));
            }
            pretty(&told)
        }
    }
}

fn listed(acts: &[Closing], format: Format) -> String {
    match format {
        Format::Table if acts.is_empty() => "No month was closed.\n".to_owned(),
        Format::Table => {
            let mut shown = table(&["month", "act", "when", "by", "entries", "digest", "reason"]);
            for closing in acts {
                let Closing { month, act, at, actor, seal, reason, .. } = closing;
                let digest: String = seal.digest.chars().take(16).collect();
                shown.add_row([
                    name(*month),
                    act.tag().to_owned(),
                    as_of::shown(*at),
                    actor.clone(),
                    seal.entries.to_string(),
                    digest,
                    reason.clone().unwrap_or_default(),
                ]);
            }
            format!("{shown}\n")
        }
        Format::Json => pretty(&acts.iter().map(as_json).collect()),
    }
}
