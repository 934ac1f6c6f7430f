//! Movements of monthly recurring revenue.
//!
//! The MRR of a day is the net price, after promotion and without tax, of the invoices whose period runs on it: of a monthly one all of
//! it, of an annual one the twelfth part, rounded half up on each invoice. An invoice counts from the day on which it was issued, and
//! not while its first charge has not settled (LC-3), until its period or its service ends. Corrections do not change it. One that is
//! withdrawn later as if it had never been (RF-6) counts until the day on which that was decided, so that a past month stays as it was.
//! Movements compare what each customer has at the ends of two months, so that they add up to the change exactly.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{Days, NaiveDate};

use super::books::{amount, currencies, currency_at, posted};
use super::records::{next_accounts, unreadable};
use super::{Span, month_name};
use crate::domain::event::Event;
use crate::domain::money::{Currency, Money};
use crate::domain::subscription::Life;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::stored::Body;
use crate::reports::{ReportError, sums};
use crate::store::db::{Row, Sql, Tx, Value};
use crate::values;

/// That the first charge of the invoice `i` did not settle on the day of issue, so that the invoice may have been pending for a while
/// (LC-3); the journal tells until when. Only a subscription's first period can be pending. Charges keep the day on which they
/// settled, so that this says the same whatever range is asked about.
macro_rules! waited {
    () => {
        "(i.term_no = 1 and i.period_no = 0 and exists (select 1 from charges w where w.account_id = i.account_id \
         and w.invoice_id = i.invoice_id and w.purpose = 'period' and (w.state <> 'succeeded' or w.settled_on <> i.issued_on)))"
    };
}

crate::statements! {
    /// The next accounts of a currency that were invoiced anything.
    INVOICED = same(
        "select a.account_id from accounts a where a.currency = $1 and a.account_id > $2 \
         and exists (select 1 from invoices i where i.account_id = a.account_id) order by a.account_id limit $3"
    );
    /// What these accounts were invoiced by a day, as far as it was recorded by an instant. An invoice without an amount counts for
    /// nothing, and so does one that is pending still.
    INVOICES = same(concat!(
        "select i.account_id, i.invoice_id, i.subscription_id, i.cycle, i.period_start, i.period_end, i.issued_on, i.invoiced_net_minor, \
         i.ended_on, i.term_no, i.period_no, a.currency, case when ", waited!(), " then 1 else 0 end as waited \
         from invoices i join accounts a on a.account_id = i.account_id \
         where i.account_id {in:$1} and i.issued_on <= $2 and i.invoiced_net_minor > 0 and i.pending = 0 \
         and ($3 = 9223372036854775807 or exists (select 1 from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.account_id = i.account_id and p.invoice_id = i.invoice_id and j.posted_at <= $3)) order by i.account_id, i.period_start"
    ));
    /// When first charges of these accounts settled.
    ACTIVATED = same(
        "select account_id, seq, effective_on, body from journal where account_id {in:$1} and posted_at <= $2 \
         and body like '%\"activated\"%' order by account_id, seq"
    );
    /// Ends of service that were recorded after an instant.
    ENDED_LATER = same(
        "select account_id, seq, effective_on, body from journal where account_id {in:$1} and posted_at > $2 \
         and body like '%\"service_ended.v1\"%' order by account_id, seq"
    );
    /// Those that were recorded by then.
    ENDED = same(
        "select account_id, seq, effective_on, body from journal where account_id {in:$1} and posted_at <= $2 \
         and body like '%\"service_ended.v1\"%' order by account_id, seq"
    );
    /// What the periods that run on day `$1` were booked at when they were issued, by currency: of those whose first charge did not
    /// wait and that were not withdrawn. An annual one counts a twelfth, rounded half up.
    BOOKED = same(concat!(
        "select b.currency, ", halves!("b.monthly"), " from (select p.currency, case when i.cycle = 'annual' \
         then (6 - cast(sum(p.amount_minor) as bigint)) / 12 else cast(-sum(p.amount_minor) as bigint) end as monthly from invoices i \
         join postings p on p.account_id = i.account_id \
         and p.invoice_id = i.invoice_id where i.issued_on <= $1 and i.period_start <= $1 and i.period_end > $1 and i.pending = 0 \
         and (i.ended_on is null or i.ended_on >= $1) and p.ledger_account in (2100, 2110) and p.amount_minor < 0 \
         and p.seq = (select min(f.seq) from postings f where f.account_id = i.account_id and f.invoice_id = i.invoice_id) \
         and not ", waited!(), " group by i.account_id, i.invoice_id, i.cycle, p.currency) b group by b.currency"
    ));
}

/// An invoice as far as it counts.
#[derive(Debug, Clone)]
struct Line {
    account: String,
    invoice: String,
    subscription: String,
    /// What it counts for a month, in minor units.
    monthly: i128,
    start: NaiveDate,
    end: NaiveDate,
    issued_on: NaiveDate,
    /// The last day of service, where that ended early.
    ended_on: Option<NaiveDate>,
    is_first: bool,
    /// Its first charge did not settle on the day of issue.
    has_waited: bool,
    /// From this day on its first charge had settled.
    settled_from: NaiveDate,
    /// What became of it stands in the journal alone: its first charge waited, or it was withdrawn.
    is_special: bool,
}

impl Line {
    fn read(row: &Row) -> Result<Self, ReportError> {
        let net = Money::new(row.int_at(7)?, currency_at(row, 11)?);
        let monthly = if row.str_at(3)? == "annual" { net.share(1, 12)? } else { net };
        let issued_on = row.date_at(6)?;
        Ok(Self {
            account: row.text_at(0)?,
            invoice: row.text_at(1)?,
            subscription: row.text_at(2)?,
            monthly: monthly.minor().into(),
            start: row.date_at(4)?,
            end: row.date_at(5)?,
            issued_on,
            ended_on: row.opt_date_at(8)?,
            is_first: (row.int_at(9)?, row.int_at(10)?) == (1, 0),
            has_waited: row.flag_at(12)?,
            settled_from: issued_on,
            is_special: row.flag_at(12)?,
        })
    }

    /// RF-6: whether its service was ended, by then or later, before it began.
    fn is_withdrawn(&self) -> bool {
        self.ended_on.is_some_and(|last| last < self.start)
    }

    /// Whether it counted on a day.
    fn counts_on(&self, day: NaiveDate) -> bool {
        self.start <= day && day < self.end && self.has_begun_by(day) && self.ended_on.is_none_or(|last| day <= last)
    }

    /// Whether it has counted on some day by this one.
    fn has_begun_by(&self, day: NaiveDate) -> bool {
        self.issued_on <= day && self.settled_from <= day && self.start <= day && self.ended_on.is_none_or(|last| self.start <= last)
    }
}

/// How MRR moved in a month, in minor units; and of how many customers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Moves {
    new: i128,
    expansion: i128,
    contraction: i128,
    churn: i128,
    reactivation: i128,
    came: i64,
    went: i64,
}

impl Moves {
    const fn all(self) -> [i128; 5] {
        [self.new, self.expansion, self.contraction, self.churn, self.reactivation]
    }

    /// Adds a customer's month. `had_before` tells whether there was anything before it.
    fn add(&mut self, before: i128, after: i128, had_before: bool) {
        let change = after - before;
        match (before, after) {
            (0, 0) => {}
            (0, _) => {
                *(if had_before { &mut self.reactivation } else { &mut self.new }) += change;
                self.came += 1;
            }
            (_, 0) => {
                self.churn += change;
                self.went += 1;
            }
            _ => *(if change > 0 { &mut self.expansion } else { &mut self.contraction }) += change,
        }
    }
}

/// What is measured in one currency: MRR at the day before and at each month's end, and how it moved between them.
struct Measured {
    days: Vec<NaiveDate>,
    at: Vec<i128>,
    moves: Vec<Moves>,
    customers: i64,
    /// Of the last day, the lines whose rows tell all by themselves.
    plain: i128,
}

impl Measured {
    /// Adds the lines of one customer.
    fn add(&mut self, lines: &[Line]) {
        if let Some(last) = self.days.last() {
            self.plain += lines.iter().filter(|line| !line.is_special && line.counts_on(*last)).map(|line| line.monthly).sum::<i128>();
        }
        let mut before = None;
        for (at, day) in self.days.iter().enumerate() {
            let mut mrr = 0;
            for line in lines.iter().filter(|line| line.counts_on(*day)) {
                mrr += line.monthly;
                self.at[at] += line.monthly;
            }
            if let Some((day_before, mrr_before)) = before {
                let had_before = lines.iter().any(|line| line.has_begun_by(day_before));
                self.moves[at - 1].add(mrr_before, mrr, had_before);
            } else if mrr > 0 {
                self.customers += 1;
            }
            before = Some((*day, mrr));
        }
    }
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let months = span.months()?;
    let days: Vec<NaiveDate> = std::iter::once(span.day_before()).chain(months.iter().map(|(_, last)| *last)).collect();
    let ledger = posted(tx, span.to, span).await?;
    // Rows of invoices hold only the present.
    let mut booked = BTreeMap::new();
    if span.known_at.is_none() {
        for row in tx.fetch_all(&BOOKED, &values![span.to]).await? {
            booked.insert(currency_at(&row, 0)?, sums::exact(&row, 1)?);
        }
    }
    for currency in currencies(&ledger, span) {
        let (at, moves) = (vec![0; days.len()], vec![Moves::default(); months.len()]);
        let mut measured = Measured { days: days.clone(), at, moves, customers: 0, plain: 0 };
        let mut after = String::new();
        loop {
            let accounts = next_accounts(tx, &INVOICED, currency, &after).await?;
            let Some(last) = accounts.last() else { break };
            after.clone_from(last);
            let lines = lines(tx, span, &accounts).await?;
            lines.chunk_by(|left, right| left.account == right.account).for_each(|customer| measured.add(customer));
        }
        tell_currency(teller, currency, &measured)?;
        if span.known_at.is_none() {
            let (here, there) = (measured.plain, booked.get(&currency).copied().unwrap_or_default());
            let what = "periods that run = what was booked when they were invoiced";
            teller.tie(what, amount(here, "MRR", currency)?, amount(there, "MRR", currency)?);
        }
    }
    teller.note(
        "An annual price counts a twelfth, rounded half up on each invoice. A customer who came and went within a month is not seen.",
    );
    teller.note("Periods that were paid elsewhere before a subscription was taken over have no invoice here and do not count.");
    Ok(())
}

fn tell_currency(teller: &mut Teller<'_>, currency: Currency, measured: &Measured) -> Result<(), ReportError> {
    teller.section(Section::new("movements", "Movements by month", currency, columns()))?;
    let fitting = |exact: i128| amount(exact, "MRR", currency);
    let opening = measured.at.first().copied().unwrap_or_default();
    let (mut stands, mut customers) = (opening, measured.customers);
    for (day, moves) in measured.days.iter().skip(1).zip(&measured.moves) {
        let mut cells = vec![Cell::text(month_name(*day)), Cell::Money(fitting(stands)?)];
        for part in moves.all() {
            stands += part;
            cells.push(Cell::Money(fitting(part)?));
        }
        customers += moves.came - moves.went;
        cells.extend([Cell::Money(fitting(stands)?), Cell::Count(moves.came), Cell::Count(moves.went), Cell::Count(customers)]);
        teller.row(&cells)?;
    }
    let closing = measured.at.last().copied().unwrap_or_default();
    let moved: i128 = measured.moves.iter().flat_map(|moves| moves.all()).sum();
    teller.tie("movements = change in MRR", fitting(moved)?, fitting(closing - opening)?);
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::text("month", "Month"),
        Column::money("opening", "Opening"),
        Column::sum("new", "New"),
        Column::sum("expansion", "Expansion"),
        Column::sum("contraction", "Contraction"),
        Column::sum("churn", "Churn"),
        Column::sum("reactivation", "Reactivation"),
        Column::money("closing", "Closing"),
        Column::tally("customers_came", "Customers came"),
        Column::tally("customers_went", "went"),
        Column::count("customers", "are"),
    ]
}

/// What some accounts were invoiced, as it was known.
async fn lines(tx: &mut Tx, span: &Span, accounts: &[String]) -> Result<Vec<Line>, ReportError> {
    let list = Value::texts(accounts.iter().cloned());
    let asked = [list.clone(), Value::from(span.to), Value::from(span.known_until())];
    let mut lines = tx.fetch_all(&INVOICES, &asked).await?.iter().map(Line::read).collect::<Result<Vec<_>, _>>()?;
    if span.known_at.is_some() {
        let later = ended(tx, &ENDED_LATER, list, span).await?;
        for line in lines.iter_mut().filter(|line| later.contains_key(&(line.account.clone(), line.invoice.clone()))) {
            line.ended_on = None;
        }
    }
    let withdrawn: BTreeSet<&str> = lines.iter().filter(|line| line.is_withdrawn()).map(|line| line.account.as_str()).collect();
    if !withdrawn.is_empty() {
        let decided = ended(tx, &ENDED, Value::texts(withdrawn), span).await?;
        for line in lines.iter_mut().filter(|line| line.is_withdrawn()) {
            line.is_special = true;
            let on = decided.get(&(line.account.clone(), line.invoice.clone())).and_then(NaiveDate::pred_opt);
            line.ended_on = line.ended_on.max(on);
        }
    }
    // Rows do not tell whether a charge of the last day had settled by an instant on it.
    let known_on = span.known_at.and_then(|at| at.date_naive().checked_sub_days(Days::new(1)));
    let is_in_question = |line: &Line| line.has_waited || (line.is_first && known_on.is_some_and(|known_on| line.issued_on >= known_on));
    let in_question: BTreeSet<&str> = lines.iter().filter(|line| is_in_question(line)).map(|line| line.account.as_str()).collect();
    if in_question.is_empty() {
        return Ok(lines);
    }
    let activated = activated(tx, Value::texts(in_question), span).await?;
    for line in lines.iter_mut().filter(|line| is_in_question(line)) {
        line.settled_from = activated.get(&(line.account.clone(), line.subscription.clone())).copied().unwrap_or(NaiveDate::MAX);
    }
    Ok(lines)
}

/// When first charges settled, by account and subscription.
async fn activated(tx: &mut Tx, accounts: Value, span: &Span) -> Result<HashMap<(String, String), NaiveDate>, ReportError> {
    let mut activated = HashMap::new();
    for row in tx.fetch_all(&ACTIVATED, &[accounts, Value::from(span.known_until())]).await? {
        for event in events(&row)? {
            if let Event::Life { subscription, life: Life::Activated } = event {
                activated.entry((row.text_at(0)?, subscription.into())).or_insert(row.date_at(2)?);
            }
        }
    }
    Ok(activated)
}

/// The invoices whose service a statement says was ended, with the business date of that decision.
async fn ended(tx: &mut Tx, sql: &Sql, accounts: Value, span: &Span) -> Result<HashMap<(String, String), NaiveDate>, ReportError> {
    let mut ended = HashMap::new();
    for row in tx.fetch_all(sql, &[accounts, Value::from(span.known_until())]).await? {
        for event in events(&row)? {
            if let Event::ServiceEnded { invoice, .. } = event {
                ended.insert((row.text_at(0)?, invoice), row.date_at(2)?);
            }
        }
    }
    Ok(ended)
}

fn events(row: &Row) -> Result<Vec<Event>, ReportError> {
    let body: Body = serde_json::from_str(row.str_at(3)?).map_err(|error| match (row.str_at(0), row.int_at(1)) {
        (Ok(account), Ok(seq)) => unreadable(account, seq, &error),
        (Err(error), _) | (_, Err(error)) => error.into(),
    })?;
    Ok(body.events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customers_month_is_one_movement() {
        let moved = |before, after, had_before| {
            let mut moves = Moves::default();
            moves.add(before, after, had_before);
            moves
        };
        let none = Moves::default();
        assert_eq!(moved(0, 0, true), none);
        assert_eq!(moved(0, 999, false), Moves { new: 999, came: 1, ..none });
        assert_eq!(moved(0, 999, true), Moves { reactivation: 999, came: 1, ..none });
        assert_eq!(moved(999, 0, true), Moves { churn: -999, went: 1, ..none });
        assert_eq!(moved(999, 1_999, true), Moves { expansion: 1_000, ..none });
        assert_eq!(moved(1_999, 999, true), Moves { contraction: -1_000, ..none });
        assert_eq!(moved(999, 999, true), none);
    }
}
