//! Journals, postings and notices as they are stored, for whole accounts.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

use super::error::ReportError;
use crate::domain::event::Event;
use crate::domain::ids::AccountId;
use crate::store::db::{DbError, Row, Tx, Value};
use crate::store::journal;

crate::statements! {
    /// The journals of these accounts.
    JOURNAL = same(
        "select account_id, seq, posted_at, effective_on, kind, cause, actor, reason, hash, body from journal \
         where account_id {in:$1} order by account_id, seq"
    );
    /// The postings of these accounts.
    POSTINGS = same(
        "select account_id, seq, leg_no, event_no, ledger_account, effective_on, amount_minor, currency, subscription_id, invoice_id \
         from postings where account_id {in:$1} order by account_id, seq, leg_no"
    );
    /// The mails of these accounts.
    NOTICES = same(
        "select account_id, notice_id, queued_at, sent_at, state, kind, subscription_id, due_at, \
         case when kind in ('receipt_payment', 'receipt_refund', 'receipt_correction') then data end as receipt from notices \
         where account_id {in:$1} order by account_id, notice_id"
    );
}

/// One leg as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// Number of its record.
    pub seq: i64,
    /// From 1 within the record.
    pub leg_no: i64,
    /// Position, from 0, of the event that it books.
    pub event_no: i64,
    /// Number in the chart of accounts.
    pub ledger_account: i64,
    /// Business date, in the account's time zone.
    pub effective_on: NaiveDate,
    /// Debits positive, credits negative, in minor units of `currency`.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// The subscription that it belongs to.
    pub subscription: Option<String>,
    /// The invoice that it belongs to.
    pub invoice: Option<String>,
}

/// One record of the journal with its legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// From 1 within the account.
    pub seq: i64,
    /// When it was recorded.
    pub posted_at: DateTime<Utc>,
    /// Business date, in the account's time zone.
    pub effective_on: NaiveDate,
    /// What was decided: `renew`, `cancel`, …
    pub kind: String,
    /// What it was decided for.
    pub cause: String,
    /// Who decided.
    pub actor: String,
    /// The recorded reason.
    pub reason: Option<String>,
    /// The stored hash.
    pub hash: String,
    /// Events and explanation as JSON, byte by byte as stored.
    pub body: String,
    /// The legs, by number.
    pub legs: Vec<Posting>,
}

/// What a record's body says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Body {
    /// What happened.
    pub events: Vec<Event>,
    /// Why: rule ids, inputs, arithmetic in words.
    pub why: Vec<String>,
}

/// One mail of the outbox, without its facts, but for those of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// `{kind}_{cause}`.
    pub id: String,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
    /// `queued`, `sent`, `withdrawn` or `failed`.
    pub state: String,
    /// What it is.
    pub kind: String,
    /// The subscription that it is about.
    pub subscription: Option<String>,
    /// When it is to be sent, while it waits.
    pub due_at: Option<DateTime<Utc>>,
    /// The facts of a receipt as they are stored.
    pub receipt: Option<String>,
}

impl Record {
    /// Reads the body.
    ///
    /// # Errors
    /// [`ReportError::UnreadableRecord`], which repeats none of its content.
    pub fn read_body(&self, account: &str) -> Result<Body, ReportError> {
        serde_json::from_str(&self.body).map_err(|error| self.unreadable(account, &error))
    }

    /// The body as JSON: what is shown is what is stored.
    ///
    /// # Errors
    /// As [`Record::read_body`].
    pub fn as_json(&self, account: &str) -> Result<serde_json::Value, ReportError> {
        serde_json::from_str(&self.body).map_err(|error| self.unreadable(account, &error))
    }

    /// The error for a body that cannot be read.
    #[must_use]
    pub fn unreadable(&self, account: &str, error: &serde_json::Error) -> ReportError {
        ReportError::UnreadableRecord { account: account.to_owned(), seq: self.seq, line: error.line(), column: error.column() }
    }

    /// The hash that the record should have after one with the hash `previous` (I12).
    #[must_use]
    pub fn hash_after(&self, account: &str, previous: &str) -> String {
        let record = journal::Record {
            account_id: account,
            seq: self.seq,
            kind: &self.kind,
            cause: &self.cause,
            effective_on: self.effective_on,
            posted_at: self.posted_at,
            actor: &self.actor,
            reason: self.reason.as_deref(),
            body: &self.body,
        };
        let legs: Vec<_> = self.legs.iter().map(Posting::as_hashed).collect();
        journal::record_hash(previous, &record, &legs)
    }
}

impl Posting {
    fn as_hashed(&self) -> journal::PostedLeg<'_> {
        journal::PostedLeg {
            leg_no: self.leg_no,
            event_no: self.event_no,
            ledger_account: self.ledger_account,
            effective_on: self.effective_on,
            amount_minor: self.amount_minor,
            currency: &self.currency,
            subscription_id: self.subscription.as_deref(),
            invoice_id: self.invoice.as_deref(),
        }
    }
}

/// The journal of one account: its records with their legs, and legs whose record is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Journal {
    /// The records by number.
    pub records: Vec<Record>,
    /// Legs without a record.
    pub stray: Vec<Posting>,
}

/// The journals of some accounts.
///
/// # Errors
/// What the database says, or a cell that cannot be read.
pub async fn journals(tx: &mut Tx, ids: &[AccountId]) -> Result<HashMap<String, Journal>, ReportError> {
    named_journals(tx, ids.iter().map(AccountId::as_str)).await
}

/// The journals under these names, those of providers' books among them.
///
/// # Errors
/// As [`journals`].
pub async fn named_journals(tx: &mut Tx, names: impl Iterator<Item = &str>) -> Result<HashMap<String, Journal>, ReportError> {
    let list = [Value::texts(names)];
    let mut journals: HashMap<String, Journal> = HashMap::new();
    for row in tx.fetch_all(&JOURNAL, &list).await? {
        let account = row.str_at(0)?;
        let record = record(&row)?;
        match journals.get_mut(account) {
            Some(journal) => journal.records.push(record),
            None => {
                journals.insert(account.to_owned(), Journal { records: vec![record], stray: Vec::new() });
            }
        }
    }
    for row in tx.fetch_all(&POSTINGS, &list).await? {
        let account = row.str_at(0)?;
        let posting = posting(&row)?;
        let journal = match journals.get_mut(account) {
            Some(journal) => journal,
            None => journals.entry(account.to_owned()).or_default(),
        };
        match journal.records.binary_search_by_key(&posting.seq, |record| record.seq) {
            Ok(at) => journal.records[at].legs.push(posting),
            Err(_) => journal.stray.push(posting),
        }
    }
    Ok(journals)
}

/// The mails of some accounts.
///
/// # Errors
/// What the database says, or a cell that cannot be read.
pub async fn mails(tx: &mut Tx, ids: &[AccountId]) -> Result<HashMap<String, Vec<Mail>>, ReportError> {
    let list = [Value::texts(ids.iter().map(AccountId::as_str))];
    let mut mails: HashMap<String, Vec<Mail>> = HashMap::with_capacity(ids.len());
    for row in tx.fetch_all(&NOTICES, &list).await? {
        let mail = Mail {
            id: row.text_at(1)?,
            queued_at: instant_at(&row, 2, "queued_at")?,
            sent_at: row.opt_int_at(3)?.map(|micros| instant(&row, micros, "sent_at")).transpose()?,
            state: row.text_at(4)?,
            kind: row.text_at(5)?,
            subscription: row.opt_text_at(6)?,
            due_at: row.opt_int_at(7)?.map(|micros| instant(&row, micros, "due_at")).transpose()?,
            receipt: row.opt_text_at(8)?,
        };
        let account = row.str_at(0)?;
        match mails.get_mut(account) {
            Some(list) => list.push(mail),
            None => {
                mails.insert(account.to_owned(), vec![mail]);
            }
        }
    }
    Ok(mails)
}

fn record(row: &Row) -> Result<Record, DbError> {
    Ok(Record {
        seq: row.int_at(1)?,
        posted_at: instant_at(row, 2, "posted_at")?,
        effective_on: row.date_at(3)?,
        kind: row.text_at(4)?,
        cause: row.text_at(5)?,
        actor: row.text_at(6)?,
        reason: row.opt_text_at(7)?,
        hash: row.text_at(8)?,
        body: row.text_at(9)?,
        legs: Vec::new(),
    })
}

fn posting(row: &Row) -> Result<Posting, DbError> {
    Ok(Posting {
        seq: row.int_at(1)?,
        leg_no: row.int_at(2)?,
        event_no: row.int_at(3)?,
        ledger_account: row.int_at(4)?,
        effective_on: row.date_at(5)?,
        amount_minor: row.int_at(6)?,
        currency: row.text_at(7)?,
        subscription: row.opt_text_at(8)?,
        invoice: row.opt_text_at(9)?,
    })
}

fn instant_at(row: &Row, position: usize, column: &str) -> Result<DateTime<Utc>, DbError> {
    instant(row, row.int_at(position)?, column)
}

fn instant(row: &Row, micros: i64, column: &str) -> Result<DateTime<Utc>, DbError> {
    DateTime::from_timestamp_micros(micros).ok_or_else(|| row.corrupt(column, "is out of range"))
}
