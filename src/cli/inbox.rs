//! `kasacare inbox`: what providers sent, and what became of it (PV-4).

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::act::{BY_CHARS_MAX, REASON_CHARS_MAX, one_line};
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, as_of, database, table};
use crate::clock::Clock;
use crate::provider::{Fact, Meaning, Reading, vendors};
use crate::store::db::Db;
use crate::store::inbox::{self, Entry};

const EXAMPLES: &str = "\
Examples:
  kasacare inbox list                                   what waits for a person, or was tried and has to wait
  kasacare inbox list --state all --limit 20
  kasacare inbox show evt_1PqXy2                        why, and what the event says
  kasacare inbox show evt_1PqXy2 --body                 as it was sent; it may hold personal data
  kasacare inbox retry evt_1PqXy2                       process it again with the next run
  kasacare inbox discard evt_1PqXy2 --by \"J. Doe\" --reason \"charge of the old shop, refunded there\"

Exit code 1 of `inbox list` says that something waits for a person.";

/// List what providers sent and could not be applied; look at it, try it again, or discard it (PV-4)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List events, the newest first
    List(List),
    /// Show one event
    Show(Show),
    /// Have an event processed again
    Retry(Retry),
    /// Give an event up, for a recorded reason; also one that is kept for an account that will never take it
    Discard(Discard),
}

#[derive(Debug, clap::Args)]
struct List {
    /// Which ones
    #[arg(long, value_enum, default_value_t = Which::Open)]
    state: Which,
    /// How many at most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Which {
    /// Quarantined, waiting after a try, and kept for a parked account
    Open,
    /// Waiting, tried or not
    New,
    /// Waiting for a person
    Quarantined,
    /// Kept, because their account could not take them yet
    Kept,
    /// Processed
    Done,
    /// Given up
    Discarded,
    /// All of them
    All,
}

impl Which {
    const fn states(self) -> &'static [&'static str] {
        match self {
            Self::Open => &["new", "quarantined"],
            Self::New => &["new"],
            Self::Kept => &[],
            Self::Quarantined => &["quarantined"],
            Self::Done => &["done"],
            Self::Discarded => &["discarded"],
            Self::All => &["new", "done", "quarantined", "discarded"],
        }
    }

    const fn kept(self) -> bool {
        matches!(self, Self::Open | Self::Kept)
    }

    const fn tries(self) -> i64 {
        if matches!(self, Self::Open) { 1 } else { 0 }
    }
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The provider's id of the event
    event: String,
    /// The provider, where several use the same id
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Show {
    #[command(flatten)]
    named: Named,
    /// Print the event as it was sent, and nothing else
    #[arg(long)]
    body: bool,
}

#[derive(Debug, clap::Args)]
struct Retry {
    #[command(flatten)]
    named: Named,
    /// Who decides
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

#[derive(Debug, clap::Args)]
struct Discard {
    #[command(flatten)]
    named: Named,
    /// Who decides
    #[arg(long, value_name = "NAME")]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Lists, shows or decides.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        What::List(asked) => database::read(context, async |db| list(db, asked, context.format).await).await,
        What::Show(asked) => database::read(context, async |db| show(db, asked, context.format).await).await,
        What::Retry(asked) => decide(context, async |db| retry(db, asked, context.format).await).await,
        What::Discard(asked) => decide(context, async |db| discard(db, asked, context.format).await).await,
    }
}

async fn decide(context: &Context, act: impl AsyncFnOnce(&Db) -> Result<Exit, CliError>) -> Result<Exit, CliError> {
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let done = act(&db).await;
    db.close().await;
    done
}

async fn list(db: &Db, asked: &List, format: Format) -> Result<Exit, CliError> {
    let mut tx = db.begin_read().await?;
    let entries = inbox::list(&mut tx, asked.state.states(), asked.state.tries(), asked.state.kept(), asked.limit).await?;
    tx.rollback().await?;
    let text = match format {
        Format::Json => pretty(&json!({ "events": entries.iter().map(shown).collect::<Vec<_>>() })),
        Format::Table if entries.is_empty() => "No such event.\n".to_owned(),
        Format::Table => in_rows(&entries),
    };
    write(&text)?;
    let is_kept = |entry: &Entry| asked.state.kept() && entry.outcome.as_deref() == Some("kept");
    let waits = entries.iter().any(|entry| entry.state == "quarantined" || is_kept(entry));
    Ok(if waits { Exit::Found } else { Exit::Done })
}

fn in_rows(entries: &[Entry]) -> String {
    let mut table = table(&["received", "provider", "event", "type", "state", "tries", "account", "what came of it"]);
    for entry in entries {
        let result = entry.reason.as_deref().or(entry.outcome.as_deref()).unwrap_or_default();
        table.add_row([
            as_of::shown(entry.received_at),
            entry.provider.clone(),
            entry.event.clone(),
            entry.kind.clone(),
            entry.state.clone(),
            entry.tries.to_string(),
            entry.known.account.as_ref().map(ToString::to_string).unwrap_or_default(),
            result.to_owned(),
        ]);
    }
    format!("{table}\n{} listed\n", entries.len())
}

fn shown(entry: &Entry) -> Value {
    json!({
        "provider": entry.provider,
        "event": entry.event,
        "type": entry.kind,
        "source": entry.source,
        "state": entry.state,
        "received_at": as_of::json(entry.received_at),
        "occurred_at": entry.known.occurred_at.map(as_of::json),
        "processed_at": entry.processed_at.map(as_of::json),
        "due_at": entry.due_at.map(as_of::json),
        "tries": entry.tries,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "by": entry.actor,
        "object": entry.known.object,
        "account": entry.known.account,
        "live": entry.known.live,
    })
}

/// The one event that is meant, with its body as stored.
async fn find(db: &Db, named: &Named) -> Result<(Entry, String), CliError> {
    let mut tx = db.begin_read().await?;
    let mut found = inbox::by_id(&mut tx, &named.event).await?;
    tx.rollback().await?;
    found.retain(|(entry, _)| named.provider.as_ref().is_none_or(|provider| *provider == entry.provider));
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(CliError::BadInput("several providers sent an event of this id; name one with --provider".to_owned())),
        (None, _) => Err(CliError::NotFound("there is no such event in the inbox".to_owned())),
    }
}

async fn show(db: &Db, asked: &Show, format: Format) -> Result<Exit, CliError> {
    let (entry, body) = find(db, &asked.named).await?;
    if asked.body {
        return write(&format!("{body}\n")).map(|()| Exit::Done);
    }
    let says = match vendors::reader(&entry.provider).map(|reader| reader.read(&body)) {
        Some(Ok(reading)) => said(&reading),
        Some(Err(unreadable)) => json!({ "unreadable": unreadable.to_string() }),
        None => json!({ "unreadable": "no provider of this name is known" }),
    };
    let mut all = shown(&entry);
    all["says"] = says;
    let text = match format {
        Format::Json => pretty(&json!({ "event": all })),
        Format::Table => in_words(&all),
    };
    write(&text).map(|()| Exit::Done)
}

/// What an event says, without what may be somebody's data.
fn said(reading: &Reading) -> Value {
    match &reading.meaning {
        Meaning::Nothing => json!("nothing that the books need to know"),
        Meaning::Foreign => json!("something about an object that is not ours"),
        Meaning::UnknownType => json!("something of a type that is not known"),
        Meaning::Facts { facts, .. } => facts.iter().map(fact).collect(),
    }
}

fn fact(fact: &Fact) -> Value {
    match fact {
        Fact::ChargeSucceeded { charge_id, reference, amount } => json!(format!("charge {charge_id} ({reference}) captured: {amount}")),
        Fact::ChargeDeclined { charge_id, reference, decline } => {
            json!(format!("charge {charge_id} ({reference}) declined: {}", decline.code))
        }
        Fact::RefundSucceeded { refund_id, reference, amount } => json!(format!("refund {refund_id} ({reference}) paid out: {amount}")),
        Fact::RefundFailed { refund_id, reference, amount, code } => {
            json!(format!("refund {refund_id} ({reference}) of {amount} failed: {code}"))
        }
        Fact::RefundNotAskedFor { reference, charge_reference, amount, .. } => {
            json!(format!("refund {reference} of {charge_reference} that we did not ask for: {amount}"))
        }
        Fact::DisputeOpened { dispute_id, charge_reference, amount, fee, .. } => {
            json!(format!("dispute {dispute_id} of {charge_reference} took {amount}, fee {fee}"))
        }
        Fact::DisputeWon { dispute_id, amount, .. } => json!(format!("dispute {dispute_id} brought {amount} back")),
        Fact::DisputeLost { dispute_id, amount, .. } => json!(format!("dispute {dispute_id} is lost: {amount}")),
        Fact::FraudWarning { charge_reference, .. } => json!(format!("{charge_reference} may be fraud")),
        Fact::MethodExtended { expires_on, .. } => json!(format!("the payment method is valid through {expires_on}")),
    }
}

fn in_words(all: &Value) -> String {
    let mut text = String::new();
    for (name, value) in all.as_object().into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Array(lines) => lines.iter().for_each(|line| text.push_str(&format!("{name:<13} {}\n", word(line)))),
            value => text.push_str(&format!("{name:<13} {}\n", word(value))),
        }
    }
    text
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn retry(db: &Db, asked: &Retry, format: Format) -> Result<Exit, CliError> {
    let by = asked.by.as_deref().map(|by| one_line("--by", by, BY_CHARS_MAX)).transpose()?;
    let (entry, _) = find(db, &asked.named).await?;
    let mut tx = db.begin().await?;
    let possible = inbox::retry(&mut tx, &entry, Clock::System.now(), by.as_deref()).await?;
    tx.commit().await?;
    decided(&entry, possible, format, "will be processed with the next run")
}

async fn discard(db: &Db, asked: &Discard, format: Format) -> Result<Exit, CliError> {
    let by = one_line("--by", &asked.by, BY_CHARS_MAX)?;
    let reason = one_line("--reason", &asked.reason, REASON_CHARS_MAX)?;
    let (entry, _) = find(db, &asked.named).await?;
    let mut tx = db.begin().await?;
    let possible = inbox::discard(&mut tx, &entry, Clock::System.now(), &by, &reason).await?;
    tx.commit().await?;
    decided(&entry, possible, format, "is discarded")
}

fn decided(entry: &Entry, possible: bool, format: Format, what: &'static str) -> Result<Exit, CliError> {
    if !possible {
        return Err(CliError::BadInput(format!("event {} is {}: nothing was changed", entry.event, entry.state)));
    }
    let text = match format {
        Format::Table => format!("Event {} {what}.\n", entry.event),
        Format::Json => pretty(&json!({ "event": entry.event, "provider": entry.provider, "done": what })),
    };
    write(&text).map(|()| Exit::Done)
}
