//! The checklist of a month that is to be closed (ledger.md, section 6), and what would be sealed of it.

use std::collections::BTreeSet;
use std::rc::Rc;

use chrono::{NaiveDate, NaiveTime, TimeDelta};
use serde::{Deserialize, Serialize};

use super::finance::{ALL, Entry, Takes};
use super::sheet::{Asked, Cell, Head, Section, Sink, Tie};
use super::{Memo, ReportError, check, sums, trial_balance};
use crate::domain::calendar::{DATE_MAX, first_of_month, month_end};
use crate::domain::ledger::{CASH_IN_TRANSIT, DISPUTES_PENDING, REFUNDS_HELD, REFUNDS_PAYABLE, UNAPPLIED, UNMATCHED};
use crate::domain::money::{Currency, Money};
use crate::domain::reconcile::{BreakState, age_days};
use crate::store::closings::{self, Mark, Seal};
use crate::store::db::{Tx, Value};
use crate::store::reconcile;
use crate::values;

crate::statements! {
    /// How many invoices of accounts that are not parked have recognition due by an instant.
    DUE = same(
        "select count(*) as due from invoices i join accounts a on a.account_id = i.account_id \
         where i.recognise_at is not null and i.recognise_at <= $1 and a.parked_at is null"
    );
    /// The parked accounts that have such.
    PARKED = same(
        "select a.account_id, count(*) as due from invoices i join accounts a on a.account_id = i.account_id \
         where i.recognise_at is not null and i.recognise_at <= $1 and a.parked_at is not null group by a.account_id order by a.account_id"
    );
    /// When a provider was reconciled last through a day or a later one.
    LAST_RUN = same("select max(started_at) as started_at from reconciliation_runs where provider = $1 and through_on >= $2");
    /// How many rows of a provider and of its payouts at the bank, of days through one, were imported after an instant.
    TOLD_SINCE = same(
        "select (select count(*) from provider_movements m join settlement_imports i on i.import_id = m.import_id \
         where m.provider = $1 and m.occurred_on <= $2 and i.imported_at > $3) \
         + (select count(*) from provider_payouts p join settlement_imports i on i.import_id = p.import_id \
         where p.provider = $1 and p.sent_on <= $2 and i.imported_at > $3) \
         + (select count(*) from payout_lines l join settlement_imports i on i.import_id = l.import_id \
         join provider_payouts p on p.provider = l.provider and p.payout_id = l.payout_id \
         where l.provider = $1 and p.sent_on <= $2 and i.imported_at > $3) \
         + (select count(*) from bank_lines b join settlement_imports i on i.import_id = b.import_id \
         where b.provider = $1 and b.booked_on <= $2 and i.imported_at > $3) as told"
    );
    /// Whether anything was posted on 1200 by the end of a day.
    HAS_CASH = same("select count(*) as legs from postings where ledger_account = 1200 and effective_on <= $1");
}

/// Days after which a break must not be open any more, if nothing else is said.
pub const BREAK_DAYS: u32 = 5;

/// What a month may be closed with all the same, because somebody says so by name; it is sealed with the month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// No break may be open that was older at the month's end.
    pub break_days: u32,
    /// Parked accounts whose revenue is not recognised: it is booked in the open month when they are released.
    pub parked: BTreeSet<String>,
    /// Providers that were not reconciled.
    pub unreconciled: bool,
}

impl Default for Allowed {
    fn default() -> Self {
        Self { break_days: BREAK_DAYS, parked: BTreeSet::new(), unreconciled: false }
    }
}

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
    /// The trial balance whose digest that has: a line an account.
    pub balances: Vec<String>,
    /// How much there is in the books.
    pub mark: Mark,
}

/// The name under which a trial balance stands in a stored checklist.
const TRIAL_BALANCE: &str = "trial_balance";

/// What is read of a stored checklist.
#[derive(Deserialize)]
struct StoredItem {
    name: String,
    found: String,
}

/// The trial balance in a stored checklist; nothing where it has none.
pub(super) fn sealed(checklist: &str) -> Option<Vec<String>> {
    let items: Vec<StoredItem> = serde_json::from_str(checklist).ok()?;
    let item = items.into_iter().find(|item| item.name == TRIAL_BALANCE)?;
    Some(item.found.lines().map(str::to_owned).collect())
}

impl Checklist {
    /// Whether everything is as it should be.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.items.iter().all(|item| item.holds)
    }

    /// It as JSON, to be stored, with the trial balance that is sealed.
    #[must_use]
    pub fn stored(&self) -> String {
        let balances = Item { name: TRIAL_BALANCE, holds: true, found: self.balances.join("\n") };
        serde_json::json!(self.items.iter().chain([&balances]).collect::<Vec<_>>()).to_string()
    }
}

/// Goes through the checklist of the month of a day, as the transaction sees the books.
///
/// # Errors
/// What the database says, or what a report does.
pub async fn checklist(tx: &mut Tx, month: NaiveDate, allowed: &Allowed) -> Result<Checklist, ReportError> {
    let end = month_end(month);
    let mark = closings::mark(tx, end).await?;
    let items = vec![
        invariants(tx).await?,
        recognition(tx, end, &allowed.parked).await?,
        tie_outs(tx, end).await?,
        reconciled(tx, end, allowed.unreconciled).await?,
        breaks(tx, end, allowed.break_days).await?,
        clearing(tx, end).await?,
    ];
    let (seal, balances) = closings::seal(tx, end).await?;
    Ok(Checklist { items, seal, balances, mark })
}

async fn invariants(tx: &mut Tx) -> Result<Item, ReportError> {
    let report = check::run_in(tx, check::Options::default(), |_, _| {}).await?;
    let broken: Vec<&str> = report.broken().map(|outcome| outcome.name).collect();
    let found = if broken.is_empty() { format!("all {} hold", report.checks.len()) } else { format!("broken: {}", broken.join(", ")) };
    let listed: Vec<&str> = report.listed().map(|outcome| outcome.name).collect();
    let found = if listed.is_empty() { found } else { format!("{found}; to be looked at: {}", listed.join(", ")) };
    Ok(Item { name: "invariants", holds: broken.is_empty(), found })
}

/// RR-1: no recognition through the month's end is due, so that none must be posted later. On a parked account nothing is recognised before
/// its release, which then books it in the open month; whoever closes the month names these accounts.
async fn recognition(tx: &mut Tx, end: NaiveDate, named: &BTreeSet<String>) -> Result<Item, ReportError> {
    // The day after is that of the last time zone, twelve hours behind UTC.
    let due_by = end.succ_opt().unwrap_or(end).and_time(NaiveTime::MIN).and_utc() + TimeDelta::hours(12);
    let due = tx.fetch_one(&DUE, &values![due_by.timestamp_micros()]).await?.int_at(0)?;
    let (mut parked, mut unnamed) = (Vec::new(), 0_usize);
    for row in tx.fetch_all(&PARKED, &values![due_by.timestamp_micros()]).await? {
        let account = row.text_at(0)?;
        unnamed += usize::from(!named.contains(&account));
        parked.push(account);
    }
    let mut found = match due {
        0 => format!("what was earned through {end} is posted"),
        due => format!("{due} invoices are not recognised through {end}; kasacare run posts them"),
    };
    if !parked.is_empty() {
        let shown = parked.iter().take(PARKED_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = parked.len().saturating_sub(PARKED_SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        found = format!("{found}, but on parked accounts: {shown}{more}");
        if unnamed > 0 {
            found = format!("{found}; release them, or name each with --parked");
        }
    }
    Ok(Item { name: "recognition", holds: due == 0 && unnamed == 0, found })
}

/// How many parked accounts are listed by name.
const PARKED_SHOWN: usize = 50;

/// All reports of the books; a forecast seals nothing.
async fn tie_outs(tx: &mut Tx, end: NaiveDate) -> Result<Item, ReportError> {
    let (mut ties, mut broken, memo) = (0, Vec::new(), Rc::<Memo>::default());
    let first = first_of_month(end);
    let asked = |entry: &Entry| match entry.takes {
        Takes::AsOf => Asked { as_of: Some(end), ..Asked::default() },
        Takes::Range => Asked { from: Some(first), to: Some(end), ..Asked::default() },
    };
    let entries = || ALL.iter().filter(|entry| entry.name != "renewals-ahead");
    let wanted = entries().flat_map(|entry| entry.foreseen(&asked(entry))).collect();
    let days = first.pred_opt().into_iter().chain([end]).collect();
    memo.foresee(tx, i64::MAX, Some(days), wanted).await?;
    for entry in entries() {
        let asked = asked(entry);
        let told = entry.tell_knowing(tx, &asked, &memo, &mut Nobody).await?;
        ties += told.ties.len();
        broken.extend(told.broken().map(|tie| format!("{}: {}: {} and {}", entry.name, tie.what, tie.here, tie.there)));
    }
    let found = if broken.is_empty() { format!("all {ties} hold") } else { broken.join("; ") };
    Ok(Item { name: "tie_outs", holds: broken.is_empty(), found })
}

/// Each provider of whom anything is known was reconciled through the month's end, and has told nothing of the days up to it since; and
/// where cash came in, some provider has told of it.
async fn reconciled(tx: &mut Tx, end: NaiveDate, is_allowed: bool) -> Result<Item, ReportError> {
    let (mut providers, mut behind) = (0, Vec::new());
    for row in tx.fetch_all(&reconcile::PROVIDERS, &[]).await? {
        let provider = row.text_at(0)?;
        providers += 1;
        let Some(started_at) = tx.fetch_one(&LAST_RUN, &values![&provider, end]).await?.opt_int_at(0)? else {
            let last = tx.fetch_one(&reconcile::LAST_DAY, &values![&provider]).await?.opt_date_at(0)?;
            behind.push(last.map_or(format!("{provider} never"), |last| format!("{provider} through {last}")));
            continue;
        };
        let told = tx.fetch_one(&TOLD_SINCE, &values![&provider, end, started_at]).await?.int_at(0)?;
        if told > 0 {
            behind.push(format!("{provider} before {told} rows of days through {end} were imported"));
        }
    }
    let untold = providers == 0 && tx.fetch_one(&HAS_CASH, &values![end]).await?.int_at(0)? > 0;
    let holds = behind.is_empty() && !untold;
    let found = match (providers, holds) {
        (0, true) => "nothing was paid, and no provider has told anything".to_owned(),
        (0, false) => "1200 has postings, and nothing that a provider has told was imported".to_owned(),
        (1, true) => format!("1 provider through {end}"),
        (providers, true) => format!("{providers} providers through {end}"),
        (_, false) => format!("reconciled: {}", behind.join(", ")),
    };
    let found = match (holds, is_allowed) {
        (true, _) => found,
        (false, true) => format!("{found}; closed all the same (--unreconciled)"),
        (false, false) => format!("{found}; reconcile, or say --unreconciled"),
    };
    Ok(Item { name: "reconciled", holds: holds || is_allowed, found })
}

async fn breaks(tx: &mut Tx, end: NaiveDate, break_days: u32) -> Result<Item, ReportError> {
    let states = [BreakState::Open, BreakState::Explained].map(BreakState::tag);
    let mut old = Vec::new();
    for row in tx.fetch_all(&reconcile::BREAKS_IN, &[Value::texts(states)]).await? {
        if age_days(row.date_at(3)?, end) > i64::from(break_days) {
            old.push(row.text_at(0)?);
        }
    }
    let found = format!("{} wait that were older than {break_days} days{}", old.len(), named(&old));
    Ok(Item { name: "breaks", holds: old.is_empty(), found })
}

/// The first of them by name.
fn named(ids: &[String]) -> String {
    const NAMED: usize = 5;
    let (first, more) = ids.split_at(ids.len().min(NAMED));
    match (first, more.len()) {
        ([], _) => String::new(),
        (_, 0) => format!(": {}", first.join(", ")),
        (_, more) => format!(": {}, and {more} more", first.join(", ")),
    }
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
    for account in [UNMATCHED, CASH_IN_TRANSIT, DISPUTES_PENDING, REFUNDS_PAYABLE, UNAPPLIED, REFUNDS_HELD] {
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

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn the_first_breaks_are_named() {
        let ids = |count: usize| (1..=count).map(|number| format!("br_{number}")).collect::<Vec<_>>();
        assert_eq!(named(&[]), "");
        assert_eq!(named(&ids(2)), ": br_1, br_2");
        assert_eq!(named(&ids(7)), ": br_1, br_2, br_3, br_4, br_5, and 2 more");
    }
}
