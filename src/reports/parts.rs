//! All accounts, a part at a time: postings are kept in the order of accounts, so that what is asked of a part is read in one go, and sorted
//! and grouped in memory.

use super::ReportError;
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// The account with which the next part begins.
    NEXT = same("select a.account_id from accounts a where a.account_id >= $1 order by a.account_id limit 1 offset $2");
}

/// Accounts of a part.
const ACCOUNTS: i64 = 1_000;

/// After every account's id: those have letters, digits, `_`, `.` and `-`.
pub(super) const AFTER_ALL_IDS: &str = "~";

/// The parts one after the other, books of providers among them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// With what the next one begins; nothing after the last.
    next: Option<String>,
}

impl Parts {
    pub(super) fn new() -> Self {
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
