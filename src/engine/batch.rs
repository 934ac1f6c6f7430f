//! Many accounts in one transaction, with a fixed number of statements.

use std::future::Future;
use std::pin::Pin;

use rayon::prelude::*;

use super::months::touches_an_open_month;
use super::summary::Summary;
use super::{Engine, EngineError, Who, next_cause};
use crate::domain::account::Account;
use crate::domain::change::{Change, Draft, Planned, Refusal};
use crate::domain::ids::AccountId;
use crate::store::StoreError;
use crate::store::account::{self as accounts, InvoiceKey, SHARE_MIN, Scope};
use crate::store::db::{Retryable, Tx};

/// The accounts of a batch, locked.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    /// Their ids.
    pub ids: Vec<AccountId>,
    /// Invoices that must be loaded besides what the work's scope says.
    pub invoices: Vec<InvoiceKey>,
}

impl From<Vec<AccountId>> for Accounts {
    fn from(ids: Vec<AccountId>) -> Self {
        Self { ids, invoices: Vec::new() }
    }
}

/// What is done to each account of a batch.
pub trait Work: Sync {
    /// The kind of decision: `renew`, `recognise`, …
    fn kind(&self) -> &'static str;

    /// What must be loaded of each account.
    fn scope(&self) -> Scope;

    /// Whether this account needs to be loaded whole before it can be planned.
    fn needs_everything(&self, _account: &Account) -> bool {
        false
    }

    /// Plans the change.
    ///
    /// # Errors
    /// A refusal parks the account with its reason (PV-8).
    fn plan(&self, draft: &mut Draft<'_>) -> Planned;

    /// Told of the changes after they were committed.
    fn stored(&self, _changes: &[Change]) {}
}

impl Engine {
    /// Does a batch whose accounts are locked by `tx`, and commits it; on trouble with the rows, does it again in halves.
    ///
    /// # Errors
    /// What the database says where it is not one account's fault.
    pub async fn run_batch(&self, tx: Tx, accounts: impl Into<Accounts>, work: &dyn Work) -> Result<Summary, EngineError> {
        self.run_batch_as(tx, accounts, work, &Who::system()).await
    }

    /// As [`Engine::run_batch`], on somebody's behalf.
    ///
    /// # Errors
    /// As [`Engine::run_batch`].
    pub async fn run_batch_as(&self, tx: Tx, accounts: impl Into<Accounts>, work: &dyn Work, who: &Who) -> Result<Summary, EngineError> {
        let Accounts { ids, invoices } = accounts.into();
        match self.try_batch(tx, &ids, &invoices, work, who).await {
            Ok(summary) => Ok(summary),
            Err(error) if is_environment(&error) => Err(error),
            Err(error) => self.halve(ids, &invoices, work, who, error).await,
        }
    }

    async fn try_batch(
        &self,
        mut tx: Tx,
        ids: &[AccountId],
        invoices: &[InvoiceKey],
        work: &dyn Work,
        who: &Who,
    ) -> Result<Summary, EngineError> {
        let accounts = self.load_for(&mut tx, ids, invoices, work).await?;
        // Prices and rates are imported while a runner stands, and months are closed (RC-3).
        let mut changes = self.current(&mut tx).await?.plan_all(accounts, work, who)?;
        accounts::save(&mut tx, &mut changes).await?;
        tx.commit().await?;
        work.stored(&changes);
        let mut summary = Summary::default();
        changes.iter().for_each(|change| summary.tally(change));
        changes.into_par_iter().with_min_len(SHARE_MIN).for_each(drop);
        Ok(summary)
    }

    /// Plans each account by itself, so all processors take part; the changes that are not empty come in the order of the accounts.
    fn plan_all(&self, accounts: Vec<Account>, work: &dyn Work, who: &Who) -> Result<Vec<Change>, EngineError> {
        let planned = accounts.into_par_iter().with_min_len(SHARE_MIN).map(|account| self.plan_or_park(account, work, who));
        let mut changes = Vec::new();
        planned.collect_into_vec(&mut changes);
        let changes: Vec<Vec<Change>> = changes.into_iter().collect::<Result<_, _>>()?;
        Ok(changes.into_iter().flatten().filter(|change| !change.is_empty()).collect())
    }

    async fn load_for(
        &self,
        tx: &mut Tx,
        ids: &[AccountId],
        invoices: &[InvoiceKey],
        work: &dyn Work,
    ) -> Result<Vec<Account>, EngineError> {
        let mut loaded = accounts::load_with_invoices(tx, ids, work.scope(), invoices).await?;
        let whole: Vec<AccountId> =
            loaded.iter().filter(|account| work.needs_everything(account)).map(|account| account.profile.id.clone()).collect();
        // Both are in the order of the ids, so one pass puts each in its place.
        let mut whole = accounts::load(tx, &whole, Scope::ALL).await?.into_iter().peekable();
        for place in &mut loaded {
            if let Some(account) = whole.next_if(|account| account.profile.id == place.profile.id) {
                *place = account;
            }
        }
        Ok(loaded)
    }

    fn plan_or_park(&self, account: Account, work: &dyn Work, who: &Who) -> Result<Vec<Change>, EngineError> {
        let context = self.context(who);
        let plan = |account: Account, earlier: usize| {
            let cause = next_cause(work.kind(), &account, earlier);
            let mut draft = Draft::new(&context, account);
            let outcome = work.plan(&mut draft);
            (draft.finish(work.kind(), cause), outcome)
        };
        let (mut change, mut outcome) = plan(account, 0);
        let mut months = Vec::new();
        if outcome.is_ok() && touches_an_open_month(&change) {
            let account;
            (months, account) = self.close_months(change.before)?;
            (change, outcome) = plan(account, months.len());
        }
        if let Err(refusal) = outcome {
            let account = months.into_iter().next().map_or(change.before, |month| month.before);
            tracing::warn!(account = %account.profile.id, job = work.kind(), reason = %refusal, "account parked");
            return Ok(vec![self.park(account, code(&refusal), &refusal.to_string(), who)?]);
        }
        months.push(change);
        Ok(months)
    }

    fn park(&self, account: Account, code: &str, reason: &str, who: &Who) -> Result<Change, EngineError> {
        let context = self.context(who);
        let id = account.profile.id.to_string();
        let cause = next_cause("park", &account, 0);
        let mut draft = Draft::new(&context, account);
        draft.park(code, reason).map_err(|refusal| EngineError::Refused { account: id, refusal })?;
        Ok(draft.finish("park", cause))
    }

    /// A poisoned account must not sink the others: halves, down to the one, which is parked.
    fn halve<'a>(
        &'a self,
        ids: Vec<AccountId>,
        invoices: &'a [InvoiceKey],
        work: &'a dyn Work,
        who: &'a Who,
        error: EngineError,
    ) -> Pin<Box<dyn Future<Output = Result<Summary, EngineError>> + Send + 'a>> {
        Box::pin(async move {
            if let [only] = ids.as_slice() {
                return if error.is_retryable() {
                    self.once_more(only, invoices, work, who).await
                } else {
                    self.park_poisoned(only, &error).await
                };
            }
            let mut summary = Summary::default();
            let middle = ids.len() / 2;
            for half in [ids[..middle].to_vec(), ids[middle..].to_vec()] {
                let mut tx = self.db.begin().await?;
                accounts::lock(&mut tx, &half).await?;
                match self.try_batch(tx, &half, invoices, work, who).await {
                    Ok(done) => summary.absorb(done),
                    Err(error) if is_environment(&error) => return Err(error),
                    Err(error) => summary.absorb(self.halve(half, invoices, work, who, error).await?),
                }
            }
            Ok(summary)
        })
    }

    async fn once_more(&self, id: &AccountId, invoices: &[InvoiceKey], work: &dyn Work, who: &Who) -> Result<Summary, EngineError> {
        self.db
            .retrying(|| async {
                let mut tx = self.db.begin().await?;
                accounts::lock(&mut tx, std::slice::from_ref(id)).await?;
                self.try_batch(tx, std::slice::from_ref(id), invoices, work, who).await
            })
            .await
    }

    async fn park_poisoned(&self, id: &AccountId, error: &EngineError) -> Result<Summary, EngineError> {
        tracing::error!(account = %id, error = %error, "account parked: its rows were refused");
        let mut tx = self.db.begin().await?;
        accounts::lock(&mut tx, std::slice::from_ref(id)).await?;
        let mut loaded = accounts::load(&mut tx, std::slice::from_ref(id), Scope::PROFILE).await?;
        let Some(account) = loaded.pop() else { return Ok(Summary::default()) };
        let mut changes = [self.park(account, "rows_refused", &error.to_string(), &Who::system())?];
        accounts::save(&mut tx, &mut changes).await?;
        tx.commit().await?;
        let mut summary = Summary::default();
        changes.iter().for_each(|change| summary.tally(change));
        Ok(summary)
    }
}

/// Whether an error is the environment's and not one account's: then halving finds nothing.
const fn is_environment(error: &EngineError) -> bool {
    use crate::store::db::DbError;
    match error {
        EngineError::Store(StoreError::NoCatalog) => true,
        EngineError::Store(StoreError::Db(error)) => !matches!(
            error,
            DbError::UniqueViolation { .. }
                | DbError::ForeignKey { .. }
                | DbError::Check { .. }
                | DbError::Busy
                | DbError::Serialization
                | DbError::Deadlock
                | DbError::Corrupt { .. }
                | DbError::Other { .. }
        ),
        _ => false,
    }
}

/// A stable code for the operator's list.
#[must_use]
pub const fn code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::TooManyMissed { .. } => "too_many_missed_periods",
        Refusal::NoPrice { .. } | Refusal::NotPriced { .. } | Refusal::NoPlan { .. } => "no_price",
        Refusal::NoTerms { .. } => "no_terms",
        Refusal::Tax(_) => "no_tax_rate",
        Refusal::NoOutcome { .. } => "no_outcome",
        Refusal::Inconsistent(_) | Refusal::Ledger(_) => "inconsistent",
        Refusal::Money(_) | Refusal::Calendar(_) | Refusal::Refund(_) => "arithmetic",
        _ => "refused",
    }
}
