//! `kasacare stripe`: whether Stripe is set up well.

use clap::Subcommand;
use serde_json::json;

use super::change::{pretty, write};
use super::provider::{STRIPE_SECRET_KEY, StripeArgs};
use super::serve::STRIPE_WEBHOOK_SECRET;
use super::{CliError, Context, Exit, Format, database, secret, table};
use crate::clock::Clock;
use crate::provider::stripe::api::{Api, Trouble};
use crate::provider::stripe::check::{self, API_VERSION, Account, Endpoint};
use crate::provider::stripe::key::SecretKey;
use crate::provider::stripe::signature::WebhookSecrets;
use crate::store::binding;

const EXAMPLES: &str = "\
Examples:
  KASACARE_STRIPE_SECRET_KEY_FILE=/run/secrets/stripe KASACARE_STRIPE_WEBHOOK_SECRET_FILE=/run/secrets/whsec kasacare stripe check

Exit code 1 says that something is wrong or missing; the advice stands beside it. Nothing is changed, at Stripe or here.";

/// Tell whether key, webhook secret, API version and clock are right
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Look at everything that must be right before the first charge, with advice
    Check(StripeArgs),
}

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    Look,
    Wrong,
}

impl Verdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Look => "look",
            Self::Wrong => "wrong",
        }
    }
}

/// One line of the report.
#[derive(Debug)]
struct Line {
    what: &'static str,
    verdict: Verdict,
    says: String,
}

fn line(what: &'static str, verdict: Verdict, says: impl Into<String>) -> Line {
    Line { what, verdict, says: says.into() }
}

/// Checks, and prints what was found.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let What::Check(stripe) = &args.what;
    let mut lines = vec![webhook_secret()];
    match stripe.key() {
        Ok(Some(key)) => {
            lines.push(line("key", Verdict::Right, if key.is_live() { "live: real money moves" } else { "test: no real money moves" }));
            let api = stripe.api(&key)?;
            lines.extend(at_stripe(&api, &key, context).await);
        }
        Ok(None) => lines.push(line("key", Verdict::Wrong, format!("set {STRIPE_SECRET_KEY} or {STRIPE_SECRET_KEY}_FILE"))),
        Err(bad) => lines.push(line("key", Verdict::Wrong, bad.to_string())),
    }
    lines.push(clock(check::seconds_ahead(&stripe.stripe_url, Clock::System.now()).await));
    write(&shown(&lines, context.format))?;
    let is_right = lines.iter().all(|line| line.verdict == Verdict::Right);
    Ok(if is_right { Exit::Done } else { Exit::Found })
}

fn webhook_secret() -> Line {
    let what = "webhook secret";
    let read = secret::read(STRIPE_WEBHOOK_SECRET).map(Option::unwrap_or_default);
    match read.map(|text| WebhookSecrets::parse(&text)) {
        Ok(Ok(_)) => line(what, Verdict::Right, "can be used; whether it is the endpoint's shows with the first webhook"),
        Ok(Err(bad)) => line(what, Verdict::Wrong, format!("{bad}; set {STRIPE_WEBHOOK_SECRET} or {STRIPE_WEBHOOK_SECRET}_FILE")),
        Err(error) => line(what, Verdict::Wrong, error.to_string()),
    }
}

async fn at_stripe(api: &Api, key: &SecretKey, context: &Context) -> Vec<Line> {
    let account = match check::account(api).await {
        Ok(account) => account,
        Err(trouble) => return vec![line("account", Verdict::Wrong, advice(&trouble))],
    };
    let mut lines = vec![account_line(&account), bound(&account, key, context).await];
    match check::endpoints(api).await {
        Ok(endpoints) => lines.extend(endpoint_lines(&endpoints)),
        Err(trouble) => lines.push(line("endpoint", Verdict::Look, format!("cannot be looked at ({trouble}); see the dashboard"))),
    }
    for (what, path, right) in check::READS {
        lines.push(readable(what, right, check::can_read(api, path).await));
    }
    lines
}

/// Whether a restricted key may read what the jobs read.
fn readable(what: &'static str, right: &str, read: Result<(), Trouble>) -> Line {
    match read {
        Ok(()) => line(what, Verdict::Right, "can be read"),
        Err(Trouble::Refused { status: 401 | 403, .. }) => line(
            what,
            Verdict::Wrong,
            format!("the key may not read them: give the restricted key, in the dashboard, the right to read {right}"),
        ),
        Err(trouble) => line(what, Verdict::Look, format!("cannot be looked at ({trouble})")),
    }
}

fn advice(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Refused { status: 401, .. } => "Stripe does not know the key: was it rolled, or copied in part?".to_owned(),
        Trouble::Refused { status: 403, .. } => "the key may not read the account: give the restricted key that right".to_owned(),
        trouble => format!("{trouble}; is Stripe reachable from here?"),
    }
}

fn account_line(account: &Account) -> Line {
    let says = |text: &str| format!("{}: {text}", account.id);
    match (account.charges_enabled, account.payouts_enabled) {
        (Some(false), _) => line("account", Verdict::Wrong, says("cannot charge yet; finish its set-up in the dashboard")),
        (_, Some(false)) => line("account", Verdict::Look, says("can charge, and is not paid out yet; see the dashboard")),
        _ => line("account", Verdict::Right, says("can charge")),
    }
}

/// F16: whose money the database's is.
async fn bound(account: &Account, key: &SecretKey, context: &Context) -> Line {
    let what = "database";
    let read = async {
        let db = database::open(context, 1).await?;
        db.check_schema().await?;
        let mut tx = db.begin_read().await?;
        let found = (binding::read(&mut tx).await?, binding::has_simulated_money(&mut tx).await?);
        tx.rollback().await?;
        db.close().await;
        Ok::<_, CliError>(found)
    };
    match read.await {
        Ok((None, false)) => line(what, Verdict::Right, "will be bound to this account by the first run"),
        Ok((None, true)) => line(what, Verdict::Wrong, "money of it moved at the simulated provider; begin with another database"),
        Ok((Some(bound), _)) if bound.account == account.id && bound.live == key.is_live() => {
            line(what, Verdict::Right, "bound to this account and mode")
        }
        Ok((Some(bound), _)) => line(what, Verdict::Wrong, format!("bound to {}, live: {}", bound.account, bound.live)),
        Err(error) => line(what, Verdict::Look, error.to_string()),
    }
}

fn endpoint_lines(endpoints: &[Endpoint]) -> Vec<Line> {
    let what = "endpoint";
    let of = |endpoint: &Endpoint| match (endpoint.status.as_str(), endpoint.missing(), endpoint.api_version.as_deref()) {
        ("enabled", missing, _) if !missing.is_empty() => {
            line(what, Verdict::Look, format!("{}: add these events: {}", endpoint.url, missing.join(", ")))
        }
        ("enabled", _, Some(API_VERSION)) => line(what, Verdict::Right, endpoint.url.clone()),
        ("enabled", _, version) => {
            let version = version.unwrap_or("the account's default");
            line(what, Verdict::Look, format!("{}: set its API version to {API_VERSION}; it is {version}", endpoint.url))
        }
        (status, ..) => line(what, Verdict::Look, format!("{}: is {status}", endpoint.url)),
    };
    if endpoints.is_empty() {
        return vec![line(what, Verdict::Wrong, "there is none: add one in the dashboard, to https://YOUR-HOST/webhooks/stripe")];
    }
    endpoints.iter().map(of).collect()
}

fn clock(seconds_ahead: Option<i64>) -> Line {
    let what = "clock";
    match seconds_ahead {
        None => line(what, Verdict::Look, "Stripe's could not be asked"),
        Some(seconds) if check::is_near(seconds) => line(what, Verdict::Right, format!("{seconds} s ahead of Stripe's")),
        Some(seconds) => line(
            what,
            Verdict::Wrong,
            format!("{seconds} s ahead of Stripe's: webhooks are refused from 300 s on; set this machine's clock (NTP)"),
        ),
    }
}

fn shown(lines: &[Line], format: Format) -> String {
    match format {
        Format::Table => {
            let mut rows = table(&["what", "is", ""]);
            for Line { what, verdict, says } in lines {
                rows.add_row([*what, verdict.word(), says.as_str()]);
            }
            format!("{rows}\n")
        }
        Format::Json => {
            let all: Vec<_> = lines.iter().map(|line| json!({ "what": line.what, "is": line.verdict.word(), "says": line.says })).collect();
            pretty(&json!({ "checks": all }))
        }
    }
}
