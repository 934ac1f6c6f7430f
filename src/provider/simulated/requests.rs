//! Idempotency keys, as Stripe keeps them: the answer to the first request that was executed with a key, server errors included,
//! is given again to every further request with it, until the key is forgotten.
//!
//! | request | answer |
//! |---|---|
//! | a new key | executed, and the answer is kept |
//! | a known key with the same body | the kept answer, whatever has happened since; nothing is executed |
//! | a known key with another body | refused: [`Doubt::KeyReused`](crate::provider::Doubt::KeyReused); what is kept stays as it is |
//! | a key that was first sent 24 hours ago or earlier | executed anew: the key has been forgotten, so this is *another* charge |
//! | a request that is refused as such (below the minimum, no such charge) | nothing is kept |
//! | a request that is lost on the way | nothing is kept but their number, and that for ever: it happens to a request and not to its key |
//! | the same key twice at once | one is executed; the other waits for it and gets its answer |

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};
use sha2::{Digest, Sha256};

use super::SimulatedError;
use super::books::Mark;
use super::rows::{instant, stored_as_text};
use super::schema::{REQUESTS, SIM_REQUEST};
use crate::domain::money::Money;
use crate::provider::{Decline, Doubt, Outcome};
use crate::store::db::{Columns, DbError, Row, Tx, Value};
use crate::values;

stored_as_text! {
    /// What is kept of an answer.
    enum ReplyKind {
        Succeeded = "succeeded",
        Pending = "pending",
        Declined = "declined",
        ServerError = "server_error",
        Lost = "lost",
    }
}

/// An answer that is kept for a key.
#[derive(Debug, Clone)]
pub(super) enum Reply {
    /// With the provider's id of the object.
    Succeeded(String),
    Pending(String),
    /// With the code.
    Declined(String),
    ServerError,
}

/// What is known about a key.
#[derive(Debug, Clone)]
pub(super) enum Known {
    /// Nothing, except how often requests with it were lost.
    Nothing { lost: u32 },
    /// It was executed at this instant, and this is the answer.
    Answer { reply: Reply, at: DateTime<Utc> },
    /// It was executed for something else.
    OtherBody,
}

#[derive(Debug)]
struct Request {
    body: String,
    /// `None` stands for requests that never arrived.
    reply: Option<Reply>,
    /// How many never arrived.
    lost: u32,
    at: DateTime<Utc>,
    mark: Mark,
}

/// The keys of one batch.
#[derive(Debug)]
pub(super) struct Requests {
    now: DateTime<Utc>,
    window: Duration,
    by_key: BTreeMap<String, Request>,
}

impl Reply {
    /// What the caller gets when the answer arrives.
    pub fn outcome(&self, amount: Money, at: DateTime<Utc>) -> Outcome {
        match self {
            Self::Succeeded(reference) => Outcome::Succeeded { reference: reference.clone(), amount, at },
            Self::Pending(_) => Outcome::Pending,
            Self::Declined(code) => Outcome::Declined(Decline::of(code)),
            Self::ServerError => Outcome::Unknown(Doubt::ServerError),
        }
    }

    fn parts(&self) -> (ReplyKind, Option<&str>, Option<&str>) {
        match self {
            Self::Succeeded(reference) => (ReplyKind::Succeeded, None, Some(reference)),
            Self::Pending(reference) => (ReplyKind::Pending, None, Some(reference)),
            Self::Declined(code) => (ReplyKind::Declined, Some(code), None),
            Self::ServerError => (ReplyKind::ServerError, None, None),
        }
    }
}

impl Requests {
    /// What is kept for these keys, locked until the transaction ends.
    pub async fn load<'a>(
        tx: &mut Tx,
        now: DateTime<Utc>,
        window: Duration,
        keys: impl Iterator<Item = &'a str>,
    ) -> Result<Self, SimulatedError> {
        let mut by_key = BTreeMap::new();
        for row in tx.fetch_all(&REQUESTS, &values![Value::texts(keys)]).await? {
            by_key.insert(row.text("key")?, Request::read(&row)?);
        }
        Ok(Self { now, window, by_key })
    }

    /// What is known about a key that comes with this body.
    pub fn known(&self, key: &str, body: &str) -> Known {
        let Some(request) = self.by_key.get(key) else { return Known::Nothing { lost: 0 } };
        match &request.reply {
            None => Known::Nothing { lost: request.lost },
            Some(_) if self.is_forgotten(request) => Known::Nothing { lost: request.lost },
            Some(_) if request.body != body => Known::OtherBody,
            Some(reply) => Known::Answer { reply: reply.clone(), at: request.at },
        }
    }

    /// Keeps the answer to a request that has been executed.
    pub fn keep(&mut self, key: &str, body: String, reply: Reply) {
        let before = self.by_key.get(key);
        let (lost, mark) = before.map_or((0, Mark::New), |request| (request.lost, request.mark.changed()));
        let request = Request { body, reply: Some(reply), lost, at: self.now, mark };
        self.by_key.insert(key.to_owned(), request);
    }

    /// Counts a request that has not arrived.
    pub fn lose(&mut self, key: &str) {
        let lost = match self.known(key, "") {
            Known::Nothing { lost } => lost.saturating_add(1),
            Known::Answer { .. } | Known::OtherBody => return,
        };
        let mark = self.by_key.get(key).map_or(Mark::New, |request| request.mark.changed());
        let request = Request { body: String::new(), reply: None, lost, at: self.now, mark };
        self.by_key.insert(key.to_owned(), request);
    }

    /// Writes what is new and what has changed, in the order of the keys.
    pub async fn save(&self, tx: &mut Tx) -> Result<(), SimulatedError> {
        let (mut new, mut changed) = (Columns::of(&SIM_REQUEST), Columns::of(&SIM_REQUEST));
        for (key, request) in &self.by_key {
            match request.mark {
                Mark::New => request.write(key, &mut new),
                Mark::Changed => request.write(key, &mut changed),
                Mark::Kept => {}
            }
        }
        tx.update_rows(&changed).await?;
        // Not an upsert: if somebody else has just executed the same key, this batch must not have happened.
        tx.insert_rows(&new).await?;
        Ok(())
    }

    fn is_forgotten(&self, request: &Request) -> bool {
        request.at <= self.now - self.window
    }
}

impl Request {
    fn read(row: &Row) -> Result<Self, DbError> {
        let reference = || row.text("reference");
        let reply = match ReplyKind::read(row, "reply")? {
            ReplyKind::Succeeded => Some(Reply::Succeeded(reference()?)),
            ReplyKind::Pending => Some(Reply::Pending(reference()?)),
            ReplyKind::Declined => Some(Reply::Declined(row.text("code")?)),
            ReplyKind::ServerError => Some(Reply::ServerError),
            ReplyKind::Lost => None,
        };
        let lost = u32::try_from(row.int("lost")?).map_err(|_| row.corrupt("lost", "is not a count"))?;
        Ok(Self { body: row.text("body")?, reply, lost, at: instant(row, "received_at")?, mark: Mark::Kept })
    }

    fn write(&self, key: &str, rows: &mut Columns) {
        let (kind, code, reference) = self.reply.as_ref().map_or((ReplyKind::Lost, None, None), Reply::parts);
        let mut cells = rows.row();
        cells.text(key).text(&self.body).text(kind.as_str()).opt_text(code).opt_text(reference);
        cells.int(self.lost.into()).int(self.at.timestamp_micros());
    }
}

/// A digest of what was asked: two requests are the same if all of these are. It also keeps the token out of the database.
pub(super) fn digest(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        // With its length before it, no part can be mistaken for the end of another.
        hasher.update(part.len().to_be_bytes());
        hasher.update(part);
    }
    let mut text = format!("{:x}", hasher.finalize());
    text.truncate(32);
    text
}
