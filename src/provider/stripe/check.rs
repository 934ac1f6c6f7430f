//! What an operator wants to know before the first charge: whether key, account, API version, endpoint and clock are right.

use chrono::{DateTime, Utc};
use http_body_util::Empty;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::api::{Api, REQUEST_TIME, Trouble};
use super::objects::List;
use super::signature::TOLERANCE_SECONDS;

/// The version of the API that this program was written for, and sends with each request.
pub const API_VERSION: &str = "2026-09-30.endive";

/// Event types without which something would be missed for minutes, until the list of events is read.
const WANTED_EVENTS: &[&str] = &[
    "charge.dispute.closed",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "payment_method.automatically_updated",
    "radar.early_fraud_warning.created",
    "refund.failed",
    "refund.updated",
];

#[derive(Serialize)]
struct Page {
    limit: i64,
}

/// An account at Stripe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// `acct_…`.
    pub id: String,
    /// Whether it can charge.
    pub charges_enabled: Option<bool>,
    /// Whether money is paid out to it.
    pub payouts_enabled: Option<bool>,
}

/// A webhook endpoint as it is set up at Stripe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Endpoint {
    /// `we_…`.
    pub id: String,
    /// Where it sends to.
    pub url: String,
    /// `enabled` or `disabled`.
    pub status: String,
    /// The version of its events; nothing where it is the account's default.
    pub api_version: Option<String>,
    /// The types that it sends.
    pub enabled_events: Vec<String>,
}

impl Endpoint {
    /// The types that it does not send and should.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let sends = |wanted: &&str| self.enabled_events.iter().any(|sent| sent == "*" || sent == *wanted);
        WANTED_EVENTS.iter().copied().filter(|wanted| !sends(wanted)).collect()
    }
}

/// The account of the key.
///
/// # Errors
/// [`Trouble`].
pub async fn account(api: &Api) -> Result<Account, Trouble> {
    api.ask(|| RequestBuilder::new(StripeMethod::Get, "/account")).await
}

/// The endpoints of the account.
///
/// # Errors
/// [`Trouble`]; a restricted key may not be allowed to see them.
pub async fn endpoints(api: &Api) -> Result<Vec<Endpoint>, Trouble> {
    let read: List<Endpoint> = api.ask(|| RequestBuilder::new(StripeMethod::Get, "/webhook_endpoints").query(&Page { limit: 100 })).await?;
    Ok(read.data)
}

/// What else is read with the key: what it is, where, and which right of a restricted key it takes.
pub const READS: &[(&str, &str, &str)] = &[
    ("events", "/events", "Events"),
    ("balance", "/balance_transactions", "Balance transaction sources and Balance"),
    ("payouts", "/payouts", "Payouts"),
    ("payments", "/payment_intents", "PaymentIntents"),
    ("refunds", "/refunds", "Charges and Refunds"),
];

/// Whether a list can be read with the key; one element is asked for, and not looked at.
///
/// # Errors
/// [`Trouble`].
pub async fn can_read(api: &Api, path: &str) -> Result<(), Trouble> {
    let _page: Box<RawValue> = api.ask(|| RequestBuilder::new(StripeMethod::Get, path).query(&Page { limit: 1 })).await?;
    Ok(())
}

/// By how many seconds our clock is ahead of Stripe's; nothing where Stripe cannot be reached.
pub async fn seconds_ahead(url: &str, now: DateTime<Utc>) -> Option<i64> {
    let connector = hyper_rustls::HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().build();
    let client: Client<_, Empty<hyper::body::Bytes>> = Client::builder(TokioExecutor::new()).build(connector);
    let answer = tokio::time::timeout(REQUEST_TIME, client.get(url.parse().ok()?)).await.ok()?.ok()?;
    let date = DateTime::parse_from_rfc2822(answer.headers().get(hyper::header::DATE)?.to_str().ok()?).ok()?;
    Some(now.timestamp().saturating_sub(date.timestamp()))
}

/// Whether webhooks would be believed with a clock that is so far off.
#[must_use]
pub const fn is_near(seconds_ahead: i64) -> bool {
    seconds_ahead.saturating_abs() <= TOLERANCE_SECONDS / 10
}
