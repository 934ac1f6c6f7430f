//! `kasacare run`: the job runner.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::task::JoinHandle;

use super::as_of::AsOf;
use super::provider::{self, StripeArgs};
use super::{CliError, Context, Exit, Format, aside, serve, signals};
use crate::clock::Clock;
use crate::domain::money::{Currency, Money};
use crate::engine::summary::Summary;
use crate::engine::{Engine, desk};
use crate::http::{self, App, Limits, Metrics};
use crate::jobs::{Progress, RENEWAL_CHUNK, RunOptions, Runner, Stop};
use crate::mail::{FolderMailer, Mailer, Mailroom, Renderer, Sender, SmtpMailer, SmtpServer};
use crate::store::db::{Db, Kind};
use crate::store::instances::Instance;

/// The sender where nothing else is said.
pub const MAIL_FROM: &str = "Kasa Care <billing@kasacare.example>";

const EXAMPLES: &str = "Examples:
  kasacare run --once                          do what is due now, and stop
  kasacare run --once --as-of 2026-03-01       do what is due by the end of that day
  kasacare run                                 stay, and work as time passes; SIGTERM or Ctrl-C stops it cleanly
  kasacare run --listen 127.0.0.1:9300         the same, and tell health and metrics there
  kasacare run --workers 2 --db postgres://…   two workers of each batch job
  KASACARE_STRIPE_SECRET_KEY_FILE=/run/secrets/stripe kasacare run      move real money, through Stripe
  kasacare run --smtp smtp://mail.example:587  send mails instead of writing .eml files

A run as of an earlier day than the last decision (imports apart) is refused: it would date decisions before others that were made,
and reported, already.";

/// Do everything that is due, and nothing twice
///
/// Trial ends, renewals, deferred changes, price notices, reminders, charges and their look-ups, dunning retries,
/// corrections, refunds, revenue recognition and mails. Any number of processes may run at once on PostgreSQL; on SQLite a
/// second one waits.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    as_of: AsOf,
    /// Stop when nothing is due any more
    #[arg(long)]
    once: bool,
    /// Workers of each batch job (PostgreSQL; SQLite has one writer)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    workers: u8,
    /// Accounts in one transaction
    #[arg(long, default_value_t = RENEWAL_CHUNK, value_parser = clap::value_parser!(u32).range(100..=5000))]
    chunk: u32,
    /// Tell health and metrics over HTTP here: /healthz, /readyz, /metrics
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "once")]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    mail: MailArgs,
    #[command(flatten)]
    stripe: StripeArgs,
}

/// Where mails go.
#[derive(Debug, Clone, clap::Args)]
pub struct MailArgs {
    /// Folder for .eml files, one a mail
    #[arg(long, value_name = "DIR", default_value = "mail")]
    mail_dir: PathBuf,
    /// Send mails through this server instead: smtp://HOST:PORT or smtps://…
    #[arg(long, value_name = "URL", env = "KASACARE_SMTP", hide_env_values = true)]
    smtp: Option<String>,
    /// The sender of mails
    #[arg(long, value_name = "ADDRESS", default_value = MAIL_FROM)]
    mail_from: String,
}

impl MailArgs {
    /// The deliverer.
    ///
    /// # Errors
    /// A bad URL, an unusable folder.
    pub fn mailer(&self, durable: bool) -> Result<Mailer, CliError> {
        match &self.smtp {
            Some(url) => {
                let password = smtp_password();
                let server = SmtpServer::parse(url, password.as_deref()).map_err(|error| bad("--smtp", &error))?;
                Ok(Mailer::Smtp(SmtpMailer::new(server).map_err(|error| bad("--smtp", &error))?))
            }
            None => {
                let folder = FolderMailer::open(&self.mail_dir, durable)
                    .map_err(|error| CliError::Option { option: "--mail-dir", problem: format!("{}: {error}", self.mail_dir.display()) })?;
                Ok(Mailer::Folder(folder))
            }
        }
    }

    /// The writer of mails.
    ///
    /// # Errors
    /// A bad sender.
    pub fn mailroom(&self) -> Result<Mailroom, CliError> {
        let sender = Sender::parse(&self.mail_from).map_err(|error| bad("--mail-from", &error))?;
        let renderer = Renderer::new(crate::mail::Letterhead::default()).map_err(|error| bad("letterhead", &error))?;
        Ok(Mailroom::new(renderer, sender))
    }
}

#[expect(clippy::disallowed_methods, reason = "a password has no place on the command line, where others see it")]
fn smtp_password() -> Option<String> {
    std::env::var("KASACARE_SMTP_PASSWORD").ok()
}

fn bad(option: &'static str, error: &impl std::error::Error) -> CliError {
    CliError::Option { option, problem: error.to_string() }
}

/// Runs it.
///
/// # Errors
/// Trouble with the database or the mail setup; one account's trouble parks that account instead.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    super::log::init();
    // What is wrong with the options is said before anything is done.
    let mailroom = Arc::new(args.mail.mailroom()?);
    let db = super::database::open(context, usize::from(args.workers)).await?;
    db.check_schema().await?;
    let provider = provider::of(&args.stripe, &db, args.as_of.clock()).await?;
    let engine = Engine::open_with(db.clone(), args.as_of.clock(), provider).await?;
    if args.as_of.as_of.is_some() {
        desk::must_not_go_back(&db, engine.clock.now()).await?;
    }
    let mailer = Arc::new(args.mail.mailer(!context.unsafe_fast)?);
    let stop = Stop::default();
    signals::listen(&stop)?;
    let Some(instance) = Instance::register_unless(&db, waiting, || stop.requested()).await? else {
        aside::say("stopped before the other runner was done");
        return Ok(Exit::Done);
    };
    let options = RunOptions { workers: usize::from(args.workers), chunk: args.chunk };
    let runner = Runner::new(engine, mailroom, mailer, Progress::detect(), Arc::new(instance), options).await?;
    if args.workers > 1 && db.kind() == Kind::Sqlite {
        aside::say(format_args!("note: SQLite has one writer, so --workers {} does not make it faster", args.workers));
    }
    let summary = if args.once {
        runner.run_once(&stop).await?
    } else {
        let watched = watched(args, &db, &runner, &stop).await?;
        aside::say("working; stop with Ctrl-C or SIGTERM");
        let worked = runner.stay(&stop, log_round).await;
        stop.request();
        if let Some(watched) = watched {
            // A server that panicked has said so.
            drop(watched.await);
        }
        worked?
    };
    print(&summary, context.format)?;
    // The runner's instance holds a connection for as long as it lives (on PostgreSQL), for which closing would wait.
    drop(runner);
    db.close().await;
    Ok(Exit::Done)
}

/// Health and metrics, where somebody wants to know them.
async fn watched(args: &Args, db: &Db, runner: &Runner, stop: &Stop) -> Result<Option<JoinHandle<()>>, CliError> {
    let Some(address) = args.listen else { return Ok(None) };
    let listener = serve::bound(address).await?;
    let limits = Limits::default();
    let app = App { db: db.clone(), clock: Clock::System, limits, metrics: Metrics::new(runner.meter()) };
    let (router, stop) = (http::watched(&Arc::new(app)), stop.clone());
    Ok(Some(tokio::spawn(async move { http::serve(listener, router, limits, &stop).await })))
}

fn waiting(database: &str) {
    aside::say(format_args!("another runner is at work on {database}; waiting until it is done"));
}

/// One log line for each thing that a round did: what and how often. Accounts that were parked have lines of their own.
fn log_round(round: &Summary) {
    for (what, line) in &round.lines {
        tracing::info!(what, count = line.count, "done");
    }
    tracing::info!(kinds = round.lines.len(), parked = round.parked.len(), "round done");
}

/// Prints what a run did.
///
/// # Errors
/// Standard output.
pub fn print(summary: &Summary, format: Format) -> Result<(), CliError> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    if format == Format::Json {
        serde_json::to_writer(&mut out, summary).map_err(|error| CliError::Write(error.into()))?;
        return writeln!(out).map_err(CliError::Write);
    }
    write!(out, "{}", told(summary)).map_err(CliError::Write)
}

/// The summary for people.
#[must_use]
pub fn told(summary: &Summary) -> String {
    let mut text = String::new();
    if summary.is_empty() {
        text.push_str("Nothing was due.\n");
    }
    for (name, line) in &summary.lines {
        let money: Vec<String> = line.minor.iter().map(|(currency, minor)| major(currency, *minor)).collect();
        text.push_str(format!("{:>9}  {name:<32} {}", line.count, money.join(", ")).trim_end());
        text.push('\n');
    }
    for (account, reason) in &summary.parked {
        text.push_str(&format!("   parked  {account}: {reason}\n"));
    }
    text
}

fn major(currency: &str, minor: i128) -> String {
    match (Currency::parse(currency), i64::try_from(minor)) {
        (Ok(currency), Ok(minor)) => Money::new(minor, currency).to_string(),
        _ => format!("{minor} minor units of {currency}"),
    }
}
