//! An entry as bytes, from which it is read back without a copy of its texts.

use std::io;

use chrono::{DateTime, Datelike, NaiveDate};

use super::entry::{Entry, EntryLeg};

/// Where texts of more than one currency stand in one entry.
const MIXED: &str = "";

/// Makes bytes of entries, in a buffer of its own.
#[derive(Debug, Default)]
pub(super) struct Packer {
    bytes: Vec<u8>,
}

/// An entry as bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed<'a> {
    bytes: &'a [u8],
}

impl Packer {
    /// The bytes of an entry.
    pub(super) fn pack(&mut self, entry: &Entry<'_>) -> io::Result<&[u8]> {
        self.bytes.clear();
        let first = entry.legs.first();
        let currency = first.map(|leg| leg.currency).filter(|code| entry.legs.iter().all(|leg| leg.currency == *code)).unwrap_or(MIXED);
        self.text(Some(currency))?;
        self.number(entry.effective_on.num_days_from_ce().into());
        self.number(entry.posted_at.timestamp_micros());
        for text in [entry.account, entry.event_id, entry.title, entry.kind, entry.actor] {
            self.text(Some(text))?;
        }
        for text in [entry.reason, entry.reason_code, entry.reference, entry.correction_of] {
            self.text(text)?;
        }
        self.number(i64::try_from(entry.legs.len()).map_err(io::Error::other)?);
        let mut before: Option<&EntryLeg<'_>> = None;
        for leg in &entry.legs {
            for number in [leg.leg_no, leg.ledger_account, leg.amount_minor] {
                self.number(number);
            }
            // Mostly all legs of an entry are of one document line.
            let is_alike = before.is_some_and(|before| documented(before) == documented(leg));
            self.bytes.push(u8::from(is_alike));
            if !is_alike {
                documented(leg).into_iter().try_for_each(|text| self.text(text))?;
            }
            before = Some(leg);
        }
        Ok(&self.bytes)
    }

    fn number(&mut self, number: i64) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// A text with its length; nothing is longer than any text.
    fn text(&mut self, text: Option<&str>) -> io::Result<()> {
        let length = text.map_or(Ok(u32::MAX), |text| u32::try_from(text.len()).map_err(io::Error::other))?;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(text.unwrap_or_default().as_bytes());
        Ok(())
    }
}

/// What a leg is of.
const fn documented<'a>(leg: &EntryLeg<'a>) -> [Option<&'a str>; 7] {
    [Some(leg.currency), leg.subscription, leg.invoice, leg.invoice_number, leg.plan, leg.promotion, leg.jurisdiction]
}

impl<'a> Packed<'a> {
    pub(super) const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// Whether a leg may be in a currency.
    pub(super) fn may_have(mut self, currency: &str) -> bool {
        self.text().flatten().is_none_or(|only| only == currency || only == MIXED)
    }

    /// The entry; nothing where the bytes are of something else.
    pub(super) fn entry(mut self) -> Option<Entry<'a>> {
        self.text()??;
        let effective_on = NaiveDate::from_num_days_from_ce_opt(self.number()?.try_into().ok()?)?;
        let posted_at = DateTime::from_timestamp_micros(self.number()?)?;
        let (account, event_id, title, kind, actor) = (self.text()??, self.text()??, self.text()??, self.text()??, self.text()??);
        let (reason, reason_code, reference, correction_of) = (self.text()?, self.text()?, self.text()?, self.text()?);
        let count = usize::try_from(self.number()?).ok()?;
        let mut legs: Vec<EntryLeg<'a>> = Vec::with_capacity(count.min(self.bytes.len()));
        for _ in 0..count {
            let leg = self.leg(legs.last())?;
            legs.push(leg);
        }
        Some(Entry { effective_on, account, event_id, title, posted_at, kind, actor, reason, reason_code, reference, correction_of, legs })
    }

    fn leg(&mut self, before: Option<&EntryLeg<'a>>) -> Option<EntryLeg<'a>> {
        let (leg_no, ledger_account, amount_minor) = (self.number()?, self.number()?, self.number()?);
        let (is_alike, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        if *is_alike == 1 {
            return before.map(|before| EntryLeg { leg_no, ledger_account, amount_minor, ..before.clone() });
        }
        Some(EntryLeg {
            leg_no,
            ledger_account,
            amount_minor,
            currency: self.text()??,
            subscription: self.text()?,
            invoice: self.text()?,
            invoice_number: self.text()?,
            plan: self.text()?,
            promotion: self.text()?,
            jurisdiction: self.text()?,
        })
    }

    fn number(&mut self) -> Option<i64> {
        let (number, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(i64::from_le_bytes(*number))
    }

    #[expect(clippy::option_option, reason = "the bytes may end, and a text may be absent")]
    fn text(&mut self) -> Option<Option<&'a str>> {
        let (length, rest) = self.bytes.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        self.bytes = rest;
        if length == u32::MAX {
            return Some(None);
        }
        let (text, rest) = self.bytes.split_at_checked(usize::try_from(length).ok()?)?;
        self.bytes = rest;
        std::str::from_utf8(text).ok().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(leg_no: i64, currency: &'static str, invoice: Option<&'static str>) -> EntryLeg<'static> {
        let (ledger_account, amount_minor) = (1_100, i64::MIN + leg_no);
        let (subscription, invoice_number, plan) = (invoice, None, Some("plus/annual"));
        EntryLeg {
            leg_no,
            ledger_account,
            amount_minor,
            currency,
            subscription,
            invoice,
            invoice_number,
            plan,
            promotion: None,
            jurisdiction: Some(""),
        }
    }

    fn entry(legs: Vec<EntryLeg<'static>>) -> Entry<'static> {
        Entry {
            effective_on: NaiveDate::from_ymd_opt(2026, 2, 28).unwrap(),
            account: "a",
            event_id: "a/7#0",
            title: "Żółć",
            posted_at: DateTime::from_timestamp_micros(-1).unwrap(),
            kind: "renew",
            actor: "",
            reason: Some(""),
            reason_code: None,
            reference: Some("x\u{1f}\0y"),
            correction_of: None,
            legs,
        }
    }

    #[test]
    fn an_entry_comes_back_as_it_was() {
        let mut packer = Packer::default();
        let legs = vec![leg(1, "USD", None), leg(2, "USD", Some("in_1")), leg(3, "USD", Some("in_1")), leg(4, "USD", None)];
        for entry in [entry(legs.clone()), entry(Vec::new()), entry(vec![leg(1, "EUR", None), leg(2, "USD", None)])] {
            assert_eq!(Packed::of(packer.pack(&entry).unwrap()).entry().unwrap(), entry);
        }
        let bytes = packer.pack(&entry(legs)).unwrap();
        for length in 0..bytes.len() {
            assert_eq!(Packed::of(&bytes[..length]).entry(), None, "{length}");
        }
    }

    #[test]
    fn entries_without_a_currency_are_passed_over() {
        let mut packer = Packer::default();
        let packed = packer.pack(&entry(vec![leg(1, "USD", None), leg(2, "USD", None)])).unwrap();
        assert_eq!(["USD", "EUR"].map(|code| Packed::of(packed).may_have(code)), [true, false]);
        let packed = packer.pack(&entry(vec![leg(1, "USD", None), leg(2, "EUR", None)])).unwrap();
        assert_eq!(["USD", "EUR"].map(|code| Packed::of(packed).may_have(code)), [true, true]);
    }
}
