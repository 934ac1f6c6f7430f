//! Movements on our balance at Stripe, by time and by payout, as Stripe lists them: the newest first, by pages. What they are about comes with
//! them, so that their rows name the payment intent and carry our ids.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stripe_client_core::{RequestBuilder, StripeMethod};

use super::api::{Api, Trouble};
use super::objects::{List, Named, Stamped};
use crate::provider::ProviderError;
use crate::provider::movements::{MovementPage, MovementRow, Span};
use crate::provider::webhooks::digest_id;

/// Movements in a page: the most that there may be.
const PAGE: i64 = 100;

/// What is asked for.
#[derive(Debug, Serialize)]
struct Query<'a> {
    limit: i64,
    expand: [&'static str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Created>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payout: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    starting_after: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Created {
    gte: i64,
    lt: i64,
}

/// Of a payout, whether it is known what was in it.
#[derive(Debug, Deserialize)]
struct Payout {
    reconciliation_status: Option<String>,
}

/// One page of what moved in a span of time.
pub(super) async fn movements(api: &Api, span: Span, after: Option<&str>) -> Result<MovementPage, ProviderError> {
    let created = Created { gte: span.from.timestamp(), lt: span.until.timestamp() };
    page(api, Some(created), None, after).await
}

/// One page of what was in an automatic payout, once that is final. Of manual ones Stripe does not tell.
pub(super) async fn payout_lines(api: &Api, payout: &str, after: Option<&str>) -> Result<Option<MovementPage>, ProviderError> {
    let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !payout.bytes().all(is_id) {
        return Ok(None);
    }
    let path = format!("/payouts/{payout}");
    let told: Box<RawValue> = match api.ask(|| RequestBuilder::new(StripeMethod::Get, &path)).await {
        Ok(told) => told,
        // Of another account, or from a file that names it otherwise.
        Err(Trouble::Refused { status: 404, .. }) => return Ok(None),
        Err(trouble) => return Err(ProviderError::from(&trouble)),
    };
    let Ok(Payout { reconciliation_status }) = serde_json::from_str(told.get()) else {
        // The others are not held up by it, and it is asked for again.
        tracing::error!(payout, "what Stripe says of a payout cannot be read");
        return Ok(None);
    };
    if reconciliation_status.as_deref() != Some("completed") {
        return Ok(None);
    }
    match page(api, None, Some(payout), after).await {
        // The others are not held up by it.
        Err(ProviderError::Refused { code }) => {
            tracing::warn!(payout, code, "Stripe does not tell what was in a payout");
            Ok(None)
        }
        page => page.map(Some),
    }
}

async fn page(api: &Api, created: Option<Created>, payout: Option<&str>, after: Option<&str>) -> Result<MovementPage, ProviderError> {
    let query = Query { limit: PAGE, expand: ["data.source"], created, payout, starting_after: after };
    let request = || RequestBuilder::new(StripeMethod::Get, "/balance_transactions").query(&query);
    let read: List<Box<RawValue>> = api.ask(request).await.map_err(|trouble| ProviderError::from(&trouble))?;
    let rows: Vec<MovementRow> = read.data.iter().rev().map(|row| row_of(row)).collect();
    // The oldest of the page: Stripe goes on from there. What is older and has no id is read once more, which changes nothing.
    let next = match rows.iter().find(|row| row.has_id) {
        _ if !read.has_more => None,
        Some(row) => Some(row.id.clone()),
        None => return Err(ProviderError::NamelessMovement),
    };
    let newest = read.data.iter().filter_map(|row| serde_json::from_str(row.get()).ok()).map(|Stamped { created }| created).max();
    let newest = newest.and_then(|created| DateTime::<Utc>::from_timestamp(created, 0));
    Ok(MovementPage { rows, newest, next })
}

/// A row as it came. What has no id is known by its bytes, and waits for a person; the others are not held up by it.
fn row_of(row: &RawValue) -> MovementRow {
    let named: Option<Named<'_>> = serde_json::from_str(row.get()).ok();
    let id = named.and_then(|named| named.id).filter(|id| is_id(id)).map(Cow::into_owned);
    // Line ends may only stand between the parts of the row: in a text they are written as escapes.
    let text = row.get().replace(['\n', '\r'], " ");
    MovementRow { has_id: id.is_some(), id: id.unwrap_or_else(|| digest_id(text.as_bytes())), text }
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|byte| byte.is_ascii_graphic())
}
