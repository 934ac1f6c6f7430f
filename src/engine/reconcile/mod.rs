//! RC: our books against the providers', in three legs and two equations.
//!
//! A run reads one moment and finds what differs ([`join`], `bank`), sets it beside what is known of earlier differences, and shows it
//! ([`report`]). A dry run ends there, and may be given a file of the provider that it looks at as if it were taken ([`run_with`]).
//! `propose` stores the run and its breaks; `apply` also posts what the rules let it post: payouts that the bank has (1010), and movements
//! that nothing of ours explains (1290). The same inputs give the same run, under the same id, which is then stored already: nothing changes.

mod accounts;
pub mod acts;
mod aside;
mod bank;
mod digest;
mod equations;
mod error;
pub mod found;
pub mod join;
mod load;
mod proposals;
mod reading;
pub mod report;
pub mod rows;
mod spool;
mod stored;
mod table;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use sha2::{Digest, Sha256};

use self::aside::{Aside, Days};
use self::bank::{Bank, BankFound};
pub use self::error::ReconcileError;
use self::found::Found;
use self::reading::Read;
use self::report::{BreakLine, Candidate, RunReport};
use self::stored::StoredBreak;
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BreakKind, BreakState, age_band, age_days};
use crate::domain::settlement::is_booked;
use crate::engine::settlement::preview::Given;
use crate::store::db::{Db, DbError, Tx};
use crate::store::settlement::{Book, booked_beside, last_imported, not_before};

/// How far a run goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Shows what would be found.
    Dry,
    /// Stores the run and its breaks.
    Propose,
    /// Posts, too.
    Apply,
}

/// What is reconciled.
#[derive(Debug, Clone)]
pub struct Order {
    /// The provider.
    pub provider: String,
    /// The last day.
    pub through: NaiveDate,
    /// How far.
    pub depth: Depth,
    /// Who.
    pub actor: String,
    /// Now.
    pub at: DateTime<Utc>,
}

/// Something that differs, from either of the legs, before it has a place among the stored breaks.
#[derive(Debug, Clone)]
pub(in crate::engine::reconcile) struct Difference {
    pub kind: BreakKind,
    pub subject: String,
    pub since: NaiveDate,
    /// Ours less theirs.
    pub amount: Money,
    pub account: Option<String>,
    pub ours: Option<(String, Money)>,
    pub theirs: Option<(String, Money)>,
    pub category: Option<crate::domain::settlement::Category>,
    /// Whether it stands on 1200.
    pub is_on_clearing: bool,
}

/// Reconciles.
///
/// # Errors
/// [`ReconcileError`]; then nothing was changed.
pub async fn run(db: &Db, order: &Order) -> Result<RunReport, ReconcileError> {
    db.check_schema().await?;
    if order.depth == Depth::Dry {
        return dry(db, order, None).await;
    }
    let mut tx = db.begin().await?;
    // Before anything is read: whoever acts on breaks of this provider waits, or is waited for.
    let book = Book::lock(&mut tx, &order.provider).await?;
    must_not_go_back(&mut tx, order).await?;
    // Reports cut the books off at a run's instant: all that it reads is from before it.
    let imported_at = last_imported(&mut tx, &order.provider).await?;
    let at = not_before(order.at, imported_at, || format!("a file or page of {} or of a bank was last taken", order.provider))?;
    let at = not_before(at, book.last_at(), || format!("the book of {} was last written", order.provider))?;
    let order = &Order { at, ..order.clone() };
    must_be_alone(&mut tx, &order.provider).await?;
    let read = reading::one_by_one(&mut tx, order, None).await?;
    let planned = plan(&mut tx, order, read).await?;
    stored::save(&mut tx, order, &planned).await?;
    tx.commit().await?;
    Ok(planned.report)
}

/// Reconciles, dry, with a file of the provider as if it were taken. Nothing is written; what is in the file and stored already counts once.
///
/// # Errors
/// [`ReconcileError`]; [`ReconcileError::File`] with every bad row.
pub async fn run_with(db: &Db, order: &Order, given: Given) -> Result<RunReport, ReconcileError> {
    db.check_schema().await?;
    let source = given.file.reading.source;
    if order.depth != Depth::Dry {
        return Err(ReconcileError::Refused("what is stored or posted comes from files that were imported".to_owned()));
    }
    if !source.has_movements() {
        let problem = format!("a file of {source} tells no movements of a provider: import it, and run without it");
        return Err(ReconcileError::Refused(problem));
    }
    dry(db, order, Some(given)).await
}

async fn dry(db: &Db, order: &Order, given: Option<Given>) -> Result<RunReport, ReconcileError> {
    let mut txs = db.begin_reads(READERS).await?;
    // A file is looked at as an import looks at it, also for that.
    if let Some(tx) = txs.first_mut().filter(|_| given.is_none()) {
        must_be_alone(tx, &order.provider).await?;
    }
    let (mut txs, read) = match <[Tx; READERS]>::try_from(txs) {
        Ok(txs) => reading::at_once(txs, order, given).await,
        Err(mut txs) => {
            let tx = txs.first_mut().ok_or(DbError::Stopped)?;
            let read = reading::one_by_one(tx, order, given).await;
            (txs, read)
        }
    };
    let planned = plan(txs.first_mut().ok_or(DbError::Stopped)?, order, read?).await?;
    for tx in txs {
        tx.rollback().await?;
    }
    Ok(planned.report)
}

/// How many readers a dry run has: one a side, and one for the books and the bank.
const READERS: usize = 3;

/// A run through an earlier day than the last one would take what has come since for gone.
async fn must_not_go_back(tx: &mut Tx, order: &Order) -> Result<(), ReconcileError> {
    let last = tx.fetch_one(&crate::store::reconcile::LAST_DAY, &crate::values![order.provider.as_str()]).await?.opt_date_at(0)?;
    match last.filter(|last| *last > order.through) {
        Some(last) => Err(ReconcileError::Refused(format!(
            "{} was reconciled through {last} already: run it through that day or a later one, or look with a dry run",
            order.provider
        ))),
        None => Ok(()),
    }
}

/// A database of which an older version has taken in movements of two. Where there is nothing of this one, that is what is wrong.
async fn must_be_alone(tx: &mut Tx, provider: &str) -> Result<(), ReconcileError> {
    match booked_beside(tx, provider).await? {
        Some(_) if !told_of(tx).await?.iter().any(|told| told == provider) => Err(nothing_told(tx, Some(provider)).await?),
        Some(other) => Err(ReconcileError::Refused(format!(
            "movements of {provider} and of {other} are here, and the books do not tell whose charges are whose: \
             a database is for one of them"
        ))),
        None => Ok(()),
    }
}

/// The providers of whom movements were imported.
///
/// # Errors
/// [`ReconcileError::NothingTold`], [`ReconcileError::TotalsAlone`] where there are none; what the database says.
pub async fn providers(db: &Db) -> Result<Vec<String>, ReconcileError> {
    db.check_schema().await?;
    let mut tx = db.begin_read().await?;
    let providers = told_of(&mut tx).await?;
    let nothing = if providers.is_empty() { Some(nothing_told(&mut tx, None).await?) } else { None };
    tx.rollback().await?;
    nothing.map_or(Ok(providers), Err)
}

/// Of whom there are movements.
async fn told_of(tx: &mut Tx) -> Result<Vec<String>, ReconcileError> {
    let rows = tx.fetch_all(&crate::store::reconcile::PROVIDERS, &[]).await?;
    Ok(rows.iter().map(|row| row.text_at(0)).collect::<Result<_, _>>()?)
}

/// Why there is nothing to reconcile of a provider, or of any.
async fn nothing_told(tx: &mut Tx, provider: Option<&str>) -> Result<ReconcileError, ReconcileError> {
    for row in tx.fetch_all(&crate::store::reconcile::TOTALS_ALONE, &[]).await? {
        let found = row.text_at(0)?;
        if provider.is_none_or(|provider| provider == found) {
            let (totals, first_on, last_on) = (row.int_at(1)?, row.date_at(2)?, row.date_at(3)?);
            return Ok(ReconcileError::TotalsAlone { provider: found, totals, first_on, last_on });
        }
    }
    let here = told_of(tx).await?;
    Ok(ReconcileError::NothingTold { provider: provider.unwrap_or("(any)").to_owned(), here })
}

/// A run that was computed.
pub(in crate::engine::reconcile) struct Plan {
    pub report: RunReport,
    pub bank: Bank,
    pub differences: BTreeMap<String, Difference>,
    pub known: BTreeMap<String, StoredBreak>,
    /// What is to be set aside more.
    pub aside: Vec<Aside>,
    /// When.
    pub days: Days,
    /// Breaks that are booked because they are so small.
    pub within_tolerance: BTreeSet<String>,
}

/// The id of the break about something: the same in every run.
#[must_use]
pub fn break_id(provider: &str, subject: &str) -> String {
    let digest = format!("{:x}", Sha256::digest(format!("{provider}\n{subject}")));
    format!("br_{}", digest.get(..16).unwrap_or_default())
}

async fn plan(tx: &mut Tx, order: &Order, read: Read) -> Result<Plan, ReconcileError> {
    let Order { provider, through, depth, .. } = order;
    let Read { joined, mut inputs, balances, posted, bank, mut known, days } = read;
    let bank = bank.matched(provider)?;
    if inputs.iter().chain(&bank.inputs).all(|input| input.rows == 0 || input.what == "our movements") {
        return Err(nothing_told(tx, Some(provider)).await?);
    }
    inputs.extend(bank.inputs.iter().cloned());
    let mut differences = BTreeMap::new();
    for found in &joined.found {
        let difference = of_join(provider, found)?;
        differences.insert(break_id(provider, &difference.subject), difference);
    }
    for found in bank.found(*through) {
        let difference = of_bank(provider, found)?;
        differences.insert(break_id(provider, &difference.subject), difference);
    }
    let is_applied = *depth == Depth::Apply;
    let booked_no_more = aside::booked_no_more(&differences, &mut known, is_applied)?;
    let aside = if is_applied { aside::to_set_aside(&differences, &known)? } else { Vec::new() };
    let aside_sums = aside::on_clearing(&aside, &days);
    let within_tolerance = if is_applied { aside::within_tolerance(&differences, &known) } else { BTreeSet::new() };
    let equations =
        if is_booked(provider) { equations::equations(posted, balances, provider, *through, &joined, &aside_sums)? } else { Vec::new() };
    let candidates = candidates(provider, &bank);
    let mut breaks = Vec::with_capacity(differences.len());
    for (id, difference) in &differences {
        let set_aside = aside::after(id, difference, &known, &aside)?;
        let mut line = line(order, id, difference, known.get(id), set_aside, &candidates);
        if within_tolerance.contains(id) {
            (line.state, line.owner) = (BreakState::WrittenOff, Some(aside::TOLERANCE.to_owned()));
        }
        breaks.push(line);
    }
    breaks.sort_by(|left, right| (left.kind, left.since, &left.id).cmp(&(right.kind, right.since, &right.id)));
    let mut report = RunReport {
        run: String::new(),
        provider: provider.clone(),
        through: *through,
        inputs,
        agreed: joined.agreed,
        equations,
        payouts: bank.proofs(*through),
        breaks,
        candidates,
        booked_no_more,
    };
    let body = serde_json::to_string(&report).map_err(|_| ReconcileError::Unreadable("new".to_owned()))?;
    report.run = format!("rc_{}", format!("{:x}", Sha256::digest(body)).get(..16).unwrap_or_default());
    Ok(Plan { report, bank, differences, known, aside, days, within_tolerance })
}

/// A sum as an amount; `what` says whose it is where it does not fit.
fn fitting(exact: i128, currency: Currency, provider: &str, what: impl FnOnce() -> String) -> Result<Money, ReconcileError> {
    let minor = i64::try_from(exact).map_err(|_| ReconcileError::TooLarge { what: what(), provider: provider.to_owned(), currency })?;
    Ok(Money::new(minor, currency))
}

fn money(minor: i64, code: [u8; 3]) -> Result<Money, ReconcileError> {
    let code = std::str::from_utf8(&code).unwrap_or_default();
    Ok(Money::new(minor, Currency::parse(code)?))
}

fn of_join(provider: &str, found: &Found) -> Result<Difference, ReconcileError> {
    let subject = match (&found.ours, &found.theirs) {
        (Some((account, id, _)), _) => format!("ours:{}:{account}/{id}", found.category.tag()),
        (None, Some((id, _))) => format!("theirs:{id}"),
        (None, None) => String::new(),
    };
    let ours = found.ours.as_ref().map(|(_, id, side)| Ok::<_, ReconcileError>((id.clone(), money(side.amount_minor, side.currency)?)));
    let theirs = found.theirs.as_ref().map(|(id, side)| Ok::<_, ReconcileError>((id.clone(), money(side.amount_minor, side.currency)?)));
    Ok(Difference {
        kind: found.kind,
        since: found.since(),
        amount: fitting(found.difference(), money(0, found.currency())?.currency(), provider, || format!("the difference of {subject}"))?,
        subject,
        account: found.ours.as_ref().map(|(account, ..)| account.clone()),
        ours: ours.transpose()?,
        theirs: theirs.transpose()?,
        category: Some(found.category),
        is_on_clearing: true,
    })
}

fn of_bank(provider: &str, found: BankFound) -> Result<Difference, ReconcileError> {
    let BankFound { kind, subject, since, ours, theirs, their_id } = found;
    let currency = ours.or(theirs).map_or_else(|| Currency::parse("USD"), |amount| Ok(amount.currency()))?;
    let zero = Money::zero(currency);
    let minor = |side: Option<Money>| side.map_or(0, |amount| i128::from(amount.minor()));
    Ok(Difference {
        kind,
        since,
        amount: fitting(minor(ours) - minor(theirs), currency, provider, || format!("the difference of {subject}"))?,
        subject,
        account: None,
        ours: ours.map(|amount| (their_id.clone(), amount)),
        theirs: Some((their_id, theirs.unwrap_or(zero))),
        category: None,
        is_on_clearing: false,
    })
}

fn candidates(provider: &str, bank: &Bank) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for line in bank.lines.iter().filter(|line| !line.is_taken) {
        if let Some(payouts) = bank.candidates(line) {
            let id = break_id(provider, &format!("bank:{}", line.name()));
            candidates.push(Candidate { id, bank_line: line.name(), amount: line.amount, payouts });
        }
    }
    candidates
}

fn line(
    order: &Order,
    id: &str,
    difference: &Difference,
    known: Option<&StoredBreak>,
    set_aside: Money,
    candidates: &[Candidate],
) -> BreakLine {
    let state = known.map_or(BreakState::Open, |known| known.state_when_found(difference.amount));
    BreakLine {
        id: id.to_owned(),
        kind: difference.kind,
        state,
        owner: known.and_then(|known| known.owner.clone()),
        since: difference.since,
        age_days: age_days(difference.since, order.through),
        age: age_band(difference.since, order.through).to_owned(),
        amount: difference.amount,
        set_aside,
        account: difference.account.clone(),
        ours: difference.ours.as_ref().map(|(id, _)| id.clone()),
        ours_amount: difference.ours.as_ref().map(|(_, amount)| *amount),
        theirs: difference.theirs.as_ref().map(|(id, _)| id.clone()),
        theirs_amount: difference.theirs.as_ref().map(|(_, amount)| *amount),
        proposal: proposals::proposal(order.at.date_naive(), id, difference, candidates),
    }
}
