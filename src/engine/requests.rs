//! What is asked before a command is planned. F13: whether the caller's request was carried out already. Every request that came with
//! an id is remembered with a digest of what it asked for, also where nothing was to be done: the same id again would act then, if there
//! is something to do by now. What changed an account has the id as its cause in the journal, too, which is unique. And whether the
//! command's time has not passed.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use super::{EngineError, Who};
use crate::domain::ids::AccountId;
use crate::store::StoreError;
use crate::store::db::Tx;
use crate::store::desk;
use crate::store::requests::{self, Remembered};

/// Where requests stand that are about prices and not about one account; no account has this id.
pub(super) const PRICES: &str = "(prices)";

/// A request as its caller names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// The caller's id.
    pub id: String,
    /// What is asked for, in any form that is the same for the same request. It is compared and not kept.
    pub asked: String,
}

impl Request {
    fn digest(&self) -> String {
        format!("{:x}", Sha256::digest(&self.asked))
    }
}

/// The cause that a request's id makes.
pub(super) fn cause(request: &str) -> String {
    format!("request:{request}")
}

/// Refuses what was done before. Asked under the account's lock and before anything is planned: the rules would refuse many a
/// command the second time, for another reason than that it has been done.
///
/// # Errors
/// [`StoreError::AlreadyDone`] for the same request, [`EngineError::RequestReused`] for another one, store errors.
pub(super) async fn refuse_repeated(tx: &mut Tx, account: &str, kind: &str, who: &Who) -> Result<(), EngineError> {
    let Some(request) = &who.request_id else { return Ok(()) };
    let Some(before) = requests::find(tx, account, &request.id).await? else { return Ok(()) };
    // What a request asked for that came before digests were kept is not known.
    if before.kind == kind && (before.digest.is_empty() || before.digest == request.digest()) {
        return Err(StoreError::AlreadyDone { account: Some(account.to_owned()), cause: Some(cause(&request.id)) }.into());
    }
    let how = if before.kind == kind { " with other parameters" } else { "" };
    let on = if account == PRICES { "the prices".to_owned() } else { format!("account {account}") };
    Err(EngineError::RequestReused { on, request: request.id.clone(), before: format!("`{}`{how}", before.kind) })
}

/// Remembers the request, in the transaction that carries it out.
///
/// # Errors
/// Store errors.
pub(super) async fn remember(tx: &mut Tx, account: &str, kind: &str, who: &Who, at: DateTime<Utc>) -> Result<(), EngineError> {
    let Some(request) = &who.request_id else { return Ok(()) };
    let remembered = Remembered { kind: kind.to_owned(), digest: request.digest() };
    Ok(requests::remember(tx, account, &request.id, &remembered, at).await?)
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
