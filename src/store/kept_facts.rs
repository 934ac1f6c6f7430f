//! How far a provider's events were read, and those that an account could not take (PV-4).

use super::StoreError;
use super::db::{Column, Columns, DbError, Row, Table, Tx, Value};
use crate::domain::ids::AccountId;

/// What was told and could not be applied.
pub const KEPT_FACTS: Table = Table {
    name: "kept_facts",
    columns: &[
        Column::text("account_id"),
        Column::text("event_id"),
        Column::int("kept_at"),
        Column::int("position"),
        Column::text("fact"),
        Column::text("reason"),
    ],
    key: &["account_id", "event_id"],
};

crate::statements! {
    /// How far a provider's events were read.
    PROVIDER_CURSOR = same("select cursor from provider_cursors where provider = $1");
    /// Stores how far a provider's events were read.
    SET_PROVIDER_CURSOR = same(
        "insert into provider_cursors (provider, cursor) values ($1, $2) on conflict (provider) do update set cursor = excluded.cursor"
    );
    /// Facts that may be tried again: of accounts that are not parked, in the order in which they came.
    RETRIABLE = same(
        "select k.account_id, k.event_id, k.kept_at, k.position, k.fact, k.reason from kept_facts k \
         join accounts a on a.account_id = k.account_id where a.parked_at is null \
         order by k.account_id, k.kept_at, k.position limit $1"
    );
    /// Which of these accounts have kept facts: what comes later for them must wait its turn.
    WAITING = same("select distinct account_id from kept_facts where account_id {in:$1} order by account_id");
}

/// A fact that an account could not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFact {
    /// The account.
    pub account: AccountId,
    /// The provider's id of the event.
    pub event: String,
    /// When it was kept, in microseconds; with the position, its place in the order.
    pub kept_at: i64,
    /// Its place among those that were kept together.
    pub position: i64,
    /// What happened, as JSON.
    pub fact: String,
    /// Why it could not be applied.
    pub reason: String,
}

/// Keeps facts; one that comes again takes its later place.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn keep(tx: &mut Tx, facts: &[KeptFact]) -> Result<(), StoreError> {
    let mut rows = Columns::of(&KEPT_FACTS);
    for fact in facts {
        rows.row().text(fact.account.as_str()).text(&fact.event).int(fact.kept_at).int(fact.position).text(&fact.fact).text(&fact.reason);
    }
    tx.upsert_rows(&rows).await?;
    Ok(())
}

/// Forgets facts that were applied after all.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn forget(tx: &mut Tx, facts: &[KeptFact]) -> Result<(), StoreError> {
    let mut rows = Columns::only(&KEPT_FACTS, KEPT_FACTS.key);
    for fact in facts {
        rows.row().text(fact.account.as_str()).text(&fact.event);
    }
    tx.delete_rows(&rows).await?;
    Ok(())
}

/// Kept facts of accounts that are not parked, by account and in their order.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn retriable(tx: &mut Tx, limit: u32) -> Result<Vec<KeptFact>, StoreError> {
    let rows = tx.fetch_all(&RETRIABLE, &[Value::Int(i64::from(limit))]).await?;
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

/// Which of these accounts have kept facts.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn waiting(tx: &mut Tx, accounts: &[AccountId]) -> Result<Vec<AccountId>, StoreError> {
    let rows = tx.fetch_all(&WAITING, &[Value::texts(accounts.iter().map(AccountId::as_str))]).await?;
    Ok(rows.iter().map(account).collect::<Result<_, _>>()?)
}

fn account(row: &Row) -> Result<AccountId, DbError> {
    AccountId::parse(row.str_at(0)?).map_err(|_| row.corrupt("account_id", "is not an id"))
}

fn read(row: &Row) -> Result<KeptFact, DbError> {
    Ok(KeptFact {
        account: account(row)?,
        event: row.text("event_id")?,
        kept_at: row.int("kept_at")?,
        position: row.int("position")?,
        fact: row.text("fact")?,
        reason: row.text("reason")?,
    })
}

/// How far a provider's events were read.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn provider_cursor(tx: &mut Tx, provider: &str) -> Result<Option<String>, StoreError> {
    let row = tx.fetch_optional(&PROVIDER_CURSOR, &[Value::Text(provider.to_owned())]).await?;
    Ok(row.map(|row| row.text("cursor")).transpose()?)
}

/// Stores how far a provider's events were read.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn set_provider_cursor(tx: &mut Tx, provider: &str, cursor: &str) -> Result<(), StoreError> {
    tx.execute(&SET_PROVIDER_CURSOR, &[Value::Text(provider.to_owned()), Value::Text(cursor.to_owned())]).await?;
    Ok(())
}
