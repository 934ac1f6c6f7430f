//! The endpoint of a provider's webhooks (PV-3): signature over the raw bytes, then the store, then 2xx. What the event says is nobody's
//! business here: an event that cannot be read is stored like any other, because a 4xx would only have it sent again for days.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::metrics::Hearing;
use super::{App, Intake};
use crate::provider::webhooks::{UNREADABLE, digest_id};
use crate::provider::{Forged, WebhookSource, vendors};
use crate::store::inbox::{Arrival, Source};

/// One provider's way in.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) app: Arc<App>,
    pub(super) source: Arc<dyn WebhookSource>,
    pub(super) intake: Intake,
    pub(super) hearing: Hearing,
}

/// So many webhooks in a row that are refused for their time are no replays: a clock is wrong (F44). Told again whenever they have doubled.
const ALARM_FROM: i64 = 4;

/// Takes one webhook.
pub(super) async fn receive(State(door): State<Arc<Door>>, headers: HeaderMap, body: Body) -> Response {
    let Door { app, source, intake, .. } = door.as_ref();
    let signature = headers.get(source.signature_header()).map(HeaderValue::as_bytes);
    if signature.is_none() {
        // Before anything of its body is read.
        return refused(&door, Forged::NoSignature);
    }
    let body = match read(app, body).await {
        Ok(body) => body,
        Err(status) => return (status, "the body cannot be taken\n").into_response(),
    };
    let now = app.clock.now();
    if let Err(forged) = source.verify(signature, &body, now) {
        return refused(&door, forged);
    }
    door.hearing.believed(now);
    let label = vendors::reader(source.name()).and_then(|reader| reader.label(&body).ok());
    let (event, kind) = match label {
        Some(label) => (label.id.into_owned(), label.kind.into_owned()),
        None => {
            tracing::error!(provider = source.name(), bytes = body.len(), "a signed event without a readable id or type is stored");
            (digest_id(&body), UNREADABLE.to_owned())
        }
    };
    let arrival = Arrival { provider: source.name(), event, kind, source: Source::Webhook, received_at: now, body };
    match intake.store(arrival).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            tracing::warn!(provider = source.name(), reason = %error, "a webhook was turned away");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "10")], "not stored; send it again\n").into_response()
        }
    }
}

/// Nothing is kept of what nobody vouches for, but a count (PV-3).
fn refused(door: &Door, forged: Forged) -> Response {
    let provider = door.source.name();
    door.app.metrics.refused(provider, forged);
    if matches!(forged, Forged::TooOld | Forged::InTheFuture) {
        let in_a_row = door.hearing.refused_for_time();
        if in_a_row >= ALARM_FROM && in_a_row.count_ones() == 1 {
            tracing::error!(provider, in_a_row, "every webhook is refused for its time: set this machine's clock (NTP)");
        }
    }
    tracing::debug!(provider, reason = forged.as_str(), "a webhook is not believed");
    (StatusCode::BAD_REQUEST, format!("{forged}\n")).into_response()
}

/// The whole body, if it is not too long and comes in time.
async fn read(app: &App, body: Body) -> Result<Vec<u8>, StatusCode> {
    let whole = Limited::new(body, app.limits.body_bytes).collect();
    match tokio::time::timeout(app.limits.body_time, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST),
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}
