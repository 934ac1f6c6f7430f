//! The checklist of a month that is to be closed (ledger.md, section 6), and what would be sealed of it.

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde::Serialize;

use super::finance::{ALL, Takes};
use super::sheet::{Asked, Cell, Head, Section, Sink, Tie};
use super::{ReportError, check, sums, trial_balance};
use crate::domain::calendar::{DATE_MAX, first_of_month, month_end};
use crate::domain::ledger::{CASH_IN_TRANSIT, DISPUTES_PENDING, REFUNDS_PAYABLE, UNAPPLIED, UNMATCHED};
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BreakState, age_days};
use crate::store::closings::{self, Seal};
use crate::store::db::{Tx, Value};
use crate::store::reconcile;
use crate::values;

crate::statements! {
    /// Invoices whose recognition is due by an instant: of accounts that are not parked, and of those that are.
    DUE = same(
        "select cast(coalesce(sum(case when a.parked_at is null then 1 else 0 end), 0) as bigint) as due, \
         cast(coalesce(sum(case when a.parked_at is null then 0 else 1 end), 0) as bigint) as parked \
         from invoices i join accounts a on a.account_id = i.account_id where i.recognise_at is not null and i.recognise_at <= $1"
    );
}

/// Days after which a break must not be open any more, if nothing else is said.
pub const BREAK_DAYS: u32 = 5;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Its stable name.
    pub name: &'static str,
    /// Whether it is as it should be; where it is not, the month stays open.
    pub holds: bool,
    /// What was found.
    pub found: String,
}

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checklist {
    /// One after the other.
    pub items: Vec<Item>,
    /// What would be sealed.
    pub seal: Seal,
}

impl Checklist {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.items.iter().all(|item| item.holds)
    }
}

/// Goes through the checklist of the month of a day, as the transaction sees the books. No break may be open that was older than
/// `break_days` at the month's end.
///
/// # Errors
/// What the database says, or what a report does.
pub async fn checklist(tx: &mut Tx, month: NaiveDate, break_days: u32) -> Result<Checklist, ReportError> {
    let end = month_end(month);
    let items = vec![
        invariants(tx).await?,
        recognition(tx, end).await?,
        tie_outs(tx, end).await?,
        reconciled(tx, end).await?,
        breaks(tx, end, break_days).await?,
        clearing(tx, end).await?,
    ];
    Ok(Checklist { items, seal: closings::seal(tx, end).await? })
}

async fn invariants(tx: &mut Tx) -> Result<Item, ReportError> {
    let report = check::run_in(tx, check::Options::default(), |_, _| {}).await?;
    let broken: Vec<&str> = report.broken().map(|outcome| outcome.name).collect();
    let found = if broken.is_empty() { format!("all {} hold", report.checks.len()) } else { format!("broken: {}", broken.join(", ")) };
    let listed: Vec<&str> = report.listed().map(|outcome| outcome.name).collect();
    let found = if listed.is_empty() { found } else { format!("{found}; to be looked at: {}", listed.join(", ")) };
    Ok(Item { name: "invariants", holds: broken.is_empty(), found })
}

/// RR-1: no recognition through the month's end is due, so that none must be posted later. On a parked account it waits for the release,
/// and is then booked in the open month.
async fn recognition(tx: &mut Tx, end: NaiveDate) -> Result<Item, ReportError> {
    // The day after is that of the last time zone, twelve hours behind UTC.
    let due_by = end.succ_opt().unwrap_or(end).and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12);
    let row = tx.fetch_one(&DUE, &values![due_by.timestamp_micros()]).await?;
    let (due, parked) = (row.int_at(0)?, row.int_at(1)?);
    let found = match (due, parked) {
        (0, 0) => format!("what was earned through {end} is posted"),
        (0, parked) => format!("what was earned through {end} is posted, but for {parked} invoices of parked accounts"),
        (due, _) => format!("{due} invoices are not recognised through {end}; kasacare run posts them"),
    };
    Ok(Item { name: "recognition", holds: due == 0, found })
}

/// All reports of the books; a forecast seals nothing.
async fn tie_outs(tx: &mut Tx, end: NaiveDate) -> Result<Item, ReportError> {
    let (mut ties, mut broken) = (0, Vec::new());
    for entry in ALL.iter().filter(|entry| entry.name != "renewals-ahead") {
        let asked = match entry.takes {
            Takes::AsOf => Asked { as_of: Some(end), ..Asked::default() },
            Takes::Range => Asked { from: Some(first_of_month(end)), to: Some(end), ..Asked::default() },
        };
        let told = entry.tell(tx, &asked, &mut Nobody).await?;
        ties += told.ties.len();
        broken.extend(told.broken().map(|tie| format!("{}: {}: {} and {}", entry.name, tie.what, tie.here, tie.there)));
    }
    let found = if broken.is_empty() { format!("all {ties} hold") } else { broken.join("; ") };
    Ok(Item { name: "tie_outs", holds: broken.is_empty(), found })
}

/// Each provider of whom anything is known was reconciled through the month's end.
async fn reconciled(tx: &mut Tx, end: NaiveDate) -> Result<Item, ReportError> {
    let (mut providers, mut behind) = (0, Vec::new());
    for row in tx.fetch_all(&reconcile::PROVIDERS, &[]).await? {
        let provider = row.text_at(0)?;
        providers += 1;
        let last = tx.fetch_one(&reconcile::LAST_DAY, &values![&provider]).await?.opt_date_at(0)?;
        if last.is_none_or(|last| last < end) {
            behind.push(last.map_or(format!("{provider} never"), |last| format!("{provider} through {last}")));
        }
    }
    let found = match (providers, behind.is_empty()) {
        (0, _) => "no provider has told anything".to_owned(),
        (providers, true) => format!("{providers} providers through {end}"),
        (_, false) => format!("reconciled: {}", behind.join(", ")),
    };
    Ok(Item { name: "reconciled", holds: behind.is_empty(), found })
}

async fn breaks(tx: &mut Tx, end: NaiveDate, break_days: u32) -> Result<Item, ReportError> {
    let states = [BreakState::Open, BreakState::Explained].map(BreakState::tag);
    let mut old = 0_u64;
    for row in tx.fetch_all(&reconcile::BREAKS_IN, &[Value::texts(states)]).await? {
        old += u64::from(age_days(row.date_at(3)?, end) > i64::from(break_days));
    }
    let found = format!("{old} wait that were older than {break_days} days");
    Ok(Item { name: "breaks", holds: old == 0, found })
}

/// 1290 is empty at the month's end, or has been emptied since; what stands on the others is told.
async fn clearing(tx: &mut Tx, end: NaiveDate) -> Result<Item, ReportError> {
    let balances = trial_balance::posted(tx, end, i64::MAX).await?;
    let now = trial_balance::posted(tx, DATE_MAX, i64::MAX).await?;
    let is_cleared = now.iter().all(|((_, number), amount)| *number != UNMATCHED.number || *amount == 0);
    let stands = |account: u16| {
        let of = balances.iter().filter(move |((_, number), amount)| *number == account && **amount != 0);
        of.map(|((currency, _), amount)| (*currency, *amount)).collect::<Vec<(Currency, i128)>>()
    };
    let mut found = Vec::new();
    for account in [UNMATCHED, CASH_IN_TRANSIT, DISPUTES_PENDING, REFUNDS_PAYABLE, UNAPPLIED] {
        for (currency, amount) in stands(account.number) {
            let amount: Money = sums::fitting(amount, || account.name.to_owned(), currency)?;
            found.push(format!("{} has {amount}", account.number));
        }
    }
    let found = if found.is_empty() { "all are empty".to_owned() } else { found.join(", ") };
    // What takes money off 1290 is dated on the day on which that is done, which may be after the month.
    Ok(Item { name: "clearing", holds: is_cleared || stands(UNMATCHED.number).is_empty(), found })
}

/// Nobody listens: only the ties count.
struct Nobody;

impl Sink for Nobody {
    fn head(&mut self, _: &Head) -> Result<(), ReportError> {
        Ok(())
    }
    fn section(&mut self, _: &Section) -> Result<(), ReportError> {
        Ok(())
    }
    fn row(&mut self, _: &[Cell]) -> Result<(), ReportError> {
        Ok(())
    }
    fn totals(&mut self, _: &[Cell]) -> Result<(), ReportError> {
        Ok(())
    }
    fn end(&mut self, _: &[Tie], _: &[String]) -> Result<(), ReportError> {
        Ok(())
    }
}
