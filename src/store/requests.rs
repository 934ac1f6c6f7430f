//! The requests that came with an id of their caller's (F13).

use chrono::{DateTime, Utc};

use super::db::Tx;
use super::error::StoreError;
use super::rows::micros;

crate::statements! {
    /// What a request was.
    FIND_REQUEST = same("select kind, digest from requests where account_id = $1 and request_id = $2");
    /// Remembers a request.
    REMEMBER_REQUEST = same("insert into requests (account_id, request_id, recorded_at, kind, digest) values ($1, $2, $3, $4, $5)");
}

/// What is kept of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The command.
    pub kind: String,
    /// A digest of what it asked for.
    pub digest: String,
}

/// A request by its id.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn find(tx: &mut Tx, account: &str, request: &str) -> Result<Option<Remembered>, StoreError> {
    let Some(row) = tx.fetch_optional(&FIND_REQUEST, &crate::values![account, request]).await? else { return Ok(None) };
    Ok(Some(Remembered { kind: row.text("kind")?, digest: row.text("digest")? }))
}

/// Remembers a request.
///
/// # Errors
/// [`StoreError::Db`], with a unique violation for an id that is there.
pub async fn remember(tx: &mut Tx, account: &str, request: &str, what: &Remembered, at: DateTime<Utc>) -> Result<(), StoreError> {
    let values = crate::values![account, request, micros(at), what.kind.as_str(), what.digest.as_str()];
    tx.execute(&REMEMBER_REQUEST, &values).await?;
    Ok(())
}
