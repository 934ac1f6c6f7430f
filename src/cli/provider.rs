//! Who moves the money: Stripe where its key is given, the simulated provider otherwise; and never the one for a database of the other.

use super::{CliError, secret};
use crate::clock::Clock;
use crate::provider::Provider;
use crate::provider::stripe::api::{self, Api, Route};
use crate::provider::stripe::key::SecretKey;
use crate::provider::stripe::{self, Stripe, check};
use crate::store::binding::{self, Binding};
use crate::store::db::Db;

/// Where Stripe's secret key is.
pub const STRIPE_SECRET_KEY: &str = "KASACARE_STRIPE_SECRET_KEY";

/// Requests a second, where nothing else is said: some less than what Stripe allows.
const LIVE_RATE: u32 = 80;
const TEST_RATE: u32 = 20;

/// How Stripe is reached.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Stripe")]
pub struct StripeArgs {
    /// Where Stripe's API is
    #[arg(long, value_name = "URL", env = "KASACARE_STRIPE_URL", default_value = api::URL)]
    pub stripe_url: String,
    /// Requests a second at most; without it 80 in live mode and 20 in test mode, of 100 and 25 that Stripe allows
    #[arg(long, value_name = "N", env = "KASACARE_STRIPE_RATE", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub stripe_rate: Option<u32>,
}

impl StripeArgs {
    /// The key, if there is one.
    ///
    /// # Errors
    /// A key that is none.
    pub fn key(&self) -> Result<Option<SecretKey>, CliError> {
        let Some(text) = secret::read(STRIPE_SECRET_KEY)? else { return Ok(None) };
        SecretKey::parse(&text).map(Some).map_err(|bad| CliError::BadInput(format!("{STRIPE_SECRET_KEY} (or …_FILE): {bad}")))
    }

    /// A client with this key.
    ///
    /// # Errors
    /// An address that is none.
    pub fn api(&self, key: &SecretKey) -> Result<Api, CliError> {
        let usual = if key.is_live() { LIVE_RATE } else { TEST_RATE };
        let route = Route { url: self.stripe_url.clone(), per_second: self.stripe_rate.unwrap_or(usual), ..Route::default() };
        Api::new(key, &route).map_err(|trouble| CliError::Option { option: "--stripe-url", problem: trouble.to_string() })
    }
}

/// The provider for this database, bound to it if it is a real one (F16).
///
/// # Errors
/// A key that does not belong to the database; Stripe cannot be reached; an instant in the future with a real provider (F17).
pub async fn of(args: &StripeArgs, db: &Db, clock: Clock) -> Result<Provider, CliError> {
    let mut tx = db.begin_read().await?;
    let bound = binding::read(&mut tx).await?;
    let simulated = binding::has_simulated_money(&mut tx).await?;
    tx.rollback().await?;
    let Some(key) = args.key()? else {
        return match bound {
            None => Ok(Provider::simulated(db.clone())),
            Some(bound) => Err(CliError::BadInput(format!(
                "the money of this database is at {} ({}): set {STRIPE_SECRET_KEY} or {STRIPE_SECRET_KEY}_FILE",
                bound.provider, bound.account
            ))),
        };
    };
    if simulated {
        return Err(CliError::BadInput(format!(
            "money of this database moved at the simulated provider; unset {STRIPE_SECRET_KEY}, or begin with another database"
        )));
    }
    if clock.now() > Clock::System.now() {
        return Err(CliError::Option {
            option: "--as-of",
            problem: "lies in the future, for which no real money is moved (F17)".to_owned(),
        });
    }
    let api = args.api(&key)?;
    let account =
        check::account(&api).await.map_err(|trouble| CliError::Environment(format!("Stripe does not tell whose the key is: {trouble}")))?;
    let ours = Binding { provider: stripe::NAME.to_owned(), account: account.id, live: key.is_live() };
    let mut tx = db.begin().await?;
    let bound = binding::bind(&mut tx, &ours).await?;
    tx.commit().await?;
    warn_of_clock(args).await;
    match bound {
        Some(bound) if bound == ours => Ok(Provider::new(std::sync::Arc::new(Stripe::new(api)))),
        _ => Err(CliError::BadInput(differs(&bound.unwrap_or_else(|| ours.clone()), &ours))),
    }
}

/// F44: with a wrong clock no webhook is believed, and days begin at the wrong time.
async fn warn_of_clock(args: &StripeArgs) {
    let seconds_ahead = check::seconds_ahead(&args.stripe_url, Clock::System.now()).await;
    if let Some(seconds_ahead) = seconds_ahead.filter(|seconds| !check::is_near(*seconds)) {
        tracing::error!(seconds_ahead, "this machine's clock is not Stripe's: webhooks are refused from 300 s on; set it (NTP)");
    }
}

fn differs(bound: &Binding, ours: &Binding) -> String {
    let mode = |binding: &Binding| if binding.live { "live" } else { "test" };
    format!(
        "the money of this database is at {} {} ({}), and the key is of {} ({}): no money is moved",
        bound.provider,
        bound.account,
        mode(bound),
        ours.account,
        mode(ours)
    )
}
