//! The parts of Stripe's objects that we read, borrowed from the body. Everything else is skipped; what is absent where it may be is
//! `None`, so that older and newer versions of the API can be read.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

/// Just enough to store an event.
#[derive(Debug, Deserialize)]
pub(super) struct Labelled<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
}

/// An event.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    pub(super) created: i64,
    pub(super) livemode: bool,
    /// Of another account that is connected to ours.
    #[serde(borrow)]
    pub(super) account: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) data: Data<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Data<'a> {
    #[serde(borrow)]
    pub(super) object: &'a RawValue,
}

/// Any object: what we only note the name of.
#[derive(Debug, Deserialize)]
pub(super) struct Named<'a> {
    /// A balance has none.
    #[serde(borrow)]
    pub(super) id: Option<Cow<'a, str>>,
}

/// Our ids, which came with the request and come back with everything.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OurIds {
    #[serde(rename = "kasacare_account")]
    pub(super) account: Option<String>,
    #[serde(rename = "kasacare_charge")]
    pub(super) charge: Option<String>,
    #[serde(rename = "kasacare_refund")]
    pub(super) refund: Option<String>,
}

/// Another object: its id, or, where somebody asked for that, all of it.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Other {
    Id(String),
    Whole { id: String },
}

impl Other {
    pub(super) fn id(&self) -> &str {
        let (Self::Id(id) | Self::Whole { id }) = self;
        id
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentIntent<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) currency: Cow<'a, str>,
    pub(super) amount: i64,
    pub(super) amount_received: Option<i64>,
    pub(super) last_payment_error: Option<PaymentError>,
    #[serde(default)]
    pub(super) metadata: Option<OurIds>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentError {
    pub(super) code: Option<String>,
    pub(super) decline_code: Option<String>,
    pub(super) advice_code: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Charge<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) currency: Cow<'a, str>,
    pub(super) amount: i64,
    pub(super) amount_captured: Option<i64>,
    pub(super) captured: bool,
    pub(super) payment_intent: Option<Other>,
    #[serde(default)]
    pub(super) metadata: Option<OurIds>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Refund<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) currency: Cow<'a, str>,
    pub(super) amount: i64,
    #[serde(borrow)]
    pub(super) status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) failure_reason: Option<Cow<'a, str>>,
    pub(super) charge: Option<Other>,
    pub(super) payment_intent: Option<Other>,
    #[serde(default)]
    pub(super) metadata: Option<OurIds>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dispute<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) currency: Cow<'a, str>,
    pub(super) amount: i64,
    #[serde(borrow)]
    pub(super) status: Cow<'a, str>,
    pub(super) charge: Other,
    pub(super) payment_intent: Option<Other>,
    /// What moved because of it, so far: out, and perhaps back in.
    #[serde(default)]
    pub(super) balance_transactions: Vec<Movement>,
}

/// A movement of our balance.
#[derive(Debug, Deserialize)]
pub(super) struct Movement {
    pub(super) amount: i64,
    pub(super) fee: i64,
    pub(super) currency: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct FraudWarning<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    pub(super) charge: Other,
    pub(super) payment_intent: Option<Other>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentMethod<'a> {
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
    pub(super) customer: Option<Other>,
    #[serde(borrow)]
    pub(super) card: Option<Card<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Card<'a> {
    #[serde(borrow)]
    pub(super) brand: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) last4: Cow<'a, str>,
    pub(super) exp_month: u32,
    pub(super) exp_year: i32,
}

/// When an event happened.
#[derive(Debug, Deserialize)]
pub(super) struct Stamped {
    pub(super) created: i64,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    #[serde(default)]
    pub(super) has_more: bool,
}

/// A payment intent as an answer.
#[derive(Debug, Deserialize)]
pub(super) struct IntentAnswer {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    pub(super) created: Option<i64>,
    pub(super) last_payment_error: Option<PaymentError>,
    #[serde(default)]
    pub(super) metadata: Option<OurIds>,
}

/// A refund as an answer.
#[derive(Debug, Deserialize)]
pub(super) struct RefundAnswer {
    pub(super) id: String,
    pub(super) status: Option<String>,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) created: Option<i64>,
    pub(super) failure_reason: Option<String>,
    #[serde(default)]
    pub(super) metadata: Option<OurIds>,
}
