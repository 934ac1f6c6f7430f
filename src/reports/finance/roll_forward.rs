//! Roll-forward of 2100 and 2110 (ledger.md, section 1): documents move them, and only recognition moves them to revenue.
//!
//! Which document a leg is of is read where it says so: recognition has a leg on revenue in the same event; an issue is known by the
//! invoice's own date and amount; what a credit note is for stands in its event.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::books::{accrued, amount, currencies, currency_at, month_at, on_accounts, posted};
use super::documents::{self, Documents};
use super::records::{event_at, unreadable};
use super::{Span, month_name};
use crate::domain::account::NoteReason;
use crate::domain::calendar::first_of_month;
use crate::domain::event::Event;
use crate::domain::ledger::{DEFERRED_REVENUE, LedgerAccount, PREPAYMENTS};
use crate::domain::money::{Currency, Money};
use crate::reports::accrued::Accrued;
use crate::reports::sheet::{Cell, Column, Section, Teller};
use crate::reports::{ReportError, sums};
use crate::store::db::Tx;
use crate::values;

/// That the event of a posting `p` recognises revenue.
macro_rules! recognises {
    () => {
        "exists (select 1 from postings o where o.account_id = p.account_id and o.seq = p.seq and o.event_no = p.event_no \
         and o.ledger_account in (4000, 4200, 4300))"
    };
}

/// The month of a posting's business date.
macro_rules! month {
    () => {
        "substr(cast(p.effective_on as text), 1, 7)"
    };
}

crate::statements! {
    /// What recognition moved, by month; positive to revenue, negative back.
    RECOGNISED = same(concat!(
        "select p.currency, p.ledger_account, ", month!(), " as month, case when p.amount_minor > 0 then 1 else 0 end as earned, ",
        halves!("p.amount_minor"), " from postings p where p.ledger_account in (2100, 2110) and p.effective_on >= $1 \
         and p.effective_on <= $2 and ", known!("$3"), " and ($4 = '' or p.currency = $4) and ", recognises!(),
        " group by p.currency, p.ledger_account, ", month!(), ", case when p.amount_minor > 0 then 1 else 0 end"
    ));
    /// What documents added, by month: invoices at what was invoiced, and the rest, which are debit notes.
    ADDED = same(concat!(
        "select d.currency, d.ledger_account, d.month, ", halves!("d.billed"), ", cast(sum((d.added - d.billed) / 4294967296) as bigint) \
         as noted_high, cast(sum((d.added - d.billed) % 4294967296) as bigint) as noted_low \
         from (select p.currency, p.ledger_account, ", month!(), " as month, cast(-sum(p.amount_minor) as bigint) as added, \
         case when i.issued_on >= $1 and substr(cast(i.issued_on as text), 1, 7) = ", month!(), " then i.invoiced_net_minor else 0 end as billed \
         from postings p join invoices i on i.account_id = p.account_id and i.invoice_id = p.invoice_id \
         where p.ledger_account in (2100, 2110) and p.amount_minor < 0 and p.effective_on >= $1 and p.effective_on <= $2 and ",
        known!("$3"), " and ($4 = '' or p.currency = $4) and not ", recognises!(),
        " group by p.account_id, p.invoice_id, p.currency, p.ledger_account, ", month!(), ", i.issued_on, i.invoiced_net_minor) d \
         group by d.currency, d.ledger_account, d.month"
    ));
    /// What credit notes took, each with the record that says what for. (A cross join has SQLite look up the records of these alone.)
    TAKEN = same(concat!(
        "select p.currency, p.ledger_account, p.effective_on, p.amount_minor, p.account_id, p.seq, p.event_no, j.body \
         from postings p cross join journal j where j.account_id = p.account_id and j.seq = p.seq \
         and p.ledger_account in (2100, 2110) and p.amount_minor > 0 and p.effective_on >= $1 and p.effective_on <= $2 \
         and j.posted_at <= $3 and ($4 = '' or p.currency = $4) and not ", recognises!()
    ));
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
    let mut moved = moved(tx, span).await?;
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

/// What was posted, month by month.
async fn moved(tx: &mut Tx, span: &Span) -> Result<Months, ReportError> {
    let asked = values![span.from, span.to, span.known_until(), span.code()];
    let mut months = Months::new();
    for row in tx.fetch_all(&RECOGNISED, &asked).await? {
        let key = (currency_at(&row, 0)?, account_at(row.int_at(1)?), month_at(&row, 2)?.unwrap_or_default());
        let (moved, exact) = (months.entry(key).or_default(), sums::exact(&row, 4)?);
        *(if row.int_at(3)? == 1 { &mut moved.recognised } else { &mut moved.reversed }) -= exact;
    }
    for row in tx.fetch_all(&ADDED, &asked).await? {
        let key = (currency_at(&row, 0)?, account_at(row.int_at(1)?), month_at(&row, 2)?.unwrap_or_default());
        let moved = months.entry(key).or_default();
        moved.billed += sums::exact(&row, 3)?;
        moved.debit_notes += sums::exact(&row, 5)?;
    }
    tx.for_each_batch(&TAKEN, &asked, |rows| {
        for row in &rows {
            let key = (currency_at(row, 0)?, account_at(row.int_at(1)?), first_of_month(row.date_at(2)?));
            let (account, seq) = (row.str_at(4)?, row.int_at(5)?);
            let event = event_at(row.str_at(7)?, row.int_at(6)?).map_err(|error| unreadable(account, seq, &error))?;
            let moved = months.entry(key).or_default();
            *(if puts_right(event.as_ref()) { &mut moved.credit_notes } else { &mut moved.cancelled }) -= i128::from(row.int_at(3)?);
        }
        Ok::<(), ReportError>(())
    })
    .await?;
    Ok(months)
}

fn account_at(number: i64) -> u16 {
    u16::try_from(number).unwrap_or_default()
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
