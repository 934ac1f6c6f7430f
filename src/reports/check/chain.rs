//! The journal as such: the chain of hashes, and the form of every entry.

use std::collections::BTreeMap;
use std::fmt;

use super::AccountBooks;
use super::findings::{Check, Inspection};
use crate::domain::ledger;
use crate::reports::stored::{Posting, Record};

/// I12: each record follows its predecessor and has the hash of its bytes; the account's row names the last one.
pub(super) fn audit_chain(books: &AccountBooks, inspection: &mut Inspection<'_>) {
    let profile = &books.account.profile;
    let mut previous = "";
    for (record, expected_seq) in books.journal.records.iter().zip(1..) {
        let subject = record.seq;
        inspection.expect(Check::AuditChain, record.seq == expected_seq, subject, || format!("follows record {}", expected_seq - 1));
        let hash = record.hash_after(profile.id.as_str(), previous);
        inspection.expect(Check::AuditChain, record.hash == hash, subject, || "does not have the hash of its bytes".to_owned());
        previous = &record.hash;
    }
    let last = books.journal.records.last();
    let head = (last.map_or(0, |record| record.seq), previous);
    let stored = (profile.journal_seq, profile.journal_hash.as_str());
    inspection.expect(Check::AuditChain, head == stored, "accounts", || {
        format!("the account's row names record {} as the last one, the journal ends with {}", stored.0, head.0)
    });
    for leg in &books.journal.stray {
        inspection.broken(Check::AuditChain, leg.seq, format!("leg {} has no record", leg.leg_no));
    }
}

/// LE-1: every entry balances per currency and has its form.
pub(super) fn entries(books: &AccountBooks, inspection: &mut Inspection<'_>) {
    for record in &books.journal.records {
        if !record.legs.is_empty() {
            entries_of(record, books.account.profile.currency.code(), inspection);
        }
    }
}

#[derive(Default)]
struct Entry<'a> {
    legs: usize,
    sums: BTreeMap<&'a str, i128>,
}

fn entries_of(record: &Record, currency: &str, inspection: &mut Inspection<'_>) {
    let mut by_event: BTreeMap<i64, Entry<'_>> = BTreeMap::new();
    for (leg, expected_no) in record.legs.iter().zip(1..) {
        let entry = by_event.entry(leg.event_no).or_default();
        entry.legs += 1;
        *entry.sums.entry(&leg.currency).or_default() += i128::from(leg.amount_minor);
        let fault = fault_of(leg, record, currency, expected_no);
        inspection.expect(Check::EntryForm, fault.is_none(), EntryId { seq: record.seq, event_no: leg.event_no }, || {
            format!("leg {} {}", leg.leg_no, fault.unwrap_or_default())
        });
    }
    for (event, entry) in by_event {
        let subject = EntryId { seq: record.seq, event_no: event };
        inspection.expect(Check::EntryForm, entry.legs >= 2, subject, || format!("has {} leg", entry.legs));
        let off: Vec<String> = entry.sums.iter().filter(|(_, sum)| **sum != 0).map(|(code, sum)| format!("{sum} {code}")).collect();
        inspection.expect(Check::EntryBalanced, off.is_empty(), subject, || format!("is off by {} (minor units)", off.join(", ")));
    }
}

/// An entry, named by its record and the event that it books.
#[derive(Debug, Clone, Copy)]
pub(super) struct EntryId {
    pub(super) seq: i64,
    pub(super) event_no: i64,
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.seq, self.event_no)
    }
}

fn fault_of(leg: &Posting, record: &Record, currency: &str, expected_no: i64) -> Option<String> {
    let known = u16::try_from(leg.ledger_account).ok().and_then(ledger::by_number).is_some();
    if !known {
        return Some(format!("is on account {}, which the chart does not have", leg.ledger_account));
    }
    if leg.amount_minor == 0 {
        return Some("is zero".to_owned());
    }
    if leg.currency != currency {
        return Some(format!("is in {}, the account is billed in {currency}", leg.currency));
    }
    if leg.effective_on != record.effective_on {
        return Some(format!("is dated {}, its record {}", leg.effective_on, record.effective_on));
    }
    (leg.leg_no != expected_no).then(|| format!("stands where leg {expected_no} should"))
}
