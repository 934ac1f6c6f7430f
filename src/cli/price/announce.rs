//! `kasacare price announce`: PR-2.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;

use super::super::act::{Act, Role};
use super::super::change::write;
use super::super::{CliError, Context, Exit, as_of, database, open_input};
use super::effects;
use crate::domain::catalog::{Catalog, Plan, Price, PriceVersion};
use crate::domain::ids::check_id;
use crate::domain::money::{Currency, Money};
use crate::engine::intake::check_price_version;
use crate::engine::{Engine, EngineError, Who, desk, pricing};
use crate::import::{self, PRICE_MINOR_MAX};
use crate::store::StoreError;

const EXAMPLES: &str = "\
Examples:
  kasacare price announce --version v2 --effective-from 2026-09-01 --price plus/monthly=10.99:USD --price plus/annual=109.99:USD --quote
  kasacare price announce --file prices-v2.csv --by \"J. Doe\" --reason \"costs of storage\"
  kasacare price announce --version v2 --by \"J. Doe\" --reason \"imported with the catalog\"

The version is stored and never changes. `kasacare run` then tells each customer whom it concerns; a subscription moves to it at its
first period that begins on or after its first day, and 30 days (terms: notice_days) after that customer's notice was sent. The third
form announces a version that the catalog has already.";

/// Announce a price version: store it, and tell every customer whom it concerns (PR-2)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, disable_version_flag = true)]
pub(super) struct Args {
    /// The version's name; new, or one of the catalog
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    version: Option<String>,
    /// First day for new subscriptions
    #[arg(long, value_name = "DATE", value_parser = as_of::date, requires = "version", requires = "prices")]
    effective_from: Option<NaiveDate>,
    /// A price: PLAN=AMOUNT:CURRENCY; any number of them
    #[arg(long = "price", id = "prices", value_name = "plus/monthly=10.99:USD", requires = "effective_from")]
    prices: Vec<String>,
    #[expect(clippy::doc_markdown, reason = "help for people, who would see the backticks")]
    /// The version as a file, CSV or JSON rows: version, effective_from, tier, cycle, currency, amount
    #[arg(long, value_name = "FILE", conflicts_with_all = ["version", "effective_from", "prices"])]
    file: Option<PathBuf>,
    #[command(flatten)]
    act: Act,
}

/// Announces the version, or shows what it would mean.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, CliError> {
    let given = given(args)?;
    let engine = Engine::open(database::open(context, 1).await?, args.act.as_of.clock()).await?;
    let catalog = &engine.reference.catalog;
    let version = match given {
        Some(version) => version,
        None => known(catalog, args.version.as_deref().unwrap_or_default())?,
    };
    // The version itself, and not how it was given: by options, by a file or by name.
    let asked = serde_json::to_string(&version).map_err(|error| CliError::Write(error.into()))?;
    let who = args.act.who(Role::Operator, &asked)?;
    let before = is_before(pricing::refuse_announced(&engine.db, &who).await)?;
    if !before {
        check(catalog, &version, engine.clock.now().date_naive())?;
    }
    let effects = pricing::effects(catalog, &version, &desk::standings(&engine.db).await?);
    let announced = match (before, args.act.quote) {
        (true, _) => Some(false),
        (false, true) => None,
        (false, false) => {
            named(&who)?;
            Some(pricing::announce(&engine.db, &version, engine.clock.now(), &who).await?)
        }
    };
    engine.db.close().await;
    write(&effects::shown(&version, &effects, announced, context.format)).map(|()| Exit::Done)
}

/// Whether a request was carried out before.
fn is_before(looked_up: Result<(), EngineError>) -> Result<bool, CliError> {
    match looked_up {
        Ok(()) => Ok(false),
        Err(EngineError::Store(StoreError::AlreadyDone { .. })) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn named(who: &Who) -> Result<(), CliError> {
    let missing = |option| CliError::Option { option, problem: "is needed: it is recorded with the announcement".to_owned() };
    if who.actor.is_empty() {
        return Err(missing("--by"));
    }
    who.reason.as_ref().map(|_| ()).ok_or_else(|| missing("--reason"))
}

/// The version that the options or the file spell out; nothing where only a name is given.
fn given(args: &Args) -> Result<Option<PriceVersion>, CliError> {
    if let Some(file) = &args.file {
        return from_file(file).map(Some);
    }
    let Some(effective_from) = args.effective_from else { return Ok(None) };
    let version = args.version.clone().unwrap_or_default();
    check_id(&version).map_err(|bad| CliError::Option { option: "--version", problem: bad.to_string() })?;
    let mut prices: Vec<Price> = Vec::with_capacity(args.prices.len());
    for text in &args.prices {
        let price = price(text).map_err(|problem| CliError::Option { option: "--price", problem: format!("`{text}`: {problem}") })?;
        let same = |known: &Price| known.plan == price.plan && known.amount.currency() == price.amount.currency();
        if prices.iter().any(same) {
            let problem = format!("{} in {} is there twice", price.plan, price.amount.currency());
            return Err(CliError::Option { option: "--price", problem });
        }
        prices.push(price);
    }
    Ok(Some(PriceVersion { version, effective_from, prices }))
}

fn price(text: &str) -> Result<Price, String> {
    let (plan, amount) = text.split_once('=').ok_or("write PLAN=AMOUNT:CURRENCY")?;
    let (amount, currency) = amount.split_once(':').ok_or("write PLAN=AMOUNT:CURRENCY")?;
    let plan: Plan = plan.parse().map_err(|bad: crate::domain::catalog::BadPlan| bad.to_string())?;
    let currency = Currency::parse(currency).map_err(|error| error.to_string())?;
    let amount = Money::parse_major(amount, currency).map_err(|error| error.to_string())?;
    if !(1..=PRICE_MINOR_MAX).contains(&amount.minor()) {
        return Err(format!("must be above zero and at most {}", Money::new(PRICE_MINOR_MAX, currency)));
    }
    Ok(Price { plan, amount })
}

fn from_file(path: &Path) -> Result<PriceVersion, CliError> {
    let format = import::Format::of_path(path)
        .ok_or_else(|| CliError::Option { option: "--file", problem: "its name must end in .csv, .json or .jsonl".to_owned() })?;
    let file = open_input(path)?;
    let versions = import::price_versions(&path.display().to_string(), format, file).map_err(|error| CliError::Import(vec![error]))?;
    match <[_; 1]>::try_from(versions) {
        Ok([only]) => Ok(only.row),
        Err(several) => {
            let problem = format!("it has {} versions; one is announced at a time", several.len());
            Err(CliError::Option { option: "--file", problem })
        }
    }
}

fn known(catalog: &Catalog, name: &str) -> Result<PriceVersion, CliError> {
    catalog.version(name).cloned().ok_or_else(|| {
        CliError::NotFound(format!("the catalog has no price version `{name}`; give --effective-from and --price to make it"))
    })
}

/// A new version must fit the catalog, and cannot change what things cost on days that are over.
fn check(catalog: &Catalog, version: &PriceVersion, today: NaiveDate) -> Result<(), CliError> {
    if catalog.version(&version.version).is_some() {
        return Ok(());
    }
    if version.effective_from < today {
        let problem = format!("{} is over; a new price cannot hold for days that are", version.effective_from);
        return Err(CliError::Option { option: "--effective-from", problem });
    }
    match check_price_version(catalog, version).first() {
        None => Ok(()),
        Some(found) => Err(CliError::BadInput(format!("version {}: {}", version.version, found.problem))),
    }
}
