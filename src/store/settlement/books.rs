//! The books of what happens between a provider, the bank and us: journals like those of customers, one a provider, under ids that no
//! customer can have. A record is a day; its events are [`Booking`]s, and its legs are what the domain's ledger says of them.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::super::closings;
use super::super::db::{DbError, Row, Tx};
use super::super::error::StoreError;
use super::super::journal::{JournalBatch, PostedLeg, Record};
use super::super::rows::instant;
use super::not_before;
use crate::domain::ledger;
use crate::domain::settlement::booking::Booking;

crate::statements! {
    /// Makes the book of a provider.
    MAKE_BOOK = same(
        "insert into settlement_books (book_id, journal_seq, journal_hash) values ($1, 0, '') on conflict (book_id) do nothing"
    );
    /// Where its journal ends; nobody else posts until this transaction is over.
    LOCK_BOOK = same("select journal_seq, journal_hash from settlement_books where book_id = $1 {postgres: for update}");
    /// When its last record was made.
    LAST_POSTED = same("select posted_at from journal where account_id = $1 and seq = $2");
    /// Moves the end of its journal.
    MOVE_BOOK = same("update settlement_books set journal_seq = $2, journal_hash = $3 where book_id = $1");
}

/// The id of a provider's book, which no account can have.
#[must_use]
pub fn book_id(provider: &str) -> String {
    format!("({provider})")
}

/// Whether a journal is of a provider's book and not of a customer.
#[must_use]
pub fn is_book(account_id: &str) -> bool {
    account_id.starts_with('(')
}

/// The stored form of a record's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What happened.
    pub events: Vec<Booking>,
    /// Why, in words.
    pub why: Vec<String>,
}

/// Who posts, and why.
#[derive(Debug, Clone, Copy)]
pub struct Posted<'a> {
    /// What was done: `settlement_import`, `reconcile`, …
    pub kind: &'a str,
    /// What for; once in a book.
    pub cause: &'a str,
    /// Now.
    pub at: DateTime<Utc>,
    /// Who.
    pub actor: &'a str,
    /// The recorded reason.
    pub reason: Option<&'a str>,
}

/// A provider's book, locked, with records that are about to be written.
#[derive(Debug)]
pub struct Book {
    id: String,
    seq: i64,
    hash: String,
    /// When its last record was made.
    last_at: Option<DateTime<Utc>>,
    batch: JournalBatch,
    /// The last day of the last closed month.
    closed_through: Option<NaiveDate>,
}

impl Book {
    /// Locks the book of a provider, which is made where there is none.
    ///
    /// # Errors
    /// [`StoreError::Db`].
    pub async fn lock(tx: &mut Tx, provider: &str) -> Result<Self, StoreError> {
        let id = book_id(provider);
        tx.execute(&MAKE_BOOK, &crate::values![&id]).await?;
        let row = tx.fetch_one(&LOCK_BOOK, &crate::values![&id]).await?;
        let (seq, hash) = (row.int("journal_seq")?, row.text("journal_hash")?);
        let last = tx.fetch_optional(&LAST_POSTED, &crate::values![&id, seq]).await?;
        let posted_at = |row: &Row| instant(row.int("posted_at")?).ok_or_else(|| row.corrupt("posted_at", "is out of range"));
        let last_at = last.as_ref().map(posted_at).transpose()?;
        let closed_through = closings::closed_through(tx).await?;
        Ok(Self { seq, hash, last_at, id, batch: JournalBatch::new(), closed_through })
    }

    /// When its last record was made.
    #[must_use]
    pub const fn last_at(&self) -> Option<DateTime<Utc>> {
        self.last_at
    }

    /// The number of the next record.
    #[must_use]
    pub const fn next_seq(&self) -> i64 {
        self.seq.saturating_add(1)
    }

    /// Adds a record for a day. Where the day's month is closed, its entries are those of the first day that is open, and say so (RC-3): what
    /// a provider or a bank tells late must not hold up what comes after it. Nothing else posts into a provider's book. Records are in the order of
    /// their instants, as what was reported of a book by an instant must stay.
    ///
    /// # Errors
    /// [`StoreError::Backdated`], [`StoreError::Unstorable`] for a booking that would not balance, [`StoreError::Json`].
    pub fn record(&mut self, on: NaiveDate, posted: &Posted<'_>, events: Vec<Booking>, mut why: Vec<String>) -> Result<(), StoreError> {
        let at = not_before(posted.at, self.last_at, || format!("the book of {} was last written", self.id.trim_matches(['(', ')'])))?;
        self.last_at = Some(at);
        let open = self.closed_through.filter(|last| on <= *last).and_then(|last| last.succ_opt());
        if let Some(open) = open {
            why.push(format!("RC-3: the month of {on} is closed, so that it is booked on {open}"));
        }
        let mut legs = Vec::with_capacity(events.len() * 2);
        for booking in &events {
            let entry = ledger::settlement::entry(booking);
            legs.push(entry.map_err(|_| StoreError::Unstorable {
                account: self.id.clone(),
                table: "postings",
                problem: "the entry does not balance",
            })?);
        }
        let entry = Entry { events, why };
        let body = serde_json::to_string(&entry).map_err(|error| StoreError::Json {
            account: self.id.clone(),
            line: error.line(),
            column: error.column(),
        })?;
        let codes: Vec<_> = entry.events.iter().map(|booking| booking.amount().currency()).collect();
        let all =
            legs.iter().zip(&codes).zip(0_i64..).flat_map(|((legs, code), event_no)| legs.iter().map(move |leg| (leg, code, event_no)));
        let legs: Vec<PostedLeg<'_>> = all
            .zip(1_i64..)
            .map(|((leg, code, event_no), leg_no)| PostedLeg {
                leg_no,
                event_no,
                ledger_account: leg.account.number.into(),
                effective_on: open.unwrap_or(on),
                amount_minor: leg.amount.minor(),
                currency: code.code(),
                subscription_id: None,
                invoice_id: None,
            })
            .collect();
        self.seq += 1;
        let record = Record {
            account_id: &self.id,
            seq: self.seq,
            kind: posted.kind,
            cause: posted.cause,
            effective_on: on,
            posted_at: at,
            actor: posted.actor,
            reason: posted.reason,
            body: &body,
        };
        self.hash = self.batch.append(&self.hash, &record, &legs);
        Ok(())
    }

    /// Writes the records.
    ///
    /// # Errors
    /// [`StoreError::AlreadyDone`] where a cause was recorded before, [`StoreError::Db`].
    pub async fn save(self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.insert_rows(&self.batch.records).await.map_err(|error| match error {
            DbError::UniqueViolation { .. } => StoreError::AlreadyDone { account: Some(self.id.clone()), cause: None },
            other => other.into(),
        })?;
        self.batch.insert_legs(tx).await?;
        tx.execute(&MOVE_BOOK, &crate::values![&self.id, self.seq, self.hash.as_str()]).await?;
        Ok(())
    }
}
