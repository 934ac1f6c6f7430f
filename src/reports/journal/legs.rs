//! The entries of a range, read once and set aside for whoever writes them.
//!
//! They are read in the order of accounts, a part of the accounts at a time. A row is a record with its legs as one text, and what an account's
//! invoices say is another: what a row costs counts more than what is in it.

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
    /// The legs of some accounts in a range, by record, with the record as one text, which is nothing where it was recorded later. (Joined, the
    /// records would be sorted once more, or all of them read.)
    RECORDS = same(concat!(
        "select p.account_id, p.seq, string_agg(concat_ws('\u{1f}', p.leg_no, p.event_no, p.effective_on, p.ledger_account, \
         p.amount_minor, p.currency, coalesce(p.subscription_id, ''), coalesce(p.invoice_id, '')), '\u{1e}') as legs, \
         (select cast(j.posted_at as text)", then!(), "j.kind", then!(), "j.body", then!(), "j.actor || case when j.reason is null then '' \
         else '\u{1f}' || j.reason end from journal j where j.account_id = p.account_id and j.seq = p.seq and j.posted_at <= $3) as record \
         from postings p where p.account_id >= $4 and p.account_id < $5 and p.effective_on >= $1 and p.effective_on <= $2 \
         group by p.account_id, p.seq order by p.account_id, p.seq"
    ));
    /// What the invoices of some accounts say of their legs, an account a row.
    INVOICED = same(
        "select i.account_id, string_agg(concat_ws('\u{1f}', i.invoice_id, i.number, i.tier || '/' || i.cycle, \
         coalesce(i.promotion_code, ''), i.jurisdiction), '\u{1e}') as invoices from invoices i \
         where i.account_id >= $1 and i.account_id < $2 group by i.account_id"
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
        let invoiced = invoiced.iter().map(|row| Ok((row.str_at(0)?, row.str_at(1)?))).collect::<Result<HashMap<_, _>, DbError>>()?;
        tx.for_each_batch(&RECORDS, &values![from, to, range.known_until(), first, end], |rows| {
            rows.iter().try_for_each(|row| {
                let (account, record) = (row.str_at(0)?, row.opt_str_at(3)?);
                let invoices = Invoices(invoiced.get(account).copied().unwrap_or_default());
                record.map_or(Ok(()), |record| self.record(row, record, invoices))
            })
        })
        .await
    }

    /// A record, with all of its legs.
    fn record(&mut self, row: &Row, record: &str, invoices: Invoices<'_>) -> Result<(), ReportError> {
        // A reason may have any character, and comes last.
        let mut parts = record.splitn(5, SEPARATOR);
        let (Some(posted_at), Some(kind), Some(body), Some(actor)) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(row.corrupt("record", "is not what was asked for").into());
        };
        let (account, seq, reason) = (row.str_at(0)?, row.int_at(1)?, parts.next());
        let posted_at = posted_at.parse().ok().and_then(DateTime::from_timestamp_micros);
        let posted_at = posted_at.ok_or_else(|| row.corrupt("posted_at", "is out of range"))?;
        let mut legs = Vec::new();
        for text in row.str_at(2)?.split(ITEM) {
            legs.push(Leg::read(text, invoices).ok_or_else(|| row.corrupt("legs", "is not what was asked for"))?);
        }
        legs.sort_by_key(|leg| leg.of.leg_no);
        let (events, unknown) = (about::read(body, account, seq)?, About::UNKNOWN);
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
    fn read(text: &'a str, invoices: Invoices<'a>) -> Option<Self> {
        let mut fields = text.split(SEPARATOR);
        let mut next = || fields.next();
        let (leg_no, event, on) = (next()?.parse().ok()?, next()?, next()?);
        let (ledger_account, amount_minor, currency) = (next()?.parse().ok()?, next()?.parse().ok()?, next()?);
        let (subscription, invoice) = (there(next()?), there(next()?));
        if fields.next().is_some() {
            return None;
        }
        let known = match invoice.and_then(|invoice| invoices.of(invoice)) {
            Some(said) => Some(four(said)?),
            None => None,
        };
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

/// What the invoices of an account say of their legs.
#[derive(Debug, Clone, Copy, Default)]
struct Invoices<'a>(&'a str);

impl<'a> Invoices<'a> {
    /// What one of them says.
    fn of(self, id: &str) -> Option<&'a str> {
        self.0.split(ITEM).find_map(|text| text.strip_prefix(id)?.strip_prefix(SEPARATOR))
    }
}

/// Number, plan, promotion and jurisdiction.
fn four(said: &str) -> Option<[&str; 4]> {
    let mut fields = said.split(SEPARATOR);
    let four = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    fields.next().is_none().then_some(four)
}
