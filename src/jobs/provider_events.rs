//! What the provider tells by itself: disputes, refunds that fail later, and answers that got lost. It ends in the same
//! settlement functions as the answers do (PV-6), so an event that comes twice changes nothing. What an account cannot take is
//! kept and tried again once the account is released (PV-4).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::NaiveDate;

use super::Stop;
use super::charges::settlement_of;
use super::runner::Runner;
use crate::domain::account::{Account, AttemptState};
use crate::domain::change::operator::NewMethod;
use crate::domain::change::settle::Settlement;
use crate::domain::change::{Change, Draft, Planned};
use crate::domain::ids::AccountId;
use crate::engine::EngineError;
use crate::engine::batch::{Work, code};
use crate::engine::summary::Summary;
use crate::provider::{Fact, Outcome, ProviderEvent};
use crate::store::StoreError;
use crate::store::account::{self as accounts, Scope};
use crate::store::kept_facts::{self, KeptFact};

/// Events in one page.
pub const EVENTS_PAGE: u32 = 500;

/// One fact of an account, with the provider's id of its event.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) event: String,
    pub(super) fact: Fact,
}

pub(super) type ByAccount = BTreeMap<AccountId, Vec<Told>>;

/// Facts that came too early: account, the provider's id of the event, why.
pub(super) type TooEarly = Vec<(AccountId, String, &'static str)>;

/// Applies facts, each account's in their order, up to the first that it refuses.
///
/// Where facts may come in any order, those that came too early are left out and named.
struct ApplyFacts<'a> {
    by_account: &'a ByAccount,
    in_any_order: bool,
    progress: Mutex<BTreeMap<AccountId, Progress>>,
}

/// How far an account has come.
#[derive(Debug, Clone, Default)]
struct Progress {
    applied: usize,
    refused: Option<String>,
    too_early: Vec<(String, &'static str)>,
    /// Whether what was planned is stored: at once where it changes nothing.
    stored: bool,
}

impl<'a> ApplyFacts<'a> {
    const fn new(by_account: &'a ByAccount) -> Self {
        Self { by_account, in_any_order: false, progress: Mutex::new(BTreeMap::new()) }
    }

    const fn in_any_order(by_account: &'a ByAccount) -> Self {
        Self { by_account, in_any_order: true, progress: Mutex::new(BTreeMap::new()) }
    }

    fn progress(&self) -> MutexGuard<'_, BTreeMap<AccountId, Progress>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What came too early, of accounts whose other facts are stored.
    fn too_early(&self) -> TooEarly {
        let progress = self.progress();
        let stored = progress.iter().filter(|(_, progress)| progress.stored);
        stored.flat_map(|(id, progress)| progress.too_early.iter().map(|(event, why)| (id.clone(), event.clone(), *why))).collect()
    }

    /// What of an account's facts is still to be applied, and why.
    fn left(&self, account: &AccountId) -> Option<(usize, String)> {
        let told = self.by_account.get(account)?.len();
        let progress = self.progress().get(account).cloned().unwrap_or_default();
        if !progress.stored {
            return Some((0, "there is no such account, or its rows were refused".to_owned()));
        }
        (progress.applied < told).then(|| (progress.applied, progress.refused.unwrap_or_default()))
    }
}

impl Work for ApplyFacts<'_> {
    fn kind(&self) -> &'static str {
        "provider_event"
    }

    fn scope(&self) -> Scope {
        Scope::ALL
    }

    /// A fact that is refused parks the account and leaves what came before it in force: that is true as well.
    fn plan(&self, draft: &mut Draft<'_>) -> Planned {
        let id = draft.account.profile.id.clone();
        let mut progress = Progress::default();
        for told in self.by_account.get(&id).into_iter().flatten() {
            if let Some(why) = too_early(&draft.account, &told.fact).filter(|_| self.in_any_order) {
                progress.too_early.push((told.event.clone(), why));
                progress.applied += 1;
                continue;
            }
            if let Err(refusal) = draft.attempt(|draft| apply(draft, &told.fact)) {
                tracing::warn!(account = %id, event = told.event, reason = %refusal, "a fact is kept, and the account parked");
                progress.refused = Some(refusal.to_string());
                draft.park(code(&refusal), &refusal.to_string())?;
                break;
            }
            progress.applied += 1;
        }
        progress.stored = draft.changes_nothing();
        self.progress().insert(id, progress);
        Ok(())
    }

    fn stored(&self, changes: &[Change]) {
        let mut progress = self.progress();
        for change in changes.iter().filter(|change| change.kind == self.kind()) {
            if let Some(progress) = progress.get_mut(&change.after.profile.id) {
                progress.stored = true;
            }
        }
    }
}

/// Why a fact cannot be applied yet: what it is about is not known here, or not in the state in which it can happen (F37, F38).
fn too_early(account: &Account, fact: &Fact) -> Option<&'static str> {
    let charge_state = |id: &String| account.charges.get(id).map(|charge| charge.state);
    match fact {
        Fact::ChargeSucceeded { charge_id, .. } | Fact::ChargeDeclined { charge_id, .. } if charge_state(charge_id).is_none() => {
            Some("the account has no such charge")
        }
        Fact::RefundSucceeded { refund_id, reference, .. } | Fact::RefundFailed { refund_id, reference, .. }
            if refund_named(account, refund_id, reference).is_none() =>
        {
            Some("the account has no such refund")
        }
        Fact::DisputeOpened { charge_id, .. } if charge_state(charge_id) != Some(AttemptState::Succeeded) => {
            Some("the disputed charge has not been captured here")
        }
        Fact::DisputeWon { dispute_id, .. } | Fact::DisputeLost { dispute_id, .. } if !account.disputes.contains_key(dispute_id) => {
            Some("the dispute has not been opened here")
        }
        _ => None,
    }
}

fn apply(draft: &mut Draft<'_>, fact: &Fact) -> Planned {
    match fact {
        Fact::ChargeSucceeded { charge_id, reference, amount } => {
            let Some(asked) = draft.account.charges.get(charge_id).map(|charge| charge.amount) else { return Ok(()) };
            let outcome = Outcome::Succeeded { reference: reference.clone(), amount: *amount, at: draft.context.now };
            settlement_of(charge_id, asked, outcome).map_or(Ok(()), |settlement| draft.settle_charge(charge_id, &settlement))
        }
        Fact::ChargeDeclined { charge_id, decline, .. } if draft.account.charges.contains_key(charge_id) => {
            draft.settle_charge(charge_id, &Settlement::Declined { code: decline.code.clone(), hard: decline.class.needs_new_method() })
        }
        Fact::RefundSucceeded { refund_id, reference, amount } => {
            let Some(asked) = draft.account.refunds.get(refund_id).map(|refund| refund.amount) else { return Ok(()) };
            let outcome = Outcome::Succeeded { reference: reference.clone(), amount: *amount, at: draft.context.now };
            settlement_of(refund_id, asked, outcome).map_or(Ok(()), |settlement| draft.settle_refund(refund_id, &settlement))
        }
        Fact::RefundFailed { refund_id, reference, code, .. } => match refund_named(&draft.account, refund_id, reference) {
            Some(id) => draft.settle_refund(&id, &Settlement::CameBack { reference: reference.clone(), code: code.clone() }),
            None => Ok(()),
        },
        Fact::DisputeOpened { dispute_id, charge_id, amount, fee, .. } => draft.open_dispute(dispute_id, charge_id, *amount, *fee),
        Fact::DisputeWon { dispute_id, .. } => draft.win_dispute(dispute_id),
        Fact::DisputeLost { dispute_id, .. } => draft.lose_dispute(dispute_id),
        Fact::FraudWarning { charge_id, .. } => {
            let amount = draft.account.charges.get(charge_id).map(|charge| charge.amount);
            draft.task("fraud_warning", charge_id, amount)
        }
        Fact::RefundNotAskedFor { reference, charge_id, amount, .. } => draft.refund_not_asked_for(charge_id, reference, *amount),
        Fact::MethodExtended { tokens, label, expires_on } => extend_method(draft, tokens, label, *expires_on),
        Fact::ChargeDeclined { .. } => Ok(()),
    }
}

/// The refund that is meant: by our id, or, where it was made at the provider (F55), by the provider's.
fn refund_named(account: &Account, id: &str, reference: &str) -> Option<String> {
    if !id.is_empty() {
        return account.refunds.contains_key(id).then(|| id.to_owned());
    }
    account.refunds.values().find(|refund| refund.reference.as_deref() == Some(reference)).map(|refund| refund.id.clone())
}

/// PD-2: a method that is valid for longer, or has another number, is as good as a new one: what is owed is tried at once. One that is not
/// on file any more, or an older event, changes nothing.
fn extend_method(draft: &mut Draft<'_>, tokens: &[String], label: &str, expires_on: NaiveDate) -> Planned {
    let Some(method) = draft.account.profile.method.as_ref().filter(|method| tokens.contains(&method.token)) else { return Ok(()) };
    let is_fresh = match method.expires_on {
        None => true,
        Some(known) => known < expires_on || (known == expires_on && method.label != label),
    };
    if !is_fresh {
        return Ok(());
    }
    let extended = NewMethod { token: method.token.clone(), label: label.to_owned(), expires_on: Some(expires_on) };
    draft.because("PD-2: the card network has a new card for this payment method");
    draft.replace_method(&extended)
}

impl Runner {
    /// Tries kept facts again, then reads new events from the stored cursor on and applies them. The cursor, and what has to be
    /// kept, is stored after their effects: a crash in between applies them again, which changes nothing.
    pub(super) async fn provider_events(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let provider = self.engine.provider.capabilities().name;
        let mut summary = self.kept_facts().await?;
        while !stop.requested() {
            let mut tx = self.engine.db.begin_read().await?;
            let after = kept_facts::provider_cursor(&mut tx, provider).await?;
            tx.rollback().await?;
            let page = match self.engine.provider.events(self.engine.clock.now(), after.as_deref(), EVENTS_PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    tracing::warn!(error = %error, "the provider's events could not be read; the next run asks again");
                    break;
                }
            };
            if page.events.is_empty() {
                break;
            }
            let count = page.events.len();
            let by_account = by_account(page.events, &mut summary);
            let (done, left) = self.apply_facts(&by_account).await?;
            summary.absorb(done);
            let mut tx = self.engine.db.begin().await?;
            kept_facts::keep(&mut tx, &left).await?;
            if let Some(cursor) = page.cursor {
                kept_facts::set_provider_cursor(&mut tx, provider, &cursor).await?;
            }
            tx.commit().await?;
            if !left.is_empty() {
                summary.add("provider events kept", u64::try_from(left.len()).unwrap_or(u64::MAX));
            }
            self.progress.chunk("provider events", count);
        }
        Ok(summary)
    }

    async fn apply_facts(&self, by_account: &ByAccount) -> Result<(Summary, Vec<KeptFact>), EngineError> {
        let (summary, left, _) = self.apply_all(by_account, &ApplyFacts::new(by_account)).await?;
        Ok((summary, left))
    }

    /// Applies facts that may have come in any order; gives those that are to be kept, and those that came too early.
    pub(super) async fn apply_facts_in_any_order(&self, by_account: &ByAccount) -> Result<(Summary, Vec<KeptFact>, TooEarly), EngineError> {
        self.apply_all(by_account, &ApplyFacts::in_any_order(by_account)).await
    }

    /// Applies facts; gives those that are to be kept. Of accounts that have kept facts, all are: they wait their turn.
    async fn apply_all(&self, by_account: &ByAccount, work: &ApplyFacts<'_>) -> Result<(Summary, Vec<KeptFact>, TooEarly), EngineError> {
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        let mut tx = self.engine.db.begin().await?;
        accounts::lock(&mut tx, &ids).await?;
        let waiting: BTreeSet<AccountId> = kept_facts::waiting(&mut tx, &ids).await?.into_iter().collect();
        let (queued, ready): (Vec<AccountId>, Vec<AccountId>) = ids.into_iter().partition(|id| waiting.contains(id));
        let summary = self.engine.run_batch(tx, ready.clone(), work).await?;
        let kept_at = self.engine.clock.now().timestamp_micros();
        let mut left = Vec::new();
        for id in queued {
            left.extend(kept(by_account, &id, (0, "earlier ones are kept"), kept_at)?);
        }
        for id in ready {
            if let Some((from, reason)) = work.left(&id) {
                left.extend(kept(by_account, &id, (from, &reason), kept_at)?);
            }
        }
        Ok((summary, left, work.too_early()))
    }

    /// PV-4: what was kept is tried again when its account is not parked any more.
    async fn kept_facts(&self) -> Result<Summary, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let facts = kept_facts::retriable(&mut tx, EVENTS_PAGE).await?;
        tx.rollback().await?;
        if facts.is_empty() {
            return Ok(Summary::default());
        }
        let mut by_account: ByAccount = BTreeMap::new();
        let mut unreadable = BTreeSet::new();
        for kept in &facts {
            match serde_json::from_str(&kept.fact) {
                Ok(fact) if !unreadable.contains(&kept.account) => {
                    by_account.entry(kept.account.clone()).or_default().push(Told { event: kept.event.clone(), fact });
                }
                Ok(_) => {}
                Err(error) => {
                    // F48: what comes after it on this account waits; nobody else does.
                    tracing::error!(account = %kept.account, event = kept.event, error = %error, "a kept fact cannot be read");
                    unreadable.insert(kept.account.clone());
                }
            }
        }
        let ids: Vec<AccountId> = by_account.keys().cloned().collect();
        let mut tx = self.engine.db.begin().await?;
        accounts::lock(&mut tx, &ids).await?;
        let work = ApplyFacts::new(&by_account);
        let summary = self.engine.run_batch(tx, ids, &work).await?;
        let mut done = Vec::new();
        for (id, told) in &by_account {
            let applied = work.left(id).map_or(told.len(), |(from, _)| from);
            done.extend(facts.iter().filter(|kept| kept.account == *id).take(applied).cloned());
        }
        let mut tx = self.engine.db.begin().await?;
        kept_facts::forget(&mut tx, &done).await?;
        tx.commit().await?;
        Ok(summary)
    }
}

fn by_account(events: Vec<ProviderEvent>, summary: &mut Summary) -> ByAccount {
    let mut by_account: ByAccount = BTreeMap::new();
    for event in events {
        match event.account_id {
            Some(account) => by_account.entry(account).or_default().push(Told { event: event.id, fact: event.fact }),
            None => summary.count("events of others"),
        }
    }
    by_account
}

/// An account's facts from a position on, as they are kept.
fn kept(by_account: &ByAccount, id: &AccountId, (from, reason): (usize, &str), kept_at: i64) -> Result<Vec<KeptFact>, EngineError> {
    let told = by_account.get(id).into_iter().flatten().enumerate().skip(from);
    told.map(|(position, told)| {
        Ok(KeptFact {
            account: id.clone(),
            event: told.event.clone(),
            kept_at,
            position: i64::try_from(position).unwrap_or(i64::MAX),
            fact: serde_json::to_string(&told.fact).map_err(|_| unwritable(id))?,
            reason: reason.to_owned(),
        })
    })
    .collect()
}

fn unwritable(id: &AccountId) -> EngineError {
    StoreError::Unstorable { account: id.to_string(), table: "kept_facts", problem: "a fact cannot be written as JSON" }.into()
}
