//! `kasacare simulate`: what card holders, banks and networks do, at the simulated provider. The engine hears of it as it would
//! from a real one: by the events that the next run reads.

use comfy_table::Table;
use serde_json::json;

use super::as_of::AsOf;
use super::change::{pretty, write};
use super::{CliError, Context, Exit, Format, database, table};
use crate::demo::settlement::{self, FilesError, SettlementFiles};
use crate::domain::money::Money;
use crate::import::settlement::Source;
use crate::provider::Simulated;
use crate::provider::simulated::{DisputeDone, RefundDone, Settings, TOKENS};

const EXAMPLES: &str = "\
Examples:
  kasacare simulate tokens
  kasacare simulate dispute open --charge ch_sub-1_1_0_1
  kasacare simulate dispute open --charge ch_sub-1_1_0_1 --amount \"5.00 USD\"
  kasacare simulate dispute lost --charge ch_sub-1_1_0_1 --as-of 2026-03-01
  kasacare simulate refund-failure --refund re_sub-1_1_0_1_1
  kasacare simulate settlement --through 2026-10-31 --out settlement --plant 2
  kasacare simulate settlement --through 2026-10-31 --out settlement --as paypal
  kasacare simulate settings --seed 7 --rate soft_declines=100 --rate disputes_lost=20

What happens here reaches the accounts with the next `kasacare run`.";

/// Make things happen at the simulated payment provider, or show how it behaves
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Have a captured charge disputed, or a dispute decided (PD-6)
    #[command(subcommand)]
    Dispute(Dispute),
    /// Have a refund come back that was paid out or is on its way (F62)
    RefundFailure {
        /// Our id of the refund
        #[arg(long, value_name = "ID")]
        refund: String,
        #[command(flatten)]
        as_of: AsOf,
    },
    /// Write the settlement files that the provider and its bank would send, to be taken in by `settlement import --provider simulated`
    Settlement(Settlement),
    /// List the tokens of payment methods that tell the provider what to do
    Tokens,
    /// Show seed and rates, or set some of them
    Settings(Change),
}

#[derive(Debug, clap::Args)]
struct Settlement {
    /// The last day that they tell of
    #[arg(long, value_name = "DATE", value_parser = super::as_of::date)]
    through: chrono::NaiveDate,
    /// The folder that they go to
    #[arg(long, value_name = "DIR")]
    out: std::path::PathBuf,
    /// Plant so many differences of each kind, and seal the list of them in planted.json
    #[arg(long, default_value_t = 0, value_name = "N")]
    plant: u64,
    /// The shape of the provider's file: stripe-payouts, stripe-balance, paypal, google-play, apple, recurly
    #[arg(long = "as", default_value = "stripe-payouts", value_name = "SOURCE", value_parser = shape)]
    shape: Source,
    /// Where the planted ones are chosen by
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, clap::Subcommand)]
enum Dispute {
    /// The card holder disputes the charge; the money is taken out
    Open {
        #[command(flatten)]
        of: OfCharge,
        /// How much, with its currency; without it, all that is left of the charge
        #[arg(long, value_name = "\"5.00 USD\"")]
        amount: Option<Money>,
    },
    /// The dispute is won; the money comes back, even after it was lost (F61)
    Won {
        #[command(flatten)]
        of: OfCharge,
    },
    /// The dispute is lost; the money is gone
    Lost {
        #[command(flatten)]
        of: OfCharge,
    },
}

#[derive(Debug, clap::Args)]
struct OfCharge {
    /// Our id of the charge
    #[arg(long, value_name = "ID")]
    charge: String,
    #[command(flatten)]
    as_of: AsOf,
}

#[derive(Debug, clap::Args)]
struct Change {
    /// Where all chances come from; to be set before the first charge
    #[arg(long, allow_negative_numbers = true)]
    seed: Option<i64>,
    /// Whether events also tell what was told in the answer, as real providers do it
    #[arg(long, value_name = "true|false")]
    every_event: Option<bool>,
    /// A rate per mille of `tok_mix` methods; may be given several times
    #[arg(long = "rate", value_name = "NAME=PER-MILLE", value_parser = rate)]
    rates: Vec<(String, u16)>,
}

fn shape(text: &str) -> Result<Source, String> {
    let mut shapes = Source::ALL.iter().filter(|(.., provider)| *provider != "bank");
    shapes.find(|(_, name, _)| *name == text).map(|(source, ..)| *source).ok_or_else(|| {
        let known: Vec<&str> = Source::ALL.iter().filter(|(.., provider)| *provider != "bank").map(|(_, name, _)| *name).collect();
        format!("no provider has such a file; they are {}", known.join(", "))
    })
}

fn rate(text: &str) -> Result<(String, u16), String> {
    let known = Settings::default().mix.rates().map(|(name, _)| name);
    let parsed = text.split_once('=').filter(|(name, _)| known.contains(name));
    let (name, rate) = parsed.ok_or_else(|| format!("write NAME=PER-MILLE; the names are {}", known.join(", ")))?;
    let rate = rate.parse().ok().filter(|rate| *rate <= 1_000).ok_or("a rate is a number from 0 to 1000")?;
    Ok((name.to_owned(), rate))
}

/// Does or shows what was asked for.
pub async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let text = match &args.what {
        What::Settlement(settlement) => settlement_files(settlement, context).await?,
        What::Tokens => tokens(context.format),
        What::Dispute(dispute) => {
            let done = dispute.happen(&provider(context).await?).await?;
            disputed(&done, context.format)
        }
        What::RefundFailure { refund, as_of } => {
            let done = provider(context).await?.fail_refund(as_of.clock().now(), refund).await?;
            came_back(&done, context.format)
        }
        What::Settings(change) => settings(&change.make(&provider(context).await?).await?, context.format),
    };
    write(&text).map(|()| Exit::Done)
}

async fn provider(context: &Context) -> Result<Simulated, CliError> {
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    Ok(Simulated::new(db))
}

impl Dispute {
    async fn happen(&self, provider: &Simulated) -> Result<DisputeDone, CliError> {
        let now = |of: &OfCharge| of.as_of.clock().now();
        Ok(match self {
            Self::Open { of, amount } => provider.open_dispute(now(of), &of.charge, *amount).await?,
            Self::Won { of } => provider.end_dispute(now(of), &of.charge, true).await?,
            Self::Lost { of } => provider.end_dispute(now(of), &of.charge, false).await?,
        })
    }
}

impl Change {
    /// Sets what was given, if anything was, and gives all settings as they are then.
    async fn make(&self, provider: &Simulated) -> Result<Settings, CliError> {
        let before = provider.settings().await?;
        let mut settings = before.clone();
        settings.seed = self.seed.unwrap_or(before.seed);
        settings.every_event = self.every_event.unwrap_or(before.every_event);
        for (name, value) in &self.rates {
            for (_, rate) in settings.mix.rates().into_iter().filter(|(known, _)| known == name) {
                *rate = *value;
            }
        }
        if settings != before {
            provider.configure(&settings).await?;
        }
        Ok(settings)
    }
}

fn disputed(done: &DisputeDone, format: Format) -> String {
    let DisputeDone { dispute_id, charge_id, amount, state } = done;
    match format {
        Format::Table => format!("Dispute {dispute_id} of {amount} on charge {charge_id} is {}.\n", state.as_str()),
        Format::Json => pretty(&json!({
            "dispute": { "id": dispute_id, "charge": charge_id, "amount": amount, "state": state.as_str() }
        })),
    }
}

fn came_back(done: &RefundDone, format: Format) -> String {
    let RefundDone { refund_id, reference, amount } = done;
    match format {
        Format::Table => format!("Refund {refund_id} of {amount} has come back.\n"),
        Format::Json => pretty(&json!({ "refund": { "id": refund_id, "reference": reference, "amount": amount } })),
    }
}

fn settings(settings: &Settings, format: Format) -> String {
    let mut mix = settings.mix.clone();
    let rates = mix.rates().map(|(name, rate)| (name, *rate));
    match format {
        Format::Table => {
            let mut rows: Table = table(&["setting", "value"]);
            rows.add_row(["seed".to_owned(), settings.seed.to_string()]);
            rows.add_row(["every_event".to_owned(), settings.every_event.to_string()]);
            for (name, rate) in rates {
                rows.add_row([name.to_owned(), format!("{rate} per mille")]);
            }
            format!("{rows}\n")
        }
        Format::Json => {
            let rates: serde_json::Map<_, _> = rates.into_iter().map(|(name, rate)| (name.to_owned(), json!(rate))).collect();
            pretty(&json!({ "seed": settings.seed, "every_event": settings.every_event, "rates_per_mille": rates }))
        }
    }
}

fn tokens(format: Format) -> String {
    match format {
        Format::Table => {
            let mut rows: Table = table(&["token begins with", "what happens"]);
            for kind in TOKENS {
                rows.add_row([kind.token, kind.meaning]);
            }
            format!("{rows}\n")
        }
        Format::Json => {
            let kinds: Vec<_> = TOKENS.iter().map(|kind| json!({ "token": kind.token, "meaning": kind.meaning })).collect();
            pretty(&json!({ "tokens": kinds }))
        }
    }
}

async fn settlement_files(args: &Settlement, context: &Context) -> Result<String, CliError> {
    let db = database::open(context, 1).await?;
    db.check_schema().await?;
    let what = SettlementFiles { through: args.through, seed: args.seed, plant: args.plant, shape: args.shape, out: args.out.clone() };
    let written = settlement::write(&db, &what).await;
    db.close().await;
    let written = written.map_err(|error| match error {
        FilesError::Store(error) => error.into(),
        FilesError::Write(source) => CliError::OpenOutput { path: args.out.clone(), source },
        FilesError::Csv(error) => CliError::OpenOutput { path: args.out.clone(), source: error.into() },
    })?;
    let files: Vec<String> = written.files.iter().map(|file| file.display().to_string()).collect();
    Ok(match context.format {
        Format::Json => pretty(&json!({
            "files": files, "lines": written.lines, "payouts": written.payouts, "planted": written.planted.len(),
        })),
        Format::Table => {
            let list = files.join("\n  ");
            format!("{} lines and {} payouts, {} differences planted:\n  {list}\n", written.lines, written.payouts, written.planted.len())
        }
    })
}
