//! The entries of a range, read once and set aside for whoever writes them.
//!
//! They are read in the order of accounts, which is that of the key, so that neither database sorts anything, a part of the accounts at a
//! time. A row is a record with its legs as one text, and what an account's invoices say is another: what a row costs counts more than what
//! is in it.

use std::collections::{BTreeMap, HashMap};
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
    /// The records of some accounts that have legs in a range, with these.
    RECORDS = same(concat!(
        "select l.account_id, cast(j.seq as text)", then!(), "cast(j.posted_at as text)", then!(), "j.kind as known, l.legs, \
         j.actor, j.reason, j.body from (select p.account_id, p.seq, string_agg(concat_ws('\u{1f}', p.leg_no, p.event_no, \
         p.effective_on, p.ledger_account, p.amount_minor, p.currency, coalesce(p.subscription_id, ''), coalesce(p.invoice_id, '')), \
         '\u{1e}') as legs from postings p where p.account_id >= $4 and p.account_id < $5 and p.effective_on >= $1 \
         and p.effective_on <= $2 group by p.account_id, p.seq) l join journal j on j.account_id = l.account_id and j.seq = l.seq \
         where j.account_id >= $4 and j.account_id < $5 and j.posted_at <= $3 order by l.account_id, l.seq"
    ));
    /// What the invoices of some accounts say of their legs, an account a row.
    INVOICED = same(
        "select i.account_id, string_agg(concat_ws('\u{1f}', i.invoice_id, i.number, i.tier || '/' || i.cycle, \
         coalesce(i.promotion_code, ''), i.jurisdiction), '\u{1e}') as invoices from invoices i \
         where i.account_id >= $1 and i.account_id < $2 group by i.account_id order by i.account_id"
    );
}

/// What separates legs, and invoices.
const ITEM: char = '\u{1e}';

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

/// Takes records apart to entries.
#[derive(Default)]
struct Reading {
    legs: Legs,
    packer: Packer,
}

impl Reading {
    /// Reads the entries of some accounts.
    async fn part(&mut self, tx: &mut Tx, range: &Range, [first, end]: [String; 2]) -> Result<(), ReportError> {
        let (from, to) = range.days();
        let invoiced = tx.fetch_all(&INVOICED, &values![&first, &end]).await?;
        let invoiced = invoiced.iter().map(|row| Ok((row.str_at(0)?, row))).collect::<Result<HashMap<_, _>, DbError>>()?;
        let mut present = Invoices::default();
        let asked = values![from, to, range.known_until(), first, end];
        tx.for_each_batch(&RECORDS, &asked, |rows| {
            rows.iter().try_for_each(|row| {
                let account = row.str_at(0)?;
                if present.account != Some(account) {
                    present = Invoices::read(invoiced.get_key_value(account))?;
                }
                self.record(row, account, &present)
            })
        })
        .await
    }

    /// A record, with all of its legs.
    fn record(&mut self, row: &Row, account: &str, invoices: &Invoices<'_>) -> Result<(), ReportError> {
        let mut known = row.str_at(1)?.split(SEPARATOR);
        let (Some(seq), Some(posted_at), Some(kind), None) = (known.next(), known.next(), known.next(), known.next()) else {
            return Err(row.corrupt("known", "has a character that no text may have").into());
        };
        let (seq, posted_at) = (int(row, seq)?, DateTime::from_timestamp_micros(int(row, posted_at)?));
        let posted_at = posted_at.ok_or_else(|| row.corrupt("posted_at", "is out of range"))?;
        let mut legs = Vec::new();
        for text in row.str_at(2)?.split(ITEM) {
            legs.push(Leg::read(text, invoices).ok_or_else(|| row.corrupt("legs", "is not what was asked for"))?);
        }
        legs.sort_by_key(|leg| leg.of.leg_no);
        let body = row.str_at(5)?;
        let events = about::read(body, account, seq)?;
        let (actor, reason, unknown) = (row.str_at(3)?, row.opt_str_at(4)?, About::UNKNOWN);
        for run in legs.chunk_by(|left, right| (left.event, left.on) == (right.event, right.on)) {
            let Some(first) = run.first() else { continue };
            let about = first.event.parse().ok().and_then(|at: usize| events.get(at)).unwrap_or(&unknown);
            let on = first.on.parse().map_err(|_| row.corrupt("effective_on", "is not a day"))?;
            let event_id = format!("{account}/{seq}#{}", first.event);
            let entry = Entry {
                effective_on: on,
                account,
                event_id: &event_id,
                title: about.title,
                posted_at,
                kind,
                actor,
                reason,
                reason_code: about.reason_code.as_deref(),
                reference: about.reference.as_deref(),
                correction_of: about.correction_of.as_deref(),
                legs: run.iter().map(|leg| leg.of.clone()).collect(),
            };
            for leg in &entry.legs {
                match self.legs.currencies.get_mut(leg.currency) {
                    Some(count) => *count += 1,
                    None => drop(self.legs.currencies.insert(leg.currency.to_owned(), 1)),
                }
            }
            self.legs.shelf.put(on, self.packer.pack(&entry)?)?;
        }
        Ok(())
    }
}

/// A leg with the event that it books.
struct Leg<'a> {
    event: &'a str,
    on: &'a str,
    of: EntryLeg<'a>,
}

impl<'a> Leg<'a> {
    fn read(text: &'a str, invoices: &Invoices<'a>) -> Option<Self> {
        let mut fields = text.split(SEPARATOR);
        let mut next = || fields.next();
        let (leg_no, event, on) = (next()?.parse().ok()?, next()?, next()?);
        let (ledger_account, amount_minor, currency) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?);
        let (subscription, invoice) = (there(next()?), there(next()?));
        if fields.next().is_some() {
            return None;
        }
        let known = invoice.and_then(|invoice| invoices.of(invoice));
        let [invoice_number, plan, promotion, jurisdiction] = known.map_or([None; 4], |known| known.map(there));
        let of = EntryLeg {
            leg_no,
            ledger_account,
            amount_minor,
            currency,
            subscription,
            invoice,
            invoice_number,
            plan,
            promotion,
            jurisdiction,
        };
        Some(Self { event, on, of })
    }
}

/// What is not there is empty.
fn there(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

/// What the invoices of an account say of their legs: number, plan, promotion and jurisdiction, by id.
#[derive(Default)]
struct Invoices<'a> {
    account: Option<&'a str>,
    known: Vec<(&'a str, [&'a str; 4])>,
}

impl<'a> Invoices<'a> {
    fn read(found: Option<(&&'a str, &&'a Row)>) -> Result<Self, DbError> {
        let Some((account, row)) = found else { return Ok(Self::default()) };
        let mut known = Vec::new();
        for text in row.str_at(1)?.split(ITEM) {
            let mut fields = text.split(SEPARATOR);
            let mut next = || fields.next();
            let (Some(id), Some(number), Some(plan), Some(promotion), Some(jurisdiction), None) =
                (next(), next(), next(), next(), next(), next())
            else {
                return Err(row.corrupt("invoices", "has a character that no text may have"));
            };
            known.push((id, [number, plan, promotion, jurisdiction]));
        }
        Ok(Self { account: Some(account), known })
    }

    fn of(&self, id: &str) -> Option<[&'a str; 4]> {
        self.known.iter().find(|(known, _)| *known == id).map(|(_, known)| *known)
    }
}

fn int(row: &Row, text: &str) -> Result<i64, DbError> {
    text.parse().map_err(|_| row.corrupt("known", "is not a number"))
}
