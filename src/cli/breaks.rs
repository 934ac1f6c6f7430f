//! `kasacare breaks`: what people do about differences (RC-2).

use chrono::NaiveDate;
use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::act::{BY_CHARS_MAX, REASON_CHARS_MAX, one_line};
use super::as_of::AsOf;
use super::change::{pretty, write};
use super::{AnyFormat, CliError, Context, Exit, Format, database, table};
use crate::domain::reconcile::{BreakState, age_band, age_days};
use crate::engine::reconcile::ReconcileError;
use crate::engine::reconcile::acts::{self, Act, By, StoredBreak};
use crate::reports::neutral;
use crate::store::db::Db;

const EXAMPLES: &str = "\
Examples:
  kasacare breaks list
  kasacare breaks show br_0123456789abcdef
  kasacare breaks assign br_0123456789abcdef --to \"R. Roe\" --by \"J. Doe\" --reason \"knows the bank\"
  kasacare breaks explain br_0123456789abcdef --by \"J. Doe\" --reason \"the provider credits it on Monday\"
  kasacare breaks resolve br_0123456789abcdef --book fee --by \"J. Doe\" --reason \"fee for the terminal\"
  kasacare breaks match br_0123456789abcdef --payout po_1 --payout po_2 --by \"J. Doe\" --reason \"one transfer\"
  kasacare breaks write-off br_0123456789abcdef --by \"J. Doe\" --approved-by \"R. Roe\" --reason \"not to be found\"

`breaks list --format csv` is for spreadsheets. One person may book or give up 50.00 alone, two may 5000.00 (in currencies without minor units 5000 and 500000).";

/// List differences that a reconciliation has found, and deal with them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

impl Args {
    /// What it can be printed as.
    pub const fn formats(&self) -> &'static [AnyFormat] {
        match self.what {
            What::List(_) => &[AnyFormat::Table, AnyFormat::Csv, AnyFormat::Json],
            _ => AnyFormat::USUAL,
        }
    }
}

/// What is done about breaks.
#[derive(Debug, Subcommand)]
enum What {
    /// List breaks, the oldest first
    List(List),
    /// Show a break with all that was done about it
    Show(Named),
    /// Say who is to deal with it
    Assign(Assign),
    /// Say why it is there, and take it on
    Explain(Done),
    /// Say that it was dealt with; `--book fee` books what waits on 1290 as a fee of the provider (5000)
    Resolve(Resolve),
    /// Give it up (5900)
    WriteOff(Done),
    /// Confirm that a line of the bank is several payouts
    Match(Match),
}

/// Which breaks.
#[derive(Debug, clap::Args)]
struct List {
    /// Closed ones, too
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    as_of: AsOf,
}

/// One break.
#[derive(Debug, clap::Args)]
struct Named {
    /// The break (br_…)
    #[arg(value_name = "BREAK")]
    id: String,
}

/// An act on a break.
#[derive(Debug, clap::Args)]
struct Done {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    by: Signed,
}

/// Who acts, and why.
#[derive(Debug, clap::Args)]
struct Signed {
    /// Who decides
    #[arg(long, value_name = "NAME", required = true)]
    by: String,
    /// Why
    #[arg(long, value_name = "TEXT", required = true)]
    reason: String,
    /// Who else agrees, where the amount asks for a second person
    #[arg(long, value_name = "NAME")]
    approved_by: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
}

/// Whose it is.
#[derive(Debug, clap::Args)]
struct Assign {
    #[command(flatten)]
    done: Done,
    /// Who is to deal with it
    #[arg(long, value_name = "NAME", required = true)]
    to: String,
}

/// A resolution.
#[derive(Debug, clap::Args)]
struct Resolve {
    #[command(flatten)]
    done: Done,
    /// What the amount is
    #[arg(long, value_enum, value_name = "WHAT")]
    book: Option<BookAs>,
}

/// What an amount can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BookAs {
    /// A fee of the provider (5000)
    Fee,
}

/// Payouts that are one line.
#[derive(Debug, clap::Args)]
struct Match {
    #[command(flatten)]
    done: Done,
    /// A payout of it; give each
    #[arg(long = "payout", value_name = "PAYOUT", required = true)]
    payouts: Vec<String>,
}

impl Signed {
    async fn by(&self, db: &Db) -> Result<By, CliError> {
        let second = self.approved_by.as_deref();
        Ok(By {
            actor: one_line("--by", &self.by, BY_CHARS_MAX)?,
            reason: one_line("--reason", &self.reason, REASON_CHARS_MAX)?,
            approved_by: second.map(|name| one_line("--approved-by", name, BY_CHARS_MAX)).transpose()?,
            at: self.as_of.with_money(db).await?,
        })
    }
}

/// Lists, shows or acts.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    match &args.what {
        What::List(list) => {
            let states = [BreakState::Open, BreakState::Explained, BreakState::Resolved, BreakState::WrittenOff];
            let breaks = database::read(context, async |db| acts::list(db, if list.all { &states } else { &states[..2] }).await).await?;
            let today = list.as_of.clock().now().date_naive();
            write(&listed(&breaks, today, context.asked)?).map(|()| Exit::Done)
        }
        What::Show(named) => {
            let (found, acts) = database::read(context, async |db| acts::show(db, &named.id).await).await?;
            write(&in_full(&found, &acts, context.format)).map(|()| Exit::Done)
        }
        What::Assign(Assign { done, to }) => {
            let owner = one_line("--to", to, BY_CHARS_MAX)?;
            decide(done, context, async |db, by| acts::assign(db, &done.named.id, &owner, by).await).await
        }
        What::Explain(done) => decide(done, context, async |db, by| acts::explain(db, &done.named.id, by).await).await,
        What::Resolve(Resolve { done, book }) => {
            decide(done, context, async |db, by| acts::resolve(db, &done.named.id, book.is_some(), by).await).await
        }
        What::WriteOff(done) => decide(done, context, async |db, by| acts::write_off(db, &done.named.id, by).await).await,
        What::Match(Match { done, payouts }) => {
            decide(done, context, async |db, by| acts::match_payouts(db, &done.named.id, payouts, by).await).await
        }
    }
}

async fn decide(
    done: &Done,
    context: &Context,
    act: impl AsyncFnOnce(&Db, &By) -> Result<StoredBreak, ReconcileError>,
) -> Result<Exit, CliError> {
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let found = match done.by.by(&db).await {
        Ok(by) => act(&db, &by).await.map_err(CliError::from),
        Err(error) => Err(error),
    };
    db.close().await;
    told(&found?, context).map(|()| Exit::Done)
}

fn told(found: &StoredBreak, context: &Context) -> Result<(), CliError> {
    match context.format {
        Format::Table => {
            let state = found.state.tag().replace('_', " ");
            let whose = found.owner.as_ref().filter(|_| found.state == BreakState::Open);
            let whose = whose.map(|owner| format!(" and assigned to {owner}")).unwrap_or_default();
            write(&format!("Break {} is {state}{whose}.\n", found.id))
        }
        Format::Json => write(&pretty(&json!({ "break": shown(found) }))),
    }
}

fn shown(found: &StoredBreak) -> Value {
    json!({
        "id": found.id,
        "provider": found.provider,
        "kind": found.kind,
        "state": found.state,
        "owner": found.owner,
        "reason": found.reason,
        "since": found.since,
        "amount": found.amount,
        "set_aside": found.aside,
        "account": found.account,
        "ours": found.ours,
        "theirs": found.theirs,
        "proposal": found.proposal,
        "first_run": found.first_run,
        "last_run": found.last_run,
    })
}

/// What a list has of each: the age is that of a day, and of what waits alone.
const COLUMNS: [&str; 12] =
    ["break", "provider", "kind", "state", "owner", "since", "age", "currency", "amount", "ours", "theirs", "proposal"];

fn listed(breaks: &[StoredBreak], today: NaiveDate, format: Option<AnyFormat>) -> Result<String, CliError> {
    let age = |found: &StoredBreak| found.state.waits().then(|| age_days(found.since, today));
    let cells = |found: &StoredBreak| {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        [
            found.id.clone(),
            found.provider.clone(),
            found.kind.tag().to_owned(),
            found.state.tag().to_owned(),
            text(&found.owner),
            found.since.to_string(),
            age(found).map(|days| days.to_string()).unwrap_or_default(),
            found.amount.currency().code().to_owned(),
            found.amount.major(),
            text(&found.ours),
            text(&found.theirs),
            found.proposal.clone(),
        ]
    };
    match format {
        Some(AnyFormat::Json) => {
            let shown = breaks.iter().map(|found| {
                let mut shown = shown(found);
                shown["age_days"] = json!(age(found));
                shown
            });
            Ok(pretty(&json!({ "breaks": shown.collect::<Vec<_>>() })))
        }
        Some(AnyFormat::Csv) => {
            let refused = |error: csv::Error| CliError::Write(error.into());
            let mut out = csv::Writer::from_writer(Vec::new());
            out.write_record(COLUMNS).map_err(refused)?;
            for found in breaks {
                // The amount is the one cell that may begin with a sign.
                let cells = cells(found).into_iter().zip(COLUMNS);
                let cells = cells.map(|(cell, name)| if name == "amount" { cell } else { neutral(&cell).into_owned() });
                out.write_record(cells).map_err(refused)?;
            }
            let bytes = out.into_inner().map_err(|error| CliError::Write(error.into_error()))?;
            String::from_utf8(bytes).map_err(|error| CliError::Write(std::io::Error::other(error)))
        }
        _ if breaks.is_empty() => Ok("No breaks.\n".to_owned()),
        _ => {
            let mut table = table(&COLUMNS);
            for found in breaks {
                table.add_row(cells(found));
            }
            Ok(format!("{table}\n"))
        }
    }
}

fn in_full(found: &StoredBreak, acts: &[Act], format: Format) -> String {
    if format == Format::Json {
        let acts: Vec<Value> = acts
            .iter()
            .map(|act| json!({ "at": act.at, "act": act.act, "by": act.actor, "approved_by": act.approved_by, "reason": act.reason }))
            .collect();
        return pretty(&json!({ "break": shown(found), "acts": acts }));
    }
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let last = acts.last().map_or(found.since, |act| act.at.date_naive());
    let lines = [
        ("provider", found.provider.clone()),
        ("kind", found.kind.tag().to_owned()),
        ("state", found.state.tag().to_owned()),
        ("owner", text(&found.owner)),
        ("since", format!("{} ({} days when it was last touched)", found.since, age_band(found.since, last))),
        ("ours less theirs", found.amount.to_string()),
        (if found.state.waits() { "waits on 1290" } else { "went over 1290" }, found.aside.to_string()),
        ("customer", text(&found.account)),
        ("ours", text(&found.ours)),
        ("theirs", text(&found.theirs)),
        ("proposal", found.proposal.clone()),
        ("runs", format!("{} to {}", found.first_run, found.last_run)),
    ];
    let mut shown = format!("break {}\n", found.id);
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        shown.push_str(&format!("  {name:<16}  {value}\n"));
    }
    for act in acts {
        let second = act.approved_by.as_ref().map(|second| format!(", agreed by {second}")).unwrap_or_default();
        let reason = act.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        shown.push_str(&format!("  {}  {} by {}{second}{reason}\n", act.at.format("%Y-%m-%dT%H:%M:%SZ"), act.act, act.actor));
    }
    shown
}
