//! F13: a caller's request is carried out once. The caller's id is the cause of the journal's record, which is unique.

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
