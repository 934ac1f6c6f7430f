//! The entries of a range, read once and set aside for whoever writes them.
//!
//! They are read in the order of accounts, which is that of the key, so that neither database sorts anything, a part of the accounts at a
//! time. A row has the legs of one entry that belong to one document line as one text: what a row costs counts more than what is in it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate};

use super::about::{self, About};
use super::entry::{Entry, EntryLeg};
use super::packed::{Packed, Packer};
use super::{Range, Written};
use crate::reports::parts::Parts;
use crate::reports::shelf::Shelf;
use crate::reports::{ReportError, SEPARATOR};
use crate::store::db::{DbError, Row, Tx};
use crate::values;

crate::statements! {
    /// The entries of a range and of some accounts, each with what is known about it. The body comes with the first leg of its record.
    ENTRIES = same(concat!(
        "select g.account_id, cast(g.seq as text)", then!(), "cast(g.event_no as text)", then!(), "cast(g.effective_on as text)", then!(),
        "g.currency", then!(), "coalesce(g.subscription_id, '')", then!(), "coalesce(g.invoice_id, '')", then!(), "coalesce(i.number, '')",
        then!(), "coalesce(i.tier || '/' || i.cycle, '')", then!(), "coalesce(i.promotion_code, '')", then!(),
        "coalesce(i.jurisdiction, '')", then!(), "cast(j.posted_at as text)", then!(), "j.kind as known, g.legs, j.actor, j.reason, \
         case when g.first_leg = 1 then j.body end as body from (select p.account_id, p.seq, p.event_no, p.effective_on, p.currency, \
         p.subscription_id, p.invoice_id, min(p.leg_no) as first_leg, string_agg(cast(p.leg_no as text) || ' ' || \
         cast(p.ledger_account as text) || ' ' || cast(p.amount_minor as text), ' ') as legs from postings p \
         where p.account_id >= $4 and p.account_id < $5 and p.effective_on >= $1 and p.effective_on <= $2 \
         group by p.account_id, p.seq, p.event_no, p.effective_on, p.currency, p.subscription_id, p.invoice_id) g \
         join journal j on j.account_id = g.account_id and j.seq = g.seq \
         left join invoices i on i.account_id = g.account_id and i.invoice_id = g.invoice_id \
         where j.account_id >= $4 and j.account_id < $5 and j.posted_at <= $3 order by g.account_id, g.seq, g.first_leg"
    ));
}

/// The entries of a range.
#[derive(Debug, Default)]
pub(in crate::reports) struct Legs {
    shelf: Shelf,
    /// How many legs there are in each currency.
    currencies: BTreeMap<String, u64>,
}

impl Legs {
    /// Reads them.
    ///
    /// # Errors
    /// What the database says, a record that cannot be read.
    pub(in crate::reports) async fn read(tx: &mut Tx, range: &Range) -> Result<Self, ReportError> {
        let mut reading = Reading::default();
        if range.account.is_some() {
            reading.part(tx, range, range.accounts()).await?;
        } else {
            let mut parts = Parts::new();
            while let Some(part) = parts.next(tx).await? {
                reading.part(tx, range, part).await?;
            }
        }
        Ok(reading.legs)
    }

    /// The currencies of the legs.
    pub(in crate::reports) fn currencies(&self) -> impl Iterator<Item = &str> {
        self.currencies.keys().map(String::as_str)
    }

    /// Hands over the entries of some days in the order of dates, accounts and records: those that have a leg in a currency, where one is
    /// named.
    pub(in crate::reports) fn each(
        &self,
        days: RangeInclusive<NaiveDate>,
        currency: Option<&str>,
        mut each: impl FnMut(&Entry<'_>) -> Result<(), ReportError>,
    ) -> Result<Written, ReportError> {
        let mut written = Written::default();
        self.shelf.each(days, |_, record| {
            let packed = Packed::of(record);
            if currency.is_some_and(|currency| !packed.may_have(currency)) {
                return Ok(());
            }
            let entry = packed.entry().ok_or(std::io::ErrorKind::InvalidData).map_err(std::io::Error::from)?;
            written.entries += 1;
            written.legs += u64::try_from(entry.legs.len()).unwrap_or_default();
            each(&entry)
        })?;
        Ok(written)
    }
}

/// Puts rows together to records, and takes these apart to entries.
#[derive(Default)]
struct Reading {
    legs: Legs,
    /// The rows of the present record.
    rows: Vec<Row>,
    packer: Packer,
}

impl Reading {
    /// Reads the entries of some accounts.
    async fn part(&mut self, tx: &mut Tx, range: &Range, [first, end]: [String; 2]) -> Result<(), ReportError> {
        let (from, to) = range.days();
        let asked = values![from, to, range.known_until(), first, end];
        tx.for_each_batch(&ENTRIES, &asked, |rows| rows.into_iter().try_for_each(|row| self.take(row))).await?;
        self.end_of_record()
    }

    fn take(&mut self, row: Row) -> Result<(), ReportError> {
        if let Some(open) = self.rows.first()
            && (open.str_at(0)?, Known::seq(open)?) != (row.str_at(0)?, Known::seq(&row)?)
        {
            self.end_of_record()?;
        }
        self.rows.push(row);
        Ok(())
    }

    /// The rows that were taken are one record, with all of its legs.
    fn end_of_record(&mut self) -> Result<(), ReportError> {
        let Some(first) = self.rows.first() else { return Ok(()) };
        let account = first.str_at(0)?;
        let seq = int(first, Known::seq(first)?)?;
        let known = self.rows.iter().map(Known::read).collect::<Result<Vec<_>, _>>()?;
        let mut legs = Vec::new();
        for (row, known) in self.rows.iter().zip(&known) {
            leg_texts(row.str_at(2)?).try_for_each(|leg| {
                let [leg_no, ledger_account, amount_minor] = leg.ok_or_else(|| row.corrupt("legs", "is not what was asked for"))?;
                legs.push((leg_no, ledger_account, amount_minor, known));
                Ok::<(), DbError>(())
            })?;
        }
        legs.sort_by_key(|(leg_no, ..)| *leg_no);
        // A record whose first leg is gone tells nothing about its events; its legs are shown all the same.
        let body = self.rows.iter().find_map(|row| row.opt_str_at(5).transpose()).transpose()?;
        let events = body.map_or(Ok(Vec::new()), |body| about::read(body, account, seq))?;
        let (actor, reason, unknown) = (first.str_at(3)?, first.opt_str_at(4)?, About::UNKNOWN);
        for run in legs.chunk_by(|left, right| (left.3.event, left.3.on) == (right.3.event, right.3.on)) {
            let Some((.., known)) = run.first() else { continue };
            let about = known.event.parse().ok().and_then(|at: usize| events.get(at)).unwrap_or(&unknown);
            let posted_at = DateTime::from_timestamp_micros(int(first, known.posted_at)?);
            let on = known.on.parse().map_err(|_| first.corrupt("effective_on", "is not a day"))?;
            let event_id = format!("{account}/{seq}#{}", known.event);
            let entry = Entry {
                effective_on: on,
                account,
                event_id: &event_id,
                title: about.title,
                posted_at: posted_at.ok_or_else(|| first.corrupt("posted_at", "is out of range"))?,
                kind: known.kind,
                actor,
                reason,
                reason_code: about.reason_code.as_deref(),
                reference: about.reference.as_deref(),
                correction_of: about.correction_of.as_deref(),
                legs: run.iter().map(|(leg_no, account, minor, known)| known.leg(*leg_no, *account, *minor)).collect(),
            };
            for leg in &entry.legs {
                match self.legs.currencies.get_mut(leg.currency) {
                    Some(count) => *count += 1,
                    None => drop(self.legs.currencies.insert(leg.currency.to_owned(), 1)),
                }
            }
            self.legs.shelf.put(on, self.packer.pack(&entry)?)?;
        }
        self.rows.clear();
        Ok(())
    }
}

/// What a row knows of its legs, in the order of the statement. What is not there is empty.
struct Known<'a> {
    event: &'a str,
    on: &'a str,
    currency: &'a str,
    subscription: &'a str,
    invoice: &'a str,
    invoice_number: &'a str,
    plan: &'a str,
    promotion: &'a str,
    jurisdiction: &'a str,
    posted_at: &'a str,
    kind: &'a str,
}

impl<'a> Known<'a> {
    /// The number of the record, as text.
    fn seq(row: &'a Row) -> Result<&'a str, DbError> {
        let known = row.str_at(1)?;
        Ok(known.split_once(SEPARATOR).map_or(known, |(seq, _)| seq))
    }

    fn read(row: &'a Row) -> Result<Self, DbError> {
        let mut parts = row.str_at(1)?.split(SEPARATOR).skip(1);
        let mut next = || parts.next().ok_or_else(|| row.corrupt("known", "has less than was asked for"));
        let known = Self {
            event: next()?,
            on: next()?,
            currency: next()?,
            subscription: next()?,
            invoice: next()?,
            invoice_number: next()?,
            plan: next()?,
            promotion: next()?,
            jurisdiction: next()?,
            posted_at: next()?,
            kind: next()?,
        };
        // Something in it has what separates its parts.
        if parts.next().is_some() { Err(row.corrupt("known", "has a character that no text may have")) } else { Ok(known) }
    }

    fn leg(&self, leg_no: i64, ledger_account: i64, amount_minor: i64) -> EntryLeg<'a> {
        let there = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        EntryLeg {
            leg_no,
            ledger_account,
            amount_minor,
            currency: self.currency,
            subscription: there(self.subscription),
            invoice: there(self.invoice),
            invoice_number: there(self.invoice_number),
            plan: there(self.plan),
            promotion: there(self.promotion),
            jurisdiction: there(self.jurisdiction),
        }
    }
}

fn int(row: &Row, text: &str) -> Result<i64, DbError> {
    text.parse().map_err(|_| row.corrupt("known", "is not a number"))
}

/// The numbers of each leg: its own, the ledger account, the amount.
fn leg_texts(text: &str) -> impl Iterator<Item = Option<[i64; 3]>> {
    let mut numbers = text.split(' ').map(|number| number.parse().ok());
    std::iter::from_fn(move || {
        let first = numbers.next()?;
        Some(first.zip(numbers.next().flatten()).zip(numbers.next().flatten()).map(|((first, second), third)| [first, second, third]))
    })
}
