//! The trial balance: what stands on every ledger account, a currency at a time. Debits equal credits, because every entry is
//! balanced (LE-1); a trial balance that does not balance shows that the books were touched by something else.

use chrono::NaiveDate;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;

use super::accrued::{self, Accrued};
use super::error::ReportError;
use super::sums;
use crate::domain::calendar::DATE_MAX;
use crate::domain::ledger::{AccountType, LedgerAccount, by_number};
use crate::domain::money::{Currency, Money};
use crate::store::db::{Db, Row};
use crate::values;

crate::statements! {
    /// What was posted through a date, by currency and ledger account.
    SUMS = same(
        "select currency, ledger_account, cast(sum(amount_minor / 4294967296) as bigint) as high, \
         cast(sum(amount_minor % 4294967296) as bigint) as low from postings where effective_on <= $1 group by currency, ledger_account order by currency, ledger_account"
    );
}

/// What stands on the ledger accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalance {
    /// The last business date that counts; everything where absent.
    pub as_of: Option<NaiveDate>,
    /// By currency code; a currency in which nothing was posted is absent.
    pub currencies: Vec<CurrencyBalance>,
    /// RR-1: what was earned by the end of `as_of` and is posted later; nothing without a date.
    pub accrued: Vec<Accrued>,
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
    /// Every ledger account that was posted to, by number.
    pub lines: Vec<Line>,
}

/// What stands on one ledger account. At most one of the two amounts is positive; none is negative.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Its number in the chart.
    pub account: u16,
    /// Its name in the chart.
    pub name: &'static str,
    /// What kind of account it is.
    pub kind: AccountType,
    /// Debits less credits, where that is positive.
    pub debit: Money,
    /// Credits less debits, where that is positive.
    pub credit: Money,
}

/// Sums the postings whose business date is `as_of` or earlier; all of them without a date.
///
/// # Errors
/// What the database says, a posting to an account that the chart does not have, or a sum that does not fit 64 bits.
pub async fn load(db: &Db, as_of: Option<NaiveDate>) -> Result<TrialBalance, ReportError> {
    let mut tx = db.begin_read().await?;
    let rows = tx.fetch_all(&SUMS, &values![as_of.unwrap_or(DATE_MAX)]).await?;
    let accrued = match as_of {
        Some(on) => accrued::through(&mut tx, on).await?,
        None => Vec::new(),
    };
    tx.rollback().await?;
    let mut lines: Vec<(Currency, Vec<Line>)> = Vec::new();
    for row in &rows {
        let (currency, line) = read(row)?;
        match lines.last_mut() {
            Some((known, of_it)) if *known == currency => of_it.push(line),
            _ => lines.push((currency, vec![line])),
        }
    }
    let currencies = lines.into_iter().map(|(currency, lines)| CurrencyBalance::of(currency, lines)).collect::<Result<_, _>>()?;
    Ok(TrialBalance { as_of, currencies, accrued })
}

fn read(row: &Row) -> Result<(Currency, Line), ReportError> {
    let code = row.str_at(0)?;
    let currency = Currency::parse(code).map_err(|_| row.corrupt("currency", "is not a currency"))?;
    let number = u16::try_from(row.int_at(1)?).ok();
    let LedgerAccount { number, name, kind } =
        number.and_then(by_number).ok_or_else(|| row.corrupt("ledger_account", "is not in the chart of accounts"))?;
    let balance = sums::fitting(sums::exact(row, 2)?, || format!("account {number} {name}"), currency)?;
    let (debit, credit) = (balance.or_zero(), balance.negated()?.or_zero());
    Ok((currency, Line { account: number, name, kind, debit, credit }))
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
        table.set_header(["account", "name", &format!("debit {code}"), &format!("credit {code}")]);
        for line in &self.lines {
            table.add_row([line.account.to_string(), line.name.to_owned(), in_column(line.debit), in_column(line.credit)]);
        }
        table.add_row(["", "Total", &self.debits.major(), &self.credits.major()]);
        for column in [2, 3] {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table
    }
}

impl TrialBalance {
    /// Only what is in this currency.
    #[must_use]
    pub fn only(mut self, currency: Currency) -> Self {
        self.currencies.retain(|balance| balance.currency == currency);
        self.accrued.retain(|accrued| accrued.amount.currency() == currency);
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
        for Accrued { account, amount } in &self.accrued {
            text.push_str(&format!("\nEarned by then and posted when its month ends (RR-1): {amount}, from {account} to 4000.\n"));
        }
        text
    }

    /// Comma-separated values with a header: `currency,account,name,kind,debit,credit`, amounts in major units, no totals.
    ///
    /// # Errors
    /// [`ReportError::Write`].
    pub fn csv(&self) -> Result<String, ReportError> {
        let mut out = csv::Writer::from_writer(Vec::new());
        let refused = |error: csv::Error| ReportError::Write(error.into());
        out.write_record(["currency", "account", "name", "kind", "debit", "credit"]).map_err(refused)?;
        for balance in &self.currencies {
            for line in &balance.lines {
                let (account, debit, credit) = (line.account.to_string(), line.debit.major(), line.credit.major());
                let record = [balance.currency.code(), &account, line.name, kind_name(line.kind), &debit, &credit];
                out.write_record(record).map_err(refused)?;
            }
        }
        let bytes = out.into_inner().map_err(|error| ReportError::Write(error.into_error()))?;
        String::from_utf8(bytes).map_err(|error| ReportError::Write(std::io::Error::other(error)))
    }
}

const fn kind_name(kind: AccountType) -> &'static str {
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
