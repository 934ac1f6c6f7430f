//! What Stripe's answers mean (PV-2): one of the five outcomes, whoever asked.

use chrono::{DateTime, Utc};

use super::api::Trouble;
use super::objects::{IntentAnswer, RefundAnswer};
use super::{amounts, reading};
use crate::domain::money::Money;
use crate::provider::calls::{Doubt, NotDone, Outcome};
use crate::provider::declines::Decline;

/// Why Stripe refuses a refund for good: of these, another try would be no better.
const REFUSED_FOR_GOOD: &[&str] = &["charge_already_refunded", "charge_disputed", "refund_disputed_payment", "amount_too_large"];

/// Stripe's word for an object that it does not have. Of a charge that is the payment method or its customer.
const NO_SUCH_METHOD: &str = "resource_missing";

/// What a payment intent says of the one attempt that it was made for.
pub(super) fn of_intent(intent: &IntentAnswer) -> Outcome {
    match intent.status.as_str() {
        "succeeded" => succeeded(&intent.id, intent.amount_received.unwrap_or(intent.amount), &intent.currency, intent.created),
        "canceled" => Outcome::Declined(Decline::of(reading::CANCELLED)),
        "requires_payment_method" | "requires_source" => match &intent.last_payment_error {
            Some(error) => Outcome::Declined(reading::decline_of(error)),
            None => Outcome::Unknown(Doubt::NoReply),
        },
        _ => Outcome::Pending,
    }
}

/// What a refund says of itself.
pub(super) fn of_refund(refund: &RefundAnswer) -> Outcome {
    match refund.status.as_deref() {
        Some("succeeded") | None => succeeded(&refund.id, refund.amount, &refund.currency, refund.created),
        Some("failed") => came_back(refund, refund.failure_reason.as_deref().unwrap_or("unknown")),
        Some("canceled") => came_back(refund, "canceled"),
        Some(_) => Outcome::Pending,
    }
}

/// With the object's id: an older event of it must not look like another payout.
fn came_back(refund: &RefundAnswer, code: &str) -> Outcome {
    Outcome::CameBack { reference: refund.id.clone(), code: Decline::of(code).code }
}

fn succeeded(id: &str, units: i64, currency: &str, created: Option<i64>) -> Outcome {
    let amount: Option<Money> = amounts::currency(currency).ok().and_then(|currency| amounts::from_units(units, currency));
    let at = created.and_then(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0)).unwrap_or(DateTime::UNIX_EPOCH);
    match amount {
        Some(amount) => Outcome::Succeeded { reference: id.to_owned(), amount, at },
        None => {
            tracing::error!(reference = id, "money moved, and its amount cannot be read");
            Outcome::Unknown(Doubt::Unreachable)
        }
    }
}

/// What a call came to that was not answered with an object.
pub(super) fn of_trouble(trouble: Trouble) -> Outcome {
    match trouble {
        Trouble::Declined { code, advice } => Outcome::Declined(Decline::advised(&code, advice.as_deref())),
        Trouble::Doubt(doubt) => Outcome::Unknown(doubt),
        // Stripe did nothing with it, and whether that is so is looked up all the same (F32).
        Trouble::TooMany => Outcome::Unknown(Doubt::NoReply),
        Trouble::Refused { code, .. } => Outcome::DidNotHappen(NotDone::Refused { code }),
    }
}

/// A payment method that Stripe does not have any more is its customer's business (PD-2); anything else is ours (F72).
pub(super) fn of_refused_charge(trouble: Trouble) -> Result<Outcome, Trouble> {
    match trouble {
        Trouble::Refused { code, .. } if code == NO_SUCH_METHOD => Ok(Outcome::Declined(Decline::of(NO_SUCH_METHOD))),
        trouble => Err(trouble),
    }
}

/// A refund that Stripe will never make is refused as a decline would be (RF-4).
pub(super) fn of_refused_refund(trouble: Trouble) -> Result<Outcome, Trouble> {
    match trouble {
        Trouble::Refused { code, .. } if REFUSED_FOR_GOOD.contains(&code.as_str()) => Ok(Outcome::Declined(Decline::of(&code))),
        trouble => Err(trouble),
    }
}
