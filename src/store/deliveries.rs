//! What becomes of leased work: the outcome of mails, and leases that are given back.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::StoreError;
use super::claims::{Lease, LeasedNotice};
use super::db::{Column, Columns, DbError, Row, Table, Tx, Value};
use crate::domain::ids::{AccountId, SubscriptionId};

crate::statements! {
    /// Subscriptions of these accounts whose mail of a kind another runner is sending, or about to.
    LEASED_ELSEWHERE = same(
        "select account_id, subscription_id from notices where account_id {in:$1} and state = 'queued' and kind = $2 \
         and subscription_id is not null and lease_until >= $3 and lease_owner <> $4"
    );
}

/// The columns of a mail that its delivery writes.
pub const DELIVERIES: Table = Table {
    name: "notices",
    columns: &[
        Column::text("account_id"),
        Column::text("notice_id"),
        Column::text("state"),
        Column::text("data"),
        Column::int("sent_at"),
        Column::int("due_at"),
        Column::int("attempts"),
        Column::text("last_error_code"),
        Column::int("lease_until"),
    ],
    key: &["account_id", "notice_id"],
};

/// The columns of a row whose lease is given back.
macro_rules! given_back {
    ($(#[$doc:meta])* $table:ident = $name:literal, $key:literal) => {
        $(#[$doc])*
        pub const $table: Table = Table {
            name: $name,
            columns: &[
                Column::text("account_id"),
                Column::text($key),
                Column::text("lease_owner"),
                Column::int("lease_until"),
                Column::int("failed_at"),
            ],
            key: &["account_id", $key],
        };
    };
}

given_back! {
    /// Charges whose lease is given back.
    CHARGES_GIVEN_BACK = "charges", "charge_id"
}
given_back! {
    /// Refunds whose lease is given back.
    REFUNDS_GIVEN_BACK = "refunds", "refund_id"
}

/// The columns of a row that was leased for a call that was never made.
macro_rules! not_sent {
    ($(#[$doc:meta])* $table:ident = $name:literal, $key:literal) => {
        $(#[$doc])*
        pub const $table: Table = Table {
            name: $name,
            columns: &[
                Column::text("account_id"),
                Column::text($key),
                Column::text("lease_owner"),
                Column::int("lease_until"),
                Column::int("lease_no"),
                Column::int("first_sent_at"),
            ],
            key: &["account_id", $key],
        };
    };
}

not_sent! {
    /// Charges that were not sent after all.
    CHARGES_NOT_SENT = "charges", "charge_id"
}
not_sent! {
    /// Refunds that were not sent after all.
    REFUNDS_NOT_SENT = "refunds", "refund_id"
}

/// What became of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeResult {
    /// It was taken.
    Sent,
    /// The state forbids it now (I10).
    Withdrawn,
    /// It waits for its day, or for another mail (RE-2); nothing went wrong.
    Later {
        /// When it is looked at again.
        at: DateTime<Utc>,
    },
    /// It was given up.
    Failed {
        /// Why.
        code: String,
    },
    /// It is tried again.
    Again {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        code: String,
    },
}

/// Records what became of leased mails, and what they said or would have said.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn record_notices(tx: &mut Tx, now: DateTime<Utc>, results: &[(LeasedNotice, NoticeResult)]) -> Result<(), StoreError> {
    let mut rows = Columns::of(&DELIVERIES);
    for (notice, result) in results {
        let (state, sent_at, due_at, attempts, code) = match result {
            NoticeResult::Sent => ("sent", Some(now.timestamp_micros()), None, notice.attempts, None),
            NoticeResult::Withdrawn => ("withdrawn", None, None, notice.attempts, None),
            NoticeResult::Later { at } => ("queued", None, Some(at.timestamp_micros()), notice.attempts, None),
            NoticeResult::Failed { code } => ("failed", None, None, notice.attempts.saturating_add(1), Some(code.as_str())),
            NoticeResult::Again { at, code } => {
                ("queued", None, Some(at.timestamp_micros()), notice.attempts.saturating_add(1), Some(code.as_str()))
            }
        };
        let row = &mut rows.row();
        row.text(notice.account.as_str())
            .text(&notice.notice)
            .text(state)
            .text(&notice.data)
            .opt_int(sent_at)
            .opt_int(due_at)
            .int(attempts);
        row.opt_text(code).opt_int(None);
    }
    tx.update_rows(&rows).await?;
    Ok(())
}

/// A call whose outcome is open, and whose lease is given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The account.
    pub account: AccountId,
    /// The charge, or the refund.
    pub id: String,
    /// When the provider last answered it with a failure of its own.
    pub failed_at: Option<DateTime<Utc>>,
}

/// Gives leases back, so that rows whose outcome is still open can be looked up when they are due and not only when the lease has
/// run out. What somebody else has leased meanwhile stays theirs.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn give_back(tx: &mut Tx, table: &'static Table, owner: &str, rows: &[GivenBack]) -> Result<(), StoreError> {
    let mut freed = Columns::of(table);
    for GivenBack { account, id, failed_at } in rows {
        let failed_at = failed_at.map(|at| at.timestamp_micros());
        freed.row().text(account.as_str()).text(id).text(owner).opt_int(None).opt_int(failed_at);
    }
    let [account, id] = [table.key[0], table.key[1]];
    tx.update_rows_matching(&[account, id, "lease_owner"], &freed).await?;
    Ok(())
}

/// Takes back leases of this runner whose calls were certainly never made, as if there had been none: their keys have not begun to
/// grow old, and nothing is to be looked up.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn take_back(tx: &mut Tx, table: &'static Table, owner: &str, rows: &[(AccountId, String)]) -> Result<(), StoreError> {
    let mut freed = Columns::of(table);
    for (account, id) in rows {
        freed.row().text(account.as_str()).text(id).text(owner).opt_int(None).int(0).opt_int(None);
    }
    let [account, id] = [table.key[0], table.key[1]];
    tx.update_rows_matching(&[account, id, "lease_owner"], &freed).await?;
    Ok(())
}

/// The subscriptions of these accounts whose mail of a kind another runner has leased: it may be on its way.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn leased_elsewhere(
    tx: &mut Tx,
    accounts: &[AccountId],
    kind: &str,
    lease: &Lease,
) -> Result<BTreeSet<(AccountId, SubscriptionId)>, StoreError> {
    let ids = Value::texts(accounts.iter().map(AccountId::as_str));
    let rows = tx.fetch_all(&LEASED_ELSEWHERE, &[ids, kind.into(), lease.now.into(), lease.owner.as_str().into()]).await?;
    let read = |row: &Row| {
        let account = AccountId::parse(&row.text("account_id")?).map_err(|_| row.corrupt("account_id", "is not an id"))?;
        let subscription = SubscriptionId::parse(&row.text("subscription_id")?);
        Ok::<_, DbError>((account, subscription.map_err(|_| row.corrupt("subscription_id", "is not an id"))?))
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}
