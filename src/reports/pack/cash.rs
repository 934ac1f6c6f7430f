//! Cash at the providers (1200), day by day: what customers paid and got back, what the providers took and paid out.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::Month;
use crate::domain::ledger::PROVIDER_CLEARING;
use crate::domain::money::{Currency, Money};
use crate::reports::sheet::{Asked, Cell, Column, Head, Section, Sink, Teller, Told};
use crate::reports::{ReportError, sums, trial_balance};
use crate::store::db::Tx;
use crate::values;

/// The report's name.
pub(super) const NAME: &str = "cash";

crate::statements! {
    /// What moved on an account in a range, by day, by whose book it is in and by its side. Books of providers have ids in parentheses.
    MOVED = same(concat!(
        "select p.currency, p.effective_on, case when p.account_id like '(%' then 1 else 0 end as of_provider, \
         case when p.amount_minor > 0 then 1 else 0 end as debit, ", halves!("p.amount_minor"),
        " from postings p where p.ledger_account = $1 and p.effective_on >= $2 and p.effective_on <= $3 and ", known!("$4"),
        " group by p.currency, p.effective_on, case when p.account_id like '(%' then 1 else 0 end, \
         case when p.amount_minor > 0 then 1 else 0 end"
    ));
}

/// What moved on a day: paid by customers, given back to them, and what the provider did.
type Day = [i128; 3];

/// Tells what moved in a month.
pub(super) async fn tell(tx: &mut Tx, month: Month, known_at: Option<DateTime<Utc>>, sink: &mut dyn Sink) -> Result<Told, ReportError> {
    let about = "What came in and went out at payment providers (1200), by the business date of our books";
    let asked = Asked { from: Some(month.first()), to: Some(month.last()), known_at, ..Asked::default() };
    let mut teller = Teller::begin(sink, &Head { name: NAME, title: "Cash", about, asked })?;
    let known_until = known_at.map_or(i64::MAX, |at| at.timestamp_micros());
    let mut days: BTreeMap<(Currency, NaiveDate), Day> = BTreeMap::new();
    let asked = values![i64::from(PROVIDER_CLEARING.number), month.first(), month.last(), known_until];
    for row in tx.fetch_all(&MOVED, &asked).await? {
        let currency = Currency::parse(row.str_at(0)?).map_err(|_| row.corrupt("currency", "is not a currency"))?;
        let [paid, given_back, provider] = days.entry((currency, row.date_at(1)?)).or_default();
        let exact = sums::exact(&row, 4)?;
        *(match (row.int_at(2)?, row.int_at(3)?) {
            (0, 1) => paid,
            (0, _) => given_back,
            _ => provider,
        }) += exact;
    }
    let before = month.first().pred_opt().unwrap_or(month.first());
    let opening = trial_balance::posted(tx, before, known_until).await?;
    let closing = trial_balance::posted(tx, month.last(), known_until).await?;
    let mut currencies: Vec<Currency> = days.keys().map(|(currency, _)| *currency).collect();
    currencies.dedup();
    for currency in currencies {
        let fitting = |exact: i128| sums::fitting(exact, || "1200".to_owned(), currency);
        let stands =
            |balances: &BTreeMap<(Currency, u16), i128>| balances.get(&(currency, PROVIDER_CLEARING.number)).copied().unwrap_or_default();
        teller.section(Section::new("cash", "By day", currency, columns()))?;
        let mut balance = stands(&opening);
        for ((_, on), day) in days.iter().filter(|((of, _), _)| *of == currency) {
            balance += day.iter().sum::<i128>();
            let amounts = day.iter().chain([&balance]).map(|exact| Ok(Cell::Money(fitting(*exact)?)));
            let cells: Vec<Cell> = std::iter::once(Ok(Cell::Date(*on))).chain(amounts).collect::<Result<_, ReportError>>()?;
            teller.row(&cells)?;
        }
        let there: Money = fitting(stands(&closing))?;
        teller.tie("1200 before + what moved = 1200", fitting(balance)?, there);
    }
    teller.end()
}

fn columns() -> Vec<Column> {
    vec![
        Column::date("on", "Day"),
        Column::sum("captured", "Paid by customers"),
        Column::sum("given_back", "Given back"),
        Column::sum("provider", "Fees and payouts"),
        Column::money("balance", "1200"),
    ]
}
