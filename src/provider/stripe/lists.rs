//! Looking for what was lost (PV-2, F41): payments and refunds by our ids in their metadata, and events that no webhook brought.
//!
//! Stripe's lists are up to date at once. A payment is looked for in its customer's, and where we don't know the customer, because the method
//! was never attached or is gone, in the list of all that were made since. Stripe's search lags behind, so what it does not find may be there
//! all the same: it is only asked where that list is too long, and its "nothing" proves nothing, however old the first call is: the last may
//! be young. A person looks at what stays unknown (PV-8).

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use stripe_client_core::{RequestBuilder, StripeMethod, StripeRequest};
use stripe_core::event::ListEvent;
use stripe_core::payment_intent::ListPaymentIntent;
use stripe_core::refund::ListRefund;
use stripe_types::RangeQueryTs;

use super::api::{Api, Trouble};
use super::objects::{IntentAnswer, List, RefundAnswer, Stamped};
use super::reading::StripeEvents;
use super::{customers, metadata, outcomes};
use crate::provider::ProviderError;
use crate::provider::calls::{Doubt, LookUp, NotDone, Outcome};
use crate::provider::events::{MissedEvent, MissedPage};
use crate::provider::webhooks::{EventReader, UNREADABLE, digest_id};

/// Objects in a page: the most that there may be.
const PAGE: i64 = 100;
/// Pages that are read at most: a customer has a payment a month, and a payment a few refunds.
const PAGES_MAX: u32 = 50;
/// How much earlier than our first call its object may have been made, by Stripe's clock.
const EARLIER: TimeDelta = TimeDelta::hours(1);

/// What became of a charge: the payment intent that carries its id.
pub(super) async fn find_charge(api: &Api, question: &LookUp) -> Result<Outcome, Trouble> {
    let is_it = |intent: &IntentAnswer| intent.metadata.as_ref().is_some_and(|ids| ids.charge.as_deref() == Some(question.id.as_str()));
    let customer = match question.method_token.as_deref().filter(|token| !token.is_empty()) {
        Some(token) => match customers::customer_of(api, token).await {
            // The method is gone from Stripe; what was charged with it is not.
            Err(Trouble::Refused { status: 404, .. }) => None,
            customer => customer?,
        },
        None => None,
    };
    let page = |after: Option<String>| {
        let mut request = ListPaymentIntent::new().limit(PAGE);
        if let Some(customer) = &customer {
            request = request.customer(customer.as_str());
        }
        if let Some(since) = question.since {
            request = request.created(RangeQueryTs::gte(since.checked_sub_signed(EARLIER).unwrap_or(since).timestamp()));
        }
        after.into_iter().fold(request, ListPaymentIntent::starting_after).build()
    };
    let found = all::<IntentAnswer>(api, page, |intent| intent.id.clone(), is_it).await?;
    let Some(found) = found else {
        return match customer {
            Some(_) => Ok(Outcome::Unknown(Doubt::Unreachable)),
            None => search_charge(api, question).await,
        };
    };
    Ok(one_of(&question.id, found.iter().map(|intent| (intent.status == "succeeded", outcomes::of_intent(intent))).collect()))
}

/// The same where the customer is not known, and more people have paid since than can be looked through.
async fn search_charge(api: &Api, question: &LookUp) -> Result<Outcome, Trouble> {
    #[derive(Serialize)]
    struct Query {
        query: String,
        limit: i64,
    }
    let query = Query { query: format!("metadata['{}']:'{}'", metadata::CHARGE, question.id), limit: PAGE };
    let found: List<IntentAnswer> = api.ask(|| RequestBuilder::new(StripeMethod::Get, "/payment_intents/search").query(&query)).await?;
    let outcomes: Vec<_> = found.data.iter().map(|intent| (intent.status == "succeeded", outcomes::of_intent(intent))).collect();
    if outcomes.is_empty() { Ok(Outcome::Unknown(Doubt::NoReply)) } else { Ok(one_of(&question.id, outcomes)) }
}

/// What became of a refund.
pub(super) async fn find_refund(api: &Api, question: &LookUp) -> Result<Outcome, Trouble> {
    let Some(charge) = question.charge_reference.as_deref() else { return Ok(Outcome::Unknown(Doubt::Unreachable)) };
    let is_it = |refund: &RefundAnswer| refund.metadata.as_ref().is_some_and(|ids| ids.refund.as_deref() == Some(question.id.as_str()));
    let page = |after: Option<String>| {
        let request = ListRefund::new().limit(PAGE);
        let request = if charge.starts_with("pi_") { request.payment_intent(charge) } else { request.charge(charge) };
        after.into_iter().fold(request, ListRefund::starting_after).build()
    };
    let Some(found) = all::<RefundAnswer>(api, page, |refund| refund.id.clone(), is_it).await? else {
        return Ok(Outcome::Unknown(Doubt::Unreachable));
    };
    let outcome = |refund: &RefundAnswer| {
        let outcome = outcomes::of_refund(refund);
        (!matches!(outcome, Outcome::CameBack { .. }), outcome)
    };
    Ok(one_of(&question.id, found.iter().map(outcome).collect()))
}

/// All objects that answer a question, of all pages; nothing where there are too many pages, and none of what was read is one: what was not
/// read may be it.
async fn all<T: DeserializeOwned>(
    api: &Api,
    page: impl Fn(Option<String>) -> RequestBuilder,
    id: impl Fn(&T) -> String,
    is_it: impl Fn(&T) -> bool,
) -> Result<Option<Vec<T>>, Trouble> {
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let read: List<T> = api.ask(|| page(after.clone())).await?;
        after = read.data.last().map(&id);
        let more = read.has_more && after.is_some();
        found.extend(read.data.into_iter().filter(&is_it));
        if !more {
            return Ok(Some(found));
        }
    }
    Ok(Some(found).filter(|found| !found.is_empty()))
}

/// The object of one attempt. Two that moved money are one too many: their events say so, too (I1).
fn one_of(id: &str, mut found: Vec<(bool, Outcome)>) -> Outcome {
    if found.iter().filter(|(moved, _)| *moved).count() > 1 {
        tracing::error!(id, "several objects of one attempt moved money (I1)");
    }
    found.sort_by_key(|(moved, _)| !*moved);
    found.into_iter().next().map_or(Outcome::DidNotHappen(NotDone::NotFound), |(_, outcome)| outcome)
}

/// One page of the events since an instant, the newest first, as they are.
pub(super) async fn events(api: &Api, since: DateTime<Utc>, after: Option<&str>) -> Result<MissedPage, ProviderError> {
    let request = || {
        let request = ListEvent::new().limit(PAGE).created(RangeQueryTs::gte(since.timestamp()));
        after.into_iter().fold(request, ListEvent::starting_after).build()
    };
    let read: List<Box<RawValue>> = api.ask(request).await.map_err(|trouble| ProviderError::from(&trouble))?;
    let events: Vec<MissedEvent> = read.data.iter().map(|event| missed(event.get())).collect();
    let next = if read.has_more {
        // The last that has an id: what comes after it and has none is read once more, which changes nothing.
        let last = events.iter().rfind(|event| event.kind != UNREADABLE).ok_or(ProviderError::UnreadableEvent)?;
        Some(last.id.clone())
    } else {
        None
    };
    Ok(MissedPage { events, next })
}

/// An element of the list. What is no event is kept under its digest, as it would be if it had come by webhook, and quarantined when it is
/// read; the others are not held up by it.
fn missed(body: &str) -> MissedEvent {
    let occurred_at = serde_json::from_str(body).ok().and_then(|Stamped { created }| DateTime::<Utc>::from_timestamp(created, 0));
    let (id, kind) = match StripeEvents.label(body.as_bytes()) {
        Ok(label) => (label.id.into_owned(), label.kind.into_owned()),
        Err(unreadable) => {
            tracing::error!(reason = %unreadable, bytes = body.len(), "an element of Stripe's list of events is none; it is stored all the same");
            (digest_id(body.as_bytes()), UNREADABLE.to_owned())
        }
    };
    MissedEvent { id, kind, occurred_at, body: body.to_owned() }
}
