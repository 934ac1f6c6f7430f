//! The simulated provider: a card provider that needs nothing from outside, for demos, stories and tests.
//!
//! It is stateful and deterministic. Its state is in tables of its own (`sim_…`) of the database that it is given, written in
//! transactions of its own, never in the engine's: like a real provider it may have moved money for somebody who died before he
//! could write that down. Its time is the `now` of its callers, and its chances are hashes of a seed and of what they are for
//! ([`Settings`]), so that the same calls give the same year on every machine and on both databases.
//!
//! A batch is one transaction with a number of statements that does not depend on its size (but for SQLite's limit of rows a
//! statement): a process that is killed leaves nothing of it, or all of it, and all of it can be looked up.
//!
//! # What a payment method does
//! The token decides ([`TOKENS`], which `kasacare simulate tokens` prints): `tok_timeout-anna` is captured, and the reply is lost.
//! A method that is past its last day is declined with `expired_card`, whatever its token, except for `tok_updated`.
//! Tokens that begin with `tok_mix` do a bit of everything, by rates per mille.
//!
//! # Idempotency keys
//! As Stripe keeps them; see the table in `requests.rs`. The same key with another body is [`Doubt::KeyReused`], an alarm: not a
//! decline, because nothing was tried, and not a "did not happen", because whatever the first body did stands.
//! Look-ups go by our ids, not by the key, and work for ever. What has been looked up as "did not happen" may be sent again with the
//! same key; only where the provider had answered [`Doubt::ServerError`] that is of no use, because it keeps that answer for as
//! long as it keeps the key: then a look-up that finds nothing is the proof on which a new attempt can be made.
//!
//! # Money
//! What is refunded, and what is in disputes that are open or lost, is never more than what was captured (I4), under concurrency
//! too. Nothing can be refunded while a dispute is open (PD-6). Why a refund is refused, is in its code.
//!
//! # Events
//! They tell what happens later, and what was done while the reply was lost; with [`Settings::every_event`] also everything that
//! was told in the answer. An event comes when somebody asks for events at or after its instant, and carries that instant.

pub mod audit;
mod books;
mod calls;
mod later;
mod lookups;
mod operate;
mod requests;
mod rows;
mod schema;
mod settings;
pub mod settlement;
mod story;

use std::future::Future;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;

pub use operate::{DisputeDone, RefundDone};
pub use rows::{ChargeState, DisputeState, RefundState};
pub use schema::{STATEMENTS, TABLES};
pub use settings::{Mix, Settings};
pub use story::{TOKENS, TokenKind};

use super::capabilities::SIMULATED;
use super::{Capabilities, ChargeCall, Doubt, EventPage, LookUp, Outcome, PaymentProvider, ProviderError, RefundCall};
use crate::domain::money::{Money, MoneyError};
use crate::store::db::{Db, DbError, Retryable};

/// Why the simulated provider cannot do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulatedError {
    /// Its database failed.
    #[error(transparent)]
    Database(#[from] DbError),
    /// Amounts that cannot be combined.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// Rates that add up to more than all.
    #[error("the rates of {of} add up to {sum} per mille")]
    Rates {
        /// What they are rates of.
        of: &'static str,
        /// Their sum.
        sum: u32,
    },
    /// No charge has this id.
    #[error("the provider has no charge {charge_id}")]
    NoSuchCharge {
        /// Our id.
        charge_id: String,
    },
    /// The charge moved no money.
    #[error("charge {charge_id} was not captured")]
    NotCaptured {
        /// Our id.
        charge_id: String,
    },
    /// A charge has one open dispute at most.
    #[error("charge {charge_id} has an open dispute")]
    DisputeIsOpen {
        /// Our id.
        charge_id: String,
    },
    /// Only what is left of a charge can be disputed.
    #[error("{amount} of charge {charge_id} cannot be disputed: {remainder} is left of it")]
    BeyondRemainder {
        /// Our id.
        charge_id: String,
        /// What was asked for.
        amount: Money,
        /// What is left.
        remainder: Money,
    },
    /// The charge was never disputed.
    #[error("charge {charge_id} has no dispute")]
    NoDispute {
        /// Our id.
        charge_id: String,
    },
    /// The dispute was decided before. (One that was lost can still be won.)
    #[error("dispute {dispute_id} is decided")]
    DisputeIsDecided {
        /// The provider's id.
        dispute_id: String,
    },
    /// No refund has this id.
    #[error("the provider has no refund {refund_id}")]
    NoSuchRefund {
        /// Our id.
        refund_id: String,
    },
    /// The refund failed before.
    #[error("refund {refund_id} has failed already")]
    RefundHasFailed {
        /// Our id.
        refund_id: String,
    },
}

impl SimulatedError {
    /// Whether somebody else has just executed one of the keys of the batch, or used one of its methods for the first time.
    fn is_race(&self) -> bool {
        matches!(self, Self::Database(DbError::UniqueViolation { table, .. }) if table == "sim_request" || table == "sim_method")
    }
}

impl Retryable for SimulatedError {
    fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_retryable()) || self.is_race()
    }
}

/// The simulated provider whose state is in one database. Clones share it.
#[derive(Debug, Clone)]
pub struct Simulated {
    db: Db,
}

impl Simulated {
    /// The one in this database, whose schema is up to date.
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// Seed and rates.
    ///
    /// # Errors
    /// [`SimulatedError::Database`].
    pub async fn settings(&self) -> Result<Settings, SimulatedError> {
        self.run(|db| async move { Settings::load(&mut db.begin_read().await?).await }).await
    }

    /// Sets seed and rates. A seed should be set once, before the first charge.
    ///
    /// # Errors
    /// [`SimulatedError::Rates`], [`SimulatedError::Database`].
    pub async fn configure(&self, settings: &Settings) -> Result<(), SimulatedError> {
        let settings = settings.clone();
        self.run(move |db| {
            let settings = settings.clone();
            async move {
                let mut tx = db.begin().await?;
                settings.save(&mut tx).await?;
                Ok(tx.commit().await?)
            }
        })
        .await
    }

    /// Has the card holder dispute a captured charge: `amount`, or all that is left of it. `charge_id` is ours.
    ///
    /// # Errors
    /// [`SimulatedError::NoSuchCharge`], [`SimulatedError::NotCaptured`], [`SimulatedError::DisputeIsOpen`],
    /// [`SimulatedError::BeyondRemainder`], [`SimulatedError::Money`] for another currency, [`SimulatedError::Database`].
    pub async fn open_dispute(&self, now: DateTime<Utc>, charge_id: &str, amount: Option<Money>) -> Result<DisputeDone, SimulatedError> {
        let charge_id = charge_id.to_owned();
        self.run(move |db| {
            let charge_id = charge_id.clone();
            async move { operate::open_dispute(&db, now, &charge_id, amount).await }
        })
        .await
    }

    /// Decides the open dispute of a charge, or turns one that was lost into one that is won (F61). `charge_id` is ours.
    ///
    /// # Errors
    /// [`SimulatedError::NoSuchCharge`], [`SimulatedError::NoDispute`], [`SimulatedError::DisputeIsDecided`],
    /// [`SimulatedError::Database`].
    pub async fn end_dispute(&self, now: DateTime<Utc>, charge_id: &str, won: bool) -> Result<DisputeDone, SimulatedError> {
        let charge_id = charge_id.to_owned();
        self.run(move |db| {
            let charge_id = charge_id.clone();
            async move { operate::end_dispute(&db, now, &charge_id, won).await }
        })
        .await
    }

    /// Has a refund come back that is pending or had succeeded (F62). `refund_id` is ours.
    ///
    /// # Errors
    /// [`SimulatedError::NoSuchRefund`], [`SimulatedError::RefundHasFailed`], [`SimulatedError::Database`].
    pub async fn fail_refund(&self, now: DateTime<Utc>, refund_id: &str) -> Result<RefundDone, SimulatedError> {
        let refund_id = refund_id.to_owned();
        self.run(move |db| {
            let refund_id = refund_id.clone();
            async move { operate::fail_refund(&db, now, &refund_id).await }
        })
        .await
    }

    /// Runs work in a task of its own, so that a caller who gives up does not cut it off half way (F22), and again if it clashed.
    async fn run<T, W>(&self, work: impl Fn(Db) -> W + Send + Sync + 'static) -> Result<T, SimulatedError>
    where
        W: Future<Output = Result<T, SimulatedError>> + Send + 'static,
        T: Send + 'static,
    {
        self.db.spawned(|db| async move { db.retrying(|| work(db.clone())).await }).await
    }

    /// Runs a batch; if that fails, nobody knows how much of it has happened.
    async fn answer<C, W>(&self, calls: &[C], work: impl Fn(Db, Vec<C>) -> W + Send + Sync + 'static) -> Vec<Outcome>
    where
        C: Clone + Send + Sync + 'static,
        W: Future<Output = Result<Vec<Outcome>, SimulatedError>> + Send + 'static,
    {
        if calls.is_empty() {
            return Vec::new();
        }
        let batch = calls.to_vec();
        let done = self.run(move |db| work(db, batch.clone())).await;
        done.unwrap_or_else(|error| {
            let doubt = if error.is_race() { Doubt::KeyInUse } else { Doubt::Unreachable };
            tracing::warn!(%error, calls = calls.len(), "the simulated provider failed");
            vec![Outcome::Unknown(doubt); calls.len()]
        })
    }
}

impl PaymentProvider for Simulated {
    fn capabilities(&self) -> &Capabilities {
        &SIMULATED
    }

    fn charge<'a>(&'a self, now: DateTime<Utc>, calls: &'a [ChargeCall]) -> BoxFuture<'a, Vec<Outcome>> {
        self.answer(calls, move |db, calls| async move { calls::charge(&db, now, &calls).await }).boxed()
    }

    fn refund<'a>(&'a self, now: DateTime<Utc>, calls: &'a [RefundCall]) -> BoxFuture<'a, Vec<Outcome>> {
        self.answer(calls, move |db, calls| async move {
            later::catch_up(&db, now, false).await?;
            calls::refund(&db, now, &calls).await
        })
        .boxed()
    }

    fn look_up_charges<'a>(&'a self, now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        self.answer(calls, move |db, calls| async move {
            later::catch_up(&db, now, false).await?;
            lookups::look_up_charges(&db, &calls).await
        })
        .boxed()
    }

    fn look_up_refunds<'a>(&'a self, now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        self.answer(calls, move |db, calls| async move {
            later::catch_up(&db, now, false).await?;
            lookups::look_up_refunds(&db, &calls).await
        })
        .boxed()
    }

    fn events<'a>(&'a self, now: DateTime<Utc>, after: Option<&'a str>, limit: u32) -> BoxFuture<'a, Result<EventPage, ProviderError>> {
        async move {
            let bad = |text: &str| ProviderError::BadCursor { chars: text.chars().count() };
            let number = after.map(|text| text.parse::<i64>().map_err(|_| bad(text))).transpose()?;
            let read = self.run(move |db| async move {
                later::catch_up(&db, now, true).await?;
                later::events(&db, number.unwrap_or(0), limit).await
            });
            let (events, last) = read.await?;
            let cursor = if events.is_empty() { after.map(str::to_owned) } else { Some(last.to_string()) };
            Ok(EventPage { events, cursor })
        }
        .boxed()
    }
}
