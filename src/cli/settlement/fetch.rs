//! `kasacare settlement fetch`: the provider's side of the money from its own interface, at once and to its end.

use serde_json::json;

use super::super::act::{BY_CHARS_MAX, one_line};
use super::super::as_of::{AsOf, Moment};
use super::super::change::{pretty, write};
use super::super::provider::{self, STRIPE_SECRET_KEY, StripeArgs};
use super::super::{CliError, Context, Exit, Format, database, log};
use crate::engine::Engine;
use crate::engine::settlement::fetched::{Fetch, FetchError, Fetched, Step};

pub(super) const EXAMPLES: &str = "\
Examples:
  kasacare settlement fetch
  kasacare settlement fetch --since 2026-10-01
  kasacare --format json settlement fetch --by ana

Reads the list of balance transactions that Stripe keeps, with their fees, the payouts, and what was in each payout, from where it was read to
before; the first time from the first charge on. `kasacare run` does the same every quarter of an hour. What is there already, from a
file or from an earlier reading, changes nothing. Exit code 1: some rows could not be taken and wait in `kasacare inbox list`.";

/// Fetch what the provider says has moved: balance transactions, fees, payouts and what was in them
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Read it again from this instant or date on, however far it was read
    #[arg(long, value_name = "INSTANT|DATE")]
    since: Option<Moment>,
    /// Who fetches; recorded with what is posted
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    #[command(flatten)]
    as_of: AsOf,
    #[command(flatten)]
    stripe: StripeArgs,
}

/// Fetches to the end of the list.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    log::init();
    let actor = one_line("--by", args.by.as_deref().unwrap_or("fetch"), BY_CHARS_MAX)?;
    // A date means the beginning of its day here.
    let since = args.since.map(|moment| match moment {
        Moment::Instant(at) => at,
        Moment::Date(on) => on.and_time(chrono::NaiveTime::MIN).and_utc(),
    });
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let clock = args.as_of.clock();
    let provider = provider::of(&args.stripe, &db, clock).await?;
    let engine = Engine::open_with(db.clone(), clock, provider).await?;
    let mut how = Fetch { since, at_once: true, actor };
    let (mut pages, mut all) = (0_u64, Fetched::default());
    loop {
        match engine.fetch_settlement(&how).await {
            Ok(Step::NoList) => {
                let problem =
                    format!("the simulated provider has no list of what has moved; set {STRIPE_SECRET_KEY} or {STRIPE_SECRET_KEY}_FILE");
                return Err(CliError::BadInput(problem));
            }
            Ok(Step::Rests) => break,
            Ok(Step::Page(fetched)) => {
                pages += 1;
                add(&mut all, &fetched);
                how = Fetch { since: None, at_once: false, ..how };
            }
            Err(FetchError::Provider(error)) => return Err(CliError::environment(error.to_string())),
            Err(FetchError::Engine(error)) => return Err(error.into()),
        }
    }
    db.close().await;
    write(&match context.format {
        Format::Json => shown(pages, &all),
        Format::Table => in_words(pages, &all),
    })?;
    Ok(if all.refused == 0 { Exit::Done } else { Exit::Found })
}

fn add(all: &mut Fetched, page: &Fetched) {
    all.rows += page.rows;
    all.unknown += page.unknown;
    all.refused += page.refused;
    all.stored.movements += page.stored.movements;
    all.stored.payouts += page.stored.payouts;
    all.stored.payout_lines += page.stored.payout_lines;
    all.stored.known += page.stored.known;
}

fn shown(pages: u64, Fetched { rows, stored, unknown, refused, .. }: &Fetched) -> String {
    pretty(&json!({
        "pages": pages,
        "rows": rows,
        "movements": stored.movements,
        "payouts": stored.payouts,
        "payout_lines": stored.payout_lines,
        "known": stored.known,
        "unknown_categories": unknown,
        "in_inbox": refused,
    }))
}

fn in_words(pages: u64, Fetched { rows, stored, unknown, refused, .. }: &Fetched) -> String {
    let mut text = format!("read {rows} rows in {pages} pages\n");
    let counts = [
        (stored.movements, "new movements"),
        (stored.payouts, "new payouts"),
        (stored.payout_lines, "movements whose payout is known now"),
        (stored.known, "were there already"),
        (*unknown, "of a category that nobody here knows: kept, and a break"),
        (*refused, "put into the inbox, where a person has to look at them"),
    ];
    for (count, what) in counts.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("  {count:>9}  {what}\n"));
    }
    text
}
