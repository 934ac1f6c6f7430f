//! The only place that opens transactions: lock the account → load it → plan purely → store the change → commit.
//!
//! One command is a batch of one. A batch of N accounts takes a fixed number of statements; an account whose plan is
//! refused is parked with the reason (PV-8), and one whose rows the database refuses is found by halving the batch, so
//! that one poisoned account never stops the others.

pub mod batch;
pub mod closing;
pub mod desk;
pub mod error;
pub mod intake;
mod months;
pub mod pricing;
pub mod reconcile;
mod requests;
pub mod settlement;
pub mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::clock::Clock;
use crate::domain::account::Account;
use crate::domain::change::{Change, Context, Draft, Planned, Reference};
use crate::domain::ids::AccountId;
use crate::provider::Provider;
use crate::store::account::{self as accounts, Scope};
use crate::store::db::{Db, Tx};
use crate::store::{closings, reference};

pub use error::EngineError;
pub use requests::Request;

/// On whose behalf a decision is made, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Who {
    /// `system`, `customer`, or an operator's name.
    pub actor: String,
    /// The recorded reason, where the rules want one.
    pub reason: Option<String>,
    /// The caller's own id of the request: the same id again does nothing again (F13).
    pub request_id: Option<Request>,
}

impl Who {
    /// The calendar and the jobs.
    #[must_use]
    pub fn system() -> Self {
        Self { actor: "system".to_owned(), ..Self::default() }
    }

    /// A customer, or somebody on the customer's behalf.
    #[must_use]
    pub fn customer() -> Self {
        Self { actor: "customer".to_owned(), ..Self::default() }
    }
}

/// The engine on one database.
#[derive(Debug, Clone)]
pub struct Engine {
    /// The database.
    pub db: Db,
    /// Catalog, terms and tax, as of opening; decisions that are stored are made by what is in force then.
    pub reference: Arc<Reference>,
    /// Of how many rows it was read: there are only ever more.
    pub reference_rows: i64,
    /// Who moves the money.
    pub provider: Provider,
    /// What time it is.
    pub clock: Clock,
    /// RC-3: the last day of the months that are closed, as of opening; work that may be dated back asks anew.
    pub closed_through: Option<NaiveDate>,
}

impl Engine {
    /// Opens the engine on a migrated database, with the simulated provider.
    ///
    /// # Errors
    /// [`EngineError`] where the schema is not current or the reference data cannot be read.
    pub async fn open(db: Db, clock: Clock) -> Result<Self, EngineError> {
        let provider = Provider::simulated(db.clone());
        Self::open_with(db, clock, provider).await
    }

    /// Opens the engine on a migrated database, with this provider.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub async fn open_with(db: Db, clock: Clock, provider: Provider) -> Result<Self, EngineError> {
        db.check_schema().await?;
        let minimums = provider.capabilities().minimums();
        let mut tx = db.begin_read().await?;
        let reference = reference::load(&mut tx, minimums).await?;
        let reference_rows = reference::rows_there(&mut tx).await?;
        let closed_through = closings::closed_through(&mut tx).await?;
        tx.rollback().await?;
        Ok(Self { db, reference: Arc::new(reference), reference_rows, provider, clock, closed_through })
    }

    /// The same engine at another time.
    #[must_use]
    pub fn at(&self, clock: Clock) -> Self {
        Self { clock, ..self.clone() }
    }

    /// Reads the reference data again, after an import or an announcement.
    ///
    /// # Errors
    /// [`EngineError`] where it cannot be read.
    pub async fn reload(&mut self) -> Result<(), EngineError> {
        *self = Self::open_with(self.db.clone(), self.clock, self.provider.clone()).await?;
        Ok(())
    }

    /// Reads the reference data again if there is more of it: an engine that stands for days sees what is imported meanwhile.
    ///
    /// # Errors
    /// [`EngineError`] where it cannot be read.
    pub async fn refresh(&mut self) -> Result<(), EngineError> {
        let mut tx = self.db.begin_read().await?;
        let rows = reference::rows_there(&mut tx).await?;
        tx.rollback().await?;
        if rows == self.reference_rows { Ok(()) } else { self.reload().await }
    }

    /// The engine for decisions that this transaction stores: by the reference data that is in force now, which nobody adds to until it ends,
    /// and by the months that are closed now.
    async fn current(&self, tx: &mut Tx) -> Result<Self, EngineError> {
        let Some((rows, closed_through)) = reference::in_force(tx).await? else { return Ok(self.clone()) };
        let mut current = Self { closed_through, ..self.clone() };
        if rows != self.reference_rows {
            let minimums = self.provider.capabilities().minimums();
            current.reference = Arc::new(reference::load(tx, minimums).await?);
            current.reference_rows = rows;
        }
        Ok(current)
    }

    /// The surroundings of a decision made now.
    fn context<'a>(&'a self, who: &'a Who) -> Context<'a> {
        let (actor, reason) = (who.actor.as_str(), who.reason.as_deref());
        let (now, closed_through) = (self.clock.now(), self.closed_through);
        Context { reference: &self.reference, now, actor, reason, promotion_uses: BTreeMap::new(), closed_through }
    }

    /// Loads one account whole.
    ///
    /// # Errors
    /// [`EngineError::NoAccount`]; store errors.
    pub async fn account(&self, id: &AccountId) -> Result<Account, EngineError> {
        let mut tx = self.db.begin_read().await?;
        let loaded = accounts::load(&mut tx, std::slice::from_ref(id), Scope::ALL).await?;
        tx.rollback().await?;
        loaded.into_iter().next().ok_or_else(|| EngineError::NoAccount(id.to_string()))
    }

    /// Asks something of each of these accounts, which `tx` has locked; changes nothing.
    ///
    /// # Errors
    /// Store errors.
    pub async fn ask<T>(
        &self,
        tx: &mut Tx,
        ids: &[AccountId],
        scope: Scope,
        question: impl Fn(&Draft<'_>) -> T,
    ) -> Result<Vec<T>, EngineError> {
        let who = Who::system();
        let current = self.current(tx).await?;
        let context = current.context(&who);
        let loaded = accounts::load(tx, ids, scope).await?;
        Ok(loaded.into_iter().map(|account| question(&Draft::new(&context, account))).collect())
    }

    /// Plans a command and shows it; changes nothing (CP-2).
    ///
    /// # Errors
    /// [`EngineError::Refused`] with what the rules say; [`crate::store::StoreError::AlreadyDone`] and
    /// [`EngineError::RequestReused`] for a request id that was seen before; store errors.
    pub async fn quote<T>(
        &self,
        id: &AccountId,
        kind: &'static str,
        who: &Who,
        plan: impl Fn(&mut Draft<'_>) -> Planned<T>,
    ) -> Result<(Change, T), EngineError> {
        let mut tx = self.db.begin_read().await?;
        requests::refuse_repeated(&mut tx, id.as_str(), kind, who).await?;
        requests::refuse_backdated(&mut tx, id, self.clock.now()).await?;
        let loaded = accounts::load(&mut tx, std::slice::from_ref(id), Scope::ALL).await?;
        let promotion_uses = accounts::promotion_uses(&mut tx).await?;
        tx.rollback().await?;
        let account = loaded.into_iter().next().ok_or_else(|| EngineError::NoAccount(id.to_string()))?;
        let (_, change, value) = self.plan(account, kind, who, &promotion_uses, &plan)?;
        Ok((change, value))
    }

    /// Plans a command; before it come the months that must be booked first (RR-1).
    fn plan<T>(
        &self,
        account: Account,
        kind: &'static str,
        who: &Who,
        promotion_uses: &BTreeMap<String, u32>,
        plan: &impl Fn(&mut Draft<'_>) -> Planned<T>,
    ) -> Result<(Vec<Change>, Change, T), EngineError> {
        let context = Context { promotion_uses: promotion_uses.clone(), ..self.context(who) };
        let planned = |account: Account, earlier: usize| {
            let id = account.profile.id.to_string();
            let cause = match &who.request_id {
                Some(request) => requests::cause(&request.id),
                None => next_cause(kind, &account, earlier),
            };
            let mut draft = Draft::new(&context, account);
            let value = plan(&mut draft).map_err(|refusal| EngineError::Refused { account: id, refusal })?;
            Ok::<_, EngineError>((draft.finish(kind, cause), value))
        };
        let (change, value) = planned(account, 0)?;
        if !months::touches_an_open_month(&change) {
            return Ok((Vec::new(), change, value));
        }
        let (months, account) = self.close_months(change.before)?;
        let (change, value) = planned(account, months.len())?;
        Ok((months, change, value))
    }

    /// Plans a command and stores it: the same pure function as [`Engine::quote`], under the account's lock.
    ///
    /// # Errors
    /// [`EngineError::Refused`] with nothing changed; [`crate::store::StoreError::AlreadyDone`] and
    /// [`EngineError::RequestReused`] for a request id that was seen before; store errors, after which the whole command may
    /// be given again.
    pub async fn execute<T>(
        &self,
        id: &AccountId,
        kind: &'static str,
        who: &Who,
        plan: impl Fn(&mut Draft<'_>) -> Planned<T>,
    ) -> Result<(Change, T), EngineError> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                accounts::lock(&mut tx, std::slice::from_ref(id)).await?;
                requests::refuse_repeated(&mut tx, id.as_str(), kind, who).await?;
                requests::refuse_backdated(&mut tx, id, self.clock.now()).await?;
                let loaded = accounts::load(&mut tx, std::slice::from_ref(id), Scope::ALL).await?;
                let account = loaded.into_iter().next().ok_or_else(|| EngineError::NoAccount(id.to_string()))?;
                let promotion_uses = accounts::promotion_uses(&mut tx).await?;
                let current = self.current(&mut tx).await?;
                let (mut changes, change, value) = match current.plan(account, kind, who, &promotion_uses, &plan) {
                    Ok(planned) => planned,
                    Err(refused) => {
                        tx.rollback().await?;
                        return Err(refused);
                    }
                };
                requests::remember(&mut tx, id.as_str(), kind, who, change.recorded_at).await?;
                changes.push(change);
                accounts::save(&mut tx, &mut changes).await?;
                tx.commit().await?;
                let change = changes.pop().ok_or_else(|| EngineError::NoAccount(id.to_string()))?;
                Ok((change, value))
            })
            .await
    }
}

/// The cause of a decision that its place in the journal makes unique; `earlier` decisions are not stored yet.
fn next_cause(kind: &str, account: &Account, earlier: usize) -> String {
    let place = i64::try_from(earlier).unwrap_or(i64::MAX).saturating_add(1);
    format!("{kind}:{}", account.profile.journal_seq.saturating_add(place))
}
