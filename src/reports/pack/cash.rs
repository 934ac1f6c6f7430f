//! Cash at the providers (1200), day by day and by what moved it. What a leg of 1200 is about is told by the leg that it stands against,
//! which is the next one of a debit and the one before a credit (LE-1).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use futures::future::LocalBoxFuture;

use super::Month;
use crate::domain::event::Event;
use crate::domain::ledger::{PROVIDER_CLEARING, UNAPPLIED};
use crate::domain::money::{Currency, Money};
use crate::reports::cards::{Card, Leg, Tally};
use crate::reports::sheet::{Asked, Cell, Column, Head, Section, Sink, Teller, Told};
use crate::reports::stored::Body;
use crate::reports::{self, Memo, ReportError, sums};
use crate::store::db::{DbError, Row, Tx, Value};
use crate::store::settlement::is_book;
use crate::values;

/// The report's name.
pub(super) const NAME: &str = "cash";

/// That it was recorded by the instant of `$3` that an event happened to an object. With the largest of all numbers nothing is looked up.
macro_rules! told_by {
    ($account:literal, $event:literal, $id:literal) => {
        concat!(
            "($3 = 9223372036854775807 or exists (select 1 from journal j where j.account_id = ",
            $account,
            " and j.posted_at <= $3 and j.body like '%\"",
            $event,
            ".v1\"%' and j.body like '%\"' || ",
            $id,
            " || '\"%'))"
        )
    };
}

crate::statements! {
    /// Which of these records say that a dispute was won after it was lost.
    REVERSED = same(
        "select j.account_id, j.seq from {pairs:$1} as p join journal j on j.account_id = p.owner and j.seq = cast(p.item as bigint) \
         where j.body like '%\"dispute_reversed.v1\"%'"
    );
    /// What charges of a range have brought, by their rows: as far as it was recorded that they had.
    CAPTURED = same(concat!(
        "select a.currency, ", halves!("c.amount_minor"), " from charges c join accounts a on a.account_id = c.account_id \
         where c.state = 'succeeded' and c.settled_on >= $1 and c.settled_on <= $2 and ",
        told_by!("c.account_id", "charge_captured", "c.charge_id"), " group by a.currency"
    ));
    /// What disputes that were opened in a range have taken, likewise.
    DISPUTED = same(concat!(
        "select a.currency, ", halves!("d.amount_minor"), " from disputes d join accounts a on a.account_id = d.account_id \
         where d.opened_on >= $1 and d.opened_on <= $2 and ", told_by!("d.account_id", "dispute_opened", "d.dispute_id"),
        " group by a.currency"
    ));
    /// What was captured of charges whose amounts may have been put right, and by what. Each of these left a task.
    CORRECTED = same(
        "select j.account_id, j.seq, j.body, j.effective_on, j.posted_at, a.currency from journal j join accounts a on a.account_id = j.account_id \
         where j.account_id in (select account_id from tasks where kind in ('unapplied_payment', 'captured_less')) \
         and (j.body like '%\"charge_captured.v1\"%' or j.body like '%\"capture_corrected.v1\"%') order by j.account_id, j.seq"
    );
    /// The next accounts that have refunds.
    WITH_REFUNDS = same(
        "select distinct r.account_id, a.currency from refunds r join accounts a on a.account_id = r.account_id \
         where r.account_id > $1 order by r.account_id limit $2"
    );
    /// Those of them on whose refunds something was decided in a range.
    SETTLED = same(
        "select distinct account_id from journal where account_id {in:$1} and effective_on >= $2 and effective_on <= $3 and posted_at <= $4 \
         and (body like '%\"refund_settled.v1\"%' or body like '%\"refund_failed.v1\"%') order by account_id"
    );
    /// All that was decided on the refunds of these by a day.
    DECIDED = same(
        "select account_id, seq, body, effective_on from journal where account_id {in:$1} and effective_on <= $2 and posted_at <= $3 \
         and (body like '%\"refund_requested.v1\"%' or body like '%\"refund_settled.v1\"%' or body like '%\"refund_failed.v1\"%' \
         or body like '%\"refund_reopened.v1\"%') order by account_id, seq"
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
        Some(1100 | 2320) if !is_book(account) => 0,
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
    pub(super) fn of(month: Month, last: NaiveDate) -> (String, Self) {
        let first = month.first();
        (format!("cash {first} {last}"), Self { first, last, days: BTreeMap::new(), unapplied: BTreeMap::new() })
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
    let known_until = reports::known_until(known_at);
    let found = memo.tally(tx, known_until, Moved::of(month, last)).await?;
    let days = &found.days;
    let before = month.first().pred_opt().unwrap_or(month.first());
    let (opening, closing) = (memo.posted(tx, before, known_until).await?, memo.posted(tx, last, known_until).await?);
    let Rows { captured, disputed, refunded, came_back } = Rows::read(tx, (month.first(), last), known_until).await?;
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
        let [paid, paid_out, returned, taken, ..] = moved;
        teller.tie("paid by customers = charges that succeeded", fitting(paid)?, of(&captured)?);
        teller.tie("refunds paid out = refunds that were settled", fitting(-paid_out)?, of(&refunded)?);
        teller.tie("refunds that came back = refunds that failed after that", fitting(returned)?, of(&came_back)?);
        teller.tie("taken by disputes = disputes that were opened", fitting(-taken)?, of(&disputed)?);
    }
    teller.end()
}

/// The same found without the postings: by the rows of charges and disputes, which keep what they moved, and by the decisions on refunds,
/// whose rows do not.
#[derive(Default)]
struct Rows {
    captured: Sums,
    disputed: Sums,
    refunded: Sums,
    came_back: Sums,
}

impl Rows {
    async fn read(tx: &mut Tx, (first, last): (NaiveDate, NaiveDate), known_until: i64) -> Result<Self, ReportError> {
        let mut rows = Self::default();
        for (sums, sql) in [(&mut rows.captured, &CAPTURED), (&mut rows.disputed, &DISPUTED)] {
            for row in tx.fetch_all(sql, &values![first, last, known_until]).await? {
                sums.insert(currency_at(&row, 0)?, sums::exact(&row, 1)?);
            }
        }
        rows.put_right(tx, (first, last, known_until)).await?;
        let mut after = String::new();
        loop {
            let mut currencies: BTreeMap<String, Currency> = BTreeMap::new();
            for row in tx.fetch_all(&WITH_REFUNDS, &values![&after, ACCOUNTS]).await? {
                currencies.insert(row.text_at(0)?, currency_at(&row, 1)?);
            }
            let Some((last_account, _)) = currencies.last_key_value() else { return Ok(rows) };
            after.clone_from(last_account);
            let asked = [Value::texts(currencies.keys().map(String::as_str)), first.into(), last.into(), known_until.into()];
            let concerned = tx.fetch_all(&SETTLED, &asked).await?.iter().map(|row| row.text_at(0)).collect::<Result<Vec<_>, _>>()?;
            if !concerned.is_empty() {
                rows.decided(tx, &currencies, &concerned, (first, last, known_until)).await?;
            }
        }
    }

    /// The row of a charge has what was captured of it by all that is known now: what was put right belongs to the day of that (PV-5).
    async fn put_right(&mut self, tx: &mut Tx, (first, last, known_until): (NaiveDate, NaiveDate, i64)) -> Result<(), ReportError> {
        let mut counted: BTreeMap<(String, String), bool> = BTreeMap::new();
        for row in tx.fetch_all(&CORRECTED, &[]).await? {
            let (account, currency) = (row.text_at(0)?, currency_at(&row, 5)?);
            let is_in = (first..=last).contains(&row.date_at(3)?) && row.int_at(4)? <= known_until;
            for event in events(&row)? {
                if let Event::ChargeCaptured { charge, .. } = &event {
                    counted.insert((account.clone(), charge.clone()), is_in);
                }
                let Some((charge, more)) = event.captured_more() else { continue };
                let with_the_charge = counted.get(&(account.clone(), charge.to_owned())).copied().unwrap_or_default();
                let sum = self.captured.entry(currency).or_default();
                *sum += more * (i128::from(is_in) - i128::from(with_the_charge));
            }
        }
        Ok(())
    }

    /// Adds what refunds of these accounts have moved from a day to another.
    async fn decided(
        &mut self,
        tx: &mut Tx,
        currencies: &BTreeMap<String, Currency>,
        accounts: &[String],
        (first, last, known_until): (NaiveDate, NaiveDate, i64),
    ) -> Result<(), ReportError> {
        let asked = [Value::texts(accounts.iter().map(String::as_str)), last.into(), known_until.into()];
        let mut amounts: HashMap<(String, String), Money> = HashMap::new();
        for row in tx.fetch_all(&DECIDED, &asked).await? {
            let (account, on) = (row.text_at(0)?, row.date_at(3)?);
            let Some(currency) = currencies.get(&account).copied() else { continue };
            for event in events(&row)? {
                let Some((refund, moved)) = moved(&event, &account, &mut amounts)? else { continue };
                let sums = if matches!(event, Event::RefundFailed { .. }) { &mut self.came_back } else { &mut self.refunded };
                if on >= first {
                    *sums.entry(currency).or_default() += i128::from(moved.minor());
                }
                amounts.insert((account.clone(), refund), moved);
            }
        }
        Ok(())
    }
}

/// What an event says that a refund has moved: as much as was asked for then, less what the provider moved less. `amounts` has what that is
/// for each refund so far.
fn moved(event: &Event, account: &str, amounts: &mut HashMap<(String, String), Money>) -> Result<Option<(String, Money)>, ReportError> {
    let (refund, short) = match event {
        Event::RefundRequested { id, amount, .. } => {
            amounts.insert((account.to_owned(), id.clone()), *amount);
            return Ok(None);
        }
        Event::RefundReopened { refund, taken_over, from_credit, .. } => {
            amounts.insert((account.to_owned(), refund.clone()), taken_over.plus(*from_credit)?);
            return Ok(None);
        }
        Event::RefundSettled { refund, short, .. } => (refund, *short),
        Event::RefundFailed { refund, after_success: true, .. } => (refund, None),
        _ => return Ok(None),
    };
    let Some(asked) = amounts.get(&(account.to_owned(), refund.clone())) else { return Ok(None) };
    let moved = short.map_or(Ok(*asked), |short| asked.minus(short))?;
    Ok(Some((refund.clone(), moved)))
}

fn events(row: &Row) -> Result<Vec<Event>, ReportError> {
    let (account, seq) = (row.str_at(0)?, row.int_at(1)?);
    let body: Body = serde_json::from_str(row.str_at(2)?).map_err(|error| ReportError::UnreadableRecord {
        account: account.to_owned(),
        seq,
        line: error.line(),
        column: error.column(),
    })?;
    Ok(body.events)
}

fn currency_at(row: &Row, at: usize) -> Result<Currency, ReportError> {
    Ok(Currency::parse(row.str_at(at)?).map_err(|_| row.corrupt("currency", "is not a currency"))?)
}

fn columns() -> Vec<Column> {
    let causes = CAUSES.into_iter().map(|(key, heading)| Column::sum(key, heading));
    std::iter::once(Column::date("on", "Day")).chain(causes).chain([Column::money("balance", "1200")]).collect()
}
