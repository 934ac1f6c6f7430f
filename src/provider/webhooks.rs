//! What providers send by themselves, without a word of any one provider: how a sender shows that it is the provider
//! ([`WebhookSource`], PV-3), and what a stored event says ([`EventReader`], PV-6).
//!
//! Verification happens on the raw bytes, before anything is parsed; reading happens later, from the store, and can be done again.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::events::Fact;
use crate::domain::ids::AccountId;

/// Who sends webhooks, with the secrets that tell it from others.
pub trait WebhookSource: fmt::Debug + Send + Sync {
    /// The provider's name: in the path of the endpoint and in the inbox.
    fn name(&self) -> &'static str;

    /// The header that the signature is in, in lower case.
    fn signature_header(&self) -> &'static str;

    /// Whether this body was signed by the provider, not long before or after `now`.
    ///
    /// # Errors
    /// [`Forged`]: nothing of the body may be believed.
    fn verify(&self, signature: Option<&[u8]>, body: &[u8], now: DateTime<Utc>) -> Result<(), Forged>;
}

/// Why a webhook is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Forged {
    /// There is no signature.
    #[error("there is no signature")]
    NoSignature,
    /// The signature is none.
    #[error("the signature cannot be read")]
    Malformed,
    /// No signature was made with one of our secrets.
    #[error("no signature was made with one of our secrets")]
    NoMatch,
    /// It was signed too long ago: perhaps by the provider, and sent again by somebody else.
    #[error("it was signed too long ago; is this machine's clock right?")]
    TooOld,
    /// It was signed too far in the future.
    #[error("it was signed in the future; is this machine's clock right?")]
    InTheFuture,
}

impl Forged {
    /// Every reason, for counters.
    pub const ALL: [Self; 5] = [Self::NoSignature, Self::Malformed, Self::NoMatch, Self::TooOld, Self::InTheFuture];

    /// A word for counters and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSignature => "no_signature",
            Self::Malformed => "malformed",
            Self::NoMatch => "no_match",
            Self::TooOld => "too_old",
            Self::InTheFuture => "in_the_future",
        }
    }
}

/// The kind of an event whose type cannot be read.
pub const UNREADABLE: &str = "unreadable";

/// What an event is known by whose id cannot be read: by its bytes, so that it is stored once.
#[must_use]
pub fn digest_id(body: &[u8]) -> String {
    format!("sha256:{:x}", Sha256::digest(body))
}

/// Reads the events of one provider.
pub trait EventReader: fmt::Debug + Send + Sync {
    /// Just enough to store an event once: what it is called, and what it is about.
    ///
    /// # Errors
    /// [`Unreadable`]: it is stored all the same, and shown to a person.
    fn label<'a>(&self, body: &'a [u8]) -> Result<Label<'a>, Unreadable>;

    /// What an event says.
    ///
    /// # Errors
    /// [`Unreadable`].
    fn read(&self, body: &str) -> Result<Reading, Unreadable>;
}

/// What an event is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label<'a> {
    /// The provider's id of the event.
    pub id: Cow<'a, str>,
    /// The provider's word for what it tells.
    pub kind: Cow<'a, str>,
}

/// An event that cannot be read. The text names the place, never the content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read: {0}")]
pub struct Unreadable(pub String);

/// What one event says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The object that it is about, as the provider calls it.
    pub object: Option<String>,
    /// When it happened, by the provider's clock.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Whether real money moved.
    pub live: bool,
    /// The provider's id of the account that it happened in, where the event names one.
    pub account: Option<String>,
    /// What it means for us.
    pub meaning: Meaning,
}

/// What an event means for us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Facts about something of ours. They are cumulative: a later event of the same object says all that an earlier one said.
    Facts {
        /// Whose they are.
        about: Subject,
        /// What happened, in order.
        facts: Vec<Fact>,
    },
    /// We know the type, and it tells nothing that the books need to know.
    Nothing,
    /// The object is not ours: others use the same account with the provider (F39).
    Foreign,
    /// A type that we don't know (F40).
    UnknownType,
}

/// How to find out whose an event is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The object carries our ids.
    Account(AccountId),
    /// The object names a charge in the provider's words; the facts are about whatever charge of ours that is.
    Charge(String),
    /// The object is a payment method: its token, in each form in which it may be on file.
    Method(Vec<String>),
}

impl Subject {
    /// What the provider and we call it.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let (one, several) = match self {
            Self::Account(account) => (Some(account.as_str()), [].as_slice()),
            Self::Charge(reference) => (Some(reference.as_str()), [].as_slice()),
            Self::Method(tokens) => (None, tokens.as_slice()),
        };
        one.into_iter().chain(several.iter().map(String::as_str))
    }
}
