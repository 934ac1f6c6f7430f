//! Locking and loading accounts: one statement for each table, rows put together in memory.

use std::collections::HashMap;

use super::super::db::{Kind, Sql, Table, Tx, Value};
use super::super::error::StoreError;
use super::super::rows::{Reader, TableRow};
use super::{Scope, documents, extras, invoices, money, profile, subscriptions};
use crate::domain::account::{
    Account, Charge, CollectionCost, Correction, Dispute, Invoice, Payment, RedemptionState, Refund, Subscription, Task,
};
use crate::domain::ids::AccountId;

/// In the order of ids, so that of two that lock the same accounts one waits for the other and never each for both.
pub(super) const LOCK: Sql =
    Sql::same("select account_id from accounts where account_id {in:$1} order by account_id {postgres: for update}")
        .named("kasacare::store::account::load::LOCK");

/// Locks the rows of these accounts until the transaction ends; those that do not exist are passed over.
///
/// On SQLite a transaction that writes is alone from its beginning, so that nothing is sent.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn lock(tx: &mut Tx, ids: &[AccountId]) -> Result<(), StoreError> {
    if tx.kind() == Kind::Postgres && !ids.is_empty() {
        tx.fetch_all(&LOCK, &[account_list(ids)]).await?;
    }
    Ok(())
}

/// Loads accounts in the order of `ids`; those that do not exist are absent.
///
/// Lock them first ([`lock`], or a claim): a change must be planned on what nobody else can change.
///
/// # Errors
/// [`StoreError::Corrupt`] for a row that cannot be read, [`StoreError::Db`].
pub async fn load(tx: &mut Tx, ids: &[AccountId], scope: Scope) -> Result<Vec<Account>, StoreError> {
    load_with_invoices(tx, ids, scope, &[]).await
}

/// The same, with these invoices besides those of the scope. Where the scope has open charges, it has all of theirs.
///
/// # Errors
/// As [`load`].
pub async fn load_with_invoices(tx: &mut Tx, ids: &[AccountId], scope: Scope, invoices: &[String]) -> Result<Vec<Account>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut loading = Loading::profiles(tx, ids).await?;
    if loading.accounts.is_empty() {
        return Ok(Vec::new());
    }
    loading.coverage(tx, scope).await?;
    loading.money(tx, scope, invoices).await?;
    loading.documents(tx, scope).await?;
    loading.extras(tx, scope).await?;
    Ok(loading.accounts)
}

fn account_list(ids: &[AccountId]) -> Value {
    Value::texts(ids.iter().map(AccountId::as_str))
}

/// Accounts that are being put together.
struct Loading {
    accounts: Vec<Account>,
    position: HashMap<AccountId, usize>,
    list: Value,
}

impl Loading {
    async fn profiles(tx: &mut Tx, ids: &[AccountId]) -> Result<Self, StoreError> {
        let list = account_list(ids);
        let mut profiles = HashMap::with_capacity(ids.len());
        for row in tx.fetch_all(&profile::LOAD, std::slice::from_ref(&list)).await? {
            let profile = profile::read(&mut Reader::new(&row, &profile::ACCOUNTS))?;
            profiles.insert(profile.id.clone(), profile);
        }
        let accounts: Vec<Account> = ids.iter().filter_map(|id| profiles.remove(id)).map(Account::new).collect();
        let position = accounts.iter().enumerate().map(|(at, account)| (account.profile.id.clone(), at)).collect();
        Ok(Self { accounts, position, list })
    }

    async fn coverage(&mut self, tx: &mut Tx, scope: Scope) -> Result<(), StoreError> {
        if scope.has(Scope::CAMERAS) {
            self.each(tx, &profile::LOAD_CAMERAS, &profile::CAMERAS, None, |row, account| {
                account.cameras.push(profile::read_camera(row)?);
                Ok(())
            })
            .await?;
        }
        if scope.has(Scope::SUBSCRIPTIONS) {
            self.rows::<Subscription>(tx, &subscriptions::LOAD, None).await?;
            let (sql, table) = (&subscriptions::LOAD_PRICE_NOTICES, &subscriptions::PRICE_NOTICES);
            self.each(tx, sql, table, None, subscriptions::read_price_notice).await?;
        }
        Ok(())
    }

    async fn money(&mut self, tx: &mut Tx, scope: Scope, named: &[String]) -> Result<(), StoreError> {
        let any_named = !named.is_empty();
        if scope.has(Scope::INVOICES_ALL) {
            self.rows::<Invoice>(tx, &invoices::LOAD, None).await?;
        } else if scope.has(Scope::INVOICES_OPEN) && any_named {
            self.rows::<Invoice>(tx, &invoices::LOAD_OPEN_AND_NAMED, Some(named)).await?;
        } else if scope.has(Scope::INVOICES_OPEN) {
            self.rows::<Invoice>(tx, &invoices::LOAD_OPEN, None).await?;
        } else if any_named {
            self.rows::<Invoice>(tx, &invoices::LOAD_NAMED, Some(named)).await?;
        }
        if scope.has(Scope::CHARGES_ALL) {
            self.rows::<Charge>(tx, &money::LOAD_CHARGES, None).await?;
        } else if scope.has(Scope::CHARGES_OPEN) {
            self.rows::<Charge>(tx, &money::LOAD_CHARGES_OPEN_AND_NAMED, Some(named)).await?;
        }
        if scope.has(Scope::PAYMENTS) {
            self.rows::<Payment>(tx, &money::LOAD_PAYMENTS, None).await?;
        }
        if scope.has(Scope::REFUNDS) {
            self.rows::<Refund>(tx, &money::LOAD_REFUNDS, None).await?;
        }
        Ok(())
    }

    async fn documents(&mut self, tx: &mut Tx, scope: Scope) -> Result<(), StoreError> {
        if scope.has(Scope::NOTES) {
            self.each(tx, &documents::LOAD_NOTES, &documents::NOTES, None, |row, account| {
                let note = documents::read_note(row)?;
                account.notes.insert(note.id.clone(), note);
                Ok(())
            })
            .await?;
        }
        if scope.has(Scope::CORRECTIONS) {
            self.rows::<Correction>(tx, &documents::LOAD_CORRECTIONS, None).await?;
        }
        if scope.has(Scope::DISPUTES) {
            self.rows::<Dispute>(tx, &documents::LOAD_DISPUTES, None).await?;
        }
        Ok(())
    }

    async fn extras(&mut self, tx: &mut Tx, scope: Scope) -> Result<(), StoreError> {
        if scope.has(Scope::REDEMPTIONS) {
            self.rows::<RedemptionState>(tx, &extras::LOAD_REDEMPTIONS, None).await?;
        }
        if scope.has(Scope::COSTS) {
            self.rows::<CollectionCost>(tx, &extras::LOAD_COSTS, None).await?;
        }
        if scope.has(Scope::TASKS) {
            self.rows::<Task>(tx, &extras::LOAD_TASKS, None).await?;
        }
        Ok(())
    }

    async fn rows<R: TableRow>(&mut self, tx: &mut Tx, sql: &Sql, named: Option<&[String]>) -> Result<(), StoreError> {
        self.each(tx, sql, R::TABLE, named, |row, account| {
            let (key, value) = R::read(row)?;
            R::of_mut(account).insert(key, value);
            Ok(())
        })
        .await
    }

    /// Runs a statement for all accounts and hands each row to the account that it belongs to.
    async fn each(
        &mut self,
        tx: &mut Tx,
        sql: &Sql,
        table: &'static Table,
        named: Option<&[String]>,
        take: impl Fn(&mut Reader<'_>, &mut Account) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut values = vec![self.list.clone()];
        values.extend(named.map(Value::texts));
        for row in tx.fetch_all(sql, &values).await? {
            let mut reader = Reader::new(&row, table);
            let id = reader.str()?;
            let account = self.position.get(id).and_then(|at| self.accounts.get_mut(*at));
            let account = account.ok_or_else(|| reader.corrupt("is none of those asked for"))?;
            reader.in_currency(account.profile.currency);
            take(&mut reader, account)?;
        }
        Ok(())
    }
}
