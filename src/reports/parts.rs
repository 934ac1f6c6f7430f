//! All accounts, a part at a time, so that what is asked of a part can be sorted and grouped in memory.

use super::ReportError;
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// The account with which the next part begins.
    NEXT = same("select a.account_id from accounts a where a.account_id >= $1 order by a.account_id limit 1 offset $2");
}

/// After every account's id: those have letters, digits, `_`, `.` and `-`.
pub(super) const AFTER_ALL_IDS: &str = "~";

/// Accounts of a part. SQLite keeps postings in their order. PostgreSQL keeps them as they were made, so that more accounts are cheaper than
/// few, and goes through the whole journal where there are too many.
const ACCOUNTS: i64 = 5_000;

/// The parts one after the other, books of providers among them.
#[derive(Debug)]
pub(super) struct Parts {
    /// With what the next one begins; nothing after the last.
    next: Option<String>,
}

impl Parts {
    pub(super) const fn new() -> Self {
        Self { next: Some(String::new()) }
    }

    /// The next part: from an id on and before another.
    ///
    /// # Errors
    /// What the database says.
    pub(super) async fn next(&mut self, tx: &mut Tx) -> Result<Option<[String; 2]>, ReportError> {
        let Some(first) = self.next.take() else { return Ok(None) };
        self.next = tx.fetch_optional(&NEXT, &values![&first, ACCOUNTS]).await?.map(|row| row.text_at(0)).transpose()?;
        let end = self.next.clone().unwrap_or_else(|| AFTER_ALL_IDS.to_owned());
        Ok(Some([first, end]))
    }
}
