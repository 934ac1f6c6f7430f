//! The journal as a table, one row a leg (RFC 4180, F73).

use std::io::Write;

use chrono::SecondsFormat;
use csv::{Terminator, Writer, WriterBuilder};

use super::{Closing, Entry, Head, Instants, Printer};
use crate::reports::{ReportError, chart};

const COLUMNS: [&str; 21] = [
    "effective_on",
    "posted_at",
    "customer",
    "event",
    "leg",
    "what",
    "ledger_account",
    "ledger_name",
    "debit",
    "credit",
    "currency",
    "subscription",
    "invoice",
    "invoice_number",
    "plan",
    "promotion",
    "jurisdiction",
    "reference",
    "actor",
    "reason",
    "correction_of",
];

pub(super) struct Csv<'a> {
    out: Writer<&'a mut dyn Write>,
    instants: Instants,
}

impl<'a> Csv<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out: WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out), instants: Instants::default() }
    }
}

impl Printer for Csv<'_> {
    fn head(&mut self, _: &Head) -> Result<(), ReportError> {
        self.out.write_record(COLUMNS).map_err(failed)
    }

    fn entry(&mut self, entry: &Entry<'_>) -> Result<(), ReportError> {
        let text = |text: Option<&str>| text.map(chart::neutral).unwrap_or_default().into_owned();
        let posted = self.instants.text(entry.posted_at, SecondsFormat::AutoSi);
        let reason = [entry.reason_code, entry.reason].into_iter().flatten().collect::<Vec<_>>().join(": ");
        for leg in &entry.legs {
            let amount = |minor: i64| if minor > 0 { chart::major(minor.into(), leg.currency) } else { String::new() };
            let record: [String; COLUMNS.len()] = [
                entry.effective_on.to_string(),
                posted.to_owned(),
                text(Some(entry.account)),
                text(Some(entry.event_id)),
                leg.leg_no.to_string(),
                entry.title.to_owned(),
                leg.ledger_account.to_string(),
                text(Some(chart::name(leg.ledger_account))),
                amount(leg.amount_minor),
                amount(leg.amount_minor.saturating_neg()),
                text(Some(leg.currency)),
                text(leg.subscription),
                text(leg.invoice),
                text(leg.invoice_number),
                text(leg.plan),
                text(leg.promotion),
                text(leg.jurisdiction),
                text(entry.reference),
                text(Some(entry.actor)),
                text(Some(&reason)),
                text(entry.correction_of),
            ];
            self.out.write_record(&record).map_err(failed)?;
        }
        Ok(())
    }

    /// The balances are a report of their own: `kasacare trial-balance`.
    fn closing(&mut self, _: &Closing) -> Result<(), ReportError> {
        Ok(())
    }

    fn end(&mut self) -> Result<(), ReportError> {
        Ok(self.out.flush()?)
    }
}

fn failed(error: csv::Error) -> ReportError {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => ReportError::Write(error),
        other => ReportError::Write(std::io::Error::other(format!("{other:?}"))),
    }
}
