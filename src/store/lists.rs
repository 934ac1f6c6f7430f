//! Short lists that operators and jobs ask for.

use super::StoreError;
use super::db::{Tx, Value};
use crate::domain::ids::AccountId;

crate::statements! {
    /// Accounts whose payment method was refused for good (PD-2).
    BLOCKED_METHODS = same("select account_id from accounts where method_blocked = 1 and account_id > $1 order by account_id");
}

/// PD-2: accounts that wait for a new payment method.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn accounts_with_blocked_method(tx: &mut Tx) -> Result<Vec<AccountId>, StoreError> {
    let rows = tx.fetch_all(&BLOCKED_METHODS, &[Value::Text(String::new())]).await?;
    Ok(rows.iter().filter_map(|row| row.str_at(0).ok().and_then(|id| AccountId::parse(id).ok())).collect())
}
