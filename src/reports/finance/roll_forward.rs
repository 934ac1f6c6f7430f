//! Roll-forward of 2100 and 2110 (ledger.md, section 1): documents move them, and only recognition moves them to revenue.
//!
//! Which document a leg is of is read where it says so: recognition has a leg on revenue in the same event; an issue is known by the
//! invoice's own date and amount; what a credit note is for stands in its event.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use futures::future::LocalBoxFuture;

use super::books::{accrued, amount, currencies, on_accounts, posted};
use super::documents::{self, Documents};
use super::records::{event_at, unreadable};
use super::{Filter, Span, month_name};
use crate::domain::account::NoteReason;
use crate::domain::calendar::first_of_month;
use crate::domain::event::Event;
use crate::domain::ledger::{DEFERRED_REVENUE, LedgerAccount, PREPAYMENTS};
use crate::domain::money::{Currency, Money};
use crate::reports::ReportError;
use crate::reports::accrued::Accrued;
use crate::reports::cards::{Beside, Card, Invoice, Leg, Tally};
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::store::db::{Tx, Value};

crate::statements! {
    /// Records by account and number: what credit notes are for.
    RECORDS = same(
        "select j.account_id, j.seq, j.body from {pairs:$1} as p join journal j on j.account_id = p.owner and j.seq = cast(p.item as bigint)"
    );
}

/// What moved in a month, in minor units, as it moves the balance: what adds to it is positive.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    billed: i128,
    debit_notes: i128,
    credit_notes: i128,
    cancelled: i128,
    recognised: i128,
    reversed: i128,
}

impl Moved {
    const fn all(self) -> [i128; 6] {
        [self.billed, self.debit_notes, self.credit_notes, self.cancelled, self.recognised, self.reversed]
    }
}

/// By currency, account and first day of the month.
type Months = BTreeMap<(Currency, u16, NaiveDate), Moved>;

pub(super) async fn tell(tx: &mut Tx, span: &Span, teller: &mut Teller<'_>) -> Result<(), ReportError> {
    let months = span.months()?;
    let mut moved = span.memo.tally(tx, span.known_until(), Rolling::of(&span.filter)).await?.months.clone();
    let opening_accrued = accrued(tx, span.day_before(), span).await?;
    let mut before = by_account(&opening_accrued);
    for (_, last) in &months {
        let now = by_account(accrued(tx, *last, span).await?.as_ref());
        for key in before.keys().chain(now.keys()) {
            moved.entry((key.0, key.1, first_of_month(*last))).or_default();
        }
        for ((currency, account, month), moved) in &mut moved {
            if *month == first_of_month(*last) {
                let of = |accrued: &BTreeMap<(Currency, u16), i128>| accrued.get(&(*currency, *account)).copied().unwrap_or_default();
                moved.recognised -= of(&now) - of(&before);
            }
        }
        before = now;
    }
    let (opening, closing) = (posted(tx, span.day_before(), span).await?, posted(tx, span.to, span).await?);
    let first_accrued = by_account(&opening_accrued);
    let issued = documents::issued(tx, span).await?;
    for currency in currencies(&closing, span) {
        for account in [PREPAYMENTS, DEFERRED_REVENUE] {
            let number = account.number;
            let of = |accrued: &BTreeMap<(Currency, u16), i128>| accrued.get(&(currency, number)).copied().unwrap_or_default();
            // Liabilities stand in credit; here they are positive.
            let opens = -on_accounts(&opening, currency, &[number]) - of(&first_accrued);
            let closes = -on_accounts(&closing, currency, &[number]) - of(&before);
            let roll = Roll { currency, account, months: &months, moved: &moved };
            let rolled = roll.tell(teller, opens)?;
            teller.tie(format!("closing = {number}"), rolled, amount(closes, account.name, currency)?);
            let sum = |of: fn(&Moved) -> i128| {
                let own = moved.iter().filter(|((of, on, _), _)| (*of, *on) == (currency, number));
                own.map(|(_, moved)| of(moved)).sum::<i128>()
            };
            let Documents { debit_notes, added, taken } = issued.on(currency, number);
            for (what, here, there) in [
                ("billed = invoices", sum(|moved| moved.billed), added.net - debit_notes.net),
                ("debit notes = debit notes issued", sum(|moved| moved.debit_notes), debit_notes.net),
                ("credit notes and cancelled = credit notes issued", -sum(|moved| moved.credit_notes + moved.cancelled), taken.net),
            ] {
                teller.tie(format!("{number}: {what}"), amount(here, what, currency)?, amount(there, what, currency)?);
            }
        }
    }
    Ok(())
}

/// The table of one account in one currency.
struct Roll<'a> {
    currency: Currency,
    account: LedgerAccount,
    months: &'a [(NaiveDate, NaiveDate)],
    moved: &'a Months,
}

impl Roll<'_> {
    /// Tells it and gives what it ends with.
    fn tell(&self, teller: &mut Teller<'_>, opens: i128) -> Result<Money, ReportError> {
        let Self { currency, account, .. } = *self;
        let key = if account.number == PREPAYMENTS.number { "prepayments" } else { "deferred_revenue" };
        teller.section(Section::new(key, format!("{} {}", account.number, account.name), currency, columns()))?;
        let fitting = |exact: i128| amount(exact, account.name, currency);
        let mut stands = opens;
        for (first, _) in self.months {
            let moved = self.moved.get(&(currency, account.number, first_of_month(*first))).copied().unwrap_or_default();
            let mut cells = vec![Cell::text(month_name(*first)), Cell::Money(fitting(stands)?)];
            for part in moved.all() {
                stands += part;
                cells.push(Cell::Money(fitting(part)?));
            }
            cells.push(Cell::Money(fitting(stands)?));
            teller.row(&cells)?;
        }
        fitting(stands)
    }
}

fn columns() -> Vec<Column> {
    vec![
        Column::text("month", "Month"),
        Column::money("opening", "Opening"),
        Column::sum("billed", "Billed"),
        Column::sum("debit_notes", "Debit notes"),
        Column::sum("credit_notes", "Credit notes"),
        Column::sum("cancelled", "Cancelled"),
        Column::sum("recognised", "Recognised"),
        Column::sum("reversed", "Reversed"),
        Column::money("closing", "Closing"),
    ]
}

/// What was posted, month by month, in the making.
pub(super) struct Rolling {
    filter: Filter,
    months: Months,
    /// What credit notes of this part of the accounts took, by account and record; what they are for is looked up.
    taken: BTreeMap<(String, i64), Vec<Taken>>,
}

/// A leg of a credit note.
struct Taken {
    of: (Currency, u16, NaiveDate),
    event_no: i64,
    minor: i64,
}

impl Rolling {
    pub(super) fn of(filter: &Filter) -> (String, Self) {
        (filter.name("roll-forward"), Self { filter: *filter, months: Months::new(), taken: BTreeMap::new() })
    }

    /// What documents added to an invoice's line on an account: in the month of issue the invoice itself, and for the rest debit notes.
    fn added(&mut self, invoice: &Invoice<'_>, legs: &[Leg<'_>]) -> Result<(), ReportError> {
        let mut added: BTreeMap<(Currency, u16, NaiveDate), i128> = BTreeMap::new();
        for leg in legs.iter().filter(|leg| self.filter.has(leg) && leg.minor < 0 && is_documented(leg)) {
            *added.entry(place(leg)?).or_default() -= i128::from(leg.minor);
        }
        for (of, added) in added {
            let is_issue = invoice.issued_on >= self.filter.from && first_of_month(invoice.issued_on) == of.2;
            let billed = if is_issue { i128::from(invoice.net_minor) } else { 0 };
            let moved = self.months.entry(of).or_default();
            moved.billed += billed;
            moved.debit_notes += added - billed;
        }
        Ok(())
    }
}

/// Whether a leg of a prepayment account is one of a document, and not of recognition.
fn is_documented(leg: &Leg<'_>) -> bool {
    leg.is_on(&PREPAID) && !leg.beside.has(Beside::REVENUE)
}

fn place(leg: &Leg<'_>) -> Result<(Currency, u16, NaiveDate), ReportError> {
    Ok((leg.currency()?, u16::try_from(leg.ledger).unwrap_or_default(), first_of_month(leg.on)))
}

/// The prepayment accounts.
const PREPAID: [u16; 2] = [PREPAYMENTS.number, DEFERRED_REVENUE.number];

impl Tally for Rolling {
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError> {
        for leg in card.legs.iter().filter(|leg| leg.is_on(&PREPAID) && self.filter.has(leg)) {
            if leg.beside.has(Beside::REVENUE) {
                let moved = self.months.entry(place(leg)?).or_default();
                *(if leg.minor > 0 { &mut moved.recognised } else { &mut moved.reversed }) -= i128::from(leg.minor);
            } else if leg.minor > 0 {
                let taken = Taken { of: place(leg)?, event_no: leg.event_no, minor: leg.minor };
                self.taken.entry((card.account.to_owned(), leg.seq)).or_default().push(taken);
            }
        }
        card.invoiced().try_for_each(|(invoice, legs)| self.added(invoice, legs))
    }

    fn look_up<'a>(&'a mut self, tx: &'a mut Tx) -> LocalBoxFuture<'a, Result<(), ReportError>> {
        Box::pin(async move {
            let taken = std::mem::take(&mut self.taken);
            if taken.is_empty() {
                return Ok(());
            }
            let pairs = taken.keys().map(|(account, seq)| format!("{account}/{seq}"));
            for row in tx.fetch_all(&RECORDS, &[Value::texts(pairs)]).await? {
                let (account, seq, body) = (row.text_at(0)?, row.int_at(1)?, row.str_at(2)?);
                for Taken { of, event_no, minor } in taken.get(&(account.clone(), seq)).into_iter().flatten() {
                    let event = event_at(body, *event_no).map_err(|error| unreadable(&account, seq, &error))?;
                    let moved = self.months.entry(*of).or_default();
                    *(if puts_right(event.as_ref()) { &mut moved.credit_notes } else { &mut moved.cancelled }) -= i128::from(*minor);
                }
            }
            Ok(())
        })
    }
}

/// Whether a note corrects the price of a service that goes on; all others end it.
fn puts_right(event: Option<&Event>) -> bool {
    matches!(
        event,
        Some(Event::NoteIssued { note, .. }) if matches!(note.reason, NoteReason::Overcharge | NoteReason::Undercharge | NoteReason::Waived)
    )
}

fn by_account(accrued: &Accrued) -> BTreeMap<(Currency, u16), i128> {
    let mut sums = BTreeMap::new();
    for (part, amount) in accrued {
        *sums.entry((part.currency, part.prepaid)).or_default() += i128::from(amount.minor());
    }
    sums
}
