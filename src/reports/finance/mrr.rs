//! Movements of monthly recurring revenue.
//!
//! The MRR of a day is the net price, after promotion and without tax, of the invoices whose period runs on it: of a monthly one all of
//! it, of an annual one the twelfth part, rounded half up on each invoice. An invoice counts from the day on which it was issued, and
//! not while its first charge has not settled (LC-3), until its period or its service ends. Corrections do not change it. One that is
//! withdrawn later as if it had never been (RF-6) counts until the day on which that was decided, so that a past month stays as it was.
//! Movements compare what each customer has at the ends of two months, so that they add up to the change exactly.

mod moves;

use std::collections::{BTreeMap, HashMap};

use chrono::{Days, NaiveDate};
use futures::future::LocalBoxFuture;

use self::moves::{Listed, Moved, Moves};
use super::books::{amount, currencies, posted};
use super::records::unreadable;
use super::{Filter, Span, month_name, months};
use crate::domain::event::Event;
use crate::domain::ledger::{DEFERRED_REVENUE, PREPAYMENTS};
use crate::domain::money::{Currency, Money};
use crate::domain::subscription::Life;
use crate::reports::ReportError;
use crate::reports::cards::{Card, Invoice, Leg, Tally};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::stored::Body;
use crate::store::db::{Row, Sql, Tx, Value};

crate::statements! {
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
}

/// An invoice as far as it counts.
#[derive(Debug, Clone)]
struct Line {
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
    fn of(invoice: &Invoice<'_>, currency: Currency) -> Result<Self, ReportError> {
        let net = Money::new(invoice.net_minor, currency);
        let monthly = if invoice.is_annual { net.share(1, 12)? } else { net };
        Ok(Self {
            monthly: monthly.minor().into(),
            start: invoice.start,
            end: invoice.end,
            issued_on: invoice.issued_on,
            ended_on: invoice.ended_on,
            is_first: (invoice.term_no, invoice.period_no) == (1, 0),
            has_waited: invoice.has_waited,
            settled_from: invoice.issued_on,
            is_special: invoice.has_waited,
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

/// What is measured in one currency: MRR at the day before and at each month's end, and how it moved between them.
#[derive(Clone)]
struct Measured {
    at: Vec<i128>,
    moves: Vec<Moves>,
    listed: Listed,
    customers: i64,
    /// Of the last day, the lines whose rows tell all by themselves.
    plain: i128,
}

impl Measured {
    fn new(days: &[NaiveDate]) -> Self {
        let moves = vec![Moves::default(); days.len().saturating_sub(1)];
        Self { at: vec![0; days.len()], moves, listed: Listed::default(), customers: 0, plain: 0 }
    }

    /// Adds the lines of one customer.
    fn add<'a>(&mut self, days: &[NaiveDate], customer: &str, lines: &(impl Iterator<Item = &'a Line> + Clone)) {
        if let Some(last) = days.last() {
            self.plain += lines.clone().filter(|line| !line.is_special && line.counts_on(*last)).map(|line| line.monthly).sum::<i128>();
        }
        let mut before = None;
        for (at, day) in days.iter().enumerate() {
            let mut mrr = 0;
            for line in lines.clone().filter(|line| line.counts_on(*day)) {
                mrr += line.monthly;
                self.at[at] += line.monthly;
            }
            if let Some((day_before, mrr_before)) = before {
                let had_before = lines.clone().any(|line| line.has_begun_by(day_before));
                if let Some(movement) = self.moves[at - 1].add(mrr_before, mrr, had_before) {
                    self.listed.add(at - 1, customer, Moved { movement, before: mrr_before, after: mrr });
                }
            } else if mrr > 0 {
                self.customers += 1;
            }
            before = Some((*day, mrr));
        }
    }
}

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let days = days(span.from, span.to)?;
    let ledger = posted(tx, span.to, span).await?;
    let found = span.memo.tally(tx, span.known_until(), Measuring::of(&span.filter, days)).await?;
    let nothing = Measured::new(&found.days);
    for currency in currencies(&ledger, span) {
        let measured = found.books.get(&currency).unwrap_or(&nothing);
        tell_currency(teller, currency, &found.days, measured)?;
        // Rows of invoices hold only the present.
        if span.known_at.is_none() {
            let (here, there) = (measured.plain, found.booked.get(&currency).copied().unwrap_or_default());
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

fn tell_currency(teller: &mut Teller<'_>, currency: Currency, days: &[NaiveDate], measured: &Measured) -> Result<(), ReportError> {
    teller.section(Section::new("movements", "Movements by month", currency, columns()))?;
    let fitting = |exact: i128| amount(exact, "MRR", currency);
    let opening = measured.at.first().copied().unwrap_or_default();
    let (mut stands, mut customers) = (opening, measured.customers);
    for (day, moves) in days.iter().skip(1).zip(&measured.moves) {
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
    tell_customers(teller, currency, days, (&measured.listed, moved))
}

/// Whose MRR moved, and how.
fn tell_customers(
    teller: &mut Teller<'_>,
    currency: Currency,
    days: &[NaiveDate],
    (listed, moved): (&Listed, i128),
) -> Result<(), ReportError> {
    let columns = vec![
        Column::text("month", "Month"),
        Column::text("account", "Account"),
        Column::text("movement", "Movement"),
        Column::sum("before", "Before"),
        Column::sum("after", "After"),
        Column::sum("change", "Change"),
    ];
    let fitting = |exact: i128| amount(exact, "MRR", currency);
    teller.section(Section::detail("customers", "Movements by customer", currency, columns))?;
    for ((at, account), Moved { movement, before, after }) in &listed.by_customer {
        let month = days.get(at + 1).copied().map(month_name).unwrap_or_default();
        let amounts = [*before, *after, after - before].map(|exact| fitting(exact).map(Cell::Money));
        let [before, after, change] = amounts;
        teller.row(&[Cell::text(month), Cell::text(account), Cell::text(movement.tag()), before?, after?, change?])?;
    }
    let sum: i128 = listed.by_customer.values().map(|moved| moved.after - moved.before).sum();
    if listed.unlisted == 0 {
        teller.tie("movements by customer = movements by month", fitting(sum)?, fitting(moved)?);
    } else {
        teller.note(format!("{currency}: {} more movements of customers are in the sums and not in the list.", listed.unlisted));
    }
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

/// The day before a range, and the last days of its months.
fn days(from: NaiveDate, to: NaiveDate) -> Result<Vec<NaiveDate>, ReportError> {
    let before = from.pred_opt().unwrap_or(from);
    Ok(std::iter::once(before).chain(months(from, to)?.into_iter().map(|(_, last)| last)).collect())
}

/// What is measured, in the making.
pub(super) struct Measuring {
    filter: Filter,
    days: Vec<NaiveDate>,
    books: BTreeMap<Currency, Measured>,
    /// What the periods that run on the last day were booked at when they were issued, by currency of the legs: of those whose first charge
    /// did not wait and that were not withdrawn.
    booked: BTreeMap<Currency, i128>,
    /// Customers of this part of the accounts of whom the journal must be asked.
    waiting: Vec<Waiting>,
}

/// A customer's lines, each with its invoice and its subscription.
struct Waiting {
    account: String,
    currency: Currency,
    lines: Vec<(String, String, Line)>,
}

impl Measuring {
    fn of(filter: &Filter, days: Vec<NaiveDate>) -> (String, Self) {
        let name = filter.name(&format!("mrr from {}", days.first().copied().unwrap_or_default()));
        (name, Self { filter: *filter, days, books: BTreeMap::new(), booked: BTreeMap::new(), waiting: Vec::new() })
    }

    /// The same, where it is known on which days it is measured.
    pub(super) fn foreseen(filter: &Filter) -> Option<(String, Self)> {
        let days = days(filter.from, filter.to).ok().filter(|_| filter.from > NaiveDate::MIN)?;
        Some(Self::of(filter, days))
    }

    /// Rows do not tell whether a charge of the last day had settled by an instant on it.
    fn is_in_question(&self, line: &Line) -> bool {
        let known_on = self.filter.known_at.and_then(|at| at.date_naive().checked_sub_days(Days::new(1)));
        line.has_waited || (line.is_first && known_on.is_some_and(|known_on| line.issued_on >= known_on))
    }

    /// Adds what the first record of an invoice booked, where its period runs on the last day. An annual one counts a twelfth, rounded half up.
    fn add_booked(&mut self, invoice: &Invoice<'_>, legs: &[Leg<'_>]) -> Result<(), ReportError> {
        let to = self.filter.to;
        let runs = invoice.issued_on <= to && invoice.start <= to && invoice.end > to && invoice.ended_on.is_none_or(|last| last >= to);
        if !runs || invoice.is_pending || invoice.has_waited {
            return Ok(());
        }
        let first = legs.iter().map(|leg| leg.seq).min();
        let prepaid = [PREPAYMENTS.number, DEFERRED_REVENUE.number];
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for leg in legs.iter().filter(|leg| Some(leg.seq) == first && leg.minor < 0 && leg.is_on(&prepaid)) {
            *sums.entry(leg.currency()?).or_default() -= i128::from(leg.minor);
        }
        for (currency, sum) in sums {
            *self.booked.entry(currency).or_default() += if invoice.is_annual { (sum + 6) / 12 } else { sum };
        }
        Ok(())
    }
}

impl Tally for Measuring {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        let Some(currency) = card.currency else { return Ok(()) };
        card.invoiced().try_for_each(|(invoice, legs)| self.add_booked(invoice, legs))?;
        // An invoice without an amount counts for nothing, and so does one that is pending still.
        let counts = |invoice: &&Invoice<'_>| {
            let is_known = || self.filter.known_at.is_none() || card.has_legs_of(invoice.id);
            invoice.issued_on <= self.filter.to && invoice.net_minor > 0 && !invoice.is_pending && is_known()
        };
        let invoices: Vec<&Invoice<'_>> = card.invoices.iter().filter(counts).collect();
        let lines = invoices.iter().map(|invoice| Line::of(invoice, currency)).collect::<Result<Vec<_>, _>>()?;
        let must_ask = self.filter.known_at.is_some() || lines.iter().any(|line| line.is_withdrawn() || self.is_in_question(line));
        if must_ask {
            let named = |(invoice, line): (&Invoice<'_>, Line)| (invoice.id.to_owned(), invoice.subscription.to_owned(), line);
            let lines = invoices.into_iter().zip(lines).map(named).collect();
            self.waiting.push(Waiting { account: card.account.to_owned(), currency, lines });
        } else if !lines.is_empty() {
            let Self { books, days, .. } = self;
            books.entry(currency).or_insert_with(|| Measured::new(days)).add(days, card.account, &lines.iter());
        }
        Ok(())
    }

    fn look_up<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, Result<(), ReportError>> {
        Box::pin(async move {
            let mut waiting = std::mem::take(&mut self.waiting);
            self.ask(tx, &mut waiting).await?;
            let Self { books, days, .. } = self;
            for Waiting { account, currency, lines } in &waiting {
                books.entry(*currency).or_insert_with(|| Measured::new(days)).add(days, account, &lines.iter().map(|(_, _, line)| line));
            }
            Ok(())
        })
    }
}

impl Measuring {
    /// Puts right what only the journal tells.
    async fn ask(&self, tx: &mut Tx, waiting: &mut [Waiting]) -> Result<(), ReportError> {
        let known_until = self.filter.known_until();
        if self.filter.known_at.is_some() && !waiting.is_empty() {
            let later = ended(tx, &ENDED_LATER, Value::texts(waiting.iter().map(|of| of.account.as_str())), known_until).await?;
            for Waiting { account, lines, .. } in waiting.iter_mut() {
                for (invoice, _, line) in lines {
                    if later.contains_key(&(account.clone(), invoice.clone())) {
                        line.ended_on = None;
                    }
                }
            }
        }
        let has = |of: &Waiting, is: &dyn Fn(&Line) -> bool| of.lines.iter().any(|(_, _, line)| is(line));
        let withdrawn: Vec<&str> = waiting.iter().filter(|of| has(of, &Line::is_withdrawn)).map(|of| of.account.as_str()).collect();
        if !withdrawn.is_empty() {
            let decided = ended(tx, &ENDED, Value::texts(withdrawn), known_until).await?;
            for Waiting { account, lines, .. } in waiting.iter_mut() {
                for (invoice, _, line) in lines.iter_mut().filter(|(_, _, line)| line.is_withdrawn()) {
                    line.is_special = true;
                    let on = decided.get(&(account.clone(), invoice.clone())).and_then(NaiveDate::pred_opt);
                    line.ended_on = line.ended_on.max(on);
                }
            }
        }
        let is_in_question = |line: &Line| self.is_in_question(line);
        let in_question: Vec<&str> = waiting.iter().filter(|of| has(of, &is_in_question)).map(|of| of.account.as_str()).collect();
        if !in_question.is_empty() {
            let activated = activated(tx, Value::texts(in_question), known_until).await?;
            for Waiting { account, lines, .. } in waiting.iter_mut() {
                for (_, subscription, line) in lines.iter_mut().filter(|(_, _, line)| is_in_question(line)) {
                    line.settled_from = activated.get(&(account.clone(), subscription.clone())).copied().unwrap_or(NaiveDate::MAX);
                }
            }
        }
        Ok(())
    }
}

/// When first charges settled, by account and subscription.
async fn activated(tx: &mut Tx, accounts: Value, known_until: i64) -> Result<HashMap<(String, String), NaiveDate>, ReportError> {
    let mut activated = HashMap::new();
    for row in tx.fetch_all(&ACTIVATED, &[accounts, Value::from(known_until)]).await? {
        for event in events(&row)? {
            if let Event::Life { subscription, life: Life::Activated } = event {
                activated.entry((row.text_at(0)?, subscription.into())).or_insert(row.date_at(2)?);
            }
        }
    }
    Ok(activated)
}

/// The invoices whose service a statement says was ended, with the business date of that decision.
async fn ended(tx: &mut Tx, sql: &Sql, accounts: Value, known_until: i64) -> Result<HashMap<(String, String), NaiveDate>, ReportError> {
    let mut ended = HashMap::new();
    for row in tx.fetch_all(sql, &[accounts, Value::from(known_until)]).await? {
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
