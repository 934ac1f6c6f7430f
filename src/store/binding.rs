//! Which provider's account the money of this database is at (F16): bound by the first run against a real provider, and for good.

use super::StoreError;
use super::db::{Tx, Value};

/// What the simulated provider is called.
pub const SIMULATED: &str = "simulated";

crate::statements! {
    /// What the database is bound to.
    BINDING = same("select name, value from meta where name in ('provider', 'provider_account', 'provider_live') order by name");
    /// Binds it; what is there stays.
    BIND = same("insert into meta (name, value) values ($1, $2) on conflict (name) do nothing");
    /// Whether money moved at the simulated provider.
    SIMULATED_MONEY = same("select count(*) as charges from sim_charge");
}

/// An account with a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The provider's name.
    pub provider: String,
    /// The provider's id of the account.
    pub account: String,
    /// Whether real money moves.
    pub live: bool,
}

/// What the database is bound to; nothing where its money is simulated.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn read(tx: &mut Tx) -> Result<Option<Binding>, StoreError> {
    let (mut provider, mut account, mut live) = (None, None, None);
    for row in tx.fetch_all(&BINDING, &[]).await? {
        let value = row.text("value")?;
        match row.text("name")?.as_str() {
            "provider" => provider = Some(value),
            "provider_account" => account = Some(value),
            _ => live = Some(value == "true"),
        }
    }
    Ok(provider.zip(account).zip(live).map(|((provider, account), live)| Binding { provider, account, live }))
}

/// Binds the database, unless it is bound already; gives what it is bound to then.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn bind(tx: &mut Tx, binding: &Binding) -> Result<Option<Binding>, StoreError> {
    let live = if binding.live { "true" } else { "false" };
    for (name, value) in [("provider", binding.provider.as_str()), ("provider_account", &binding.account), ("provider_live", live)] {
        tx.execute(&BIND, &[Value::Text(name.to_owned()), Value::Text(value.to_owned())]).await?;
    }
    read(tx).await
}

/// Whether money moved at the simulated provider.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn has_simulated_money(tx: &mut Tx) -> Result<bool, StoreError> {
    Ok(tx.fetch_one(&SIMULATED_MONEY, &[]).await?.int("charges")? > 0)
}
