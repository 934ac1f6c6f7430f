//! `kasacare run`: the job runner.

use std::path::PathBuf;
use std::sync::Arc;

use super::as_of::AsOf;
use super::{CliError, Context, Exit, Format};
use crate::domain::money::{Currency, Money};
use crate::engine::Engine;
use crate::engine::summary::Summary;
use crate::jobs::{Progress, RENEWAL_CHUNK, RunOptions, Runner, Stop};
use crate::mail::{FolderMailer, Mailer, Mailroom, Renderer, Sender, SmtpMailer, SmtpServer};
use crate::store::db::Kind;
use crate::store::instances::Instance;

/// The sender where nothing else is said.
pub const MAIL_FROM: &str = "Kasa Care <billing@kasacare.example>";

const EXAMPLES: &str = "Examples:
  kasacare run --once                          do what is due now, and stop
  kasacare run --once --as-of 2026-03-01       do what is due by the end of that day
  kasacare run                                 stay, and work as time passes; SIGTERM or Ctrl-C stops it cleanly
  kasacare run --workers 2 --db postgres://…   two workers of each batch job
  kasacare run --smtp smtp://mail.example:587  send mails instead of writing .eml files";

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
    #[command(flatten)]
    mail: MailArgs,
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
    let db = super::database::open(context, usize::from(args.workers)).await?;
    let clock = args.as_of.clock();
    let engine = Engine::open(db.clone(), clock).await?;
    let progress = Progress::detect();
    let instance = Instance::register(&db, |waiting_for| {
        eprintln!("another runner is at work on {waiting_for}; waiting until it is done");
    })
    .await?;
    let options = RunOptions { workers: usize::from(args.workers), chunk: args.chunk };
    let mailer = Arc::new(args.mail.mailer(!context.unsafe_fast)?);
    let runner = Runner::new(engine, Arc::new(args.mail.mailroom()?), mailer, progress, Arc::new(instance), options).await?;
    if args.workers > 1 && db.kind() == Kind::Sqlite {
        eprintln!("note: SQLite has one writer, so --workers {} does not make it faster", args.workers);
    }
    let stop = Stop::default();
    listen(stop.clone());
    let summary = if args.once {
        runner.run_once(&stop).await?
    } else {
        eprintln!("working; stop with Ctrl-C or SIGTERM");
        runner.stay(&stop, |round| tracing::info!(summary = ?round, "round done")).await?
    };
    print(&summary, context.format)?;
    // The runner's instance holds a connection for as long as it lives (on PostgreSQL), for which closing would wait.
    drop(runner);
    db.close().await;
    Ok(Exit::Done)
}

/// Turns SIGTERM and Ctrl-C into a polite request; the present chunk is finished.
fn listen(stop: Stop) {
    tokio::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut term) = signal(SignalKind::terminate()) {
                tokio::select! {
                    _ = term.recv() => {}
                    _ = tokio::signal::ctrl_c() => {}
                }
                return stop.request();
            }
        }
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.request();
        }
    });
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
