//! `kasacare check`: every invariant of the books, each under a name, proven from what is stored.
//!
//! All of it reads in one read transaction, so that it sees one moment and never holds up the jobs. Accounts are read in batches:
//! each is rebuilt from its journal and compared with its rows and postings, while the next batch is being read. What no single
//! account can tell (numbers, counters, the provider's side) is asked of the database as a whole. Memory is that of two batches.

mod balances;
mod chain;
mod clearing;
mod closed;
mod compare;
mod dates;
mod documents;
mod findings;
mod global;
mod laws;
mod links;
mod mails;
mod overdue;
mod periods;
mod replay;
mod settlement;
mod their_side;

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

pub use findings::{Check, Finding, Outcome, Severity};
pub(super) use global::STATEMENTS as GLOBAL_STATEMENTS;
pub(super) use replay::first_profile;
pub(super) use settlement::STATEMENTS as SETTLEMENT_STATEMENTS;
pub(super) use their_side::STATEMENTS as PROVIDER_STATEMENTS;

use self::balances::Balances;
use self::clearing::Clearing;
use self::findings::{Findings, Inspection, counted};
use self::global::Seen;
use self::replay::Replay;
use super::ReportError;
use super::stored::{self, Journal, Mail};
use crate::domain::account::Account;
use crate::domain::calendar::local_date;
use crate::domain::change::Reference;
use crate::domain::ids::AccountId;
use crate::store::account::{self as accounts, Scope};
use crate::store::db::{Db, Tx};
use crate::store::{StoreError, closings, reference};
use crate::values;

/// Accounts that are read at once.
pub const BATCH_ACCOUNTS: u32 = 250;
/// Examples that a check shows if nothing else is said.
pub const EXAMPLES: usize = 10;

crate::statements! {
    /// How many accounts there are.
    COUNT_ACCOUNTS = same("select count(*) as n from accounts");
    /// When the last record was made, through the head of each account's journal.
    LATEST = same(
        "select max(j.posted_at) as latest from accounts a \
         join journal j on j.account_id = a.account_id and j.seq = a.journal_seq and j.kind not in ('account_opened', 'take_over')"
    );
    /// The next accounts.
    NEXT_ACCOUNTS = same("select account_id from accounts where account_id > $1 order by account_id limit $2");
}

/// How a check is done.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Accounts that are read at once.
    pub batch: u32,
    /// Examples of each check that are kept.
    pub examples: usize,
    /// The instant as of which nothing may be overdue; the latest one in the journal where absent, so that time which is lived
    /// through in a story is the time that counts.
    pub as_of: Option<DateTime<Utc>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { batch: BATCH_ACCOUNTS, examples: EXAMPLES, as_of: None }
    }
}

/// What was looked at, and what each check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Accounts.
    pub accounts: u64,
    /// Journal records.
    pub records: u64,
    /// Postings.
    pub postings: u64,
    /// Every check, broken or not.
    pub checks: Vec<Outcome>,
}

impl CheckReport {
    /// Whether nothing is broken.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The checks that found something that must not be.
    pub fn broken(&self) -> impl Iterator<Item = &Outcome> {
        self.checks.iter().filter(|outcome| outcome.broken > 0 && outcome.severity == Severity::Broken)
    }

    /// The checks that found something for a person to look at.
    pub fn listed(&self) -> impl Iterator<Item = &Outcome> {
        self.checks.iter().filter(|outcome| outcome.broken > 0 && outcome.severity == Severity::Listed)
    }

    /// The report for people: what was looked at and, where something is broken or to be looked at, what, with examples.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { accounts, records, postings, checks } = self;
        let head = format!("Looked at {accounts} accounts, {records} journal records and {postings} postings.\n");
        let end = match (self.broken().count(), self.listed().count()) {
            (0, 0) => format!("All {} checks are clean.\n", checks.len()),
            (0, listed) => format!("\nNothing is broken; {listed} of {} checks list something to look at.\n", checks.len()),
            (broken, _) => format!("\n{broken} of {} checks are broken.\n", checks.len()),
        };
        std::iter::once(head).chain(self.listed().chain(self.broken()).map(Outcome::told)).chain([end]).collect()
    }

    /// Every check with its law and its count, as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.checks.iter().map(|outcome| outcome.name.len()).max().unwrap_or_default();
        let line = |outcome: &Outcome| {
            let state = match (outcome.broken, outcome.severity) {
                (0, _) => "clean".to_owned(),
                (found, Severity::Broken) => format!("{found} BROKEN"),
                (found, Severity::Listed) => format!("{found} listed"),
            };
            format!("{:<width$}  {:>12}  {state:<12}  {} ({})\n", outcome.name, outcome.looked_at, outcome.law, outcome.rules)
        };
        self.checks.iter().map(line).collect()
    }

    /// What a check found.
    #[must_use]
    pub fn outcome(&self, check: Check) -> Option<&Outcome> {
        self.checks.iter().find(|outcome| outcome.name == check.name())
    }
}

/// Checks a whole database, as of one moment. `progress` is told how many of how many accounts are done.
///
/// # Errors
/// [`ReportError`] where the database fails. What is wrong with the data is in the report.
pub async fn run(db: &Db, options: Options, progress: impl Fn(u64, u64)) -> Result<CheckReport, ReportError> {
    let mut tx = db.begin_read().await?;
    let report = run_in(&mut tx, options, progress).await?;
    tx.rollback().await?;
    Ok(report)
}

/// The same on what a transaction sees, its own changes included.
///
/// # Errors
/// As [`run`].
pub async fn run_in(tx: &mut Tx, options: Options, progress: impl Fn(u64, u64)) -> Result<CheckReport, ReportError> {
    let mut findings = Findings::new(options.examples);
    let reference = Arc::new(load_reference(tx, &mut findings).await?);
    let as_of = match options.as_of {
        Some(as_of) => as_of,
        None => latest(tx).await?,
    };
    let acts = closings::acts(tx).await?;
    let opens = Arc::new(closed::opens(&acts));
    let total = counted(tx.fetch_one(&COUNT_ACCOUNTS, &[]).await?.int("n")?);
    let (mut done, mut seen) = (0, Seen::default());
    let mut after = String::new();
    let mut inspecting: Option<tokio::task::JoinHandle<Findings>> = None;
    loop {
        let named = next_accounts(tx, &after, options.batch).await?;
        let Some(last) = named.last() else { break };
        after.clone_from(last);
        done += counted(named.len());
        let ids = account_ids(&named, &mut findings);
        let batch = load(tx, &ids, &mut seen, &mut findings).await?;
        if let Some(task) = inspecting.take() {
            findings.absorb(task.await.map_err(|_| ReportError::Stopped)?);
        }
        let (reference, opens) = (Arc::clone(&reference), Arc::clone(&opens));
        inspecting = Some(tokio::task::spawn_blocking(move || {
            let context = Surroundings { reference: reference.as_ref().as_ref(), as_of, opens: &opens };
            inspect_batch(&batch, &context, options.examples)
        }));
        progress(done, total);
    }
    if let Some(task) = inspecting {
        findings.absorb(task.await.map_err(|_| ReportError::Stopped)?);
    }
    if reference.is_none() && seen.invoices > 0 {
        let problem = format!("{} invoices are stored, and no catalog to hold them against", seen.invoices);
        findings.broken(Check::RowsReadable, Finding { account: None, subject: "catalog".to_owned(), problem });
    }
    global::strays(tx, &seen, &mut findings).await?;
    global::numbers(tx, &mut findings).await?;
    global::promotion_uses(tx, &mut findings).await?;
    settlement::inspect(tx, as_of.date_naive(), &mut findings).await?;
    closed::inspect(tx, &acts, &mut findings).await?;
    their_side::inspect(tx, &mut findings).await?;
    Ok(CheckReport { accounts: total, records: seen.records, postings: seen.postings, checks: findings.outcomes() })
}

/// The catalog, terms and tax rates, if there are any yet.
async fn load_reference(tx: &mut Tx, findings: &mut Findings) -> Result<Option<Reference>, ReportError> {
    match reference::load(tx, Vec::new()).await {
        Ok(reference) => Ok(Some(reference)),
        Err(StoreError::NoCatalog) => Ok(None),
        Err(StoreError::Db(error)) if !is_about_a_row(&error) => Err(error.into()),
        Err(error) => {
            findings.looked_at(Check::RowsReadable, 1);
            findings.broken(Check::RowsReadable, Finding { account: None, subject: "catalog".to_owned(), problem: error.to_string() });
            Ok(None)
        }
    }
}

/// The latest instant in the journal, imports apart: that of some account's last record, since instants never go back.
async fn latest(tx: &mut Tx) -> Result<DateTime<Utc>, ReportError> {
    let row = tx.fetch_one(&LATEST, &[]).await?;
    let micros = row.opt_int("latest")?.unwrap_or_default();
    Ok(DateTime::from_timestamp_micros(micros).ok_or_else(|| row.corrupt("latest", "is out of range"))?)
}

async fn next_accounts(tx: &mut Tx, after: &str, limit: u32) -> Result<Vec<String>, ReportError> {
    let rows = tx.fetch_all(&NEXT_ACCOUNTS, &values![after, limit.max(1)]).await?;
    Ok(rows.iter().map(|row| row.text_at(0)).collect::<Result<_, _>>()?)
}

fn account_ids(named: &[String], findings: &mut Findings) -> Vec<AccountId> {
    let mut ids = Vec::with_capacity(named.len());
    for name in named {
        findings.looked_at(Check::RowsReadable, 1);
        match AccountId::parse(name) {
            Ok(id) => ids.push(id),
            Err(error) => {
                let finding =
                    Finding { account: None, subject: "accounts".to_owned(), problem: format!("an account's id is none: {error}") };
                findings.broken(Check::RowsReadable, finding);
            }
        }
    }
    ids
}

/// One account with all that is stored of it.
struct AccountBooks {
    account: Account,
    journal: Journal,
    mails: Vec<Mail>,
}

/// Loads a batch; where a row cannot be read, account by account, so that the others are still checked.
async fn load(tx: &mut Tx, ids: &[AccountId], seen: &mut Seen, findings: &mut Findings) -> Result<Vec<AccountBooks>, ReportError> {
    let batch = match load_all(tx, ids).await {
        Ok(batch) => batch,
        Err(error) if is_corrupt(&error) => {
            let mut batch = Vec::with_capacity(ids.len());
            for id in ids {
                match load_all(tx, std::slice::from_ref(id)).await {
                    Ok(one) => batch.extend(one),
                    Err(error) if is_corrupt(&error) => {
                        let finding = Finding { account: Some(id.to_string()), subject: "rows".to_owned(), problem: error.to_string() };
                        findings.broken(Check::RowsReadable, finding);
                    }
                    Err(error) => return Err(error),
                }
            }
            batch
        }
        Err(error) => return Err(error),
    };
    for books in &batch {
        seen.add(books);
    }
    Ok(batch)
}

async fn load_all(tx: &mut Tx, ids: &[AccountId]) -> Result<Vec<AccountBooks>, ReportError> {
    let accounts = accounts::load(tx, ids, Scope::ALL).await?;
    let mut journals = stored::journals(tx, ids).await?;
    let mut mails = stored::mails(tx, ids).await?;
    let books = |account: Account| {
        let id = account.profile.id.as_str();
        let (journal, mails) = (journals.remove(id).unwrap_or_default(), mails.remove(id).unwrap_or_default());
        AccountBooks { account, journal, mails }
    };
    Ok(accounts.into_iter().map(books).collect())
}

fn is_corrupt(error: &ReportError) -> bool {
    match error {
        ReportError::Store(StoreError::Corrupt { .. }) => true,
        ReportError::Store(StoreError::Db(error)) => is_about_a_row(error),
        _ => false,
    }
}

const fn is_about_a_row(error: &crate::store::db::DbError) -> bool {
    matches!(error, crate::store::db::DbError::Corrupt { .. })
}

impl Seen {
    fn add(&mut self, books: &AccountBooks) {
        let AccountBooks { account, journal, mails } = books;
        self.cameras += counted(account.cameras.len());
        self.subscriptions += counted(account.subscriptions.len());
        self.price_notices += counted(account.subscriptions.values().map(|subscription| subscription.price_notices.len()).sum::<usize>());
        self.invoices += counted(account.invoices.len());
        self.charges += counted(account.charges.len());
        self.payments += counted(account.payments.len());
        self.refunds += counted(account.refunds.len());
        self.notes += counted(account.notes.len());
        self.corrections += counted(account.corrections.len());
        self.disputes += counted(account.disputes.len());
        self.redemptions += counted(account.redemptions.len());
        self.costs += counted(account.costs.len());
        self.tasks += counted(account.tasks.len());
        self.records += counted(journal.records.len());
        self.postings += counted(journal.records.iter().map(|record| record.legs.len()).sum::<usize>() + journal.stray.len());
        self.mails += counted(mails.len());
    }
}

/// What accounts are held against besides themselves.
struct Surroundings<'a> {
    reference: Option<&'a Reference>,
    as_of: DateTime<Utc>,
    opens: &'a BTreeSet<NaiveDate>,
}

fn inspect_batch(batch: &[AccountBooks], context: &Surroundings<'_>, examples: usize) -> Findings {
    let mut findings = Findings::new(examples);
    for books in batch {
        inspect_account(books, context, &mut Inspection::new(books.account.profile.id.as_str(), &mut findings));
    }
    findings
}

fn inspect_account(books: &AccountBooks, context: &Surroundings<'_>, inspection: &mut Inspection<'_>) {
    let reference = context.reference;
    chain::audit_chain(books, inspection);
    chain::entries(books, inspection);
    dates::records(books, inspection);
    let mut replay = Replay::new(books, reference, context.opens, inspection);
    let (mut balances, mut clearing) = (Balances::default(), Clearing::of_customer());
    for record in &books.journal.records {
        replay.step(record, inspection);
        balances.add_record(record, replay.reached(), inspection);
        clearing.add_record(record);
    }
    balances.tie_out(books, inspection);
    clearing.in_time(local_date(context.as_of, books.account.profile.zone), inspection);
    overdue::nothing_waits(books, context.as_of, inspection);
    mails::inspect(books, &replay.told, inspection);
    if replay.reached().is_some() {
        compare::accounts(&books.account, replay.account, reference, inspection);
    }
    documents::invoices(&books.account, reference, inspection);
    documents::promotions(&books.account, reference, inspection);
    documents::terms(&books.account, reference, inspection);
    documents::refund_limits(&books.account, inspection);
    links::rows(books, inspection);
}
