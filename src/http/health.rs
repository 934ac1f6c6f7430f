//! Whether the process lives, and whether it can do its work.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::App;
use crate::store::db::DbError;

/// How long the database may take to answer somebody who asks whether we are ready.
const READY_TIME: Duration = Duration::from_secs(2);

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "alive\n"
}

/// The database answers, and its schema is the one that this program was written for.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    // In a task of its own: this future is dropped when the time is over or the caller goes away (F22).
    let asked = app.db.spawned(|db| async move { db.check_schema().await });
    let problem = match tokio::time::timeout(READY_TIME, asked).await {
        Ok(Ok(())) => return "ready\n".into_response(),
        Ok(Err(error)) => word(&error),
        Err(_) => "the database does not answer in time",
    };
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {problem}\n")).into_response()
}

/// Enough for an operator; addresses and versions are nobody else's business.
const fn word(error: &DbError) -> &'static str {
    match error {
        DbError::NotInitialised | DbError::OlderSchema { .. } => "the schema is not up to date; `kasacare init` does that",
        DbError::NewerSchema { .. } | DbError::ChangedMigration { .. } => "the schema is that of another version of the program",
        _ => "the database does not answer",
    }
}
