//! What is asked before a command is planned: whether the caller's request was carried out already (F13; the caller's id is the cause
//! of the journal's record, which is unique), and whether its time has not passed.

use chrono::{DateTime, Utc};

use super::{EngineError, Who};
use crate::domain::ids::AccountId;
use crate::store::StoreError;
use crate::store::db::Tx;
use crate::store::desk;

/// The cause that a request's id makes.
pub(super) fn cause(request: &str) -> String {
    format!("request:{request}")
}

/// Refuses what was done before. Asked under the account's lock and before anything is planned: the rules would refuse many a
/// command the second time, for another reason than that it has been done.
///
/// # Errors
/// [`StoreError::AlreadyDone`] for the same command, [`EngineError::RequestReused`] for another one, store errors.
pub(super) async fn refuse_repeated(tx: &mut Tx, account: &AccountId, kind: &str, who: &Who) -> Result<(), EngineError> {
    let Some(request) = &who.request_id else { return Ok(()) };
    let cause = cause(request);
    match desk::recorded(tx, account, &cause).await? {
        None => Ok(()),
        Some(before) if before.kind == kind => {
            Err(StoreError::AlreadyDone { account: Some(account.to_string()), cause: Some(cause) }.into())
        }
        Some(before) => Err(EngineError::RequestReused { account: account.to_string(), request: request.clone(), before: before.kind }),
    }
}

/// Refuses a command of an earlier day (UTC) than the account's last decision: what was reported of the days before must stay as it
/// was, and no window may be opened again (CO-2). Within a day the order of the journal is the order of the decisions.
///
/// # Errors
/// [`EngineError::Backdated`], store errors.
pub(super) async fn refuse_backdated(tx: &mut Tx, account: &AccountId, now: DateTime<Utc>) -> Result<(), EngineError> {
    match desk::last_decided(tx, account).await? {
        Some(last) if now.date_naive() < last.date_naive() => Err(EngineError::Backdated { account: account.to_string(), now, last }),
        Some(_) | None => Ok(()),
    }
}
