//! Corrections of wrong payments (CO): found inside the 30 days of the transaction or after them, what became of each, and how many
//! days were left when it was put right; and orders that were cancelled because the published price was wrong (CO-5).

mod orders;

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

pub(super) use self::orders::STATEMENTS as ORDER_STATEMENTS;
use super::Span;
use super::books::{amount, currencies, currency_at, posted};
use super::records::{self, Record};
use crate::domain::account::CorrectionState;
use crate::domain::event::Event;
use crate::domain::money::{Currency, Money};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, sums};
use crate::store::db::Tx;
use crate::values;

crate::statements! {
    /// The next accounts of a currency that have corrections.
    WITH_CORRECTIONS = same(
        "select distinct c.account_id from corrections c join accounts a on a.account_id = c.account_id \
         where a.currency = $1 and c.account_id > $2 order by c.account_id limit $3"
    );
    /// What their journals say of corrections.
    RECORDS = same(
        "select account_id, seq, effective_on, body from journal where account_id {in:$1} and effective_on <= $2 and posted_at <= $3 \
         and (body like '%\"correction_opened.v1\"%' or body like '%\"correction_closed.v1\"%') order by account_id, seq"
    );
    /// By how much the decisions that found something in a range raised lines and their tax: recognition, which only moves the
    /// net amount to revenue, cancels out.
    DOCUMENTED = same(concat!(
        "select p.currency, ", halves!("p.amount_minor"), " from postings p join journal j on j.account_id = p.account_id and j.seq = p.seq \
         where p.account_id in (select account_id from corrections) and p.ledger_account in (2100, 2110, 2200, 4000, 4200, 4300) \
         and p.effective_on >= $1 and p.effective_on <= $2 and j.posted_at <= $3 and j.body like '%\"correction_opened.v1\"%' \
         group by p.currency"
    ));
}

/// One correction.
struct Line {
    id: String,
    account: String,
    invoice: String,
    transaction_on: NaiveDate,
    last_attempt_on: NaiveDate,
    found_on: NaiveDate,
    charged: Money,
    correct: Money,
    state: CorrectionState,
    closed_on: Option<NaiveDate>,
    /// It was given up in the decision that found it: no document was made.
    waived_at_once: bool,
}

impl Line {
    /// CO-2, CO-3: whether it was found while attempts could begin.
    fn window(&self) -> &'static str {
        if self.found_on <= self.last_attempt_on { "inside" } else { "after" }
    }

    /// Days of the window that were left when it was put right, negative where an attempt that began inside ended after it; of one that is
    /// open, those that are left at the end of a day.
    fn days_left(&self, on: NaiveDate) -> Option<i64> {
        let until = match self.state {
            CorrectionState::Open => on,
            CorrectionState::Done => self.closed_on?,
            CorrectionState::Waived | CorrectionState::Owed => return None,
        };
        Some(self.last_attempt_on.signed_duration_since(until).num_days())
    }
}

const fn words(state: CorrectionState) -> &'static str {
    match state {
        CorrectionState::Open => "open",
        CorrectionState::Done => "put right",
        CorrectionState::Waived => "waived",
        CorrectionState::Owed => "owed as credit",
    }
}

/// How many and how much, charged too little and too much, by window and state.
type Sums = BTreeMap<(&'static str, &'static str), (i64, i128, i128)>;

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let mut documented = BTreeMap::new();
    for row in tx.fetch_all(&DOCUMENTED, &values![span.from, span.to, span.known_until()]).await? {
        documented.insert(currency_at(&row, 0)?, -sums::exact(&row, 1)?);
    }
    let ledger = posted(tx, span.to, span).await?;
    for currency in currencies(&ledger, span) {
        let (mut sums, mut noted, mut after) = (Sums::new(), 0, String::new());
        teller.section(Section::detail("corrections", "Wrong payments", currency, columns()))?;
        loop {
            let accounts = records::next_accounts(tx, &WITH_CORRECTIONS, currency, &after).await?;
            let Some(last) = accounts.last() else { break };
            after.clone_from(last);
            for line in lines(records::of_accounts(tx, &RECORDS, &accounts, span).await?) {
                if line.found_on < span.from {
                    continue;
                }
                let difference = line.correct.minus(line.charged)?;
                if !line.waived_at_once {
                    noted += i128::from(difference.minor());
                }
                let (count, less, more) = sums.entry((line.window(), words(line.state))).or_default();
                *count += 1;
                *less += i128::from(difference.or_zero().minor());
                *more += i128::from(difference.negated()?.or_zero().minor());
                teller.row(&cells(&line, difference, span.to))?;
            }
        }
        tell_sums(teller, currency, &sums)?;
        let there = documented.get(&currency).copied().unwrap_or_default();
        let noted = amount(noted, "corrections", currency)?;
        teller.tie("differences = what notes added to lines and tax", noted, amount(there, "corrections", currency)?);
        orders::tell(tx, span, teller, currency).await?;
    }
    teller.note("An order that was cancelled before it was billed has nothing to give back (CA-4).");
    teller.note("A difference that was waived when it was found has no note: it is listed, and left out of the tie.");
    Ok(())
}

fn columns() -> Vec<Column> {
    vec![
        Column::date("found_on", "Found on"),
        Column::text("correction", "Correction"),
        Column::text("account", "Account"),
        Column::text("invoice", "Invoice"),
        Column::date("transaction_on", "Transaction"),
        Column::count("days_after", "Days after it"),
        Column::text("window", "Window"),
        Column::money("charged", "Charged"),
        Column::money("correct", "Correct"),
        Column::sum("difference", "Difference"),
        Column::text("state", "State"),
        Column::date("closed_on", "Closed on"),
        Column::count("days_left", "Days left"),
    ]
}

fn cells(line: &Line, difference: Money, on: NaiveDate) -> Vec<Cell> {
    vec![
        Cell::Date(line.found_on),
        Cell::text(&line.id),
        Cell::text(&line.account),
        Cell::text(&line.invoice),
        Cell::Date(line.transaction_on),
        Cell::Count(line.found_on.signed_duration_since(line.transaction_on).num_days()),
        Cell::text(line.window()),
        Cell::Money(line.charged),
        Cell::Money(line.correct),
        Cell::Money(difference),
        Cell::text(words(line.state)),
        Cell::or_empty(line.closed_on, Cell::Date),
        Cell::or_empty(line.days_left(on), Cell::Count),
    ]
}

fn tell_sums(teller: &mut Teller<'_>, currency: Currency, sums: &Sums) -> Result<(), ReportError> {
    let columns = vec![
        Column::text("window", "Window"),
        Column::text("state", "State"),
        Column::tally("corrections", "Corrections"),
        Column::sum("charged_too_little", "Charged too little"),
        Column::sum("charged_too_much", "Charged too much"),
    ];
    teller.section(Section::new("windows", "By window and state", currency, columns))?;
    for ((window, state), (count, less, more)) in sums {
        let amounts = [amount(*less, state, currency)?, amount(*more, state, currency)?].map(Cell::Money);
        let cells = [Cell::text(*window), Cell::text(*state), Cell::Count(*count)];
        teller.row(&cells.into_iter().chain(amounts).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// The corrections of some records, which stand in the order of accounts and of what happened.
fn lines(records: Vec<Record>) -> Vec<Line> {
    let (mut lines, mut known) = (Vec::<Line>::new(), HashMap::<(String, String), usize>::new());
    for Record { account, on, events } in records {
        let first_of_record = lines.len();
        for event in events {
            match event {
                Event::CorrectionOpened { id, invoice, charged, correct, transaction_on, last_attempt_on } => {
                    known.insert((account.clone(), id.clone()), lines.len());
                    let (state, account) = (CorrectionState::Open, account.clone());
                    lines.push(Line {
                        id,
                        account,
                        invoice,
                        transaction_on,
                        last_attempt_on,
                        found_on: on,
                        charged,
                        correct,
                        state,
                        closed_on: None,
                        waived_at_once: false,
                    });
                }
                Event::CorrectionClosed { id, state } => {
                    let at = known.get(&(account.clone(), id)).copied();
                    if let Some((at, line)) = at.and_then(|at| Some((at, lines.get_mut(at)?))) {
                        (line.state, line.closed_on) = (state, Some(on));
                        line.waived_at_once = state == CorrectionState::Waived && at >= first_of_record;
                    }
                }
                _ => {}
            }
        }
    }
    lines
}
