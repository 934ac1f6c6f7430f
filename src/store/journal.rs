//! The audit log and the books: one record a decision, chained by hashes, with the legs of its entries (I12, LE).
//!
//! # The hash of a record
//! Lower-case hex of SHA-256 over these fields in this order, each preceded by its length in bytes as eight bytes, most
//! significant first, so that no two records have the same bytes: `previous hash` (empty for the first record), `account_id`,
//! `seq`, `kind`, `cause`, `effective_on`, `posted_at`, `actor`, `reason`, `body`, then for each leg in order `leg_no`, `event_no`,
//! `ledger_account`, `effective_on`, `amount_minor`, `currency`, `subscription_id`, `invoice_id`. Integers are in decimal, days as
//! `2026-01-31`, instants as microseconds; what is absent has the length of all ones and no bytes.

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::db::{Column, Columns, DbError, Table, Tx};
use super::error::StoreError;
use super::rows::micros;
use crate::domain::event::Event;

/// The audit log.
pub const JOURNAL: Table = Table {
    name: "journal",
    columns: &[
        Column::text("account_id"),
        Column::int("seq"),
        Column::int("posted_at"),
        Column::date("effective_on"),
        Column::text("kind"),
        Column::text("cause"),
        Column::text("actor"),
        Column::text("reason"),
        Column::text("hash"),
        Column::text("body"),
    ],
    key: &["account_id", "seq"],
};

/// The legs of its entries.
pub const POSTINGS: Table = Table {
    name: "postings",
    columns: &[
        Column::text("account_id"),
        Column::int("seq"),
        Column::int("leg_no"),
        Column::int("event_no"),
        Column::int("ledger_account"),
        Column::date("effective_on"),
        Column::int("amount_minor"),
        Column::text("currency"),
        Column::text("subscription_id"),
        Column::text("invoice_id"),
    ],
    key: &["account_id", "seq", "leg_no"],
};

/// One record of the journal without its legs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// The account.
    pub account_id: &'a str,
    /// From 1 within the account.
    pub seq: i64,
    /// What was decided: `renew`, `cancel`, …
    pub kind: &'a str,
    /// What it was decided for.
    pub cause: &'a str,
    /// Business date, in the account's time zone.
    pub effective_on: NaiveDate,
    /// When it was recorded.
    pub posted_at: DateTime<Utc>,
    /// Who decided.
    pub actor: &'a str,
    /// The recorded reason.
    pub reason: Option<&'a str>,
    /// Events and explanation as JSON, byte by byte as stored.
    pub body: &'a str,
}

/// One leg of a record's entries, as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostedLeg<'a> {
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
    pub currency: &'a str,
    /// The subscription that it belongs to.
    pub subscription_id: Option<&'a str>,
    /// The invoice that it belongs to.
    pub invoice_id: Option<&'a str>,
}

struct Hasher(Sha256);

impl Hasher {
    fn text(&mut self, text: &str) -> &mut Self {
        // A length of usize always fits.
        self.0.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(text);
        self
    }

    fn opt_text(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(text),
            None => {
                self.0.update(u64::MAX.to_be_bytes());
                self
            }
        }
    }

    fn int(&mut self, int: i64) -> &mut Self {
        self.text(&int.to_string())
    }

    fn date(&mut self, date: NaiveDate) -> &mut Self {
        self.text(&date.to_string())
    }
}

/// The hash of a record, as the module says. `previous` is the hash of the record before, empty for the first.
#[must_use]
pub fn record_hash(previous: &str, record: &Record<'_>, legs: &[PostedLeg<'_>]) -> String {
    let mut hasher = Hasher(Sha256::new());
    hasher
        .text(previous)
        .text(record.account_id)
        .int(record.seq)
        .text(record.kind)
        .text(record.cause)
        .date(record.effective_on)
        .int(micros(record.posted_at))
        .text(record.actor)
        .opt_text(record.reason)
        .text(record.body);
    for leg in legs {
        hasher
            .int(leg.leg_no)
            .int(leg.event_no)
            .int(leg.ledger_account)
            .date(leg.effective_on)
            .int(leg.amount_minor)
            .text(leg.currency)
            .opt_text(leg.subscription_id)
            .opt_text(leg.invoice_id);
    }
    format!("{:x}", hasher.0.finalize())
}

/// The stored form of what happened and why.
#[derive(Serialize)]
struct Body<'a> {
    events: &'a [Event],
    why: &'a [String],
}

/// Events and explanation as they are stored: JSON without spaces, members in this order.
pub(super) fn body(account: &str, events: &[Event], why: &[String]) -> Result<String, StoreError> {
    serde_json::to_string(&Body { events, why }).map_err(|error| StoreError::Json {
        account: account.to_owned(),
        line: error.line(),
        column: error.column(),
    })
}

/// Records and legs that are about to be inserted.
#[derive(Debug)]
pub(super) struct JournalBatch {
    pub(super) records: Columns,
    legs: Columns,
    /// The earliest business date of a leg.
    first_on: Option<NaiveDate>,
}

impl JournalBatch {
    pub(super) fn new() -> Self {
        Self { records: Columns::of(&JOURNAL), legs: Columns::of(&POSTINGS), first_on: None }
    }

    /// Inserts the legs.
    ///
    /// # Errors
    /// [`DbError::ClosedMonth`] with the month's name (RC-3), or what else the database says.
    pub(super) async fn insert_legs(&self, tx: &mut Tx) -> Result<(), DbError> {
        match (tx.insert_rows(&self.legs).await, self.first_on) {
            (Err(DbError::ClosedMonth { .. }), Some(first)) => {
                let message = format!("{} is closed, and nothing is posted into it", first.format("%Y-%m"));
                Err(DbError::ClosedMonth { message })
            }
            (inserted, _) => inserted.map(drop),
        }
    }

    /// Adds a record with its legs after the one with the hash `previous`, and gives its hash.
    pub(super) fn append(&mut self, previous: &str, record: &Record<'_>, legs: &[PostedLeg<'_>]) -> String {
        let hash = record_hash(previous, record, legs);
        self.add(record, &hash, legs);
        hash
    }

    /// Adds a record with its hash and its legs.
    pub(super) fn add(&mut self, record: &Record<'_>, hash: &str, legs: &[PostedLeg<'_>]) {
        self.records
            .row()
            .text(record.account_id)
            .int(record.seq)
            .int(micros(record.posted_at))
            .date(record.effective_on)
            .text(record.kind)
            .text(record.cause)
            .text(record.actor)
            .opt_text(record.reason)
            .text(hash)
            .text(record.body);
        for leg in legs {
            self.first_on = Some(self.first_on.map_or(leg.effective_on, |first| first.min(leg.effective_on)));
            self.legs
                .row()
                .text(record.account_id)
                .int(record.seq)
                .int(leg.leg_no)
                .int(leg.event_no)
                .int(leg.ledger_account)
                .date(leg.effective_on)
                .int(leg.amount_minor)
                .text(leg.currency)
                .opt_text(leg.subscription_id)
                .opt_text(leg.invoice_id);
        }
    }
}
