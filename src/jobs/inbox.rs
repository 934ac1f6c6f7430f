//! Processing of the inbox (PV-3, PV-4): stored events are read, attributed to accounts, and applied by the same settlement functions as
//! answers and polled events (PV-6), in any order and any number of times. What is about something that we don't know, or came before
//! what it follows from, is tried again, and after a day waits for a person, with the reason. Nothing is dropped.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use super::Stop;
use super::provider_events::{ByAccount, Told};
use super::runner::Runner;
use crate::domain::ids::AccountId;
use crate::engine::EngineError;
use crate::engine::settlement::fetched::ROW_KIND;
use crate::engine::summary::Summary;
use crate::provider::{Fact, Meaning, Subject, vendors};
use crate::store::binding::{self, Binding};
use crate::store::inbox::{self, DueEvent, Known, Processed, Standing};
use crate::store::{desk, kept_facts};

/// Events that are processed together.
pub const INBOX_PAGE: u32 = 500;
/// First wait of an event that cannot be applied yet; doubled each time.
const WAIT_SECONDS: i64 = 30;
/// Longest wait.
const WAIT_SECONDS_MAX: i64 = 3 * 3_600;
/// How long an event may wait for what it is about (F38).
pub const PATIENCE_HOURS: i64 = 24;

/// An event that was read.
struct Read {
    event: DueEvent,
    known: Known,
    says: Says,
}

/// What it says, or what came of it already.
enum Says {
    Facts(Subject, Vec<Fact>),
    Over(&'static str),
    Broken(String),
}

/// Facts of an event whose account is known.
struct Attributed {
    account: AccountId,
    facts: Vec<Fact>,
}

impl Runner {
    /// Processes what is due, page by page. A page that cannot be processed is tried in halves, down to the one event that is the cause (F48).
    pub(super) async fn inbox(&self, stop: &Stop) -> Result<Summary, EngineError> {
        let (mut summary, mut page) = (Summary::default(), INBOX_PAGE);
        while !stop.requested() {
            let mut tx = self.engine.db.begin_read().await?;
            let events = inbox::due(&mut tx, self.engine.clock.now(), page).await?;
            tx.rollback().await?;
            let count = events.len();
            let Some(first) = events.first().cloned() else { break };
            match self.process(events).await {
                Ok(done) => {
                    summary.absorb(done);
                    page = page.saturating_mul(2).min(INBOX_PAGE);
                }
                Err(error) if error.may_pass() => return Err(error),
                Err(_) if count > 1 => {
                    page = u32::try_from(count / 2).unwrap_or(INBOX_PAGE);
                    continue;
                }
                Err(error) => self.put_aside(first, &error, &mut summary).await?,
            }
            self.progress.chunk("inbox", count);
        }
        Ok(summary)
    }

    /// An event that cannot be processed at all waits for a person; the others go on.
    async fn put_aside(&self, event: DueEvent, error: &EngineError, summary: &mut Summary) -> Result<(), EngineError> {
        let standing = quarantined(&event, error.to_string());
        summary.count(counted(&standing));
        let mut tx = self.engine.db.begin().await?;
        inbox::record(&mut tx, self.engine.clock.now(), &[Processed { event, known: Known::default(), standing }]).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn process(&self, events: Vec<DueEvent>) -> Result<Summary, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let bound = binding::read(&mut tx).await?;
        tx.rollback().await?;
        let (rows, events): (Vec<DueEvent>, Vec<DueEvent>) = events.into_iter().partition(|event| event.kind == ROW_KIND);
        let mut read: Vec<Read> = events.into_iter().map(|event| read(event, bound.as_ref())).collect();
        let attributed = self.attribute(&mut read).await?;
        let by_account = by_account(&read, &attributed);
        let (mut summary, left, too_early) = self.apply_facts_in_any_order(&by_account).await?;
        let kept: BTreeSet<&str> = left.iter().map(|fact| event_of(&fact.event)).collect();
        let too_early: BTreeMap<&str, &str> = too_early.iter().map(|(_, event, why)| (event_of(event), *why)).collect();
        let now = self.engine.clock.now();
        let mut processed = self.take_rows(rows, &mut summary).await?;
        for (position, Read { event, known, says }) in read.into_iter().enumerate() {
            let standing = match (says, attributed.get(&position)) {
                (Says::Over(outcome), _) => Standing::Done { outcome },
                (Says::Broken(reason), _) => quarantined(&event, reason),
                (Says::Facts(..), None) => patience(&event, now, "nothing of ours is known by what it is about"),
                (Says::Facts(..), Some(_)) => match too_early.get(event.event.as_str()) {
                    Some(why) => patience(&event, now, why),
                    None if kept.contains(event.event.as_str()) => Standing::Done { outcome: "kept" },
                    None => Standing::Done { outcome: "applied" },
                },
            };
            summary.count(counted(&standing));
            processed.push(Processed { event, known, standing });
        }
        let mut tx = self.engine.db.begin().await?;
        kept_facts::keep(&mut tx, &left).await?;
        inbox::record(&mut tx, now, &processed).await?;
        tx.commit().await?;
        Ok(summary)
    }

    /// Rows of the provider's list of movements that could not be taken as they were read (RC-1), each by itself.
    async fn take_rows(&self, rows: Vec<DueEvent>, summary: &mut Summary) -> Result<Vec<Processed>, EngineError> {
        let mut processed = Vec::with_capacity(rows.len());
        for event in rows {
            let taken = match &event.body {
                Some(body) => self.engine.take_row(&event.provider, &event.event, body).await,
                None => Ok(Err("it is no text".to_owned())),
            };
            let standing = match taken {
                Ok(Ok(())) => Standing::Done { outcome: "applied" },
                Ok(Err(reason)) => quarantined(&event, reason),
                Err(error) if error.may_pass() => return Err(error),
                Err(error) => quarantined(&event, error.to_string()),
            };
            summary.count(if matches!(standing, Standing::Done { .. }) { "movements taken after all" } else { "movements quarantined" });
            processed.push(Processed { known: Known { object: Some(event.event.clone()), ..Known::default() }, event, standing });
        }
        Ok(processed)
    }

    /// Whose the events' facts are, by the position of the event; what cannot be told is absent.
    async fn attribute(&self, read: &mut [Read]) -> Result<BTreeMap<usize, Attributed>, EngineError> {
        let mut tx = self.engine.db.begin_read().await?;
        let subjects = || read.iter().filter_map(|one| if let Says::Facts(subject, _) = &one.says { Some(subject) } else { None });
        let charges: Vec<&str> =
            subjects().filter_map(|one| if let Subject::Charge(id) = one { Some(id.as_str()) } else { None }).collect();
        let methods: Vec<&str> = subjects()
            .filter_map(|one| if let Subject::Method(tokens) = one { Some(tokens) } else { None })
            .flatten()
            .map(String::as_str)
            .collect();
        let named: Vec<&str> = subjects().filter_map(|one| if let Subject::Account(id) = one { Some(id.as_str()) } else { None }).collect();
        let charges = inbox::charges_by_reference(&mut tx, &charges).await?;
        let methods = inbox::accounts_by_method(&mut tx, &methods).await?;
        let accounts = desk::known_accounts(&mut tx, &named).await?;
        tx.rollback().await?;
        let mut attributed = BTreeMap::new();
        for (position, one) in read.iter_mut().enumerate() {
            let Says::Facts(subject, facts) = &one.says else { continue };
            let (account, facts) = match subject {
                Subject::Account(account) => (accounts.get(account), facts.clone()),
                Subject::Charge(reference) => {
                    let charge = charges.iter().find(|(known, ..)| known == reference);
                    let about =
                        |(_, _, id): &(String, AccountId, String)| facts.iter().cloned().map(|fact| fact.about_charge(id)).collect();
                    (charge.map(|(_, account, _)| account), charge.map(about).unwrap_or_default())
                }
                Subject::Method(tokens) => {
                    (methods.iter().find(|(known, _)| tokens.contains(known)).map(|(_, account)| account), facts.clone())
                }
            };
            if let Some(account) = account {
                one.known.account = Some(account.clone());
                attributed.insert(position, Attributed { account: account.clone(), facts });
            } else if matches!(subject, Subject::Method(_)) {
                // Not on file, and nothing that could come later would put it there again.
                one.says = Says::Over("foreign");
            }
        }
        Ok(attributed)
    }
}

/// What an event says, as its provider's reader reads it. Where the database is bound to real money, events of tests say nothing, and the
/// other way round, and so do events of other accounts that are connected to ours (F46).
fn read(event: DueEvent, bound: Option<&Binding>) -> Read {
    let broken = |event, reason| Read { event, known: Known::default(), says: Says::Broken(reason) };
    let Some(reader) = vendors::reader(&event.provider) else {
        return broken(event, "no provider of this name is known".to_owned());
    };
    let Some(body) = &event.body else { return broken(event, "it is no text".to_owned()) };
    let reading = match reader.read(body) {
        Ok(reading) => reading,
        Err(unreadable) => return broken(event, unreadable.to_string()),
    };
    let known = Known { object: reading.object, account: None, occurred_at: reading.occurred_at, live: Some(reading.live) };
    let says = match reading.meaning {
        _ if bound.is_some_and(|bound| bound.live != reading.live) => Says::Over("other_mode"),
        _ if bound.is_some_and(|bound| reading.account.is_some_and(|account| account != bound.account)) => Says::Over("other_account"),
        Meaning::Facts { about, facts } => Says::Facts(about, facts),
        Meaning::Nothing => Says::Over("nothing_new"),
        Meaning::Foreign => Says::Over("foreign"),
        Meaning::UnknownType => {
            tracing::warn!(event = event.event, kind = event.kind, "an event of a type that is not known is stored and left alone");
            Says::Over("unknown_type")
        }
    };
    Read { event, known, says }
}

/// The facts by account, in the order of a payment's life, whatever order they came in.
fn by_account(read: &[Read], attributed: &BTreeMap<usize, Attributed>) -> ByAccount {
    let mut by_account = ByAccount::new();
    for (position, Attributed { account, facts }) in attributed {
        let Some(one) = read.get(*position) else { continue };
        let told = facts.iter().enumerate().map(|(number, fact)| Told { event: name_of(&one.event.event, number), fact: fact.clone() });
        by_account.entry(account.clone()).or_default().extend(told);
    }
    for told in by_account.values_mut() {
        told.sort_by_key(|one| one.fact.rank());
    }
    by_account
}

/// What a fact of an event is kept under: an event may have several.
fn name_of(event: &str, number: usize) -> String {
    if number == 0 { event.to_owned() } else { format!("{event}#{number}") }
}

fn event_of(name: &str) -> &str {
    name.split_once('#').map_or(name, |(event, _)| event)
}

/// An event that cannot be applied yet: tried again, in growing steps, for a day.
fn patience(event: &DueEvent, now: DateTime<Utc>, reason: &str) -> Standing {
    if now.signed_duration_since(event.received_at) >= TimeDelta::hours(PATIENCE_HOURS) {
        return quarantined(event, format!("{reason}, and {PATIENCE_HOURS} hours have passed"));
    }
    let doublings = u32::try_from(event.tries.clamp(0, 20)).unwrap_or(20);
    let seconds = WAIT_SECONDS.saturating_mul(1_i64.checked_shl(doublings).unwrap_or(i64::MAX)).min(WAIT_SECONDS_MAX);
    let at = now.checked_add_signed(TimeDelta::seconds(seconds)).unwrap_or(now);
    Standing::Again { at, reason: reason.to_owned() }
}

fn quarantined(event: &DueEvent, reason: String) -> Standing {
    tracing::error!(event = event.event, kind = event.kind, reason, "an event is quarantined: `kasacare inbox show` tells more");
    Standing::Quarantined { reason }
}

fn counted(standing: &Standing) -> &'static str {
    match standing {
        Standing::Done { outcome: "applied" } => "webhooks applied",
        Standing::Done { outcome: "kept" } => "webhooks kept for parked accounts",
        Standing::Done { outcome: "unknown_type" } => "webhooks of unknown types",
        Standing::Done { outcome: "foreign" | "other_mode" | "other_account" } => "webhooks of others",
        Standing::Done { .. } => "webhooks without news",
        Standing::Again { .. } => "webhooks to be tried again",
        Standing::Quarantined { .. } => "webhooks quarantined",
    }
}
