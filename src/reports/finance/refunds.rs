//! Refunds: each with the arithmetic of the note that it belongs to (RF-1 to RF-4), and where it stands at the end of the range. What
//! is on its way is 2310.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::Span;
use super::books::{amount, currencies, on_accounts, posted};
use super::records::{self, Record};
use crate::domain::account::Note;
use crate::domain::calendar::Period;
use crate::domain::event::{Event, Given};
use crate::domain::ledger::REFUNDS_PAYABLE;
use crate::domain::money::{Currency, Money};
use crate::reports::ReportError;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::db::{Tx, Value};

crate::statements! {
    /// The next accounts of a currency that have refunds.
    WITH_REFUNDS = same(
        "select distinct r.account_id from refunds r join accounts a on a.account_id = r.account_id \
         where a.currency = $1 and r.account_id > $2 order by r.account_id limit $3"
    );
    /// What their journals say of refunds.
    RECORDS = same(
        "select account_id, seq, effective_on, body from journal where account_id {in:$1} and effective_on <= $2 and posted_at <= $3 \
         and (body like '%\"refund_requested.v1\"%' or body like '%\"refund_settled.v1\"%' or body like '%\"refund_failed.v1\"%' \
         or body like '%\"refund_abandoned.v1\"%' or body like '%\"refund_reopened.v1\"%') order by account_id, seq"
    );
    /// The periods of invoices that refunds are of.
    PERIODS = same(
        "select distinct i.account_id, i.invoice_id, i.period_start, i.period_end from refunds r \
         join invoices i on i.account_id = r.account_id and i.invoice_id = r.invoice_id where r.account_id {in:$1}"
    );
}

/// Where a refund stands at the end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stands {
    OnItsWay,
    PaidOut,
    /// The provider said no, or it came back: the money is account credit.
    KeptAsCredit,
    /// Never sent; another one took its place.
    GivenUp,
}

impl Stands {
    const fn words(self) -> &'static str {
        match self {
            Self::OnItsWay => "on its way",
            Self::PaidOut => "paid out",
            Self::KeptAsCredit => "kept as credit",
            Self::GivenUp => "given up",
        }
    }
}

/// One refund.
struct Line {
    id: String,
    account: String,
    invoice: String,
    basis: String,
    requested_on: NaiveDate,
    amount: Money,
    note: Option<(Note, Given)>,
    last_day: Option<NaiveDate>,
    stands: Stands,
    settled_on: Option<NaiveDate>,
}

/// How many and how much, by basis and by where they stand.
type Sums = BTreeMap<(String, Stands), (i64, i128)>;

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let ledger = posted(tx, span.to, span).await?;
    for currency in currencies(&ledger, span) {
        let (mut sums, mut on_their_way, mut after) = (Sums::new(), 0, String::new());
        teller.section(Section::detail("refunds", "Refunds", currency, columns()))?;
        loop {
            let accounts = records::next_accounts(tx, &WITH_REFUNDS, currency, &after).await?;
            let Some(last) = accounts.last() else { break };
            after.clone_from(last);
            let periods = periods(tx, &accounts).await?;
            for line in lines(records::of_accounts(tx, &RECORDS, &accounts, span).await?)? {
                if line.stands == Stands::OnItsWay {
                    on_their_way += i128::from(line.amount.minor());
                }
                if line.requested_on < span.from {
                    continue;
                }
                let (count, sum) = sums.entry((line.basis.clone(), line.stands)).or_default();
                *count += 1;
                // What was given up is asked for anew in another line.
                *sum += if line.stands == Stands::GivenUp { 0 } else { i128::from(line.amount.minor()) };
                teller.row(&cells(&line, periods.get(&(line.account.clone(), line.invoice.clone())).copied())?)?;
            }
        }
        tell_sums(teller, currency, &sums)?;
        let payable = -on_accounts(&ledger, currency, &[REFUNDS_PAYABLE.number]);
        teller.tie("refunds on their way = 2310", amount(on_their_way, "refunds", currency)?, amount(payable, "2310", currency)?);
    }
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::date("requested_on", "Asked for on"),
        Column::text("refund", "Refund"),
        Column::text("account", "Account"),
        Column::text("invoice", "Invoice"),
        Column::text("basis", "Basis"),
        Column::count("days_used", "Days used"),
        Column::count("days_total", "Days"),
        Column::money("net_back", "Net back"),
        Column::money("tax_back", "Tax back"),
        Column::money("owed_off", "Off what is owed"),
        Column::money("to_credit", "To credit"),
        Column::money("held", "Held"),
        Column::money("to_refund", "To refund"),
        Column::sum("refund_amount", "Refund"),
        Column::text("stands", "Stands"),
        Column::date("confirmed_on", "Confirmed on"),
    ]
}

fn cells(line: &Line, period: Option<Period>) -> Result<Vec<Cell>, ReportError> {
    let days = line.last_day.zip(period).map(|(last, period)| [period.days_through(last), period.days()].map(i64::from));
    let note = line.note.as_ref();
    let credit = note.map(|(_, given)| given.credit_cash.plus(given.credit_goodwill)).transpose()?;
    Ok(vec![
        Cell::Date(line.requested_on),
        Cell::text(&line.id),
        Cell::text(&line.account),
        Cell::text(&line.invoice),
        Cell::text(&line.basis),
        Cell::or_empty(days, |[used, _]| Cell::Count(used)),
        Cell::or_empty(days, |[_, total]| Cell::Count(total)),
        Cell::or_empty(note, |(note, _)| Cell::Money(note.net)),
        Cell::or_empty(note, |(note, _)| Cell::Money(note.tax)),
        Cell::or_empty(note, |(_, given)| Cell::Money(given.owed_off)),
        Cell::or_empty(credit, Cell::Money),
        Cell::or_empty(note, |(_, given)| Cell::Money(given.held)),
        Cell::or_empty(note, |(_, given)| Cell::Money(given.payout)),
        if line.stands == Stands::GivenUp { Cell::Empty } else { Cell::Money(line.amount) },
        Cell::text(line.stands.words()),
        Cell::or_empty(line.settled_on, Cell::Date),
    ])
}

fn tell_sums(teller: &mut Teller<'_>, currency: Currency, sums: &Sums) -> Result<(), ReportError> {
    let columns = vec![
        Column::text("basis", "Basis"),
        Column::text("stands", "Stands"),
        Column::tally("refunds", "Refunds"),
        Column::sum("amount", "Amount"),
    ];
    teller.section(Section::new("bases", "By basis and by where they stand", currency, columns))?;
    for ((basis, stands), (count, sum)) in sums {
        let cells = [Cell::text(basis), Cell::text(stands.words()), Cell::Count(*count), Cell::Money(amount(*sum, basis, currency)?)];
        teller.row(&cells)?;
    }
    Ok(())
}

async fn periods(tx: &mut Tx, accounts: &[String]) -> Result<HashMap<(String, String), Period>, ReportError> {
    let mut periods = HashMap::new();
    for row in tx.fetch_all(&PERIODS, &[Value::texts(accounts.iter().cloned())]).await? {
        let period = Period::new(row.date_at(2)?, row.date_at(3)?).map_err(|_| row.corrupt("period_end", "does not follow the start"))?;
        periods.insert((row.text_at(0)?, row.text_at(1)?), period);
    }
    Ok(periods)
}

/// The refunds of some records, which stand in the order of accounts and of what happened.
fn lines(records: Vec<Record>) -> Result<Vec<Line>, ReportError> {
    let (mut lines, mut at) = (Vec::<Line>::new(), HashMap::<(String, String), usize>::new());
    for Record { account, on, events } in records {
        for event in &events {
            match event {
                Event::RefundRequested { id, invoice, amount, reason, .. } => {
                    at.insert((account.clone(), id.clone()), lines.len());
                    lines.push(Line {
                        id: id.clone(),
                        account: account.clone(),
                        invoice: invoice.clone(),
                        basis: reason.clone(),
                        requested_on: on,
                        amount: *amount,
                        note: note_on(&events, invoice),
                        last_day: last_day_of(&events, invoice),
                        stands: Stands::OnItsWay,
                        settled_on: None,
                    });
                }
                Event::RefundSettled { refund, on, short, .. } => {
                    settle(&mut lines, &at, &account, refund, Stands::PaidOut, Some(*on));
                    // F49: as much as has moved.
                    if let (Some(short), Some(line)) = (short, at.get(&(account.clone(), refund.clone())).and_then(|at| lines.get_mut(*at)))
                    {
                        line.amount = line.amount.minus(*short)?;
                    }
                }
                Event::RefundFailed { refund, on, excess, .. } => {
                    settle(&mut lines, &at, &account, refund, Stands::KeptAsCredit, Some(*on));
                    if let (Some(excess), Some(line)) =
                        (excess, at.get(&(account.clone(), refund.clone())).and_then(|at| lines.get_mut(*at)))
                    {
                        line.amount = line.amount.minus(excess.sum()?)?;
                    }
                }
                Event::RefundReopened { refund, taken_over, from_credit, .. } => {
                    if let Some(line) = at.get(&(account.clone(), refund.clone())).and_then(|at| lines.get_mut(*at)) {
                        line.amount = taken_over.plus(*from_credit)?;
                    }
                }
                Event::RefundAbandoned { refund } => settle(&mut lines, &at, &account, refund, Stands::GivenUp, None),
                _ => {}
            }
        }
    }
    Ok(lines)
}

fn settle(lines: &mut [Line], at: &HashMap<(String, String), usize>, account: &str, refund: &str, stands: Stands, on: Option<NaiveDate>) {
    if let Some(line) = at.get(&(account.to_owned(), refund.to_owned())).and_then(|at| lines.get_mut(*at)) {
        (line.stands, line.settled_on) = (stands, on);
    }
}

/// The credit note of the same decision on the same invoice. What a lost dispute has taken went to no refund.
fn note_on(events: &[Event], invoice: &str) -> Option<(Note, Given)> {
    events.iter().find_map(|event| match event {
        Event::NoteIssued { note, given } if note.invoice == invoice && !note.reason.is_debit() && given.lost.is_zero() => {
            Some((note.clone(), *given))
        }
        _ => None,
    })
}

/// The last day of service, where the same decision ended it.
fn last_day_of(events: &[Event], ended: &str) -> Option<NaiveDate> {
    events.iter().find_map(|event| match event {
        Event::ServiceEnded { invoice, on } if invoice == ended => Some(*on),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::NoteReason;

    fn usd(minor: i64) -> Money {
        Money::new(minor, Currency::parse("USD").unwrap())
    }

    fn noted(id: &str, net: i64, lost: i64, payout: i64) -> Event {
        let issued_on = NaiveDate::from_ymd_opt(2026, 2, 1).unwrap();
        let (id, invoice, reason) = (id.to_owned(), "in_s1_1_0".to_owned(), NoteReason::DisputeLost);
        let note = Note { id, invoice, reason, net: usd(net), tax: usd(0), issued_on };
        Event::NoteIssued { note, given: Given { lost: usd(lost), payout: usd(payout), ..Given::nothing(usd(0)) } }
    }

    /// Of 120.00 a dispute has taken 30.00; what was not disputed is given back, less a day.
    #[test]
    fn the_rest_of_a_disputed_payment_has_a_note_of_its_own() {
        let events = [noted("cn_1", 3_000, 3_000, 0), noted("cn_2", 8_900, 0, 8_900)];
        let (note, given) = note_on(&events, "in_s1_1_0").unwrap();
        assert_eq!((note.id.as_str(), note.net, given.payout), ("cn_2", usd(8_900), usd(8_900)));
        assert!(note_on(&events[..1], "in_s1_1_0").is_none());
    }
}
