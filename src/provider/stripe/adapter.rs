//! Charges and refunds of direct accounts (PV-1, PV-2), side by side and at Stripe's pace.
//!
//! A charge is a payment intent that is created and confirmed at once, off session; its id is what we call the charge by. Our ids travel
//! in its metadata, so that answer, event and look-up name the same attempt.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::payment_intent::{
    CreatePaymentIntent, CreatePaymentIntentAutomaticPaymentMethods, CreatePaymentIntentAutomaticPaymentMethodsAllowRedirects,
    CreatePaymentIntentOffSession,
};
use stripe_core::refund::CreateRefund;
use stripe_types::Currency;
use tokio::sync::Mutex;

use super::api::{Api, Trouble};
use super::objects::{IntentAnswer, RefundAnswer};
use super::{amounts, balance, customers, lists, metadata, outcomes};
use crate::clock::wall_micros;
use crate::domain::money::Money;
use crate::provider::calls::{BATCH_SECONDS_MAX, CALL_SECONDS_MAX, ChargeCall, Enrolment, LookUp, NotDone, Outcome, RefundCall};
use crate::provider::capabilities::{Capabilities, STRIPE};
use crate::provider::events::{EventPage, MissedPage};
use crate::provider::movements::{MovementPage, Span};
use crate::provider::{PaymentProvider, ProviderError};

/// Calls under way at one time: enough to keep 100 a second going while each takes 200 ms, and slower ones, too.
const IN_FLIGHT: usize = 48;

/// Stripe, through one account.
#[derive(Debug)]
pub struct Stripe {
    api: Api,
    /// Held by the batch whose calls are being made.
    batch: Mutex<()>,
}

impl Stripe {
    /// The account that the client's key belongs to.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self { api, batch: Mutex::new(()) }
    }

    /// Makes calls side by side. The next batch begins when the last call of this one is under way, so that there is no pause between them.
    /// Calls for which no time is left are made another time, and so are the rest once it is clear that the set-up is wrong: that is nobody's
    /// decline (F72).
    async fn each<'a, T: Sync>(
        &'a self,
        calls: &'a [T],
        make: impl Fn(&'a Self, &'a T) -> BoxFuture<'a, Result<Outcome, Trouble>> + Send,
    ) -> Vec<Outcome> {
        let seconds = BATCH_SECONDS_MAX.saturating_sub(CALL_SECONDS_MAX);
        let until = wall_micros().saturating_add(seconds.saturating_mul(1_000_000));
        let set_up_is_wrong = AtomicBool::new(false);
        let mut outcomes = Vec::with_capacity(calls.len());
        let mut under_way = FuturesUnordered::new();
        let batch = self.batch.lock().await;
        for (place, call) in calls.iter().enumerate() {
            if under_way.len() >= IN_FLIGHT {
                outcomes.extend(under_way.next().await);
            }
            let call = unless_in_vain(make(self, call), until, &set_up_is_wrong);
            under_way.push(async move { (place, call.await) });
        }
        drop(batch);
        outcomes.extend(under_way.collect::<Vec<_>>().await);
        outcomes.sort_unstable_by_key(|(place, _)| *place);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn charge_one(&self, call: &ChargeCall) -> Result<Outcome, Trouble> {
        match self.charged(call).await {
            Ok(outcome) => Ok(outcome),
            Err(trouble) => outcomes::of_refused_charge(trouble),
        }
    }

    async fn charged(&self, call: &ChargeCall) -> Result<Outcome, Trouble> {
        let Some(units) = amounts::to_units(call.amount) else { return Ok(inexpressible()) };
        let enrolment = Enrolment { account_id: call.account_id.clone(), token: call.method_token.clone(), on_file: None };
        let (customer, method) = customers::enrolled(&self.api, &enrolment).await?;
        let request = || charge_request(call, units, &customer, &method);
        let intent: IntentAnswer = self.api.tell(request, &call.key).await?;
        Ok(outcomes::of_intent(&intent))
    }

    async fn refund_one(&self, call: &RefundCall) -> Result<Outcome, Trouble> {
        let Some(units) = amounts::to_units(call.amount) else { return Ok(inexpressible()) };
        let answer: Result<RefundAnswer, Trouble> = self.api.tell(|| refund_request(call, units), &call.key).await;
        match answer {
            Ok(refund) => Ok(outcomes::of_refund(&refund)),
            Err(trouble) => outcomes::of_refused_refund(trouble),
        }
    }
}

/// Makes a call, unless it is too late for it or would be refused like the others.
async fn unless_in_vain(call: BoxFuture<'_, Result<Outcome, Trouble>>, until: i64, set_up_is_wrong: &AtomicBool) -> Outcome {
    if set_up_is_wrong.load(Ordering::Relaxed) {
        return Outcome::DidNotHappen(NotDone::LockedOut);
    }
    if wall_micros() >= until {
        return Outcome::DidNotHappen(NotDone::TooManyRequests);
    }
    call.await.unwrap_or_else(|trouble| {
        if !trouble.is_set_up() {
            return outcomes::of_trouble(trouble);
        }
        if !set_up_is_wrong.swap(true, Ordering::Relaxed) {
            tracing::error!(%trouble, "Stripe refuses the key: `kasacare stripe check` tells more");
        }
        Outcome::DidNotHappen(NotDone::LockedOut)
    })
}

fn inexpressible() -> Outcome {
    Outcome::DidNotHappen(NotDone::Refused { code: "amount_cannot_be_charged".to_owned() })
}

fn currency(amount: Money) -> Currency {
    let Ok(currency) = amount.currency().code().to_ascii_lowercase().parse();
    currency
}

fn charge_request(call: &ChargeCall, units: i64, customer: &str, method: &str) -> RequestBuilder {
    let ids = [
        (metadata::ACCOUNT, call.account_id.to_string()),
        (metadata::INVOICE, call.invoice_id.clone()),
        (metadata::CHARGE, call.charge_id.clone()),
    ];
    let mut methods = CreatePaymentIntentAutomaticPaymentMethods::new(true);
    methods.allow_redirects = Some(CreatePaymentIntentAutomaticPaymentMethodsAllowRedirects::Never);
    CreatePaymentIntent::new(units, currency(call.amount))
        .customer(customer)
        .payment_method(method)
        .automatic_payment_methods(methods)
        .off_session(CreatePaymentIntentOffSession::Bool(true))
        .error_on_requires_action(true)
        .confirm(true)
        .metadata(ids.into_iter().map(|(name, id)| (name.to_owned(), id)).collect::<HashMap<_, _>>())
        .build()
}

fn refund_request(call: &RefundCall, units: i64) -> RequestBuilder {
    let ids = [
        (metadata::ACCOUNT, call.account_id.to_string()),
        (metadata::CHARGE, call.charge_id.clone()),
        (metadata::REFUND, call.refund_id.clone()),
    ];
    let request =
        CreateRefund::new().amount(units).metadata(ids.into_iter().map(|(name, id)| (name.to_owned(), id)).collect::<HashMap<_, _>>());
    if call.charge_reference.starts_with("pi_") {
        request.payment_intent(call.charge_reference.as_str()).build()
    } else {
        request.charge(call.charge_reference.as_str()).build()
    }
}

impl PaymentProvider for Stripe {
    fn capabilities(&self) -> &Capabilities {
        &STRIPE
    }

    fn charge<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [ChargeCall]) -> BoxFuture<'a, Vec<Outcome>> {
        self.each(calls, |stripe, call| stripe.charge_one(call).boxed()).boxed()
    }

    fn refund<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [RefundCall]) -> BoxFuture<'a, Vec<Outcome>> {
        self.each(calls, |stripe, call| stripe.refund_one(call).boxed()).boxed()
    }

    fn look_up_charges<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        self.each(calls, |stripe, question| lists::find_charge(&stripe.api, question).boxed()).boxed()
    }

    fn look_up_refunds<'a>(&'a self, _now: DateTime<Utc>, calls: &'a [LookUp]) -> BoxFuture<'a, Vec<Outcome>> {
        self.each(calls, |stripe, question| lists::find_refund(&stripe.api, question).boxed()).boxed()
    }

    /// Nothing: Stripe's events come by webhook, and those that got lost by [`PaymentProvider::missed_events`], as they are.
    fn events<'a>(&'a self, _now: DateTime<Utc>, after: Option<&'a str>, _limit: u32) -> BoxFuture<'a, Result<EventPage, ProviderError>> {
        async move { Ok(EventPage { events: Vec::new(), cursor: after.map(str::to_owned) }) }.boxed()
    }

    fn missed_events<'a>(&'a self, since: DateTime<Utc>, after: Option<&'a str>) -> BoxFuture<'a, Result<MissedPage, ProviderError>> {
        lists::events(&self.api, since, after).boxed()
    }

    fn movements<'a>(&'a self, span: Span, after: Option<&'a str>) -> BoxFuture<'a, Result<MovementPage, ProviderError>> {
        balance::movements(&self.api, span, after).boxed()
    }

    fn payout_lines<'a>(&'a self, payout: &'a str, after: Option<&'a str>) -> BoxFuture<'a, Result<Option<MovementPage>, ProviderError>> {
        balance::payout_lines(&self.api, payout, after).boxed()
    }

    fn enrol<'a>(&'a self, enrolment: &'a Enrolment) -> BoxFuture<'a, Result<String, ProviderError>> {
        async move {
            let (customer, method) = customers::enrolled(&self.api, enrolment).await.map_err(|trouble| ProviderError::from(&trouble))?;
            Ok(super::token_of(&customer, &method))
        }
        .boxed()
    }
}
