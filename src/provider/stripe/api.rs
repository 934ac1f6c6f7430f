//! Calls to Stripe's API, through async-stripe: its typed requests, sent once under our key; its answers, read into the few fields that
//! we need. The library's own answers want fields that they don't need, and fail after the money has moved (PV-2).

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError};
use stripe_client_core::{CustomizedStripeRequest, RequestBuilder, StripeClient};
use stripe_shared::ApiErrors;

use super::key::SecretKey;
use super::pace::Pace;
use crate::provider::calls::{CALL_SECONDS_MAX, Doubt};

/// How long one request may take, if nothing else is said. What it came to is looked up afterwards.
pub const REQUEST_TIME: Duration = Duration::from_secs(20);
/// How often a request is sent again under its key where Stripe says that it did nothing with it.
const TRIES: u32 = 4;
// Three requests to enrol a payment method, and the call itself with all its tries.
const _: () = assert!(REQUEST_TIME.as_secs() * (3 + TRIES as u64) < CALL_SECONDS_MAX.unsigned_abs(), "a call may take longer than it may");
/// The first pause before that; each later one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Where Stripe is.
pub const URL: &str = "https://api.stripe.com/";

/// What a call came to, where that is no answer. None of it repeats what Stripe's message says: it may name a customer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The issuer, or Stripe for it, said no.
    #[error("declined: {code}")]
    Declined {
        /// `decline_code`, or `code` where there is none.
        code: String,
        /// The card network's advice.
        advice: Option<String>,
    },
    /// It is not known whether anything happened.
    #[error("the outcome is unknown: {0:?}")]
    Doubt(Doubt),
    /// Too many requests: nothing happened.
    #[error("too many requests")]
    TooMany,
    /// Stripe refuses the request as such: a mistake of ours or of the set-up.
    #[error("refused with status {status}: {code}")]
    Refused {
        /// Stripe's code.
        code: String,
        /// The HTTP status; 0 where nothing was sent.
        status: u16,
    },
}

impl Trouble {
    /// Whether every other call would fail as well: the key is wrong, or may not do this (F72).
    pub(super) const fn is_set_up(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. })
    }

    /// Whether Stripe did nothing with the request and will do it when it is sent again.
    const fn is_worth_another_try(&self) -> bool {
        matches!(self, Self::TooMany | Self::Doubt(Doubt::KeyInUse))
    }
}

/// How Stripe is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it is.
    pub url: String,
    /// Requests a second at most.
    pub per_second: u32,
    /// How long one request may take.
    pub request_time: Duration,
}

impl Default for Route {
    /// Less than what Stripe allows in live mode, 100 a second.
    fn default() -> Self {
        Self { url: URL.to_owned(), per_second: 80, request_time: REQUEST_TIME }
    }
}

/// A client for one account.
pub struct Api {
    client: Client,
    pace: Pace,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

/// An answer as bytes, and whatever async-stripe makes of it.
struct Raw<'a> {
    client: &'a Client,
    answer: Mutex<Option<Vec<u8>>>,
}

impl StripeClient for Raw<'_> {
    type Err = StripeError;

    async fn execute(&self, request: CustomizedStripeRequest) -> Result<bytes::Bytes, StripeError> {
        let bytes = self.client.execute(request).await?;
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_vec());
        Ok(bytes)
    }
}

/// What async-stripe is told to make of an answer: nothing.
#[derive(miniserde::Deserialize)]
struct Unread {}

impl Api {
    /// A client with this key.
    ///
    /// # Errors
    /// [`Trouble::Refused`] where the key or the address cannot be used.
    pub fn new(key: &SecretKey, route: &Route) -> Result<Self, Trouble> {
        let slash = if route.url.ends_with('/') { "" } else { "/" };
        let builder = ClientBuilder::new(key.expose()).url(format!("{}{slash}", route.url)).timeout(route.request_time);
        let client = builder.build().map_err(|_| unusable("configuration"))?;
        Ok(Self { client, pace: Pace::new(route.per_second) })
    }

    /// Sends a request that changes nothing.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder) -> Result<T, Trouble> {
        self.insist(request, None).await
    }

    /// Sends a request that does something, under its key (PV-1). Where Stripe says that it did nothing, it is sent again under the
    /// same key, a few times; where it is not known, it is not: that is for whoever looks it up.
    pub(super) async fn tell<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder, key: &str) -> Result<T, Trouble> {
        self.insist(request, Some(key)).await
    }

    async fn insist<T: DeserializeOwned>(&self, request: impl Fn() -> RequestBuilder, key: Option<&str>) -> Result<T, Trouble> {
        let (mut pause, mut in_use) = (FIRST_PAUSE, false);
        for last in (0..TRIES).rev() {
            match self.send(request(), key).await {
                Err(trouble) if last > 0 && trouble.is_worth_another_try() => {
                    in_use |= trouble == Trouble::Doubt(Doubt::KeyInUse);
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2);
                }
                // Somebody was being served under this key: that we are turned away now says nothing of what came of that.
                Err(Trouble::Refused { .. } | Trouble::TooMany) if in_use => break,
                done => return done,
            }
        }
        Err(Trouble::Doubt(Doubt::KeyInUse))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder, key: Option<&str>) -> Result<T, Trouble> {
        self.pace.turn().await;
        let raw = Raw { client: &self.client, answer: Mutex::new(None) };
        let mut request = request.customize::<Unread>();
        if let Some(key) = key {
            let key = IdempotencyKey::new(key).map_err(|_| unusable("idempotency_key"))?;
            request = request.request_strategy(RequestStrategy::Idempotent(key));
        }
        // What async-stripe reads of it is of no interest, as long as there is an answer.
        let sent = request.send(&raw).await;
        let answer = raw.answer.into_inner().unwrap_or_else(PoisonError::into_inner);
        match (answer, sent) {
            (Some(bytes), _) => serde_json::from_slice(&bytes).map_err(|_| Trouble::Doubt(Doubt::NoReply)),
            (None, Err(error)) => Err(trouble(&error)),
            (None, Ok(Unread {})) => Err(Trouble::Doubt(Doubt::NoReply)),
        }
    }
}

fn unusable(code: &str) -> Trouble {
    Trouble::Refused { code: code.to_owned(), status: 0 }
}

fn trouble(error: &StripeError) -> Trouble {
    match error {
        StripeError::Stripe(errors, status) => said(errors, *status),
        StripeError::ConfigError(_) => unusable("configuration"),
        StripeError::JSONDeserialize(_) | StripeError::ClientError(_) | StripeError::Timeout => Trouble::Doubt(Doubt::NoReply),
    }
}

/// What an error answer means. Its status says more than its type: a decline is a 402.
fn said(errors: &ApiErrors, status: u16) -> Trouble {
    let code = errors.code.as_ref().map(ToString::to_string);
    match status {
        402 => {
            let code = errors.decline_code.clone().or(code).unwrap_or_else(|| "generic_decline".to_owned());
            Trouble::Declined { code, advice: errors.advice_code.clone() }
        }
        409 => Trouble::Doubt(Doubt::KeyInUse),
        429 => Trouble::TooMany,
        500.. => Trouble::Doubt(Doubt::ServerError),
        _ if errors.type_.as_str() == "idempotency_error" => Trouble::Doubt(Doubt::KeyReused),
        _ => Trouble::Refused { code: code.unwrap_or_else(|| errors.type_.as_str().to_owned()), status },
    }
}
