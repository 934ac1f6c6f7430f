//! Accounts that come into being, and the personal data that the domain never sees.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};

use super::super::db::{Columns, DbError, Tx, Value};
use super::super::error::StoreError;
use super::super::journal::{JournalBatch, Record, body};
use super::profile;
use crate::domain::account::{Account, Profile};
use crate::domain::event::Event;
use crate::domain::ids::{AccountId, CameraId};

crate::statements! {
    /// Where mails go.
    CONTACTS = same("select account_id, email, name from accounts where account_id {in:$1} order by account_id");
}

/// The kind, and the cause, of the first record of every account's journal.
pub const OPENED: &str = "account_opened";

/// A customer to be added. `Debug` prints the id alone (PP-3).
pub struct NewAccount {
    /// The account: nothing owed either way, and no journal yet.
    pub profile: Profile,
    /// Its cameras.
    pub cameras: Vec<CameraId>,
    /// Where mails go.
    pub email: String,
    /// How the customer is addressed.
    pub name: String,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount").field("account", &self.profile.id).finish_non_exhaustive()
    }
}

/// Under what circumstances accounts are added: goes into their journals.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Now.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: &'a str,
    /// Why: `import of accounts.csv`.
    pub reason: &'a str,
}

/// Where the mails of an account go. `Debug` prints the id alone (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct Contact {
    /// The account.
    pub account: AccountId,
    /// Nothing after an erasure (PP-2).
    pub email: Option<String>,
    /// Nothing after an erasure (PP-2).
    pub name: Option<String>,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contact").field("account", &self.account).finish_non_exhaustive()
    }
}

/// Adds accounts with their cameras, each with the first record of its journal.
///
/// # Errors
/// [`StoreError::Db`] with [`DbError::UniqueViolation`] if an account is there already or a camera has another owner;
/// [`StoreError::Unstorable`] for an account that does not begin with nothing.
pub async fn insert_accounts(tx: &mut Tx, accounts: &[NewAccount], opening: Opening<'_>) -> Result<(), StoreError> {
    let mut rows = Columns::of(&profile::ACCOUNTS);
    let mut contacts = Columns::of(&profile::CONTACTS);
    let mut cameras = Columns::of(&profile::CAMERAS);
    let mut journal = JournalBatch::new();
    let mut fault = None;
    for new in accounts {
        let mut account = Account::new(new.profile.clone());
        let zero = account.zero();
        let profile = &mut account.profile;
        let id = profile.id.as_str();
        if profile.journal_seq != 0 || [profile.credit_cash, profile.credit_goodwill, profile.carried] != [zero; 3] {
            let problem = "a new account begins with nothing owed either way";
            return Err(StoreError::Unstorable { account: id.to_owned(), table: "accounts", problem });
        }
        let today = crate::domain::calendar::local_date(opening.at, profile.zone);
        let hash = open(&mut journal, id, today, &new.cameras, opening)?;
        contacts.row().text(id).text(&new.email).text(&new.name);
        for camera in &new.cameras {
            cameras.row().text(id).text(camera.as_str());
        }
        profile.journal_seq = 1;
        profile.journal_hash = hash;
        profile::write(&mut rows, &account, &mut fault);
    }
    fault.map_or(Ok(()), Err)?;
    tx.insert_rows(&rows).await?;
    tx.update_rows(&contacts).await?;
    tx.insert_rows(&cameras).await?;
    tx.insert_rows(&journal.records).await?;
    Ok(())
}

/// The first record: the cameras that the account came with.
fn open(
    journal: &mut JournalBatch,
    account_id: &str,
    effective_on: NaiveDate,
    cameras: &[CameraId],
    opening: Opening<'_>,
) -> Result<String, StoreError> {
    let events: Vec<Event> = cameras.iter().map(|camera| Event::CameraAdded { camera: camera.clone() }).collect();
    let body = body(account_id, &events, &[])?;
    let record = Record {
        account_id,
        seq: 1,
        kind: OPENED,
        cause: OPENED,
        effective_on,
        posted_at: opening.at,
        actor: opening.actor,
        reason: Some(opening.reason),
        body: &body,
    };
    Ok(journal.append("", &record, &[]))
}

/// Where the mails of these accounts go, by account.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn contacts(tx: &mut Tx, ids: &[AccountId]) -> Result<Vec<Contact>, StoreError> {
    let rows = tx.fetch_all(&CONTACTS, &[Value::texts(ids.iter().map(AccountId::as_str))]).await?;
    let contact = |row: &super::super::db::Row| {
        let account = AccountId::parse(row.str_at(0)?).map_err(|_| row.corrupt("account_id", "is not an id"))?;
        Ok::<_, DbError>(Contact { account, email: row.opt_text_at(1)?, name: row.opt_text_at(2)? })
    };
    Ok(rows.iter().map(contact).collect::<Result<_, _>>()?)
}

/// Replaces address and name of an account; the old ones are gone from live data (PP-4). Nothing empties them (PP-2).
///
/// # Errors
/// [`StoreError::Conflict`] if there is no such account, [`StoreError::Db`].
pub async fn set_contact(tx: &mut Tx, contact: &Contact) -> Result<(), StoreError> {
    let mut row = Columns::of(&profile::CONTACTS);
    row.row().text(contact.account.as_str()).opt_text(contact.email.as_deref()).opt_text(contact.name.as_deref());
    let written = tx.update_rows(&row).await?;
    if written == 1 { Ok(()) } else { Err(StoreError::Conflict { account: Some(contact.account.to_string()) }) }
}
