//! The trial balance: what stands on each account of the chart, per currency, at the end of a day.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::{ReportError, chart};
use crate::domain::calendar::{DATE_MAX, Period};
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS, REVENUE};
use crate::domain::money::{Currency, Money};
use crate::domain::revenue::earned_through;
use crate::store::db::{Db, DbError, Row, Tx};
use crate::values;

crate::statements! {
    /// Balances at the end of a day.
    BALANCES = same(
        "select currency, ledger_account, cast(coalesce(sum(amount_minor), 0) as bigint) as balance from postings \
         where effective_on <= $1 group by currency, ledger_account order by currency, ledger_account"
    );
    /// Lines of which something is left to be earned at the end of a day: what is left, what was recognised, what is owed. A first
    /// period of which everything is owed waits for its first charge (LC-3).
    UNEARNED = same(
        "select p.currency, i.cycle, i.period_start, i.period_end, i.term_no, i.period_no, \
         cast(coalesce(-sum(case when p.ledger_account in (2100, 2110) then p.amount_minor end), 0) as bigint) as prepaid, \
         cast(coalesce(-sum(case when p.ledger_account in (4000, 4200, 4300) then p.amount_minor end), 0) as bigint) as recognised, \
         cast(coalesce(sum(case when p.ledger_account = 1100 then p.amount_minor end), 0) as bigint) as owed, \
         i.invoiced_net_minor + i.invoiced_tax_minor as gross \
         from postings p join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.effective_on <= $1 and i.period_start <= $1 \
         group by p.account_id, p.invoice_id, p.currency, i.cycle, i.period_start, i.period_end, i.term_no, i.period_no, \
         i.invoiced_net_minor, i.invoiced_tax_minor \
         having sum(case when p.ledger_account in (2100, 2110) then p.amount_minor else 0 end) <> 0"
    );
}

/// What stands on one account in one currency. One of the two amounts is zero, or both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Number in the chart of accounts.
    pub ledger_account: i64,
    /// Its name.
    pub name: &'static str,
    /// ISO 4217 code.
    pub currency: String,
    /// In minor units.
    pub debit_minor: i128,
    /// In minor units.
    pub credit_minor: i128,
}

/// Sums of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Total {
    /// ISO 4217 code.
    pub currency: String,
    /// In minor units.
    pub debit_minor: i128,
    /// In minor units; equals the debits.
    pub credit_minor: i128,
}

/// The balances at the end of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrialBalance {
    /// The day; absent for everything that is booked.
    pub as_of: Option<NaiveDate>,
    /// What is booked, by currency and account.
    pub lines: Vec<Line>,
    /// Sums per currency.
    pub totals: Vec<Total>,
    /// RR-1: revenue is posted when a month ends. What the days up to `as_of` have earned beyond that: debits of the prepayment
    /// accounts, credits of revenue.
    pub earned_since: Vec<Line>,
}

/// Loads it; `as_of` is the last business date that counts.
///
/// # Errors
/// What the database says.
pub async fn load(db: &Db, as_of: Option<NaiveDate>) -> Result<TrialBalance, ReportError> {
    let mut tx = db.begin_read().await?;
    let mut lines = Vec::new();
    for row in tx.fetch_all(&BALANCES, &values![as_of.unwrap_or(DATE_MAX)]).await? {
        lines.extend(line(row.int_at(1)?, &row.text_at(0)?, row.int_at(2)?.into()));
    }
    let earned_since = match as_of {
        Some(on) => earned_since(&mut tx, on).await?,
        None => Vec::new(),
    };
    tx.rollback().await?;
    Ok(TrialBalance { as_of, totals: totals(&lines), lines, earned_since })
}

fn line(ledger_account: i64, currency: &str, balance: i128) -> Option<Line> {
    let (debit_minor, credit_minor) = (balance.max(0), (-balance).max(0));
    let line = Line { ledger_account, name: chart::name(ledger_account), currency: currency.to_owned(), debit_minor, credit_minor };
    (balance != 0).then_some(line)
}

fn totals(lines: &[Line]) -> Vec<Total> {
    let mut sums: BTreeMap<&str, (i128, i128)> = BTreeMap::new();
    for line in lines {
        let sum = sums.entry(&line.currency).or_default();
        sum.0 += line.debit_minor;
        sum.1 += line.credit_minor;
    }
    let total =
        |(currency, (debit_minor, credit_minor)): (&str, (i128, i128))| Total { currency: currency.to_owned(), debit_minor, credit_minor };
    sums.into_iter().map(total).collect()
}

/// What lines have earned by the end of a day beyond what is recognised.
async fn earned_since(tx: &mut Tx, on: NaiveDate) -> Result<Vec<Line>, ReportError> {
    let mut earned: BTreeMap<(String, i64), i128> = BTreeMap::new();
    tx.for_each_batch(&UNEARNED, &values![on], |rows| {
        for row in &rows {
            let Some((currency, account, rest)) = rest_of(row, on)? else { continue };
            *earned.entry((currency.clone(), account)).or_default() += rest;
            *earned.entry((currency, i64::from(REVENUE.number))).or_default() -= rest;
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    Ok(earned.into_iter().filter_map(|((currency, account), balance)| line(account, &currency, balance)).collect())
}

/// The currency, the prepayment account and the amount that one line has still to recognise.
fn rest_of(row: &Row, on: NaiveDate) -> Result<Option<(String, i64, i128)>, DbError> {
    let currency = row.text("currency")?;
    let known = Currency::parse(&currency).map_err(|_| row.corrupt("currency", "is not a currency"))?;
    let period = Period::new(row.date("period_start")?, row.date("period_end")?).map_err(|_| row.corrupt("period_end", "is no end"))?;
    let (prepaid, recognised) = (row.int("prepaid")?, row.int("recognised")?);
    let is_first = (row.int("term_no")?, row.int("period_no")?) == (1, 0);
    if is_first && recognised == 0 && row.int("owed")? == row.int("gross")? {
        return Ok(None);
    }
    let net = prepaid.checked_add(recognised).ok_or_else(|| row.corrupt("prepaid", "is too large"))?;
    let earned = earned_through(Money::new(net, known), period, on).map_err(|_| row.corrupt("prepaid", "is too large"))?;
    let account = if row.text("cycle")? == "annual" { PREPAYMENTS } else { DEFERRED_REVENUE };
    let rest = i128::from(earned.minor()) - i128::from(recognised);
    Ok((rest > 0).then_some((currency, i64::from(account.number), rest)))
}

impl TrialBalance {
    /// Only the lines of one currency.
    #[must_use]
    pub fn in_currency(mut self, currency: Currency) -> Self {
        self.lines.retain(|line| line.currency == currency.code());
        self.totals.retain(|total| total.currency == currency.code());
        self.earned_since.retain(|line| line.currency == currency.code());
        self
    }

    /// The table for people.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(comfy_table::ContentArrangement::Disabled);
        table.set_header(["account", "name", "currency", "debit", "credit"]);
        for total in &self.totals {
            for line in self.lines.iter().filter(|line| line.currency == total.currency) {
                table.add_row(cells(&line.ledger_account.to_string(), line.name, &line.currency, line.debit_minor, line.credit_minor));
            }
            table.add_row(cells("", "total", &total.currency, total.debit_minor, total.credit_minor));
        }
        for index in [3, 4] {
            if let Some(column) = table.column_mut(index) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let earned = self.earned_since.iter().filter(|line| line.credit_minor > 0).map(|line| {
            let amount = chart::major(line.credit_minor, &line.currency);
            format!("{} {amount} are earned since revenue was last posted (RR-1)\n", line.currency)
        });
        format!("{table}\n{}", earned.collect::<String>())
    }

    /// The same as CSV (RFC 4180): one row an account and currency; what is earned since then under `not posted`.
    ///
    /// # Errors
    /// None in practice: it is written to memory.
    pub fn csv(&self) -> Result<String, ReportError> {
        let mut out = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let failed = |error: csv::Error| ReportError::Write(std::io::Error::other(error.to_string()));
        out.write_record(["as_of", "ledger_account", "name", "currency", "debit", "credit", "posted"]).map_err(failed)?;
        let as_of = self.as_of.map(|on| on.to_string()).unwrap_or_default();
        for (line, posted) in self.lines.iter().map(|line| (line, "yes")).chain(self.earned_since.iter().map(|line| (line, "no"))) {
            let (debit, credit) = (chart::major(line.debit_minor, &line.currency), chart::major(line.credit_minor, &line.currency));
            let account = line.ledger_account.to_string();
            let record = [&as_of, &account, &chart::neutral(line.name), &line.currency, &debit, &credit, posted];
            out.write_record(record).map_err(failed)?;
        }
        let bytes = out.into_inner().map_err(|error| ReportError::Write(std::io::Error::other(error.to_string())))?;
        String::from_utf8(bytes).map_err(|error| ReportError::Write(std::io::Error::other(error.to_string())))
    }
}

fn cells(account: &str, name: &str, currency: &str, debit: i128, credit: i128) -> [String; 5] {
    let shown = |minor: i128| if minor == 0 { String::new() } else { chart::major(minor, currency) };
    [account.to_owned(), name.to_owned(), currency.to_owned(), shown(debit), shown(credit)]
}
