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

/// An invoice, by its account and its id.
pub type InvoiceKey = (AccountId, String);

/// The same, with these invoices besides those of the scope. Invoices of other accounts are passed over.
///
/// # Errors
/// As [`load`].
pub async fn load_with_invoices(tx: &mut Tx, ids: &[AccountId], scope: Scope, invoices: &[InvoiceKey]) -> Result<Vec<Account>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut loading = Loading::profiles(tx, ids).await?;
    if loading.accounts.is_empty() {
        return Ok(Vec::new());
    }
    loading.coverage(tx, scope).await?;
    loading.money(tx, scope).await?;
    loading.named(tx, scope, invoices).await?;
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
            self.each(tx, &profile::LOAD_CAMERAS, &profile::CAMERAS, self.list.clone(), |row, account| {
                account.cameras.push(profile::read_camera(row)?);
                Ok(())
            })
            .await?;
        }
        if scope.has(Scope::SUBSCRIPTIONS) {
            self.rows::<Subscription>(tx, &subscriptions::LOAD).await?;
            let (sql, table) = (&subscriptions::LOAD_PRICE_NOTICES, &subscriptions::PRICE_NOTICES);
            self.each(tx, sql, table, self.list.clone(), subscriptions::read_price_notice).await?;
        }
        Ok(())
    }

    async fn money(&mut self, tx: &mut Tx, scope: Scope) -> Result<(), StoreError> {
        if scope.has(Scope::INVOICES_ALL) {
            self.rows::<Invoice>(tx, &invoices::LOAD).await?;
        } else if scope.has(Scope::INVOICES_OPEN) {
            self.rows::<Invoice>(tx, &invoices::LOAD_OPEN).await?;
        }
        if scope.has(Scope::CHARGES_ALL) {
            self.rows::<Charge>(tx, &money::LOAD_CHARGES).await?;
        } else if scope.has(Scope::CHARGES_OPEN) {
            self.rows::<Charge>(tx, &money::LOAD_CHARGES_OPEN).await?;
        }
        if scope.has(Scope::PAYMENTS) {
            self.rows::<Payment>(tx, &money::LOAD_PAYMENTS).await?;
        }
        if scope.has(Scope::REFUNDS) {
            self.rows::<Refund>(tx, &money::LOAD_REFUNDS).await?;
        }
        Ok(())
    }

    async fn named(&mut self, tx: &mut Tx, scope: Scope, named: &[InvoiceKey]) -> Result<(), StoreError> {
        let known = named.iter().filter(|(account, _)| self.position.contains_key(account));
        // Ids of accounts have no slash.
        let named: Vec<String> = known.map(|(account, invoice)| format!("{account}/{invoice}")).collect();
        if named.is_empty() {
            return Ok(());
        }
        let named = Value::TextList(named);
        if !scope.has(Scope::INVOICES_ALL) {
            self.put::<Invoice>(tx, &invoices::LOAD_NAMED, named.clone()).await?;
        }
        if scope.has(Scope::CHARGES_NAMED) && !scope.has(Scope::CHARGES_ALL) {
            self.put::<Charge>(tx, &money::LOAD_CHARGES_NAMED, named).await?;
        }
        Ok(())
    }

    async fn documents(&mut self, tx: &mut Tx, scope: Scope) -> Result<(), StoreError> {
        if scope.has(Scope::NOTES) {
            self.each(tx, &documents::LOAD_NOTES, &documents::NOTES, self.list.clone(), |row, account| {
                let note = documents::read_note(row)?;
                account.notes.insert(note.id.clone(), note);
                Ok(())
            })
            .await?;
        }
        if scope.has(Scope::CORRECTIONS) {
            self.rows::<Correction>(tx, &documents::LOAD_CORRECTIONS).await?;
        }
        if scope.has(Scope::DISPUTES) {
            self.rows::<Dispute>(tx, &documents::LOAD_DISPUTES).await?;
        }
        Ok(())
    }

    async fn extras(&mut self, tx: &mut Tx, scope: Scope) -> Result<(), StoreError> {
        if scope.has(Scope::REDEMPTIONS) {
            self.rows::<RedemptionState>(tx, &extras::LOAD_REDEMPTIONS).await?;
        }
        if scope.has(Scope::COSTS) {
            self.rows::<CollectionCost>(tx, &extras::LOAD_COSTS).await?;
        }
        if scope.has(Scope::TASKS) {
            self.rows::<Task>(tx, &extras::LOAD_TASKS).await?;
        }
        Ok(())
    }

    /// Loads a table's rows of all accounts.
    async fn rows<R: TableRow>(&mut self, tx: &mut Tx, sql: &Sql) -> Result<(), StoreError> {
        self.put::<R>(tx, sql, self.list.clone()).await
    }

    async fn put<R: TableRow>(&mut self, tx: &mut Tx, sql: &Sql, list: Value) -> Result<(), StoreError> {
        self.each(tx, sql, R::TABLE, list, |row, account| {
            let (key, value) = R::read(row)?;
            R::of_mut(account).insert(key, value);
            Ok(())
        })
        .await
    }

    /// Runs a statement and hands each row to the account that it belongs to.
    async fn each(
        &mut self,
        tx: &mut Tx,
        sql: &Sql,
        table: &'static Table,
        list: Value,
        take: impl Fn(&mut Reader<'_>, &mut Account) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for row in tx.fetch_all(sql, &[list]).await? {
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
