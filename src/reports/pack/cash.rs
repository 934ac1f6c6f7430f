//! Cash at the providers (1200), day by day and by what moved it. What a leg of 1200 is about is told by the leg that it stands against,
//! which is the next one of a debit and the one before a credit (LE-1).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::LocalBoxFuture;

use super::Month;
use crate::domain::event::Event;
use crate::domain::ledger::{PROVIDER_CLEARING, UNAPPLIED};
use crate::domain::money::{Currency, Money};
use crate::reports::cards::{Card, Leg, Tally};
use crate::reports::sheet::{Asked, Cell, Column, Head, Section, Sink, Teller, Told};
use crate::reports::stored::Body;
use crate::reports::{Memo, ReportError, sums};
use crate::store::db::{DbError, Row, Tx, Value};
use crate::store::settlement::is_book;
use crate::values;

/// The report's name.
pub(super) const NAME: &str = "cash";

crate::statements! {
    /// Which of these records say that a dispute was won after it was lost.
    REVERSED = same(
        "select j.account_id, j.seq from {pairs:$1} as p join journal j on j.account_id = p.owner and j.seq = cast(p.item as bigint) \
         where j.body like '%\"dispute_reversed.v1\"%'"
    );
    /// What charges of a range have brought, by their rows.
    CAPTURED = same(concat!(
        "select a.currency, ", halves!("c.amount_minor"), " from charges c join accounts a on a.account_id = c.account_id \
         where c.state = 'succeeded' and c.settled_on >= $1 and c.settled_on <= $2 group by a.currency"
    ));
    /// What disputes that were opened in a range have taken, by their rows.
    DISPUTED = same(concat!(
        "select a.currency, ", halves!("d.amount_minor"), " from disputes d join accounts a on a.account_id = d.account_id \
         where d.opened_on >= $1 and d.opened_on <= $2 group by a.currency"
    ));
    /// The next refunds, by account, and what each of them has moved where it was paid out.
    REFUNDS = same(
        "select r.account_id, r.refund_id, r.amount_minor, a.currency from refunds r join accounts a on a.account_id = r.account_id \
         where r.account_id in (select distinct n.account_id from refunds n where n.account_id > $1 order by n.account_id limit $2) \
         order by r.account_id, r.refund_id"
    );
    /// Decisions of a range on the refunds of these accounts.
    SETTLED = same(
        "select account_id, seq, body from journal where account_id {in:$1} and effective_on >= $2 and effective_on <= $3 \
         and (body like '%\"refund_settled.v1\"%' or body like '%\"refund_failed.v1\"%')"
    );
}

/// Accounts whose refunds are read at once.
const ACCOUNTS: u32 = 500;

/// What moves cash, with its key and heading; the position is what [`cause`] says.
const CAUSES: [(&str, &str); 9] = [
    ("captured", "Paid by customers"),
    ("refunded", "Refunds paid out"),
    ("came_back", "Refunds that came back"),
    ("disputed", "Taken by disputes"),
    ("disputes_won", "Disputes won"),
    ("fees", "Fees"),
    ("payouts", "Payouts"),
    ("set_aside", "Set aside as unmatched"),
    ("other", "Other"),
];

/// What moved on a day, by [`CAUSES`].
type Day = [i128; CAUSES.len()];

/// What moved a leg of 1200, by the leg that it stands against. (What stands against unapplied payments may be a dispute that was won after
/// it was lost, which only the journal tells.)
fn cause(account: &str, leg: &Leg<'_>, against: Option<&Leg<'_>>) -> usize {
    match against.map(|against| against.ledger) {
        Some(1210) if leg.minor < 0 => 3,
        Some(1210) => DISPUTES_WON,
        Some(5000 | 5100) => 5,
        Some(1020) => 6,
        Some(1290) => 7,
        Some(2310) if leg.minor < 0 => 1,
        Some(2300) if leg.minor > 0 => 2,
        _ if leg.minor > 0 && !is_book(account) => 0,
        _ => OTHER,
    }
}

const DISPUTES_WON: usize = 4;
const OTHER: usize = 8;

/// What moved in a month, in the making.
pub(super) struct Moved {
    first: NaiveDate,
    last: NaiveDate,
    days: BTreeMap<(Currency, NaiveDate), Day>,
    /// Legs of this part of the accounts against unapplied payments, by account and record, with what they are otherwise.
    unapplied: BTreeMap<(String, i64), Vec<Unapplied>>,
}

/// A leg against unapplied payments: where it counts, what it is otherwise, and how much.
type Unapplied = ((Currency, NaiveDate), usize, i64);

impl Moved {
    fn of(month: Month, last: NaiveDate) -> (String, Self) {
        let first = month.first();
        (format!("cash {first} {last}"), Self { first, last, days: BTreeMap::new(), unapplied: BTreeMap::new() })
    }

    pub(super) fn boxed(month: Month, last: NaiveDate) -> (String, Box<dyn Tally>) {
        let (name, tally) = Self::of(month, last);
        (name, Box::new(tally))
    }

    fn put(&mut self, of: (Currency, NaiveDate), cause: usize, minor: i64) {
        self.days.entry(of).or_default()[cause] += i128::from(minor);
    }
}

impl Tally for Moved {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        let in_month = |leg: &&Leg<'_>| leg.is_on(&[PROVIDER_CLEARING.number]) && self.first <= leg.on && leg.on <= self.last;
        let legs: Vec<&Leg<'_>> = card.legs.iter().filter(in_month).collect();
        for leg in legs {
            let against = card.leg(leg.seq, if leg.minor > 0 { leg.leg_no + 1 } else { leg.leg_no - 1 });
            let (of, cause) = ((leg.currency()?, leg.on), cause(card.account, leg, against));
            if against.is_some_and(|against| against.is_on(&[UNAPPLIED.number])) {
                self.unapplied.entry((card.account.to_owned(), leg.seq)).or_default().push((of, cause, leg.minor));
            } else {
                self.put(of, cause, leg.minor);
            }
        }
        Ok(())
    }

    fn look_up<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, Result<(), ReportError>> {
        Box::pin(async move {
            let unapplied = std::mem::take(&mut self.unapplied);
            if unapplied.is_empty() {
                return Ok(());
            }
            let pairs = unapplied.keys().map(|(account, seq)| format!("{account}/{seq}"));
            let rows = tx.fetch_all(&REVERSED, &[Value::texts(pairs)]).await?;
            let reversed = rows.iter().map(|row| Ok((row.text_at(0)?, row.int_at(1)?))).collect::<Result<BTreeSet<_>, DbError>>()?;
            for (record, legs) in unapplied {
                let is_reversed = reversed.contains(&record);
                legs.into_iter().for_each(|(of, cause, minor)| self.put(of, if is_reversed { DISPUTES_WON } else { cause }, minor));
            }
            Ok(())
        })
    }
}

/// Amounts by currency.
type Sums = BTreeMap<Currency, i128>;

/// Tells what moved in a month.
pub(super) async fn tell(
    tx: &mut Tx,
    (month, last): (Month, NaiveDate),
    known_at: Option<DateTime<Utc>>,
    memo: &Memo,
    sink: &mut dyn Sink,
) -> Result<Told, ReportError> {
    let about = "What came in and went out at payment providers (1200), by the business date of our books";
    let asked = Asked { from: Some(month.first()), to: Some(last), known_at, ..Asked::default() };
    let mut teller = Teller::begin(sink, &Head { name: NAME, title: "Cash", about, asked })?;
    let known_until = known_at.map_or(i64::MAX, |at| at.timestamp_micros());
    let found = memo.tally(tx, known_until, Moved::of(month, last)).await?;
    let days = &found.days;
    let before = month.first().pred_opt().unwrap_or(month.first());
    let (opening, closing) = (memo.posted(tx, before, known_until).await?, memo.posted(tx, last, known_until).await?);
    let rows = Rows::read(tx, (month.first(), last), known_at).await?;
    let mut currencies: Vec<Currency> = days.keys().map(|(currency, _)| *currency).collect();
    currencies.dedup();
    for currency in currencies {
        let fitting = |exact: i128| sums::fitting(exact, || "1200".to_owned(), currency);
        let stands =
            |balances: &BTreeMap<(Currency, u16), i128>| balances.get(&(currency, PROVIDER_CLEARING.number)).copied().unwrap_or_default();
        teller.section(Section::new("cash", "By day", currency, columns()))?;
        let (mut balance, mut moved) = (stands(&opening), Day::default());
        for ((_, on), day) in days.iter().filter(|((of, _), _)| *of == currency) {
            balance += day.iter().sum::<i128>();
            moved.iter_mut().zip(day).for_each(|(sum, part)| *sum += part);
            let amounts = day.iter().chain([&balance]).map(|exact| Ok(Cell::Money(fitting(*exact)?)));
            let cells: Vec<Cell> = std::iter::once(Ok(Cell::Date(*on))).chain(amounts).collect::<Result<_, ReportError>>()?;
            teller.row(&cells)?;
        }
        let there: Money = fitting(stands(&closing))?;
        teller.tie("1200 before + what moved = 1200", fitting(balance)?, there);
        let of = |sums: &Sums| fitting(sums.get(&currency).copied().unwrap_or_default());
        if let Some(Rows { captured, disputed, refunded, came_back }) = &rows {
            let [paid, paid_out, returned, taken, ..] = moved;
            teller.tie("paid by customers = charges that succeeded", fitting(paid)?, of(captured)?);
            teller.tie("refunds paid out = refunds that were settled", fitting(-paid_out)?, of(refunded)?);
            teller.tie("refunds that came back = refunds that failed after that", fitting(returned)?, of(came_back)?);
            teller.tie("taken by disputes = disputes that were opened", fitting(-taken)?, of(disputed)?);
        }
    }
    if rows.is_none() {
        teller.note("With a cut-off, cash is not compared with charges, refunds and disputes: they are kept as they are now.");
    }
    teller.end()
}

/// The same found without the postings: by the rows of charges and disputes, and by the decisions on refunds.
struct Rows {
    captured: Sums,
    disputed: Sums,
    refunded: Sums,
    came_back: Sums,
}

impl Rows {
    async fn read(
        tx: &mut Tx,
        (first, last): (NaiveDate, NaiveDate),
        known_at: Option<DateTime<Utc>>,
    ) -> Result<Option<Self>, ReportError> {
        if known_at.is_some() {
            return Ok(None);
        }
        let (mut captured, mut disputed) = (Sums::new(), Sums::new());
        for (sums, sql) in [(&mut captured, &CAPTURED), (&mut disputed, &DISPUTED)] {
            for row in tx.fetch_all(sql, &values![first, last]).await? {
                sums.insert(currency_at(&row, 0)?, sums::exact(&row, 1)?);
            }
        }
        let (mut refunded, mut came_back, mut after) = (Sums::new(), Sums::new(), String::new());
        loop {
            let mut refunds: BTreeMap<(String, String), (Currency, i64)> = BTreeMap::new();
            for row in tx.fetch_all(&REFUNDS, &values![&after, ACCOUNTS]).await? {
                refunds.insert((row.text_at(0)?, row.text_at(1)?), (currency_at(&row, 3)?, row.int_at(2)?));
            }
            let Some(((last_account, _), _)) = refunds.last_key_value() else { break };
            after.clone_from(last_account);
            let owners: BTreeSet<&str> = refunds.keys().map(|(account, _)| account.as_str()).collect();
            let asked = [Value::texts(owners), Value::from(first), Value::from(last)];
            for row in tx.fetch_all(&SETTLED, &asked).await? {
                for (refund, has_come_back) in settled(&row)? {
                    let Some((currency, moved)) = refunds.get(&(row.text_at(0)?, refund)) else { continue };
                    let sums = if has_come_back { &mut came_back } else { &mut refunded };
                    *sums.entry(*currency).or_default() += i128::from(*moved);
                }
            }
        }
        Ok(Some(Self { captured, disputed, refunded, came_back }))
    }
}

/// The refunds that a decision says were paid out, or have come back after that.
fn settled(row: &Row) -> Result<Vec<(String, bool)>, ReportError> {
    let (account, seq) = (row.str_at(0)?, row.int_at(1)?);
    let body: Body = serde_json::from_str(row.str_at(2)?).map_err(|error| ReportError::UnreadableRecord {
        account: account.to_owned(),
        seq,
        line: error.line(),
        column: error.column(),
    })?;
    let of = |event| match event {
        Event::RefundSettled { refund, .. } => Some((refund, false)),
        Event::RefundFailed { refund, after_success: true, .. } => Some((refund, true)),
        _ => None,
    };
    Ok(body.events.into_iter().filter_map(of).collect())
}

fn currency_at(row: &Row, at: usize) -> Result<Currency, ReportError> {
    Ok(Currency::parse(row.str_at(at)?).map_err(|_| row.corrupt("currency", "is not a currency"))?)
}

fn columns() -> Vec<Column> {
    let causes = CAUSES.into_iter().map(|(key, heading)| Column::sum(key, heading));
    std::iter::once(Column::date("on", "Day")).chain(causes).chain([Column::money("balance", "1200")]).collect()
}
