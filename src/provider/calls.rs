//! What is said to a provider and what it answers, without a word of any one provider.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use super::declines::Decline;
use crate::domain::ids::AccountId;
use crate::domain::money::Money;

/// How long a batch of calls may take, in seconds: whoever leases work to be called about leases it for longer (F10). Adapters keep it.
pub const BATCH_SECONDS_MAX: i64 = 270;
/// How long one call of it may take, tries and pauses included.
pub const CALL_SECONDS_MAX: i64 = 150;

/// A payment method that is to be put on file, so that it can be charged later.
#[derive(Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Whose it is.
    pub account_id: AccountId,
    /// The provider's token, as it was given to us.
    pub token: String,
    /// The token that is on file now.
    pub on_file: Option<String>,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the tokens: this may end up in a log (PP-3).
        f.debug_struct("Enrolment").field("account_id", &self.account_id).finish_non_exhaustive()
    }
}

/// A charge to be made, exactly as its intent was recorded: the same key always goes with the same body (F04).
#[derive(Clone, PartialEq, Eq)]
pub struct ChargeCall {
    /// The idempotency key, derived from what the charge is for (PV-1).
    pub key: String,
    /// Whose money it is.
    pub account_id: AccountId,
    /// The invoice it is for.
    pub invoice_id: String,
    /// Our id of the attempt, under which it can be looked up for ever.
    pub charge_id: String,
    /// How much; above zero.
    pub amount: Money,
    /// The provider's token of the payment method.
    pub method_token: String,
    /// The last day on which the method is valid, as we know it. Only the simulated provider needs to be told; it is not part of
    /// the body that belongs to the key.
    pub expires_on: Option<NaiveDate>,
}

impl fmt::Debug for ChargeCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token: this may end up in a log (PP-3).
        f.debug_struct("ChargeCall")
            .field("key", &self.key)
            .field("charge_id", &self.charge_id)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// A refund to be made, exactly as its intent was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundCall {
    /// The idempotency key, derived from what the refund is for (PV-1).
    pub key: String,
    /// Whose money it is.
    pub account_id: AccountId,
    /// Our id of the refund, under which it can be looked up for ever.
    pub refund_id: String,
    /// Our id of the charge that it goes back to (RF-4).
    pub charge_id: String,
    /// The provider's id of that charge.
    pub charge_reference: String,
    /// How much; above zero.
    pub amount: Money,
}

/// A question about a call whose outcome is unknown (PV-2).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LookUp {
    /// The idempotency key that it was sent with.
    pub key: String,
    /// Our id of the charge attempt or of the refund.
    pub id: String,
    /// The payment method that it was sent with, if that is still the one on file; for providers that keep charges by customer.
    pub method_token: Option<String>,
    /// The provider's id of the charge, for refunds.
    pub charge_reference: Option<String>,
    /// When it may have been sent first.
    pub since: Option<DateTime<Utc>>,
}

impl fmt::Debug for LookUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the token: this may end up in a log (PP-3).
        f.debug_struct("LookUp").field("key", &self.key).field("id", &self.id).finish_non_exhaustive()
    }
}

/// What became of a call that moves money. There is no other case: an adapter that cannot tell says [`Outcome::Unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The money moved.
    Succeeded {
        /// The provider's id of the charge or refund.
        reference: String,
        /// How much moved, as the provider says; it may differ from what was asked for (F49).
        amount: Money,
        /// When it moved, by the provider's clock.
        at: DateTime<Utc>,
    },
    /// The provider took it on and will tell by an event, or when it is looked up.
    Pending,
    /// A definite no that belongs to this key for ever: another try needs a new attempt with a new key (F06).
    Declined(Decline),
    /// A refund that the provider had taken on came back, at once or later (F62). What is told of the same object besides is older.
    CameBack {
        /// The provider's id of it.
        reference: String,
        /// Why.
        code: String,
    },
    /// Nothing happened at the provider.
    DidNotHappen(NotDone),
    /// It may have happened or not: to be looked up before anything else is done (PV-2, F02).
    Unknown(Doubt),
}

/// Why nothing happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotDone {
    /// A look-up found nothing. The same call may be sent again with the same key, inside the key's window.
    NotFound,
    /// Too many requests. The same call may be sent again later (F32).
    TooManyRequests,
    /// The provider takes nothing from us: our key is wrong, or was revoked. It counts against nobody, and the same call is made once that is
    /// put right (F72).
    LockedOut,
    /// The provider refuses the request as such, whoever the customer is: a mistake of ours or of the set-up. Not a decline:
    /// it counts against nobody, and sending it again does not help (F72).
    Refused {
        /// The provider's code.
        code: String,
    },
}

/// Why it is unknown what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// No answer came.
    NoReply,
    /// The provider failed while working on it. It keeps that answer with the key, so only a look-up tells more.
    ServerError,
    /// The same key is being worked on at this moment (F05).
    KeyInUse,
    /// The key was sent with another body before, so this call was not executed, and whatever that other one did stands. Our
    /// mistake, an alarm, and never a reason for a new key (F04).
    KeyReused,
    /// The provider cannot be reached, or what it says cannot be read.
    Unreachable,
}

impl Doubt {
    /// Whether a person has to look at it at once: it cannot come right by itself.
    #[must_use]
    pub const fn is_alarm(self) -> bool {
        matches!(self, Self::KeyReused)
    }
}
