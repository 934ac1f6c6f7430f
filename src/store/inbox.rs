//! The inbox: what providers sent, as they sent it, once by their id of the event (PV-3), and what became of it (PV-4).

mod arrivals;

use std::collections::BTreeSet;
use std::fmt;

use chrono::{DateTime, Utc};

pub use self::arrivals::{Arrival, Source, receive, receive_at_once};
use super::StoreError;
use super::db::{Column, Columns, DbError, Row, Table, Tx, Value};
use crate::domain::ids::AccountId;

/// An event as it came in.
pub const INBOX: Table = Table {
    name: "inbox",
    columns: &[
        Column::text("provider"),
        Column::text("event_id"),
        Column::text("kind"),
        Column::text("source"),
        Column::int("received_at"),
        Column::int("due_at"),
        Column::text("encoding"),
        Column::text("body"),
    ],
    key: &["provider", "event_id"],
};

/// What processing writes.
pub const INBOX_RESULTS: Table = Table {
    name: "inbox",
    columns: &[
        Column::text("provider"),
        Column::text("event_id"),
        Column::text("state"),
        Column::int("due_at"),
        Column::int("tries"),
        Column::text("outcome"),
        Column::text("reason"),
        Column::text("object_id"),
        Column::text("account_id"),
        Column::int("occurred_at"),
        Column::int("live"),
        Column::int("processed_at"),
    ],
    key: &["provider", "event_id"],
};

/// Every table of this module, for the tests that compare them with the schema.
pub const TABLES: &[&Table] = &[&INBOX, &INBOX_RESULTS];

crate::statements! {
    /// Events that wait to be processed.
    DUE_EVENTS = same(
        "select provider, event_id, kind, received_at, tries, encoding, body from inbox \
         where due_at is not null and due_at <= $1 order by due_at, provider, event_id limit $2"
    );
    /// Events in one of some states, and, where they are asked for, those of which an account still keeps a fact; the newest first.
    LISTED = same(
        "select i.provider, i.event_id, i.kind, i.source, i.received_at, i.due_at, i.occurred_at, i.processed_at, i.tries, i.live, i.state, \
         i.outcome, coalesce(i.reason, k.reason) as reason, i.actor, i.object_id, i.account_id from inbox i \
         left join kept_facts k on k.account_id = i.account_id and k.event_id = i.event_id and i.state = 'done' \
         where (i.state {in:$1} and i.tries >= $2) or ($3 = 1 and k.event_id is not null) \
         order by i.received_at desc, i.provider, i.event_id limit $4"
    );
    /// One event by the provider's id of it.
    BY_ID = same(
        "select provider, event_id, kind, source, received_at, due_at, occurred_at, processed_at, tries, live, state, outcome, \
         reason, actor, object_id, account_id, encoding, body from inbox where event_id = $1 order by provider"
    );
    /// Which of these a person has given up meanwhile; all of them are locked.
    STATES_OF = same("select provider, event_id, state from inbox where event_id {in:$1} order by provider, event_id {postgres: for update}");
    /// An event is to be processed again.
    RETRY_EVENT = same(
        "update inbox set state = 'new', due_at = $3, tries = 0, outcome = null, reason = null, actor = $4 \
         where provider = $1 and event_id = $2 and state in ('new', 'quarantined', 'discarded')"
    );
    /// An event is given up by a person.
    DISCARD_EVENT = same(
        "update inbox set state = 'discarded', due_at = null, reason = $3, actor = $4, processed_at = $5 \
         where provider = $1 and event_id = $2 and state in ('new', 'quarantined')"
    );
    /// What an account could not take of an event is forgotten; an event tells two things at most.
    FORGET_KEPT = same("delete from kept_facts where account_id = $1 and event_id in ($2, $3)");
    /// An event that an account could not take is given up.
    DISCARD_KEPT = same(
        "update inbox set state = 'discarded', outcome = null, reason = $3, actor = $4, processed_at = $5 \
         where provider = $1 and event_id = $2 and state = 'done' and outcome = 'kept'"
    );
    /// How much waits, since when, and how much waits for a person.
    GAUGES = same(
        "select (select count(*) from inbox where due_at is not null) as waiting, \
         (select min(received_at) from inbox where due_at is not null) as oldest_at, \
         (select count(*) from inbox where state = 'quarantined') as quarantined, \
         (select count(*) from accounts where parked_at is not null) as parked, \
         (select min(u.first_sent_at) from (select first_sent_at from charges where state in ('requested', 'unknown') \
         union all select first_sent_at from refunds where state in ('requested', 'unknown')) u) as unsettled_at"
    );
    /// Whose charges these are, by what the provider calls them.
    CHARGES_BY_REFERENCE = same("select reference, account_id, charge_id from charges where reference {in:$1}");
    /// Whose payment methods these are, by what the provider calls them.
    ACCOUNTS_BY_METHOD = same("select method_token, account_id from accounts where method_token {in:$1} order by method_token, account_id");
}

/// An event that is to be processed. `Debug` shows nothing of its body (PP-3).
#[derive(Clone, PartialEq, Eq)]
pub struct DueEvent {
    /// Who sent it.
    pub provider: String,
    /// The provider's id of it.
    pub event: String,
    /// The provider's word for what it tells.
    pub kind: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// How often it was tried before.
    pub tries: i64,
    /// What came; nothing where that was no text.
    pub body: Option<String>,
}

impl fmt::Debug for DueEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DueEvent").field("event", &self.event).field("kind", &self.kind).field("tries", &self.tries).finish_non_exhaustive()
    }
}

/// The events that wait to be processed, in the order in which they fell due.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn due(tx: &mut Tx, now: DateTime<Utc>, limit: u32) -> Result<Vec<DueEvent>, StoreError> {
    let rows = tx.fetch_all(&DUE_EVENTS, &[Value::Int(now.timestamp_micros()), Value::Int(i64::from(limit))]).await?;
    let read = |row: &Row| {
        Ok::<_, DbError>(DueEvent {
            provider: row.text_at(0)?,
            event: row.text_at(1)?,
            kind: row.text_at(2)?,
            received_at: instant(row, "received_at")?.ok_or_else(|| row.corrupt("received_at", "is empty"))?,
            tries: row.int_at(4)?,
            body: if row.str_at(5)? == "utf8" { Some(row.text_at(6)?) } else { None },
        })
    };
    Ok(rows.iter().map(read).collect::<Result<_, _>>()?)
}

fn instant(row: &Row, column: &str) -> Result<Option<DateTime<Utc>>, DbError> {
    let Some(micros) = row.opt_int(column)? else { return Ok(None) };
    DateTime::from_timestamp_micros(micros).map(Some).ok_or_else(|| row.corrupt(column, "is not an instant"))
}

/// Where an event stands after it was processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is left to be done.
    Done {
        /// What came of it.
        outcome: &'static str,
    },
    /// It is tried again.
    Again {
        /// When.
        at: DateTime<Utc>,
        /// Why it could not be applied.
        reason: String,
    },
    /// A person has to look at it.
    Quarantined {
        /// Why.
        reason: String,
    },
}

/// What is known of an event once it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// The object that it is about, as the provider calls it.
    pub object: Option<String>,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// When it happened, by the provider's clock.
    pub occurred_at: Option<DateTime<Utc>>,
    /// Whether real money moved.
    pub live: Option<bool>,
}

/// What came of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processed {
    /// The event, as it was due.
    pub event: DueEvent,
    /// What is known of it.
    pub known: Known,
    /// Where it stands.
    pub standing: Standing,
}

/// Records what came of events. Those that a person has given up meanwhile stay so, unless they have been applied.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn record(tx: &mut Tx, now: DateTime<Utc>, processed: &[Processed]) -> Result<(), StoreError> {
    let discarded = discarded(tx, processed).await?;
    let mut rows = Columns::of(&INBOX_RESULTS);
    for Processed { event, known, standing } in processed {
        if !matches!(standing, Standing::Done { .. }) && discarded.contains(&(event.provider.clone(), event.event.clone())) {
            continue;
        }
        let (state, due_at, outcome, reason) = match standing {
            Standing::Done { outcome } => ("done", None, Some(*outcome), None),
            Standing::Again { at, reason } => ("new", Some(at.timestamp_micros()), None, Some(reason.as_str())),
            Standing::Quarantined { reason } => ("quarantined", None, None, Some(reason.as_str())),
        };
        rows.row()
            .text(&event.provider)
            .text(&event.event)
            .text(state)
            .opt_int(due_at)
            .int(event.tries.saturating_add(1))
            .opt_text(outcome)
            .opt_text(reason)
            .opt_text(known.object.as_deref())
            .opt_text(known.account.as_ref().map(AccountId::as_str))
            .opt_int(known.occurred_at.map(|at| at.timestamp_micros()))
            .opt_int(known.live.map(i64::from))
            .int(now.timestamp_micros());
    }
    tx.update_rows(&rows).await?;
    Ok(())
}

/// Those that a person has given up while they were being processed.
async fn discarded(tx: &mut Tx, processed: &[Processed]) -> Result<BTreeSet<(String, String)>, StoreError> {
    let ids = Value::texts(processed.iter().map(|one| one.event.event.as_str()));
    let mut discarded = BTreeSet::new();
    for row in tx.fetch_all(&STATES_OF, &[ids]).await? {
        if row.str_at(2)? == "discarded" {
            discarded.insert((row.text_at(0)?, row.text_at(1)?));
        }
    }
    Ok(discarded)
}

/// An event as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who sent it.
    pub provider: String,
    /// The provider's id of it.
    pub event: String,
    /// The provider's word for what it tells.
    pub kind: String,
    /// `webhook` or `poll`.
    pub source: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it is processed next.
    pub due_at: Option<DateTime<Utc>>,
    /// When it was processed last.
    pub processed_at: Option<DateTime<Utc>>,
    /// How often it was tried.
    pub tries: i64,
    /// `new`, `done`, `quarantined` or `discarded`.
    pub state: String,
    /// What came of it.
    pub outcome: Option<String>,
    /// Why it waits, or was given up.
    pub reason: Option<String>,
    /// The operator who decided last.
    pub actor: Option<String>,
    /// What is known of it.
    pub known: Known,
}

fn entry(row: &Row) -> Result<Entry, DbError> {
    let account = row.opt_text("account_id")?.map(|id| AccountId::parse(&id)).transpose();
    Ok(Entry {
        provider: row.text("provider")?,
        event: row.text("event_id")?,
        kind: row.text("kind")?,
        source: row.text("source")?,
        received_at: instant(row, "received_at")?.ok_or_else(|| row.corrupt("received_at", "is empty"))?,
        due_at: instant(row, "due_at")?,
        processed_at: instant(row, "processed_at")?,
        tries: row.int("tries")?,
        state: row.text("state")?,
        outcome: row.opt_text("outcome")?,
        reason: row.opt_text("reason")?,
        actor: row.opt_text("actor")?,
        known: Known {
            object: row.opt_text("object_id")?,
            account: account.map_err(|_| row.corrupt("account_id", "is not an id"))?,
            occurred_at: instant(row, "occurred_at")?,
            live: row.opt_int("live")?.map(|live| live == 1),
        },
    })
}

/// The newest events in some states that were tried so often at least; with `kept`, also those that an account has not taken yet.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn list(tx: &mut Tx, states: &[&str], tries: i64, kept: bool, limit: u32) -> Result<Vec<Entry>, StoreError> {
    let values = [Value::texts(states.iter().copied()), Value::Int(tries), Value::Int(i64::from(kept)), Value::Int(i64::from(limit))];
    let rows = tx.fetch_all(&LISTED, &values).await?;
    Ok(rows.iter().map(entry).collect::<Result<_, _>>()?)
}

/// The events that have this id, one for each provider that used it, with their bodies as stored.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn by_id(tx: &mut Tx, event: &str) -> Result<Vec<(Entry, String)>, StoreError> {
    let rows = tx.fetch_all(&BY_ID, &[Value::Text(event.to_owned())]).await?;
    Ok(rows.iter().map(|row| Ok((entry(row)?, row.text("body")?))).collect::<Result<_, DbError>>()?)
}

/// Has an event processed again, at an instant; says whether that was possible.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn retry(tx: &mut Tx, entry: &Entry, at: DateTime<Utc>, actor: Option<&str>) -> Result<bool, StoreError> {
    let values = crate::values![&entry.provider, &entry.event, at.timestamp_micros(), actor];
    Ok(tx.execute(&RETRY_EVENT, &values).await? > 0)
}

/// Gives an event up, with the reason of a person; says whether that was possible.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn discard(tx: &mut Tx, entry: &Entry, at: DateTime<Utc>, actor: &str, reason: &str) -> Result<bool, StoreError> {
    let values = crate::values![&entry.provider, &entry.event, reason, actor, at.timestamp_micros()];
    if tx.execute(&DISCARD_EVENT, &values).await? > 0 {
        return Ok(true);
    }
    let Some(account) = &entry.known.account else { return Ok(false) };
    let kept = crate::values![account.as_str(), &entry.event, format!("{}#1", entry.event)];
    Ok(tx.execute(&FORGET_KEPT, &kept).await? > 0 && tx.execute(&DISCARD_KEPT, &values).await? > 0)
}

/// What an operator watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gauges {
    /// Events that wait to be processed.
    pub waiting: i64,
    /// When the oldest of them came.
    pub oldest_at: Option<DateTime<Utc>>,
    /// Events that wait for a person.
    pub quarantined: i64,
    /// Accounts that billing stopped on.
    pub parked: i64,
    /// When the oldest charge was sent of which it is not known what became.
    pub unsettled_at: Option<DateTime<Utc>>,
}

/// What waits.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn gauges(tx: &mut Tx) -> Result<Gauges, StoreError> {
    let row = tx.fetch_one(&GAUGES, &[]).await?;
    Ok(Gauges {
        waiting: row.int("waiting")?,
        oldest_at: instant(&row, "oldest_at")?,
        quarantined: row.int("quarantined")?,
        parked: row.int("parked")?,
        unsettled_at: instant(&row, "unsettled_at")?,
    })
}

/// Whose charges these are: reference, account, charge.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn charges_by_reference(tx: &mut Tx, references: &[&str]) -> Result<Vec<(String, AccountId, String)>, StoreError> {
    let rows = tx.fetch_all(&CHARGES_BY_REFERENCE, &[Value::texts(references.iter().copied())]).await?;
    Ok(rows.iter().map(|row| Ok((row.text_at(0)?, account_at(row, 1)?, row.text_at(2)?))).collect::<Result<_, DbError>>()?)
}

/// Whose payment methods these are: token, account.
///
/// # Errors
/// [`StoreError::Db`].
pub async fn accounts_by_method(tx: &mut Tx, tokens: &[&str]) -> Result<Vec<(String, AccountId)>, StoreError> {
    let rows = tx.fetch_all(&ACCOUNTS_BY_METHOD, &[Value::texts(tokens.iter().copied())]).await?;
    Ok(rows.iter().map(|row| Ok((row.text_at(0)?, account_at(row, 1)?))).collect::<Result<_, DbError>>()?)
}

fn account_at(row: &Row, position: usize) -> Result<AccountId, DbError> {
    AccountId::parse(row.str_at(position)?).map_err(|_| row.corrupt("account_id", "is not an id"))
}
