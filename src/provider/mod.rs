//! Payment providers: the doorway through which money moves.
//!
//! Everything above speaks to a [`Provider`] in neutral words ([`ChargeCall`], [`Outcome`], [`Fact`], …) and asks its
//! [`Capabilities`] what it can do; each vendor's own words stay inside its own folder. [`simulated`] stands in for a card
//! provider and needs nothing from outside; [`stripe`] moves real money. What providers send by themselves is in [`webhooks`].
//!
//! What the doorway asserts, in production too, because each would be a mistake that loses or doubles money:
//! - a call that moves money carries an idempotency key (PV-1) and an amount above zero;
//! - no write transaction of this task is open while somebody outside is called (I13);
//! - an adapter answers each call, in order.
//!
//! A call is made once: nothing in here tries again by itself (F07), but that an adapter may send a request again under its key where
//! the provider says that it did nothing with it. Who gets [`Outcome::Unknown`] looks it up.

pub mod calls;
pub mod capabilities;
pub mod declines;
pub mod events;
pub mod movements;
pub mod simulated;
pub mod stripe;
pub mod vendors;
pub mod webhooks;

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;

pub use calls::{ChargeCall, Doubt, Enrolment, LookUp, NotDone, Outcome, RefundCall};
pub use capabilities::Capabilities;
pub use declines::{Decline, DeclineClass};
pub use events::{EventPage, Fact, MissedEvent, MissedPage, ProviderEvent};
pub use movements::{MovementPage, MovementRow, Span};
pub use simulated::Simulated;
pub use webhooks::{EventReader, Forged, Label, Meaning, Reading, Subject, Unreadable, WebhookSource};

use crate::store::db::{Db, Tx};

/// Why a provider's events could not be read. Nothing has happened; one asks again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// The simulated provider failed.
    #[error("the simulated provider failed")]
    Simulated(#[from] simulated::SimulatedError),
    /// The provider refuses what was asked of it.
    #[error("the provider refuses: {code}")]
    Refused {
        /// Its code.
        code: String,
    },
    /// The provider cannot be reached, or asks us to wait.
    #[error("the provider cannot be reached")]
    Unreachable,
    /// Nothing on a page of its events is one, so that it is not known how to go on.
    #[error("no event on a page of the provider's list can be read")]
    UnreadableEvent,
    /// Nothing on a page of its movements has an id.
    #[error("no movement on a page of the provider's list can be told from others: none has an id")]
    NamelessMovement,
    /// The cursor is none that this provider ever gave.
    #[error("the cursor of the provider's events cannot be read; it has {chars} characters")]
    BadCursor {
        /// How long it is; what is in it is not repeated.
        chars: usize,
    },
}

/// What an adapter does for one provider. Calls come in slices, and each gets one outcome, in order; an adapter whose vendor
/// takes one call at a time sends them side by side. An adapter reports what it cannot tell as unknown.
pub trait PaymentProvider: fmt::Debug + Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> &Capabilities;

    /// Charges payment methods. `now` is the caller's instant.
    fn charge<'a>(&'a self, now: DateTime<Utc>, calls: &'a [ChargeCall]) -> BoxFuture<'a, Vec<Outcome>>;

    /// Gives captured money back.
    fn refund<'a>(&'a self, now: DateTime<Utc>, calls: &'a [RefundCall]) -> BoxFuture<'a, Vec<Outcome>>;

    /// Tells what became of charges (PV-2); moves no money.
    fn look_up_charges<'a>(&'a self, now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>>;

    /// Tells what became of refunds (PV-2); moves no money.
    fn look_up_refunds<'a>(&'a self, now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>>;

    /// Gives a page of its list of events since an instant, those included that it has sent by webhook; `after` is what an earlier page
    /// gave to go on with. Whatever has no such list has none.
    fn missed_events<'a>(&'a self, _since: DateTime<Utc>, _after: Option<&'a str>) -> BoxFuture<'a, Result<MissedPage, ProviderError>> {
        async move { Ok(MissedPage::default()) }.boxed()
    }

    /// Gives a page of the movements on our balance there that were made in a span of time, the newest page first; `after` is what an
    /// earlier page gave to go on with. Whatever has no such list has none.
    fn movements<'a>(&'a self, _span: Span, _after: Option<&'a str>) -> BoxFuture<'a, Result<MovementPage, ProviderError>> {
        async move { Ok(MovementPage::default()) }.boxed()
    }

    /// Gives a page of the movements that were in a payout; nothing as long as that is not final, and of payouts of which it is not told.
    fn payout_lines<'a>(&'a self, _payout: &'a str, _after: Option<&'a str>) -> BoxFuture<'a, Result<Option<MovementPage>, ProviderError>> {
        async move { Ok(None) }.boxed()
    }

    /// Makes a payment method chargeable while its owner is away, and gives the token to be put on file. Doing it again does nothing.
    fn enrol<'a>(&'a self, enrolment: &'a Enrolment) -> BoxFuture<'a, Result<String, ProviderError>> {
        async move { Ok(enrolment.token.clone()) }.boxed()
    }

    /// Gives at most `limit` events that came after a cursor, or the first ones.
    fn events<'a>(&'a self, now: DateTime<Utc>, after: Option<&'a str>, limit: u32) -> BoxFuture<'a, Result<EventPage, ProviderError>>;
}

/// A provider behind the assertions of this module. Clones share it.
#[derive(Debug, Clone)]
pub struct Provider {
    adapter: Arc<dyn PaymentProvider>,
}

impl Provider {
    /// Puts an adapter behind the doorway.
    #[must_use]
    pub fn new(adapter: Arc<dyn PaymentProvider>) -> Self {
        Self { adapter }
    }

    /// The simulated provider whose state is in this database.
    #[must_use]
    pub fn simulated(db: Db) -> Self {
        Self::new(Arc::new(Simulated::new(db)))
    }

    /// What it can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        self.adapter.capabilities()
    }

    /// Charges payment methods: one outcome for each call, in order.
    ///
    /// # Panics
    /// If a call has no key (PV-1) or an amount that is not above zero, or if this task has a write transaction open (I13).
    pub async fn charge(&self, now: DateTime<Utc>, calls: &[ChargeCall]) -> Vec<Outcome> {
        assert_outside_of_transactions();
        for call in calls {
            assert_moves_money(&call.key, call.amount.is_positive());
        }
        answered(calls.len(), self.adapter.charge(now, calls)).await
    }

    /// Gives captured money back: one outcome for each call, in order.
    ///
    /// # Panics
    /// If a call has no key (PV-1) or an amount that is not above zero, or if this task has a write transaction open (I13).
    pub async fn refund(&self, now: DateTime<Utc>, calls: &[RefundCall]) -> Vec<Outcome> {
        assert_outside_of_transactions();
        for call in calls {
            assert_moves_money(&call.key, call.amount.is_positive());
        }
        answered(calls.len(), self.adapter.refund(now, calls)).await
    }

    /// Tells what became of charges (PV-2): one outcome for each, in order.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn look_up_charges(&self, now: DateTime<Utc>, calls: &[LookUp]) -> Vec<Outcome> {
        assert_outside_of_transactions();
        answered(calls.len(), self.adapter.look_up_charges(now, calls)).await
    }

    /// Tells what became of refunds (PV-2): one outcome for each, in order.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn look_up_refunds(&self, now: DateTime<Utc>, calls: &[LookUp]) -> Vec<Outcome> {
        assert_outside_of_transactions();
        answered(calls.len(), self.adapter.look_up_refunds(now, calls)).await
    }

    /// Gives a page of its list of events since an instant.
    ///
    /// # Errors
    /// [`ProviderError`]; the same may be asked again.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn missed_events(&self, since: DateTime<Utc>, after: Option<&str>) -> Result<MissedPage, ProviderError> {
        assert_outside_of_transactions();
        self.adapter.missed_events(since, after).await
    }

    /// Gives a page of the movements on our balance there that were made in a span of time.
    ///
    /// # Errors
    /// [`ProviderError`]; the same may be asked again.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn movements(&self, span: Span, after: Option<&str>) -> Result<MovementPage, ProviderError> {
        assert_outside_of_transactions();
        self.adapter.movements(span, after).await
    }

    /// Gives a page of the movements that were in a payout, if that is final.
    ///
    /// # Errors
    /// [`ProviderError`]; the same may be asked again.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn payout_lines(&self, payout: &str, after: Option<&str>) -> Result<Option<MovementPage>, ProviderError> {
        assert_outside_of_transactions();
        self.adapter.payout_lines(payout, after).await
    }

    /// Makes a payment method chargeable while its owner is away, and gives the token to be put on file.
    ///
    /// # Errors
    /// [`ProviderError`]; nothing is to be put on file then.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn enrol(&self, enrolment: &Enrolment) -> Result<String, ProviderError> {
        assert_outside_of_transactions();
        self.adapter.enrol(enrolment).await
    }

    /// Gives at most `limit` events that came after a cursor, or the first ones. No event means that there are none yet.
    ///
    /// # Errors
    /// [`ProviderError`]; the same cursor may be asked with again.
    ///
    /// # Panics
    /// If this task has a write transaction open (I13).
    pub async fn events(&self, now: DateTime<Utc>, after: Option<&str>, limit: u32) -> Result<EventPage, ProviderError> {
        assert_outside_of_transactions();
        self.adapter.events(now, after, limit).await
    }
}

fn assert_outside_of_transactions() {
    assert!(!Tx::write_is_open_here(), "I13: a provider is called while a write transaction is open");
}

fn assert_moves_money(key: &str, is_positive: bool) {
    assert!(!key.trim().is_empty(), "PV-1: a call that moves money has no idempotency key");
    assert!(is_positive, "a call that moves money has an amount that is not above zero");
}

async fn answered(calls: usize, outcomes: BoxFuture<'_, Vec<Outcome>>) -> Vec<Outcome> {
    let outcomes = outcomes.await;
    assert_eq!(outcomes.len(), calls, "an adapter has not answered each call");
    outcomes
}
