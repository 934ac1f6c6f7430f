//! The trial balance: what stands on every ledger account, a currency at a time. Debits equal credits, because every entry is
//! balanced (LE-1); a trial balance that does not balance shows that the books were touched by something else.
//!
//! As of a date inside a month it adds what the days have earned since recognition was posted last (RR-1): a balance is what was
//! posted and what has accrued. Accruals are never posted, so that the balance assertions of the journals for hledger and beancount
//! are those of what was posted alone.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::accrued::{self, Accrued};
use super::error::ReportError;
use super::sums;
use crate::domain::calendar::DATE_MAX;
use crate::domain::ledger::{AccountType, LedgerAccount, REVENUE, by_number};
use crate::domain::money::{Currency, Money};
use crate::store::db::{Db, Row, Tx};
use crate::values;

crate::statements! {
    /// What was posted through a date and recorded by an instant, by currency and ledger account.
    SUMS = same(concat!(
        "select p.currency, p.ledger_account, ", halves!("p.amount_minor"), " from postings p where p.effective_on <= $1 and ",
        known!("$2"), " group by p.currency, p.ledger_account order by p.currency, p.ledger_account"
    ));
}

/// What stands on the ledger accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalance {
    /// The last business date that counts; everything where absent.
    pub as_of: Option<NaiveDate>,
    /// By currency code; a currency in which nothing was posted is absent.
    pub currencies: Vec<CurrencyBalance>,
}

/// The trial balance in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CurrencyBalance {
    /// The currency of every amount here.
    pub currency: Currency,
    /// Whether debits equal credits.
    pub balanced: bool,
    /// Sum of the debit column.
    pub debits: Money,
    /// Sum of the credit column.
    pub credits: Money,
    /// Every ledger account that was posted to, or has accrued something, by number.
    pub lines: Vec<Line>,
}

/// What stands on one ledger account. Of debit and credit at most one is positive, and none is negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number in the chart.
    pub account: u16,
    /// Its name in the chart.
    pub name: &'static str,
    /// What kind of account it is.
    pub kind: AccountType,
    /// What was posted: debits less credits.
    pub posted: Money,
    /// RR-1: what was earned by the end of the date and is posted later: debits less credits, zero without a date.
    pub accrued: Money,
    /// The two together.
    pub balance: Money,
    /// The balance, where it is positive.
    pub debit: Money,
    /// The negated balance, where that is positive.
    pub credit: Money,
}

/// Sums the postings whose business date is `as_of` or earlier, and adds what has accrued by then; all postings without a date.
///
/// # Errors
/// What the database says, a posting to an account that the chart does not have, or a sum that does not fit 64 bits.
pub async fn load(db: &Db, as_of: Option<NaiveDate>) -> Result<TrialBalance, ReportError> {
    let mut tx = db.begin_read().await?;
    let posted = posted(&mut tx, as_of.unwrap_or(DATE_MAX), i64::MAX).await?;
    let accrued = match as_of {
        Some(on) => accrued::through(&mut tx, on, i64::MAX).await?,
        None => Accrued::new(),
    };
    tx.rollback().await?;
    of(as_of, &posted, &accrued)
}

/// The trial balance of what was posted and what has accrued.
pub(super) fn of(as_of: Option<NaiveDate>, posted: &Balances, accrued: &Accrued) -> Result<TrialBalance, ReportError> {
    let mut sums = Sums::new();
    for ((currency, number), posted) in posted {
        let (currency, number, posted) = (*currency, *number, *posted);
        if let Some(account) = by_number(number) {
            let posted = sums::fitting(posted, || format!("account {number} {}", account.name), currency)?;
            sums.entry(currency).or_default().insert(number, Line::of(account, posted, Money::zero(currency))?);
        }
    }
    for (accrued::Part { currency, prepaid, .. }, amount) in accrued {
        accrue(&mut sums, *currency, *prepaid, *amount)?;
        accrue(&mut sums, *currency, REVENUE.number, amount.negated()?)?;
    }
    let balance = |(currency, lines): (Currency, BTreeMap<u16, Line>)| CurrencyBalance::of(currency, lines.into_values().collect());
    Ok(TrialBalance { as_of, currencies: sums.into_iter().map(balance).collect::<Result<_, _>>()? })
}

/// Amounts in minor units by currency and ledger account, debits positive.
pub(super) type Balances = BTreeMap<(Currency, u16), i128>;

/// Lines by currency and account.
type Sums = BTreeMap<Currency, BTreeMap<u16, Line>>;

fn accrue(sums: &mut Sums, currency: Currency, number: u16, amount: Money) -> Result<(), ReportError> {
    let lines = sums.entry(currency).or_default();
    let (posted, accrued) = lines.get(&number).map_or((Money::zero(currency), Money::zero(currency)), |line| (line.posted, line.accrued));
    if let Some(account) = by_number(number) {
        lines.insert(number, Line::of(account, posted, accrued.plus(amount)?)?);
    }
    Ok(())
}

/// What was posted through a date and recorded by an instant, by currency and ledger account; nothing has accrued yet.
///
/// # Errors
/// What the database says, or a posting to an account that the chart does not have.
pub(super) async fn posted(tx: &mut Tx, through: NaiveDate, known_until: i64) -> Result<Balances, ReportError> {
    let read = |row: &Row| {
        let currency = Currency::parse(row.str_at(0)?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
        let number = u16::try_from(row.int_at(1)?).ok().filter(|number| by_number(*number).is_some());
        let number = number.ok_or_else(|| row.corrupt("ledger_account", "is not in the chart of accounts"))?;
        Ok(((currency, number), sums::exact(row, 2)?))
    };
    tx.fetch_all(&SUMS, &values![through, known_until]).await?.iter().map(read).collect()
}

impl Line {
    fn of(account: LedgerAccount, posted: Money, accrued: Money) -> Result<Self, ReportError> {
        let LedgerAccount { number, name, kind } = account;
        let balance = posted.plus(accrued)?;
        let (debit, credit) = (balance.or_zero(), balance.negated()?.or_zero());
        Ok(Self { account: number, name, kind, posted, accrued, balance, debit, credit })
    }
}

impl CurrencyBalance {
    fn of(currency: Currency, lines: Vec<Line>) -> Result<Self, ReportError> {
        let sum = |name: &str, side: fn(&Line) -> Money| {
            let exact = lines.iter().map(|line| i128::from(side(line).minor())).sum();
            sums::fitting(exact, || format!("all accounts together on the side of {name}"), currency)
        };
        let (debits, credits) = (sum("debits", |line| line.debit)?, sum("credits", |line| line.credit)?);
        Ok(Self { currency, balanced: debits == credits, debits, credits, lines })
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let code = self.currency.code();
        // Where nothing has accrued, what was posted is the balance.
        let parts = self.has_accruals();
        let row = |account: &str, name: &str, [posted, accrued, debit, credit]: [String; 4]| {
            let middle = if parts { vec![posted, accrued] } else { Vec::new() };
            [account.to_owned(), name.to_owned()].into_iter().chain(middle).chain([debit, credit]).collect::<Vec<_>>()
        };
        table.set_header(row("account", "name", ["posted", "accrued", "debit", "credit"].map(|name| format!("{name} {code}"))));
        for line in &self.lines {
            let amounts = [in_column(line.posted), in_column(line.accrued), in_column(line.debit), in_column(line.credit)];
            table.add_row(row(&line.account.to_string(), line.name, amounts));
        }
        table.add_row(row("", "Total", [String::new(), String::new(), self.debits.major(), self.credits.major()]));
        for column in table.column_iter_mut().skip(2) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }

    fn has_accruals(&self) -> bool {
        self.lines.iter().any(|line| !line.accrued.is_zero())
    }
}

impl TrialBalance {
    /// Only what is in this currency.
    #[must_use]
    pub fn only(mut self, currency: Currency) -> Self {
        self.currencies.retain(|balance| balance.currency == currency);
        self
    }

    /// Whether debits equal credits in every currency.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.currencies.iter().all(|balance| balance.balanced)
    }

    /// A table a currency, amounts in major units, with a line end after each line.
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = match self.as_of {
            Some(date) => format!("Trial balance through {date}\n"),
            None => "Trial balance\n".to_owned(),
        };
        if self.currencies.is_empty() {
            text.push_str("\nNothing was posted.\n");
        }
        for balance in &self.currencies {
            text.push_str(&format!("\n{}\n", balance.table()));
            if !balance.balanced {
                text.push_str(&format!("Debits and credits differ in {}; `kasacare check` tells where.\n", balance.currency));
            }
        }
        if self.currencies.iter().any(CurrencyBalance::has_accruals) {
            text.push_str("\nDebits are positive where something was posted or has accrued. Accrued is what was earned by then and is\n");
            text.push_str("posted when its month ends (RR-1); the balance, as debit or credit, has both.\n");
        }
        text
    }

    /// Comma-separated values with a header: `currency,account,name,kind,posted,accrued,balance,debit,credit`, amounts in major
    /// units, no totals.
    ///
    /// # Errors
    /// [`ReportError::Write`].
    pub fn csv(&self) -> Result<String, ReportError> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let refused = |error: csv::Error| ReportError::Write(error.into());
        let header = ["currency", "account", "name", "kind", "posted", "accrued", "balance", "debit", "credit"];
        out.write_record(header).map_err(refused)?;
        for balance in &self.currencies {
            for line in &balance.lines {
                let account = line.account.to_string();
                let amounts = [line.posted, line.accrued, line.balance, line.debit, line.credit].map(Money::major);
                let named = [balance.currency.code(), &account, line.name, kind_name(line.kind)];
                out.write_record(named.into_iter().chain(amounts.iter().map(String::as_str))).map_err(refused)?;
            }
        }
        let bytes = out.into_inner().map_err(|error| ReportError::Write(error.into_error()))?;
        String::from_utf8(bytes).map_err(|error| ReportError::Write(std::io::Error::other(error)))
    }
}

/// The word for what kind of account it is.
#[must_use]
pub const fn kind_name(kind: AccountType) -> &'static str {
    match kind {
        AccountType::Asset => "asset",
        AccountType::Liability => "liability",
        AccountType::Equity => "equity",
        AccountType::Income => "income",
        AccountType::Expense => "expense",
    }
}

/// The column that an account does not stand in stays empty.
fn in_column(amount: Money) -> String {
    if amount.is_zero() { String::new() } else { amount.major() }
}
