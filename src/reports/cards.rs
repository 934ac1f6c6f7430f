//! Account cards: what was posted to an account and what it was invoiced, read once for all reports that sum it. Postings are most of what
//! a database has, and each reading of them costs what writing a report costs ten times. So whoever sums says what ([`Tally`]), and all are
//! told of each account one after the other.
//!
//! A card comes as two rows, with what is on it as one text each: what a row and a cell cost counts more than what is in them. The book of a
//! provider grows with all accounts, so that it is read leg by leg, and each of its records is a card.

mod card;

use std::any::Any;
use std::future::ready;

use futures::future::LocalBoxFuture;

pub(super) use self::card::{Beside, Card, Invoice, Leg, corrupt};
use super::ReportError;
use super::parts::Parts;
use crate::store::db::{Row, Tx};
use crate::values;

/// What separates fields on a card. No id has it.
pub(super) const FIELD: char = '\u{1f}';
/// What separates legs, and invoices.
pub(super) const ITEM: char = '\u{1e}';
/// Before the ids of all accounts and after those of all books of providers.
const AFTER_BOOKS: &str = ")";

/// That the first charge of the invoice `i` did not settle on the day of issue, so that the invoice may have been pending for a while
/// (LC-3); the journal tells until when. Only a subscription's first period can be pending. Charges keep the day on which they
/// settled, so that this says the same whatever range is asked about.
macro_rules! waited {
    () => {
        "(i.term_no = 1 and i.period_no = 0 and exists (select 1 from charges w where w.account_id = i.account_id \
         and w.invoice_id = i.invoice_id and w.purpose = 'period' and (w.state <> 'succeeded' or w.settled_on <> i.issued_on)))"
    };
}

/// The fields of a leg, in the order of the card; the invoice comes last, because it is left out where there is none.
macro_rules! leg {
    () => {
        "concat_ws('\u{1f}', p.seq, p.leg_no, p.event_no, p.ledger_account, p.effective_on, p.amount_minor, p.currency, p.invoice_id)"
    };
}

crate::statements! {
    /// What was posted to some accounts and recorded by an instant.
    LEGS = same(concat!(
        "select p.account_id, string_agg(", leg!(), ", '\u{1e}') as legs from postings p where p.account_id >= $2 and p.account_id < $3 and ",
        known!("$1"), " group by p.account_id order by p.account_id"
    ));
    /// The same of the books of providers, leg by leg.
    BOOKS = same(concat!(
        "select p.account_id, ", leg!(), " as legs, p.seq from postings p where p.account_id >= '(' and p.account_id < ')' and ",
        known!("$1"), " order by p.account_id, p.seq, p.leg_no"
    ));
    /// What some accounts were invoiced, and of first periods whether their charge did not settle on the day of issue ([`Invoice`]).
    INVOICES = same(concat!(
        "select i.account_id, max(a.currency) as currency, string_agg(concat_ws('\u{1f}', i.invoice_id, i.number, i.subscription_id, \
         i.cycle, i.jurisdiction, i.period_start, i.period_end, i.issued_on, coalesce(cast(i.ended_on as text), ''), i.term_no, i.period_no, \
         i.invoiced_net_minor, i.invoiced_tax_minor, i.rate_billionths, i.pending, case when ", waited!(), " then 1 else 0 end), '\u{1e}') \
         as invoices from accounts a join invoices i on i.account_id = a.account_id where a.account_id >= $1 and a.account_id < $2 \
         and i.account_id >= $1 and i.account_id < $2 group by i.account_id order by i.account_id"
    ));
}

/// What sums cards.
pub(super) trait Tally: Any + Send + Sync {
    /// Takes a card.
    fn add(&mut self, card: &Card<'_>) -> Result<(), ReportError>;

    /// Looks up what cards do not tell, after each part of the accounts.
    fn look_up<'a>(&'a mut self, _: &'a mut Tx) -> LocalBoxFuture<'a, Result<(), ReportError>> {
        Box::pin(ready(Ok(())))
    }
}

/// A tally with its name, as one of many.
pub(super) fn boxed<T: Tally>((name, tally): (String, T)) -> (String, Box<dyn Tally>) {
    (name, Box::new(tally))
}

/// Has these tallies take the cards of all accounts and of all books, in the order of their ids.
///
/// # Errors
/// What the database or a tally says, a card that cannot be read.
pub(super) async fn read(tx: &mut Tx, known_until: i64, tallies: &mut [&mut dyn Tally]) -> Result<(), ReportError> {
    books(tx, known_until, tallies).await?;
    let mut parts = Parts::new();
    while let Some([first, end]) = parts.next(tx).await? {
        let first = if first.is_empty() { AFTER_BOOKS.to_owned() } else { first };
        let invoices = tx.fetch_all(&INVOICES, &values![&first, &end]).await?;
        let mut invoices = invoices.iter().peekable();
        let mut take = |legs: Option<&Row>, invoices: Option<&Row>| {
            let card = Card::read(legs, invoices)?;
            tallies.iter_mut().try_for_each(|tally| tally.add(&card))
        };
        tx.for_each_batch(&LEGS, &values![known_until, first, end], |rows| {
            rows.iter().try_for_each(|legs| {
                let account = legs.str_at(0)?;
                // Nothing was posted to those that come before.
                while let Some(only) = invoices.next_if(|row| row.str_at(0).is_ok_and(|id| id < account)) {
                    take(None, Some(only))?;
                }
                take(Some(legs), invoices.next_if(|row| row.str_at(0).is_ok_and(|id| id == account)))
            })
        })
        .await?;
        invoices.try_for_each(|only| take(None, Some(only)))?;
        for tally in tallies.iter_mut() {
            tally.look_up(tx).await?;
        }
    }
    Ok(())
}

/// The books of providers, record by record.
async fn books(tx: &mut Tx, known_until: i64, tallies: &mut [&mut dyn Tally]) -> Result<(), ReportError> {
    let mut record: Vec<Row> = Vec::new();
    let mut take = |record: &mut Vec<Row>| {
        if let Some(first) = record.first() {
            let card = Card::of_record(first.str_at(0)?, record)?;
            tallies.iter_mut().try_for_each(|tally| tally.add(&card))?;
        }
        record.clear();
        Ok::<(), ReportError>(())
    };
    tx.for_each_batch(&BOOKS, &values![known_until], |rows| {
        rows.into_iter().try_for_each(|row| {
            let goes_on = record.first().map(|first| Ok::<bool, ReportError>(of_record(first)? == of_record(&row)?)).transpose()?;
            if goes_on == Some(false) {
                take(&mut record)?;
            }
            record.push(row);
            Ok::<(), ReportError>(())
        })
    })
    .await?;
    take(&mut record)
}

fn of_record(row: &Row) -> Result<(&str, i64), ReportError> {
    Ok((row.str_at(0)?, row.int_at(2)?))
}
