//! The account and its books, rebuilt from the events of its journal. Each event is held against the laws as it is applied
//! ([`super::laws`]), its entry against the stored postings, and what comes out against the stored rows ([`super::compare`]).

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::AccountBooks;
use super::chain::EntryId;
use super::findings::{Check, Inspection};
use super::mails::Told;
use super::{dates, laws, periods};
use crate::domain::account::{Account, Method, Profile};
use crate::domain::change::Reference;
use crate::domain::event::Event;
use crate::domain::ledger::{self, Leg};
use crate::reports::stored::{Body, Posting, Record};

/// An account on its way from its first record to its last.
pub(super) struct Replay<'a> {
    pub(super) account: Account,
    pub(super) reference: Option<&'a Reference>,
    pub(super) told: Told,
    opens: &'a BTreeSet<NaiveDate>,
    books: &'a AccountBooks,
    bodies: Vec<Option<Body>>,
    next: usize,
    stopped: bool,
}

impl<'a> Replay<'a> {
    /// The account as it was when it came. `opens` are the days on which the books were open after a closed month.
    pub(super) fn new(
        books: &'a AccountBooks,
        reference: Option<&'a Reference>,
        opens: &'a BTreeSet<NaiveDate>,
        inspection: &mut Inspection<'_>,
    ) -> Self {
        let bodies: Vec<Option<Body>> = books.journal.records.iter().map(|record| read(record, inspection)).collect();
        let account = Account::new(first_profile(&books.account.profile, &bodies));
        Self { account, reference, told: Told::default(), opens, books, bodies, next: 0, stopped: false }
    }

    /// The account as far as it has come, or nothing if an event could not be applied.
    pub(super) fn reached(&self) -> Option<&Account> {
        (!self.stopped).then_some(&self.account)
    }

    /// Applies the next record.
    pub(super) fn step(&mut self, record: &Record, inspection: &mut Inspection<'_>) {
        let body = self.bodies.get_mut(self.next).and_then(Option::take);
        self.next += 1;
        let Some(body) = body else {
            self.stopped = true;
            return;
        };
        self.told.add(record, &body.events);
        dates::recognition(record, &body.events, self.books, self.opens, inspection);
        if self.stopped {
            return;
        }
        let before = periods::states_of(&self.account, &body.events);
        for (no, event) in (0_i64..).zip(&body.events) {
            let subject = EntryId { seq: record.seq, event_no: no };
            laws::before(self, &body.events, event, subject, inspection);
            if let Err(error) = self.account.apply(event, record.posted_at) {
                inspection.broken(Check::RowsFromEvents, subject, format!("the event cannot be applied: {error}"));
                self.stopped = true;
                return;
            }
            self.compare_entry(record, no, event, subject, inspection);
            laws::after(&self.account, event, subject, inspection);
        }
        let events = i64::try_from(body.events.len()).unwrap_or(i64::MAX);
        for leg in record.legs.iter().filter(|leg| !(0..events).contains(&leg.event_no)) {
            inspection.broken(
                Check::BooksFromEvents,
                EntryId { seq: record.seq, event_no: leg.event_no },
                "books an event that is not there".to_owned(),
            );
        }
        periods::inspect_record(&before, &self.account, record, &body.events, inspection);
    }

    fn compare_entry(&self, record: &Record, no: i64, event: &Event, subject: EntryId, inspection: &mut Inspection<'_>) {
        let stored: Vec<&Posting> = record.legs.iter().filter(|leg| leg.event_no == no).collect();
        let legs = match ledger::entry(&self.account, event) {
            Ok(legs) => legs,
            Err(error) => return inspection.broken(Check::BooksFromEvents, subject, format!("the event cannot be booked: {error}")),
        };
        let fault = if stored.len() == legs.len() {
            stored.iter().zip(&legs).find_map(|(stored, leg)| self.difference(stored, leg))
        } else {
            Some(format!("{} legs are stored, the event makes {}", stored.len(), legs.len()))
        };
        if !stored.is_empty() || !legs.is_empty() {
            inspection.expect(Check::BooksFromEvents, fault.is_none(), subject, || fault.unwrap_or_default());
        }
    }

    /// How a stored leg differs from the one that its event makes.
    fn difference(&self, stored: &Posting, leg: &Leg) -> Option<String> {
        let no = stored.leg_no;
        if stored.ledger_account != i64::from(leg.account.number) {
            return Some(format!("leg {no} is on {}, the event books {}", stored.ledger_account, leg.account.number));
        }
        if stored.amount_minor != leg.amount.minor() {
            return Some(format!("leg {no} is {} minor units, the event makes {}", stored.amount_minor, leg.amount.minor()));
        }
        if stored.invoice != leg.invoice {
            return Some(format!("leg {no} belongs to another invoice than the event says"));
        }
        let invoice = leg.invoice.as_ref().and_then(|id| self.account.invoices.get(id));
        let subscription = invoice.map(|invoice| invoice.document.subscription.as_str());
        (stored.subscription.as_deref() != subscription).then(|| format!("leg {no} belongs to another subscription than its invoice"))
    }
}

fn read(record: &Record, inspection: &mut Inspection<'_>) -> Option<Body> {
    let body = record.read_body(inspection.account());
    let read = body.is_ok();
    inspection.expect(Check::RowsReadable, read, record.seq, || body.as_ref().err().map(ToString::to_string).unwrap_or_default());
    body.ok()
}

/// What an account brings along when it is opened: everything that no event tells. An erasure may empty a label or a token later,
/// so those are taken as they are now; a method that was on file from the start has no event, and is the one before the first
/// replacement.
pub(in crate::reports) fn first_profile(stored: &Profile, bodies: &[Option<Body>]) -> Profile {
    let events = || bodies.iter().flatten().flat_map(|body| &body.events);
    let first_replacement = events().find_map(|event| match event {
        Event::MethodReplaced { number, .. } => Some(*number),
        _ => None,
    });
    let zero = crate::domain::money::Money::zero(stored.currency);
    let method = stored.method.as_ref().and_then(|method| {
        // Without a replacement it is the first one (F68).
        let number = first_replacement.map_or(Some(1), |first| first.checked_sub(1).filter(|before| *before > 0))?;
        Some(Method { number, blocked: false, ..method.clone() })
    });
    Profile { trial_used_on: None, method, credit_cash: zero, credit_goodwill: zero, carried: zero, parked: None, ..stored.clone() }
}
