//! `kasacare explain`: why something is as it is. The records of the journal that deal with it, in order, each with its rules and
//! arithmetic as they were recorded, its events, its postings and the mails that it queued.
//!
//! [`Explanation`] is the shape of `kasacare --format json explain`: its fields are a promise to programs, to which fields may be
//! added. It holds no personal data.

mod find;
mod mail;
mod object;
mod words;

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::stored::{self, Journal, Mail, Record};
use super::{ReportError, chart};
use crate::domain::account::Account;
use crate::domain::ids::AccountId;
use crate::store::account::{self as accounts, Scope};
use crate::store::db::{Db, Tx};
use crate::values;

crate::statements! {
    /// The printed number of a note, which its row alone has.
    NUMBER_OF_NOTE = same("select number from notes where account_id = $1 and note_id = $2");
}

pub(super) use find::STATEMENTS as FIND_STATEMENTS;
pub use object::Kind;

/// Why something is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// The account.
    pub account: AccountId,
    /// How it stands now: names and values in order.
    pub facts: Facts,
    /// The records that deal with it, in order.
    pub records: Vec<ExplainedRecord>,
}

/// Names and values in order; an object in JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts(pub Vec<(&'static str, String)>);

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// One decision, as far as it deals with what is explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedRecord {
    /// `account/number`.
    pub id: String,
    /// Business date.
    pub effective_on: NaiveDate,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What was decided.
    pub kind: String,
    /// What it was decided for.
    pub cause: String,
    /// Who decided.
    pub actor: String,
    /// The recorded reason.
    pub reason: Option<String>,
    /// The rules that the decision names.
    pub rules: Vec<String>,
    /// The rules with their inputs and arithmetic, in words.
    pub why: Vec<String>,
    /// What happened.
    pub events: Vec<ExplainedEvent>,
    /// The mails that it queued.
    pub mails: Vec<ExplainedMail>,
}

/// One event with its entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedEvent {
    /// Position in the record, from 0.
    pub no: i64,
    /// Its stored tag: `invoice_issued.v1`.
    pub tag: String,
    /// Its facts as they are stored.
    pub facts: Value,
    /// The legs that book it.
    pub postings: Vec<ExplainedLeg>,
}

/// One leg of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedLeg {
    /// Number in the chart of accounts.
    pub ledger_account: i64,
    /// Its name.
    pub name: &'static str,
    /// In major units; absent for a credit.
    pub debit: Option<String>,
    /// In major units; absent for a debit.
    pub credit: Option<String>,
    /// ISO 4217 code.
    pub currency: String,
    /// The invoice that it belongs to.
    pub invoice: Option<String>,
}

/// A mail, by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExplainedMail {
    /// Kind and cause.
    pub id: String,
    /// `queued`, `sent`, `withdrawn` or `failed`.
    pub state: String,
    /// When it was sent.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Explains what an id names: a journal record (`account/number`), an invoice, charge, refund, note, correction, dispute or
/// subscription by its id, an invoice or note by its printed number, a charge or refund by the provider's reference. `account` is
/// needed only where several accounts have something of that name.
///
/// # Errors
/// [`ReportError::NotFound`], [`ReportError::Ambiguous`], what the database says.
pub async fn explain(db: &Db, id: &str, account: Option<&AccountId>) -> Result<Explanation, ReportError> {
    let mut tx = db.begin_read().await?;
    let explanation = explain_in(&mut tx, id, account).await?;
    tx.rollback().await?;
    Ok(explanation)
}

async fn explain_in(tx: &mut Tx, id: &str, account: Option<&AccountId>) -> Result<Explanation, ReportError> {
    let found = find::find(tx, id, account).await?;
    let one = std::slice::from_ref(&found.account);
    let missing = || ReportError::NotFound { what: found.kind.name(), id: id.to_owned() };
    let loaded = accounts::load(tx, one, Scope::ALL).await?.pop().ok_or_else(missing)?;
    let journal = stored::journals(tx, one).await?.remove(found.account.as_str()).unwrap_or_default();
    let mails = stored::mails(tx, one).await?.remove(found.account.as_str()).unwrap_or_default();
    let mut named = object::related(&loaded, found.kind, &found.id);
    named.extend(beside(&loaded, found.kind, &found.id, &journal)?);
    let queued_by = mail::by_record(&mails, &journal);
    let about = About { account: &loaded, kind: found.kind, id: &found.id, named: &named, mails: &mails, queued_by: &queued_by };
    let mut records = Vec::new();
    for record in journal.records.iter().filter(|record| found.seq.is_none_or(|seq| record.seq == seq)) {
        records.extend(about.record(record)?);
    }
    if found.seq.is_some() && records.is_empty() {
        return Err(missing());
    }
    let mut facts = object::facts(&loaded, found.kind, &found.id);
    if found.kind == Kind::Note {
        let row = tx.fetch_one(&NUMBER_OF_NOTE, &values![found.account.as_str(), &found.id]).await?;
        facts.0.insert(0, ("number", row.text("number")?));
    }
    Ok(Explanation { kind: found.kind, facts, id: found.id, account: found.account, records })
}

/// What the records that name an object did beside it, and is part of it: documents, attempts and payouts that later records go on
/// with.
fn beside(account: &Account, kind: Kind, id: &str, journal: &Journal) -> Result<BTreeSet<String>, ReportError> {
    let (own, mut strings) = (BTreeSet::from([id.to_owned()]), BTreeSet::new());
    if !object::has_parts(kind) {
        return Ok(strings);
    }
    for record in &journal.records {
        let events = record.as_json(account.profile.id.as_str())?["events"].take();
        if mentions(&events, &own) {
            collect(&events, &mut strings);
        }
    }
    strings.retain(|other| object::is_part_of(account, kind, other));
    Ok(strings)
}

/// What is explained, and where to look.
struct About<'a> {
    account: &'a Account,
    kind: Kind,
    id: &'a str,
    /// The ids by which events name it.
    named: &'a BTreeSet<String>,
    mails: &'a [Mail],
    /// The record that queued each mail.
    queued_by: &'a HashMap<&'a str, i64>,
}

impl About<'_> {
    /// The record as far as it deals with the object; nothing if it does not.
    fn record(&self, record: &Record) -> Result<Option<ExplainedRecord>, ReportError> {
        let account = self.account.profile.id.as_str();
        let body = record.as_json(account)?;
        let why: Vec<String> = strings_of(&body["why"]);
        let all: Vec<ExplainedEvent> =
            body["events"].as_array().into_iter().flatten().zip(0..).filter_map(|(event, no)| explained(event, no, record)).collect();
        let deals = self.kind == Kind::Record || all.iter().any(|event| mentions(&event.facts, self.named));
        if !deals {
            return Ok(None);
        }
        let events = if self.is_whole(&all) { all } else { self.of_it(all) };
        let mut strings = self.named.clone();
        for event in &events {
            collect(&event.facts, &mut strings);
        }
        Ok(Some(ExplainedRecord {
            id: format!("{account}/{}", record.seq),
            effective_on: record.effective_on,
            recorded_at: record.posted_at,
            kind: record.kind.clone(),
            cause: record.cause.clone(),
            actor: record.actor.clone(),
            reason: record.reason.clone(),
            rules: words::rules(&why),
            why,
            events,
            mails: self.queued_in(record.seq).filter_map(|mail| told(mail, &strings)).collect(),
        }))
    }

    fn queued_in(&self, seq: i64) -> impl Iterator<Item = &Mail> {
        self.mails.iter().filter(move |mail| self.queued_by.get(mail.id.as_str()) == Some(&seq))
    }

    /// Whether all events of a record are shown: it is one decision, and this is what it was about. Of an invoice or a subscription
    /// alone are there records that deal with several.
    fn is_whole(&self, events: &[ExplainedEvent]) -> bool {
        let own = BTreeSet::from([self.id.to_owned()]);
        match self.kind {
            Kind::Record => true,
            Kind::Invoice | Kind::Subscription => false,
            Kind::Charge | Kind::Refund | Kind::Note | Kind::Correction | Kind::Dispute => {
                events.iter().any(|event| mentions(&event.facts, &own))
            }
        }
    }

    /// The events that name the object, and those that happened to its subscription at the same time.
    fn of_it(&self, all: Vec<ExplainedEvent>) -> Vec<ExplainedEvent> {
        let subscription = self.named.iter().find_map(|id| self.account.invoices.get(id)).map(|row| row.document.subscription.to_string());
        let beside = subscription.map(|id| BTreeSet::from([id])).unwrap_or_default();
        all.into_iter().filter(|event| mentions(&event.facts, self.named) || mentions(&event.facts, &beside)).collect()
    }
}

fn explained(event: &Value, no: i64, record: &Record) -> Option<ExplainedEvent> {
    // An event without facts is its tag alone.
    let (tag, facts) = match event {
        Value::String(tag) => (tag, &Value::Null),
        event => event.as_object()?.iter().next()?,
    };
    let postings = record.legs.iter().filter(|leg| leg.event_no == no).map(|leg| {
        let amount = chart::major(i128::from(leg.amount_minor).abs(), &leg.currency);
        let (debit, credit) = if leg.amount_minor > 0 { (Some(amount), None) } else { (None, Some(amount)) };
        let name = chart::name(leg.ledger_account);
        let (currency, invoice) = (leg.currency.clone(), leg.invoice.clone());
        ExplainedLeg { ledger_account: leg.ledger_account, name, debit, credit, currency, invoice }
    });
    Some(ExplainedEvent { no, tag: tag.clone(), facts: facts.clone(), postings: postings.collect() })
}

/// A mail that was queued for one of these: its id is its kind and its cause, and causes begin with the id of what they are about.
fn told(mail: &Mail, about: &BTreeSet<String>) -> Option<ExplainedMail> {
    let cause = mail.id.strip_prefix(mail.kind.as_str())?.strip_prefix('_')?;
    let is_about = |id: &String| cause.strip_prefix(id.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    let explained = || ExplainedMail { id: mail.id.clone(), state: mail.state.clone(), sent_at: mail.sent_at };
    about.iter().any(is_about).then(explained)
}

fn strings_of(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether one of the names stands anywhere among the facts.
fn mentions(facts: &Value, names: &BTreeSet<String>) -> bool {
    match facts {
        Value::String(text) => names.contains(text),
        Value::Array(values) => values.iter().any(|value| mentions(value, names)),
        Value::Object(members) => members.values().any(|value| mentions(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Every text among the facts.
fn collect(facts: &Value, into: &mut BTreeSet<String>) {
    match facts {
        Value::String(text) => {
            into.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        Value::Object(members) => members.values().for_each(|value| collect(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
