//! The other side of the demo: the files that the simulated provider and the bank would send, in the shapes of real ones, with
//! differences planted in them if that is asked for, and the sealed list of what was planted.

mod files;
mod planted;
mod shapes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveTime, Utc};

pub use planted::Planted;

use super::chance::Chance;
use crate::domain::money::{Currency, Money};
use crate::domain::settlement::Category;
use crate::import::settlement::Source;
use crate::provider::simulated::settlement::{Moved, moved};
use crate::store::StoreError;
use crate::store::db::Db;
use crate::store::reconcile;

/// What the files are of.
#[derive(Debug, Clone)]
pub struct SettlementFiles {
    /// The last day.
    pub through: NaiveDate,
    /// Where chances come from.
    pub seed: u64,
    /// Of each kind of difference so many; none for files that agree.
    pub plant: u64,
    /// Whose shape the provider's file has.
    pub shape: Source,
    /// Where they go.
    pub out: PathBuf,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The files.
    pub files: Vec<PathBuf>,
    /// Lines of the provider's report.
    pub lines: u64,
    /// Payouts.
    pub payouts: u64,
    /// What was planted.
    pub planted: Vec<Planted>,
}

/// Why files were not written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file.
    #[error("a settlement file cannot be written")]
    Write(#[from] std::io::Error),
    /// A CSV file.
    #[error("a settlement file cannot be written")]
    Csv(#[from] csv::Error),
}

/// One line of the provider's report.
#[derive(Debug, Clone)]
struct Line {
    id: String,
    at: DateTime<Utc>,
    category: Category,
    reference: String,
    parent: Option<String>,
    ours: Option<String>,
    gross: Money,
    fee_minor: i64,
    payout: Option<String>,
}

impl Line {
    fn net_minor(&self) -> i64 {
        self.gross.minor().saturating_sub(self.fee_minor)
    }

    fn on(&self) -> NaiveDate {
        self.at.date_naive()
    }
}

/// A payout with its line on the bank, if it has one.
#[derive(Debug, Clone)]
struct Payout {
    id: String,
    amount: Money,
    sent_on: NaiveDate,
    arrives_on: NaiveDate,
}

/// One line of the bank.
#[derive(Debug, Clone)]
struct BankEntry {
    id: String,
    amount: Money,
    on: NaiveDate,
    text: String,
}

/// Everything before it is written.
#[derive(Debug, Default)]
struct Sheets {
    lines: Vec<Line>,
    payouts: Vec<Payout>,
    bank: Vec<BankEntry>,
}

/// Writes the files of the simulated provider and its bank.
///
/// # Errors
/// [`FilesError`].
pub async fn write(db: &Db, what: &SettlementFiles) -> Result<Written, FilesError> {
    let mut tx = db.begin_read().await.map_err(StoreError::from)?;
    let moved = moved(&mut tx).await.map_err(StoreError::from)?;
    let decisions = reconcile::decisions(&mut tx).await?;
    tx.rollback().await.map_err(StoreError::from)?;
    let mut sheets = Sheets::default();
    for moved in moved {
        sheets.lines.extend(lines(moved, &decisions));
    }
    sheets.lines.retain(|line| line.on() <= what.through);
    sheets.lines.sort_by(|left, right| (left.at, &left.id).cmp(&(right.at, &right.id)));
    let chance = Chance::new(what.seed);
    let mut planted = planted::in_lines(&mut sheets, chance, what);
    pay_out(&mut sheets, what.through);
    planted.extend(planted::in_payouts(&mut sheets, chance, what));
    let files = files::write(&sheets, &planted, what)?;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    Ok(Written { files, lines: count(sheets.lines.len()), payouts: count(sheets.payouts.len()), planted })
}

/// 2.9 % and thirty hundredths, as card providers take it: half up.
fn fee(amount: Money) -> i64 {
    let fixed = amount.currency().scale().saturating_mul(3) / 10;
    let hundredth = amount.minor().saturating_mul(29).saturating_add(500) / 1_000;
    hundredth.saturating_add(fixed)
}

fn lines(moved: Moved, decisions: &reconcile::Decisions) -> Vec<Line> {
    let line = |kind: &str, about: &str, category, at, gross: Money, fee_minor, parent: Option<&str>, ours: Option<&str>| Line {
        id: format!("sim_txn_{kind}_{about}"),
        at,
        category,
        reference: about.to_owned(),
        parent: parent.map(ToOwned::to_owned),
        ours: ours.map(ToOwned::to_owned),
        gross,
        fee_minor,
        payout: None,
    };
    let minus = |amount: Money| amount.negated().unwrap_or(amount);
    match moved {
        Moved::Charge { reference, charge_id, amount, at } => {
            vec![line("ch", &reference, Category::Charge, at, amount, fee(amount), None, Some(&charge_id))]
        }
        Moved::Refund { reference, refund_id, charge, amount, at, has_failed } => {
            let out = |at| line("re", &reference, Category::Refund, at, minus(amount), 0, Some(&charge), Some(&refund_id));
            let back = line("rf", &reference, Category::RefundFailure, at, amount, 0, Some(&charge), Some(&refund_id));
            let paid_on = decisions.refunded_on.get(&refund_id).filter(|_| decisions.came_back_on.contains_key(&refund_id));
            match (has_failed, paid_on) {
                (false, _) => vec![out(at)],
                (true, Some(on)) => vec![out(on.and_time(NaiveTime::MIN).and_utc().min(at)), back],
                // It never left.
                (true, None) => Vec::new(),
            }
        }
        Moved::Dispute { id, charge, amount, fee, at, won_at } => {
            let taken = line("dp", &id, Category::Dispute, at, minus(amount), fee.minor(), Some(&charge), None);
            let given = won_at.map(|at| line("dr", &id, Category::DisputeReversal, at, amount, 0, Some(&charge), None));
            std::iter::once(taken).chain(given).collect()
        }
    }
}

/// What moved on a day is paid out two days later, and is on the bank the next bank day.
fn pay_out(sheets: &mut Sheets, through: NaiveDate) {
    let mut sums: BTreeMap<(NaiveDate, Currency), i64> = BTreeMap::new();
    for line in &mut sheets.lines {
        let sent_on = bank_day(line.on().checked_add_days(Days::new(2)).unwrap_or(line.on()));
        if sent_on > through {
            continue;
        }
        line.payout = Some(payout_id(sent_on, line.gross.currency()));
        *sums.entry((sent_on, line.gross.currency())).or_default() += line.net_minor();
    }
    for ((sent_on, currency), minor) in sums {
        let id = payout_id(sent_on, currency);
        if minor == 0 {
            sheets.lines.iter_mut().filter(|line| line.payout.as_ref() == Some(&id)).for_each(|line| line.payout = None);
            continue;
        }
        let arrives_on = bank_day(sent_on.succ_opt().unwrap_or(sent_on));
        let amount = Money::new(minor, currency);
        if arrives_on <= through {
            let text = format!("SIMPAY PAYOUT {id}");
            sheets.bank.push(BankEntry { id: format!("bl-{sent_on}-{currency}"), amount, on: arrives_on, text });
        }
        sheets.payouts.push(Payout { id, amount, sent_on, arrives_on });
    }
}

fn payout_id(sent_on: NaiveDate, currency: Currency) -> String {
    format!("sim_po_{sent_on}_{currency}")
}

/// The day itself, or the Monday after a weekend.
fn bank_day(on: NaiveDate) -> NaiveDate {
    let weekend = u64::from(8_u32.saturating_sub(on.weekday().number_from_monday()));
    if weekend <= 2 { on.checked_add_days(Days::new(weekend)).unwrap_or(on) } else { on }
}

fn file(out: &Path, name: &str) -> PathBuf {
    out.join(name)
}
